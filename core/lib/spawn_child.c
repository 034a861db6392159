/*
 * Between clone and exec: code that runs in the caller's own memory while the caller's thread waits. Raw system calls
 * only: no allocator, no locks, no errno, no TLS, no change of ids, nothing that would outlive it in the shared memory
 * but its answers. Built without sanitizers and without a stack protector.
 */
#include "spawn_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "../wire/status.h"
#include "../wire/sys.h"

#define CHILD_STACK 8192
#define FUTEX_WAIT_ 0
#define CLONE_CHILD_CLEARTID_ 0x00200000ull

static unsigned long text_length(const char *text)
{
  unsigned long n = 0;
  while (text[n]) {
    n++;
  }
  return n;
}

static int fail(struct styro_child *child, uint32_t what, long error)
{
  child->what = what;
  child->error = (int)-error;
  return (int)error;
}

static int write_file(const char *path, const char *text)
{
  int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) {
    return fd;
  }
  long n = sys_write(fd, text, text_length(text));
  sys_close(fd);
  return n < 0 ? (int)n : 0;
}

/* Self maps: the kernel wants setgroups denied first (user_namespaces(7)). */
static int write_own_maps(struct styro_child *child)
{
  int result = write_file("/proc/self/setgroups", "deny");
  if (result < 0) {
    return fail(child, WIRE_WHAT_MAP_SETGROUPS, result);
  }
  result = write_file("/proc/self/gid_map", child->gid_map);
  if (result < 0) {
    return fail(child, WIRE_WHAT_MAP_GID, result);
  }
  result = write_file("/proc/self/uid_map", child->uid_map);
  return result < 0 ? fail(child, WIRE_WHAT_MAP_UID, result) : 0;
}

/* "/proc/PID/uid_map" without a C library. */
static void map_path(char *out, int pid, const char *file)
{
  char digits[12];
  int n = 0;
  for (const char *p = "/proc/"; *p; p++) {
    *out++ = *p;
  }
  do {
    digits[n++] = (char)('0' + pid % 10);
    pid /= 10;
  } while (pid);
  while (n > 0) {
    *out++ = digits[--n];
  }
  while ((*out++ = *file++)) {
  }
}

static int write_maps_of(struct styro_child *child, int pid)
{
  char path[48];
  map_path(path, pid, "/gid_map");
  int result = write_file(path, child->gid_map);
  if (result < 0) {
    return fail(child, WIRE_WHAT_MAP_GID, result);
  }
  map_path(path, pid, "/uid_map");
  result = write_file(path, child->uid_map);
  return result < 0 ? fail(child, WIRE_WHAT_MAP_UID, result) : 0;
}

/*
 * A uid inside other than 0 loses all capabilities at exec unless they are ambient (capabilities(7)); the helper's
 * capability step clears both sets again. The credentials are the child's own, the memory's dumpability is untouched.
 */
static int raise_capabilities(struct styro_child *child)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
  long result = sys_call(SYS_capget, sys_arg(&header), sys_arg(data), 0, 0, 0, 0);
  if (result >= 0) {
    data[0].inheritable = data[0].permitted;
    data[1].inheritable = data[1].permitted;
    result = sys_call(SYS_capset, sys_arg(&header), sys_arg(data), 0, 0, 0, 0);
  }
  for (unsigned cap = 0; result >= 0 && cap < 64; cap++) {
    if (child->capabilities >> cap & 1 && data[cap / 32].permitted >> (cap % 32) & 1) {
      result = sys_call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0, 0);
    }
  }
  return result < 0 ? fail(child, WIRE_WHAT_CAP_AMBIENT, result) : 0;
}

/* First everything out of the way of every target number, then each to its own. The table is this child's to change. */
static int place_slots(struct styro_child *child, int *helper_fd)
{
  long result = 0;
  if (*helper_fd < child->top) {
    result = *helper_fd = sys_fcntl(*helper_fd, F_DUPFD_CLOEXEC, child->top);
  }
  for (unsigned i = 0; result >= 0 && i < child->slots_n; i++) {
    struct styro_slot *slot = &child->slots[i];
    if (slot->from >= 0 && slot->from < child->top && slot->from != slot->to) {
      result = slot->from = sys_fcntl(slot->from, F_DUPFD_CLOEXEC, child->top);
    }
  }
  for (unsigned i = 0; result >= 0 && i < child->slots_n; i++) {
    const struct styro_slot *slot = &child->slots[i];
    if (slot->from < 0) {
      sys_close(slot->to);
    } else if (slot->from == slot->to) {
      result = sys_fcntl(slot->to, F_SETFD, 0);
    } else {
      result = sys_dup3(slot->from, slot->to, 0);
    }
  }
  return result < 0 ? fail(child, WIRE_WHAT_FDS, result) : 0;
}

static int execute(struct styro_child *child)
{
  static const char *const argv[] = {"styrolite-helper", NULL};
  static const char *const env[] = {NULL};
  int helper_fd = child->helper_fd;
  int result = child->capabilities ? raise_capabilities(child) : 0;
  if (result >= 0) {
    result = place_slots(child, &helper_fd);
  }
  if (result < 0) {
    return 127;
  }
  long error = sys_call(SYS_execveat, helper_fd, sys_arg(""), sys_arg(argv), sys_arg(env), WIRE_AT_EMPTY_PATH, 0);
  fail(child, WIRE_WHAT_EXEC, error);
  return 127;
}

static int single_main(void *argument)
{
  struct styro_child *child = argument;
  return write_own_maps(child) < 0 ? 127 : execute(child);
}

/*
 * Two-step: the child waits, in its new namespaces, until its maps stand. It is an orphan in the caller's memory should
 * the caller be killed now: the caller's pidfd says so, whoever else holds a copy of either descriptor.
 */
static int waiting_main(void *argument)
{
  struct styro_child *child = argument;
  struct pollfd ends[2] = {{child->gate, POLLIN, 0}, {child->caller_fd, POLLIN, 0}};
  while (!ends[0].revents && !ends[1].revents) {
    sys_call(SYS_ppoll, sys_arg(ends), 2, 0, 0, 8, 0);
  }
  return ends[0].revents && !child->refused ? execute(child) : 127;
}

/*
 * Two-step, the caller's side: only who holds CAP_SETUID in the old user namespace may write such maps. It goes on when
 * the child has left the shared memory: the kernel then clears `alive` (set_tid_address(2), "clear_child_tid").
 */
static void let_go(struct styro_child *child)
{
  uint64_t one = 1;
  child->refused = write_maps_of(child, child->pid) < 0;
  sys_write(child->gate, &one, sizeof one);
  int alive;
  while ((alive = __atomic_load_n(&child->alive, __ATOMIC_ACQUIRE)) != 0) {
    sys_call(SYS_futex, sys_arg(&child->alive), FUTEX_WAIT_, alive, 0, 0, 0);
  }
}

void styro_child_start(struct styro_child *child)
{
  char stack[CHILD_STACK] __attribute__((aligned(16)));
  struct wire_clone_args args = {.flags = child->clone_flags | WIRE_CLONE_VM | WIRE_CLONE_PIDFD,
                                 .pidfd = (uint64_t)(uintptr_t)&child->pidfd,
                                 .exit_signal = SIGCHLD,
                                 .stack = (uint64_t)(uintptr_t)stack,
                                 .stack_size = sizeof stack};
  child->refused = false;
  child->alive = 1;
  if (child->two_step) {
    args.flags |= CLONE_CHILD_CLEARTID_;
    args.child_tid = (uint64_t)(uintptr_t)&child->alive;
  } else {
    args.flags |= WIRE_CLONE_VFORK;
  }
  long pid = sys_clone3_call(&args, child->two_step ? waiting_main : single_main, child);
  if (pid < 0) {
    fail(child, WIRE_WHAT_FORK, pid);
    return;
  }
  child->pid = (int)pid;
  if (child->two_step) {
    let_go(child);
  }
}
