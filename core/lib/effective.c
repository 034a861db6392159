/*
 * The effective request: presets and files below the request's own values, defaults where nobody said anything, and
 * what follows from the fields for those who compile them. Rules are in validate.c.
 */
#include <string.h>

#include "base.h"
#include "collection.h"
#include "extends.h"
#include "filtered.h"
#include "handle.h"
#include "oci_source.h"
#include "protections.h"
#include "read.h"
#include "validate.h"
#include "variables.h"

/* From the same texts that the schema and the reference show. */
static int fill_defaults(struct styro_layer *layer, styro_error *err)
{
  struct styro_reading in = {.layer = layer, .err = err, .origin = STYRO_FROM_TEXT};
  for (size_t i = 0; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    if (field->fallback == NULL || layer->set[i] || styro_field_in_entry(field)) {
      continue;
    }
    int code = styro_read_fallback(&in, field);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

static bool has(const struct styro_layer *layer, const char *pointer)
{
  return styro_layer_has(layer, styro_field_exact(pointer));
}

/* Rows that promise the whole group (`cgroup`, `parent`) ask for nothing by themselves. */
static uint64_t limits_asked(const struct styro_layer *layer)
{
  const struct styro_field *limits = styro_field_exact("/limits");
  const struct styro_field *child = NULL;
  uint64_t mask = 0;
  while ((child = styro_field_child(limits, child)) != NULL) {
    bool single = child->promises != STYRO_GROUP_LIMITS;
    mask |= single && styro_layer_has(layer, child) ? child->promises : 0;
  }
  for (size_t i = 0; i < layer->fields.limits.cgroup.n; i++) {
    mask |= styro_protection_of_cgroup_key(layer->fields.limits.cgroup.keys[i]);
  }
  return mask;
}

/* All five alike: what is kept of the full set, and what is added to it. */
static void derive_capabilities(struct styro_layer *layer)
{
  struct styro_fields *f = &layer->fields;
  if (has(layer, "/security/capabilities/keep") || has(layer, "/security/capabilities/drop") ||
      has(layer, "/security/capabilities/add")) {
    uint64_t set = (f->cap_keep & ~f->cap_drop) | f->cap_add;
    f->cap_bounding = f->cap_effective = f->cap_permitted = f->cap_inheritable = f->cap_ambient = set;
  }
}

/* What would otherwise be asked of the table in several places of compile. */
static void derive(struct styro_layer *layer)
{
  struct styro_fields *fields = &layer->fields;
  if (has(layer, "/root/directory")) {
    fields->root_kind = STYRO_ROOT_DIRECTORY;
  }
  if (has(layer, "/root/overlay")) {
    fields->root_kind = STYRO_ROOT_OVERLAY;
  }
  if (has(layer, "/security/seccomp/bpf")) {
    fields->seccomp_kind = STYRO_SECCOMP_BPF;
  }
  if (has(layer, "/security/seccomp/oci")) {
    fields->seccomp_kind = STYRO_SECCOMP_OCI;
  }
  if (!fields->init && !has(layer, "/die_with_parent")) {
    fields->die_with_parent = false; /* nobody would be there to see the caller die */
  }
  for (int kind = 0; kind < STYRO_NS_COUNT; kind++) {
    fields->namespaces[kind] = fields->joins[kind] != NULL ? STYRO_NS_JOIN : fields->namespaces[kind];
  }
  fields->network = fields->joins[STYRO_JOIN_NETWORK] != NULL ? STYRO_NETWORK_JOIN : fields->network;
  if (fields->namespaces[STYRO_NS_USER] == STYRO_NS_HOST) { /* ids are the host's, and 1000 is somebody there */
    fields->uid = has(layer, "/user/uid") ? fields->uid : STYRO_NOBODY;
    fields->gid = has(layer, "/user/gid") ? fields->gid : STYRO_NOBODY;
  }
  const struct styro_field *rlimits = styro_field_exact("/rlimits");
  const struct styro_field *child = NULL;
  while ((child = styro_field_child(rlimits, child)) != NULL) {
    struct styro_rlimit *rlimit = styro_field_place(child, fields);
    rlimit->set = styro_layer_has(layer, child);
  }
  fields->capabilities_named = has(layer, "/security/capabilities");
  derive_capabilities(layer);
  fields->landlock_paths_asked = has(layer, "/security/landlock/paths");
  fields->landlock_paths = fields->landlock_paths_asked ? fields->landlock_paths : styro_landlock_paths_fit(fields);
  fields->landlock_paths_asked = fields->landlock_paths_asked && fields->landlock_paths;
  fields->landlock_binds = has(layer, "/security/landlock/tcp_bind");
  fields->landlock_connects = has(layer, "/security/landlock/tcp_connect");
  fields->time_explicit = has(layer, "/namespaces/time");
  fields->clocks_set = has(layer, "/namespaces/time/boottime") || has(layer, "/namespaces/time/monotonic");
  fields->output_asked = has(layer, "/output");
  fields->limits_mask = limits_asked(layer);
  fields->limits_asked = fields->limits_mask != 0;
}

int styro_request_resolve(const struct styro_request *request, struct styro_layer *out, styro_error *err)
{
  struct styro_layer layer;
  int code = styro_layer_init(&layer, &request->alloc) == 0 ? 0 : styro_fail_memory(err, STYRO_STAGE_COMPILE);
  if (code == 0) {
    code = styro_extends_merge(&request->own, &request->variables, &layer, err);
  }
  if (code == 0) {
    code = fill_defaults(&layer, err);
  }
  if (code != 0) {
    styro_layer_free(&layer);
    return code;
  }
  derive(&layer);
  *out = layer;
  return 0;
}

int styro_request_effective(const styro_request *request, struct styro_effective *out, styro_error *err)
{
  struct styro_layer layer;
  int code = styro_request_resolve(request, &layer, err);
  if (code != 0) {
    return code;
  }
  struct styro_effective effective = {.alloc = layer.alloc, .fields = layer.fields, .set = layer.set};
  code = styro_validate(&effective, err);
  code = code == 0 ? styro_oci_load(&effective, err) : code;
  if (code != 0) {
    styro_effective_free(&effective);
    return code;
  }
  *out = effective;
  return 0;
}

/* An effective request is a layer whose owner may not change what was given. */
static struct styro_layer layer_of(const struct styro_effective *effective)
{
  return (struct styro_layer){
      .alloc = effective->alloc, .fields = effective->fields, .set = (uint8_t *)(uintptr_t)effective->set};
}

void styro_effective_free(struct styro_effective *effective)
{
  if (effective != NULL) {
    styro_oci_unload(effective);
    struct styro_layer layer = layer_of(effective);
    styro_layer_free(&layer);
    *effective = (struct styro_effective){0};
  }
}

bool styro_effective_is_set(const struct styro_effective *effective, const char *pointer)
{
  const struct styro_field *field = styro_field_exact(pointer);
  if (field == NULL) {
    return false;
  }
  struct styro_layer layer = layer_of(effective);
  return styro_layer_has(&layer, field);
}

int styro_request_validate(const styro_request *request, styro_error *err)
{
  if (request == NULL) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "no request to validate");
  }
  struct styro_effective effective = {0};
  int code = styro_request_effective(request, &effective, err);
  styro_effective_free(&effective);
  return code;
}

int styro_request_set_variable(styro_request *request, const char *name, const char *value, styro_error *err)
{
  if (request == NULL || name == NULL || value == NULL) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "a request, a name and a value are needed");
  }
  if (!styro_variable_name_is_valid(name, strlen(name))) {
    styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "`%.200s` is not the name of a variable", name);
    styro_error_object(err, "%s", name);
    styro_error_hint(err, "letters, digits and `_` make a name, and no digit is its first");
    return STYRO_EREQUEST;
  }
  int failed = styro_map_set(&request->alloc, &request->variables, name, value);
  return failed ? styro_fail_memory(err, STYRO_STAGE_NONE) : 0;
}
