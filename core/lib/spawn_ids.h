/* What the run block says about identity: maps, groups, and whether this caller has the right to them. Clones nothing. */
#ifndef STYRO_LIB_SPAWN_IDS_H
#define STYRO_LIB_SPAWN_IDS_H

#include "../wire/run.h"
#include "error.h"
#include "plan.h"

/* Completes flags and ids of *run, where caller and map ids are the caller's own so far. */
int styro_spawn_ids(const styro_plan *plan, struct wire_run *run, styro_error *err);

#endif
