/*
 * The descriptors of the caller that a plan names in place of host paths: found in its steps, and checked before a run.
 * Knows steps and numbers; what the helper does with the objects is none of its business.
 */
#ifndef STYRO_LIB_NAMED_FDS_H
#define STYRO_LIB_NAMED_FDS_H

#include <stddef.h>

#include "error.h"
#include "plan.h"

/* How often the plan names one; the i-th, counted from 0, and its step (may be NULL). */
size_t styro_named_fds(const styro_plan *plan);
int styro_named_fd_at(const styro_plan *plan, size_t i, const struct wire_step **step);

/* All are open in this process, or an error that says which field names one that is not. */
int styro_named_fds_check(const styro_plan *plan, styro_error *err);

#endif
