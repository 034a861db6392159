/*
 * The sandbox's init: PID 1, undumpable before it starts the payload by vfork from its own memory, then without any
 * capability and behind a filter of its own. It reaps, keeps the deadline, watches the caller's pidfd, and reports.
 * Signals from inside are read from a signalfd and never forwarded.
 */
#include <errno.h>
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

#include "helper.h"

#define PAYLOAD_STACK 16384
#define STACK_DEPTH 65536 /* released below the current page; the kernel's initial stack mapping is twice that */
#define SFD_CLOEXEC_ 02000000
#define SFD_NONBLOCK_ 04000

#if defined(__x86_64__)
#define INIT_ARCH AUDIT_ARCH_X86_64
#else
#define INIT_ARCH AUDIT_ARCH_AARCH64
#endif

struct supervision {
  int signals;      /* signalfd */
  int payload;      /* pid */
  int64_t deadline; /* CLOCK_MONOTONIC of the next thing to do, 0: none */
  int64_t grace;    /* between SIGTERM and SIGKILL */
  int64_t ended;    /* CLOCK_MONOTONIC of the payload's end */
  bool warned;      /* SIGTERM went out */
  uint32_t cause;   /* enum wire_cause */
};

static char payload_stack[PAYLOAD_STACK] __attribute__((aligned(4096)));

static int payload_main(void *argument)
{
  struct helper *h = argument;
  h->payload = true;
  int result = helper_run_steps(h, wire_step_next(h->step), h->number + 1);
  status_die(h, h->step->code == WIRE_STEP_EXEC ? WIRE_STATUS_EXEC_FAILED : WIRE_STATUS_SETUP_FAILED, -result);
}

static int start_payload(struct helper *h)
{
  struct wire_clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = WIRE_CLONE_VM | WIRE_CLONE_VFORK;
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
      ALLOW(SYS_sendto),
      ALLOW(SYS_recvfrom),
      ALLOW(SYS_getrusage),
      ALLOW(SYS_clock_gettime),
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

/* Stdio would hold the caller's pipes open, the sources would hold host objects: all go, and the plan with them. */
static int close_everything(struct helper *h)
{
  uint64_t all = ~0ull;
  if (sys_close_range(0, WIRE_FD_STATUS - 1) < 0 || sys_close_range(WIRE_FD_FIRST_FREE, ~0u) < 0) {
    return -1;
  }
  helper_drop_plan(h);
  return (int)sys_call(SYS_signalfd4, -1, sys_arg(&all), sizeof all, SFD_CLOEXEC_ | SFD_NONBLOCK_, 0, 0);
}

/* What set-up touched and supervision does not need: the payload's stack, and the main stack's depth. */
static void release_memory(void)
{
  char here;
  uintptr_t page = (uintptr_t)&here & ~(uintptr_t)4095;
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

static void kill_all(void)
{
  sys_call(SYS_kill, -1, SIGKILL, 0, 0, 0, 0);
}

/* The payload is gone: so is the sandbox. What still runs is killed and reaped, so that the figures are whole. */
static _Noreturn void finish(struct supervision *s, int status)
{
  int ignored;
  s->ended = sys_now();
  do {
    kill_all();
  } while (sys_call(SYS_wait4, -1, sys_arg(&ignored), 0, 0, 0, 0) > 0);
  report_end(s, status);
  sys_exit(0);
}

static void reap(struct supervision *s)
{
  int status = 0;
  for (;;) {
    long pid = sys_call(SYS_wait4, -1, sys_arg(&status), WNOHANG, 0, 0, 0);
    if (pid == s->payload) {
      finish(s, status);
    }
    if (pid <= 0) {
      return;
    }
  }
}

static void drain_signals(int fd)
{
  char buffer[512];
  while (sys_read(fd, buffer, sizeof buffer) > 0) {
  }
}

/* The deadline passed: SIGTERM once where a grace was asked for, then the end of the tree. */
static void expire(struct supervision *s)
{
  s->cause = WIRE_CAUSE_WALL;
  if (s->grace > 0 && !s->warned) {
    s->warned = true;
    s->deadline += s->grace;
    sys_call(SYS_kill, s->payload, SIGTERM, 0, 0, 0, 0);
    return;
  }
  s->deadline = 0;
  kill_all();
}

/* False: the channel's other end is gone, and this sandbox is to go on without it. */
static bool obey(struct supervision *s, bool caller)
{
  struct wire_record record;
  long n = sys_call(SYS_recvfrom, WIRE_FD_STATUS, sys_arg(&record), sizeof record, 0x40 /* MSG_DONTWAIT */, 0, 0);
  if (n == 0 && caller) {
    kill_all(); /* the caller let go of the sandbox */
    s->cause = WIRE_CAUSE_CALLER;
  } else if (n == (long)sizeof record && record.type == WIRE_STATUS_KILL) {
    sys_call(SYS_kill, s->payload, record.arg, 0, 0, 0, 0);
  }
  return n != 0;
}

static _Noreturn void watch(struct supervision *s, bool caller)
{
  struct pollfd fds[3] = {{s->signals, POLLIN, 0}, {WIRE_FD_STATUS, POLLIN, 0}, {WIRE_FD_CALLER, POLLIN, 0}};
  for (;;) {
    int64_t left = s->deadline ? s->deadline - sys_now() : 0;
    struct {
      int64_t seconds;
      int64_t nanoseconds;
    } wait = {left / 1000000000, left % 1000000000};
    if (s->deadline && left <= 0) {
      expire(s);
      continue;
    }
    sys_call(SYS_ppoll, sys_arg(fds), caller ? 3 : 2, s->deadline ? sys_arg(&wait) : 0, 0, 8, 0);
    if (fds[1].revents && !obey(s, caller)) {
      fds[1].fd = -1;
    }
    if (caller && fds[2].revents) {
      sys_exit(1); /* with PID 1 the kernel ends every process of the namespace */
    }
    reap(s);
    if (fds[0].revents) {
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

int step_init(struct helper *h, const struct wire_step *step)
{
  struct supervision s;
  memset(&s, 0, sizeof s);
  bool caller = h->run->flags & WIRE_RUN_WATCH_CALLER;
  (void)step;
  h->what = WIRE_WHAT_DUMPABLE;
  int result = sys_prctl(PR_SET_DUMPABLE, 0, 0);
  if (result < 0) {
    return result;
  }
  if (caller && caller_is_gone()) {
    sys_exit(1); /* before anything of the payload ran */
  }
  h->what = WIRE_WHAT_FORK;
  s.payload = start_payload(h);
  h->payload = false;
  if (s.payload < 0) {
    return s.payload;
  }
  if (status_failed_from_verdict(h)) {
    sys_exit(125);
  }
  /* Ended before it came to its exec, and not by a word of its own: that is a failure of the set-up, not the payload's. */
  if (!h->run->verdict.stamps[WIRE_STAMP_IDENTITY]) {
    h->what = WIRE_WHAT_KILLED;
    status_die(h, WIRE_STATUS_SETUP_FAILED, 0);
  }
  struct wire_running running;
  status_fill_running(h, &running);
  s.grace = h->run->grace;
  s.deadline = h->run->timeout ? h->run->spawned + h->run->timeout : 0;
  h->what = WIRE_WHAT_SUPERVISE;
  s.signals = close_everything(h);
  sys_munmap(h->run, h->run->total);
  release_memory();
  if (s.signals < 0 || drop_everything() < 0) {
    sys_exit(1);
  }
  status_send(&running.head); /* last: one wake-up of the caller less where the payload has ended by now */
  watch(&s, caller);
}
