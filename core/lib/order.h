/*
 * One run, decided: the plan's defaults and the caller's styro_run, checked and merged. Knows what a run may vary;
 * knows nothing about the block's layout, the clone or the outcome.
 */
#ifndef STYRO_LIB_ORDER_H
#define STYRO_LIB_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "plan.h"
#include "styrolite.h"

/* Texts and descriptors belong to the plan or to the caller's styro_run. */
struct styro_order {
  const styro_plan *plan;
  styro_run run; /* zeros where the caller gave none */
  bool init;
  bool default_cwd; /* nobody asked for the working directory */
  int64_t timeout;  /* nanoseconds, 0 none */
  int64_t grace;
  uint64_t output_limit; /* bytes per captured stream, never 0 */
  int output_keep;       /* enum wire_keep */
  bool output_kill;
};

/*
 * Checks that this run may be so, and merges it. run NULL: all defaults. What a run varies never loosens the plan: the
 * smaller timeout and output limit hold, and the descriptors that it names must be open.
 */
int styro_order_merge(const styro_plan *plan, const styro_run *run, struct styro_order *out, styro_error *err);

/* Descriptors to preserve, the plan's and then the run's. */
size_t styro_order_preserved(const struct styro_order *order);
int styro_order_preserved_at(const struct styro_order *order, size_t i);

#endif
