/* core/lib/pointer.c: JSON pointers lead to rows, entries of maps and parts of rules, or say why they do not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "layer_kit.h"
#include "pointer.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define HOW "a pointer is such as \"/timeout/wall\" or \"/paths/~1out\"; ~1 stands for `/`, ~0 for `~`"

static int find(const char *pointer, struct styro_reading *in, struct styro_place *place, styro_error *err)
{
  *in = (struct styro_reading){.err = err, .at = "what stood there before"};
  memset(place, 0x5a, sizeof *place);
  return styro_place_find(in, pointer, place);
}

/* Whether a row can be reached by its own pointer: it has a key, and so have all above it. */
static bool is_reachable(const struct styro_field *field)
{
  for (; field != NULL; field = styro_field_parent(field)) {
    if ((field->flags & STYRO_FIELD_HIDDEN) != 0 || strchr(field->pointer, '*') != NULL) {
      return false;
    }
  }
  return true;
}

START_TEST(every_row_is_found_by_its_own_pointer)
{
  size_t found = 0;
  for (size_t i = 0; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    struct styro_reading in;
    struct styro_place place;
    if (!is_reachable(field)) {
      continue;
    }
    ck_assert_msg(find(field->pointer, &in, &place, NULL) == 0, "%s", field->pointer);
    ck_assert_ptr_eq(place.field, field);
    ck_assert_ptr_null(place.container);
    ck_assert_str_eq(place.key, "");
    ck_assert_str_eq(in.at, field->pointer);
    found++;
  }
  ck_assert_uint_gt(found, 100);
}
END_TEST

START_TEST(entries_and_parts_of_rules)
{
  static const struct {
    const char *pointer, *field, *container, *key;
  } rows[] = {
      {"/env/HOME", "/env", "/env", "HOME"},
      {"/env/a~1b~0c", "/env", "/env", "a/b~c"},
      {"/env/~01", "/env", "/env", "~1"},
      {"/env/", "/env", "/env", ""},
      {"/limits/cgroup/memory.high", "/limits/cgroup", "/limits/cgroup", "memory.high"},
      {"/paths/~1out", "/paths/*", "/paths", "/out"},
      {"/paths/~1out~1", "/paths/*", "/paths", "/out/"},
      {"/paths/~1out/access", "/paths/*/access", "/paths", "/out"},
      {"/paths//from", "/paths/*/from", "/paths", ""},
      {"/paths/~1out/idmap", "/paths/*/idmap", "/paths", "/out"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct styro_reading in;
    struct styro_place place;
    ck_assert_msg(find(rows[i].pointer, &in, &place, NULL) == 0, "%s", rows[i].pointer);
    ck_assert_ptr_eq(place.field, kit_row(rows[i].field));
    ck_assert_ptr_eq(place.container, kit_row(rows[i].container));
    ck_assert_str_eq(place.key, rows[i].key);
    ck_assert_str_eq(in.at, rows[i].pointer);
  }
}
END_TEST

#define WRONG(said) STYRO_EREQUEST, STYRO_STAGE_VALIDATE, said

static const struct {
  const char *pointer;
  struct kit_said said;
} wrong[] = {
    {"timeout", {WRONG("`timeout` is not a JSON pointer: it does not start with `/`"), "timeout", "", HOW}},
    {"/env/\xff", {WRONG("`/env/?` is not valid UTF-8, which a request consists of"), "/env/?", "", HOW}},
    {"/env/~2",
     {WRONG("`/env/~2` is not a JSON pointer: a `~` without 0 or 1 after it, or too long a part"), "/env/~2", "", HOW}},
    {"/env/a~",
     {WRONG("`/env/a~` is not a JSON pointer: a `~` without 0 or 1 after it, or too long a part"), "/env/a~", "", HOW}},
    {"/en~/A",
     {WRONG("`/en~/A` is not a JSON pointer: a `~` without 0 or 1 after it, or too long a part"), "/en~/A", "", HOW}},
    {"/timeot", {WRONG("`timeot` is not a field of a request"), "/timeot", "timeot", "did you mean `timeout`?"}},
    {"/timeout/wal", {WRONG("`wal` is not a field here"), "/timeout/wal", "wal", "did you mean `wall`?"}},
    {"/network/", {WRONG("`` is not a field here"), "/network/", "", "known here: mode, join"}},
    {"/root/kind",
     {WRONG("`kind` is not a field here"), "/root/kind", "kind",
      "known here: directory, writable, size, idmap, overlay"}},
    {"/env/A/B", {WRONG("`B` is below a text, which has no parts"), "B", "", HOW}},
    {"/command/0",
     {WRONG("`/command` has no parts that could be set one by one"), "/command", "",
      "set it as a whole, or add to it where it is a list"}},
    {"/paths/~1a/access/x",
     {WRONG("`/paths/~1a/access` has no parts that could be set one by one"), "/paths/~1a/access", "",
      "set it as a whole, or add to it where it is a list"}},
    {"/terminal/size",
     {STYRO_EUNSUPPORTED, STYRO_STAGE_VALIDATE, "`terminal` is not supported yet", "/terminal", "terminal",
      "leave it out: what this version cannot carry out is refused, never ignored"}},
};

START_TEST(pointers_that_lead_nowhere_say_why)
{
  styro_error err = ERROR_READY;
  struct styro_reading in;
  struct styro_place place;
  ck_assert_int_eq(find(wrong[_i].pointer, &in, &place, &err), wrong[_i].said.code);
  kit_says(wrong[_i].pointer, &err, &wrong[_i].said);
}
END_TEST

/* PATH_MAX with its NUL: the longest path is a key, one byte more is none, however it is written. */
START_TEST(a_part_is_as_long_as_a_path_can_be)
{
  static char pointer[STYRO_PATH_MAX + 100] = "/env/";
  static struct styro_place place;
  struct styro_reading in;
  styro_error err = ERROR_READY;
  memset(pointer + 5, 'k', STYRO_PATH_MAX - 1);
  ck_assert_int_eq(find(pointer, &in, &place, &err), 0);
  ck_assert_uint_eq(strlen(place.key), STYRO_PATH_MAX - 1);
  ck_assert_str_eq(place.key, pointer + 5);
  memcpy(pointer + 5, "~1", 2);
  pointer[5 + STYRO_PATH_MAX - 1] = 'k';
  ck_assert_int_eq(find(pointer, &in, &place, &err), 0);
  ck_assert_uint_eq(strlen(place.key), STYRO_PATH_MAX - 1);
  pointer[5 + STYRO_PATH_MAX] = 'k';
  ck_assert_int_eq(find(pointer, &in, &place, &err), STYRO_EREQUEST);
  ck_assert_ptr_nonnull(
      strstr(err.message, "kkk` is not a JSON pointer: a `~` without 0 or 1 after it, or too long a part"));
  ck_assert_str_eq(err.hint, HOW);
}
END_TEST

START_TEST(a_pointer_for_errors_is_cut_between_escapes)
{
  static struct styro_place place;
  struct styro_reading in;
  char pointer[5 + 800 + 1] = "/env/";
  for (size_t i = 5; i < sizeof pointer - 1; i += 2) {
    memcpy(pointer + i, "~1", 2);
  }
  ck_assert_int_eq(find(pointer, &in, &place, NULL), 0);
  ck_assert_uint_eq(strlen(place.key), 400);
  ck_assert_uint_gt(strlen(in.at), 500);
  ck_assert_uint_lt(strlen(in.at), sizeof in.at);
  ck_assert_int_eq(strncmp(in.at, pointer, strlen(in.at)), 0);
  ck_assert_int_eq(in.at[strlen(in.at) - 1], '1');
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("pointer");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, every_row_is_found_by_its_own_pointer);
  tcase_add_test(cases, entries_and_parts_of_rules);
  tcase_add_loop_test(cases, pointers_that_lead_nowhere_say_why, 0, (int)COUNT(wrong));
  tcase_add_test(cases, a_part_is_as_long_as_a_path_can_be);
  tcase_add_test(cases, a_pointer_for_errors_is_cut_between_escapes);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
