/*
 * Layers that are filled by the readers, shown as JSON, and errors compared whole: for the tests of what reads, keeps
 * and writes fields. Everything ends the test where it cannot be done.
 */
#ifndef TEST_LAYER_KIT_H
#define TEST_LAYER_KIT_H

#include "read.h"
#include "request_kit.h"

/* The row of a pointer. */
const struct styro_field *kit_row(const char *pointer);

/* An empty layer; NULL: of malloc. */
struct styro_layer kit_layer(const styro_allocator *alloc);

/* Reads `{"version": 1, MEMBERS}` into the layer. */
void kit_given(struct styro_layer *layer, const char *members);

/* The layer as JSON without its version, "{}" for none. Static text, until the next call. */
const char *kit_shown(const struct styro_layer *layer);

/* Reads one JSON value into the field, as a file (STYRO_FROM_JSON) or as a setter would; the reader's code. */
int kit_read(struct styro_layer *layer, enum styro_origin origin, const char *pointer, const char *json,
             styro_error *err);

/* A JSON value; the caller drops it. */
json_t *kit_value(const char *json);

/* What an error says, every part of it. */
struct kit_said {
  int code, stage;
  const char *message, *field, *object, *hint;
};

/* `which` is put in front of what differs. */
void kit_says(const char *which, const styro_error *err, const struct kit_said *expected);

#endif
