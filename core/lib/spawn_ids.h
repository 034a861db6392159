/* What the run block says about identity: maps, groups, and whether this caller has the right to them. Clones nothing. */
#ifndef STYRO_LIB_SPAWN_IDS_H
#define STYRO_LIB_SPAWN_IDS_H

#include <stdbool.h>

#include "../wire/run.h"
#include "error.h"
#include "plan.h"

/*
 * Completes flags and ids of *run, where caller and map ids are the caller's own so far, and maps of subordinate ids
 * stand in the block where the plan asks for them.
 */
int styro_spawn_ids(const styro_plan *plan, struct wire_run *run, styro_error *err);

/* Whether only helper mode can carry out what *run says about identity. */
bool styro_spawn_ids_by_helper(const struct wire_run *run);

/* The calling thread's effective set, the first 32 capabilities. */
uint32_t styro_caller_capabilities(void);

/* The map of one side as text: the plan's ranges or the run's subordinate ids; NULL: one id, run->map_uid or map_gid. */
const char *styro_spawn_uid_map(const styro_plan *plan, const struct wire_run *run);
const char *styro_spawn_gid_map(const styro_plan *plan, const struct wire_run *run);

#endif
