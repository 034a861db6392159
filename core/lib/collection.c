/*
 * The lists, maps and path rules that fields hold. How much room an array has follows from how many items it holds, so
 * that its size is known when it grows or is freed, and nobody keeps it. Knows no field and no JSON.
 */
#include "collection.h"

#include <stdlib.h>
#include <string.h>

/* The power of two that n items fit in: even an allocator that copies at each growth copies less than two arrays in all. */
static size_t room(size_t n)
{
  size_t capacity = n == 0 ? 0 : 1;
  while (capacity < n) {
    capacity *= 2;
  }
  return capacity;
}

/* The array with room for one item more. NULL: out of memory, and the array is as it was. */
static void *grown(const styro_allocator *alloc, void *items, size_t n, size_t size)
{
  return room(n + 1) == room(n) ? items : styro_realloc(alloc, items, room(n) * size, room(n + 1) * size);
}

/* The copy is made first: growing the array cannot be taken back, a copy can. */
int styro_list_append(const styro_allocator *alloc, struct styro_list *list, const char *text)
{
  char *copy = styro_strdup(alloc, text);
  if (copy == NULL) {
    return STYRO_ENOMEM;
  }
  char **items = grown(alloc, list->items, list->n, sizeof *items);
  if (items == NULL) {
    styro_strfree(alloc, copy);
    return STYRO_ENOMEM;
  }
  items[list->n] = copy;
  list->items = items;
  list->n++;
  return 0;
}

/* The old list is freed only when the new one is whole. */
int styro_list_copy(const styro_allocator *alloc, struct styro_list *to, const struct styro_list *from)
{
  struct styro_list copy = {0};
  for (size_t i = 0; i < from->n; i++) {
    if (styro_list_append(alloc, &copy, from->items[i]) != 0) {
      styro_list_free(alloc, &copy);
      return STYRO_ENOMEM;
    }
  }
  styro_list_free(alloc, to);
  *to = copy;
  return 0;
}

void styro_list_free(const styro_allocator *alloc, struct styro_list *list)
{
  for (size_t i = 0; i < list->n; i++) {
    styro_strfree(alloc, list->items[i]);
  }
  styro_dealloc(alloc, list->items, room(list->n) * sizeof *list->items);
  *list = (struct styro_list){0};
}

static size_t map_index(const struct styro_map *map, const char *key)
{
  size_t i = 0;
  while (i < map->n && strcmp(map->keys[i], key) != 0) {
    i++;
  }
  return i;
}

const char *styro_map_find(const struct styro_map *map, const char *key)
{
  size_t i = map_index(map, key);
  return i < map->n ? map->values[i] : NULL;
}

static void map_free_arrays(const styro_allocator *alloc, const struct styro_map *map, size_t n)
{
  styro_dealloc(alloc, map->keys, room(n) * sizeof *map->keys);
  styro_dealloc(alloc, map->values, room(n) * sizeof *map->values);
}

/* Makes room for one entry more. Both arrays are made anew: a failure between two growths would leave them unlike. */
static int map_grow(const styro_allocator *alloc, struct styro_map *map)
{
  struct styro_map longer = {.n = map->n};
  if (room(map->n + 1) == room(map->n)) {
    return 0;
  }
  longer.keys = styro_alloc_array(alloc, room(map->n + 1), sizeof *longer.keys);
  longer.values = styro_alloc_array(alloc, room(map->n + 1), sizeof *longer.values);
  if (longer.keys == NULL || longer.values == NULL) {
    map_free_arrays(alloc, &longer, map->n + 1);
    return STYRO_ENOMEM;
  }
  for (size_t i = 0; i < map->n; i++) {
    longer.keys[i] = map->keys[i];
    longer.values[i] = map->values[i];
  }
  map_free_arrays(alloc, map, map->n);
  *map = longer;
  return 0;
}

/* A new last entry. Room comes last: an array that has grown must hold one item more. */
static int map_append(const styro_allocator *alloc, struct styro_map *map, const char *key, const char *value)
{
  char *key_copy = styro_strdup(alloc, key);
  char *value_copy = styro_strdup(alloc, value);
  if (key_copy == NULL || value_copy == NULL || map_grow(alloc, map) != 0) {
    styro_strfree(alloc, key_copy);
    styro_strfree(alloc, value_copy);
    return STYRO_ENOMEM;
  }
  map->keys[map->n] = key_copy;
  map->values[map->n] = value_copy;
  map->n++;
  return 0;
}

int styro_map_set(const styro_allocator *alloc, struct styro_map *map, const char *key, const char *value)
{
  size_t i = map_index(map, key);
  return i < map->n ? styro_text_replace(alloc, &map->values[i], value) : map_append(alloc, map, key, value);
}

void styro_map_free(const styro_allocator *alloc, struct styro_map *map)
{
  for (size_t i = 0; i < map->n; i++) {
    styro_strfree(alloc, map->keys[i]);
    styro_strfree(alloc, map->values[i]);
  }
  map_free_arrays(alloc, map, map->n);
  *map = (struct styro_map){0};
}

struct styro_path_rule *styro_rules_find(const struct styro_fields *fields, const char *path)
{
  for (size_t i = 0; i < fields->rules_n; i++) {
    if (strcmp(fields->rules[i].path, path) == 0) {
      return &fields->rules[i];
    }
  }
  return NULL;
}

/* A rule under a known path takes that rule's place in the order. */
int styro_rules_put(const styro_allocator *alloc, struct styro_fields *fields, struct styro_path_rule *rule)
{
  struct styro_path_rule *place = styro_rules_find(fields, rule->path);
  if (place != NULL) {
    styro_rule_free(alloc, place);
  } else {
    struct styro_path_rule *rules = grown(alloc, fields->rules, fields->rules_n, sizeof *rules);
    if (rules == NULL) {
      styro_rule_free(alloc, rule);
      return STYRO_ENOMEM;
    }
    fields->rules = rules;
    place = &rules[fields->rules_n++];
  }
  *place = *rule;
  *rule = (struct styro_path_rule){0};
  return 0;
}

int styro_rule_copy(const styro_allocator *alloc, struct styro_path_rule *to, const struct styro_path_rule *from)
{
  struct styro_path_rule copy = *from;
  copy.path = styro_strdup(alloc, from->path);
  copy.from = styro_strdup(alloc, from->from);
  copy.idmap = styro_strdup(alloc, from->idmap);
  if (copy.path == NULL || (copy.from == NULL && from->from != NULL) || (copy.idmap == NULL && from->idmap != NULL)) {
    styro_rule_free(alloc, &copy);
    return STYRO_ENOMEM;
  }
  *to = copy;
  return 0;
}

void styro_rule_free(const styro_allocator *alloc, struct styro_path_rule *rule)
{
  styro_strfree(alloc, rule->path);
  styro_strfree(alloc, rule->from);
  styro_strfree(alloc, rule->idmap);
  *rule = (struct styro_path_rule){0};
}

void styro_rules_free(const styro_allocator *alloc, struct styro_fields *fields)
{
  for (size_t i = 0; i < fields->rules_n; i++) {
    styro_rule_free(alloc, &fields->rules[i]);
  }
  styro_dealloc(alloc, fields->rules, room(fields->rules_n) * sizeof *fields->rules);
  fields->rules = NULL;
  fields->rules_n = 0;
}

int styro_ints_append(const styro_allocator *alloc, int **items, size_t *n, int number)
{
  int *longer = grown(alloc, *items, *n, sizeof *longer);
  if (longer == NULL) {
    return STYRO_ENOMEM;
  }
  longer[(*n)++] = number;
  *items = longer;
  return 0;
}

void styro_ints_free(const styro_allocator *alloc, int **items, size_t *n)
{
  styro_dealloc(alloc, *items, room(*n) * sizeof **items);
  *items = NULL;
  *n = 0;
}

/* Copy before free: text may be (a part of) what is replaced. */
int styro_text_replace(const styro_allocator *alloc, char **place, const char *text)
{
  char *copy = styro_strdup(alloc, text);
  if (copy == NULL && text != NULL) {
    return STYRO_ENOMEM;
  }
  styro_strfree(alloc, *place);
  *place = copy;
  return 0;
}

/* Paths begin with a slash, or with a variable that will. */
int styro_source_fd(const char *object)
{
  return object != NULL && object[0] >= '0' && object[0] <= '9' ? (int)strtol(object, NULL, 10) : -1;
}
