/*
 * Whether something else than the machine itself runs the test: valgrind is slow and knows neither clone3(2) nor openat2(2)
 * nor seccomp(2); qemu-user ($STYRO_EMULATED, set by ./dev cross) passes on few calls newer than 5.3. What is left out for
 * that prints a line that begins with "skipped", which ./dev counts.
 */
#ifndef TEST_EMULATED_H
#define TEST_EMULATED_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool translated(void) /* by qemu-user */
{
  return getenv("STYRO_EMULATED") != NULL;
}

static inline bool emulated(void)
{
  const char *preload = getenv("LD_PRELOAD");
  return translated() || (preload && strstr(preload, "vgpreload"));
}

#endif
