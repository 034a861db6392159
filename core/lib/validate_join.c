/* The rules about namespaces of others that are joined, and about the clocks. */
#include "filtered.h"
#include "validate_rules.h"

#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "protections.h"

static bool joins(const struct styro_effective *e, int kind)
{
  return e->fields.joins[kind] != NULL;
}

/* The default counts for nothing; a word that was written says another thing than the join. */
static bool mode_and_join(const struct styro_effective *e, struct styro_finding *found)
{
  static const char *const modes[STYRO_NS_COUNT + 1] = {
      [STYRO_NS_MOUNT] = "/namespaces/mount/mode",   [STYRO_NS_PID] = "/namespaces/pid/mode",
      [STYRO_NS_IPC] = "/namespaces/ipc/mode",       [STYRO_NS_UTS] = "/namespaces/uts/mode",
      [STYRO_NS_CGROUP] = "/namespaces/cgroup/mode", [STYRO_NS_TIME] = "/namespaces/time/mode",
      [STYRO_NS_USER] = "/namespaces/user/mode",     [STYRO_JOIN_NETWORK] = "/network/mode",
  };
  for (int kind = 0; kind <= STYRO_NS_COUNT; kind++) {
    if (joins(e, kind) && styro_effective_is_set(e, modes[kind])) {
      snprintf(found->field, sizeof found->field, "%s", modes[kind]);
      styro_name_object(found, e->fields.joins[kind]);
      return true;
    }
  }
  return false;
}

static bool join_pid_init(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return joins(e, STYRO_NS_PID) && e->fields.init;
}

static bool join_pid_tree(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return joins(e, STYRO_NS_PID) && (e->fields.best_effort & STYRO_BIT(STYRO_TREE_KILL)) == 0;
}

/* Mounting proc takes CAP_SYS_ADMIN in the user namespace that owns the pid namespace, and a new one owns nothing. */
static bool join_pid_new_user(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return joins(e, STYRO_NS_PID) && e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_NEW;
}

static bool join_uts_names(const struct styro_effective *e, struct styro_finding *found)
{
  const char *name = e->fields.hostname != NULL ? e->fields.hostname : e->fields.domainname;
  if (!joins(e, STYRO_NS_UTS) || name == NULL) {
    return false;
  }
  snprintf(found->field, sizeof found->field, "/namespaces/uts/%s",
           e->fields.hostname != NULL ? "hostname" : "domainname");
  styro_name_object(found, name);
  return true;
}

static bool join_user_map(const struct styro_effective *e, struct styro_finding *found)
{
  static const char *const fields[] = {"/user/uid_map", "/user/gid_map", "/user/setgroups"};
  for (size_t i = 0; joins(e, STYRO_NS_USER) && i < sizeof fields / sizeof fields[0]; i++) {
    if (styro_effective_is_set(e, fields[i])) {
      snprintf(found->field, sizeof found->field, "%s", fields[i]);
      styro_name_object(found, styro_field_key(styro_field_exact(fields[i])));
      return true;
    }
  }
  return false;
}

/* Which ids its maps have is not known here, and 1000 is often none of them. */
static bool join_user_ids(const struct styro_effective *e, struct styro_finding *found)
{
  const char *field = styro_effective_is_set(e, "/user/uid") ? "/user/gid" : "/user/uid";
  if (!joins(e, STYRO_NS_USER) || styro_effective_is_set(e, field)) {
    return false;
  }
  snprintf(found->field, sizeof found->field, "%s", field);
  return true;
}

static bool join_user_nested(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return joins(e, STYRO_NS_USER) && !styro_seccomp_refuses_nested(&e->fields) &&
         (e->fields.best_effort & STYRO_BIT(STYRO_NESTED_USER_NAMESPACES)) == 0;
}

/* Offsets can be written as long as nobody is in the namespace (time_namespaces(7)). */
static bool offset_of_others(const struct styro_effective *e, struct styro_finding *found)
{
  static const char *const fields[] = {"/namespaces/time/boottime", "/namespaces/time/monotonic"};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    if (e->fields.namespaces[STYRO_NS_TIME] != STYRO_NS_NEW && styro_effective_is_set(e, fields[i])) {
      snprintf(found->field, sizeof found->field, "%s", fields[i]);
      styro_name_object(found, styro_field_key(styro_field_exact(fields[i])));
      return true;
    }
  }
  return false;
}

const struct styro_rule styro_rules_join[] = {
    {STYRO_EREQUEST, "/namespaces", mode_and_join, "`{}` is to be joined, and the mode next to it says another thing",
     "keep one of the two; a preset may have given the other"},
    {STYRO_EREQUEST, "/namespaces/pid/join", join_pid_init,
     "an init of the sandbox can watch over a pid namespace of its own only, and one of others is joined",
     "add \"init\": false"},
    {STYRO_EREQUEST, "/namespaces/pid/join", join_pid_tree,
     "in a pid namespace of others processes can outlive the sandbox",
     "add \"best_effort\": [\"tree_kill\"] to accept that"},
    {STYRO_EREQUEST, "/namespaces/pid/join", join_pid_new_user,
     "a joined pid namespace needs a /proc that shows it, which only who owns it may mount: a new user namespace owns nothing",
     "join the user namespace that owns it (\"user\": {\"join\": ...}), or call as root with \"user\": \"host\""},
    {STYRO_EREQUEST, "/namespaces/uts/hostname", join_uts_names,
     "the name `{}` would rename the joined uts namespace for all who are in it", "leave it out, or make a new one"},
    {STYRO_EREQUEST, "/user/uid_map", join_user_map,
     "`user.{}` is given, and a user namespace that is joined has its own",
     "leave it out; `user.uid` and `user.gid` are ids in it"},
    {STYRO_EREQUEST, "/user/uid", join_user_ids,
     "a user namespace is joined, and the request does not say who the payload is in it",
     "give `user.uid` and `user.gid`: ids that its maps have (/proc/PID/uid_map and gid_map show them)"},
    {STYRO_EREQUEST, "/namespaces/user/join", join_user_nested,
     "in a joined user namespace only a profile's filter refuses nested ones, and the one of the request may not",
     "add \"best_effort\": [\"nested_user_namespaces\"] to leave that to your filter"},
    {STYRO_EREQUEST, "/namespaces/time/monotonic", offset_of_others,
     "`{}` sets a clock, and the time namespace is not the sandbox's own", "leave it out, or make a new one"},
    {.broken = NULL},
};
