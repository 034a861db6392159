/* How a run ended: one judgement of the facts that were seen. Pure: no descriptors, no clock, no process. */
#include "outcome.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "request.h"
#include "spawn_mode.h"

#define SECOND INT64_C(1000000000)
#define BLOCK 512 /* the unit of ru_inblock and ru_oublock, getrusage(2) */

/* ---- reason ------------------------------------------------------------------------------------------------------ */

static void set_status(styro_outcome *out, int wait_status)
{
  if (WIFEXITED(wait_status)) {
    out->reason = STYRO_EXITED;
    out->code = WEXITSTATUS(wait_status);
  } else {
    out->reason = STYRO_SIGNALED;
    out->signal = WTERMSIG(wait_status);
    out->core_dumped = WCOREDUMP(wait_status) ? 1 : 0;
  }
}

static void set_reason(styro_outcome *out, int reason, const char *detail)
{
  out->reason = reason;
  snprintf(out->detail, sizeof out->detail, "%s", detail);
}

static const char *full_stream(const struct styro_facts *facts)
{
  return facts->full == 2 ? "stderr" : "stdout";
}

/* How the first process ended, for the sentence of `lost`. */
static const char *exit_text(const struct styro_facts *facts, char *buffer, size_t size)
{
  char name[16];
  if (!facts->exit.known) {
    return "ended";
  }
  if (WIFSIGNALED(facts->exit.wait_status)) {
    snprintf(buffer, size, "was killed by %s", styro_signal_text(WTERMSIG(facts->exit.wait_status), name, sizeof name));
  } else {
    snprintf(buffer, size, "exited with code %d", WEXITSTATUS(facts->exit.wait_status));
  }
  return buffer;
}

static void judge_lost(const struct styro_facts *facts, styro_outcome *out)
{
  char how[64];
  const char *ended = exit_text(facts, how, sizeof how);
  out->reason = STYRO_LOST;
  if (!facts->running) {
    styro_fail(&out->error, STYRO_ESETUP, STYRO_STAGE_SUPERVISE, 0,
               "the sandbox's first process %s before it reported that the payload runs", ended);
    styro_error_hint(&out->error, "it may have been killed from outside, or for memory: see the kernel's log");
  } else if (facts->init) {
    styro_fail(&out->error, STYRO_EIO, STYRO_STAGE_SUPERVISE, 0,
               "the sandbox's init %s before it reported how the payload ended", ended);
    styro_error_hint(&out->error, "%sit may have been killed from outside, or for memory",
                     styro_plan_is_process(facts->plan) ? "what the payload started may live on; "
                                                        : "the tree is dead; ");
  } else {
    styro_fail(&out->error, STYRO_EIO, STYRO_STAGE_SUPERVISE, 0,
               "the payload ended, but its status was discarded: the caller ignores SIGCHLD or waits for every child");
    styro_error_hint(&out->error, "keep init (`\"init\": true`), leave SIGCHLD alone, or use Linux 6.15 or later");
  }
}

static void judge_failure(const struct styro_facts *facts, styro_outcome *out)
{
  out->reason = facts->failure == STYRO_EEXEC ? STYRO_EXEC_FAILED : STYRO_SETUP_FAILED;
  styro_plan_explain_failure(facts->plan, facts->failure, facts->step, facts->what, facts->sys_errno, facts->component,
                             &out->error);
}

/* Init's report stands, but for a stream that went over its limit before the payload ended by itself. */
static void judge_report(const struct styro_facts *facts, styro_outcome *out)
{
  set_status(out, facts->end.wait_status);
  bool caller = facts->end.head.arg == WIRE_CAUSE_CALLER; /* for what reason it was, the library knows */
  if (facts->end.head.arg == WIRE_CAUSE_WALL || (caller && facts->stop == STYRO_STOP_WALL)) {
    set_reason(out, STYRO_TIMED_OUT, "wall");
  } else if (caller && facts->stop != STYRO_STOP_OUTPUT) {
    set_reason(out, STYRO_CANCELED, "");
  } else if (facts->full) {
    set_reason(out, STYRO_OUTPUT_LIMITED, full_stream(facts));
  }
}

/* Without an init, or when the library killed init: what the library did, and the first process's own status. */
static void judge_exit(const struct styro_facts *facts, styro_outcome *out)
{
  bool payload = !facts->init && facts->running;
  if (facts->exit.known && (payload || WIFSIGNALED(facts->exit.wait_status))) {
    set_status(out, facts->exit.wait_status); /* a killed init takes the payload with it, by the same signal */
  }
  if (facts->stop == STYRO_STOP_WALL) {
    set_reason(out, STYRO_TIMED_OUT, "wall");
  } else if (facts->full) {
    set_reason(out, STYRO_OUTPUT_LIMITED, full_stream(facts));
  } else if (payload && facts->exit.known && !(facts->stop && out->signal == SIGKILL)) {
    return; /* it ended by itself, before any kill reached it */
  } else if (facts->stop == STYRO_STOP_CALLER) {
    set_reason(out, STYRO_CANCELED, "");
  } else {
    out->signal = 0;
    out->code = -1;
    judge_lost(facts, out);
  }
}

static void judge_reason(const struct styro_facts *facts, styro_outcome *out)
{
  out->code = -1;
  if (facts->failed) {
    judge_failure(facts, out);
  } else if (facts->ended) {
    judge_report(facts, out);
  } else {
    judge_exit(facts, out);
  }
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

static uint64_t bit(int protection)
{
  return UINT64_C(1) << protection;
}

uint64_t styro_outcome_unscoped(const struct styro_facts *facts)
{
  bool unscoped = styro_plan_is_process(facts->plan) && (facts->absent | facts->skipped) & bit(STYRO_LANDLOCK_SCOPES);
  return unscoped ? bit(STYRO_PROCESS_SIGNALS) : 0;
}

static void judge_masks(const struct styro_facts *facts, styro_outcome *out)
{
  const struct wire_step_promises *promises = facts->plan->promises;
  uint64_t lost = facts->left_out | facts->skipped | styro_outcome_unscoped(facts);
  uint64_t gone = promises->enforced & lost;
  if (!facts->running && facts->failure != STYRO_EEXEC) {
    return; /* nothing ran: there was nothing to enforce */
  }
  out->enforced = promises->enforced & ~gone & ~facts->absent;
  out->not_enforced = promises->not_enforced | gone;
  out->approximated = promises->approximated & ~gone;
}

/* The step that the helper went past: it says which field let it. */
static struct styro_weakness skipped_weakness(const styro_plan *plan, int protection)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    if (protection == STYRO_DENIED_PATHS && step->flags & WIRE_IF_MISSING_IGNORE) {
      return (struct styro_weakness){styro_field_pointer(step->field_id),
                                     "a denied path does not exist, and `if_missing` accepts that it could be made"};
    }
    if (step->best_effort == (uint32_t)protection + 1) {
      return (struct styro_weakness){styro_field_pointer(step->field_id),
                                     "its step failed on this host, and best_effort accepts that"};
    }
  }
  return (struct styro_weakness){NULL, "its step was skipped"};
}

struct styro_weakness styro_outcome_weakness(const struct styro_facts *facts, int protection)
{
  static const struct styro_weakness here[STYRO_PROTECTION_COUNT] = {
      [STYRO_SUPPLEMENTARY_GROUPS] = {"/user/groups", "the caller's supplementary groups stay: the kernel allows no "
                                                      "setgroups(2) under a self-map, nor where it is denied"},
      [STYRO_TIME_OFFSETS] = {"/namespaces/time", "no time namespace is made by default on kernels before 6.2"},
  };
  if (facts->left_out >> protection & 1) {
    return here[protection];
  }
  if (styro_outcome_unscoped(facts) >> protection & 1) {
    return (struct styro_weakness){"/isolation", "Landlock keeps signals inside since Linux 6.12"};
  }
  return skipped_weakness(facts->plan, protection);
}

/* ---- usage ------------------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(const struct timeval *time)
{
  return time->tv_sec * SECOND + time->tv_usec * 1000;
}

static void usage_of_report(const struct wire_ended *end, styro_usage *usage)
{
  usage->user = end->user;
  usage->system = end->system;
  usage->max_rss = end->max_rss;
  usage->minor_faults = end->minor_faults;
  usage->major_faults = end->major_faults;
  usage->switches_voluntary = end->switches_voluntary;
  usage->switches_involuntary = end->switches_involuntary;
  usage->read_bytes = end->blocks_in * BLOCK;
  usage->write_bytes = end->blocks_out * BLOCK;
}

static void usage_of_exit(const struct styro_facts *facts, styro_usage *usage)
{
  const struct rusage *used = &facts->exit.usage;
  usage->user = nanoseconds(&used->ru_utime);
  usage->system = nanoseconds(&used->ru_stime);
  /* A child that shared the caller's memory until exec carries the caller's own high-water mark (exec keeps it). */
  usage->max_rss = facts->mode == STYRO_SPAWN_VFORK ? -1 : used->ru_maxrss * 1024;
  usage->minor_faults = used->ru_minflt;
  usage->major_faults = used->ru_majflt;
  usage->switches_voluntary = used->ru_nvcsw;
  usage->switches_involuntary = used->ru_nivcsw;
  usage->read_bytes = used->ru_inblock * BLOCK;
  usage->write_bytes = used->ru_oublock * BLOCK;
}

static int64_t phase(int64_t from, int64_t to)
{
  return from && to && to >= from ? to - from : -1;
}

static void clear_usage(styro_usage *usage)
{
  *usage = (styro_usage){
      .size = sizeof *usage,
      .wall = -1,
      .user = -1,
      .system = -1,
      .max_rss = -1,
      .memory_peak = -1,
      .pids_peak = -1,
      .minor_faults = -1,
      .major_faults = -1,
      .switches_voluntary = -1,
      .switches_involuntary = -1,
      .read_bytes = -1,
      .write_bytes = -1,
  };
}

static void judge_usage(const struct styro_facts *facts, styro_usage *usage)
{
  const int64_t *stamps = facts->stamps;
  clear_usage(usage);
  if (facts->ended) {
    usage_of_report(&facts->end, usage);
  } else if (facts->exit.has_usage) {
    usage_of_exit(facts, usage);
  }
  usage->wall = phase(facts->spawned, facts->finished);
  usage->setup_spawn = phase(facts->spawned, stamps[WIRE_STAMP_HELPER]);
  usage->setup_helper = phase(stamps[WIRE_STAMP_HELPER], stamps[WIRE_STAMP_SOURCES]);
  usage->setup_tree = phase(stamps[WIRE_STAMP_SOURCES], stamps[WIRE_STAMP_TREE]);
  usage->setup_identity = phase(stamps[WIRE_STAMP_TREE], stamps[WIRE_STAMP_IDENTITY]);
  usage->setup_exec = phase(stamps[WIRE_STAMP_IDENTITY], stamps[STYRO_STAMP_EXEC]);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

void styro_outcome_judge(const struct styro_facts *facts, styro_outcome *out)
{
  memset(out, 0, sizeof *out);
  out->size = sizeof *out;
  out->error.size = sizeof out->error;
  judge_reason(facts, out);
  judge_masks(facts, out);
  judge_usage(facts, &out->usage);
  memcpy(out->name, facts->name, sizeof out->name);
  snprintf(out->isolation, sizeof out->isolation, "%s", styro_plan_is_process(facts->plan) ? "process" : "container");
  snprintf(out->spawn_mode, sizeof out->spawn_mode, "%s", facts->mode == STYRO_SPAWN_HELPER ? "helper" : "vfork");
  out->init = facts->init;
  styro_outcome_sentence(out, facts->timeout, facts->output_limit);
}
