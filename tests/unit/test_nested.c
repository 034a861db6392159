/* Who gets a user namespace of the payload's own, and what comes with it. */
#include <linux/capability.h>

#include "nested.h"
#include "test_program.h"
#include "wire/uapi.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define BOTH (WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS)

START_TEST(by_capability)
{
  static const struct {
    uint64_t capabilities, flags;
  } cases[] = {
      {0, 0},
      {CAP(NET_ADMIN) | CAP(SETUID), 0},
      {CAP(SYS_PTRACE), BOTH},
      {CAP(SYS_PTRACE) | CAP(NET_RAW), BOTH | WIRE_CLONE_NEWNET},
      {CAP(SYS_PTRACE) | CAP(NET_BIND_SERVICE), BOTH | WIRE_CLONE_NEWNET},
      {CAP(SYS_PTRACE) | CAP(IPC_OWNER), BOTH | WIRE_CLONE_NEWIPC},
      {CAP(SYS_ADMIN), BOTH | WIRE_CLONE_NEWUTS},
  };
  for (size_t i = 0; i < TESTS_N(cases); i++) {
    struct styro_fields fields = {.init = true, .cap_bounding = cases[i].capabilities};
    ck_assert_uint_eq(styro_nested_spaces(&fields), cases[i].flags);
  }
}
END_TEST

START_TEST(only_where_there_is_an_init_and_all_around_is_the_sandboxs)
{
  struct styro_fields fields = {.cap_effective = CAP(SYS_ADMIN) | CAP(NET_RAW)};
  ck_assert_uint_eq(styro_nested_spaces(&fields), 0);
  fields.init = true;
  fields.namespaces[STYRO_NS_USER] = STYRO_NS_HOST;
  ck_assert_uint_eq(styro_nested_spaces(&fields), 0);
  fields.namespaces[STYRO_NS_USER] = STYRO_NS_NEW;
  fields.namespaces[STYRO_NS_PID] = STYRO_NS_JOIN;
  ck_assert_uint_eq(styro_nested_spaces(&fields), 0);
  ck_assert_uint_eq(styro_nested_capabilities(&fields), CAP(SYS_ADMIN));
}
END_TEST

START_TEST(what_is_shared_stays_shared)
{
  struct styro_fields fields = {.init = true,
                                .cap_ambient = CAP(SYS_ADMIN) | CAP(NET_RAW) | CAP(IPC_OWNER),
                                .network = STYRO_NETWORK_HOST,
                                .namespaces = {[STYRO_NS_IPC] = STYRO_NS_HOST, [STYRO_NS_UTS] = STYRO_NS_JOIN}};
  ck_assert_uint_eq(styro_nested_spaces(&fields), BOTH);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "nested"};
  const TTest *const tests[] = {by_capability, only_where_there_is_an_init_and_all_around_is_the_sandboxs,
                                what_is_shared_stays_shared};
  return test_program_run(&program, tests, TESTS_N(tests));
}
