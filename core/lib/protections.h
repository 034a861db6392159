/* Sets of protections: the group words, and those that may never be missing. Knows no field. */
#ifndef STYRO_LIB_PROTECTIONS_H
#define STYRO_LIB_PROTECTIONS_H

#include <stdint.h>

#include "styrolite.h"

#define STYRO_BIT(protection) (UINT64_C(1) << (protection))

#define STYRO_GROUP_LIMITS                                                                     \
  (STYRO_BIT(STYRO_LIMIT_MEMORY) | STYRO_BIT(STYRO_LIMIT_SWAP) | STYRO_BIT(STYRO_LIMIT_PIDS) | \
   STYRO_BIT(STYRO_LIMIT_CPU) | STYRO_BIT(STYRO_LIMIT_CPUSET) | STYRO_BIT(STYRO_LIMIT_IO))
#define STYRO_GROUP_LANDLOCK \
  (STYRO_BIT(STYRO_LANDLOCK_PATHS) | STYRO_BIT(STYRO_LANDLOCK_NETWORK) | STYRO_BIT(STYRO_LANDLOCK_SCOPES))

/* Without one of these a sandbox would be none, so that `best_effort` cannot name them. */
#define STYRO_NEVER_BEST_EFFORT                                                                \
  (STYRO_BIT(STYRO_USER_IDS) | STYRO_BIT(STYRO_CAPABILITIES) | STYRO_BIT(STYRO_NO_NEW_PRIVS) | \
   STYRO_BIT(STYRO_SECCOMP) | STYRO_BIT(STYRO_NEW_SESSION) | STYRO_BIT(STYRO_CLOSED_FDS) |     \
   STYRO_BIT(STYRO_HELPER_IMAGE) | STYRO_BIT(STYRO_OUTPUT_LIMIT) | STYRO_BIT(STYRO_TIMEOUT_WALL))

/* The bits of a protection's name or of a group word; 0 for neither. */
uint64_t styro_protections_named(const char *name);

/* The protection that a raw key of control groups ("memory.high") asks for; 0 for a controller that none stands for. */
uint64_t styro_protection_of_cgroup_key(const char *key);

#endif
