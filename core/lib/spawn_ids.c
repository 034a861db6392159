/* Which ids a run gets: what the plan says about maps and groups, decided for this caller before anything is cloned. */
#include "spawn_ids.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../wire/maps.h"
#include "base.h"
#include "id_map.h"

static bool holds_capabilities(uint32_t wanted)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof data);
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & wanted) == wanted;
}

/* A root caller's default map names another id than its own: only who may set ids can write such a map. */
static int prepare_root_map(const struct wire_step_map_ids *ids, struct wire_run *run, styro_error *err)
{
  if (!holds_capabilities(1u << CAP_SETUID | 1u << CAP_SETGID)) {
    int code = styro_fail(
        err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
        "a root caller's payload is mapped to id %d, and this caller has no CAP_SETUID and CAP_SETGID", STYRO_NOBODY);
    styro_error_field(err, "/user/uid_map");
    styro_error_object(err, "%d", STYRO_NOBODY);
    styro_error_hint(err,
                     "accept that the payload is the caller outside: \"user\": {\"uid_map\": \"self\", \"gid_map\": "
                     "\"self\"}");
    return code;
  }
  run->flags |= WIRE_RUN_TWO_STEP;
  run->map_uid = ids->uid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_uid;
  run->map_gid = ids->gid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_gid;
  return 0;
}

/* In the caller's own user namespace everything that the set-up does is done with rights that the caller has there. */
static int prepare_host_user(const struct wire_step_map_ids *ids, struct wire_run *run, styro_error *err)
{
  if (!holds_capabilities(1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP)) {
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

/* One range of one id, the caller's own, needs no right: that is the map `self`. */
static bool is_own_id(uint32_t kind, const char *ranges, uint32_t inside, uint32_t own)
{
  char text[WIRE_MAP_TEXT];
  wire_map_text(text, inside, own);
  size_t len = strlen(text);
  return kind != WIRE_MAP_RANGES || (strncmp(ranges, text, len) == 0 && strcmp(ranges + len, "\n") == 0);
}

static int prepare_ranges(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  const char *uids = wire_str(plan->block, ids->uid_ranges), *gids = wire_str(plan->block, ids->gid_ranges);
  if (is_own_id(ids->uid_map, uids, ids->uid, run->caller_uid) &&
      is_own_id(ids->gid_map, gids, ids->gid, run->caller_gid) &&
      (run->caller_uid != 0 || (ids->uid_map != WIRE_MAP_DEFAULT && ids->gid_map != WIRE_MAP_DEFAULT))) {
    return 0;
  }
  if (!holds_capabilities(1u << CAP_SETUID | 1u << CAP_SETGID)) {
    int code =
        styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                   "the maps name other ids than the caller's own, and this caller has no CAP_SETUID and CAP_SETGID");
    styro_error_field(err, ids->uid_map == WIRE_MAP_RANGES ? "/user/uid_map" : "/user/gid_map");
    styro_error_hint(
        err, "call as root, or map only the caller's own ids: \"uid_map\": [[%u, %u, 1]], \"gid_map\": [[%u, %u, 1]]",
        ids->uid, run->caller_uid, ids->gid, run->caller_gid);
    return code;
  }
  run->flags |= WIRE_RUN_TWO_STEP | WIRE_RUN_KEEP_CAPS;
  bool root = run->caller_uid == 0;
  run->map_uid = root && ids->uid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_uid;
  run->map_gid = root && ids->gid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_gid;
  if (ids->uid_map == WIRE_MAP_RANGES) {
    styro_id_map_lookup(uids, ids->uid, &run->map_uid);
  }
  if (ids->gid_map == WIRE_MAP_RANGES) {
    styro_id_map_lookup(gids, ids->gid, &run->map_gid);
  }
  return 0;
}

static int prepare_ids(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  if (ids->uid_map == WIRE_MAP_HOST) {
    return prepare_host_user(ids, run, err);
  }
  if (ids->uid_map == WIRE_MAP_RANGES || ids->gid_map == WIRE_MAP_RANGES) {
    return prepare_ranges(plan, run, err);
  }
  bool other = ids->uid_map == WIRE_MAP_DEFAULT || ids->gid_map == WIRE_MAP_DEFAULT;
  return run->caller_uid == 0 && other ? prepare_root_map(ids, run, err) : 0;
}

static int prepare_groups(const struct wire_step_map_ids *ids, const struct wire_run *run, styro_error *err)
{
  if (!ids->groups_needed || run->flags & WIRE_RUN_OTHER_IDS || getgroups(0, NULL) == 0) {
    return 0;
  }
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDENTITY, EPERM,
                        "the caller's supplementary groups cannot be dropped under a map of its own id");
  styro_error_field(err, "/user/groups");
  styro_error_hint(err, "this needs newgidmap and a range of subordinate ids, which are not supported yet; leave "
                        "user.groups out to accept that they stay listed as not enforced");
  return code;
}

int styro_spawn_ids(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  int result = prepare_ids(plan, run, err);
  return result == 0 ? prepare_groups(plan->map_ids, run, err) : result;
}
