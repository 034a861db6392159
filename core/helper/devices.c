/* /dev and /proc: the minimal device set, the new proc, and the last word on nested user namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
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

/* Devices cannot be made in a user namespace: copies of the host's own nodes, taken with the sources, are attached. */
static int place_device(struct helper *h, int dev, int index)
{
  const char *name = device_names[index];
  h->component = name;
  h->what = WIRE_WHAT_CREATE;
  int result = (int)sys_call(SYS_mknodat, dev, sys_arg(name), S_IFREG | 0666, 0, 0, 0);
  if (result >= 0) {
    h->what = WIRE_WHAT_ATTACH;
    result = sys_move_mount(h->devices[index], dev, name, WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  }
  sys_close(h->devices[index]);
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
  int context = sys_fsopen("devpts");
  if (context < 0) {
    return context;
  }
  int result = sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, "ptmxmode", "0666");
  if (result >= 0) {
    result = sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, "mode", "0620");
  }
  if (result >= 0) {
    result = sys_fsconfig(context, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL);
  }
  if (result >= 0) {
    result = sys_fsmount(context, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NOEXEC);
  }
  sys_close(context);
  return result;
}

static int fill_dev(struct helper *h, int dev)
{
  static const char *const directories[] = {"pts", "shm"};
  int result = 0;
  for (int i = 0; result >= 0 && i < DEVICE_COUNT; i++) {
    result = place_device(h, dev, i);
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
 * The tmpfs and the devices on it: read-only, so that nobody changes times or modes of the host's nodes (writing to a
 * device is no matter of its mount). mount_setattr(2) takes a mount that is detached or attached for good, none inside a
 * detached tree.
 */
static int seal_dev(struct helper *h, int dev)
{
  static const struct wire_mount_attr all = {.attr_set = WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID |
                                                         WIRE_MOUNT_ATTR_NOEXEC,
                                             .propagation = WIRE_MS_PRIVATE};
  h->what = WIRE_WHAT_FLAGS;
  return sys_mount_setattr(dev, "", WIRE_AT_EMPTY_PATH | WIRE_AT_RECURSIVE, &all);
}

/* What stays writable, over what is sealed. */
static int add_writable(struct helper *h, int dev, uint64_t shm_size)
{
  uint64_t flags = WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC;
  int result = attach_below(h, dev, "pts", mount_devpts());
  if (result >= 0) {
    result = attach_below(h, dev, "shm", tree_tmpfs(shm_size, 01777, flags, true));
  }
  h->component = result < 0 ? h->component : NULL;
  return result;
}

/* Filled and sealed while detached where the kernel can attach to that, else in its place (Linux before 6.15). */
static int build_dev(struct helper *h, const struct wire_step *step, int dev)
{
  bool detached = h->run->kernel & WIRE_KERNEL_DETACHED;
  int result = detached ? 0 : tree_mount(h, step, dev);
  if (result >= 0) {
    result = fill_dev(h, dev);
  }
  if (result >= 0) {
    result = seal_dev(h, dev);
  }
  if (result >= 0) {
    result = add_writable(h, dev, ((const struct wire_step_place *)(const void *)step)->size);
  }
  return result >= 0 && detached ? tree_mount(h, step, dev) : result;
}

int step_dev(struct helper *h, const struct wire_step *step)
{
  int dev = tree_tmpfs(65536, 0755, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC, false);
  if (dev < 0) {
    return dev;
  }
  int result = build_dev(h, step, dev);
  sys_close(dev);
  return result;
}

static int mount_proc(void)
{
  int context = sys_fsopen("proc");
  if (context < 0) {
    return context;
  }
  int result = sys_fsconfig(context, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL);
  if (result >= 0) {
    result = sys_fsmount(context, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC);
  }
  sys_close(context);
  return result;
}

/* While the host's proc is still in view: the kernel grants a new one only where an unmasked one is visible. */
int step_proc(struct helper *h, const struct wire_step *step)
{
  h->proc = mount_proc();
  int result = h->proc < 0 ? h->proc : tree_mount(h, step, h->proc);
  if (result >= 0) {
    h->userns_limit = sys_openat(h->proc, "sys/user/max_user_namespaces", O_RDWR | O_CLOEXEC, 0);
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
