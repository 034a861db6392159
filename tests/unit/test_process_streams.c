/* A process handle's streams: captured, limited, fed, left unread, held open by strangers. Scripts play the helper. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_fixture.h"

static void script_hello(void)
{
  play_running();
  play_say(1, "hello\n");
  play_say(2, "not captured");
  play_ended(3 << 8, WIRE_CAUSE_PAYLOAD);
}

static void script_sleep(void)
{
  play_exec();
  sleep(60);
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static void script_flood(void)
{
  static char page[4096];
  play_running();
  memset(page, 'x', sizeof page);
  for (int i = 0; i < 1000; i++) {
    if (write(1, page, sizeof page) < 0) {
      break;
    }
  }
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

START_TEST(truncate_discards_but_counts)
{
  hand_run(&hand)->output_keep = WIRE_KEEP_TAIL;
  run.output_limit = 10000;
  styro_process *process = run_to_end(script_flood);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert_uint_eq(out.out.bytes, 4096000);
  ck_assert_uint_eq(out.out.kept, 10000);
  ck_assert_int_eq(out.out.truncated, 1);
  styro_process_free(process);
}
END_TEST

static void script_over_and_done(void)
{
  play_running();
  play_say(1, "four");
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

START_TEST(kill_at_the_limit)
{
  hand_run(&hand)->output_kill = 1;
  run.output_limit = 10000;
  styro_process *process = run_to_end(script_flood);
  ck_assert_int_eq(out.reason, STYRO_OUTPUT_LIMITED);
  ck_assert_str_eq(out.detail, "stdout");
  ck_assert_uint_eq(out.out.kept, 10000);
  styro_process_free(process);
  run.output_limit = 3; /* over the limit by bytes that are read after the payload's own end: the same answer */
  process = spawn(script_over_and_done);
  ck_assert(styro_pidfd_wait(styro_process_pidfd(process), SOON));
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_OUTPUT_LIMITED);
  styro_process_free(process);
}
END_TEST

static void script_flood_both(void)
{
  play_exec();
  play_say(1, "little");
  for (;;) {
    play_say(2, "0123456789");
  }
}

START_TEST(both_streams_without_init)
{
  without_init();
  hand_run(&hand)->output_kill = 1;
  run.err.kind = STYRO_STREAM_PIPE;
  run.output_limit = 5000;
  styro_process *process = run_to_end(script_flood_both);
  ck_assert_int_eq(out.reason, STYRO_OUTPUT_LIMITED);
  ck_assert_str_eq(out.detail, "stderr");
  styro_process_free(process);
}
END_TEST

static void script_cat(void)
{
  char bytes[65536];
  ssize_t n;
  play_running();
  while ((n = read(0, bytes, sizeof bytes)) > 0) {
    for (ssize_t at = 0; at < n;) {
      ssize_t done = write(1, bytes + at, (size_t)(n - at));
      at += done > 0 ? done : n;
    }
  }
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

START_TEST(through_stdin_to_stdout)
{
  enum { N = 4 << 20 };
  char *data = malloc(N);
  for (int i = 0; i < N; i++) {
    data[i] = (char)(i * 31 + (i >> 12));
  }
  for (int borrow = 0; borrow < 2; borrow++) {
    run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = data, .len = N, .borrow = borrow};
    styro_process *process = run_to_end(script_cat);
    ck_assert_uint_eq(out.out.kept, N);
    ck_assert_mem_eq(out.out.data, data, N);
    styro_process_free(process);
  }
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE};
  styro_process *process = run_to_end(script_cat);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert_uint_eq(out.out.bytes, 0);
  styro_process_free(process);
  free(data);
}
END_TEST

START_TEST(nobody_reads_stdin)
{
  static char data[200000];
  signal(SIGPIPE, SIG_DFL);
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = data, .len = sizeof data, .borrow = 1};
  styro_process *process = run_to_end(script_hello);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  styro_process_free(process);
}
END_TEST

/* A process that is no part of the tree keeps stdout open until the test ends it. */
static void script_outsider(void)
{
  char pid[16];
  play_running();
  pid_t outsider = fork();
  if (outsider == 0) {
    syscall(SYS_close_range, 2, ~0u, 0);
    for (;;) {
      pause();
    }
  }
  snprintf(pid, sizeof pid, "%d", (int)outsider);
  play_say(1, pid);
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

START_TEST(an_outsider_holds_the_pipe)
{
  char pid[16] = "";
  styro_process *process = run_to_end(script_outsider);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert(out.out.kept > 0 && out.out.kept < sizeof pid);
  memcpy(pid, out.out.data, out.out.kept);
  ck_assert_int_eq(kill((pid_t)strtol(pid, NULL, 10), SIGKILL), 0); /* it lived on, and so held the pipe */
  styro_process_free(process);
}
END_TEST

/* A forked child of the caller holds our ends: the channel's end never comes, the outcome does. */
START_TEST(a_forked_child_of_the_caller_holds_everything)
{
  without_init();
  styro_process *process = spawn(script_sleep);
  pid_t child = fork();
  if (child == 0) {
    sleep(30);
    _exit(0);
  }
  ck_assert_int_eq(styro_process_started(process, SOON, &err), 0);
  ck_assert_int_eq(styro_process_kill(process, SIGTERM, &err), 0);
  ended(process);
  ck_assert_int_eq(out.signal, SIGTERM);
  styro_process_free(process);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}
END_TEST

int main(void)
{
  const TTest *const tests[] = {
      truncate_discards_but_counts,
      kill_at_the_limit,
      both_streams_without_init,
      through_stdin_to_stdout,
      nobody_reads_stdin,
      an_outsider_holds_the_pipe,
      a_forked_child_of_the_caller_holds_everything,
  };
  return fixture_run("process_streams", tests, sizeof tests / sizeof *tests);
}
