/*
 * Readers of the types that hold several values: lists, maps, sets of protections and capabilities, descriptors, filter
 * programs, path rules. Knows no single scalar but through read_scalar.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capability.h"
#include "collection.h"
#include "complaints.h"
#include "grammar.h"
#include "nearest.h"
#include "protections.h"
#include "read.h"

static int read_item(struct styro_reading *in, const struct styro_field *field, struct styro_list *list,
                     const json_t *value)
{
  int code = styro_read_refuse_later(in, field, value);
  const char *text = code == 0 ? styro_text_of(in, field, value, &code) : NULL;
  if (text == NULL) {
    return code;
  }
  size_t known = 0;
  while (field->words != NULL && field->words[known] != NULL && strcmp(field->words[known], text) != 0) {
    known++;
  }
  if (field->words != NULL && field->words[known] == NULL) {
    return styro_read_unknown_word(in, field, text);
  }
  const char *complaint = field->complaint == NULL ? NULL : field->complaint(text);
  if (complaint != NULL) {
    code = styro_read_complaint(in, text, complaint);
    styro_read_hint(in, field);
    return code;
  }
  char normal[STYRO_PATH_MAX];
  bool variables = (field->flags & STYRO_FIELD_VARIABLES) != 0;
  if ((field->flags & STYRO_FIELD_PATHS) != 0 &&
      (code = styro_read_path_text(in, text, variables, normal, &text)) != 0) {
    return code;
  }
  return styro_list_append(&in->layer->alloc, list, text) == 0 ? 0 : styro_read_memory(in);
}

/* One item of a list, set or program. */
typedef int item_reader(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *item);

/* What is wrong with an item is said at the item's own pointer. */
static int read_items(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value,
                      item_reader *read_one)
{
  if (!json_is_array(value)) {
    return styro_read_wrong(in, field, value);
  }
  for (size_t i = 0; i < json_array_size(value); i++) {
    size_t mark = styro_at_push_index(in, i);
    int code = read_one(in, field, base, json_array_get(value, i));
    if (code != 0) {
      return code;
    }
    styro_at_pop(in, mark);
  }
  return 0;
}

static int read_list_item(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *item)
{
  return read_item(in, field, styro_field_place(field, base), item);
}

/* Counted before it is read: an absurd list costs nothing. */
int styro_read_list(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  struct styro_list *list = styro_field_place(field, base);
  if (json_is_string(value) && (field->flags & STYRO_FIELD_ONE_OR_MORE) != 0) {
    return read_item(in, field, list, value);
  }
  int code = json_is_array(value) ? styro_read_count(in, field, list->n + json_array_size(value)) : 0;
  return code == 0 ? read_items(in, field, base, value, read_list_item) : code;
}

/* The value first: its message is the more useful where both are wrong. */
static int read_entry(struct styro_reading *in, const struct styro_field *field, struct styro_map *map, const char *key,
                      const json_t *value)
{
  int code = 0;
  const char *text = styro_text_of(in, field, value, &code);
  if (text == NULL) {
    return code;
  }
  const char *complaint = field->complaint == NULL ? NULL : field->complaint(key);
  if (complaint != NULL) {
    code = styro_read_complaint(in, key, complaint);
    styro_read_hint(in, field);
    return code;
  }
  return styro_map_set(&in->layer->alloc, map, key, text) == 0 ? 0 : styro_read_memory(in);
}

int styro_read_map(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  int code =
      json_is_object(value) ? styro_read_count(in, field, json_object_size(value)) : styro_read_wrong(in, field, value);
  if (code != 0) {
    return code;
  }
  const char *key;
  json_t *item;
  json_object_foreach((json_t *)value, key, item)
  {
    size_t mark = styro_at_push(in, key);
    code = read_entry(in, field, styro_field_place(field, base), key, item);
    if (code != 0) {
      return code;
    }
    styro_at_pop(in, mark);
  }
  return 0;
}

/* The group words are offered too. */
static int fail_unknown_protection(struct styro_reading *in, const char *name)
{
  struct styro_nearest nearest = {.word = name};
  for (int i = 0; i < STYRO_PROTECTION_COUNT; i++) {
    styro_nearest_offer(&nearest, styro_protection_name(i));
  }
  styro_nearest_offer(&nearest, "limits");
  styro_nearest_offer(&nearest, "landlock");
  styro_read_complaint(in, name, "is not the name of a protection");
  if (nearest.best != NULL) {
    styro_error_hint(in->err, "did you mean `%s`?", nearest.best);
  } else {
    styro_error_hint(in->err, "the names are those that an outcome lists, and the words `limits` and `landlock`");
  }
  return STYRO_EREQUEST;
}

static int read_protection(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *item)
{
  int code = 0;
  const char *name = styro_text_of(in, field, item, &code);
  if (name == NULL) {
    return code;
  }
  uint64_t bits = styro_protections_named(name);
  if (bits == 0) {
    return fail_unknown_protection(in, name);
  }
  if ((bits & STYRO_NEVER_BEST_EFFORT) != 0) {
    styro_read_complaint(in, name, "can never be missing: a sandbox without it would be none");
    styro_error_hint(in->err, "remove it from `best_effort`");
    return STYRO_EREQUEST;
  }
  *(uint64_t *)styro_field_place(field, base) |= bits;
  return 0;
}

int styro_read_protections(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  return read_items(in, field, base, value, read_protection);
}

static bool is_all(const char *name)
{
  return strcmp(name, "ALL") == 0;
}

static int read_capability(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *item)
{
  int code = 0;
  const char *name = styro_text_of(in, field, item, &code);
  if (name == NULL) {
    return code;
  }
  if (is_all(name)) {
    *(uint64_t *)styro_field_place(field, base) = STYRO_CAPS_ALL;
    return 0;
  }
  int number = styro_capability_number(name);
  if (number < 0) {
    styro_read_complaint(in, name, "is not the name of a capability");
    styro_error_hint(in->err,
                     "capabilities(7) lists them, by name or from 0 to %d; CAP_NET_RAW may also be written as net_raw",
                     CAP_LAST_CAP);
    return STYRO_EREQUEST;
  }
  *(uint64_t *)styro_field_place(field, base) |= UINT64_C(1) << number;
  return 0;
}

int styro_read_caps(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  const char *text = styro_json_text(value);
  if (text != NULL && strcmp(text, "none") == 0) {
    *(uint64_t *)styro_field_place(field, base) = 0;
    return 0;
  }
  if (text != NULL && is_all(text)) {
    return read_capability(in, field, base, value);
  }
  return read_items(in, field, base, value, read_capability);
}

/* An item of a list of numbers; a setter's text may be one too. */
static bool number_of(const struct styro_reading *in, const json_t *item, int64_t *out)
{
  const char *text = in->origin == STYRO_FROM_TEXT ? styro_json_text(item) : NULL;
  *out = json_integer_value(item);
  return json_is_integer(item) || (text != NULL && styro_grammar_int(text, out) == STYRO_GRAMMAR_OK);
}

static int fail_port(struct styro_reading *in, int64_t port, const char *words)
{
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "port %" PRId64 " %s", port, words);
  styro_error_field(in->err, "%s", in->at);
  styro_error_hint(in->err, "a port is a number from 0 to 65535, and stands there once");
  return STYRO_EREQUEST;
}

static int read_port(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *item)
{
  struct styro_list *ports = styro_field_place(field, base);
  char text[24];
  int64_t port = 0;
  if (!number_of(in, item, &port)) {
    return styro_read_wrong(in, field, item);
  }
  if (port < 0 || port > UINT16_MAX) {
    return fail_port(in, port, "is out of range");
  }
  snprintf(text, sizeof text, "%" PRId64, port);
  for (size_t i = 0; i < ports->n; i++) {
    if (strcmp(ports->items[i], text) == 0) {
      return fail_port(in, port, "stands there twice");
    }
  }
  return styro_list_append(&in->layer->alloc, ports, text) == 0 ? 0 : styro_read_memory(in);
}

int styro_read_ports(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  struct styro_list *ports = styro_field_place(field, base);
  int code = json_is_array(value) ? styro_read_count(in, field, ports->n + json_array_size(value)) : 0;
  return code == 0 ? read_items(in, field, base, value, read_port) : code;
}

/* One descriptor twice would mean that the second close(2) hits a stranger's. */
static int read_descriptor(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *item)
{
  struct styro_fields *fields = base;
  int64_t fd = 0;
  if (!number_of(in, item, &fd)) {
    return styro_read_wrong(in, field, item);
  }
  if (fd < field->min || fd > field->max) {
    styro_read_range(in, field, item);
    styro_error_hint(in->err, "0, 1 and 2 are the standard streams, which each run chooses");
    return STYRO_EREQUEST;
  }
  for (size_t i = 0; i < fields->preserve_fds_n; i++) {
    if (fields->preserve_fds[i] == fd) {
      styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "descriptor %d stands there twice", (int)fd);
      styro_error_field(in->err, "%s", in->at);
      return STYRO_EREQUEST;
    }
  }
  int failed = styro_ints_append(&in->layer->alloc, &fields->preserve_fds, &fields->preserve_fds_n, (int)fd);
  return failed ? styro_read_memory(in) : 0;
}

int styro_read_fds(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  struct styro_fields *fields = base;
  const char *text = styro_json_text(value);
  if (text != NULL && strcmp(text, "by_caller") == 0) {
    fields->preserve_by_caller = true;
    return 0;
  }
  if (fields->preserve_by_caller) {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0,
               "preserve_fds is `by_caller`, and lists none of its own");
    styro_error_field(in->err, "%s", in->at);
    styro_error_hint(in->err, "hand the descriptor over with the run");
    return STYRO_EREQUEST;
  }
  return read_items(in, field, base, value, read_descriptor);
}

static bool part_of_instruction(const json_t *item, size_t index, uint32_t max, uint32_t *out)
{
  const json_t *part = json_array_get(item, index);
  if (!json_is_integer(part) || json_integer_value(part) < 0 || json_integer_value(part) > (json_int_t)max) {
    return false;
  }
  *out = (uint32_t)json_integer_value(part);
  return true;
}

/* Whether the program is sound is a matter of the rules; here only the shape. */
static int read_instruction(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *item)
{
  struct styro_fields *fields = base;
  uint32_t code, jt, jf, k;
  if (!json_is_array(item) || json_array_size(item) != 4 || !part_of_instruction(item, 0, UINT16_MAX, &code) ||
      !part_of_instruction(item, 1, UINT8_MAX, &jt) || !part_of_instruction(item, 2, UINT8_MAX, &jf) ||
      !part_of_instruction(item, 3, UINT32_MAX, &k)) {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0,
               "not an instruction: four whole numbers [code, jt, jf, k] of 16, 8, 8 and 32 bits");
    styro_error_field(in->err, "%s", in->at);
    return STYRO_EREQUEST;
  }
  (void)field;
  fields->bpf[fields->bpf_n++] =
      (struct styro_bpf){.code = (uint16_t)code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
  return 0;
}

/* Into a block of its own first, so that a wrong instruction leaves no half program. */
int styro_read_bpf(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  size_t n = json_array_size(value);
  int code = json_is_array(value) ? styro_read_count(in, field, n) : styro_read_wrong(in, field, value);
  if (code != 0) {
    return code;
  }
  struct styro_fields scratch = {.bpf = styro_alloc_array(&in->layer->alloc, n, sizeof(struct styro_bpf))};
  if (scratch.bpf == NULL) {
    return styro_read_memory(in);
  }
  code = read_items(in, field, &scratch, value, read_instruction);
  if (code != 0) {
    styro_dealloc(&in->layer->alloc, scratch.bpf, n * sizeof(struct styro_bpf));
    return code;
  }
  struct styro_fields *fields = base;
  fields->bpf = scratch.bpf;
  fields->bpf_n = scratch.bpf_n;
  return 0;
}

/* `/out` and `/out/` are the same place: one object must not say both. */
static int fail_same_place(struct styro_reading *in, const char *key, const char *path)
{
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0,
             "`%.200s` is the same place as another key of `paths`: "
             "both are `%.200s`",
             key, path);
  styro_error_field(in->err, "%s", in->at);
  styro_error_object(in->err, "%s", path);
  styro_error_hint(in->err, "keep one of them");
  return STYRO_EREQUEST;
}

/* Two keys of one object, not two layers: those may well name the same place. */
static int read_rule(struct styro_reading *in, struct styro_fields *fields, const char *key, const json_t *value)
{
  const styro_allocator *alloc = &in->layer->alloc;
  struct styro_path_rule rule = {.access = STYRO_ACCESS_RO};
  int code = styro_read_rule_path(in, key, &rule);
  if (code == 0 && styro_rules_find(fields, rule.path) != NULL) {
    code = fail_same_place(in, key, rule.path);
  }
  if (code == 0) {
    code = styro_read(in, styro_field_exact("/paths/*"), &rule, value);
  }
  if (code != 0) {
    styro_rule_free(alloc, &rule);
    return code;
  }
  return styro_rules_put(alloc, fields, &rule) == 0 ? 0 : styro_read_memory(in);
}

int styro_read_rules(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  int code =
      json_is_object(value) ? styro_read_count(in, field, json_object_size(value)) : styro_read_wrong(in, field, value);
  if (code != 0) {
    return code;
  }
  const char *key;
  json_t *rule;
  json_object_foreach((json_t *)value, key, rule)
  {
    size_t mark = styro_at_push(in, key);
    code = read_rule(in, base, key, rule);
    if (code != 0) {
      return code;
    }
    styro_at_pop(in, mark);
  }
  return 0;
}
