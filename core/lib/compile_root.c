/*
 * The root itself: a tmpfs, a directory of the host or an overlay of several, and whether it can be written. What stands in
 * it is compile_mounts.c's. Its twin in the helper is root.c.
 */
#include <string.h>

#include "base.h"
#include "compile.h"

#define SAFE (WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV)
#define READ_ONLY (SAFE | WIRE_MOUNT_ATTR_RDONLY)

bool styro_root_is_tree(const struct styro_fields *fields)
{
  return fields->root_kind == STYRO_ROOT_DIRECTORY || fields->root_kind == STYRO_ROOT_OVERLAY;
}

bool styro_root_discards(const struct styro_fields *fields)
{
  return styro_root_is_tree(fields) && fields->root_writable == STYRO_ROOT_DISCARD;
}

bool styro_root_writes_host(const struct styro_fields *fields)
{
  return fields->root_kind == STYRO_ROOT_OVERLAY
             ? fields->root_upper != NULL
             : styro_root_is_tree(fields) && fields->root_writable == STYRO_ROOT_WRITABLE;
}

void styro_compile_layer(struct styro_compile *c, const char *path, uint32_t kind, const char *field)
{
  struct wire_step_layer body;
  memset(&body, 0, sizeof body);
  body.source = styro_builder_source(&c->builder, path, 0);
  body.kind = kind;
  styro_builder_step(&c->builder, WIRE_STEP_LAYER, WIRE_HAS_SOURCE, field, STYRO_FATAL, &body, sizeof body);
}

static void add_layers(struct styro_compile *c)
{
  for (size_t i = 0; i < c->fields->root_lowers.n; i++) {
    styro_compile_layer(c, c->fields->root_lowers.items[i], WIRE_LAYER_LOWER, "/root/overlay/lower");
  }
  if (c->fields->root_upper) {
    styro_compile_layer(c, c->fields->root_upper, WIRE_LAYER_UPPER, "/root/overlay/upper");
    styro_compile_layer(c, c->fields->root_work, WIRE_LAYER_WORK, "/root/overlay/work");
  }
}

static uint32_t kind_of(const struct styro_fields *fields)
{
  switch (fields->root_kind) {
  case STYRO_ROOT_OVERLAY: return WIRE_ROOT_OVERLAY;
  case STYRO_ROOT_DIRECTORY: return styro_root_discards(fields) ? WIRE_ROOT_DISCARD : WIRE_ROOT_DIRECTORY;
  default: return WIRE_ROOT_TMPFS;
  }
}

/* The sandbox's own tmpfs is written while places are made, and turns read-only by its last flags. */
static uint64_t attributes_of(const struct styro_fields *fields)
{
  bool closed = styro_root_is_tree(fields) && !styro_root_discards(fields) && !styro_root_writes_host(fields);
  return closed ? READ_ONLY : SAFE;
}

/* On a tmpfs of the sandbox's own there is room for places, and for the files that `mounts` has data for. */
static uint64_t size_of(const struct styro_compile *c)
{
  uint64_t room = styro_root_is_tree(c->fields) ? 0 : styro_compile_list_room(c);
  if (styro_root_discards(c->fields)) {
    return c->fields->root_size == 0 ? STYRO_TMP_SIZE : c->fields->root_size;
  }
  return room ? (1 << 20) + room : 0;
}

void styro_compile_root(struct styro_compile *c)
{
  struct wire_step_root body;
  bool directory = c->fields->root_kind == STYRO_ROOT_DIRECTORY;
  bool overlay = c->fields->root_kind == STYRO_ROOT_OVERLAY;
  add_layers(c);
  memset(&body, 0, sizeof body);
  body.kind = kind_of(c->fields);
  body.mode = 0755;
  body.size = size_of(c);
  body.attr_set = attributes_of(c->fields);
  if (directory) {
    body.source = styro_builder_source(&c->builder, c->fields->root_directory, 0);
    body.source.idmap = styro_compile_idmap(c, c->fields->root_idmap);
  }
  styro_builder_step(&c->builder, WIRE_STEP_ROOT, directory ? WIRE_HAS_SOURCE | WIRE_BASE : 0,
                     directory ? "/root/directory"
                     : overlay ? "/root/overlay"
                               : "/root",
                     STYRO_FATAL, &body, sizeof body);
}
