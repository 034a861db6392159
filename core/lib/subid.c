/* Subordinate ids as text and as ranges: see subid.h. */
#include "subid.h"

#include <inttypes.h>
#include <string.h>

#define LAST_ID UINT64_C(4294967294)

/* Takes one piece off the front, up to `stop` or the end; false when there was nothing left. */
static bool take(struct styro_bytes *rest, char stop, struct styro_bytes *out)
{
  if (rest->at == NULL) {
    return false;
  }
  const char *end = memchr(rest->at, stop, rest->len);
  out->at = rest->at;
  out->len = end == NULL ? rest->len : (size_t)(end - rest->at);
  rest->at = end == NULL ? NULL : end + 1;
  rest->len = end == NULL ? 0 : rest->len - out->len - 1;
  return true;
}

static bool is_number(struct styro_bytes text, uint64_t *out)
{
  uint64_t number = 0;
  size_t i = 0;
  for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9' && number <= LAST_ID; i++) {
    number = number * 10 + (uint64_t)(text.at[i] - '0');
  }
  *out = number;
  return text.len > 0 && i == text.len;
}

static bool is_owner(struct styro_bytes text, const struct styro_subid_owner *owner)
{
  uint64_t number;
  bool same_id = is_number(text, &number) && number == owner->id && (text.at[0] != '0' || text.len == 1);
  bool same_name = text.len > 0 && text.len == owner->name.len && memcmp(text.at, owner->name.at, owner->name.len) == 0;
  return same_id || same_name;
}

/* What earlier ranges hold is left out: a user stands in many files twice, by name and by number. */
static const char *add_range(struct styro_subids *ids, uint64_t start, uint64_t end, size_t from)
{
  const char *complaint = NULL;
  for (size_t i = from; i < ids->n && start < end; i++) {
    uint64_t other = ids->ranges[i].start, other_end = other + ids->ranges[i].count;
    if (other >= end || other_end <= start) {
      continue;
    }
    if (start < other) {
      complaint = add_range(ids, start, other, i + 1);
    }
    if (complaint != NULL) {
      return complaint;
    }
    start = other_end;
  }
  if (start >= end) {
    return NULL;
  }
  if (ids->n == STYRO_ID_MAP_LINES) {
    return "is one range too many: the kernel takes 340";
  }
  ids->ranges[ids->n++] = (struct styro_subid_range){(uint32_t)start, (uint32_t)(end - start)};
  return NULL;
}

static const char *add_line(struct styro_subids *ids, struct styro_bytes rest, uint32_t excluded)
{
  struct styro_bytes first, second;
  uint64_t start, count;
  if (!take(&rest, ':', &first) || !take(&rest, ':', &second) || rest.at != NULL || !is_number(first, &start) ||
      !is_number(second, &count)) {
    return "is not of the form USER:START:COUNT";
  }
  if (count > 0 && start == 0) {
    return "gives id 0 of the host, which is never mapped but by an explicit range";
  }
  if (start + count > LAST_ID + 1) {
    return "goes beyond the last id, 4294967294";
  }
  uint64_t end = start + count;
  const char *complaint = NULL;
  if (excluded >= start && excluded < end) {
    complaint = add_range(ids, start, excluded, 0);
    start = (uint64_t)excluded + 1;
  }
  return complaint != NULL ? complaint : add_range(ids, start, end, 0);
}

const char *styro_subids_read(struct styro_bytes file, const struct styro_subid_owner *owner, struct styro_subids *out,
                              size_t *line)
{
  struct styro_bytes row, name;
  const char *complaint = NULL;
  out->n = 0;
  for (*line = 1; take(&file, '\n', &row); ++*line) {
    if (take(&row, ':', &name) && is_owner(name, owner)) {
      complaint = add_line(out, row, owner->excluded);
    }
    if (complaint != NULL) {
      return complaint;
    }
  }
  return NULL;
}

struct styro_bytes styro_passwd_name(struct styro_bytes file, uint32_t id)
{
  struct styro_bytes row, name, word;
  uint64_t number;
  while (take(&file, '\n', &row)) {
    if (take(&row, ':', &name) && take(&row, ':', &word) && take(&row, ':', &word) && is_number(word, &number) &&
        number == id) {
      return name;
    }
  }
  return (struct styro_bytes){"", 0};
}

static void add_map_line(struct styro_buffer *map, uint64_t inside, uint64_t outside, uint64_t count)
{
  styro_buffer_format(map, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", inside, outside, count);
}

void styro_subids_map(const struct styro_subids *ids, bool keep, uint32_t inside, uint32_t own,
                      struct styro_buffer *map)
{
  uint64_t next = 0;
  for (size_t i = 0; i < ids->n; i++) {
    uint64_t start = ids->ranges[i].start, left = ids->ranges[i].count;
    while (left > 0 && next <= LAST_ID) {
      if (keep && next == inside) {
        add_map_line(map, inside, own, 1);
        keep = false;
        next++;
        continue;
      }
      uint64_t room = (keep && next < inside ? inside : LAST_ID + 1) - next;
      uint64_t count = left < room ? left : room;
      add_map_line(map, next, start, count);
      next += count;
      start += count;
      left -= count;
    }
  }
  if (keep) {
    add_map_line(map, inside, own, 1);
  }
}
