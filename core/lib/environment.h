/*
 * The payload's environment while it is put together: NAME=value entries, later ones replace earlier. Copies no text.
 */
#ifndef STYRO_LIB_ENVIRONMENT_H
#define STYRO_LIB_ENVIRONMENT_H

#include <stddef.h>
#include <stdint.h>

#include "alloc.h"

struct styro_environment_entry {
  const char *text; /* NAME=value, borrowed */
  size_t name_len;
};

struct styro_environment {
  styro_allocator alloc;
  struct styro_environment_entry *entries; /* in the order in which the names first came */
  size_t n;
  size_t capacity;
  uint32_t *slots; /* open addressing by name: 1 + index of the entry, 0 free; twice the capacity, a power of two */
  size_t slots_n;
};

/* Room for at most `capacity` names. STYRO_ENOMEM or 0. */
int styro_environment_init(struct styro_environment *environment, const styro_allocator *alloc, size_t capacity);

/* text must hold a '=' after at least one byte, and live as long as the environment. */
void styro_environment_put(struct styro_environment *environment, const char *text);

/* Takes NAME=value over from the process's own environment; a name that is not there is left out. */
void styro_environment_inherit(struct styro_environment *environment, const char *name);

void styro_environment_free(struct styro_environment *environment);

#endif
