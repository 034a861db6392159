/* The presets that come with the library: request fragments by name, embedded. Knows no merging. */
#ifndef STYRO_LIB_PRESETS_H
#define STYRO_LIB_PRESETS_H

#include <stddef.h>

struct styro_preset {
  const char *name;
  const char *text; /* JSON, as in core/presets */
};

/* Ends with a row without a name. Written by core/presets/make_presets.py (presets_generated.c). */
extern const struct styro_preset styro_presets[];

/* JSON text of the preset, NULL for an unknown name. Static text. */
const char *styro_preset_text(const char *name);

/* The name nearest to a wrong one, NULL when none is near. Static text. */
const char *styro_preset_nearest(const char *name);

#endif
