/* The reader of supplementary groups: `keep`, or a list of ids that becomes the text of groups.h. */
#include <inttypes.h>
#include <string.h>

#include "collection.h"
#include "groups.h"
#include "read.h"

#define LAST_ID INT64_C(4294967294)

static bool stands_there(const char *groups, uint32_t id)
{
  uint32_t other = 0;
  while (groups != NULL && styro_groups_next(&groups, &other)) {
    if (other == id) {
      return true;
    }
  }
  return false;
}

/* setgroups(2) would take one twice; what is read back would then not be what was asked for. */
static int add_group(struct styro_reading *in, const struct styro_field *field, struct styro_buffer *groups,
                     const json_t *item)
{
  if (!json_is_integer(item)) {
    return styro_read_wrong(in, field, item);
  }
  int64_t id = json_integer_value(item);
  if (id < 0 || id > LAST_ID) {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "%" PRId64 " is out of range: 0 to %" PRId64, id,
               LAST_ID);
    styro_error_field(in->err, "%s", in->at);
    return STYRO_EREQUEST;
  }
  if (stands_there(groups->data, (uint32_t)id)) {
    styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "group %" PRId64 " stands there twice", id);
    styro_error_field(in->err, "%s", in->at);
    styro_error_hint(in->err, "name each group once");
    return STYRO_EREQUEST;
  }
  styro_buffer_format(groups, "%" PRId64 "\n", id);
  return 0;
}

static int add_list(struct styro_reading *in, const struct styro_field *field, struct styro_buffer *groups,
                    const json_t *list)
{
  int code = styro_read_count(in, field, json_array_size(list));
  styro_buffer_text(groups, "");
  for (size_t i = 0; code == 0 && i < json_array_size(list); i++) {
    size_t mark = styro_at_push_index(in, i);
    code = add_group(in, field, groups, json_array_get(list, i));
    if (code == 0) {
      styro_at_pop(in, mark);
    }
  }
  return code;
}

int styro_read_groups(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  char **place = styro_field_place(field, base);
  const char *text = styro_json_text(value);
  struct styro_buffer groups;
  int code = 0;
  styro_buffer_init(&groups, &in->layer->alloc);
  if (json_is_array(value)) {
    code = add_list(in, field, &groups, value);
  } else if (styro_groups_kept(text)) {
    styro_buffer_text(&groups, text);
  } else if (text != NULL) {
    code = styro_read_complaint(in, text, "is neither `keep` nor a list of ids");
    styro_read_hint(in, field);
  } else {
    code = styro_read_wrong(in, field, value);
  }
  if (code == 0) {
    code = groups.failed || styro_text_replace(&in->layer->alloc, place, groups.data) != 0 ? styro_read_memory(in) : 0;
  }
  styro_buffer_free(&groups);
  return code;
}
