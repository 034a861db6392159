/* `check --here`: whether this caller, on this host, could open what a plan names. Opens and closes, nothing more. */
#ifndef STYRO_CLI_HERE_H
#define STYRO_CLI_HERE_H

#include <stddef.h>

#include "report.h"

/* Tries every host path of the plan's steps that may not be absent. *opened: how many were there. Returns 0 or -1. */
int here_try_sources(const styro_plan *plan, size_t *opened, struct failure *failure);

#endif
