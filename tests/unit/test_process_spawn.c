/*
 * From a plan and a run to a handle: any system call of it may fail at any time, and leaves nothing then; what the child is
 * given, and what the handle says of a host that falls short. A script plays the helper.
 * build: -Wl,--wrap=epoll_create1,--wrap=epoll_ctl,--wrap=socketpair,--wrap=pipe2,--wrap=fcntl,--wrap=memfd_create,--wrap=mmap,--wrap=timerfd_create,--wrap=timerfd_settime,--wrap=fchown,--wrap=pwrite,--wrap=syscall
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing_calls.h"
#include "process_fixture.h"

#define BIT(protection) (UINT64_C(1) << (protection))

/* ---- scripts ----------------------------------------------------------------------------------------------------- */

static void script_init(void)
{
  play_running();
  play_say(1, "out");
  play_say(2, "err");
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

static void script_payload(void)
{
  play_exec();
  play_say(1, "out");
}

static void script_owner(void)
{
  struct stat st;
  char text[32];
  play_running();
  fstat(1, &st);
  snprintf(text, sizeof text, "%u %u", st.st_uid, st.st_gid);
  play_say(1, text);
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

/* ---- calls that fail --------------------------------------------------------------------------------------------- */

static void all_streams(void)
{
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = "x", .len = 1};
  run.out.kind = run.err.kind = STYRO_STREAM_PIPE;
}

static void no_child_is_left(void)
{
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
  ck_assert_int_eq(errno, ECHILD);
}

/* One attempt with the nth call failing. 0 when it failed as it should, 1 when the failure did no harm, 2 when none came. */
static int attempt(int nth, int number, const char *words)
{
  styro_process *process = NULL;
  err = (styro_error){.size = sizeof err};
  fail_call(NULL, nth, number);
  int rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
  bool came = fail_none();
  if (rc == 0) {
    ended(process);
    ck_assert_int_eq(out.reason, STYRO_EXITED);
    styro_process_free(process);
    return came ? 1 : 2;
  }
  ck_assert(came);
  ck_assert_ptr_null(process);
  ck_assert_int_eq(rc, STYRO_ESPAWN);
  ck_assert_int_eq(err.code, STYRO_ESPAWN);
  ck_assert_int_eq(err.stage, STYRO_STAGE_SPAWN);
  ck_assert_int_eq(err.sys_errno, number);
  ck_assert_msg(strncmp(err.message, words, strlen(words)) == 0, "call %d: %s", nth, err.message);
  return 0;
}

/* Every call of a spawn in turn: what fails leaves no descriptor, no process and no memory. */
static void every_call_may_fail(int number, const char *words, int least)
{
  struct counting_alloc state = {0};
  int failures = 0;
  int result = 0;
  runner.alloc = counting_allocator(&state);
  ck_assert_int_ge(styro_plan_memfd(&hand.plan, &err), 3); /* how that one fails is test_plan.c's */
  int before = count_fds();
  for (int nth = 1; result != 2; nth++) {
    ck_assert_int_lt(nth, 200);
    result = attempt(nth, number, words);
    failures += result == 0;
    ck_assert_int_eq(count_fds(), before);
    ck_assert_uint_eq(state.live_blocks, 0);
    no_child_is_left();
  }
  ck_assert_int_ge(failures, least);
}

START_TEST(descriptors_run_out_at_any_call)
{
  fake_spawn.script = script_init;
  all_streams();
  every_call_may_fail(EMFILE, "no descriptor is left for ", 8);
}
END_TEST

START_TEST(the_kernel_refuses_any_call)
{
  fake_spawn.script = script_init;
  all_streams();
  every_call_may_fail(EPERM, "could not make ", 8);
}
END_TEST

START_TEST(any_call_without_an_init)
{
  fake_spawn.script = script_payload;
  without_init();
  run.timeout = 60000 * MS;
  all_streams();
  every_call_may_fail(ENOMEM, "could not make ", 8);
}
END_TEST

START_TEST(any_call_in_helper_mode)
{
  fake_spawn.script = script_init;
  fake_spawn.flags = WIRE_RUN_HELPER_MODE;
  every_call_may_fail(EMFILE, "no descriptor is left for ", 5);
}
END_TEST

/* What could not be made is named in the user's words, not by the system call. A call that is not made fails nothing. */
START_TEST(what_could_not_be_made)
{
  const struct {
    const char *call;
    int nth;
    const char *what;
  } rows[] = {
      {"socketpair", 1, "the status channel"},
      {"pipe2", 1, "the pipe to stdin"},
      {"pipe2", 2, "the pipe from stdout"},
      {"pipe2", 3, "the pipe from stderr"},
      {"epoll_create1", 1, "the set of descriptors to wait for"},
      {"epoll_ctl", 1, "the set of descriptors to wait for"},
      {"timerfd_create", 1, "the timer of the deadline"},
      {"timerfd_settime", 1, "the timer of the deadline"},
      {"mmap", 1, "a view of the run block"},
      {"pwrite", 1, "the run block"},
  };
  fake_spawn.script = script_payload;
  without_init();
  run.timeout = 60000 * MS;
  all_streams();
  ck_assert_int_ge(styro_plan_memfd(&hand.plan, &err), 3);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char message[128];
    styro_process *process = NULL;
    snprintf(message, sizeof message, "could not make %s: Operation not permitted", rows[i].what);
    fail_call(rows[i].call, rows[i].nth, EPERM);
    int rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
    ck_assert_int_eq(rc, fail_none() ? STYRO_ESPAWN : 0);
    ck_assert_str_eq(rc ? err.message : message, message);
    styro_process_free(process);
  }
  no_child_is_left();
}
END_TEST

START_TEST(a_pidfd_of_the_caller)
{
  styro_process *process = NULL;
  fake_spawn.script = script_init;
  fail_call("pidfd_open", 1, EPERM);
  int rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
  ck_assert(fail_none());
  ck_assert_int_eq(rc, STYRO_ESPAWN);
  ck_assert_str_eq(err.message, "could not make a pidfd of the calling process: Operation not permitted");
  hand_promises(&hand)->enforced &= ~BIT(STYRO_CALLER_DEATH); /* nobody asked to be watched */
  fail_call("pidfd_open", 1, EPERM);
  rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
  ck_assert(!fail_none());
  ck_assert_int_eq(rc, 0);
  styro_process_free(process);
}
END_TEST

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void refused(int rc, int code, const char *message)
{
  ck_assert_int_eq(rc, code);
  ck_assert_int_eq(err.code, code);
  ck_assert_str_eq(err.message, message);
}

START_TEST(misuse_is_named)
{
  styro_process *process = (void *)&run;
  refused(styro_runner_spawn(NULL, NULL, &run, &process, &err), STYRO_EUSAGE, "the runner is NULL");
  refused(styro_runner_spawn(&runner, NULL, &run, &process, &err), STYRO_EUSAGE, "the plan is NULL");
  refused(styro_runner_spawn(&runner, &hand.plan, &run, NULL, &err), STYRO_EUSAGE, "the place for the process is NULL");
  run.cwd = "here";
  refused(styro_runner_spawn(&runner, &hand.plan, &run, &process, &err), STYRO_EREQUEST,
          "the run's working directory is not an absolute path");
  ck_assert_ptr_eq(process, (void *)&run);
  ck_assert_int_eq(fake_spawn.calls, 0);
}
END_TEST

START_TEST(what_prepare_refuses_is_not_cloned)
{
  styro_process *process = NULL;
  int before = count_fds();
  fake_spawn.refuse = STYRO_ESETUP;
  refused(styro_runner_spawn(&runner, &hand.plan, &run, &process, &err), STYRO_ESETUP, "not these ids");
  ck_assert_ptr_null(process);
  ck_assert_int_eq(fake_spawn.calls, 0);
  hand_plan_free(&hand);
  ck_assert_int_eq(count_fds(), before);
}
END_TEST

START_TEST(a_second_refusal_is_final)
{
  styro_process *process = NULL;
  fake_spawn.refusals = 2;
  refused(styro_runner_spawn(&runner, &hand.plan, &run, &process, &err), STYRO_ESPAWN,
          "neither spawn mode could start the helper");
  ck_assert_int_eq(err.stage, STYRO_STAGE_SPAWN);
  ck_assert_int_eq(fake_spawn.calls, 2);
  ck_assert_ptr_null(process);
}
END_TEST

/* ---- what the child is given ------------------------------------------------------------------------------------- */

START_TEST(a_stream_by_descriptor)
{
  int ends[2];
  char got[8] = "";
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  run.out = (styro_stream){.kind = STYRO_STREAM_FD, .fd = ends[1]};
  styro_process *process = run_to_end(script_init);
  ck_assert(!out.out.captured);
  ck_assert_int_eq(read(ends[0], got, sizeof got), 3);
  ck_assert_str_eq(got, "out");
  ck_assert_int_eq(fcntl(ends[1], F_GETFD), FD_CLOEXEC); /* it stays the caller's, as it was */
  styro_process_free(process);
  close(ends[0]);
  close(ends[1]);
}
END_TEST

START_TEST(a_stream_of_the_callers_own)
{
  int ends[2];
  char got[8] = "";
  int saved = dup(2);
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  dup2(ends[1], 2);
  run.err = (styro_stream){.kind = STYRO_STREAM_INHERIT};
  styro_process *process = spawn(script_init);
  dup2(saved, 2);
  ended(process);
  ck_assert_int_eq(read(ends[0], got, sizeof got), 3);
  ck_assert_str_eq(got, "err");
  styro_process_free(process);
  close(saved);
  close(ends[0]);
  close(ends[1]);
}
END_TEST

/* A root caller's payload opens /dev/stdout by name: the pipe must be its own. */
START_TEST(pipes_belong_to_the_payload)
{
  fake_spawn.flags = WIRE_RUN_TWO_STEP;
  fake_spawn.map_id = geteuid() == 0 ? 65534 : geteuid();
  styro_process *process = NULL;
  fail_call("fchown", 1, EIO);
  int rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
  ck_assert(fail_none());
  refused(rc, STYRO_ESPAWN, "could not make the captured streams: Input/output error");
  if (geteuid() != 0) {
    printf("skipped: pipes_belong_to_the_payload: only root can give pipes away\n");
    return;
  }
  process = run_to_end(script_owner);
  ck_assert_uint_eq(out.out.kept, 11);
  ck_assert_mem_eq(out.out.data, "65534 65534", 11);
  styro_process_free(process);
  fake_spawn.flags = 0;
  process = run_to_end(script_owner);
  ck_assert_mem_eq(out.out.data, "0 0", 3); /* one and the same user: nothing to give away */
  styro_process_free(process);
}
END_TEST

/* ---- what the host leaves out ------------------------------------------------------------------------------------ */

static uint64_t left_out(uint32_t flags)
{
  fake_spawn.flags = flags;
  styro_process *process = run_to_end(script_init);
  styro_process_free(process);
  ck_assert_uint_eq(out.enforced & out.not_enforced, 0);
  return out.not_enforced;
}

START_TEST(a_kernel_without_time_namespaces)
{
  ck_assert_uint_eq(left_out(0) & BIT(STYRO_TIME_OFFSETS), 0);
  ck_assert_uint_ne(left_out(WIRE_RUN_NO_TIME_NS) & BIT(STYRO_TIME_OFFSETS), 0);
}
END_TEST

START_TEST(groups_that_stay)
{
  const gid_t others[] = {4, 20};
  const gid_t own[] = {getegid()};
  gid_t old[64];
  int n = getgroups(64, old);
  if (geteuid() != 0 || n < 0) {
    printf("skipped: groups_that_stay: only root can choose its groups\n");
    return;
  }
  const uint64_t bit = BIT(STYRO_SUPPLEMENTARY_GROUPS);
  ck_assert_int_eq(setgroups(0, NULL), 0);
  uint64_t none = left_out(0) & bit;
  ck_assert_int_eq(setgroups(1, own), 0);
  uint64_t only_own = left_out(0) & bit;
  ck_assert_int_eq(setgroups(1, others), 0);
  uint64_t one = left_out(0) & bit;
  ck_assert_int_eq(setgroups(2, others), 0);
  uint64_t two = left_out(0) & bit;
  uint64_t dropped = (left_out(WIRE_RUN_SET_GROUPS) | left_out(WIRE_RUN_DROP_FIRST)) & bit;
  ck_assert_int_eq(setgroups((size_t)n, old), 0);
  ck_assert_uint_eq(none | only_own | dropped, 0);
  ck_assert_uint_eq(one & two, bit);
}
END_TEST

START_TEST(a_name_of_every_byte)
{
  char name[65];
  memset(name, 'n', 64);
  name[64] = 0;
  run.name = name;
  styro_process *process = run_to_end(script_init);
  ck_assert_str_eq(out.name, name);
  styro_process_free(process);
}
END_TEST

int main(void)
{
  const TTest *const tests[] = {
      descriptors_run_out_at_any_call,
      the_kernel_refuses_any_call,
      any_call_without_an_init,
      any_call_in_helper_mode,
      what_could_not_be_made,
      a_pidfd_of_the_caller,
      misuse_is_named,
      what_prepare_refuses_is_not_cloned,
      a_second_refusal_is_final,
      a_stream_by_descriptor,
      a_stream_of_the_callers_own,
      pipes_belong_to_the_payload,
      a_kernel_without_time_namespaces,
      groups_that_stay,
      a_name_of_every_byte,
  };
  return fixture_run("process_spawn", tests, sizeof tests / sizeof *tests);
}
