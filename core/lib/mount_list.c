/*
 * The list that `mounts` holds. An array is as long as its list: it is read as a whole, and seldom added to. Knows the
 * entries' texts and nothing of what they mean.
 */
#include "mount_list.h"

#include "collection.h"

/* What an entry owns; all else is copied as it is. */
static const size_t texts[] = {offsetof(struct styro_mount, at),         offsetof(struct styro_mount, from),
                               offsetof(struct styro_mount, target),     offsetof(struct styro_mount, upper),
                               offsetof(struct styro_mount, work),       offsetof(struct styro_mount, data),
                               offsetof(struct styro_mount, data_base64)};
#define TEXTS (sizeof texts / sizeof texts[0])

static char **text_at(struct styro_mount *mount, size_t i)
{
  return (char **)(void *)((char *)mount + texts[i]);
}

void styro_mount_free(const styro_allocator *alloc, struct styro_mount *mount)
{
  for (size_t i = 0; i < TEXTS; i++) {
    styro_strfree(alloc, *text_at(mount, i));
  }
  styro_list_free(alloc, &mount->lowers);
  *mount = (struct styro_mount){0};
}

/* The texts are taken out of the copy first: what is freed after a failure must be its own. */
int styro_mount_copy(const styro_allocator *alloc, struct styro_mount *to, const struct styro_mount *from)
{
  struct styro_mount copy = *from;
  for (size_t i = 0; i < TEXTS; i++) {
    *text_at(&copy, i) = NULL;
  }
  copy.lowers = (struct styro_list){0};
  bool failed = styro_list_copy(alloc, &copy.lowers, &from->lowers) != 0;
  for (size_t i = 0; i < TEXTS && !failed; i++) {
    const char *text = *(char *const *)(const void *)((const char *)from + texts[i]);
    *text_at(&copy, i) = styro_strdup(alloc, text);
    failed = text != NULL && *text_at(&copy, i) == NULL;
  }
  if (failed) {
    styro_mount_free(alloc, &copy);
    return STYRO_ENOMEM;
  }
  *to = copy;
  return 0;
}

int styro_mounts_append(const styro_allocator *alloc, struct styro_mounts *mounts, struct styro_mount *mount)
{
  size_t size = sizeof *mounts->items;
  struct styro_mount *items = styro_realloc(alloc, mounts->items, mounts->n * size, (mounts->n + 1) * size);
  if (items == NULL) {
    styro_mount_free(alloc, mount);
    return STYRO_ENOMEM;
  }
  items[mounts->n++] = *mount;
  mounts->items = items;
  *mount = (struct styro_mount){0};
  return 0;
}

void styro_mounts_free(const styro_allocator *alloc, struct styro_mounts *mounts)
{
  for (size_t i = 0; i < mounts->n; i++) {
    styro_mount_free(alloc, &mounts->items[i]);
  }
  styro_dealloc(alloc, mounts->items, mounts->n * sizeof *mounts->items);
  *mounts = (struct styro_mounts){0};
}

/* The old list is freed only when the new one is whole. */
int styro_mounts_copy(const styro_allocator *alloc, struct styro_mounts *to, const struct styro_mounts *from)
{
  struct styro_mounts copy = {0};
  if (from->n > 0) {
    copy.items = styro_alloc_array(alloc, from->n, sizeof *copy.items);
    copy.n = copy.items == NULL ? 0 : from->n;
  }
  bool failed = copy.n != from->n;
  for (size_t i = 0; i < copy.n && !failed; i++) {
    failed = styro_mount_copy(alloc, &copy.items[i], &from->items[i]) != 0;
  }
  if (failed) {
    styro_mounts_free(alloc, &copy);
    return STYRO_ENOMEM;
  }
  styro_mounts_free(alloc, to);
  *to = copy;
  return 0;
}

/* The rows of an entry's keys follow each other. */
static uint64_t bit_of(const struct styro_field *row)
{
  return UINT64_C(1) << (styro_field_index(row) - styro_field_index(styro_field_parent(row)) - 1);
}

void styro_mount_mark(struct styro_mount *mount, const struct styro_field *row)
{
  mount->given |= bit_of(row);
}

bool styro_mount_has(const struct styro_mount *mount, const struct styro_field *row)
{
  return (mount->given & bit_of(row)) != 0;
}
