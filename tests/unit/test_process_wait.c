/* A process handle's waiting, and what runs out under it: time, descriptors, memory. Scripts play the helper. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

static void script_obey(void)
{
  play_running();
  int sig = play_await_signal();
  play_ended(sig > 0 ? sig : 99 << 8, WIRE_CAUSE_PAYLOAD);
}

static void script_no_exec(void)
{
  for (;;) {
    pause();
  }
}

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

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

START_TEST(waiting_takes_no_longer_than_asked)
{
  styro_process *process = spawn(script_obey);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), 0);
  int64_t start = styro_now();
  ck_assert_int_eq(styro_process_wait(process, 30, &out, &err), STYRO_EAGAIN);
  ck_assert_int_ge(styro_now() - start, 30 * MS);
  ck_assert_int_eq(styro_process_wait(process, 0, &out, &err), STYRO_EAGAIN);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  out.size = 1;
  ck_assert_int_eq(styro_process_wait(process, 0, &out, &err), STYRO_EUSAGE);
  const char *json = NULL;
  ck_assert_int_eq(styro_process_outcome_json(process, &json, &err), STYRO_EUSAGE);
  styro_process_free(process);
  without_init();
  process = spawn(script_no_exec);
  ck_assert_int_eq(styro_process_started(process, 5, &err), STYRO_EAGAIN);
  styro_process_free(process);
}
END_TEST

START_TEST(one_descriptor_tells)
{
  styro_process *process = spawn(script_hello);
  struct pollfd item = {.fd = styro_process_fd(process), .events = POLLIN};
  int rounds = 0;
  int done = 0;
  while (!done && rounds++ < 100) {
    ck_assert_int_eq(poll(&item, 1, SOON), 1);
    done = styro_process_step(process, &err);
    ck_assert_int_ge(done, 0);
  }
  ck_assert_int_eq(done, 1);
  ck_assert_int_eq(poll(&item, 1, 0), 0);
  styro_process_free(process);
}
END_TEST

static void script_held(void)
{
  play_running();
  play_pause();
  play_ended(5 << 8, WIRE_CAUSE_PAYLOAD);
}

START_TEST(any_of_many)
{
  styro_process *all[40] = {NULL};
  pid_t held = 0;
  for (int i = 0; i < 40; i += 2) {
    all[i] = spawn(i == 20 ? script_held : script_obey);
    held = i == 20 ? fake_spawn.last : held;
  }
  ck_assert_int_eq(styro_wait_any(all, 40, 0, &err), STYRO_EAGAIN);
  fake_spawn.last = held;
  play_go();
  ck_assert_int_eq(styro_wait_any(all, 40, SOON, &err), 20);
  ck_assert_int_eq(styro_wait_any(all, 40, SOON, &err), 20);
  ended(all[20]);
  ck_assert_int_eq(out.code, 5);
  styro_process_free(all[20]);
  all[20] = NULL;
  ck_assert_int_eq(styro_process_kill(all[6], SIGKILL, &err), 0);
  ck_assert_int_eq(styro_wait_any(all, 40, -1, &err), 6);
  for (int i = 0; i < 40; i++) {
    styro_process_free(all[i]);
    all[i] = NULL;
  }
  ck_assert_int_eq(styro_wait_any(all, 40, 0, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_wait_any(NULL, 3, 0, &err), STYRO_EUSAGE);
}
END_TEST

START_TEST(null_handles)
{
  ck_assert_int_eq(styro_process_step(NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_process_wait(NULL, 0, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_process_started(NULL, 0, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_process_kill(NULL, 9, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_process_fd(NULL), -1);
  ck_assert_int_eq(styro_process_pidfd(NULL), -1);
  ck_assert_int_eq(styro_process_pid(NULL), -1);
  styro_process *process;
  ck_assert_int_eq(styro_runner_spawn(NULL, &hand.plan, NULL, &process, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_runner_spawn(&runner, NULL, NULL, &process, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_runner_spawn(&runner, &hand.plan, NULL, NULL, &err), STYRO_EUSAGE);
}
END_TEST

/* ---- what runs out ----------------------------------------------------------------------------------------------- */

START_TEST(three_descriptors_and_one_a_stream)
{
  ck_assert_int_ge(styro_plan_memfd(&hand.plan, &err), 3);
  int before = count_fds();
  run = (styro_run){.size = sizeof run};
  styro_process *process = spawn(script_obey);
  ck_assert_int_eq(count_fds() - before, 3);
  styro_process_free(process);
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = "x", .len = 1};
  run.out.kind = run.err.kind = STYRO_STREAM_PIPE;
  process = spawn(script_obey);
  ck_assert_int_eq(count_fds() - before, 6);
  styro_process_free(process);
  ck_assert_int_eq(count_fds(), before);
}
END_TEST

START_TEST(descriptors_run_out)
{
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = "x", .len = 1};
  run.err.kind = STYRO_STREAM_PIPE;
  int before = count_fds();
  int rc = STYRO_ESPAWN;
  int failures = 0;
  for (int extra = 0; rc == STYRO_ESPAWN && extra < 40; extra++) {
    styro_process *process = NULL;
    struct rlimit tight = {(rlim_t)(before - 3 + extra), limit.rlim_max};
    fake_spawn.script = script_cat;
    setrlimit(RLIMIT_NOFILE, &tight);
    rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (rc) {
      failures++;
      ck_assert_int_eq(rc, STYRO_ESPAWN);
      ck_assert_msg(strstr(err.message, "RLIMIT_NOFILE is") != NULL, "%s", err.message);
      ck_assert_str_ne(err.hint, "");
    }
    styro_process_free(process);
    hand_plan_free(&hand);
    ck_assert_int_eq(count_fds(), before);
  }
  ck_assert_int_eq(rc, 0);
  ck_assert_int_gt(failures, 5);
}
END_TEST

START_TEST(closed_stdio_stays_closed)
{
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = "x", .len = 1};
  run.err.kind = STYRO_STREAM_PIPE;
  int saved = dup(1);
  for (int fd = 0; fd < 3; fd++) {
    close(fd);
  }
  styro_process *process = spawn(script_cat);
  bool low = false;
  for (int fd = 0; fd < 3; fd++) {
    low = low || fcntl(fd, F_GETFD) >= 0;
  }
  ended(process);
  for (int fd = 0; fd < 3; fd++) {
    dup2(saved, fd);
  }
  ck_assert(!low);
  ck_assert_mem_eq(out.out.data, "x", 1);
  styro_process_free(process);
}
END_TEST

START_TEST(memory_runs_out_anywhere)
{
  struct counting_alloc state = {0};
  runner.alloc = counting_allocator(&state);
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = "payload", .len = 7};
  styro_plan_memfd(&hand.plan, &err);
  int before = count_fds();
  bool whole = false;
  size_t n = 0;
  while (!whole && n++ < 100) {
    styro_process *process = NULL;
    const char *json = NULL;
    fake_spawn.script = script_cat;
    state.calls = 0;
    state.fail_at = n;
    int rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
    rc = rc ? rc : styro_process_wait(process, SOON, &out, &err);
    rc = rc ? rc : styro_process_outcome_json(process, &json, &err);
    ck_assert_msg(rc == 0 || rc == STYRO_ENOMEM, "call %zu: %d %s", n, rc, err.message);
    whole = rc == 0;
    if (process && rc) { /* memory is there again: the same handle goes on */
      state.fail_at = 0;
      ck_assert_int_eq(styro_process_wait(process, SOON, &out, &err), 0);
      ck_assert_mem_eq(out.out.data, "payload", 7);
    }
    styro_process_free(process);
    ck_assert_uint_eq(state.live_blocks, 0);
    ck_assert_int_eq(count_fds(), before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
  }
  ck_assert(whole);
  ck_assert_uint_gt(n, 6);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

START_TEST(a_refused_clone_leaves_nothing)
{
  int before = count_fds();
  styro_process *process = NULL;
  fake_spawn.fail = STYRO_ESETUP;
  ck_assert_int_eq(styro_runner_spawn(&runner, &hand.plan, &run, &process, &err), STYRO_ESETUP);
  ck_assert_ptr_null(process);
  hand_plan_free(&hand);
  ck_assert_int_eq(count_fds(), before);
}
END_TEST

int main(void)
{
  const TTest *const tests[] = {
      waiting_takes_no_longer_than_asked,
      one_descriptor_tells,
      any_of_many,
      null_handles,
      three_descriptors_and_one_a_stream,
      descriptors_run_out,
      closed_stdio_stays_closed,
      memory_runs_out_anywhere,
      a_refused_clone_leaves_nothing,
  };
  return fixture_run("process_wait", tests, sizeof tests / sizeof *tests);
}
