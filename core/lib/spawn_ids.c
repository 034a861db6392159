/* Which ids a run gets: what the plan says about maps and groups, decided for this caller before anything is cloned. */
#include "spawn_ids.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../wire/maps.h"
#include "base.h"
#include "groups.h"
#include "id_map.h"
#include "request.h"

#define CAP(name) (1u << CAP_##name)

uint32_t styro_caller_capabilities(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof data);
  return syscall(SYS_capget, &header, data) == 0 ? data[0].effective : 0;
}

static const char *map_text(const void *block, uint32_t kind, uint32_t ranges, const struct wire_run *run, uint32_t off)
{
  if (kind == WIRE_MAP_SUBORDINATE && off != 0) {
    return (const char *)run + off;
  }
  return kind == WIRE_MAP_RANGES ? wire_str(block, ranges) : NULL;
}

const char *styro_spawn_uid_map(const styro_plan *plan, const struct wire_run *run)
{
  return map_text(plan->block, plan->map_ids->uid_map, plan->map_ids->uid_ranges, run, run->uid_map_off);
}

const char *styro_spawn_gid_map(const styro_plan *plan, const struct wire_run *run)
{
  return map_text(plan->block, plan->map_ids->gid_map, plan->map_ids->gid_ranges, run, run->gid_map_off);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

/* One of the two maps, seen from this caller. */
struct side {
  const char *field;
  const char *map; /* text; NULL: one id */
  uint32_t kind;   /* enum wire_map */
  uint32_t inside;
  uint32_t own;
  uint32_t capability; /* who writes another map than one's own id needs it */
  bool by_tool;        /* a set-user-id program writes it */
  uint32_t *outside;
};

/* One range of one id, the caller's own, needs no right: that is the map `self`. */
static bool is_own_id(const struct side *side)
{
  char text[WIRE_MAP_TEXT];
  if (side->map == NULL) {
    return *side->outside == side->own;
  }
  wire_map_text(text, side->inside, side->own);
  size_t len = strlen(text);
  return strncmp(side->map, text, len) == 0 && strcmp(side->map + len, "\n") == 0;
}

static int fail_unmapped(const struct side *side, styro_error *err)
{
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EINVAL,
                        "there are too few subordinate ids to map %u inside", side->inside);
  styro_error_field(err, "%s", side->field);
  styro_error_hint(err, "name a smaller id in `user`, or give the caller a larger range");
  return code;
}

/* Who the payload is outside. A range that the plan names holds it, which compile has checked. */
static int find_outside(const struct side *side, styro_error *err)
{
  return side->map == NULL || styro_id_map_lookup(side->map, side->inside, side->outside) ? 0
                                                                                          : fail_unmapped(side, err);
}

/* user_namespaces(7), since Linux 5.12: id 0 of the parent namespace is mapped only by who holds CAP_SETFCAP there. */
static bool maps_root(const struct side *side)
{
  struct styro_id_range range = {.outside = 1};
  const char *at = side->map;
  while (at != NULL && range.outside != 0 && styro_id_map_next(&at, &range)) {
  }
  return side->map == NULL ? *side->outside == 0 : range.outside == 0;
}

static const char *capability_names(uint32_t missing)
{
  static const char *const names[] = {"", "CAP_SETUID", "CAP_SETGID", "CAP_SETUID and CAP_SETGID"};
  return names[(missing & CAP(SETUID) ? 1 : 0) + (missing & CAP(SETGID) ? 2 : 0)];
}

/* What can be said to a caller that may not map other ids: its own id is the way out, where it may map that. */
static void hint_own_ids(const struct side *uid, const struct side *gid, styro_error *err)
{
  if (uid->own == 0 && !(styro_caller_capabilities() & CAP(SETFCAP))) {
    styro_error_hint(err,
                     "there is no other way as uid 0, whose own id takes CAP_SETFCAP to map: give this container the "
                     "capability, or call as another user");
  } else if (uid->map == NULL && gid->map == NULL) {
    styro_error_hint(err,
                     "accept that the payload is the caller outside: \"user\": {\"uid_map\": \"self\", \"gid_map\": "
                     "\"self\"}");
  } else {
    styro_error_hint(err,
                     "%s, or map only the caller's own ids: \"uid_map\": [[%u, %u, 1]], \"gid_map\": [[%u, %u, 1]]",
                     uid->own == 0 ? "give this container the capability" : "call as root", uid->inside, uid->own,
                     gid->inside, gid->own);
  }
}

static int fail_foreign(const struct side *uid, const struct side *gid, const struct side *first, uint32_t missing,
                        styro_error *err)
{
  const char *names = capability_names(missing);
  int code;
  if (first->map == NULL) {
    code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                      "a root caller's payload is mapped to id %d, and this caller has no %s", STYRO_NOBODY, names);
    styro_error_object(err, "%d", STYRO_NOBODY);
  } else {
    code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                      "the maps name other ids than the caller's own, and this caller has no %s", names);
  }
  styro_error_field(err, "%s", first->field);
  hint_own_ids(uid, gid, err);
  return code;
}

static int fail_root_id(const struct side *uid, styro_error *err)
{
  const uint32_t both = CAP(SETUID) | CAP(SETGID);
  bool other_ids = (styro_caller_capabilities() & both) == both;
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                        "the uid map names id 0 of the host, and this caller has no CAP_SETFCAP");
  styro_error_field(err, "%s", uid->field);
  styro_error_object(err, "0");
  styro_error_hint(err, "%s",
                   other_ids ? "leave the map out: the payload is then 65534 outside"
                             : "give this container the capability, or call as another user");
  return code;
}

/* In the caller's own user namespace everything that the set-up does is done with rights that the caller has there. */
static int prepare_host_user(const struct wire_step_map_ids *ids, struct wire_run *run, styro_error *err)
{
  const uint32_t needed = CAP(SYS_ADMIN) | CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP);
  if ((styro_caller_capabilities() & needed) != needed) {
    int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                          "`namespaces.user` is `host`, and this caller has not all of CAP_SYS_ADMIN, CAP_SETUID, "
                          "CAP_SETGID and CAP_SETPCAP");
    styro_error_field(err, "/namespaces/user");
    styro_error_hint(err, "call as root, or leave it out: with a user namespace of its own the sandbox needs no right");
    return code;
  }
  run->flags |= WIRE_RUN_HOST_USER | WIRE_RUN_KEEP_CAPS;
  run->map_uid = ids->uid;
  run->map_gid = ids->gid;
  return 0;
}

/* The two ways to write the maps: by the process itself, its own ids only, or by whoever has the right from outside. */
static int choose_writer(const struct side *uid, const struct side *gid, struct wire_run *run, styro_error *err)
{
  bool foreign_uid = !is_own_id(uid), foreign_gid = !is_own_id(gid);
  uint32_t needed =
      (foreign_uid && !uid->by_tool ? uid->capability : 0) | (foreign_gid && !gid->by_tool ? gid->capability : 0);
  uint32_t missing = needed ? needed & ~styro_caller_capabilities() : 0;
  if (missing != 0) {
    return fail_foreign(uid, gid, missing & uid->capability ? uid : gid, missing, err);
  }
  if (maps_root(uid) && !(styro_caller_capabilities() & CAP(SETFCAP))) {
    return fail_root_id(uid, err);
  }
  if (foreign_uid || foreign_gid) {
    run->flags |= WIRE_RUN_TWO_STEP | (uid->map != NULL || gid->map != NULL ? WIRE_RUN_KEEP_CAPS : 0u);
  }
  /* An own id in the gid map takes no right, but then no setgroups(2) either. */
  if (!foreign_gid && !(run->flags & WIRE_RUN_TWO_STEP && styro_caller_capabilities() & gid->capability)) {
    run->flags |= WIRE_RUN_DENY_SETGROUPS;
  }
  return 0;
}

static int prepare_maps(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  const struct side uid = {.field = "/user/uid_map",
                           .map = styro_spawn_uid_map(plan, run),
                           .kind = ids->uid_map,
                           .inside = ids->uid,
                           .own = run->caller_uid,
                           .capability = CAP(SETUID),
                           .by_tool = run->uid_tool_off != 0,
                           .outside = &run->map_uid};
  const struct side gid = {.field = "/user/gid_map",
                           .map = styro_spawn_gid_map(plan, run),
                           .kind = ids->gid_map,
                           .inside = ids->gid,
                           .own = run->caller_gid,
                           .capability = CAP(SETGID),
                           .by_tool = run->gid_tool_off != 0,
                           .outside = &run->map_gid};
  bool root = run->caller_uid == 0;
  run->map_uid = root && ids->uid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_uid;
  run->map_gid = root && ids->gid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_gid;
  int result = find_outside(&uid, err);
  result = result == 0 ? find_outside(&gid, err) : result;
  return result == 0 ? choose_writer(&uid, &gid, run, err) : result;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static int fail_setgroups(styro_error *err)
{
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                        "`user.setgroups` is `allow`, which the kernel refuses under a gid map of the caller's own id");
  styro_error_field(err, "/user/setgroups");
  styro_error_hint(err, "map more: \"user\": {\"gid_map\": \"subuid\"}, or leave it out");
  return code;
}

static int fail_groups(bool policy, styro_error *err)
{
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDENTITY, EPERM,
                        "the caller's supplementary groups cannot be set or dropped %s",
                        policy ? "where `user.setgroups` denies it" : "under a map of its own id");
  styro_error_field(err, "/user/groups");
  styro_error_hint(err, "%s; or leave user.groups out to accept that they stay listed as not enforced",
                   policy ? "leave out user.setgroups"
                          : "a map of subordinate ids, which newgidmap writes, allows it: \"user\": {\"gid_map\": "
                            "\"subuid\"}");
  return code;
}

/* What setgroups(2) would answer with EINVAL, named. Ranges of the plan were looked at when it was compiled. */
static int check_mapped(const styro_plan *plan, const struct wire_run *run, const char *groups, styro_error *err)
{
  const char *map = styro_spawn_gid_map(plan, run);
  uint32_t id = 0, outside;
  while (map != NULL && styro_groups_next(&groups, &id)) {
    if (!styro_id_map_lookup(map, id, &outside)) {
      const struct side side = {.field = "/user/groups", .inside = id};
      return fail_unmapped(&side, err);
    }
  }
  return 0;
}

static int prepare_groups(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  bool exact = ids->groups == WIRE_GROUPS_EXACT;
  const char *groups = exact ? wire_str(plan->block, plan->identity->groups) : "";
  bool denied = run->flags & WIRE_RUN_DENY_SETGROUPS;
  if (denied && ids->setgroups == WIRE_SETGROUPS_ALLOW) {
    return fail_setgroups(err);
  }
  if (ids->setgroups == WIRE_SETGROUPS_DENY) {
    run->flags |= WIRE_RUN_DENY_SETGROUPS;
  }
  if (ids->groups == WIRE_GROUPS_KEEP) {
    return 0;
  }
  if (!(run->flags & WIRE_RUN_DENY_SETGROUPS)) {
    run->flags |= WIRE_RUN_SET_GROUPS;
    return check_mapped(plan, run, groups, err);
  }
  bool policy = ids->setgroups == WIRE_SETGROUPS_DENY;
  if ((ids->groups == WIRE_GROUPS_DROP && !policy) || (groups[0] == '\0' && getgroups(0, NULL) == 0)) {
    return 0;
  }
  if (policy && groups[0] == '\0' && styro_caller_capabilities() & CAP(SETGID)) {
    run->flags |= WIRE_RUN_DROP_FIRST;
    return 0;
  }
  return exact ? fail_groups(policy, err) : 0;
}

/* Without a user namespace: the caller's own ids, and for a root caller the usual ones in their place. */
static int prepare_caller(struct wire_run *run, styro_error *err)
{
  const uint32_t needed = CAP(SETUID) | CAP(SETGID);
  run->flags |= WIRE_RUN_HOST_USER;
  if (run->caller_uid != 0) {
    return 0;
  }
  if ((styro_caller_capabilities() & needed) != needed) {
    int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                          "a root caller's payload is id %d, and this caller has no %s", STYRO_NOBODY,
                          capability_names(needed & ~styro_caller_capabilities()));
    styro_error_field(err, "/isolation");
    styro_error_hint(err, "give this container the capabilities, or call as another user");
    return code;
  }
  run->flags |= WIRE_RUN_KEEP_CAPS | WIRE_RUN_SET_GROUPS;
  run->map_uid = run->map_gid = STYRO_NOBODY;
  return 0;
}

/* What can be had there is found out when it is joined; what the request does not insist on may stay, and is listed. */
static int prepare_joined_user(const struct wire_step_map_ids *ids, struct wire_run *run)
{
  run->flags |= WIRE_RUN_JOINED_USER | WIRE_RUN_KEEP_CAPS;
  run->flags |= ids->groups == WIRE_GROUPS_KEEP ? 0u : WIRE_RUN_SET_GROUPS;
  run->flags |= ids->groups == WIRE_GROUPS_DROP ? WIRE_RUN_GROUPS_MAY_STAY : 0u;
  return 0;
}

/* Of the file systems' own user namespace, which is the first one but for what was mounted in a later one. */
static int prepare_idmaps(const styro_plan *plan, styro_error *err)
{
  const struct wire_plan *block = plan->block;
  const uint32_t needed = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID;
  if (!(block->flags & WIRE_PLAN_IDMAPS) || (styro_caller_capabilities() & needed) == needed) {
    return 0;
  }
  const struct wire_step *step = wire_step_first(block);
  while (step->code != WIRE_STEP_IDMAP) {
    step = wire_step_next(step);
  }
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                        "idmapped mounts need CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID, and this caller has not all");
  styro_error_field(err, "%s", styro_field_pointer(step->field_id));
  styro_error_hint(err, "call as root, or leave `idmap` out: the files must then be the payload's own outside");
  return code;
}

int styro_spawn_ids(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  if (plan->map_ids->uid_map == WIRE_MAP_JOIN) {
    return prepare_joined_user(plan->map_ids, run);
  }
  if (plan->map_ids->uid_map == WIRE_MAP_CALLER) {
    return prepare_caller(run, err);
  }
  int result = plan->map_ids->uid_map == WIRE_MAP_HOST ? prepare_host_user(plan->map_ids, run, err)
                                                       : prepare_maps(plan, run, err);
  result = result == 0 ? prepare_groups(plan, run, err) : result;
  return result == 0 ? prepare_idmaps(plan, err) : result;
}

bool styro_spawn_ids_by_helper(const struct wire_run *run)
{
  return run->uid_tool_off != 0 || run->gid_tool_off != 0 || run->flags & WIRE_RUN_DROP_FIRST;
}
