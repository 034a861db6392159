/* Maps of ids as text: what stands in one, and what is wrong with it. See id_map.h for the form. */
#include "id_map.h"

#include <inttypes.h>
#include <string.h>

const char styro_id_map_twice_inside[] = "maps an id inside that an earlier range maps";
const char styro_id_map_twice_outside[] = "maps to an id outside that an earlier range maps to";

bool styro_id_map_is_self(const char *map)
{
  return map != NULL && strcmp(map, "self") == 0;
}

bool styro_id_map_is_subordinate(const char *map)
{
  return map != NULL && strcmp(map, "subuid") == 0;
}

bool styro_id_map_has_ranges(const char *map)
{
  return map != NULL && !styro_id_map_is_self(map) && !styro_id_map_is_subordinate(map);
}

/* NULL: no number of 32 bits. */
static const char *read_id(const char *text, uint32_t *out)
{
  uint64_t number = 0;
  const char *c = text;
  for (; *c >= '0' && *c <= '9' && number <= UINT32_MAX; c++) {
    number = number * 10 + (uint64_t)(*c - '0');
  }
  *out = (uint32_t)number;
  return c == text || number > UINT32_MAX ? NULL : c;
}

bool styro_id_map_next(const char **at, struct styro_id_range *out)
{
  const char *c = read_id(*at, &out->inside);
  c = c == NULL || *c != ' ' ? NULL : read_id(c + 1, &out->outside);
  c = c == NULL || *c != ' ' ? NULL : read_id(c + 1, &out->count);
  if (c == NULL || *c != '\n') {
    return false;
  }
  *at = c + 1;
  return true;
}

static bool overlaps(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
  return (uint64_t)a < (uint64_t)b + b_count && (uint64_t)b < (uint64_t)a + a_count;
}

/* The kernel says EINVAL to all of it, and not to which line. */
static const char *complaint_of(const char *before, const char *end, const struct styro_id_range *one)
{
  struct styro_id_range other;
  if (one->count == 0) {
    return "counts no id";
  }
  if ((uint64_t)one->inside + one->count > UINT32_MAX || (uint64_t)one->outside + one->count > UINT32_MAX) {
    return "goes beyond the last id, 4294967294";
  }
  while (before < end && styro_id_map_next(&before, &other)) {
    if (overlaps(one->inside, one->count, other.inside, other.count)) {
      return styro_id_map_twice_inside;
    }
    if (overlaps(one->outside, one->count, other.outside, other.count)) {
      return styro_id_map_twice_outside;
    }
  }
  return NULL;
}

const char *styro_id_map_complaint(const char *map, struct styro_id_range *found)
{
  const char *at = map, *start = map;
  size_t lines = 0;
  while (styro_id_map_next(&at, found)) {
    const char *complaint = complaint_of(map, start, found);
    if (complaint != NULL) {
      return complaint;
    }
    if (++lines > STYRO_ID_MAP_LINES || at - map > STYRO_ID_MAP_BYTES) {
      return "is one too many: the kernel takes 340 ranges, in less than 4096 bytes";
    }
    start = at;
  }
  return NULL;
}

static bool range_of(const char *map, uint32_t inside, struct styro_id_range *out)
{
  while (styro_id_map_next(&map, out)) {
    if (inside >= out->inside && inside - out->inside < out->count) {
      return true;
    }
  }
  return false;
}

/* How many of the ids from `inside` on the range has, of those that are wanted. */
static uint32_t in_range(const struct styro_id_range *range, uint32_t inside, uint32_t wanted)
{
  uint32_t left = range->count - (inside - range->inside);
  return left < wanted ? left : wanted;
}

bool styro_id_map_covers(const char *map, uint32_t inside, uint32_t count)
{
  struct styro_id_range range;
  while (count > 0 && range_of(map, inside, &range)) {
    uint32_t n = in_range(&range, inside, count);
    inside += n;
    count -= n;
  }
  return count == 0;
}

void styro_id_map_compose(const char *idmap, const char *map, struct styro_buffer *out)
{
  struct styro_id_range wanted, range;
  const char *at = idmap;
  bool any = false;
  while (styro_id_map_next(&at, &wanted)) {
    any = true;
    for (uint32_t done = 0; done < wanted.count && range_of(map, wanted.outside + done, &range);) {
      uint32_t inside = wanted.outside + done, n = in_range(&range, inside, wanted.count - done);
      styro_buffer_format(out, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", wanted.inside + done,
                          range.outside + (inside - range.inside), n);
      done += n;
    }
  }
  styro_buffer_text(out, any ? "" : map);
}

bool styro_id_map_lookup(const char *map, uint32_t inside, uint32_t *outside)
{
  struct styro_id_range range;
  if (!range_of(map, inside, &range)) {
    return false;
  }
  *outside = range.outside + (inside - range.inside);
  return true;
}
