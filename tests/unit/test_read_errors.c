/* core/lib/read_errors.c: each kind of mistake on a row of the test's own, so that no word of the table hides another's. */
#include <check.h>
#include <string.h>

#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static styro_error err;
static struct styro_reading in;

static void setup(void)
{
  err = (styro_error)ERROR_READY;
  in = (struct styro_reading){.err = &err, .at = "/here/~1there"};
}

#define AT "/here/~1there"
#define WRONG(said) STYRO_EREQUEST, STYRO_STAGE_VALIDATE, said

/* ---- a value of another type ---- */

static const struct {
  const char *json, *noun, *shown;
} values[] = {
    {"{\"a\": 1}", "an object", ""},
    {"[1, 2]", "a list", ""},
    {"\"text\"", "a text", "`text`"},
    {"-7", "a whole number", "-7"},
    {"2.5", "a number with a fraction", "2.5"},
    {"true", "true or false", "true"},
    {"false", "true or false", "false"},
    {"null", "null", "null"},
};

START_TEST(a_value_of_another_type)
{
  const struct styro_field field = {.pointer = "/x", .type = STYRO_TYPE_PROTECTIONS};
  char message[100] = "expected a list of protections, not ";
  json_auto_t *value = kit_value(values[_i].json);
  strcat(message, values[_i].noun);
  const struct kit_said said = {WRONG(message), AT, values[_i].shown, "write a list such as [\"limits\"]"};
  ck_assert_int_eq(styro_read_wrong(&in, &field, value), STYRO_EREQUEST);
  kit_says(values[_i].json, &err, &said);
}
END_TEST

START_TEST(the_rows_hint_goes_before_the_types)
{
  const struct styro_field field = {.pointer = "/x", .type = STYRO_TYPE_BOOL, .hint = "the row's own"};
  json_auto_t *value = kit_value("0");
  const struct kit_said said = {WRONG("expected true or false, not a whole number"), AT, "0", "the row's own"};
  styro_read_wrong(&in, &field, value);
  kit_says("hint", &err, &said);
}
END_TEST

/* Where text is the type's own grammar, a wrong one is a matter of parsing; for some that holds for setters only. */
static const struct {
  enum styro_type type;
  bool in_json, in_setters;
} grammars[] = {
    {STYRO_TYPE_SIZE, true, true},   {STYRO_TYPE_LIMIT, true, true},  {STYRO_TYPE_DURATION, true, true},
    {STYRO_TYPE_MODE, true, true},   {STYRO_TYPE_BOOL, false, true},  {STYRO_TYPE_INT, false, true},
    {STYRO_TYPE_CORES, false, true}, {STYRO_TYPE_LIST, false, false}, {STYRO_TYPE_CAPS, false, false},
    {STYRO_TYPE_FDS, false, false},
};

START_TEST(a_text_of_another_grammar)
{
  const struct styro_field field = {.pointer = "/x", .type = grammars[_i].type};
  json_auto_t *value = kit_value("\"word\"");
  for (int origin = STYRO_FROM_JSON; origin <= STYRO_FROM_INT; origin++) {
    bool parsed = origin == STYRO_FROM_TEXT ? grammars[_i].in_setters : grammars[_i].in_json;
    in.origin = (enum styro_origin)origin;
    ck_assert_int_eq(styro_read_wrong(&in, &field, value), parsed ? STYRO_EPARSE : STYRO_EREQUEST);
    ck_assert_int_eq(err.stage, parsed ? STYRO_STAGE_PARSE : STYRO_STAGE_VALIDATE);
    ck_assert_int_eq(strncmp(err.message, parsed ? "`word` is not " : "expected ", 9), 0);
    ck_assert_str_eq(err.object, "`word`");
  }
}
END_TEST

START_TEST(a_long_text_is_shown_in_part)
{
  const struct styro_field field = {.pointer = "/x", .type = STYRO_TYPE_SIZE};
  char text[700] = "\"";
  memset(text + 1, 'x', 600);
  strcpy(text + 601, "\"");
  json_auto_t *value = kit_value(text);
  ck_assert_int_eq(styro_read_wrong(&in, &field, value), STYRO_EPARSE);
  ck_assert_uint_eq(strlen(err.object), 199);
  ck_assert_int_eq(strncmp(err.object, "`xxxx", 5), 0);
  ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
  ck_assert_str_eq(err.field, AT);
}
END_TEST

/* ---- ranges ---- */

static const struct {
  enum styro_type type;
  int64_t min, max;
  const char *json, *message, *object, *hint;
} ranges[] = {
    {STYRO_TYPE_INT, -5, 5, "6", "6 is out of range: -5 to 5", "6", ""},
    {STYRO_TYPE_INT, 0, 5, "\"6\"", "`6` is out of range: 0 to 5", "`6`", ""},
    {STYRO_TYPE_INT, -5, 0, "1", "1 is out of range: -5 to 0", "1", ""},
    {STYRO_TYPE_MODE, 0, 0777, "\"1000\"", "`1000` is out of range: 0000 to 0777", "`1000`",
     "write them as octal text such as \"022\""},
    {STYRO_TYPE_SIZE, 4096, 1 << 20, "5", "5 is out of range: 4K to 1M", "5",
     "a size is a number of bytes, or a text such as \"64K\", \"256M\" or \"1.5G\" in binary units"},
    {STYRO_TYPE_LIMIT, 0, 0, "-1", "-1 is out of range", "-1",
     "a limit is a number, a size such as \"256M\", or \"unlimited\""},
};

START_TEST(a_value_out_of_its_bounds)
{
  const struct styro_field field = {
      .pointer = "/x", .type = ranges[_i].type, .min = ranges[_i].min, .max = ranges[_i].max};
  const struct kit_said said = {WRONG(ranges[_i].message), AT, ranges[_i].object, ranges[_i].hint};
  json_auto_t *value = kit_value(ranges[_i].json);
  ck_assert_int_eq(styro_read_range(&in, &field, value), STYRO_EREQUEST);
  kit_says(ranges[_i].json, &err, &said);
}
END_TEST

/* ---- words, keys, texts ---- */

START_TEST(an_unknown_word)
{
  const struct styro_field field = {.pointer = "/x",
                                    .type = STYRO_TYPE_ENUM,
                                    .words = (const char *const[]){"", "truncate", "kill", NULL},
                                    .hint = "the row's own"};
  const struct kit_said near = {WRONG("`truncat` is not `truncate` or `kill`"), AT, "truncat",
                                "did you mean `truncate`?"};
  const struct kit_said far = {WRONG("`zebra` is not `truncate` or `kill`"), AT, "zebra", "the row's own"};
  const struct kit_said none = {WRONG("`` is not `truncate` or `kill`"), AT, "", "the row's own"};
  ck_assert_int_eq(styro_read_unknown_word(&in, &field, "truncat"), STYRO_EREQUEST);
  kit_says("near", &err, &near);
  styro_read_unknown_word(&in, &field, "zebra");
  kit_says("far", &err, &far);
  styro_read_unknown_word(&in, &field, "");
  kit_says("none", &err, &none);
  styro_read_unknown_word(&in, kit_row("/network/mode"), "nome");
  ck_assert_str_eq(err.hint, "did you mean `none`?");
}
END_TEST

/* Said below the pointer, which then is what it was. */
START_TEST(an_unknown_key)
{
  const struct kit_said near = {WRONG("`gracee` is not a field here"), AT "/gracee", "gracee", "did you mean `grace`?"};
  const struct kit_said far = {WRONG("`a/b` is not a field here"), AT "/a~1b", "a/b", "known here: wall, grace, cpu"};
  ck_assert_int_eq(styro_read_unknown_key(&in, kit_row("/timeout"), "gracee"), STYRO_EREQUEST);
  kit_says("near", &err, &near);
  ck_assert_str_eq(in.at, AT);
  styro_read_unknown_key(&in, kit_row("/timeout"), "a/b");
  kit_says("far", &err, &far);
  ck_assert_str_eq(in.at, AT);
}
END_TEST

START_TEST(hidden_keys_are_neither_listed_nor_meant)
{
  const struct kit_said said = {WRONG("`kin` is not a field here"), AT "/kin", "kin",
                                "known here: directory, writable, size, idmap, overlay"};
  styro_read_unknown_key(&in, kit_row("/root"), "kin");
  kit_says("hidden", &err, &said);
}
END_TEST

START_TEST(a_key_of_the_request_itself)
{
  in.at[0] = '\0';
  const struct kit_said said = {WRONG("`envi` is not a field of a request"), "/envi", "envi", "did you mean `env`?"};
  styro_read_unknown_key(&in, styro_field_at(0), "envi");
  kit_says("request", &err, &said);
}
END_TEST

START_TEST(a_complaint_has_no_hint_of_its_own)
{
  const struct kit_said said = {WRONG("`text` is not what it should be"), AT, "text", ""};
  styro_error_hint(&err, "of an earlier error");
  ck_assert_int_eq(styro_read_complaint(&in, "text", "is not what it should be"), STYRO_EREQUEST);
  kit_says("complaint", &err, &said);
}
END_TEST

/* ---- numbers of items ---- */

START_TEST(how_many_items_there_may_be)
{
  const struct styro_field needed = {.min = 1, .max = 3}, any = {.max = 0}, few = {.max = 2};
  const struct kit_said none = {WRONG("the list is empty, and needs at least one item"), AT, "",
                                "leave the field out where nothing is meant"};
  const struct kit_said more = {WRONG("4 items are too many: at most 3 can stand here"), AT, "", ""};
  ck_assert_int_eq(styro_read_count(&in, &needed, 1), 0);
  ck_assert_int_eq(styro_read_count(&in, &needed, 3), 0);
  ck_assert_int_eq(styro_read_count(&in, &any, 0), 0);
  ck_assert_int_eq(styro_read_count(&in, &any, 1000000), 0);
  ck_assert_int_eq(styro_read_count(&in, &few, 0), 0);
  ck_assert_int_eq(err.code, 0);
  ck_assert_int_eq(styro_read_count(&in, &needed, 0), STYRO_EREQUEST);
  kit_says("none", &err, &none);
  ck_assert_int_eq(styro_read_count(&in, &needed, 4), STYRO_EREQUEST);
  kit_says("more", &err, &more);
  ck_assert_int_eq(styro_read_count(&in, &few, 3), STYRO_EREQUEST);
}
END_TEST

/* ---- not yet ---- */

static const struct {
  const char *json, *what; /* NULL: none of that */
} spellings[] = {
    {"\"word\"", "`word`"},     {"\"words\"", NULL}, {"true", "`true`"}, {"false", NULL},    {"[]", "`key` as a list"},
    {"[1]", "`key` as a list"}, {"null", NULL},      {"1", NULL},        {"\"[]\"", "`[]`"}, {"{}", NULL},
};

START_TEST(values_that_are_known_and_not_supported_yet)
{
  const struct styro_field field = {.pointer = "/a/key",
                                    .type = STYRO_TYPE_ENUM,
                                    .later = (const char *const[]){"word", "true", "[]", "[...]", NULL}};
  json_auto_t *value = kit_value(spellings[_i].json);
  int code = styro_read_refuse_later(&in, &field, value);
  ck_assert_int_eq(code, spellings[_i].what == NULL ? 0 : STYRO_EUNSUPPORTED);
  ck_assert_int_eq(err.code, code);
  if (code != 0) {
    char message[100];
    strcat(strcpy(message, spellings[_i].what), " is not supported yet");
    ck_assert_str_eq(err.message, message);
    ck_assert_str_eq(err.hint, "leave it out: what this version cannot carry out is refused, never ignored");
  }
}
END_TEST

START_TEST(an_empty_list_and_a_full_one_are_two_words)
{
  const struct styro_field field = {
      .pointer = "/a/key", .type = STYRO_TYPE_GROUPS, .later = (const char *const[]){"[...]", NULL}};
  json_auto_t *empty = kit_value("[]"), *full = kit_value("[1]");
  ck_assert_int_eq(styro_read_refuse_later(&in, &field, empty), 0);
  ck_assert_int_eq(styro_read_refuse_later(&in, &field, full), STYRO_EUNSUPPORTED);
}
END_TEST

/* Whatever the value, and also without one. */
START_TEST(fields_that_are_known_and_not_supported_yet)
{
  const struct styro_field field = {.pointer = "/a/key", .type = STYRO_TYPE_LATER};
  const struct kit_said said = {STYRO_EUNSUPPORTED,
                                STYRO_STAGE_VALIDATE,
                                "`key` is not supported yet",
                                AT,
                                "key",
                                "leave it out: what this version cannot carry out is refused, never ignored"};
  ck_assert_int_eq(styro_read_refuse_later(&in, &field, NULL), STYRO_EUNSUPPORTED);
  kit_says("later", &err, &said);
}
END_TEST

START_TEST(memory_says_no_more_than_that)
{
  const struct kit_said said = {STYRO_ENOMEM, STYRO_STAGE_PARSE, "out of memory", "", "", ""};
  ck_assert_int_eq(styro_read_memory(&in), STYRO_ENOMEM);
  kit_says("memory", &err, &said);
}
END_TEST

START_TEST(no_error_struct_is_fine)
{
  json_auto_t *value = kit_value("1");
  in.err = NULL;
  ck_assert_int_eq(styro_read_wrong(&in, kit_row("/init"), value), STYRO_EREQUEST);
  ck_assert_int_eq(styro_read_range(&in, kit_row("/nice"), value), STYRO_EREQUEST);
  ck_assert_int_eq(styro_read_unknown_word(&in, kit_row("/network/mode"), "x"), STYRO_EREQUEST);
  ck_assert_int_eq(styro_read_unknown_key(&in, kit_row("/user"), "x"), STYRO_EREQUEST);
  ck_assert_int_eq(styro_read_count(&in, kit_row("/command"), 0), STYRO_EREQUEST);
  ck_assert_int_eq(styro_read_memory(&in), STYRO_ENOMEM);
}
END_TEST

static void add_tests(TCase *cases)
{
  tcase_add_loop_test(cases, a_value_of_another_type, 0, (int)COUNT(values));
  tcase_add_test(cases, the_rows_hint_goes_before_the_types);
  tcase_add_loop_test(cases, a_text_of_another_grammar, 0, (int)COUNT(grammars));
  tcase_add_test(cases, a_long_text_is_shown_in_part);
  tcase_add_loop_test(cases, a_value_out_of_its_bounds, 0, (int)COUNT(ranges));
  tcase_add_test(cases, an_unknown_word);
  tcase_add_test(cases, an_unknown_key);
  tcase_add_test(cases, hidden_keys_are_neither_listed_nor_meant);
  tcase_add_test(cases, a_key_of_the_request_itself);
  tcase_add_test(cases, a_complaint_has_no_hint_of_its_own);
  tcase_add_test(cases, how_many_items_there_may_be);
  tcase_add_loop_test(cases, values_that_are_known_and_not_supported_yet, 0, (int)COUNT(spellings));
  tcase_add_test(cases, an_empty_list_and_a_full_one_are_two_words);
  tcase_add_test(cases, fields_that_are_known_and_not_supported_yet);
  tcase_add_test(cases, memory_says_no_more_than_that);
  tcase_add_test(cases, no_error_struct_is_fine);
}

int main(void)
{
  Suite *suite = suite_create("read_errors");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, NULL);
  add_tests(cases);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
