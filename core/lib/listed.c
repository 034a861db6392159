/*
 * What the entries of `mounts` mean for each other and for `paths`. What comes later covers what came before, so the last
 * one that encloses a path is the one that shows there.
 */
#include "listed.h"

#include <string.h>

bool styro_encloses(const char *outer, const char *inner)
{
  size_t len = strlen(outer);
  return strncmp(outer, inner, len) == 0 && (inner[len] == '/' || inner[len] == 0);
}

bool styro_contains(const char *outer, const char *inner)
{
  return strcmp(outer, "/") == 0 || styro_encloses(outer, inner);
}

bool styro_mount_changes(const struct styro_mount *mount)
{
  return mount->type == STYRO_MOUNT_REMOUNT || mount->type == STYRO_MOUNT_PROPAGATION;
}

bool styro_mount_covers(const struct styro_mount *mount)
{
  bool makes = mount->type == STYRO_MOUNT_DIR || mount->type == STYRO_MOUNT_FILE || mount->type == STYRO_MOUNT_SYMLINK;
  return !makes && !styro_mount_changes(mount);
}

size_t styro_mounts_over(const struct styro_mounts *mounts, const char *path, size_t end)
{
  for (size_t i = end; i-- > 0;) {
    if (styro_mount_covers(&mounts->items[i]) && styro_encloses(mounts->items[i].at, path)) {
      return i;
    }
  }
  return STYRO_NO_ENTRY;
}

size_t styro_mounts_subject(const struct styro_mounts *mounts, size_t change)
{
  for (size_t i = change; i-- > 0;) {
    if (styro_mount_covers(&mounts->items[i]) && strcmp(mounts->items[i].at, mounts->items[change].at) == 0) {
      return i;
    }
  }
  return STYRO_NO_ENTRY;
}

bool styro_mounts_below(const struct styro_mounts *mounts, const char *path)
{
  for (size_t i = 0; i < mounts->n; i++) {
    const char *at = mounts->items[i].at;
    if (!styro_mount_changes(&mounts->items[i]) && styro_encloses(path, at) && strcmp(path, at) != 0) {
      return true;
    }
  }
  return false;
}

/* An optional one may turn out not to be there. A directory that is made adds, and hides nothing. */
bool styro_mounts_replace(const struct styro_mounts *mounts, const char *path)
{
  for (size_t i = 0; i < mounts->n; i++) {
    const struct styro_mount *mount = &mounts->items[i];
    bool same = (mount->type == STYRO_MOUNT_FILE || mount->type == STYRO_MOUNT_SYMLINK) && strcmp(mount->at, path) == 0;
    if (same || (styro_mount_covers(mount) && !mount->optional && styro_encloses(mount->at, path))) {
      return true;
    }
  }
  return false;
}

size_t styro_mounts_main_proc(const struct styro_mounts *mounts)
{
  for (size_t i = 0; i < mounts->n; i++) {
    if (mounts->items[i].type == STYRO_MOUNT_PROC && strcmp(mounts->items[i].at, "/proc") == 0) {
      return i;
    }
  }
  return STYRO_NO_ENTRY;
}
