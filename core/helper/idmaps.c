/*
 * Idmapped sources (mount_setattr(2), MOUNT_ATTR_IDMAP): before its clone, with the caller's rights in the file systems'
 * own user namespace, the helper opens each source that shows other ids inside than on disk, and the first process inherits
 * the mounts. Each map is a user namespace that no process lives in any more. Knows not what the maps mean.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "../wire/maps.h"
#include "helper.h"

#define WAIT_ALL_ 0x40000000 /* __WALL of waitpid(2) */

static int open_userns(int pid)
{
  char path[48];
  char *end = wire_append(path, "/proc/");
  end += wire_decimal(end, (uint64_t)pid);
  wire_append(end, "/ns/user");
  return sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

/* Lives as long as somebody holds the other end, and does nothing. */
static _Noreturn void hold_namespace(const int gate[2])
{
  char byte;
  sys_close(gate[1]);
  sys_read(gate[0], &byte, 1);
  sys_exit(0);
}

static int write_map(struct helper *h, const struct wire_step_idmap *body, int pid)
{
  char uid_map[WIRE_MAP_TEXT];
  char gid_map[WIRE_MAP_TEXT];
  const char *uids = wire_str(h->plan, body->uid_ranges);
  const char *gids = wire_str(h->plan, body->gid_ranges);
  wire_map_text(uid_map, body->uid, h->run->map_uid);
  wire_map_text(gid_map, body->gid, h->run->map_gid);
  return wire_write_maps(-1, pid, uids[0] ? uids : uid_map, gids[0] ? gids : gid_map, false, &h->what);
}

/* A descriptor of a new user namespace with that map. */
static int make_namespace(struct helper *h, const struct wire_step_idmap *body)
{
  struct wire_clone_args args = {.flags = WIRE_CLONE_NEWUSER, .exit_signal = SIGCHLD};
  int gate[2];
  h->what = WIRE_WHAT_FORK;
  int result = (int)sys_call(SYS_pipe2, sys_arg(gate), O_CLOEXEC, 0, 0, 0, 0);
  if (result < 0) {
    return result;
  }
  int pid = clone_copy(&args);
  if (pid == 0) {
    hold_namespace(gate);
  }
  result = pid < 0 ? pid : write_map(h, body, pid);
  if (result >= 0) {
    h->what = WIRE_WHAT_STEP;
    result = open_userns(pid);
  }
  sys_close(gate[0]);
  sys_close(gate[1]);
  if (pid > 0) {
    sys_call(SYS_wait4, pid, 0, WAIT_ALL_, 0, 0, 0);
  }
  return result;
}

int idmap_apply(struct helper *h, int mount, uint32_t number)
{
  const struct wire_mount_attr attr = {
      .attr_set = WIRE_MOUNT_ATTR_IDMAP, .propagation = WIRE_MS_PRIVATE, .userns_fd = (uint64_t)h->idmaps[number - 1]};
  h->what = WIRE_WHAT_IDMAP;
  return sys_mount_setattr(mount, "", WIRE_AT_RECURSIVE | WIRE_AT_EMPTY_PATH, &attr);
}

/* All maps first: they stand before the sources in the plan. */
int idmaps_prepare(struct helper *h)
{
  const struct wire_step *step = wire_step_first(h->plan);
  unsigned n = 0;
  int result = 0;
  for (h->number = 0; result >= 0 && h->number < h->plan->steps_n; h->number++, step = wire_step_next(step)) {
    h->step = step;
    if (step->code == WIRE_STEP_IDMAP) {
      result = h->idmaps[n] = make_namespace(h, (const void *)step);
      n += result >= 0;
    }
    if (result < 0) {
      return result;
    }
  }
  result = sources_open(h, true);
  for (unsigned i = 0; i < n; i++) {
    sys_close(h->idmaps[i]);
  }
  return result;
}
