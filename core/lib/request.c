/*
 * The request as a handle: its life, and the few setters keyed by JSON pointer. Every setter turns what it is given
 * into a JSON value and reads that, so that a setter and a file say the same. What comes out of a handle:
 * request_text.c.
 */
#include <string.h>

#include "collection.h"
#include "encoding.h"
#include "handle.h"
#include "mount_list.h"
#include "pointer.h"

static int fail_usage(styro_error *err, const char *message)
{
  return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "%s", message);
}

int styro_request_new(const styro_allocator *alloc, styro_request **out, styro_error *err)
{
  if (out == NULL) {
    return fail_usage(err, "no place for the request to be handed out");
  }
  styro_allocator own = styro_allocator_or_malloc(alloc);
  struct styro_request *request = styro_alloc(&own, sizeof *request);
  if (request == NULL) {
    return styro_fail_memory(err, STYRO_STAGE_PARSE);
  }
  request->alloc = own;
  if (styro_layer_init(&request->own, &own) != 0) {
    styro_request_free(request);
    return styro_fail_memory(err, STYRO_STAGE_PARSE);
  }
  /* Only text has to say its version: a setter's is that of the library. */
  request->own.fields.version = 1;
  styro_layer_mark(&request->own, styro_field_exact("/version"));
  *out = request;
  return 0;
}

void styro_request_free(styro_request *request)
{
  if (request == NULL) {
    return;
  }
  styro_allocator alloc = request->alloc;
  styro_layer_free(&request->own);
  styro_map_free(&alloc, &request->variables);
  styro_strfree(&alloc, request->json);
  styro_strfree(&alloc, request->got);
  styro_strfree(&alloc, request->schema);
  styro_dealloc(&alloc, request, sizeof *request);
}

/* The version that a new handle has is read again from the text, which must have one. */
int styro_request_from_json(const styro_allocator *alloc, const char *text, size_t len, styro_request **out,
                            styro_error *err)
{
  if (text == NULL || out == NULL) {
    return fail_usage(err, "a text to read and a place for the request are needed");
  }
  styro_request *request = NULL;
  int code = styro_request_new(alloc, &request, err);
  if (code == 0) {
    code = styro_read_document(&request->own, text, len, err);
  }
  if (code != 0) {
    styro_request_free(request);
    return code;
  }
  *out = request;
  return 0;
}

/* An entry of a map, or a whole rule, is read as an object that holds just that. */
static int read_entry(struct styro_reading *in, const struct styro_place *place, json_t *value)
{
  json_auto_t *object = json_object();
  if (object == NULL || json_object_set_nocheck(object, place->key, value) != 0) {
    return styro_read_memory(in);
  }
  memcpy(in->at, place->container->pointer, strlen(place->container->pointer) + 1);
  return styro_read(in, place->container, &in->layer->fields, object);
}

/* A part of a rule: the rest of the rule stays what it was. */
static int read_rule_part(struct styro_reading *in, const struct styro_place *place, const struct styro_layer *own,
                          const json_t *value)
{
  const styro_allocator *alloc = &in->layer->alloc;
  struct styro_path_rule rule = {.access = STYRO_ACCESS_RO};
  int code = styro_read_rule_path(in, place->key, &rule);
  const struct styro_path_rule *known = code == 0 ? styro_rules_find(&own->fields, rule.path) : NULL;
  if (known != NULL) {
    styro_rule_free(alloc, &rule);
    code = styro_rule_copy(alloc, &rule, known) == 0 ? 0 : styro_read_memory(in);
  }
  if (code == 0) {
    code = styro_read(in, place->field, &rule, value);
  }
  if (code != 0) {
    styro_rule_free(alloc, &rule);
    return code;
  }
  styro_layer_mark(in->layer, place->container);
  return styro_rules_put(alloc, &in->layer->fields, &rule) == 0 ? 0 : styro_read_memory(in);
}

static int fail_no_entry(struct styro_reading *in, size_t n)
{
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "there is no such entry: the list has %zu", n);
  styro_error_field(in->err, "%s", in->at);
  styro_error_hint(in->err, "entries count from 0; `/mounts/-` adds one");
  return STYRO_EREQUEST;
}

/* Into an entry that is there, as a whole or one key of it; a new one, behind the last, begins as a whole. */
static int read_entry_of_list(struct styro_reading *in, const struct styro_place *place, struct styro_mounts *mounts,
                              const json_t *value)
{
  const styro_allocator *alloc = &in->layer->alloc;
  struct styro_mount mount;
  bool whole = place->field->type == STYRO_TYPE_OBJECT, adds = place->index == STYRO_INDEX_END;
  if (!adds && place->index >= mounts->n) {
    return fail_no_entry(in, mounts->n);
  }
  if (!whole) {
    return adds ? fail_no_entry(in, mounts->n)
                : styro_read_mount_key(in, place->field, &mounts->items[place->index], value);
  }
  int code = styro_read_mount(in, value, &mount);
  if (code == 0 && adds) {
    return styro_mounts_append(alloc, mounts, &mount) == 0 ? 0 : styro_read_memory(in);
  }
  if (code == 0) {
    styro_mount_free(alloc, &mounts->items[place->index]);
    mounts->items[place->index] = mount;
  }
  return code;
}

/* The list is replaced as a whole by what is laid on it, so the rest of it comes along. */
static int read_mount_place(struct styro_reading *in, const struct styro_place *place, const struct styro_layer *own,
                            const json_t *value)
{
  struct styro_mounts *mounts = &in->layer->fields.mounts;
  int code = styro_mounts_copy(&in->layer->alloc, mounts, &own->fields.mounts) == 0 ? 0 : styro_read_memory(in);
  code = code == 0 ? read_entry_of_list(in, place, mounts, value) : code;
  code = code == 0 ? styro_read_count(in, place->container, mounts->n) : code;
  if (code == 0) {
    styro_layer_mark(in->layer, place->container);
  }
  return code;
}

static int read_place(struct styro_reading *in, const struct styro_place *place, const struct styro_layer *own,
                      json_t *value)
{
  if (place->container == NULL) {
    return styro_read(in, place->field, &in->layer->fields, value);
  }
  if (place->container->type == STYRO_TYPE_MOUNTS) {
    return read_mount_place(in, place, own, value);
  }
  bool whole_entry = place->field == place->container || place->field->type == STYRO_TYPE_OBJECT;
  return whole_entry ? read_entry(in, place, value) : read_rule_part(in, place, own, value);
}

/*
 * Reads the value into a layer of its own and lays that on the request: what is wrong changes nothing. Adding starts
 * from what is there.
 */
static int assign(styro_request *request, struct styro_reading *in, const struct styro_place *place, json_t *value)
{
  struct styro_layer scratch;
  int failed = styro_layer_init(&scratch, &request->alloc);
  if (!failed && in->adding) {
    failed = styro_layer_apply(&scratch, &request->own);
  }
  int code = failed ? styro_read_memory(in) : 0;
  in->layer = &scratch;
  if (code == 0) {
    code = read_place(in, place, &request->own, value);
  }
  if (code == 0 && styro_layer_apply(&request->own, &scratch) != 0) {
    code = styro_read_memory(in);
  }
  styro_layer_free(&scratch);
  in->layer = NULL;
  return code;
}

/* JSON cannot carry other bytes, and the request could not be written back. */
static int check_text(struct styro_reading *in, const char *text)
{
  if (styro_utf8_valid(text, strlen(text))) {
    return 0;
  }
  return styro_read_complaint(in, text, "is not valid UTF-8, which a request consists of");
}

/* Whether the field takes JSON where its text looks like it: a path or a variable may well start with a bracket. */
static bool takes_json(const struct styro_field *field)
{
  switch (field->type) {
  case STYRO_TYPE_OBJECT:
  case STYRO_TYPE_LIST:
  case STYRO_TYPE_MAP:
  case STYRO_TYPE_PROTECTIONS:
  case STYRO_TYPE_CAPS:
  case STYRO_TYPE_GROUPS:
  case STYRO_TYPE_FDS:
  case STYRO_TYPE_PORTS:
  case STYRO_TYPE_BPF:
  case STYRO_TYPE_ID_MAP:
  case STYRO_TYPE_IDMAP:
  case STYRO_TYPE_OCI:
  case STYRO_TYPE_RULES:
  case STYRO_TYPE_MOUNTS: return true;
  default: return false;
  }
}

/* A syntax error has a line and a column of the value, and the field that it was for. */
static int value_of_json(struct styro_reading *in, const char *text, json_t **out)
{
  int code = styro_json_parse(text, strlen(text), out, in->err);
  if (code != 0) {
    styro_error_field(in->err, "%s", in->at);
  }
  return code;
}

/* From here on a list's items are JSON, and follow its stricter rules. */
static int value_of_text(struct styro_reading *in, const struct styro_place *place, const char *text, json_t **out)
{
  bool entry_of_map = place->field == place->container;
  const char *start = text + strspn(text, " \t\r\n");
  if (!entry_of_map && takes_json(place->field) && (*start == '[' || *start == '{')) {
    in->origin = STYRO_FROM_JSON;
    return value_of_json(in, text, out);
  }
  *out = json_string_nocheck(text);
  return *out == NULL ? styro_read_memory(in) : 0;
}

int styro_request_set(styro_request *request, const char *pointer, const char *text, styro_error *err)
{
  if (request == NULL || pointer == NULL || text == NULL) {
    return fail_usage(err, "a request, a pointer and a text are needed");
  }
  struct styro_reading in = {.err = err, .origin = STYRO_FROM_TEXT};
  struct styro_place place;
  json_auto_t *value = NULL;
  int code = styro_place_find(&in, pointer, &place);
  if (code != 0 || (code = check_text(&in, text)) != 0 || (code = value_of_text(&in, &place, text, &value)) != 0) {
    return code;
  }
  return assign(request, &in, &place, value);
}

/* JSON's integers are int64_t in jansson, so that nothing is lost on the way. */
int styro_request_set_int(styro_request *request, const char *pointer, int64_t value, styro_error *err)
{
  if (request == NULL || pointer == NULL) {
    return fail_usage(err, "a request and a pointer are needed");
  }
  struct styro_reading in = {.err = err, .origin = STYRO_FROM_INT};
  struct styro_place place;
  int code = styro_place_find(&in, pointer, &place);
  if (code != 0) {
    return code;
  }
  json_auto_t *integer = json_integer(value);
  return integer == NULL ? styro_read_memory(&in) : assign(request, &in, &place, integer);
}

int styro_request_set_json(styro_request *request, const char *pointer, const char *json, styro_error *err)
{
  if (request == NULL || pointer == NULL || json == NULL) {
    return fail_usage(err, "a request, a pointer and a JSON text are needed");
  }
  struct styro_reading in = {.err = err, .origin = STYRO_FROM_JSON};
  struct styro_place place;
  json_auto_t *value = NULL;
  int code = styro_place_find(&in, pointer, &place);
  if (code != 0 || (code = value_of_json(&in, json, &value)) != 0) {
    return code;
  }
  return assign(request, &in, &place, value);
}

/* One item more for a list, or for each of the sets that an object stands for. */
static int add_item(styro_request *request, struct styro_reading *in, const struct styro_place *place, json_t *item)
{
  const struct styro_field *field = place->field;
  bool holds_items = field->type == STYRO_TYPE_LIST || field->type == STYRO_TYPE_PROTECTIONS ||
                     field->type == STYRO_TYPE_CAPS || field->type == STYRO_TYPE_FDS ||
                     field->type == STYRO_TYPE_PORTS || strcmp(field->pointer, "/security/capabilities") == 0;
  if (!holds_items) {
    int code =
        styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%s` is no list that could be added to", in->at);
    styro_error_field(in->err, "%s", in->at);
    styro_error_hint(in->err, "set it, or add to a map with a key");
    return code;
  }
  json_auto_t *list = json_array();
  if (list == NULL || json_array_append(list, item) != 0) {
    return styro_read_memory(in);
  }
  in->adding = true;
  return assign(request, in, place, list);
}

static int fail_no_map(struct styro_reading *in)
{
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%s` is no map, and takes no key", in->at);
  styro_error_field(in->err, "%s", in->at);
  return STYRO_EREQUEST;
}

/* Moves the place to the entry with that key. */
static int descend_to_key(struct styro_reading *in, struct styro_place *place, const char *key)
{
  bool is_map =
      place->container == NULL && (place->field->type == STYRO_TYPE_MAP || place->field->type == STYRO_TYPE_RULES);
  if (!is_map) {
    return fail_no_map(in);
  }
  if (strlen(key) >= sizeof place->key) {
    return styro_read_complaint(in, key, "is too long for a key");
  }
  place->container = place->field;
  if (place->field->type == STYRO_TYPE_RULES) {
    place->field = styro_field_exact("/paths/*");
  }
  memcpy(place->key, key, strlen(key) + 1);
  styro_at_push(in, key);
  return check_text(in, key);
}

int styro_request_add(styro_request *request, const char *pointer, const char *key, const char *text, styro_error *err)
{
  if (request == NULL || pointer == NULL || text == NULL) {
    return fail_usage(err, "a request, a pointer and a text are needed");
  }
  struct styro_reading in = {.err = err, .origin = STYRO_FROM_TEXT};
  struct styro_place place;
  json_auto_t *value = NULL;
  int code = styro_place_find(&in, pointer, &place);
  if (code == 0 && key != NULL) {
    code = descend_to_key(&in, &place, key);
  }
  bool entry_of_list = code == 0 && key == NULL && place.field->type == STYRO_TYPE_MOUNTS;
  if (entry_of_list) {
    place.container = place.field;
    place.field = styro_field_exact("/mounts/*");
    place.index = STYRO_INDEX_END;
  }
  if (code != 0 || (code = check_text(&in, text)) != 0) {
    return code;
  }
  if (key != NULL || entry_of_list) {
    code = value_of_text(&in, &place, text, &value);
    return code != 0 ? code : assign(request, &in, &place, value);
  }
  value = json_string_nocheck(text);
  return value == NULL ? styro_read_memory(&in) : add_item(request, &in, &place, value);
}

int styro_request_set_fd(styro_request *request, const char *pointer, int fd, styro_error *err)
{
  if (request == NULL || pointer == NULL) {
    return fail_usage(err, "a request and a pointer are needed");
  }
  struct styro_reading in = {.err = err, .origin = STYRO_FROM_INT};
  struct styro_place place;
  int code = styro_place_find(&in, pointer, &place);
  if (code != 0) {
    return code;
  }
  if (place.field->type != STYRO_TYPE_FDS && place.field->type != STYRO_TYPE_SOURCE) {
    code = styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%s` takes no descriptor", in.at);
    styro_error_field(err, "%s", in.at);
    styro_error_hint(err, "descriptors are handed to `/preserve_fds`, or stand in place of a host path");
    return code;
  }
  json_auto_t *value = json_integer(fd);
  if (value == NULL) {
    return styro_read_memory(&in);
  }
  return place.field->type == STYRO_TYPE_SOURCE ? assign(request, &in, &place, value)
                                                : add_item(request, &in, &place, value);
}
