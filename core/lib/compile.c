/*
 * The order of things, in one place: what must happen before what, and why, stands in the table of plan_steps.c. A pure
 * function of the effective request.
 */
#include "compile.h"

#include <string.h>

#include "level.h"
#include "nested.h"
#include "plan.h"

int styro_compile_best_effort(const struct styro_compile *c, int protection)
{
  return c->fields->best_effort >> protection & 1 ? protection : STYRO_FATAL;
}

static void plain_step(struct styro_compile *c, uint16_t code, const char *field, int best_effort)
{
  struct wire_step_plain body;
  memset(&body, 0, sizeof body);
  styro_builder_step(&c->builder, code, 0, field, best_effort, &body, sizeof body);
}

/* Landlock before the filter, which may forbid its calls. */
static int compile_holds(struct styro_compile *c)
{
  styro_compile_landlock(c);
  if (c->fields->level == STYRO_LEVEL_PROCESS) {
    styro_compile_level_filter(c);
  }
  return styro_compile_filter(c);
}

/*
 * What runs in the payload's own process. Landlock's rules take descriptors, so they go before the resource limits; without
 * no_new_privs Landlock and the filter take a capability to put into force, so they go before its end.
 */
static int compile_payload(struct styro_compile *c)
{
  bool last = c->fields->no_new_privs;
  styro_compile_landlock_rules(c);
  styro_compile_process(c);
  if (styro_nested_spaces(c->fields)) {
    plain_step(c, WIRE_STEP_ENTER, "/security/capabilities", STYRO_FATAL);
  }
  int result = last ? 0 : compile_holds(c);
  styro_compile_security(c);
  styro_compile_access(c);
  plain_step(c, WIRE_STEP_WORKDIR, "/cwd", STYRO_FATAL);
  result = last ? compile_holds(c) : result;
  plain_step(c, WIRE_STEP_EXEC, "/command", STYRO_FATAL);
  return result;
}

/* At the level `process` nothing is made: the supervisor starts the payload's process, which is confined. */
static int compile_alone(struct styro_compile *c)
{
  int result = styro_compile_run(c);
  if (result != 0) {
    return result;
  }
  styro_compile_promises(c);
  styro_compile_namespaces(c);
  styro_compile_identity(c);
  result = styro_compile_access_begin(c);
  if (result != 0) {
    return result;
  }
  plain_step(c, WIRE_STEP_INIT, "/init", STYRO_FATAL);
  return compile_payload(c);
}

static int compile_steps(struct styro_compile *c)
{
  int result = styro_compile_run(c);
  if (result == 0) {
    styro_compile_promises(c);
    styro_compile_namespaces(c);
    result = styro_compile_idmaps(c);
  }
  if (result == 0) {
    styro_compile_identity(c);
    result = styro_compile_list_begin(c);
  }
  if (result == 0) {
    result = styro_compile_access_begin(c);
  }
  if (result == 0) {
    result = styro_compile_tree(c);
  }
  if (result != 0) {
    return result;
  }
  plain_step(c, WIRE_STEP_PIVOT, "/root", STYRO_FATAL);
  styro_compile_seals(c);
  styro_compile_changes(c);
  styro_compile_nest(c);
  if (c->fields->namespaces[STYRO_NS_USER] == STYRO_NS_NEW) {
    struct wire_step_number limit = {.value = 0};
    styro_builder_step(&c->builder, WIRE_STEP_USERNS_LIMIT, 0, "/namespaces/user",
                       styro_compile_best_effort(c, STYRO_NESTED_USER_NAMESPACES), &limit, sizeof limit);
  }
  if (c->fields->landlock_paths && c->fields->namespaces[STYRO_NS_IPC] == STYRO_NS_NEW) {
    plain_step(c, WIRE_STEP_LANDLOCK_QUEUES, "/security/landlock/paths", STYRO_FATAL);
  }
  if (c->fields->init) {
    plain_step(c, WIRE_STEP_INIT, "/init", STYRO_FATAL);
  }
  return compile_payload(c);
}

static uint32_t plan_flags(const struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  return (fields->init ? WIRE_PLAN_INIT : 0u) | (fields->fixed ? WIRE_PLAN_FIXED : 0u) |
         (fields->preserve_by_caller ? WIRE_PLAN_PRESERVE_ANY : 0u) | (c->idmaps_n ? WIRE_PLAN_IDMAPS : 0u) |
         (fields->level == STYRO_LEVEL_PROCESS ? WIRE_PLAN_PROCESS : 0u);
}

static int too_large(styro_error *err, const char *field, size_t n, const char *of_what, size_t most, const char *hint)
{
  int code = styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_COMPILE, 0, "the request needs %zu %s, %zu is the most", n,
                        of_what, most);
  styro_error_field(err, "%s", field);
  styro_error_hint(err, "%s", hint);
  return code;
}

/* Of the two lists that can grow a plan, the one that asks for more. */
static bool mostly_mounts(const struct styro_fields *fields)
{
  size_t n = fields->mounts.n;
  for (size_t i = 0; i < fields->mounts.n; i++) {
    n += fields->mounts.items[i].lowers.n;
  }
  return n > fields->rules_n;
}

static int too_many(const struct styro_compile *c, size_t n, const char *of_what, size_t most)
{
  bool mounts = mostly_mounts(c->fields);
  return too_large(c->err, mounts ? "/mounts" : "/paths", n, of_what, most,
                   mounts ? "use fewer entries or layers: a `bind` of a directory shows all that it holds"
                          : "name the directories that hold the entries of `paths`");
}

/* What the helper would refuse is refused here, where the request's words are known. */
static int check_size(const struct styro_compile *c)
{
  const struct styro_builder *builder = &c->builder;
  size_t bytes = sizeof(struct wire_plan) + builder->steps.len + builder->data.len + 7;
  if (builder->sources_n > WIRE_SOURCES_MAX) {
    return too_many(c, builder->sources_n, "objects of the host", WIRE_SOURCES_MAX);
  }
  if (builder->steps_n > WIRE_STEPS_MAX) {
    return too_many(c, builder->steps_n, "steps", WIRE_STEPS_MAX);
  }
  if (bytes > WIRE_PLAN_MAX) {
    return too_large(c->err, "", bytes, "bytes of plan", WIRE_PLAN_MAX,
                     "hand large texts over in a file, or through stdin");
  }
  return 0;
}

static int compile_level(const struct styro_effective *effective, int level, styro_plan **out, styro_error *err)
{
  struct styro_fields fields = effective->fields;
  struct styro_compile c = {.effective = effective, .fields = &fields, .err = err};
  size_t len = 0;
  styro_level_apply(&fields, level);
  styro_builder_init(&c.builder, &effective->alloc);
  int result = level == STYRO_LEVEL_PROCESS ? compile_alone(&c) : compile_steps(&c);
  styro_compile_list_end(&c);
  styro_compile_access_end(&c);
  if (result == 0) {
    result = check_size(&c);
  }
  void *block = result == 0 ? styro_builder_finish(&c.builder, plan_flags(&c), &len) : NULL;
  styro_builder_free(&c.builder);
  if (result != 0) {
    return result;
  }
  return block ? styro_plan_adopt(&effective->alloc, block, len, out, err)
               : styro_fail_memory(err, STYRO_STAGE_COMPILE);
}

/* The second level's plan is the first one's to keep. */
static int compile_effective(const struct styro_effective *effective, styro_plan **out, styro_error *err)
{
  styro_plan *plan = NULL, *fallback = NULL;
  int result = compile_level(effective, styro_level_first(&effective->fields), &plan, err);
  if (plan && effective->fields.isolation.n > 1) {
    result = compile_level(effective, STYRO_LEVEL_PROCESS, &fallback, err);
    result = fallback ? styro_plan_join(plan, fallback, err) : result;
  }
  if (result != 0) {
    styro_plan_free(plan);
    return result;
  }
  *out = plan;
  return 0;
}

int styro_plan_compile(const styro_request *request, styro_plan **out, styro_error *err)
{
  struct styro_effective effective;
  if (!request || !out) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_COMPILE, 0, "styro_plan_compile needs a request and a place");
  }
  int result = styro_request_effective(request, &effective, err);
  if (result != 0) {
    return result;
  }
  result = compile_effective(&effective, out, err);
  styro_effective_free(&effective);
  return result;
}
