/* ${NAME} in texts. Knows no environment: the values are the caller's, set on the request. */
#ifndef STYRO_LIB_VARIABLES_H
#define STYRO_LIB_VARIABLES_H

#include "layer.h"

/* A name that ${...} can hold: letters, digits and `_`, not starting with a digit. */
bool styro_variable_name_is_valid(const char *name, size_t len);

/*
 * The text with its variables replaced, allocated; `$${` is a literal `${`. NULL: failed, and *code says how. field is
 * the JSON pointer for errors.
 */
char *styro_variables_expand(const styro_allocator *alloc, const struct styro_map *variables, const char *text,
                             const char *field, int *code, styro_error *err);

/* Resolves every text of the layer that may hold variables, and normalises the paths among them; not `extends`. */
int styro_variables_resolve(struct styro_layer *layer, const struct styro_map *variables, styro_error *err);

#endif
