/* What the tests of a process handle share: a plan, a runner, and a sandbox that a script plays. */
#include "process_fixture.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulated.h"

struct hand_plan hand;
struct styro_runner runner;
styro_error err;
styro_outcome out;
styro_run run;

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
  run.err.kind = STYRO_STREAM_NULL;
}

void without_init(void)
{
  hand_flags(&hand, 0);
}

int count_fds(void)
{
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (readdir(dir)) {
    n++;
  }
  closedir(dir);
  return n;
}

styro_process *spawn(void (*script)(void))
{
  styro_process *process = NULL;
  fake_spawn.script = script;
  int rc = styro_runner_spawn(&runner, &hand.plan, &run, &process, &err);
  ck_assert_msg(rc == 0, "%d: %s", rc, err.message);
  return process;
}

styro_process *ended(styro_process *process)
{
  int rc = styro_process_wait(process, SOON, &out, &err);
  ck_assert_msg(rc == 0, "%d: %s", rc, err.message);
  return process;
}

styro_process *run_to_end(void (*script)(void))
{
  return ended(spawn(script));
}

int fixture_run(const char *name, const TTest *const *tests, size_t n)
{
  if (emulated()) {
    printf("skipped: valgrind 3.19 knows no pidfd_open(2)\n");
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create(name);
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, NULL);
  tcase_set_timeout(cases, 60);
  for (size_t i = 0; i < n; i++) {
    tcase_add_test(cases, tests[i]);
  }
  suite_add_tcase(suite, cases);
  SRunner *checks = srunner_create(suite);
  srunner_run_all(checks, CK_NORMAL);
  int failed = srunner_ntests_failed(checks);
  srunner_free(checks);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
