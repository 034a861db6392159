/* The order of a plan's steps, for the reader. */
#ifndef STYRO_WIRE_PLAN_ORDER_H
#define STYRO_WIRE_PLAN_ORDER_H

#include <stdint.h>

#include "plan.h"

/* position: of the last step of each code, counted from 1; 0: there is none. Returns an enum wire_fault. */
int wire_plan_order(const struct wire_plan *plan, const uint32_t position[WIRE_STEP_COUNT]);

#endif
