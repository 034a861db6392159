/*
 * A process handle through every course that a sandbox can take, with scripts in place of the helper: what is reported,
 * what is not, who dies first, who holds which pipe, what runs out. With the real helper the drivers go the same ways.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "fake_spawn.h"
#include "hand_plan.h"
#include "lib/process.h"
#include "lib/runner.h"

#define MS INT64_C(1000000)
#define SOON 10000

static struct hand_plan hand;
static struct styro_runner runner;
static styro_error err;
static styro_outcome out;
static styro_run run;

static void setup(void)
{
  hand_plan_init(&hand);
  memset(&runner, 0, sizeof runner);
  memset(&fake_spawn, 0, sizeof fake_spawn);
  runner.alloc = styro_allocator_or_malloc(NULL);
  err = (styro_error){.size = sizeof err};
  out = (styro_outcome){.size = sizeof out};
  run = (styro_run){.size = sizeof run};
  run.out.kind = STYRO_STREAM_PIPE;
}

static void without_init(void)
{
  hand_flags(&hand, 0);
}

static int count_fds(void)
{
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (readdir(dir)) {
    n++;
  }
  closedir(dir);
  return n;
}

static styro_process *spawn(void (*script)(void))
{
  styro_process *process = NULL;
  fake_spawn.script = script;
  int rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
  ck_assert_msg(rc == 0, "%d: %s", rc, err.message);
  return process;
}

static styro_process *ended(styro_process *process)
{
  int rc = styro_process_wait(process, SOON, &out, &err);
  ck_assert_msg(rc == 0, "%d: %s", rc, err.message);
  return process;
}

static styro_process *run_to_end(void (*script)(void))
{
  return ended(spawn(script));
}

static bool kernel_keeps_exit(void)
{
  struct utsname names;
  int major = 0;
  int minor = 0;
  uname(&names);
  return sscanf(names.release, "%d.%d", &major, &minor) == 2 && major * 100 + minor >= 615;
}

/* ---- reports of an init ------------------------------------------------------------------------------------------ */

static void script_hello(void)
{
  play_running();
  play_say(1, "hello\n");
  play_say(2, "not captured");
  play_ended(3 << 8, WIRE_CAUSE_PAYLOAD);
}

START_TEST(exited_with_all_figures)
{
  run.name = "job 1";
  run.err.kind = STYRO_STREAM_NULL;
  styro_process *process = run_to_end(script_hello);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert_int_eq(out.code, 3);
  ck_assert_str_eq(out.name, "job 1");
  ck_assert_str_eq(out.spawn_mode, "vfork");
  ck_assert_int_eq(out.init, 1);
  ck_assert_int_eq(out.out.captured, 1);
  ck_assert_uint_eq(out.out.kept, 6);
  ck_assert_mem_eq(out.out.data, "hello\n", 6);
  ck_assert_int_eq(out.err.captured, 0);
  ck_assert_int_eq(out.usage.user, 11);
  ck_assert_int_eq(out.usage.max_rss, 13);
  ck_assert_int_eq(out.usage.read_bytes, 18 * 512);
  ck_assert_int_eq(out.usage.setup_exec, MS);
  ck_assert_int_gt(out.usage.wall, 0);
  ck_assert_int_eq(styro_process_step(process, &err), 1);
  ck_assert_int_eq(styro_process_started(process, 0, &err), 0);
  ck_assert_int_eq(styro_process_wait(process, 0, NULL, &err), 0);
  styro_process_free(process);
}
END_TEST

static void script_signaled(void)
{
  play_running();
  play_ended(SIGSEGV | 0x80, WIRE_CAUSE_PAYLOAD);
}

START_TEST(signaled_with_core)
{
  styro_process *process = run_to_end(script_signaled);
  ck_assert_int_eq(out.reason, STYRO_SIGNALED);
  ck_assert_int_eq(out.signal, SIGSEGV);
  ck_assert_int_eq(out.core_dumped, 1);
  ck_assert_int_eq(out.code, -1);
  styro_process_free(process);
}
END_TEST

static void script_deadline(void)
{
  play_running();
  play_ended(SIGKILL, WIRE_CAUSE_WALL);
}

START_TEST(deadline_of_init)
{
  styro_process *process = run_to_end(script_deadline);
  ck_assert_int_eq(out.reason, STYRO_TIMED_OUT);
  ck_assert_str_eq(out.detail, "wall");
  ck_assert_int_eq(out.signal, SIGKILL);
  styro_process_free(process);
}
END_TEST

static void script_setup_failed(void)
{
  play_failed(WIRE_STATUS_SETUP_FAILED, 2, WIRE_WHAT_SOURCE, ENOENT, "src");
  _exit(125);
}

static void script_exec_failed(void)
{
  play_failed(WIRE_STATUS_EXEC_FAILED, 1, WIRE_WHAT_NOT_FOUND, ENOENT, "nothing");
  _exit(125);
}

START_TEST(failures_are_outcomes_and_start_errors)
{
  styro_process *process = spawn(script_setup_failed);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), STYRO_ESETUP);
  ck_assert_int_eq(err.sys_errno, ENOENT);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_SETUP_FAILED);
  ck_assert_int_eq(out.error.code, STYRO_ESETUP);
  ck_assert_uint_eq(out.enforced, 0);
  styro_process_free(process);
  process = spawn(script_exec_failed);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), STYRO_EEXEC);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_EXEC_FAILED);
  ck_assert_uint_ne(out.enforced, 0);
  styro_process_free(process);
}
END_TEST

static void script_silent(void)
{
  _exit(3);
}

static void script_running_then_silent(void)
{
  play_running();
  raise(SIGKILL);
}

START_TEST(lost_says_what_was_seen)
{
  styro_process *process = spawn(script_silent);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), STYRO_ESETUP);
  ck_assert(strstr(err.message, "exited with code 3") != NULL);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_LOST);
  styro_process_free(process);
  process = run_to_end(script_running_then_silent);
  ck_assert_int_eq(out.reason, STYRO_LOST);
  ck_assert_int_eq(out.error.code, STYRO_EIO);
  ck_assert_msg(strstr(out.message, "was killed by SIGKILL") != NULL, "%s", out.message);
  ck_assert_int_eq(out.signal, 0);
  styro_process_free(process);
}
END_TEST

/* ---- without an init --------------------------------------------------------------------------------------------- */

static void script_exec_7(void)
{
  play_exec();
  _exit(7);
}

static void script_exec_abort(void)
{
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  play_exec();
  abort();
}

START_TEST(the_first_process_is_the_payload)
{
  without_init();
  styro_process *process = spawn(script_exec_7);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert_int_eq(out.code, 7);
  ck_assert_int_eq(out.init, 0);
  ck_assert_int_eq(out.usage.max_rss, -1);
  ck_assert_int_ge(out.usage.user, 0);
  styro_process_free(process);
  process = run_to_end(script_exec_abort);
  ck_assert_int_eq(out.reason, STYRO_SIGNALED);
  ck_assert_int_eq(out.signal, SIGABRT);
  styro_process_free(process);
}
END_TEST

static void script_verdict_setup(void)
{
  play_verdict(WIRE_STATUS_SETUP_FAILED, 2, WIRE_WHAT_STEP, EACCES, "there");
  _exit(125);
}

static void script_verdict_exec(void)
{
  play_stamp();
  play_verdict(WIRE_STATUS_EXEC_FAILED, 1, WIRE_WHAT_LOADER, ENOENT, "/lib/ld.so");
  _exit(125);
}

START_TEST(the_verdict_is_read_from_the_run_block)
{
  without_init();
  styro_process *process = run_to_end(script_verdict_setup);
  ck_assert_int_eq(out.reason, STYRO_SETUP_FAILED);
  ck_assert_int_eq(out.error.sys_errno, EACCES);
  styro_process_free(process);
  process = run_to_end(script_verdict_exec);
  ck_assert_int_eq(out.reason, STYRO_EXEC_FAILED);
  styro_process_free(process);
  process = run_to_end(script_silent);
  ck_assert_int_eq(out.reason, STYRO_LOST);
  ck_assert_int_eq(out.code, -1);
  styro_process_free(process);
}
END_TEST

START_TEST(sigchld_ignored)
{
  without_init();
  signal(SIGCHLD, SIG_IGN);
  styro_process *process = run_to_end(script_exec_7);
  if (kernel_keeps_exit()) {
    ck_assert_int_eq(out.reason, STYRO_EXITED);
    ck_assert_int_eq(out.code, 7);
  } else {
    ck_assert_int_eq(out.reason, STYRO_LOST);
    ck_assert(strstr(out.message, "SIGCHLD") != NULL);
  }
  styro_process_free(process);
}
END_TEST

START_TEST(somebody_else_reaped)
{
  without_init();
  styro_process *process = spawn(script_exec_7);
  int status;
  ck_assert_int_eq(waitpid(-1, &status, 0), fake_spawn.last);
  ended(process);
  ck_assert_int_eq(out.reason, kernel_keeps_exit() ? STYRO_EXITED : STYRO_LOST);
  styro_process_free(process);
}
END_TEST

static void script_sleep(void)
{
  play_exec();
  sleep(60);
}

static void script_ignores_term(void)
{
  signal(SIGTERM, SIG_IGN);
  script_sleep();
}

START_TEST(the_library_keeps_the_deadline)
{
  without_init();
  run.timeout = 50 * MS;
  styro_process *process = run_to_end(script_sleep);
  ck_assert_int_eq(out.reason, STYRO_TIMED_OUT);
  ck_assert_str_eq(out.detail, "wall");
  ck_assert_int_eq(out.signal, SIGKILL);
  ck_assert_int_ge(out.usage.wall, 50 * MS);
  styro_process_free(process);
  hand_run(&hand)->grace = 60 * MS;
  process = run_to_end(script_sleep);
  ck_assert_int_eq(out.reason, STYRO_TIMED_OUT);
  ck_assert_int_eq(out.signal, SIGTERM);
  styro_process_free(process);
  process = run_to_end(script_ignores_term);
  ck_assert_int_eq(out.reason, STYRO_TIMED_OUT);
  ck_assert_int_eq(out.signal, SIGKILL);
  ck_assert_int_ge(out.usage.wall, 110 * MS);
  styro_process_free(process);
}
END_TEST

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static void script_obey(void)
{
  play_running();
  int sig = play_await_signal();
  play_ended(sig > 0 ? sig : 99 << 8, WIRE_CAUSE_PAYLOAD);
}

START_TEST(signals_go_through_init)
{
  styro_process *process = spawn(script_obey);
  ck_assert_int_eq(styro_process_kill(process, SIGUSR1, &err), 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_SIGNALED);
  ck_assert_int_eq(out.signal, SIGUSR1);
  ck_assert_int_eq(styro_process_kill(process, SIGUSR1, &err), 0);
  ck_assert_int_eq(styro_process_kill(process, SIGKILL, &err), 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_SIGNALED);
  ck_assert_int_eq(styro_process_kill(process, 0, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_process_kill(process, 65, &err), STYRO_EUSAGE);
  styro_process_free(process);
}
END_TEST

/* Init ends with a signal of ours unread: its report must not get lost with the connection's reset. */
static void script_end_unread(void)
{
  play_running();
  struct pollfd item = {.fd = WIRE_FD_STATUS, .events = POLLIN};
  poll(&item, 1, -1);
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

START_TEST(a_report_survives_an_unread_signal)
{
  styro_process *process = spawn(script_end_unread);
  ck_assert_int_eq(styro_process_kill(process, SIGUSR1, &err), 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  styro_process_free(process);
}
END_TEST

START_TEST(kill_cancels)
{
  styro_process *process = spawn(script_obey);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), 0);
  ck_assert_int_eq(styro_process_kill(process, SIGKILL, &err), 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_CANCELED);
  ck_assert_int_eq(out.signal, SIGKILL);
  styro_process_free(process);
  without_init();
  process = spawn(script_sleep);
  ck_assert_int_eq(styro_process_kill(process, SIGKILL, &err), 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_CANCELED);
  ck_assert_int_eq(out.error.code, STYRO_OK);
  styro_process_free(process);
}
END_TEST

START_TEST(kill_after_the_end_changes_nothing)
{
  styro_process *process = spawn(script_hello);
  ck_assert(styro_pidfd_wait(styro_process_pidfd(process), SOON));
  ck_assert_int_eq(styro_process_kill(process, SIGKILL, &err), 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert_int_eq(out.code, 3);
  styro_process_free(process);
}
END_TEST

static void script_slow_exec(void)
{
  usleep(100000);
  play_exec();
  sleep(60);
}

START_TEST(a_signal_waits_for_the_payload)
{
  without_init();
  styro_process *process = spawn(script_slow_exec);
  ck_assert_int_eq(styro_process_kill(process, SIGUSR2, &err), 0);
  ck_assert_uint_ne(process->held, 0);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_SIGNALED);
  ck_assert_int_eq(out.signal, SIGUSR2);
  styro_process_free(process);
  process = spawn(script_sleep);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), 0);
  ck_assert_int_eq(styro_process_kill(process, SIGHUP, &err), 0);
  ended(process);
  ck_assert_int_eq(out.signal, SIGHUP);
  styro_process_free(process);
}
END_TEST

START_TEST(free_ends_the_tree)
{
  int before = count_fds();
  styro_process *process = spawn(script_obey);
  pid_t pid = styro_process_pid(process);
  styro_process_free(process);
  ck_assert_int_eq(kill(pid, 0), -1);
  ck_assert_int_eq(errno, ESRCH);
  styro_process_free(NULL);
  hand_plan_free(&hand);
  ck_assert_int_eq(count_fds(), before);
}
END_TEST

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
  run.err.kind = STYRO_STREAM_NULL;
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
  run.err.kind = STYRO_STREAM_NULL;
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

/* A process that is no part of the tree keeps stdout open for longer than anybody waits. */
static void script_outsider(void)
{
  play_running();
  play_say(1, "before");
  if (fork() == 0) {
    syscall(SYS_close_range, 2, ~0u, 0);
    sleep(30);
    _exit(0);
  }
  play_ended(0, WIRE_CAUSE_PAYLOAD);
}

START_TEST(an_outsider_holds_the_pipe)
{
  styro_process *process = run_to_end(script_outsider);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert_uint_eq(out.out.kept, 6);
  ck_assert_int_lt(out.usage.wall, 5000 * MS);
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

/* ---- helper mode ------------------------------------------------------------------------------------------------- */

START_TEST(the_pidfd_comes_over_the_channel)
{
  int before = count_fds();
  fake_spawn.flags = WIRE_RUN_HELPER_MODE;
  styro_process *process = run_to_end(script_hello);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  ck_assert_str_eq(out.spawn_mode, "helper");
  ck_assert_int_eq(styro_process_pid(process), fake_spawn.last);
  ck_assert_int_ge(styro_process_pidfd(process), 3);
  styro_process_free(process);
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
  without_init();
  process = run_to_end(script_exec_7);
  ck_assert_int_eq(out.code, 7);
  ck_assert_int_ge(out.usage.max_rss, 0);
  styro_process_free(process);
  hand_plan_free(&hand);
  ck_assert_int_eq(count_fds(), before);
}
END_TEST

START_TEST(kill_before_the_pidfd_came)
{
  fake_spawn.flags = WIRE_RUN_HELPER_MODE;
  styro_process *process = spawn(script_obey);
  styro_process_stop(process, STYRO_STOP_CALLER);
  ended(process);
  ck_assert_int_eq(out.reason, STYRO_CANCELED);
  styro_process_free(process);
  process = spawn(script_obey);
  styro_process_free(process);
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(no_descriptor_was_left_for_the_pidfd)
{
  fake_spawn.flags = WIRE_RUN_HELPER_MODE;
  fake_spawn.drop_pidfd = true;
  styro_process *process = run_to_end(script_obey);
  ck_assert_int_eq(out.reason, STYRO_LOST);
  styro_process_free(process);
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(the_runner_switches_its_mode_once)
{
  fake_spawn.refusals = 1;
  styro_process *process = run_to_end(script_hello);
  ck_assert_int_eq(fake_spawn.calls, 2);
  ck_assert_int_eq(out.reason, STYRO_EXITED);
  styro_process_free(process);
  fake_spawn.refusals = 2;
  ck_assert_int_eq(styro_runner_spawn(&runner, &hand.plan, &run, &process, &err), STYRO_ESPAWN);
}
END_TEST

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

START_TEST(waiting_takes_no_longer_than_asked)
{
  styro_process *process = spawn(script_obey);
  ck_assert_int_eq(styro_process_started(process, SOON, &err), 0);
  int64_t start = styro_now();
  ck_assert_int_eq(styro_process_wait(process, 30, &out, &err), STYRO_EAGAIN);
  ck_assert_int_ge(styro_now() - start, 30 * MS);
  ck_assert_int_lt(styro_now() - start, 3000 * MS);
  ck_assert_int_eq(styro_process_wait(process, 0, &out, &err), STYRO_EAGAIN);
  ck_assert_int_eq(styro_process_step(process, &err), 0);
  out.size = 1;
  ck_assert_int_eq(styro_process_wait(process, 0, &out, &err), STYRO_EUSAGE);
  const char *json = NULL;
  ck_assert_int_eq(styro_process_outcome_json(process, &json, &err), STYRO_EUSAGE);
  styro_process_free(process);
  without_init();
  process = spawn(script_slow_exec);
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

static void script_sleepy(void)
{
  play_running();
  usleep(60000);
  play_ended(5 << 8, WIRE_CAUSE_PAYLOAD);
}

START_TEST(any_of_many)
{
  styro_process *all[40] = {NULL};
  for (int i = 0; i < 40; i += 2) {
    all[i] = spawn(i == 20 ? script_sleepy : script_obey);
  }
  ck_assert_int_eq(styro_wait_any(all, 40, 0, &err), STYRO_EAGAIN);
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

static TCase *all_cases(void)
{
  TCase *cases = tcase_create("all");
  const TTest *const tests[] = {
      exited_with_all_figures, signaled_with_core, deadline_of_init, failures_are_outcomes_and_start_errors,
      lost_says_what_was_seen, the_first_process_is_the_payload, the_verdict_is_read_from_the_run_block,
      sigchld_ignored, somebody_else_reaped, the_library_keeps_the_deadline, signals_go_through_init,
      a_report_survives_an_unread_signal, kill_cancels, kill_after_the_end_changes_nothing,
      a_signal_waits_for_the_payload, free_ends_the_tree, truncate_discards_but_counts, kill_at_the_limit,
      both_streams_without_init, through_stdin_to_stdout, nobody_reads_stdin, an_outsider_holds_the_pipe,
      a_forked_child_of_the_caller_holds_everything, the_pidfd_comes_over_the_channel, kill_before_the_pidfd_came,
      no_descriptor_was_left_for_the_pidfd, the_runner_switches_its_mode_once, waiting_takes_no_longer_than_asked,
      one_descriptor_tells, any_of_many, null_handles, three_descriptors_and_one_a_stream, descriptors_run_out,
      closed_stdio_stays_closed, memory_runs_out_anywhere, a_refused_clone_leaves_nothing,
  };
  tcase_add_checked_fixture(cases, setup, NULL);
  tcase_set_timeout(cases, 60);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    tcase_add_test(cases, tests[i]);
  }
  return cases;
}

int main(void)
{
  Suite *suite = suite_create("process");
  suite_add_tcase(suite, all_cases());
  SRunner *checks = srunner_create(suite);
  srunner_run_all(checks, CK_NORMAL);
  int failed = srunner_ntests_failed(checks);
  srunner_free(checks);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
