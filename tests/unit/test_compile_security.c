/*
 * Capabilities, no_new_privs and the filter, as compile_security.c alone appends them: each set by itself, the default
 * program byte by byte, a program of the request's own, and memory that runs out.
 */
#include <linux/securebits.h>
#include <stdbool.h>
#include <stdint.h>

#include "compile_part.h"
#include "filter.h"
#include "test_program.h"

static const struct wire_step_capabilities *security_of(const char *members)
{
  part_begin(members);
  styro_compile_security(&part);
  ck_assert_str_eq(part_outline(), "capabilities /security/capabilities\n");
  return part_step(0, WIRE_STEP_CAPABILITIES);
}

static const struct wire_step_seccomp *filter_of(const char *members)
{
  part_begin(members);
  styro_compile_filter(&part);
  ck_assert_str_eq(part_outline(), "seccomp /security/seccomp\n");
  return part_step(0, WIRE_STEP_SECCOMP);
}

static void sets_are(const struct wire_step_capabilities *caps, const uint64_t expected[5])
{
  ck_assert_uint_eq(caps->bounding, expected[0]);
  ck_assert_uint_eq(caps->effective, expected[1]);
  ck_assert_uint_eq(caps->permitted, expected[2]);
  ck_assert_uint_eq(caps->inheritable, expected[3]);
  ck_assert_uint_eq(caps->ambient, expected[4]);
}

START_TEST(nothing_by_default)
{
  static const char *const requests[] = {"", "\"security\": {\"capabilities\": \"none\"}"};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    const struct wire_step_capabilities *caps = security_of(requests[i]);
    sets_are(caps, (const uint64_t[5]){0});
    ck_assert_uint_eq(caps->no_new_privs, 1);
    ck_assert_uint_eq(caps->head.best_effort, 0);
  }
}
END_TEST

/* Straight into the struct: a request may not name five sets that differ so. */
START_TEST(each_set_by_itself)
{
  part_begin("\"security\": {\"no_new_privs\": false, \"capabilities\": [\"chown\"]}");
  struct styro_fields fields = *part.fields;
  fields.cap_bounding = 1;
  fields.cap_effective = 2;
  fields.cap_permitted = 4;
  fields.cap_inheritable = 8;
  fields.cap_ambient = 1ull << 40;
  part.fields = &fields;
  styro_compile_security(&part);
  const struct wire_step_capabilities *caps = part_step(0, WIRE_STEP_CAPABILITIES);
  sets_are(caps, (const uint64_t[5]){1, 2, 4, 8, 1ull << 40});
  ck_assert_uint_eq(caps->securebits, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
  ck_assert_uint_eq(caps->no_new_privs, 0);
}
END_TEST

START_TEST(securebits_as_they_are_named)
{
  ck_assert_uint_eq(security_of("")->securebits, 0);
  ck_assert_uint_eq(security_of("\"security\": {\"securebits\": [\"no_setuid_fixup\"]}")->securebits,
                    SECBIT_NO_SETUID_FIXUP);
  ck_assert_uint_eq(
      security_of("\"security\": {\"capabilities\": [\"chown\"], \"securebits\": [\"keep_caps_locked\"]}")->securebits,
      SECBIT_KEEP_CAPS_LOCKED);
}
END_TEST

/* Uid 0 inside gains nothing by being root only where the bounding set is empty or SECBIT_NOROOT is set. */
START_TEST(root_inside_gains_nothing)
{
  const char *const requests[] = {"\"user\": {\"uid\": 0}",
                                  "\"user\": {\"uid\": 0}, \"security\": {\"capabilities\": [\"chown\"]}"};
  for (int i = 0; i < 2; i++) {
    const struct wire_step_capabilities *caps = security_of(requests[i]);
    bool no_root = caps->securebits & SECBIT_NOROOT && caps->securebits & SECBIT_NOROOT_LOCKED;
    ck_assert(caps->bounding == 0 || no_root);
  }
}
END_TEST

START_TEST(the_default_program)
{
  size_t n = 0;
  const struct styro_bpf *program = styro_filter_default(&n);
  const struct wire_step_seccomp *filter = filter_of("");
  ck_assert_uint_eq(filter->n, n);
  ck_assert_uint_eq(filter->log, 0);
  ck_assert_uint_eq(filter->filter % 8, 0);
  ck_assert_mem_eq(part.builder.data.data + filter->filter, program, n * sizeof *program);
}
END_TEST

START_TEST(a_program_of_its_own)
{
  const struct styro_bpf expected[] = {{6, 0, 0, 0x7fff0000}};
  const struct wire_step_seccomp *filter = filter_of("\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 2147418112]]}}");
  ck_assert_uint_eq(filter->n, 1);
  ck_assert_uint_eq(filter->filter % 8, 0);
  ck_assert_mem_eq(part.builder.data.data + filter->filter, expected, sizeof expected);
}
END_TEST

static int append(struct styro_compile *c)
{
  styro_compile_security(c);
  styro_compile_filter(c);
  return 0;
}

START_TEST(memory_may_run_out_anywhere)
{
  part_begin("");
  part_memory(append);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "compile_security", .teardown = part_end};
  const TTest *const tests[] = {
      nothing_by_default,  each_set_by_itself,   root_inside_gains_nothing,   securebits_as_they_are_named,
      the_default_program, a_program_of_its_own, memory_may_run_out_anywhere,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
