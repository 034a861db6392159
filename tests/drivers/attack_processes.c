/*
 * Attacks on other processes (S7, S9), on descriptors (S8), on the caller's terminal (S10) and on the end of the sandbox (S11).
 * pid=: a process of the host, with the payload's ids outside, that leads a session and a process group. `victim` is such
 * a process, `daemons` leaves processes behind that want to stay, `kill-everybody` does.
 * build: -static -no-pie
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>

#include "attack.h"

#define DESCRIPTORS 4096
#define INIT ((const void *)1)
#define HOST NULL

static const char secret[] = "of this program's memory, at the same address in each of its processes";

/* Process 1, or the host's process that was given. */
static pid_t whose(const void *about)
{
  return about == INIT ? 1 : given_number("pid");
}

static const char *entry(pid_t pid, const char *name)
{
  static char path[128];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  return path;
}

/* ---- S7: processes of the host; the sandbox's init ------------------------------------------------------------------ */

static int see(const void *about)
{
  return came_to(access(entry(whose(about), "stat"), F_OK));
}

/* Of strangers' directories in /proc there is none: all are this program's or init. */
static int count_strangers(const void *about)
{
  const struct dirent *one;
  DIR *proc = opendir("/proc");
  int strangers = 0;
  (void)about;
  while (proc && (one = readdir(proc))) {
    pid_t pid = atoi(one->d_name);
    strangers += pid > 1 && pid != getpid() && pid != getppid();
  }
  return proc ? held_unless(strangers > 0) : errno;
}

static int signal_process(const void *about)
{
  return came_to(kill(whose(about), 0));
}

static int signal_thread(const void *about)
{
  return came_to(syscall(SYS_tgkill, whose(about), whose(about), 0));
}

static int queue_signal(const void *about)
{
  siginfo_t info = {.si_code = SI_QUEUE};
  return came_to(syscall(SYS_rt_sigqueueinfo, whose(about), 0, &info));
}

static int signal_group(const void *about)
{
  return came_to(kill(-whose(about), 0));
}

static int open_process(const void *about)
{
  return came_to(syscall(SYS_pidfd_open, whose(about), 0));
}

static int take_descriptor(const void *about)
{
  int pidfd = (int)syscall(SYS_pidfd_open, whose(about), 0);
  return pidfd < 0 ? errno : came_to(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static int compare(const void *about)
{
  return came_to(syscall(SYS_kcmp, getpid(), whose(about), KCMP_VM, 0, 0));
}

static int trace(const void *about)
{
  return came_to(ptrace(PTRACE_SEIZE, whose(about), NULL, NULL));
}

static int read_memory(const void *about)
{
  char copy[sizeof secret];
  struct iovec here = {copy, sizeof copy};
  struct iovec there = {(void *)(uintptr_t)secret, sizeof secret};
  return came_to(process_vm_readv(whose(about), &here, 1, &there, 1, 0));
}

struct entry {
  const void *who;
  const char *name;
  int flags;
};

static int open_entry(const void *about)
{
  const struct entry *one = about;
  return came_to(open(entry(whose(one->who), one->name), one->flags));
}

static int read_link(const void *about)
{
  const struct entry *one = about;
  char target[256];
  return came_to(readlink(entry(whose(one->who), one->name), target, sizeof target));
}

static int change_mode(const void *about)
{
  return came_to(chmod(about, 0755));
}

/* Each sets what it read. */
static int set_priority(const void *about)
{
  errno = 0;
  int value = getpriority(PRIO_PROCESS, (id_t)whose(about));
  return errno ? errno : came_to(setpriority(PRIO_PROCESS, (id_t)whose(about), value));
}

static int set_group_priority(const void *about)
{
  errno = 0;
  int value = getpriority(PRIO_PGRP, (id_t)whose(about));
  return errno ? errno : came_to(setpriority(PRIO_PGRP, (id_t)whose(about), value));
}

static int set_user_priority(const void *about)
{
  (void)about;
  errno = 0;
  int value = getpriority(PRIO_USER, 0);
  return errno ? errno : came_to(setpriority(PRIO_USER, 0, value));
}

static int set_io_priority(const void *about)
{
  const int process = 1;
  long value = syscall(SYS_ioprio_get, process, whose(about));
  return value < 0 ? errno : came_to(syscall(SYS_ioprio_set, process, whose(about), value));
}

static int set_processors(const void *about)
{
  cpu_set_t set;
  return sched_getaffinity(whose(about), sizeof set, &set) != 0
             ? errno
             : came_to(sched_setaffinity(whose(about), sizeof set, &set));
}

static int set_scheduler(const void *about)
{
  struct sched_param param = {0};
  return came_to(sched_setscheduler(whose(about), SCHED_OTHER, &param));
}

static int set_limit(const void *about)
{
  struct rlimit limit;
  return prlimit(whose(about), RLIMIT_CORE, NULL, &limit) != 0
             ? errno
             : came_to(prlimit(whose(about), RLIMIT_CORE, &limit, NULL));
}

static int get_session(const void *about)
{
  return came_to(getsid(whose(about)));
}

/* ---- S8, S9, S10 --------------------------------------------------------------------------------------------------- */

static int find_descriptors(const void *about)
{
  int found = 0;
  (void)about;
  for (int fd = 3; fd < DESCRIPTORS; fd++) {
    found += fcntl(fd, F_GETFD) >= 0;
  }
  return held_unless(found > 0);
}

static int open_path(const void *about)
{
  return came_to(open(about, O_RDWR | O_NOCTTY));
}

static int push_input(const void *about)
{
  (void)about;
  return came_to(ioctl(0, TIOCSTI, "\n"));
}

/* The kernel ignores the upper half of the command. */
static int push_input_by_upper_bits(const void *about)
{
  (void)about;
  return came_to(syscall(SYS_ioctl, 0, 0x100000000ul | TIOCSTI, "\n"));
}

static int paste(const void *about)
{
  char subcode = 3; /* what is selected on a virtual console */
  int result = came_to(ioctl(0, TIOCLINUX, &subcode));
  (void)about;
  return result == ENOTTY ? THROUGH : result; /* the terminal's answer, not the filter's */
}

/* `about`: whether by force, which takes a right over the host. */
static int take_terminal(const void *about)
{
  if (getsid(0) != getpid() && setsid() < 0) {
    return errno;
  }
  return came_to(ioctl(0, TIOCSCTTY, about ? 1 : 0));
}

static int take_foreground(const void *about)
{
  pid_t group = getpgrp();
  (void)about;
  return came_to(ioctl(0, TIOCSPGRP, &group));
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

#define ENTRY(who, name, flags) (&(const struct entry){who, name, flags})

#define ON_PROCESS(word, who)                                                         \
  {"signal-" word, signal_process, who}, {"signal-thread-" word, signal_thread, who}, \
      {"queue-signal-" word, queue_signal, who},                                      \
  {                                                                                   \
    "pidfd-" word, open_process, who                                                  \
  }

#define INTO_PROCESS(word, who)                                                                                      \
  {"trace-" word, trace, who}, {"read-memory-" word, read_memory, who}, {"pidfd-getfd-" word, take_descriptor, who}, \
      {"kcmp-" word, compare, who}, {"mem-" word, open_entry, ENTRY(who, "mem", O_RDWR)},                            \
      {"maps-" word, open_entry, ENTRY(who, "maps", O_RDONLY)},                                                      \
      {"environ-" word, open_entry, ENTRY(who, "environ", O_RDONLY)},                                                \
      {"fd-" word, open_entry, ENTRY(who, "fd/0", O_RDONLY)}, {"root-" word, read_link, ENTRY(who, "root", 0)},      \
      {"exe-" word, read_link, ENTRY(who, "exe", 0)}, {"scheduler-" word, set_scheduler, who},                       \
      {"processors-" word, set_processors, who},                                                                     \
  {                                                                                                                  \
    "limit-" word, set_limit, who                                                                                    \
  }

static const struct attack attacks[] = {
    {"see-host", see, HOST},
    {"strangers", count_strangers, NULL},
    ON_PROCESS("host", HOST),
    {"signal-group-host", signal_group, HOST},
    INTO_PROCESS("host", HOST),
    {"priority-host", set_priority, HOST},
    {"group-priority-host", set_group_priority, HOST},
    {"io-priority-host", set_io_priority, HOST},
    {"session-host", get_session, HOST},
    {"user-priority", set_user_priority, NULL},
    INTO_PROCESS("init", INIT),
    {"chmod-image-init", change_mode, "/proc/1/exe"},
    {"write-image-init", open_path, "/proc/1/exe"},
    {"chmod-image-self", change_mode, "/proc/self/exe"},
    {"write-image-self", open_path, "/proc/self/exe"},
    {"descriptors", find_descriptors, NULL},
    {"open-tty", open_path, "/dev/tty"},
    {"push-input", push_input, NULL},
    {"push-input-by-upper-bits", push_input_by_upper_bits, NULL},
    {"paste", paste, NULL},
    {"take-terminal", take_terminal, NULL},
    {"steal-terminal", take_terminal, "by force"},
    {"take-foreground", take_foreground, NULL},
};

/* Whoever may, may trace it (Yama). */
static _Noreturn void be_victim(void)
{
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  puts("ready");
  fflush(stdout);
  for (;;) {
    pause();
  }
}

static _Noreturn void stay(const char *what)
{
  for (int sig = 1; sig < NSIG; sig++) {
    signal(sig, SIG_IGN);
  }
  printf("%s\n", what);
  fflush(stdout);
  if (strcmp(what, "stopped") == 0) {
    raise(SIGSTOP);
  }
  for (;;) {
    pause();
  }
}

/* Only where process 1 is a sandbox's init. */
static int kill_everybody(void)
{
  char name[32] = "";
  FILE *file = fopen("/proc/1/comm", "r");
  if (!file || !fgets(name, sizeof name, file) || strncmp(name, "styrolite-helpe", 15) != 0 || getpid() > 2) {
    return EXIT_FAILURE;
  }
  printf("%d\n", came_to(kill(-1, SIGKILL)));
  return EXIT_SUCCESS;
}

/* A daemon of two forks and two sessions, a child that is stopped, the child of a subreaper. Reads a byte, then ends. */
static int leave_daemons(void)
{
  char byte;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      setsid();
      stay("daemon");
    }
    _exit(0);
  }
  if (fork() == 0) {
    stay("stopped");
  }
  if (fork() == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (fork() == 0) {
      stay("below a subreaper");
    }
    stay("subreaper");
  }
  return read(0, &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], "victim") == 0) {
    be_victim();
  }
  if (argc == 2 && strcmp(argv[1], "daemons") == 0) {
    return leave_daemons();
  }
  if (argc == 2 && strcmp(argv[1], "kill-everybody") == 0) {
    return kill_everybody();
  }
  return TRY_ALL(attacks, argv);
}
