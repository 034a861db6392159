/*
 * Text to a JSON value, through jansson. Says where the text is wrong in lines and columns; what the value means is the
 * reader's business (read.c).
 */
#include "json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "json_scan.h"

/* jansson says the key as it stands in the text, `near '"cwd"'`, and leaves out one of more than 20 bytes. */
static const char *duplicate_key(const json_error_t *fault, char *out, size_t size)
{
  static const char before[] = " near '\"", after[] = "\"'";
  const char *key = strstr(fault->text, before);
  size_t len = key == NULL ? 0 : strlen(key);
  if (len < strlen(before) + strlen(after)) {
    return "a key";
  }
  snprintf(out, size, "the key `%.*s`", (int)(len - strlen(before) - strlen(after)), key + strlen(before));
  return out;
}

/* jansson leaves the code at `unknown` where it had no memory even for its reader. */
static int fail_parse(const json_error_t *fault, styro_error *err)
{
  char key[sizeof fault->text];
  switch (json_error_code(fault)) {
  case json_error_duplicate_key:
    styro_fail(err, STYRO_EPARSE, STYRO_STAGE_PARSE, 0, "%s stands twice in one object, at line %d, column %d",
               duplicate_key(fault, key, sizeof key), fault->line, fault->column);
    styro_error_hint(err, "keep one of them");
    return STYRO_EPARSE;
  case json_error_unknown:
  case json_error_out_of_memory: return styro_fail_memory(err, STYRO_STAGE_PARSE);
  default:
    styro_fail(err, STYRO_EPARSE, STYRO_STAGE_PARSE, 0, "not valid JSON at line %d, column %d: %s", fault->line,
               fault->column, fault->text);
    styro_error_hint(err, "a request is one JSON object such as {\"version\": 1, \"command\": [\"true\"]}");
    return STYRO_EPARSE;
  }
}

/* JSON_ALLOW_NUL: a NUL in a text is then refused by the reader, which knows the field. */
static json_t *load(const char *text, size_t len, json_error_t *fault)
{
  return json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, fault);
}

/*
 * jansson 2.14 calls some failures of malloc an invalid token (lex_scan_string). A wrong text is wrong twice, at the
 * same place; what is not was a lack of memory.
 */
static bool is_wrong_again(const char *text, size_t len, const json_error_t *fault)
{
  json_error_t again = {0};
  json_auto_t *value = load(text, len, &again);
  return value == NULL && again.position == fault->position && strcmp(again.text, fault->text) == 0;
}

/* As deep as the text: at most STYRO_JSON_DEPTH. */
static size_t bytes_of_texts(const json_t *value)
{
  size_t bytes = json_string_length(value);
  for (size_t i = 0; i < json_array_size(value); i++) {
    bytes += bytes_of_texts(json_array_get(value, i));
  }
  const char *key;
  json_t *item;
  json_object_foreach((json_t *)value, key, item)
  {
    bytes += strlen(key) + bytes_of_texts(item);
  }
  return bytes;
}

/* What fits in jansson's token buffer without growing it: STRBUFFER_MIN_SIZE, with the NUL. */
#define TOKEN_FITS 15

/*
 * jansson 2.14 drops the byte for which its token buffer could not grow (lex_save ignores the failure), and goes on. A
 * text that lost one is shorter than it was written; a number that lost one is another number, but not twice.
 */
static bool is_whole(const char *text, size_t len, const struct styro_json_scan *scan, const json_t *value)
{
  if (bytes_of_texts(value) != scan->text_bytes) {
    return false;
  }
  if (scan->longest_other <= TOKEN_FITS) {
    return true;
  }
  json_error_t fault = {0};
  json_auto_t *again = load(text, len, &fault);
  return again != NULL && json_equal(value, again);
}

static int check_scan(const struct styro_json_scan *scan, size_t len, styro_error *err)
{
  if (len > STYRO_JSON_MAX) {
    /* Who read a file stopped at the first byte too many: how long it is, nobody knows here. */
    styro_fail(err, STYRO_EPARSE, STYRO_STAGE_PARSE, 0, "the text is longer than the %zu bytes that a request may have",
               STYRO_JSON_MAX);
    styro_error_hint(err, "hand large data over in a file that `paths` shows");
    return STYRO_EPARSE;
  }
  /* jansson's own limit is 2048 levels, and costs as much stack. */
  if (scan->too_deep) {
    styro_fail(err, STYRO_EPARSE, STYRO_STAGE_PARSE, 0, "nested more than %d levels deep at line %d, column %d",
               STYRO_JSON_DEPTH, scan->line, scan->column);
    return STYRO_EPARSE;
  }
  return 0;
}

int styro_json_parse(const char *text, size_t len, json_t **out, styro_error *err)
{
  struct styro_json_scan scan = {.too_deep = false};
  if (len <= STYRO_JSON_MAX) {
    styro_json_scan(text, len, STYRO_JSON_DEPTH, &scan);
  }
  int code = check_scan(&scan, len, err);
  if (code != 0) {
    return code;
  }
  json_error_t fault = {0};
  json_t *value = load(text, len, &fault);
  if (value == NULL) {
    bool memory = json_error_code(&fault) == json_error_invalid_syntax && !is_wrong_again(text, len, &fault);
    return memory ? styro_fail_memory(err, STYRO_STAGE_PARSE) : fail_parse(&fault, err);
  }
  if (!is_whole(text, len, &scan, value)) {
    json_decref(value);
    return styro_fail_memory(err, STYRO_STAGE_PARSE);
  }
  *out = value;
  return 0;
}

const char *styro_json_text(const json_t *value)
{
  const char *text = json_string_value(value);
  return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

const char *styro_json_noun(const json_t *value)
{
  switch (json_typeof(value)) {
  case JSON_OBJECT: return "an object";
  case JSON_ARRAY: return "a list";
  case JSON_STRING: return "a text";
  case JSON_INTEGER: return "a whole number";
  case JSON_REAL: return "a number with a fraction";
  case JSON_NULL: return "null";
  default: return "true or false";
  }
}
