/* core/lib/json_scan.c: depth, place, and how much text a JSON text holds, without a parser and beyond no end. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "json_scan.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* On a block of exactly its size, so that a sanitizer sees a look beyond it. */
static struct styro_json_scan scan(const char *text, size_t len, int depth_max)
{
  struct styro_json_scan out;
  char *block = malloc(len == 0 ? 1 : len);
  ck_assert(block != NULL);
  memcpy(block, text, len);
  memset(&out, 0x5a, sizeof out);
  styro_json_scan(block, len, depth_max, &out);
  free(block);
  return out;
}

/* Both numbers by hand. */
static const struct {
  const char *text;
  size_t text_bytes, longest_other;
} rows[] = {
    {"", 0, 0},
    {"  \t\r\n", 0, 0},
    {"\"\"", 0, 0},
    {"\"abc\"", 3, 0},
    {"[\"a\", \"bc\"]", 3, 0},
    {"{\"key\": \"value\"}", 8, 0},
    {"\"\\n\\\"\\\\\\/\"", 4, 0},
    {"\"[{,:}]\"", 6, 0},
    {"\"\xc3\xa9\"", 2, 0},
    {"\"\\u0041\"", 1, 0},
    {"\"\\u007f\"", 1, 0},
    {"\"\\u0080\"", 2, 0},
    {"\"\\u07FF\"", 2, 0},
    {"\"\\u0800\"", 3, 0},
    {"\"\\uffff\"", 3, 0},
    {"\"\\uABCD\\uabcd\"", 6, 0},
    {"\"\\ud83d\\ude00\"", 4, 0},
    {"\"\\ud800\\udc00\"", 4, 0},
    {"\"\\udbff\\udfff\"", 4, 0},
    {"\"\\ud7ff\\ue000\"", 6, 0},
    {"\"\\u0000x\"", 2, 0},
    {"[1, 23, 4]", 0, 2},
    {"-1.5e+300", 0, 9},
    {"[true,false,null]", 0, 5},
    {"{\"a\":123456789}", 1, 9},
    {"1\"22\"333", 2, 3},
};

START_TEST(texts_and_words_are_counted)
{
  struct styro_json_scan found = scan(rows[_i].text, strlen(rows[_i].text), 16);
  ck_assert(!found.too_deep);
  ck_assert_msg(found.text_bytes == rows[_i].text_bytes, "%s: %zu", rows[_i].text, found.text_bytes);
  ck_assert_msg(found.longest_other == rows[_i].longest_other, "%s: %zu", rows[_i].text, found.longest_other);
}
END_TEST

/* What the parser finds is what was counted: the sum is how a lost byte is noticed. */
START_TEST(the_sum_is_the_parsers)
{
  for (size_t i = 0; i < COUNT(rows); i++) {
    json_t *value = json_loads(rows[i].text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (json_is_string(value)) {
      ck_assert_uint_eq(json_string_length(value), rows[i].text_bytes);
    }
    json_decref(value);
  }
}
END_TEST

static const struct {
  const char *text;
  int depth_max, line, column; /* no line: not too deep */
} depths[] = {
    {"", 0, 0, 0},
    {"1", 0, 0, 0},
    {"[]", 1, 0, 0},
    {"[]", 0, 1, 1},
    {"{}", 0, 1, 1},
    {"[[]]", 2, 0, 0},
    {"[[]]", 1, 1, 2},
    {"[{}, {}, []]", 2, 0, 0},
    {"[{}, {}, []]", 1, 1, 2},
    {"[1,\n  {}]", 1, 2, 3},
    {"[\n\n\n[", 1, 4, 1},
    {"{\"a\": [\n  1,\n  {\"b\": 2}]}", 2, 3, 3},
    {"\"[[[[\"", 0, 0, 0},
    {"\"\\\"[[\"", 0, 0, 0},
    {"\"\\\\\"[", 0, 1, 5},
    {"]]]][[[[", 1, 0, 0}, /* wrong, which is for the parser to say */
    {"]]]][[[[[[", 1, 1, 10},
    {"\"not closed [[", 0, 0, 0},
};

START_TEST(what_is_too_deep_has_a_place)
{
  struct styro_json_scan found = scan(depths[_i].text, strlen(depths[_i].text), depths[_i].depth_max);
  ck_assert_msg(found.too_deep == (depths[_i].line != 0), "%s", depths[_i].text);
  ck_assert_int_eq(found.line, depths[_i].line);
  ck_assert_int_eq(found.column, depths[_i].column);
}
END_TEST

/* Whatever stands there and wherever it ends: no byte behind the end is looked at. */
START_TEST(no_look_beyond_the_end)
{
  static const char text[] =
      "{\"a\\u00e9\\\"\": [-1.5, true, \"\\ud83d\\ude00\", {\"\\uZ\": null}], \"\\\\\": 1}\0\"\\u";
  for (size_t len = 0; len < sizeof text; len++) {
    for (size_t from = 0; from <= len; from++) {
      struct styro_json_scan found = scan(text + from, len - from, 16);
      ck_assert(!found.too_deep);
      ck_assert_uint_le(found.text_bytes, 3 * (len - from));
      ck_assert_uint_le(found.longest_other, len - from);
    }
  }
}
END_TEST

/* A NUL is a byte like any other, and ends neither the text nor the search for an end. */
START_TEST(nul_bytes_are_passed_over)
{
  static const char text[] = "\0[\0\0\"a\0b\"1\0";
  struct styro_json_scan found = scan(text, sizeof text - 1, 16);
  ck_assert_uint_eq(found.text_bytes, 3);
  ck_assert_uint_eq(found.longest_other, 1);
  ck_assert(scan(text, sizeof text - 1, 0).too_deep);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("json_scan");
  TCase *cases = tcase_create("all");
  tcase_add_loop_test(cases, texts_and_words_are_counted, 0, (int)COUNT(rows));
  tcase_add_test(cases, the_sum_is_the_parsers);
  tcase_add_loop_test(cases, what_is_too_deep_has_a_place, 0, (int)COUNT(depths));
  tcase_add_test(cases, no_look_beyond_the_end);
  tcase_add_test(cases, nul_bytes_are_passed_over);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
