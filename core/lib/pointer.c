/* JSON pointers (RFC 6901) to places in a request, resolved by the table. Knows no value. */
#include "pointer.h"

#include <stdlib.h>
#include <string.h>

#include "encoding.h"

/* The pointer itself is at fault, so it is also the field. */
static int fail_pointer(struct styro_reading *in, const char *pointer, const char *message)
{
  styro_fail(in->err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%.200s` %s", pointer, message);
  styro_error_field(in->err, "%s", pointer);
  styro_error_hint(in->err,
                   "a pointer is such as \"/timeout/wall\" or \"/paths/~1out\"; ~1 stands for `/`, ~0 for `~`");
  return STYRO_EREQUEST;
}

/* Unescapes the segment after the `/` at *pointer and moves on to the next. False: too long, or a wrong escape. */
static bool next_segment(const char **pointer, char *out, size_t size)
{
  const char *c = *pointer + 1;
  size_t used = 0;
  for (; *c != '\0' && *c != '/'; c++) {
    char plain = *c;
    if (*c == '~') {
      c++;
      if (*c != '0' && *c != '1') {
        return false;
      }
      plain = *c == '0' ? '~' : '/';
    }
    if (used + 1 >= size) {
      return false;
    }
    out[used++] = plain;
  }
  out[used] = '\0';
  *pointer = c;
  return true;
}

/* RFC 6901, section 4: decimal without leading zeros, or `-` for the item behind the last. */
static int descend_to_index(struct styro_reading *in, struct styro_place *place, const char *segment)
{
  size_t digits = strspn(segment, "0123456789");
  bool end = strcmp(segment, "-") == 0;
  bool plain = digits > 0 && digits < 8 && segment[digits] == '\0' && (segment[0] != '0' || digits == 1);
  if (!end && !plain) {
    return fail_pointer(in, segment, "is not the index of an entry: it counts from 0, and `-` adds one");
  }
  place->container = place->field;
  place->field = styro_field_exact("/mounts/*");
  place->index = end ? STYRO_INDEX_END : strtoul(segment, NULL, 10);
  memcpy(place->key, segment, strlen(segment) + 1);
  return 0;
}

/* One segment deeper. */
static int descend(struct styro_reading *in, struct styro_place *place, const char *segment)
{
  switch (place->field->type) {
  case STYRO_TYPE_OBJECT: {
    const struct styro_field *child = styro_field_named(place->field, segment);
    if (child == NULL) {
      return styro_read_unknown_key(in, place->field, segment);
    }
    place->field = child;
    return 0;
  }
  case STYRO_TYPE_LATER: return styro_read_refuse_later(in, place->field, NULL);
  case STYRO_TYPE_MOUNTS: return descend_to_index(in, place, segment);
  case STYRO_TYPE_MAP:
  case STYRO_TYPE_RULES:
    if (place->container != NULL) {
      return fail_pointer(in, segment, "is below a text, which has no parts");
    }
    place->container = place->field;
    memcpy(place->key, segment, strlen(segment) + 1);
    if (place->field->type == STYRO_TYPE_RULES) {
      place->field = styro_field_exact("/paths/*");
    }
    return 0;
  default:
    fail_pointer(in, in->at, "has no parts that could be set one by one");
    styro_error_hint(in->err, "set it as a whole, or add to it where it is a list");
    return STYRO_EREQUEST;
  }
}

int styro_place_find(struct styro_reading *in, const char *pointer, struct styro_place *out)
{
  if (pointer[0] != '\0' && pointer[0] != '/') {
    return fail_pointer(in, pointer, "is not a JSON pointer: it does not start with `/`");
  }
  /* A part of it may become a key of the request. */
  if (!styro_utf8_valid(pointer, strlen(pointer))) {
    return fail_pointer(in, pointer, "is not valid UTF-8, which a request consists of");
  }
  char segment[STYRO_PATH_MAX];
  out->field = styro_field_at(0);
  out->container = NULL;
  out->key[0] = '\0';
  out->index = 0;
  in->at[0] = '\0';
  for (const char *rest = pointer; *rest != '\0';) {
    if (!next_segment(&rest, segment, sizeof segment)) {
      return fail_pointer(in, pointer, "is not a JSON pointer: a `~` without 0 or 1 after it, or too long a part");
    }
    int code = descend(in, out, segment);
    if (code != 0) {
      return code;
    }
    styro_at_push(in, segment);
  }
  return 0;
}
