/* Capabilities, securebits and no_new_privs. */
#include <string.h>

#include "compile.h"
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
