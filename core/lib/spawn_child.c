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

#include "../wire/maps.h"
#include "../wire/status.h"
#include "../wire/sys.h"

#define CHILD_STACK 8192
#define FUTEX_WAIT_ 0
#define FUTEX_WAKE_ 1
#define LOOK_UP_MS 100 /* between two looks at a caller that may have been killed */
#define CLONE_CHILD_CLEARTID_ 0x00200000ull

static int fail(struct styro_child *child, uint32_t what, long error)
{
  child->what = what;
  child->error = (int)-error;
  return (int)error;
}

/* By whichever side may: what failed is left in *what, not in the child's answers, because both sides run. */
static int write_maps(const struct styro_child *child, int pid, uint32_t *what)
{
  return wire_write_maps(-1, pid, child->uid_ranges ? child->uid_ranges : child->uid_map,
                         child->gid_ranges ? child->gid_ranges : child->gid_map, child->deny_setgroups, what);
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

/* All that the helper's exec needs and that no map stands in the way of. */
static int prepare(struct styro_child *child)
{
  child->image_fd = child->helper_fd;
  int result = child->capabilities ? raise_capabilities(child) : 0;
  return result < 0 ? result : place_slots(child, &child->image_fd);
}

static int execute(struct styro_child *child)
{
  static const char *const argv[] = {"styrolite-helper", NULL};
  static const char *const env[] = {NULL};
  long error = sys_call(SYS_execveat, child->image_fd, sys_arg(""), sys_arg(argv), sys_arg(env), WIRE_AT_EMPTY_PATH, 0);
  fail(child, WIRE_WHAT_EXEC, error);
  return 127;
}

static int single_main(void *argument)
{
  struct styro_child *child = argument;
  uint32_t what;
  int result = child->maps ? write_maps(child, 0, &what) : 0;
  if (result < 0) {
    fail(child, what, result);
    return 127;
  }
  return prepare(child) < 0 ? 127 : execute(child);
}

/* A futex(2) on shared memory; `ms` 0: no limit. */
static void wait_while(const int *word, int value, int ms)
{
  const int64_t limit[2] = {ms / 1000, ms % 1000 * INT64_C(1000000)};
  sys_call(SYS_futex, sys_arg(word), FUTEX_WAIT_, value, ms ? sys_arg(limit) : 0, 0, 0);
}

static void set_and_wake(int *word, int value)
{
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
  sys_call(SYS_futex, sys_arg(word), FUTEX_WAKE_, 1, 0, 0, 0);
}

static bool caller_is_gone(const struct styro_child *child)
{
  struct pollfd end = {child->gone_fd, POLLIN, 0};
  const int64_t now[2] = {0, 0};
  return sys_call(SYS_ppoll, sys_arg(&end), 1, sys_arg(now), 0, 8, 0) > 0;
}

/*
 * Two-step: the child, in its new namespaces, makes itself ready and waits until its maps stand. It is an orphan in the
 * caller's memory should the caller be killed now, and nobody would wake it: so it looks up every now and then.
 */
static int waiting_main(void *argument)
{
  struct styro_child *child = argument;
  child->gone_fd = child->caller_fd;
  if (child->gone_fd < child->top) {
    child->gone_fd = sys_fcntl(child->caller_fd, F_DUPFD_CLOEXEC, child->top);
  }
  int ready = child->gone_fd < 0 ? fail(child, WIRE_WHAT_FDS, child->gone_fd) : prepare(child);
  int gate;
  while ((gate = __atomic_load_n(&child->gate, __ATOMIC_ACQUIRE)) == STYRO_GATE_SHUT) {
    wait_while(&child->gate, STYRO_GATE_SHUT, LOOK_UP_MS);
    if (child->gate == STYRO_GATE_SHUT && caller_is_gone(child)) {
      return 127;
    }
  }
  return gate == STYRO_GATE_OPEN && ready >= 0 ? execute(child) : 127;
}

/*
 * Two-step, the caller's side: only who holds CAP_SETUID in the old user namespace may write such maps. It goes on when
 * the child has left the shared memory: the kernel then clears `alive` (set_tid_address(2), "clear_child_tid").
 */
static void let_go(struct styro_child *child)
{
  uint32_t what;
  int alive;
  int result = write_maps(child, child->pid, &what);
  set_and_wake(&child->gate, result < 0 ? STYRO_GATE_REFUSED : STYRO_GATE_OPEN);
  while ((alive = __atomic_load_n(&child->alive, __ATOMIC_ACQUIRE)) != 0) {
    wait_while(&child->alive, alive, 0);
  }
  if (result < 0) {
    fail(child, what, result);
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
  child->gate = STYRO_GATE_SHUT;
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
