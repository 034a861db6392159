/*
 * Overlay file systems: layers that were opened in the source phase become one detached mount, whatever way this kernel
 * takes them. Layers go by descriptor or by its name, so that nothing in a directory's name needs escaping. What is done
 * with the mount is not this file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../wire/maps.h"
#include "helper.h"

#define SCRATCH_UPPER "upper"
#define SCRATCH_WORK "work"
#define OPTIONS_SIZE 4096 /* what mount(2) takes: less than a page */
#define NAME_SIZE 24      /* of a descriptor, and what stands before it */

/* Remembers one layer for the overlay that is made next; the descriptor is taken over. */
int step_layer(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_layer *body = (const void *)step;
  struct layer layer = {.fd = h->fd, .path = wire_str(h->plan, body->source.path)};
  switch (body->kind) {
  case WIRE_LAYER_UPPER: h->layers.upper = layer; break;
  case WIRE_LAYER_WORK: h->layers.work = layer; break;
  default:
    if (h->layers.n >= WIRE_LAYERS_MAX) {
      return -E2BIG;
    }
    h->layers.lowers[h->layers.n++] = layer;
  }
  return 0;
}

void overlay_forget(struct layers *layers)
{
  for (unsigned i = 0; i < layers->n; i++) {
    sys_close(layers->lowers[i].fd);
  }
  if (layers->upper.path) {
    sys_close(layers->upper.fd);
  }
  if (layers->work.path) {
    sys_close(layers->work.fd);
  }
  layers->n = 0;
  layers->upper.path = layers->work.path = NULL;
}

/* The layer at fault is named in place of the step's own object. */
static int blame(struct helper *h, const struct layer *layer, int error)
{
  h->component = layer->path;
  return error;
}

/* Made as a whole the kernel does not say which layer it did not like: what only an upper one can cause, or the only one. */
static int blame_made(struct helper *h, const struct layers *layers, int error)
{
  bool upper = layers->upper.path && (error == -EBUSY || error == -ESTALE || error == -EACCES || error == -EPERM);
  h->component = upper ? layers->upper.path : layers->n == 1 ? layers->lowers[0].path : NULL;
  return error;
}

/* By descriptor (an O_PATH one since Linux 6.15), else by its name in /proc. */
static int give_layer(int context, const char *key, int dir)
{
  char path[48] = "/proc/self/fd/";
  int result = sys_fsconfig_fd(context, key, dir);
  if (result != -EINVAL && result != -EBADF && result != -EOPNOTSUPP) {
    return result;
  }
  wire_decimal(path + strlen(path), (uint64_t)dir);
  return sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, key, path);
}

/* trusted.* attributes are for the owner of the host's user namespace; in any other an overlay's notes go to user.*. */
static bool notes_in_user(const struct helper *h)
{
  return !(h->run->flags & WIRE_RUN_HOST_USER);
}

static int configure(struct helper *h, int context, const struct layers *layers)
{
  int result = 0;
  for (unsigned i = 0; result >= 0 && i < layers->n; i++) {
    result = blame(h, &layers->lowers[i], give_layer(context, "lowerdir+", layers->lowers[i].fd));
  }
  if (result >= 0 && layers->upper.path) {
    result = blame(h, &layers->upper, give_layer(context, "upperdir", layers->upper.fd));
  }
  if (result >= 0 && layers->upper.path) {
    result = blame(h, &layers->work, give_layer(context, "workdir", layers->work.fd));
  }
  if (result >= 0 && notes_in_user(h)) {
    result = sys_fsconfig(context, WIRE_FSCONFIG_SET_FLAG, "userxattr", NULL);
  }
  if (result < 0) {
    return result;
  }
  return blame_made(h, layers, sys_fsconfig(context, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL));
}

/* Layer by layer, since Linux 6.5. */
static int make_by_layers(struct helper *h, const struct layers *layers, uint64_t attributes)
{
  int context = sys_fsopen("overlay");
  int result = context < 0 ? context : configure(h, context, layers);
  if (result >= 0) {
    result = sys_fsmount(context, attributes);
  }
  if (context >= 0) {
    sys_close(context);
  }
  return result;
}

static char *add_layer(char *out, const char *before, int dir)
{
  out = wire_append(out, before);
  return out + wire_decimal(out, (uint64_t)dir);
}

/* Names are relative to /proc/self/fd: 500 of them fit into a page only so. */
static int write_options(char out[OPTIONS_SIZE], const struct helper *h, const struct layers *layers)
{
  char *end = out;
  for (unsigned i = 0; i < layers->n; i++) {
    if (end - out > OPTIONS_SIZE - 4 * NAME_SIZE) {
      return -E2BIG;
    }
    end = add_layer(end, i ? ":" : "lowerdir=", layers->lowers[i].fd);
  }
  if (layers->upper.path) {
    end = add_layer(end, ",upperdir=", layers->upper.fd);
    end = add_layer(end, ",workdir=", layers->work.fd);
  }
  wire_append(end, notes_in_user(h) ? ",userxattr" : "");
  return 0;
}

/*
 * Before Linux 6.5 all layers are one text, and fsconfig(2) takes none longer than 255 bytes: mount(2) does. It needs a
 * place, which is the old /dev, whose devices are open by now and which goes with the old root; a copy is the mount.
 */
static int make_by_text(struct helper *h, const struct layers *layers, uint64_t attributes)
{
  char options[OPTIONS_SIZE];
  unsigned long flags = (unsigned long)(attributes & (WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV));
  int result = write_options(options, h, layers);
  if (result >= 0) {
    result = (int)sys_call(SYS_chdir, sys_arg("/proc/self/fd"), 0, 0, 0, 0, 0);
  }
  if (result < 0) {
    return result;
  }
  result = (int)sys_call(SYS_mount, sys_arg("overlay"), sys_arg("/dev"), sys_arg("overlay"), (long)flags,
                         sys_arg(options), 0);
  sys_call(SYS_chdir, sys_arg("/"), 0, 0, 0, 0, 0);
  if (result < 0) {
    return blame_made(h, layers, result);
  }
  return sys_open_tree(AT_FDCWD, "/dev", WIRE_OPEN_TREE_CLONE | O_CLOEXEC);
}

static bool is_read_only(int fd)
{
  struct statfs st;
  return sys_fstatfs(fd, &st) < 0 || st.f_flags & WIRE_ST_RDONLY;
}

/* The kernel says EINVAL to both, and not to which. */
static int check_upper(struct helper *h, const struct layers *layers)
{
  uint64_t upper = sys_mount_id(layers->upper.fd);
  if (is_read_only(layers->upper.fd)) {
    return blame(h, &layers->upper, -EROFS);
  }
  return upper && upper == sys_mount_id(layers->work.fd) ? 0 : blame(h, &layers->work, -EXDEV);
}

/*
 * An overlay whose upper or work directory cannot be written is made read-only by the kernel, with a word in its log only:
 * so it is looked at before the caller's own flags are set.
 */
int overlay_make(struct helper *h, const struct layers *layers, uint64_t attributes)
{
  const struct wire_mount_attr attr = {.attr_set = attributes,
                                       .attr_clr = attributes & WIRE_MOUNT_ATTR_NOATIME ? WIRE_MOUNT_ATTR_ATIME : 0};
  h->what = WIRE_WHAT_OVERLAY;
  if (layers->n == 0 || !layers->upper.path != !layers->work.path) {
    return -EINVAL; /* no plan of this library's */
  }
  int mount = layers->upper.path ? check_upper(h, layers) : 0;
  if (mount < 0) {
    return mount;
  }
  uint64_t early = attributes & ~WIRE_MOUNT_ATTR_RDONLY;
  mount = h->run->kernel & WIRE_KERNEL_LAYERS ? make_by_layers(h, layers, early) : make_by_text(h, layers, early);
  if (mount < 0) {
    return mount;
  }
  int result = 0;
  if (layers->upper.path && is_read_only(mount)) {
    result = blame(h, &layers->work, -EACCES);
  } else {
    h->component = NULL;
    result = sys_mount_setattr(mount, "", WIRE_AT_EMPTY_PATH, &attr);
  }
  if (result < 0) {
    sys_close(mount);
  }
  return result < 0 ? result : mount;
}

static int open_scratch(struct layer *out, int scratch, const char *name, unsigned mode)
{
  int result = sys_mkdirat(scratch, name, mode);
  out->fd = result < 0 ? result : sys_openat(scratch, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  out->path = name;
  return out->fd;
}

/*
 * Changes go to a tmpfs. It stands over the old /dev, whose devices are open by now, and goes with the old root: before
 * Linux 6.15 an overlay takes no layer from a detached mount. The upper directory is what the overlay's own root looks
 * like, so it gets the first layer's mode.
 */
int overlay_scratch(struct helper *h, struct layers *layers, uint64_t size)
{
  struct stat st;
  h->what = WIRE_WHAT_STEP;
  int scratch = sys_fstat(layers->lowers[0].fd, &st) < 0
                    ? -EBADF
                    : tree_tmpfs(size, 0700, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV, true);
  if (scratch < 0) {
    return scratch;
  }
  int result = sys_move_mount(scratch, AT_FDCWD, "/dev", WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  if (result >= 0) {
    result = open_scratch(&layers->upper, scratch, SCRATCH_UPPER, st.st_mode & 07777);
  }
  if (result >= 0) {
    result = open_scratch(&layers->work, scratch, SCRATCH_WORK, 0700);
  }
  sys_close(scratch);
  return result < 0 ? result : 0;
}
