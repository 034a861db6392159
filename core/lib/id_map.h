/*
 * The map of ids as the request keeps it: NULL for the default, "self", "subuid", or lines "INSIDE OUTSIDE COUNT" as the kernel takes
 * them (user_namespaces(7)). Pure functions of text; knows no caller.
 */
#ifndef STYRO_LIB_ID_MAP_H
#define STYRO_LIB_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc.h"

#define STYRO_ID_MAP_LINES 340  /* what the kernel takes, since Linux 4.15 */
#define STYRO_ID_MAP_BYTES 4095 /* and less than a page of text */

struct styro_id_range {
  uint32_t inside, outside, count;
};

bool styro_id_map_is_self(const char *map);
bool styro_id_map_is_subordinate(const char *map);
bool styro_id_map_has_ranges(const char *map);

/* The range at *at, which moves on; false at the end, or where there is no range. */
bool styro_id_map_next(const char **at, struct styro_id_range *out);

/* What the kernel would refuse, NULL: nothing. *found is the range at fault. Ids end at 4294967294. */
const char *styro_id_map_complaint(const char *map, struct styro_id_range *found);

/* What the kernel would refuse has these two among its names, for who calls the two sides otherwise. */
extern const char styro_id_map_twice_inside[], styro_id_map_twice_outside[];

/* Does the map have all these ids inside? */
bool styro_id_map_covers(const char *map, uint32_t inside, uint32_t count);

/*
 * Lines "A C COUNT" of an `idmap` "A B COUNT" and a map "B C COUNT" whose insides cover it; the word `user` is the map as
 * it is, for then A is B. See mount_setattr(2), MOUNT_ATTR_IDMAP.
 */
void styro_id_map_compose(const char *idmap, const char *map, struct styro_buffer *out);

/* Who `inside` is outside. */
bool styro_id_map_lookup(const char *map, uint32_t inside, uint32_t *outside);

#endif
