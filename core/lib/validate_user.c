/* The rules about namespaces and ids. */
#include "validate_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filtered.h"
#include "groups.h"
#include "id_map.h"
#include "protections.h"

/* ---- namespaces and user ---- */

/* Everything that hides the host's files is a mount. */
static bool mount_host(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.namespaces[STYRO_NS_MOUNT] == STYRO_NS_HOST;
}

static bool user_host(const struct styro_effective *e)
{
  return e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_HOST;
}

static bool map_of_host(const struct styro_effective *e, struct styro_finding *found)
{
  const char *field = styro_effective_is_set(e, "/user/uid_map") ? "/user/uid_map" : "/user/gid_map";
  if (!user_host(e) || !styro_effective_is_set(e, field)) {
    return false;
  }
  snprintf(found->field, sizeof found->field, "%s", field);
  return true;
}

/* An id that is in no range is nobody's inside: setresuid(2) refuses it. */
static bool not_mapped(const char *map, int64_t id, struct styro_finding *found)
{
  uint32_t outside;
  snprintf(found->object, sizeof found->object, "%lld", (long long)id);
  return styro_id_map_has_ranges(map) && !styro_id_map_lookup(map, (uint32_t)id, &outside);
}

static bool uid_not_mapped(const struct styro_effective *e, struct styro_finding *found)
{
  return not_mapped(e->fields.uid_map, e->fields.uid, found);
}

static bool gid_not_mapped(const struct styro_effective *e, struct styro_finding *found)
{
  return not_mapped(e->fields.gid_map, e->fields.gid, found);
}

/* The limit of max_user_namespaces would be the host's there; what is left is the filter. */
static bool nested_in_host(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return user_host(e) && !styro_seccomp_refuses_nested(&e->fields) &&
         (e->fields.best_effort & STYRO_BIT(STYRO_NESTED_USER_NAMESPACES)) == 0;
}

static bool pid_host_with_init(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.namespaces[STYRO_NS_PID] == STYRO_NS_HOST && e->fields.init;
}

/* The kernel ends a process tree together with its pid namespace, and only so without a gap. */
static bool pid_host_tree(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.namespaces[STYRO_NS_PID] == STYRO_NS_HOST &&
         (e->fields.best_effort & STYRO_BIT(STYRO_TREE_KILL)) == 0;
}

/* sethostname(2) would rename the machine. */
static bool hostname_of_host(const struct styro_effective *e, struct styro_finding *found)
{
  if (e->fields.hostname == NULL || e->fields.namespaces[STYRO_NS_UTS] != STYRO_NS_HOST) {
    return false;
  }
  styro_name_object(found, e->fields.hostname);
  return true;
}

static bool domainname_of_host(const struct styro_effective *e, struct styro_finding *found)
{
  if (e->fields.domainname == NULL || e->fields.namespaces[STYRO_NS_UTS] != STYRO_NS_HOST) {
    return false;
  }
  styro_name_object(found, e->fields.domainname);
  return true;
}

/* PDEATHSIG is no way out: it fires when the thread that spawned ends, not the process. */
static bool death_without_init(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return !e->fields.init && e->fields.die_with_parent;
}

/* user_namespaces(7): an unprivileged gid_map needs `deny` in setgroups. Other maps are decided when it runs. */
static bool groups_with_self_map(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_fields *f = &e->fields;
  (void)found;
  return f->groups != NULL && !styro_groups_kept(f->groups) &&
         (styro_id_map_is_self(f->gid_map) || (f->gid_map == NULL && styro_id_map_is_self(f->uid_map)));
}

/* The first listed group that `mapped` says no to. */
static bool any_group(const struct styro_effective *e, bool (*mapped)(const struct styro_fields *f, uint32_t id),
                      struct styro_finding *found)
{
  const char *at = e->fields.groups;
  uint32_t id = 0;
  while (at != NULL && styro_groups_next(&at, &id)) {
    if (!mapped(&e->fields, id)) {
      snprintf(found->object, sizeof found->object, "%" PRIu32, id);
      return true;
    }
  }
  return false;
}

static bool in_ranges(const struct styro_fields *f, uint32_t id)
{
  uint32_t outside;
  return !styro_id_map_has_ranges(f->gid_map) || styro_id_map_lookup(f->gid_map, id, &outside);
}

static bool is_own_group(const struct styro_fields *f, uint32_t id)
{
  return id == f->gid;
}

static bool group_not_in_ranges(const struct styro_effective *e, struct styro_finding *found)
{
  return any_group(e, in_ranges, found);
}

static bool group_not_in_default_map(const struct styro_effective *e, struct styro_finding *found)
{
  return e->fields.gid_map == NULL && e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_NEW &&
         any_group(e, is_own_group, found);
}

static bool setgroups_under_self_map(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.setgroups == STYRO_SETGROUPS_ALLOW && styro_id_map_is_self(e->fields.gid_map);
}

static bool setgroups_of_host(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.setgroups != STYRO_SETGROUPS_DEFAULT && user_host(e);
}

static bool groups_where_denied(const struct styro_effective *e, struct styro_finding *found)
{
  const char *at = e->fields.groups;
  uint32_t first = 0;
  bool listed = at != NULL && styro_groups_next(&at, &first);
  snprintf(found->object, sizeof found->object, "%" PRIu32, first);
  return e->fields.setgroups == STYRO_SETGROUPS_DENY && listed;
}

const struct styro_rule styro_rules_user[] = {
    {STYRO_EREQUEST, "/user/groups", groups_with_self_map,
     "supplementary groups cannot be set or given up under the map `self`: the kernel allows no setgroups(2) there",
     "leave `user.groups` out (the outcome then lists them as not enforced), or leave out the map"},
    {STYRO_EREQUEST, "/user/groups", group_not_in_ranges, "the group {} is in no range of `user.gid_map`",
     "add a range such as [10, 100010, 1] for it, or leave it out"},
    {STYRO_EREQUEST, "/user/groups", group_not_in_default_map,
     "the group {} exists inside only where `user.gid_map` maps it: the default map has `user.gid` and no other",
     "map more ids: \"gid_map\": \"subuid\", or ranges"},
    {STYRO_EREQUEST, "/user/groups", groups_where_denied, "the group {} cannot be set where `user.setgroups` is `deny`",
     "leave out one of the two"},
    {STYRO_EREQUEST, "/user/setgroups", setgroups_under_self_map,
     "`user.setgroups` is `allow`, and the kernel allows no setgroups(2) under a gid map of the caller's own id",
     "map other ids, \"gid_map\": \"subuid\" or ranges, or leave it out"},
    {STYRO_EREQUEST, "/user/setgroups", setgroups_of_host,
     "`user.setgroups` is given, and there is no user namespace to allow or deny it in: `namespaces.user` is `host`",
     "leave it out: who holds no CAP_SETGID cannot call setgroups(2) anyway"},
    {STYRO_EREQUEST, "/namespaces/mount", mount_host,
     "the sandbox needs mounts of its own, and `namespaces.mount` is `host`",
     "leave it out; to show the host's files use `paths`"},
    {STYRO_EREQUEST, "/user/uid_map", map_of_host,
     "a map is given, and there is no user namespace that it could be written for: `namespaces.user` is `host`",
     "leave it out; `user.uid` and `user.gid` are then ids of the host"},
    {STYRO_EREQUEST, "/user/uid", uid_not_mapped, "the uid {} is in no range of `user.uid_map`",
     "add a range such as [1000, 100000, 1] for it, or name a uid of the ranges that are there"},
    {STYRO_EREQUEST, "/user/gid", gid_not_mapped, "the gid {} is in no range of `user.gid_map`",
     "add a range such as [1000, 100000, 1] for it, or name a gid of the ranges that are there"},
    {STYRO_EREQUEST, "/namespaces/user", nested_in_host,
     "`namespaces.user` is `host`, where only a profile's filter refuses nested user namespaces, and the one of the "
     "request may not",
     "add \"best_effort\": [\"nested_user_namespaces\"] to leave that to your filter"},
    {STYRO_EREQUEST, "/namespaces/pid", pid_host_with_init,
     "`namespaces.pid` is `host`, where no init of the sandbox can watch over its processes", "add \"init\": false"},
    {STYRO_EREQUEST, "/namespaces/pid", pid_host_tree,
     "`namespaces.pid` is `host`, where processes can outlive the sandbox",
     "add \"best_effort\": [\"tree_kill\"] to accept that"},
    {STYRO_EREQUEST, "/namespaces/uts/hostname", hostname_of_host,
     "the host name `{}` would be the host's own, because `namespaces.uts` is `host`",
     "leave out one of the two; a preset may have given the other"},
    {STYRO_EREQUEST, "/namespaces/uts/domainname", domainname_of_host,
     "the domain name `{}` would be the host's own, because `namespaces.uts` is `host`",
     "leave out one of the two; a preset may have given the other"},
    {STYRO_EREQUEST, "/die_with_parent", death_without_init,
     "`die_with_parent` needs the sandbox's init, and `init` is false", "leave out one of the two"},
    {.broken = NULL},
};
