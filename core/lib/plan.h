/* The compiled plan as a handle: the block, its sealed memfd, and what the library reads from it. Knows no request. */
#ifndef STYRO_LIB_PLAN_H
#define STYRO_LIB_PLAN_H

#include <stdbool.h>

#include "alloc.h"
#include "error.h"
#include "plan_format.h"
#include "styrolite.h"

struct styro_plan {
  styro_allocator alloc;
  void *block; /* struct wire_plan; checked */
  size_t len;
  const struct wire_step_run *run;
  const struct wire_step_promises *promises;
  const struct wire_step_namespaces *namespaces;
  const struct wire_step_map_ids *map_ids;
  const struct wire_step_identity *identity;
  _Atomic int memfd;    /* sealed copy, made at the first spawn; -1 until then */
  styro_plan *fallback; /* for hosts that refuse this one's level, NULL: there is none; owned */
  void *joined;         /* the blocks of both, one after the other, where there is one */
};

/* Takes over block (allocated with alloc, len bytes): checks it and finds the library's own steps. */
int styro_plan_adopt(const styro_allocator *alloc, void *block, size_t len, styro_plan **out, styro_error *err);

/* Makes *fallback the second choice of *plan, which owns it from here on, also where this fails. */
int styro_plan_join(styro_plan *plan, styro_plan *fallback, styro_error *err);

/* The sealed memfd of the plan: made once, owned by the plan, close-on-exec. Negative code on failure. */
int styro_plan_memfd(const styro_plan *plan, styro_error *err);

/* The step by its number, NULL when out of range. */
const struct wire_step *styro_plan_step(const styro_plan *plan, uint32_t number);

/* Is it of the level `process`? */
bool styro_plan_is_process(const styro_plan *plan);

/* What a step is about, for errors: its stage, its request field and its object (path, name, number) as text. */
int styro_step_stage(const struct wire_step *step);
const char *styro_step_name(int code); /* "bind" */
void styro_step_describe(const styro_plan *plan, const struct wire_step *step, char *field, size_t field_size,
                         char *object, size_t object_size);

/*
 * Turns what the helper reported into an error: step number, enum wire_what, errno, component (may be ""). code is
 * STYRO_ESETUP or STYRO_EEXEC.
 */
void styro_plan_explain_failure(const styro_plan *plan, int code, uint32_t step, uint32_t what, int sys_errno,
                                const char *component, styro_error *err);

#endif
