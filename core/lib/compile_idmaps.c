/*
 * Id maps of mounts: what `idmap` asks for, put together with the sandbox's own maps to what the kernel wants to know (ids
 * on disk and outside). Which sources get them is known to who makes those. Its twin in the helper is idmaps.c.
 */
#include <string.h>

#include "compile.h"
#include "id_map.h"

/* The two meet in the ids inside. "" where the sandbox maps one id only, whose outside is known to the run alone. */
static uint32_t ranges(struct styro_compile *c, const char *idmap, const char *map)
{
  struct styro_buffer text;
  styro_buffer_init(&text, &c->builder.alloc);
  if (styro_id_map_has_ranges(map)) {
    styro_buffer_text(&text, "");
    styro_id_map_compose(idmap, map, &text);
  }
  uint32_t at = styro_builder_text(&c->builder, text.data ? text.data : "");
  c->builder.data.failed = c->builder.data.failed || text.failed;
  styro_buffer_free(&text);
  return at;
}

/* The id on disk that the one id inside has. */
static uint32_t on_disk(const char *idmap, int64_t id)
{
  struct styro_id_range range;
  return styro_id_map_next(&idmap, &range) ? range.inside : (uint32_t)id;
}

static void add(struct styro_compile *c, const char *idmap, const char *field)
{
  struct wire_step_idmap body;
  memset(&body, 0, sizeof body);
  body.uid_ranges = ranges(c, idmap, c->fields->uid_map);
  body.gid_ranges = ranges(c, idmap, c->fields->gid_map);
  body.uid = on_disk(idmap, c->fields->uid);
  body.gid = on_disk(idmap, c->fields->gid);
  styro_builder_step(&c->builder, WIRE_STEP_IDMAP, 0, field, STYRO_FATAL, &body, sizeof body);
  c->idmaps[c->idmaps_n++] = idmap;
}

uint32_t styro_compile_idmap(const struct styro_compile *c, const char *idmap)
{
  for (uint32_t i = 0; idmap && i < c->idmaps_n; i++) {
    if (strcmp(c->idmaps[i], idmap) == 0) {
      return i + 1;
    }
  }
  return 0;
}

static int too_many(struct styro_compile *c)
{
  int code = styro_fail(c->err, STYRO_EREQUEST, STYRO_STAGE_COMPILE, 0,
                        "`idmap` has more than %d different values in this request", WIRE_IDMAPS_MAX);
  styro_error_field(c->err, "/paths");
  styro_error_hint(c->err, "entries with the same ranges share one map");
  return code;
}

int styro_compile_idmaps(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  if (fields->root_idmap) {
    add(c, fields->root_idmap, "/root/idmap");
  }
  for (size_t i = 0; i < fields->rules_n; i++) {
    const char *idmap = fields->rules[i].idmap;
    if (!idmap || styro_compile_idmap(c, idmap)) {
      continue;
    }
    if (c->idmaps_n == WIRE_IDMAPS_MAX) {
      return too_many(c);
    }
    add(c, idmap, "/paths");
  }
  return 0;
}
