/* core/lib/layer.c: what was given, taken back, laid on another and laid below one, for every type of field. */
#include <check.h>
#include <string.h>

#include "counting_alloc.h"
#include "json_write.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* One value of each type that owns memory, and of each that does not. */
static const char everything[] =
    "\"extends\": [\"a.json\", \"b.json\"], \"isolation\": \"container\", \"command\": [\"c\"], \"inherit_env\": "
    "[\"T\"], \"best_effort\": [\"limits\"], \"root\": {\"directory\": \"/srv\"}, "
    "\"paths\": {\"/p\": {\"from\": \"/f\"}, \"/t\": {\"access\": \"tmpfs\", \"size\": \"1M\"}}, \"cwd\": \"/w\", "
    "\"env\": {\"A\": \"1\", \"B\": \"2\"}, \"user\": {\"uid\": 5, \"groups\": []}, \"namespaces\": {\"uts\": "
    "{\"hostname\": \"h\"}}, \"limits\": {\"cpu\": 1.5, \"cgroup\": {\"a.b\": \"1\"}}, \"rlimits\": {\"nofile\": 64}, "
    "\"timeout\": \"5s\", \"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 1], [6, 0, 0, 2]]}, \"capabilities\": "
    "[\"CAP_CHOWN\"]}, \"init\": false, \"preserve_fds\": [3, 9], \"umask\": \"077\"";

static struct styro_layer lower, upper;

static void setup(void)
{
  lower = kit_layer(NULL);
  upper = kit_layer(NULL);
}

static void teardown(void)
{
  styro_layer_free(&lower);
  styro_layer_free(&upper);
}

START_TEST(a_new_layer_has_nothing)
{
  static const struct styro_fields none;
  for (size_t i = 0; i < styro_field_count(); i++) {
    ck_assert_msg(!styro_layer_has(&lower, styro_field_at(i)), "%s", styro_field_at(i)->pointer);
  }
  ck_assert_mem_eq(&lower.fields, &none, sizeof none);
  struct styro_layer zeroed = {0};
  styro_layer_free(&zeroed);
}
END_TEST

/* The rows stand together, and some names begin as others do. */
START_TEST(a_longer_name_is_no_part_of_a_shorter)
{
  styro_layer_mark(&lower, kit_row("/limits/cpu_weight"));
  ck_assert(styro_layer_has(&lower, kit_row("/limits")));
  ck_assert(styro_layer_has(&lower, styro_field_at(0)));
  ck_assert(!styro_layer_has(&lower, kit_row("/limits/cpu")));
  styro_layer_clear(&lower, kit_row("/limits/cpu"));
  ck_assert(styro_layer_has(&lower, kit_row("/limits/cpu_weight")));
  styro_layer_mark(&lower, kit_row("/rlimits/rttime/soft"));
  ck_assert(!styro_layer_has(&lower, kit_row("/rlimits/rtprio")));
}
END_TEST

START_TEST(what_is_cleared_looks_as_if_it_never_was)
{
  static const struct styro_fields none;
  kit_given(&lower, everything);
  for (size_t i = 1; i < styro_field_count(); i++) {
    styro_layer_clear(&lower, styro_field_at(i));
    ck_assert_msg(!styro_layer_has(&lower, styro_field_at(i)), "%s", styro_field_at(i)->pointer);
  }
  ck_assert_str_eq(kit_shown(&lower), "{}");
  ck_assert_mem_eq(&lower.fields, &none, sizeof none);
}
END_TEST

/* As JSON, of one row. */
static const char *row_shown(const struct styro_layer *layer, const struct styro_field *field)
{
  static char texts[2][1000];
  static int next;
  char *text = texts[next++ % 2];
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  styro_write_json(&buffer, layer, field);
  ck_assert_uint_lt(buffer.len, sizeof texts[0]);
  strcpy(text, buffer.data);
  styro_buffer_free(&buffer);
  return text;
}

START_TEST(what_is_cleared_takes_nothing_with_it)
{
  kit_given(&upper, everything);
  for (size_t i = 1; i < styro_field_count(); i++) {
    if (!upper.set[i] || styro_field_at(i)->type == STYRO_TYPE_OBJECT) {
      continue;
    }
    ck_assert_int_eq(styro_layer_apply(&lower, &upper), 0);
    styro_layer_clear(&lower, styro_field_at(i));
    for (size_t j = 1; j < styro_field_count(); j++) {
      bool kept = j != i && upper.set[j] && styro_field_at(j)->type != STYRO_TYPE_OBJECT;
      ck_assert_msg(!kept || strcmp(row_shown(&lower, styro_field_at(j)), row_shown(&upper, styro_field_at(j))) == 0,
                    "%s with %s", styro_field_at(j)->pointer, styro_field_at(i)->pointer);
    }
  }
}
END_TEST

/* Rows below the path rules have their offsets in another struct: as fields they would hit a stranger. */
START_TEST(clearing_a_part_of_a_rule_touches_no_field)
{
  struct styro_fields before;
  kit_given(&lower, everything);
  before = lower.fields;
  styro_layer_clear(&lower, kit_row("/paths/*/access"));
  styro_layer_clear(&lower, kit_row("/paths/*"));
  ck_assert_mem_eq(&lower.fields, &before, sizeof before);
  styro_layer_clear(&lower, kit_row("/paths"));
  ck_assert_uint_eq(lower.fields.rules_n, 0);
}
END_TEST

START_TEST(an_object_is_cleared_with_all_below_it)
{
  kit_given(&lower, "\"namespaces\": {\"uts\": {\"mode\": \"host\", \"hostname\": \"h\"}, \"pid\": \"host\"}");
  styro_layer_clear(&lower, kit_row("/namespaces/uts"));
  ck_assert_str_eq(kit_shown(&lower), "{\"namespaces\":{\"pid\":\"host\"}}");
  ck_assert_ptr_null(lower.fields.hostname);
  ck_assert_int_eq(lower.fields.namespaces[STYRO_NS_UTS], 0);
}
END_TEST

START_TEST(an_applied_layer_is_a_copy)
{
  kit_given(&upper, everything);
  char expected[4000];
  strcpy(expected, kit_shown(&upper));
  ck_assert_int_eq(styro_layer_apply(&lower, &upper), 0);
  ck_assert_mem_eq(lower.set, upper.set, styro_field_count());
  styro_layer_free(&upper);
  ck_assert_str_eq(kit_shown(&lower), expected);
}
END_TEST

START_TEST(applying_nothing_changes_nothing)
{
  char expected[4000];
  kit_given(&lower, everything);
  strcpy(expected, kit_shown(&lower));
  ck_assert_int_eq(styro_layer_apply(&lower, &upper), 0);
  ck_assert_int_eq(styro_layer_extend(&lower, &upper), 0);
  ck_assert_str_eq(kit_shown(&lower), expected);
}
END_TEST

/* Where `extended` is NULL it is as `applied`. */
static const struct {
  const char *lower, *upper, *applied, *extended;
} pairs[] = {
    {"\"command\": [\"a\", \"b\"]", "\"command\": [\"c\"]", "{\"command\":[\"c\"]}", NULL},
    {"\"extends\": [\"a\"]", "\"extends\": []", "{\"extends\":[]}", NULL},
    {"\"env\": {\"B\": \"1\", \"A\": \"2\"}", "\"env\": {\"A\": \"3\", \"C\": \"4\"}",
     "{\"env\":{\"B\":\"1\",\"A\":\"3\",\"C\":\"4\"}}", NULL},
    {"\"env\": {\"A\": \"1\"}", "\"env\": {}", "{\"env\":{\"A\":\"1\"}}", NULL},
    {"\"paths\": {\"/b\": {\"from\": \"/x\", \"noexec\": true}, \"/a\": \"ro\"}",
     "\"paths\": {\"/c\": \"rw\", \"/b\": {\"access\": \"deny\"}}",
     "{\"paths\":{\"/b\":\"deny\",\"/a\":\"ro\",\"/c\":\"rw\"}}", NULL},
    {"\"best_effort\": [\"limits\"]", "\"best_effort\": [\"tree_kill\"]", "{\"best_effort\":[\"tree_kill\"]}", NULL},
    {"\"preserve_fds\": [3, 4]", "\"preserve_fds\": [5]", "{\"preserve_fds\":[5]}", NULL},
    {"\"preserve_fds\": [3]", "\"preserve_fds\": \"by_caller\"", "{\"preserve_fds\":\"by_caller\"}", NULL},
    {"\"preserve_fds\": \"by_caller\"", "\"preserve_fds\": [3]", "{\"preserve_fds\":[3]}", NULL},
    {"\"preserve_fds\": [3]", "\"preserve_fds\": []", "{\"preserve_fds\":[]}", NULL},
    {"\"timeout\": {\"wall\": 5, \"grace\": 1}", "\"timeout\": 9", "{\"timeout\":{\"wall\":\"9s\",\"grace\":\"1s\"}}",
     NULL},
    {"\"user\": {\"uid\": 1, \"gid\": 2}", "\"user\": {\"gid\": 3}", "{\"user\":{\"uid\":1,\"gid\":3}}", NULL},
    {"\"cwd\": \"/a\"", "\"init\": false", "{\"cwd\":\"/a\",\"init\":false}", NULL},
    {"\"security\": {\"seccomp\": {\"bpf\": [[1, 2, 3, 4], [5, 0, 0, 0]]}}",
     "\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 0]]}}", "{\"security\":{\"seccomp\":{\"bpf\":[[6,0,0,0]]}}}",
     NULL},
    /* what excludes each other */
    {"\"root\": {\"directory\": \"/srv\", \"writable\": false}", "\"root\": \"empty\"", "{\"root\":\"empty\"}", NULL},
    {"\"root\": \"empty\"", "\"root\": {\"directory\": \"/srv\"}", "{\"root\":{\"directory\":\"/srv\"}}", NULL},
    {"\"security\": {\"seccomp\": \"default\"}", "\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 0]]}}",
     "{\"security\":{\"seccomp\":{\"bpf\":[[6,0,0,0]]}}}", NULL},
    {"\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 0]]}}", "\"security\": {\"seccomp\": \"default\"}",
     "{\"security\":{\"seccomp\":\"default\"}}", NULL},
    /* what is meant as a whole */
    {"\"root\": {\"directory\": \"/srv\", \"writable\": false}", "\"root\": {\"directory\": \"/x\"}",
     "{\"root\":{\"directory\":\"/x\",\"writable\":false}}", "{\"root\":{\"directory\":\"/x\"}}"},
    {"\"rlimits\": {\"nofile\": {\"soft\": 1, \"hard\": 2}, \"core\": 0}", "\"rlimits\": {\"nofile\": {\"hard\": 9}}",
     "{\"rlimits\":{\"core\":0,\"nofile\":{\"soft\":1,\"hard\":9}}}",
     "{\"rlimits\":{\"core\":0,\"nofile\":{\"hard\":9}}}"},
    {"\"namespaces\": {\"uts\": {\"hostname\": \"h\"}, \"ipc\": \"host\"}", "\"namespaces\": {\"uts\": \"host\"}",
     "{\"namespaces\":{\"ipc\":\"host\",\"uts\":{\"mode\":\"host\",\"hostname\":\"h\"}}}",
     "{\"namespaces\":{\"ipc\":\"host\",\"uts\":\"host\"}}"},
    {"\"security\": {\"capabilities\": [\"CAP_CHOWN\"]}", "\"security\": {\"capabilities\": {\"ambient\": []}}",
     "{\"security\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],\"effective\":[\"CAP_CHOWN\"],\"permitted\":"
     "[\"CAP_CHOWN\"],\"inheritable\":[\"CAP_CHOWN\"],\"ambient\":[]}}}",
     "{\"security\":{\"capabilities\":{\"ambient\":[]}}}"},
};

START_TEST(a_setters_layer_wins_field_by_field)
{
  kit_given(&lower, pairs[_i].lower);
  kit_given(&upper, pairs[_i].upper);
  ck_assert_int_eq(styro_layer_apply(&lower, &upper), 0);
  ck_assert_str_eq(kit_shown(&lower), pairs[_i].applied);
}
END_TEST

START_TEST(an_extending_layer_replaces_what_is_meant_as_a_whole)
{
  kit_given(&lower, pairs[_i].lower);
  kit_given(&upper, pairs[_i].upper);
  ck_assert_int_eq(styro_layer_extend(&lower, &upper), 0);
  ck_assert_str_eq(kit_shown(&lower), pairs[_i].extended != NULL ? pairs[_i].extended : pairs[_i].applied);
}
END_TEST

/* ---- memory ---- */

START_TEST(a_layer_needs_memory)
{
  struct counting_alloc state = {.fail_at = 1};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_layer layer;
  ck_assert_int_eq(styro_layer_init(&layer, &alloc), STYRO_ENOMEM);
  ck_assert_ptr_null(layer.set);
  styro_layer_free(&layer);
  ck_assert_uint_eq(state.live_blocks, 0);
}
END_TEST

typedef int lay(struct styro_layer *to, const struct styro_layer *from);
static lay *const lays[] = {styro_layer_apply, styro_layer_extend};

/* On a layer that holds nearly the same, so that everything is replaced, merged or put behind. */
START_TEST(a_failure_half_way_leaves_a_layer_that_can_be_freed)
{
  int code = STYRO_ENOMEM;
  size_t n = 0;
  kit_given(&upper, everything);
  while (code != 0) {
    struct counting_alloc state = {0};
    styro_allocator alloc = counting_allocator(&state);
    struct styro_layer own = kit_layer(&alloc);
    kit_given(&own, "\"extends\": [\"z.json\"], \"root\": {\"directory\": \"/old\"}, \"paths\": {\"/t\": {\"from\": "
                    "\"/g\"}}, \"env\": {\"B\": \"0\"}, \"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 0]]}}, "
                    "\"preserve_fds\": [7]");
    state.fail_at = ++n;
    code = lays[_i](&own, &upper);
    ck_assert(code == 0 || code == STYRO_ENOMEM);
    styro_layer_free(&own);
    ck_assert_uint_eq(state.live_blocks, 0);
    ck_assert_int_eq(state.wrong, 0);
  }
  ck_assert_uint_gt(n, 20);
}
END_TEST

/* On an empty layer, with one block missing at a time. */
static int apply_to_an_empty_one(const styro_allocator *alloc, styro_error *err)
{
  styro_allocator chosen = styro_allocator_or_malloc(alloc);
  struct styro_layer own;
  int code = styro_layer_init(&own, &chosen);
  code = code != 0 ? code : styro_layer_apply(&own, &upper);
  styro_layer_free(&own);
  return code == 0 ? 0 : styro_fail_memory(err, STYRO_STAGE_PARSE);
}

START_TEST(a_single_missing_block_is_noticed)
{
  kit_given(&upper, everything);
  kit_fail_every_allocation(apply_to_an_empty_one);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("layer");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, a_new_layer_has_nothing);
  tcase_add_test(cases, a_longer_name_is_no_part_of_a_shorter);
  tcase_add_test(cases, what_is_cleared_looks_as_if_it_never_was);
  tcase_add_test(cases, what_is_cleared_takes_nothing_with_it);
  tcase_add_test(cases, clearing_a_part_of_a_rule_touches_no_field);
  tcase_add_test(cases, an_object_is_cleared_with_all_below_it);
  tcase_add_test(cases, an_applied_layer_is_a_copy);
  tcase_add_test(cases, applying_nothing_changes_nothing);
  tcase_add_loop_test(cases, a_setters_layer_wins_field_by_field, 0, (int)COUNT(pairs));
  tcase_add_loop_test(cases, an_extending_layer_replaces_what_is_meant_as_a_whole, 0, (int)COUNT(pairs));
  tcase_add_test(cases, a_layer_needs_memory);
  tcase_add_loop_test(cases, a_failure_half_way_leaves_a_layer_that_can_be_freed, 0, (int)COUNT(lays));
  tcase_add_test(cases, a_single_missing_block_is_noticed);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
