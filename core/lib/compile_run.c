/* What a run starts from (command, environment, cwd, output, timeout), and the promises that the outcome repeats. */
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "compile.h"
#include "filtered.h"
#include "groups.h"
#include "weakened.h"

#define BIT(protection) (1ull << (protection))

static const char *const constant_env[] = {"PATH=" STYRO_PATH, "HOME=" STYRO_HOME, "LANG=" STYRO_LANG};
#define CONSTANT_ENV_N (sizeof constant_env / sizeof constant_env[0])

/* `text` is NAME or NAME=value. */
static bool overrides(const struct styro_map *env, const char *text)
{
  size_t len = strcspn(text, "=");
  for (size_t i = 0; i < env->n; i++) {
    if (strlen(env->keys[i]) == len && strncmp(env->keys[i], text, len) == 0) {
      return true;
    }
  }
  return false;
}

static void free_list(const styro_allocator *alloc, char **items, size_t n)
{
  for (size_t i = 0; items && i < n; i++) {
    styro_strfree(alloc, items[i]);
  }
  styro_dealloc(alloc, items, (n + 1) * sizeof *items);
}

/* NAME=value texts: the constant environment where it is not overridden, then the request's. 0 on success. */
static int compile_env(struct styro_compile *c, uint32_t *list)
{
  const struct styro_map *env = &c->fields->env;
  const styro_allocator *alloc = &c->builder.alloc;
  size_t most = CONSTANT_ENV_N + env->n;
  size_t n = 0;
  char **items = styro_alloc(alloc, (most + 1) * sizeof *items);
  bool failed = !items;
  for (size_t i = 0; !failed && i < CONSTANT_ENV_N; i++) {
    if (!overrides(env, constant_env[i])) {
      failed = !(items[n++] = styro_strdup(alloc, constant_env[i]));
    }
  }
  for (size_t i = 0; !failed && i < env->n; i++) {
    struct styro_buffer text;
    styro_buffer_init(&text, alloc);
    styro_buffer_text(&text, env->keys[i]);
    styro_buffer_text(&text, "=");
    styro_buffer_text(&text, env->values[i]);
    failed = !(items[n++] = styro_buffer_steal(&text));
  }
  if (!failed) {
    *list = styro_builder_list(&c->builder, items, n);
  }
  free_list(alloc, items, most);
  return failed ? styro_fail_memory(c->err, STYRO_STAGE_COMPILE) : 0;
}

/* A run puts what it inherits over the constant environment, so what the request sets itself is left out here. */
static int compile_inherited(struct styro_compile *c, uint32_t *list)
{
  const struct styro_list *names = &c->fields->inherit_env;
  const styro_allocator *alloc = &c->builder.alloc;
  char **items = names->n ? styro_alloc(alloc, names->n * sizeof *items) : NULL;
  size_t n = 0;
  if (names->n && !items) {
    return styro_fail_memory(c->err, STYRO_STAGE_COMPILE);
  }
  for (size_t i = 0; i < names->n; i++) {
    if (!overrides(&c->fields->env, names->items[i])) {
      items[n++] = names->items[i]; /* borrowed */
    }
  }
  *list = n > 0 ? styro_builder_list(&c->builder, items, n) : 0;
  styro_dealloc(alloc, items, names->n * sizeof *items);
  return 0;
}

static int compile_preserved(struct styro_compile *c, uint32_t *list)
{
  const struct styro_fields *fields = c->fields;
  const styro_allocator *alloc = &c->builder.alloc;
  char text[16];
  if (fields->preserve_fds_n == 0) {
    return 0;
  }
  char **items = styro_alloc(alloc, (fields->preserve_fds_n + 1) * sizeof *items);
  bool failed = !items;
  for (size_t i = 0; !failed && i < fields->preserve_fds_n; i++) {
    snprintf(text, sizeof text, "%d", fields->preserve_fds[i]);
    failed = !(items[i] = styro_strdup(alloc, text));
  }
  if (!failed) {
    *list = styro_builder_list(&c->builder, items, fields->preserve_fds_n);
  }
  free_list(alloc, items, fields->preserve_fds_n);
  return failed ? styro_fail_memory(c->err, STYRO_STAGE_COMPILE) : 0;
}

int styro_compile_run(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct wire_step_run body;
  memset(&body, 0, sizeof body);
  body.timeout = fields->timeout_wall;
  body.grace = fields->timeout_grace;
  body.output_limit = fields->output_limit;
  body.output_keep = (uint32_t)fields->output_keep;
  body.output_kill = fields->output_on_limit == STYRO_ON_LIMIT_KILL;
  body.output_asked = fields->output_asked;
  body.argv = fields->command.n ? styro_builder_list(&c->builder, fields->command.items, fields->command.n) : 0;
  const char *usual = fields->level == STYRO_LEVEL_PROCESS ? "/" : STYRO_HOME;
  body.cwd = styro_builder_text(&c->builder, fields->cwd ? fields->cwd : usual);
  int result = compile_inherited(c, &body.inherit_env);
  if (result == 0) {
    result = compile_env(c, &body.env);
  }
  if (result == 0) {
    result = compile_preserved(c, &body.preserve_fds);
  }
  if (result == 0) {
    uint16_t flags = styro_effective_is_set(c->effective, "/cwd") ? 0 : WIRE_DEFAULTED;
    styro_builder_step(&c->builder, WIRE_STEP_RUN, flags, "/command", STYRO_FATAL, &body, sizeof body);
  }
  return result;
}

static void add_note(struct styro_compile *c, int protection, bool approximated, const char *field, const char *why)
{
  struct wire_step_note body;
  memset(&body, 0, sizeof body);
  body.protection = (uint32_t)protection;
  body.approximated = approximated;
  body.field = styro_builder_text(&c->builder, field);
  body.why = styro_builder_text(&c->builder, why);
  *(approximated ? &c->approximated : &c->not_enforced) |= BIT(protection);
  c->enforced &= ~BIT(protection);
  styro_builder_step(&c->builder, WIRE_STEP_NOTE, 0, field, STYRO_FATAL, &body, sizeof body);
}

static void note(struct styro_compile *c, int protection, const char *field, const char *why)
{
  add_note(c, protection, false, field, why);
}

/* One row a protection that a word of the request switches. */
struct switched {
  uint64_t bits;
  bool on;
};

static uint64_t promised(const struct styro_fields *fields)
{
  const int *spaces = fields->namespaces;
  bool rlimits = false;
  for (int i = 0; i < STYRO_RLIMIT_COUNT; i++) {
    rlimits = rlimits || fields->rlimits[i].set;
  }
  const struct switched rows[] = {
      {BIT(STYRO_PATH_VIEW) | BIT(STYRO_READ_ONLY_PATHS) | BIT(STYRO_DENIED_PATHS) | BIT(STYRO_MASKED_PATHS) |
           BIT(STYRO_PRIVATE_TMP) | BIT(STYRO_DEVICE_ALLOWLIST) | BIT(STYRO_USER_IDS) | BIT(STYRO_CAPABILITIES) |
           BIT(STYRO_CLOSED_FDS) | BIT(STYRO_HELPER_IMAGE) | BIT(STYRO_DISK_SIZE),
       true},
      {BIT(STYRO_SECCOMP), styro_seccomp_holds(fields)},
      {BIT(STYRO_SUPPLEMENTARY_GROUPS), !styro_groups_kept(fields->groups)},
      {BIT(STYRO_PROCESS_VIEW) | BIT(STYRO_PROCESS_SIGNALS) | BIT(STYRO_TREE_KILL),
       spaces[STYRO_NS_PID] == STYRO_NS_NEW},
      {BIT(STYRO_NESTED_USER_NAMESPACES), /* by the user namespace's own limit, or by the filter */
       spaces[STYRO_NS_USER] == STYRO_NS_NEW || styro_seccomp_refuses_nested(fields)},
      {BIT(STYRO_IPC_ISOLATION), spaces[STYRO_NS_IPC] == STYRO_NS_NEW},
      {BIT(STYRO_HOSTNAME), spaces[STYRO_NS_UTS] == STYRO_NS_NEW},
      {BIT(STYRO_CGROUP_VIEW), spaces[STYRO_NS_CGROUP] == STYRO_NS_NEW},
      {BIT(STYRO_NETWORK_ISOLATION) | BIT(STYRO_ABSTRACT_SOCKETS), fields->network == STYRO_NETWORK_NONE},
      {BIT(STYRO_TIME_OFFSETS), fields->clocks_set},
      {BIT(STYRO_NO_NEW_PRIVS), fields->no_new_privs},
      {BIT(STYRO_LANDLOCK_PATHS), fields->landlock_paths},
      {BIT(STYRO_LANDLOCK_NETWORK), fields->landlock_binds || fields->landlock_connects},
      {BIT(STYRO_LANDLOCK_SCOPES), fields->landlock_scopes.n > 0},
      {BIT(STYRO_LSM_LABEL), fields->apparmor != NULL || fields->selinux != NULL},
      {BIT(STYRO_SESSION_KEYRING), fields->keyring == STYRO_KEYRING_NEW},
      {BIT(STYRO_NEW_SESSION), fields->new_session},
      {BIT(STYRO_CALLER_DEATH), fields->init && fields->die_with_parent},
      {BIT(STYRO_RLIMITS), rlimits},
      {BIT(STYRO_OUTPUT_LIMIT), fields->output_asked},
      {BIT(STYRO_TIMEOUT_WALL), fields->timeout_wall > 0},
  };
  uint64_t mask = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    mask |= rows[i].on ? rows[i].bits : 0;
  }
  return mask & ~styro_weakened(fields);
}

/* What the level cannot hold, or not wholly: the table that its documentation repeats. */
static const struct {
  int protection;
  bool approximated;
  const char *why;
} level_process[] = {
    {STYRO_PATH_VIEW, true, "names, sizes and modes of the host's files can be looked at, their contents cannot"},
    {STYRO_READ_ONLY_PATHS, true, "modes, times and extended attributes of the caller's own files can be changed"},
    {STYRO_DENIED_PATHS, true, "what is denied can be seen to exist"},
    {STYRO_PRIVATE_TMP, true, "the host's /tmp is out of reach, and there is none in its place"},
    {STYRO_DEVICE_ALLOWLIST, true, "a device below a place that is named can be opened as its mode allows"},
    {STYRO_CAPABILITIES, true,
     "the bounding set stays where the caller may not empty it, and no_new_privs lets nothing come of it"},
    {STYRO_TREE_KILL, true, "who kills the supervisor, which no payload can, frees what the payload started"},
    {STYRO_MASKED_PATHS, false, "/proc is the host's"},
    {STYRO_PROCESS_VIEW, false, "/proc is the host's"},
    {STYRO_HOSTNAME, false, "there is no UTS namespace"},
    {STYRO_CGROUP_VIEW, false, "there is no cgroup namespace"},
    {STYRO_DISK_SIZE, false, "what can be written is the host's"},
};

static uint64_t promised_at_level(const struct styro_fields *fields, bool own_ipc)
{
  bool own_network = fields->network == STYRO_NETWORK_NONE;
  uint64_t mask =
      promised(fields) | BIT(STYRO_PROCESS_SIGNALS) | BIT(STYRO_LANDLOCK_SCOPES) | BIT(STYRO_NESTED_USER_NAMESPACES);
  mask |= own_ipc ? BIT(STYRO_IPC_ISOLATION) : 0;
  mask |= BIT(STYRO_ABSTRACT_SOCKETS); /* no socket of the kind can be made */
  return own_network ? mask : mask & ~BIT(STYRO_NETWORK_ISOLATION);
}

static void note_level(struct styro_compile *c)
{
  c->enforced = promised_at_level(c->fields, c->effective->fields.namespaces[STYRO_NS_IPC] != STYRO_NS_HOST);
  for (size_t i = 0; i < sizeof level_process / sizeof level_process[0]; i++) {
    if (level_process[i].protection == STYRO_PRIVATE_TMP && !(c->enforced & BIT(STYRO_PRIVATE_TMP))) {
      continue; /* a rule of `paths` shows the host's */
    }
    add_note(c, level_process[i].protection, level_process[i].approximated, "/isolation", level_process[i].why);
  }
}

void styro_compile_promises(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct wire_step_promises body;
  bool process = fields->level == STYRO_LEVEL_PROCESS;
  c->enforced = promised(fields);
  if (process) {
    note_level(c);
  }
  for (int p = STYRO_LIMIT_MEMORY; p <= STYRO_LIMIT_IO; p++) {
    if (fields->limits_mask & BIT(p)) {
      note(c, p, "/limits", "cgroup limits are not supported yet");
    }
  }
  if (!fields->init) {
    note(c, STYRO_CALLER_DEATH, "/init", "without an init nobody watches the caller");
  }
  if (!styro_seccomp_holds(fields)) {
    note(c, STYRO_SECCOMP, "/security/seccomp",
         fields->seccomp_kind == STYRO_SECCOMP_NONE ? "the request asks for no filter"
                                                    : "calls that the profile refuses are let through and logged");
  }
  if (!(c->enforced & BIT(STYRO_NESTED_USER_NAMESPACES)) && fields->namespaces[STYRO_NS_USER] != STYRO_NS_NEW) {
    note(
        c, STYRO_NESTED_USER_NAMESPACES, "/namespaces/user",
        fields->namespaces[STYRO_NS_USER] == STYRO_NS_HOST
            ? "in the host's user namespace only a profile's filter refuses nested ones, and the one of the request may not"
            : "in a joined user namespace only a profile's filter refuses nested ones, and the one of the request may not");
  }
  if (fields->namespaces[STYRO_NS_PID] != STYRO_NS_NEW && !process) {
    note(c, STYRO_TREE_KILL, "/namespaces/pid",
         fields->namespaces[STYRO_NS_PID] == STYRO_NS_HOST
             ? "processes of the host's pid namespace do not end with the payload"
             : "processes of a joined pid namespace do not end with the payload");
  }
  memset(&body, 0, sizeof body);
  body.enforced = c->enforced;
  body.not_enforced = c->not_enforced;
  body.approximated = c->approximated;
  styro_builder_step(&c->builder, WIRE_STEP_PROMISES, 0, "/best_effort", STYRO_FATAL, &body, sizeof body);
}
