/* core/lib/id_map.c and read_id_map.c: maps of ids as text, what the kernel would refuse of them, and how they are read. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "id_map.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

START_TEST(kinds)
{
  ck_assert(!styro_id_map_is_self(NULL) && !styro_id_map_has_ranges(NULL));
  ck_assert(styro_id_map_is_self("self") && !styro_id_map_has_ranges("self"));
  ck_assert(!styro_id_map_is_self("0 1 1\n") && styro_id_map_has_ranges("0 1 1\n"));
}
END_TEST

START_TEST(one_range_after_the_other)
{
  const char *at = "0 100000 65536\n4294967294 1500 1\n";
  struct styro_id_range range;
  ck_assert(styro_id_map_next(&at, &range));
  ck_assert(range.inside == 0 && range.outside == 100000 && range.count == 65536);
  ck_assert(styro_id_map_next(&at, &range));
  ck_assert(range.inside == 4294967294 && range.outside == 1500 && range.count == 1);
  ck_assert(!styro_id_map_next(&at, &range));
  ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(what_is_no_range)
{
  static const char *const texts[] = {"",
                                      "self",
                                      "0",
                                      "0 1",
                                      "0 1 \n",
                                      "0  1 1\n",
                                      " 0 1 1\n",
                                      "0 1 1",
                                      "0 1 1 \n",
                                      "0 1 1,2\n",
                                      "4294967296 1 1\n",
                                      "-1 1 1\n",
                                      "0x1 1 1\n",
                                      "99999999999999999999999999 1 1\n"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    const char *at = texts[i];
    struct styro_id_range range;
    ck_assert_msg(!styro_id_map_next(&at, &range) && at == texts[i], "`%s`", texts[i]);
  }
}
END_TEST

static const struct {
  const char *map, *complaint; /* NULL: none */
  uint32_t inside;             /* of the range at fault */
} judged[] = {
    {"self", NULL, 0},
    {"0 0 4294967295\n", NULL, 0},
    {"0 5 1\n1 4 1\n2 6 10\n", NULL, 0},
    {"0 100000 1000\n1000 1000 1\n1001 101001 64535\n", NULL, 0},
    {"7 1 0\n", "counts no id", 7},
    {"4294967295 1 1\n", "goes beyond the last id, 4294967294", 4294967295},
    {"1 4294967290 6\n", "goes beyond the last id, 4294967294", 1},
    {"0 1 10\n20 50 5\n9 100 1\n", "maps an id inside that an earlier range maps", 9},
    {"5 100 10\n0 200 6\n", "maps an id inside that an earlier range maps", 0},
    {"0 100 10\n10 109 1\n", "maps to an id outside that an earlier range maps to", 10},
    {"0 100 10\n10 90 11\n", "maps to an id outside that an earlier range maps to", 10},
};

START_TEST(what_the_kernel_would_refuse)
{
  struct styro_id_range found;
  const char *complaint = styro_id_map_complaint(judged[_i].map, &found);
  if (judged[_i].complaint == NULL) {
    ck_assert_msg(complaint == NULL, "%s: %s", judged[_i].map, complaint);
  } else {
    ck_assert_msg(complaint != NULL, "%s", judged[_i].map);
    ck_assert_str_eq(complaint, judged[_i].complaint);
    ck_assert_uint_eq(found.inside, judged[_i].inside);
  }
}
END_TEST

/* 340 lines fit when they are short; fewer when they are not. */
START_TEST(how_many_ranges_there_can_be)
{
  char map[20000] = "";
  struct styro_id_range found;
  for (unsigned i = 0; i <= 340; i++) {
    ck_assert_msg(styro_id_map_complaint(map, &found) == NULL, "%u ranges", i);
    snprintf(map + strlen(map), sizeof map - strlen(map), "%u %u 1\n", i, i);
  }
  ck_assert_str_eq(styro_id_map_complaint(map, &found),
                   "is one too many: the kernel takes 340 ranges, in less than 4096 bytes");
  ck_assert_uint_eq(found.inside, 340);
  map[0] = '\0';
  for (unsigned i = 0; i < 170; i++) { /* of 24 bytes each */
    ck_assert_ptr_null(styro_id_map_complaint(map, &found));
    snprintf(map + strlen(map), sizeof map - strlen(map), "%u %u 1\n", 4000000000u + i, 4000000000u + i);
  }
  ck_assert_uint_lt(strlen(map), 4096);
  snprintf(map + strlen(map), sizeof map - strlen(map), "1000000000 1000000000 1\n");
  ck_assert_ptr_nonnull(styro_id_map_complaint(map, &found));
}
END_TEST

START_TEST(who_an_id_is_outside)
{
  static const char map[] = "0 100000 1000\n1000 1500 1\n1001 101001 64535\n";
  static const struct {
    uint32_t inside, outside;
  } rows[] = {{0, 100000}, {999, 100999}, {1000, 1500}, {1001, 101001}, {65535, 165535}};
  uint32_t outside = 7;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ck_assert(styro_id_map_lookup(map, rows[i].inside, &outside));
    ck_assert_uint_eq(outside, rows[i].outside);
  }
  outside = 7;
  ck_assert(!styro_id_map_lookup(map, 65536, &outside) && !styro_id_map_lookup("self", 0, &outside));
  ck_assert_uint_eq(outside, 7);
}
END_TEST

/* ---- reading ----------------------------------------------------------------------------------------------------- */

#define HINT "a range is a list of three numbers [inside, outside, count]"
#define SUCH "such as [0, 100000, 65536]"
#define WRONG(text) STYRO_EREQUEST, STYRO_STAGE_VALIDATE, text

START_TEST(what_is_read_is_written_again)
{
  static const struct {
    enum styro_origin origin;
    const char *json, *shown;
  } rows[] = {
      {STYRO_FROM_JSON, "\"self\"", "{\"user\":{\"uid_map\":\"self\"}}"},
      {STYRO_FROM_TEXT, "\"self\"", "{\"user\":{\"uid_map\":\"self\"}}"},
      {STYRO_FROM_JSON, "[[0, 100000, 65536]]", "{\"user\":{\"uid_map\":[[0,100000,65536]]}}"},
      {STYRO_FROM_TEXT, "[[0, 0, 1], [1, 5, 4294967290]]", "{\"user\":{\"uid_map\":[[0,0,1],[1,5,4294967290]]}}"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    styro_error err = ERROR_READY;
    struct styro_layer layer = kit_layer(NULL);
    ck_assert_msg(kit_read(&layer, rows[i].origin, "/user/uid_map", rows[i].json, &err) == 0, "%s", err.message);
    ck_assert_str_eq(kit_shown(&layer), rows[i].shown);
    styro_layer_free(&layer);
  }
}
END_TEST

START_TEST(what_is_not_taken_says_why)
{
  static const struct {
    const char *json;
    struct kit_said said;
  } rows[] = {
      {"\"me\"", {WRONG("`me` is neither `self`, `subuid` nor a list of ranges"), "/user/gid_map", "me", HINT}},
      {"\"\"", {WRONG("`` is neither `self`, `subuid` nor a list of ranges"), "/user/gid_map", "", HINT}},
      {"5", {WRONG("expected `self`, `subuid` or a list of ranges, not a whole number"), "/user/gid_map", "5", HINT}},
      {"[]",
       {WRONG("the list is empty, and needs at least one item"), "/user/gid_map", "",
        "leave the field out where nothing is meant"}},
      {"[[0, 1]]",
       {WRONG("not a range: three whole numbers [inside, outside, count] of 32 bits"), "/user/gid_map/0", "", SUCH}},
      {"[[0, 1, 1], 5]",
       {WRONG("not a range: three whole numbers [inside, outside, count] of 32 bits"), "/user/gid_map/1", "", SUCH}},
      {"[[0, 4294967296, 1]]",
       {WRONG("not a range: three whole numbers [inside, outside, count] of 32 bits"), "/user/gid_map/0", "", SUCH}},
      {"[[0, 1, -1]]",
       {WRONG("not a range: three whole numbers [inside, outside, count] of 32 bits"), "/user/gid_map/0", "", SUCH}},
      {"[[0, 1.5, 1]]",
       {WRONG("not a range: three whole numbers [inside, outside, count] of 32 bits"), "/user/gid_map/0", "", SUCH}},
      {"[[0, 1, 2], [1, 7, 1]]",
       {WRONG("`[1, 7, 1]` maps an id inside that an earlier range maps"), "/user/gid_map", "[1, 7, 1]", ""}},
      {"\"subgid\"",
       {WRONG("`subgid` is neither `self`, `subuid` nor a list of ranges"), "/user/gid_map", "subgid", HINT}},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    styro_error err = ERROR_READY;
    struct styro_layer layer = kit_layer(NULL);
    ck_assert_int_ne(kit_read(&layer, STYRO_FROM_JSON, "/user/gid_map", rows[i].json, &err), 0);
    kit_says(rows[i].json, &err, &rows[i].said);
    styro_layer_free(&layer);
  }
}
END_TEST

/* The map is the last thing that is put in place: without memory, what stood there stays. */
START_TEST(memory_may_run_out_anywhere)
{
  for (long n = 1;; n++) {
    struct counting_alloc state = {0};
    styro_allocator alloc = counting_allocator(&state);
    styro_error err = ERROR_READY;
    struct styro_layer layer = kit_layer(&alloc);
    state.fail_at = state.calls + (unsigned long)n;
    int code = kit_read(&layer, STYRO_FROM_JSON, "/user/uid_map", "[[0, 100000, 1000], [1000, 1500, 1]]", &err);
    state.fail_at = 0;
    ck_assert(code == 0 || code == STYRO_ENOMEM);
    ck_assert(code == 0 || layer.fields.uid_map == NULL);
    styro_layer_free(&layer);
    ck_assert_uint_eq(state.live_blocks, 0);
    if (code == 0) {
      ck_assert_int_gt(n, 1);
      return;
    }
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("id_map");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, kinds);
  tcase_add_test(cases, one_range_after_the_other);
  tcase_add_test(cases, what_is_no_range);
  tcase_add_loop_test(cases, what_the_kernel_would_refuse, 0, COUNT(judged));
  tcase_add_test(cases, how_many_ranges_there_can_be);
  tcase_add_test(cases, who_an_id_is_outside);
  tcase_add_test(cases, what_is_read_is_written_again);
  tcase_add_test(cases, what_is_not_taken_says_why);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
