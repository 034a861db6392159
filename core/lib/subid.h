/*
 * Subordinate ids, subuid(5) and subgid(5): whose lines a file holds, and the map of ids that they make. Pure functions of
 * bytes that anybody may have written; subid_host.c brings the files of this host.
 */
#ifndef STYRO_LIB_SUBID_H
#define STYRO_LIB_SUBID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc.h"
#include "id_map.h"

struct styro_bytes {
  const char *at;
  size_t len;
};

struct styro_subid_range {
  uint32_t start;
  uint32_t count;
};

/* In the order of the file, none overlapping another. */
struct styro_subids {
  struct styro_subid_range ranges[STYRO_ID_MAP_LINES];
  size_t n;
};

/* Whose lines are taken: those with this id in decimal, and those with this name (len 0: none). */
struct styro_subid_owner {
  uint32_t id;
  struct styro_bytes name;
  uint32_t excluded; /* an id that no range may give, because it is mapped to itself; UINT32_MAX: none */
};

/*
 * Reads all of the owner's ranges. What lines of others hold is no matter. NULL, or what is wrong with line *line; an
 * owner without a line is no fault, out->n is then 0.
 */
const char *styro_subids_read(struct styro_bytes file, const struct styro_subid_owner *owner, struct styro_subids *out,
                              size_t *line);

/* The first name that a passwd(5) file gives an id; len 0: none. It points into the file. */
struct styro_bytes styro_passwd_name(struct styro_bytes file, uint32_t id);

/*
 * The map as the kernel takes it: inside ids from 0 on are the ranges', one after the other. With `keep` the one id
 * `inside` is `own`, and the ranges go on around it.
 */
void styro_subids_map(const struct styro_subids *ids, bool keep, uint32_t inside, uint32_t own,
                      struct styro_buffer *map);

#endif
