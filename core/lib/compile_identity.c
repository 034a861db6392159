/* Namespaces and ids: what the clone makes, which map it gets, and who the payload is. */
#include <string.h>

#include "base.h"
#include "compile.h"
#include "groups.h"
#include "id_map.h"

static const struct {
  int space;
  uint64_t flag;
} spaces[] = {
    {STYRO_NS_MOUNT, WIRE_CLONE_NEWNS},  {STYRO_NS_PID, WIRE_CLONE_NEWPID},       {STYRO_NS_IPC, WIRE_CLONE_NEWIPC},
    {STYRO_NS_UTS, WIRE_CLONE_NEWUTS},   {STYRO_NS_CGROUP, WIRE_CLONE_NEWCGROUP}, {STYRO_NS_TIME, WIRE_CLONE_NEWTIME},
    {STYRO_NS_USER, WIRE_CLONE_NEWUSER},
};

static uint64_t clone_flags(const struct styro_fields *fields)
{
  bool alone = fields->level == STYRO_LEVEL_CONTAINER; /* else a filter refuses sockets */
  uint64_t flags = alone && fields->network == STYRO_NETWORK_NONE ? WIRE_CLONE_NEWNET : 0;
  for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
    int mode = fields->namespaces[spaces[i].space];
    bool copied =
        spaces[i].space == STYRO_NS_MOUNT && mode == STYRO_NS_JOIN; /* the mounts are the sandbox's own always */
    flags |= mode == STYRO_NS_NEW || copied ? spaces[i].flag : 0;
  }
  return flags;
}

static uint32_t map_kind(const char *map)
{
  if (map == NULL) {
    return WIRE_MAP_DEFAULT;
  }
  return styro_id_map_is_self(map)      ? WIRE_MAP_SELF
         : styro_id_map_has_ranges(map) ? WIRE_MAP_RANGES
                                        : WIRE_MAP_SUBORDINATE;
}

static uint32_t user_kind(const struct styro_fields *fields, const char *map)
{
  if (fields->level == STYRO_LEVEL_PROCESS) {
    return WIRE_MAP_CALLER;
  }
  switch (fields->namespaces[STYRO_NS_USER]) {
  case STYRO_NS_HOST: return WIRE_MAP_HOST;
  case STYRO_NS_JOIN: return WIRE_MAP_JOIN;
  default: return map_kind(map);
  }
}

static const struct {
  uint32_t space;
  int join;
  const char *field;
} joins[] = {
    {WIRE_SPACE_PID, STYRO_NS_PID, "/namespaces/pid/join"},
    {WIRE_SPACE_IPC, STYRO_NS_IPC, "/namespaces/ipc/join"},
    {WIRE_SPACE_UTS, STYRO_NS_UTS, "/namespaces/uts/join"},
    {WIRE_SPACE_CGROUP, STYRO_NS_CGROUP, "/namespaces/cgroup/join"},
    {WIRE_SPACE_NETWORK, STYRO_JOIN_NETWORK, "/network/join"},
    {WIRE_SPACE_TIME, STYRO_NS_TIME, "/namespaces/time/join"},
    {WIRE_SPACE_MOUNT, STYRO_NS_MOUNT, "/namespaces/mount/join"},
    {WIRE_SPACE_USER, STYRO_NS_USER, "/namespaces/user/join"},
};

static void compile_joins(struct styro_compile *c)
{
  for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
    const char *object = c->fields->joins[joins[i].join];
    struct wire_step_join body;
    if (object == NULL) {
      continue;
    }
    memset(&body, 0, sizeof body);
    body.source = styro_builder_source(&c->builder, object, 0);
    body.space = joins[i].space;
    styro_builder_step(&c->builder, WIRE_STEP_JOIN, 0, joins[i].field, STYRO_FATAL, &body, sizeof body);
  }
}

void styro_compile_namespaces(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct wire_step_namespaces made;
  struct wire_step_map_ids ids;
  memset(&made, 0, sizeof made);
  compile_joins(c);
  made.clone_flags = clone_flags(fields);
  /* The offsets can only be written before a process is in the namespace, and init keeps its time by the old clocks. */
  made.clone_flags &= fields->clocks_set ? ~WIRE_CLONE_NEWTIME : ~UINT64_C(0);
  made.time_default = !fields->time_explicit;
  styro_builder_step(&c->builder, WIRE_STEP_NAMESPACES, 0, "/namespaces", STYRO_FATAL, &made, sizeof made);
  memset(&ids, 0, sizeof ids);
  ids.uid = (uint32_t)fields->uid;
  ids.gid = (uint32_t)fields->gid;
  ids.uid_map = user_kind(fields, fields->uid_map);
  ids.gid_map = user_kind(fields, fields->gid_map);
  ids.uid_ranges = styro_builder_text(&c->builder, styro_id_map_has_ranges(fields->uid_map) ? fields->uid_map : "");
  ids.gid_ranges = styro_builder_text(&c->builder, styro_id_map_has_ranges(fields->gid_map) ? fields->gid_map : "");
  ids.groups = fields->groups == NULL              ? WIRE_GROUPS_DROP
               : styro_groups_kept(fields->groups) ? WIRE_GROUPS_KEEP
                                                   : WIRE_GROUPS_EXACT;
  ids.setgroups = (uint32_t)fields->setgroups;
  styro_builder_step(&c->builder, WIRE_STEP_MAP_IDS, 0, "/user/uid_map", STYRO_FATAL, &ids, sizeof ids);
}

void styro_compile_identity(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct styro_builder *builder = &c->builder;
  if (fields->namespaces[STYRO_NS_UTS] == STYRO_NS_NEW) {
    struct wire_step_hostname body;
    memset(&body, 0, sizeof body);
    body.name = styro_builder_text(builder, fields->hostname ? fields->hostname : STYRO_HOSTNAME_DEFAULT);
    body.domain = styro_builder_text(builder, fields->domainname ? fields->domainname : STYRO_DOMAINNAME_DEFAULT);
    styro_builder_step(builder, WIRE_STEP_HOSTNAME, 0, "/namespaces/uts/hostname",
                       styro_compile_best_effort(c, STYRO_HOSTNAME), &body, sizeof body);
  }
  if (fields->level == STYRO_LEVEL_CONTAINER && fields->network == STYRO_NETWORK_NONE) {
    struct wire_step_plain body;
    memset(&body, 0, sizeof body);
    styro_builder_step(builder, WIRE_STEP_LOOPBACK, 0, "/network", STYRO_FATAL, &body, sizeof body);
  }
  if (styro_effective_is_set(c->effective, "/oom_score_adj")) {
    struct wire_step_number body = {.value = fields->oom_score_adj};
    styro_builder_step(builder, WIRE_STEP_OOM_SCORE, 0, "/oom_score_adj", STYRO_FATAL, &body, sizeof body);
  }
  if (fields->clocks_set) {
    struct wire_step_clocks body = {.boottime = fields->boottime, .monotonic = fields->monotonic};
    styro_builder_step(builder, WIRE_STEP_CLOCKS, 0, "/namespaces/time", STYRO_FATAL, &body, sizeof body);
  }
  struct wire_step_identity ids;
  memset(&ids, 0, sizeof ids);
  ids.uid = (uint32_t)fields->uid;
  ids.gid = (uint32_t)fields->gid;
  bool listed = fields->groups != NULL && !styro_groups_kept(fields->groups);
  ids.groups = styro_builder_text(builder, listed ? fields->groups : "");
  styro_builder_step(builder, WIRE_STEP_IDENTITY, 0, "/user/uid", STYRO_FATAL, &ids, sizeof ids);
}
