/* The whole of a test program's main: one suite, its tests, Check's summary. */
#ifndef TEST_PROGRAM_H
#define TEST_PROGRAM_H

#include <check.h>
#include <stddef.h>

/* A test that runs n times, `_i` from 0 on. */
struct test_loop {
  const TTest *test;
  int n; /* 0: not at all */
};

struct test_program {
  const char *name;
  void (*setup)(void); /* before and after each test; NULL: nothing */
  void (*teardown)(void);
  const struct test_loop *loops; /* before the others */
  size_t loops_n;
};

/* Runs the tests; the exit code for main. */
int test_program_run(const struct test_program *program, const TTest *const *tests, size_t n);

#define TESTS_N(tests) (sizeof(tests) / sizeof *(tests))

#endif
