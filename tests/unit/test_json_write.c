/* core/lib/json_write.c: each type as JSON and as plain text, objects as short as they can be read, rules as words. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "counting_alloc.h"
#include "json_write.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct styro_layer layer;
static struct styro_buffer buffer;

static void setup(void)
{
  layer = kit_layer(NULL);
  styro_buffer_init(&buffer, NULL);
}

static void teardown(void)
{
  styro_layer_free(&layer);
  styro_buffer_free(&buffer);
}

/* What was written since the last time. */
static const char *written(void)
{
  static char text[4000];
  ck_assert_uint_lt(buffer.len, sizeof text);
  strcpy(text, buffer.data == NULL ? "" : buffer.data);
  styro_buffer_free(&buffer);
  return text;
}

/* ---- single fields ---- */

static const struct {
  const char *members, *pointer, *json, *plain;
} fields[] = {
    {"\"init\": false", "/init", "false", "false"},
    {"\"nice\": -5", "/nice", "-5", "-5"},
    {"\"limits\": {\"memory\": \"1M\"}", "/limits/memory", "1048576", "1048576"},
    {"\"limits\": {\"cpu\": 1.25}", "/limits/cpu", "1.25", "1.25"},
    {"\"timeout\": \"90s\"", "/timeout/wall", "\"90s\"", "90000000000"},
    {"\"timeout\": {\"grace\": 0}", "/timeout/grace", "\"0\"", "0"},
    {"\"umask\": \"7\"", "/umask", "\"0007\"", "0007"},
    {"\"rlimits\": {\"core\": 7}", "/rlimits/core/soft", "7", "7"},
    {"\"rlimits\": {\"core\": \"unlimited\"}", "/rlimits/core/hard", "\"unlimited\"", "unlimited"},
    {"\"rlimits\": {\"core\": \"8388608T\"}", "/rlimits/core/hard", "\"8388608T\"", "9223372036854775808"},
    {"\"rlimits\": {\"core\": \"9223372036854775809\"}", "/rlimits/core/hard", "\"9223372036854775809\"",
     "9223372036854775809"},
    {"\"namespaces\": {\"uts\": {\"hostname\": \"h\"}}", "/namespaces/uts/hostname", "\"h\"", "h"},
    {"\"cwd\": \"/a \\\"b\\\"\"", "/cwd", "\"/a \\\"b\\\"\"", "/a \"b\""},
    {"\"network\": \"host\"", "/network/mode", "\"host\"", "host"},
    {"\"command\": [\"a\", \"\\n\"]", "/command", "[\"a\",\"\\n\"]", "[\"a\",\"\\n\"]"},
    {"\"extends\": []", "/extends", "[]", "[]"},
    {"\"env\": {\"A\": \"1\", \"B\": \"\"}", "/env", "{\"A\":\"1\",\"B\":\"\"}", "{\"A\":\"1\",\"B\":\"\"}"},
    {"\"best_effort\": [\"lsm_label\", \"path_view\"]", "/best_effort", "[\"path_view\",\"lsm_label\"]",
     "[\"path_view\",\"lsm_label\"]"},
    {"\"security\": {\"capabilities\": [\"bpf\", \"0\"]}", "/security/capabilities/ambient",
     "[\"CAP_CHOWN\",\"CAP_BPF\"]", "[\"CAP_CHOWN\",\"CAP_BPF\"]"},
    {"\"user\": {\"groups\": []}", "/user/groups", "[]", "[]"},
    {"\"user\": {\"groups\": [10, 4294967294]}", "/user/groups", "[10,4294967294]", "[10,4294967294]"},
    {"\"user\": {\"groups\": \"keep\"}", "/user/groups", "\"keep\"", "\"keep\""},
    {"\"user\": {\"uid_map\": \"subuid\"}", "/user/uid_map", "\"subuid\"", "\"subuid\""},
    {"\"user\": {\"setgroups\": \"deny\"}", "/user/setgroups", "\"deny\"", "deny"},
    {"\"preserve_fds\": [9, 3]", "/preserve_fds", "[9,3]", "[9,3]"},
    {"\"preserve_fds\": \"by_caller\"", "/preserve_fds", "\"by_caller\"", "\"by_caller\""},
    {"\"security\": {\"seccomp\": {\"bpf\": [[65535, 255, 1, 4294967295], [6, 0, 0, 7]]}}", "/security/seccomp/bpf",
     "[[65535,255,1,4294967295],[6,0,0,7]]", "[[65535,255,1,4294967295],[6,0,0,7]]"},
    {"\"paths\": {\"/a\": \"rw\"}", "/paths", "{\"/a\":\"rw\"}", "{\"/a\":\"rw\"}"},
};

START_TEST(a_field_as_json_and_as_plain_text)
{
  kit_given(&layer, fields[_i].members);
  styro_write_json(&buffer, &layer, kit_row(fields[_i].pointer));
  ck_assert_str_eq(written(), fields[_i].json);
  styro_write_plain(&buffer, kit_row(fields[_i].pointer), &layer.fields);
  ck_assert_str_eq(written(), fields[_i].plain);
}
END_TEST

/* ---- objects ---- */

static const struct {
  const char *members, *pointer, *json, *plain;
} objects[] = {
    {"\"timeout\": 5", "/timeout", "\"5s\"", "5000000000"},
    {"\"timeout\": {\"wall\": 5, \"grace\": 1}", "/timeout", "{\"wall\":\"5s\",\"grace\":\"1s\"}",
     "{\"wall\":\"5s\",\"grace\":\"1s\"}"},
    {"\"timeout\": {\"grace\": 1}", "/timeout", "{\"grace\":\"1s\"}", "{\"grace\":\"1s\"}"},
    {"\"output\": {}", "/output", "{}", "{}"},
    {"\"root\": \"empty\"", "/root", "\"empty\"", "empty"},
    {"\"root\": {\"directory\": \"/srv\"}", "/root", "{\"directory\":\"/srv\"}", "{\"directory\":\"/srv\"}"},
    {"\"namespaces\": {\"uts\": {\"mode\": \"new\"}}", "/namespaces/uts", "\"new\"", "new"},
    {"\"namespaces\": {\"uts\": {\"mode\": \"new\", \"hostname\": \"h\"}}", "/namespaces/uts",
     "{\"mode\":\"new\",\"hostname\":\"h\"}", "{\"mode\":\"new\",\"hostname\":\"h\"}"},
    {"\"rlimits\": {\"core\": {\"soft\": 1, \"hard\": 1}}", "/rlimits/core", "1", "1"},
    {"\"rlimits\": {\"core\": {\"soft\": 1, \"hard\": 2}}", "/rlimits/core", "{\"soft\":1,\"hard\":2}",
     "{\"soft\":1,\"hard\":2}"},
    {"\"rlimits\": {\"core\": {\"soft\": 0}}", "/rlimits/core", "{\"soft\":0}", "{\"soft\":0}"},
    {"\"rlimits\": {\"core\": {\"hard\": 0}}", "/rlimits/core", "{\"hard\":0}", "{\"hard\":0}"},
    {"\"security\": {\"capabilities\": \"none\"}", "/security/capabilities", "[]", "[]"},
    {"\"security\": {\"capabilities\": {\"bounding\": [], \"effective\": [], \"permitted\": [], \"inheritable\": []}}",
     "/security/capabilities", "{\"bounding\":[],\"effective\":[],\"permitted\":[],\"inheritable\":[]}",
     "{\"bounding\":[],\"effective\":[],\"permitted\":[],\"inheritable\":[]}"},
    {"\"user\": {\"gid\": 5, \"uid\": 6}", "/user", "{\"uid\":6,\"gid\":5}", "{\"uid\":6,\"gid\":5}"},
    {"\"nice\": 1", "", "{\"version\":1,\"nice\":1}", "{\"version\":1,\"nice\":1}"},
};

START_TEST(an_object_is_as_short_as_it_reads_back)
{
  kit_given(&layer, objects[_i].members);
  styro_write_json(&buffer, &layer, kit_row(objects[_i].pointer));
  ck_assert_str_eq(written(), objects[_i].json);
  styro_write_plain_object(&buffer, &layer, kit_row(objects[_i].pointer));
  ck_assert_str_eq(written(), objects[_i].plain);
}
END_TEST

START_TEST(only_what_was_given_is_written)
{
  styro_write_json(&buffer, &layer, styro_field_at(0));
  ck_assert_str_eq(written(), "{}");
  layer.fields.nice = 5;
  layer.fields.uid = 7;
  styro_layer_mark(&layer, kit_row("/user/uid"));
  styro_write_json(&buffer, &layer, styro_field_at(0));
  ck_assert_str_eq(written(), "{\"user\":{\"uid\":7}}");
}
END_TEST

/* ---- rules ---- */

static const struct {
  struct styro_path_rule rule;
  const char *json, *plain;
} rules[] = {
    {{.access = STYRO_ACCESS_RO}, "\"ro\"", "ro"},
    {{.access = STYRO_ACCESS_DENY}, "\"deny\"", "deny"},
    {{.access = STYRO_ACCESS_TMPFS, .size = 5000},
     "{\"access\":\"tmpfs\",\"size\":5000}",
     "{\"access\":\"tmpfs\",\"size\":5000}"},
    {{.access = STYRO_ACCESS_RO, .optional = true},
     "{\"access\":\"ro\",\"optional\":true}",
     "{\"access\":\"ro\",\"optional\":true}"},
    {{.access = STYRO_ACCESS_RW,
      .from = (char *)(uintptr_t) "/f",
      .optional = true,
      .noexec = true,
      .if_missing = STYRO_MISSING_IGNORE,
      .size = UINT64_C(1) << 40,
      .mode = 01777},
     "{\"access\":\"rw\",\"from\":\"/f\",\"optional\":true,\"noexec\":true,\"if_missing\":\"ignore\",\"size\":"
     "1099511627776,\"mode\":\"1777\"}",
     NULL},
};

START_TEST(a_rule_is_a_word_where_one_word_says_it)
{
  styro_write_rule(&buffer, &rules[_i].rule);
  ck_assert_str_eq(written(), rules[_i].json);
  styro_write_plain_rule(&buffer, &rules[_i].rule);
  ck_assert_str_eq(written(), rules[_i].plain != NULL ? rules[_i].plain : rules[_i].json);
}
END_TEST

START_TEST(parts_of_a_rule_as_plain_text)
{
  const struct styro_path_rule *rule = &rules[COUNT(rules) - 1].rule;
  static const struct {
    const char *pointer, *plain;
  } parts[] = {{"/paths/*/access", "rw"},          {"/paths/*/from", "/f"},
               {"/paths/*/optional", "true"},      {"/paths/*/if_missing", "ignore"},
               {"/paths/*/size", "1099511627776"}, {"/paths/*/mode", "1777"}};
  for (size_t i = 0; i < COUNT(parts); i++) {
    styro_write_plain(&buffer, kit_row(parts[i].pointer), rule);
    ck_assert_str_eq(written(), parts[i].plain);
  }
}
END_TEST

/* A field is added to the table, and this to what is read: every field goes out and comes in again. */
START_TEST(all_fields_at_once)
{
  static const char everything[] =
      "\"extends\":[\"a.json\"],\"isolation\":[\"container\"],\"best_effort\":[\"tree_kill\"],\"root\":{\"directory\":"
      "\"/srv\",\"writable\":false},\"paths\":{\"/z\":\"deny\",\"/a\":{\"access\":\"ro\",\"from\":\"/f\"}},\"command\":"
      "[\"c\"],\"cwd\":\"/w\",\"env\":{\"A\":\"1\"},\"inherit_env\":[\"T\"],\"user\":{\"uid\":1,\"gid\":2,\"groups\":[],"
      "\"uid_map\":\"self\",\"gid_map\":\"self\"},\"namespaces\":{\"mount\":\"new\",\"pid\":\"host\",\"ipc\":\"host\","
      "\"uts\":{\"mode\":\"new\",\"hostname\":\"h\"},\"cgroup\":\"host\",\"time\":\"host\",\"user\":\"new\"},\"network\":"
      "\"host\",\"limits\":{\"memory\":65536,\"swap\":1,\"pids\":2,\"cpu\":0.5,\"cpu_weight\":3,\"cpuset\":\"0\","
      "\"io_weight\":4,\"cgroup\":{\"a.b\":\"c\"},\"parent\":\"/p\"},\"rlimits\":{\"as\":1,\"core\":2,\"cpu\":3,\"data\":"
      "4,\"fsize\":5,\"locks\":6,\"memlock\":7,\"msgqueue\":8,\"nice\":9,\"nofile\":10,\"nproc\":11,\"rss\":12,"
      "\"rtprio\":13,\"rttime\":14,\"sigpending\":15,\"stack\":{\"soft\":16,\"hard\":\"unlimited\"}},\"timeout\":"
      "{\"wall\":\"2ms\",\"grace\":\"1s\"},\"output\":{\"limit\":1,\"keep\":\"tail\",\"on_limit\":\"kill\"},\"security\":"
      "{\"seccomp\":{\"bpf\":[[6,0,0,0]]},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],\"effective\":[],\"permitted\":"
      "[],\"inheritable\":[],\"ambient\":[]},\"no_new_privs\":false},\"init\":false,\"new_session\":false,"
      "\"die_with_parent\":false,\"preserve_fds\":[3],\"umask\":\"0001\",\"nice\":1,\"oom_score_adj\":-1,\"fixed\":true";
  kit_given(&layer, everything);
  const char *shown = kit_shown(&layer);
  ck_assert_uint_eq(strlen(shown), strlen(everything) + 2);
  ck_assert_int_eq(strncmp(shown + 1, everything, strlen(everything)), 0);
}
END_TEST

START_TEST(without_memory_there_is_no_half_a_text)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  size_t n = 0;
  bool failed = true;
  kit_given(&layer,
            "\"command\": [\"a rather long argument, so that the buffer is grown more than once, and again, and "
            "again\"], \"env\": {\"A\": \"1\"}, \"paths\": {\"/a\": {\"from\": \"/b\"}}, \"timeout\": 5");
  while (failed) {
    struct styro_buffer own;
    state.fail_at = ++n;
    state.calls = 0;
    styro_buffer_init(&own, &alloc);
    styro_write_json(&own, &layer, styro_field_at(0));
    failed = own.failed;
    ck_assert_uint_eq(own.len, failed ? 0 : strlen(own.data));
    styro_buffer_free(&own);
    ck_assert_uint_eq(state.live_blocks, 0);
  }
  ck_assert_uint_gt(n, 2);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("json_write");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_loop_test(cases, a_field_as_json_and_as_plain_text, 0, (int)COUNT(fields));
  tcase_add_loop_test(cases, an_object_is_as_short_as_it_reads_back, 0, (int)COUNT(objects));
  tcase_add_test(cases, only_what_was_given_is_written);
  tcase_add_loop_test(cases, a_rule_is_a_word_where_one_word_says_it, 0, (int)COUNT(rules));
  tcase_add_test(cases, parts_of_a_rule_as_plain_text);
  tcase_add_test(cases, all_fields_at_once);
  tcase_add_test(cases, without_memory_there_is_no_half_a_text);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
