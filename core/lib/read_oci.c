/*
 * A profile of container runtimes is kept as it is written, or as the path of the file that has it; what it says is looked at as a
 * whole, with the capability sets.
 */
#include <stdlib.h>

#include "collection.h"
#include "fields.h"
#include "read.h"

/* Most who write a bare word mean one of the library's own. */
static int read_file_path(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  const char *text = styro_json_text(value);
  if (text == NULL || text[0] == '/' || text[0] == '$') {
    return styro_read_path(in, field, base, value);
  }
  styro_read_complaint(in, text, "is not the whole path of a file");
  styro_error_hint(in->err, "write it from `/` on; profiles of the library's own are named by `profile`");
  return STYRO_EREQUEST;
}

int styro_read_oci(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  if (json_is_string(value)) {
    return read_file_path(in, field, base, value);
  }
  if (!json_is_object(value)) {
    return styro_read_wrong(in, field, value);
  }
  char *text = json_dumps(value, JSON_COMPACT);
  int failed = text == NULL || styro_text_replace(&in->layer->alloc, styro_field_place(field, base), text) != 0;
  free(text);
  return failed ? styro_read_memory(in) : 0;
}
