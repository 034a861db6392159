/*
 * Landlock: what can be looked at, used and written, by the same words of the request that the mounts come from; ports and
 * scopes as they are. Few rules: all is to be read, and writable places are named. What is narrower than what stands around it is held by its mount alone. Its twin in the helper is landlock.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "compile.h"
#include "level.h"
#include "listed.h"

#define FIELD "/security/landlock"

/*
 * By default nothing is said about reading, executing and cutting files: the kernel walks up from every file that is
 * opened for as long as a right in question was not found, the one to cut it among them, and that costs a third of the call.
 */
#define CHANGES (WIRE_LL_ALL & ~(WIRE_LL_READ | WIRE_LL_TRUNCATE))

/* At the level `process` nothing may be without its paths, whatever `best_effort` says. */
static int forgiven(const struct styro_compile *c, uint32_t part)
{
  bool alone = c->fields->level == STYRO_LEVEL_PROCESS && part == WIRE_LANDLOCK_PATHS;
  return alone ? STYRO_FATAL : styro_compile_best_effort(c, STYRO_LANDLOCK_PATHS + (int)part);
}

static void add_part(struct styro_compile *c, uint32_t part, uint64_t access, unsigned flags, const char *field)
{
  struct wire_step_landlock_part body;
  memset(&body, 0, sizeof body);
  body.part = part;
  body.access = access;
  styro_builder_step(&c->builder, WIRE_STEP_LANDLOCK_PART, (uint16_t)flags, field, forgiven(c, part), &body,
                     sizeof body);
}

static void add_rule(struct styro_compile *c, const char *path, uint64_t access, const struct styro_path_rule *rule)
{
  struct wire_step_landlock_place body;
  memset(&body, 0, sizeof body);
  body.target.path = styro_builder_text(&c->builder, path);
  body.access = access;
  body.required = rule && !rule->optional;
  body.direct = rule && styro_level_denies(c->fields, NULL);
  styro_builder_step(&c->builder, WIRE_STEP_LANDLOCK_PLACE, WIRE_HAS_TARGET, rule ? "/paths" : FIELD "/paths",
                     STYRO_FATAL, &body, sizeof body);
}

static void add_place(struct styro_compile *c, const char *path, uint64_t access)
{
  add_rule(c, path, access, NULL);
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static void add_device_directory(struct styro_compile *c, const char *at)
{
  char shm[64];
  add_place(c, at, WIRE_LL_USE);
  if (strlen(at) + sizeof "/shm" <= sizeof shm) {
    strcpy(shm, at);
    strcat(shm, "/shm");
    add_place(c, shm, WIRE_LL_ALL);
  }
}

/* What the sandbox has of its own, where no rule or entry stands over it. */
static void add_own(struct styro_compile *c)
{
  const char *home = styro_root_is_tree(c->fields) ? "/home" : STYRO_HOME;
  if (!styro_ground_ruled(c, "/dev")) {
    add_device_directory(c, "/dev");
  }
  if (!styro_ground_ruled(c, "/proc")) {
    add_place(c, "/proc", WIRE_LL_USE);
  }
  if (!styro_ground_ruled(c, "/tmp")) {
    add_place(c, "/tmp", WIRE_LL_ALL);
  }
  if (!styro_ground_ruled(c, STYRO_HOME)) {
    add_place(c, home, WIRE_LL_ALL);
  }
}

/* An entry that may be absent leaves what stands below it. */
static bool surely_covered(const struct styro_compile *c, size_t index)
{
  const struct styro_mounts *mounts = &c->fields->mounts;
  const char *at = mounts->items[index].at;
  for (size_t i = index + 1; i < mounts->n; i++) {
    const struct styro_mount *over = &mounts->items[i];
    if (styro_mount_covers(over) && !over->optional && styro_encloses(over->at, at)) {
      return true;
    }
  }
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    if (!c->fields->rules[i].optional && styro_encloses(c->fields->rules[i].path, at)) {
      return true;
    }
  }
  return false;
}

static void add_entry(struct styro_compile *c, size_t index)
{
  const struct styro_mount *mount = &c->fields->mounts.items[index];
  switch (mount->type) {
  case STYRO_MOUNT_DEV: add_device_directory(c, mount->at); break;
  case STYRO_MOUNT_PROC:
  case STYRO_MOUNT_DEVPTS: add_place(c, mount->at, WIRE_LL_USE); break;
  case STYRO_MOUNT_TMPFS:
  case STYRO_MOUNT_MQUEUE: add_place(c, mount->at, WIRE_LL_ALL); break;
  default:
    if (styro_compile_entry_writable(c, index)) {
      add_place(c, mount->at, WIRE_LL_ALL);
    } else if (mount->access == STYRO_MOUNT_DEVICES) { /* a device is written through a mount that is read-only */
      add_place(c, mount->at, WIRE_LL_USE);
    }
  }
}

static void add_places(struct styro_compile *c)
{
  bool all = styro_root_writes_host(c->fields) || styro_root_discards(c->fields);
  if (all || c->fields->landlock_paths_asked) {
    add_place(c, "/", all ? WIRE_LL_ALL : WIRE_LL_READ);
  }
  if (all) {
    return;
  }
  add_own(c);
  for (size_t i = 0; i < c->fields->mounts.n; i++) {
    if (styro_mount_covers(&c->fields->mounts.items[i]) && !surely_covered(c, i)) {
      add_entry(c, i);
    }
  }
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    const struct styro_path_rule *rule = &c->fields->rules[i];
    if (rule->access == STYRO_ACCESS_RW || rule->access == STYRO_ACCESS_TMPFS) {
      add_place(c, rule->path, WIRE_LL_ALL);
    }
  }
}

/*
 * Where Landlock alone holds, each place that can be seen is a rule, and one that was asked for must be there. A link on the way
 * to it would lead to a place that another word of the request may deny: where one does, there may be none.
 */
static void add_level(struct styro_compile *c)
{
  bool uses;
  for (size_t i = 0; i < styro_level_places(); i++) {
    const char *place = styro_level_place(c->fields, i, &uses);
    if (place != NULL) {
      add_place(c, place, uses ? WIRE_LL_USE : WIRE_LL_READ);
    }
  }
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    const struct styro_path_rule *rule = &c->fields->rules[i];
    if (styro_rule_opens(rule)) {
      add_rule(c, rule->path, rule->access == STYRO_ACCESS_RW ? WIRE_LL_ALL : WIRE_LL_READ, rule);
    }
  }
}

/* ---- ports and scopes -------------------------------------------------------------------------------------------- */

static void add_ports(struct styro_compile *c, const struct styro_list *ports, uint64_t access, const char *field)
{
  for (size_t i = 0; i < ports->n; i++) {
    struct wire_step_landlock_port body;
    memset(&body, 0, sizeof body);
    body.access = access;
    body.port = (uint32_t)strtoul(ports->items[i], NULL, 10);
    styro_builder_step(&c->builder, WIRE_STEP_LANDLOCK_PORT, 0, field, STYRO_FATAL, &body, sizeof body);
  }
}

static uint64_t scopes_of(const struct styro_list *names)
{
  uint64_t scopes = 0;
  for (size_t i = 0; i < names->n; i++) {
    scopes |= strcmp(names->items[i], "signals") == 0 ? WIRE_LL_SIGNALS : WIRE_LL_ABSTRACT_UNIX;
  }
  return scopes;
}

/* At the level `process` nothing else keeps signals inside, whatever else is asked for; its filter refuses sockets. */
static void add_scopes(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  if (fields->level == STYRO_LEVEL_PROCESS) {
    add_part(c, WIRE_LANDLOCK_SCOPES, WIRE_LL_SIGNALS | WIRE_LL_ABSTRACT_UNIX, WIRE_DEFAULTED, FIELD "/scopes");
  }
  if (fields->landlock_scopes.n) {
    add_part(c, WIRE_LANDLOCK_SCOPES, scopes_of(&fields->landlock_scopes), 0, FIELD "/scopes");
  }
}

/* What the ruleset speaks about comes first: it is made with the first rule. */
void styro_compile_landlock_rules(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  if (fields->landlock_paths) {
    bool asked = fields->landlock_paths_asked;
    add_part(c, WIRE_LANDLOCK_PATHS, asked ? WIRE_LL_ALL : CHANGES, asked ? 0 : WIRE_DEFAULTED, FIELD "/paths");
  }
  if (fields->landlock_binds) {
    add_part(c, WIRE_LANDLOCK_PORTS, WIRE_LL_BIND_TCP, 0, FIELD "/tcp_bind");
  }
  if (fields->landlock_connects) {
    add_part(c, WIRE_LANDLOCK_PORTS, WIRE_LL_CONNECT_TCP, 0, FIELD "/tcp_connect");
  }
  add_scopes(c);
  if (fields->level == STYRO_LEVEL_PROCESS) {
    add_level(c);
  } else if (fields->landlock_paths) {
    add_places(c);
  }
  add_ports(c, &fields->landlock_bind, WIRE_LL_BIND_TCP, FIELD "/tcp_bind");
  add_ports(c, &fields->landlock_connect, WIRE_LL_CONNECT_TCP, FIELD "/tcp_connect");
}

void styro_compile_landlock(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct wire_step_plain force;
  if (!fields->landlock_paths && !fields->landlock_binds && !fields->landlock_connects && !fields->landlock_scopes.n) {
    return;
  }
  memset(&force, 0, sizeof force);
  styro_builder_step(&c->builder, WIRE_STEP_LANDLOCK, 0, FIELD, STYRO_FATAL, &force, sizeof force);
  if (fields->landlock_binds || fields->landlock_connects) {
    styro_compile_port_filter(c);
  }
}
