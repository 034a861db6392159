/*
 * What the payload's process is like, as compile_process.c alone appends it: order, fields, what best_effort reaches, limits
 * by the kernel's numbers, and memory that runs out.
 */
#include <stdint.h>

#include "compile_part.h"
#include "test_program.h"

static const char *process_of(const char *members)
{
  part_begin(members);
  styro_compile_process(&part);
  return part_outline();
}

START_TEST(the_default)
{
  ck_assert_str_eq(process_of(""), "reset /umask\nsession /new_session\nkeyring /security/keyring\n");
  const struct wire_step_reset *reset = part_step(0, WIRE_STEP_RESET);
  ck_assert_uint_eq(reset->umask, 022);
  ck_assert_uint_eq(reset->reserved, 0);
}
END_TEST

START_TEST(everything)
{
  ck_assert_str_eq(process_of("\"new_session\": false, \"nice\": 0, \"umask\": \"777\", \"rlimits\": {\"stack\": 4, "
                              "\"cpu\": 1, \"nofile\": 3}, \"best_effort\": [\"rlimits\", \"session_keyring\"]"),
                   "reset /umask\nprocess group /new_session\nkeyring /security/keyring best effort: session_keyring\n"
                   "nice /nice\nrlimit /rlimits best effort: rlimits\nrlimit /rlimits best effort: rlimits\n"
                   "rlimit /rlimits best effort: rlimits\n");
  const struct wire_step_reset *reset = part_step(0, WIRE_STEP_RESET);
  const struct wire_step_number *nice = part_step(3, WIRE_STEP_NICE);
  ck_assert_uint_eq(reset->umask, 0777);
  ck_assert_int_eq(nice->value, 0); /* by name: the caller's own may be another one */
}
END_TEST

START_TEST(the_callers_keyring)
{
  ck_assert_str_eq(process_of("\"security\": {\"keyring\": \"inherit\"}"), "reset /umask\nsession /new_session\n");
  ck_assert_str_eq(process_of("\"security\": {\"keyring\": \"new\"}"),
                   "reset /umask\nsession /new_session\nkeyring /security/keyring\n");
}
END_TEST

START_TEST(limits_in_the_order_of_their_numbers)
{
  process_of(
      "\"rlimits\": {\"rttime\": 15, \"stack\": {\"soft\": 1, \"hard\": \"unlimited\"}, \"cpu\": \"unlimited\"}");
  const uint32_t numbers[] = {0, 3, 15}; /* RLIMIT_CPU, RLIMIT_STACK, RLIMIT_RTTIME */
  const uint64_t soft[] = {WIRE_RLIM_INFINITY, 1, 15};
  const uint64_t hard[] = {WIRE_RLIM_INFINITY, WIRE_RLIM_INFINITY, 15};
  for (uint32_t i = 0; i < 3; i++) {
    const struct wire_step_rlimit *limit = part_step(3 + i, WIRE_STEP_RLIMIT);
    ck_assert_uint_eq(limit->resource, numbers[i]);
    ck_assert_uint_eq(limit->soft, soft[i]);
    ck_assert_uint_eq(limit->hard, hard[i]);
    ck_assert_uint_eq(limit->reserved, 0);
    ck_assert_uint_eq(limit->head.best_effort, 0);
  }
}
END_TEST

START_TEST(a_nice_value_below_zero)
{
  process_of("\"nice\": -20");
  const struct wire_step_number *nice = part_step(3, WIRE_STEP_NICE);
  ck_assert_int_eq(nice->value, -20);
}
END_TEST

static int append(struct styro_compile *c)
{
  styro_compile_process(c);
  return 0;
}

START_TEST(memory_may_run_out_anywhere)
{
  part_begin("\"nice\": 1, \"rlimits\": {\"as\": 1, \"core\": 1, \"cpu\": 1, \"data\": 1, \"fsize\": 1, \"locks\": 1}");
  part_memory(append);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "compile_process", .teardown = part_end};
  const TTest *const tests[] = {
      the_default,
      everything,
      the_callers_keyring,
      limits_in_the_order_of_their_numbers,
      a_nice_value_below_zero,
      memory_may_run_out_anywhere,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
