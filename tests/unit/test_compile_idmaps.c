/* Maps of idmapped sources: what two maps make together, which sources get them, and what cannot have one. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/id_map.h"
#include "outline.h"

static styro_plan *plan;

static void make(const char *members)
{
  styro_plan_free(plan);
  plan = compiled(members);
}

static void teardown(void)
{
  styro_plan_free(plan);
  plan = NULL;
}

/* ---- two maps --------------------------------------------------------------------------------------------------- */

static const struct {
  const char *idmap, *map, *both;
} rows[] = {
    {"user", "0 100000 65536\n", "0 100000 65536\n"},
    {"0 0 1\n", "0 100000 65536\n", "0 100000 1\n"},
    {"500 10 5\n", "0 100 20\n", "500 110 5\n"},
    {"500 10 5\n", "0 100 12\n12 700 9\n", "500 110 2\n502 700 3\n"},
    {"7 20 2\n9 0 1\n", "20 5 2\n0 3 1\n", "7 5 2\n9 3 1\n"},
    {"0 4294967290 5\n", "4294967290 1 5\n", "0 1 5\n"},
};

START_TEST(what_is_on_disk_is_led_outside)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_buffer text;
  styro_buffer_init(&text, &alloc);
  styro_id_map_compose(rows[_i].idmap, rows[_i].map, &text);
  ck_assert_str_eq(text.data, rows[_i].both);
  styro_buffer_free(&text);
}
END_TEST

START_TEST(ids_that_a_map_covers)
{
  ck_assert(styro_id_map_covers("0 5 3\n3 50 1\n", 0, 4));
  ck_assert(styro_id_map_covers("3 50 1\n0 5 3\n", 1, 3));
  ck_assert(!styro_id_map_covers("0 5 3\n", 0, 4));
  ck_assert(!styro_id_map_covers("0 5 3\n4 50 1\n", 2, 3));
  ck_assert(!styro_id_map_covers("", 0, 1));
}
END_TEST

/* ---- the plan --------------------------------------------------------------------------------------------------- */

static const struct wire_step_idmap *idmap(uint32_t number)
{
  const struct wire_step *step = wire_step_first(plan->block);
  while (step->code != WIRE_STEP_IDMAP || number-- > 0) {
    step = wire_step_next(step);
  }
  return (const void *)step;
}

static uint32_t idmap_of(const char *path)
{
  const struct wire_step *step = wire_step_first(plan->block);
  while (!wire_step_source(step) || !wire_step_target(step) ||
         strcmp(wire_str(plan->block, wire_step_target(step)->path), path) != 0) {
    step = wire_step_next(step);
  }
  return wire_step_source(step)->idmap;
}

/* What that one id is outside, the run knows. */
START_TEST(one_id_inside)
{
  make("\"user\": {\"uid\": 5, \"gid\": 6}, \"paths\": {\"/a\": {\"idmap\": \"user\"}}");
  ck_assert_str_eq(wire_str(plan->block, idmap(0)->uid_ranges), "");
  ck_assert_str_eq(wire_str(plan->block, idmap(0)->gid_ranges), "");
  ck_assert_uint_eq(idmap(0)->uid, 5);
  ck_assert_uint_eq(idmap(0)->gid, 6);
  make("\"paths\": {\"/a\": {\"idmap\": [[0, 1000, 1]]}}");
  ck_assert_uint_eq(idmap(0)->uid, 0);
  ck_assert_uint_eq(idmap(0)->gid, 0);
}
END_TEST

START_TEST(ranges_inside)
{
  make(
      "\"user\": {\"uid_map\": [[0, 100000, 2000]], \"gid_map\": [[0, 200000, 2000]]}, \"paths\": {\"/a\": {\"idmap\": "
      "[[7, 0, 3]]}, \"/b\": {\"idmap\": \"user\"}, \"/c\": {\"idmap\": [[7, 0, 3]]}}");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_IDMAP), 2);
  ck_assert_str_eq(wire_str(plan->block, idmap(0)->uid_ranges), "7 100000 3\n");
  ck_assert_str_eq(wire_str(plan->block, idmap(0)->gid_ranges), "7 200000 3\n");
  ck_assert_str_eq(wire_str(plan->block, idmap(1)->uid_ranges), "0 100000 2000\n");
  ck_assert_uint_eq(idmap_of("/a"), 1);
  ck_assert_uint_eq(idmap_of("/b"), 2);
  ck_assert_uint_eq(idmap_of("/c"), 1);
  ck_assert_uint_eq(((const struct wire_plan *)plan->block)->flags & WIRE_PLAN_IDMAPS, WIRE_PLAN_IDMAPS);
  make("");
  ck_assert_uint_eq(((const struct wire_plan *)plan->block)->flags & WIRE_PLAN_IDMAPS, 0);
}
END_TEST

/* What is shown of an idmapped source is idmapped, and so is what is held on the way to it. */
START_TEST(entries_below_show_the_same)
{
  make(
      "\"paths\": {\"/a\": {\"access\": \"rw\", \"idmap\": \"user\"}, \"/a/b/c\": \"ro\", \"/a/d\": {\"from\": \"/x\"}}");
  ck_assert_uint_eq(idmap_of("/a"), 1);
  ck_assert_uint_eq(idmap_of("/a/b"), 1);
  ck_assert_uint_eq(idmap_of("/a/b/c"), 1);
  ck_assert_uint_eq(idmap_of("/a/d"), 0);
  make("\"root\": {\"directory\": \"/r\", \"writable\": true, \"idmap\": \"user\"}, \"paths\": {\"/x/y\": \"ro\"}");
  const struct wire_step_root *root = outline_step(plan, WIRE_STEP_ROOT);
  ck_assert_uint_eq(root->source.idmap, 1);
  ck_assert_uint_eq(idmap_of("/x"), 1);
  ck_assert_uint_eq(idmap_of("/x/y"), 1);
}
END_TEST

START_TEST(what_cannot_have_one)
{
  styro_error err = refused_by_compile("\"paths\": {\"/a\": \"rw\", \"/a/b\": {\"idmap\": \"user\"}}");
  ck_assert_str_eq(err.field, "/paths/~1a~1b/idmap");
  ck_assert_ptr_nonnull(strstr(err.message, "`/a/b` has no `from`"));
  err = refused_by_compile(
      "\"root\": {\"overlay\": {\"lower\": [\"/l\", \"/m\"]}}, \"paths\": {\"/a\": {\"idmap\": \"user\"}}");
  ck_assert_ptr_nonnull(strstr(err.message, "an overlay as a whole cannot be idmapped"));
}
END_TEST

START_TEST(too_many_of_them)
{
  char members[8192] = "\"user\": {\"uid_map\": [[0, 0, 2000]], \"gid_map\": [[0, 0, 2000]]}, \"paths\": {";
  for (int i = 0; i <= WIRE_IDMAPS_MAX; i++) {
    size_t len = strlen(members);
    snprintf(members + len, sizeof members - len, "%s\"/%d\": {\"idmap\": [[0, %d, 1]]}", i ? ", " : "", i, i);
  }
  styro_error err = refused_by_compile(strcat(members, "}"));
  ck_assert_ptr_nonnull(strstr(err.message, "more than 64 different values"));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("compile_idmaps");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, NULL, teardown);
  tcase_add_loop_test(cases, what_is_on_disk_is_led_outside, 0, sizeof rows / sizeof *rows);
  tcase_add_test(cases, ids_that_a_map_covers);
  tcase_add_test(cases, one_id_inside);
  tcase_add_test(cases, ranges_inside);
  tcase_add_test(cases, entries_below_show_the_same);
  tcase_add_test(cases, what_cannot_have_one);
  tcase_add_test(cases, too_many_of_them);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
