/*
 * The last steps, in the payload's own process and with its final ids: what it must be able to write, where it starts,
 * its filter, its descriptors, its exec; and the diagnosis when that fails.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper.h"

#define AT_EACCESS_ 0x200
#define SECCOMP_SET_MODE_FILTER_ 1
#define SECCOMP_FILTER_FLAG_LOG_ 2
#define PATH_SIZE 4096

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

int step_access(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_access *body = (const void *)step;
  const char *path = wire_str(h->plan, body->target.path);
  if (body->source && h->sources[body->source - 1] < 0) {
    return 0; /* whatever else stands there was not asked for as writable */
  }
  int result = (int)sys_call(SYS_NR_faccessat2, AT_FDCWD, sys_arg(path), W_OK, AT_EACCESS_, 0, 0);
  return result == -ENOENT && step->flags & WIRE_OPTIONAL ? 0 : result;
}

/* What a request can make of the home: nothing, a file, a link, a directory that is not the payload's. */
static bool cannot_enter(int result)
{
  return result == -ENOENT || result == -EACCES || result == -ENOTDIR || result == -ELOOP;
}

/* A request that names no working directory has no reason to fail for want of the usual one. */
int step_workdir(struct helper *h, const struct wire_step *step)
{
  const char *cwd = (const char *)h->run + h->run->cwd_off;
  (void)step;
  init_await(h);
  h->what = WIRE_WHAT_CHDIR;
  h->component = cwd;
  int result = (int)sys_call(SYS_chdir, sys_arg(cwd), 0, 0, 0, 0, 0);
  if (cannot_enter(result) && h->run->flags & WIRE_RUN_DEFAULT_CWD) {
    h->component = "/";
    result = (int)sys_call(SYS_chdir, sys_arg("/"), 0, 0, 0, 0, 0);
  }
  return result;
}

static int load_filter(struct helper *h, const struct wire_step_seccomp *body, const void *filter)
{
  struct {
    unsigned short len;
    const void *filter;
  } program = {(unsigned short)body->n, filter};
  init_await(h);
  return (int)sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER_, body->log ? SECCOMP_FILTER_FLAG_LOG_ : 0,
                       sys_arg(&program), 0, 0, 0);
}

/* Only who starts it knows the supervisor's pid. Apart, because the copy is large. */
static __attribute__((noinline)) int load_naming(struct helper *h, const struct wire_step_seccomp *body)
{
  struct sock_filter own[WIRE_NAMING_FILTER_MAX];
  memcpy(own, (const char *)h->plan + body->filter, body->n * sizeof *own);
  for (uint32_t i = 0; i < body->n; i++) {
    if (own[i].k == WIRE_SUPERVISOR || own[i].k == WIRE_SUPERVISOR_GROUP) {
      own[i].k = (uint32_t)(own[i].k == WIRE_SUPERVISOR ? h->supervisor : -h->supervisor);
    }
  }
  return load_filter(h, body, own);
}

int step_seccomp(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_seccomp *body = (const void *)step;
  return body->names_supervisor ? load_naming(h, body) : load_filter(h, body, (const char *)h->plan + body->filter);
}

/* Offsets of the run block become pointers in place; the vector's last word stays 0. */
static char **vector(struct wire_run *run, uint32_t at, uint32_t n)
{
  uint64_t *words = (uint64_t *)(void *)((char *)run + at);
  for (uint32_t i = 0; i < n; i++) {
    words[i] = (uint64_t)(uintptr_t)((char *)run + words[i]);
  }
  return (char **)(void *)words;
}

/*
 * Each descriptor goes to its own number: first all out of the way of every target, then down. Targets may be any number
 * from 3 on, also those of the status channel or of another entry.
 */
static int place_fds(struct helper *h)
{
  struct wire_fd_entry *entries = (void *)((char *)h->run + h->run->fds_off);
  int base = WIRE_FD_FIRST_FREE + (int)h->run->fds_n;
  h->what = WIRE_WHAT_FDS;
  for (uint32_t i = 0; i < h->run->fds_n; i++) {
    base = entries[i].target >= base ? entries[i].target + 1 : base;
  }
  /* Kept open until exec: the library takes the end of the status channel for "executed", init that of its pipe. */
  int result = sys_fcntl(h->leaving < 0 ? WIRE_FD_STATUS : h->leaving, F_DUPFD_CLOEXEC, base);
  h->fds_placed = true;
  for (uint32_t i = 0; result >= 0 && i < h->run->fds_n; i++) {
    result = entries[i].at = sys_fcntl(entries[i].at, F_DUPFD_CLOEXEC, base);
  }
  for (uint32_t i = 0; result >= 0 && i < h->run->fds_n; i++) {
    result = entries[i].target < 0 ? 0 : sys_dup3(entries[i].at, entries[i].target, 0);
  }
  return result;
}

static const char *find_path(char *const *env)
{
  for (; *env; env++) {
    if (strncmp(*env, "PATH=", 5) == 0) {
      return *env + 5;
    }
  }
  return default_path;
}

static int try_exec(const char *path, char *const *argv, char *const *env)
{
  return (int)sys_call(SYS_execve, sys_arg(path), sys_arg(argv), sys_arg(env), 0, 0, 0);
}

static int visible(const char *path)
{
  return sys_call(SYS_NR_faccessat2, AT_FDCWD, sys_arg(path), F_OK, 0, 0, 0) >= 0;
}

/* Searches a bare name along PATH as execvp(3) does; found holds the last candidate that exists. */
static int search_exec(const char *name, char *const *argv, char *const *env, char found[PATH_SIZE])
{
  char candidate[PATH_SIZE];
  size_t name_len = strlen(name);
  int result = -ENOENT;
  for (const char *at = find_path(env); at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
    size_t len = strcspn(at, ":");
    if (len == 0 || len + name_len + 2 > sizeof candidate) {
      continue;
    }
    memcpy(candidate, at, len);
    candidate[len] = '/';
    memcpy(candidate + len + 1, name, name_len + 1);
    int one = try_exec(candidate, argv, env);
    if ((one == -ENOENT || one == -ENOTDIR) && !visible(candidate)) {
      continue;
    }
    strcpy(found, candidate);
    result = one;
    if (one != -EACCES) {
      break;
    }
  }
  return result;
}

static char interpreter[256]; /* outlives the diagnosis: the verdict is copied from it */

/* The program that a script's first line names. */
static const char *script_interpreter(const char *head, long n)
{
  long i = 2;
  unsigned out = 0;
  while (i < n && (head[i] == ' ' || head[i] == '\t')) {
    i++;
  }
  while (i < n && head[i] != ' ' && head[i] != '\t' && head[i] != '\n' && head[i] && out + 1 < sizeof interpreter) {
    interpreter[out++] = head[i++];
  }
  interpreter[out] = 0;
  return interpreter;
}

/* The loader that an ELF file's PT_INTERP names, NULL when there is none. */
static const char *elf_loader(int fd, const char *head, long n)
{
  Elf64_Ehdr file;
  Elf64_Phdr segment;
  if (n < (long)sizeof file) {
    return NULL;
  }
  memcpy(&file, head, sizeof file);
  for (unsigned i = 0; i < file.e_phnum && i < 64; i++) {
    long at = (long)(file.e_phoff + i * sizeof segment);
    if (sys_call(SYS_pread64, fd, sys_arg(&segment), sizeof segment, at, 0, 0) != (long)sizeof segment) {
      return NULL;
    }
    if (segment.p_type == PT_INTERP && segment.p_filesz < sizeof interpreter) {
      long len = sys_call(SYS_pread64, fd, sys_arg(interpreter), (long)segment.p_filesz, (long)segment.p_offset, 0, 0);
      interpreter[len > 0 ? len : 0] = 0;
      return len > 0 ? interpreter : NULL;
    }
  }
  return NULL;
}

/* exec says ENOENT for the file, its script interpreter and its ELF loader alike: look which one it was. */
static void diagnose(struct helper *h, const char *path)
{
  char head[256];
  int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0) {
    return;
  }
  long n = sys_read(fd, head, sizeof head);
  const char *name = NULL;
  uint32_t what = WIRE_WHAT_LOADER;
  if (n > 2 && head[0] == '#' && head[1] == '!') {
    what = WIRE_WHAT_INTERPRETER;
    name = script_interpreter(head, n);
  } else if (n > 4 && memcmp(head, "\177ELF", 4) == 0) {
    name = elf_loader(fd, head, n);
  }
  sys_close(fd);
  if (name && !visible(name)) {
    h->what = what;
    h->component = name;
  }
}

int step_exec(struct helper *h, const struct wire_step *step)
{
  char found[PATH_SIZE] = "";
  struct wire_run *run = h->run;
  int result = run->fds_n ? place_fds(h) : 0;
  if (result < 0) {
    return result;
  }
  (void)step;
  char **argv = vector(run, run->argv_off, run->argc);
  char **env = vector(run, run->env_off, run->envc);
  uint64_t none = 0;
  sys_call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys_arg(&none), 0, sizeof none, 0, 0);
  run->verdict.stamps[WIRE_STAMP_IDENTITY] = clocks_now(h);
  h->what = WIRE_WHAT_EXEC;
  h->component = argv[0];
  const char *path = argv[0];
  if (strchr(argv[0], '/')) {
    result = try_exec(path, argv, env);
  } else {
    result = search_exec(argv[0], argv, env, found);
    path = found;
  }
  /* First what is certain: a filter may end the process in one of the calls that look closer. */
  status_verdict(h, WIRE_STATUS_EXEC_FAILED, -result);
  if (!path[0] || ((result == -ENOENT || result == -ENOTDIR) && !visible(path))) {
    h->what = WIRE_WHAT_NOT_FOUND;
  } else {
    h->component = path;
    if (result == -ENOENT) {
      diagnose(h, path);
    }
  }
  return result;
}
