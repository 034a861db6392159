/* The rules about securebits: what the kernel takes back at exec, and what would undo the capability sets that are asked. */
#include <linux/securebits.h>

#include "capability.h"
#include "securebits.h"
#include "validate_rules.h"

/* Written, that is: the bits of a request without its own list keep its sets by themselves. */
static uint32_t written(const struct styro_effective *e)
{
  return styro_effective_is_set(e, "/security/securebits") ? styro_securebits_wanted(e) : 0;
}

static bool keep_caps(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return (written(e) & SECBIT_KEEP_CAPS) != 0;
}

/*
 * capabilities(7), "Capabilities and execution of programs by root": without `noroot` exec gives uid 0 the inheritable and
 * the bounding set, which no_new_privs alone holds back to what the process had.
 */
static bool root_gains(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_fields *f = &e->fields;
  uint64_t gained = (f->cap_bounding | f->cap_inheritable) & ~f->cap_permitted;
  if (!f->capabilities_named || f->uid != 0 || f->no_new_privs || gained == 0 ||
      (styro_securebits_wanted(e) & SECBIT_NOROOT) != 0) {
    return false;
  }
  char name[64];
  styro_name_object(found, styro_capability_name(__builtin_ctzll(gained), name, sizeof name));
  return true;
}

const struct styro_rule styro_rules_securebits[] = {
    {STYRO_EREQUEST, "/security/securebits", keep_caps,
     "`keep_caps` is taken back by execve(2): no payload ever starts with it",
     "leave it out; a payload that changes its ids keeps its capabilities with `no_setuid_fixup`"},
    {STYRO_EREQUEST, "/security/securebits", root_gains,
     "uid 0 would get {} by executing a program, and the permitted set is to be without it",
     "add \"noroot\" to `security.securebits`, or leave `no_new_privs` as it is"},
    {.broken = NULL},
};
