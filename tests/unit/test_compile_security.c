/*
 * Capabilities, no_new_privs and the filter, as compile_security.c and compile_filter.c alone append them: each set by itself, the default
 * program byte by byte, a program of the request's own, and memory that runs out.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf_interpreter.h"
#include "compile_part.h"
#include "filter.h"
#include "profile.h"
#include "syscalls.h"
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
  ck_assert_int_eq(styro_compile_filter(&part), 0);
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
  const struct styro_profile *profile = styro_profile(STYRO_SECCOMP_DEFAULT);
  const struct wire_step_seccomp *filter = filter_of("");
  ck_assert_uint_eq(filter->n, profile->n);
  ck_assert_uint_eq(filter->log, 0);
  ck_assert_uint_eq(filter->filter % 8, 0);
  ck_assert_mem_eq(part.builder.data.data + filter->filter, profile->program, profile->n * sizeof *profile->program);
}
END_TEST

/* What the program of a request answers to a call without arguments. */
static uint32_t answer_to(const char *security, const char *call)
{
  const struct wire_step_seccomp *filter = filter_of(security);
  const struct styro_bpf *program = (const void *)(part.builder.data.data + filter->filter);
  struct seccomp_data data = {.nr = styro_syscall_native(call),
                              .arch = styro_profile(STYRO_SECCOMP_DEFAULT)->spec.arch};
  size_t at;
  ck_assert_pstr_eq(styro_filter_check(program, filter->n, &at), NULL);
  return bpf_run(program, filter->n, &data);
}

#define EPERM_IS (SECCOMP_RET_ERRNO | EPERM)

START_TEST(a_profile_that_is_changed)
{
  static const struct {
    const char *security, *call;
    uint32_t answer;
  } cases[] = {
      {"", "ptrace", EPERM_IS},
      {"\"security\": {\"seccomp\": \"build\"}", "ptrace", SECCOMP_RET_ALLOW},
      {"\"security\": {\"seccomp\": \"build\"}", "mount", EPERM_IS},
      {"\"security\": {\"seccomp\": \"build\"}", "clone3", SECCOMP_RET_ERRNO | ENOSYS},
      {"\"security\": {\"seccomp\": \"strict\"}", "socket", EPERM_IS},
      {"\"security\": {\"seccomp\": \"strict\"}", "read", SECCOMP_RET_ALLOW},
      {"\"security\": {\"seccomp\": {\"profile\": \"strict\", \"allow\": [\"socket\"]}}", "socket", SECCOMP_RET_ALLOW},
      {"\"security\": {\"seccomp\": {\"allow\": [\"ptrace\", \"clone\"]}}", "ptrace", SECCOMP_RET_ALLOW},
      {"\"security\": {\"seccomp\": {\"allow\": [\"ptrace\", \"clone\"]}}", "mount", EPERM_IS},
      {"\"security\": {\"seccomp\": {\"deny\": [\"read\"]}}", "read", EPERM_IS},
      {"\"security\": {\"seccomp\": {\"deny\": [\"ioctl\"]}}", "ioctl", EPERM_IS},
      {"\"security\": {\"seccomp\": {\"on_violation\": \"kill\"}}", "mount", SECCOMP_RET_KILL_PROCESS},
      {"\"security\": {\"seccomp\": {\"on_violation\": \"kill\"}}", "clone3", SECCOMP_RET_ERRNO | ENOSYS},
      {"\"security\": {\"seccomp\": {\"on_violation\": \"kill\", \"deny\": [\"read\"]}}", "read",
       SECCOMP_RET_KILL_PROCESS},
      {"\"security\": {\"seccomp\": {\"on_violation\": \"log\"}}", "mount", SECCOMP_RET_LOG},
      {"\"security\": {\"seccomp\": {\"on_violation\": \"log\"}}", "getpid", SECCOMP_RET_ALLOW},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint32_t answer = answer_to(cases[i].security, cases[i].call);
    ck_assert_msg(answer == cases[i].answer, "%s: %s is answered %08x", cases[i].security, cases[i].call, answer);
    part_end();
  }
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
      nothing_by_default,  each_set_by_itself,        root_inside_gains_nothing, securebits_as_they_are_named,
      the_default_program, a_profile_that_is_changed, a_program_of_its_own,      memory_may_run_out_anywhere,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
