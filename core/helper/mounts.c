/* Steps that put something at a place: directories, links, files, binds, tmpfs. Flags are set before anything is attached. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "helper.h"

#define NOT_THERE (-TREE_SKIP)

int step_dir(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_dir *body = (const void *)step;
  int place = tree_place(h, step, true);
  if (place < 0) {
    return place == NOT_THERE ? 0 : place;
  }
  if (!tree_may_make(h, place)) { /* it was there before, and its mode is the host's */
    sys_close(place);
    h->what = WIRE_WHAT_ON_HOST;
    return -EROFS;
  }
  h->what = WIRE_WHAT_CREATE;
  int fd = sys_openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  int result = fd < 0 ? fd : (int)sys_call(SYS_fchmod, fd, body->mode, 0, 0, 0, 0);
  if (fd >= 0) {
    sys_close(fd);
  }
  sys_close(place);
  return result;
}

static int make_link(struct helper *h, const char *path)
{
  char text[4096];
  const char *name;
  h->what = WIRE_WHAT_SOURCE;
  long n = sys_readlinkat(h->fd, "", text, sizeof text - 1);
  if (n < 0) {
    return (int)n;
  }
  text[n] = 0;
  int parent = tree_parent(h, path, &name);
  if (parent < 0) {
    return parent;
  }
  h->what = WIRE_WHAT_CREATE;
  int result = sys_symlinkat(text, parent, name);
  sys_close(parent);
  return result;
}

bool mount_holds(int mount, uint64_t attributes)
{
  static const struct {
    uint64_t attribute;
    unsigned flag;
  } rows[] = {{WIRE_MOUNT_ATTR_RDONLY, WIRE_ST_RDONLY},
              {WIRE_MOUNT_ATTR_NOSUID, WIRE_ST_NOSUID},
              {WIRE_MOUNT_ATTR_NODEV, WIRE_ST_NODEV},
              {WIRE_MOUNT_ATTR_NOEXEC, WIRE_ST_NOEXEC},
              {WIRE_MOUNT_ATTR_NOATIME, WIRE_ST_NOATIME}};
  struct statfs st;
  if (sys_fstatfs(mount, &st) < 0) {
    return false;
  }
  for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (attributes & rows[i].attribute && !((unsigned)st.f_flags & rows[i].flag)) {
      return false;
    }
  }
  return true;
}

/* The kind of access times is one value of several: all its bits are cleared where one is set (mount_setattr(2)). */
static int set_flags(struct helper *h, int mount, uint64_t attributes, uint64_t propagation)
{
  struct wire_mount_attr attr = {.attr_set = attributes,
                                 .attr_clr = attributes & WIRE_MOUNT_ATTR_NOATIME ? WIRE_MOUNT_ATTR_ATIME : 0,
                                 .propagation = propagation};
  h->what = WIRE_WHAT_FLAGS;
  int result = sys_mount_setattr(mount, "", WIRE_AT_RECURSIVE | WIRE_AT_EMPTY_PATH, &attr);
  if (result >= 0 && !mount_holds(mount, attributes)) {
    h->what = WIRE_WHAT_READ_BACK;
    result = -EPERM;
  }
  if (result >= 0 && !(attributes & WIRE_MOUNT_ATTR_RDONLY) && mount_holds(mount, WIRE_MOUNT_ATTR_RDONLY)) {
    h->what = WIRE_WHAT_READ_ONLY;
    result = -EROFS;
  }
  return result;
}

int mount_harden(struct helper *h, int mount, uint64_t attributes)
{
  return set_flags(h, mount, attributes, WIRE_MS_PRIVATE);
}

void mount_done(struct helper *h, const struct wire_step *step, int mount)
{
  if (step->flags & WIRE_KEEP) {
    h->mount = mount;
  } else {
    sys_close(mount);
  }
}

/* Below this place, and a mask that came with it; a rule of the caller's own is about what shows there. */
static bool is_own_mask(const struct helper *h, const struct wire_step *step, const char *at)
{
  size_t len = strlen(at);
  bool covers = step->code == WIRE_STEP_MASK || step->code == WIRE_STEP_READ_ONLY;
  const char *path = covers ? wire_str(h->plan, wire_step_target(step)->path) : "";
  return covers && step->flags & WIRE_DEFAULTED && strncmp(path, at, len) == 0 && path[len] == '/';
}

/*
 * A mount of the kernel's own has its masks right behind it. They are placed from the mount itself: a name on the way to it
 * may be somebody else's to change, and would then lead them past it.
 */
int mount_covered(struct helper *h, const struct wire_step *step, int mount)
{
  const char *at = wire_str(h->plan, wire_step_target(step)->path);
  if (h->number + 1 >= h->plan->steps_n || !is_own_mask(h, wire_step_next(step), at)) {
    return 0;
  }
  if (h->covered >= 0) {
    sys_close(h->covered);
  }
  h->covered = sys_fcntl(mount, F_DUPFD_CLOEXEC, WIRE_FD_FIRST_FREE);
  h->covered_at = at;
  return h->covered < 0 ? h->covered : 0;
}

static int put_file(struct helper *h, const struct wire_step *step, int mount)
{
  int place = tree_place(h, step, false);
  if (place < 0) {
    return place;
  }
  int result = tree_attach(h, mount, place);
  sys_close(place);
  return result;
}

/* Attaches the step's source, whose flags are set; the descriptor is spent. */
static int attach_source(struct helper *h, const struct wire_step *step, bool directory)
{
  int result = directory ? tree_mount(h, step, h->fd) : put_file(h, step, h->fd);
  if (result >= 0) {
    result = mount_covered(h, step, h->fd);
  }
  mount_done(h, step, h->fd);
  return result == NOT_THERE ? 0 : result;
}

/* What the source is; a device only where the step says that devices may stand there. */
static int type_of_source(struct helper *h, bool devices, bool *directory)
{
  struct stat st;
  h->what = WIRE_WHAT_SOURCE_TYPE;
  if (sys_fstat(h->fd, &st) < 0 || (!devices && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))) {
    return -ENODEV;
  }
  *directory = S_ISDIR(st.st_mode);
  return 0;
}

int step_bind(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_bind *body = (const void *)step;
  bool directory;
  if (h->fd < 0) {
    return 0;
  }
  int result = type_of_source(h, body->devices, &directory);
  if (result >= 0) {
    result = set_flags(h, h->fd, body->attr_set, body->propagation ? body->propagation : WIRE_MS_PRIVATE);
  }
  if (result >= 0 && body->devices && mount_holds(h->fd, WIRE_MOUNT_ATTR_NODEV)) {
    h->what = WIRE_WHAT_NO_DEVICES;
    result = -EPERM;
  }
  if (result < 0) {
    sys_close(h->fd);
    return result;
  }
  return attach_source(h, step, directory);
}

/* Part of the system base: a link on the host is a link inside, a directory (no merged /usr) is bound read-only. */
int step_link(struct helper *h, const struct wire_step *step)
{
  struct stat st;
  bool directory;
  h->what = WIRE_WHAT_SOURCE;
  if (h->fd < 0) {
    return 0;
  }
  if (sys_fstat(h->fd, &st) < 0) {
    return -EBADF;
  }
  if (S_ISLNK(st.st_mode)) {
    return make_link(h, wire_str(h->plan, wire_step_target(step)->path));
  }
  int result = type_of_source(h, false, &directory);
  if (result >= 0) {
    result = mount_harden(h, h->fd, WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV);
  }
  return result < 0 ? result : attach_source(h, step, directory);
}

int step_file(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_file *body = (const void *)step;
  const struct wire_text *data = wire_text_at(h->plan, body->data);
  const char *name;
  int parent = tree_parent(h, wire_str(h->plan, body->target.path), &name);
  if (parent < 0) {
    return parent;
  }
  h->what = WIRE_WHAT_CREATE;
  int fd = sys_openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, body->mode);
  sys_close(parent);
  if (fd < 0) {
    return fd;
  }
  long n = sys_write(fd, data->bytes, data->len);
  sys_close(fd);
  return n == (long)data->len ? 0 : n < 0 ? (int)n : -ENOSPC;
}

int step_tmpfs(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_tmpfs *body = (const void *)step;
  if (step->flags & WIRE_DEFAULTED) { /* absent more often than not: looked for before a file system is made */
    int place = tree_place(h, step, true);
    if (place < 0) {
      return place == NOT_THERE ? 0 : place;
    }
    sys_close(place);
  }
  h->what = WIRE_WHAT_STEP;
  uint64_t inodes = body->inodes || !body->size ? body->inodes : tree_inodes(body->size);
  int mount = tree_tmpfs_of(body->size, inodes, body->mode, body->attr_set);
  if (mount < 0) {
    return mount;
  }
  tree_own(h, mount);
  int result = tree_mount(h, step, mount);
  mount_done(h, step, mount);
  return result;
}

#define MASK_FILE "file"
#define MASK_DIRECTORY "directory"

/*
 * One read-only tmpfs with an unreadable file and an unreadable directory; each mask is a copy of one of them. It stands
 * over the old /dev, whose devices are open by now, and goes with the old root: the end of a detached mount would cost a
 * grace period of the kernel's own.
 */
int mask_prepare(struct helper *h)
{
  static const struct wire_mount_attr attr = {.attr_set = WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID |
                                                          WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC};
  if (h->mask >= 0) {
    return 0;
  }
  h->what = WIRE_WHAT_STEP;
  int mount = tree_tmpfs(65536, 0755, 0, false);
  if (mount < 0) {
    return mount;
  }
  int result = (int)sys_call(SYS_mknodat, mount, sys_arg(MASK_FILE), S_IFREG, 0, 0, 0);
  if (result >= 0) {
    result = sys_mkdirat(mount, MASK_DIRECTORY, 0);
  }
  if (result >= 0) {
    h->what = WIRE_WHAT_FLAGS;
    result = sys_mount_setattr(mount, "", WIRE_AT_EMPTY_PATH, &attr);
  }
  if (result >= 0) {
    h->what = WIRE_WHAT_ATTACH;
    result = sys_move_mount(mount, AT_FDCWD, "/dev", WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  }
  h->mask = result < 0 ? -1 : mount;
  return result;
}

/*
 * Where a step's target is resolved from: entries of the sandbox's own proc, and of another mount whose masks these are, by
 * its descriptor, all else from the root. An entry directly below such a mount needs no careful resolution: it is the
 * kernel's own, and no link.
 */
struct spot {
  int dir;
  const char *name;
  bool plain;
};

static struct spot spot_of(struct helper *h, const struct wire_step *step)
{
  const char *path = wire_str(h->plan, wire_step_target(step)->path);
  int dir = -1;
  if (h->proc >= 0 && strncmp(path, "/proc/", 6) == 0) {
    dir = h->proc;
    path += 6;
  } else if (h->covered >= 0 && is_own_mask(h, step, h->covered_at)) {
    dir = h->covered;
    path += strlen(h->covered_at) + 1;
  }
  return dir < 0 ? (struct spot){h->root, path + 1, false} : (struct spot){dir, path, !strchr(path, '/')};
}

/* What is at the spot, and its descriptor in *fd (-1: a plain one needs none). -ENOENT when there is nothing. */
static int look_at(const struct spot *spot, struct stat *st, int *fd)
{
  *fd = -1;
  if (spot->plain) {
    return sys_fstatat(spot->dir, spot->name, st, AT_SYMLINK_NOFOLLOW);
  }
  *fd = sys_openat2(spot->dir, spot->name, O_PATH | O_NOFOLLOW | O_CLOEXEC,
                    WIRE_RESOLVE_IN_ROOT | WIRE_RESOLVE_NO_MAGICLINKS);
  return *fd < 0 ? *fd : sys_fstat(*fd, st);
}

static void let_go(int fd)
{
  if (fd >= 0) {
    sys_close(fd);
  }
}

/*
 * Absent: made on the sandbox's own tmpfs (1), skipped where nothing can appear, skipped and said, or refused; so too where
 * a link led to what is not the sandbox's own.
 */
static int mask_absent(struct helper *h, const struct wire_step *step)
{
  const char *path = wire_str(h->plan, wire_step_target(step)->path);
  int made = step->flags & WIRE_CREATE ? tree_make(h, path, true) : -ENOENT;
  let_go(made);
  if (made != -ENOENT) {
    return made < 0 ? made : 1;
  }
  if (step->flags & WIRE_IF_MISSING_IGNORE) {
    h->run->verdict.skipped |= 1ull << WIRE_DENIED_PATHS;
    return 0;
  }
  if (step->flags & (WIRE_OPTIONAL | WIRE_DEFAULTED)) {
    return 0;
  }
  h->what = WIRE_WHAT_TARGET_MISSING;
  return -ENOENT;
}

/* Looks once more: what is there now must be the mask object itself. */
static int mask_holds(struct helper *h, const struct spot *spot, int mount)
{
  struct stat wanted;
  struct stat seen;
  int fd;
  h->what = WIRE_WHAT_READ_BACK;
  int result = look_at(spot, &seen, &fd);
  if (result >= 0) {
    result = sys_fstat(mount, &wanted);
  }
  let_go(fd);
  if (result < 0) {
    return result;
  }
  return wanted.st_dev == seen.st_dev && wanted.st_ino == seen.st_ino ? 0 : -EBUSY;
}

static int mask_attach(struct helper *h, const struct spot *spot, int place, int mount)
{
  h->what = WIRE_WHAT_ATTACH;
  return spot->plain ? sys_move_mount(mount, spot->dir, spot->name, WIRE_MOVE_MOUNT_F_EMPTY_PATH)
                     : tree_attach(h, mount, place);
}

static int mask_spot(struct helper *h, const struct spot *spot, int place, bool directory)
{
  int result = mask_prepare(h);
  if (result < 0) {
    return result;
  }
  h->what = WIRE_WHAT_CLONE_TREE;
  int mount = sys_open_tree(h->mask, directory ? MASK_DIRECTORY : MASK_FILE, WIRE_OPEN_TREE_CLONE | O_CLOEXEC);
  if (mount < 0) {
    return mount;
  }
  result = mask_attach(h, spot, place, mount);
  if (result >= 0) {
    result = mask_holds(h, spot, mount);
  }
  sys_close(mount);
  return result;
}

int step_mask(struct helper *h, const struct wire_step *step)
{
  struct spot spot = spot_of(h, step);
  struct stat st;
  int place;
  h->what = WIRE_WHAT_TARGET;
  int result = look_at(&spot, &st, &place);
  if (result == -ENOTDIR && step->flags & WIRE_IF_MISSING_IGNORE) { /* what stands above it is a file */
    h->run->verdict.skipped |= 1ull << WIRE_DENIED_PATHS;
    return 0;
  }
  if (result == -ENOENT) {
    result = mask_absent(h, step);
    if (result <= 0) {
      return result;
    }
    result = look_at(&spot, &st, &place);
  }
  if (result >= 0 && S_ISLNK(st.st_mode)) {
    h->what = WIRE_WHAT_TARGET_LINK;
    result = -ELOOP;
  }
  if (result >= 0) {
    result = mask_spot(h, &spot, place, S_ISDIR(st.st_mode));
  }
  let_go(place);
  return result;
}

/* By name for the kernel's own entries, which are never links; else by descriptor. -ENOENT: there is none. */
static int read_only_spot(struct helper *h, const struct spot *spot, int place)
{
  unsigned flags = WIRE_OPEN_TREE_CLONE | WIRE_AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | O_CLOEXEC;
  h->what = WIRE_WHAT_CLONE_TREE;
  int mount =
      place < 0 ? sys_open_tree(spot->dir, spot->name, flags) : sys_open_tree(place, "", flags | WIRE_AT_EMPTY_PATH);
  if (mount < 0) {
    return mount;
  }
  int result = mount_harden(h, mount, WIRE_MOUNT_ATTR_RDONLY);
  if (result >= 0) {
    h->what = WIRE_WHAT_ATTACH;
    result = place < 0 ? sys_move_mount(mount, spot->dir, spot->name, WIRE_MOVE_MOUNT_F_EMPTY_PATH)
                       : tree_attach(h, mount, place);
  }
  sys_close(mount);
  return result;
}

/*
 * The set-up keeps a writable root closed; what is asked for as writable opens here, and no mount that stands on it. What
 * holds the way to a rule has the flags that its outer mount has in the end, and takes none from what that is now.
 */
static int harden_self(struct helper *h, int mount, uint64_t attributes, bool way)
{
  uint64_t own =
      way ? WIRE_MOUNT_ATTR_NOEXEC | (attributes & WIRE_MOUNT_ATTR_NOATIME ? 0u : WIRE_MOUNT_ATTR_ATIME) : 0u;
  const struct wire_mount_attr opened = {.attr_clr = (WIRE_MOUNT_ATTR_RDONLY & ~attributes) | own};
  h->what = WIRE_WHAT_FLAGS;
  int result = opened.attr_clr ? sys_mount_setattr(mount, "", WIRE_AT_EMPTY_PATH, &opened) : 0;
  return result < 0 ? result : mount_harden(h, mount, attributes);
}

int step_self_bind(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_self_bind *body = (const void *)step;
  const struct spot spot = {h->root, wire_str(h->plan, body->target.path) + 1, false};
  struct stat st;
  int place;
  h->what = WIRE_WHAT_TARGET;
  int result = look_at(&spot, &st, &place);
  if (result == -ENOENT) {
    h->what = WIRE_WHAT_TARGET_MISSING;
    return step->flags & (WIRE_OPTIONAL | WIRE_DEFAULTED) ? 0 : result;
  }
  if (result >= 0 && S_ISLNK(st.st_mode)) {
    h->what = WIRE_WHAT_TARGET_LINK;
    result = -ELOOP;
  }
  if (result < 0) {
    let_go(place);
    return result;
  }
  h->what = WIRE_WHAT_CLONE_TREE;
  int mount = sys_open_tree(place, "", WIRE_OPEN_TREE_CLONE | WIRE_AT_EMPTY_PATH | O_CLOEXEC);
  result = mount < 0 ? mount : harden_self(h, mount, body->attr_set, step->flags & WIRE_DEFAULTED);
  if (result >= 0) {
    result = tree_attach(h, mount, place);
  }
  let_go(mount);
  let_go(place);
  return result;
}

/* A place bound onto itself, read-only with all below (proc's sys). */
int step_read_only(struct helper *h, const struct wire_step *step)
{
  struct spot spot = spot_of(h, step);
  int place = -1;
  int result = 0;
  if (!spot.plain) {
    h->what = WIRE_WHAT_TARGET;
    place = sys_openat2(spot.dir, spot.name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC,
                        WIRE_RESOLVE_IN_ROOT | WIRE_RESOLVE_NO_MAGICLINKS);
    result = place < 0 ? place : 0;
  }
  if (result >= 0) {
    result = read_only_spot(h, &spot, place);
  }
  let_go(place);
  return result == -ENOENT && step->flags & WIRE_DEFAULTED ? 0 : result;
}

int step_seal(struct helper *h, const struct wire_step *step)
{
  static const struct wire_mount_attr attr = {.attr_set = WIRE_MOUNT_ATTR_RDONLY};
  int place = tree_place(h, step, true);
  if (place < 0) {
    return place;
  }
  h->what = WIRE_WHAT_FLAGS;
  int result = sys_mount_setattr(place, "", WIRE_AT_EMPTY_PATH, &attr);
  sys_close(place);
  return result;
}
