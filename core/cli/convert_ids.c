/* From options about ids to `user`: numbers, names, ranges with the hole that a single id makes in them. */
#define _GNU_SOURCE
#include "convert_ids.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_LAST 4294967294u
#define UNMAPPED "65534" /* proc(5), /proc/sys/kernel/overflowuid: what an id that is not mapped looks like */

struct range {
  uint32_t outer, inner, count;
};

static unsigned own_uid(void)
{
  return geteuid();
}

static unsigned own_gid(void)
{
  return getegid();
}

static bool uid_by_name(const char *name, unsigned *out)
{
  const struct passwd *entry = getpwnam(name);

  *out = entry ? entry->pw_uid : 0;
  return entry != NULL;
}

static bool gid_by_name(const char *name, unsigned *out)
{
  const struct group *entry = getgrnam(name);

  *out = entry ? entry->gr_gid : 0;
  return entry != NULL;
}

const struct convert_id_kind convert_uid = {"/user/uid",   "/user/uid_map", "subuid", "--map-user",
                                            "--map-users", "--setuid",      own_uid,  uid_by_name};
const struct convert_id_kind convert_gid = {"/user/gid",    "/user/gid_map", "subuid", "--map-group",
                                            "--map-groups", "--setgid",      own_gid,  gid_by_name};

/* Digits, all of them, up to the end or the character that ends it. Returns what follows, NULL: no such number. */
static const char *read_number(const char *text, char end, uint32_t *out)
{
  char *rest = NULL;
  unsigned long long value;

  errno = 0;
  value = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &rest, 10) : 0;
  if (!rest || errno || value > ID_LAST || *rest != end) {
    return NULL;
  }
  *out = (uint32_t)value;
  return end ? rest + 1 : rest;
}

static int read_id(struct conversion *c, const struct convert_id_kind *kind, const char *option, const char *text,
                   uint32_t *out)
{
  unsigned named = 0;

  if (strcmp(text, CONVERT_OWN_ID) == 0) {
    *out = kind->own();
    return 0;
  }
  if (read_number(text, '\0', out)) {
    return 0;
  }
  if (!kind->by_name(text, &named)) {
    return convert_refuse(c, option, "write a number from 0 to 4294967294", "`%s` is no id, and nobody's name here",
                          text);
  }
  *out = named;
  return 0;
}

static int read_range(struct conversion *c, const struct convert_id_kind *kind, const char *text, struct range *out)
{
  const char *at;

  memset(out, 0, sizeof *out);
  at = read_number(text, ',', &out->outer);
  at = at ? read_number(at, ',', &out->inner) : NULL;
  at = at ? read_number(at, '\0', &out->count) : NULL;
  return at ? 0
            : convert_refuse(c, kind->range, "such as 100000,0,65536, or auto", "`%s` is not OUTER,INNER,COUNT", text);
}

/* unshare(1): a single id inside the range makes a hole, and the range's last id goes without. */
static void print_map(char *out, size_t size, const struct range *range, const uint32_t *single, uint32_t own)
{
  bool hole = single && *single >= range->inner && *single - range->inner < range->count;
  uint32_t before = hole ? *single - range->inner : range->count;
  uint32_t after = hole ? range->count - before - 1 : 0;
  size_t len = (size_t)snprintf(out, size, "[");

  if (single) {
    len += (size_t)snprintf(out + len, size - len, "[%" PRIu32 ",%" PRIu32 ",1]", *single, own);
  }
  if (before || !single) {
    len += (size_t)snprintf(out + len, size - len, "%s[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", single ? "," : "",
                            range->inner, range->outer, before);
  }
  if (after) {
    len += (size_t)snprintf(out + len, size - len, ",[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", *single + 1,
                            range->outer + before, after);
  }
  snprintf(out + len, size - len, "]");
}

static int set_number(struct conversion *c, const char *option, const char *pointer, uint32_t id)
{
  char text[16];

  snprintf(text, sizeof text, "%" PRIu32, id);
  return convert_set(c, option, pointer, text);
}

/* The caller's own number may lie in the range; without that the program would be nobody that the map knows. */
static int find_own(struct conversion *c, const struct convert_id_kind *kind, const struct range *range, uint32_t *out)
{
  uint32_t own = kind->own();

  if (own < range->outer || own - range->outer >= range->count) {
    char way_out[96];
    snprintf(way_out, sizeof way_out, "add %s N with a number of the range, or %s", kind->set, kind->single);
    return convert_refuse(c, kind->range, way_out, "the range does not say who the program is");
  }
  *out = range->inner + (own - range->outer);
  return 0;
}

/* The changed-to id must be one that the map has; a single one is all there is of it. */
static int set_single(struct conversion *c, const struct convert_id_kind *kind, const struct convert_ids *ids,
                      uint32_t single, uint32_t wanted)
{
  if (ids->set && wanted != single) {
    return convert_refuse(c, kind->set, "map more ids by --map-users and --map-groups, or leave it out",
                          "the id %" PRIu32 " does not exist in a namespace that has only %" PRIu32, wanted, single);
  }
  if (set_number(c, kind->single, kind->field, single) < 0) {
    return -1;
  }
  return convert_set(c, kind->single, kind->map, "self");
}

static int set_ranges(struct conversion *c, const struct convert_id_kind *kind, const struct convert_ids *ids,
                      const uint32_t *single, const uint32_t *wanted)
{
  struct range range;
  uint32_t id = 0;
  char map[160];

  if (read_range(c, kind, ids->range, &range) < 0) {
    return -1;
  }
  if (wanted || single) {
    id = wanted ? *wanted : *single;
  } else if (find_own(c, kind, &range, &id) < 0) {
    return -1;
  }
  print_map(map, sizeof map, &range, single, kind->own());
  return set_number(c, kind->set, kind->field, id) < 0 ? -1 : convert_set_json(c, kind->range, kind->map, map);
}

/*
 * `subuid` keeps the caller itself as one id, and takes all its lines. Where unshare leaves the program an id that is not
 * mapped, there is none that a sandbox could give it.
 */
static int set_automatic(struct conversion *c, const struct convert_id_kind *kind, const struct convert_ids *ids,
                         uint32_t single, uint32_t wanted)
{
  if (!ids->single || (ids->set && wanted != single)) {
    return convert_refuse(c, ids->set ? kind->set : kind->range, "say who the caller is inside: --map-root-user",
                          "beside subordinate ids the program of a sandbox is always the caller itself");
  }
  if (set_number(c, kind->single, kind->field, single) < 0 ||
      convert_set(c, kind->range, kind->map, kind->automatic) < 0) {
    return -1;
  }
  return convert_note(c, kind->range, "all of the caller's subordinate ids are mapped, and of a root caller no others");
}

/* Without a map the program's ids look like the overflow id; a sandbox has a map, which shows the same. */
static int set_unmapped(struct conversion *c, const struct convert_id_kind *kind, const struct convert_ids *ids)
{
  if (ids->set) {
    return convert_refuse(c, kind->set, "add --map-root-user, or ranges by --map-users and --map-groups",
                          "no id is mapped that the program could change to");
  }
  if (convert_set(c, kind->single, kind->field, UNMAPPED) < 0) {
    return -1;
  }
  return convert_set(c, kind->single, kind->map, "self");
}

int convert_ids(struct conversion *c, const struct convert_id_kind *kind, const struct convert_ids *ids,
                bool own_namespace)
{
  uint32_t single = 0, wanted = 0;

  if ((ids->single && read_id(c, kind, kind->single, ids->single, &single) < 0) ||
      (ids->set && read_id(c, kind, kind->set, ids->set, &wanted) < 0)) {
    return -1;
  }
  if (!own_namespace) {
    return set_number(c, kind->set, kind->field, ids->set ? wanted : kind->own());
  }
  if (!ids->range) {
    return ids->single ? set_single(c, kind, ids, single, wanted) : set_unmapped(c, kind, ids);
  }
  if (strcmp(ids->range, "auto") == 0) {
    return set_automatic(c, kind, ids, single, wanted);
  }
  return set_ranges(c, kind, ids, ids->single ? &single : NULL, ids->set ? &wanted : NULL);
}
