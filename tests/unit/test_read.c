/* core/lib/read.c: pointers for errors, objects and what stands for one, defaults, and whole documents. */
#include <check.h>
#include <string.h>

#include "counting_alloc.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

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

static int read_json(const char *pointer, const char *json)
{
  return kit_read(&layer, STYRO_FROM_JSON, pointer, json, &err);
}

/* ---- the pointer ---- */

START_TEST(keys_are_pushed_escaped_and_popped)
{
  struct styro_reading in = {.at = ""};
  size_t first = styro_at_push(&in, "paths");
  size_t second = styro_at_push(&in, "/a~/");
  size_t third = styro_at_push_index(&in, 1234567890);
  ck_assert_str_eq(in.at, "/paths/~1a~0~1/1234567890");
  styro_at_pop(&in, third);
  ck_assert_str_eq(in.at, "/paths/~1a~0~1");
  styro_at_pop(&in, second);
  ck_assert_str_eq(in.at, "/paths");
  styro_at_push(&in, "");
  ck_assert_str_eq(in.at, "/paths/");
  styro_at_pop(&in, first);
  ck_assert_str_eq(in.at, "");
}
END_TEST

/* Cut, never overrun, and never within an escape; what is pushed on a full one is dropped and popped all the same. */
START_TEST(a_pointer_that_is_too_long_is_cut)
{
  char key[1000];
  struct styro_reading in = {.at = ""};
  for (size_t before = 0; before < 4; before++) {
    memset(key, 'k', sizeof key);
    memset(key + before, '/', sizeof key - before);
    key[sizeof key - 1] = '\0';
    size_t mark = styro_at_push(&in, key);
    size_t len = strlen(in.at);
    ck_assert_uint_lt(len, sizeof in.at);
    ck_assert_uint_gt(len, sizeof in.at - 5);
    ck_assert_str_eq(in.at + len - 2, "~1");
    size_t full = styro_at_push(&in, "/more");
    ck_assert_uint_lt(strlen(in.at), sizeof in.at);
    styro_at_pop(&in, full);
    ck_assert_uint_eq(strlen(in.at), len);
    styro_at_pop(&in, mark);
    ck_assert_str_eq(in.at, "");
  }
}
END_TEST

/* ---- objects ---- */

/* Whatever is read into a field takes the place of what stood there. */
static const struct {
  const char *pointer, *first, *second, *shown;
} again[] = {
    {"/command", "[\"a\", \"b\"]", "[\"c\"]", "{\"command\":[\"c\"]}"},
    {"/env", "{\"A\": \"1\"}", "{\"B\": \"2\"}", "{\"env\":{\"B\":\"2\"}}"},
    {"/paths", "{\"/a\": \"rw\"}", "{\"/b\": \"ro\"}", "{\"paths\":{\"/b\":\"ro\"}}"},
    {"/best_effort", "[\"limits\"]", "[\"tree_kill\"]", "{\"best_effort\":[\"tree_kill\"]}"},
    {"/preserve_fds", "[3, 4]", "[4]", "{\"preserve_fds\":[4]}"},
    {"/preserve_fds", "\"by_caller\"", "[4]", "{\"preserve_fds\":[4]}"},
    {"/timeout", "{\"wall\": 5, \"grace\": 1}", "{\"wall\": 9}", "{\"timeout\":{\"wall\":\"9s\",\"grace\":\"1s\"}}"},
    {"/root", "{\"directory\": \"/srv\"}", "\"empty\"", "{\"root\":\"empty\"}"},
    {"/root", "\"empty\"", "{\"directory\": \"/srv\"}", "{\"root\":{\"directory\":\"/srv\"}}"},
    {"/rlimits/core", "{\"soft\": 1, \"hard\": 2}", "5", "{\"rlimits\":{\"core\":5}}"},
    {"/security/capabilities", "[\"CAP_CHOWN\"]", "\"none\"", "{\"security\":{\"capabilities\":[]}}"},
    {"/network", "\"host\"", "{\"mode\": \"none\"}", "{\"network\":\"none\"}"},
};

START_TEST(a_second_value_takes_the_place_of_the_first)
{
  ck_assert_int_eq(read_json(again[_i].pointer, again[_i].first), 0);
  ck_assert_int_eq(read_json(again[_i].pointer, again[_i].second), 0);
  ck_assert_str_eq(kit_shown(&layer), again[_i].shown);
}
END_TEST

START_TEST(adding_keeps_what_a_list_or_a_set_holds)
{
  struct styro_reading in = {.layer = &layer, .err = &err, .origin = STYRO_FROM_TEXT, .adding = true};
  static const char *const rows[][3] = {{"/command", "[\"a\"]", "[\"b\"]"},
                                        {"/best_effort", "[\"tree_kill\"]", "[\"rlimits\"]"},
                                        {"/preserve_fds", "[3]", "[\"9\"]"},
                                        {"/security/capabilities", "[\"chown\"]", "[\"net_raw\"]"}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    for (size_t j = 1; j < 3; j++) {
      json_auto_t *value = kit_value(rows[i][j]);
      ck_assert_int_eq(styro_read(&in, kit_row(rows[i][0]), &layer.fields, value), 0);
    }
  }
  ck_assert_str_eq(kit_shown(&layer), "{\"best_effort\":[\"tree_kill\",\"rlimits\"],\"command\":[\"a\",\"b\"],"
                                      "\"security\":{\"capabilities\":[\"CAP_CHOWN\",\"CAP_NET_RAW\"]},"
                                      "\"preserve_fds\":[3,9]}");
}
END_TEST

START_TEST(an_object_counts_as_given_also_where_it_is_empty)
{
  ck_assert_int_eq(read_json("/output", "{}"), 0);
  ck_assert(styro_layer_has(&layer, kit_row("/output")));
  ck_assert(!styro_layer_has(&layer, kit_row("/output/limit")));
  ck_assert_int_eq(read_json("/rlimits/core", "0"), 0);
  ck_assert(styro_layer_has(&layer, kit_row("/rlimits/core/soft")));
  ck_assert(styro_layer_has(&layer, kit_row("/rlimits/core/hard")));
  ck_assert(!styro_layer_has(&layer, kit_row("/rlimits/cpu")));
}
END_TEST

START_TEST(what_failed_does_not_count_as_given)
{
  ck_assert_int_eq(read_json("/timeout/wall", "\"soon\""), STYRO_EPARSE);
  ck_assert(!styro_layer_has(&layer, kit_row("/timeout")));
  ck_assert_int_eq(read_json("/rlimits/core", "-1"), STYRO_EREQUEST);
  ck_assert(!styro_layer_has(&layer, kit_row("/rlimits")));
}
END_TEST

/* Rows below the path rules have a rule as their base, and leave the layer alone. */
START_TEST(a_rule_is_no_part_of_the_layer)
{
  struct styro_path_rule rule = {0};
  struct styro_reading in = {.layer = &layer, .err = &err, .origin = STYRO_FROM_JSON};
  json_auto_t *object = kit_value("{\"access\": \"tmpfs\", \"noexec\": true, \"size\": \"8K\", \"mode\": \"0700\"}");
  json_auto_t *word = kit_value("\"rw\"");
  ck_assert_int_eq(styro_read(&in, kit_row("/paths/*"), &rule, object), 0);
  ck_assert(rule.access == STYRO_ACCESS_TMPFS && rule.noexec && rule.size == 8192 && rule.mode == 0700);
  ck_assert_int_eq(styro_read(&in, kit_row("/paths/*"), &rule, word), 0);
  ck_assert(rule.access == STYRO_ACCESS_RW && rule.noexec);
  ck_assert(!styro_layer_has(&layer, styro_field_at(0)));
}
END_TEST

#define WRONG(said) STYRO_EREQUEST, STYRO_STAGE_VALIDATE, said

/* Where the value is wrong, not where the reader stood; and once, where one value stands for several fields. */
static const struct {
  const char *pointer, *json;
  struct kit_said said;
} wrong[] = {
    {"/user", "[]", {WRONG("expected an object, not a list"), "/user", "", ""}},
    {"", "5", {WRONG("expected an object, not a whole number"), "", "5", ""}},
    {"/timeout",
     "{\"wall\": 5, \"grace\": true}",
     {WRONG("expected a duration, not true or false"), "/timeout/grace", "true",
      "a duration is a number of seconds, or a text such as \"500ms\", \"1.5s\", \"2m\" or \"1h\""}},
    {"/timeout",
     "true",
     {WRONG("expected a duration, not true or false"), "/timeout", "true",
      "a duration is a number of seconds, or a text such as \"500ms\", \"1.5s\", \"2m\" or \"1h\""}},
    {"/rlimits",
     "{\"core\": [1]}",
     {WRONG("expected a limit, not a list"), "/rlimits/core", "",
      "a limit is a number, a size such as \"256M\", or \"unlimited\""}},
    {"/rlimits",
     "{\"core\": {\"hard\": null}}",
     {WRONG("expected a limit, not null"), "/rlimits/core/hard", "null",
      "a limit is a number, a size such as \"256M\", or \"unlimited\""}},
    {"/timeout",
     "{\"cpu\": 5}",
     {STYRO_EUNSUPPORTED, STYRO_STAGE_VALIDATE, "`cpu` is not supported yet", "/timeout/cpu", "cpu",
      "leave it out: what this version cannot carry out is refused, never ignored"}},
    {"/namespaces",
     "{\"pid\": {\"jion\": \"/x\"}}",
     {WRONG("`jion` is not a field here"), "/namespaces/pid/jion", "jion", "did you mean `join`?"}},
};

START_TEST(what_is_wrong_is_said_where_it_stands)
{
  ck_assert_int_eq(read_json(wrong[_i].pointer, wrong[_i].json), wrong[_i].said.code);
  kit_says(wrong[_i].json, &err, &wrong[_i].said);
}
END_TEST

/* ---- defaults ---- */

START_TEST(defaults_are_read_and_do_not_count_as_given)
{
  struct styro_reading in = {.layer = &layer, .err = &err, .origin = STYRO_FROM_TEXT};
  size_t n = 0;
  for (size_t i = 0; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    if (field->fallback != NULL && strncmp(field->pointer, "/paths/", 7) != 0) {
      ck_assert_msg(styro_read_fallback(&in, field) == 0, "%s: %s", field->pointer, err.message);
      n++;
    }
  }
  ck_assert_uint_gt(n, 20);
  ck_assert(!styro_layer_has(&layer, styro_field_at(0)));
  ck_assert_str_eq(layer.fields.cwd, "/home/sandbox");
  ck_assert_str_eq(layer.fields.isolation.items[0], "container");
  ck_assert_int_eq(layer.fields.uid, 1000);
  ck_assert_int_eq(layer.fields.umask, 022);
  ck_assert(layer.fields.init && layer.fields.no_new_privs && !layer.fields.fixed);
}
END_TEST

/* Also those of rules, which a rule has as its zero bytes. */
START_TEST(defaults_of_rules_are_their_zero_bytes)
{
  static const struct styro_path_rule zero;
  struct styro_path_rule rule = {.access = 3, .optional = true, .noexec = true, .if_missing = 1};
  struct styro_reading in = {.layer = &layer, .err = &err, .origin = STYRO_FROM_TEXT};
  const struct styro_field *child = NULL;
  while ((child = styro_field_child(kit_row("/paths/*"), child)) != NULL) {
    json_auto_t *value = child->fallback == NULL ? NULL : json_string(child->fallback);
    ck_assert_int_eq(value == NULL ? 0 : styro_read(&in, child, &rule, value), 0);
  }
  ck_assert_mem_eq(&rule, &zero, sizeof rule);
}
END_TEST

/* ---- documents ---- */

#define KIND "this is the dialect of styrolite's Rust crate (an object with `kind`), which is not supported yet"
#define VERSION_2 "request version 2 is not known: this library reads version 1"
#define RUST_HINT "write the request in the language of docs/request.md, with \"version\": 1"
#define NEWER "use a newer styrolite, or write \"version\": 1"
#define EXAMPLE "write {\"version\": 1, \"command\": [\"true\"]}"
#define KNOWN                                                                                                         \
  "known here: version, extends, isolation, best_effort, root, paths, mounts, command, cwd, env, inherit_env, user, " \
  "namespaces, network, limits, rlimits, timeout, output, security, init, new_session, die_with_parent, terminal, "   \
  "preserve_fds, umask, nice, oom_score_adj, fixed, trace"
#define JSON_HINT "a request is one JSON object such as {\"version\": 1, \"command\": [\"true\"]}"

static const struct {
  const char *text;
  struct kit_said said;
} documents[] = {
    {"[]", {WRONG("a request is an object, not a list"), "", "", EXAMPLE}},
    {"null", {WRONG("a request is an object, not null"), "", "", EXAMPLE}},
    {"{}", {WRONG("the request does not say its `version`"), "/version", "", "add \"version\": 1"}},
    {"{\"kind\": 1}", {STYRO_EUNSUPPORTED, STYRO_STAGE_VALIDATE, KIND, "/kind", "", RUST_HINT}},
    {"{\"version\": 2, \"kind\": 1}", {STYRO_EUNSUPPORTED, STYRO_STAGE_VALIDATE, VERSION_2, "/version", "", NEWER}},
    {"{\"version\": 1, \"kind\": 1}", {WRONG("`kind` is not a field of a request"), "/kind", "kind", KNOWN}},
    {"{\"version\": 0}", {WRONG("0 is out of range: 1 to 1"), "/version", "0", "write \"version\": 1"}},
    {"{\"version\": true}",
     {WRONG("expected a whole number, not true or false"), "/version", "true", "write \"version\": 1"}},
    {"{\"version\" 1}",
     {STYRO_EPARSE, STYRO_STAGE_PARSE, "not valid JSON at line 1, column 12: ':' expected near '1'", "", "",
      JSON_HINT}},
};

START_TEST(documents_that_are_none)
{
  const char *text = documents[_i].text;
  ck_assert_int_eq(styro_read_document(&layer, text, strlen(text), &err), documents[_i].said.code);
  kit_says(text, &err, &documents[_i].said);
  ck_assert_int_eq(styro_read_document(&layer, text, strlen(text), NULL), documents[_i].said.code);
}
END_TEST

START_TEST(a_document_is_as_long_as_it_is_said_to_be)
{
  static const char text[] = "{\"version\": 1, \"nice\": 5} and more";
  ck_assert_int_eq(styro_read_document(&layer, text, strcspn(text, "}") + 1, &err), 0);
  ck_assert_int_eq(layer.fields.nice, 5);
  ck_assert_int_eq(layer.fields.version, 1);
  ck_assert_int_eq(styro_read_document(&layer, text, strlen(text), &err), STYRO_EPARSE);
}
END_TEST

static int read_document(const styro_allocator *alloc, styro_error *error)
{
  static const char text[] =
      "{\"version\": 1, \"cwd\": \"/w\", \"env\": {\"A\": \"1\"}, \"paths\": {\"/a\": {\"from\": "
      "\"/b\"}, \"/c\": \"rw\"}, \"user\": {\"uid\": 5}, \"rlimits\": {\"core\": 0}}";
  styro_allocator own = styro_allocator_or_malloc(alloc);
  struct styro_layer read;
  if (styro_layer_init(&read, &own) != 0) {
    return styro_fail_memory(error, STYRO_STAGE_PARSE);
  }
  int code = styro_read_document(&read, text, strlen(text), error);
  styro_layer_free(&read);
  return code;
}

START_TEST(a_document_for_which_there_is_no_memory)
{
  kit_fail_every_allocation(read_document);
  kit_fail_every_malloc_of_jansson(read_document);
}
END_TEST

static int read_fallbacks(const styro_allocator *alloc, styro_error *error)
{
  styro_allocator own = styro_allocator_or_malloc(alloc);
  struct styro_layer read;
  if (styro_layer_init(&read, &own) != 0) {
    return styro_fail_memory(error, STYRO_STAGE_PARSE);
  }
  struct styro_reading in = {.layer = &read, .err = error, .origin = STYRO_FROM_TEXT};
  int code = styro_read_fallback(&in, kit_row("/cwd"));
  code = code != 0 ? code : styro_read_fallback(&in, kit_row("/isolation"));
  styro_layer_free(&read);
  return code;
}

START_TEST(a_default_for_which_there_is_no_memory)
{
  kit_fail_every_allocation(read_fallbacks);
  kit_fail_every_malloc_of_jansson(read_fallbacks);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("read");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, keys_are_pushed_escaped_and_popped);
  tcase_add_test(cases, a_pointer_that_is_too_long_is_cut);
  tcase_add_loop_test(cases, a_second_value_takes_the_place_of_the_first, 0, (int)COUNT(again));
  tcase_add_test(cases, adding_keeps_what_a_list_or_a_set_holds);
  tcase_add_test(cases, an_object_counts_as_given_also_where_it_is_empty);
  tcase_add_test(cases, what_failed_does_not_count_as_given);
  tcase_add_test(cases, a_rule_is_no_part_of_the_layer);
  tcase_add_loop_test(cases, what_is_wrong_is_said_where_it_stands, 0, (int)COUNT(wrong));
  tcase_add_test(cases, defaults_are_read_and_do_not_count_as_given);
  tcase_add_test(cases, defaults_of_rules_are_their_zero_bytes);
  tcase_add_loop_test(cases, documents_that_are_none, 0, (int)COUNT(documents));
  tcase_add_test(cases, a_document_is_as_long_as_it_is_said_to_be);
  tcase_add_test(cases, a_document_for_which_there_is_no_memory);
  tcase_add_test(cases, a_default_for_which_there_is_no_memory);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
