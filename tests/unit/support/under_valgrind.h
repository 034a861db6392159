/* Whether the test runs under valgrind: it is slow there, and valgrind 3.19 knows neither clone3(2) nor openat2(2). */
#ifndef TEST_UNDER_VALGRIND_H
#define TEST_UNDER_VALGRIND_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool under_valgrind(void)
{
  const char *preload = getenv("LD_PRELOAD");
  return preload && strstr(preload, "vgpreload");
}

#endif
