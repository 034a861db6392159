/*
 * Fuzzes everything between a text and a plan: JSON, field table, presets, validation, compile, and the way back to JSON.
 * Knows no field by name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "styrolite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
  if (!condition) {
    abort();
  }
}

/* What a failed call leaves behind must be text that ends, whatever the input was. */
static void check_error(const styro_error *error, int code)
{
  must(error->code == code);
  must(memchr(error->message, 0, sizeof error->message) && error->message[0]);
  must(memchr(error->field, 0, sizeof error->field) != NULL);
  must(memchr(error->object, 0, sizeof error->object) != NULL);
  must(memchr(error->hint, 0, sizeof error->hint) != NULL);
}

static void explain(const styro_plan *plan, int format)
{
  styro_error error = {.size = sizeof error};
  char *text = NULL;

  must(styro_plan_explain(plan, format, NULL, &text, &error) == 0);
  styro_text_free(NULL, text);
}

/* What validates, compiles; what compiles, reads back as the same plan. */
static void compile(const styro_request *request)
{
  styro_error error = {.size = sizeof error};
  int valid = styro_request_validate(request, &error);
  styro_plan *plan = NULL, *again = NULL;
  const void *bytes;
  size_t len;

  if (valid < 0) {
    check_error(&error, valid);
  }
  int compiled = styro_plan_compile(request, &plan, &error);
  if (compiled < 0) {
    check_error(&error, compiled);
    return;
  }
  must(valid == 0);
  must(styro_plan_bytes(plan, &bytes, &len, &error) == 0);
  must(styro_plan_from_bytes(NULL, bytes, len, &again, &error) == 0);
  explain(plan, STYRO_FORMAT_TEXT);
  explain(again, STYRO_FORMAT_JSON);
  styro_plan_free(again);
  styro_plan_free(plan);
}

/* What was read can be written, and what was written can be read. */
static void write_back(styro_request *request)
{
  styro_error error = {.size = sizeof error};
  styro_request *again = NULL;
  const char *json;

  must(styro_request_to_json(request, &json, &error) == 0);
  must(styro_request_from_json(NULL, json, strlen(json), &again, &error) == 0);
  styro_request_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  styro_error error = {.size = sizeof error};
  styro_request *request = NULL;
  int code = styro_request_from_json(NULL, (const char *)data, size, &request, &error);

  if (code < 0) {
    must(!request);
    check_error(&error, code);
    return 0;
  }
  (void)styro_request_set_variable(request, "CWD", "/home/user", NULL);
  write_back(request);
  compile(request);
  styro_request_free(request);
  return 0;
}
