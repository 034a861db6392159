/*
 * What a request tells about itself as text: its JSON, single values after presets and defaults, the schema. Changes
 * nothing but the texts that the handle keeps for its caller.
 */
#include "collection.h"
#include "handle.h"
#include "json_write.h"
#include "mount_list.h"
#include "pointer.h"
#include "schema.h"

static int fail_usage(styro_error *err, const char *message)
{
  return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "%s", message);
}

/* The buffer's text becomes the one that the handle keeps for this function. */
static int hand_out(struct styro_buffer *buffer, char **kept, const char **out, styro_error *err)
{
  styro_allocator alloc = buffer->alloc;
  char *text = styro_buffer_steal(buffer);
  if (text == NULL) {
    return styro_fail_memory(err, STYRO_STAGE_NONE);
  }
  styro_strfree(&alloc, *kept);
  *kept = text;
  *out = text;
  return 0;
}

int styro_request_to_json(styro_request *request, const char **out, styro_error *err)
{
  if (request == NULL || out == NULL) {
    return fail_usage(err, "a request and a place for the text are needed");
  }
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &request->alloc);
  styro_write_json(&buffer, &request->own, styro_field_at(0));
  return hand_out(&buffer, &request->json, out, err);
}

int styro_request_schema(styro_request *request, const char **out, styro_error *err)
{
  if (request == NULL || out == NULL) {
    return fail_usage(err, "a request and a place for the text are needed");
  }
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &request->alloc);
  styro_schema_write(&buffer);
  return hand_out(&buffer, &request->schema, out, err);
}

/* A key that was not given is shown with its default. */
static bool write_mount_place(struct styro_buffer *buffer, const struct styro_mounts *mounts,
                              const struct styro_place *place)
{
  if (place->index >= mounts->n) {
    return false;
  }
  const struct styro_mount *mount = &mounts->items[place->index];
  if (place->field->type == STYRO_TYPE_OBJECT) {
    styro_write_mount(buffer, mount);
    return true;
  }
  bool shown = place->field->fallback != NULL || styro_mount_has(mount, place->field);
  if (shown) {
    styro_write_plain(buffer, place->field, mount);
  }
  return shown;
}

/* Returns false where there is neither a value nor a default. */
static bool write_entry(struct styro_buffer *buffer, const struct styro_layer *layer, const struct styro_place *place)
{
  if (place->container->type == STYRO_TYPE_MAP) {
    const char *text = styro_map_find(styro_field_place_const(place->container, &layer->fields), place->key);
    styro_buffer_text(buffer, text == NULL ? "" : text);
    return text != NULL;
  }
  if (place->container->type == STYRO_TYPE_MOUNTS) {
    return write_mount_place(buffer, &layer->fields.mounts, place);
  }
  char path[STYRO_PATH_MAX];
  const struct styro_path_rule *rule =
      styro_path_normalise(place->key, path) == NULL ? styro_rules_find(&layer->fields, path) : NULL;
  if (rule == NULL) {
    return false;
  }
  if (place->field->type == STYRO_TYPE_OBJECT) {
    styro_write_plain_rule(buffer, rule);
    return true;
  }
  bool nothing = place->field->type == STYRO_TYPE_LATER || /* has no member that could be shown */
                 (place->field->type == STYRO_TYPE_SOURCE && rule->from == NULL) ||
                 (place->field->type == STYRO_TYPE_IDMAP && rule->idmap == NULL);
  if (!nothing) {
    styro_write_plain(buffer, place->field, rule);
  }
  return !nothing;
}

/* A default is shown for what nobody set; an object without one is not there. */
static bool write_place(struct styro_buffer *buffer, const struct styro_layer *layer, const struct styro_place *place)
{
  const struct styro_field *field = place->field;
  if (place->container != NULL) {
    return write_entry(buffer, layer, place);
  }
  if (field->type == STYRO_TYPE_OBJECT) {
    if (styro_layer_has(layer, field)) {
      styro_write_plain_object(buffer, layer, field);
      return true;
    }
    field = styro_field_shorthand(field);
  }
  if (field == NULL || (field->fallback == NULL && !styro_layer_has(layer, field))) {
    return false;
  }
  styro_write_plain(buffer, field, &layer->fields);
  return true;
}

/* Resolved anew at each call: a getter is for people and tests, and no state can go stale. */
int styro_request_get(styro_request *request, const char *pointer, const char **out, styro_error *err)
{
  if (request == NULL || pointer == NULL || out == NULL) {
    return fail_usage(err, "a request, a pointer and a place for the text are needed");
  }
  struct styro_reading in = {.err = err};
  struct styro_place place;
  int code = styro_place_find(&in, pointer, &place);
  if (code != 0) {
    return code;
  }
  struct styro_layer layer;
  code = styro_request_resolve(request, &layer, err);
  if (code != 0) {
    return code;
  }
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &request->alloc);
  bool found = write_place(&buffer, &layer, &place);
  styro_layer_free(&layer);
  if (!found) {
    styro_buffer_free(&buffer);
    *out = NULL;
    return 0;
  }
  return hand_out(&buffer, &request->got, out, err);
}
