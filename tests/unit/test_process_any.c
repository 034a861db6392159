/*
 * Waiting for any of many: which one is named, what is skipped, what runs out. The handles are driven from the other ends
 * of their status channels.
 * build: -Wl,--wrap=poll
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "bare_process.h"
#include "counting_alloc.h"
#include "lib/fd.h"
#include "test_program.h"

#define N 4

static struct counting_alloc state;
static styro_process *all[N];
static int far[N];
static styro_error err;
static int interrupted; /* so many calls of poll(2) answer EINTR */

int __real_poll(struct pollfd *items, nfds_t n, int wait_ms);
int __wrap_poll(struct pollfd *items, nfds_t n, int wait_ms);

int __wrap_poll(struct pollfd *items, nfds_t n, int wait_ms)
{
  if (interrupted > 0) {
    interrupted--;
    errno = EINTR;
    return -1;
  }
  return __real_poll(items, n, wait_ms);
}

static void setup(void)
{
  bare_setup();
  state = (struct counting_alloc){0};
  styro_allocator alloc = counting_allocator(&state);
  for (int i = 0; i < N; i++) {
    all[i] = bare_process(&alloc, &far[i]);
  }
  err = (styro_error){.size = sizeof err};
  interrupted = 0;
}

static void forget(int i)
{
  styro_process_free(all[i]);
  styro_fd_close(&far[i]);
  all[i] = NULL;
}

static void teardown(void)
{
  for (int i = 0; i < N; i++) {
    forget(i);
  }
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}

static void finish(int i)
{
  bare_ended(far[i], i << 8);
  styro_fd_close(&far[i]);
}

static int any(int wait_ms)
{
  size_t before = state.live_blocks;
  int rc = styro_wait_any(all, N, wait_ms, &err);
  ck_assert_uint_eq(state.live_blocks, before); /* what it took for the wait is gone */
  return rc;
}

static void failed(int rc, int code, const char *message)
{
  ck_assert_int_eq(rc, code);
  ck_assert_int_eq(err.code, code);
  ck_assert_int_eq(err.stage, STYRO_STAGE_SUPERVISE);
  ck_assert_str_eq(err.message, message);
}

START_TEST(nobody_to_wait_for)
{
  static const char words[] = "there is no process to wait for";
  styro_process *none[2] = {NULL, NULL};
  failed(styro_wait_any(NULL, 3, 0, &err), STYRO_EUSAGE, words);
  failed(styro_wait_any(all, 0, 0, &err), STYRO_EUSAGE, words);
  failed(styro_wait_any(none, 2, -1, &err), STYRO_EUSAGE, words);
  failed(styro_wait_any(all, (size_t)INT32_MAX + 1, 0, &err), STYRO_EUSAGE, words);
}
END_TEST

START_TEST(the_one_that_ended_is_named)
{
  failed(any(0), STYRO_EAGAIN, "the time to wait went by; all sandboxes still run");
  failed(any(1), STYRO_EAGAIN, "the time to wait went by; all sandboxes still run");
  finish(2);
  ck_assert_int_eq(any(-1), 2);
  ck_assert_int_eq(any(-1), 2); /* until it is taken out of the list */
  forget(2);
  failed(any(0), STYRO_EAGAIN, "the time to wait went by; all sandboxes still run");
  finish(3);
  ck_assert_int_eq(any(10000), 3);
}
END_TEST

START_TEST(the_first_of_several)
{
  finish(3);
  finish(1);
  ck_assert_int_eq(any(0), 1);
  forget(1);
  ck_assert_int_eq(any(0), 3);
}
END_TEST

START_TEST(null_entries_are_skipped)
{
  forget(0);
  forget(2);
  finish(3);
  ck_assert_int_eq(any(0), 3);
}
END_TEST

/* News that is not the end takes a round, and the wait goes on. */
START_TEST(all_are_moved_forward)
{
  for (int i = 0; i < N; i++) {
    bare_running(far[i]);
  }
  failed(any(20), STYRO_EAGAIN, "the time to wait went by; all sandboxes still run");
  for (int i = 0; i < N; i++) {
    ck_assert(all[i]->facts.running);
  }
}
END_TEST

START_TEST(interruptions_do_not_end_the_wait)
{
  interrupted = 3;
  finish(1);
  ck_assert_int_eq(any(10000), 1);
  ck_assert_int_eq(interrupted, 0);
}
END_TEST

/* An outcome that found no memory is not lost, neither while the sandbox lives nor when it is dead. */
START_TEST(memory_runs_out_for_one_of_them)
{
  int write_end = bare_stdout(all[1], 100);
  ck_assert_int_eq(write(write_end, "text", 4), 4);
  state.calls = 0;
  state.fail_at = 2; /* the first is the wait's own */
  failed(any(-1), STYRO_ENOMEM, "out of memory");
  ck_assert(!all[1]->complete);
  all[1]->dead = true;
  bare_ended(far[1], 0);
  state.calls = 0;
  failed(any(-1), STYRO_ENOMEM, "out of memory");
  state.fail_at = 0;
  ck_assert_int_eq(styro_wait_any(all, N, -1, &err), 1);
  styro_outcome out = {.size = sizeof out};
  ck_assert_int_eq(styro_process_wait(all[1], 0, &out, &err), 0);
  ck_assert_mem_eq(out.out.data, "text", 4);
  close(write_end);
}
END_TEST

START_TEST(memory_runs_out_for_the_wait)
{
  finish(0);
  state.calls = 0;
  state.fail_at = 1;
  failed(any(-1), STYRO_ENOMEM, "out of memory");
  ck_assert(!all[0]->complete); /* nothing was begun */
  state.fail_at = 0;
  ck_assert_int_eq(any(-1), 0);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "process_any", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      nobody_to_wait_for,
      the_one_that_ended_is_named,
      the_first_of_several,
      null_entries_are_skipped,
      all_are_moved_forward,
      interruptions_do_not_end_the_wait,
      memory_runs_out_for_one_of_them,
      memory_runs_out_for_the_wait,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
