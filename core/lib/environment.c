/*
 * The payload's environment while it is put together: NAME=value entries, later ones replace earlier. Copies no text.
 */
#include "environment.h"

#include <string.h>
#include <unistd.h>

int styro_environment_init(struct styro_environment *environment, const styro_allocator *alloc, size_t capacity)
{
  memset(environment, 0, sizeof *environment);
  environment->alloc = *alloc;
  environment->capacity = capacity ? capacity : 1;
  environment->slots_n = 16;
  while (environment->slots_n < 2 * environment->capacity) {
    environment->slots_n *= 2;
  }
  environment->entries = styro_alloc_array(alloc, environment->capacity, sizeof *environment->entries);
  environment->slots = styro_alloc_array(alloc, environment->slots_n, sizeof *environment->slots);
  if (!environment->entries || !environment->slots) {
    styro_environment_free(environment);
    return STYRO_ENOMEM;
  }
  return STYRO_OK;
}

void styro_environment_free(struct styro_environment *environment)
{
  styro_dealloc(&environment->alloc, environment->entries, environment->capacity * sizeof *environment->entries);
  styro_dealloc(&environment->alloc, environment->slots, environment->slots_n * sizeof *environment->slots);
  environment->entries = NULL;
  environment->slots = NULL;
  environment->n = 0;
}

/* FNV-1a, 64 bits. Names come from the caller, who gains nothing by making them collide. */
static uint64_t hash(const char *name, size_t len)
{
  uint64_t value = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < len; i++) {
    value = (value ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
  }
  return value;
}

/* The slot of a name: where it stands, or the free one where it would. */
static uint32_t *find_slot(const struct styro_environment *environment, const char *name, size_t len)
{
  for (size_t at = hash(name, len) & (environment->slots_n - 1);; at = (at + 1) & (environment->slots_n - 1)) {
    uint32_t *slot = &environment->slots[at];
    if (*slot == 0) {
      return slot;
    }
    const struct styro_environment_entry *entry = &environment->entries[*slot - 1];
    if (entry->name_len == len && memcmp(entry->text, name, len) == 0) {
      return slot;
    }
  }
}

void styro_environment_put(struct styro_environment *environment, const char *text)
{
  size_t len = strcspn(text, "=");
  uint32_t *slot = find_slot(environment, text, len);
  if (*slot) {
    environment->entries[*slot - 1].text = text;
    return;
  }
  environment->entries[environment->n] = (struct styro_environment_entry){.text = text, .name_len = len};
  environment->n++;
  *slot = (uint32_t)environment->n;
}

void styro_environment_inherit(struct styro_environment *environment, const char *name)
{
  size_t len = strlen(name);
  for (char **entry = environ; len && entry && *entry; entry++) {
    if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=') {
      styro_environment_put(environment, *entry);
      return;
    }
  }
}
