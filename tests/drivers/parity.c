/*
 * The parity table (tests/parity) through the C interface: every case is compiled, run with captured streams and compared.
 * `parity HELPER TABLE...` prints one line a case in the Test Anything Protocol and fails when any case does. Knows the
 * table's words; what they mean for other doors stands in tests/parity/README.md.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "styrolite.h"

#define ARGV_MAX 64

/* One case on its way: what it holds, and the first thing that was not as expected. */
struct trial {
  json_t *test;
  json_t *expect;
  styro_runner *runner;
  styro_outcome outcome;
  json_t *written; /* the outcome as its own JSON */
  char fault[512];
};

__attribute__((format(printf, 2, 3))) static void fault(struct trial *trial, const char *format, ...)
{
  va_list list;
  if (trial->fault[0]) {
    return;
  }
  va_start(list, format);
  vsnprintf(trial->fault, sizeof trial->fault, format, list);
  va_end(list);
}

static void expect_text(struct trial *trial, const char *key, const char *wanted, const char *found)
{
  if (wanted && strcmp(wanted, found ? found : "") != 0) {
    fault(trial, "%s is `%s`, expected `%s`", key, found ? found : "", wanted);
  }
}

/* ---- requests that are not accepted ------------------------------------------------------------------------------- */

static void compare_refusal(struct trial *trial, const styro_error *error)
{
  json_t *refused = json_object_get(trial->expect, "refused");
  if (!refused) {
    fault(trial, "refused: %s", error->message);
    return;
  }
  expect_text(trial, "stage", json_string_value(json_object_get(refused, "stage")), styro_stage_name(error->stage));
  expect_text(trial, "field", json_string_value(json_object_get(refused, "field")), error->field);
  expect_text(trial, "object", json_string_value(json_object_get(refused, "object")), error->object);
  if (!error->message[0]) {
    fault(trial, "refused without a message");
  }
}

/* ---- outcomes ------------------------------------------------------------------------------------------------------ */

static bool lists(const json_t *list, const char *name)
{
  size_t i;
  json_t *item;
  json_array_foreach((json_t *)list, i, item)
  {
    const json_t *word = json_is_object(item) ? json_object_get(item, "protection") : item;
    if (strcmp(json_string_value(word), name) == 0) {
      return true;
    }
  }
  return false;
}

static void compare_protections(struct trial *trial)
{
  json_t *missing = json_object_get(trial->written, "not_enforced");
  json_t *wanted = json_object_get(trial->expect, "not_enforced");
  size_t i;
  json_t *name;
  json_array_foreach(json_object_get(trial->expect, "enforced"), i, name)
  {
    if (!lists(json_object_get(trial->written, "enforced"), json_string_value(name))) {
      fault(trial, "`%s` is not enforced", json_string_value(name));
    }
  }
  json_array_foreach(wanted, i, name)
  {
    if (!lists(missing, json_string_value(name))) {
      fault(trial, "`%s` is not listed as not enforced", json_string_value(name));
    }
  }
  if (wanted && json_array_size(wanted) != json_array_size(missing)) {
    fault(trial, "%zu protections are not enforced, expected %zu", json_array_size(missing), json_array_size(wanted));
  }
}

/* Keys whose values stand in the outcome's JSON under the same name. */
static void compare_values(struct trial *trial, const json_t *expect, const json_t *found, const char *const *keys)
{
  for (; *keys; keys++) {
    const json_t *wanted = json_object_get(expect, *keys);
    const json_t *seen = json_object_get(found, *keys);
    if (wanted && !json_equal(wanted, seen)) {
      char *text = json_dumps(seen, JSON_ENCODE_ANY);
      fault(trial, "%s is %s", *keys, text ? text : "missing");
      free(text);
    }
  }
}

static void compare_stream(struct trial *trial, const char *key, const styro_capture *capture)
{
  const json_t *wanted = json_object_get(trial->expect, key);
  if (!wanted) {
    return;
  }
  if (capture->kept != json_string_length(wanted) ||
      memcmp(capture->data ? capture->data : "", json_string_value(wanted), capture->kept) != 0) {
    fault(trial, "%s is `%.*s`", key, (int)capture->kept, capture->data ? capture->data : "");
  }
}

static void compare_outcome(struct trial *trial)
{
  static const char *const keys[] = {"reason", "code", "signal", "detail", "init", "name", NULL};
  static const char *const error_keys[] = {"stage", "field", "object", "errno_name", NULL};
  const json_t *truncated = json_object_get(trial->expect, "truncated");
  if (json_object_get(trial->expect, "refused")) {
    fault(trial, "was started, and should have been refused");
  }
  compare_values(trial, trial->expect, trial->written, keys);
  compare_values(trial, json_object_get(trial->expect, "error"), json_object_get(trial->written, "error"), error_keys);
  expect_text(trial, "reason", json_string_value(json_object_get(trial->expect, "reason")),
              styro_reason_name(trial->outcome.reason));
  compare_stream(trial, "stdout", &trial->outcome.out);
  compare_stream(trial, "stderr", &trial->outcome.err);
  compare_protections(trial);
  if (truncated && json_is_true(truncated) != (trial->outcome.out.truncated != 0)) {
    fault(trial, "truncated is not as expected");
  }
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

/* The request's text as every door gets it: with its version. */
static char *request_text(const struct trial *trial)
{
  json_t *request = json_deep_copy(json_object_get(trial->test, "request"));
  json_object_set_new(request, "version", json_integer(1));
  char *text = json_dumps(request, 0);
  json_decref(request);
  return text;
}

static int compile(const struct trial *trial, styro_plan **plan, styro_error *error)
{
  styro_request *request = NULL;
  char *text = request_text(trial);
  int code = styro_request_from_json(NULL, text, strlen(text), &request, error);
  if (code == STYRO_OK) {
    code = styro_plan_compile(request, plan, error);
  }
  styro_request_free(request);
  free(text);
  return code;
}

static void fill_run(const struct trial *trial, styro_run *run, const char **argv)
{
  const json_t *words = json_object_get(trial->test, "argv");
  const json_t *input = json_object_get(trial->test, "stdin");
  for (size_t i = 0; i < json_array_size(words) && i + 1 < ARGV_MAX; i++) {
    argv[i] = json_string_value(json_array_get(words, i));
  }
  *run = (styro_run){.size = sizeof *run, .argv = words ? argv : NULL};
  run->in.kind = input ? STYRO_STREAM_PIPE : STYRO_STREAM_NULL;
  run->in.data = json_string_value(input);
  run->in.len = json_string_length(input);
  run->out.kind = run->err.kind = STYRO_STREAM_PIPE;
  run->name = json_string_value(json_object_get(json_object_get(trial->test, "run"), "name"));
}

static int finish(struct trial *trial, styro_process *process, styro_error *error)
{
  const char *text = NULL;
  int code = styro_process_wait(process, 60000, &trial->outcome, error);
  if (code == STYRO_OK) {
    code = styro_process_outcome_json(process, &text, error);
  }
  if (code == STYRO_OK) {
    trial->written = json_loads(text, 0, NULL);
  }
  return code;
}

static void run_trial(struct trial *trial)
{
  styro_error error = {.size = sizeof error};
  styro_plan *plan = NULL;
  styro_process *process = NULL;
  const char *argv[ARGV_MAX] = {NULL};
  styro_run run;
  int code = compile(trial, &plan, &error);
  if (code == STYRO_OK) {
    fill_run(trial, &run, argv);
    code = styro_runner_spawn(trial->runner, plan, &run, &process, &error);
  }
  if (code != STYRO_OK) {
    compare_refusal(trial, &error);
  } else if (finish(trial, process, &error) != STYRO_OK) {
    fault(trial, "no outcome: %s", error.message);
  } else {
    compare_outcome(trial);
  }
  styro_process_free(process);
  styro_plan_free(plan);
}

static bool run_case(json_t *test, styro_runner *runner, unsigned number)
{
  struct trial trial = {.test = test, .expect = json_object_get(test, "expect"), .runner = runner};
  trial.outcome.size = sizeof trial.outcome;
  trial.outcome.error.size = sizeof trial.outcome.error;
  trial.outcome.usage.size = sizeof trial.outcome.usage;
  run_trial(&trial);
  printf("%s %u - %s%s%s\n", trial.fault[0] ? "not ok" : "ok", number, json_string_value(json_object_get(test, "name")),
         trial.fault[0] ? ": " : "", trial.fault);
  json_decref(trial.written);
  return !trial.fault[0];
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static json_t *load_tables(char **paths, int n)
{
  json_t *cases = json_array();
  for (int i = 0; i < n; i++) {
    json_error_t fault;
    json_t *table = json_load_file(paths[i], JSON_REJECT_DUPLICATES, &fault);
    if (!table) {
      fprintf(stderr, "parity: %s:%d: %s\n", paths[i], fault.line, fault.text);
      exit(2);
    }
    json_array_extend(cases, json_object_get(table, "cases"));
    json_decref(table);
  }
  return cases;
}

int main(int argc, char **argv)
{
  styro_error error = {.size = sizeof error};
  styro_runner *runner = NULL;
  unsigned failed = 0;
  if (argc < 3) {
    fputs("usage: parity HELPER TABLE...\n", stderr);
    return 2;
  }
  if (styro_runner_new(NULL, argv[1], &runner, &error) != STYRO_OK) {
    fprintf(stderr, "parity: %s\n", error.message);
    return 2;
  }
  json_t *cases = load_tables(argv + 2, argc - 2);
  printf("1..%zu\n", json_array_size(cases));
  for (size_t i = 0; i < json_array_size(cases); i++) {
    failed += !run_case(json_array_get(cases, i), runner, (unsigned)i + 1);
  }
  json_decref(cases);
  styro_runner_free(runner);
  return failed ? 1 : 0;
}
