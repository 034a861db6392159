/*
 * Fuzzes the reader of subuid(5) and passwd(5), and the map that its ranges make: whatever the file holds, the kernel would
 * take the map, and nothing in it is id 0 of the host.
 *   byte 0 keeps the caller's id or does not, bytes 1 to 3 are the id inside; then the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/id_map.h"
#include "lib/subid.h"

#define OWN 1500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
  if (!condition) {
    abort();
  }
}

static void check_ranges(const struct styro_subids *ids, uint32_t excluded)
{
  for (size_t i = 0; i < ids->n; i++) {
    uint64_t start = ids->ranges[i].start, end = start + ids->ranges[i].count;
    must(start > 0 && end > start && end <= UINT32_MAX);
    must(excluded < start || excluded >= end);
    for (size_t k = 0; k < i; k++) {
      must(end <= ids->ranges[k].start || start >= (uint64_t)ids->ranges[k].start + ids->ranges[k].count);
    }
  }
}

static void check_map(const struct styro_subids *ids, bool keep, uint32_t inside)
{
  struct styro_buffer map;
  struct styro_id_range found;
  uint32_t outside = 0;
  styro_buffer_init(&map, NULL);
  styro_subids_map(ids, keep, inside, OWN, &map);
  must(!map.failed);
  if (map.data) {
    const char *complaint = styro_id_map_complaint(map.data, &found);
    must(!complaint || strstr(complaint, "one too many"));
    must(!keep || (styro_id_map_lookup(map.data, inside, &outside) && outside == OWN));
  }
  styro_buffer_free(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct styro_subids ids;
  size_t line = 0;
  if (size < 4) {
    return 0;
  }
  bool keep = data[0] & 1;
  uint32_t inside = (uint32_t)data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16;
  const struct styro_bytes file = {(const char *)data + 4, size - 4};
  struct styro_subid_owner owner = {.id = keep ? OWN : 0, .name = {"alice", 5}, .excluded = keep ? OWN : UINT32_MAX};
  struct styro_bytes name = styro_passwd_name(file, owner.id);
  must(name.len == 0 || (name.at >= file.at && name.at + name.len <= file.at + file.len));
  const char *complaint = styro_subids_read(file, &owner, &ids, &line);
  must(ids.n <= STYRO_ID_MAP_LINES && line >= 1);
  check_ranges(&ids, owner.excluded);
  if (!complaint) {
    check_map(&ids, keep, inside);
  }
  return 0;
}
