/* core/lib/capability.c and protections.c: names, numbers and sets. */
#include <check.h>
#include <linux/capability.h>
#include <stdio.h>

#include "capability.h"
#include "protections.h"
#include "request_kit.h"

START_TEST(names_in_every_spelling)
{
  ck_assert_int_eq(styro_capability_number("CAP_NET_RAW"), CAP_NET_RAW);
  ck_assert_int_eq(styro_capability_number("cap_net_raw"), CAP_NET_RAW);
  ck_assert_int_eq(styro_capability_number("net_raw"), CAP_NET_RAW);
  ck_assert_int_eq(styro_capability_number("NET_RAW"), CAP_NET_RAW);
  ck_assert_int_eq(styro_capability_number("13"), 13);
  ck_assert_int_eq(styro_capability_number("0"), CAP_CHOWN);
}
END_TEST

START_TEST(what_is_no_capability)
{
  static const char *const names[] = {
      "",  "net", "CAP_", "all", "64", "41", "99999999999999", "13x", "-1", " 13 ", "net_raw ", "cap_net_raw,cap_chown",
      NULL};
  for (size_t i = 0; names[i] != NULL; i++) {
    ck_assert_msg(styro_capability_number(names[i]) == -1, "`%s`", names[i]);
  }
  char large[300];
  snprintf(large, sizeof large, "%0*d", 200, 0);
  large[0] = 'x';
  ck_assert_int_eq(styro_capability_number(large), -1);
  ck_assert_int_eq(styro_capability_number(NULL), -1);
}
END_TEST

START_TEST(every_number_reads_back)
{
  char name[32];
  for (int i = 0; i <= CAP_LAST_CAP; i++) {
    ck_assert_int_eq(styro_capability_number(styro_capability_name(i, name, sizeof name)), i);
  }
  ck_assert_str_eq(styro_capability_name(CAP_SYS_ADMIN, name, sizeof name), "CAP_SYS_ADMIN");
  ck_assert_str_eq(styro_capability_name(63, name, sizeof name), "63");
  ck_assert_str_eq(styro_capability_name(-1, name, sizeof name), "-1");
}
END_TEST

START_TEST(protections_by_name)
{
  ck_assert(styro_protections_named("masked_paths") == STYRO_BIT(STYRO_MASKED_PATHS));
  ck_assert(styro_protections_named("limits") == UINT64_C(0x7e0000000));
  ck_assert(styro_protections_named("landlock") == UINT64_C(0x700000));
  ck_assert(styro_protections_named("everything") == 0);
  ck_assert(styro_protection_of_cgroup_key("memory.high") == STYRO_BIT(STYRO_LIMIT_MEMORY));
  ck_assert(styro_protection_of_cgroup_key("memory.swap.max") == STYRO_BIT(STYRO_LIMIT_SWAP));
  ck_assert(styro_protection_of_cgroup_key("io.max") == STYRO_BIT(STYRO_LIMIT_IO));
  ck_assert(styro_protection_of_cgroup_key("hugetlb.2MB.max") == 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("capability");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, names_in_every_spelling);
  tcase_add_test(cases, what_is_no_capability);
  tcase_add_test(cases, every_number_reads_back);
  tcase_add_test(cases, protections_by_name);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
