/*
 * The rules that span fields, as a table: field, condition, message, way out. What one field alone may hold stands in
 * the field table. A rule looks at the effective request and at nothing else.
 */
#include "validate.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "capability.h"
#include "fields.h"
#include "filter.h"
#include "id_map.h"
#include "protections.h"
#include "read.h"

/* What a broken rule found. field stays empty where the row's own field says it. */
struct finding {
  char field[512];
  char object[256];
};

/* True when the rule is broken. */
typedef bool condition(const struct styro_effective *e, struct finding *found);

struct rule {
  int code;
  const char *field;
  condition *broken;
  const char *message; /* `{}` becomes the finding's object */
  const char *hint;
};

static bool is_set(const struct styro_effective *e, const char *pointer)
{
  return styro_effective_is_set(e, pointer);
}

static void name_object(struct finding *found, const char *text)
{
  snprintf(found->object, sizeof found->object, "%s", text);
}

/* The pointer of an entry, its key escaped. */
static void name_field(struct finding *found, const char *container, const char *key, const char *part)
{
  struct styro_reading at = {.err = NULL};
  snprintf(at.at, sizeof at.at, "%s", container);
  styro_at_push(&at, key);
  if (part != NULL) {
    styro_at_push(&at, part);
  }
  memcpy(found->field, at.at, sizeof at.at);
}

/* ---- root and paths ---- */

/* The system base is read-only anyway; the word would suggest a choice. */
static bool writable_without_directory(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return is_set(e, "/root/writable") && e->fields.root_kind != STYRO_ROOT_DIRECTORY;
}

/* An overlay shows no mounts below its layers, and only in a new user namespace does the kernel refuse what that would uncover. */
static bool discard_in_host(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.root_writable == STYRO_ROOT_DISCARD && e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_HOST;
}

static bool size_without_discard(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.root_size != 0 && e->fields.root_writable != STYRO_ROOT_DISCARD;
}

/* The reader bounds one object; presets and setters add up. */
static bool too_many_paths(const struct styro_effective *e, struct finding *found)
{
  snprintf(found->object, sizeof found->object, "%zu", e->fields.rules_n);
  return e->fields.rules_n > 4096;
}

static bool too_many_variables(const struct styro_effective *e, struct finding *found)
{
  snprintf(found->object, sizeof found->object, "%zu", e->fields.env.n);
  return e->fields.env.n > 4096;
}

typedef bool rule_test(const struct styro_path_rule *rule);

/* The first rule that fails the test, in the order in which they were written. */
static bool any_path(const struct styro_effective *e, rule_test *test, const char *part, struct finding *found)
{
  for (size_t i = 0; i < e->fields.rules_n; i++) {
    if (test(&e->fields.rules[i])) {
      name_field(found, "/paths", e->fields.rules[i].path, part);
      name_object(found, e->fields.rules[i].path);
      return true;
    }
  }
  return false;
}

static bool shows_host(const struct styro_path_rule *rule)
{
  return rule->access == STYRO_ACCESS_RO || rule->access == STYRO_ACCESS_RW;
}

static bool from_without_source(const struct styro_path_rule *rule)
{
  return rule->from != NULL && !shows_host(rule);
}

static bool optional_without_source(const struct styro_path_rule *rule)
{
  return rule->optional && !shows_host(rule);
}

/* `fail` is the default, and harmless wherever it stands. */
static bool missing_without_deny(const struct styro_path_rule *rule)
{
  return rule->if_missing == STYRO_MISSING_IGNORE && rule->access != STYRO_ACCESS_DENY;
}

static bool size_without_tmpfs(const struct styro_path_rule *rule)
{
  return rule->size != 0 && rule->access != STYRO_ACCESS_TMPFS;
}

static bool mode_without_tmpfs(const struct styro_path_rule *rule)
{
  return rule->mode != 0 && rule->access != STYRO_ACCESS_TMPFS;
}

static bool path_from(const struct styro_effective *e, struct finding *found)
{
  return any_path(e, from_without_source, "from", found);
}

static bool path_optional(const struct styro_effective *e, struct finding *found)
{
  return any_path(e, optional_without_source, "optional", found);
}

static bool path_if_missing(const struct styro_effective *e, struct finding *found)
{
  return any_path(e, missing_without_deny, "if_missing", found);
}

static bool path_size(const struct styro_effective *e, struct finding *found)
{
  return any_path(e, size_without_tmpfs, "size", found);
}

static bool path_mode(const struct styro_effective *e, struct finding *found)
{
  return any_path(e, mode_without_tmpfs, "mode", found);
}

/* ---- command and run ---- */

/* An absent command is none of our business: a run may bring one. */
static bool command_empty(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.command.n > 0 && e->fields.command.items[0][0] == '\0';
}

/* One says that a run decides, the other that it does not. */
static bool fixed_but_fds(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.fixed && e->fields.preserve_by_caller;
}

/* Written, that is: the default has a grace of 0 and no deadline. */
static bool grace_without_wall(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return is_set(e, "/timeout/grace") && !is_set(e, "/timeout/wall");
}

static bool output_without_limit(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.output_asked && !is_set(e, "/output/limit");
}

/* ---- namespaces and user ---- */

/* Everything that hides the host's files is a mount. */
static bool mount_host(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.namespaces[STYRO_NS_MOUNT] == STYRO_NS_HOST;
}

static bool user_host(const struct styro_effective *e)
{
  return e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_HOST;
}

static bool map_of_host(const struct styro_effective *e, struct finding *found)
{
  const char *field = is_set(e, "/user/uid_map") ? "/user/uid_map" : "/user/gid_map";
  if (!user_host(e) || !is_set(e, field)) {
    return false;
  }
  snprintf(found->field, sizeof found->field, "%s", field);
  return true;
}

/* An id that is in no range is nobody's inside: setresuid(2) refuses it. */
static bool not_mapped(const char *map, int64_t id, struct finding *found)
{
  uint32_t outside;
  snprintf(found->object, sizeof found->object, "%lld", (long long)id);
  return styro_id_map_has_ranges(map) && !styro_id_map_lookup(map, (uint32_t)id, &outside);
}

static bool uid_not_mapped(const struct styro_effective *e, struct finding *found)
{
  return not_mapped(e->fields.uid_map, e->fields.uid, found);
}

static bool gid_not_mapped(const struct styro_effective *e, struct finding *found)
{
  return not_mapped(e->fields.gid_map, e->fields.gid, found);
}

/* The limit of max_user_namespaces would be the host's there; what is left is the filter. */
static bool nested_in_host(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return user_host(e) && e->fields.seccomp_kind != STYRO_SECCOMP_DEFAULT &&
         (e->fields.best_effort & STYRO_BIT(STYRO_NESTED_USER_NAMESPACES)) == 0;
}

static bool pid_host_with_init(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.namespaces[STYRO_NS_PID] == STYRO_NS_HOST && e->fields.init;
}

/* The kernel ends a process tree together with its pid namespace, and only so without a gap. */
static bool pid_host_tree(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.namespaces[STYRO_NS_PID] == STYRO_NS_HOST &&
         (e->fields.best_effort & STYRO_BIT(STYRO_TREE_KILL)) == 0;
}

/* sethostname(2) would rename the machine. */
static bool hostname_of_host(const struct styro_effective *e, struct finding *found)
{
  if (e->fields.hostname == NULL || e->fields.namespaces[STYRO_NS_UTS] != STYRO_NS_HOST) {
    return false;
  }
  name_object(found, e->fields.hostname);
  return true;
}

static bool domainname_of_host(const struct styro_effective *e, struct finding *found)
{
  if (e->fields.domainname == NULL || e->fields.namespaces[STYRO_NS_UTS] != STYRO_NS_HOST) {
    return false;
  }
  name_object(found, e->fields.domainname);
  return true;
}

/* PDEATHSIG is no way out: it fires when the thread that spawned ends, not the process. */
static bool death_without_init(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return !e->fields.init && e->fields.die_with_parent;
}

/* user_namespaces(7): an unprivileged gid_map needs `deny` in setgroups. Other maps are decided when it runs. */
static bool groups_with_self_map(const struct styro_effective *e, struct finding *found)
{
  (void)found;
  return e->fields.groups_empty && (styro_id_map_is_self(e->fields.uid_map) || styro_id_map_is_self(e->fields.gid_map));
}

/* ---- capabilities and filter ---- */

static void name_capability(struct finding *found, uint64_t bits)
{
  char name[64];
  int number = 0;
  while ((bits >> number & 1) == 0) {
    number++;
  }
  name_object(found, styro_capability_name(number, name, sizeof name));
}

static bool any_capability(uint64_t bits, struct finding *found)
{
  if (bits != 0) {
    name_capability(found, bits);
  }
  return bits != 0;
}

/* ptrace(2) checks capabilities in the namespace of the target, which init shares with the payload. */
static bool opens_init(const struct styro_effective *e, struct finding *found)
{
  const struct styro_fields *f = &e->fields;
  uint64_t all = f->cap_bounding | f->cap_effective | f->cap_permitted | f->cap_inheritable | f->cap_ambient;
  return f->init && any_capability(all & (STYRO_BIT(CAP_SYS_PTRACE) | STYRO_BIT(CAP_SYS_ADMIN)), found);
}

/* capabilities(7), "Transformation during execve": without file capabilities all three become the ambient set. */
static bool exec_recomputes(const struct styro_effective *e, struct finding *found)
{
  const struct styro_fields *f = &e->fields;
  return any_capability((f->cap_effective ^ f->cap_ambient) | (f->cap_permitted ^ f->cap_ambient), found);
}

static bool ambient_not_inheritable(const struct styro_effective *e, struct finding *found)
{
  return any_capability(e->fields.cap_ambient & ~e->fields.cap_inheritable, found);
}

static bool inheritable_not_bounding(const struct styro_effective *e, struct finding *found)
{
  return any_capability(e->fields.cap_inheritable & ~e->fields.cap_bounding, found);
}

/* Caught here with the instruction's number: seccomp(2) would only say EINVAL, after everything else was set up. */
static bool filter_invalid(const struct styro_effective *e, struct finding *found)
{
  if (e->fields.seccomp_kind != STYRO_SECCOMP_BPF) {
    return false;
  }
  size_t at = 0;
  const char *fault = styro_filter_check(e->fields.bpf, e->fields.bpf_n, &at);
  if (fault == NULL) {
    return false;
  }
  char index[24];
  snprintf(index, sizeof index, "%zu", at);
  name_field(found, "/security/seccomp/bpf", index, NULL);
  snprintf(found->object, sizeof found->object, "instruction %zu: %s", at, fault);
  return true;
}

/* ---- limits ---- */

/* The first limit without its protection in `best_effort`. */
static bool limit_not_waived(const struct styro_effective *e, struct finding *found)
{
  const struct styro_field *limits = styro_field_exact("/limits");
  const struct styro_field *child = NULL;
  while ((child = styro_field_child(limits, child)) != NULL) {
    bool raw = strcmp(child->pointer, "/limits/cgroup") == 0;
    uint64_t needed = raw ? e->fields.limits_mask : child->promises;
    if (is_set(e, child->pointer) && (needed & ~e->fields.best_effort) != 0) {
      snprintf(found->field, sizeof found->field, "%s", child->pointer);
      name_object(found, styro_field_key(child));
      return true;
    }
  }
  return false;
}

/* What no protection stands for could not be listed as not enforced, and so would be silently missing. */
static bool cgroup_key_unknown(const struct styro_effective *e, struct finding *found)
{
  const struct styro_map *keys = &e->fields.limits.cgroup;
  for (size_t i = 0; i < keys->n; i++) {
    if (styro_protection_of_cgroup_key(keys->keys[i]) == 0) {
      name_field(found, "/limits/cgroup", keys->keys[i], NULL);
      name_object(found, keys->keys[i]);
      return true;
    }
  }
  return false;
}

typedef bool rlimit_test(const struct styro_effective *e, const struct styro_field *row);

static bool any_rlimit(const struct styro_effective *e, rlimit_test *test, struct finding *found)
{
  const struct styro_field *rlimits = styro_field_exact("/rlimits");
  const struct styro_field *row = NULL;
  while ((row = styro_field_child(rlimits, row)) != NULL) {
    if (test(e, row)) {
      snprintf(found->field, sizeof found->field, "%s", row->pointer);
      name_object(found, styro_field_key(row));
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
         (is_set(e, row->pointer) && !e->set[styro_field_index(soft)]);
}

static bool is_upside_down(const struct styro_effective *e, const struct styro_field *row)
{
  const struct styro_rlimit *rlimit = styro_field_place_const(row, &e->fields);
  return rlimit->set && rlimit->soft > rlimit->hard;
}

static bool rlimit_half(const struct styro_effective *e, struct finding *found)
{
  return any_rlimit(e, is_half, found);
}

static bool rlimit_upside_down(const struct styro_effective *e, struct finding *found)
{
  return any_rlimit(e, is_upside_down, found);
}

static const struct rule rules[] = {
    {STYRO_EREQUEST, "/root/writable", writable_without_directory,
     "`root.writable` is given, and no `root.directory` that it could be about", "name the directory, or leave it out"},
    {STYRO_EUNSUPPORTED, "/root/writable", discard_in_host,
     "`discard` together with `namespaces.user` as `host` is not supported yet: mounts below the directory would be left out, "
     "and what they cover would show",
     "leave `namespaces.user` out, or copy the directory and write to the copy"},
    {STYRO_EREQUEST, "/root/size", size_without_discard,
     "`root.size` is given, and no changes are kept in a tmpfs that could have it",
     "it goes with \"writable\": \"discard\""},
    {STYRO_EREQUEST, "/paths", too_many_paths, "{} paths are too many: at most 4096 can stand here",
     "name the directories that hold them"},
    {STYRO_EREQUEST, "/paths", path_from, "`{}` has a `from`, and its access shows nothing of the host",
     "`from` goes with the access `ro` or `rw`"},
    {STYRO_EREQUEST, "/paths", path_optional, "`{}` is `optional`, and its access shows nothing of the host",
     "`optional` goes with `ro` or `rw`; for `deny` write \"if_missing\": \"ignore\""},
    {STYRO_EREQUEST, "/paths", path_if_missing, "`{}` has an `if_missing`, and nothing is denied there",
     "`if_missing` goes with `deny`; for `ro` and `rw` write \"optional\": true"},
    {STYRO_EREQUEST, "/paths", path_size, "`{}` has a `size`, and is no tmpfs", "`size` goes with the access `tmpfs`"},
    {STYRO_EREQUEST, "/paths", path_mode, "`{}` has a `mode`, and is no tmpfs", "`mode` goes with the access `tmpfs`"},
    {STYRO_EREQUEST, "/command/0", command_empty, "the command's first text is empty, and it names the program",
     "write a path, or a name that is found in the PATH inside"},
    {STYRO_EREQUEST, "/env", too_many_variables, "{} variables are too many: at most 4096 can stand here",
     "hand large data over in a file"},
    {STYRO_EREQUEST, "/user/groups", groups_with_self_map,
     "supplementary groups cannot be given up under the map `self`: the kernel allows no setgroups(2) there",
     "leave `user.groups` out (the outcome then lists them as not enforced), or leave out the map"},
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
     "`namespaces.user` is `host`, where only the default filter refuses nested user namespaces, and the request brings "
     "its own",
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
    {STYRO_EREQUEST, "/timeout/grace", grace_without_wall, "`timeout.grace` is given without `timeout.wall`",
     "say when the time is up: {\"wall\": \"5s\", \"grace\": \"1s\"}"},
    {STYRO_EREQUEST, "/output/limit", output_without_limit, "`output` is given without its `limit`",
     "say how much is kept: {\"limit\": \"1M\"}"},
    {STYRO_EREQUEST, "/rlimits", rlimit_half, "`rlimits.{}` has only one of its two limits",
     "give both, {\"soft\": 64, \"hard\": 128}, or one number for both"},
    {STYRO_EREQUEST, "/rlimits", rlimit_upside_down, "the soft limit of `rlimits.{}` is above its hard limit",
     "the soft limit is the one in force; it can be raised up to the hard one"},
    {STYRO_EUNSUPPORTED, "/limits/cgroup", cgroup_key_unknown,
     "`{}` is not supported yet: its controller stands for no protection",
     "the keys of memory, pids, cpu, cpuset and io are known"},
    {STYRO_EUNSUPPORTED, "/limits", limit_not_waived, "`limits.{}` is not supported yet: nothing would enforce it",
     "add \"best_effort\": [\"limits\"] to run without it; the outcome then lists it as not enforced"},
    {STYRO_EREQUEST, "/security/capabilities", opens_init,
     "a payload with {} could open the memory of the sandbox's init", "leave it out, or add \"init\": false"},
    {STYRO_EREQUEST, "/security/capabilities", exec_recomputes,
     "the sets `effective`, `permitted` and `ambient` differ in {}: execve(2) makes all three the ambient set",
     "give the three the same names"},
    {STYRO_EREQUEST, "/security/capabilities/ambient", ambient_not_inheritable,
     "{} is in the ambient set and not in the inheritable one, which the kernel refuses",
     "add it to `inheritable` as well"},
    {STYRO_EREQUEST, "/security/capabilities/inheritable", inheritable_not_bounding,
     "{} is in the inheritable set and not in the bounding one", "add it to `bounding` as well"},
    {STYRO_EREQUEST, "/security/seccomp/bpf", filter_invalid, "the filter program is not valid, {}",
     "the kernel would refuse it; seccomp(2) and bpf_check_classic say what it takes"},
    {STYRO_EREQUEST, "/die_with_parent", death_without_init,
     "`die_with_parent` needs the sandbox's init, and `init` is false", "leave out one of the two"},
    {STYRO_EREQUEST, "/preserve_fds", fixed_but_fds,
     "`preserve_fds` leaves descriptors to each run, and `fixed` lets a run choose nothing but streams and name",
     "list the descriptors, or leave out `fixed`"},
};

/* The object takes the place of the braces; a format of printf(3) in data would be a hole. */
static int fail_rule(const struct rule *rule, const struct finding *found, styro_error *err)
{
  const char *place = strstr(rule->message, "{}");
  int before = place == NULL ? (int)strlen(rule->message) : (int)(place - rule->message);
  styro_fail(err, rule->code, STYRO_STAGE_VALIDATE, 0, "%.*s%s%s", before, rule->message,
             place == NULL ? "" : found->object, place == NULL ? "" : place + 2);
  styro_error_field(err, "%s", found->field[0] == '\0' ? rule->field : found->field);
  styro_error_object(err, "%s", found->object);
  styro_error_hint(err, "%s", rule->hint);
  return rule->code;
}

int styro_validate(const struct styro_effective *effective, styro_error *err)
{
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    struct finding found = {.field = "", .object = ""};
    if (rules[i].broken(effective, &found)) {
      return fail_rule(&rules[i], &found, err);
    }
  }
  return 0;
}
