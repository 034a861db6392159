/* An allocator for tests: counts what lives, checks the sizes that come back, fails the n-th allocation. */
#include "counting_alloc.h"

#include <stdlib.h>
#include <string.h>

struct head {
  size_t size;
  size_t pad;
};

static void *counting_fn(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
  struct counting_alloc *state = ctx;
  struct head *old = ptr ? (struct head *)ptr - 1 : NULL;
  if (old ? old->size != old_size : old_size != 0) {
    state->wrong++;
  }
  if (new_size && state->fail_at && ++state->calls >= state->fail_at) {
    return NULL;
  }
  struct head *fresh = new_size ? malloc(sizeof *fresh + new_size) : NULL;
  if (fresh) {
    fresh->size = new_size;
    memset(fresh + 1, 0xa5, new_size);
    state->live_bytes += new_size;
    state->live_blocks++;
  }
  if (old) {
    if (fresh) {
      memcpy(fresh + 1, ptr, old->size < new_size ? old->size : new_size);
    }
    state->live_bytes -= old->size;
    state->live_blocks--;
    free(old);
  }
  if (state->live_bytes > state->peak_bytes) {
    state->peak_bytes = state->live_bytes;
  }
  return fresh ? fresh + 1 : NULL;
}

styro_allocator counting_allocator(struct counting_alloc *state)
{
  return (styro_allocator){.fn = counting_fn, .ctx = state};
}
