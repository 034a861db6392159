/* JSON pointers to places in a request: "/user/uid", "/env/HOME", "/paths/~1out/access". Knows no value. */
#ifndef STYRO_LIB_POINTER_H
#define STYRO_LIB_POINTER_H

#include "complaints.h"
#include "read.h"

#define STYRO_INDEX_END SIZE_MAX

struct styro_place {
  const struct styro_field *field;     /* what is there; a map itself for one of its entries */
  const struct styro_field *container; /* the map, rules or mounts whose entry it is, or is in; else NULL */
  char key[STYRO_PATH_MAX];            /* the entry's key, unescaped; of a list its index */
  size_t index;                        /* of mounts: which, STYRO_INDEX_END for `-`, behind the last (RFC 6901) */
};

/* Finds the place, or fails as reading an object with such a key would. in->at becomes the pointer. */
int styro_place_find(struct styro_reading *in, const char *pointer, struct styro_place *out);

#endif
