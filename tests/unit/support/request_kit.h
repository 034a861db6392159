/* What the tests of the request half share: errors ready to be filled, failures of any single allocation, a main. */
#ifndef TEST_REQUEST_KIT_H
#define TEST_REQUEST_KIT_H

#include <check.h>
#include <stddef.h>

#include "styrolite.h"

#define ERROR_READY             \
  {                             \
    .size = sizeof(styro_error) \
  }

/* Does the work with the allocator; 0, or the code that it failed with. Frees all it made. */
typedef int kit_work(const styro_allocator *alloc, styro_error *err);

/*
 * Runs the work with the n-th allocation failing, for every n until none fails: each failure must be STYRO_ENOMEM and
 * leave nothing. Once through the handle's allocator, once through jansson's. Needs CK_FORK=no or yes alike.
 */
void kit_fail_every_allocation(kit_work *work);
void kit_fail_every_malloc_of_jansson(kit_work *work);

/* Reads and validates; the code and the error of whichever failed first. */
int kit_check(const char *json, styro_error *err);

/* The whole of a main: runs the suite, prints Check's summary, gives the exit code. */
int kit_run(Suite *suite);

#endif
