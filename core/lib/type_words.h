/* What people read about a type: its noun and how it is written. Knows no value. */
#ifndef STYRO_LIB_TYPE_WORDS_H
#define STYRO_LIB_TYPE_WORDS_H

#include "alloc.h"
#include "fields.h"

/* "a size such as 256M"; and a hint how to write one, or "". Static text. */
const char *styro_type_noun(enum styro_type type);
const char *styro_type_hint(enum styro_type type);

/* The field's words as "ro, rw, deny or tmpfs"; empty ones are left out. */
void styro_words_print(const struct styro_field *field, char *out, size_t size);

/* A bound in the type's own grammar: "4K", "1h", "65535". out: STYRO_PRINTED bytes. Returns out. */
const char *styro_bound_print(enum styro_type type, int64_t bound, char *out);

#endif
