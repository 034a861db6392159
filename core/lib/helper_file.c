/*
 * The helper executable as a file: where it may lie, whether it may be trusted, and its own word on the wire format.
 * Whoever may write it decides what runs with the caller's rights, so every doubt is an error that names what to
 * change.
 */
#include "helper_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../wire/id.h"
#include "../wire/plan.h"
#include "../wire/run.h"
#include "../wire/uapi.h"
#include "elf_note.h"
#include "fd.h"
#include "kernel.h"
#include "styrolite.h"

#ifndef STYRO_LIBEXECDIR
#define STYRO_LIBEXECDIR "/usr/local/libexec/styrolite"
#endif

#define WRITABLE_BY_OTHERS 022
#define SIZE_LIMIT ((off_t)64 << 20) /* of a helper to be copied */

static const uint8_t own_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;

__attribute__((format(printf, 5, 6))) static int refuse(styro_error *err, int number, const char *object,
                                                        const char *hint, const char *format, ...)
{
  char text[sizeof err->message];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  styro_fail(err, STYRO_EHELPER, STYRO_STAGE_HELPER, number, "%s", text);
  styro_error_object(err, "%s", object);
  styro_error_hint(err, "%s", hint);
  return STYRO_EHELPER;
}

/* ---- trust ------------------------------------------------------------------------------------------------------- */

static int check_owner(const struct stat *st, const char *what, const char *path, styro_error *err)
{
  if (st->st_uid == 0 || st->st_uid == geteuid()) {
    return STYRO_OK;
  }
  char hint[PATH_MAX + 64];
  snprintf(hint, sizeof hint, "chown root %s, or use a copy of your own", path);
  return refuse(err, 0, path, hint, "the %s `%s` belongs to uid %u, neither to root nor to the caller (uid %u)", what,
                path, (unsigned)st->st_uid, (unsigned)geteuid());
}

static int check_mode(const struct stat *st, const char *what, const char *path, styro_error *err)
{
  if (!(st->st_mode & WRITABLE_BY_OTHERS)) {
    return STYRO_OK;
  }
  char hint[PATH_MAX + 64];
  snprintf(hint, sizeof hint, "chmod go-w %s", path);
  return refuse(err, 0, path, hint,
                "the %s `%s` is writable by group or others (mode %04o): anybody there could replace "
                "what runs with the caller's rights",
                what, path, (unsigned)(st->st_mode & 07777));
}

static int check_file(int fd, const struct stat *st, const char *path, styro_error *err)
{
  struct statvfs fs;
  char hint[PATH_MAX + 64];
  if (!S_ISREG(st->st_mode)) {
    return refuse(err, 0, path, "name the executable itself", "the helper `%s` is not a regular file", path);
  }
  int rc = check_owner(st, "helper", path, err);
  rc = rc ? rc : check_mode(st, "helper", path, err);
  if (rc) {
    return rc;
  }
  if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0) {
    int number = errno;
    snprintf(hint, sizeof hint, "chmod +x %s", path);
    if (fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_NOEXEC) {
      return refuse(err, number, path, "install it on a file system that is not mounted noexec",
                    "the helper `%s` lies on a file system that is mounted noexec", path);
    }
    rc = refuse(err, number, path, hint, "the helper `%s` is not executable for the caller", path);
    styro_kernel_explain(number, "faccessat2", err);
    return rc;
  }
  return STYRO_OK;
}

/* Opens the directory of a resolved path and checks it; *name is the last component. */
static int open_directory(const char *path, const char **name, styro_error *err)
{
  char directory[PATH_MAX];
  struct stat st;
  snprintf(directory, sizeof directory, "%s", path);
  char *slash = strrchr(directory, '/');
  *name = path + (slash - directory) + 1;
  slash[slash == directory ? 1 : 0] = 0;
  STYRO_CLEANUP_FD int fd = styro_fd_lift(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0 || fstat(fd, &st) < 0) {
    return refuse(err, errno, directory, "see to it that the caller may search it",
                  "the helper's directory `%s` cannot be opened: %s", directory, strerror(errno));
  }
  int rc = check_owner(&st, "helper's directory", directory, err);
  rc = rc ? rc : check_mode(&st, "helper's directory", directory, err);
  return rc ? rc : styro_fd_steal(&fd);
}

/* ---- wire identity ----------------------------------------------------------------------------------------------- */

static const char *hex(const uint8_t id[WIRE_ID_SIZE], char out[2 * WIRE_ID_SIZE + 1])
{
  for (size_t i = 0; i < WIRE_ID_SIZE; i++) {
    snprintf(out + 2 * i, 3, "%02x", id[i]);
  }
  return out;
}

/* The object that holds this code, for messages. */
static const char *own_object(void)
{
  Dl_info info;
  return dladdr((void *)(uintptr_t)styro_runner_new, &info) && info.dli_fname ? info.dli_fname : "libstyrolite";
}

static int check_note(int fd, const char *path, styro_error *err)
{
  struct styro_elf_note note;
  char theirs[2 * WIRE_ID_SIZE + 1];
  char ours[2 * WIRE_ID_SIZE + 1];
  int fault = styro_elf_note_read(fd, &note);
  if (fault != STYRO_ELF_OK) {
    return refuse(err, fault == STYRO_ELF_IO ? errno : 0, path, "name the styrolite-helper of this library's own build",
                  "the helper `%s` %s", path, styro_elf_fault_text(fault));
  }
  if (memcmp(note.wire_id, own_id, sizeof own_id) == 0 && note.plan_format == WIRE_PLAN_FORMAT &&
      note.run_format == WIRE_RUN_FORMAT) {
    return STYRO_OK;
  }
  return refuse(
      err, 0, path, "library and helper must come from the same build: install both, or unset STYROLITE_HELPER",
      "the helper `%.150s` speaks wire %s (plan %u, run %u), but the library `%.100s` (%s) speaks %s (plan %u, run "
      "%u)",
      path, hex(note.wire_id, theirs), (unsigned)note.plan_format, (unsigned)note.run_format, own_object(),
      STYRO_VERSION, hex(own_id, ours), WIRE_PLAN_FORMAT, WIRE_RUN_FORMAT);
}

/* ---- sealed copy ------------------------------------------------------------------------------------------------- */

static int make_memfd(const char *path, styro_error *err)
{
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = memfd_create(STYRO_HELPER_NAME, flags | WIRE_MFD_EXEC);
  if (fd < 0 && errno == EINVAL) { /* before 6.3 every memfd is executable */
    fd = memfd_create(STYRO_HELPER_NAME, flags);
  }
  int number = errno;
  fd = styro_fd_lift(fd);
  if (fd < 0 && (number == EACCES || number == EPERM)) {
    return refuse(
        err, number, path, "install the helper owned by root, or set vm.memfd_noexec below 2",
        "the helper `%s` belongs to the caller and must therefore run from a sealed copy in memory, but the sysctl "
        "vm.memfd_noexec forbids executable memory files",
        path);
  }
  return fd < 0 ? styro_fd_fail(err, number, "the helper's sealed copy") : fd;
}

static int copy_bytes(int from, int to)
{
  off_t at = 0;
  for (;;) {
    ssize_t n = sendfile(to, from, &at, 1 << 20);
    if (n <= 0) {
      return n == 0 ? 0 : -1;
    }
  }
}

/* A file of the caller's own could be rewritten while it runs, by a sandbox that reaches it: the copy cannot. */
static int seal(int file, const char *path, styro_error *err)
{
  struct stat st = {.st_size = 0};
  fstat(file, &st);
  if (st.st_size > SIZE_LIMIT) {
    return refuse(err, EFBIG, path, "install the helper that belongs to this library",
                  "the helper `%s` takes %lld bytes: more than a helper can be", path, (long long)st.st_size);
  }
  int rc = styro_fd_may_write((size_t)st.st_size, "the sealed copy of the helper", err);
  if (rc) {
    return rc;
  }
  STYRO_CLEANUP_FD int memfd = make_memfd(path, err);
  if (memfd < 0) {
    return memfd;
  }
  if (copy_bytes(file, memfd) < 0 || fchmod(memfd, 0500) < 0 ||
      fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
    return refuse(err, errno, path, "see whether memory is left",
                  "the helper `%s` cannot be copied into a sealed memory "
                  "file: %s",
                  path, strerror(errno));
  }
  return styro_fd_steal(&memfd);
}

/* ---- one candidate ----------------------------------------------------------------------------------------------- */

/* The descriptor that is kept: a sealed copy for a file that the (ordinary) caller could rewrite, else O_PATH. */
static int keep(int directory, const char *name, const struct stat *st, struct styro_helper_file *out, styro_error *err)
{
  STYRO_CLEANUP_FD int file = styro_fd_lift(openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat opened;
  if (file < 0 || fstat(file, &opened) < 0) {
    return refuse(err, errno, out->path, "see to it that the caller may read it",
                  "the helper `%s` cannot be opened: %s", out->path, strerror(errno));
  }
  if (opened.st_ino != st->st_ino || opened.st_dev != st->st_dev) {
    return refuse(err, 0, out->path, "try again", "the helper `%s` was replaced while it was checked", out->path);
  }
  out->sealed = st->st_uid != 0 && geteuid() != 0;
  STYRO_CLEANUP_FD int kept = out->sealed ? seal(file, out->path, err)
                                          : styro_fd_lift(openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (kept < 0) {
    return out->sealed ? kept : styro_fd_fail(err, errno, "the helper");
  }
  int rc = check_note(out->sealed ? kept : file, out->path, err);
  if (rc) {
    return rc;
  }
  out->fd = styro_fd_steal(&kept);
  return STYRO_OK;
}

/* Checks the file at out->path, which is resolved, and opens it. */
static int take(struct styro_helper_file *out, styro_error *err)
{
  const char *name = NULL;
  struct stat st;
  int opened = open_directory(out->path, &name, err);
  if (opened < 0) {
    return opened;
  }
  STYRO_CLEANUP_FD int directory = opened;
  STYRO_CLEANUP_FD int file = styro_fd_lift(openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (file < 0 || fstat(file, &st) < 0) {
    return refuse(err, errno, out->path, "see to it that the caller may read it",
                  "the helper `%s` cannot be opened: %s", out->path, strerror(errno));
  }
  int rc = check_file(file, &st, out->path, err);
  return rc ? rc : keep(directory, name, &st, out, err);
}

/* ---- where it may lie -------------------------------------------------------------------------------------------- */

/* A helper that was named: it, or an error. `by` says who named it. */
static int take_named(const char *path, const char *by, struct styro_helper_file *out, styro_error *err)
{
  if (!realpath(path, out->path)) {
    return refuse(err, errno, path, "build or install styrolite-helper, or name another place",
                  "the helper `%s`, named by %s, is not there: %s", path, by, strerror(errno));
  }
  return take(out, err);
}

/*
 * The directory of the object that holds this code, links resolved. For a main program dladdr(3) repeats argv[0], which
 * may be anything: the kernel's own word is used then.
 */
static int own_directory(char out[PATH_MAX])
{
  Dl_info info;
  const char *name = "/proc/self/exe";
  if (dladdr((void *)(uintptr_t)styro_runner_new, &info) && info.dli_fname && info.dli_fname[0] == '/' &&
      strcmp(info.dli_fname, program_invocation_name) != 0) {
    name = info.dli_fname;
  }
  if (!realpath(name, out)) {
    return -1;
  }
  *strrchr(out, '/') = 0;
  return 0;
}

/* Looks in one place; nothing there is no error. 1: found there; 0: nothing there; or a code. */
static int try_place(const char *directory, const char *below, struct styro_helper_file *out, styro_error *err)
{
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s%s/" STYRO_HELPER_NAME, directory, below);
  if (!realpath(path, out->path)) {
    return 0;
  }
  int rc = take(out, err);
  return rc ? rc : 1;
}

int styro_helper_file_find(const char *hint, struct styro_helper_file *out, styro_error *err)
{
  char own[PATH_MAX];
  const char *named = secure_getenv("STYROLITE_HELPER");
  memset(out, 0, sizeof *out);
  out->fd = -1;
  if (hint) {
    return take_named(hint, "the runner's caller", out, err);
  }
  if (named && *named) {
    return take_named(named, "the environment variable STYROLITE_HELPER", out, err);
  }
  if (own_directory(own) < 0) {
    own[0] = 0;
  }
  /* Beside the library; below the same prefix, also from a multiarch library directory; where it was configured. */
  int found = try_place(own, "", out, err);
  found = found ? found : try_place(own, "/../libexec/styrolite", out, err);
  found = found ? found : try_place(own, "/../../libexec/styrolite", out, err);
  found = found ? found : try_place(STYRO_LIBEXECDIR, "", out, err);
  if (found == 0) {
    return refuse(
        err, ENOENT, STYRO_HELPER_NAME, "install it there, or name it in the environment variable STYROLITE_HELPER",
        "the helper executable `" STYRO_HELPER_NAME "` was found neither in `%.150s`, nor in `libexec/styrolite` of "
        "the same prefix, nor in `%.150s`",
        own, STYRO_LIBEXECDIR);
  }
  return found < 0 ? found : STYRO_OK;
}
