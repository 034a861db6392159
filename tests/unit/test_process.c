/*
 * A process handle through every course that a sandbox can take, with scripts in place of the helper: what is reported,
 * what is not, and who dies first. With the real helper the drivers go the same ways.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulated.h"
#include "process_fixture.h"

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
  if (emulated()) {
    printf("skipped: sigchld_ignored: the emulator does not pass PIDFD_GET_INFO on\n");
    return;
  }
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
  if (emulated()) {
    printf("skipped: somebody_else_reaped: the emulator does not pass PIDFD_GET_INFO on\n");
    return;
  }
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

/* A short deadline first; a longer one where the script did not get to its exec before it, which no grace is for. */
static styro_process *run_with_grace(void (*script)(void), int64_t grace)
{
  hand_run(&hand)->grace = grace;
  for (run.timeout = 50 * MS;; run.timeout *= 8) {
    styro_process *process = run_to_end(script);
    if (out.signal == SIGTERM || out.usage.wall >= run.timeout + grace || run.timeout > 20000 * MS) {
      return process;
    }
    styro_process_free(process);
  }
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
  process = run_with_grace(script_sleep, 24 * 3600 * 1000 * MS);
  ck_assert_int_eq(out.reason, STYRO_TIMED_OUT);
  ck_assert_int_eq(out.signal, SIGTERM);
  styro_process_free(process);
  process = run_with_grace(script_ignores_term, 60 * MS);
  ck_assert_int_eq(out.reason, STYRO_TIMED_OUT);
  ck_assert_int_eq(out.signal, SIGKILL);
  ck_assert_int_ge(out.usage.wall, run.timeout + 60 * MS);
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

static void script_held_exec(void)
{
  play_pause();
  play_exec();
  sleep(60);
}

START_TEST(a_signal_waits_for_the_payload)
{
  without_init();
  styro_process *process = spawn(script_held_exec);
  ck_assert_int_eq(styro_process_kill(process, SIGUSR2, &err), 0);
  ck_assert_uint_ne(process->held, 0);
  play_go();
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

int main(void)
{
  const TTest *const tests[] = {
      exited_with_all_figures,
      signaled_with_core,
      deadline_of_init,
      failures_are_outcomes_and_start_errors,
      lost_says_what_was_seen,
      the_first_process_is_the_payload,
      the_verdict_is_read_from_the_run_block,
      sigchld_ignored,
      somebody_else_reaped,
      the_library_keeps_the_deadline,
      signals_go_through_init,
      a_report_survives_an_unread_signal,
      kill_cancels,
      kill_after_the_end_changes_nothing,
      a_signal_waits_for_the_payload,
      free_ends_the_tree,
      the_pidfd_comes_over_the_channel,
      kill_before_the_pidfd_came,
      no_descriptor_was_left_for_the_pidfd,
      the_runner_switches_its_mode_once,
  };
  return fixture_run("process", tests, sizeof tests / sizeof *tests);
}
