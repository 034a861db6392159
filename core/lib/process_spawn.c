/*
 * From a plan and a run to a running sandbox: everything that can fail is made before the clone, so that afterwards
 * there is either a process handle or nothing at all. What clones is spawn.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fd.h"
#include "kernel.h"
#include "order.h"
#include "process.h"
#include "run_block.h"
#include "runner.h"
#include "spawn_mode.h"

#define SECOND INT64_C(1000000000)
#define INIT_FIRST (SECOND / 10) /* after the deadline: what init reports about it says more */

/* The child's side of everything, ours until the clone. */
struct ends {
  int status;
  int run;
  int caller;
  int stdio[3]; /* what the child gets; -1: /dev/null */
  int owned[3]; /* the child's ends of our pipes */
};

static void close_ends(struct ends *ends)
{
  int *const fds[] = {&ends->status, &ends->run, &ends->caller, &ends->owned[0], &ends->owned[1], &ends->owned[2]};
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
    styro_fd_close(fds[i]);
  }
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

static int make_status(struct styro_process *process, struct ends *ends, styro_error *err)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
    return styro_fd_fail(err, errno, "the status channel");
  }
  process->status = styro_fd_lift(pair[0]);
  ends->status = styro_fd_lift(pair[1]);
  if (process->status < 0 || ends->status < 0 || styro_fd_nonblock(process->status) < 0) {
    return styro_fd_fail(err, errno, "the status channel");
  }
  return styro_process_watch(process, process->status, STYRO_SOURCE_STATUS, err);
}

static int make_epoll(struct styro_process *process, styro_error *err)
{
  process->epoll = styro_fd_lift(epoll_create1(EPOLL_CLOEXEC));
  return process->epoll < 0 ? styro_fd_fail(err, errno, "the set of descriptors to wait for") : STYRO_OK;
}

/* A pipe for standard stream `number`: *ours is non-blocking, the other end goes to the child. */
static int make_pipe(struct ends *ends, int number, int *ours, styro_error *err)
{
  static const char *const names[] = {"the pipe to stdin", "the pipe from stdout", "the pipe from stderr"};
  int both[2];
  if (pipe2(both, O_CLOEXEC) < 0) {
    return styro_fd_fail(err, errno, names[number]);
  }
  int our_side = number == 0 ? 1 : 0;
  *ours = styro_fd_lift(both[our_side]);
  ends->owned[number] = styro_fd_lift(both[1 - our_side]);
  ends->stdio[number] = ends->owned[number];
  if (*ours < 0 || ends->owned[number] < 0 || styro_fd_nonblock(*ours) < 0) {
    return styro_fd_fail(err, errno, names[number]);
  }
  return STYRO_OK;
}

/* What the child gets as standard stream `number`, where no pipe of ours is needed. */
static int given_stream(const styro_stream *stream, int number)
{
  switch (stream->kind) {
  case STYRO_STREAM_FD: return stream->fd;
  case STYRO_STREAM_INHERIT: return styro_fd_is_open(number) ? number : -1;
  default: return -1;
  }
}

static int make_stream(struct ends *ends, const styro_stream *stream, int number, int *ours, styro_error *err)
{
  if (stream->kind == STYRO_STREAM_PIPE) {
    return make_pipe(ends, number, ours, err);
  }
  ends->stdio[number] = given_stream(stream, number);
  return STYRO_OK;
}

static int make_sink(struct styro_process *process, struct ends *ends, const struct styro_order *order, int number,
                     styro_error *err)
{
  struct styro_sink *sink = number == 1 ? &process->out : &process->err;
  int fd = -1;
  int rc = make_stream(ends, number == 1 ? &order->run.out : &order->run.err, number, &fd, err);
  styro_sink_init(sink, &process->alloc, fd, order->output_limit, order->output_keep);
  if (rc || fd < 0) {
    return rc;
  }
  return styro_process_watch(process, fd, number == 1 ? STYRO_SOURCE_OUT : STYRO_SOURCE_ERR, err);
}

static int make_feed(struct styro_process *process, struct ends *ends, const styro_stream *stream, styro_error *err)
{
  int rc = make_stream(ends, stream, 0, &process->in.fd, err);
  if (rc || process->in.fd < 0) {
    return rc;
  }
  if (styro_feed_init(&process->in, &process->alloc, process->in.fd, stream)) {
    return styro_fail_memory(err, STYRO_STAGE_SPAWN);
  }
  return styro_process_watch(process, process->in.fd, STYRO_SOURCE_IN, err);
}

/* Which of 0-2 the caller has open can be asked at any time: no descriptor of ours ever lands there. */
static int make_streams(struct styro_process *process, struct ends *ends, const struct styro_order *order,
                        styro_error *err)
{
  int rc = make_feed(process, ends, &order->run.in, err);
  rc = rc ? rc : make_sink(process, ends, order, 1, err);
  return rc ? rc : make_sink(process, ends, order, 2, err);
}

/* The caller itself, for init to watch: a pidfd, because a forked child of the caller would keep a pipe open. */
static int make_caller(struct ends *ends, const struct styro_order *order, styro_error *err)
{
  uint64_t promised = order->plan->promises->enforced;
  if (!order->init || !(promised >> STYRO_CALLER_DEATH & 1)) {
    return STYRO_OK;
  }
  ends->caller = styro_fd_lift(styro_pidfd_open(getpid()));
  if (ends->caller < 0) {
    int number = errno;
    int code = styro_fd_fail(err, number, "a pidfd of the calling process");
    styro_kernel_explain(number, "pidfd_open", err);
    return code;
  }
  return STYRO_OK;
}

/*
 * Init keeps the deadline, from when it stands: a set-up can be held up before, by a file system that does not answer. Until
 * init says that the payload runs, or for good without one, a timer in the epoll set does, a fourth descriptor. Init has
 * the first word.
 */
static int make_timer(struct styro_process *process, const struct styro_order *order, styro_error *err)
{
  process->grace = order->init ? 0 : order->grace;
  if (order->timeout == 0) {
    return STYRO_OK;
  }
  int64_t at = process->facts.spawned + order->timeout + (order->init ? INIT_FIRST : 0);
  at += styro_plan_is_process(order->plan) ? order->grace : 0; /* which its supervisor gives */
  const struct itimerspec when = {.it_value = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND}};
  process->timer = styro_fd_lift(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (process->timer < 0 || timerfd_settime(process->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0) {
    return styro_fd_fail(err, errno, "the timer of the deadline");
  }
  return styro_process_watch(process, process->timer, STYRO_SOURCE_TIMER, err);
}

/* ---- run block --------------------------------------------------------------------------------------------------- */

/* Whether the caller has groups besides its own, which a self-map cannot drop. */
static bool has_groups(void)
{
  gid_t group;
  int n = getgroups(0, NULL);
  return n > 1 || (n == 1 && getgroups(1, &group) == 1 && group != getegid());
}

/* What this host or caller leaves out, which the plan could not know. */
static uint64_t left_out(const struct wire_run *run)
{
  uint64_t mask = 0;
  if (!(run->flags & (WIRE_RUN_SET_GROUPS | WIRE_RUN_DROP_FIRST)) && has_groups()) {
    mask |= UINT64_C(1) << STYRO_SUPPLEMENTARY_GROUPS;
  }
  if (run->flags & WIRE_RUN_NO_TIME_NS) {
    mask |= UINT64_C(1) << STYRO_TIME_OFFSETS;
  }
  return mask;
}

/*
 * A root without CAP_CHOWN, as in a container, lets everybody open it: that is, whoever may look at the descriptors of a
 * process that has it, since a pipe has no other name (proc(5), PTRACE_MODE_READ_FSCREDS).
 */
static int give_pipe(int fd, const struct wire_run *run)
{
  int result = fchown(fd, run->map_uid, run->map_gid);
  return result < 0 && errno == EPERM ? fchmod(fd, 0666) : result;
}

/* A root caller's payload is another user outside: it opens /dev/stdout by name only where the pipe is its own. */
static int give_pipes(const struct ends *ends, const struct wire_run *run)
{
  for (int i = 0; i < 3; i++) {
    if (ends->owned[i] >= 0 && give_pipe(ends->owned[i], run) < 0) {
      return -1;
    }
  }
  return 0;
}

/* Completes the block for the mode that the next clone will use, and writes it. */
static int write_run(struct styro_process *process, const struct styro_launch *launch, const struct ends *ends,
                     const struct styro_order *order, struct styro_run_block *block, styro_error *err)
{
  struct wire_run *run = block->run;
  run->flags = 0;
  int rc = styro_spawn_prepare(launch->runner, launch->plan, run, err);
  if (rc) {
    return rc;
  }
  run->flags |= launch->caller_fd >= 0 ? WIRE_RUN_WATCH_CALLER : 0;
  run->flags |= order->default_cwd ? WIRE_RUN_DEFAULT_CWD : 0;
  process->facts.left_out = left_out(run);
  if (run->flags & WIRE_RUN_OTHER_IDS && give_pipes(ends, run) < 0) {
    return styro_fd_fail(err, errno, "the captured streams");
  }
  if (run->flags & WIRE_RUN_HELPER_MODE && process->reserve < 0) {
    process->reserve = fcntl(process->epoll, F_DUPFD_CLOEXEC, 3);
    if (process->reserve < 0) {
      return styro_fd_fail(err, errno, "the sandbox's pidfd");
    }
  }
  return styro_run_block_write(block, launch->run_fd, err);
}

/* Without an init the helper's verdict is read from the block itself: nobody is left to send it. */
static int map_verdict(struct styro_process *process, const struct ends *ends, const struct styro_order *order,
                       styro_error *err)
{
  if (order->init) {
    return STYRO_OK;
  }
  void *map = mmap(NULL, sizeof *process->verdict, PROT_READ, MAP_SHARED, ends->run, 0);
  if (map == MAP_FAILED) {
    return styro_fd_fail(err, errno, "a view of the run block");
  }
  process->verdict = map;
  return STYRO_OK;
}

/* ---- spawn ------------------------------------------------------------------------------------------------------- */

static void take_spawned(struct styro_process *process, const struct styro_spawned *spawned)
{
  process->dead = false;
  process->pid = spawned->pid;
  process->pidfd = spawned->pidfd;
  process->agent = spawned->agent;
  process->facts.mode = spawned->mode;
  if (process->pidfd >= 0) {
    styro_fd_close(&process->reserve);
  }
  if (process->pidfd >= 0 && process->pidfd <= 2) {
    int high = fcntl(process->pidfd, F_DUPFD_CLOEXEC, 3);
    if (high >= 0) { /* else it stays low: losing it would be worse */
      styro_fd_close(&process->pidfd);
      process->pidfd = high;
    }
  }
}

static int launch_once(struct styro_process *process, const struct styro_launch *launch, const struct ends *ends,
                       const struct styro_order *order, struct styro_run_block *block, bool *again, styro_error *err)
{
  struct styro_spawned spawned;
  *again = false;
  int rc = write_run(process, launch, ends, order, block, err);
  if (rc == STYRO_OK) {
    rc = styro_spawn(launch, &spawned, again, err);
  }
  if (rc == STYRO_OK && !*again) {
    take_spawned(process, &spawned);
  }
  return rc;
}

static int launch(struct styro_process *process, styro_runner *runner, const struct styro_order *order,
                  struct ends *ends, struct styro_run_block *block, styro_error *err)
{
  bool again;
  const struct styro_launch what = {
      .runner = runner,
      .plan = order->plan,
      .run = block->run,
      .plan_fd = styro_plan_memfd(order->plan, err),
      .run_fd = ends->run,
      .status_fd = ends->status,
      .caller_fd = ends->caller,
      .stdio = {ends->stdio[0], ends->stdio[1], ends->stdio[2]},
      .extra = block->extra,
      .extra_n = block->extra_n,
  };
  if (what.plan_fd < 0) {
    return what.plan_fd;
  }
  int rc = launch_once(process, &what, ends, order, block, &again, err);
  if (again) { /* the runner changed its mode for good; a second refusal is final */
    rc = launch_once(process, &what, ends, order, block, &again, err);
  }
  if (rc == STYRO_OK && again) {
    rc = styro_fail(err, STYRO_ESPAWN, STYRO_STAGE_SPAWN, 0, "neither spawn mode could start the helper");
  }
  if (rc == STYRO_OK && process->pidfd >= 0) {
    rc = styro_process_watch(process, process->pidfd, STYRO_SOURCE_PIDFD, err);
  }
  return rc;
}

static int make_all(struct styro_process *process, styro_runner *runner, const struct styro_order *order,
                    struct ends *ends, struct styro_run_block *block, styro_error *err)
{
  int rc = make_epoll(process, err);
  rc = rc ? rc : make_streams(process, ends, order, err);
  rc = rc ? rc : make_status(process, ends, err);
  rc = rc ? rc : make_caller(ends, order, err);
  rc = rc ? rc : styro_run_block_build(&process->alloc, order, block, err);
  if (rc) {
    return rc;
  }
  process->facts.spawned = block->run->spawned;
  rc = make_timer(process, order, err);
  rc = rc ? rc : styro_fd_may_write(block->len, "the run block", err);
  ends->run = rc ? -1 : styro_fd_memfd("styrolite-run", 0, "the run block's memory file", err);
  rc = rc ? rc : (ends->run < 0 ? ends->run : STYRO_OK);
  rc = rc ? rc : map_verdict(process, ends, order, err);
  return rc ? rc : launch(process, runner, order, ends, block, err);
}

static struct styro_process *new_process(const styro_runner *runner, const struct styro_order *order)
{
  struct styro_process *process = styro_alloc(&runner->alloc, sizeof *process);
  if (!process) {
    return NULL;
  }
  process->alloc = runner->alloc;
  process->epoll = process->status = process->pidfd = process->timer = process->reserve = -1;
  process->in.fd = process->out.fd = process->err.fd = -1;
  process->pid = process->agent = -1;
  process->dead = true;
  process->kills_on_overflow = order->output_kill;
  process->facts.plan = order->plan;
  process->facts.init = order->init;
  process->facts.timeout = order->timeout;
  process->facts.output_limit = order->output_limit;
  if (order->run.name) {
    strncpy(process->facts.name, order->run.name, sizeof process->facts.name - 1);
  }
  return process;
}

int styro_runner_spawn(styro_runner *runner, const styro_plan *plan, const styro_run *run, styro_process **out,
                       styro_error *err)
{
  struct styro_order order;
  if (!runner || !plan || !out) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_SPAWN, 0, "%s is NULL",
                      !runner ? "the runner"
                      : !plan ? "the plan"
                              : "the place for the process");
  }
  int rc = styro_order_merge(styro_runner_choose(runner, plan), run, &order, err);
  if (rc) {
    return rc;
  }
  struct styro_process *process = new_process(runner, &order);
  if (!process) {
    return styro_fail_memory(err, STYRO_STAGE_SPAWN);
  }
  struct ends ends = {.status = -1, .run = -1, .caller = -1, .stdio = {-1, -1, -1}, .owned = {-1, -1, -1}};
  struct styro_run_block block = {.alloc = runner->alloc};
  rc = make_all(process, runner, &order, &ends, &block, err);
  close_ends(&ends);
  styro_run_block_free(&block);
  if (rc) {
    styro_process_free(process);
    return rc;
  }
  *out = process;
  return STYRO_OK;
}
