/*
 * The new root: a tmpfs, a directory of the host, or an overlay over one; its last flags, and the pivot into it. What is
 * attached to it is not this file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "../wire/maps.h"
#include "helper.h"

#define OVERLAY_UPPER "upper"
#define OVERLAY_WORK "work"

/*
 * Before Linux 6.15 nothing can be attached to a detached tree: the root goes over "/" of this private namespace first,
 * the mask objects before it, since nothing of the old tree can be named afterwards. Both orders resolve from the same
 * descriptor.
 */
static int attach_early(struct helper *h)
{
  int result = mask_prepare(h);
  h->what = WIRE_WHAT_ATTACH;
  return result < 0 ? result : sys_move_mount(h->root, AT_FDCWD, "/", WIRE_MOVE_MOUNT_F_EMPTY_PATH);
}

/*
 * A directory of an overlay, by descriptor where the kernel takes one (an O_PATH one since Linux 6.15; before 6.5 overlayfs
 * took only texts), else by its name in /proc.
 */
static int give_directory(int context, const char *by_fd, const char *by_name, int dir)
{
  char path[48] = "/proc/self/fd/";
  int result = sys_fsconfig_fd(context, by_fd, dir);
  if (result != -EINVAL && result != -EBADF && result != -EOPNOTSUPP) {
    return result;
  }
  wire_decimal(path + strlen(path), (uint64_t)dir);
  return sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, by_name, path);
}

/*
 * What the changes go to. It stands over the old /dev, whose devices are open by now, and goes with the old root: before
 * Linux 6.15 an overlay takes no layer from a detached mount. The upper directory is what `/` looks like inside.
 */
static int make_layers(uint64_t size, int lower)
{
  struct stat st;
  int mount =
      sys_fstat(lower, &st) < 0 ? -EBADF : tree_tmpfs(size, 0700, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV, true);
  if (mount < 0) {
    return mount;
  }
  int result = sys_move_mount(mount, AT_FDCWD, "/dev", WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  if (result >= 0) {
    result = sys_mkdirat(mount, OVERLAY_UPPER, st.st_mode & 07777);
  }
  if (result >= 0) {
    result = sys_mkdirat(mount, OVERLAY_WORK, 0700);
  }
  if (result < 0) {
    sys_close(mount);
    return result;
  }
  return mount;
}

/*
 * Descriptors stay open until the file system is made: before Linux 6.5 only then the names are resolved. trusted.*
 * attributes are for the owner of the host's user namespace, so an overlay's notes go to user.*.
 */
static int configure_overlay(int context, int lower, int upper, int work)
{
  int result = upper < 0 ? upper : work < 0 ? work : give_directory(context, "lowerdir+", "lowerdir", lower);
  if (result >= 0) {
    result = give_directory(context, "upperdir", "upperdir", upper);
  }
  if (result >= 0) {
    result = give_directory(context, "workdir", "workdir", work);
  }
  if (result >= 0) {
    result = sys_fsconfig(context, WIRE_FSCONFIG_SET_FLAG, "userxattr", NULL);
  }
  return result < 0 ? result : sys_fsconfig(context, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL);
}

static int mount_overlay(int lower, int layers, uint64_t attributes)
{
  int context = sys_fsopen("overlay");
  int upper = sys_openat(layers, OVERLAY_UPPER, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  int work = sys_openat(layers, OVERLAY_WORK, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  int result = context < 0 ? context : configure_overlay(context, lower, upper, work);
  if (result >= 0) {
    result = sys_fsmount(context, attributes);
  }
  const int fds[] = {context, upper, work};
  for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++) {
    if (fds[i] >= 0) {
      sys_close(fds[i]);
    }
  }
  return result;
}

/*
 * The directory itself is the lower layer, not the detached copy that the source phase took. An overlay shows no mounts
 * below its layers: the kernel refuses that where they belong to a more privileged user namespace, which is always so,
 * because the validator lets nobody discard without a user namespace of the sandbox's own.
 */
static int discard_root(struct helper *h, const struct wire_step_root *body)
{
  int lower = h->bases[h->source - 1];
  int layers = make_layers(body->size, lower);
  if (layers < 0) {
    return layers;
  }
  h->what = WIRE_WHAT_OVERLAY;
  int result = mount_overlay(lower, layers, body->attr_set);
  sys_close(layers);
  sys_close(h->fd);
  return result;
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
  default: return tree_tmpfs(1 << 20, body->mode, body->attr_set, false);
  }
}

int step_root(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_root *body = (const void *)step;
  h->own_root = body->kind == WIRE_ROOT_TMPFS;
  h->root = make_root(h, body);
  if (h->root < 0) {
    return h->root;
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
  h->run->verdict.stamps[WIRE_STAMP_TREE] = sys_now();
  return result;
}
