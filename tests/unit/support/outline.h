/* Plans from JSON requests, and what they hold as short texts to compare with: for tests of what a request compiles to. */
#ifndef TEST_OUTLINE_H
#define TEST_OUTLINE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/plan.h"

/* The compiled request `{"version": 1, MEMBERS}`; the test ends with the error's words where it does not compile. */
styro_plan *compiled(const char *members);

/* Its error: the request must be read and must not compile. */
styro_error refused_by_compile(const char *members);

/* The names of all steps in order, one a line, with the object of those that have a place or are named by it. */
const char *outline(const styro_plan *plan);

/* Only the steps about the place: "bind /out < /src [create optional] ro nosuid nodev", one a line. Static text. */
const char *outline_of(const styro_plan *plan, const char *path);

/* The first step of a code; the test ends where there is none. outline_count: how many there are. */
const void *outline_step(const styro_plan *plan, int code);
uint32_t outline_count(const styro_plan *plan, int code);

#endif
