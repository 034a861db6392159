/* The whole of a test program's main: one suite, its tests, Check's summary. */
#ifndef TEST_PROGRAM_H
#define TEST_PROGRAM_H

#include <check.h>
#include <stddef.h>

struct test_program {
  const char *name;
  void (*setup)(void); /* before and after each test; NULL: nothing */
  void (*teardown)(void);
};

/* Runs the tests; the exit code for main. */
int test_program_run(const struct test_program *program, const TTest *const *tests, size_t n);

#define TESTS_N(tests) (sizeof(tests) / sizeof *(tests))

#endif
