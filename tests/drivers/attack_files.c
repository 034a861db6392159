/*
 * Attacks on the view of files (S1 to S6). secret=: a file of the host that is not named, handle=: its file handle as
 * TYPE:HEX, bind=, below=: a file in a read-only directory and in a mount below it, both the payload's own, rw=: a directory
 * that it may write, gain=: one with a device.
 * build: -static -no-pie
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "attack.h"

#define DESCRIPTORS 1024

/* <linux/fs.h>, which does not go along with <sys/mount.h> */
#define GET_FLAGS _IOR('f', 1, long)
#define SET_FLAGS _IOW('f', 2, long)

static char path[PATH_MAX];

static const char *joined(const char *first, const char *second)
{
  snprintf(path, sizeof path, "%s%s", first, second);
  return path;
}

/* ---- S1, S3, S4: reading what was not named ------------------------------------------------------------------------ */

static int read_fd(int fd)
{
  char byte;
  return fd < 0 ? errno : came_to(read(fd, &byte, 1));
}

static int read_below(const void *about)
{
  return read_fd(open(joined(about, given("secret")), O_RDONLY));
}

static int read_by_climbing(const void *about)
{
  (void)about;
  for (int i = 0; i < 100; i++) {
    if (chdir("..") != 0) {
      return errno;
    }
  }
  return read_fd(open(joined(".", given("secret")), O_RDONLY));
}

/* A link of the payload's own, in memory and on a writable place of the host. */
static int read_by_link(const void *about)
{
  char place[PATH_MAX];
  snprintf(place, sizeof place, "%s/link", strcmp(about, "rw") == 0 ? given("rw") : (const char *)about);
  if (symlink(given("secret"), place) != 0) {
    return errno;
  }
  int result = read_fd(open(place, O_RDONLY));
  unlink(place);
  return result;
}

/* Some descriptor may be the secret's directory, or the host's root. */
static int read_by_descriptors(const void *about)
{
  (void)about;
  for (int fd = 3; fd < DESCRIPTORS; fd++) {
    if (read_fd(openat(fd, strrchr(given("secret"), '/') + 1, O_RDONLY)) == THROUGH ||
        read_fd(openat(fd, joined(".", given("secret")), O_RDONLY)) == THROUGH) {
      return THROUGH;
    }
  }
  return HELD;
}

static int enter_by_descriptors(const void *about)
{
  (void)about;
  for (int fd = 3; fd < DESCRIPTORS; fd++) {
    if (fchdir(fd) == 0) {
      return THROUGH;
    }
  }
  return HELD;
}

/* open_by_handle_at(2) knows no root: any mount of the file system will do. */
static int read_by_handle(const void *about)
{
  struct {
    struct file_handle head;
    unsigned char bytes[MAX_HANDLE_SZ];
  } handle;
  int used = 0;
  const char *text = given("handle");
  memset(&handle, 0, sizeof handle);
  (void)about;
  sscanf(text, "%d:%n", &handle.head.handle_type, &used);
  for (text += used; sscanf(text, "%2hhx", &handle.bytes[handle.head.handle_bytes]) == 1; text += 2) {
    handle.head.handle_bytes++;
  }
  return read_fd((int)syscall(SYS_open_by_handle_at, open(given("bind"), O_RDONLY), &handle, O_RDONLY));
}

static int get_handle(const void *about)
{
  struct file_handle handle = {.handle_bytes = 0};
  int mount;
  long result = syscall(SYS_name_to_handle_at, AT_FDCWD, about, &handle, &mount, 0);
  return result == -1 && errno == EOVERFLOW ? THROUGH : came_to(result);
}

/* ---- S2: changing what is read-only -------------------------------------------------------------------------------- */

static int open_for_writing(const void *about)
{
  return came_to(open(about, O_WRONLY));
}

static int write_file(const void *about)
{
  return open_for_writing(given(about));
}

static int write_again(const void *about)
{
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", open(given(about), O_RDONLY));
  return came_to(open(self, O_WRONLY));
}

static int truncate_file(const void *about)
{
  struct stat st;
  return came_to(stat(given(about), &st)) == THROUGH ? came_to(truncate(given(about), st.st_size)) : errno;
}

static int create_file(const void *about)
{
  int result = came_to(open(joined(given(about), ".new"), O_WRONLY | O_CREAT | O_EXCL, 0600));
  unlink(path);
  return result;
}

static int make_directory(const void *about)
{
  int result = came_to(mkdir(joined(given(about), ".dir"), 0700));
  rmdir(path);
  return result;
}

static int make_link(const void *about)
{
  int result = came_to(link(given(about), joined(given(about), ".link")));
  unlink(path);
  return result;
}

static int rename_file(const void *about)
{
  int result = came_to(rename(given(about), joined(given(about), ".moved")));
  rename(path, given(about));
  return result;
}

/* What it removes is made again. */
static int remove_file(const void *about)
{
  int result = came_to(unlink(given(about)));
  if (result == THROUGH) {
    close(open(given(about), O_WRONLY | O_CREAT | O_EXCL, 0644));
  }
  return result;
}

static int change_mode(const void *about)
{
  return came_to(chmod(given(about), 0644));
}

static int change_owner(const void *about)
{
  return came_to(chown(given(about), geteuid(), getegid()));
}

static int change_times(const void *about)
{
  return came_to(utimensat(AT_FDCWD, given(about), NULL, 0));
}

static int change_attribute(const void *about)
{
  return came_to(setxattr(given(about), "user.attack", "x", 1, 0));
}

static int change_flags(const void *about)
{
  int flags = 0;
  int fd = open(given(about), O_RDONLY);
  ioctl(fd, GET_FLAGS, &flags); /* a file system without flags as well is first asked whether it may be written */
  return came_to(ioctl(fd, SET_FLAGS, &flags));
}

/* The mount that a path lies on, by the two interfaces. */
static int mount_writable(const void *about)
{
  return came_to(mount(NULL, given(about), NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL));
}

static int mount_writable_by_attributes(const void *about)
{
  struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY};
  return came_to(syscall(SYS_mount_setattr, AT_FDCWD, given(about), 0, &attributes, sizeof attributes));
}

/* What the sandbox's own file systems are, which may be written. */
static const char *const writable_mounts[] = {"/dev/pts", "/dev/shm", "/proc", "/tmp", "/home/sandbox"};

static bool expected_writable(const char *place)
{
  bool found = strcmp(place, given("rw")) == 0;
  for (size_t i = 0; i < sizeof writable_mounts / sizeof writable_mounts[0]; i++) {
    found = found || strcmp(place, writable_mounts[i]) == 0;
  }
  return found;
}

/* ---- the table of mounts ------------------------------------------------------------------------------------------- */

static bool has_option(const char *options, const char *option)
{
  size_t len = strlen(option);
  for (const char *at = options; at; at = strchr(at, ',')) {
    at += *at == ',';
    if (strncmp(at, option, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
      return true;
    }
  }
  return false;
}

/* Through when a mount is one that `wrong` says. */
static int look_at_mounts(bool (*wrong)(const char *place, const char *options))
{
  char line[4096], place[1024], options[1024];
  int result = HELD;
  FILE *file = fopen("/proc/self/mountinfo", "r");
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "%*s %*s %*s %*s %1023s %1023s", place, options) == 2 && wrong(place, options)) {
      result = THROUGH;
    }
  }
  return file ? result : errno;
}

static bool unexpectedly_writable(const char *place, const char *options)
{
  return !has_option(options, "ro") && !expected_writable(place);
}

static bool without_nosuid(const char *place, const char *options)
{
  (void)place;
  return !has_option(options, "nosuid");
}

static bool unexpectedly_with_devices(const char *place, const char *options)
{
  return !has_option(options, "nodev") && strncmp(place, "/dev/", 5) != 0;
}

static int writable_mount(const void *about)
{
  (void)about;
  return look_at_mounts(unexpectedly_writable);
}

static int set_user_id_mount(const void *about)
{
  (void)about;
  return look_at_mounts(without_nosuid);
}

static int device_mount(const void *about)
{
  (void)about;
  return look_at_mounts(unexpectedly_with_devices);
}

/* ---- S4: the root -------------------------------------------------------------------------------------------------- */

static int change_root(const void *about)
{
  return came_to(chroot(about));
}

static int enter(const void *about)
{
  return came_to(chdir(about));
}

static int open_it(const void *about)
{
  return came_to(open(about, O_RDONLY));
}

static int pivot(const void *about)
{
  return chdir(about) != 0 ? errno : came_to(syscall(SYS_pivot_root, ".", "."));
}

static int unmount(const void *about)
{
  return came_to(umount2(about, MNT_DETACH));
}

/* ---- S5: masks ----------------------------------------------------------------------------------------------------- */

/* Those that the kernel shows to everybody. */
static const char *const masked[] = {"/proc/keys", "/proc/key-users", "/proc/interrupts", "/proc/acpi", "/proc/scsi"};

/* Whoever may open a mask finds nothing in it. */
static bool shows_something(const char *name)
{
  char byte;
  bool found = false;
  const struct dirent *one;
  DIR *directory = opendir(name);
  while (directory && (one = readdir(directory))) {
    found = found || one->d_name[0] != '.';
  }
  int fd = open(name, O_RDONLY);
  return found || (fd >= 0 && read(fd, &byte, 1) == 1);
}

static int read_masked(const void *about)
{
  bool any = false;
  (void)about;
  for (size_t i = 0; i < sizeof masked / sizeof masked[0]; i++) {
    any = any || shows_something(masked[i]);
  }
  return held_unless(any);
}

/* The mask is of the kind of what it hides, and lies over it. */
static int look_below_masks(const void *about)
{
  struct stat st;
  struct statfs fs;
  (void)about;
  for (size_t i = 0; i < sizeof masked / sizeof masked[0]; i++) {
    mode_t kind = i < 3 ? S_IFREG : S_IFDIR;
    if (stat(masked[i], &st) == 0 && statfs(masked[i], &fs) == 0 &&
        (fs.f_type == PROC_SUPER_MAGIC || (st.st_mode & S_IFMT) != kind || (st.st_mode & 07777) != 0)) {
      return THROUGH;
    }
  }
  return HELD;
}

static int take_mask_off(const void *about)
{
  return umount2(about, MNT_DETACH) != 0 ? errno : open_it(about);
}

/* ---- S6: devices --------------------------------------------------------------------------------------------------- */

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};

static int make_device(const void *about)
{
  int result = came_to(mknod(joined(given("rw"), "/made"), S_IFCHR | 0666, makedev(1, 5)));
  (void)about;
  unlink(path);
  return result;
}

static int open_device(const void *about)
{
  return came_to(open(joined(given("gain"), about), O_RDONLY));
}

/* Processes and programs: what could be opened as a device there is found by the mount's flags. */
static const char *const not_walked[] = {"/proc", "/usr"};
static bool device_found;

static int look_at_node(const char *name, const struct stat *st, int kind, struct FTW *level)
{
  bool expected = strncmp(name, "/dev/pts/", 9) == 0 || strncmp(name, given("gain"), strlen(given("gain"))) == 0;
  (void)level;
  if (kind == FTW_D && (strcmp(name, not_walked[0]) == 0 || strcmp(name, not_walked[1]) == 0)) {
    return FTW_SKIP_SUBTREE;
  }
  for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
    expected = expected || strcmp(name, joined("/dev/", devices[i])) == 0;
  }
  device_found = device_found || ((S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) && !expected);
  return FTW_CONTINUE;
}

static int find_device(const void *about)
{
  return nftw(about, look_at_node, 16, FTW_PHYS | FTW_ACTIONRETVAL) == 0 ? held_unless(device_found) : errno;
}

#define CHANGES(key)                                                                                                   \
  {"write-" key, write_file, key}, {"write-again-" key, write_again, key}, {"truncate-" key, truncate_file, key},      \
      {"create-" key, create_file, key}, {"mkdir-" key, make_directory, key}, {"link-" key, make_link, key},           \
      {"rename-" key, rename_file, key}, {"unlink-" key, remove_file, key}, {"chmod-" key, change_mode, key},          \
      {"chown-" key, change_owner, key}, {"utimes-" key, change_times, key}, {"setxattr-" key, change_attribute, key}, \
  {                                                                                                                    \
    "setflags-" key, change_flags, key                                                                                 \
  }

static const struct attack attacks[] = {
    {"secret-by-path", read_below, ""},
    {"secret-by-dotdot", read_below, "/../../../.."},
    {"secret-by-root-of-init", read_below, "/proc/1/root"},
    {"secret-by-cwd-of-init", read_below, "/proc/1/cwd/../../../.."},
    {"secret-by-own-cwd", read_below, "/proc/self/cwd/../../../.."},
    {"secret-by-own-root", read_below, "/proc/self/root/.."},
    {"secret-by-thread-root", read_below, "/proc/thread-self/root/.."},
    {"secret-by-climbing", read_by_climbing, NULL},
    {"secret-by-descriptors", read_by_descriptors, NULL},
    {"secret-by-handle", read_by_handle, NULL},
    {"secret-by-link", read_by_link, "/tmp"},
    {"secret-by-link-on-host", read_by_link, "rw"},
    {"handle-of-root", get_handle, "/"},
    CHANGES("bind"),
    CHANGES("below"),
    {"remount-bind", mount_writable, "ro"},
    {"mount-setattr-bind", mount_writable_by_attributes, "ro"},
    {"write-proc-sys", open_for_writing, "/proc/sys/kernel/ns_last_pid"},
    {"writable-mount", writable_mount, NULL},
    {"read-sys", open_it, "/sys/kernel"},
    {"enter-by-descriptors", enter_by_descriptors, NULL},
    {"enter-root-of-init", enter, "/proc/1/root"},
    {"enter-cwd-of-init", enter, "/proc/1/cwd"},
    {"mounts-of-init", open_it, "/proc/1/ns/mnt"},
    {"chroot", change_root, "/tmp"},
    {"read-masked", read_masked, NULL},
    {"look-below-masks", look_below_masks, NULL},
    {"take-mask-off", take_mask_off, "/proc/keys"},
    {"mknod", make_device, NULL},
    {"open-device", open_device, "/device"},
    {"device-nodes", find_device, "/"},
    {"device-mount", device_mount, NULL},
    {"set-user-id-mount", set_user_id_mount, NULL},
    /* the last: nothing is where it was afterwards */
    {"umount-root", unmount, "/"},
    {"pivot-root", pivot, "/tmp"},
};

int main(int argc, char **argv)
{
  (void)argc;
  return TRY_ALL(attacks, argv);
}
