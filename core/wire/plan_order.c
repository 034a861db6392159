/* What must stand before what in a plan, and what may stand in it at all. Knows positions, and no step's body. */
#include "plan_order.h"

#include <stdbool.h>

/* A rule without what puts it into force, or after that, would be one that nobody keeps. */
static bool landlock_holds(const uint32_t position[WIRE_STEP_COUNT])
{
  uint32_t force = position[WIRE_STEP_LANDLOCK];
  uint32_t part = position[WIRE_STEP_LANDLOCK_PART];
  uint32_t place = position[WIRE_STEP_LANDLOCK_PLACE];
  uint32_t port = position[WIRE_STEP_LANDLOCK_PORT];
  uint32_t queues = position[WIRE_STEP_LANDLOCK_QUEUES];
  bool used = force || part || place || port || queues;
  bool first = queues < position[WIRE_STEP_RESET] && (!position[WIRE_STEP_INIT] || queues < position[WIRE_STEP_INIT]);
  return !used || (first && part && part < force && place < force && port < force && force > position[WIRE_STEP_RESET]);
}

static bool is_chain(const uint32_t position[WIRE_STEP_COUNT], const uint8_t *chain, unsigned n)
{
  for (unsigned i = 1; i < n; i++) {
    if (position[chain[i - 1]] >= position[chain[i]]) {
      return false;
    }
  }
  return position[chain[0]] != 0;
}

#define STEP(name) (1ull << WIRE_STEP_##name)

/* Where no namespace is made, whatever else a plan may hold would be done to the host. */
static bool touches_nothing(const uint32_t position[WIRE_STEP_COUNT])
{
  const uint64_t allowed = STEP(RUN) | STEP(PROMISES) | STEP(NOTE) | STEP(NAMESPACES) | STEP(MAP_IDS) |
                           STEP(OOM_SCORE) | STEP(IDENTITY) | STEP(INIT) | STEP(SESSION) | STEP(GROUP) | STEP(KEYRING) |
                           STEP(RESET) | STEP(NICE) | STEP(RLIMIT) | STEP(LABEL) | STEP(CAPABILITIES) | STEP(ACCESS) |
                           STEP(WORKDIR) | STEP(LANDLOCK_PART) | STEP(LANDLOCK_PLACE) | STEP(LANDLOCK_PORT) |
                           STEP(LANDLOCK) | STEP(SECCOMP) | STEP(EXEC);
  for (unsigned code = 1; code < WIRE_STEP_COUNT; code++) {
    if (position[code] && !(allowed >> code & 1)) {
      return false;
    }
  }
  return true;
}

static bool is_in_order(const struct wire_plan *plan, const uint32_t position[WIRE_STEP_COUNT])
{
  static const uint8_t container[] = {
      WIRE_STEP_NAMESPACES, WIRE_STEP_MAP_IDS, WIRE_STEP_IDENTITY,     WIRE_STEP_ROOT,    WIRE_STEP_SEAL_ROOT,
      WIRE_STEP_PIVOT,      WIRE_STEP_RESET,   WIRE_STEP_CAPABILITIES, WIRE_STEP_WORKDIR, WIRE_STEP_EXEC};
  static const uint8_t process[] = {WIRE_STEP_NAMESPACES, WIRE_STEP_MAP_IDS,  WIRE_STEP_IDENTITY,
                                    WIRE_STEP_INIT,       WIRE_STEP_RESET,    WIRE_STEP_CAPABILITIES,
                                    WIRE_STEP_WORKDIR,    WIRE_STEP_LANDLOCK, WIRE_STEP_EXEC};
  return plan->flags & WIRE_PLAN_PROCESS ? is_chain(position, process, sizeof process) && touches_nothing(position)
                                         : is_chain(position, container, sizeof container);
}

/*
 * What must stand before what: nothing is mounted before the root, no source resolved on the host after the identity switch (the
 * places of Landlock are what the payload's own ids reach), and INIT stands exactly where WIRE_PLAN_INIT says.
 */
int wire_plan_order(const struct wire_plan *plan, const uint32_t position[WIRE_STEP_COUNT])
{
  if (!position[WIRE_STEP_RUN] || !position[WIRE_STEP_PROMISES] || !is_in_order(plan, position)) {
    return WIRE_FAULT_ORDER;
  }
  if (position[WIRE_STEP_EXEC] != plan->steps_n || !(plan->flags & WIRE_PLAN_INIT) != !position[WIRE_STEP_INIT] ||
      !(plan->flags & WIRE_PLAN_IDMAPS) != !position[WIRE_STEP_IDMAP]) {
    return WIRE_FAULT_ORDER;
  }
  if (!position[WIRE_STEP_NEST] != !position[WIRE_STEP_ENTER] || position[WIRE_STEP_NEST] > position[WIRE_STEP_ENTER]) {
    return WIRE_FAULT_ORDER;
  }
  uint32_t init = position[WIRE_STEP_INIT];
  if (!landlock_holds(position)) {
    return WIRE_FAULT_ORDER;
  }
  return !init || (init > position[WIRE_STEP_PIVOT] && init < position[WIRE_STEP_RESET]) ? WIRE_FAULT_NONE
                                                                                         : WIRE_FAULT_ORDER;
}
