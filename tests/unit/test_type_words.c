/* core/lib/type_words.c: what people read about each type, lists of words at every size, bounds as they are written. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "grammar.h"
#include "layer_kit.h"
#include "type_words.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Interface: these words stand in errors and in the reference. */
static const struct {
  const char *noun, *hint;
} words[] = {
    [STYRO_TYPE_OBJECT] = {"an object", ""},
    [STYRO_TYPE_LATER] = {"not supported yet", ""},
    [STYRO_TYPE_BOOL] = {"true or false", "write true or false, without quotes"},
    [STYRO_TYPE_INT] = {"a whole number", ""},
    [STYRO_TYPE_SIZE] =
        {"a size", "a size is a number of bytes, or a text such as \"64K\", \"256M\" or \"1.5G\" in binary units"},
    [STYRO_TYPE_LIMIT] = {"a limit", "a limit is a number, a size such as \"256M\", or \"unlimited\""},
    [STYRO_TYPE_DURATION] =
        {"a duration", "a duration is a number of seconds, or a text such as \"500ms\", \"1.5s\", \"2m\" or \"1h\""},
    [STYRO_TYPE_OFFSET] = {"a duration, also a negative one",
                           "write a number of seconds, or a text such as \"1h\" or \"-1.5s\""},
    [STYRO_TYPE_CORES] = {"a number of cores", "write a number such as 1.5"},
    [STYRO_TYPE_MODE] = {"permission bits", "write them as octal text such as \"022\""},
    [STYRO_TYPE_TEXT] = {"a text", ""},
    [STYRO_TYPE_PATH] = {"an absolute path", "write the whole path from `/` on, without `..`"},
    [STYRO_TYPE_SOURCE] = {"an absolute path or a descriptor",
                           "write the whole path from `/` on, or the number of a descriptor of the caller, 3 or above"},
    [STYRO_TYPE_ENUM] = {"a word", ""},
    [STYRO_TYPE_ID_MAP] = {"`self`, `subuid` or a list of ranges",
                           "a range is a list of three numbers [inside, outside, count]"},
    [STYRO_TYPE_IDMAP] = {"`user` or a list of ranges", "a range is a list of three numbers [on disk, inside, count]"},
    [STYRO_TYPE_LIST] = {"a list of texts", "a list is written as [\"first\", \"second\"]"},
    [STYRO_TYPE_MAP] = {"an object of texts", "write {\"NAME\": \"value\"}"},
    [STYRO_TYPE_PROTECTIONS] = {"a list of protections", "write a list such as [\"limits\"]"},
    [STYRO_TYPE_CAPS] = {"`none`, `ALL` or a list of capabilities",
                         "write \"none\", \"ALL\" or a list such as [\"CAP_NET_RAW\"]"},
    [STYRO_TYPE_OCI] = {"an object or a path",
                        "write the object that a runtime has as `linux.seccomp`, or the one that Docker takes, "
                        "or the path of a file that has it"},
    [STYRO_TYPE_GROUPS] = {"a list of ids or `keep`", "write a list such as [10, 20], [] for none, or \"keep\""},
    [STYRO_TYPE_FDS] = {"a list of descriptors or `by_caller`", "write a list such as [3, 4], or \"by_caller\""},
    [STYRO_TYPE_PORTS] = {"a list of ports", "write a list such as [80, 443], or [] for none"},
    [STYRO_TYPE_BPF] = {"a list of instructions", "an instruction is a list of four numbers [code, jt, jf, k]"},
    [STYRO_TYPE_MOUNTS] = {"a list of objects", "write [{\"type\": \"tmpfs\", \"at\": \"/inside\"}]"},
    [STYRO_TYPE_RULES] = {"an object of paths", "write {\"/inside\": \"ro\"}"},
};

START_TEST(every_type_has_a_noun_and_a_hint)
{
  ck_assert_uint_eq(COUNT(words), STYRO_TYPE_COUNT);
  for (int type = 0; type < STYRO_TYPE_COUNT; type++) {
    ck_assert_str_eq(styro_type_noun((enum styro_type)type), words[type].noun);
    ck_assert_str_eq(styro_type_hint((enum styro_type)type), words[type].hint);
  }
}
END_TEST

/* An example in a hint that is refused would be worse than none. */
START_TEST(what_the_hints_show_is_taken)
{
  struct styro_layer layer = kit_layer(NULL);
  kit_given(&layer,
            "\"rlimits\": {\"core\": \"256M\", \"stack\": \"unlimited\"}, \"output\": \"64K\", \"limits\": {"
            "\"memory\": \"1.5G\", \"cpu\": 1.5}, \"timeout\": {\"wall\": \"2m\", \"grace\": \"500ms\"}, "
            "\"umask\": \"022\", \"best_effort\": [\"limits\"], \"security\": {\"capabilities\": "
            "[\"CAP_NET_RAW\"]}, \"user\": {\"groups\": []}, \"preserve_fds\": [3, 4], \"paths\": {\"/inside\": "
            "\"ro\"}, \"env\": {\"NAME\": \"value\"}, \"command\": [\"first\", \"second\"]");
  ck_assert_uint_eq(layer.fields.limits.memory, UINT64_C(1610612736));
  ck_assert_int_eq(layer.fields.timeout_wall, 120000000000);
  ck_assert_int_eq(layer.fields.umask, 022);
  ck_assert_str_eq(layer.fields.rules[0].path, "/inside");
  styro_layer_free(&layer);
}
END_TEST

START_TEST(words_are_joined_as_people_do)
{
  static const struct {
    const char *const words[6];
    const char *printed;
  } rows[] = {
      {{NULL}, ""},
      {{"a", NULL}, "`a`"},
      {{"a", "b", NULL}, "`a` or `b`"},
      {{"a", "b", "c", NULL}, "`a`, `b` or `c`"},
      {{"", "a", "", "b", "", NULL}, "`a` or `b`"},
      {{"", NULL}, ""},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct styro_field field = {.type = STYRO_TYPE_ENUM, .words = rows[i].words};
    char out[64] = "untouched";
    styro_words_print(&field, out, sizeof out);
    ck_assert_str_eq(out, rows[i].printed);
  }
}
END_TEST

START_TEST(words_are_cut_at_every_size)
{
  static const char whole[] = "`one`, `two` or `three`";
  const struct styro_field field = {.words = (const char *const[]){"one", "two", "three", NULL}};
  for (size_t size = 1; size <= sizeof whole; size++) {
    char out[sizeof whole + 1];
    memset(out, '!', sizeof out);
    styro_words_print(&field, out, size);
    ck_assert_uint_eq(strlen(out), size - 1);
    ck_assert_int_eq(strncmp(out, whole, size - 1), 0);
    ck_assert_int_eq(out[size], '!');
  }
}
END_TEST

START_TEST(bounds_are_written_as_the_type_is)
{
  static const struct {
    enum styro_type type;
    int64_t bound;
    const char *printed;
  } rows[] = {
      {STYRO_TYPE_SIZE, 0, "0"},
      {STYRO_TYPE_SIZE, 4097, "4097"},
      {STYRO_TYPE_SIZE, INT64_C(1) << 50, "1024T"},
      {STYRO_TYPE_SIZE, INT64_MAX, "9223372036854775807"},
      {STYRO_TYPE_DURATION, 1000000, "1ms"},
      {STYRO_TYPE_DURATION, 1000001, "1000001ns"},
      {STYRO_TYPE_CORES, INT64_C(8192000000), "8192"},
      {STYRO_TYPE_CORES, 0, "0"},
      {STYRO_TYPE_MODE, 0, "0000"},
      {STYRO_TYPE_MODE, 01777, "1777"},
      {STYRO_TYPE_INT, INT64_MIN, "-9223372036854775808"},
      {STYRO_TYPE_LIST, 64, "64"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char out[STYRO_PRINTED];
    ck_assert_ptr_eq(styro_bound_print(rows[i].type, rows[i].bound, out), out);
    ck_assert_str_eq(out, rows[i].printed);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("type_words");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, every_type_has_a_noun_and_a_hint);
  tcase_add_test(cases, what_the_hints_show_is_taken);
  tcase_add_test(cases, words_are_joined_as_people_do);
  tcase_add_test(cases, words_are_cut_at_every_size);
  tcase_add_test(cases, bounds_are_written_as_the_type_is);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
