/* The rules about capabilities: what words contradict each other, what the kernel refuses or undoes, and what would open init. */
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "../wire/uapi.h"
#include "capability.h"
#include "nested.h"
#include "validate_rules.h"

static void name_capability(struct styro_finding *found, uint64_t bits)
{
  char name[64];
  int number = 0;
  while ((bits >> number & 1) == 0) {
    number++;
  }
  styro_name_object(found, styro_capability_name(number, name, sizeof name));
}

static bool any_capability(uint64_t bits, struct styro_finding *found)
{
  if (bits != 0) {
    name_capability(found, bits);
  }
  return bits != 0;
}

/* ptrace(2) checks capabilities in the namespace of the target, which init shares with the payload where none is made for that. */
static bool opens_init(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_fields *f = &e->fields;
  return f->init && styro_nested_spaces(f) == 0 && any_capability(styro_nested_capabilities(f), found);
}

/* What a file system of the kernel's shows is the sandbox's own namespace, and the payload is in another then. */
static bool shows_left_space(const struct styro_effective *e, struct styro_finding *found)
{
  static const struct {
    int type;
    uint64_t flag;
  } rows[] = {{STYRO_MOUNT_SYSFS, WIRE_CLONE_NEWNET}, {STYRO_MOUNT_MQUEUE, WIRE_CLONE_NEWIPC}};
  uint64_t flags = styro_nested_spaces(&e->fields);
  for (size_t i = 0; i < 2 * e->fields.mounts.n; i++) {
    if (e->fields.mounts.items[i / 2].type == rows[i % 2].type && flags & rows[i % 2].flag) {
      snprintf(found->field, sizeof found->field, "/mounts/%zu", i / 2);
      styro_name_object(found, i % 2 ? "mqueue" : "sysfs");
      return true;
    }
  }
  return false;
}

/* ---- keep, drop, add --------------------------------------------------------------------------------------------- */

static const char *const sets[] = {"/security/capabilities/bounding", "/security/capabilities/effective",
                                   "/security/capabilities/permitted", "/security/capabilities/inheritable",
                                   "/security/capabilities/ambient"};
static const char *const forms[] = {"/security/capabilities/keep", "/security/capabilities/drop",
                                    "/security/capabilities/add"};

static const char *first_given(const struct styro_effective *e, const char *const *pointers, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (styro_effective_is_set(e, pointers[i])) {
      return pointers[i];
    }
  }
  return NULL;
}

static bool form_beside_set(const struct styro_effective *e, struct styro_finding *found)
{
  const char *form = first_given(e, forms, sizeof forms / sizeof forms[0]);
  const char *set = first_given(e, sets, sizeof sets / sizeof sets[0]);
  if (form == NULL || set == NULL) {
    return false;
  }
  snprintf(found->field, sizeof found->field, "%s", form);
  snprintf(found->object, sizeof found->object, "`%s` cannot stand beside `%s`", strrchr(form, '/') + 1,
           strrchr(set, '/') + 1);
  return true;
}

static bool drops_all(const struct styro_fields *f)
{
  return f->cap_drop == STYRO_CAPS_ALL;
}

static bool kept_and_all_dropped(const struct styro_effective *e, struct styro_finding *found)
{
  return drops_all(&e->fields) && any_capability(e->fields.cap_keep, found);
}

static bool dropped_and_not_kept(const struct styro_effective *e, struct styro_finding *found)
{
  return !drops_all(&e->fields) && any_capability(e->fields.cap_drop & ~e->fields.cap_keep, found);
}

static bool added_and_dropped(const struct styro_effective *e, struct styro_finding *found)
{
  return !drops_all(&e->fields) && any_capability(e->fields.cap_add & e->fields.cap_drop, found);
}

/* ---- the five sets ----------------------------------------------------------------------------------------------- */

/* capabilities(7), "Transformation during execve": without file capabilities all three become the ambient set. */
static bool exec_recomputes(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_fields *f = &e->fields;
  return any_capability((f->cap_effective ^ f->cap_ambient) | (f->cap_permitted ^ f->cap_ambient), found);
}

static bool ambient_not_inheritable(const struct styro_effective *e, struct styro_finding *found)
{
  return any_capability(e->fields.cap_ambient & ~e->fields.cap_inheritable, found);
}

static bool inheritable_not_bounding(const struct styro_effective *e, struct styro_finding *found)
{
  return any_capability(e->fields.cap_inheritable & ~e->fields.cap_bounding, found);
}

const struct styro_rule styro_rules_capabilities[] = {
    {STYRO_EREQUEST, "/security/capabilities", form_beside_set, "{}",
     "write the five sets, or `keep`, `drop` and `add` for all of them alike"},
    {STYRO_EREQUEST, "/security/capabilities/drop", kept_and_all_dropped,
     "`keep` names {}, and `drop` takes all that is kept",
     "leave out one of the two; `add` is what the payload has besides"},
    {STYRO_EREQUEST, "/security/capabilities/drop", dropped_and_not_kept,
     "{} is dropped, and nothing that is not in `keep` stays",
     "leave it out, or write \"keep\": [\"ALL\"] if all others are to stay"},
    {STYRO_EREQUEST, "/security/capabilities/drop", added_and_dropped, "{} is both added and dropped",
     "leave out one of the two"},
    {STYRO_EREQUEST, "/security/capabilities", opens_init,
     "a payload with {} could open the memory of the sandbox's init, and a user namespace below the sandbox's, where it could not, "
     "needs new user and pid namespaces",
     "leave out \"namespaces\" `user` and `pid`, or the capability, or add \"init\": false"},
    {STYRO_EREQUEST, "/mounts", shows_left_space,
     "a new `{}` shows a namespace of the sandbox's, and the payload has its own where its capabilities count",
     "leave the mount out, or the capabilities over it, or add \"init\": false"},
    {STYRO_EREQUEST, "/security/capabilities", exec_recomputes,
     "the sets `effective`, `permitted` and `ambient` differ in {}: execve(2) makes all three the ambient set",
     "give the three the same names"},
    {STYRO_EREQUEST, "/security/capabilities/ambient", ambient_not_inheritable,
     "{} is in the ambient set and not in the inheritable one, which the kernel refuses",
     "add it to `inheritable` as well"},
    {STYRO_EREQUEST, "/security/capabilities/inheritable", inheritable_not_bounding,
     "{} is in the inheritable set and not in the bounding one", "add it to `bounding` as well"},
    {.broken = NULL},
};
