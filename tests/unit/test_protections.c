/* core/lib/protections.c: names and group words to bits, those that can never be missing, keys of control groups. */
#include <check.h>
#include <string.h>

#include "protections.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

START_TEST(every_name_is_its_bit)
{
  for (int i = 0; i < STYRO_PROTECTION_COUNT; i++) {
    ck_assert_uint_eq(styro_protections_named(styro_protection_name(i)), UINT64_C(1) << i);
  }
}
END_TEST

START_TEST(what_is_no_name_is_no_bit)
{
  static const char *const unknown[] = {"", "limit", "Limits", "limits ", "seccom", "seccompx", "all", "none"};
  for (size_t i = 0; i < COUNT(unknown); i++) {
    ck_assert_msg(styro_protections_named(unknown[i]) == 0, "`%s`", unknown[i]);
  }
}
END_TEST

/* The sum of the names, so that a bit that is added to a group stands here too. */
static uint64_t bits_of(const char *const *names)
{
  uint64_t bits = 0;
  for (; *names != NULL; names++) {
    uint64_t bit = styro_protections_named(*names);
    ck_assert_msg(bit != 0 && (bits & bit) == 0, "%s", *names);
    bits |= bit;
  }
  return bits;
}

START_TEST(group_words_stand_for_their_members)
{
  ck_assert_uint_eq(styro_protections_named("limits"),
                    bits_of((const char *const[]){"limit_memory", "limit_swap", "limit_pids", "limit_cpu",
                                                  "limit_cpuset", "limit_io", NULL}));
  ck_assert_uint_eq(styro_protections_named("landlock"),
                    bits_of((const char *const[]){"landlock_paths", "landlock_network", "landlock_scopes", NULL}));
}
END_TEST

START_TEST(those_that_can_never_be_missing)
{
  ck_assert_uint_eq(STYRO_NEVER_BEST_EFFORT,
                    bits_of((const char *const[]){"user_ids", "capabilities", "no_new_privs", "seccomp", "new_session",
                                                  "closed_fds", "helper_image", "output_limit", "timeout_wall", NULL}));
}
END_TEST

static const struct {
  const char *key, *protection; /* "": none */
} keys[] = {
    {"memory.high", "limit_memory"},
    {"memory.max", "limit_memory"},
    {"memory.swap.max", "limit_swap"},
    {"memory.swapx", "limit_memory"},
    {"pids.max", "limit_pids"},
    {"cpu.max", "limit_cpu"},
    {"cpuset.cpus", "limit_cpuset"},
    {"io.max", "limit_io"},
    {"rdma.max", ""},
    {"hugetlb.2MB.max", ""},
    {"memory", ""},
    {"xmemory.high", ""},
    {"Memory.high", ""},
    {"", ""},
};

START_TEST(what_a_key_of_control_groups_asks_for)
{
  uint64_t bits = styro_protection_of_cgroup_key(keys[_i].key);
  ck_assert_msg(bits == styro_protections_named(keys[_i].protection), "%s", keys[_i].key);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("protections");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, every_name_is_its_bit);
  tcase_add_test(cases, what_is_no_name_is_no_bit);
  tcase_add_test(cases, group_words_stand_for_their_members);
  tcase_add_test(cases, those_that_can_never_be_missing);
  tcase_add_loop_test(cases, what_a_key_of_control_groups_asks_for, 0, (int)COUNT(keys));
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
