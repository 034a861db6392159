/*
 * The checked reader of plans (that of run blocks is run_reader.c, their order plan_order.c's), shared by library and helper.
 * Every offset that a later accessor follows is checked here once; it allocates nothing and trusts nothing but its own length.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "plan.h"
#include "plan_order.h"

enum body_member { MEMBER_TEXT, MEMBER_BYTES, MEMBER_LIST, MEMBER_MOST };

struct member {
  uint8_t at;
  uint8_t kind;
  uint16_t most; /* MEMBER_MOST: what a u32 may be */
};

/* What each step's body holds: its size, where its texts and lists stand, how often it may appear. */
struct shape {
  uint8_t size;
  uint8_t flags;     /* WIRE_HAS_SOURCE, WIRE_HAS_TARGET that the code implies */
  uint8_t source_at; /* offset of the wire_source */
  uint8_t target_at;
  uint8_t most; /* how many there may be; 0: any number */
  uint8_t members_n;
  struct member members[6];
};

#define AT(type, member) (uint8_t) offsetof(struct type, member) /* no step has 256 bytes */
#define PLAIN(once_)                                        \
  {                                                         \
    .size = sizeof(struct wire_step_plain), .most = (once_) \
  }
#define PLACE                                                                                                  \
  {                                                                                                            \
    .size = sizeof(struct wire_step_place), .flags = WIRE_HAS_TARGET, .target_at = AT(wire_step_place, target) \
  }

static const struct shape shapes[WIRE_STEP_COUNT] = {
    [WIRE_STEP_RUN] = {.size = sizeof(struct wire_step_run),
                       .most = 1,
                       .members = {{AT(wire_step_run, argv), MEMBER_LIST, 0},
                                   {AT(wire_step_run, env), MEMBER_LIST, 0},
                                   {AT(wire_step_run, inherit_env), MEMBER_LIST, 0},
                                   {AT(wire_step_run, cwd), MEMBER_TEXT, 0},
                                   {AT(wire_step_run, preserve_fds), MEMBER_LIST, 0},
                                   {AT(wire_step_run, output_keep), MEMBER_MOST, WIRE_KEEP_BOTH}},
                       .members_n = 6},
    [WIRE_STEP_PROMISES] = {.size = sizeof(struct wire_step_promises), .most = 1},
    [WIRE_STEP_NOTE] = {.size = sizeof(struct wire_step_note),
                        .members = {{AT(wire_step_note, field), MEMBER_TEXT, 0},
                                    {AT(wire_step_note, why), MEMBER_TEXT, 0},
                                    {AT(wire_step_note, protection), MEMBER_MOST, 63}},
                        .members_n = 3},
    [WIRE_STEP_NAMESPACES] = {.size = sizeof(struct wire_step_namespaces), .most = 1},
    [WIRE_STEP_MAP_IDS] = {.size = sizeof(struct wire_step_map_ids),
                           .most = 1,
                           .members = {{AT(wire_step_map_ids, uid_map), MEMBER_MOST, WIRE_MAP_CALLER},
                                       {AT(wire_step_map_ids, gid_map), MEMBER_MOST, WIRE_MAP_CALLER},
                                       {AT(wire_step_map_ids, uid_ranges), MEMBER_TEXT, 0},
                                       {AT(wire_step_map_ids, gid_ranges), MEMBER_TEXT, 0},
                                       {AT(wire_step_map_ids, groups), MEMBER_MOST, WIRE_GROUPS_KEEP},
                                       {AT(wire_step_map_ids, setgroups), MEMBER_MOST, WIRE_SETGROUPS_DENY}},
                           .members_n = 6},
    [WIRE_STEP_IDMAP] = {.size = sizeof(struct wire_step_idmap),
                         .most = WIRE_IDMAPS_MAX,
                         .members = {{AT(wire_step_idmap, uid_ranges), MEMBER_TEXT, 0},
                                     {AT(wire_step_idmap, gid_ranges), MEMBER_TEXT, 0}},
                         .members_n = 2},
    [WIRE_STEP_HOSTNAME] = {.size = sizeof(struct wire_step_hostname),
                            .most = 1,
                            .members = {{AT(wire_step_hostname, name), MEMBER_TEXT, 0},
                                        {AT(wire_step_hostname, domain), MEMBER_TEXT, 0}},
                            .members_n = 2},
    [WIRE_STEP_LOOPBACK] = PLAIN(1),
    [WIRE_STEP_OOM_SCORE] = {.size = sizeof(struct wire_step_number), .most = 1},
    [WIRE_STEP_IDENTITY] = {.size = sizeof(struct wire_step_identity),
                            .most = 1,
                            .members = {{AT(wire_step_identity, groups), MEMBER_TEXT, 0}},
                            .members_n = 1},
    [WIRE_STEP_ROOT] = {.size = sizeof(struct wire_step_root),
                        .most = 1,
                        .source_at = AT(wire_step_root, source),
                        .members = {{AT(wire_step_root, kind), MEMBER_MOST, WIRE_ROOT_OVERLAY}},
                        .members_n = 1},
    [WIRE_STEP_LAYER] = {.size = sizeof(struct wire_step_layer),
                         .flags = WIRE_HAS_SOURCE,
                         .source_at = AT(wire_step_layer, source),
                         .members = {{AT(wire_step_layer, kind), MEMBER_MOST, WIRE_LAYER_WORK}},
                         .members_n = 1},
    [WIRE_STEP_DIR] = {.size = sizeof(struct wire_step_dir),
                       .flags = WIRE_HAS_TARGET,
                       .target_at = AT(wire_step_dir, target)},
    [WIRE_STEP_LINK] = {.size = sizeof(struct wire_step_link),
                        .flags = WIRE_HAS_SOURCE | WIRE_HAS_TARGET,
                        .source_at = AT(wire_step_link, source),
                        .target_at = AT(wire_step_link, target)},
    [WIRE_STEP_FILE] = {.size = sizeof(struct wire_step_file),
                        .flags = WIRE_HAS_TARGET,
                        .target_at = AT(wire_step_file, target),
                        .members = {{AT(wire_step_file, data), MEMBER_BYTES, 0}},
                        .members_n = 1},
    [WIRE_STEP_BIND] = {.size = sizeof(struct wire_step_bind),
                        .flags = WIRE_HAS_SOURCE | WIRE_HAS_TARGET,
                        .source_at = AT(wire_step_bind, source),
                        .target_at = AT(wire_step_bind, target)},
    [WIRE_STEP_SELF_BIND] = {.size = sizeof(struct wire_step_self_bind),
                             .flags = WIRE_HAS_TARGET,
                             .target_at = AT(wire_step_self_bind, target)},
    [WIRE_STEP_TMPFS] = {.size = sizeof(struct wire_step_tmpfs),
                         .flags = WIRE_HAS_TARGET,
                         .target_at = AT(wire_step_tmpfs, target)},
    [WIRE_STEP_DEV] = {.size = sizeof(struct wire_step_dev),
                       .flags = WIRE_HAS_TARGET,
                       .target_at = AT(wire_step_dev, target),
                       .most = WIRE_DEVS_MAX},
    [WIRE_STEP_PROC] = {.size = sizeof(struct wire_step_proc),
                        .flags = WIRE_HAS_TARGET,
                        .target_at = AT(wire_step_proc, target),
                        .members = {{AT(wire_step_proc, hidepid), MEMBER_MOST, WIRE_HIDEPID_PTRACEABLE}},
                        .members_n = 1},
    [WIRE_STEP_READ_ONLY] = PLACE,
    [WIRE_STEP_MASK] = PLACE,
    [WIRE_STEP_SEAL_ROOT] = PLAIN(1),
    [WIRE_STEP_PIVOT] = PLAIN(1),
    [WIRE_STEP_USERNS_LIMIT] = {.size = sizeof(struct wire_step_number), .most = 1},
    [WIRE_STEP_NEST] = {.size = sizeof(struct wire_step_number), .most = 1},
    [WIRE_STEP_ENTER] = PLAIN(1),
    [WIRE_STEP_LABEL] = {.size = sizeof(struct wire_step_label),
                         .most = WIRE_LSM_COUNT,
                         .members = {{AT(wire_step_label, lsm), MEMBER_MOST, WIRE_LSM_COUNT - 1},
                                     {AT(wire_step_label, label), MEMBER_TEXT, 0}},
                         .members_n = 2},
    [WIRE_STEP_INIT] = PLAIN(1),
    [WIRE_STEP_SESSION] = PLAIN(1),
    [WIRE_STEP_KEYRING] = PLAIN(1),
    [WIRE_STEP_RESET] = {.size = sizeof(struct wire_step_reset), .most = 1},
    [WIRE_STEP_NICE] = {.size = sizeof(struct wire_step_number), .most = 1},
    [WIRE_STEP_RLIMIT] = {.size = sizeof(struct wire_step_rlimit),
                          .members = {{AT(wire_step_rlimit, resource), MEMBER_MOST, 15}},
                          .members_n = 1},
    [WIRE_STEP_CAPABILITIES] = {.size = sizeof(struct wire_step_capabilities), .most = 1},
    [WIRE_STEP_ACCESS] = {.size = sizeof(struct wire_step_access),
                          .flags = WIRE_HAS_TARGET,
                          .target_at = AT(wire_step_access, target)},
    [WIRE_STEP_WORKDIR] = PLAIN(1),
    [WIRE_STEP_SECCOMP] = {.size = sizeof(struct wire_step_seccomp),
                           .members = {{AT(wire_step_seccomp, words), MEMBER_TEXT, 0}},
                           .members_n = 1},
    [WIRE_STEP_EXEC] = PLAIN(1),
    [WIRE_STEP_SEAL] = PLACE,
    [WIRE_STEP_GROUP] = PLAIN(1),
    [WIRE_STEP_JOIN] = {.size = sizeof(struct wire_step_join),
                        .source_at = AT(wire_step_join, source),
                        .members = {{AT(wire_step_join, space), MEMBER_MOST, WIRE_SPACE_COUNT - 1}},
                        .members_n = 1},
    [WIRE_STEP_CLOCKS] = {.size = sizeof(struct wire_step_clocks), .most = 1},
    [WIRE_STEP_SYMLINK] = {.size = sizeof(struct wire_step_symlink),
                           .flags = WIRE_HAS_TARGET,
                           .target_at = AT(wire_step_symlink, target),
                           .members = {{AT(wire_step_symlink, text), MEMBER_TEXT, 0}},
                           .members_n = 1},
    [WIRE_STEP_OVERLAY] = {.size = sizeof(struct wire_step_overlay),
                           .flags = WIRE_HAS_TARGET,
                           .target_at = AT(wire_step_overlay, target)},
    [WIRE_STEP_FS] = {.size = sizeof(struct wire_step_fs),
                      .flags = WIRE_HAS_TARGET,
                      .target_at = AT(wire_step_fs, target),
                      .members = {{AT(wire_step_fs, kind), MEMBER_MOST, WIRE_FS_COUNT - 1}},
                      .members_n = 1},
    [WIRE_STEP_REMOUNT] = {.size = sizeof(struct wire_step_remount),
                           .flags = WIRE_HAS_TARGET,
                           .target_at = AT(wire_step_remount, target)},
    [WIRE_STEP_LANDLOCK_PART] = {.size = sizeof(struct wire_step_landlock_part),
                                 .most = 5,
                                 .members = {{AT(wire_step_landlock_part, part), MEMBER_MOST,
                                              WIRE_LANDLOCK_PART_COUNT - 1}},
                                 .members_n = 1},
    [WIRE_STEP_LANDLOCK_PLACE] = {.size = sizeof(struct wire_step_landlock_place),
                                  .flags = WIRE_HAS_TARGET,
                                  .target_at = AT(wire_step_landlock_place, target)},
    [WIRE_STEP_LANDLOCK_PORT] = {.size = sizeof(struct wire_step_landlock_port),
                                 .members = {{AT(wire_step_landlock_port, port), MEMBER_MOST, 65535}},
                                 .members_n = 1},
    [WIRE_STEP_LANDLOCK] = PLAIN(1),
    [WIRE_STEP_LANDLOCK_QUEUES] = PLAIN(1),
};

static const char *const fault_texts[WIRE_FAULT_COUNT] = {
    [WIRE_FAULT_NONE] = "nothing",
    [WIRE_FAULT_SHORT] = "a length that does not fit",
    [WIRE_FAULT_MAGIC] = "a wrong magic number",
    [WIRE_FAULT_FORMAT] = "another format version",
    [WIRE_FAULT_ID] = "another wire identity",
    [WIRE_FAULT_ALIGN] = "a misaligned offset",
    [WIRE_FAULT_BOUNDS] = "an offset beyond the end",
    [WIRE_FAULT_CODE] = "an unknown step",
    [WIRE_FAULT_SIZE] = "a step of the wrong size",
    [WIRE_FAULT_TEXT] = "a text that is not terminated where it ends",
    [WIRE_FAULT_VALUE] = "a number out of its range",
    [WIRE_FAULT_ORDER] = "steps that may not stand so",
};

const char *wire_fault_text(int fault)
{
  return fault >= 0 && fault < WIRE_FAULT_COUNT ? fault_texts[fault] : "an unknown fault";
}

const struct wire_step *wire_step_first(const struct wire_plan *plan)
{
  return (const struct wire_step *)((const char *)plan + plan->steps_off);
}

const struct wire_step *wire_step_next(const struct wire_step *step)
{
  return (const struct wire_step *)((const char *)step + step->size);
}

const struct wire_text *wire_text_at(const void *block, uint32_t offset)
{
  return offset ? (const struct wire_text *)((const char *)block + offset) : NULL;
}

const char *wire_str(const void *block, uint32_t offset)
{
  return offset ? wire_text_at(block, offset)->bytes : "";
}

const struct wire_list *wire_list_at(const void *block, uint32_t offset)
{
  return offset ? (const struct wire_list *)((const char *)block + offset) : NULL;
}

const struct wire_source *wire_step_source(const struct wire_step *step)
{
  return step->flags & WIRE_HAS_SOURCE ? (const void *)((const char *)step + shapes[step->code].source_at) : NULL;
}

const struct wire_source *wire_step_named(const struct wire_step *step)
{
  return step->code == WIRE_STEP_JOIN ? &((const struct wire_step_join *)step)->source : wire_step_source(step);
}

const struct wire_target *wire_step_target(const struct wire_step *step)
{
  return step->flags & WIRE_HAS_TARGET ? (const void *)((const char *)step + shapes[step->code].target_at) : NULL;
}

unsigned wire_step_references(const struct wire_step *step, struct wire_reference out[WIRE_REFERENCES_MAX])
{
  const struct shape *shape = &shapes[step->code];
  unsigned n = 0;
  if (shape->source_at) {
    out[n++] = (struct wire_reference){.at = (uint16_t)(shape->source_at + offsetof(struct wire_source, path))};
  }
  if (shape->target_at) {
    out[n++] = (struct wire_reference){.at = (uint16_t)(shape->target_at + offsetof(struct wire_target, path))};
  }
  for (unsigned i = 0; i < shape->members_n; i++) {
    const struct member *member = &shape->members[i];
    if (member->kind != MEMBER_MOST) {
      out[n++] = (struct wire_reference){.at = member->at, .list = member->kind == MEMBER_LIST};
    }
  }
  if (step->code == WIRE_STEP_SECCOMP) {
    out[n++] = (struct wire_reference){.at = AT(wire_step_seccomp, filter)};
  }
  return n;
}

static uint32_t word_at(const void *base, size_t at)
{
  uint32_t word;
  memcpy(&word, (const char *)base + at, sizeof word);
  return word;
}

static int check_bytes(const struct wire_plan *plan, uint32_t at)
{
  if (at % 4) {
    return WIRE_FAULT_ALIGN;
  }
  if (at < plan->data_off || at > plan->total - 5) {
    return WIRE_FAULT_BOUNDS;
  }
  const struct wire_text *text = wire_text_at(plan, at);
  if (text->len > plan->total - at - 5) {
    return WIRE_FAULT_BOUNDS;
  }
  return text->bytes[text->len] == 0 ? WIRE_FAULT_NONE : WIRE_FAULT_TEXT;
}

static int check_text(const struct wire_plan *plan, uint32_t at)
{
  int fault = check_bytes(plan, at);
  const struct wire_text *text = fault ? NULL : wire_text_at(plan, at);
  return text && memchr(text->bytes, 0, text->len) ? WIRE_FAULT_TEXT : fault;
}

static int check_list(const struct wire_plan *plan, uint32_t at)
{
  if (at % 4) {
    return WIRE_FAULT_ALIGN;
  }
  if (at < plan->data_off || at > plan->total - 4) {
    return WIRE_FAULT_BOUNDS;
  }
  const struct wire_list *list = wire_list_at(plan, at);
  if (list->n > (plan->total - at - 4) / 4) {
    return WIRE_FAULT_BOUNDS;
  }
  /* Each text behind the one before it: a list costs no more to check than the plan is long. */
  uint32_t end = 0;
  for (uint32_t i = 0; i < list->n; i++) {
    int fault = check_text(plan, list->at[i]);
    if (!fault && list->at[i] < end) {
      fault = WIRE_FAULT_ORDER;
    }
    if (fault) {
      return fault;
    }
    end = list->at[i] + wire_text_at(plan, list->at[i])->len + 5;
  }
  return WIRE_FAULT_NONE;
}

static int check_member(const struct wire_plan *plan, const struct wire_step *step, const struct member *member)
{
  uint32_t value = word_at(step, member->at);
  switch (member->kind) {
  case MEMBER_TEXT: return check_text(plan, value);
  case MEMBER_BYTES: return check_bytes(plan, value);
  case MEMBER_LIST: return value ? check_list(plan, value) : WIRE_FAULT_NONE;
  default: return value <= member->most ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE;
  }
}

/* Inside paths are absolute and normalised: the helper splits them at slashes and must never meet "..". */
static int check_target_path(const char *path)
{
  if (path[0] != '/') {
    return WIRE_FAULT_VALUE;
  }
  for (const char *p = path; *p; p++) {
    if (p[0] == '/' && (p[1] == '/' || (p[1] == 0 && p != path) || (p[1] == '.' && (p[2] == '/' || p[2] == 0)) ||
                        (p[1] == '.' && p[2] == '.' && (p[3] == '/' || p[3] == 0)))) {
      return WIRE_FAULT_VALUE;
    }
  }
  return WIRE_FAULT_NONE;
}

/* What was seen so far: sources, kept mounts and id maps are named by their numbers, and only earlier ones can be. */
struct seen {
  uint32_t sources;
  uint32_t kept;
  uint32_t steps[WIRE_STEP_COUNT];    /* how many of each code */
  uint32_t position[WIRE_STEP_COUNT]; /* 1 + the number of the last of each, 0: none */
  uint8_t mapped[WIRE_SOURCES_MAX];   /* 1: that source is idmapped */
};

/* Idmapped ones are opened before the clone and all others after it, so what lies below another is of its kind. */
static int check_idmap(const struct wire_source *source, const struct seen *seen)
{
  bool below = source->base && !(source->base & WIRE_SOURCE_FD);
  bool unlike = below && seen->mapped[source->base - 1] != (source->idmap != 0);
  return source->idmap > seen->steps[WIRE_STEP_IDMAP] || unlike ? WIRE_FAULT_VALUE : WIRE_FAULT_NONE;
}

static int check_source(const struct wire_plan *plan, const struct wire_source *source, uint32_t sources)
{
  int fault = check_text(plan, source->path);
  if (fault) {
    return fault;
  }
  if (source->base & WIRE_SOURCE_FD) {
    int fd = wire_source_fd(source);
    return fd >= WIRE_SOURCE_FD_MIN && fd <= WIRE_SOURCE_FD_MAX ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE;
  }
  bool relative = wire_str(plan, source->path)[0] != '/';
  return source->base > sources || (source->base == 0 && relative) ? WIRE_FAULT_VALUE : WIRE_FAULT_NONE;
}

static int check_places(const struct wire_plan *plan, const struct wire_step *step, struct seen *seen)
{
  const struct wire_source *source = wire_step_source(step);
  const struct wire_target *target = wire_step_target(step);
  int fault = WIRE_FAULT_NONE;
  if (source) {
    fault = seen->sources < WIRE_SOURCES_MAX ? check_source(plan, source, seen->sources) : WIRE_FAULT_VALUE;
    if (!fault) {
      fault = check_idmap(source, seen);
      seen->mapped[seen->sources++] = source->idmap != 0;
    }
  }
  if (!fault && target) {
    fault = check_text(plan, target->path);
    if (!fault) {
      fault = check_target_path(wire_str(plan, target->path));
    }
  }
  return fault;
}

static int check_filter(const struct wire_plan *plan, const struct wire_step *step)
{
  const struct wire_step_seccomp *seccomp = (const struct wire_step_seccomp *)step;
  if (seccomp->n == 0 || seccomp->n > (seccomp->names_supervisor ? WIRE_NAMING_FILTER_MAX : 4096u)) {
    return WIRE_FAULT_VALUE;
  }
  if (seccomp->filter % 8) {
    return WIRE_FAULT_ALIGN;
  }
  return seccomp->filter >= plan->data_off && seccomp->filter <= plan->total &&
                 seccomp->n <= (plan->total - seccomp->filter) / 8
             ? WIRE_FAULT_NONE
             : WIRE_FAULT_BOUNDS;
}

/* A plan of the level `process` makes no namespace and maps no id, and no other one leaves both out. */
static int check_level(const struct wire_plan *plan, const struct wire_step *step)
{
  bool process = plan->flags & WIRE_PLAN_PROCESS;
  const struct wire_step_map_ids *ids = (const struct wire_step_map_ids *)step;
  bool fits = step->code != WIRE_STEP_MAP_IDS ||
              ((ids->uid_map == WIRE_MAP_CALLER) == process && (ids->gid_map == WIRE_MAP_CALLER) == process);
  uint64_t made = step->code == WIRE_STEP_NAMESPACES ? ((const struct wire_step_namespaces *)step)->clone_flags : 0;
  return fits && !(process && made) ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE;
}

static int check_step_flags(const struct wire_step *step, const struct shape *shape)
{
  uint16_t implied = step->flags & (WIRE_HAS_SOURCE | WIRE_HAS_TARGET);
  uint16_t wanted = shape->flags;
  if (step->code == WIRE_STEP_ROOT) {
    uint32_t kind = ((const struct wire_step_root *)step)->kind;
    wanted = kind == WIRE_ROOT_DIRECTORY || kind == WIRE_ROOT_DISCARD ? WIRE_HAS_SOURCE : 0;
  }
  return implied == wanted && step->best_effort <= 64 && step->flags < 1u << 8 ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE;
}

static bool makes_mount(uint16_t code)
{
  return code == WIRE_STEP_BIND || code == WIRE_STEP_TMPFS || code == WIRE_STEP_DEV || code == WIRE_STEP_PROC ||
         code == WIRE_STEP_FS || code == WIRE_STEP_OVERLAY;
}

static int check_kept(const struct wire_step *step, struct seen *seen)
{
  if (step->flags & WIRE_KEEP) {
    seen->kept += 1;
    return makes_mount(step->code) && seen->kept <= WIRE_KEPT_MAX ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE;
  }
  bool remount = step->code == WIRE_STEP_REMOUNT;
  return remount && ((const struct wire_step_remount *)step)->kept > seen->kept ? WIRE_FAULT_VALUE : WIRE_FAULT_NONE;
}

static int check_tried(const struct wire_step *step, const struct seen *seen)
{
  bool access = step->code == WIRE_STEP_ACCESS;
  return access && ((const struct wire_step_access *)step)->source > seen->sources ? WIRE_FAULT_VALUE : WIRE_FAULT_NONE;
}

static int check_step(const struct wire_plan *plan, const struct wire_step *step, struct seen *seen)
{
  const struct shape *shape = &shapes[step->code];
  int fault = check_step_flags(step, shape);
  if (!fault) {
    fault = check_places(plan, step, seen);
  }
  if (!fault) {
    fault = check_kept(step, seen);
  }
  if (!fault) {
    fault = check_tried(step, seen);
  }
  for (unsigned i = 0; !fault && i < shape->members_n; i++) {
    fault = check_member(plan, step, &shape->members[i]);
  }
  if (!fault) {
    fault = check_level(plan, step);
  }
  if (!fault && step->code == WIRE_STEP_SECCOMP) {
    fault = check_filter(plan, step);
  }
  if (!fault && step->code == WIRE_STEP_JOIN) {
    fault = check_source(plan, wire_step_named(step), 0);
  }
  return fault;
}

static int check_header(const struct wire_plan *plan, uint64_t len, const uint8_t wire_id[WIRE_ID_SIZE])
{
  if (len < sizeof *plan || len > WIRE_PLAN_MAX) {
    return WIRE_FAULT_SHORT;
  }
  if (plan->magic != WIRE_PLAN_MAGIC) {
    return WIRE_FAULT_MAGIC;
  }
  if (plan->format != WIRE_PLAN_FORMAT || plan->header_size != sizeof *plan) {
    return WIRE_FAULT_FORMAT;
  }
  if (memcmp(plan->wire_id, wire_id, WIRE_ID_SIZE) != 0) {
    return WIRE_FAULT_ID;
  }
  if (plan->total != len) {
    return WIRE_FAULT_SHORT;
  }
  if (plan->steps_off % 8 || plan->data_off % 8) {
    return WIRE_FAULT_ALIGN;
  }
  if (plan->steps_off < sizeof *plan || plan->steps_off > plan->data_off || plan->data_off > plan->total) {
    return WIRE_FAULT_BOUNDS;
  }
  return plan->steps_n <= WIRE_STEPS_MAX && plan->flags < 1u << 5 ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE;
}

/* Header of the step at offset `at`: it must lie wholly in the step area and have its code's size. */
static int check_step_head(const struct wire_plan *plan, uint32_t at)
{
  if (plan->data_off - at < sizeof(struct wire_step)) {
    return WIRE_FAULT_BOUNDS;
  }
  const struct wire_step *step = (const struct wire_step *)((const char *)plan + at);
  if (step->code >= WIRE_STEP_COUNT || shapes[step->code].size == 0) {
    return WIRE_FAULT_CODE;
  }
  if (step->size != shapes[step->code].size) {
    return WIRE_FAULT_SIZE;
  }
  return step->size <= plan->data_off - at ? WIRE_FAULT_NONE : WIRE_FAULT_BOUNDS;
}

int wire_plan_check(const void *block, uint64_t len, const uint8_t wire_id[WIRE_ID_SIZE], uint32_t *step)
{
  const struct wire_plan *plan = block;
  struct seen seen = {.sources = 0};
  *step = 0;
  int fault = check_header(plan, len, wire_id);
  uint32_t at = fault ? 0 : plan->steps_off;
  for (uint32_t i = 0; !fault && i < plan->steps_n; i++) {
    *step = i;
    fault = check_step_head(plan, at);
    const struct wire_step *one = (const struct wire_step *)((const char *)plan + at);
    if (!fault) {
      fault = check_step(plan, one, &seen);
    }
    if (!fault && shapes[one->code].most && seen.steps[one->code] == shapes[one->code].most) {
      fault = WIRE_FAULT_ORDER;
    }
    if (!fault) {
      seen.steps[one->code]++;
      seen.position[one->code] = i + 1;
      at += one->size;
    }
  }
  return fault ? fault : wire_plan_order(plan, seen.position);
}
