/* core/lib/request_text.c: single values as a getter shows them, and how long each text that comes out lives. */
#include <check.h>
#include <string.h>

#include "counting_alloc.h"
#include "layer_kit.h"

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

/* ---- single values ---- */

static const char given[] =
    "{\"extends\": \"build\", \"paths\": {\"/t/\": {\"access\": \"tmpfs\", \"size\": \"8K\"}, \"/d\": \"deny\", \"/f\": "
    "{\"from\": \"${A}/x\"}}, \"env\": {\"EMPTY\": \"\", \"V\": \"${A}\", \"a/b\": \"slash\"}, \"command\": [\"c\", \"d\"], "
    "\"limits\": {\"cgroup\": {\"pids.max\": \"5\"}}, \"best_effort\": [\"limits\"], \"timeout\": {\"wall\": \"2s\", "
    "\"grace\": \"1ms\"}, \"rlimits\": {\"core\": {\"soft\": 0, \"hard\": \"unlimited\"}}, \"umask\": \"7\", "
    "\"user\": {\"uid\": 5}}";

static const struct {
  const char *pointer, *text; /* NULL: neither a value nor a default */
} values[] = {
    {"/version", "1"},
    {"/extends", "[\"build\"]"},
    {"/isolation", "[\"container\"]"},
    {"/command", "[\"c\",\"d\"]"},
    {"/umask", "0007"},
    {"/cwd", "/home/sandbox"},
    {"/timeout", "{\"wall\":\"2s\",\"grace\":\"1ms\"}"},
    {"/timeout/wall", "2000000000"},
    {"/timeout/cpu", NULL},
    {"/output", NULL},
    {"/output/limit", NULL},
    {"/output/keep", "head"},
    {"/network", "none"},
    {"/namespaces/uts", "{\"hostname\":\"build\"}"},
    {"/namespaces/uts/hostname", "build"},
    {"/namespaces/ipc", "new"},
    {"/namespaces", "{\"uts\":{\"hostname\":\"build\"}}"},
    {"/security", "{\"seccomp\":\"build\"}"},
    {"/security/seccomp", "build"},
    {"/security/keyring", "new"},
    {"/security/seccomp/bpf", NULL},
    {"/security/capabilities", NULL},
    {"/rlimits/core", "{\"soft\":0,\"hard\":\"unlimited\"}"},
    {"/rlimits/core/hard", "unlimited"},
    {"/rlimits/cpu", NULL},
    {"/rlimits/cpu/soft", NULL},
    {"/user", "{\"uid\":5}"},
    {"/user/gid", "1000"},
    {"/user/groups", NULL},
    {"/limits/cgroup", "{\"pids.max\":\"5\"}"},
    {"/limits/cgroup/pids.max", "5"},
    {"/limits/cgroup/io.max", NULL},
    {"/limits/memory", NULL},
    {"/env/EMPTY", ""},
    {"/env/V", "/a"},
    {"/env/a~1b", "slash"},
    {"/env/TZ", "UTC"},
    {"/env/NONE", NULL},
    {"/env/", NULL},
    {"/paths/~1t", "{\"access\":\"tmpfs\",\"size\":8192}"},
    {"/paths/~1t/access", "tmpfs"},
    {"/paths/~1t~1~1.", "{\"access\":\"tmpfs\",\"size\":8192}"}, /* the same place */
    {"/paths/~1t/size", "8192"},
    {"/paths/~1t/from", NULL},
    {"/paths/~1t/noexec", "false"},
    {"/paths/~1d", "deny"},
    {"/paths/~1d/if_missing", "fail"},
    {"/paths/~1f/from", "/a/x"},
    {"/paths/~1f/idmap", NULL},
    {"/paths/~1none/idmap", NULL},
    {"/paths/~1none", NULL},
    {"/paths/~1none/access", NULL},
    {"/paths/relative", NULL},
    {"/paths/~1t~1..", NULL},
    {"/terminal", NULL},
};

START_TEST(a_value_after_presets_variables_and_defaults)
{
  const char *text = "untouched";
  set("", given);
  ck_assert_int_eq(styro_request_set_variable(request, "A", "/a", &err), 0);
  ck_assert_int_eq(styro_request_get(request, values[_i].pointer, &text, &err), 0);
  ck_assert_pstr_eq(text, values[_i].text);
}
END_TEST

START_TEST(a_value_that_cannot_be_had_leaves_the_place_alone)
{
  static const char *const wrong[][2] = {
      {"nice", "`nice` is not a JSON pointer: it does not start with `/`"},
      {"/nics", "`nics` is not a field of a request"},
      {"/cwd", "the variable `NONE` has no value"},
  };
  set("/root", "{\"directory\": \"${NONE}\"}");
  for (size_t i = 0; i < COUNT(wrong); i++) {
    const char *text = "untouched";
    ck_assert_int_eq(styro_request_get(request, wrong[i][0], &text, &err), STYRO_EREQUEST);
    ck_assert_str_eq(err.message, wrong[i][1]);
    ck_assert_str_eq(text, "untouched");
  }
}
END_TEST

/* Not validated: a getter is also for who wants to see why a request is wrong. */
START_TEST(a_request_that_contradicts_itself_can_be_looked_at)
{
  const char *text = NULL;
  set("/timeout/grace", "1");
  ck_assert_int_eq(styro_request_validate(request, &err), STYRO_EREQUEST);
  ck_assert_int_eq(styro_request_get(request, "/timeout/grace", &text, &err), 0);
  ck_assert_str_eq(text, "1000000000");
}
END_TEST

/* ---- how long texts live ---- */

/* Each function keeps its own: a call of one does not end what another gave out. */
START_TEST(a_text_lives_until_the_next_call_of_its_function)
{
  const char *json = NULL, *got = NULL, *schema = NULL, *next = NULL;
  ck_assert_int_eq(styro_request_to_json(request, &json, &err), 0);
  ck_assert_int_eq(styro_request_get(request, "/cwd", &got, &err), 0);
  ck_assert_int_eq(styro_request_schema(request, &schema, &err), 0);
  set("/cwd", "\"/w\"");
  ck_assert_str_eq(json, "{\"version\":1}");
  ck_assert_str_eq(got, "/home/sandbox");
  ck_assert_int_eq(strncmp(schema, "{\"$schema\":", 11), 0);
  ck_assert_int_eq(styro_request_to_json(request, &next, &err), 0);
  ck_assert_str_eq(next, "{\"version\":1,\"cwd\":\"/w\"}");
  ck_assert_str_eq(got, "/home/sandbox");
  ck_assert_int_eq(styro_request_get(request, "/output", &next, &err), 0);
  ck_assert_ptr_null(next);
  ck_assert_str_eq(got, "/home/sandbox"); /* nothing was given out that would end it */
  ck_assert_int_eq(styro_request_get(request, "/cwd", &got, &err), 0);
  ck_assert_str_eq(got, "/w");
}
END_TEST

static int to_json(styro_request *of, const char **out, styro_error *error)
{
  return styro_request_to_json(of, out, error);
}

static int get_path(styro_request *of, const char **out, styro_error *error)
{
  return styro_request_get(of, "/paths/~1a", out, error);
}

static int get_object(styro_request *of, const char **out, styro_error *error)
{
  return styro_request_get(of, "/timeout", out, error);
}

static int (*const calls[])(styro_request *of, const char **out, styro_error *error) = {to_json, get_path, get_object,
                                                                                        styro_request_schema};

/* Whichever allocation fails: the text of the last call is still there, and no other was handed out. */
START_TEST(a_failure_leaves_the_earlier_text)
{
  const char *first = NULL;
  int code = STYRO_ENOMEM;
  size_t n = 0;
  set("", "{\"paths\": {\"/a\": \"rw\"}, \"timeout\": 5}");
  ck_assert_int_eq(calls[_i](request, &first, &err), 0);
  size_t blocks = state.live_blocks, len = strlen(first);
  while (code != 0) {
    const char *next = "untouched";
    state.fail_at = ++n;
    state.calls = 0;
    code = calls[_i](request, &next, &err);
    ck_assert(code == 0 || code == STYRO_ENOMEM);
    ck_assert_uint_eq(state.live_blocks, blocks);
    ck_assert(code == 0 || strlen(first) == len);
    ck_assert((code == 0) == (strcmp(next, "untouched") != 0));
  }
  ck_assert_uint_gt(n, 1);
}
END_TEST

START_TEST(misuse_is_named)
{
  const char *text = "untouched";
  const struct kit_said two = {
      STYRO_EUSAGE, STYRO_STAGE_NONE, "a request and a place for the text are needed", "", "", ""};
  const struct kit_said three = {
      STYRO_EUSAGE, STYRO_STAGE_NONE, "a request, a pointer and a place for the text are needed", "", "", ""};
  ck_assert_int_eq(styro_request_to_json(NULL, &text, &err), STYRO_EUSAGE);
  kit_says("to_json", &err, &two);
  ck_assert_int_eq(styro_request_schema(request, NULL, &err), STYRO_EUSAGE);
  kit_says("schema", &err, &two);
  ck_assert_int_eq(styro_request_get(request, NULL, &text, &err), STYRO_EUSAGE);
  kit_says("get", &err, &three);
  ck_assert_str_eq(text, "untouched");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("request_text");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_loop_test(cases, a_value_after_presets_variables_and_defaults, 0, (int)COUNT(values));
  tcase_add_test(cases, a_value_that_cannot_be_had_leaves_the_place_alone);
  tcase_add_test(cases, a_request_that_contradicts_itself_can_be_looked_at);
  tcase_add_test(cases, a_text_lives_until_the_next_call_of_its_function);
  tcase_add_loop_test(cases, a_failure_leaves_the_earlier_text, 0, (int)COUNT(calls));
  tcase_add_test(cases, misuse_is_named);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
