/* What can be done with a process by its pidfd: signalled, waited for, reaped, asked how it ended. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulated.h"
#include "lib/pidfd.h"

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

int main(void)
{
  Suite *suite = suite_create("pidfd");
  TCase *cases = tcase_create("all");
  if (!emulated()) {
    tcase_add_test(cases, reaping_by_pidfd);
    tcase_add_test(cases, all_exit_codes);
    tcase_add_test(cases, reaping_by_number);
  }
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
