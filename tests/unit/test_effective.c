/* core/lib/effective.c: layers and defaults put together, what follows from them, and what a failure leaves alone. */
#include <check.h>
#include <string.h>
#include <sys/resource.h>

#include "counting_alloc.h"
#include "handle.h"
#include "layer_kit.h"
#include "protections.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct counting_alloc state;
static styro_request *request;
static styro_error err;

static void setup(void)
{
  state = (struct counting_alloc){0};
  styro_allocator alloc = counting_allocator(&state);
  err = (styro_error)ERROR_READY;
  ck_assert_int_eq(styro_request_new(&alloc, &request, &err), 0);
}

/* Right or wrong: nothing is left. */
static void teardown(void)
{
  styro_request_free(request);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}

static void set(const char *pointer, const char *json)
{
  int code = styro_request_set_json(request, pointer, json, &err);
  ck_assert_msg(code == 0, "%s = %s: %s", pointer, json, err.message);
}

static struct styro_effective effective(void)
{
  struct styro_effective out;
  int code = styro_request_effective(request, &out, &err);
  ck_assert_msg(code == 0, "%s (%s)", err.message, err.field);
  return out;
}

/* ---- defaults ---- */

/* The table's own word, as a getter shows it, of every field that has one and that no test set. */
START_TEST(every_default_of_the_table_is_filled_in)
{
  size_t n = 0;
  for (size_t i = 0; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    bool shown = field->fallback != NULL && !styro_field_in_entry(field) && (field->flags & STYRO_FIELD_HIDDEN) == 0 &&
                 field->type != STYRO_TYPE_LIST;
    const char *text = NULL;
    if (!shown) {
      continue;
    }
    ck_assert_int_eq(styro_request_get(request, field->pointer, &text, &err), 0);
    ck_assert_ptr_nonnull(text);
    const char *expected = field->type == STYRO_TYPE_MODE ? "0022" : field->fallback;
    ck_assert_msg(strcmp(text, expected) == 0, "%s is %s", field->pointer, text);
    n++;
  }
  ck_assert_uint_gt(n, 18);
}
END_TEST

START_TEST(a_default_is_not_given_and_a_preset_is)
{
  set("/extends", "\"build\"");
  set("/cwd", "\"/w\"");
  struct styro_effective e = effective();
  ck_assert(styro_effective_is_set(&e, "/cwd"));
  ck_assert(styro_effective_is_set(&e, "/env"));
  ck_assert(styro_effective_is_set(&e, ""));
  ck_assert(!styro_effective_is_set(&e, "/user"));
  ck_assert(!styro_effective_is_set(&e, "/init"));
  ck_assert(!styro_effective_is_set(&e, "/paths/~1a"));
  ck_assert(!styro_effective_is_set(&e, "cwd"));
  styro_effective_free(&e);
}
END_TEST

/* ---- what follows ---- */

START_TEST(the_kind_of_root_follows_from_what_was_given)
{
  struct styro_effective e = effective();
  ck_assert_int_eq(e.fields.root_kind, STYRO_ROOT_SYSTEM);
  styro_effective_free(&e);
  set("/root", "{\"directory\": \"/srv\"}");
  e = effective();
  ck_assert_int_eq(e.fields.root_kind, STYRO_ROOT_DIRECTORY);
  styro_effective_free(&e);
  set("/root", "\"empty\"");
  e = effective();
  ck_assert_int_eq(e.fields.root_kind, STYRO_ROOT_EMPTY);
  ck_assert_ptr_null(e.fields.root_directory);
  styro_effective_free(&e);
}
END_TEST

static const struct {
  const char *pointer, *json, *protection; /* "": none */
} limits[] = {
    {"/limits/memory", "\"1M\"", "limit_memory"},
    {"/limits/swap", "0", "limit_swap"},
    {"/limits/pids", "1", "limit_pids"},
    {"/limits/cpu", "1", "limit_cpu"},
    {"/limits/cpu_weight", "1", "limit_cpu"},
    {"/limits/cpuset", "\"0\"", "limit_cpuset"},
    {"/limits/io_weight", "1", "limit_io"},
    {"/limits/cgroup", "{\"pids.max\": \"1\"}", "limit_pids"},
    {"/limits/cgroup", "{\"cpuset.mems\": \"0\"}", "limit_cpuset"},
    {"/limits/cgroup", "{}", ""},
    {"/limits/parent", "\"/p\"", ""},
    {"/limits", "{}", ""},
};

START_TEST(what_limits_ask_for)
{
  set("/best_effort", "[\"limits\"]");
  set(limits[_i].pointer, limits[_i].json);
  struct styro_effective e = effective();
  uint64_t expected = styro_protections_named(limits[_i].protection);
  ck_assert_uint_eq(e.fields.limits_mask, expected);
  ck_assert(e.fields.limits_asked == (expected != 0));
  styro_effective_free(&e);
}
END_TEST

START_TEST(limits_add_up)
{
  set("/best_effort", "[\"limits\"]");
  set("/limits", "{\"memory\": \"1M\", \"cgroup\": {\"io.max\": \"1\", \"memory.swap.max\": \"0\"}}");
  struct styro_effective e = effective();
  ck_assert_uint_eq(e.fields.limits_mask,
                    STYRO_BIT(STYRO_LIMIT_MEMORY) | STYRO_BIT(STYRO_LIMIT_IO) | STYRO_BIT(STYRO_LIMIT_SWAP));
  styro_effective_free(&e);
}
END_TEST

/* Nobody would be there to see the caller die; who asks for both all the same is told so. */
START_TEST(without_init_the_default_of_die_with_parent_is_false)
{
  set("/init", "false");
  struct styro_effective e = effective();
  ck_assert(!e.fields.init && !e.fields.die_with_parent);
  styro_effective_free(&e);
  set("/die_with_parent", "true");
  ck_assert_int_eq(styro_request_validate(request, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.field, "/die_with_parent");
  set("/init", "true");
  ck_assert_int_eq(styro_request_validate(request, &err), 0);
  e = effective();
  ck_assert(e.fields.init && e.fields.die_with_parent);
  styro_effective_free(&e);
}
END_TEST

static const struct {
  const char *pointer, *json;
  size_t flag; /* of the bool that then is true */
} flags[] = {
    {"/security/capabilities", "\"none\"", offsetof(struct styro_fields, capabilities_named)},
    {"/security/capabilities/ambient", "[]", offsetof(struct styro_fields, capabilities_named)},
    {"/namespaces/time", "\"new\"", offsetof(struct styro_fields, time_explicit)},
    {"/output", "5", offsetof(struct styro_fields, output_asked)},
    {"/rlimits/core", "0", offsetof(struct styro_fields, rlimits[RLIMIT_CORE].set)},
};

START_TEST(what_was_asked_for_is_noted)
{
  struct styro_effective e = effective();
  ck_assert(!*(const bool *)((const char *)&e.fields + flags[_i].flag));
  styro_effective_free(&e);
  set(flags[_i].pointer, flags[_i].json);
  e = effective();
  ck_assert(*(const bool *)((const char *)&e.fields + flags[_i].flag));
  styro_effective_free(&e);
}
END_TEST

/* ---- what is left alone ---- */

START_TEST(the_request_stays_what_it_was)
{
  const char *before = NULL, *after = NULL;
  char copy[500];
  set("/extends", "\"python\"");
  set("/cwd", "\"/${W}\"");
  ck_assert_int_eq(styro_request_set_variable(request, "W", "w", &err), 0);
  ck_assert_int_eq(styro_request_to_json(request, &before, &err), 0);
  strcpy(copy, before);
  struct styro_effective e = effective();
  ck_assert_str_eq(e.fields.cwd, "/w");
  styro_effective_free(&e);
  ck_assert_int_eq(styro_request_to_json(request, &after, &err), 0);
  ck_assert_str_eq(after, copy);
  ck_assert_str_eq(copy, "{\"version\":1,\"extends\":[\"python\"],\"cwd\":\"/${W}\"}");
}
END_TEST

START_TEST(the_effective_request_does_not_need_the_request)
{
  set("/command", "[\"a\"]");
  struct styro_effective e = effective();
  styro_request_free(request);
  request = NULL;
  ck_assert_str_eq(e.fields.command.items[0], "a");
  styro_effective_free(&e);
}
END_TEST

/* Out-parameters are assigned last, whichever part fails: what is extended, a variable, a rule. */
START_TEST(a_failure_assigns_nothing)
{
  static const char *const wrong[][2] = {{"/extends", "\"pythn\""}, {"/cwd", "\"${NONE}\""}, {"/timeout/grace", "1"}};
  struct styro_effective e, untouched;
  struct styro_layer layer, no_layer;
  memset(&e, 0x5a, sizeof e);
  memset(&untouched, 0x5a, sizeof untouched);
  memset(&layer, 0x5a, sizeof layer);
  memset(&no_layer, 0x5a, sizeof no_layer);
  set(wrong[_i][0], wrong[_i][1]);
  ck_assert_int_eq(styro_request_effective(request, &e, &err), STYRO_EREQUEST);
  ck_assert_mem_eq(&e, &untouched, sizeof e);
  if (_i < 2) { /* the last one is a rule, which resolving does not know */
    ck_assert_int_eq(styro_request_resolve(request, &layer, &err), STYRO_EREQUEST);
    ck_assert_mem_eq(&layer, &no_layer, sizeof layer);
  }
}
END_TEST

/* ---- variables and misuse ---- */

START_TEST(names_of_variables_are_checked_when_they_are_given)
{
  static const char *const wrong[] = {"", "1", "A-B", "A B", "\xc3\xa9"};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    char message[100];
    strcat(strcat(strcpy(message, "`"), wrong[i]), "` is not the name of a variable");
    const struct kit_said said = {STYRO_EREQUEST, STYRO_STAGE_VALIDATE,
                                  message,        "",
                                  wrong[i],       "letters, digits and `_` make a name, and no digit is its first"};
    ck_assert_int_eq(styro_request_set_variable(request, wrong[i], "x", &err), STYRO_EREQUEST);
    kit_says(wrong[i], &err, &said);
  }
  ck_assert_uint_eq(request->variables.n, 0);
}
END_TEST

START_TEST(misuse_is_named)
{
  const struct kit_said nothing = {STYRO_EUSAGE, STYRO_STAGE_NONE, "no request to validate", "", "", ""};
  const struct kit_said needed = {
      STYRO_EUSAGE, STYRO_STAGE_NONE, "a request, a name and a value are needed", "", "", ""};
  ck_assert_int_eq(styro_request_validate(NULL, &err), STYRO_EUSAGE);
  kit_says("validate", &err, &nothing);
  ck_assert_int_eq(styro_request_set_variable(NULL, "A", "x", &err), STYRO_EUSAGE);
  kit_says("request", &err, &needed);
  ck_assert_int_eq(styro_request_set_variable(request, NULL, "x", &err), STYRO_EUSAGE);
  kit_says("name", &err, &needed);
  ck_assert_int_eq(styro_request_set_variable(request, "A", NULL, &err), STYRO_EUSAGE);
  kit_says("value", &err, &needed);
}
END_TEST

/* ---- memory ---- */

static int resolve_and_free(const styro_allocator *alloc, styro_error *error)
{
  styro_request *own = NULL;
  struct styro_effective e = {0};
  int code = styro_request_new(alloc, &own, error);
  code = code != 0 ? code : styro_request_set_variable(own, "A", "/a", error);
  code = code != 0 ? code : styro_request_set_variable(own, "A", "/b", error);
  code = code != 0 ? code : styro_request_set_json(own, "/root", "{\"directory\": \"${A}\"}", error);
  code = code != 0 ? code : styro_request_effective(own, &e, error);
  styro_effective_free(&e);
  styro_request_free(own);
  return code;
}

START_TEST(requests_for_which_there_is_no_memory)
{
  kit_fail_every_allocation(resolve_and_free);
  kit_fail_every_malloc_of_jansson(resolve_and_free);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("effective");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, every_default_of_the_table_is_filled_in);
  tcase_add_test(cases, a_default_is_not_given_and_a_preset_is);
  tcase_add_test(cases, the_kind_of_root_follows_from_what_was_given);
  tcase_add_loop_test(cases, what_limits_ask_for, 0, (int)COUNT(limits));
  tcase_add_test(cases, limits_add_up);
  tcase_add_test(cases, without_init_the_default_of_die_with_parent_is_false);
  tcase_add_loop_test(cases, what_was_asked_for_is_noted, 0, (int)COUNT(flags));
  tcase_add_test(cases, the_request_stays_what_it_was);
  tcase_add_test(cases, the_effective_request_does_not_need_the_request);
  tcase_add_loop_test(cases, a_failure_assigns_nothing, 0, 3);
  tcase_add_test(cases, names_of_variables_are_checked_when_they_are_given);
  tcase_add_test(cases, misuse_is_named);
  tcase_add_test(cases, requests_for_which_there_is_no_memory);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
