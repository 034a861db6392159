/*
 * ${NAME} in texts: found, replaced, and the paths that come out checked as if they had been written so. Knows no
 * environment: a variable has the value that the caller gave it, or none.
 */
#include "variables.h"

#include <string.h>

#include "collection.h"
#include "complaints.h"
#include "encoding.h"
#include "oci_source.h"
#include "read.h"

static bool is_name_character(char c, bool first)
{
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return letter || (!first && c >= '0' && c <= '9');
}

bool styro_variable_name_is_valid(const char *name, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    if (!is_name_character(name[i], i == 0)) {
      return false;
    }
  }
  return len > 0;
}

static int fail_variable(styro_error *err, const char *field, const char *object, const char *message)
{
  styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%.200s` %s", object, message);
  styro_error_field(err, "%s", field);
  styro_error_object(err, "%s", object);
  return STYRO_EREQUEST;
}

/* The name is no text of its own: it ends at the brace. */
static const char *find_value(const struct styro_map *variables, const char *name, size_t len)
{
  for (size_t i = 0; i < variables->n; i++) {
    if (strlen(variables->keys[i]) == len && memcmp(variables->keys[i], name, len) == 0) {
      return variables->values[i];
    }
  }
  return NULL;
}

/* Appends the value of the variable that starts at *text and moves on behind it. */
static int expand_one(struct styro_buffer *buffer, const struct styro_map *variables, const char **text,
                      const char *field, styro_error *err)
{
  const char *name = *text + 2;
  const char *end = strchr(name, '}');
  size_t len = end == NULL ? 0 : (size_t)(end - name);
  if (!styro_variable_name_is_valid(name, len)) {
    fail_variable(err, field, *text, "has no name of a variable between `${` and `}`");
    styro_error_hint(err, "write `${NAME}`, or `$${` for the characters themselves");
    return STYRO_EREQUEST;
  }
  const char *value = find_value(variables, name, len);
  if (value == NULL) {
    styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "the variable `%.*s` has no value", (int)len, name);
    styro_error_field(err, "%s", field);
    styro_error_object(err, "%.*s", (int)len, name);
    styro_error_hint(err, "give it one with the request, or write `$${` for the characters themselves");
    return STYRO_EREQUEST;
  }
  /* Not when it is given: a caller's directory may be called anything as long as nobody asks for it. */
  if (!styro_utf8_valid(value, strlen(value))) {
    styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0,
               "the value of the variable `%.*s` is not valid UTF-8, which a request consists of", (int)len, name);
    styro_error_field(err, "%s", field);
    styro_error_object(err, "%s", value);
    return STYRO_EREQUEST;
  }
  styro_buffer_text(buffer, value);
  *text = end + 1;
  return 0;
}

/* What comes out of a variable is not looked through again: a value cannot smuggle in another. */
static int expand_all(struct styro_buffer *buffer, const struct styro_map *variables, const char *text,
                      const char *field, styro_error *err)
{
  while (*text != '\0') {
    int code = 0;
    if (strncmp(text, "$${", 3) == 0) {
      styro_buffer_text(buffer, "${");
      text += 3;
    } else if (strncmp(text, "${", 2) == 0) {
      code = expand_one(buffer, variables, &text, field, err);
    } else {
      styro_buffer_bytes(buffer, text++, 1);
    }
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

char *styro_variables_expand(const styro_allocator *alloc, const struct styro_map *variables, const char *text,
                             const char *field, int *code, styro_error *err)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, alloc);
  *code = expand_all(&buffer, variables, text, field, err);
  if (*code != 0) {
    styro_buffer_free(&buffer);
    return NULL;
  }
  char *expanded = styro_buffer_steal(&buffer);
  if (expanded == NULL) {
    *code = styro_fail_memory(err, STYRO_STAGE_VALIDATE);
  }
  return expanded;
}

/* Replaces an owned text by what it expands to. */
static int expand_text(struct styro_layer *layer, const struct styro_map *variables, char **text, const char *field,
                       styro_error *err)
{
  if (*text == NULL || strstr(*text, "${") == NULL) {
    return 0;
  }
  int code = 0;
  char *expanded = styro_variables_expand(&layer->alloc, variables, *text, field, &code, err);
  if (expanded != NULL) {
    styro_strfree(&layer->alloc, *text);
    *text = expanded;
  }
  return code;
}

static int fail_path(styro_error *err, const char *field, const char *path, const char *complaint)
{
  fail_variable(err, field, path, complaint);
  styro_error_hint(err, "this is what the variables in it make of the path");
  return STYRO_EREQUEST;
}

/* Checked now, because only now it is a path. */
static int expand_path(struct styro_layer *layer, const struct styro_map *variables, char **text, const char *field,
                       styro_error *err)
{
  if (*text == NULL || strstr(*text, "${") == NULL) {
    return 0;
  }
  char normal[STYRO_PATH_MAX];
  int code = expand_text(layer, variables, text, field, err);
  const char *complaint = code == 0 ? styro_path_normalise(*text, normal) : NULL;
  if (complaint != NULL) {
    return fail_path(err, field, *text, complaint);
  }
  if (code == 0 && styro_text_replace(&layer->alloc, text, normal) != 0) {
    code = styro_fail_memory(err, STYRO_STAGE_VALIDATE);
  }
  return code;
}

static int expand_map(struct styro_layer *layer, const struct styro_map *variables, struct styro_map *map,
                      const struct styro_field *field, styro_error *err)
{
  for (size_t i = 0; i < map->n; i++) {
    struct styro_reading in = {.err = err};
    memcpy(in.at, field->pointer, strlen(field->pointer) + 1);
    styro_at_push(&in, map->keys[i]);
    int code = expand_text(layer, variables, &map->values[i], in.at, err);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

static int expand_paths(struct styro_layer *layer, const struct styro_map *variables, const struct styro_list *list,
                        const char *field, styro_error *err)
{
  for (size_t i = 0; i < list->n; i++) {
    struct styro_reading in = {.err = err};
    memcpy(in.at, field, strlen(field) + 1);
    styro_at_push_index(&in, i);
    int code = expand_path(layer, variables, &list->items[i], in.at, err);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

/* Two keys may turn out to be one place only now. */
static int check_place(const struct styro_fields *fields, size_t at, const char *written, const char *field,
                       styro_error *err)
{
  const char *path = fields->rules[at].path;
  if (strcmp(path, "/") == 0) {
    fail_variable(err, field, written, "is the root, and `paths` holds what stands below it");
    styro_error_hint(err, "use `root`: \"system\", \"empty\" or {\"directory\": \"/srv/tree\"}");
    return STYRO_EREQUEST;
  }
  for (size_t i = 0; i < fields->rules_n; i++) {
    if (i != at && strcmp(fields->rules[i].path, path) == 0) {
      styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0,
                 "`%.200s` is the same place as another key of `paths`: both are `%.200s`", written, path);
      styro_error_field(err, "%s", field);
      styro_error_object(err, "%s", path);
      styro_error_hint(err, "keep one of them");
      return STYRO_EREQUEST;
    }
  }
  return 0;
}

static int expand_rule(struct styro_layer *layer, const struct styro_map *variables, size_t at, styro_error *err)
{
  struct styro_path_rule *rule = &layer->fields.rules[at];
  struct styro_reading in = {.err = err, .at = "/paths"};
  styro_at_push(&in, rule->path);
  int code = 0;
  if (strstr(rule->path, "${") != NULL) {
    char *written = styro_strdup(&layer->alloc, rule->path);
    code = written == NULL ? styro_fail_memory(err, STYRO_STAGE_VALIDATE)
                           : expand_path(layer, variables, &rule->path, in.at, err);
    if (code == 0) {
      code = check_place(&layer->fields, at, written, in.at, err);
    }
    styro_strfree(&layer->alloc, written);
  }
  if (code == 0) {
    styro_at_push(&in, "from");
    code = expand_path(layer, variables, &rule->from, in.at, err);
  }
  return code;
}

/* The paths of one layer only: that a later layer names the same place is how presets are overruled. */
static int expand_rules(struct styro_layer *layer, const struct styro_map *variables, styro_error *err)
{
  for (size_t i = 0; i < layer->fields.rules_n; i++) {
    int code = expand_rule(layer, variables, i, err);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

static int expand_key(struct styro_layer *layer, const struct styro_map *variables, const struct styro_field *row,
                      struct styro_mount *mount, struct styro_reading *in, styro_error *err)
{
  void *place = styro_field_place(row, mount);
  size_t mark = styro_at_push(in, styro_field_key(row));
  int code = 0;
  switch (row->type) {
  case STYRO_TYPE_LIST: code = expand_paths(layer, variables, place, in->at, err); break;
  case STYRO_TYPE_TEXT: code = expand_text(layer, variables, place, in->at, err); break;
  default: code = expand_path(layer, variables, place, in->at, err);
  }
  styro_at_pop(in, mark);
  return code;
}

static int expand_mount(struct styro_layer *layer, const struct styro_map *variables, size_t at, styro_error *err)
{
  struct styro_mount *mount = &layer->fields.mounts.items[at];
  const struct styro_field *object = styro_field_exact("/mounts/*"), *row = NULL;
  struct styro_reading in = {.err = err, .at = "/mounts"};
  int code = 0;
  styro_at_push_index(&in, at);
  while (code == 0 && (row = styro_field_child(object, row)) != NULL) {
    if ((row->flags & STYRO_FIELD_VARIABLES) != 0) {
      code = expand_key(layer, variables, row, mount, &in, err);
    }
  }
  return code;
}

static int expand_mounts(struct styro_layer *layer, const struct styro_map *variables, styro_error *err)
{
  int code = 0;
  for (size_t i = 0; code == 0 && i < layer->fields.mounts.n; i++) {
    code = expand_mount(layer, variables, i, err);
  }
  return code;
}

int styro_variables_resolve(struct styro_layer *layer, const struct styro_map *variables, styro_error *err)
{
  int code = expand_rules(layer, variables, err);
  code = code == 0 ? expand_mounts(layer, variables, err) : code;
  for (size_t i = 0; code == 0 && i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    if ((field->flags & STYRO_FIELD_VARIABLES) == 0 || !layer->set[i] || styro_field_in_entry(field)) {
      continue;
    }
    void *place = styro_field_place(field, &layer->fields);
    bool file = field->type == STYRO_TYPE_OCI && styro_oci_is_path(*(char *const *)place);
    if (field->type == STYRO_TYPE_PATH || field->type == STYRO_TYPE_SOURCE || file) {
      code = expand_path(layer, variables, place, field->pointer, err);
    } else if (field->type == STYRO_TYPE_MAP) {
      code = expand_map(layer, variables, place, field, err);
    } else if ((field->flags & STYRO_FIELD_PATHS) != 0) {
      code = expand_paths(layer, variables, place, field->pointer, err);
    }
  }
  return code;
}
