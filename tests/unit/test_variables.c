/* core/lib/variables.c: what ${NAME} becomes in texts and paths, and what is said where it becomes nothing. */
#include <check.h>
#include <string.h>

#include "collection.h"
#include "counting_alloc.h"
#include "layer_kit.h"
#include "variables.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct counting_alloc state;
static styro_allocator alloc;
static struct styro_map variables;
static struct styro_layer layer;
static styro_error err;

static void give(const char *name, const char *value)
{
  ck_assert_int_eq(styro_map_set(&layer.alloc, &variables, name, value), 0);
}

static void setup(void)
{
  err = (styro_error)ERROR_READY;
  state = (struct counting_alloc){0};
  alloc = counting_allocator(&state);
  layer = kit_layer(&alloc);
  variables = (struct styro_map){0};
  give("A", "/a");
  give("AB", "/ab/");
  give("EMPTY", "");
  give("NESTED", "${A}");
  give("UP", "/x/../y");
  give("ROOT", "//");
  give("_9", "nine");
  give("BYTES", "/\xff");
}

/* Right or wrong: nothing is left. */
static void teardown(void)
{
  styro_map_free(&alloc, &variables);
  styro_layer_free(&layer);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}

START_TEST(names_of_variables)
{
  static const char *const good[] = {"A", "_", "a9", "Z_z0"};
  static const char *const bad[] = {"", "9", "9A", "A-B", "A B", "A}", "\xc3\xa4", "@", "[", "`", "{", "/", ":"};
  for (size_t i = 0; i < COUNT(good); i++) {
    ck_assert_msg(styro_variable_name_is_valid(good[i], strlen(good[i])), "`%s`", good[i]);
  }
  for (size_t i = 0; i < COUNT(bad); i++) {
    ck_assert_msg(!styro_variable_name_is_valid(bad[i], strlen(bad[i])), "`%s`", bad[i]);
  }
  ck_assert(styro_variable_name_is_valid("A-B", 1));
  ck_assert(!styro_variable_name_is_valid("A\0B", 3));
}
END_TEST

/* ---- single texts ---- */

static const struct {
  const char *text, *expanded;
} texts[] = {
    {"", ""},
    {"plain", "plain"},
    {"${A}", "/a"},
    {"${A}${AB}", "/a/ab/"},
    {"<${EMPTY}>", "<>"},
    {"${_9}", "nine"},
    {"${NESTED}", "${A}"}, /* a value is not looked through again */
    {"$A", "$A"},
    {"$", "$"},
    {"a$", "a$"},
    {"$$", "$$"},
    {"{A}", "{A}"},
    {"$${A}", "${A}"},
    {"$${", "${"},
    {"$$${A}", "$${A}"},
    {"$${A}${A}", "${A}/a"},
    {"$ {A}", "$ {A}"},
    {"${A}}", "/a}"},
};

START_TEST(texts_are_expanded_once)
{
  for (size_t i = 0; i < COUNT(texts); i++) {
    int code = 77;
    char *expanded = styro_variables_expand(&layer.alloc, &variables, texts[i].text, "/x", &code, &err);
    ck_assert_msg(expanded != NULL, "`%s`: %s", texts[i].text, err.message);
    ck_assert_str_eq(expanded, texts[i].expanded);
    ck_assert_int_eq(code, 0);
    styro_strfree(&layer.alloc, expanded);
  }
}
END_TEST

#define WRONG(said) STYRO_EREQUEST, STYRO_STAGE_VALIDATE, said
#define WRITE "write `${NAME}`, or `$${` for the characters themselves"
#define GIVE "give it one with the request, or write `$${` for the characters themselves"

static const struct {
  const char *text;
  struct kit_said said;
} wrong[] = {
    {"${", {WRONG("`${` has no name of a variable between `${` and `}`"), "/env/X", "${", WRITE}},
    {"a${}b", {WRONG("`${}b` has no name of a variable between `${` and `}`"), "/env/X", "${}b", WRITE}},
    {"${A", {WRONG("`${A` has no name of a variable between `${` and `}`"), "/env/X", "${A", WRITE}},
    {"${1}", {WRONG("`${1}` has no name of a variable between `${` and `}`"), "/env/X", "${1}", WRITE}},
    {"${A ${A}", {WRONG("`${A ${A}` has no name of a variable between `${` and `}`"), "/env/X", "${A ${A}", WRITE}},
    {"${B}", {WRONG("the variable `B` has no value"), "/env/X", "B", GIVE}},
    {"${a}", {WRONG("the variable `a` has no value"), "/env/X", "a", GIVE}},
    {"${A}${BYTES}/x",
     {WRONG("the value of the variable `BYTES` is not valid UTF-8, which a request consists of"), "/env/X", "/?", ""}},
    {"${A}${ABC}/x", {WRONG("the variable `ABC` has no value"), "/env/X", "ABC", GIVE}},
};

START_TEST(what_cannot_be_expanded_says_why)
{
  int code = 0;
  ck_assert_ptr_null(styro_variables_expand(&layer.alloc, &variables, wrong[_i].text, "/env/X", &code, &err));
  ck_assert_int_eq(code, STYRO_EREQUEST);
  kit_says(wrong[_i].text, &err, &wrong[_i].said);
}
END_TEST

/* ---- whole layers ---- */

START_TEST(a_layer_is_resolved_where_the_table_allows_it)
{
  kit_given(&layer,
            "\"extends\": \"${A}/x.json\", \"root\": {\"directory\": \"${AB}//tree/\"}, \"paths\": {\"${A}/./k\": "
            "{\"from\": \"${AB}\"}, \"/plain\": \"rw\"}, \"command\": [\"${A}\"], \"cwd\": \"/${_9}\", \"env\": "
            "{\"${A}\": \"<${A}>\", \"B\": \"$${A}\"}, \"limits\": {\"cgroup\": {\"a.b\": \"${A}\"}}");
  ck_assert_int_eq(styro_variables_resolve(&layer, &variables, &err), 0);
  ck_assert_str_eq(
      kit_shown(&layer),
      "{\"extends\":[\"${A}/x.json\"],\"root\":{\"directory\":\"/ab/tree\"},\"paths\":{\"/a/k\":{\"access\":"
      "\"ro\",\"from\":\"/ab\"},\"/plain\":\"rw\"},\"command\":[\"${A}\"],\"cwd\":\"/nine\",\"env\":"
      "{\"${A}\":\"</a>\",\"B\":\"${A}\"},\"limits\":{\"cgroup\":{\"a.b\":\"${A}\"}}}");
}
END_TEST

START_TEST(what_holds_no_variable_is_not_touched)
{
  kit_given(&layer, "\"cwd\": \"/w\", \"env\": {\"A\": \"$A\"}, \"paths\": {\"/p\": {\"from\": \"/f\"}}");
  const char *cwd = layer.fields.cwd, *value = layer.fields.env.values[0];
  const char *path = layer.fields.rules[0].path, *from = layer.fields.rules[0].from;
  ck_assert_int_eq(styro_variables_resolve(&layer, &variables, &err), 0);
  ck_assert_ptr_eq(layer.fields.cwd, cwd);
  ck_assert_ptr_eq(layer.fields.env.values[0], value);
  ck_assert_ptr_eq(layer.fields.rules[0].path, path);
  ck_assert_ptr_eq(layer.fields.rules[0].from, from);
}
END_TEST

#define MADE "this is what the variables in it make of the path"
#define USE_ROOT "use `root`: \"system\", \"empty\" or {\"directory\": \"/srv/tree\"}"

static const struct {
  const char *members;
  struct kit_said said;
} wrong_layers[] = {
    {"\"cwd\": \"${_9}\"", {WRONG("`nine` is not an absolute path"), "/cwd", "nine", MADE}},
    {"\"cwd\": \"${EMPTY}\"", {WRONG("`` is not an absolute path"), "/cwd", "", MADE}},
    {"\"root\": {\"directory\": \"${UP}\"}",
     {WRONG("`/x/../y` has a `..` in it, and what that means depends on symbolic links"), "/root/directory", "/x/../y",
      MADE}},
    {"\"env\": {\"a/b\": \"${NONE}\"}", {WRONG("the variable `NONE` has no value"), "/env/a~1b", "NONE", GIVE}},
    {"\"paths\": {\"${NONE}/k\": \"ro\"}",
     {WRONG("the variable `NONE` has no value"), "/paths/${NONE}~1k", "NONE", GIVE}},
    {"\"paths\": {\"${_9}\": \"ro\"}", {WRONG("`nine` is not an absolute path"), "/paths/${_9}", "nine", MADE}},
    {"\"paths\": {\"${ROOT}\": \"ro\"}",
     {WRONG("`${ROOT}` is the root, and `paths` holds what stands below it"), "/paths/${ROOT}", "${ROOT}", USE_ROOT}},
    {"\"paths\": {\"/b\": \"ro\", \"/a\": \"ro\", \"${A}/\": \"rw\"}",
     {WRONG("`${A}/` is the same place as another key of `paths`: both are `/a`"), "/paths/${A}~1", "/a",
      "keep one of them"}},
    {"\"paths\": {\"/p\": {\"from\": \"${_9}\"}}",
     {WRONG("`nine` is not an absolute path"), "/paths/~1p/from", "nine", MADE}},
    {"\"paths\": {\"${A}\": {\"from\": \"${NONE}\"}}",
     {WRONG("the variable `NONE` has no value"), "/paths/${A}/from", "NONE", GIVE}},
};

START_TEST(what_cannot_be_resolved_is_said_at_its_field)
{
  kit_given(&layer, wrong_layers[_i].members);
  ck_assert_int_eq(styro_variables_resolve(&layer, &variables, &err), STYRO_EREQUEST);
  kit_says(wrong_layers[_i].members, &err, &wrong_layers[_i].said);
}
END_TEST

/* ---- memory ---- */

static int expand(const styro_allocator *own, styro_error *error)
{
  int code = 0;
  char *expanded = styro_variables_expand(own, &variables,
                                          "${A} and ${AB}, more than sixty-four bytes of it, so that "
                                          "the text is grown as well",
                                          "/x", &code, error);
  styro_strfree(own, expanded);
  return code;
}

START_TEST(a_text_for_which_there_is_no_memory)
{
  kit_fail_every_allocation(expand);
}
END_TEST

/* The layer is filled before the allocator may fail, and freed whatever happened. */
START_TEST(a_layer_for_which_there_is_no_memory)
{
  int code = STYRO_ENOMEM;
  size_t n = 0;
  while (code != 0) {
    size_t blocks = state.live_blocks;
    struct styro_layer own = kit_layer(&alloc);
    kit_given(&own, "\"cwd\": \"${A}\", \"env\": {\"B\": \"${A}\"}, \"paths\": {\"${AB}\": {\"from\": \"${A}\"}}");
    state.fail_at = ++n;
    state.calls = 0;
    code = styro_variables_resolve(&own, &variables, &err);
    ck_assert_int_eq(code, code == 0 ? 0 : STYRO_ENOMEM);
    ck_assert_int_eq(err.code, code == 0 ? STYRO_ENOMEM : code);
    ck_assert_str_eq(err.message, "out of memory");
    state.fail_at = 0;
    styro_layer_free(&own);
    ck_assert_uint_eq(state.live_blocks, blocks);
  }
  ck_assert_uint_gt(n, 10);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("variables");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, names_of_variables);
  tcase_add_test(cases, texts_are_expanded_once);
  tcase_add_loop_test(cases, what_cannot_be_expanded_says_why, 0, (int)COUNT(wrong));
  tcase_add_test(cases, a_layer_is_resolved_where_the_table_allows_it);
  tcase_add_test(cases, what_holds_no_variable_is_not_touched);
  tcase_add_loop_test(cases, what_cannot_be_resolved_is_said_at_its_field, 0, (int)COUNT(wrong_layers));
  tcase_add_test(cases, a_text_for_which_there_is_no_memory);
  tcase_add_test(cases, a_layer_for_which_there_is_no_memory);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
