/* One part of compiling alone: the steps that it appends to an empty plan, before anything else has a say. */
#include "compile_part.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lib/plan.h"
#include "lib/plan_steps.h"
#include "request_kit.h"

struct styro_compile part;
static struct styro_effective effective;
static styro_request *request;
static styro_error part_err;

void part_end(void)
{
  if (request) {
    styro_builder_free(&part.builder);
    styro_effective_free(&effective);
    styro_request_free(request);
  }
  request = NULL;
}

void part_begin(const char *members)
{
  char json[4096];
  part_end();
  part_err = (styro_error)ERROR_READY;
  snprintf(json, sizeof json, "{\"version\": 1%s%s}", members[0] ? ", " : "", members);
  int rc = styro_request_from_json(NULL, json, strlen(json), &request, &part_err);
  ck_assert_msg(rc == 0, "%s: %s", part_err.field, part_err.message);
  rc = styro_request_effective(request, &effective, &part_err);
  ck_assert_msg(rc == 0, "%s: %s", part_err.field, part_err.message);
  part = (struct styro_compile){.effective = &effective, .fields = &effective.fields, .err = &part_err};
  styro_builder_init(&part.builder, &effective.alloc);
}

static const struct wire_step *step_at(uint32_t nth)
{
  const char *at = part.builder.steps.data;
  ck_assert_uint_lt(nth, part.builder.steps_n);
  while (nth-- > 0) {
    at += ((const struct wire_step *)(const void *)at)->size;
  }
  return (const void *)at;
}

const void *part_step(uint32_t nth, int code)
{
  const struct wire_step *step = step_at(nth);
  ck_assert_msg(step->code == code, "step %u is `%s`, not `%s`", nth, styro_step_name(step->code),
                styro_step_name(code));
  return step;
}

const char *part_outline(void)
{
  static char text[8192];
  size_t len = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < part.builder.steps_n; i++) {
    const struct wire_step *step = step_at(i);
    const char *protection = step->best_effort ? styro_step_protection(step->best_effort - 1) : "";
    len += (size_t)snprintf(text + len, sizeof text - len, "%s %s%s%s\n", styro_step_name(step->code),
                            styro_field_pointer(step->field_id), *protection ? " best effort: " : "", protection);
    ck_assert_uint_lt(len, sizeof text);
  }
  return text;
}

static const char *text_at(uint32_t offset)
{
  return part.builder.data.data + offset + sizeof(uint32_t);
}

const char *part_text(uint32_t offset)
{
  return offset ? text_at(offset) : "none";
}

const char *part_list(uint32_t offset)
{
  static char text[8192];
  const uint32_t *words = (const void *)(part.builder.data.data + offset);
  size_t len = 0;
  text[0] = 0;
  for (uint32_t i = 0; offset && i < words[0]; i++) {
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? "|" : "", text_at(words[i + 1]));
    ck_assert_uint_lt(len, sizeof text);
  }
  return offset ? text : "none";
}

static int (*appending)(struct styro_compile *c);

static int append_and_finish(const styro_allocator *alloc, styro_error *err)
{
  size_t len = 0;
  struct styro_compile c = {.effective = &effective, .fields = &effective.fields, .err = err};
  styro_builder_init(&c.builder, alloc);
  int rc = appending(&c);
  void *block = rc == 0 ? styro_builder_finish(&c.builder, 0, &len) : NULL;
  if (rc == 0 && !block) {
    rc = styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  styro_builder_free(&c.builder);
  styro_dealloc(alloc, block, len);
  return rc;
}

void part_memory(int (*append)(struct styro_compile *c))
{
  appending = append;
  kit_fail_every_allocation(append_and_finish);
}
