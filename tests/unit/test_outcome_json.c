/*
 * The JSON of an outcome, value by value: whole documents against what docs/outcome.md promises, numbers at their borders,
 * texts that are none. Which facts lead to which outcome is test_outcome.c's.
 */
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hand_plan.h"
#include "lib/outcome.h"
#include "request_kit.h"
#include "test_program.h"

#define BIT(protection) (UINT64_C(1) << (protection))

static struct hand_plan hand;
static struct styro_facts facts;
static styro_outcome out;
static json_t *json;
static char *text;

/* An outcome in which nothing is known and nothing was asked for. */
static void setup(void)
{
  hand_plan_init(&hand);
  facts = (struct styro_facts){.plan = &hand.plan};
  memset(&out, 0, sizeof out);
  out.size = sizeof out;
  out.code = -1;
  out.usage.wall = out.usage.user = out.usage.system = out.usage.max_rss = out.usage.memory_peak = -1;
  out.usage.pids_peak = out.usage.minor_faults = out.usage.major_faults = out.usage.switches_voluntary = -1;
  out.usage.switches_involuntary = out.usage.read_bytes = out.usage.write_bytes = -1;
  out.usage.setup_spawn = out.usage.setup_helper = out.usage.setup_tree = -1;
  out.usage.setup_identity = out.usage.setup_exec = -1;
  json = NULL;
  text = NULL;
}

static void teardown(void)
{
  json_decref(json);
  styro_strfree(&hand.plan.alloc, text);
}

static void write_it(void)
{
  json_error_t error;
  teardown();
  text = styro_outcome_to_json(&out, &facts, &hand.plan.alloc);
  ck_assert_ptr_nonnull(text);
  json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  ck_assert_msg(json != NULL, "%s in %s", error.text, text);
}

/* The value at a path of keys, of which each is below the one before. */
static json_t *at(const char *first, const char *second)
{
  json_t *value = json_object_get(json, first);
  value = second ? json_object_get(value, second) : value;
  ck_assert_msg(value != NULL, "no %s %s", first, second ? second : "");
  return value;
}

static void is_text(const char *first, const char *second, const char *expected)
{
  const char *value = json_string_value(at(first, second));
  ck_assert_msg(expected ? value && strcmp(value, expected) == 0 : !value, "%s %s is %s, not %s", first,
                second ? second : "", value ? value : "no text", expected ? expected : "null");
  ck_assert(expected || json_is_null(at(first, second)));
}

/* Numbers are compared as they were written: a parser's double hides what the text says. */
static void contains(const char *words)
{
  ck_assert_msg(strstr(text, words) != NULL, "`%s` is not in %s", words, text);
}

/* ---- whole documents --------------------------------------------------------------------------------------------- */

START_TEST(nothing_known_is_null)
{
  static const char expected[] =
      "{'version': 1, 'reason': 'exited', 'code': null, 'signal': null, 'core_dumped': false, 'detail': null, "
      "'error': null, 'message': null, 'name': null, 'isolation': null, 'spawn_mode': null, 'init': false, "
      "'enforced': [], 'not_enforced': [], 'approximated': [], 'stdout': null, 'stderr': null, 'usage': {'wall': null, "
      "'user': null, 'system': null, 'max_rss': null, 'memory_peak': null, 'pids_peak': null, 'minor_faults': null, "
      "'major_faults': null, 'switches_voluntary': null, 'switches_involuntary': null, 'read_bytes': null, "
      "'write_bytes': null, 'setup': {'spawn': null, 'helper': null, 'tree': null, 'identity': null, 'exec': null}}}";
  char quoted[sizeof expected];
  for (size_t i = 0; i < sizeof expected; i++) {
    quoted[i] = expected[i] == '\'' ? '"' : expected[i];
  }
  write_it();
  ck_assert_str_eq(text, quoted);
}
END_TEST

static void fill_usage(styro_usage *usage)
{
  int64_t *const numbers[] = {&usage->max_rss,
                              &usage->memory_peak,
                              &usage->pids_peak,
                              &usage->minor_faults,
                              &usage->major_faults,
                              &usage->switches_voluntary,
                              &usage->switches_involuntary,
                              &usage->read_bytes,
                              &usage->write_bytes};
  int64_t *const times[] = {&usage->wall,         &usage->user,       &usage->system,         &usage->setup_spawn,
                            &usage->setup_helper, &usage->setup_tree, &usage->setup_identity, &usage->setup_exec};
  for (int i = 0; i < 9; i++) {
    *numbers[i] = 100 + i;
  }
  for (int i = 0; i < 8; i++) {
    *times[i] = (i + 1) * INT64_C(250000000);
  }
}

START_TEST(every_number_stands_under_its_own_key)
{
  fill_usage(&out.usage);
  write_it();
  contains("\"usage\": {\"wall\": 0.25, \"user\": 0.5, \"system\": 0.75, \"max_rss\": 100, \"memory_peak\": 101, "
           "\"pids_peak\": 102, \"minor_faults\": 103, \"major_faults\": 104, \"switches_voluntary\": 105, "
           "\"switches_involuntary\": 106, \"read_bytes\": 107, \"write_bytes\": 108, \"setup\": {\"spawn\": 1.0, "
           "\"helper\": 1.25, \"tree\": 1.5, \"identity\": 1.75, \"exec\": 2.0}}}");
}
END_TEST

START_TEST(every_reason_has_its_word)
{
  static const char *const words[] = {"exited",   "signaled",     "timed_out",   "oom_killed", "output_limit",
                                      "canceled", "setup_failed", "exec_failed", "lost"};
  for (int reason = 0; reason < 9; reason++) {
    out.reason = reason;
    write_it();
    is_text("reason", NULL, words[reason]);
  }
}
END_TEST

START_TEST(the_words_of_an_end)
{
  out.reason = STYRO_SIGNALED;
  out.signal = SIGABRT;
  out.core_dumped = 1;
  out.init = 1;
  strcpy(out.detail, "wall");
  strcpy(out.name, "job 7");
  strcpy(out.isolation, "container");
  strcpy(out.spawn_mode, "helper");
  strcpy(out.message, "killed by SIGABRT");
  write_it();
  is_text("signal", NULL, "SIGABRT");
  is_text("detail", NULL, "wall");
  is_text("name", NULL, "job 7");
  is_text("isolation", NULL, "container");
  is_text("spawn_mode", NULL, "helper");
  is_text("message", NULL, "killed by SIGABRT");
  contains("\"core_dumped\": true");
  contains("\"init\": true");
  out.signal = 63;
  out.code = 0;
  write_it();
  is_text("signal", NULL, "SIG63");
  contains("\"code\": 0, ");
}
END_TEST

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

START_TEST(seconds_are_exact)
{
  const struct {
    int64_t value;
    const char *written;
  } rows[] = {
      {0, "\"wall\": 0.0, "},
      {1, "\"wall\": 0.000000001, "},
      {10, "\"wall\": 0.00000001, "},
      {999999999, "\"wall\": 0.999999999, "},
      {1000000000, "\"wall\": 1.0, "},
      {1000000001, "\"wall\": 1.000000001, "},
      {INT64_C(86400100000000), "\"wall\": 86400.1, "},
      {INT64_MAX, "\"wall\": 9223372036.854775807, "},
      {-2, "\"wall\": null, "},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    out.usage.wall = rows[i].value;
    write_it();
    contains(rows[i].written);
  }
}
END_TEST

START_TEST(integers_are_exact)
{
  out.usage.max_rss = INT64_MAX;
  out.usage.read_bytes = 0;
  out.usage.write_bytes = INT64_MIN;
  write_it();
  contains("\"max_rss\": 9223372036854775807, ");
  contains("\"read_bytes\": 0, ");
  contains("\"write_bytes\": null, ");
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(an_error_in_full)
{
  out.error = (styro_error){.size = sizeof out.error, .code = STYRO_ESETUP, .sys_errno = 13, .stage = STYRO_STAGE_PATH};
  strcpy(out.error.field, "/paths/~1w");
  strcpy(out.error.object, "/w");
  strcpy(out.error.message, "say \"no\"");
  strcpy(out.error.hint, "back\\slash");
  write_it();
  is_text("error", "code", "setup");
  ck_assert_int_eq(json_integer_value(at("error", "errno")), 13);
  is_text("error", "errno_name", "EACCES");
  is_text("error", "stage", "path");
  is_text("error", "field", "/paths/~1w");
  is_text("error", "object", "/w");
  is_text("error", "message", "say \"no\"");
  is_text("error", "hint", "back\\slash");
}
END_TEST

START_TEST(an_error_without_a_system_call)
{
  out.error = (styro_error){.size = sizeof out.error, .code = STYRO_EIO};
  write_it();
  ck_assert(json_is_null(at("error", "errno")));
  is_text("error", "errno_name", NULL);
  is_text("error", "stage", "none");
  is_text("error", "hint", NULL);
  out.error.sys_errno = 9999;
  write_it();
  ck_assert_int_eq(json_integer_value(at("error", "errno")), 9999);
  is_text("error", "errno_name", "E?");
}
END_TEST

/* Whatever bytes an error quotes, the document stays JSON; each byte that is no UTF-8 becomes one question mark. */
START_TEST(bytes_that_are_no_text)
{
  const struct {
    const char *bytes;
    const char *expected;
  } rows[] = {
      {"\x80", "?"},
      {"a\xff\xfe"
       "b",
       "a??b"},
      {"\xc3", "?"},
      {"\xe2\x82", "??"},
      {"\xc3\xa9\xc3", "\xc3\xa9?"},
      {"\xed\xa0\x80x", "???x"},
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    strcpy(out.name, rows[i].bytes);
    write_it();
    is_text("name", NULL, rows[i].expected);
  }
  memset(out.message, 0xe2, sizeof out.message - 1);
  write_it();
  ck_assert_uint_eq(strspn(json_string_value(at("message", NULL)), "?"), sizeof out.message - 1);
}
END_TEST

/* ---- protections ------------------------------------------------------------------------------------------------- */

START_TEST(enforced_ones_by_number)
{
  out.enforced = BIT(STYRO_LSM_LABEL) | BIT(STYRO_PATH_VIEW) | BIT(STYRO_SECCOMP);
  write_it();
  contains("\"enforced\": [\"path_view\", \"seccomp\", \"lsm_label\"], ");
  out.enforced = UINT64_MAX; /* bits that have no name are not written */
  write_it();
  ck_assert_uint_eq(json_array_size(at("enforced", NULL)), STYRO_PROTECTION_COUNT);
}
END_TEST

START_TEST(a_weakness_without_a_note_is_named_all_the_same)
{
  out.not_enforced = BIT(STYRO_LIMIT_CPU);
  out.approximated = BIT(STYRO_DISK_SIZE);
  write_it();
  contains("\"not_enforced\": [{\"protection\": \"limit_cpu\", \"field\": null, \"why\": null}], "
           "\"approximated\": [{\"protection\": \"disk_size\", \"field\": null, \"why\": null}], ");
}
END_TEST

START_TEST(notes_go_where_they_belong)
{
  hand_plan_note(&hand, STYRO_LIMIT_CPU, true, "/limits/cpu", "nearly");
  hand_plan_note(&hand, STYRO_LIMIT_CPU, false, "/limits", "not at all");
  out.not_enforced = out.approximated = BIT(STYRO_LIMIT_CPU);
  write_it();
  contains("\"not_enforced\": [{\"protection\": \"limit_cpu\", \"field\": \"/limits\", \"why\": \"not at all\"}], "
           "\"approximated\": [{\"protection\": \"limit_cpu\", \"field\": \"/limits/cpu\", \"why\": \"nearly\"}], ");
}
END_TEST

/* What this host left out is never an approximation, though the bit be set there too. */
START_TEST(what_the_host_left_out_is_not_enforced)
{
  facts.left_out = BIT(STYRO_SUPPLEMENTARY_GROUPS);
  out.not_enforced = out.approximated = BIT(STYRO_SUPPLEMENTARY_GROUPS);
  write_it();
  contains(
      "\"not_enforced\": [{\"protection\": \"supplementary_groups\", \"field\": \"/user/groups\", \"why\": \"the "
      "caller's supplementary groups stay: the kernel allows no setgroups(2) under a self-map, nor where it is denied\"}], "
      "\"approximated\": [{\"protection\": \"supplementary_groups\", \"field\": null, \"why\": null}], ");
}
END_TEST

/* ---- streams ----------------------------------------------------------------------------------------------------- */

START_TEST(an_empty_stream_is_text)
{
  out.out = (styro_capture){.captured = 1};
  write_it();
  contains("\"stdout\": {\"bytes\": 0, \"kept\": 0, \"truncated\": false, \"text\": \"\", \"base64\": null}, "
           "\"stderr\": null, ");
}
END_TEST

START_TEST(a_character_cut_by_the_limit_makes_bytes_of_it)
{
  out.err = (styro_capture){.captured = 1, .bytes = 2, .data = "\xc3", .kept = 1, .truncated = 1};
  write_it();
  contains("\"stderr\": {\"bytes\": 2, \"kept\": 1, \"truncated\": true, \"text\": null, \"base64\": \"ww==\"}, ");
}
END_TEST

START_TEST(all_bytes_go_round)
{
  char all[128];
  for (int i = 0; i < 128; i++) {
    all[i] = (char)i;
  }
  out.out = (styro_capture){.captured = 1, .bytes = 128, .data = all, .kept = 128};
  write_it();
  json_t *value = at("stdout", "text");
  ck_assert_uint_eq(json_string_length(value), 128);
  ck_assert_mem_eq(json_string_value(value), all, 128);
  contains("\"text\": \"\\u0000\\u0001");
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int work(const styro_allocator *alloc, styro_error *err)
{
  char *made = styro_outcome_to_json(&out, &facts, alloc);
  int rc = made ? STYRO_OK : styro_fail_memory(err, STYRO_STAGE_SUPERVISE);
  styro_strfree(alloc, made);
  return rc;
}

START_TEST(memory_may_run_out_anywhere)
{
  static char bytes[100000];
  memset(bytes, 0xff, sizeof bytes);
  out.out = (styro_capture){.captured = 1, .bytes = sizeof bytes, .data = bytes, .kept = sizeof bytes};
  out.err = (styro_capture){.captured = 1, .bytes = 3, .data = "abc", .kept = 3};
  out.enforced = out.not_enforced = UINT64_MAX;
  kit_fail_every_allocation(work);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "outcome_json", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      nothing_known_is_null,
      every_number_stands_under_its_own_key,
      every_reason_has_its_word,
      the_words_of_an_end,
      seconds_are_exact,
      integers_are_exact,
      an_error_in_full,
      an_error_without_a_system_call,
      bytes_that_are_no_text,
      enforced_ones_by_number,
      a_weakness_without_a_note_is_named_all_the_same,
      notes_go_where_they_belong,
      what_the_host_left_out_is_not_enforced,
      an_empty_stream_is_text,
      a_character_cut_by_the_limit_makes_bytes_of_it,
      all_bytes_go_round,
      memory_may_run_out_anywhere,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
