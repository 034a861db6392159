/* An allocator for tests: counts what lives, checks the sizes that come back, fails the n-th allocation. */
#ifndef TEST_COUNTING_ALLOC_H
#define TEST_COUNTING_ALLOC_H

#include <stddef.h>

#include "styrolite.h"

struct counting_alloc {
  size_t live_bytes;
  size_t live_blocks;
  size_t peak_bytes;
  size_t calls;   /* allocations and growths so far */
  size_t fail_at; /* the number of the call that fails, and all after it; 0: none */
  int wrong;      /* a block came back with another size than it went out with */
};

styro_allocator counting_allocator(struct counting_alloc *state);

#endif
