/* core/lib/json.c, read*.c and json_write.c: text that is no JSON, versions, and requests that go out and in again. */
#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int read_text(const char *text, size_t len, styro_error *err)
{
  styro_request *request = NULL;
  int code = styro_request_from_json(NULL, text, len, &request, err);
  ck_assert(code == 0 ? request != NULL : request == NULL);
  styro_request_free(request);
  return code;
}

START_TEST(text_that_is_not_json)
{
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "line 1"},
      {"{", "not valid JSON at line 1, column 1"},
      {"{\"version\": 1,}", "not valid JSON at line 1"},
      {"{\"version\": 1,\n \"command\": [\"a\" \"b\"]}", "not valid JSON at line 2"},
      {"{\"version\": 1} trailing", "not valid JSON at line 1"},
      {"{'version': 1}", "not valid JSON"},
      {"{\"version\": 01}", "not valid JSON"},
      {"{\"version\": 1, \"cwd\": \"\\ud800\"}", "not valid JSON"},
      {"{\"version\": 1, \"cwd\": \"\xff\"}", "not valid JSON"},
      {"{\"version\": 99999999999999999999}", "not valid JSON"},
      {"{\"version\": 1, \"cwd\": \"/a\nb\"}", "not valid JSON"},
      {"{\"a\\u0000b\": 1}", "not valid JSON"},
      {"{\"version\": 1,\n\n  \"cwd\": \"/a\", \"cwd\": \"/b\"}",
       "the key `cwd` stands twice in one object, at line 3, column 20"},
      {"{\"version\": 1, \"env\": {\"A\": \"1\", \"A\": \"2\"}}", "the key `A` stands twice in one object, at line 1"},
      {"{\"\": 1, \"\": 2}", "the key `` stands twice in one object, at line 1"},
      {"{\"a key of 21 bytes....\": 1, \"a key of 21 bytes....\": 2}", "a key stands twice in one object, at line 1"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    styro_error err = ERROR_READY;
    ck_assert_msg(read_text(rows[i].text, strlen(rows[i].text), &err) == STYRO_EPARSE, "%s: %s", rows[i].text,
                  err.message);
    ck_assert_msg(strstr(err.message, rows[i].message) != NULL, "%s: %s", rows[i].text, err.message);
    ck_assert_int_eq(err.stage, STYRO_STAGE_PARSE);
  }
}
END_TEST

START_TEST(a_truncated_request_is_an_error_at_every_length)
{
  static const char text[] =
      "{\"version\": 1, \"extends\": \"python\", \"timeout\": 1.5, \"env\": {\"A\": \"\\u00e9\"}, "
      "\"paths\": {\"/a\": {\"access\": \"rw\", \"optional\": true}}, \"nice\": -5}";
  for (size_t len = 0; len < sizeof text - 1; len++) {
    styro_error err = ERROR_READY;
    ck_assert_int_eq(read_text(text, len, &err), STYRO_EPARSE);
  }
  ck_assert_int_eq(read_text(text, sizeof text - 1, NULL), 0);
}
END_TEST

START_TEST(depth_and_size_have_limits)
{
  styro_error err = ERROR_READY;
  ck_assert_int_eq(read_text("[[[[[[[[[[[[[[[[[[", 18, &err), STYRO_EPARSE);
  ck_assert_str_eq(err.message, "nested more than 16 levels deep at line 1, column 17");
  static const char brackets_in_text[] = "{\"version\": 1, \"cwd\": \"/[[[[[[[[[[[[[[[[[[[\\\"[[\"}";
  ck_assert_int_eq(read_text(brackets_in_text, strlen(brackets_in_text), &err), 0);
  size_t len = 5 << 20;
  char *large = malloc(len);
  if (large == NULL) {
    ck_abort_msg("no memory for the test");
  }
  memset(large, '[', len);
  ck_assert_int_eq(read_text(large, len, &err), STYRO_EPARSE);
  ck_assert_str_eq(err.message, "the text is longer than the 4194304 bytes that a request may have");
  free(large);
}
END_TEST

START_TEST(the_version_comes_first)
{
  static const struct {
    const char *text;
    int code;
    const char *field, *message;
  } rows[] = {
      {"{}", STYRO_EREQUEST, "/version", "does not say its `version`"},
      {"{\"comand\": []}", STYRO_EREQUEST, "/version", "does not say its `version`"},
      {"{\"version\": 2}", STYRO_EUNSUPPORTED, "/version", "version 2 is not known"},
      {"{\"version\": 0}", STYRO_EREQUEST, "/version", "out of range"},
      {"{\"version\": \"1\"}", STYRO_EREQUEST, "/version", "expected a whole number, not a text"},
      {"{\"version\": 1.0}", STYRO_EREQUEST, "/version", "a number with a fraction"},
      {"{\"version\": null}", STYRO_EREQUEST, "/version", "not null"},
      {"{\"kind\": \"Create\", \"exec\": {}}", STYRO_EUNSUPPORTED, "/kind", "styrolite's Rust crate"},
      {"[]", STYRO_EREQUEST, "", "a request is an object, not a list"},
      {"\"x\"", STYRO_EREQUEST, "", "not a text"},
      {"3", STYRO_EREQUEST, "", "not a whole number"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    styro_error err = ERROR_READY;
    ck_assert_msg(read_text(rows[i].text, strlen(rows[i].text), &err) == rows[i].code, "%s: %s", rows[i].text,
                  err.message);
    ck_assert_str_eq(err.field, rows[i].field);
    ck_assert_msg(strstr(err.message, rows[i].message) != NULL, "%s: %s", rows[i].text, err.message);
  }
}
END_TEST

/* What is read and written again, where the words of the second text are the canonical ones. */
static const struct {
  const char *text, *written;
} rounds[] = {
    {"{}", "{}"},
    {"{\"extends\": \"python\"}", "{\"extends\":[\"python\"]}"},
    {"{\"isolation\": \"container\"}", "{\"isolation\":[\"container\"]}"},
    {"{\"best_effort\": [\"landlock\", \"tree_kill\"]}",
     "{\"best_effort\":[\"landlock_paths\",\"landlock_network\",\"landlock_scopes\",\"tree_kill\"]}"},
    {"{\"best_effort\": []}", "{\"best_effort\":[]}"},
    {"{\"root\": \"empty\"}", "{\"root\":\"empty\"}"},
    {"{\"root\": {\"directory\": \"/srv//tree/\", \"writable\": false}}",
     "{\"root\":{\"directory\":\"/srv/tree\",\"writable\":false}}"},
    {"{\"paths\": {\"/b\": \"rw\", \"/a/\": {\"from\": \"/x\"}, \"/t\": {\"access\": \"tmpfs\", \"size\": \"1M\", "
     "\"mode\": \"0700\"}, \"/d\": {\"access\": \"deny\", \"if_missing\": \"ignore\"}, \"/o\": {\"optional\": true, "
     "\"noexec\": true}, \"${X}/y\": \"ro\"}}",
     "{\"paths\":{\"/b\":\"rw\",\"/a\":{\"access\":\"ro\",\"from\":\"/x\"},\"/t\":{\"access\":\"tmpfs\",\"size\":1048576,"
     "\"mode\":\"0700\"},\"/d\":{\"access\":\"deny\",\"if_missing\":\"ignore\"},\"/o\":{\"access\":\"ro\",\"optional\":"
     "true,\"noexec\":true},\"${X}/y\":\"ro\"}}"},
    {"{\"command\": [\"sh\", \"-c\", \"\"], \"cwd\": \"/src\", \"env\": {\"A\": \"\\\"\\u0001\\u00e9\", \"B\": \"\"}, "
     "\"inherit_env\": [\"TERM\"]}",
     "{\"command\":[\"sh\",\"-c\",\"\"],\"cwd\":\"/src\",\"env\":{\"A\":\"\\\"\\u0001\xc3\xa9\",\"B\":\"\"},"
     "\"inherit_env\":[\"TERM\"]}"},
    {"{\"user\": {\"gid\": 0, \"uid\": 4294967294, \"groups\": [], \"uid_map\": \"self\"}}",
     "{\"user\":{\"uid\":4294967294,\"gid\":0,\"groups\":[],\"uid_map\":\"self\"}}"},
    {"{\"namespaces\": {\"uts\": {\"hostname\": \"box\"}, \"ipc\": \"host\", \"time\": {\"mode\": \"new\"}}}",
     "{\"namespaces\":{\"ipc\":\"host\",\"uts\":{\"hostname\":\"box\"},\"time\":\"new\"}}"},
    {"{\"network\": \"host\"}", "{\"network\":\"host\"}"},
    {"{\"network\": {\"mode\": \"none\"}}", "{\"network\":\"none\"}"},
    {"{\"limits\": {\"memory\": \"256M\", \"swap\": 0, \"pids\": 64, \"cpu\": 1.5, \"cpu_weight\": 100, \"cpuset\": "
     "\"0-3\", \"io_weight\": 10, \"cgroup\": {\"memory.high\": \"1G\"}, \"parent\": \"/sys/fs/cgroup/x/\"}}",
     "{\"limits\":{\"memory\":268435456,\"swap\":0,\"pids\":64,\"cpu\":1.5,\"cpu_weight\":100,\"cpuset\":\"0-3\","
     "\"io_weight\":10,\"cgroup\":{\"memory.high\":\"1G\"},\"parent\":\"/sys/fs/cgroup/x\"}}"},
    {"{\"limits\": {\"cpu\": 2}}", "{\"limits\":{\"cpu\":2}}"},
    {"{\"rlimits\": {\"nofile\": {\"soft\": 64, \"hard\": \"unlimited\"}, \"core\": 0, \"stack\": \"8M\", \"as\": "
     "\"unlimited\", \"fsize\": \"16777215T\"}}",
     "{\"rlimits\":{\"as\":\"unlimited\",\"core\":0,\"fsize\":\"16777215T\",\"nofile\":{\"soft\":64,\"hard\":"
     "\"unlimited\"},\"stack\":8388608}}"},
    {"{\"timeout\": 1.5}", "{\"timeout\":\"1500ms\"}"},
    {"{\"timeout\": {\"wall\": \"2m\", \"grace\": 1}}", "{\"timeout\":{\"wall\":\"2m\",\"grace\":\"1s\"}}"},
    {"{\"output\": \"1M\"}", "{\"output\":1048576}"},
    {"{\"output\": {\"limit\": 5, \"keep\": \"both\", \"on_limit\": \"kill\"}}",
     "{\"output\":{\"limit\":5,\"keep\":\"both\",\"on_limit\":\"kill\"}}"},
    {"{\"security\": {\"seccomp\": \"default\", \"capabilities\": \"none\", \"no_new_privs\": true}}",
     "{\"security\":{\"seccomp\":\"default\",\"capabilities\":[],\"no_new_privs\":true}}"},
    {"{\"security\": {\"capabilities\": [\"net_raw\", \"0\"]}}",
     "{\"security\":{\"capabilities\":[\"CAP_CHOWN\",\"CAP_NET_RAW\"]}}"},
    {"{\"security\": {\"capabilities\": {\"bounding\": [\"CAP_CHOWN\"], \"ambient\": []}}}",
     "{\"security\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],\"ambient\":[]}}}"},
    {"{\"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 2147418112]]}}}",
     "{\"security\":{\"seccomp\":{\"bpf\":[[6,0,0,2147418112]]}}}"},
    {"{\"init\": false, \"new_session\": true, \"die_with_parent\": false, \"fixed\": true, \"preserve_fds\": [5, 3], "
     "\"umask\": \"077\", \"nice\": -5, \"oom_score_adj\": 500}",
     "{\"init\":false,\"new_session\":true,\"die_with_parent\":false,\"preserve_fds\":[5,3],\"umask\":\"0077\",\"nice\":"
     "-5,\"oom_score_adj\":500,\"fixed\":true}"},
    {"{\"preserve_fds\": \"by_caller\", \"umask\": 18}", "{\"preserve_fds\":\"by_caller\",\"umask\":\"0022\"}"},
};

/* Both texts are without the version, which every one has. */
static void with_version(const char *text, char *out, size_t size)
{
  bool empty = strcmp(text, "{}") == 0;
  snprintf(out, size, "{\"version\":1%s%s", empty ? "" : ",", text + 1);
}

static void check_round(const char *text, const char *expected)
{
  styro_error err = ERROR_READY;
  styro_request *request = NULL;
  const char *written = NULL;
  int code = styro_request_from_json(NULL, text, strlen(text), &request, &err);
  ck_assert_msg(code == 0, "%s: %s (%s)", text, err.message, err.field);
  ck_assert_int_eq(styro_request_to_json(request, &written, &err), 0);
  ck_assert_str_eq(written, expected);
  styro_request_free(request);
}

START_TEST(what_is_written_reads_back_the_same)
{
  char text[1000], written[1000];
  for (size_t i = 0; i < COUNT(rounds); i++) {
    with_version(rounds[i].text, text, sizeof text);
    with_version(rounds[i].written, written, sizeof written);
    check_round(text, written);
    check_round(written, written);
  }
}
END_TEST

START_TEST(every_kind_of_value_has_a_noun)
{
  static const char *const rows[][2] = {
      {"{}", "an object"},
      {"[]", "a list"},
      {"\"\"", "a text"},
      {"-0", "a whole number"},
      {"0.0", "a number with a fraction"},
      {"null", "null"},
      {"true", "true or false"},
      {"false", "true or false"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    json_auto_t *value = NULL;
    styro_error err = ERROR_READY;
    ck_assert_int_eq(styro_json_parse(rows[i][0], strlen(rows[i][0]), &value, &err), 0);
    ck_assert_str_eq(styro_json_noun(value), rows[i][1]);
  }
}
END_TEST

static int parse_only(const styro_allocator *alloc, styro_error *err)
{
  static const char text[] = "{\"a key\": [1234567890123456789, 2.5, \"t\", true, null, {\"b\": \"\\u00e9\\ud83d\\ude00"
                             " and more\\n\"}], \"c\": 0.30000000000000004}";
  (void)alloc;
  json_t *value = NULL;
  int code = styro_json_parse(text, strlen(text), &value, err);
  if (code == 0) {
    json_decref(value);
  }
  return code;
}

START_TEST(every_lack_of_memory_in_jansson_is_one)
{
  kit_fail_every_malloc_of_jansson(parse_only);
}
END_TEST

START_TEST(handles_may_be_absent)
{
  styro_error err = ERROR_READY;
  styro_request *request = NULL;
  ck_assert_int_eq(styro_request_from_json(NULL, NULL, 0, &request, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_from_json(NULL, "{\"version\": 1}", 14, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_to_json(NULL, NULL, &err), STYRO_EUSAGE);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("json");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, text_that_is_not_json);
  tcase_add_test(cases, a_truncated_request_is_an_error_at_every_length);
  tcase_add_test(cases, depth_and_size_have_limits);
  tcase_add_test(cases, the_version_comes_first);
  tcase_add_test(cases, what_is_written_reads_back_the_same);
  tcase_add_test(cases, every_kind_of_value_has_a_noun);
  tcase_add_test(cases, every_lack_of_memory_in_jansson_is_one);
  tcase_add_test(cases, handles_may_be_absent);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
