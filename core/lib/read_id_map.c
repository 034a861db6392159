/* The reader of id maps: `self`, `subuid` (of mounts `user`), or a list of ranges that becomes the text that the kernel takes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collection.h"
#include "id_map.h"
#include "read.h"
#include "type_words.h"

static bool part_of_range(const json_t *item, size_t index, uint32_t *out)
{
  const json_t *part = json_array_get(item, index);
  if (!json_is_integer(part) || json_integer_value(part) < 0 || json_integer_value(part) > UINT32_MAX) {
    return false;
  }
  *out = (uint32_t)json_integer_value(part);
  return true;
}

static int add_item(struct styro_reading *in, const struct styro_field *field, struct styro_buffer *map,
                    const json_t *item)
{
  struct styro_id_range range;
  if (!json_is_array(item) || json_array_size(item) != 3 || !part_of_range(item, 0, &range.inside) ||
      !part_of_range(item, 1, &range.outside) || !part_of_range(item, 2, &range.count)) {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0,
               "not a range: three whole numbers [%s, count] of 32 bits",
               field->type == STYRO_TYPE_IDMAP ? "on disk, inside" : "inside, outside");
    styro_error_field(in->err, "%s", in->at);
    styro_error_hint(in->err, "%s",
                     field->type == STYRO_TYPE_IDMAP ? "such as [0, 1000, 1]" : "such as [0, 100000, 65536]");
    return STYRO_EREQUEST;
  }
  styro_buffer_format(map, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", range.inside, range.outside, range.count);
  return 0;
}

static int add_list(struct styro_reading *in, const struct styro_field *field, struct styro_buffer *map,
                    const json_t *list)
{
  int code = styro_read_count(in, field, json_array_size(list));
  for (size_t i = 0; code == 0 && i < json_array_size(list); i++) {
    size_t mark = styro_at_push_index(in, i);
    code = add_item(in, field, map, json_array_get(list, i));
    if (code == 0) {
      styro_at_pop(in, mark);
    }
  }
  return code;
}

/* What stands in a range, by the field's own names. */
static const char *complaint_for(const struct styro_field *field, const char *complaint)
{
  if (field->type == STYRO_TYPE_IDMAP && complaint == styro_id_map_twice_inside) {
    return "has an id on disk that an earlier range has";
  }
  if (field->type == STYRO_TYPE_IDMAP && complaint == styro_id_map_twice_outside) {
    return "has an id inside that an earlier range has";
  }
  return complaint;
}

static int take_map(struct styro_reading *in, const struct styro_field *field, char **place,
                    const struct styro_buffer *map)
{
  struct styro_id_range found;
  char range[48];
  if (map->failed) {
    return styro_read_memory(in);
  }
  const char *complaint = styro_id_map_complaint(map->data, &found);
  if (complaint != NULL) {
    complaint = complaint_for(field, complaint);
    snprintf(range, sizeof range, "[%" PRIu32 ", %" PRIu32 ", %" PRIu32 "]", found.inside, found.outside, found.count);
    return styro_read_complaint(in, range, complaint);
  }
  return styro_text_replace(&in->layer->alloc, place, map->data) == 0 ? 0 : styro_read_memory(in);
}

static bool is_word(const struct styro_field *field, const char *text)
{
  return field->type == STYRO_TYPE_IDMAP ? strcmp(text, "user") == 0
                                         : styro_id_map_is_self(text) || styro_id_map_is_subordinate(text);
}

int styro_read_id_map(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  char **place = styro_field_place(field, base);
  const char *text = styro_json_text(value);
  struct styro_buffer map;
  int code = 0;
  styro_buffer_init(&map, &in->layer->alloc);
  if (json_is_array(value)) {
    code = add_list(in, field, &map, value);
  } else if (text != NULL && is_word(field, text)) {
    styro_buffer_text(&map, text);
  } else if (text != NULL) {
    code = styro_read_complaint(in, text,
                                field->type == STYRO_TYPE_IDMAP ? "is neither `user` nor a list of ranges"
                                                                : "is neither `self`, `subuid` nor a list of ranges");
    styro_error_hint(in->err, "%s", styro_type_hint(field->type));
  } else {
    code = styro_read_wrong(in, field, value);
  }
  code = code == 0 ? take_map(in, field, place, &map) : code;
  styro_buffer_free(&map);
  return code;
}
