/*
 * Steps that only an ordered list of mounts has: file systems of the kernel's, links with a text of their own, and changes
 * of mounts that stand. Flags are set before anything is attached, or are changed by descriptor after the pivot.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../wire/maps.h"
#include "helper.h"

int fs_mount(const char *type, const struct fs_option *options, unsigned n, uint64_t attributes)
{
  int context = sys_fsopen(type);
  if (context < 0) {
    return context;
  }
  int result = 0;
  for (unsigned i = 0; result >= 0 && i < n; i++) {
    result = options[i].value ? sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, options[i].key, options[i].value) : 0;
  }
  if (result >= 0) {
    result = sys_fsconfig(context, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL);
  }
  if (result >= 0) {
    result = sys_fsmount(context, attributes);
  }
  sys_close(context);
  return result;
}

/* Each mount is an instance of its own (devpts, since Linux 4.7). */
static int mount_devpts(const struct wire_step_fs *body)
{
  char mode[5];
  char ptmxmode[5];
  char gid[24];
  tree_octal(mode, body->mode);
  tree_octal(ptmxmode, body->ptmxmode);
  wire_decimal(gid, body->gid);
  const struct fs_option options[] = {{"mode", mode}, {"ptmxmode", ptmxmode}, {"gid", body->has_gid ? gid : NULL}};
  return fs_mount("devpts", options, 3, body->attr_set);
}

static int mount_kind(const struct wire_step_fs *body)
{
  static const char *const types[WIRE_FS_COUNT] = {
      [WIRE_FS_SYSFS] = "sysfs", [WIRE_FS_MQUEUE] = "mqueue", [WIRE_FS_CGROUP2] = "cgroup2"};
  return body->kind == WIRE_FS_DEVPTS ? mount_devpts(body) : fs_mount(types[body->kind], NULL, 0, body->attr_set);
}

/* Flags are read back before anything is attached; the mount is kept or let go. */
static int attach_mount(struct helper *h, const struct wire_step *step, int mount, uint64_t attributes)
{
  h->what = WIRE_WHAT_READ_BACK;
  int result = mount_holds(mount, attributes) ? tree_mount(h, step, mount) : -EPERM;
  if (result >= 0) {
    result = mount_covered(h, step, mount);
  }
  mount_done(h, step, mount);
  return result;
}

int step_fs(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_fs *body = (const void *)step;
  int mount = mount_kind(body);
  return mount < 0 ? mount : attach_mount(h, step, mount, body->attr_set);
}

/* Its layers were gathered by the steps before it. Nothing is made on it: changes may go to the host. */
int step_overlay(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_overlay *body = (const void *)step;
  int mount = overlay_make(h, &h->layers, body->attr_set);
  overlay_forget(&h->layers);
  return mount < 0 ? mount : attach_mount(h, step, mount, body->attr_set);
}

int step_symlink(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_symlink *body = (const void *)step;
  const char *name;
  int parent = tree_parent(h, wire_str(h->plan, body->target.path), &name);
  if (parent < 0) {
    return parent;
  }
  h->what = WIRE_WHAT_CREATE;
  int result = sys_symlinkat(wire_str(h->plan, body->text), parent, name);
  sys_close(parent);
  return result;
}

/* The mount itself is changed, whatever stands over its place by now. */
static int change(struct helper *h, const struct wire_step_remount *body, int mount)
{
  struct wire_mount_attr attr = {
      .attr_set = body->attr_set, .attr_clr = body->attr_clear, .propagation = body->propagation};
  h->what = WIRE_WHAT_FLAGS;
  int result = sys_mount_setattr(mount, "", WIRE_AT_EMPTY_PATH | (body->recursive ? WIRE_AT_RECURSIVE : 0u), &attr);
  if (result >= 0 && !mount_holds(mount, body->attr_set)) {
    h->what = WIRE_WHAT_READ_BACK;
    result = -EPERM;
  }
  if (result >= 0 && body->attr_clear & WIRE_MOUNT_ATTR_RDONLY && mount_holds(mount, WIRE_MOUNT_ATTR_RDONLY)) {
    h->what = WIRE_WHAT_READ_ONLY;
    result = -EROFS;
  }
  return result >= 0 && body->propagation ? propagation_holds(h, mount, body->propagation) : result;
}

int step_remount(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_remount *body = (const void *)step;
  int mount = body->kept ? h->list->kept[body->kept - 1] : h->root;
  return mount < 0 ? 0 : change(h, body, mount); /* its source was optional, and is not there */
}
