/*
 * A layer: fields and which of them were given; copying, laying one on another, and freeing, by type of field. Knows no
 * JSON, no defaults and no rules.
 */
#include "layer.h"

#include <string.h>

#include "collection.h"
#include "mount_list.h"

int styro_layer_init(struct styro_layer *layer, const styro_allocator *alloc)
{
  *layer = (struct styro_layer){.alloc = *alloc};
  layer->set = styro_alloc_array(alloc, styro_field_count(), sizeof *layer->set);
  return layer->set == NULL ? STYRO_ENOMEM : 0;
}

/* The switch of types that own memory; what owns none is simply zeroed. */
static void clear_place(struct styro_layer *layer, const struct styro_field *field)
{
  void *place = styro_field_place(field, &layer->fields);
  switch (field->type) {
  case STYRO_TYPE_TEXT:
  case STYRO_TYPE_ID_MAP:
  case STYRO_TYPE_IDMAP:
  case STYRO_TYPE_SOURCE:
  case STYRO_TYPE_GROUPS:
  case STYRO_TYPE_OCI:
  case STYRO_TYPE_PATH: styro_text_replace(&layer->alloc, place, NULL); break;
  case STYRO_TYPE_PORTS:
  case STYRO_TYPE_LIST: styro_list_free(&layer->alloc, place); break;
  case STYRO_TYPE_MAP: styro_map_free(&layer->alloc, place); break;
  case STYRO_TYPE_RULES: styro_rules_free(&layer->alloc, &layer->fields); break;
  case STYRO_TYPE_MOUNTS: styro_mounts_free(&layer->alloc, place); break;
  case STYRO_TYPE_FDS:
    styro_ints_free(&layer->alloc, &layer->fields.preserve_fds, &layer->fields.preserve_fds_n);
    layer->fields.preserve_by_caller = false;
    break;
  case STYRO_TYPE_BPF:
    styro_dealloc(&layer->alloc, layer->fields.bpf, layer->fields.bpf_n * sizeof(struct styro_bpf));
    layer->fields.bpf = NULL;
    layer->fields.bpf_n = 0;
    break;
  default: memset(place, 0, field->size);
  }
}

/* Rows below the path rules and the mounts are kept in these, not in struct styro_fields. */
static bool is_kept_here(const struct styro_field *field)
{
  return !styro_field_in_entry(field);
}

/* A row and all below it stand together in the table, so a prefix is enough. */
static bool is_within(const struct styro_field *outer, const struct styro_field *field)
{
  size_t len = strlen(outer->pointer);
  return strncmp(field->pointer, outer->pointer, len) == 0 &&
         (field->pointer[len] == '\0' || field->pointer[len] == '/');
}

/* Also zeroes: a field that was not given must look alike in every layer, for it may be compared. */
void styro_layer_clear(struct styro_layer *layer, const struct styro_field *field)
{
  for (size_t i = styro_field_index(field); i < styro_field_count() && is_within(field, styro_field_at(i)); i++) {
    if (is_kept_here(styro_field_at(i))) {
      clear_place(layer, styro_field_at(i));
      layer->set[i] = 0;
    }
  }
}

void styro_layer_free(struct styro_layer *layer)
{
  if (layer->set != NULL) {
    styro_layer_clear(layer, styro_field_at(0));
    styro_dealloc(&layer->alloc, layer->set, styro_field_count() * sizeof *layer->set);
  }
  *layer = (struct styro_layer){0};
}

bool styro_layer_has(const struct styro_layer *layer, const struct styro_field *field)
{
  for (size_t i = styro_field_index(field); i < styro_field_count() && is_within(field, styro_field_at(i)); i++) {
    if (layer->set[i]) {
      return true;
    }
  }
  return false;
}

static bool excludes(const struct styro_field *a, const struct styro_field *b)
{
  return ((a->flags | b->flags) & STYRO_FIELD_HIDDEN) != 0 || (a->flags & b->flags & STYRO_FIELD_RIVAL) != 0;
}

void styro_layer_mark(struct styro_layer *layer, const struct styro_field *field)
{
  const struct styro_field *parent = styro_field_parent(field);
  const struct styro_field *sibling = NULL;
  while (parent != NULL && (sibling = styro_field_child(parent, sibling)) != NULL) {
    if (sibling != field && excludes(sibling, field)) {
      styro_layer_clear(layer, sibling);
    }
  }
  layer->set[styro_field_index(field)] = 1;
}

/* Maps merge by key; the order is that of the first who named the key. */
static int merge_map(struct styro_layer *lower, struct styro_map *to, const struct styro_map *from)
{
  for (size_t i = 0; i < from->n; i++) {
    if (styro_map_set(&lower->alloc, to, from->keys[i], from->values[i]) != 0) {
      return STYRO_ENOMEM;
    }
  }
  return 0;
}

/* Rules merge by path, whole rule by whole rule: half of two rules would be nobody's wish. */
static int merge_rules(struct styro_layer *lower, const struct styro_fields *from)
{
  for (size_t i = 0; i < from->rules_n; i++) {
    struct styro_path_rule rule = {0};
    if (styro_rule_copy(&lower->alloc, &rule, &from->rules[i]) != 0 ||
        styro_rules_put(&lower->alloc, &lower->fields, &rule) != 0) {
      return STYRO_ENOMEM;
    }
  }
  return 0;
}

static int copy_fds(struct styro_layer *lower, const struct styro_field *field, const struct styro_fields *from)
{
  clear_place(lower, field);
  lower->fields.preserve_by_caller = from->preserve_by_caller;
  for (size_t i = 0; i < from->preserve_fds_n; i++) {
    if (styro_ints_append(&lower->alloc, &lower->fields.preserve_fds, &lower->fields.preserve_fds_n,
                          from->preserve_fds[i]) != 0) {
      return STYRO_ENOMEM;
    }
  }
  return 0;
}

/* A program is one thing: the later one replaces it. */
static int copy_bpf(struct styro_layer *lower, const struct styro_field *field, const struct styro_fields *from)
{
  struct styro_bpf *copy = styro_alloc_array(&lower->alloc, from->bpf_n, sizeof *copy);
  if (copy == NULL) {
    return STYRO_ENOMEM;
  }
  for (size_t i = 0; i < from->bpf_n; i++) {
    copy[i] = from->bpf[i];
  }
  clear_place(lower, field);
  lower->fields.bpf = copy;
  lower->fields.bpf_n = from->bpf_n;
  return 0;
}

static int copy_place(struct styro_layer *lower, const struct styro_field *field, const struct styro_fields *from)
{
  void *to = styro_field_place(field, &lower->fields);
  const void *place = styro_field_place_const(field, from);
  switch (field->type) {
  case STYRO_TYPE_OBJECT: return 0; /* what it holds is its children's */
  case STYRO_TYPE_TEXT:
  case STYRO_TYPE_ID_MAP:
  case STYRO_TYPE_IDMAP:
  case STYRO_TYPE_SOURCE:
  case STYRO_TYPE_GROUPS:
  case STYRO_TYPE_OCI:
  case STYRO_TYPE_PATH: return styro_text_replace(&lower->alloc, to, *(char *const *)place);
  case STYRO_TYPE_PORTS:
  case STYRO_TYPE_LIST: return styro_list_copy(&lower->alloc, to, place);
  case STYRO_TYPE_MAP: return merge_map(lower, to, place);
  case STYRO_TYPE_RULES: return merge_rules(lower, from);
  case STYRO_TYPE_MOUNTS: return styro_mounts_copy(&lower->alloc, to, place);
  case STYRO_TYPE_FDS: return copy_fds(lower, field, from);
  case STYRO_TYPE_BPF: return copy_bpf(lower, field, from);
  default: memcpy(to, place, field->size); return 0;
  }
}

int styro_layer_apply(struct styro_layer *lower, const struct styro_layer *upper)
{
  for (size_t i = 0; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    if (!upper->set[i]) {
      continue;
    }
    if (copy_place(lower, field, &upper->fields) != 0) {
      return STYRO_ENOMEM;
    }
    styro_layer_mark(lower, field);
  }
  return 0;
}

int styro_layer_extend(struct styro_layer *lower, const struct styro_layer *upper)
{
  for (size_t i = 0; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    if ((field->flags & STYRO_FIELD_WHOLE) != 0 && styro_layer_has(upper, field)) {
      styro_layer_clear(lower, field);
    }
  }
  return styro_layer_apply(lower, upper);
}
