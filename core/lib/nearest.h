/* The known word that a mistyped one is nearest to. Knows no field. */
#ifndef STYRO_LIB_NEAREST_H
#define STYRO_LIB_NEAREST_H

#include <stddef.h>

/* The best of a sequence of candidates; start with {word, NULL, 0} and offer each. */
struct styro_nearest {
  const char *word;
  const char *best; /* NULL: none is near */
  size_t distance;
};

void styro_nearest_offer(struct styro_nearest *nearest, const char *candidate);

#endif
