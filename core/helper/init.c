/*
 * The sandbox's init: PID 1, or at the level `process` the supervisor, a subreaper of all that the payload starts. Undumpable
 * before the payload's process starts in its memory, and at once without any capability and behind a filter of its own, while
 * that process still sets itself up and before it may execute anything.
 * It keeps the deadline and watches the caller's pidfd from the first moment on, reaps, and reports. Signals from inside
 * are never forwarded.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../wire/maps.h"
#include "helper.h"

#define PAYLOAD_STACK 16384
#define REAPED_AT_ONCE 64
#define STACK_DEPTH 65536 /* released below the current page; the kernel's initial stack mapping is twice that */
#define FD_LEFT WIRE_FD_FIRST_FREE /* init's number for the pipe that ends when the payload's process left */
#define FD_CHILDREN (FD_LEFT + 1)
#define CLONE_CHILD_CLEARTID_ 0x00200000ull
#define MSG_DONTWAIT_ 0x40
#define SFD_CLOEXEC_ 02000000
#define SFD_NONBLOCK_ 04000

#if defined(__x86_64__)
#define INIT_ARCH AUDIT_ARCH_X86_64
#else
#define INIT_ARCH AUDIT_ARCH_AARCH64
#endif

/* Init's own view: the helper's state belongs to the payload's process from the clone on. */
struct supervision {
  struct wire_run *run; /* NULL once the payload has left this memory */
  int signals;          /* signalfd */
  int payload;          /* pid */
  int64_t deadline;     /* CLOCK_MONOTONIC of the next thing to do, 0: none */
  int64_t grace;        /* between SIGTERM and SIGKILL */
  int64_t ended;        /* the caller's CLOCK_MONOTONIC at the payload's end */
  int64_t shift;        /* of a joined time namespace against the caller's */
  bool warned;          /* SIGTERM went out */
  bool more;            /* there are children to be reaped */
  bool alone;           /* the channel's other end is gone, and this sandbox goes on without it */
  bool host;            /* no PID 1: nothing ends with it but what it kills */
  bool fenced;          /* its signals reach nobody but the sandbox's processes */
  int children;         /* list of its children, where it is neither; else -1 */
  uint64_t held;        /* signals for a payload that does not run yet, bit = number - 1 */
  uint32_t step;        /* number of the step that started the payload's process */
  uint32_t cause;       /* enum wire_cause */
};

static char payload_stack[PAYLOAD_STACK] __attribute__((aligned(4096)));
static int payload_inside; /* 0 once the payload's process left this memory, by exec or exit (clear_child_tid) */

/* Between init and the payload's process, in the run block, which they share in any case: a futex(2). */
enum readiness { NOT_READY, NOT_READY_AND_AWAITED, READY };

#define FUTEX_WAIT_ 0
#define FUTEX_WAKE_ 1

static void init_is_ready(struct wire_run *run)
{
  if (__atomic_exchange_n(&run->ready, READY, __ATOMIC_ACQ_REL) == NOT_READY_AND_AWAITED) {
    sys_call(SYS_futex, sys_arg(&run->ready), FUTEX_WAKE_, 1, 0, 0, 0);
  }
}

/* Should init end instead, the kernel ends who waits here with it. */
void init_await(const struct helper *h)
{
  uint32_t seen = NOT_READY;
  uint32_t *ready = &h->run->ready;
  if (!h->payload) {
    return;
  }
  __atomic_compare_exchange_n(ready, &seen, NOT_READY_AND_AWAITED, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  while (__atomic_load_n(ready, __ATOMIC_ACQUIRE) != READY) {
    sys_call(SYS_futex, sys_arg(ready), FUTEX_WAIT_, NOT_READY_AND_AWAITED, 0, 0, 0);
  }
}

/*
 * Before Linux 6.2 only a child with memory of its own enters a new time namespace (the kernel's EINVAL for CLONE_VM); since
 * then exec does.
 */
static bool by_fork(const struct helper *h)
{
  return h->clocks && !(h->run->kernel & WIRE_KERNEL_TIME_VM);
}

/*
 * For a supervisor that is killed while the payload is set up, and started nobody yet. The parent may be gone before the word
 * for its end is given, so that is looked at after it.
 */
static int die_with(struct helper *h)
{
  h->what = WIRE_WHAT_SUPERVISE;
  int result = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
  if (sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0) != h->supervisor) {
    sys_exit(1);
  }
  return result;
}

static int payload_main(void *argument)
{
  struct helper *h = argument;
  h->payload = true;
  int result = h->supervisor ? die_with(h) : 0;
  h->clock_shift += by_fork(h) ? h->clock_offset : 0;
  result = result < 0 ? result : helper_run_steps(h, wire_step_next(h->step), h->number + 1);
  status_die(h, h->step->code == WIRE_STEP_EXEC ? WIRE_STATUS_EXEC_FAILED : WIRE_STATUS_SETUP_FAILED, -result);
}

/*
 * By a clone that shares this memory, because a copy would cost more. Not by vfork: exec may block for as long as somebody
 * holds a lease on the file, and init would keep neither deadline nor caller. The pipe's end tells when it left.
 */
static int start_payload(struct helper *h, int *left)
{
  int ends[2];
  struct wire_clone_args args;
  memset(&args, 0, sizeof args);
  int result = (int)sys_call(SYS_pipe2, sys_arg(ends), O_CLOEXEC, 0, 0, 0, 0);
  if (result < 0) {
    return result;
  }
  *left = ends[0];
  h->leaving = ends[1];
  payload_inside = !by_fork(h);
  args.flags = by_fork(h) ? 0 : WIRE_CLONE_VM | CLONE_CHILD_CLEARTID_;
  args.child_tid = (uint64_t)(uintptr_t)&payload_inside;
  args.exit_signal = SIGCHLD;
  args.stack = (uint64_t)(uintptr_t)payload_stack;
  args.stack_size = sizeof payload_stack;
  return (int)sys_clone3_call(&args, payload_main, h);
}

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int load_own_filter(void)
{
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, INIT_ARCH, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(SYS_ppoll),
      ALLOW(SYS_wait4),
      ALLOW(SYS_kill),
      ALLOW(SYS_read),
      ALLOW(SYS_pread64),
      ALLOW(SYS_sendto),
      ALLOW(SYS_recvfrom),
      ALLOW(SYS_getrusage),
      ALLOW(SYS_clock_gettime),
      ALLOW(SYS_futex),
      ALLOW(SYS_munmap),
      ALLOW(SYS_madvise),
      ALLOW(SYS_close),
      ALLOW(SYS_exit_group),
      ALLOW(SYS_restart_syscall),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  return (int)sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, sys_arg(&program), 0, 0, 0);
}

static int drop_everything(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  int result = (int)sys_call(SYS_capset, sys_arg(&header), sys_arg(none), 0, 0, 0, 0);
  if (result >= 0) {
    result = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
  }
  return result < 0 ? result : load_own_filter();
}

/* A pid that is a child's is nobody else's before it is reaped. The list is too long for one look at worst, not for all. */
static void kill_children(const struct supervision *s)
{
  char list[2048];
  long n = sys_call(SYS_pread64, s->children, sys_arg(list), sizeof list, 0, 0, 0);
  int pid = 0;
  for (long i = 0; i < n; i++) {
    if (list[i] == ' ' && pid > 0) {
      sys_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
    }
    pid = list[i] == ' ' ? 0 : pid * 10 + (list[i] - '0');
  }
}

/*
 * At once, without a race against who starts others meanwhile: as PID 1, or behind a fence of Landlock, where "all" (kill(2),
 * -1) are those of the sandbox. Else those whose parent is this one by now, and again once they are gone, until nobody is left.
 */
static void kill_all(const struct supervision *s)
{
  if (s->host && !s->fenced) {
    kill_children(s);
  } else {
    sys_call(SYS_kill, -1, SIGKILL, 0, 0, 0, 0);
  }
}

/* Behind the fence once is enough, and each look at "all" is one at every process of the host. */
static void kill_and_reap(const struct supervision *s)
{
  int ignored;
  kill_all(s);
  while (sys_call(SYS_wait4, -1, sys_arg(&ignored), 0, 0, 0, 0) > 0) {
    if (!s->fenced) {
      kill_all(s);
    }
  }
}

/* With PID 1 the kernel ends every process of the namespace. */
static _Noreturn void leave(const struct supervision *s, int code)
{
  if (s->host) {
    kill_and_reap(s);
  }
  sys_exit(code);
}

/* Before it supervises, init can still say so itself; the helper's state is the payload's process's by now. */
static _Noreturn void fail_supervision(const struct supervision *s, int error)
{
  struct wire_failed record;
  memset(&record, 0, sizeof record);
  record.head.type = WIRE_STATUS_SETUP_FAILED;
  record.head.size = sizeof record;
  record.head.step = s->step;
  record.head.err = -error;
  record.head.arg = WIRE_WHAT_SUPERVISE;
  status_send(&record.head);
  leave(s, 125);
}

/* Stdio would hold the caller's pipes open, the sources would hold host objects: all go, from this process's table. */
static int close_everything(struct supervision *s, int left)
{
  uint64_t all = ~0ull;
  int result = s->children < 0 ? 0 : (s->children = sys_fcntl(s->children, F_DUPFD_CLOEXEC, FD_CHILDREN + 1));
  result = result < 0 || left == FD_LEFT ? result : sys_dup3(left, FD_LEFT, O_CLOEXEC);
  result = result < 0 || s->children < 0 ? result : (s->children = sys_dup3(s->children, FD_CHILDREN, O_CLOEXEC));
  result = result < 0 ? result : sys_close_range(0, WIRE_FD_STATUS - 1);
  result = result < 0 ? result : sys_close_range(s->children < 0 ? FD_LEFT + 1 : FD_CHILDREN + 1, ~0u);
  return result < 0 ? result
                    : (int)sys_call(SYS_signalfd4, -1, sys_arg(&all), sizeof all, SFD_CLOEXEC_ | SFD_NONBLOCK_, 0, 0);
}

/* What set-up touched and supervision does not need: the blocks, the payload's stack, and the main stack's depth. */
static void release_memory(struct supervision *s)
{
  char here;
  uintptr_t page = (uintptr_t)&here & ~(uintptr_t)4095;
  sys_munmap(s->run, s->run->total);
  s->run = NULL;
  helper_release();
  sys_madvise(payload_stack, sizeof payload_stack, MADV_DONTNEED);
  sys_madvise((void *)(page - STACK_DEPTH - 4096), STACK_DEPTH, MADV_DONTNEED);
}

static int64_t nanoseconds(const struct timeval *tv)
{
  return (int64_t)tv->tv_sec * 1000000000 + (int64_t)tv->tv_usec * 1000;
}

static void report_end(const struct supervision *s, int status)
{
  struct rusage used;
  struct wire_ended record;
  memset(&used, 0, sizeof used);
  memset(&record, 0, sizeof record);
  sys_call(SYS_getrusage, RUSAGE_CHILDREN, sys_arg(&used), 0, 0, 0, 0);
  record.head.type = WIRE_STATUS_ENDED;
  record.head.size = sizeof record;
  record.head.arg = s->cause;
  record.wait_status = status;
  record.finished = s->ended;
  record.user = nanoseconds(&used.ru_utime);
  record.system = nanoseconds(&used.ru_stime);
  record.max_rss = (int64_t)used.ru_maxrss * 1024;
  record.minor_faults = used.ru_minflt;
  record.major_faults = used.ru_majflt;
  record.switches_voluntary = used.ru_nvcsw;
  record.switches_involuntary = used.ru_nivcsw;
  record.blocks_in = used.ru_inblock;
  record.blocks_out = used.ru_oublock;
  sys_call(SYS_sendto, WIRE_FD_STATUS, sys_arg(&record), sizeof record, 0x4000 /* MSG_NOSIGNAL */, 0, 0);
}

/*
 * A payload leads its process group (steps session and group). SIGINT is the keyboard's: it reaches the whole group, as it
 * would on a terminal of the payload's own, since a shell without job control waits for its child to be ended by it.
 */
static void pass_signal(const struct supervision *s, int sig)
{
  if (sig != SIGINT || sys_call(SYS_kill, -s->payload, sig, 0, 0, 0, 0) < 0) {
    sys_call(SYS_kill, s->payload, sig, 0, 0, 0, 0);
  }
}

/*
 * The payload's process left this memory. Either it left a failure, or was killed before it came to its exec, and not by
 * a word of ours: both are the set-up's, and the end. Or it runs.
 */
static void take_leave(struct supervision *s)
{
  struct wire_running running;
  struct wire_verdict *verdict = &s->run->verdict;
  if (__atomic_load_n(&payload_inside, __ATOMIC_ACQUIRE)) {
    leave(s, 1);
  }
  if (verdict->state == WIRE_STATUS_NONE && !verdict->stamps[WIRE_STAMP_IDENTITY] && s->cause == WIRE_CAUSE_PAYLOAD) {
    verdict->state = WIRE_STATUS_SETUP_FAILED;
    verdict->what = WIRE_WHAT_KILLED;
    verdict->step = s->step;
  }
  if (verdict->state != WIRE_STATUS_NONE) {
    status_send_failed(s->run);
    leave(s, 125);
  }
  status_fill_running(s->run, sys_now() - s->shift, &running);
  release_memory(s);
  sys_close(FD_LEFT);
  status_send(&running.head);
  for (int sig = 1; s->held; sig++, s->held >>= 1) {
    if (s->held & 1) {
      pass_signal(s, sig);
    }
  }
}

/* The payload is gone: so is the sandbox. What still runs is killed and reaped, so that the figures are whole. */
static _Noreturn void finish(struct supervision *s, int status)
{
  s->ended = sys_now() - s->shift;
  if (s->run) {
    take_leave(s);
  }
  kill_and_reap(s);
  report_end(s, status);
  sys_exit(0);
}

/* Some at a time: who starts processes faster than they are reaped does not keep init from its deadline. */
static void reap(struct supervision *s)
{
  int status = 0;
  s->more = false;
  for (int n = 0; n < REAPED_AT_ONCE; n++) {
    long pid = sys_call(SYS_wait4, -1, sys_arg(&status), WNOHANG, 0, 0, 0);
    if (pid == s->payload && !WIFSTOPPED(status)) { /* a payload may make this process its tracer (ptrace(2)) */
      finish(s, status);
    }
    if (pid <= 0) {
      return;
    }
  }
  s->more = true;
}

static void drain_signals(int fd)
{
  char buffer[512];
  while (sys_read(fd, buffer, sizeof buffer) > 0) {
  }
}

/* The deadline passed: SIGTERM once where a grace was asked for and a payload runs, then the end of the tree. */
static void expire(struct supervision *s)
{
  s->cause = WIRE_CAUSE_WALL;
  if (s->grace > 0 && !s->warned && !s->run) {
    s->warned = true;
    s->deadline += s->grace;
    sys_call(SYS_kill, s->payload, SIGTERM, 0, 0, 0, 0);
    return;
  }
  s->deadline = 0;
  kill_all(s);
}

/* False: the channel's other end is gone. */
static bool obey(struct supervision *s, bool caller)
{
  struct wire_record record;
  memset(&record, 0, sizeof record);
  long n = sys_call(SYS_recvfrom, WIRE_FD_STATUS, sys_arg(&record), sizeof record, MSG_DONTWAIT_, 0, 0);
  bool end = s->host && n == (long)sizeof record && record.type == WIRE_STATUS_KILL && record.arg == SIGKILL;
  if ((n == 0 && caller) || end) {
    kill_all(s); /* the caller let go of the sandbox, or ends it: no other signal would reach more than this process */
    s->cause = WIRE_CAUSE_CALLER;
  } else if (n == (long)sizeof record && record.type == WIRE_STATUS_KILL) {
    if (s->run) {
      s->held |= 1ull << ((record.arg - 1) & 63);
    } else {
      pass_signal(s, (int)record.arg);
    }
  }
  return n != 0;
}

enum { SIGNALS, CALLER, STATUS, LEFT, WATCHED };

/*
 * What the caller asks for waits until a payload runs: before, a signal would look like a failure of the set-up. Where only
 * the caller's word ends the whole it is heard at once.
 */
static void choose(const struct supervision *s, bool caller, struct pollfd fds[WATCHED])
{
  fds[CALLER].fd = caller ? WIRE_FD_CALLER : -1;
  fds[LEFT].fd = s->run ? FD_LEFT : -1;
  fds[STATUS].fd = (s->run && !s->host) || s->alone ? -1 : WIRE_FD_STATUS;
}

/* True: something is ready. False: the deadline passed, or a signal came between. */
static bool wait_for(const struct supervision *s, struct pollfd fds[WATCHED])
{
  int64_t left = s->deadline ? s->deadline - sys_now() : 0;
  const int64_t limit[2] = {s->more ? 0 : left / 1000000000, s->more ? 0 : left % 1000000000};
  if (s->deadline && left <= 0) {
    return false;
  }
  return sys_call(SYS_ppoll, sys_arg(fds), WATCHED, s->deadline || s->more ? sys_arg(limit) : 0, 0, 8, 0) > 0;
}

static _Noreturn void watch(struct supervision *s, bool caller)
{
  struct pollfd fds[WATCHED];
  for (int i = 0; i < WATCHED; i++) {
    fds[i] = (struct pollfd){s->signals, POLLIN, 0};
  }
  for (;;) {
    choose(s, caller, fds);
    if (!wait_for(s, fds)) {
      if (s->deadline && sys_now() >= s->deadline) {
        expire(s);
      }
      reap(s);
      continue;
    }
    if (fds[CALLER].revents) {
      leave(s, 1);
    }
    if (fds[LEFT].revents) {
      take_leave(s);
    }
    if (fds[STATUS].revents && !obey(s, caller)) {
      s->alone = true;
    }
    reap(s);
    if (fds[SIGNALS].revents) {
      drain_signals(s->signals);
      reap(s); /* whose signal came after the first look and is drained by now */
    }
  }
}

static bool caller_is_gone(void)
{
  struct pollfd end = {WIRE_FD_CALLER, POLLIN, 0};
  int64_t now[2] = {0, 0};
  return sys_call(SYS_ppoll, sys_arg(&end), 1, sys_arg(now), 0, 8, 0) > 0;
}

/*
 * In the caller's session init would be a handle on it: whoever is uid 0 inside writes /proc/1/autogroup, whose nice value
 * is the whole session's (sched(7), "The autogroup feature"). Where the payload shares that session nothing is lost.
 */
static int leave_session(struct helper *h, const struct wire_step *step)
{
  uint32_t number = h->number;
  while (++number < h->plan->steps_n && (step = wire_step_next(step))->code != WIRE_STEP_SESSION) {
  }
  h->what = WIRE_WHAT_STEP;
  return number < h->plan->steps_n ? step_session(h, step) : 0;
}

/* Numbers of another pid namespace, whose proc this is, would be other processes' here. */
static int open_children(const struct helper *h)
{
  char own[24] = "", seen[24] = "";
  wire_decimal(own, (uint64_t)h->supervisor);
  sys_call(SYS_readlinkat, AT_FDCWD, sys_arg("/proc/self"), sys_arg(seen), sizeof seen - 1, 0, 0);
  return strcmp(own, seen) ? -EINVAL : sys_openat(AT_FDCWD, "/proc/thread-self/children", O_RDONLY | O_CLOEXEC, 0);
}

/* Where no pid namespace holds them together, the payload's processes are kept by three things that it cannot undo. */
static int become_supervisor(struct helper *h, struct supervision *s)
{
  h->what = WIRE_WHAT_SUPERVISE;
  s->host = true;
  h->run->verdict.stamps[WIRE_STAMP_TREE] = clocks_now(h); /* there is none to make */
  h->supervisor = (int)sys_getpid();
  int result = sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0);
  result = result < 0 ? result : sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
  result = result < 0 ? result : landlock_fence(h);
  s->fenced = result > 0;
  if (result == 0) {
    result = s->children = open_children(h);
  }
  return result;
}

int step_init(struct helper *h, const struct wire_step *step)
{
  struct supervision s;
  int left = -1;
  memset(&s, 0, sizeof s);
  s.children = -1;
  bool caller = h->run->flags & WIRE_RUN_WATCH_CALLER;
  sys_prctl(PR_SET_NAME, (uintptr_t) "styrolite-helper", 0); /* an image by descriptor is called by its number */
  h->what = WIRE_WHAT_DUMPABLE;
  int result = sys_prctl(PR_SET_DUMPABLE, 0, 0);
  result = result < 0 ? result : leave_session(h, step);
  if (result >= 0 && h->plan->flags & WIRE_PLAN_PROCESS) {
    result = become_supervisor(h, &s);
  }
  if (result < 0) {
    return result;
  }
  if (caller && caller_is_gone()) {
    sys_exit(1); /* before anything of the payload ran */
  }
  s.run = h->run;
  s.step = h->number;
  s.grace = h->run->grace;
  s.shift = h->clock_shift;
  s.deadline = h->run->timeout ? h->run->spawned + h->run->timeout + s.shift : 0;
  h->what = WIRE_WHAT_FORK;
  s.payload = start_payload(h, &left);
  if (s.payload < 0) {
    return s.payload;
  }
  s.signals = close_everything(&s, left);
  result = s.signals < 0 ? s.signals : drop_everything();
  if (result < 0) {
    fail_supervision(&s, result);
  }
  init_is_ready(s.run);
  watch(&s, caller);
}
