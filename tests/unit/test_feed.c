/*
 * Feeding of stdin where the pipe does not simply take all: budgets, a full pipe, a reader that is gone, other failures,
 * and what is left of the thread's signals. That all bytes arrive is test_capture.c's.
 * build: -Wl,--wrap=write
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "failing_calls.h"
#include "lib/capture.h"
#include "lib/fd.h"
#include "test_program.h"

static int ends[2];
static struct counting_alloc state;
static struct styro_feed feed;

static void setup(void)
{
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  state = (struct counting_alloc){0};
}

static void teardown(void)
{
  styro_feed_free(&feed);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
  styro_fd_close(&ends[0]);
  styro_fd_close(&ends[1]);
}

static void start(int fd, const void *data, size_t len, int borrow)
{
  const styro_stream stream = {.kind = STYRO_STREAM_PIPE, .data = data, .len = len, .borrow = borrow};
  styro_allocator alloc = counting_allocator(&state);
  ck_assert_int_eq(styro_feed_init(&feed, &alloc, fd, &stream), 0);
}

static int in_pipe(void)
{
  int n = -1;
  ck_assert_int_eq(ioctl(ends[0], FIONREAD, &n), 0);
  return n;
}

/* ---- what is copied ---------------------------------------------------------------------------------------------- */

START_TEST(only_what_is_needed_is_copied)
{
  start(ends[1], "abc", 3, 0);
  ck_assert_uint_eq(state.live_bytes, 3);
  styro_feed_free(&feed);
  styro_feed_free(&feed); /* once more is fine */
  start(ends[1], "abc", 3, 1);
  ck_assert_uint_eq(state.live_bytes, 0);
  start(ends[1], NULL, 0, 0);
  ck_assert_uint_eq(state.live_bytes, 0);
  start(-1, "abc", 3, 0); /* no pipe: nobody will be fed */
  ck_assert_int_eq(feed.fd, -1);
  ck_assert_uint_eq(state.live_bytes, 0);
}
END_TEST

START_TEST(without_memory_the_feed_is_not_touched)
{
  const styro_stream stream = {.kind = STYRO_STREAM_PIPE, .data = "abc", .len = 3};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_feed before;
  memset(&feed, 0, sizeof feed);
  feed.fd = 77;
  before = feed;
  state.fail_at = 1;
  ck_assert_int_eq(styro_feed_init(&feed, &alloc, ends[1], &stream), STYRO_ENOMEM);
  ck_assert_mem_eq(&feed, &before, sizeof feed);
  state.fail_at = 0;
  feed.alloc = alloc;
}
END_TEST

/* ---- budgets ----------------------------------------------------------------------------------------------------- */

START_TEST(nothing_to_feed_is_the_end_at_once)
{
  start(ends[1], NULL, 0, 0);
  ck_assert_int_eq(styro_feed_write(&feed, 100), STYRO_FLOW_END);
  ck_assert_int_eq(in_pipe(), 0);
}
END_TEST

START_TEST(a_budget_is_kept_to_the_byte)
{
  char got[8];
  start(ends[1], "abcdef", 6, 1);
  ck_assert_int_eq(styro_feed_write(&feed, 0), STYRO_FLOW_MORE);
  ck_assert_int_eq(in_pipe(), 0);
  ck_assert_int_eq(styro_feed_write(&feed, 4), STYRO_FLOW_MORE);
  ck_assert_int_eq(in_pipe(), 4);
  ck_assert_int_eq(styro_feed_write(&feed, 2), STYRO_FLOW_END);
  ck_assert_int_eq(read(ends[0], got, sizeof got), 6);
  ck_assert_mem_eq(got, "abcdef", 6);
  ck_assert_int_eq(styro_feed_write(&feed, 2), STYRO_FLOW_END);
  ck_assert_int_eq(in_pipe(), 0);
}
END_TEST

START_TEST(a_full_pipe_is_waited_for)
{
  static char data[1 << 20];
  static char got[1 << 20];
  memset(data, 'd', sizeof data);
  start(ends[1], data, sizeof data, 1);
  ck_assert_int_eq(styro_feed_write(&feed, sizeof data), STYRO_FLOW_WAIT);
  size_t held = (size_t)in_pipe();
  ck_assert_uint_gt(held, 0);
  ck_assert_uint_eq(feed.done, held); /* what was taken is not sent again */
  ck_assert_int_eq(styro_feed_write(&feed, sizeof data), STYRO_FLOW_WAIT);
  ck_assert_int_eq(read(ends[0], got, sizeof got), (ssize_t)held);
  ck_assert_int_eq(styro_feed_write(&feed, sizeof data), STYRO_FLOW_WAIT);
  ck_assert_uint_gt(feed.done, held);
}
END_TEST

/* ---- failures ---------------------------------------------------------------------------------------------------- */

START_TEST(an_interrupted_write_goes_on)
{
  start(ends[1], "abc", 3, 1);
  fail_call("write", 1, EINTR);
  int flow = styro_feed_write(&feed, 10);
  ck_assert(fail_none());
  ck_assert_int_eq(flow, STYRO_FLOW_END);
  ck_assert_int_eq(in_pipe(), 3);
}
END_TEST

START_TEST(any_other_failure_is_the_end)
{
  const int numbers[] = {EIO, EBADF, ENOSPC};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    start(ends[1], "abc", 3, 1);
    fail_call("write", 1, numbers[i]);
    int flow = styro_feed_write(&feed, 10);
    ck_assert(fail_none());
    ck_assert_int_eq(flow, STYRO_FLOW_END);
    ck_assert_int_eq(in_pipe(), 0);
  }
}
END_TEST

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static bool pending(int sig)
{
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, sig) == 1;
}

/* Blocks these two, writes to a pipe without a reader, and says whether the mask is the same afterwards. */
static void write_to_nobody(int blocked, int other)
{
  sigset_t wanted;
  sigset_t mask;
  sigemptyset(&wanted);
  sigaddset(&wanted, blocked);
  sigaddset(&wanted, other);
  pthread_sigmask(SIG_SETMASK, &wanted, NULL);
  start(ends[1], "abc", 3, 1);
  styro_fd_close(&ends[0]);
  ck_assert_int_eq(styro_feed_write(&feed, 10), STYRO_FLOW_END);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  for (int sig = 1; sig < 32; sig++) {
    ck_assert_int_eq(sigismember(&mask, sig), sigismember(&wanted, sig));
  }
}

START_TEST(a_mask_without_sigpipe_comes_back)
{
  signal(SIGPIPE, SIG_DFL); /* would end this program */
  write_to_nobody(SIGUSR1, SIGHUP);
  ck_assert(!pending(SIGPIPE));
}
END_TEST

START_TEST(a_mask_with_sigpipe_comes_back)
{
  signal(SIGPIPE, SIG_DFL);
  write_to_nobody(SIGPIPE, SIGUSR2);
  ck_assert(!pending(SIGPIPE)); /* it came of our write: the caller never hears of it */
}
END_TEST

static volatile sig_atomic_t heard;

static void hear(int sig)
{
  heard = heard + sig;
}

START_TEST(a_handler_of_the_callers_own_is_not_called)
{
  const struct sigaction action = {.sa_handler = hear};
  sigaction(SIGPIPE, &action, NULL);
  write_to_nobody(SIGUSR1, SIGUSR2);
  ck_assert_int_eq(heard, 0);
  raise(SIGPIPE); /* and it is still in place */
  ck_assert_int_eq(heard, SIGPIPE);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "feed", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      only_what_is_needed_is_copied,      without_memory_the_feed_is_not_touched,
      nothing_to_feed_is_the_end_at_once, a_budget_is_kept_to_the_byte,
      a_full_pipe_is_waited_for,          an_interrupted_write_goes_on,
      any_other_failure_is_the_end,       a_mask_without_sigpipe_comes_back,
      a_mask_with_sigpipe_comes_back,     a_handler_of_the_callers_own_is_not_called,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
