/*
 * The run block in memory and in its memfd: the layout of core/wire/run.h filled from one order. Knows nothing about
 * what a run may vary (order.h) or what the clone adds (spawn.h).
 */
#ifndef STYRO_LIB_RUN_BLOCK_H
#define STYRO_LIB_RUN_BLOCK_H

#include <stddef.h>

#include "../wire/run.h"
#include "alloc.h"
#include "error.h"
#include "order.h"

/* The block, and the descriptors of its fd table in order. */
struct styro_run_block {
  styro_allocator alloc;
  struct wire_run *run;
  size_t len;
  int *extra;       /* first those for the payload, then those for the helper alone */
  size_t payload_n; /* how many are for the payload */
  size_t extra_n;
  size_t extra_room;
};

/* Builds the block, but for what styro_spawn_prepare() fills in. End it with styro_run_block_free(). */
int styro_run_block_build(const styro_allocator *alloc, const struct styro_order *order, struct styro_run_block *out,
                          styro_error *err);
void styro_run_block_free(struct styro_run_block *block);

/* Writes the whole block to its memfd, over what an earlier attempt left. */
int styro_run_block_write(const struct styro_run_block *block, int memfd, styro_error *err);

#endif
