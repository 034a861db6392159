/*
 * Signals to a sandbox, and what its handle tells, without a sandbox: where a signal goes, when it is held, when it cannot
 * be sent. How payloads take signals is test_process.c's.
 * build: -Wl,--wrap=epoll_ctl,--wrap=send,--wrap=syscall
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare_process.h"
#include "counting_alloc.h"
#include "failing_calls.h"
#include "lib/fd.h"
#include "test_program.h"

static struct counting_alloc state;
static styro_process *process;
static int far;
static styro_error err;

static void setup(void)
{
  bare_setup();
  state = (struct counting_alloc){0};
  styro_allocator alloc = counting_allocator(&state);
  process = bare_process(&alloc, &far);
  err = (styro_error){.size = sizeof err};
}

static void teardown(void)
{
  fail_none();
  styro_process_free(process);
  styro_fd_close(&far);
  ck_assert_uint_eq(state.live_blocks, 0);
}

static void failed(int rc, int code, int number, const char *message)
{
  ck_assert_int_eq(rc, code);
  ck_assert_int_eq(err.code, code);
  ck_assert_int_eq(err.sys_errno, number);
  ck_assert_str_eq(err.message, message);
}

/* ---- to an init -------------------------------------------------------------------------------------------------- */

START_TEST(a_signal_is_one_record)
{
  const int signals[] = {1, SIGTERM, 64};
  for (int i = 0; i < 3; i++) {
    struct wire_record record;
    char more;
    ck_assert_int_eq(styro_process_kill(process, signals[i], &err), 0);
    ck_assert_int_eq(recv(far, &record, sizeof record, MSG_DONTWAIT), sizeof record);
    ck_assert_int_eq(recv(far, &more, 1, MSG_DONTWAIT), -1);
    ck_assert_uint_eq(record.type, WIRE_STATUS_KILL);
    ck_assert_uint_eq(record.size, sizeof record);
    ck_assert_uint_eq(record.arg, (uint32_t)signals[i]);
    ck_assert_uint_eq(record.step | (uint32_t)record.err, 0);
  }
}
END_TEST

/* Nobody takes them off: at some number the channel is full, and the caller is told instead of blocked. */
START_TEST(an_init_that_takes_no_signals)
{
  int rc = 0;
  for (int i = 0; rc == 0 && i < 100000; i++) {
    rc = styro_process_kill(process, SIGUSR1, &err);
  }
  ck_assert_int_eq(rc, STYRO_EIO);
  ck_assert_int_eq(err.stage, STYRO_STAGE_SUPERVISE);
  failed(rc, STYRO_EIO, EAGAIN, "signal 10 could not be sent to the sandbox's init: Resource temporarily unavailable");
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_NONE);
}
END_TEST

START_TEST(an_interrupted_send_goes_on)
{
  struct wire_record record;
  fail_call("send", 1, EINTR);
  ck_assert_int_eq(styro_process_kill(process, SIGHUP, &err), 0);
  ck_assert(fail_none());
  ck_assert_int_eq(recv(far, &record, sizeof record, MSG_DONTWAIT), sizeof record);
}
END_TEST

START_TEST(an_init_that_is_gone_is_no_failure)
{
  const int numbers[] = {EPIPE, ECONNRESET, ENOTCONN};
  for (int i = 0; i < 3; i++) {
    fail_call("send", 1, numbers[i]);
    ck_assert_int_eq(styro_process_kill(process, SIGHUP, &err), 0);
    ck_assert(fail_none());
  }
}
END_TEST

/* ---- to a payload ------------------------------------------------------------------------------------------------ */

START_TEST(held_until_the_payload_runs)
{
  bare_without_init(process);
  ck_assert_int_eq(styro_process_kill(process, 1, &err), 0);
  ck_assert_int_eq(styro_process_kill(process, 64, &err), 0);
  ck_assert_uint_eq(process->held, UINT64_C(1) << 63 | 1);
  process->facts.running = true; /* but its pidfd is still on its way */
  ck_assert_int_eq(styro_process_kill(process, 2, &err), 0);
  ck_assert_uint_eq(process->held, UINT64_C(1) << 63 | 3);
  char byte;
  ck_assert_int_eq(recv(far, &byte, 1, MSG_DONTWAIT), -1); /* nothing goes over the channel */
}
END_TEST

START_TEST(a_payload_that_cannot_be_signalled)
{
  bare_without_init(process);
  process->facts.running = true;
  process->pidfd = eventfd(0, EFD_CLOEXEC);
  fail_call("pidfd_send_signal", 1, EPERM);
  int rc = styro_process_kill(process, SIGTERM, &err);
  ck_assert(fail_none());
  failed(rc, STYRO_EIO, EPERM, "signal 15 could not be sent to the payload: Operation not permitted");
  ck_assert_int_eq(err.stage, STYRO_STAGE_SUPERVISE);
  fail_call("pidfd_send_signal", 1, ESRCH);
  rc = styro_process_kill(process, SIGTERM, &err);
  ck_assert(fail_none());
  ck_assert_int_eq(rc, 0); /* it ended meanwhile */
  styro_fd_close(&process->pidfd);
}
END_TEST

/* ---- after the end ----------------------------------------------------------------------------------------------- */

START_TEST(an_end_that_was_not_seen_yet)
{
  bare_ended(far, 0);
  ck_assert_int_eq(styro_process_kill(process, SIGKILL, &err), 0);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_NONE); /* it was over before: no cancelling */
}
END_TEST

START_TEST(a_failure_is_an_end_too)
{
  char byte;
  bare_failed(far, WIRE_STATUS_SETUP_FAILED, 1, WIRE_WHAT_STEP, EPERM, "");
  ck_assert_int_eq(styro_process_kill(process, SIGTERM, &err), 0);
  ck_assert_int_eq(recv(far, &byte, 1, MSG_DONTWAIT), -1);
}
END_TEST

START_TEST(a_kill_stands_for_the_callers_wish)
{
  ck_assert_int_eq(styro_process_kill(process, SIGKILL, &err), 0);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_CALLER);
  styro_process_stop(process, STYRO_STOP_WALL);
  ck_assert_int_eq(process->facts.stop, STYRO_STOP_CALLER); /* the first reason counts */
}
END_TEST

START_TEST(numbers_that_are_no_signals)
{
  const int numbers[] = {0, -1, 65, 1000};
  for (int i = 0; i < 4; i++) {
    failed(styro_process_kill(process, numbers[i], &err), STYRO_EUSAGE, 0, "no signal has that number");
  }
  failed(styro_process_kill(NULL, SIGTERM, &err), STYRO_EUSAGE, 0, "the process is NULL");
}
END_TEST

/* ---- the handle -------------------------------------------------------------------------------------------------- */

START_TEST(a_full_set_of_descriptors)
{
  int fd = eventfd(0, EFD_CLOEXEC);
  fail_call("epoll_ctl", 1, ENOSPC);
  int rc = styro_process_watch(process, fd, STYRO_SOURCE_PIDFD, &err);
  ck_assert(fail_none());
  failed(rc, STYRO_ESPAWN, ENOSPC, "could not make the set of descriptors to wait for: No space left on device");
  close(fd);
}
END_TEST

START_TEST(an_outcome_that_does_not_stand_yet)
{
  static const char words[] = "the outcome is asked for before styro_process_wait() gave it";
  const char *json = words;
  failed(styro_process_outcome_json(NULL, &json, &err), STYRO_EUSAGE, 0, words);
  failed(styro_process_outcome_json(process, &json, &err), STYRO_EUSAGE, 0, words);
  ck_assert_ptr_eq(json, words);
  bare_ended(far, 0);
  styro_fd_close(&far);
  ck_assert_int_eq(styro_process_wait(process, -1, NULL, &err), 0);
  failed(styro_process_outcome_json(process, NULL, &err), STYRO_EUSAGE, 0, words);
}
END_TEST

START_TEST(an_outcome_is_written_once)
{
  const char *first = NULL;
  const char *second = NULL;
  bare_ended(far, 0);
  styro_fd_close(&far);
  ck_assert_int_eq(styro_process_wait(process, -1, NULL, &err), 0);
  state.calls = 0;
  state.fail_at = 1;
  failed(styro_process_outcome_json(process, &first, &err), STYRO_ENOMEM, 0, "out of memory");
  ck_assert_ptr_null(first);
  state.fail_at = 0;
  ck_assert_int_eq(styro_process_outcome_json(process, &first, &err), 0);
  ck_assert_int_eq(styro_process_outcome_json(process, &second, &err), 0);
  ck_assert_ptr_eq(first, second);
  ck_assert_int_eq(strncmp(first, "{\"version\": 1, \"reason\": \"exited\"", 33), 0);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "process_signals", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      a_signal_is_one_record,
      an_init_that_takes_no_signals,
      an_interrupted_send_goes_on,
      an_init_that_is_gone_is_no_failure,
      held_until_the_payload_runs,
      a_payload_that_cannot_be_signalled,
      an_end_that_was_not_seen_yet,
      a_failure_is_an_end_too,
      a_kill_stands_for_the_callers_wish,
      numbers_that_are_no_signals,
      a_full_set_of_descriptors,
      an_outcome_that_does_not_stand_yet,
      an_outcome_is_written_once,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
