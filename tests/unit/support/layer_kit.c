/* Layers that are filled by the readers, shown as JSON, and errors compared whole. */
#include "layer_kit.h"

#include <stdio.h>
#include <string.h>

#include "json_write.h"

const struct styro_field *kit_row(const char *pointer)
{
  const struct styro_field *field = styro_field_exact(pointer);
  ck_assert_msg(field != NULL, "no row %s", pointer);
  return field;
}

struct styro_layer kit_layer(const styro_allocator *alloc)
{
  styro_allocator own = styro_allocator_or_malloc(alloc);
  struct styro_layer layer;
  ck_assert_int_eq(styro_layer_init(&layer, &own), 0);
  return layer;
}

void kit_given(struct styro_layer *layer, const char *members)
{
  char text[4000];
  styro_error err = ERROR_READY;
  snprintf(text, sizeof text, "{\"version\": 1%s%s}", members[0] == '\0' ? "" : ", ", members);
  int code = styro_read_document(layer, text, strlen(text), &err);
  ck_assert_msg(code == 0, "%s: %s (%s)", text, err.message, err.field);
}

const char *kit_shown(const struct styro_layer *layer)
{
  static const char version[] = "{\"version\":1";
  static char shown[8000];
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  styro_write_json(&buffer, layer, styro_field_at(0));
  ck_assert_int_eq(buffer.failed, 0);
  const char *text = buffer.data;
  if (strncmp(text, version, sizeof version - 1) == 0) {
    text += sizeof version - 1;
    text += *text == ',' ? 1 : 0;
    snprintf(shown, sizeof shown, "{%s", text);
  } else {
    snprintf(shown, sizeof shown, "%s", text);
  }
  styro_buffer_free(&buffer);
  return shown;
}

json_t *kit_value(const char *json)
{
  json_error_t fault;
  json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
  ck_assert_msg(value != NULL, "%s: %s", json, fault.text);
  return value;
}

int kit_read(struct styro_layer *layer, enum styro_origin origin, const char *pointer, const char *json,
             styro_error *err)
{
  struct styro_reading in = {.layer = layer, .err = err, .origin = origin};
  json_auto_t *value = kit_value(json);
  snprintf(in.at, sizeof in.at, "%s", pointer);
  return styro_read(&in, kit_row(pointer), &layer->fields, value);
}

void kit_says(const char *which, const styro_error *err, const struct kit_said *expected)
{
  ck_assert_msg(err->code == expected->code, "%s: code %d, %s", which, err->code, err->message);
  ck_assert_msg(err->stage == expected->stage, "%s: stage %d", which, err->stage);
  ck_assert_msg(strcmp(err->message, expected->message) == 0, "%s: message %s", which, err->message);
  ck_assert_msg(strcmp(err->field, expected->field) == 0, "%s: field %s", which, err->field);
  ck_assert_msg(strcmp(err->object, expected->object) == 0, "%s: object %s", which, err->object);
  ck_assert_msg(strcmp(err->hint, expected->hint) == 0, "%s: hint %s", which, err->hint);
}
