/* Capabilities, securebits, no_new_privs and the filter. */
#include <string.h>

#include "compile.h"
#include "filter.h"
#include "securebits.h"

void styro_compile_security(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct wire_step_capabilities body;
  memset(&body, 0, sizeof body);
  if (fields->capabilities_named) {
    body.bounding = fields->cap_bounding;
    body.effective = fields->cap_effective;
    body.permitted = fields->cap_permitted;
    body.inheritable = fields->cap_inheritable;
    body.ambient = fields->cap_ambient;
  }
  body.securebits = styro_securebits_wanted(c->effective);
  body.no_new_privs = fields->no_new_privs;
  styro_builder_step(&c->builder, WIRE_STEP_CAPABILITIES, 0, "/security/capabilities", STYRO_FATAL, &body, sizeof body);
}

void styro_compile_filter(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct wire_step_seccomp body;
  size_t n = fields->bpf_n;
  const struct styro_bpf *program = fields->bpf;
  if (fields->seccomp_kind == STYRO_SECCOMP_DEFAULT) {
    program = styro_filter_default(&n);
  }
  memset(&body, 0, sizeof body);
  body.filter = styro_builder_filter(&c->builder, program, n);
  body.n = (uint32_t)n;
  styro_builder_step(&c->builder, WIRE_STEP_SECCOMP, 0, "/security/seccomp", STYRO_FATAL, &body, sizeof body);
}
