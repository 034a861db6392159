/*
 * What is said about a value that does not fit its field: one function a kind of mistake, so that every type says it
 * alike. Fills field, object and hint. Knows no JSON text and no storage.
 */
#include <stdio.h>
#include <string.h>

#include "grammar.h"
#include "nearest.h"
#include "read.h"
#include "type_words.h"

/* The value as it was written, cut where it is long. */
static void show(const json_t *value, char *out, size_t size)
{
  if (json_is_string(value)) {
    snprintf(out, size, "`%s`", json_string_value(value));
    return;
  }
  size_t len = json_is_object(value) || json_is_array(value) ? 0 : json_dumpb(value, out, size - 1, JSON_ENCODE_ANY);
  out[len < size ? len : 0] = '\0';
}

int styro_read_memory(struct styro_reading *in)
{
  return styro_fail_memory(in->err, STYRO_STAGE_PARSE);
}

/* The row knows its field better than the type does. */
void styro_read_hint(struct styro_reading *in, const struct styro_field *field)
{
  const char *hint = field->hint != NULL ? field->hint : styro_type_hint(field->type);
  styro_error_hint(in->err, "%s", hint);
}

/* Whether the type's own grammar is written as text; then a wrong text is a matter of parsing. */
static bool takes_text(const struct styro_reading *in, enum styro_type type)
{
  switch (type) {
  case STYRO_TYPE_SIZE:
  case STYRO_TYPE_LIMIT:
  case STYRO_TYPE_DURATION:
  case STYRO_TYPE_OFFSET:
  case STYRO_TYPE_MODE: return true;
  case STYRO_TYPE_BOOL:
  case STYRO_TYPE_INT:
  case STYRO_TYPE_CORES: return in->origin == STYRO_FROM_TEXT;
  default: return false;
  }
}

int styro_read_wrong(struct styro_reading *in, const struct styro_field *field, const json_t *value)
{
  int code = STYRO_EREQUEST;
  if (json_is_string(value) && styro_json_text(value) == NULL) {
    code = styro_read_complaint(in, json_string_value(value),
                                "has a NUL byte after it, which no text of a system call can hold");
    styro_error_hint(in->err, "%s", field->hint ? field->hint : "leave the \\u0000 out");
    return code;
  }
  if (json_is_string(value) && takes_text(in, field->type)) {
    code = styro_fail(in->err, STYRO_EPARSE, STYRO_STAGE_PARSE, 0, "`%s` is not %s", json_string_value(value),
                      styro_type_noun(field->type));
  } else {
    styro_fail(in->err, code, STYRO_STAGE_VALIDATE, 0, "expected %s, not %s", styro_type_noun(field->type),
               styro_json_noun(value));
  }
  char shown[200];
  show(value, shown, sizeof shown);
  styro_error_field(in->err, "%s", in->at);
  styro_error_object(in->err, "%s", shown);
  styro_read_hint(in, field);
  return code;
}

/* The value is shown as it was written, the bounds in the unit that people use. */
int styro_read_range(struct styro_reading *in, const struct styro_field *field, const json_t *value)
{
  char shown[200], min[STYRO_PRINTED], max[STYRO_PRINTED];
  show(value, shown, sizeof shown);
  if (field->min != 0 || field->max != 0) {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "%s is out of range: %s to %s", shown,
               styro_bound_print(field->type, field->min, min), styro_bound_print(field->type, field->max, max));
  } else {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "%s is out of range", shown);
  }
  styro_error_field(in->err, "%s", in->at);
  styro_error_object(in->err, "%s", shown);
  styro_read_hint(in, field);
  return STYRO_EREQUEST;
}

/* A mistyped word gets its neighbour named, any other the row's own hint. */
int styro_read_unknown_word(struct styro_reading *in, const struct styro_field *field, const char *word)
{
  char known[300];
  styro_words_print(field, known, sizeof known);
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%s` is not %s", word, known);
  styro_error_field(in->err, "%s", in->at);
  styro_error_object(in->err, "%s", word);
  struct styro_nearest nearest = {.word = word};
  for (size_t i = 0; field->words[i] != NULL; i++) {
    styro_nearest_offer(&nearest, field->words[i]);
  }
  if (nearest.best != NULL) {
    styro_error_hint(in->err, "did you mean `%s`?", nearest.best);
  } else {
    styro_read_hint(in, field);
  }
  return STYRO_EREQUEST;
}

/* The keys of an object, offered as the nearest to a wrong one and listed. */
static void list_keys(const struct styro_field *parent, struct styro_nearest *nearest, char *known, size_t size)
{
  const struct styro_field *child = NULL;
  size_t used = 0;
  known[0] = '\0';
  while ((child = styro_field_child(parent, child)) != NULL) {
    if ((child->flags & STYRO_FIELD_HIDDEN) != 0) {
      continue;
    }
    styro_nearest_offer(nearest, styro_field_key(child));
    int len = snprintf(known + used, size - used, "%s%s", used == 0 ? "" : ", ", styro_field_key(child));
    used += len > 0 && used + (size_t)len < size ? (size_t)len : 0;
  }
}

int styro_read_unknown_key(struct styro_reading *in, const struct styro_field *parent, const char *key)
{
  struct styro_nearest nearest = {.word = key};
  char known[400];
  list_keys(parent, &nearest, known, sizeof known);
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%.200s` is not a field %s", key,
             parent->pointer[0] == '\0' ? "of a request" : "here");
  size_t mark = styro_at_push(in, key);
  styro_error_field(in->err, "%s", in->at);
  styro_at_pop(in, mark);
  styro_error_object(in->err, "%s", key);
  if (nearest.best != NULL) {
    styro_error_hint(in->err, "did you mean `%s`?", nearest.best);
  } else {
    styro_error_hint(in->err, "known here: %s", known);
  }
  return STYRO_EREQUEST;
}

/* Of two that exclude each other neither is taken silently. */
int styro_read_rivals(struct styro_reading *in, const struct styro_field *field, const json_t *object)
{
  const struct styro_field *parent = styro_field_parent(field);
  const struct styro_field *other = NULL;
  while ((field->flags & STYRO_FIELD_RIVAL) != 0 && (other = styro_field_child(parent, other)) != NULL) {
    const char *key = styro_field_key(other);
    if (other != field && (other->flags & STYRO_FIELD_RIVAL) != 0 && json_object_get(object, key) != NULL) {
      styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%s` cannot stand beside `%s`",
                 styro_field_key(field), key);
      styro_error_field(in->err, "%s", in->at);
      styro_error_hint(in->err, "leave out one of the two");
      return STYRO_EREQUEST;
    }
  }
  return 0;
}

int styro_read_complaint(struct styro_reading *in, const char *text, const char *complaint)
{
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%.200s` %s", text, complaint);
  styro_error_field(in->err, "%s", in->at);
  styro_error_object(in->err, "%s", text);
  return STYRO_EREQUEST;
}

/* A minimum above one does not occur: a list is either needed or not. */
int styro_read_count(struct styro_reading *in, const struct styro_field *field, size_t n)
{
  if ((int64_t)n >= field->min && (field->max == 0 || (int64_t)n <= field->max)) {
    return 0;
  }
  if (n == 0) {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "the list is empty, and needs at least one item");
    styro_error_hint(in->err, "leave the field out where nothing is meant");
  } else {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "%zu items are too many: at most %lld can stand here",
               n, (long long)field->max);
  }
  styro_error_field(in->err, "%s", in->at);
  return STYRO_EREQUEST;
}

static int fail_later(struct styro_reading *in, const char *what, const char *how)
{
  styro_fail(in->err, STYRO_EUNSUPPORTED, STYRO_STAGE_VALIDATE, 0, "`%s`%s is not supported yet", what, how);
  styro_error_field(in->err, "%s", in->at);
  styro_error_object(in->err, "%s", what);
  styro_error_hint(in->err, "leave it out: what this version cannot carry out is refused, never ignored");
  return STYRO_EUNSUPPORTED;
}

/* How the `later` words of a row spell a value that is no text. */
static const char *spelling(const json_t *value)
{
  switch (json_typeof(value)) {
  case JSON_STRING: return styro_json_text(value) == NULL ? "" : styro_json_text(value);
  case JSON_TRUE: return "true";
  case JSON_ARRAY: return json_array_size(value) == 0 ? "[]" : "[...]";
  default: return "";
  }
}

int styro_read_refuse_later(struct styro_reading *in, const struct styro_field *field, const json_t *value)
{
  if (field->type == STYRO_TYPE_LATER) {
    return fail_later(in, styro_field_key(field), "");
  }
  const char *spelt = spelling(value);
  for (size_t i = 0; field->later != NULL && field->later[i] != NULL; i++) {
    if (strcmp(field->later[i], spelt) == 0) {
      return json_is_array(value) ? fail_later(in, styro_field_key(field), " as a list") : fail_later(in, spelt, "");
    }
  }
  return 0;
}
