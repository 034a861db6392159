/*
 * What can be done with a process by its pidfd: signalled, waited for, reaped, asked how it ended.
 * build: -Wl,--wrap=ioctl,--wrap=syscall
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulated.h"
#include "failing_calls.h"
#include "lib/pidfd.h"
#include "wire/uapi.h"

/* ---- pidfds ------------------------------------------------------------------------------------------------------ */

static pid_t child(int code)
{
  pid_t pid = fork();
  if (pid == 0) {
    if (code < 0) {
      pause();
    }
    _exit(code);
  }
  return pid;
}

START_TEST(reaping_by_pidfd)
{
  struct styro_exit how;
  int fd = styro_pidfd_open(child(-1));
  ck_assert_int_ge(fd, 0);
  ck_assert(!styro_pidfd_reap(fd, &how));
  ck_assert(!styro_pidfd_wait(fd, 0));
  ck_assert_int_eq(styro_pidfd_signal(fd, SIGHUP), 0);
  ck_assert(styro_pidfd_wait(fd, -1));
  ck_assert_int_eq(styro_pidfd_signal(fd, SIGHUP), 0);
  ck_assert(styro_pidfd_reap(fd, &how));
  ck_assert(how.known && how.has_usage && !how.not_ours);
  ck_assert(WIFSIGNALED(how.wait_status) && WTERMSIG(how.wait_status) == SIGHUP);
  ck_assert_int_eq(styro_pidfd_signal(fd, SIGHUP), 0); /* gone: no failure */
  ck_assert(styro_pidfd_reap(fd, &how));
  ck_assert(how.not_ours && !how.has_usage);
  close(fd);
  ck_assert_int_eq(styro_pidfd_signal(-1, SIGHUP), -1);
  ck_assert_int_eq(styro_pidfd_open(-1), -1);
}
END_TEST

START_TEST(all_exit_codes)
{
  for (int code = 0; code < 256; code += 51) {
    struct styro_exit how;
    int fd = styro_pidfd_open(child(code));
    ck_assert(styro_pidfd_wait(fd, -1) && styro_pidfd_reap(fd, &how));
    ck_assert(WIFEXITED(how.wait_status));
    ck_assert_int_eq(WEXITSTATUS(how.wait_status), code);
    close(fd);
  }
}
END_TEST

START_TEST(reaping_by_number)
{
  pid_t pid = child(-1);
  ck_assert(!styro_pid_reap(pid, false));
  kill(pid, SIGKILL);
  ck_assert(styro_pid_reap(pid, true));
  ck_assert(styro_pid_reap(pid, true)); /* not ours any more */
}
END_TEST

/* Somebody else took the wait status: only the pidfd may still know it. */
static int stolen(int code)
{
  int status;
  pid_t pid = child(code);
  int fd = styro_pidfd_open(pid);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  return fd;
}

START_TEST(a_kernel_that_keeps_no_status)
{
  struct styro_exit how;
  int fd = stolen(3);
  fail_calls_from("ioctl", 1, ENOTTY); /* before 6.13 */
  ck_assert(styro_pidfd_reap(fd, &how));
  ck_assert(fail_none());
  ck_assert(how.not_ours && !how.known && !how.has_usage);
  ck_assert_int_eq(how.wait_status, 0);
  close(fd);
}
END_TEST

/* ESRCH comes while the kernel's own reaping goes on: it is asked again, but not for ever. */
START_TEST(a_status_that_is_not_there_yet)
{
  struct styro_exit how;
  int fd = stolen(3);
  struct wire_pidfd_info info = {.mask = WIRE_PIDFD_INFO_EXIT};
  bool kept = ioctl(fd, WIRE_PIDFD_GET_INFO, &info) == 0 && info.mask & WIRE_PIDFD_INFO_EXIT;
  fail_call("ioctl", 1, ESRCH);
  ck_assert(styro_pidfd_reap(fd, &how));
  ck_assert(fail_none());
  ck_assert(how.not_ours);
  ck_assert_int_eq(how.known, kept);
  ck_assert_int_eq(how.wait_status, kept ? 3 << 8 : 0);
  fail_calls_from("ioctl", 1, ESRCH);
  ck_assert(styro_pidfd_reap(fd, &how));
  ck_assert(fail_none());
  ck_assert(how.not_ours && !how.known);
  close(fd);
}
END_TEST

START_TEST(an_interrupted_reaping_goes_on)
{
  struct styro_exit how;
  int fd = styro_pidfd_open(child(9));
  ck_assert(styro_pidfd_wait(fd, -1));
  fail_call("waitid", 1, EINTR);
  ck_assert(styro_pidfd_reap(fd, &how));
  ck_assert(fail_none());
  ck_assert(how.known && !how.not_ours);
  ck_assert_int_eq(WEXITSTATUS(how.wait_status), 9);
  close(fd);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("pidfd");
  TCase *cases = tcase_create("all");
  if (!emulated()) {
    tcase_add_test(cases, reaping_by_pidfd);
    tcase_add_test(cases, all_exit_codes);
    tcase_add_test(cases, reaping_by_number);
    tcase_add_test(cases, a_kernel_that_keeps_no_status);
    tcase_add_test(cases, a_status_that_is_not_there_yet);
    tcase_add_test(cases, an_interrupted_reaping_goes_on);
  } else {
    printf("skipped: six tests: the emulator knows no pidfds\n");
  }
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
