/*
 * Fields as JSON text, in the table's order, written so that reading it back gives the same fields; and single values
 * as plain text. Knows neither jansson nor any rule.
 */
#include "json_write.h"

#include <inttypes.h>
#include <string.h>

#include "capability.h"
#include "collection.h"
#include "grammar.h"
#include "groups.h"
#include "id_map.h"
#include "mount_list.h"
#include "oci_source.h"
#include "protections.h"

static void write_string(struct styro_buffer *buffer, const char *text)
{
  styro_buffer_json_string(buffer, text, strlen(text));
}

static void write_separator(struct styro_buffer *buffer, bool *first)
{
  if (!*first) {
    styro_buffer_text(buffer, ",");
  }
  *first = false;
}

static void write_list(struct styro_buffer *buffer, const struct styro_list *list)
{
  bool first = true;
  styro_buffer_text(buffer, "[");
  for (size_t i = 0; i < list->n; i++) {
    write_separator(buffer, &first);
    write_string(buffer, list->items[i]);
  }
  styro_buffer_text(buffer, "]");
}

/* Their texts are decimal. */
static void write_ports(struct styro_buffer *buffer, const struct styro_list *list)
{
  bool first = true;
  styro_buffer_text(buffer, "[");
  for (size_t i = 0; i < list->n; i++) {
    write_separator(buffer, &first);
    styro_buffer_text(buffer, list->items[i]);
  }
  styro_buffer_text(buffer, "]");
}

static void write_map(struct styro_buffer *buffer, const struct styro_map *map)
{
  bool first = true;
  styro_buffer_text(buffer, "{");
  for (size_t i = 0; i < map->n; i++) {
    write_separator(buffer, &first);
    write_string(buffer, map->keys[i]);
    styro_buffer_text(buffer, ":");
    write_string(buffer, map->values[i]);
  }
  styro_buffer_text(buffer, "}");
}

static void write_protections(struct styro_buffer *buffer, uint64_t bits)
{
  bool first = true;
  styro_buffer_text(buffer, "[");
  for (int i = 0; i < STYRO_PROTECTION_COUNT; i++) {
    if ((bits & STYRO_BIT(i)) != 0) {
      write_separator(buffer, &first);
      write_string(buffer, styro_protection_name(i));
    }
  }
  styro_buffer_text(buffer, "]");
}

/* By name, also where it was given as a number: requests travel between kernels. */
static void write_caps(struct styro_buffer *buffer, uint64_t bits)
{
  bool first = true;
  char name[64];
  if (bits == STYRO_CAPS_ALL) {
    write_string(buffer, "ALL");
    return;
  }
  styro_buffer_text(buffer, "[");
  for (int i = 0; i < 64; i++) {
    if ((bits >> i & 1) != 0) {
      write_separator(buffer, &first);
      write_string(buffer, styro_capability_name(i, name, sizeof name));
    }
  }
  styro_buffer_text(buffer, "]");
}

static void write_fds(struct styro_buffer *buffer, const struct styro_fields *fields)
{
  if (fields->preserve_by_caller) {
    write_string(buffer, "by_caller");
    return;
  }
  bool first = true;
  styro_buffer_text(buffer, "[");
  for (size_t i = 0; i < fields->preserve_fds_n; i++) {
    write_separator(buffer, &first);
    styro_buffer_format(buffer, "%d", fields->preserve_fds[i]);
  }
  styro_buffer_text(buffer, "]");
}

static void write_bpf(struct styro_buffer *buffer, const struct styro_fields *fields)
{
  bool first = true;
  styro_buffer_text(buffer, "[");
  for (size_t i = 0; i < fields->bpf_n; i++) {
    const struct styro_bpf *one = &fields->bpf[i];
    write_separator(buffer, &first);
    styro_buffer_format(buffer, "[%u,%u,%u,%" PRIu32 "]", one->code, one->jt, one->jf, one->k);
  }
  styro_buffer_text(buffer, "]");
}

static void write_groups(struct styro_buffer *buffer, const char *groups)
{
  uint32_t id = 0;
  bool first = true;
  if (styro_groups_kept(groups)) {
    write_string(buffer, groups);
    return;
  }
  styro_buffer_text(buffer, "[");
  while (styro_groups_next(&groups, &id)) {
    write_separator(buffer, &first);
    styro_buffer_format(buffer, "%" PRIu32, id);
  }
  styro_buffer_text(buffer, "]");
}

static void write_id_map(struct styro_buffer *buffer, const char *map)
{
  struct styro_id_range range;
  bool first = true;
  if (!styro_id_map_next(&(const char *){map}, &range)) {
    write_string(buffer, map);
    return;
  }
  styro_buffer_text(buffer, "[");
  while (styro_id_map_next(&map, &range)) {
    write_separator(buffer, &first);
    styro_buffer_format(buffer, "[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", range.inside, range.outside, range.count);
  }
  styro_buffer_text(buffer, "]");
}

/* A path begins with a slash or a variable. */
static void write_source(struct styro_buffer *buffer, const char *object)
{
  if (styro_source_fd(object) >= 0) {
    styro_buffer_text(buffer, object);
  } else {
    write_string(buffer, object);
  }
}

static void write_rules(struct styro_buffer *buffer, const struct styro_fields *fields)
{
  bool first = true;
  styro_buffer_text(buffer, "{");
  for (size_t i = 0; i < fields->rules_n; i++) {
    write_separator(buffer, &first);
    write_string(buffer, fields->rules[i].path);
    styro_buffer_text(buffer, ":");
    styro_write_rule(buffer, &fields->rules[i]);
  }
  styro_buffer_text(buffer, "}");
}

static void write_oci(struct styro_buffer *buffer, const char *text)
{
  if (styro_oci_is_path(text)) {
    write_string(buffer, text);
  } else {
    styro_buffer_text(buffer, text);
  }
}

static void write_value(struct styro_buffer *buffer, const struct styro_field *field, const void *base);

/* What was given, in the table's order. */
void styro_write_mount(struct styro_buffer *buffer, const struct styro_mount *mount)
{
  const struct styro_field *object = styro_field_exact("/mounts/*");
  const struct styro_field *row = NULL;
  bool first = true;
  styro_buffer_text(buffer, "{");
  while ((row = styro_field_child(object, row)) != NULL) {
    if (styro_mount_has(mount, row)) {
      write_separator(buffer, &first);
      write_string(buffer, styro_field_key(row));
      styro_buffer_text(buffer, ":");
      write_value(buffer, row, mount);
    }
  }
  styro_buffer_text(buffer, "}");
}

static void write_mounts(struct styro_buffer *buffer, const struct styro_mounts *mounts)
{
  bool first = true;
  styro_buffer_text(buffer, "[");
  for (size_t i = 0; i < mounts->n; i++) {
    write_separator(buffer, &first);
    styro_write_mount(buffer, &mounts->items[i]);
  }
  styro_buffer_text(buffer, "]");
}

/* The counterpart of store_number in read_scalar.c. */
static int64_t load_number(const struct styro_field *field, const void *place)
{
  return field->size == sizeof(uint32_t) ? (int64_t) * (const uint32_t *)place : *(const int64_t *)place;
}

static void write_limit(struct styro_buffer *buffer, uint64_t limit)
{
  char text[STYRO_PRINTED];
  if (limit == STYRO_UNLIMITED) {
    write_string(buffer, "unlimited");
  } else if (limit > INT64_MAX) {
    write_string(buffer, styro_print_size(limit, text)); /* more than a JSON integer of jansson holds */
  } else {
    styro_buffer_format(buffer, "%" PRIu64, limit);
  }
}

/* Durations as text: seconds as a JSON number would lose nanoseconds in a double. */
static void write_number(struct styro_buffer *buffer, const struct styro_field *field, const void *place)
{
  int64_t number = load_number(field, place);
  char text[STYRO_PRINTED];
  switch (field->type) {
  case STYRO_TYPE_DURATION: write_string(buffer, styro_print_duration(number, text)); break;
  case STYRO_TYPE_OFFSET: write_string(buffer, styro_print_offset(number, text)); break;
  case STYRO_TYPE_CORES: styro_buffer_text(buffer, styro_print_cores(number, text)); break;
  case STYRO_TYPE_MODE: styro_buffer_format(buffer, "\"%04" PRIo64 "\"", (uint64_t)number); break;
  default: styro_buffer_format(buffer, "%" PRId64, number);
  }
}

void styro_write_word(struct styro_buffer *buffer, const char *word)
{
  bool value = false;
  if (styro_grammar_bool(word, &value) == STYRO_GRAMMAR_OK) {
    styro_buffer_text(buffer, word);
  } else {
    write_string(buffer, word);
  }
}

/* One field that is no object. */
static void write_value(struct styro_buffer *buffer, const struct styro_field *field, const void *base)
{
  const void *place = styro_field_place_const(field, base);
  switch (field->type) {
  case STYRO_TYPE_BOOL: styro_buffer_text(buffer, *(const bool *)place ? "true" : "false"); break;
  case STYRO_TYPE_LIMIT: write_limit(buffer, *(const uint64_t *)place); break;
  case STYRO_TYPE_TEXT:
  case STYRO_TYPE_PATH: write_string(buffer, *(char *const *)place); break;
  case STYRO_TYPE_SOURCE: write_source(buffer, *(char *const *)place); break;
  case STYRO_TYPE_ENUM: styro_write_word(buffer, field->words[*(const int *)place]); break;
  case STYRO_TYPE_LIST: write_list(buffer, place); break;
  case STYRO_TYPE_PORTS: write_ports(buffer, place); break;
  case STYRO_TYPE_MAP: write_map(buffer, place); break;
  case STYRO_TYPE_PROTECTIONS: write_protections(buffer, *(const uint64_t *)place); break;
  case STYRO_TYPE_CAPS: write_caps(buffer, *(const uint64_t *)place); break;
  case STYRO_TYPE_GROUPS: write_groups(buffer, *(char *const *)place); break;
  case STYRO_TYPE_OCI: write_oci(buffer, *(char *const *)place); break;
  case STYRO_TYPE_FDS: write_fds(buffer, base); break;
  case STYRO_TYPE_BPF: write_bpf(buffer, base); break;
  case STYRO_TYPE_ID_MAP:
  case STYRO_TYPE_IDMAP: write_id_map(buffer, *(char *const *)place); break;
  case STYRO_TYPE_RULES: write_rules(buffer, base); break;
  case STYRO_TYPE_MOUNTS: write_mounts(buffer, place); break;
  default: write_number(buffer, field, place);
  }
}

/* A rule keeps no note of what was given: what is not the default is written. All defaults are zero bytes. */
static bool in_rule(const struct styro_field *field, const struct styro_path_rule *rule)
{
  static const char zeros[sizeof(struct styro_path_rule)];
  return field->type != STYRO_TYPE_LATER && memcmp(styro_field_place_const(field, rule), zeros, field->size) != 0;
}

static bool rule_is_word(const struct styro_path_rule *rule)
{
  const struct styro_field *object = styro_field_exact("/paths/*");
  const struct styro_field *child = NULL;
  bool word = true;
  while ((child = styro_field_child(object, child)) != NULL) {
    word = word && (child == styro_field_shorthand(object) || !in_rule(child, rule));
  }
  return word;
}

void styro_write_rule(struct styro_buffer *buffer, const struct styro_path_rule *rule)
{
  const struct styro_field *object = styro_field_exact("/paths/*");
  const struct styro_field *access = styro_field_shorthand(object);
  const struct styro_field *child = NULL;
  if (rule_is_word(rule)) {
    write_value(buffer, access, rule);
    return;
  }
  bool first = true;
  styro_buffer_text(buffer, "{");
  while ((child = styro_field_child(object, child)) != NULL) {
    if (child == access || in_rule(child, rule)) {
      write_separator(buffer, &first);
      write_string(buffer, styro_field_key(child));
      styro_buffer_text(buffer, ":");
      write_value(buffer, child, rule);
    }
  }
  styro_buffer_text(buffer, "}");
}

/* The child whose value says it all: the shorthand's when no sibling was given, or any of those that are all alike. */
static const struct styro_field *alone(const struct styro_layer *layer, const struct styro_field *object)
{
  const struct styro_field *first =
      styro_field_every_child(object) ? styro_field_child(object, NULL) : styro_field_shorthand(object);
  if (first == NULL || !styro_layer_has(layer, first)) {
    return NULL;
  }
  const struct styro_field *child = NULL;
  while ((child = styro_field_child(object, child)) != NULL) {
    bool apart = (child->flags & STYRO_FIELD_APART) != 0;
    bool alike = styro_field_every_child(object) && !apart && styro_layer_has(layer, child) &&
                 memcmp(styro_field_place_const(child, &layer->fields), styro_field_place_const(first, &layer->fields),
                        first->size) == 0;
    bool absent = (apart || !styro_field_every_child(object)) && !styro_layer_has(layer, child);
    if (child != first && !alike && !absent) {
      return NULL;
    }
  }
  return first;
}

/* Written as short as it can be read: `"timeout":"5s"`, not `"timeout":{"wall":"5s"}`. */
static void write_object(struct styro_buffer *buffer, const struct styro_layer *layer, const struct styro_field *object)
{
  const struct styro_field *child = alone(layer, object);
  if (child != NULL) {
    styro_write_json(buffer, layer, child);
    return;
  }
  bool first = true;
  styro_buffer_text(buffer, "{");
  while ((child = styro_field_child(object, child)) != NULL) {
    if (styro_layer_has(layer, child)) {
      write_separator(buffer, &first);
      write_string(buffer, styro_field_key(child));
      styro_buffer_text(buffer, ":");
      styro_write_json(buffer, layer, child);
    }
  }
  styro_buffer_text(buffer, "}");
}

/* As deep as the table is: three levels. */
void styro_write_json(struct styro_buffer *buffer, const struct styro_layer *layer, const struct styro_field *field)
{
  if (field->type == STYRO_TYPE_OBJECT) {
    write_object(buffer, layer, field);
  } else {
    write_value(buffer, field, &layer->fields);
  }
}

/* No quotes and no units: what a program compares, not what a person reads. */
void styro_write_plain(struct styro_buffer *buffer, const struct styro_field *field, const void *base)
{
  const void *place = styro_field_place_const(field, base);
  switch (field->type) {
  case STYRO_TYPE_TEXT:
  case STYRO_TYPE_SOURCE:
  case STYRO_TYPE_PATH: styro_buffer_text(buffer, *(char *const *)place); break;
  case STYRO_TYPE_ENUM: styro_buffer_text(buffer, field->words[*(const int *)place]); break;
  case STYRO_TYPE_OFFSET:
  case STYRO_TYPE_DURATION: styro_buffer_format(buffer, "%" PRId64, *(const int64_t *)place); break;
  case STYRO_TYPE_MODE: styro_buffer_format(buffer, "%04" PRIo64, (uint64_t)load_number(field, place)); break;
  case STYRO_TYPE_LIMIT:
    if (*(const uint64_t *)place == STYRO_UNLIMITED) {
      styro_buffer_text(buffer, "unlimited");
    } else {
      styro_buffer_format(buffer, "%" PRIu64, *(const uint64_t *)place);
    }
    break;
  default: write_value(buffer, field, base);
  }
}

void styro_write_plain_object(struct styro_buffer *buffer, const struct styro_layer *layer,
                              const struct styro_field *object)
{
  const struct styro_field *child = alone(layer, object);
  if (child != NULL) {
    styro_write_plain(buffer, child, &layer->fields);
  } else {
    write_object(buffer, layer, object);
  }
}

void styro_write_plain_rule(struct styro_buffer *buffer, const struct styro_path_rule *rule)
{
  if (rule_is_word(rule)) {
    styro_write_plain(buffer, styro_field_shorthand(styro_field_exact("/paths/*")), rule);
  } else {
    styro_write_rule(buffer, rule);
  }
}
