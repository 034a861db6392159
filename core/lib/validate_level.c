/* The rules about levels: their order, and what the level `process` cannot express, each word of it by its name. */
#include "validate_rules.h"

#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "level.h"
#include "listed.h"

static bool process(const struct styro_effective *e)
{
  return styro_level_asked(&e->fields, STYRO_LEVEL_PROCESS);
}

static bool level_twice(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_list *levels = &e->fields.isolation;
  bool twice = levels->n == 2 && strcmp(levels->items[0], levels->items[1]) == 0;
  styro_name_object(found, levels->items[0]);
  return twice;
}

/* No host that runs this library refuses it. */
static bool level_never_reached(const struct styro_effective *e, struct styro_finding *found)
{
  styro_name_object(found, e->fields.isolation.items[e->fields.isolation.n - 1]);
  return e->fields.isolation.n == 2 && styro_level_first(&e->fields) == STYRO_LEVEL_PROCESS;
}

/* ---- words that need a namespace or a mount ---- */

static const char *const words[] = {
    "/root/directory",
    "/root/overlay",
    "/root/size",
    "/root/idmap",
    "/mounts",
    "/user/uid",
    "/user/gid",
    "/user/groups",
    "/user/uid_map",
    "/user/gid_map",
    "/user/setgroups",
    "/namespaces/uts/domainname",
    "/namespaces/time/boottime",
    "/namespaces/time/monotonic",
    "/network/join",
    "/security/securebits",
};

static const struct {
  int kind;
  const char *pointer;
} spaces[] = {
    {STYRO_NS_MOUNT, "/namespaces/mount"},   {STYRO_NS_PID, "/namespaces/pid"},   {STYRO_NS_IPC, "/namespaces/ipc"},
    {STYRO_NS_CGROUP, "/namespaces/cgroup"}, {STYRO_NS_TIME, "/namespaces/time"}, {STYRO_NS_USER, "/namespaces/user"},
};

/* As people name it: `user.uid_map`. */
static void name_word(struct styro_finding *found, const char *pointer)
{
  snprintf(found->field, sizeof found->field, "%s", pointer);
  snprintf(found->object, sizeof found->object, "%s", pointer + 1);
  for (char *at = found->object; *at; at++) {
    *at = *at == '/' ? '.' : *at;
  }
}

static bool word_of_container(const struct styro_effective *e, struct styro_finding *found)
{
  for (size_t i = 0; process(e) && i < sizeof words / sizeof words[0]; i++) {
    if (styro_effective_is_set(e, words[i])) {
      name_word(found, words[i]);
      return true;
    }
  }
  return false;
}

/* `host` is what it is there. A host name is listed as not enforced: presets give one. */
static bool space_of_container(const struct styro_effective *e, struct styro_finding *found)
{
  for (size_t i = 0; process(e) && i < sizeof spaces / sizeof spaces[0]; i++) {
    if (styro_effective_is_set(e, spaces[i].pointer) && e->fields.namespaces[spaces[i].kind] != STYRO_NS_HOST) {
      name_word(found, spaces[i].pointer);
      return true;
    }
  }
  bool written =
      styro_effective_is_set(e, "/namespaces/uts/mode") && e->fields.namespaces[STYRO_NS_UTS] != STYRO_NS_HOST;
  name_word(found, e->fields.joins[STYRO_NS_UTS] != NULL ? "/namespaces/uts/join" : "/namespaces/uts");
  return process(e) && (written || e->fields.joins[STYRO_NS_UTS] != NULL);
}

/* ---- what the level consists of ---- */

static bool without_init(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return process(e) && !e->fields.init;
}

static bool without_landlock(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return process(e) && styro_effective_is_set(e, "/security/landlock/paths") && !e->fields.landlock_paths;
}

static bool with_privileges(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return process(e) && !e->fields.no_new_privs;
}

static bool with_capabilities(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_fields *f = &e->fields;
  (void)found;
  return process(e) && f->capabilities_named &&
         (f->cap_bounding | f->cap_effective | f->cap_permitted | f->cap_inheritable | f->cap_ambient) != 0;
}

/* ---- paths ---- */

typedef bool rule_test(const struct styro_effective *e, const struct styro_path_rule *rule);

static bool any_rule(const struct styro_effective *e, rule_test *test, const char *part, struct styro_finding *found)
{
  for (size_t i = 0; process(e) && i < e->fields.rules_n; i++) {
    const struct styro_path_rule *rule = &e->fields.rules[i];
    if (test(e, rule)) {
      styro_name_field(found, "/paths", rule->path, part);
      styro_name_object(found, rule->path);
      return true;
    }
  }
  return false;
}

static bool is_tmpfs(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  (void)e;
  return rule->access == STYRO_ACCESS_TMPFS;
}

static bool is_elsewhere(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  (void)e;
  return rule->from != NULL && strcmp(rule->from, rule->path) != 0;
}

static bool is_idmapped(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  (void)e;
  return rule->idmap != NULL;
}

static bool is_noexec(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  (void)e;
  return rule->noexec;
}

static bool in_shown(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  bool uses;
  for (size_t i = 0; i < styro_level_places(); i++) {
    const char *place = styro_level_place(&e->fields, i, &uses);
    if (place != NULL && styro_encloses(place, rule->path)) {
      return true;
    }
  }
  return false;
}

/* Rules of Landlock only ever add: what is within an allowed place cannot be taken out of it (landlock(7)). */
static bool is_hole(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  return rule->access == STYRO_ACCESS_DENY && (styro_rule_around(&e->fields, rule) != NULL || in_shown(e, rule));
}

static bool is_narrower(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  for (size_t i = 0; rule->access == STYRO_ACCESS_RO && i < e->fields.rules_n; i++) {
    const struct styro_path_rule *other = &e->fields.rules[i];
    if (other != rule && other->access == STYRO_ACCESS_RW && styro_contains(other->path, rule->path)) {
      return true;
    }
  }
  return false;
}

static bool tmpfs_rule(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_tmpfs, NULL, found);
}

static bool moved_rule(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_elsewhere, "from", found);
}

static bool idmapped_rule(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_idmapped, "idmap", found);
}

static bool noexec_rule(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_noexec, "noexec", found);
}

static bool hole(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_hole, NULL, found);
}

static bool narrower(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_narrower, NULL, found);
}

#define LEAVE_OUT "leave it out, or leave `process` out of `isolation`"
#define CANNOT "at the level `process` "

const struct styro_rule styro_rules_level[] = {
    {STYRO_EREQUEST, "/isolation", level_twice, "`isolation` names `{}` twice", "name it once"},
    {STYRO_EREQUEST, "/isolation", level_never_reached,
     "`{}` stands after `process`, which no host refuses, so that it would never be reached",
     "turn the two around, or leave out the second"},
    {STYRO_EREQUEST, "/mounts", word_of_container,
     "`{}` " CANNOT "cannot be had: it has no namespaces, no mounts and the caller's ids", LEAVE_OUT},
    {STYRO_EREQUEST, "/namespaces", space_of_container, "`{}` " CANNOT "cannot be had: it makes and joins no namespace",
     LEAVE_OUT},
    {STYRO_EREQUEST, "/init", without_init,
     "`init` is false, and " CANNOT "nothing else could end what the payload starts", LEAVE_OUT},
    {STYRO_EREQUEST, "/security/landlock/paths", without_landlock,
     "`security.landlock.paths` is false, and " CANNOT "nothing else keeps the payload from the host's files",
     LEAVE_OUT},
    {STYRO_EREQUEST, "/security/no_new_privs", with_privileges,
     "`security.no_new_privs` is false, and " CANNOT "the kernel takes Landlock and the filter of ordinary callers "
     "with it alone",
     LEAVE_OUT},
    {STYRO_EREQUEST, "/security/capabilities", with_capabilities,
     "`security.capabilities` names some, and " CANNOT "they would be the host's own", LEAVE_OUT},
    {STYRO_EREQUEST, "/paths", tmpfs_rule, "`{}` is `tmpfs`, and " CANNOT "nothing can be mounted",
     "name a directory of the host that the payload may write, or leave `process` out of `isolation`"},
    {STYRO_EREQUEST, "/paths", moved_rule, "`{}` shows another path, and " CANNOT "paths are the host's",
     "name the host's path itself, or leave `process` out of `isolation`"},
    {STYRO_EREQUEST, "/paths", idmapped_rule, "`{}` is idmapped, and " CANNOT "nothing can be mounted", LEAVE_OUT},
    {STYRO_EREQUEST, "/paths", noexec_rule, "`{}` is `noexec`, and " CANNOT "nothing can be mounted", LEAVE_OUT},
    {STYRO_EREQUEST, "/paths", hole,
     "`{}` is `deny` within a place that can be read, and " CANNOT "nothing can be taken out of such a place",
     "name the places beside it instead, or leave `process` out of `isolation`"},
    {STYRO_EREQUEST, "/paths", narrower,
     "`{}` is `ro` within a place that is `rw`, and " CANNOT "nothing can be taken out of such a place",
     "name the places beside it instead, or leave `process` out of `isolation`"},
    {.broken = NULL},
};
