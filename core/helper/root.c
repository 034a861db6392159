/*
 * The new root: a tmpfs, a directory of the host, or an overlay; its last flags, and the pivot into it. What is
 * attached to it is not this file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "helper.h"

/*
 * Before Linux 6.15 nothing can be attached to a detached tree: the root goes over "/" of this private namespace first,
 * the mask objects before it, since nothing of the old tree can be named afterwards. Both orders resolve from the same
 * descriptor.
 */
static int attach_early(struct helper *h)
{
  int result = mask_prepare(h);
  if (result < 0) {
    return result;
  }
  h->what = WIRE_WHAT_ATTACH;
  return sys_move_mount(h->root, AT_FDCWD, "/", WIRE_MOVE_MOUNT_F_EMPTY_PATH);
}

/*
 * An overlay whose changes go to a tmpfs, or to an upper directory of the host. That is closed like any directory of the
 * host that the payload may write.
 */
static int overlay_root(struct helper *h, const struct wire_step_root *body)
{
  uint64_t attributes = body->attr_set;
  int result = body->size ? overlay_scratch(h, &h->layers, body->size) : 0;
  if (result < 0) {
    return result;
  }
  h->opens = !body->size && h->layers.upper.path;
  result = overlay_make(h, &h->layers, h->opens ? attributes | WIRE_MOUNT_ATTR_RDONLY : attributes);
  overlay_forget(&h->layers);
  return result;
}

/* The directory itself is the lower layer, not the detached copy that the source phase took. */
static int discard_root(struct helper *h, const struct wire_step_root *body)
{
  const char *path = wire_str(h->plan, body->source.path);
  h->layers.lowers[0] = (struct layer){.fd = sys_fcntl(h->bases[h->source - 1], F_DUPFD_CLOEXEC, 0), .path = path};
  h->layers.n = 1;
  sys_close(h->fd);
  return overlay_root(h, body);
}

/*
 * A directory of the host, with all its sub-mounts. One that the payload may write turns writable only at the end: while
 * the set-up makes places, nothing may be made on the host, whatever rights it has.
 */
static int directory_root(struct helper *h, const struct wire_step_root *body)
{
  static const struct wire_mount_attr closed = {.attr_set = WIRE_MOUNT_ATTR_RDONLY};
  int result = mount_harden(h, h->fd, body->attr_set);
  h->opens = !(body->attr_set & WIRE_MOUNT_ATTR_RDONLY);
  if (result >= 0 && h->opens) {
    h->what = WIRE_WHAT_FLAGS;
    result = sys_mount_setattr(h->fd, "", WIRE_AT_EMPTY_PATH, &closed);
  }
  return result < 0 ? result : h->fd;
}

static int make_root(struct helper *h, const struct wire_step_root *body)
{
  switch (body->kind) {
  case WIRE_ROOT_DIRECTORY: return directory_root(h, body);
  case WIRE_ROOT_DISCARD: return discard_root(h, body);
  case WIRE_ROOT_OVERLAY: return overlay_root(h, body);
  default: return tree_tmpfs(body->size ? body->size : 1 << 20, body->mode, body->attr_set, false);
  }
}

int step_root(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_root *body = (const void *)step;
  h->own_root = body->kind == WIRE_ROOT_TMPFS;
  if (step->flags & WIRE_HAS_SOURCE && body->source.idmap) {
    /* Made before the clone, it is a detached tree of the caller's mount namespace: nothing can be attached to it here. */
    h->run->kernel &= ~(uint32_t)WIRE_KERNEL_DETACHED;
  }
  h->root = make_root(h, body);
  if (h->root < 0) {
    return h->root;
  }
  bool scratch = body->kind != WIRE_ROOT_DIRECTORY && body->size; /* else an overlay's changes go to the host */
  if (h->own_root || scratch) {
    tree_own(h, h->root);
  }
  return h->run->kernel & WIRE_KERNEL_DETACHED ? 0 : attach_early(h);
}

/* Once all places are made: the sandbox's own tmpfs turns read-only, a directory that the payload may write writable. */
int step_seal_root(struct helper *h, const struct wire_step *step)
{
  static const struct wire_mount_attr sealed = {.attr_set = WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID |
                                                            WIRE_MOUNT_ATTR_NODEV};
  static const struct wire_mount_attr opened = {.attr_clr = WIRE_MOUNT_ATTR_RDONLY};
  (void)step;
  h->what = WIRE_WHAT_FLAGS;
  if (h->own_root) {
    return sys_mount_setattr(h->root, "", WIRE_AT_EMPTY_PATH, &sealed);
  }
  return h->opens ? sys_mount_setattr(h->root, "", WIRE_AT_EMPTY_PATH, &opened) : 0;
}

/* pivot_root(2), notes: pivot_root(".", ".") stacks the old root on the new one, from where it is taken off. */
int step_pivot(struct helper *h, const struct wire_step *step)
{
  int result = 0;
  (void)step;
  if (h->run->kernel & WIRE_KERNEL_DETACHED) {
    h->what = WIRE_WHAT_ATTACH;
    result = sys_move_mount(h->root, AT_FDCWD, "/", WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  }
  h->what = WIRE_WHAT_STEP;
  if (result >= 0) {
    result = (int)sys_call(SYS_fchdir, h->root, 0, 0, 0, 0, 0);
  }
  if (result >= 0) {
    result = (int)sys_call(SYS_pivot_root, sys_arg("."), sys_arg("."), 0, 0, 0, 0);
  }
  if (result >= 0) {
    result = (int)sys_call(SYS_umount2, sys_arg("."), WIRE_MNT_DETACH, 0, 0, 0, 0);
  }
  h->run->verdict.stamps[WIRE_STAMP_TREE] = clocks_now(h);
  return result;
}
