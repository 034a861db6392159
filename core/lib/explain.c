/* Printing a plan: each step in order, in plain words or as JSON. Reads the plan only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "builder.h"
#include "capability.h"
#include "encoding.h"
#include "explain_mounts.h"
#include "groups.h"
#include "id_map.h"
#include "plan.h"
#include "plan_steps.h"
#include "securebits.h"

#define TEXT_SIZE 1024

static const struct {
  uint64_t attribute;
  const char *name;
} attributes[] = {
    {WIRE_MOUNT_ATTR_RDONLY, "ro"},     {WIRE_MOUNT_ATTR_NOSUID, "nosuid"},   {WIRE_MOUNT_ATTR_NODEV, "nodev"},
    {WIRE_MOUNT_ATTR_NOEXEC, "noexec"}, {WIRE_MOUNT_ATTR_NOATIME, "noatime"},
};

size_t styro_details_text(char *out, size_t size, size_t len, const char *format, const char *text)
{
  if (len >= size) {
    return len;
  }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  int n = snprintf(out + len, size - len, format, text);
#pragma GCC diagnostic pop
  return len + (n > 0 ? (size_t)n : 0);
}

size_t styro_details_flags(char *out, size_t size, size_t len, uint64_t set)
{
  for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
    if (set & attributes[i].attribute) {
      len = styro_details_text(out, size, len, len ? ", %s" : "%s", attributes[i].name);
    }
  }
  if (!(set & WIRE_MOUNT_ATTR_RDONLY)) {
    len = styro_details_text(out, size, len, len ? ", %s" : "%s", "rw");
  }
  return len;
}

static size_t add_flags(char *out, size_t size, size_t len, const struct wire_step *step)
{
  static const struct {
    uint16_t flag;
    const char *words;
  } words[] = {{WIRE_OPTIONAL, "if it is there"},
               {WIRE_DEFAULTED, "if it is there"},
               {WIRE_IF_MISSING_IGNORE, "a missing one is accepted and listed as not enforced"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (step->flags & words[i].flag && step->code != WIRE_STEP_RUN) {
      len = styro_details_text(out, size, len, len ? ", %s" : "%s", words[i].words);
    }
  }
  return len;
}

static void bind_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_bind *body = (const void *)step;
  const char *path = wire_str(plan->block, body->source.path);
  bool below = body->source.base && wire_source_fd(&body->source) < 0;
  size_t len = styro_details_text(out, size, 0, below ? "from `%s` below the enclosing source" : "from `%s`", path);
  len = styro_details_flags(out, size, len, body->attr_set);
  len = styro_details_text(out, size, len, "%s", body->devices ? ", devices can be used" : "");
  len = styro_details_text(out, size, len, "%s", body->flat ? ", without the mounts below it" : "");
  len = styro_details_text(out, size, len, "%s", body->propagation ? ", follows what the host mounts below it" : "");
  len = styro_details_text(out, size, len, "%s", body->source.idmap ? ", idmapped" : "");
  add_flags(out, size, len, step);
}

static size_t add_capabilities(char *out, size_t size, size_t len, const char *set, uint64_t bits)
{
  char name[32];
  len = styro_details_text(out, size, len, "%s", set);
  if (bits == STYRO_CAPS_ALL) {
    return styro_details_text(out, size, len, "%s", " ALL");
  }
  for (int cap = 0; cap < 64; cap++) {
    if (bits >> cap & 1) {
      len = styro_details_text(out, size, len, " %s", styro_capability_name(cap, name, sizeof name));
    }
  }
  return bits ? len : styro_details_text(out, size, len, "%s", " none");
}

static size_t add_securebits(char *out, size_t size, size_t len, uint32_t bits)
{
  len = styro_details_text(out, size, len, "%s", bits ? "securebits" : "");
  for (unsigned i = 0; styro_securebit_name(i); i++) {
    len = bits >> i & 1 ? styro_details_text(out, size, len, " %s", styro_securebit_name(i)) : len;
  }
  return styro_details_text(out, size, len, "%s", bits ? "; " : "");
}

/* The sets that hold the same as the permitted one need no word of their own. */
static void capability_details(const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_capabilities *body = (const void *)step;
  size_t len = styro_details_text(out, size, 0, "%s", body->no_new_privs ? "no_new_privs; " : "");
  len = add_securebits(out, size, len, body->securebits);
  if (!(body->bounding | body->permitted | body->inheritable)) {
    styro_details_text(out, size, len, "%s", "all empty");
    return;
  }
  len = add_capabilities(out, size, len, "permitted", body->permitted);
  if (body->bounding != body->permitted) {
    len = add_capabilities(out, size, len, "; bounding", body->bounding);
  }
  if (body->inheritable != body->permitted) {
    add_capabilities(out, size, len, "; inheritable", body->inheritable);
  }
}

static void rlimit_details(const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_rlimit *body = (const void *)step;
  char soft[24];
  char hard[24];
  snprintf(soft, sizeof soft, "%" PRIu64, body->soft);
  snprintf(hard, sizeof hard, "%" PRIu64, body->hard);
  snprintf(out, size, "soft %s, hard %s", body->soft == WIRE_RLIM_INFINITY ? "unlimited" : soft,
           body->hard == WIRE_RLIM_INFINITY ? "unlimited" : hard);
}

static void run_details(const styro_plan *plan, char *out, size_t size)
{
  const struct wire_step_run *run = plan->run;
  const struct wire_list *argv = wire_list_at(plan->block, run->argv);
  size_t len = styro_details_text(out, size, 0, "%s", argv ? "" : "command given by each run");
  for (uint32_t i = 0; argv && i < argv->n; i++) {
    len = styro_details_text(out, size, len, i ? " %s" : "%s", wire_str(plan->block, argv->at[i]));
  }
  len = styro_details_text(out, size, len, ", in %s", wire_str(plan->block, run->cwd));
  if (run->timeout && len < size) {
    snprintf(out + len, size - len, ", at most %g s", (double)run->timeout / 1e9);
  }
}

/* One kernel line after the other, with commas between them. */
static size_t add_ranges(char *out, size_t size, size_t len, const char *map)
{
  struct styro_id_range range;
  len = styro_details_text(out, size, len, "%s", "outside: ");
  for (bool first = true; len < size && styro_id_map_next(&map, &range); first = false) {
    int n = snprintf(out + len, size - len, "%s%" PRIu32 " of them from %" PRIu32 " on are %" PRIu32 " and following%s",
                     first ? "" : ", ", range.count, range.inside, range.outside,
                     range.outside == 0 ? " (beware: 0 is root of the host)" : "");
    len += n > 0 ? (size_t)n : 0;
  }
  return len;
}

static size_t add_map(char *out, size_t size, size_t len, uint32_t kind, const char *ranges)
{
  static const char *const outside[] = {
      [WIRE_MAP_DEFAULT] = "outside: the caller's own id, for a root caller exactly 65534",
      [WIRE_MAP_SELF] = "outside: the caller's own id",
      [WIRE_MAP_HOST] = "no map: the same ids outside",
      [WIRE_MAP_RANGES] = "",
      [WIRE_MAP_SUBORDINATE] =
          "outside: the caller's own id and subordinate ids around it; for a root caller subordinate ids only",
      [WIRE_MAP_JOIN] = "no map: the ids are those of the joined user namespace",
      [WIRE_MAP_CALLER] = "no map: the payload is the caller, or 65534 where that is root",
  };
  return kind == WIRE_MAP_RANGES ? add_ranges(out, size, len, ranges)
                                 : styro_details_text(out, size, len, "%s", outside[kind]);
}

/* Most often both maps are alike, and one text says it. */
static void map_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_map_ids *body = (const void *)step;
  const char *uids = wire_str(plan->block, body->uid_ranges), *gids = wire_str(plan->block, body->gid_ranges);
  size_t len = add_map(out, size, 0, body->uid_map, uids);
  if (body->uid_map != body->gid_map || strcmp(uids, gids) != 0) {
    len = styro_details_text(out, size, len, "%s", "; groups ");
    len = add_map(out, size, len, body->gid_map, gids);
  }
  static const char *const groups[] = {"", "", "; supplementary groups of the caller are kept"};
  static const char *const setgroups[] = {"", "; setgroups(2) allowed", "; setgroups(2) denied"};
  len = styro_details_text(out, size, len, "%s", groups[body->groups]);
  styro_details_text(out, size, len, "%s", setgroups[body->setgroups]);
}

/* The list itself where the request has one; the map's step says what else becomes of them. */
static void identity_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  const char *groups = wire_str(plan->block, ((const struct wire_step_identity *)(const void *)step)->groups);
  uint32_t id;
  size_t len = 0;
  if (plan->map_ids->groups != WIRE_GROUPS_EXACT) {
    return;
  }
  len = styro_details_text(out, size, len, "%s", groups[0] ? "supplementary groups" : "no supplementary groups");
  while (len < size && styro_groups_next(&groups, &id)) {
    int n = snprintf(out + len, size - len, " %" PRIu32, id);
    len += n > 0 ? (size_t)n : 0;
  }
}

static size_t add_disk_map(char *out, size_t size, size_t len, const char *ranges, uint32_t id)
{
  struct styro_id_range range;
  if (!ranges[0]) {
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, id);
    return styro_details_text(out, size, len, "on disk %s, outside the payload's own", number);
  }
  for (const char *before = "on disk"; len < size && styro_id_map_next(&ranges, &range); before = ",") {
    int n = snprintf(out + len, size - len, "%s %" PRIu32 " of them from %" PRIu32 " on are %" PRIu32 " outside",
                     before, range.count, range.inside, range.outside);
    len += n > 0 ? (size_t)n : 0;
  }
  return len;
}

static void idmap_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_idmap *body = (const void *)step;
  size_t len = add_disk_map(out, size, 0, wire_str(plan->block, body->uid_ranges), body->uid);
  len = styro_details_text(out, size, len, "%s", "; groups ");
  add_disk_map(out, size, len, wire_str(plan->block, body->gid_ranges), body->gid);
}

static void reset_details(const struct wire_step *step, char *out, size_t size)
{
  snprintf(out, size, "umask %04o", ((const struct wire_step_reset *)(const void *)step)->umask);
}

static void tmpfs_details(const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_tmpfs *body = (const void *)step;
  int n = snprintf(out, size, "%" PRIu64 " bytes, mode %04o", body->size, body->mode);
  if (body->inodes && n > 0 && (size_t)n < size) {
    n += snprintf(out + n, size - (size_t)n, ", %" PRIu64 " files", body->inodes);
  }
  size_t len = styro_details_flags(out, size, n > 0 ? (size_t)n : 0, body->attr_set);
  add_flags(out, size, len, step);
}

static void root_details(const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_root *body = (const void *)step;
  int n = body->size
              ? snprintf(out, size, "changes go to a tmpfs of %" PRIu64 " bytes and end with the sandbox", body->size)
              : 0;
  bool sealed = body->kind == WIRE_ROOT_TMPFS; /* read-only in the end */
  size_t len =
      styro_details_flags(out, size, n > 0 ? (size_t)n : 0, body->attr_set | (sealed ? WIRE_MOUNT_ATTR_RDONLY : 0));
  styro_details_text(out, size, len, "%s", body->source.idmap ? ", idmapped" : "");
}

static void layer_details(const struct wire_step *step, char *out, size_t size)
{
  static const char *const kinds[] = {"read only, below all before it", "changes go there and stay",
                                      "for the kernel's own use"};
  styro_details_text(out, size, 0, "%s", kinds[((const struct wire_step_layer *)(const void *)step)->kind]);
}

static void self_bind_details(const struct wire_step *step, char *out, size_t size)
{
  size_t len = styro_details_flags(out, size, 0, ((const struct wire_step_self_bind *)(const void *)step)->attr_set);
  add_flags(out, size, len, step);
}

static void hostname_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  const char *domain = wire_str(plan->block, ((const struct wire_step_hostname *)(const void *)step)->domain);
  if (strcmp(domain, STYRO_DOMAINNAME_DEFAULT) != 0) {
    styro_details_text(out, size, 0, "domain name %s", domain);
  }
}

/* The base's have the modes that everybody expects. */
static void made_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  if (wire_step_item(step) >= 0) {
    styro_mount_details(plan, step, out, size);
  } else {
    add_flags(out, size, 0, step);
  }
}

static void seccomp_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_seccomp *body = (const void *)step;
  size_t len = styro_details_text(out, size, 0, "%s", wire_str(plan->block, body->words));
  styro_details_text(out, size, len, "%s", body->log ? "; all but allowed calls are logged" : "");
}

/* The places are of three kinds. */
static const char *place_words(const struct wire_step *step)
{
  uint64_t access = ((const struct wire_step_landlock_place *)(const void *)step)->access;
  return access == WIRE_LL_ALL   ? "anything"
         : access == WIRE_LL_USE ? "read, execute, write to what is there"
                                 : "read, execute";
}

static const char *port_words(uint64_t access)
{
  return access == WIRE_LL_BIND_TCP ? "bind" : "connect";
}

static void part_details(const struct wire_step *step, char *out, size_t size)
{
  const struct wire_step_landlock_part *body = (const void *)step;
  int needs = wire_landlock_needs(body->part);
  size_t len =
      styro_details_text(out, size, 0, "%s", body->part == WIRE_LANDLOCK_PORTS ? port_words(body->access) : "");
  if (body->part == WIRE_LANDLOCK_SCOPES) {
    len = styro_details_text(out, size, len, "%s", body->access & WIRE_LL_ABSTRACT_UNIX ? "abstract unix sockets" : "");
    len =
        styro_details_text(out, size, len, "%s", body->access == (WIRE_LL_ABSTRACT_UNIX | WIRE_LL_SIGNALS) ? ", " : "");
    len = styro_details_text(out, size, len, "%s", body->access & WIRE_LL_SIGNALS ? "signals" : "");
  }
  len = styro_details_text(out, size, len, len ? "; Linux %s" : "Linux %s", wire_landlock_abi(needs)->kernel);
  styro_details_text(out, size, len, "%s", step->flags & WIRE_DEFAULTED ? ", where the kernel has it" : "");
}

/* What else a step says about itself; "" for most. */
static void details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  out[0] = 0;
  switch (step->code) {
  case WIRE_STEP_RUN: run_details(plan, out, size); break;
  case WIRE_STEP_MAP_IDS: map_details(plan, step, out, size); break;
  case WIRE_STEP_IDENTITY: identity_details(plan, step, out, size); break;
  case WIRE_STEP_JOIN:
    styro_details_text(out, size, 0, "its %s namespace, shared with who is in it", styro_space_name(step));
    break;
  case WIRE_STEP_IDMAP: idmap_details(plan, step, out, size); break;
  case WIRE_STEP_HOSTNAME: hostname_details(plan, step, out, size); break;
  case WIRE_STEP_ROOT: root_details(step, out, size); break;
  case WIRE_STEP_LAYER: layer_details(step, out, size); break;
  case WIRE_STEP_SELF_BIND: self_bind_details(step, out, size); break;
  case WIRE_STEP_BIND: bind_details(plan, step, out, size); break;
  case WIRE_STEP_RESET: reset_details(step, out, size); break;
  case WIRE_STEP_TMPFS: tmpfs_details(step, out, size); break;
  case WIRE_STEP_FS:
  case WIRE_STEP_SYMLINK:
  case WIRE_STEP_REMOUNT:
  case WIRE_STEP_OVERLAY:
  case WIRE_STEP_PROC: styro_mount_details(plan, step, out, size); break;
  case WIRE_STEP_RLIMIT: rlimit_details(step, out, size); break;
  case WIRE_STEP_CAPABILITIES: capability_details(step, out, size); break;
  case WIRE_STEP_SECCOMP: seccomp_details(plan, step, out, size); break;
  case WIRE_STEP_LANDLOCK_PART: part_details(step, out, size); break;
  case WIRE_STEP_LANDLOCK_PLACE: snprintf(out, size, "%s", place_words(step)); break;
  case WIRE_STEP_LANDLOCK_PORT:
    snprintf(out, size, "%s", port_words(((const struct wire_step_landlock_port *)(const void *)step)->access));
    break;
  case WIRE_STEP_NOTE:
    snprintf(out, size, "%s", wire_str(plan->block, ((const struct wire_step_note *)(const void *)step)->why));
    break;
  case WIRE_STEP_DIR:
  case WIRE_STEP_FILE: made_details(plan, step, out, size); break;
  default: add_flags(out, size, 0, step);
  }
}

static void text_step(struct styro_buffer *out, const styro_plan *plan, const struct wire_step *step, uint32_t number)
{
  char field[128];
  char object[256];
  char more[TEXT_SIZE];
  const struct styro_step_row *row = &styro_step_rows[step->code];
  styro_step_describe(plan, step, field, sizeof field, object, sizeof object);
  details(plan, step, more, sizeof more);
  styro_line_clean(object); /* a command or a path may hold what steers a terminal */
  styro_line_clean(more);
  styro_buffer_format(out, "%3u  %s", (unsigned)number + 1, row->does);
  if (object[0]) {
    styro_buffer_format(out, " %s", object);
  }
  if (more[0]) {
    styro_buffer_format(out, " (%s)", more);
  }
  if (step->best_effort) {
    styro_buffer_format(out, " [best effort: %s]", styro_step_protection(step->best_effort - 1));
  }
  styro_buffer_format(out, "\n       %s\n", row->why);
}

static void json_member(struct styro_buffer *out, const char *key, const char *value)
{
  styro_buffer_format(out, ",\"%s\":", key);
  styro_buffer_json_string(out, value, strlen(value));
}

/* What lies below another source is that one's. */
static void json_source(struct styro_buffer *out, const styro_plan *plan, const struct wire_step *step)
{
  const struct wire_source *source = wire_step_named(step);
  if (source && wire_source_fd(source) >= 0) {
    styro_buffer_format(out, ",\"descriptor\":%d", wire_source_fd(source));
  } else if (source && source->base == 0) {
    json_member(out, "source", wire_str(plan->block, source->path));
  } else if (step->code == WIRE_STEP_LANDLOCK_PLACE &&
             ((const struct wire_step_landlock_place *)(const void *)step)->required) {
    json_member(out, "source", wire_str(plan->block, wire_step_target(step)->path)); /* the host's own path */
  }
}

static void json_step(struct styro_buffer *out, const styro_plan *plan, const struct wire_step *step, uint32_t number)
{
  char field[128];
  char object[256];
  char more[TEXT_SIZE];
  const struct styro_step_row *row = &styro_step_rows[step->code];
  styro_step_describe(plan, step, field, sizeof field, object, sizeof object);
  details(plan, step, more, sizeof more);
  styro_buffer_format(out, "%s{\"number\":%u", number ? "," : "", (unsigned)number + 1);
  json_member(out, "step", row->name);
  json_member(out, "stage", styro_stage_name(styro_step_stage(step)));
  json_member(out, "field", field);
  json_member(out, "object", object);
  json_source(out, plan, step);
  styro_buffer_format(out, ",\"optional\":%s", step->flags & (WIRE_OPTIONAL | WIRE_DEFAULTED) ? "true" : "false");
  json_member(out, "details", more);
  json_member(out, "does", row->does);
  json_member(out, "why", row->why);
  styro_buffer_text(out, "}");
}

static void explain_steps(struct styro_buffer *out, const styro_plan *plan,
                          void (*one)(struct styro_buffer *, const styro_plan *, const struct wire_step *, uint32_t))
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    one(out, plan, step, i);
  }
}

static void explain_text(struct styro_buffer *out, const styro_plan *plan)
{
  explain_steps(out, plan, text_step);
  if (plan->fallback) {
    styro_buffer_text(
        out,
        "     at the level `process`, where the host refuses that:\n       `isolation` names both, in this order\n");
    explain_steps(out, plan->fallback, text_step);
  }
}

static void explain_json(struct styro_buffer *out, const styro_plan *plan)
{
  styro_buffer_text(out, "{\"version\":1,\"steps\":[");
  explain_steps(out, plan, json_step);
  if (plan->fallback) {
    styro_buffer_text(out, "],\"fallback\":[");
    explain_steps(out, plan->fallback, json_step);
  }
  styro_buffer_text(out, "]}\n");
}

int styro_plan_explain(const styro_plan *plan, int format, const styro_allocator *alloc, char **out, styro_error *err)
{
  if (!plan || !out || (format != STYRO_FORMAT_TEXT && format != STYRO_FORMAT_JSON)) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_COMPILE, 0,
                      "styro_plan_explain needs a plan, a format and a place");
  }
  styro_allocator chosen = styro_allocator_or_malloc(alloc);
  struct styro_buffer text;
  styro_buffer_init(&text, &chosen);
  if (format == STYRO_FORMAT_JSON) {
    explain_json(&text, plan);
  } else {
    explain_text(&text, plan);
  }
  char *taken = styro_buffer_steal(&text);
  if (!taken) {
    return styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  *out = taken;
  return 0;
}

void styro_text_free(const styro_allocator *alloc, char *text)
{
  styro_allocator chosen = styro_allocator_or_malloc(alloc);
  styro_strfree(&chosen, text);
}
