/*
 * What helper and init report, turned into facts: each record, damaged ones, the descriptor that comes with one, the end of
 * the channel, and the verdict where no init reports. What the facts lead to is test_outcome.c's.
 * build: -Wl,--wrap=recvmsg,--wrap=epoll_ctl,--wrap=syscall
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
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
static pid_t child;

static void setup(void)
{
  before = bare_descriptors();
  bare_setup();
  state = (struct counting_alloc){0};
  styro_allocator alloc = counting_allocator(&state);
  process = bare_process(&alloc, &far);
  child = -1;
}

static void teardown(void)
{
  fail_none();
  if (child > 0) { /* a test that failed half-way */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  styro_process_free(process);
  styro_fd_close(&far);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(bare_descriptors(), before);
}

static const struct styro_facts *facts(void)
{
  return &process->facts;
}

/* A child that waits to be killed. */
static pid_t sleeper(void)
{
  child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail */
    for (;;) {
      pause();
    }
  }
  return child;
}

/* The signal that ended the child. */
static int killed_by(void)
{
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  child = -1;
  ck_assert(WIFSIGNALED(status));
  return WTERMSIG(status);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

START_TEST(nothing_was_said)
{
  styro_process_receive(process);
  ck_assert(!facts()->running && !facts()->failed && !facts()->ended);
  ck_assert_int_ge(process->status, 0);
}
END_TEST

START_TEST(running_brings_stamps_and_what_was_skipped)
{
  const struct wire_running record = {.head = {.type = WIRE_STATUS_RUNNING, .size = sizeof record},
                                      .stamps = {11, 12, 13, 14, 15},
                                      .skipped = UINT64_C(1) << 40 | 1};
  bare_send(far, &record, sizeof record);
  styro_process_receive(process);
  ck_assert(facts()->running && !facts()->ended);
  for (int i = 0; i < STYRO_STAMPS; i++) {
    ck_assert_int_eq(facts()->stamps[i], 11 + i);
  }
  ck_assert_uint_eq(facts()->skipped, record.skipped);
}
END_TEST

START_TEST(ended_brings_all_figures_and_means_that_it_ran)
{
  struct wire_ended record;
  memset(&record, 0, sizeof record);
  record.head = (struct wire_record){.type = WIRE_STATUS_ENDED, .size = sizeof record, .arg = WIRE_CAUSE_WALL};
  record.wait_status = SIGKILL;
  record.finished = 77;
  record.user = 1;
  record.blocks_out = INT64_MAX;
  bare_send(far, &record, sizeof record);
  styro_process_receive(process);
  ck_assert(facts()->running && facts()->ended);
  ck_assert_mem_eq(&facts()->end, &record, sizeof record);
  ck_assert_int_eq(facts()->finished, 77);
}
END_TEST

START_TEST(the_first_failure_stands)
{
  bare_failed(far, WIRE_STATUS_EXEC_FAILED, 9, WIRE_WHAT_LOADER, ENOENT, "/lib/ld.so");
  bare_failed(far, WIRE_STATUS_SETUP_FAILED, 2, WIRE_WHAT_STEP, EPERM, "later");
  styro_process_receive(process);
  ck_assert(facts()->failed);
  ck_assert_int_eq(facts()->failure, STYRO_EEXEC);
  ck_assert_uint_eq(facts()->step, 9);
  ck_assert_uint_eq(facts()->what, WIRE_WHAT_LOADER);
  ck_assert_int_eq(facts()->sys_errno, ENOENT);
  ck_assert_str_eq(facts()->component, "/lib/ld.so");
}
END_TEST

START_TEST(a_setup_failure)
{
  bare_failed(far, WIRE_STATUS_SETUP_FAILED, UINT32_MAX, WIRE_WHAT_FDS, EMFILE, "");
  styro_process_receive(process);
  ck_assert_int_eq(facts()->failure, STYRO_ESETUP);
  ck_assert_uint_eq(facts()->step, UINT32_MAX);
  ck_assert_str_eq(facts()->component, "");
}
END_TEST

START_TEST(a_component_without_its_end_gets_one)
{
  char text[WIRE_COMPONENT + 1];
  memset(text, 'c', sizeof text);
  bare_failed(far, WIRE_STATUS_SETUP_FAILED, 1, WIRE_WHAT_SOURCE, ENOENT, text);
  styro_process_receive(process);
  ck_assert_uint_eq(strlen(facts()->component), WIRE_COMPONENT - 1);
}
END_TEST

/* ---- what is no record ------------------------------------------------------------------------------------------- */

START_TEST(damaged_messages_change_nothing)
{
  static const uint16_t types[] = {WIRE_STATUS_NONE, WIRE_STATUS_READY, WIRE_STATUS_KILL, WIRE_STATUS_RESIZE, 7, 999};
  char long_one[2 * WIRE_STATUS_MAX] = {0};
  const struct wire_record running = {.type = WIRE_STATUS_RUNNING, .size = sizeof running};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    const struct wire_record record = {.type = types[i], .size = sizeof record, .step = 1, .err = 2, .arg = 3};
    bare_send(far, &record, sizeof record);
  }
  bare_send(far, &running, sizeof running - 1); /* shorter than any record */
  bare_send(far, "", 1);
  bare_send(far, long_one, sizeof long_one);
  styro_process_receive(process);
  ck_assert(!facts()->running && !facts()->failed && !facts()->ended);
  ck_assert_int_ge(process->status, 0);
}
END_TEST

/* Nothing of the message before it shows through where a record is shorter than its body. */
START_TEST(a_short_body_is_zeros)
{
  const struct wire_record running = {.type = WIRE_STATUS_RUNNING, .size = sizeof running};
  char noise[WIRE_STATUS_MAX];
  memset(noise, 0xff, sizeof noise);
  bare_send(far, noise, sizeof noise);
  bare_send(far, &running, sizeof running);
  styro_process_receive(process);
  ck_assert(facts()->running);
  ck_assert_uint_eq(facts()->skipped, 0);
  for (int i = 0; i < STYRO_STAMPS; i++) {
    ck_assert_int_eq(facts()->stamps[i], 0);
  }
}
END_TEST

/* ---- the channel ------------------------------------------------------------------------------------------------- */

START_TEST(interruptions_lose_nothing)
{
  const int numbers[] = {EINTR, ECONNRESET};
  for (int i = 0; i < 2; i++) {
    process->facts.running = false;
    bare_running(far);
    fail_call("recvmsg", 1, numbers[i]);
    styro_process_receive(process);
    ck_assert(fail_none());
    ck_assert(facts()->running);
    ck_assert_int_ge(process->status, 0);
  }
}
END_TEST

START_TEST(a_broken_channel_is_an_ended_one)
{
  fail_call("recvmsg", 1, ENOTCONN);
  styro_process_receive(process);
  ck_assert(fail_none());
  ck_assert_int_eq(process->status, -1);
}
END_TEST

START_TEST(the_end_comes_after_the_last_record)
{
  process->reserve = fcntl(process->epoll, F_DUPFD_CLOEXEC, 3);
  bare_running(far);
  bare_ended(far, 5 << 8);
  styro_fd_close(&far);
  styro_process_receive(process);
  ck_assert(facts()->ended);
  ck_assert_int_eq(process->status, -1);
  ck_assert_int_eq(process->reserve, -1);
  styro_process_receive(process); /* again: there is nothing to read from */
  ck_assert_int_eq(facts()->end.wait_status, 5 << 8);
}
END_TEST

/* ---- the pidfd --------------------------------------------------------------------------------------------------- */

static bool is_watched(int fd, enum styro_source source)
{
  struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = source}};
  return epoll_ctl(process->epoll, EPOLL_CTL_ADD, fd, &event) < 0 && errno == EEXIST;
}

/* An eventfd in its place: something to watch, and nothing that could be signalled by mistake. */
START_TEST(the_pidfd_is_kept_and_watched)
{
  int passed = eventfd(0, EFD_CLOEXEC);
  process->reserve = fcntl(process->epoll, F_DUPFD_CLOEXEC, 3);
  bare_pass(far, 4242, &passed, 1);
  styro_process_receive(process);
  ck_assert_int_eq(process->pid, 4242);
  ck_assert_int_ge(process->pidfd, 3);
  ck_assert_int_ne(process->pidfd, passed);
  ck_assert(fcntl(process->pidfd, F_GETFD) & FD_CLOEXEC);
  ck_assert(is_watched(process->pidfd, STYRO_SOURCE_PIDFD));
  ck_assert_int_eq(process->reserve, -1); /* its room is used now */
  int kept = process->pidfd;
  int open_now = bare_descriptors();
  bare_pass(far, 4343, &passed, 1); /* a second one is not asked for: it is closed */
  styro_process_receive(process);
  ck_assert_int_eq(process->pid, 4242);
  ck_assert_int_eq(process->pidfd, kept);
  ck_assert_int_eq(bare_descriptors(), open_now);
  styro_fd_close(&process->pidfd);
  process->pid = -1;
  close(passed);
}
END_TEST

START_TEST(a_descriptor_with_another_record_is_closed)
{
  int passed = eventfd(0, EFD_CLOEXEC);
  int open_now = bare_descriptors();
  process->pid = 1; /* known already */
  bare_pass(far, 4242, &passed, 1);
  styro_process_receive(process);
  process->pid = -1;
  ck_assert_int_eq(process->pidfd, -1);
  ck_assert_int_eq(bare_descriptors(), open_now);
  close(passed);
}
END_TEST

START_TEST(without_its_pidfd_the_process_is_killed_by_number)
{
  bare_pass(far, sleeper(), NULL, 0);
  styro_process_receive(process);
  ck_assert_int_eq(process->pidfd, -1);
  ck_assert_int_eq(process->pid, child);
  ck_assert_int_eq(killed_by(), SIGKILL);
  process->pid = -1;
}
END_TEST

START_TEST(a_pidfd_that_cannot_be_watched_is_given_up)
{
  int passed = eventfd(0, EFD_CLOEXEC);
  bare_pass(far, sleeper(), &passed, 1);
  fail_call("epoll_ctl", 1, ENOSPC);
  styro_process_receive(process);
  ck_assert(fail_none());
  ck_assert_int_eq(process->pidfd, -1);
  ck_assert_int_eq(killed_by(), SIGKILL);
  process->pid = -1;
  close(passed);
}
END_TEST

START_TEST(a_stop_that_waited_for_the_pidfd)
{
  if (emulated()) {
    printf("skipped: a_stop_that_waited_for_the_pidfd: valgrind 3.19 knows no pidfd_open(2)\n");
    return;
  }
  int passed = styro_pidfd_open(sleeper());
  styro_process_stop(process, STYRO_STOP_OUTPUT);
  bare_pass(far, child, &passed, 1);
  styro_process_receive(process);
  ck_assert_int_eq(facts()->stop, STYRO_STOP_OUTPUT);
  ck_assert_int_eq(killed_by(), SIGKILL);
  process->pid = -1;
  close(passed);
}
END_TEST

/* ---- the verdict ------------------------------------------------------------------------------------------------- */

static struct wire_verdict *verdict_of(uint32_t status)
{
  struct wire_verdict *verdict = &bare_without_init(process)->verdict;
  *verdict = (struct wire_verdict){.state = status, .step = 3, .err = EACCES, .what = WIRE_WHAT_CHDIR, .skipped = 6};
  strcpy(verdict->component, "there");
  verdict->stamps[WIRE_STAMP_HELPER] = 21;
  return verdict;
}

START_TEST(a_verdict_is_read_at_the_channels_end)
{
  verdict_of(WIRE_STATUS_SETUP_FAILED)->stamps[WIRE_STAMP_IDENTITY] = 24; /* failed after its last stamp */
  styro_process_receive(process);
  ck_assert(!facts()->failed); /* the channel is open: it is not final */
  styro_fd_close(&far);
  styro_process_receive(process);
  ck_assert(facts()->failed && !facts()->running);
  ck_assert_int_eq(facts()->failure, STYRO_ESETUP);
  ck_assert_uint_eq(facts()->step, 3);
  ck_assert_uint_eq(facts()->what, WIRE_WHAT_CHDIR);
  ck_assert_int_eq(facts()->sys_errno, EACCES);
  ck_assert_str_eq(facts()->component, "there");
  ck_assert_uint_eq(facts()->skipped, 6);
  ck_assert_int_eq(facts()->stamps[WIRE_STAMP_HELPER], 21);
}
END_TEST

START_TEST(a_verdict_on_exec)
{
  verdict_of(WIRE_STATUS_EXEC_FAILED);
  styro_process_take_verdict(process);
  ck_assert_int_eq(facts()->failure, STYRO_EEXEC);
}
END_TEST

START_TEST(the_stamp_before_exec_is_success)
{
  struct wire_verdict *verdict = verdict_of(WIRE_STATUS_NONE);
  styro_process_take_verdict(process);
  ck_assert(!facts()->running && !facts()->failed); /* it ended before it came so far */
  verdict->stamps[WIRE_STAMP_IDENTITY] = 24;
  styro_process_take_verdict(process);
  ck_assert(facts()->running && !facts()->failed);
}
END_TEST

/* What a record said goes before the block, which whoever wrote it may have left half-written. */
START_TEST(a_failure_by_record_goes_first)
{
  verdict_of(WIRE_STATUS_NONE)->stamps[WIRE_STAMP_IDENTITY] = 24;
  bare_failed(far, WIRE_STATUS_SETUP_FAILED, 1, WIRE_WHAT_FDS, EBADF, "");
  styro_fd_close(&far);
  styro_process_receive(process);
  ck_assert(facts()->failed && !facts()->running);
  ck_assert_uint_eq(facts()->what, WIRE_WHAT_FDS);
}
END_TEST

START_TEST(held_signals_wait_for_exec_and_a_pidfd)
{
  struct wire_verdict *verdict = verdict_of(WIRE_STATUS_NONE);
  process->held = UINT64_C(1) << (SIGUSR1 - 1);
  styro_process_take_verdict(process);
  ck_assert_uint_ne(process->held, 0);
  verdict->stamps[WIRE_STAMP_IDENTITY] = 24;
  styro_process_take_verdict(process);
  ck_assert_uint_ne(process->held, 0); /* helper mode, and the pidfd is still on its way */
  if (emulated()) {
    printf("skipped: held_signals_wait_for_exec_and_a_pidfd: valgrind 3.19 knows no pidfd_open(2)\n");
    return;
  }
  process->pidfd = styro_pidfd_open(sleeper());
  styro_process_take_verdict(process);
  ck_assert_uint_eq(process->held, 0);
  ck_assert_int_eq(killed_by(), SIGUSR1);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "process_records", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      nothing_was_said,
      running_brings_stamps_and_what_was_skipped,
      ended_brings_all_figures_and_means_that_it_ran,
      the_first_failure_stands,
      a_setup_failure,
      a_component_without_its_end_gets_one,
      damaged_messages_change_nothing,
      a_short_body_is_zeros,
      interruptions_lose_nothing,
      a_broken_channel_is_an_ended_one,
      the_end_comes_after_the_last_record,
      the_pidfd_is_kept_and_watched,
      a_descriptor_with_another_record_is_closed,
      without_its_pidfd_the_process_is_killed_by_number,
      a_pidfd_that_cannot_be_watched_is_given_up,
      a_stop_that_waited_for_the_pidfd,
      a_verdict_is_read_at_the_channels_end,
      a_verdict_on_exec,
      the_stamp_before_exec_is_success,
      a_failure_by_record_goes_first,
      held_signals_wait_for_exec_and_a_pidfd,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
