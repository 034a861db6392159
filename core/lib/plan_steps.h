/* The table of steps in words, for `explain` and for errors. */
#ifndef STYRO_LIB_PLAN_STEPS_H
#define STYRO_LIB_PLAN_STEPS_H

#include "plan_format.h"

struct styro_step_row {
  const char *name;
  int stage;
  const char *does;
  const char *why;
};

extern const struct styro_step_row styro_step_rows[WIRE_STEP_COUNT];

/* "nofile" for RLIMIT_NOFILE. Static text. */
const char *styro_rlimit_name(uint32_t resource);

/* "network" for a JOIN step. Static text. */
const char *styro_space_name(const struct wire_step *step);

/* "TCP ports" for a LANDLOCK_PART step. Static text. */
const char *styro_landlock_part_name(const struct wire_step *step);

/* The name of the protection that a step speaks of; "unknown" for a bit that has none. Static text. */
const char *styro_step_protection(uint32_t protection);

#endif
