/*
 * How other tools say who the program is: one id, a range, an id to change to. Knows no tool's option but by name, and of the
 * caller only its ids.
 */
#ifndef STYRO_CLI_CONVERT_IDS_H
#define STYRO_CLI_CONVERT_IDS_H

#include <stdbool.h>

#include "convert.h"

#define CONVERT_OWN_ID "." /* as `single`: the caller's own number */

/* As it was written; NULL: not at all. */
struct convert_ids {
  const char *single; /* the number inside that the caller becomes */
  const char *range;  /* "outer,inner,count" or "auto" */
  const char *set;    /* the number that the program changes to */
};

/* Users or groups: the fields of the request, and the options that errors name. */
struct convert_id_kind {
  const char *field, *map, *automatic;
  const char *single, *range, *set;
  unsigned (*own)(void);
  bool (*by_name)(const char *name, unsigned *out);
};

extern const struct convert_id_kind convert_uid, convert_gid;

/* own_namespace: there is a user namespace whose map this is. */
int convert_ids(struct conversion *c, const struct convert_id_kind *kind, const struct convert_ids *ids,
                bool own_namespace);

#endif
