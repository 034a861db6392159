/* The system's spawn.h for a test that includes core/lib/spawn.c: with core/lib among the include directories <spawn.h> is ours. */
#ifndef TEST_SYSTEM_SPAWN_H
#define TEST_SYSTEM_SPAWN_H

#include_next <spawn.h>

#endif
