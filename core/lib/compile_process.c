/* What the payload's process is like: session, keyring, resets, nice, rlimits. */
#include <string.h>

#include "compile.h"

static void compile_rlimits(struct styro_compile *c)
{
  for (int i = 0; i < STYRO_RLIMIT_COUNT; i++) {
    const struct styro_rlimit *limit = &c->fields->rlimits[i];
    if (!limit->set) {
      continue;
    }
    struct wire_step_rlimit body;
    memset(&body, 0, sizeof body);
    body.resource = (uint32_t)i; /* the field table indexes them by the kernel's numbers */
    body.soft = limit->soft;
    body.hard = limit->hard;
    styro_builder_step(&c->builder, WIRE_STEP_RLIMIT, 0, "/rlimits", styro_compile_best_effort(c, STYRO_RLIMITS), &body,
                       sizeof body);
  }
}

void styro_compile_process(struct styro_compile *c)
{
  const struct styro_fields *fields = c->fields;
  struct styro_builder *builder = &c->builder;
  struct wire_step_reset reset;
  struct wire_step_plain plain;
  memset(&reset, 0, sizeof reset);
  reset.umask = (uint32_t)fields->umask;
  styro_builder_step(builder, WIRE_STEP_RESET, 0, "/umask", STYRO_FATAL, &reset, sizeof reset);
  memset(&plain, 0, sizeof plain);
  /* without one, a process group of its own all the same: signals to the caller's group would leave the sandbox */
  styro_builder_step(builder, fields->new_session ? WIRE_STEP_SESSION : WIRE_STEP_GROUP, 0, "/new_session", STYRO_FATAL,
                     &plain, sizeof plain);
  if (fields->keyring == STYRO_KEYRING_NEW) {
    memset(&plain, 0, sizeof plain);
    styro_builder_step(builder, WIRE_STEP_KEYRING, 0, "/security/keyring",
                       styro_compile_best_effort(c, STYRO_SESSION_KEYRING), &plain, sizeof plain);
  }
  if (styro_effective_is_set(c->effective, "/nice")) {
    struct wire_step_number body = {.value = fields->nice};
    styro_builder_step(builder, WIRE_STEP_NICE, 0, "/nice", STYRO_FATAL, &body, sizeof body);
  }
  compile_rlimits(c);
}
