/*
 * Rounds of a process handle, driven from the other end of its status channel: what wakes it, what it waits for, what runs
 * out under it, and how each ending is put together. No process is behind it but where a test says so.
 * build: -Wl,--wrap=epoll_wait,--wrap=read
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare_process.h"
#include "counting_alloc.h"
#include "emulated.h"
#include "failing_calls.h"
#include "lib/fd.h"
#include "test_program.h"

static struct counting_alloc state;
static styro_process *process;
static int far;
static int before;
static styro_error err;
static styro_outcome out;

static void setup(void)
{
  before = bare_descriptors();
  bare_setup();
  state = (struct counting_alloc){0};
  styro_allocator alloc = counting_allocator(&state);
  process = bare_process(&alloc, &far);
  err = (styro_error){.size = sizeof err};
  out = (styro_outcome){.size = sizeof out};
}

static void teardown(void)
{
  fail_none();
  styro_process_free(process);
  styro_fd_close(&far);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
  ck_assert_int_eq(bare_descriptors(), before);
}

static void failed(int rc, int code, const char *message)
{
  ck_assert_int_eq(rc, code);
  ck_assert_int_eq(err.code, code);
  ck_assert_int_eq(err.stage, STYRO_STAGE_SUPERVISE);
  ck_assert_str_eq(err.message, message);
}

static void ended(int reason)
{
  int rc = styro_process_wait(process, 10000, &out, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  ck_assert_int_eq(out.reason, reason);
}

/* ---- rounds ------------------------------------------------------------------------------------------------------ */

START_TEST(from_the_first_record_to_the_outcome)
{
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  bare_running(far);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(styro_process_started(process, 0, &err), 0);
  bare_ended(far, 7 << 8);
  ck_assert_int_eq(styro_process_step(process, &err), 0); /* reported, but the first process still lives */
  styro_fd_close(&far);
  ck_assert_int_eq(styro_process_step(process, &err), 1);
  ck_assert_int_eq(styro_process_step(process, &err), 1);
  ended(STYRO_EXITED);
  ck_assert_int_eq(out.code, 7);
}
END_TEST

START_TEST(no_source_is_left_when_it_is_over)
{
  int write_end = bare_stdout(process, 100);
  struct pollfd item = {.fd = styro_process_fd(process), .events = POLLIN};
  ck_assert_int_eq(poll(&item, 1, 0), 0);
  bare_ended(far, 0);
  styro_fd_close(&far);
  ck_assert_int_eq(poll(&item, 1, 0), 1);
  ended(STYRO_EXITED);
  ck_assert_int_eq(poll(&item, 1, 0), 0);
  signal(SIGPIPE, SIG_IGN);
  ck_assert_int_eq(write(write_end, "late", 4), -1); /* from somebody outside who still holds the stream */
  ck_assert_int_eq(errno, EPIPE);
  close(write_end);
}
END_TEST

START_TEST(an_interrupted_wait_is_a_round_without_news)
{
  bare_ended(far, 0);
  fail_call("epoll_wait", 1, EINTR);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert(fail_none());
  ck_assert(!process->facts.ended);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert(process->facts.ended);
}
END_TEST

/* What was written before the end is read with it, in however many rounds it came. */
START_TEST(a_stream_is_read_to_its_end)
{
  int write_end = bare_stdout(process, 100);
  ck_assert_int_eq(write(write_end, "one ", 4), 4);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(write(write_end, "two", 3), 3);
  bare_ended(far, 0);
  styro_fd_close(&far);
  close(write_end);
  ended(STYRO_EXITED);
  ck_assert_uint_eq(out.out.kept, 7);
  ck_assert_mem_eq(out.out.data, "one two", 7);
  ck_assert_int_eq(process->out.fd, -1);
}
END_TEST

START_TEST(stdin_is_closed_once_it_is_fed)
{
  int ends[2];
  char got[8];
  const styro_stream stream = {.kind = STYRO_STREAM_PIPE, .data = "feed", .len = 4};
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  ck_assert_int_eq(styro_feed_init(&process->in, &process->alloc, ends[1], &stream), 0);
  ck_assert_int_eq(styro_process_watch(process, ends[1], STYRO_SOURCE_IN, &err), 0);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(process->in.fd, -1);
  ck_assert_int_eq(read(ends[0], got, sizeof got), 4);
  ck_assert_mem_eq(got, "feed", 4);
  ck_assert_int_eq(read(ends[0], got, sizeof got), 0); /* its end */
  close(ends[0]);
}
END_TEST

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

START_TEST(time_that_goes_by)
{
  static const char words[] = "the time to wait went by; the sandbox still runs";
  failed(styro_process_wait(process, 0, &out, &err), STYRO_EAGAIN, words);
  failed(styro_process_wait(process, 1, &out, &err), STYRO_EAGAIN, words);
  failed(styro_process_started(process, 0, &err), STYRO_EAGAIN, words);
  failed(styro_process_started(process, 1, &err), STYRO_EAGAIN, words);
  ck_assert_uint_eq(out.size, sizeof out);
  ck_assert_int_eq(out.reason, 0); /* untouched */
}
END_TEST

START_TEST(misuse_is_named)
{
  failed(styro_process_step(NULL, &err), STYRO_EUSAGE, "the process is NULL");
  failed(styro_process_wait(NULL, 0, &out, &err), STYRO_EUSAGE, "the process is NULL");
  failed(styro_process_started(NULL, 0, &err), STYRO_EUSAGE, "the process is NULL");
  out.size--;
  failed(styro_process_wait(process, 0, &out, &err), STYRO_EUSAGE,
         "styro_outcome is of an unknown size: set its size to sizeof(styro_outcome)");
}
END_TEST

/* ---- what started() knows ---------------------------------------------------------------------------------------- */

START_TEST(a_failure_is_known_before_the_end)
{
  bare_failed(far, WIRE_STATUS_EXEC_FAILED, 99, WIRE_WHAT_NOT_FOUND, ENOENT, "prog");
  ck_assert_int_eq(styro_process_started(process, 10000, &err), STYRO_EEXEC);
  ck_assert_str_eq(err.message, "`prog` was not found inside the sandbox: No such file or directory");
  ck_assert_str_eq(err.object, "prog");
  ck_assert_int_eq(err.sys_errno, ENOENT);
}
END_TEST

START_TEST(lost_before_it_ran)
{
  styro_fd_close(&far);
  failed(styro_process_started(process, 10000, &err), STYRO_ESETUP,
         "the sandbox's first process ended before it reported that the payload runs");
  ck_assert_str_eq(err.hint, "it may have been killed from outside, or for memory: see the kernel's log");
  ended(STYRO_LOST);
}
END_TEST

START_TEST(stopped_before_it_ran)
{
  styro_process_stop(process, STYRO_STOP_CALLER);
  styro_fd_close(&far);
  failed(styro_process_started(process, 10000, &err), STYRO_ESETUP, "the sandbox was stopped before its payload ran");
  ck_assert_str_eq(err.hint, "");
  ended(STYRO_CANCELED);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

START_TEST(no_memory_for_what_it_writes)
{
  int write_end = bare_stdout(process, 100);
  ck_assert_int_eq(write(write_end, "kept", 4), 4);
  state.calls = 0;
  state.fail_at = 1;
  failed(styro_process_step(process, &err), STYRO_ENOMEM, "out of memory");
  failed(styro_process_started(process, 10, &err), STYRO_ENOMEM, "out of memory");
  failed(styro_process_wait(process, 10, &out, &err), STYRO_ENOMEM, "out of memory");
  bare_ended(far, 0);
  styro_fd_close(&far);
  close(write_end);
  failed(styro_process_wait(process, 10, &out, &err), STYRO_ENOMEM, "out of memory");
  ck_assert(!process->complete);
  state.fail_at = 0; /* memory is there again: nothing was lost */
  ended(STYRO_EXITED);
  ck_assert_mem_eq(out.out.data, "kept", 4);
}
END_TEST

/* The tree is dead, and what it left finds no memory: the outcome waits for it. */
START_TEST(no_memory_for_what_it_left)
{
  int write_end = bare_stdout(process, 100);
  process->dead = true;
  bare_ended(far, 0);
  styro_fd_close(&far);
  ck_assert_int_eq(write(write_end, "left", 4), 4);
  close(write_end);
  state.calls = 0;
  state.fail_at = 1;
  failed(styro_process_step(process, &err), STYRO_ENOMEM, "out of memory");
  ck_assert(!process->complete);
  state.fail_at = 0;
  ended(STYRO_EXITED);
  ck_assert_mem_eq(out.out.data, "left", 4);
}
END_TEST

/* ---- deadline ---------------------------------------------------------------------------------------------------- */

static void expire(int64_t grace)
{
  const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
  struct pollfd item = {.events = POLLIN};
  process->grace = grace;
  process->timer = item.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  ck_assert_int_eq(styro_process_watch(process, process->timer, STYRO_SOURCE_TIMER, &err), 0);
  ck_assert_int_eq(timerfd_settime(process->timer, 0, &at_once, NULL), 0);
  ck_assert_int_eq(poll(&item, 1, -1), 1);
}

START_TEST(a_deadline_passes_before_there_is_a_pidfd)
{
  process->facts.timeout = 1000000;
  process->facts.finished = 1 + 2000000;
  expire(1000000000);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_WALL);
  ck_assert_int_eq(process->timer, -1); /* nobody to ask first: it is not asked again */
  styro_fd_close(&far);
  ended(STYRO_TIMED_OUT);
  ck_assert_str_eq(out.message, "stopped after 2 ms: the wall deadline of 1 ms passed");
}
END_TEST

START_TEST(a_timer_that_did_not_expire)
{
  int readable = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  process->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  ck_assert_int_eq(styro_process_watch(process, readable, STYRO_SOURCE_TIMER, &err), 0);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_NONE);
  ck_assert_int_ge(process->timer, 0);
  close(readable);
}
END_TEST

/* ---- the first process ------------------------------------------------------------------------------------------- */

static pid_t sleeper(void)
{
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail */
    for (;;) {
      pause();
    }
  }
  return pid;
}

START_TEST(a_wake_up_for_a_process_that_lives)
{
  if (emulated()) {
    printf("skipped: a_wake_up_for_a_process_that_lives: valgrind 3.19 knows no pidfd_open(2)\n");
    return;
  }
  int readable = eventfd(1, EFD_CLOEXEC);
  process->pid = sleeper();
  process->pidfd = styro_pidfd_open(process->pid);
  ck_assert_int_eq(styro_process_watch(process, readable, STYRO_SOURCE_PIDFD, &err), 0);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert(!process->dead);
  close(readable); /* the child ends with the handle */
}
END_TEST

/* A forked child of the caller holds the other end of the channel: the block says how far it came. */
START_TEST(a_verdict_without_the_channels_end)
{
  bare_without_init(process)->verdict.stamps[WIRE_STAMP_IDENTITY] = 5;
  process->dead = true;
  process->facts.exit.known = true;
  process->facts.exit.wait_status = 3 << 8;
  ck_assert_int_eq(styro_process_step(process, &err), 1);
  ended(STYRO_EXITED);
  ck_assert_int_eq(out.code, 3);
  ck_assert_int_eq(process->status, -1);
}
END_TEST

/* Helper mode: the agent failed and is gone, whoever holds the channel: its pidfd will not come. */
START_TEST(an_agent_that_failed_is_not_waited_for)
{
  bare_failed(far, WIRE_STATUS_SETUP_FAILED, 99, WIRE_WHAT_FORK, EPERM, "");
  process->agent = fork();
  if (process->agent == 0) {
    _exit(1);
  }
  ended(STYRO_SETUP_FAILED);
  ck_assert_str_eq(out.message, "could not be set up: cannot start the process: Operation not permitted");
  ck_assert_int_eq(process->agent, -1);
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
  ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------------------ */

START_TEST(an_overflow_stops_only_where_it_kills)
{
  int write_end = bare_stdout(process, 3);
  process->facts.output_limit = 3;
  ck_assert_int_eq(write(write_end, "four", 4), 4);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_NONE);
  process->kills_on_overflow = true;
  ck_assert_int_eq(write(write_end, "!", 1), 1);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(process->facts.full, 1);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_NONE); /* init's word, which the masks need, is on its way */
  bare_running(far);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_OUTPUT);
  styro_fd_close(&far);
  close(write_end);
  ended(STYRO_OUTPUT_LIMITED);
  ck_assert_str_eq(out.detail, "stdout");
  ck_assert_uint_eq(out.out.bytes, 5);
  ck_assert_uint_eq(out.out.kept, 3);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "process_step", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      from_the_first_record_to_the_outcome,
      no_source_is_left_when_it_is_over,
      an_interrupted_wait_is_a_round_without_news,
      a_stream_is_read_to_its_end,
      stdin_is_closed_once_it_is_fed,
      time_that_goes_by,
      misuse_is_named,
      a_failure_is_known_before_the_end,
      lost_before_it_ran,
      stopped_before_it_ran,
      no_memory_for_what_it_writes,
      no_memory_for_what_it_left,
      a_deadline_passes_before_there_is_a_pidfd,
      a_timer_that_did_not_expire,
      a_wake_up_for_a_process_that_lives,
      a_verdict_without_the_channels_end,
      an_agent_that_failed_is_not_waited_for,
      an_overflow_stops_only_where_it_kills,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
