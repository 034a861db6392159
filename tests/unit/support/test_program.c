/* The whole of a test program's main: one suite, its tests, Check's summary. */
#include "test_program.h"

#include <stdlib.h>

int test_program_run(const struct test_program *program, const TTest *const *tests, size_t n)
{
  Suite *suite = suite_create(program->name);
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, program->setup, program->teardown);
  tcase_set_timeout(cases, 60);
  for (size_t i = 0; i < program->loops_n; i++) {
    tcase_add_loop_test(cases, program->loops[i].test, 0, program->loops[i].n);
  }
  for (size_t i = 0; i < n; i++) {
    tcase_add_test(cases, tests[i]);
  }
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
