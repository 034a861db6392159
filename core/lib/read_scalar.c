/*
 * Readers of the types that hold one value: booleans, numbers and their units, texts, paths, words. Knows no object and
 * no list.
 */
#include <stdio.h>
#include <string.h>

#include "../wire/plan.h"

#include "collection.h"
#include "complaints.h"
#include "grammar.h"
#include "read.h"

/* MAX_ARG_STRLEN of execve(2): no argument and no variable can be longer, with its NUL. */
#define TEXT_MAX ((size_t)128 * 1024)

/* What a file will hold is no argument: its row alone says how long it may be. */
static bool is_longer(const struct styro_field *field, const char *text)
{
  bool by_row = field->type == STYRO_TYPE_TEXT && field->max >= (int64_t)TEXT_MAX;
  return !by_row && strlen(text) >= TEXT_MAX;
}

const char *styro_text_of(struct styro_reading *in, const struct styro_field *field, const json_t *value, int *code)
{
  const char *text = styro_json_text(value);
  if (text == NULL) {
    *code = styro_read_wrong(in, field, value);
    return NULL;
  }
  if (is_longer(field, text)) {
    *code = styro_read_complaint(in, "...", "is longer than the 131071 bytes that one text may have");
    return NULL;
  }
  return text;
}

int styro_read_bool(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  bool found = json_is_true(value);
  const char *text = in->origin == STYRO_FROM_TEXT ? styro_json_text(value) : NULL;
  if (!json_is_boolean(value) && !(text != NULL && styro_grammar_bool(text, &found) == STYRO_GRAMMAR_OK)) {
    return styro_read_wrong(in, field, value);
  }
  *(bool *)styro_field_place(field, base) = found;
  return 0;
}

/* In JSON a whole number is a number: "5" in quotes is more often a mistake than a wish. Setters have only text. */
static int number_from_text(enum styro_type type, bool setter, const char *text, int64_t *out)
{
  uint64_t size = 0;
  int fault;
  switch (type) {
  case STYRO_TYPE_SIZE:
    fault = styro_grammar_size(text, &size);
    if (fault == STYRO_GRAMMAR_OK && size > INT64_MAX) {
      return STYRO_GRAMMAR_RANGE;
    }
    *out = (int64_t)size;
    return fault;
  case STYRO_TYPE_DURATION: return styro_grammar_duration(text, out);
  case STYRO_TYPE_OFFSET: return styro_grammar_offset(text, out);
  case STYRO_TYPE_MODE: return styro_grammar_mode(text, out);
  case STYRO_TYPE_CORES: return setter ? styro_grammar_cores(text, out) : STYRO_GRAMMAR_WRONG;
  default: return setter ? styro_grammar_int(text, out) : STYRO_GRAMMAR_WRONG;
  }
}

/* What a JSON number counts: seconds and cores have fractions, the rest is whole. */
static int64_t unit_of(enum styro_type type, enum styro_origin origin)
{
  if (type == STYRO_TYPE_DURATION || type == STYRO_TYPE_OFFSET) {
    return origin == STYRO_FROM_INT ? 1 : 1000000000;
  }
  return type == STYRO_TYPE_CORES ? 1000000 : 1;
}

static int number_of(const struct styro_reading *in, enum styro_type type, const json_t *value, int64_t *out)
{
  int64_t unit = unit_of(type, in->origin);
  if (json_is_integer(value)) {
    return __builtin_mul_overflow((int64_t)json_integer_value(value), unit, out) ? STYRO_GRAMMAR_RANGE
                                                                                 : STYRO_GRAMMAR_OK;
  }
  if (json_is_real(value) && unit != 1) {
    bool negative = type == STYRO_TYPE_OFFSET && json_real_value(value) < 0;
    int fault = styro_grammar_scaled(negative ? -json_real_value(value) : json_real_value(value), unit, out);
    *out = negative ? -*out : *out;
    return fault;
  }
  const char *text = styro_json_text(value);
  return text == NULL ? STYRO_GRAMMAR_WRONG : number_from_text(type, in->origin == STYRO_FROM_TEXT, text, out);
}

/* The modes of path rules are kept in 32 bits, all other numbers in 64. */
static void store_number(const struct styro_field *field, void *base, int64_t number)
{
  void *place = styro_field_place(field, base);
  if (field->size == sizeof(uint32_t)) {
    *(uint32_t *)place = (uint32_t)number;
  } else {
    *(int64_t *)place = number;
  }
}

int styro_read_number(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  int64_t number = 0;
  int fault = number_of(in, field->type, value, &number);
  if (fault == STYRO_GRAMMAR_WRONG) {
    return styro_read_wrong(in, field, value);
  }
  if (fault == STYRO_GRAMMAR_RANGE || number < field->min || number > field->max) {
    return styro_read_range(in, field, value);
  }
  store_number(field, base, number);
  return 0;
}

/* RLIM_INFINITY is the largest number, so that it compares as people mean it. */
int styro_read_limit(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  uint64_t limit = 0;
  int fault = STYRO_GRAMMAR_WRONG;
  const char *text = styro_json_text(value);
  if (json_is_integer(value)) {
    limit = (uint64_t)json_integer_value(value);
    fault = json_integer_value(value) < 0 ? STYRO_GRAMMAR_RANGE : STYRO_GRAMMAR_OK;
  } else if (text != NULL) {
    fault = styro_grammar_limit(text, &limit);
  }
  if (fault == STYRO_GRAMMAR_WRONG) {
    return styro_read_wrong(in, field, value);
  }
  if (fault == STYRO_GRAMMAR_RANGE) {
    return styro_read_range(in, field, value);
  }
  *(uint64_t *)styro_field_place(field, base) = limit;
  return 0;
}

/* Lengths are bytes, as the kernel counts them. */
int styro_read_text(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  int code = 0;
  const char *text = styro_text_of(in, field, value, &code);
  if (text == NULL) {
    return code;
  }
  if (strlen(text) < (size_t)field->min) {
    return styro_read_complaint(in, text, "is empty");
  }
  if (strlen(text) > (size_t)field->max) {
    styro_read_complaint(in, text, "is too long");
    styro_error_hint(in->err, "at most %lld bytes can stand here", (long long)field->max);
    return STYRO_EREQUEST;
  }
  const char *complaint = field->complaint == NULL ? NULL : field->complaint(text);
  if (complaint != NULL) {
    return styro_read_complaint(in, text, complaint);
  }
  int failed = styro_text_replace(&in->layer->alloc, styro_field_place(field, base), text);
  return failed ? styro_read_memory(in) : 0;
}

/* Where a variable stands in it, the path is checked when the variable is resolved. */
int styro_read_path_text(struct styro_reading *in, const char *text, bool variables, char *out, const char **path)
{
  if (variables && strstr(text, "${") != NULL) {
    *path = text;
    return 0;
  }
  const char *complaint = styro_path_normalise(text, out);
  if (complaint != NULL) {
    styro_read_complaint(in, text, complaint);
    styro_error_hint(in->err, "write the whole path from `/` on, without `..`");
    return STYRO_EREQUEST;
  }
  *path = out;
  return 0;
}

int styro_read_path(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  char normal[STYRO_PATH_MAX];
  const char *path = NULL;
  int code = 0;
  const char *text = styro_text_of(in, field, value, &code);
  if (text == NULL ||
      (code = styro_read_path_text(in, text, field->flags & STYRO_FIELD_VARIABLES, normal, &path)) != 0) {
    return code;
  }
  int failed = styro_text_replace(&in->layer->alloc, styro_field_place(field, base), path);
  return failed ? styro_read_memory(in) : 0;
}

/* A number is a descriptor; a setter's text of digits is one too, for no path looks so. */
static bool is_descriptor(const struct styro_reading *in, const json_t *value, int64_t *fd)
{
  const char *text = in->origin == STYRO_FROM_TEXT ? styro_json_text(value) : NULL;
  *fd = json_integer_value(value);
  return json_is_integer(value) || (text != NULL && styro_grammar_int(text, fd) == STYRO_GRAMMAR_OK);
}

int styro_read_source(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  char text[24];
  int64_t fd = 0;
  if (!is_descriptor(in, value, &fd)) {
    return json_is_string(value) ? styro_read_path(in, field, base, value) : styro_read_wrong(in, field, value);
  }
  if (fd < WIRE_SOURCE_FD_MIN || fd > WIRE_SOURCE_FD_MAX) {
    styro_read_range(in, field, value);
    styro_error_hint(in->err,
                     "a descriptor is 3 or above: 0, 1 and 2 are the standard streams, which each run chooses");
    return STYRO_EREQUEST;
  }
  snprintf(text, sizeof text, "%d", (int)fd);
  int failed = styro_text_replace(&in->layer->alloc, styro_field_place(field, base), text);
  return failed ? styro_read_memory(in) : 0;
}

int styro_read_rule_path(struct styro_reading *in, const char *key, struct styro_path_rule *rule)
{
  char normal[STYRO_PATH_MAX];
  const char *path = NULL;
  int code = styro_read_path_text(in, key, true, normal, &path);
  if (code != 0) {
    return code;
  }
  if (strcmp(path, "/") == 0) {
    styro_read_complaint(in, key, "is the root, and `paths` holds what stands below it");
    styro_error_hint(in->err, "use `root`: \"system\", \"empty\" or {\"directory\": \"/srv/tree\"}");
    return STYRO_EREQUEST;
  }
  return styro_text_replace(&in->layer->alloc, &rule->path, path) == 0 ? 0 : styro_read_memory(in);
}

/* The word's place in the row is the value of the C enum: both stand in the same order. */
/* -1: no such word. The empty one stands for a value that cannot be written. */
static int word_index(const struct styro_field *field, const char *text)
{
  for (int i = 0; text[0] != '\0' && field->words[i] != NULL; i++) {
    if (strcmp(field->words[i], text) == 0) {
      return i;
    }
  }
  return -1;
}

/* Where `true` and `false` stand among the words, JSON has them without quotes; all else is a text. */
int styro_read_enum(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  int code = 0;
  bool bare = json_is_boolean(value), found = false;
  int index = bare ? word_index(field, json_is_true(value) ? "true" : "false") : -1;
  if (index < 0) {
    const char *text = styro_text_of(in, field, value, &code);
    if (text == NULL) {
      return code;
    }
    index = word_index(field, text);
    if (index < 0) {
      return styro_read_unknown_word(in, field, text);
    }
    if (in->origin != STYRO_FROM_TEXT && styro_grammar_bool(text, &found) == STYRO_GRAMMAR_OK) {
      return styro_read_complaint(in, text, "is written without quotes");
    }
  }
  *(int *)styro_field_place(field, base) = index;
  return 0;
}
