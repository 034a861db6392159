/*
 * core/lib/read_scalar.c: booleans, numbers, limits, texts, paths and words, as files write them and as setters do; what
 * is right is compared as it is kept, what is wrong as it is said.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define J STYRO_FROM_JSON
#define T STYRO_FROM_TEXT
#define N STYRO_FROM_INT

static struct styro_layer layer;
static styro_error err;

static void setup(void)
{
  err = (styro_error)ERROR_READY;
  layer = kit_layer(NULL);
}

static void teardown(void)
{
  styro_layer_free(&layer);
}

/* ---- what is taken ---- */

static const struct {
  enum styro_origin origin;
  const char *pointer, *json, *shown;
} right[] = {
    {J, "/init", "false", "{\"init\":false}"},
    {T, "/init", "\"false\"", "{\"init\":false}"},
    {T, "/init", "true", "{\"init\":true}"},
    {J, "/nice", "-20", "{\"nice\":-20}"},
    {T, "/nice", "\"-20\"", "{\"nice\":-20}"},
    {N, "/nice", "19", "{\"nice\":19}"},
    {J, "/user/uid", "4294967294", "{\"user\":{\"uid\":4294967294}}"},
    {J, "/limits/memory", "\"64K\"", "{\"limits\":{\"memory\":65536}}"},
    {J, "/limits/swap", "0", "{\"limits\":{\"swap\":0}}"},
    {J, "/limits/swap", "\"9223372036854775807\"", "{\"limits\":{\"swap\":9223372036854775807}}"},
    {J, "/limits/cpu", "1.5", "{\"limits\":{\"cpu\":1.5}}"},
    {J, "/limits/cpu", "2", "{\"limits\":{\"cpu\":2}}"},
    {T, "/limits/cpu", "\"0.25\"", "{\"limits\":{\"cpu\":0.25}}"},
    {J, "/timeout/wall", "0.001", "{\"timeout\":\"1ms\"}"},
    {J, "/timeout/wall", "2", "{\"timeout\":\"2s\"}"},
    {J, "/timeout/wall", "\"2\"", "{\"timeout\":\"2s\"}"},
    {N, "/timeout/wall", "2000000", "{\"timeout\":\"2ms\"}"},
    {J, "/namespaces/time/monotonic", "-1.5", "{\"namespaces\":{\"time\":{\"monotonic\":\"-1500ms\"}}}"},
    {J, "/namespaces/time/monotonic", "0.25", "{\"namespaces\":{\"time\":{\"monotonic\":\"250ms\"}}}"},
    {J, "/namespaces/time/monotonic", "-2", "{\"namespaces\":{\"time\":{\"monotonic\":\"-2s\"}}}"},
    {J, "/namespaces/time/boottime", "\"-0.5h\"", "{\"namespaces\":{\"time\":{\"boottime\":\"-30m\"}}}"},
    {T, "/namespaces/time/boottime", "\"1h\"", "{\"namespaces\":{\"time\":{\"boottime\":\"1h\"}}}"},
    {N, "/namespaces/time/boottime", "-1", "{\"namespaces\":{\"time\":{\"boottime\":\"-1ns\"}}}"},
    {J, "/namespaces/time/boottime", "0", "{\"namespaces\":{\"time\":{\"boottime\":\"0\"}}}"},
    {J, "/namespaces/ipc/join", "7", "{\"namespaces\":{\"ipc\":{\"join\":7}}}"},
    {J, "/network/join", "\"/run//netns/x\"", "{\"network\":{\"join\":\"/run/netns/x\"}}"},
    {J, "/timeout/wall", "\"8760h\"", "{\"timeout\":\"8760h\"}"},
    {J, "/umask", "\"027\"", "{\"umask\":\"0027\"}"},
    {J, "/umask", "23", "{\"umask\":\"0027\"}"}, /* JSON has no octal */
    {T, "/umask", "\"27\"", "{\"umask\":\"0027\"}"},
    {J, "/rlimits/core", "\"unlimited\"", "{\"rlimits\":{\"core\":\"unlimited\"}}"},
    {J, "/rlimits/core", "\"1K\"", "{\"rlimits\":{\"core\":1024}}"},
    {J, "/rlimits/core", "0", "{\"rlimits\":{\"core\":0}}"},
    {J, "/rlimits/core", "9223372036854775807", "{\"rlimits\":{\"core\":9223372036854775807}}"},
    {J, "/rlimits/core", "\"9223372036854775808\"", "{\"rlimits\":{\"core\":\"8388608T\"}}"},
    {J, "/namespaces/uts/hostname", "\"a\"", "{\"namespaces\":{\"uts\":{\"hostname\":\"a\"}}}"},
    {J, "/cwd", "\"/a/./b//c/\"", "{\"cwd\":\"/a/b/c\"}"},
    {J, "/cwd", "\"/\"", "{\"cwd\":\"/\"}"},
    {J, "/cwd", "\"${A}/../b\"", "{\"cwd\":\"${A}/../b\"}"}, /* checked when it is resolved */
    {J, "/cwd", "\"/$A\"", "{\"cwd\":\"/$A\"}"},
    {J, "/user/uid_map", "\"self\"", "{\"user\":{\"uid_map\":\"self\"}}"},
    {J, "/output/keep", "\"head\"", "{\"output\":{\"keep\":\"head\"}}"},
    {J, "/output/keep", "\"both\"", "{\"output\":{\"keep\":\"both\"}}"},
    {J, "/root/writable", "true", "{\"root\":{\"writable\":true}}"},
    {J, "/root/writable", "false", "{\"root\":{\"writable\":false}}"},
    {T, "/root/writable", "\"true\"", "{\"root\":{\"writable\":true}}"},
    {J, "/root/writable", "\"discard\"", "{\"root\":{\"writable\":\"discard\"}}"},
};

START_TEST(what_is_taken_is_kept)
{
  int code = kit_read(&layer, right[_i].origin, right[_i].pointer, right[_i].json, &err);
  ck_assert_msg(code == 0, "%s: %s", right[_i].json, err.message);
  ck_assert_str_eq(kit_shown(&layer), right[_i].shown);
}
END_TEST

/* ---- what is not ---- */

#define WRONG(said) STYRO_EREQUEST, STYRO_STAGE_VALIDATE, said
#define NO_SUCH(said) STYRO_EPARSE, STYRO_STAGE_PARSE, said

#define BOOL_HINT "write true or false, without quotes"
#define SIZE_HINT "a size is a number of bytes, or a text such as \"64K\", \"256M\" or \"1.5G\" in binary units"
#define LIMIT_HINT "a limit is a number, a size such as \"256M\", or \"unlimited\""
#define DURATION_HINT "a duration is a number of seconds, or a text such as \"500ms\", \"1.5s\", \"2m\" or \"1h\""
#define CORES_HINT "write a number such as 1.5"
#define MODE_HINT "write them as octal text such as \"022\""
#define PATH_HINT "write the whole path from `/` on, without `..`"
#define NUL "has a NUL byte after it, which no text of a system call can hold"
#define NUL_HINT "leave the \\u0000 out"

static const struct {
  enum styro_origin origin;
  const char *pointer, *json;
  struct kit_said said;
} wrong[] = {
    {J, "/init", "\"true\"", {WRONG("expected true or false, not a text"), "/init", "`true`", BOOL_HINT}},
    {J, "/init", "1", {WRONG("expected true or false, not a whole number"), "/init", "1", BOOL_HINT}},
    {T, "/init", "\"yes\"", {NO_SUCH("`yes` is not true or false"), "/init", "`yes`", BOOL_HINT}},
    {N, "/init", "1", {WRONG("expected true or false, not a whole number"), "/init", "1", BOOL_HINT}},
    {J, "/root/writable", "\"true\"", {WRONG("`true` is written without quotes"), "/root/writable", "true", ""}},
    {J, "/output/keep", "true", {WRONG("expected a word, not true or false"), "/output/keep", "true", ""}},
    {J, "/nice", "\"1\"", {WRONG("expected a whole number, not a text"), "/nice", "`1`", ""}},
    {T, "/nice", "\"1.0\"", {NO_SUCH("`1.0` is not a whole number"), "/nice", "`1.0`", ""}},
    {J, "/nice", "1.0", {WRONG("expected a whole number, not a number with a fraction"), "/nice", "1.0", ""}},
    {N, "/nice", "20", {WRONG("20 is out of range: -20 to 19"), "/nice", "20", ""}},
    {T, "/nice", "\"20\"", {WRONG("`20` is out of range: -20 to 19"), "/nice", "`20`", ""}},
    {T,
     "/nice",
     "\"99999999999999999999\"",
     {WRONG("`99999999999999999999` is out of range: -20 to 19"), "/nice", "`99999999999999999999`", ""}},
    {J, "/limits/swap", "-1", {WRONG("-1 is out of range: 0 to 9223372036854775807"), "/limits/swap", "-1", SIZE_HINT}},
    {J,
     "/limits/swap",
     "\"9223372036854775808\"",
     {WRONG("`9223372036854775808` is out of range: 0 to 9223372036854775807"), "/limits/swap", "`9223372036854775808`",
      SIZE_HINT}},
    {J,
     "/limits/swap",
     "1.5",
     {WRONG("expected a size, not a number with a fraction"), "/limits/swap", "1.5", SIZE_HINT}},
    {J, "/limits/swap", "\"1.5\"", {NO_SUCH("`1.5` is not a size"), "/limits/swap", "`1.5`", SIZE_HINT}},
    {J, "/limits/swap", "\"5\\u0000\"", {WRONG("`5` " NUL), "/limits/swap", "5", NUL_HINT}},
    {J, "/rlimits/core/soft", "\"5\\u0000x\"", {WRONG("`5` " NUL), "/rlimits/core/soft", "5", NUL_HINT}},
    {T, "/init", "\"true\\u0000x\"", {WRONG("`true` " NUL), "/init", "true", NUL_HINT}},
    {T, "/nice", "\"5\\u0000x\"", {WRONG("`5` " NUL), "/nice", "5", NUL_HINT}},
    {J, "/limits/cpu", "\"1\"", {WRONG("expected a number of cores, not a text"), "/limits/cpu", "`1`", CORES_HINT}},
    {T, "/limits/cpu", "\"1K\"", {NO_SUCH("`1K` is not a number of cores"), "/limits/cpu", "`1K`", CORES_HINT}},
    {N,
     "/limits/cpu",
     "9223372036854775807",
     {WRONG("9223372036854775807 is out of range: 0.001 to 8192"), "/limits/cpu", "9223372036854775807", CORES_HINT}},
    {J, "/limits/cpu", "8192.5", {WRONG("8192.5 is out of range: 0.001 to 8192"), "/limits/cpu", "8192.5", CORES_HINT}},
    {N, "/timeout/wall", "5", {WRONG("5 is out of range: 1ms to 8760h"), "/timeout/wall", "5", DURATION_HINT}},
    {J,
     "/timeout/wall",
     "9223372036854775807",
     {WRONG("9223372036854775807 is out of range: 1ms to 8760h"), "/timeout/wall", "9223372036854775807",
      DURATION_HINT}},
    {J, "/timeout/wall", "-0.5", {WRONG("-0.5 is out of range: 1ms to 8760h"), "/timeout/wall", "-0.5", DURATION_HINT}},
    {J,
     "/timeout/wall",
     "\"8761h\"",
     {WRONG("`8761h` is out of range: 1ms to 8760h"), "/timeout/wall", "`8761h`", DURATION_HINT}},
    {J, "/umask", "\"0x12\"", {NO_SUCH("`0x12` is not permission bits"), "/umask", "`0x12`", MODE_HINT}},
    {J, "/umask", "512", {WRONG("512 is out of range: 0000 to 0777"), "/umask", "512", MODE_HINT}},
    {J,
     "/rlimits/core",
     "1.5",
     {WRONG("expected a limit, not a number with a fraction"), "/rlimits/core", "1.5", LIMIT_HINT}},
    {J, "/rlimits/core", "\"-1\"", {NO_SUCH("`-1` is not a limit"), "/rlimits/core", "`-1`", LIMIT_HINT}},
    {J, "/rlimits/core", "-1", {WRONG("-1 is out of range"), "/rlimits/core", "-1", LIMIT_HINT}},
    {J,
     "/rlimits/core",
     "\"18446744073709551616\"",
     {WRONG("`18446744073709551616` is out of range"), "/rlimits/core", "`18446744073709551616`", LIMIT_HINT}},
    {J,
     "/namespaces/uts/hostname",
     "5",
     {WRONG("expected a text, not a whole number"), "/namespaces/uts/hostname", "5", ""}},
    {J, "/namespaces/uts/hostname", "\"\"", {WRONG("`` is empty"), "/namespaces/uts/hostname", "", ""}},
    {J, "/namespaces/uts/hostname", "\"a\\u0000b\"", {WRONG("`a` " NUL), "/namespaces/uts/hostname", "a", NUL_HINT}},
    {J,
     "/namespaces/uts/hostname",
     "\"-a\"",
     {WRONG("`-a` is not a host name: its parts neither start nor end with `-`, and are not empty"),
      "/namespaces/uts/hostname", "-a", ""}},
    {J, "/cwd", "\"src\"", {WRONG("`src` is not an absolute path"), "/cwd", "src", PATH_HINT}},
    {J, "/cwd", "\"/a\\u0000\"", {WRONG("`/a` " NUL), "/cwd", "/a", NUL_HINT}},
    /* no variables in this one */
    {J, "/limits/parent", "\"${A}\"", {WRONG("`${A}` is not an absolute path"), "/limits/parent", "${A}", PATH_HINT}},
    {J, "/output/keep", "1", {WRONG("expected a word, not a whole number"), "/output/keep", "1", ""}},
    {J,
     "/output/keep",
     "\"Both\"",
     {WRONG("`Both` is not `head`, `tail` or `both`"), "/output/keep", "Both", "did you mean `both`?"}},
    {J, "/output/keep", "\"head\\u0000\"", {WRONG("`head` " NUL), "/output/keep", "head", NUL_HINT}},
    {J,
     "/root/kind",
     "\"\"",
     {WRONG("`` is not `system` or `empty`"), "/root/kind", "",
      "a directory is written as {\"directory\": \"/srv/tree\"}"}},
};

START_TEST(what_is_not_taken_says_why)
{
  ck_assert_int_eq(kit_read(&layer, wrong[_i].origin, wrong[_i].pointer, wrong[_i].json, &err), wrong[_i].said.code);
  kit_says(wrong[_i].json, &err, &wrong[_i].said);
  ck_assert_str_eq(kit_shown(&layer), "{}");
}
END_TEST

/* ---- lengths ---- */

/* A JSON text of n times the character. */
static json_t *long_text(size_t n, char c)
{
  char *text = malloc(n + 1);
  ck_assert(text != NULL);
  memset(text, c, n);
  text[n] = '\0';
  json_t *value = json_stringn(text, n);
  free(text);
  return value;
}

static int read_long(const char *pointer, size_t n, char c)
{
  struct styro_reading in = {.layer = &layer, .err = &err, .origin = J};
  json_auto_t *value = long_text(n, c);
  strcpy(in.at, pointer);
  return styro_read(&in, kit_row(pointer), &layer.fields, value);
}

START_TEST(texts_have_the_fields_length)
{
  static const struct kit_said said = {
      WRONG("`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is too "
            "long"),
      "/namespaces/uts/hostname", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "at most 64 bytes can stand here"};
  ck_assert_int_eq(read_long("/namespaces/uts/hostname", 64, 'a'), 0);
  ck_assert_uint_eq(strlen(layer.fields.hostname), 64);
  ck_assert_int_eq(read_long("/namespaces/uts/hostname", 65, 'a'), STYRO_EREQUEST);
  kit_says("65", &err, &said);
}
END_TEST

/* MAX_ARG_STRLEN of execve(2), with its NUL. A text of megabytes is not repeated in the message. */
START_TEST(no_text_is_longer_than_an_argument)
{
  static const struct kit_said said = {WRONG("`...` is longer than the 131071 bytes that one text may have"), "/cwd",
                                       "...", ""};
  struct styro_reading in = {.layer = &layer, .err = &err, .at = "/cwd"};
  json_auto_t *longest = long_text(131071, 'x'), *longer = long_text(131072, 'x');
  int code = 77;
  ck_assert_ptr_eq(styro_text_of(&in, kit_row("/cwd"), longest, &code), json_string_value(longest));
  ck_assert_int_eq(code, 77);
  ck_assert_ptr_null(styro_text_of(&in, kit_row("/cwd"), longer, &code));
  ck_assert_int_eq(code, STYRO_EREQUEST);
  kit_says("131072", &err, &said);
}
END_TEST

START_TEST(paths_have_the_kernels_length)
{
  ck_assert_int_eq(read_long("/cwd", 4095, '/'), 0);
  ck_assert_str_eq(layer.fields.cwd, "/");
  ck_assert_int_eq(read_long("/cwd", 4096, '/'), STYRO_EREQUEST);
  ck_assert_ptr_nonnull(strstr(err.message, "/` is longer than the 4095 bytes of a path"));
  ck_assert_str_eq(err.hint, PATH_HINT);
}
END_TEST

/* ---- the paths of rules ---- */

static const struct {
  const char *key, *path; /* NULL: refused */
  struct kit_said said;
} keys[] = {
    {"/a//b/.", "/a/b", {0}},
    {"${A}//b/..", "${A}//b/..", {0}},
    {"a", NULL, {WRONG("`a` is not an absolute path"), "/paths", "a", PATH_HINT}},
    {"", NULL, {WRONG("`` is not an absolute path"), "/paths", "", PATH_HINT}},
    {"//./",
     NULL,
     {WRONG("`//./` is the root, and `paths` holds what stands below it"), "/paths", "//./",
      "use `root`: \"system\", \"empty\" or {\"directory\": \"/srv/tree\"}"}},
};

START_TEST(keys_of_rules)
{
  struct styro_path_rule rule = {0};
  struct styro_reading in = {.layer = &layer, .err = &err, .at = "/paths"};
  int code = styro_read_rule_path(&in, keys[_i].key, &rule);
  ck_assert_int_eq(code, keys[_i].said.code);
  ck_assert_pstr_eq(rule.path, keys[_i].path);
  if (code != 0) {
    kit_says(keys[_i].key, &err, &keys[_i].said);
  }
  styro_strfree(&layer.alloc, rule.path);
}
END_TEST

/* ---- memory ---- */

/* Each alone, since the first to fail would hide the others. */
static const struct {
  const char *pointer, *json;
} owners[] = {{"/namespaces/uts/hostname", "\"host\""}, {"/cwd", "\"/w\""}, {"/cwd", "\"${A}\""}};

START_TEST(a_value_for_which_there_is_no_memory)
{
  static const struct kit_said said = {STYRO_ENOMEM, STYRO_STAGE_PARSE, "out of memory", "", "", ""};
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_layer own = kit_layer(&alloc);
  state.fail_at = 1;
  ck_assert_int_eq(kit_read(&own, J, owners[_i].pointer, owners[_i].json, &err), STYRO_ENOMEM);
  kit_says(owners[_i].pointer, &err, &said);
  ck_assert(!styro_layer_has(&own, styro_field_at(0)));
  styro_layer_free(&own);
  ck_assert_uint_eq(state.live_blocks, 0);
}
END_TEST

START_TEST(a_rules_path_for_which_there_is_no_memory)
{
  struct counting_alloc state = {.fail_at = 1};
  struct styro_layer own = {.alloc = counting_allocator(&state)};
  struct styro_path_rule rule = {0};
  struct styro_reading in = {.layer = &own, .err = &err};
  ck_assert_int_eq(styro_read_rule_path(&in, "/a", &rule), STYRO_ENOMEM);
  ck_assert_str_eq(err.message, "out of memory");
  ck_assert_ptr_null(rule.path);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("read_scalar");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_loop_test(cases, what_is_taken_is_kept, 0, (int)COUNT(right));
  tcase_add_loop_test(cases, what_is_not_taken_says_why, 0, (int)COUNT(wrong));
  tcase_add_test(cases, texts_have_the_fields_length);
  tcase_add_test(cases, no_text_is_longer_than_an_argument);
  tcase_add_test(cases, paths_have_the_kernels_length);
  tcase_add_loop_test(cases, keys_of_rules, 0, (int)COUNT(keys));
  tcase_add_loop_test(cases, a_value_for_which_there_is_no_memory, 0, (int)COUNT(owners));
  tcase_add_test(cases, a_rules_path_for_which_there_is_no_memory);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
