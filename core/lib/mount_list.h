/* The list that `mounts` holds: entries that own their texts, in the order in which they were written. Knows no JSON. */
#ifndef STYRO_LIB_MOUNT_LIST_H
#define STYRO_LIB_MOUNT_LIST_H

#include "fields.h"

/* Appending takes over the entry's texts, also on failure, and leaves it empty. Each returns 0 or STYRO_ENOMEM. */
int styro_mounts_append(const styro_allocator *alloc, struct styro_mounts *mounts, struct styro_mount *mount);
int styro_mounts_copy(const styro_allocator *alloc, struct styro_mounts *to, const struct styro_mounts *from);
void styro_mounts_free(const styro_allocator *alloc, struct styro_mounts *mounts);

int styro_mount_copy(const styro_allocator *alloc, struct styro_mount *to, const struct styro_mount *from);
void styro_mount_free(const styro_allocator *alloc, struct styro_mount *mount);

/* Notes that the entry has the key of this row (one below "/mounts/" "*"), and whether it has. */
void styro_mount_mark(struct styro_mount *mount, const struct styro_field *row);
bool styro_mount_has(const struct styro_mount *mount, const struct styro_field *row);

#endif
