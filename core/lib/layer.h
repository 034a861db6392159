/*
 * A layer: the fields and which of them were given. A preset, a request file, the request itself and the effective
 * request are layers; what came later is laid on what came before. Knows no JSON and no rules.
 */
#ifndef STYRO_LIB_LAYER_H
#define STYRO_LIB_LAYER_H

#include "fields.h"

struct styro_layer {
  styro_allocator alloc;
  struct styro_fields fields;
  uint8_t *set; /* one byte a field id */
};

/* A zeroed layer may be freed too. */
int styro_layer_init(struct styro_layer *layer, const styro_allocator *alloc);
void styro_layer_free(struct styro_layer *layer);

/* Whether the field, or anything below it, was given. */
bool styro_layer_has(const struct styro_layer *layer, const struct styro_field *field);

/* Notes that the field was given; what excludes it (a root that is both `empty` and a directory) is taken back. */
void styro_layer_mark(struct styro_layer *layer, const struct styro_field *field);

/* Forgets the field and everything below it. */
void styro_layer_clear(struct styro_layer *layer, const struct styro_field *field);

/*
 * Lays `upper` on `lower`. As a setter does: field by field. As `extends` does: what may only be meant as a whole (a
 * namespace, both ends of a resource limit, the five capability sets) replaces what stood there.
 * Return 0 or STYRO_ENOMEM; lower then holds a part of upper, and is fit to be freed.
 */
int styro_layer_apply(struct styro_layer *lower, const struct styro_layer *upper);
int styro_layer_extend(struct styro_layer *lower, const struct styro_layer *upper);

#endif
