/* The levels of isolation: see level.h. */
#include "level.h"

#include <string.h>

#include "base.h"
#include "listed.h"
#include "plan_format.h"

static const char *const names[] = {[STYRO_LEVEL_CONTAINER] = "container", [STYRO_LEVEL_PROCESS] = "process"};

const char *styro_level_name(int level)
{
  return names[level];
}

bool styro_level_asked(const struct styro_fields *fields, int level)
{
  for (size_t i = 0; i < fields->isolation.n; i++) {
    if (strcmp(fields->isolation.items[i], names[level]) == 0) {
      return true;
    }
  }
  return false;
}

int styro_level_first(const struct styro_fields *fields)
{
  return strcmp(fields->isolation.items[0], names[STYRO_LEVEL_PROCESS]) == 0 ? STYRO_LEVEL_PROCESS
                                                                             : STYRO_LEVEL_CONTAINER;
}

/* Landlock is the level, and its paths speak of reading too. */
void styro_level_apply(struct styro_fields *fields, int level)
{
  fields->level = level;
  if (level != STYRO_LEVEL_PROCESS) {
    return;
  }
  for (int kind = 0; kind < STYRO_NS_COUNT; kind++) {
    fields->namespaces[kind] = STYRO_NS_HOST;
  }
  fields->landlock_paths = fields->landlock_paths_asked = true;
}

bool styro_rule_opens(const struct styro_path_rule *rule)
{
  return rule->access == STYRO_ACCESS_RO || rule->access == STYRO_ACCESS_RW;
}

const struct styro_path_rule *styro_rule_around(const struct styro_fields *fields, const struct styro_path_rule *rule)
{
  for (size_t i = 0; i < fields->rules_n; i++) {
    const struct styro_path_rule *other = &fields->rules[i];
    if (other != rule && styro_rule_opens(other) && styro_contains(other->path, rule->path)) {
      return other;
    }
  }
  return NULL;
}

/* Not /dev/shm nor /tmp: what lies there is the host's. */
static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
#define DEVICES_N (sizeof devices / sizeof devices[0])

size_t styro_level_places(void)
{
  return styro_base_n + DEVICES_N + 1;
}

/* Those of merged-usr and the time zone's link lead there: what denies it denies them. */
#define LINKS_LEAD_TO "/usr"

bool styro_level_denies(const struct styro_fields *fields, const char *path)
{
  for (size_t i = 0; i < fields->rules_n; i++) {
    if (fields->rules[i].access == STYRO_ACCESS_DENY && (path == NULL || styro_contains(fields->rules[i].path, path))) {
      return true;
    }
  }
  return false;
}

static const char *base_place(const struct styro_fields *fields, const struct styro_base_entry *entry)
{
  bool link = entry->step == WIRE_STEP_LINK && styro_level_denies(fields, LINKS_LEAD_TO);
  bool absent = fields->root_kind != STYRO_ROOT_SYSTEM ||
                (entry->when == STYRO_BASE_WITH_NETWORK && fields->network == STYRO_NETWORK_NONE);
  return absent || link ? NULL : entry->path;
}

const char *styro_level_place(const struct styro_fields *fields, size_t n, bool *uses)
{
  size_t rest = n - styro_base_n;
  const char *place = n < styro_base_n   ? base_place(fields, &styro_base[n])
                      : rest < DEVICES_N ? devices[rest]
                                         : "/proc";
  *uses = n >= styro_base_n && rest < DEVICES_N;
  return place && styro_level_denies(fields, place) ? NULL : place;
}
