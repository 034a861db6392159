/*
 * What `extends` names, as layers: presets and request files, nested, without cycles. Knows no defaults and no rules.
 */
#ifndef STYRO_LIB_EXTENDS_H
#define STYRO_LIB_EXTENDS_H

#include "layer.h"

/* Lays what the layer's `extends` names on `out`, in order, then the layer itself; variables resolved in each. */
int styro_extends_merge(const struct styro_layer *layer, const struct styro_map *variables, struct styro_layer *out,
                        styro_error *err);

#endif
