/* The rules about the command, its run and its limits. */
#include "validate_rules.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "fields.h"
#include "protections.h"

/* ---- command and run ---- */

/* An absent command is none of our business: a run may bring one. */
static bool command_empty(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.command.n > 0 && e->fields.command.items[0][0] == '\0';
}

/* One says that a run decides, the other that it does not. */
static bool fixed_but_fds(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.fixed && e->fields.preserve_by_caller;
}

/* Written, that is: the default has a grace of 0 and no deadline. */
static bool grace_without_wall(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return styro_effective_is_set(e, "/timeout/grace") && !styro_effective_is_set(e, "/timeout/wall");
}

static bool output_without_limit(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.output_asked && !styro_effective_is_set(e, "/output/limit");
}

/* ---- limits ---- */

/* The first limit without its protection in `best_effort`. */
static bool limit_not_waived(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_field *limits = styro_field_exact("/limits");
  const struct styro_field *child = NULL;
  while ((child = styro_field_child(limits, child)) != NULL) {
    bool raw = strcmp(child->pointer, "/limits/cgroup") == 0;
    uint64_t needed = raw ? e->fields.limits_mask : child->promises;
    if (styro_effective_is_set(e, child->pointer) && (needed & ~e->fields.best_effort) != 0) {
      snprintf(found->field, sizeof found->field, "%s", child->pointer);
      styro_name_object(found, styro_field_key(child));
      return true;
    }
  }
  return false;
}

/* What no protection stands for could not be listed as not enforced, and so would be silently missing. */
static bool cgroup_key_unknown(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_map *keys = &e->fields.limits.cgroup;
  for (size_t i = 0; i < keys->n; i++) {
    if (styro_protection_of_cgroup_key(keys->keys[i]) == 0) {
      styro_name_field(found, "/limits/cgroup", keys->keys[i], NULL);
      styro_name_object(found, keys->keys[i]);
      return true;
    }
  }
  return false;
}

typedef bool rlimit_test(const struct styro_effective *e, const struct styro_field *row);

static bool any_rlimit(const struct styro_effective *e, rlimit_test *test, struct styro_finding *found)
{
  const struct styro_field *rlimits = styro_field_exact("/rlimits");
  const struct styro_field *row = NULL;
  while ((row = styro_field_child(rlimits, row)) != NULL) {
    if (test(e, row)) {
      snprintf(found->field, sizeof found->field, "%s", row->pointer);
      styro_name_object(found, styro_field_key(row));
      return true;
    }
  }
  return false;
}

/* setrlimit(2) sets both; the missing one would have to be read from the caller, and compile reads nothing. */
static bool is_half(const struct styro_effective *e, const struct styro_field *row)
{
  const struct styro_field *soft = styro_field_named(row, "soft"), *hard = styro_field_named(row, "hard");
  return e->set[styro_field_index(soft)] != e->set[styro_field_index(hard)] ||
         (styro_effective_is_set(e, row->pointer) && !e->set[styro_field_index(soft)]);
}

static bool is_upside_down(const struct styro_effective *e, const struct styro_field *row)
{
  const struct styro_rlimit *rlimit = styro_field_place_const(row, &e->fields);
  return rlimit->set && rlimit->soft > rlimit->hard;
}

static bool rlimit_half(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rlimit(e, is_half, found);
}

static bool rlimit_upside_down(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rlimit(e, is_upside_down, found);
}

/* The kernel looks at each tick, from the first one on, which may come before the payload does. */
static bool cpu_of_nothing(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.rlimits[RLIMIT_CPU].set && e->fields.rlimits[RLIMIT_CPU].soft == 0;
}

const struct styro_rule styro_rules_run[] = {
    {STYRO_EREQUEST, "/command/0", command_empty, "the command's first text is empty, and it names the program",
     "write a path, or a name that is found in the PATH inside"},
    {STYRO_EREQUEST, "/timeout/grace", grace_without_wall, "`timeout.grace` is given without `timeout.wall`",
     "say when the time is up: {\"wall\": \"5s\", \"grace\": \"1s\"}"},
    {STYRO_EREQUEST, "/output/limit", output_without_limit, "`output` is given without its `limit`",
     "say how much is kept: {\"limit\": \"1M\"}"},
    {STYRO_EREQUEST, "/rlimits", rlimit_half, "`rlimits.{}` has only one of its two limits",
     "give both, {\"soft\": 64, \"hard\": 128}, or one number for both"},
    {STYRO_EREQUEST, "/rlimits", rlimit_upside_down, "the soft limit of `rlimits.{}` is above its hard limit",
     "the soft limit is the one in force; it can be raised up to the hard one"},
    {STYRO_EREQUEST, "/rlimits/cpu", cpu_of_nothing,
     "`rlimits.cpu` leaves no second of processor time: the payload would be killed at its start, or before",
     "give 1 or more"},
    {STYRO_EUNSUPPORTED, "/limits/cgroup", cgroup_key_unknown,
     "`{}` is not supported yet: its controller stands for no protection",
     "the keys of memory, pids, cpu, cpuset and io are known"},
    {STYRO_EUNSUPPORTED, "/limits", limit_not_waived, "`limits.{}` is not supported yet: nothing would enforce it",
     "add \"best_effort\": [\"limits\"] to run without it; the outcome then lists it as not enforced"},
    {STYRO_EREQUEST, "/preserve_fds", fixed_but_fds,
     "`preserve_fds` leaves descriptors to each run, and `fixed` lets a run choose nothing but streams and name",
     "list the descriptors, or leave out `fixed`"},
    {.broken = NULL},
};
