/* Sets of protections by name: single ones, and the group words of `best_effort`. Knows no field. */
#include "protections.h"

#include <string.h>

/* The group words are no protections, so that an outcome never lists them. */
uint64_t styro_protections_named(const char *name)
{
  if (strcmp(name, "limits") == 0) {
    return STYRO_GROUP_LIMITS;
  }
  if (strcmp(name, "landlock") == 0) {
    return STYRO_GROUP_LANDLOCK;
  }
  for (int i = 0; i < STYRO_PROTECTION_COUNT; i++) {
    if (strcmp(styro_protection_name(i), name) == 0) {
      return STYRO_BIT(i);
    }
  }
  return 0;
}

/* The longer prefix stands first. */
static const struct {
  const char *prefix;
  uint64_t bit;
} controllers[] = {
    {"memory.swap.", STYRO_BIT(STYRO_LIMIT_SWAP)}, {"memory.", STYRO_BIT(STYRO_LIMIT_MEMORY)},
    {"pids.", STYRO_BIT(STYRO_LIMIT_PIDS)},        {"cpu.", STYRO_BIT(STYRO_LIMIT_CPU)},
    {"cpuset.", STYRO_BIT(STYRO_LIMIT_CPUSET)},    {"io.", STYRO_BIT(STYRO_LIMIT_IO)},
};

uint64_t styro_protection_of_cgroup_key(const char *key)
{
  for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++) {
    if (strncmp(key, controllers[i].prefix, strlen(controllers[i].prefix)) == 0) {
      return controllers[i].bit;
    }
  }
  return 0;
}
