/*
 * core/lib/read_list.c: lists, maps, sets, descriptors, filter programs and path rules; what a wrong item, key or number
 * of them is told, and what is left of what stood before it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define J STYRO_FROM_JSON
#define T STYRO_FROM_TEXT
#define N STYRO_FROM_INT

static struct counting_alloc state;
static struct styro_layer layer;
static styro_error err;

static void setup(void)
{
  state = (struct counting_alloc){0};
  styro_allocator alloc = counting_allocator(&state);
  err = (styro_error)ERROR_READY;
  layer = kit_layer(&alloc);
}

/* Right or wrong: nothing is left. */
static void teardown(void)
{
  styro_layer_free(&layer);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}

/* ---- what is taken ---- */

static const struct {
  enum styro_origin origin;
  const char *pointer, *json, *shown;
} right[] = {
    {J, "/command", "[\"\", \"b\", \"b\"]", "{\"command\":[\"\",\"b\",\"b\"]}"},
    {J, "/extends", "\"a.json\"", "{\"extends\":[\"a.json\"]}"},
    {J, "/extends", "[]", "{\"extends\":[]}"},
    {J, "/isolation", "[\"container\"]", "{\"isolation\":[\"container\"]}"},
    {J, "/inherit_env", "[\"A.B\"]", "{\"inherit_env\":[\"A.B\"]}"},
    {J, "/env", "{}", "{\"env\":{}}"},
    {J, "/env", "{\"B\": \"\", \"A\": \"=\"}", "{\"env\":{\"B\":\"\",\"A\":\"=\"}}"},
    {J, "/best_effort", "[]", "{\"best_effort\":[]}"},
    {J, "/best_effort", "[\"tree_kill\", \"tree_kill\"]", "{\"best_effort\":[\"tree_kill\"]}"},
    {J, "/best_effort", "[\"limits\"]",
     "{\"best_effort\":[\"limit_memory\",\"limit_swap\",\"limit_pids\",\"limit_cpu\",\"limit_cpuset\",\"limit_io\"]}"},
    {T, "/security/capabilities/ambient", "\"none\"", "{\"security\":{\"capabilities\":{\"ambient\":[]}}}"},
    {J, "/security/capabilities/ambient", "[\"40\", \"CAP_CHOWN\", \"chown\"]",
     "{\"security\":{\"capabilities\":{\"ambient\":[\"CAP_CHOWN\",\"CAP_CHECKPOINT_RESTORE\"]}}}"},
    {J, "/user/groups", "[]", "{\"user\":{\"groups\":[]}}"},
    {J, "/preserve_fds", "[1048575, 3]", "{\"preserve_fds\":[1048575,3]}"},
    {T, "/preserve_fds", "[\"3\", 4]", "{\"preserve_fds\":[3,4]}"},
    {J, "/preserve_fds", "\"by_caller\"", "{\"preserve_fds\":\"by_caller\"}"},
    {J, "/security/seccomp/bpf", "[[65535, 255, 255, 4294967295], [0, 0, 0, 0]]",
     "{\"security\":{\"seccomp\":{\"bpf\":[[65535,255,255,4294967295],[0,0,0,0]]}}}"},
    {J, "/paths", "{}", "{\"paths\":{}}"},
    {J, "/paths", "{\"/b\": \"rw\", \"/a/\": {}}", "{\"paths\":{\"/b\":\"rw\",\"/a\":\"ro\"}}"},
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
#define NOT_YET(said) STYRO_EUNSUPPORTED, STYRO_STAGE_VALIDATE, said

#define LIST_HINT "a list is written as [\"first\", \"second\"]"
#define MAP_HINT "write {\"NAME\": \"value\"}"
#define SET_HINT "write a list such as [\"limits\"]"
#define CAPS_HINT "write \"none\", \"ALL\" or a list such as [\"CAP_NET_RAW\"]"
#define FDS_HINT "write a list such as [3, 4], or \"by_caller\""
#define BPF_HINT "an instruction is a list of four numbers [code, jt, jf, k]"
#define RULES_HINT "write {\"/inside\": \"ro\"}"
#define EMPTY_HINT "leave the field out where nothing is meant"
#define LATER_HINT "leave it out: what this version cannot carry out is refused, never ignored"
#define STREAMS "0, 1 and 2 are the standard streams, which each run chooses"
#define NUL "has a NUL byte after it, which no text of a system call can hold"
#define NUL_HINT "leave the \\u0000 out"
#define NAMES_HINT "write names, as in [\"TERM\"]; values of your own go into `env`"
#define INSTRUCTION "not an instruction: four whole numbers [code, jt, jf, k] of 16, 8, 8 and 32 bits"
#define CAP_UNKNOWN "capabilities(7) lists them, by name or from 0 to 40; CAP_NET_RAW may also be written as net_raw"
#define AMBIENT "/security/capabilities/ambient"
#define BPF "/security/seccomp/bpf"

static const struct {
  enum styro_origin origin;
  const char *pointer, *json;
  struct kit_said said;
} wrong[] = {
    /* lists */
    {J, "/command", "\"ls\"", {WRONG("expected a list of texts, not a text"), "/command", "`ls`", LIST_HINT}},
    {J, "/command", "{}", {WRONG("expected a list of texts, not an object"), "/command", "", LIST_HINT}},
    {J, "/command", "[]", {WRONG("the list is empty, and needs at least one item"), "/command", "", EMPTY_HINT}},
    {J, "/command", "[\"a\", [\"b\"]]", {WRONG("expected a list of texts, not a list"), "/command/1", "", LIST_HINT}},
    {J, "/command", "[\"a\\u0000\"]", {WRONG("`a` " NUL), "/command/0", "a", NUL_HINT}},
    {J, "/isolation", "\"zone\\u0000x\"", {WRONG("`zone` " NUL), "/isolation", "zone", NUL_HINT}},
    {J,
     "/isolation",
     "[\"container\", \"process\", \"container\"]",
     {WRONG("3 items are too many: at most 2 can stand here"), "/isolation", "", ""}},
    {J,
     "/isolation",
     "[\"containr\"]",
     {WRONG("`containr` is not `container` or `process`"), "/isolation/0", "containr", "did you mean `container`?"}},
    {J, "/isolation", "[\"zone\"]", {NOT_YET("`zone` is not supported yet"), "/isolation/0", "zone", LATER_HINT}},
    {J,
     "/inherit_env",
     "[\"A\", \"\"]",
     {WRONG("`` is empty, and a variable needs a name"), "/inherit_env/1", "", NAMES_HINT}},
    /* maps */
    {J, "/env", "\"A=1\"", {WRONG("expected an object of texts, not a text"), "/env", "`A=1`", MAP_HINT}},
    {J, "/env", "{\"A\": null}", {WRONG("expected an object of texts, not null"), "/env/A", "null", MAP_HINT}},
    /* the value first */
    {J, "/env", "{\"A=\": 1}", {WRONG("expected an object of texts, not a whole number"), "/env/A=", "1", MAP_HINT}},
    {J,
     "/env",
     "{\"A=\": \"1\"}",
     {WRONG("`A=` has a `=` in it, which ends the name of a variable"), "/env/A=", "A=", MAP_HINT}},
    {J,
     "/limits/cgroup",
     "{\"a.b/c\": \"1\"}",
     {WRONG("`a.b/c` is not a key of control groups: only letters, digits, `_` and `.` stand in one"),
      "/limits/cgroup/a.b~1c", "a.b/c", MAP_HINT}},
    /* protections */
    {J,
     "/best_effort",
     "\"limits\"",
     {WRONG("expected a list of protections, not a text"), "/best_effort", "`limits`", SET_HINT}},
    {J,
     "/best_effort",
     "[7]",
     {WRONG("expected a list of protections, not a whole number"), "/best_effort/0", "7", SET_HINT}},
    {J,
     "/best_effort",
     "[\"limits\", \"landlok\"]",
     {WRONG("`landlok` is not the name of a protection"), "/best_effort/1", "landlok", "did you mean `landlock`?"}},
    {J,
     "/best_effort",
     "[\"limis\"]",
     {WRONG("`limis` is not the name of a protection"), "/best_effort/0", "limis", "did you mean `limits`?"}},
    {J,
     "/best_effort",
     "[\"path_vew\"]",
     {WRONG("`path_vew` is not the name of a protection"), "/best_effort/0", "path_vew", "did you mean `path_view`?"}},
    {J,
     "/best_effort",
     "[\"lsmlabel\"]",
     {WRONG("`lsmlabel` is not the name of a protection"), "/best_effort/0", "lsmlabel", "did you mean `lsm_label`?"}},
    {J,
     "/best_effort",
     "[\"denied_path\"]",
     {WRONG("`denied_path` is not the name of a protection"), "/best_effort/0", "denied_path",
      "did you mean `denied_paths`?"}},
    {J,
     "/best_effort",
     "[\"masked_path\"]",
     {WRONG("`masked_path` is not the name of a protection"), "/best_effort/0", "masked_path",
      "did you mean `masked_paths`?"}},
    {J,
     "/best_effort",
     "[\"everything\"]",
     {WRONG("`everything` is not the name of a protection"), "/best_effort/0", "everything",
      "the names are those that an outcome lists, and the words `limits` and `landlock`"}},
    {J,
     "/best_effort",
     "[\"closed_fds\"]",
     {WRONG("`closed_fds` can never be missing: a sandbox without it would be none"), "/best_effort/0", "closed_fds",
      "remove it from `best_effort`"}},
    /* capabilities */
    {J,
     AMBIENT,
     "\"all\"",
     {WRONG("expected `none`, `ALL` or a list of capabilities, not a text"), AMBIENT, "`all`", CAPS_HINT}},
    {J,
     AMBIENT,
     "[0]",
     {WRONG("expected `none`, `ALL` or a list of capabilities, not a whole number"), AMBIENT "/0", "0", CAPS_HINT}},
    {J,
     AMBIENT,
     "[\"chown\", \"64\"]",
     {WRONG("`64` is not the name of a capability"), AMBIENT "/1", "64", CAP_UNKNOWN}},
    {J, AMBIENT, "[\"none\"]", {WRONG("`none` is not the name of a capability"), AMBIENT "/0", "none", CAP_UNKNOWN}},
    /* descriptors */
    {J,
     "/preserve_fds",
     "3",
     {WRONG("expected a list of descriptors or `by_caller`, not a whole number"), "/preserve_fds", "3", FDS_HINT}},
    {J,
     "/preserve_fds",
     "[\"3\"]",
     {WRONG("expected a list of descriptors or `by_caller`, not a text"), "/preserve_fds/0", "`3`", FDS_HINT}},
    {T,
     "/preserve_fds",
     "[\"3x\"]",
     {WRONG("expected a list of descriptors or `by_caller`, not a text"), "/preserve_fds/0", "`3x`", FDS_HINT}},
    {J,
     "/preserve_fds",
     "[3.0]",
     {WRONG("expected a list of descriptors or `by_caller`, not a number with a fraction"), "/preserve_fds/0", "3.0",
      FDS_HINT}},
    {J, "/preserve_fds", "[3, 2]", {WRONG("2 is out of range: 3 to 1048575"), "/preserve_fds/1", "2", STREAMS}},
    {N,
     "/preserve_fds",
     "[4294967299]",
     {WRONG("4294967299 is out of range: 3 to 1048575"), "/preserve_fds/0", "4294967299", STREAMS}},
    {J, "/preserve_fds", "\"by_caller\\u0000x\"", {WRONG("`by_caller` " NUL), "/preserve_fds", "by_caller", NUL_HINT}},
    {T, "/preserve_fds", "[\"3\\u0000x\"]", {WRONG("`3` " NUL), "/preserve_fds/0", "3", NUL_HINT}},
    {J, AMBIENT, "\"none\\u0000x\"", {WRONG("`none` " NUL), AMBIENT, "none", NUL_HINT}},
    {J, "/preserve_fds", "[3, 4, 3]", {WRONG("descriptor 3 stands there twice"), "/preserve_fds/2", "", ""}},
    /* programs */
    {J, BPF, "{}", {WRONG("expected a list of instructions, not an object"), BPF, "", BPF_HINT}},
    {J, BPF, "[]", {WRONG("the list is empty, and needs at least one item"), BPF, "", EMPTY_HINT}},
    {J, BPF, "[6]", {WRONG(INSTRUCTION), BPF "/0", "", ""}},
    {J, BPF, "[[6, 0, 0, 0], [6, 0, 0]]", {WRONG(INSTRUCTION), BPF "/1", "", ""}},
    {J, BPF, "[[6, 0, 0, 0, 0]]", {WRONG(INSTRUCTION), BPF "/0", "", ""}},
    {J, BPF, "[[65536, 0, 0, 0]]", {WRONG(INSTRUCTION), BPF "/0", "", ""}},
    {J, BPF, "[[6, 256, 0, 0]]", {WRONG(INSTRUCTION), BPF "/0", "", ""}},
    {J, BPF, "[[6, 0, -1, 0]]", {WRONG(INSTRUCTION), BPF "/0", "", ""}},
    {J, BPF, "[[6, 0, 0, 4294967296]]", {WRONG(INSTRUCTION), BPF "/0", "", ""}},
    {J, BPF, "[[6, 0, 0, \"0\"]]", {WRONG(INSTRUCTION), BPF "/0", "", ""}},
    /* rules */
    {J, "/paths", "[\"/a\"]", {WRONG("expected an object of paths, not a list"), "/paths", "", RULES_HINT}},
    {J, "/paths", "{\"/a\": 1}", {WRONG("expected a word, not a whole number"), "/paths/~1a", "1", ""}},
    {J,
     "/paths",
     "{\"/a\": \"ro\", \"//a\": \"ro\"}",
     {WRONG("`//a` is the same place as another key of `paths`: both are `/a`"), "/paths/~1~1a", "/a",
      "keep one of them"}},
    {J,
     "/paths",
     "{\"/a\": {\"from\": \"/b\", \"siez\": 5}}",
     {WRONG("`siez` is not a field here"), "/paths/~1a/siez", "siez", "did you mean `size`?"}},
    {J,
     "/paths",
     "{\"/a\": {\"idmap\": 1}}",
     {WRONG("expected `user` or a list of ranges, not a whole number"), "/paths/~1a/idmap", "1",
      "a range is a list of three numbers [on disk, inside, count]"}},
};

START_TEST(what_is_not_taken_says_why)
{
  ck_assert_int_eq(kit_read(&layer, wrong[_i].origin, wrong[_i].pointer, wrong[_i].json, &err), wrong[_i].said.code);
  kit_says(wrong[_i].json, &err, &wrong[_i].said);
  ck_assert(!styro_layer_has(&layer, kit_row(wrong[_i].pointer)));
}
END_TEST

/* A row of the test's own: the table has no list of more than one word. */
START_TEST(each_word_of_a_list_is_taken)
{
  const struct styro_field field = {.pointer = "/x",
                                    .type = STYRO_TYPE_LIST,
                                    .offset = offsetof(struct styro_fields, extends),
                                    .max = 9,
                                    .words = (const char *const[]){"one", "two", "three", NULL}};
  struct styro_reading in = {.layer = &layer, .err = &err};
  json_auto_t *words = kit_value("[\"three\", \"two\", \"one\"]"), *wrong_word = kit_value("[\"two\", \"four\"]");
  ck_assert_int_eq(styro_read_list(&in, &field, &layer.fields, words), 0);
  ck_assert_uint_eq(layer.fields.extends.n, 3);
  ck_assert_str_eq(layer.fields.extends.items[1], "two");
  ck_assert_int_eq(styro_read_list(&in, &field, &layer.fields, wrong_word), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "`four` is not `one`, `two` or `three`");
}
END_TEST

/* A program is whole or not there. */
START_TEST(a_wrong_instruction_leaves_no_half_program)
{
  ck_assert_int_eq(kit_read(&layer, J, BPF, "[[6, 0, 0, 0], [6]]", &err), STYRO_EREQUEST);
  ck_assert_ptr_null(layer.fields.bpf);
  ck_assert_uint_eq(layer.fields.bpf_n, 0);
}
END_TEST

START_TEST(descriptors_of_the_caller_are_the_callers)
{
  static const struct kit_said said = {WRONG("preserve_fds is `by_caller`, and lists none of its own"), "/preserve_fds",
                                       "", "hand the descriptor over with the run"};
  struct styro_reading in = {.layer = &layer, .err = &err, .adding = true, .at = "/preserve_fds"};
  json_auto_t *one = kit_value("[5]");
  ck_assert_int_eq(kit_read(&layer, J, "/preserve_fds", "\"by_caller\"", &err), 0);
  ck_assert_int_eq(styro_read(&in, kit_row("/preserve_fds"), &layer.fields, one), STYRO_EREQUEST);
  kit_says("adding", &err, &said);
  ck_assert_str_eq(kit_shown(&layer), "{\"preserve_fds\":\"by_caller\"}");
}
END_TEST

/* ---- how many ---- */

/* A JSON array of n times the item, or an object with n keys of that value. */
static json_t *many(size_t n, const char *item, bool keys)
{
  json_auto_t *one = kit_value(item);
  json_t *all = keys ? json_object() : json_array();
  for (size_t i = 0; i < n; i++) {
    char key[32];
    snprintf(key, sizeof key, "/k.%zu", i);
    ck_assert_int_eq(keys ? json_object_set(all, key, one) : json_array_append(all, one), 0);
  }
  return all;
}

static const struct {
  const char *pointer, *item;
  bool keys;
  size_t most;
} counts[] = {
    {"/extends", "\"a\"", false, 64},
    {"/isolation", "\"container\"", false, 2},
    {"/command", "\"a\"", false, 65536},
    {"/inherit_env", "\"A\"", false, 4096},
    {"/env", "\"1\"", true, 4096},
    {"/paths", "\"ro\"", true, 4096},
    {"/security/seccomp/bpf", "[6, 0, 0, 0]", false, 4096},
};

START_TEST(as_many_as_the_table_says)
{
  struct styro_reading in = {.layer = &layer, .err = &err, .origin = J};
  const struct styro_field *field = kit_row(counts[_i].pointer);
  json_auto_t *most = many(counts[_i].most, counts[_i].item, counts[_i].keys);
  json_auto_t *more = many(counts[_i].most + 1, counts[_i].item, counts[_i].keys);
  char message[100];
  snprintf(message, sizeof message, "%zu items are too many: at most %zu can stand here", counts[_i].most + 1,
           counts[_i].most);
  strcpy(in.at, counts[_i].pointer);
  ck_assert_int_eq(styro_read_count(&in, field, counts[_i].most), 0);
  if (counts[_i].most <= 64) { /* reading more takes valgrind half a minute */
    ck_assert_int_eq(styro_read(&in, field, &layer.fields, most), 0);
  }
  ck_assert_int_eq(styro_read(&in, field, &layer.fields, more), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, message);
  ck_assert_str_eq(err.field, counts[_i].pointer);
}
END_TEST

START_TEST(what_is_added_counts_together_with_what_is_there)
{
  struct styro_reading in = {.layer = &layer, .err = &err, .adding = true};
  json_auto_t *most = many(64, "\"a\"", false), *one = many(1, "\"b\"", false);
  ck_assert_int_eq(styro_read(&in, kit_row("/extends"), &layer.fields, most), 0);
  ck_assert_int_eq(styro_read(&in, kit_row("/extends"), &layer.fields, one), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "65 items are too many: at most 64 can stand here");
  ck_assert_uint_eq(layer.fields.extends.n, 64);
}
END_TEST

/* ---- memory ---- */

static const struct {
  const char *pointer, *json;
} owners[] = {
    {"/command", "[\"a\", \"b\"]"},
    {"/extends", "\"a\""},
    {"/env", "{\"A\": \"1\", \"B\": \"2\"}"},
    {"/preserve_fds", "[3, 4]"},
    {"/security/seccomp/bpf", "[[6, 0, 0, 0]]"},
    {"/paths", "{\"/a\": {\"from\": \"/b\"}, \"${A}\": \"rw\"}"},
};

START_TEST(values_for_which_there_is_no_memory)
{
  int code = STYRO_ENOMEM;
  size_t n = 0;
  while (code != 0) {
    struct counting_alloc own_state = {0};
    styro_allocator alloc = counting_allocator(&own_state);
    struct styro_layer own = kit_layer(&alloc);
    own_state.fail_at = ++n;
    code = kit_read(&own, J, owners[_i].pointer, owners[_i].json, &err);
    ck_assert(code == 0 || (code == STYRO_ENOMEM && strcmp(err.message, "out of memory") == 0));
    ck_assert(styro_layer_has(&own, kit_row(owners[_i].pointer)) == (code == 0));
    styro_layer_free(&own);
    ck_assert_uint_eq(own_state.live_blocks, 0);
    ck_assert_int_eq(own_state.wrong, 0);
  }
  ck_assert_uint_gt(n, 1);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("read_list");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_loop_test(cases, what_is_taken_is_kept, 0, (int)COUNT(right));
  tcase_add_loop_test(cases, what_is_not_taken_says_why, 0, (int)COUNT(wrong));
  tcase_add_test(cases, each_word_of_a_list_is_taken);
  tcase_add_test(cases, a_wrong_instruction_leaves_no_half_program);
  tcase_add_test(cases, descriptors_of_the_caller_are_the_callers);
  tcase_add_loop_test(cases, as_many_as_the_table_says, 0, (int)COUNT(counts));
  tcase_add_test(cases, what_is_added_counts_together_with_what_is_there);
  tcase_add_loop_test(cases, values_for_which_there_is_no_memory, 0, (int)COUNT(owners));
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
