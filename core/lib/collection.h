/* The lists, maps and path rules that fields hold: owned texts in order of insertion. Knows no field. */
#ifndef STYRO_LIB_COLLECTION_H
#define STYRO_LIB_COLLECTION_H

#include "request.h"

/* All texts are copied in. Each returns 0 or STYRO_ENOMEM, and on failure leaves the collection as it was. */
int styro_list_append(const styro_allocator *alloc, struct styro_list *list, const char *text);
int styro_list_copy(const styro_allocator *alloc, struct styro_list *to, const struct styro_list *from);
void styro_list_free(const styro_allocator *alloc, struct styro_list *list);

/* Setting a key again replaces its value in place. */
int styro_map_set(const styro_allocator *alloc, struct styro_map *map, const char *key, const char *value);
const char *styro_map_find(const struct styro_map *map, const char *key); /* NULL when it is not there */
void styro_map_free(const styro_allocator *alloc, struct styro_map *map);

/* The rules of struct styro_fields. Putting one takes over its texts, also on failure, and leaves *rule empty. */
struct styro_path_rule *styro_rules_find(const struct styro_fields *fields, const char *path);
int styro_rules_put(const styro_allocator *alloc, struct styro_fields *fields, struct styro_path_rule *rule);
int styro_rule_copy(const styro_allocator *alloc, struct styro_path_rule *to, const struct styro_path_rule *from);
void styro_rule_free(const styro_allocator *alloc, struct styro_path_rule *rule);
void styro_rules_free(const styro_allocator *alloc, struct styro_fields *fields);

/* Adds a number to the array *items of *n; frees the array and leaves none. */
int styro_ints_append(const styro_allocator *alloc, int **items, size_t *n, int number);
void styro_ints_free(const styro_allocator *alloc, int **items, size_t *n);

/* Replaces the text at *place by a copy. */
int styro_text_replace(const styro_allocator *alloc, char **place, const char *text);

/* The descriptor that a field of type SOURCE holds, -1 where it is a path. */
int styro_source_fd(const char *object);

#endif
