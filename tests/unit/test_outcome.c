/* The one judgement of what was seen, its plain sentence, and its JSON, from facts written by hand. */
#include <check.h>
#include <jansson.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "hand_plan.h"
#include "lib/outcome.h"
#include "lib/request.h"
#include "lib/spawn_mode.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define BIT(protection) (UINT64_C(1) << (protection))

static struct hand_plan hand;
static struct styro_facts facts;
static styro_outcome out;

static void setup(void)
{
  hand_plan_init(&hand);
  hand_promises(&hand)->enforced =
      BIT(STYRO_SECCOMP) | BIT(STYRO_SUPPLEMENTARY_GROUPS) | BIT(STYRO_TIME_OFFSETS) | BIT(STYRO_DENIED_PATHS);
  facts = (struct styro_facts){.plan = &hand.plan, .init = true, .running = true, .spawned = SECOND};
  facts.finished = SECOND + 12 * MS;
  facts.output_limit = 1 << 20;
}

static void judge(int reason, const char *sentence)
{
  styro_outcome_judge(&facts, &out);
  ck_assert_int_eq(out.reason, reason);
  ck_assert_str_eq(out.message, sentence);
}

static void report(int wait_status, uint32_t cause)
{
  facts.ended = true;
  facts.end.wait_status = wait_status;
  facts.end.head.arg = cause;
}

static void first_process(int wait_status)
{
  facts.exit = (struct styro_exit){.known = true, .has_usage = true, .wait_status = wait_status};
  facts.exit.usage.ru_maxrss = 100;
}

/* ---- reasons ----------------------------------------------------------------------------------------------------- */

START_TEST(what_init_reports)
{
  report(0, WIRE_CAUSE_PAYLOAD);
  judge(STYRO_EXITED, "exited with code 0 after 12 ms");
  ck_assert_int_eq(out.code, 0);
  report(SIGSEGV | 0x80, WIRE_CAUSE_PAYLOAD);
  judge(STYRO_SIGNALED, "killed by SIGSEGV (core dumped) after 12 ms");
  ck_assert_int_eq(out.code, -1);
  report(42, WIRE_CAUSE_PAYLOAD);
  judge(STYRO_SIGNALED, "killed by SIG42 after 12 ms");
  facts.timeout = 5 * SECOND;
  facts.finished = SECOND + 5 * SECOND + 3 * MS;
  report(SIGKILL, WIRE_CAUSE_WALL);
  judge(STYRO_TIMED_OUT, "stopped after 5 s: the wall deadline of 5 s passed");
  ck_assert_str_eq(out.detail, "wall");
  ck_assert_int_eq(out.signal, SIGKILL);
  report(SIGKILL, WIRE_CAUSE_CALLER);
  judge(STYRO_CANCELED, "canceled after 5 s");
}
END_TEST

START_TEST(a_report_stands_against_a_later_kill)
{
  report(7 << 8, WIRE_CAUSE_PAYLOAD);
  facts.stop = STYRO_STOP_CALLER;
  first_process(SIGKILL);
  judge(STYRO_EXITED, "exited with code 7 after 12 ms");
  facts.full = 2;
  judge(STYRO_OUTPUT_LIMITED, "stopped after 12 ms: stderr went over its limit of 1 MiB");
  ck_assert_str_eq(out.detail, "stderr");
}
END_TEST

START_TEST(init_was_killed)
{
  first_process(SIGKILL);
  facts.stop = STYRO_STOP_CALLER;
  judge(STYRO_CANCELED, "canceled after 12 ms");
  ck_assert_int_eq(out.signal, SIGKILL);
  ck_assert_int_eq(out.error.code, STYRO_OK);
  facts.stop = STYRO_STOP_OUTPUT;
  facts.full = 1;
  facts.output_limit = 1500;
  judge(STYRO_OUTPUT_LIMITED, "stopped after 12 ms: stdout went over its limit of 1500 bytes");
  facts.stop = facts.full = 0;
  judge(STYRO_LOST, "lost: the sandbox's init was killed by SIGKILL before it reported how the payload ended");
  ck_assert_int_eq(out.error.stage, STYRO_STAGE_SUPERVISE);
  ck_assert_int_eq(out.signal, 0);
  facts.running = false;
  judge(STYRO_LOST, "lost: the sandbox's first process was killed by SIGKILL before it reported that the payload runs");
  ck_assert_int_eq(out.error.code, STYRO_ESETUP);
  facts.exit.known = false;
  judge(STYRO_LOST, "lost: the sandbox's first process ended before it reported that the payload runs");
}
END_TEST

START_TEST(without_an_init)
{
  facts.init = false;
  first_process(3 << 8);
  judge(STYRO_EXITED, "exited with code 3 after 12 ms");
  ck_assert_int_eq(out.usage.max_rss, -1);
  facts.mode = STYRO_SPAWN_HELPER;
  facts.stop = STYRO_STOP_CALLER;
  judge(STYRO_EXITED, "exited with code 3 after 12 ms");
  ck_assert_int_eq(out.usage.max_rss, 100 * 1024);
  first_process(SIGTERM);
  judge(STYRO_SIGNALED, "killed by SIGTERM after 12 ms");
  first_process(SIGKILL);
  judge(STYRO_CANCELED, "canceled after 12 ms");
  facts.stop = STYRO_STOP_NONE; /* somebody else, such as the kernel's OOM killer */
  judge(STYRO_SIGNALED, "killed by SIGKILL after 12 ms");
  facts.stop = STYRO_STOP_WALL;
  facts.timeout = 10 * MS;
  first_process(0); /* it ended in its grace time: the deadline passed all the same */
  judge(STYRO_TIMED_OUT, "stopped after 12 ms: the wall deadline of 10 ms passed");
  facts.stop = STYRO_STOP_NONE;
  facts.exit = (struct styro_exit){.not_ours = true};
  styro_outcome_judge(&facts, &out);
  ck_assert_int_eq(out.reason, STYRO_LOST);
  ck_assert(strstr(out.message, "SIGCHLD") && strstr(out.error.hint, "init"));
  facts.stop = STYRO_STOP_CALLER;
  judge(STYRO_CANCELED, "canceled after 12 ms");
}
END_TEST

START_TEST(failures_come_first)
{
  facts.running = false;
  facts.failed = true;
  facts.failure = STYRO_ESETUP;
  facts.step = 3;
  facts.what = WIRE_WHAT_MAP_UID;
  facts.sys_errno = 1;
  facts.stop = STYRO_STOP_CALLER;
  first_process(125 << 8);
  styro_outcome_judge(&facts, &out);
  ck_assert_int_eq(out.reason, STYRO_SETUP_FAILED);
  ck_assert_int_eq(out.error.code, STYRO_ESETUP);
  ck_assert_int_eq(strncmp(out.message, "could not be set up: ", 21), 0);
  ck_assert_int_eq(out.code, -1);
  ck_assert_uint_eq(out.enforced | out.not_enforced, 0);
  facts.failure = STYRO_EEXEC;
  styro_outcome_judge(&facts, &out);
  ck_assert_int_eq(out.reason, STYRO_EXEC_FAILED);
  ck_assert_uint_ne(out.enforced, 0);
}
END_TEST

/* ---- masks and usage --------------------------------------------------------------------------------------------- */

START_TEST(what_is_left_out_moves)
{
  report(0, WIRE_CAUSE_PAYLOAD);
  hand_promises(&hand)->not_enforced = BIT(STYRO_LIMIT_MEMORY);
  hand_promises(&hand)->approximated = BIT(STYRO_TIME_OFFSETS);
  facts.left_out = BIT(STYRO_SUPPLEMENTARY_GROUPS) | BIT(STYRO_LSM_LABEL); /* the label was never promised */
  facts.skipped = BIT(STYRO_DENIED_PATHS);
  styro_outcome_judge(&facts, &out);
  ck_assert_uint_eq(out.enforced, BIT(STYRO_SECCOMP) | BIT(STYRO_TIME_OFFSETS));
  ck_assert_uint_eq(out.not_enforced,
                    BIT(STYRO_LIMIT_MEMORY) | BIT(STYRO_SUPPLEMENTARY_GROUPS) | BIT(STYRO_DENIED_PATHS));
  ck_assert_uint_eq(out.approximated, BIT(STYRO_TIME_OFFSETS));
}
END_TEST

START_TEST(phases_need_both_their_stamps)
{
  report(0, WIRE_CAUSE_PAYLOAD);
  facts.stamps[WIRE_STAMP_HELPER] = SECOND + MS;
  facts.stamps[WIRE_STAMP_SOURCES] = SECOND + 3 * MS;
  facts.stamps[WIRE_STAMP_IDENTITY] = SECOND + 9 * MS;
  facts.end.blocks_out = 3;
  styro_outcome_judge(&facts, &out);
  ck_assert_int_eq(out.usage.setup_spawn, MS);
  ck_assert_int_eq(out.usage.setup_helper, 2 * MS);
  ck_assert_int_eq(out.usage.setup_tree, -1);
  ck_assert_int_eq(out.usage.setup_identity, -1);
  ck_assert_int_eq(out.usage.setup_exec, -1);
  ck_assert_int_eq(out.usage.write_bytes, 1536);
  ck_assert_int_eq(out.usage.wall, 12 * MS);
  ck_assert_int_eq(out.usage.memory_peak, -1);
}
END_TEST

START_TEST(durations_as_people_say_them)
{
  const struct {
    int64_t value;
    const char *text;
  } rows[] = {
      {-1, "an unknown time"}, {0, "0 us"},          {850000, "850 us"},      {MS, "1 ms"},
      {1500000, "1.5 ms"},     {9999999, "9.9 ms"},  {12345678, "12 ms"},     {999999999, "999 ms"},
      {SECOND, "1 s"},         {1250 * MS, "1.2 s"}, {119 * SECOND, "119 s"}, {125 * SECOND, "2 min 5 s"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[64];
    ck_assert_str_eq(styro_duration_text(rows[i].value, text, sizeof text), rows[i].text);
  }
}
END_TEST

static void weakness_is(int protection, const char *field, const char *why)
{
  struct styro_weakness weakness = styro_outcome_weakness(&facts, protection);
  ck_assert_pstr_eq(weakness.field, field);
  ck_assert_str_eq(weakness.why, why);
}

START_TEST(why_a_step_was_skipped)
{
  struct wire_step *step = (void *)(uintptr_t)hand.plan.namespaces;
  facts.skipped = BIT(STYRO_HOSTNAME) | BIT(STYRO_DENIED_PATHS);
  weakness_is(STYRO_HOSTNAME, NULL, "its step was skipped"); /* no step of the plan owns up to it */
  weakness_is(STYRO_DENIED_PATHS, NULL, "its step was skipped");
  step->best_effort = STYRO_HOSTNAME + 1;
  step->field_id = styro_field_id("/namespaces/uts/hostname");
  weakness_is(STYRO_HOSTNAME, "/namespaces/uts/hostname", "its step failed on this host, and best_effort accepts that");
  step->flags = WIRE_IF_MISSING_IGNORE;
  step->field_id = styro_field_id("/paths");
  weakness_is(STYRO_DENIED_PATHS, "/paths",
              "a denied path does not exist, and `if_missing` accepts that it could be made");
}
END_TEST

START_TEST(what_the_host_left_out)
{
  facts.left_out = facts.skipped = BIT(STYRO_SUPPLEMENTARY_GROUPS) | BIT(STYRO_TIME_OFFSETS);
  weakness_is(
      STYRO_SUPPLEMENTARY_GROUPS, "/user/groups",
      "the caller's supplementary groups stay: the kernel allows no setgroups(2) under a self-map, nor where it is denied");
  weakness_is(STYRO_TIME_OFFSETS, "/namespaces/time", "no time namespace is made by default on kernels before 6.2");
}
END_TEST

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *as_json(void)
{
  json_error_t error;
  char *text = styro_outcome_to_json(&out, &facts, &hand.plan.alloc);
  ck_assert_ptr_nonnull(text);
  json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  ck_assert_msg(json != NULL, "%s in %s", error.text, text);
  styro_strfree(&hand.plan.alloc, text);
  return json;
}

static const char *const top_keys[] = {
    "version",   "reason",     "code", "signal",   "core_dumped",  "detail",       "error",  "message", "name",
    "isolation", "spawn_mode", "init", "enforced", "not_enforced", "approximated", "stdout", "stderr",  "usage",
};
static const char *const usage_keys[] = {
    "wall",
    "user",
    "system",
    "max_rss",
    "memory_peak",
    "pids_peak",
    "minor_faults",
    "major_faults",
    "switches_voluntary",
    "switches_involuntary",
    "read_bytes",
    "write_bytes",
    "setup",
};
static const char *const setup_keys[] = {"spawn", "helper", "tree", "identity", "exec"};
static const char *const error_keys[] = {"code", "errno", "errno_name", "stage", "field", "object", "message", "hint"};
static const char *const stream_keys[] = {"bytes", "kept", "truncated", "text", "base64"};

static void has_exactly(json_t *object, const char *const *keys, size_t n)
{
  ck_assert_uint_eq(json_object_size(object), n);
  for (size_t i = 0; i < n; i++) {
    ck_assert_msg(json_object_get(object, keys[i]) != NULL, "no key %s", keys[i]);
  }
}
#define HAS_EXACTLY(object, keys) has_exactly(object, keys, sizeof keys / sizeof *keys)

START_TEST(every_key_is_always_there)
{
  report(SIGSEGV, WIRE_CAUSE_PAYLOAD);
  styro_outcome_judge(&facts, &out);
  json_t *json = as_json();
  HAS_EXACTLY(json, top_keys);
  HAS_EXACTLY(json_object_get(json, "usage"), usage_keys);
  HAS_EXACTLY(json_object_get(json_object_get(json, "usage"), "setup"), setup_keys);
  ck_assert_str_eq(json_string_value(json_object_get(json, "signal")), "SIGSEGV");
  ck_assert(json_is_null(json_object_get(json, "code")));
  ck_assert(json_is_null(json_object_get(json, "error")));
  ck_assert(json_is_null(json_object_get(json, "stdout")));
  ck_assert(json_is_null(json_object_get(json_object_get(json, "usage"), "memory_peak")));
  json_decref(json);
}
END_TEST

START_TEST(numbers_are_exact_in_every_locale)
{
  setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, %f would write a comma */
  report(0, WIRE_CAUSE_PAYLOAD);
  facts.end.user = 1;
  facts.end.system = 90 * SECOND;
  styro_outcome_judge(&facts, &out);
  char *text = styro_outcome_to_json(&out, &facts, &hand.plan.alloc);
  ck_assert_ptr_nonnull(strstr(text, "\"wall\": 0.012,"));
  ck_assert_ptr_nonnull(strstr(text, "\"user\": 0.000000001,"));
  ck_assert_ptr_nonnull(strstr(text, "\"system\": 90.0,"));
  ck_assert_ptr_nonnull(strstr(text, "\"code\": 0,"));
  styro_strfree(&hand.plan.alloc, text);
}
END_TEST

START_TEST(errors_are_whole_and_valid_text)
{
  facts.running = false;
  first_process(SIGKILL);
  styro_outcome_judge(&facts, &out);
  out.error.sys_errno = 2;
  strcpy(out.error.object, "caf\xe9 \xc3\xa9 \"x\"");
  json_t *json = as_json();
  json_t *error = json_object_get(json, "error");
  HAS_EXACTLY(error, error_keys);
  ck_assert_str_eq(json_string_value(json_object_get(error, "errno_name")), "ENOENT");
  ck_assert_str_eq(json_string_value(json_object_get(error, "object")), "caf? \xc3\xa9 \"x\"");
  ck_assert_str_eq(json_string_value(json_object_get(error, "stage")), "supervise");
  ck_assert(json_is_null(json_object_get(error, "field")));
  json_decref(json);
}
END_TEST

START_TEST(streams_are_text_or_base64)
{
  report(0, WIRE_CAUSE_PAYLOAD);
  styro_outcome_judge(&facts, &out);
  out.out = (styro_capture){.captured = 1, .bytes = 5, .data = "a\0\n\xc3\xa4", .kept = 5};
  out.err = (styro_capture){.captured = 1, .bytes = 900, .data = "\xff\xfe\xfd", .kept = 3, .truncated = 1};
  char *raw = styro_outcome_to_json(&out, &facts, &hand.plan.alloc);
  ck_assert_ptr_nonnull(strstr(raw, "\"text\": \"a\\u0000\\n\xc3\xa4\", \"base64\": null"));
  styro_strfree(&hand.plan.alloc, raw);
  out.out.data = "plain";
  json_t *json = as_json();
  json_t *err = json_object_get(json, "stderr");
  HAS_EXACTLY(json_object_get(json, "stdout"), stream_keys);
  ck_assert(json_is_null(json_object_get(err, "text")));
  ck_assert_str_eq(json_string_value(json_object_get(err, "base64")), "//79");
  ck_assert(json_is_true(json_object_get(err, "truncated")));
  json_decref(json);
}
END_TEST

START_TEST(weaknesses_say_why)
{
  report(0, WIRE_CAUSE_PAYLOAD);
  hand_promises(&hand)->not_enforced = BIT(STYRO_LIMIT_PIDS);
  hand_promises(&hand)->approximated = BIT(STYRO_SECCOMP);
  hand_plan_note(&hand, STYRO_LIMIT_PIDS, false, "/limits/pids", "first");
  hand_plan_note(&hand, STYRO_LIMIT_PIDS, false, "/limits", "second");
  hand_plan_note(&hand, STYRO_SECCOMP, true, "/security/seccomp", "nearly");
  facts.left_out = BIT(STYRO_SUPPLEMENTARY_GROUPS) | BIT(STYRO_TIME_OFFSETS);
  facts.skipped = BIT(STYRO_DENIED_PATHS);
  styro_outcome_judge(&facts, &out);
  json_t *json = as_json();
  json_t *list = json_object_get(json, "not_enforced");
  ck_assert_uint_eq(json_array_size(list), 5);
  const char *const names[] = {"denied_paths", "time_offsets", "supplementary_groups", "limit_pids", "limit_pids"};
  for (size_t i = 0; i < 5; i++) {
    json_t *item = json_array_get(list, i);
    ck_assert_str_eq(json_string_value(json_object_get(item, "protection")), names[i]);
    ck_assert_str_ne(json_string_value(json_object_get(item, "why")), "");
  }
  ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 4), "why")), "second");
  list = json_object_get(json, "approximated");
  ck_assert_uint_eq(json_array_size(list), 1);
  ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "field")), "/security/seccomp");
  json_decref(json);
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  char *text = NULL;
  report(0, WIRE_CAUSE_PAYLOAD);
  styro_outcome_judge(&facts, &out);
  for (size_t n = 1; !text && n < 100; n++) {
    state.calls = 0;
    state.fail_at = n;
    text = styro_outcome_to_json(&out, &facts, &alloc);
    ck_assert_uint_eq(state.live_blocks, text ? 1 : 0);
  }
  ck_assert_ptr_nonnull(text);
  state.fail_at = 0;
  styro_strfree(&alloc, text);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("outcome");
  TCase *cases = tcase_create("all");
  const TTest *const tests[] = {
      what_init_reports,
      a_report_stands_against_a_later_kill,
      init_was_killed,
      without_an_init,
      failures_come_first,
      what_is_left_out_moves,
      phases_need_both_their_stamps,
      durations_as_people_say_them,
      why_a_step_was_skipped,
      what_the_host_left_out,
      every_key_is_always_there,
      numbers_are_exact_in_every_locale,
      errors_are_whole_and_valid_text,
      streams_are_text_or_base64,
      weaknesses_say_why,
      memory_may_run_out_anywhere,
  };
  tcase_add_checked_fixture(cases, setup, NULL);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    tcase_add_test(cases, tests[i]);
  }
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
