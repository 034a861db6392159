/*
 * The maps of subordinate ids that a plan asks for, from the files of this host: /etc/subuid and /etc/subgid, by the
 * caller's uid and the name that /etc/passwd gives it. No name service is asked: the library stands in static programs.
 */
#ifndef STYRO_LIB_SUBID_HOST_H
#define STYRO_LIB_SUBID_HOST_H

#include "alloc.h"
#include "error.h"
#include "plan.h"

/* NULL where the plan asks for none. A tool is a static text, NULL where the caller may write the map itself. */
struct styro_subid_maps {
  char *uid_map, *gid_map;
  const char *uid_tool, *gid_tool;
};

/* End it with styro_subid_maps_free(), also after a failure. */
int styro_subid_maps(const styro_plan *plan, const styro_allocator *alloc, struct styro_subid_maps *out,
                     styro_error *err);
void styro_subid_maps_free(const styro_allocator *alloc, struct styro_subid_maps *maps);

/* The program that writes maps for ordinary callers: "newuidmap", "newgidmap"; and where it stands, NULL: nowhere. */
enum styro_id_tool { STYRO_NEWUIDMAP, STYRO_NEWGIDMAP };
const char *styro_id_tool_name(enum styro_id_tool tool);
const char *styro_id_tool_find(enum styro_id_tool tool);

#endif
