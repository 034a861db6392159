/*
 * The payload's environment while it is put together, against a plain list that is searched from its start; what is
 * inherited from the process, and memory that runs out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "lib/environment.h"
#include "test_program.h"

static struct styro_environment environment;

static void ready(size_t capacity)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  ck_assert_int_eq(styro_environment_init(&environment, &alloc, capacity), 0);
}

static void holds(size_t i, const char *text)
{
  ck_assert_uint_lt(i, environment.n);
  ck_assert_str_eq(environment.entries[i].text, text);
  ck_assert_uint_eq(environment.entries[i].name_len, strcspn(text, "="));
}

/* ---- putting ----------------------------------------------------------------------------------------------------- */

START_TEST(a_name_keeps_its_place)
{
  ready(3);
  styro_environment_put(&environment, "A=1");
  styro_environment_put(&environment, "B=1");
  styro_environment_put(&environment, "C=1");
  styro_environment_put(&environment, "A=2=3");
  styro_environment_put(&environment, "C=");
  ck_assert_uint_eq(environment.n, 3);
  holds(0, "A=2=3");
  holds(1, "B=1");
  holds(2, "C=");
  styro_environment_free(&environment);
}
END_TEST

START_TEST(names_that_begin_alike_are_others)
{
  const char *const texts[] = {"A=x", "AA=x", "AAA=x", "a=x", "A A=x", "A\xff=x"};
  ready(6);
  for (size_t i = 0; i < 6; i++) {
    styro_environment_put(&environment, texts[i]);
  }
  ck_assert_uint_eq(environment.n, 6);
  for (size_t i = 0; i < 6; i++) {
    ck_assert_ptr_eq(environment.entries[i].text, texts[i]); /* borrowed, not copied */
  }
  styro_environment_free(&environment);
}
END_TEST

/* What a list of all that was put, searched from its start, would hold. */
static size_t model(const char *const *texts, size_t n, const char **out)
{
  size_t out_n = 0;
  for (size_t i = 0; i < n; i++) {
    size_t len = strcspn(texts[i], "=") + 1;
    size_t at = 0;
    while (at < out_n && strncmp(out[at], texts[i], len) != 0) {
      at++;
    }
    out[at] = texts[i];
    out_n += at == out_n;
  }
  return out_n;
}

/* Capacities around powers of two, with as many names as fit: the table is then as full as it gets. */
START_TEST(every_capacity_equals_the_model)
{
  enum { N = 300 };
  static char texts[N][32];
  const char *put[N];
  const char *expected[N];
  const size_t capacities[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100};
  unsigned seed = 5;
  for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
    for (int i = 0; i < N; i++) {
      snprintf(texts[i], sizeof texts[i], "N%d=%d", rand_r(&seed) % (int)capacities[c], i);
      put[i] = texts[i];
    }
    ready(capacities[c]);
    for (int i = 0; i < N; i++) {
      styro_environment_put(&environment, put[i]);
    }
    size_t n = model(put, N, expected);
    ck_assert_uint_eq(environment.n, n);
    ck_assert_uint_ge(environment.slots_n, 2 * n); /* a search always meets a free slot */
    for (size_t i = 0; i < n; i++) {
      ck_assert_ptr_eq(environment.entries[i].text, expected[i]);
    }
    styro_environment_free(&environment);
  }
}
END_TEST

START_TEST(thousands_of_names)
{
  enum { N = 5000 };
  static char texts[2 * N][24];
  ready(2 * N);
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

/* ---- inheriting -------------------------------------------------------------------------------------------------- */

START_TEST(inherited_names)
{
  ready(3);
  setenv("STYRO_TEST", "value", 1);
  setenv("STYRO_TEST_LONGER", "other", 1);
  styro_environment_inherit(&environment, "STYRO_TEST");
  styro_environment_inherit(&environment, "STYRO_TES");
  styro_environment_inherit(&environment, "");
  ck_assert_uint_eq(environment.n, 1);
  holds(0, "STYRO_TEST=value");
  styro_environment_free(&environment);
}
END_TEST

/* The process's environment may hold anything (environ(7)): no '=', no name, a name twice. The first counts, as for getenv. */
START_TEST(odd_entries_of_the_process)
{
  static char plain[] = "WITHOUT", nameless[] = "=x", first[] = "TWICE=1", second[] = "TWICE=2", wanted[] = "LAST=";
  char *odd[] = {plain, nameless, first, second, wanted, NULL};
  char **before = environ;
  ready(5);
  environ = odd;
  styro_environment_inherit(&environment, "WITHOUT");
  styro_environment_inherit(&environment, "");
  styro_environment_inherit(&environment, "TWICE");
  styro_environment_inherit(&environment, "LAST");
  environ = before;
  ck_assert_uint_eq(environment.n, 2);
  holds(0, "TWICE=1");
  holds(1, "LAST=");
  styro_environment_free(&environment);
}
END_TEST

START_TEST(no_environment_at_all)
{
  char **before = environ;
  ready(1);
  environ = NULL; /* what clearenv(3) leaves */
  styro_environment_inherit(&environment, "PATH");
  environ = before;
  ck_assert_uint_eq(environment.n, 0);
  styro_environment_free(&environment);
}
END_TEST

START_TEST(inherited_and_put_replace_each_other)
{
  setenv("STYRO_A", "host", 1);
  setenv("STYRO_B", "host", 1);
  ready(2);
  styro_environment_put(&environment, "STYRO_A=own");
  styro_environment_inherit(&environment, "STYRO_A");
  styro_environment_inherit(&environment, "STYRO_B");
  styro_environment_put(&environment, "STYRO_B=own");
  ck_assert_uint_eq(environment.n, 2);
  holds(0, "STYRO_A=host");
  holds(1, "STYRO_B=own");
  styro_environment_free(&environment);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  for (size_t n = 1; n < 3; n++) {
    state.calls = 0;
    state.fail_at = n;
    ck_assert_int_eq(styro_environment_init(&environment, &alloc, 10), STYRO_ENOMEM);
    ck_assert_uint_eq(state.live_blocks, 0);
    styro_environment_free(&environment); /* freed already: nothing happens */
  }
  state.calls = 0;
  state.fail_at = 3; /* two allocations are all it takes, and no name takes another */
  ck_assert_int_eq(styro_environment_init(&environment, &alloc, 0), 0);
  styro_environment_put(&environment, "A=");
  styro_environment_free(&environment);
  ck_assert_uint_eq(environment.n, 0);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

START_TEST(a_number_of_names_that_no_memory_holds)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  ck_assert_int_eq(styro_environment_init(&environment, &alloc, SIZE_MAX / 8), STYRO_ENOMEM);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_uint_eq(state.peak_bytes, 0); /* nothing was made of a size that wrapped around */
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "environment"};
  const TTest *const tests[] = {
      a_name_keeps_its_place,
      names_that_begin_alike_are_others,
      every_capacity_equals_the_model,
      thousands_of_names,
      inherited_names,
      odd_entries_of_the_process,
      no_environment_at_all,
      inherited_and_put_replace_each_other,
      memory_may_run_out_anywhere,
      a_number_of_names_that_no_memory_holds,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
