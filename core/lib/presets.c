/* Looking up the embedded presets by name. Their text is read like any request (effective.c). */
#include "presets.h"

#include <string.h>

#include "nearest.h"

const char *styro_preset_text(const char *name)
{
  for (const struct styro_preset *preset = styro_presets; preset->name != NULL; preset++) {
    if (strcmp(preset->name, name) == 0) {
      return preset->text;
    }
  }
  return NULL;
}

const char *styro_preset_nearest(const char *name)
{
  struct styro_nearest nearest = {.word = name};
  for (const struct styro_preset *preset = styro_presets; preset->name != NULL; preset++) {
    styro_nearest_offer(&nearest, preset->name);
  }
  return nearest.best;
}
