/*
 * Places below the new root: resolving, making, attaching. Everything is resolved with RESOLVE_IN_ROOT from the new root's
 * own descriptor, so that no link in a hostile root leads out, and a last component that is a link is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "../wire/maps.h"
#include "helper.h"

#define PATH_SIZE 4096

/* Resolves a place as it will be inside; links that the sandbox's own base placed (/bin) are followed on the way. */
static int open_below(struct helper *h, const char *path, uint64_t flags)
{
  return sys_openat2(h->root, path[1] ? path + 1 : ".", O_PATH | O_CLOEXEC | flags,
                     WIRE_RESOLVE_IN_ROOT | WIRE_RESOLVE_NO_MAGICLINKS);
}

/* Why a place is not what was wanted: gone, a link at its end, or of the other type. */
static int wrong_type(struct helper *h, const char *path, bool directory)
{
  struct stat st;
  int fd = open_below(h, path, O_NOFOLLOW);
  if (fd < 0) {
    return fd;
  }
  int found = sys_fstat(fd, &st);
  sys_close(fd);
  if (found == 0 && S_ISLNK(st.st_mode)) {
    h->what = WIRE_WHAT_TARGET_LINK;
    return -ELOOP;
  }
  h->what = WIRE_WHAT_TARGET_TYPE;
  return directory ? -ENOTDIR : -EISDIR;
}

/* Opens what is there; a link at the end or the wrong type is an error of its own. */
int tree_open(struct helper *h, const char *path, bool directory)
{
  struct stat st;
  h->what = WIRE_WHAT_TARGET;
  int fd = open_below(h, path, O_NOFOLLOW | (directory ? O_DIRECTORY : 0));
  if (fd == -ENOTDIR && directory) {
    return wrong_type(h, path, directory);
  }
  if (fd < 0 || directory) {
    return fd;
  }
  if (sys_fstat(fd, &st) != 0 || S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode)) {
    sys_close(fd);
    return wrong_type(h, path, directory);
  }
  return fd;
}

void tree_own(struct helper *h, int mount)
{
  struct stat st;
  if (h->list && h->list->own_n < WIRE_STEPS_MAX && sys_fstat(mount, &st) == 0) {
    h->list->own[h->list->own_n++] = st.st_dev;
  }
}

/*
 * With an ordered list of mounts, or changes of a root that are discarded, no place says by itself what it lies on: a link
 * of an entry's or the root's own may lead into what another one shows of the host. So the file system of the directory
 * itself is looked at, and only our own will do.
 */
bool tree_may_make(struct helper *h, int parent)
{
  if (!h->list) {
    return true;
  }
  struct stat st = {.st_dev = 0};
  if (sys_fstat(parent, &st) < 0) {
    return false;
  }
  uint32_t i = 0;
  while (i < h->list->own_n && h->list->own[i] != st.st_dev) {
    i++;
  }
  return i < h->list->own_n;
}

/* Makes one component in an opened parent; one that is there already is fine. What may not be made will be missed. */
static int make_one(struct helper *h, int parent, const char *name, bool directory)
{
  int fd = 0;
  if (!tree_may_make(h, parent)) {
    return 0;
  }
  if (directory) {
    fd = sys_mkdirat(parent, name, 0755);
  } else {
    fd = sys_openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
  }
  if (fd > 0) {
    sys_close(fd);
  }
  return fd < 0 && fd != -EEXIST ? fd : 0;
}

/* Makes the last component of path, a writable copy, in its parent; -ENOENT when that is not there either. */
static int make_last(struct helper *h, char *path, bool directory)
{
  char *slash = strrchr(path, '/');
  if (slash == path) {
    return make_one(h, h->root, path + 1, directory);
  }
  *slash = 0;
  int parent = open_below(h, path, O_DIRECTORY);
  *slash = '/';
  int result = parent < 0 ? parent : make_one(h, parent, slash + 1, directory);
  if (parent >= 0) {
    sys_close(parent);
  }
  return result;
}

/* The whole way from the root, each missing component in turn. */
static int make_parents(struct helper *h, char *path, bool directory)
{
  int result = 0;
  for (char *end = path; result >= 0 && *end;) {
    end = strchr(end + 1, '/');
    end = end ? end : path + strlen(path);
    char saved = *end;
    *end = 0;
    result = make_last(h, path, saved || directory);
    *end = saved;
  }
  return result;
}

int tree_make(struct helper *h, const char *path, bool directory)
{
  char copy[PATH_SIZE];
  if (strlen(path) >= sizeof copy) {
    return -ENAMETOOLONG;
  }
  strcpy(copy, path);
  int result = path[1] ? make_last(h, copy, directory) : 0;
  if (result == -ENOENT) {
    result = make_parents(h, copy, directory);
  }
  if (result < 0) {
    h->what = h->list && result == -ENOENT ? WIRE_WHAT_TARGET_MISSING : WIRE_WHAT_CREATE;
    return result;
  }
  return tree_open(h, path, directory);
}

int tree_parent(struct helper *h, const char *path, const char **name)
{
  char parent[PATH_SIZE];
  const char *slash = strrchr(path, '/');
  size_t len = (size_t)(slash - path);
  *name = slash + 1;
  if (len >= sizeof parent) {
    return -ENAMETOOLONG;
  }
  memcpy(parent, path, len);
  parent[len] = 0;
  h->what = WIRE_WHAT_TARGET;
  int fd = open_below(h, len ? parent : "/", O_DIRECTORY); /* a link on the way is followed, as on any other */
  if (fd == -ENOENT) {
    fd = tree_make(h, parent, true);
    h->what = h->list && fd == -ENOENT ? WIRE_WHAT_TARGET_MISSING : h->what;
  }
  if (fd >= 0 && !tree_may_make(h, fd)) {
    sys_close(fd);
    h->what = WIRE_WHAT_ON_HOST;
    return -EROFS;
  }
  return fd;
}

/* The step's target as an O_PATH descriptor, by the step's flags: made, skipped (TREE_SKIP), or an error. */
int tree_place(struct helper *h, const struct wire_step *step, bool directory)
{
  const char *path = wire_str(h->plan, wire_step_target(step)->path);
  int fd = step->flags & WIRE_CREATE ? tree_make(h, path, directory) : tree_open(h, path, directory);
  if ((fd == -ENOENT || fd == -EROFS) && step->flags & WIRE_DEFAULTED) {
    return -TREE_SKIP;
  }
  if (fd == -ENOENT) {
    h->what = WIRE_WHAT_TARGET_MISSING;
  }
  return fd;
}

int tree_attach(struct helper *h, int mount, int place)
{
  h->what = WIRE_WHAT_ATTACH;
  return sys_move_mount(mount, place, "", WIRE_MOVE_MOUNT_F_EMPTY_PATH | WIRE_MOVE_MOUNT_T_EMPTY_PATH);
}

/* The directory that holds path, by descriptor; kept, because what is attached next often stands beside it. */
static int open_parent_of(struct helper *h, const char *path)
{
  size_t len = (size_t)(strrchr(path, '/') - path);
  if (len == 0) {
    return h->root;
  }
  if (len >= sizeof h->parent) {
    return -ENAMETOOLONG;
  }
  if (h->parent_fd < 0 || strncmp(h->parent, path, len) != 0 || h->parent[len]) {
    if (h->parent_fd >= 0) {
      sys_close(h->parent_fd);
    }
    memcpy(h->parent, path, len);
    h->parent[len] = 0;
    h->parent_fd = open_below(h, h->parent, O_DIRECTORY);
  }
  return h->parent_fd;
}

/* What stands in the way of the kept descriptor from now on: it lies below the new mount. */
static void forget_parent(struct helper *h, const char *path)
{
  bool below = h->list || strncmp(h->parent, path, strlen(path)) == 0; /* links of a list may lead anywhere */
  if (h->parent_fd >= 0 && below) {
    sys_close(h->parent_fd);
    h->parent_fd = -1;
  }
}

/* Saves the descriptor of the place: move_mount(2) follows no link at the end, and refuses a directory over anything else. */
static int attach_by_name(struct helper *h, const struct wire_step *step, const char *path, int mount)
{
  h->what = WIRE_WHAT_TARGET;
  int parent = path[1] ? open_parent_of(h, path) : -ENOENT;
  if (parent < 0) {
    return parent;
  }
  h->what = WIRE_WHAT_ATTACH;
  const char *name = strrchr(path, '/') + 1;
  if (step->flags & WIRE_CREATE && tree_may_make(h, parent)) {
    sys_mkdirat(parent, name, 0755);
  }
  int result = sys_move_mount(mount, parent, name, WIRE_MOVE_MOUNT_F_EMPTY_PATH);
  if (result >= 0) {
    forget_parent(h, path);
  }
  return result;
}

int tree_mount(struct helper *h, const struct wire_step *step, int mount)
{
  const char *path = wire_str(h->plan, wire_step_target(step)->path);
  int result = attach_by_name(h, step, path, mount);
  bool place_at_fault =
      result == -ENOENT || result == -ENOTDIR || result == -EINVAL || result == -ELOOP || result == -ENAMETOOLONG;
  if (!place_at_fault) {
    return result < 0 ? result : 0;
  }
  /* The long way: makes what is missing, or says what is wrong. */
  int place = tree_place(h, step, true);
  if (place < 0) {
    return place;
  }
  result = tree_attach(h, mount, place);
  sys_close(place);
  return result;
}

/*
 * An empty file takes no block, but a KiB of the kernel's own memory: inodes are bounded by the size too (one for each
 * page, and some for a small one), or a limit on the size would hold nobody (tmpfs(5), nr_inodes).
 */
uint64_t tree_inodes(uint64_t size)
{
  uint64_t pages = size / 4096;
  return pages < 1024 ? 1024 : pages;
}

static int set_number(int context, const char *key, uint64_t value)
{
  char text[24];
  wire_decimal(text, value);
  return sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, key, text);
}

void tree_octal(char out[5], uint32_t mode)
{
  for (unsigned i = 0; i < 4; i++) {
    out[i] = (char)('0' + (mode >> (9 - 3 * i) & 7));
  }
  out[4] = 0;
}

static int configure_tmpfs(int context, uint64_t size, uint64_t inodes, uint32_t mode)
{
  char octal[5];
  tree_octal(octal, mode);
  int result = sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, "mode", octal);
  if (result >= 0 && size) {
    result = set_number(context, "size", size);
  }
  if (result >= 0 && inodes) {
    result = set_number(context, "nr_inodes", inodes);
  }
  return result < 0 ? result : sys_fsconfig(context, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL);
}

int tree_tmpfs(uint64_t size, uint32_t mode, uint64_t attributes, bool writable)
{
  return tree_tmpfs_of(size, size && writable ? tree_inodes(size) : 0, mode, attributes);
}

int tree_tmpfs_of(uint64_t size, uint64_t inodes, uint32_t mode, uint64_t attributes)
{
  int context = sys_fsopen("tmpfs");
  if (context < 0) {
    return context;
  }
  int result = configure_tmpfs(context, size, inodes, mode);
  if (result >= 0) {
    result = sys_fsmount(context, attributes);
  }
  sys_close(context);
  return result;
}
