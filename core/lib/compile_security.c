/* Capabilities, securebits and no_new_privs; namespaces that only a payload with capabilities needs; labels. */
#include <string.h>

#include "compile.h"
#include "nested.h"
#include "securebits.h"

/* One, after all that is mounted and before the limit on user namespaces. */
void styro_compile_nest(struct styro_compile *c)
{
  struct wire_step_number body = {.value = (int64_t)styro_nested_spaces(c->fields)};
  if (body.value != 0) {
    styro_builder_step(&c->builder, WIRE_STEP_NEST, 0, "/security/capabilities", STYRO_FATAL, &body, sizeof body);
  }
}

static void add_label(struct styro_compile *c, uint32_t lsm, const char *field, const char *label)
{
  struct wire_step_label body;
  if (label == NULL) {
    return;
  }
  memset(&body, 0, sizeof body);
  body.lsm = lsm;
  body.label = styro_builder_text(&c->builder, label);
  styro_builder_step(&c->builder, WIRE_STEP_LABEL, 0, field, styro_compile_best_effort(c, STYRO_LSM_LABEL), &body,
                     sizeof body);
}

void styro_compile_security(struct styro_compile *c)
{
  add_label(c, WIRE_LSM_APPARMOR, "/security/apparmor", c->fields->apparmor);
  add_label(c, WIRE_LSM_SELINUX, "/security/selinux", c->fields->selinux);
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
