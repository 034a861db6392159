/* A profile of container runtimes is kept as it is written; what it says is looked at as a whole, with the capability sets. */
#include "collection.h"
#include "fields.h"
#include "read.h"

#include <stdlib.h>

int styro_read_oci(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  if (!json_is_object(value)) {
    return styro_read_wrong(in, field, value);
  }
  char *text = json_dumps(value, JSON_COMPACT);
  int failed = text == NULL || styro_text_replace(&in->layer->alloc, styro_field_place(field, base), text) != 0;
  free(text);
  return failed ? styro_read_memory(in) : 0;
}
