/* Plans from JSON requests, and what they hold as short texts to compare with. */
#include "outline.h"

#include <check.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static styro_request *request_of(const char *members)
{
  static char json[1 << 20];
  styro_error err = {.size = sizeof err};
  styro_request *request = NULL;
  snprintf(json, sizeof json, "{\"version\": 1%s%s}", members[0] ? ", " : "", members);
  int rc = styro_request_from_json(NULL, json, strlen(json), &request, &err);
  ck_assert_msg(rc == 0, "%s: %s (%s)", err.field, err.message, json);
  return request;
}

styro_plan *compiled(const char *members)
{
  styro_error err = {.size = sizeof err};
  styro_plan *plan = NULL;
  styro_request *request = request_of(members);
  int rc = styro_plan_compile(request, &plan, &err);
  ck_assert_msg(rc == 0, "%s: %s", err.field, err.message);
  styro_request_free(request);
  return plan;
}

styro_error refused_by_compile(const char *members)
{
  styro_error err = {.size = sizeof err};
  styro_plan *plan = NULL;
  styro_request *request = request_of(members);
  int rc = styro_plan_compile(request, &plan, &err);
  ck_assert_int_ne(rc, 0);
  ck_assert_int_eq(rc, err.code);
  ck_assert_ptr_null(plan);
  styro_request_free(request);
  return err;
}

static char text[1 << 20];
static size_t len;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text + len, sizeof text - len, format, args);
  va_end(args);
  len += n > 0 ? (size_t)n : 0;
  ck_assert_uint_lt(len, sizeof text);
}

static void say_flags(uint16_t flags)
{
  static const char *const names[] = {"optional", "if_missing_ignore", "create", "defaulted"};
  const char *before = " [";
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (flags >> i & 1) {
      say("%s%s", before, names[i]);
      before = " ";
    }
  }
  say("%s", *before == ' ' && before[1] == 0 ? "]" : "");
}

static void say_attributes(uint64_t set)
{
  static const char *const names[] = {"ro", "nosuid", "nodev", "noexec"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    say("%s%s", set >> i & 1 ? " " : "", set >> i & 1 ? names[i] : "");
  }
}

static void say_step(const styro_plan *plan, const struct wire_step *step)
{
  const struct wire_source *source = wire_step_source(step);
  const struct wire_target *target = wire_step_target(step);
  say("%s", styro_step_name(step->code));
  if (target) {
    say(" %s", wire_str(plan->block, target->path));
  }
  if (source && source->base) {
    say(" < %u:%s", source->base, wire_str(plan->block, source->path));
  } else if (source) {
    say(" < %s", wire_str(plan->block, source->path));
  }
  say_flags(step->flags);
  if (step->code == WIRE_STEP_BIND) {
    say_attributes(((const struct wire_step_bind *)(const void *)step)->attr_set);
  } else if (step->code == WIRE_STEP_SELF_BIND) {
    say_attributes(((const struct wire_step_self_bind *)(const void *)step)->attr_set);
  } else if (step->code == WIRE_STEP_TMPFS) {
    const struct wire_step_tmpfs *body = (const void *)step;
    say(" %llu %04o", (unsigned long long)body->size, body->mode);
    say_attributes(body->attr_set);
  }
  say("\n");
}

/* They speak of places that other steps make: test_compile_landlock.c has them. */
static bool is_rule_of_landlock(const struct wire_step *step)
{
  return step->code == WIRE_STEP_LANDLOCK_PART || step->code == WIRE_STEP_LANDLOCK_PLACE ||
         step->code == WIRE_STEP_LANDLOCK_PORT;
}

const char *outline(const styro_plan *plan)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  len = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_target *target = wire_step_target(step);
    if (is_rule_of_landlock(step)) {
      continue;
    }
    say("%s%s%s\n", styro_step_name(step->code), target ? " " : "", target ? wire_str(block, target->path) : "");
  }
  return text;
}

const char *outline_of(const styro_plan *plan, const char *path)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  len = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_target *target = wire_step_target(step);
    if (target && !is_rule_of_landlock(step) && strcmp(wire_str(block, target->path), path) == 0) {
      say_step(plan, step);
    }
  }
  return text;
}

uint32_t outline_count(const styro_plan *plan, int code)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  uint32_t n = 0;
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    n += step->code == code;
  }
  return n;
}

const void *outline_step(const styro_plan *plan, int code)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    if (step->code == code) {
      return step;
    }
  }
  ck_abort_msg("the plan has no step `%s`", styro_step_name(code));
}
