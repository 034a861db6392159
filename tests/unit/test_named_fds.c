/* core/lib/named_fds.c: descriptors in place of host paths, from the request to the table of a run. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/named_fds.h"
#include "lib/run_block.h"
#include "outline.h"

static styro_plan *plan;
static styro_error err;

static void make(const char *members)
{
  err = (styro_error){.size = sizeof err};
  plan = compiled(members);
}

static void teardown(void)
{
  styro_plan_free(plan);
}

START_TEST(most_plans_name_none)
{
  make("\"paths\": {\"/x\": {\"from\": \"/17\"}}");
  ck_assert_uint_eq(styro_named_fds(plan), 0);
  ck_assert_int_eq(styro_named_fd_at(plan, 0, NULL), -1);
  ck_assert_int_eq(styro_named_fds_check(plan, &err), 0);
}
END_TEST

START_TEST(in_the_order_of_the_steps)
{
  const struct wire_step *step = NULL;
  make("\"paths\": {\"/b\": {\"from\": 17}, \"/a\": {\"from\": 900}, \"/c\": \"tmpfs\"}");
  ck_assert_uint_eq(styro_named_fds(plan), 2);
  ck_assert_int_eq(styro_named_fd_at(plan, 0, &step), 900);
  ck_assert_str_eq(wire_str(plan->block, wire_step_target(step)->path), "/a");
  ck_assert_str_eq(wire_str(plan->block, wire_step_source(step)->path), "descriptor 900");
  ck_assert_int_eq(styro_named_fd_at(plan, 1, NULL), 17);
  ck_assert_int_eq(styro_named_fd_at(plan, 2, NULL), -1);
}
END_TEST

START_TEST(a_closed_one_is_named_with_its_field)
{
  char members[64];
  int fd = dup(2);
  snprintf(members, sizeof members, "\"paths\": {\"/a\": {\"from\": %d}, \"/b\": {\"from\": 900}}", fd);
  make(members);
  ck_assert_int_eq(styro_named_fds_check(plan, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.field, "/paths/~1b");
  ck_assert_str_eq(err.object, "900");
  ck_assert_str_eq(err.message, "descriptor 900 stands in place of a host path in `/paths/~1b`, and it is not open");
  close(fd);
}
END_TEST

/* Once for the helper alone, once for the payload as well: its table has each number once. */
START_TEST(they_stand_in_the_table_of_a_run)
{
  char members[160];
  struct styro_order order;
  struct styro_run_block block;
  const styro_allocator alloc = styro_allocator_or_malloc(NULL);
  int one = dup(2);
  int two = dup(2);
  snprintf(
      members, sizeof members,
      "\"command\": [\"true\"], \"preserve_fds\": [%d], \"paths\": {\"/a\": {\"from\": %d}, \"/b\": {\"from\": %d}, "
      "\"/c\": {\"from\": %d}}",
      two, one, one, two);
  make(members);
  ck_assert_int_eq(styro_order_merge(plan, NULL, &order, &err), 0);
  ck_assert_int_eq(styro_run_block_build(&alloc, &order, &block, &err), 0);
  const struct wire_fd_entry *entries = (const void *)((const char *)block.run + block.run->fds_off);
  ck_assert_uint_eq(block.run->fds_n, 2);
  ck_assert_int_eq(entries[0].target, two);
  ck_assert_int_eq(entries[1].target, ~one);
  ck_assert_int_eq(block.extra[1], one);
  ck_assert_int_eq(wire_run_check(block.run, block.len), 0);
  styro_run_block_free(&block);
  close(one);
  ck_assert_int_eq(styro_order_merge(plan, NULL, &order, &err), STYRO_EREQUEST);
  close(two);
}
END_TEST

START_TEST(there_is_a_most)
{
  static char members[32768];
  struct styro_order order;
  int len = snprintf(members, sizeof members, "\"command\": [\"true\"], \"paths\": {");
  for (int i = 0; i <= 512; i++) {
    len += snprintf(members + len, sizeof members - (size_t)len, "%s\"/%d\": {\"from\": %d}", i ? "," : "", i, i + 3);
  }
  snprintf(members + len, sizeof members - (size_t)len, "}");
  make(members);
  ck_assert_int_eq(styro_order_merge(plan, NULL, &order, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "513 descriptors are handed over, 512 is the most");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("named_fds");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, NULL, teardown);
  tcase_add_test(cases, most_plans_name_none);
  tcase_add_test(cases, in_the_order_of_the_steps);
  tcase_add_test(cases, a_closed_one_is_named_with_its_field);
  tcase_add_test(cases, they_stand_in_the_table_of_a_run);
  tcase_add_test(cases, there_is_a_most);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
