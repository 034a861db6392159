/*
 * THE table of Landlock's versions: which rights each knows, and since when. Shared by the helper, which asks the running
 * kernel for its version and leaves out what that does not know, and by the library's words about it.
 */
#include "landlock.h"

#include <stddef.h>

#define FIRST ((WIRE_LL_MAKE_SYM << 1) - 1)
#define TCP (WIRE_LL_BIND_TCP | WIRE_LL_CONNECT_TCP)
#define SCOPES (WIRE_LL_ABSTRACT_UNIX | WIRE_LL_SIGNALS)
#define QUIET WIRE_LL_LOG_SUBDOMAINS_OFF

static const struct wire_landlock_abi versions[] = {
    {{FIRST, 0, 0}, 0, "5.13"},
    {{FIRST | WIRE_LL_REFER, 0, 0}, 0, "5.19"},
    {{FIRST | WIRE_LL_REFER | WIRE_LL_TRUNCATE, 0, 0}, 0, "6.2"},
    {{FIRST | WIRE_LL_REFER | WIRE_LL_TRUNCATE, TCP, 0}, 0, "6.7"},
    {{WIRE_LL_ALL, TCP, 0}, 0, "6.10"},
    {{WIRE_LL_ALL, TCP, SCOPES}, 0, "6.12"},
    {{WIRE_LL_ALL, TCP, SCOPES}, QUIET, "6.15"},
};

#define COUNT ((int)(sizeof versions / sizeof versions[0]))

const struct wire_landlock_abi *wire_landlock_abi(int version)
{
  return version < 1 ? NULL : &versions[(version < COUNT ? version : COUNT) - 1];
}

int wire_landlock_needs(enum wire_landlock_part part)
{
  static const int needs[WIRE_LANDLOCK_PART_COUNT] = {
      [WIRE_LANDLOCK_PATHS] = 2, [WIRE_LANDLOCK_PORTS] = 4, [WIRE_LANDLOCK_SCOPES] = 6};
  return needs[part];
}
