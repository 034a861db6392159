/*
 * What the pivot leaves to do for root and `paths`: denied places with something inside are sealed, and what the payload must
 * be able to write is tried as the payload. The tree itself is made by compile_mounts.c; entries of `mounts` try their own.
 */
#include <string.h>

#include "compile.h"
#include "listed.h"

int styro_compile_access_begin(struct styro_compile *c)
{
  if (c->fields->rules_n == 0) {
    return 0;
  }
  c->rule_sources = styro_alloc_array(&c->builder.alloc, c->fields->rules_n, sizeof *c->rule_sources);
  return c->rule_sources ? 0 : styro_fail_memory(c->err, STYRO_STAGE_COMPILE);
}

void styro_compile_access_end(struct styro_compile *c)
{
  styro_dealloc(&c->builder.alloc, c->rule_sources, c->fields->rules_n * sizeof *c->rule_sources);
  c->rule_sources = NULL;
}

/* Is there a rule below this one? */
static bool has_inner(const struct styro_fields *fields, const struct styro_path_rule *rule)
{
  for (size_t i = 0; i < fields->rules_n; i++) {
    if (&fields->rules[i] != rule && styro_encloses(rule->path, fields->rules[i].path)) {
      return true;
    }
  }
  return false;
}

static void add_seal(struct styro_compile *c, const char *path)
{
  struct wire_step_place body;
  memset(&body, 0, sizeof body);
  body.target.path = styro_builder_text(&c->builder, path);
  styro_builder_step(&c->builder, WIRE_STEP_SEAL, WIRE_HAS_TARGET, "/paths", STYRO_FATAL, &body, sizeof body);
}

/* After the pivot: the flags of a mount inside a detached tree cannot be changed. */
void styro_compile_seals(struct styro_compile *c)
{
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    const struct styro_path_rule *rule = &c->fields->rules[i];
    if (rule->access == STYRO_ACCESS_DENY && has_inner(c->fields, rule)) {
      add_seal(c, rule->path);
    }
  }
}

static void add_access(struct styro_compile *c, const char *path, unsigned flags, uint32_t source, const char *field)
{
  struct wire_step_access body;
  memset(&body, 0, sizeof body);
  body.source = source;
  body.target.path = styro_builder_text(&c->builder, path);
  styro_builder_step(&c->builder, WIRE_STEP_ACCESS, (uint16_t)(flags | WIRE_HAS_TARGET), field, STYRO_FATAL, &body,
                     sizeof body);
}

void styro_compile_access(struct styro_compile *c)
{
  if (styro_root_writes_host(c->fields)) {
    add_access(c, "/", 0, 0, c->fields->root_upper ? "/root/overlay/upper" : "/root/writable");
  }
  styro_compile_list_access(c);
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    const struct styro_path_rule *rule = &c->fields->rules[i];
    if (rule->access == STYRO_ACCESS_RW) {
      add_access(c, rule->path, rule->optional ? WIRE_OPTIONAL : 0u, c->rule_sources[i], "/paths");
    }
  }
}
