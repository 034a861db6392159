/* /dev and /proc: the minimal device set, the new proc, and the last word on nested user namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "helper.h"

static const char *const device_names[DEVICE_COUNT] = {
    [DEVICE_NULL] = "null",     [DEVICE_ZERO] = "zero",       [DEVICE_FULL] = "full",
    [DEVICE_RANDOM] = "random", [DEVICE_URANDOM] = "urandom", [DEVICE_TTY] = "tty",
};

static const struct {
  const char *name;
  const char *text;
} device_links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
};

/*
 * Read-only and private, so that nobody changes times or modes of the host's nodes (writing to a device is no matter of
 * its mount).
 */
static const struct wire_mount_attr sealed = {.attr_set = WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID |
                                                          WIRE_MOUNT_ATTR_NOEXEC,
                                              .propagation = WIRE_MS_PRIVATE};

/* Devices cannot be made in a user namespace: copies of the host's own nodes, taken with the sources, are attached. */
static int place_device(struct helper *h, int dev, int index, bool seal)
{
  const char *name = device_names[index];
  int device = h->devices[h->devs][index];
  h->component = name;
  h->what = WIRE_WHAT_CREATE;
  int result = (int)sys_call(SYS_mknodat, dev, sys_arg(name), S_IFREG | 0666, 0, 0, 0);
  if (result >= 0 && seal) {
    h->what = WIRE_WHAT_FLAGS;
    result = sys_mount_setattr(device, "", WIRE_AT_EMPTY_PATH, &sealed);
  }
  if (result >= 0) {
    h->what = WIRE_WHAT_ATTACH;
    result = sys_move_mount(device, dev, name, WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  }
  sys_close(device);
  return result;
}

static int attach_below(struct helper *h, int dev, const char *name, int mount)
{
  h->component = name;
  if (mount < 0) {
    h->what = WIRE_WHAT_STEP;
    return mount;
  }
  h->what = WIRE_WHAT_ATTACH;
  int result = sys_move_mount(mount, dev, name, WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  sys_close(mount);
  return result;
}

/* A new instance of its own by devpts' rules since Linux 4.7; no gid= because only mapped ids may be named. */
static int mount_devpts(void)
{
  static const struct fs_option options[] = {{"ptmxmode", "0666"}, {"mode", "0620"}};
  return fs_mount("devpts", options, 2, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NOEXEC);
}

static int fill_dev(struct helper *h, int dev, bool open)
{
  static const char *const directories[] = {"pts", "shm"};
  int result = 0;
  for (int i = 0; result >= 0 && i < DEVICE_COUNT; i++) {
    result = place_device(h, dev, i, open);
  }
  if (result < 0) {
    return result;
  }
  h->what = WIRE_WHAT_CREATE;
  for (unsigned i = 0; result >= 0 && i < sizeof device_links / sizeof device_links[0]; i++) {
    h->component = device_links[i].name;
    result = sys_symlinkat(device_links[i].text, dev, device_links[i].name);
  }
  for (unsigned i = 0; result >= 0 && i < sizeof directories / sizeof directories[0]; i++) {
    h->component = directories[i];
    result = sys_mkdirat(dev, directories[i], 0755);
  }
  if (result >= 0) {
    h->component = NULL;
  }
  return result;
}

/*
 * The tmpfs and the devices on it at once. mount_setattr(2) takes a mount that is detached or attached for good, none
 * inside a detached tree; where places are still to be made, the devices were sealed one by one, and the tmpfs will be.
 */
static int seal_dev(struct helper *h, int dev)
{
  h->what = WIRE_WHAT_FLAGS;
  return sys_mount_setattr(dev, "", WIRE_AT_EMPTY_PATH | WIRE_AT_RECURSIVE, &sealed);
}

/* What stays writable, over what is sealed. */
static int add_writable(struct helper *h, int dev, uint64_t shm_size)
{
  uint64_t flags = WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC;
  int result = attach_below(h, dev, "pts", mount_devpts());
  if (result >= 0) {
    int shm = tree_tmpfs(shm_size, 01777, flags, true);
    tree_own(h, shm); /* none where there is no mount */
    result = attach_below(h, dev, "shm", shm);
  }
  h->component = result < 0 ? h->component : NULL;
  return result;
}

/* Filled and sealed while detached where the kernel can attach to that, else in its place (Linux before 6.15). */
static int build_dev(struct helper *h, const struct wire_step *step, int dev)
{
  const struct wire_step_dev *body = (const void *)step;
  bool detached = h->run->kernel & WIRE_KERNEL_DETACHED;
  int result = detached ? 0 : tree_mount(h, step, dev);
  if (result >= 0) {
    result = fill_dev(h, dev, body->open);
  }
  if (result >= 0 && !body->open) {
    result = seal_dev(h, dev);
  }
  if (result >= 0) {
    result = add_writable(h, dev, body->size);
  }
  return result >= 0 && detached ? tree_mount(h, step, dev) : result;
}

int step_dev(struct helper *h, const struct wire_step *step)
{
  int dev = tree_tmpfs(65536, 0755, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC, false);
  if (dev < 0) {
    return dev;
  }
  tree_own(h, dev);
  int result = build_dev(h, step, dev);
  h->devs++;
  mount_done(h, step, dev);
  return result;
}

static int mount_proc(const struct wire_step_proc *body)
{
  static const char *const hidepid[] = {[WIRE_HIDEPID_OFF] = NULL,
                                        [WIRE_HIDEPID_NOACCESS] = "noaccess",
                                        [WIRE_HIDEPID_INVISIBLE] = "invisible",
                                        [WIRE_HIDEPID_PTRACEABLE] = "ptraceable"};
  const struct fs_option options[] = {{"hidepid", hidepid[body->hidepid]}, {"subset", body->subset ? "pid" : NULL}};
  return fs_mount("proc", options, 2, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC);
}

/* While the host's proc is still in view: the kernel grants a new one only where an unmasked one is visible. */
int step_proc(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_proc *body = (const void *)step;
  int proc = mount_proc(body);
  int result = proc < 0 ? proc : tree_mount(h, step, proc);
  if (result < 0) {
    return result;
  }
  if (strcmp(wire_str(h->plan, body->target.path), "/proc") != 0) {
    result = mount_covered(h, step, proc);
    mount_done(h, step, proc);
    return result;
  }
  h->proc = proc;
  if (!body->subset) {
    h->userns_limit = sys_openat(proc, "sys/user/max_user_namespaces", O_RDWR | O_CLOEXEC, 0);
  }
  return result;
}

/* Holds even if a payload's filter is replaced by a weaker one: no user namespace can be made inside at all. */
int step_userns_limit(struct helper *h, const struct wire_step *step)
{
  char seen[4] = {0};
  (void)step;
  if (h->userns_limit < 0) {
    return h->userns_limit;
  }
  long n = sys_write(h->userns_limit, "0", 1);
  if (n == 1) {
    h->what = WIRE_WHAT_READ_BACK;
    n = sys_call(SYS_pread64, h->userns_limit, sys_arg(seen), sizeof seen, 0, 0, 0);
  }
  sys_close(h->userns_limit);
  if (n < 0) {
    return (int)n;
  }
  return seen[0] == '0' && seen[1] == '\n' ? 0 : -EINVAL;
}
