/* Subordinate ids of this host's files, and the programs that map them: see subid_host.h. */
#include "subid_host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "spawn_ids.h"
#include "subid.h"

#define FILE_MOST (4u << 20)
#define USERS "/etc/passwd"

/* What differs between the two sides. */
struct kind {
  const char *field;
  const char *file;
  const char *tool;
  const char *const *places; /* where the tool may stand: no variable of the caller's has a say */
  uint32_t capability;
};

static const char *const uid_places[] = {"/usr/bin/newuidmap", "/usr/local/bin/newuidmap", "/bin/newuidmap", NULL};
static const char *const gid_places[] = {"/usr/bin/newgidmap", "/usr/local/bin/newgidmap", "/bin/newgidmap", NULL};

static const struct kind kinds[] = {
    {"/user/uid_map", "/etc/subuid", "newuidmap", uid_places, 1u << CAP_SETUID},
    {"/user/gid_map", "/etc/subgid", "newgidmap", gid_places, 1u << CAP_SETGID},
};

static int fail_file(const struct kind *kind, const char *path, int number, styro_error *err)
{
  int code =
      styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, number, "cannot read `%s`: %s", path, strerrordesc_np(number));
  styro_error_field(err, "%s", kind->field);
  styro_error_object(err, "%s", path);
  return code;
}

/* A FIFO there must hold nobody up. What grows meanwhile is read as long as it was. */
static int open_file(const struct kind *kind, const char *path, size_t *size, styro_error *err)
{
  struct stat st;
  STYRO_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || fstat(fd, &st) < 0) {
    return fail_file(kind, path, errno, err);
  }
  if (!S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
    return fail_file(kind, path, S_ISREG(st.st_mode) ? EFBIG : EINVAL, err);
  }
  *size = (size_t)st.st_size;
  return styro_fd_steal(&fd);
}

/* Zeroed memory of its size and one more; ended by free_file(). */
struct whole {
  const styro_allocator *alloc;
  char *bytes;
  size_t size;
};

static void free_file(struct whole *file)
{
  styro_dealloc(file->alloc, file->bytes, file->size + 1);
  file->bytes = NULL;
}

static int read_file(const struct kind *kind, const char *path, struct whole *file, styro_error *err)
{
  size_t done = 0;
  ssize_t n = 1;
  STYRO_CLEANUP_FD int fd = open_file(kind, path, &file->size, err);
  if (fd < 0) {
    return fd;
  }
  file->bytes = styro_alloc(file->alloc, file->size + 1);
  if (file->bytes == NULL) {
    return styro_fail_memory(err, STYRO_STAGE_IDS);
  }
  while (n > 0 && done < file->size) {
    n = read(fd, file->bytes + done, file->size - done);
    done += n > 0 ? (size_t)n : 0;
  }
  return n < 0 ? fail_file(kind, path, errno, err) : 0;
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static int fail_line(const struct kind *kind, size_t line, const char *complaint, styro_error *err)
{
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, 0, "line %zu of %s %s", line, kind->file, complaint);
  styro_error_field(err, "%s", kind->field);
  styro_error_object(err, "%s", kind->file);
  styro_error_hint(err, "a line such as alice:100000:65536 gives alice the ids from 100000 to 165535");
  return code;
}

static int fail_none(const struct kind *kind, const struct styro_subid_owner *owner, styro_error *err)
{
  char who[64];
  bool named = owner->name.len > 0 && owner->name.len < sizeof who;
  snprintf(who, sizeof who, "%.*s", named ? (int)owner->name.len : 0, owner->name.at);
  if (!named) {
    snprintf(who, sizeof who, "%" PRIu32, owner->id);
  }
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, 0, "%s gives `%s` no subordinate ids", kind->file, who);
  styro_error_field(err, "%s", kind->field);
  styro_error_object(err, "%s", kind->file);
  styro_error_hint(err, "add the line %s:100000:65536 to %s, with a range that nobody else has", who, kind->file);
  return code;
}

static int fail_map(const struct kind *kind, const char *complaint, styro_error *err)
{
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, 0, "the ranges of %s make a map of which one %s",
                        kind->file, complaint);
  styro_error_field(err, "%s", kind->field);
  styro_error_object(err, "%s", kind->file);
  styro_error_hint(err, "give the caller fewer and larger ranges");
  return code;
}

static int build_map(const struct kind *kind, const styro_allocator *alloc, const struct styro_subids *ids, bool keep,
                     uint32_t inside, uint32_t own, char **out, styro_error *err)
{
  struct styro_id_range found;
  struct styro_buffer map;
  styro_buffer_init(&map, alloc);
  styro_subids_map(ids, keep, inside, own, &map);
  *out = styro_buffer_steal(&map);
  if (*out == NULL) {
    return styro_fail_memory(err, STYRO_STAGE_IDS);
  }
  const char *complaint = styro_id_map_complaint(*out, &found);
  return complaint != NULL ? fail_map(kind, complaint, err) : 0;
}

/*
 * An ordinary caller's payload is the caller itself outside, so that what it owns stays within reach; the subordinate ids
 * are all others. Root's payload has subordinate ids only.
 */
static int make_map(const struct kind *kind, const styro_allocator *alloc, uint32_t inside, uint32_t own, char **out,
                    styro_error *err)
{
  struct styro_subids ids;
  size_t line = 0;
  struct whole users __attribute__((cleanup(free_file))) = {.alloc = alloc};
  struct whole file __attribute__((cleanup(free_file))) = {.alloc = alloc};
  uint32_t uid = geteuid();
  bool keep = uid != 0;
  int result = read_file(kind, USERS, &users, err);
  result = result == 0 ? read_file(kind, kind->file, &file, err) : result;
  if (result != 0) {
    return result;
  }
  const struct styro_subid_owner owner = {
      .id = uid,
      .name = styro_passwd_name((struct styro_bytes){users.bytes, users.size}, uid),
      .excluded = keep ? own : UINT32_MAX,
  };
  const char *complaint = styro_subids_read((struct styro_bytes){file.bytes, file.size}, &owner, &ids, &line);
  if (complaint != NULL) {
    return fail_line(kind, line, complaint, err);
  }
  return ids.n == 0 ? fail_none(kind, &owner, err) : build_map(kind, alloc, &ids, keep, inside, own, out, err);
}

/* ---- tools ------------------------------------------------------------------------------------------------------- */

static int fail_tool(const struct kind *kind, styro_error *err)
{
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, 0,
                        "a map of subordinate ids needs %s, which is not on "
                        "this host",
                        kind->tool);
  styro_error_field(err, "%s", kind->field);
  styro_error_object(err, "%s", kind->tool);
  styro_error_hint(err, "install the package `uidmap`, elsewhere `shadow-utils`, or call as root");
  return code;
}

static int fail_no_new_privs(const struct kind *kind, styro_error *err)
{
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                        "a map of subordinate ids needs %s, which gets no right "
                        "because this process has no_new_privs set",
                        kind->tool);
  styro_error_field(err, "%s", kind->field);
  styro_error_object(err, "%s", kind->tool);
  styro_error_hint(err, "call from outside of what set it, another sandbox perhaps or a service with NoNewPrivileges=");
  return code;
}

static const char *first_place(const struct kind *kind)
{
  for (const char *const *place = kind->places; *place != NULL; place++) {
    if (faccessat(AT_FDCWD, *place, X_OK, AT_EACCESS) == 0) {
      return *place;
    }
  }
  return NULL;
}

const char *styro_id_tool_name(enum styro_id_tool tool)
{
  return kinds[tool].tool;
}

const char *styro_id_tool_find(enum styro_id_tool tool)
{
  return first_place(&kinds[tool]);
}

/* Root without the capability has no use for a tool: it would run with no more rights than root has here. */
static int find_tool(const struct kind *kind, const char **out, styro_error *err)
{
  if (geteuid() == 0 || styro_caller_capabilities() & kind->capability) {
    return 0;
  }
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
    return fail_no_new_privs(kind, err);
  }
  *out = first_place(kind);
  return *out != NULL ? 0 : fail_tool(kind, err);
}

/* Its programs and /etc are another's there, and one that gets rights from the caller's host is none of them. */
static bool joins_mounts(const styro_plan *plan)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  bool joins = false;
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    joins = joins || (step->code == WIRE_STEP_JOIN &&
                      ((const struct wire_step_join *)(const void *)step)->space == WIRE_SPACE_MOUNT);
  }
  return joins;
}

static int fail_joined(const struct styro_subid_maps *maps, styro_error *err)
{
  const struct kind *kind = &kinds[maps->uid_tool != NULL ? 0 : 1];
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                        "a map of subordinate ids needs %s, which would be the joined mount namespace's", kind->tool);
  styro_error_field(err, "%s", kind->field);
  styro_error_object(err, "%s", kind->tool);
  styro_error_hint(err, "leave out one of the two, or call as root, who needs no such program");
  return code;
}

int styro_subid_maps(const styro_plan *plan, const styro_allocator *alloc, struct styro_subid_maps *out,
                     styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  int result = 0;
  *out = (struct styro_subid_maps){.uid_map = NULL};
  if (ids->uid_map == WIRE_MAP_SUBORDINATE) {
    result = make_map(&kinds[0], alloc, ids->uid, geteuid(), &out->uid_map, err);
    result = result == 0 ? find_tool(&kinds[0], &out->uid_tool, err) : result;
  }
  if (result == 0 && ids->gid_map == WIRE_MAP_SUBORDINATE) {
    result = make_map(&kinds[1], alloc, ids->gid, getegid(), &out->gid_map, err);
    result = result == 0 ? find_tool(&kinds[1], &out->gid_tool, err) : result;
  }
  bool by_tool = out->uid_tool != NULL || out->gid_tool != NULL;
  return result == 0 && by_tool && joins_mounts(plan) ? fail_joined(out, err) : result;
}

void styro_subid_maps_free(const styro_allocator *alloc, struct styro_subid_maps *maps)
{
  styro_strfree(alloc, maps->uid_map);
  styro_strfree(alloc, maps->gid_map);
  maps->uid_map = maps->gid_map = NULL;
}
