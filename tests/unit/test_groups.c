/* core/lib/groups.c and read_groups.c: supplementary groups as text, how they are read and written. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "groups.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HINT "write a list such as [10, 20], [] for none, or \"keep\""
#define WRONG(text) STYRO_EREQUEST, STYRO_STAGE_VALIDATE, text

START_TEST(one_after_the_other)
{
  const char *at = "0\n4294967294\n";
  uint32_t id = 7;
  ck_assert(styro_groups_next(&at, &id) && id == 0);
  ck_assert(styro_groups_next(&at, &id) && id == 4294967294u);
  ck_assert(!styro_groups_next(&at, &id));
  ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(what_is_no_list)
{
  static const char *const texts[] = {"", "keep", "5", "\n", " 5\n", "5 \n", "-5\n"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    const char *at = texts[i];
    uint32_t id = 7;
    ck_assert_msg(!styro_groups_next(&at, &id) && at == texts[i] && id == 7, "`%s`", texts[i]);
  }
  ck_assert(styro_groups_kept("keep") && !styro_groups_kept("") && !styro_groups_kept(NULL) &&
            !styro_groups_kept("5\n"));
}
END_TEST

START_TEST(what_is_read_is_written_again)
{
  static const struct {
    enum styro_origin origin;
    const char *json, *shown;
  } rows[] = {
      {STYRO_FROM_JSON, "\"keep\"", "{\"user\":{\"groups\":\"keep\"}}"},
      {STYRO_FROM_TEXT, "\"keep\"", "{\"user\":{\"groups\":\"keep\"}}"},
      {STYRO_FROM_JSON, "[]", "{\"user\":{\"groups\":[]}}"},
      {STYRO_FROM_JSON, "[0, 4294967294, 7]", "{\"user\":{\"groups\":[0,4294967294,7]}}"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    styro_error err = ERROR_READY;
    struct styro_layer layer = kit_layer(NULL);
    ck_assert_msg(kit_read(&layer, rows[i].origin, "/user/groups", rows[i].json, &err) == 0, "%s", err.message);
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
      {"\"all\"", {WRONG("`all` is neither `keep` nor a list of ids"), "/user/groups", "all", HINT}},
      {"{}", {WRONG("expected a list of ids or `keep`, not an object"), "/user/groups", "", HINT}},
      {"[1, \"wheel\"]", {WRONG("expected a list of ids or `keep`, not a text"), "/user/groups/1", "`wheel`", HINT}},
      {"[1.5]",
       {WRONG("expected a list of ids or `keep`, not a number with a fraction"), "/user/groups/0", "1.5", HINT}},
      {"[4294967295]", {WRONG("4294967295 is out of range: 0 to 4294967294"), "/user/groups/0", "", ""}},
      {"[5, -1]", {WRONG("-1 is out of range: 0 to 4294967294"), "/user/groups/1", "", ""}},
      {"[5, 6, 5]", {WRONG("group 5 stands there twice"), "/user/groups/2", "", "name each group once"}},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    styro_error err = ERROR_READY;
    struct styro_layer layer = kit_layer(NULL);
    ck_assert_int_ne(kit_read(&layer, STYRO_FROM_JSON, "/user/groups", rows[i].json, &err), 0);
    kit_says(rows[i].json, &err, &rows[i].said);
    styro_layer_free(&layer);
  }
}
END_TEST

START_TEST(no_more_than_the_helper_has_room_for)
{
  char list[STYRO_GROUPS_MOST * 6 + 16];
  for (int n = STYRO_GROUPS_MOST; n <= STYRO_GROUPS_MOST + 1; n++) {
    styro_error err = ERROR_READY;
    struct styro_layer layer = kit_layer(NULL);
    size_t len = 0;
    for (int i = 0; i < n; i++) {
      len += (size_t)snprintf(list + len, sizeof list - len, "%c%d", i ? ',' : '[', i);
    }
    strcpy(list + len, "]");
    int code = kit_read(&layer, STYRO_FROM_JSON, "/user/groups", list, &err);
    ck_assert_int_eq(code, n > STYRO_GROUPS_MOST ? STYRO_EREQUEST : 0);
    styro_layer_free(&layer);
  }
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  static const char *const values[] = {"[]", "\"keep\"", "[1000, 2000, 3000]"};
  for (size_t i = 0; i < COUNT(values); i++) {
    int code = STYRO_ENOMEM;
    for (size_t n = 1; code != 0; n++) {
      struct counting_alloc state = {0};
      styro_allocator alloc = counting_allocator(&state);
      styro_error err = ERROR_READY;
      struct styro_layer layer = kit_layer(&alloc);
      state.fail_at = state.calls + n;
      code = kit_read(&layer, STYRO_FROM_JSON, "/user/groups", values[i], &err);
      state.fail_at = 0;
      ck_assert(code == 0 || (code == STYRO_ENOMEM && layer.fields.groups == NULL));
      styro_layer_free(&layer);
      ck_assert_uint_eq(state.live_blocks, 0);
    }
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("groups");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, one_after_the_other);
  tcase_add_test(cases, what_is_no_list);
  tcase_add_test(cases, what_is_read_is_written_again);
  tcase_add_test(cases, what_is_not_taken_says_why);
  tcase_add_test(cases, no_more_than_the_helper_has_room_for);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
