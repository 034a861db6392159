/*
 * What the entries of `mounts` mean for each other and for `paths`, by their places alone: who stands over a path, whose
 * mount a later entry changes. Pure functions of the list; knows no plan.
 */
#ifndef STYRO_LIB_LISTED_H
#define STYRO_LIB_LISTED_H

#include "request.h"

#define STYRO_NO_ENTRY SIZE_MAX

/* Is `outer` the same path as `inner` or above it? */
bool styro_encloses(const char *outer, const char *inner);
bool styro_contains(const char *outer, const char *inner); /* so is everything in `/` */

/* Does the entry put a mount of its own at its place? The others make something, or change a mount. */
bool styro_mount_covers(const struct styro_mount *mount);
bool styro_mount_changes(const struct styro_mount *mount);

/* The last entry before `end` whose mount stands at the path or above it. */
size_t styro_mounts_over(const struct styro_mounts *mounts, const char *path, size_t end);
/* The entry whose mount a `remount` or `propagation` changes: the last before it at the same place. */
size_t styro_mounts_subject(const struct styro_mounts *mounts, size_t change);
/* Is there an entry whose place lies below the path? */
bool styro_mounts_below(const struct styro_mounts *mounts, const char *path);
/* Does an entry, wherever it takes effect, take the place of what the base would put there? */
bool styro_mounts_replace(const struct styro_mounts *mounts, const char *path);
/* The entry that mounts proc at /proc. */
size_t styro_mounts_main_proc(const struct styro_mounts *mounts);

#endif
