/*
 * The source phase: as the caller, every host object that the plan names is opened in plan order, and its mounts are
 * copied while the host's tree is as the caller sees it. From the identity step on nothing on the host is resolved any
 * more, and nothing that the set-up attaches can show through a rule.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../wire/maps.h"
#include "helper.h"

static const char *const device_paths[DEVICE_COUNT] = {
    [DEVICE_NULL] = "/dev/null",     [DEVICE_ZERO] = "/dev/zero",       [DEVICE_FULL] = "/dev/full",
    [DEVICE_RANDOM] = "/dev/random", [DEVICE_URANDOM] = "/dev/urandom", [DEVICE_TTY] = "/dev/tty",
};

/* May the object itself be a link: its own text is wanted, or none may be followed below another source. */
static bool may_be_link(const struct wire_step *step, const struct wire_source *source)
{
  return step->code == WIRE_STEP_LINK || source->base != 0;
}

static uint64_t open_flags(const struct wire_step *step, const struct wire_source *source)
{
  return O_PATH | O_CLOEXEC | (may_be_link(step, source) ? O_NOFOLLOW : 0u);
}

int sources_descriptor(const struct helper *h, int number)
{
  const struct wire_fd_entry *entries = (const void *)((const char *)h->run + h->run->fds_off);
  for (uint32_t i = 0; i < h->run->fds_n; i++) {
    if (entries[i].target == number || entries[i].target == ~number) {
      return entries[i].at;
    }
  }
  return -EBADF;
}

/* The path that the kernel knows for it; what has none (a pipe) or lies out of sight is called otherwise than "/...". */
int source_path(int fd, char path[HELPER_PATH_SIZE])
{
  char link[40] = "/proc/self/fd/";
  wire_decimal(link + strlen(link), (uint64_t)fd);
  long n = sys_readlinkat(AT_FDCWD, link, path, HELPER_PATH_SIZE);
  if (n < 0) {
    return (int)n;
  }
  if (n == HELPER_PATH_SIZE) {
    return -ENAMETOOLONG;
  }
  path[n] = 0;
  return path[0] == '/' ? 0 : -ENOENT;
}

static bool is_same(int a, int b)
{
  struct stat one;
  struct stat other;
  return sys_fstat(a, &one) == 0 && sys_fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

/*
 * The caller's descriptor is on a mount of the caller's mount namespace, and this one has copies of them: of those alone
 * can be bound (open_tree(2) answers EINVAL for others). So the object is opened once more by its path, and whatever
 * happens to the path meanwhile, it is the same object or an error.
 */
static int open_descriptor(struct helper *h, int number)
{
  char path[HELPER_PATH_SIZE];
  h->what = WIRE_WHAT_DESCRIPTOR;
  int at = sources_descriptor(h, number);
  int result = at < 0 ? at : source_path(at, path);
  int fd =
      result < 0 ? result : sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC | O_NOFOLLOW, WIRE_RESOLVE_NO_MAGICLINKS);
  if (fd >= 0 && !is_same(fd, at)) {
    sys_close(fd);
    return -ESTALE;
  }
  return fd;
}

static int open_object(struct helper *h, const struct wire_step *step, const struct wire_source *source)
{
  const char *path = wire_str(h->plan, source->path);
  if (wire_source_fd(source) >= 0) {
    return open_descriptor(h, wire_source_fd(source));
  }
  if (source->base == 0) {
    return sys_openat2(AT_FDCWD, path, open_flags(step, source), WIRE_RESOLVE_NO_MAGICLINKS);
  }
  int base = h->bases[source->base - 1];
  return base < 0
             ? -ENOENT
             : sys_openat2(base, path, open_flags(step, source), WIRE_RESOLVE_IN_ROOT | WIRE_RESOLVE_NO_MAGICLINKS);
}

static int map_tree(struct helper *h, int tree, uint32_t idmap)
{
  int result = idmap_apply(h, tree, idmap);
  if (result < 0) {
    sys_close(tree);
  }
  return result < 0 ? result : tree;
}

/*
 * In a user namespace of its own the kernel makes no overlay over a directory with mounts below it, because what they cover
 * would show. Elsewhere it makes one, and says nothing.
 */
static int check_layer(struct helper *h, int fd)
{
  return h->run->flags & (WIRE_RUN_HOST_USER | WIRE_RUN_JOINED_USER) ? mounts_inside(h, fd) : 0;
}

static bool becomes_layer(const struct wire_step *step)
{
  return step->code == WIRE_STEP_LAYER ||
         (step->code == WIRE_STEP_ROOT &&
          ((const struct wire_step_root *)(const void *)step)->kind == WIRE_ROOT_DISCARD);
}

/* The descriptor that the step will work with: a link's or layer's own, else a copy of the mounts at the object. */
static int take_object(struct helper *h, const struct wire_step *step, const struct wire_source *source, int fd)
{
  struct stat st;
  bool layer = step->code == WIRE_STEP_LAYER;
  bool directory = layer || step->code == WIRE_STEP_ROOT;
  if (directory || may_be_link(step, source)) {
    h->what = WIRE_WHAT_SOURCE_TYPE;
    if (sys_fstat(fd, &st) < 0) {
      return -EBADF;
    }
    if (S_ISLNK(st.st_mode)) {
      return step->code == WIRE_STEP_LINK ? fd : -ELOOP;
    }
    if (directory && !S_ISDIR(st.st_mode)) {
      return -ENOTDIR;
    }
  }
  int result = becomes_layer(step) ? check_layer(h, fd) : 0;
  if (layer || result < 0) {
    return result < 0 ? result : fd;
  }
  h->what = WIRE_WHAT_CLONE_TREE;
  bool flat = step->code == WIRE_STEP_BIND && ((const struct wire_step_bind *)(const void *)step)->flat;
  int tree =
      sys_open_tree(fd, "", WIRE_OPEN_TREE_CLONE | WIRE_AT_EMPTY_PATH | O_CLOEXEC | (flat ? 0u : WIRE_AT_RECURSIVE));
  return tree < 0 || !source->idmap ? tree : map_tree(h, tree, source->idmap);
}

static int open_source(struct helper *h, const struct wire_step *step, const struct wire_source *source)
{
  uint32_t number = h->source++;
  h->sources[number] = h->bases[number] = -1;
  h->what = WIRE_WHAT_SOURCE;
  int fd = open_object(h, step, source);
  if ((fd == -ENOENT || fd == -ENOTDIR) && step->flags & (WIRE_OPTIONAL | WIRE_DEFAULTED)) {
    return 0;
  }
  int taken = fd < 0 ? fd : take_object(h, step, source, fd);
  h->sources[number] = taken;
  if (taken >= 0 && taken != fd && step->flags & WIRE_BASE) {
    h->bases[number] = fd;
  } else if (fd >= 0 && taken != fd) {
    sys_close(fd);
  }
  return taken;
}

/*
 * Whoever made a joined mount namespace chose what stands in its /dev: a disk called null would be written to by everybody
 * who means to throw something away. (In the caller's own namespace /dev is as good as the caller's own trust in it.)
 */
static bool is_device(int fd, int index)
{
  /* null(4), random(4), tty(4): major 1, the terminal's 5; the kernel's encoding of small numbers (makedev(3)). */
  static const dev_t numbers[DEVICE_COUNT] = {
      [DEVICE_NULL] = 0x103,   [DEVICE_ZERO] = 0x105,    [DEVICE_FULL] = 0x107,
      [DEVICE_RANDOM] = 0x108, [DEVICE_URANDOM] = 0x109, [DEVICE_TTY] = 0x500,
  };
  struct stat st = {.st_mode = 0};
  return sys_fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == numbers[index];
}

static int open_devices(struct helper *h)
{
  int *set = h->devices[h->devs++];
  h->what = WIRE_WHAT_SOURCE;
  for (int i = 0; i < DEVICE_COUNT; i++) {
    h->component = device_paths[i];
    set[i] = sys_open_tree(AT_FDCWD, device_paths[i], WIRE_OPEN_TREE_CLONE | O_CLOEXEC);
    if (set[i] < 0) {
      return set[i];
    }
    if (h->proc_dir >= 0 && !is_device(set[i], i)) {
      h->what = WIRE_WHAT_SOURCE_TYPE;
      return -ENODEV;
    }
  }
  h->component = NULL;
  return 0;
}

/*
 * The limit belongs to the user namespace of who opens it, not to the proc it is found in: without a proc of the
 * sandbox's own the host's serves as well.
 */
static int open_userns_limit(struct helper *h)
{
  h->what = WIRE_WHAT_SOURCE;
  h->component = "/proc/sys/user/max_user_namespaces";
  h->userns_limit = helper_proc(h, "sys/user/max_user_namespaces", O_RDWR);
  return h->userns_limit < 0 && !h->step->best_effort ? h->userns_limit : 0;
}

/*
 * A mount namespace of the same user namespace stays a peer of the host's where mounts are shared: what is attached here
 * would appear there (mount_namespaces(7)). A new user namespace has this from the kernel, as a slave; and a slave it must
 * be where a bind follows the host.
 */
static int part_from_host(struct helper *h)
{
  struct wire_mount_attr attr = {.propagation = h->follows ? WIRE_MS_SLAVE : WIRE_MS_PRIVATE};
  h->what = WIRE_WHAT_FLAGS;
  return h->run->flags & (WIRE_RUN_HOST_USER | WIRE_RUN_JOINED_USER)
             ? sys_mount_setattr(AT_FDCWD, "/", WIRE_AT_RECURSIVE, &attr)
             : 0;
}

/* Places are made over what a directory of the host has, its links among them, which may lead anywhere. */
static bool makes_among_links(const struct wire_step *step)
{
  const struct wire_step_root *body = (const void *)step;
  return step->code == WIRE_STEP_ROOT && body->kind != WIRE_ROOT_TMPFS && body->size;
}

/* What has to be known before the first source is opened. */
static int survey(struct helper *h)
{
  bool listed = false;
  const struct wire_step *step = wire_step_first(h->plan);
  for (uint32_t i = 0; i < h->plan->steps_n; i++, step = wire_step_next(step)) {
    listed = listed || wire_step_item(step) >= 0 || step->flags & WIRE_KEEP || makes_among_links(step);
    h->follows = h->follows || (step->code == WIRE_STEP_BIND &&
                                ((const struct wire_step_bind *)(const void *)step)->propagation == WIRE_MS_SLAVE);
  }
  if (listed) {
    long at = sys_mmap(sizeof *h->list, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (at < 0 && at > -4096) {
      h->what = WIRE_WHAT_SOURCE;
      return (int)at;
    }
    h->list = (struct mount_list *)(uintptr_t)at;
    h->list->self = -1;
  }
  return 0;
}

/* proc of the sandbox's own, with everything in it. */
static bool is_whole_proc(const struct helper *h, const struct wire_step *step)
{
  const struct wire_step_proc *body = (const void *)step;
  return step->code == WIRE_STEP_PROC && strcmp(wire_str(h->plan, body->target.path), "/proc") == 0 && !body->subset;
}

/* Whoever is not of this turn keeps what the other one gave it. */
static int open_in_turn(struct helper *h, const struct wire_step *step, const struct wire_source *source, bool mapped)
{
  if ((source->idmap != 0) != mapped) {
    h->source++;
    return 0;
  }
  return open_source(h, step, source);
}

/* What is no host object that the plan names, and opened in the sandbox's own namespaces. */
static int open_other(struct helper *h, const struct wire_step *step, bool own_proc)
{
  if (step->code == WIRE_STEP_DEV) {
    return open_devices(h);
  }
  if (step->code == WIRE_STEP_REMOUNT) {
    return ((const struct wire_step_remount *)(const void *)step)->propagation ? propagation_prepare(h) : 0;
  }
  return step->code == WIRE_STEP_USERNS_LIMIT && !own_proc ? open_userns_limit(h) : 0;
}

int sources_open(struct helper *h, bool mapped)
{
  const struct wire_step *step = wire_step_first(h->plan);
  bool own_proc = false, parted = false;
  int result = survey(h);
  for (h->number = 0; result >= 0 && h->number < h->plan->steps_n; h->number++, step = wire_step_next(step)) {
    const struct wire_source *source = wire_step_source(step);
    h->step = step;
    own_proc = own_proc || is_whole_proc(h, step);
    if (!mapped && !parted && (step->code == WIRE_STEP_ROOT || step->code == WIRE_STEP_LAYER)) {
      parted = true;
      if ((result = part_from_host(h)) < 0) {
        return result;
      }
    }
    if (source) {
      result = open_in_turn(h, step, source, mapped);
    } else if (!mapped) {
      result = open_other(h, step, own_proc);
    }
    if (result < 0) {
      return result;
    }
  }
  h->source = 0;
  h->devs = 0;
  return 0;
}
