/* Two small nouns that processes stand on: pidfds, and the environment's table. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "emulated.h"
#include "lib/environment.h"
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

/* ---- environment ------------------------------------------------------------------------------------------------- */

START_TEST(thousands_of_names)
{
  enum { N = 5000 };
  static char texts[2 * N][24];
  struct styro_environment environment;
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  ck_assert_int_eq(styro_environment_init(&environment, &alloc, 2 * N), 0);
  for (int i = 0; i < 2 * N; i++) {
    snprintf(texts[i], sizeof texts[i], "NAME%d=%d", i % N, i);
    styro_environment_put(&environment, texts[i]);
  }
  ck_assert_uint_eq(environment.n, N);
  for (int i = 0; i < N; i++) {
    ck_assert_ptr_eq(environment.entries[i].text, texts[N + i]);
  }
  styro_environment_free(&environment);
}
END_TEST

START_TEST(inherited_names)
{
  struct styro_environment environment;
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  ck_assert_int_eq(styro_environment_init(&environment, &alloc, 3), 0);
  setenv("STYRO_TEST", "value", 1);
  setenv("STYRO_TEST_LONGER", "other", 1);
  styro_environment_inherit(&environment, "STYRO_TEST");
  styro_environment_inherit(&environment, "STYRO_TES");
  styro_environment_inherit(&environment, "");
  ck_assert_uint_eq(environment.n, 1);
  ck_assert_str_eq(environment.entries[0].text, "STYRO_TEST=value");
  styro_environment_free(&environment);
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_environment environment;
  for (size_t n = 1; n < 3; n++) {
    state.calls = 0;
    state.fail_at = n;
    ck_assert_int_eq(styro_environment_init(&environment, &alloc, 10), STYRO_ENOMEM);
    ck_assert_uint_eq(state.live_blocks, 0);
  }
  state.fail_at = 0;
  ck_assert_int_eq(styro_environment_init(&environment, &alloc, 0), 0);
  styro_environment_put(&environment, "A=");
  styro_environment_free(&environment);
  ck_assert_uint_eq(state.live_blocks, 0);
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
  tcase_add_test(cases, thousands_of_names);
  tcase_add_test(cases, inherited_names);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
