/* Moving a sandbox forward: one round of records, bytes and signals; waiting is nothing but rounds. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fd.h"
#include "process.h"

#define BUDGET ((size_t)1 << 20) /* bytes a stream and round, so that a flood never keeps a round from returning */
#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/* ---- streams ----------------------------------------------------------------------------------------------------- */

/* The first stream over its limit names the outcome, also where the tree is dead by then. */
static void check_limit(struct styro_process *process, const struct styro_sink *sink, int number)
{
  if (process->kills_on_overflow && !process->facts.full && styro_sink_overflowed(sink)) {
    process->facts.full = number;
    styro_process_stop_full(process);
  }
}

static int drain(struct styro_process *process, struct styro_sink *sink, int number, styro_error *err)
{
  if (sink->fd < 0) {
    return STYRO_OK;
  }
  int flow = process->dead ? styro_sink_finish(sink) : styro_sink_read(sink, BUDGET);
  check_limit(process, sink, number);
  if (flow == STYRO_FLOW_END) {
    styro_process_close(process, &sink->fd);
  }
  return flow == STYRO_FLOW_ENOMEM ? styro_fail_memory(err, STYRO_STAGE_SUPERVISE) : STYRO_OK;
}

static void feed(struct styro_process *process)
{
  if (process->in.fd >= 0 && styro_feed_write(&process->in, BUDGET) == STYRO_FLOW_END) {
    styro_process_close(process, &process->in.fd);
  }
}

/* ---- deadline (no init, or none yet) ------------------------------------------------------------------------------ */

/*
 * The deadline passed: ask first where there is a grace time and a payload that it is for, then kill. A PID 1 without a
 * handler ignores the asking.
 */
static void pass_deadline(struct styro_process *process)
{
  uint64_t times;
  if (process->timer < 0 || read(process->timer, &times, sizeof times) < 0) {
    return;
  }
  if (process->grace > 0 && process->facts.running && !process->graceful && process->pidfd >= 0) {
    const struct itimerspec after = {
        .it_value = {.tv_sec = process->grace / SECOND, .tv_nsec = process->grace % SECOND}};
    process->graceful = true;
    process->facts.stop = process->facts.stop ? process->facts.stop : STYRO_STOP_WALL;
    styro_pidfd_signal(process->pidfd, SIGTERM);
    timerfd_settime(process->timer, 0, &after, NULL);
    return;
  }
  process->forced = process->reminded; /* a supervisor was told, and has had its time */
  styro_process_stop(process, STYRO_STOP_WALL);
  if (process->forced || !process->reminded) {
    styro_process_close(process, &process->timer);
  }
}

/* ---- end --------------------------------------------------------------------------------------------------------- */

static void take_end(struct styro_process *process)
{
  if (process->pidfd >= 0 && !styro_pidfd_reap(process->pidfd, &process->facts.exit)) {
    return;
  }
  process->dead = true;
  if (!process->facts.finished) {
    process->facts.finished = styro_now();
  }
  if (process->pidfd >= 0) {
    epoll_ctl(process->epoll, EPOLL_CTL_DEL, process->pidfd, NULL);
  }
  styro_process_reap_numbers(process, process->pidfd < 0);
}

/*
 * The tree is dead: what it left is read, and the outcome judged. Out of memory for the last bytes: a later round tries
 * again. Somebody outside may hold a stream open; nobody waits for them.
 */
static int complete(struct styro_process *process, styro_error *err)
{
  styro_process_receive(process);
  int rc = drain(process, &process->out, 1, err);
  rc = rc ? rc : drain(process, &process->err, 2, err);
  if (rc) {
    return rc;
  }
  if (process->status >= 0 && process->verdict) {
    styro_process_take_verdict(process); /* a forked child of the caller holds the channel's other end */
  }
  styro_process_close(process, &process->in.fd);
  styro_process_close(process, &process->status);
  styro_process_close(process, &process->timer);
  styro_outcome_judge(&process->facts, &process->outcome);
  styro_sink_result(&process->out, &process->outcome.out);
  styro_sink_result(&process->err, &process->outcome.err);
  process->complete = true;
  return 1;
}

/* ---- rounds ------------------------------------------------------------------------------------------------------ */

static int handle(struct styro_process *process, enum styro_source source, styro_error *err)
{
  switch (source) {
  case STYRO_SOURCE_STATUS: styro_process_receive(process); break;
  case STYRO_SOURCE_TIMER: pass_deadline(process); break;
  case STYRO_SOURCE_IN: feed(process); break;
  case STYRO_SOURCE_OUT: return drain(process, &process->out, 1, err);
  case STYRO_SOURCE_ERR: return drain(process, &process->err, 2, err);
  default: take_end(process); break;
  }
  return STYRO_OK;
}

/* Waits, and says what is ready as bits of 1 << enum styro_source. */
static unsigned wait_sources(struct styro_process *process, int wait_ms)
{
  struct epoll_event events[STYRO_SOURCE_COUNT];
  unsigned ready = 0;
  int n = epoll_wait(process->epoll, events, STYRO_SOURCE_COUNT, wait_ms);
  for (int i = 0; i < n; i++) {
    ready |= 1u << events[i].data.u32;
  }
  return ready;
}

int styro_process_round(struct styro_process *process, int wait_ms, styro_error *err)
{
  if (process->complete) {
    return 1;
  }
  unsigned ready = process->dead ? 0 : wait_sources(process, wait_ms);
  for (int source = 0; source < STYRO_SOURCE_COUNT; source++) {
    int rc = ready >> source & 1 ? handle(process, (enum styro_source)source, err) : STYRO_OK;
    if (rc) {
      return rc;
    }
  }
  if (process->agent > 0) {
    styro_process_reap_numbers(process, false);
  }
  if (process->facts.failed && process->pidfd < 0) {
    styro_process_settle_agent(process);
  }
  if (!process->dead && process->pidfd < 0 && process->status < 0) {
    take_end(process); /* helper mode: it ended before it could hand over a pidfd */
  }
  return process->dead ? complete(process, err) : 0;
}

static int fail_null(styro_error *err)
{
  return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_SUPERVISE, 0, "the process is NULL");
}

int styro_process_step(styro_process *process, styro_error *err)
{
  return process ? styro_process_round(process, 0, err) : fail_null(err);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* A moment in the future, or none. */
static int64_t deadline_of(int wait_ms)
{
  return wait_ms < 0 ? INT64_MAX : styro_now() + wait_ms * MS;
}

/* Milliseconds left, rounded up so that nobody spins through the last one; -1: no limit. */
static int ms_left(int64_t deadline)
{
  if (deadline == INT64_MAX) {
    return -1;
  }
  int64_t left = deadline - styro_now();
  return left <= 0 ? 0 : (int)((left + MS - 1) / MS);
}

static int fail_time(styro_error *err)
{
  return styro_fail(err, STYRO_EAGAIN, STYRO_STAGE_SUPERVISE, 0, "the time to wait went by; the sandbox still runs");
}

/*
 * With no stream to move, no deadline to keep and nothing to pass on, only the end is news: records stay where they are
 * until then, which saves a wake-up for each while the sandbox wants the processors.
 */
static bool only_the_end_matters(const struct styro_process *process)
{
  return process->pidfd >= 0 && !process->dead && process->in.fd < 0 && process->out.fd < 0 && process->err.fd < 0 &&
         process->timer < 0 && process->agent <= 0 && !process->held;
}

int styro_process_news(const struct styro_process *process)
{
  return only_the_end_matters(process) ? process->pidfd : process->epoll;
}

/* A round that waits for the outcome: at most wait_ms; interrupted waits return early. */
static int wait_round(struct styro_process *process, int wait_ms, styro_error *err)
{
  if (wait_ms != 0 && only_the_end_matters(process)) {
    struct pollfd end = {.fd = process->pidfd, .events = POLLIN};
    poll(&end, 1, wait_ms);
    wait_ms = 0;
  }
  return styro_process_round(process, wait_ms, err);
}

int styro_process_wait(styro_process *process, int wait_ms, styro_outcome *outcome, styro_error *err)
{
  if (!process) {
    return fail_null(err);
  }
  if (outcome && outcome->size != sizeof *outcome) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_SUPERVISE, 0,
                      "styro_outcome is of an unknown size: set its size to sizeof(styro_outcome)");
  }
  int64_t deadline = deadline_of(wait_ms);
  for (;;) {
    int left = ms_left(deadline);
    int rc = wait_round(process, left, err);
    if (rc < 0) {
      return rc;
    }
    if (rc == 1) {
      break;
    }
    if (left == 0) {
      return fail_time(err);
    }
  }
  if (outcome) {
    *outcome = process->outcome;
  }
  return STYRO_OK;
}

/* 0: it runs or ran; a code: it never will; 1: not known yet. */
static int start_known(const struct styro_process *process, styro_error *err)
{
  const struct styro_facts *facts = &process->facts;
  if (facts->failed) {
    styro_plan_explain_failure(facts->plan, facts->failure, facts->step, facts->what, facts->sys_errno,
                               facts->component, err);
    return facts->failure;
  }
  if (facts->running) {
    return STYRO_OK;
  }
  if (!process->complete) {
    return 1;
  }
  const styro_error *why = &process->outcome.error;
  styro_fail(err, STYRO_ESETUP, STYRO_STAGE_SUPERVISE, 0, "%s",
             why->code ? why->message : "the sandbox was stopped before its payload ran");
  styro_error_hint(err, "%s", why->hint);
  return STYRO_ESETUP;
}

int styro_process_started(styro_process *process, int wait_ms, styro_error *err)
{
  if (!process) {
    return fail_null(err);
  }
  int64_t deadline = deadline_of(wait_ms);
  styro_process_receive(process);
  for (;;) {
    int known = start_known(process, err);
    if (known <= 0) {
      return known;
    }
    int left = ms_left(deadline);
    int rc = styro_process_round(process, left, err);
    if (rc < 0) {
      return rc;
    }
    if (left == 0) {
      known = start_known(process, err);
      return known <= 0 ? known : fail_time(err);
    }
  }
}
