/*
 * Readers of `mounts`: a list of objects, each read by the rows below "/mounts/" "*". Which keys go together is a matter of
 * the rules (validate_mounts.c).
 */
#include "mount_list.h"
#include "read.h"

/* The defaults of the rows, from the same texts that the schema and the reference show; they do not count as given. */
static int fill_defaults(struct styro_reading *in, const struct styro_field *object, struct styro_mount *mount)
{
  struct styro_reading from_text = *in;
  const struct styro_field *row = NULL;
  int code = 0;
  from_text.origin = STYRO_FROM_TEXT;
  while (code == 0 && (row = styro_field_child(object, row)) != NULL) {
    json_auto_t *value = row->fallback == NULL ? NULL : json_string(row->fallback);
    if (row->fallback != NULL) {
      code = value == NULL ? styro_read_memory(in) : styro_read(&from_text, row, mount, value);
    }
  }
  return code;
}

int styro_read_mount_key(struct styro_reading *in, const struct styro_field *row, struct styro_mount *mount,
                         const json_t *value)
{
  int code = styro_read(in, row, mount, value);
  if (code == 0) {
    styro_mount_mark(mount, row);
  }
  return code;
}

static int read_key(struct styro_reading *in, const struct styro_field *object, struct styro_mount *mount,
                    const char *key, const json_t *value)
{
  const struct styro_field *row = styro_field_named(object, key);
  if (row == NULL) {
    return styro_read_unknown_key(in, object, key);
  }
  size_t mark = styro_at_push(in, key);
  int code = styro_read_mount_key(in, row, mount, value);
  if (code == 0) {
    styro_at_pop(in, mark);
  }
  return code;
}

int styro_read_mount(struct styro_reading *in, const json_t *value, struct styro_mount *out)
{
  const struct styro_field *object = styro_field_exact("/mounts/*");
  struct styro_mount mount = {0};
  if (!json_is_object(value)) {
    return styro_read_wrong(in, object, value);
  }
  int code = fill_defaults(in, object, &mount);
  const char *key;
  json_t *part;
  json_object_foreach((json_t *)value, key, part)
  {
    code = code == 0 ? read_key(in, object, &mount, key, part) : code;
  }
  if (code != 0) {
    styro_mount_free(&in->layer->alloc, &mount);
    return code;
  }
  *out = mount;
  return 0;
}

int styro_read_mounts(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  struct styro_mounts *mounts = styro_field_place(field, base);
  int code = json_is_array(value) ? styro_read_count(in, field, mounts->n + json_array_size(value))
                                  : styro_read_wrong(in, field, value);
  for (size_t i = 0; code == 0 && i < json_array_size(value); i++) {
    struct styro_mount mount;
    size_t mark = styro_at_push_index(in, i);
    code = styro_read_mount(in, json_array_get(value, i), &mount);
    if (code == 0) {
      styro_at_pop(in, mark);
      code = styro_mounts_append(&in->layer->alloc, mounts, &mount) == 0 ? 0 : styro_read_memory(in);
    }
  }
  return code;
}
