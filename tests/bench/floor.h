/*
 * The floor: the same sandbox by hand, in one process that shares the caller's memory until its exec, with the fewest
 * system calls that leave the same namespaces, mounts, masks, ids, capabilities and filter behind. No plan, no checks, no
 * helper. `reference` leaves out what a plain sandbox has not: masks, bounding set, keyring, session, flags of devices.
 * Static functions in a header because each source of this directory is a program of its own.
 */
#ifndef STYRO_BENCH_FLOOR_H
#define STYRO_BENCH_FLOOR_H

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/sys.h"

#define FLOOR_STACK 65536
#define FLOOR_MASKS 16
#define FLOOR_NOT_ROOT 65534

struct floor_mask {
  const char *name; /* below /proc */
  bool directory;
};

struct floor {
  const char *root; /* directory that becomes "/" */
  const char *from; /* `binds` directories from/N stand at b/N */
  int binds;
  bool network;
  bool reference;
  bool detached; /* Linux 6.15: the tree is built before it is attached */
  bool foreign;  /* a root caller's payload is another id outside: the parent writes the maps */
  int inside;    /* id inside */
  const void *filter;
  unsigned short filter_n;
  int out;
  int null;
  int wake[2];
  unsigned last_cap;
  char uid_map[32];
  char gid_map[32];
  struct floor_mask masks[FLOOR_MASKS];
  unsigned masks_n;
  int64_t stamps[3];  /* ids written, old root gone, just before exec */
  const char *failed; /* what failed first, left by the child */
  long error;
};

static const char *const floor_devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
static const char *const floor_read_only[] = {"sys", "bus", "fs", "irq"};
static const char *const floor_masked[] = {"acpi",        "asound",        "kcore",      "keys",
                                           "key-users",   "latency_stats", "timer_list", "timer_stats",
                                           "sched_debug", "scsi",          "interrupts", "sysrq-trigger"};

/* ---- before the clock runs ---- */

static void floor_prepare(struct floor *f, bool detached)
{
  struct stat st;
  char path[64];
  f->detached = detached;
  f->foreign = geteuid() == 0 && !f->reference;
  f->inside = f->reference ? 0 : 1000;
  snprintf(f->uid_map, sizeof f->uid_map, "%d %u 1", f->inside, f->foreign ? FLOOR_NOT_ROOT : geteuid());
  snprintf(f->gid_map, sizeof f->gid_map, "%d %u 1", f->inside, f->foreign ? FLOOR_NOT_ROOT : getegid());
  while (prctl(PR_CAPBSET_READ, f->last_cap + 1, 0, 0, 0) >= 0) {
    f->last_cap++;
  }
  for (unsigned i = 0; i < sizeof floor_masked / sizeof floor_masked[0]; i++) {
    snprintf(path, sizeof path, "/proc/%s", floor_masked[i]);
    if (stat(path, &st) == 0) {
      f->masks[f->masks_n++] = (struct floor_mask){floor_masked[i], S_ISDIR(st.st_mode)};
    }
  }
}

/* ---- in the child: raw calls only ---- */

static long floor_must(struct floor *f, long result, const char *what)
{
  if (result < 0 && !f->failed) {
    f->failed = what;
    f->error = -result;
  }
  return result;
}

static void floor_write(struct floor *f, const char *path, const char *text)
{
  int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  floor_must(f, sys_write(fd, text, strlen(text)), path);
  sys_close(fd);
}

static void floor_attach(struct floor *f, int mount, int dir, const char *name)
{
  floor_must(f, sys_move_mount(mount, dir, name, WIRE_MOVE_MOUNT_F_EMPTY_PATH), name);
}

/* A new file system, detached; up to two options. */
static int floor_new(struct floor *f, const char *type, uint64_t attributes, const char *const options[4])
{
  int context = sys_fsopen(type);
  for (int i = 0; i < 4 && options[i]; i += 2) {
    floor_must(f, sys_fsconfig(context, WIRE_FSCONFIG_SET_STRING, options[i], options[i + 1]), options[i]);
  }
  floor_must(f, sys_fsconfig(context, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL), type);
  int mount = sys_fsmount(context, attributes);
  floor_must(f, mount, type);
  sys_close(context);
  return mount;
}

static void floor_bind(struct floor *f, int from_dir, const char *from, uint64_t attributes, bool deep, int dir,
                       const char *name)
{
  struct wire_mount_attr attr = {.attr_set = attributes, .propagation = WIRE_MS_PRIVATE};
  unsigned depth = deep ? WIRE_AT_RECURSIVE : 0;
  int mount = sys_open_tree(from_dir, from, WIRE_OPEN_TREE_CLONE | O_CLOEXEC | depth);
  floor_must(f, mount, from);
  if (attributes) {
    floor_must(f, sys_mount_setattr(mount, "", WIRE_AT_EMPTY_PATH | depth, &attr), from);
  }
  floor_attach(f, mount, dir, name);
  sys_close(mount);
}

static void floor_fill_dev(struct floor *f, int dev)
{
  static const char *const links[][2] = {{"/proc/self/fd", "fd"},
                                         {"/proc/self/fd/0", "stdin"},
                                         {"/proc/self/fd/1", "stdout"},
                                         {"/proc/self/fd/2", "stderr"},
                                         {"pts/ptmx", "ptmx"}};
  static const char *const pts_options[4] = {"ptmxmode", "0666", "mode", "0620"};
  static const char *const shm_options[4] = {"mode", "1777", "size", "67108864"};
  uint64_t safe = WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NOEXEC;
  char path[32] = "/dev/";
  for (unsigned i = 0; i < sizeof floor_devices / sizeof floor_devices[0]; i++) {
    sys_close(sys_openat(dev, floor_devices[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
    strcpy(path + 5, floor_devices[i]);
    floor_bind(f, AT_FDCWD, path, f->reference ? 0 : safe, false, dev, floor_devices[i]);
  }
  for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++) {
    floor_must(f, sys_symlinkat(links[i][0], dev, links[i][1]), links[i][1]);
  }
  sys_mkdirat(dev, "pts", 0755);
  sys_mkdirat(dev, "shm", 0755);
  int mount = floor_new(f, "devpts", safe, pts_options);
  floor_attach(f, mount, dev, "pts");
  sys_close(mount);
  if (!f->reference) {
    mount = floor_new(f, "tmpfs", safe | WIRE_MOUNT_ATTR_NODEV, shm_options);
    floor_attach(f, mount, dev, "shm");
    sys_close(mount);
  }
}

static void floor_dev(struct floor *f, int root)
{
  static const char *const options[4] = {"mode", "0755", "size", "65536"};
  static const struct wire_mount_attr sealed = {.attr_set = WIRE_MOUNT_ATTR_RDONLY};
  int dev = floor_new(f, "tmpfs", WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NOEXEC, options);
  if (!f->detached) {
    floor_attach(f, dev, root, "dev");
  }
  floor_fill_dev(f, dev);
  if (!f->reference) {
    floor_must(f, sys_mount_setattr(dev, "", WIRE_AT_EMPTY_PATH, &sealed), "seal dev");
  }
  if (f->detached) {
    floor_attach(f, dev, root, "dev");
  }
  sys_close(dev);
}

static void floor_masks(struct floor *f, int proc, int mask)
{
  static const struct wire_mount_attr sealed = {.attr_set = WIRE_MOUNT_ATTR_RDONLY};
  sys_close(sys_openat(mask, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0));
  sys_mkdirat(mask, "directory", 0);
  floor_must(f, sys_mount_setattr(mask, "", WIRE_AT_EMPTY_PATH, &sealed), "mask");
  for (unsigned i = 0; i < sizeof floor_read_only / sizeof floor_read_only[0]; i++) {
    floor_bind(f, proc, floor_read_only[i], WIRE_MOUNT_ATTR_RDONLY, false, proc, floor_read_only[i]);
  }
  for (unsigned i = 0; i < f->masks_n; i++) {
    floor_bind(f, mask, f->masks[i].directory ? "directory" : "file", 0, false, proc, f->masks[i].name);
  }
}

/* Returns the descriptor that will limit nested user namespaces, opened while /proc/sys can be written. */
static int floor_proc(struct floor *f, int root, int mask)
{
  static const char *const none[4] = {NULL};
  int limit = -1;
  int proc = floor_new(f, "proc", WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC, none);
  floor_attach(f, proc, root, "proc");
  if (!f->reference) {
    limit = sys_openat(proc, "sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC, 0);
    floor_masks(f, proc, mask);
  }
  sys_close(proc);
  return limit;
}

static void floor_binds(struct floor *f, int root)
{
  uint64_t read_only = WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV;
  char from[256];
  char to[8];
  floor_bind(f, AT_FDCWD, "/usr", read_only, true, root, "usr");
  for (int i = 0; i < f->binds; i++) {
    char digits[3] = {(char)('0' + i / 10), (char)('0' + i % 10), 0};
    strcpy(from, f->from);
    strcat(from, "/");
    strcat(from, digits);
    strcpy(to, "b/");
    strcat(to, digits);
    floor_bind(f, AT_FDCWD, from, read_only, false, root, to);
  }
}

static void floor_tree(struct floor *f)
{
  static const char *const tmp_options[4] = {"mode", "1777", "size", "268435456"};
  static const char *const mask_options[4] = {"mode", "0755", "size", "65536"};
  static const struct wire_mount_attr read_only = {.attr_set = WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID |
                                                               WIRE_MOUNT_ATTR_NODEV};
  int mask = f->reference ? -1 : floor_new(f, "tmpfs", WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV, mask_options);
  int root = sys_open_tree(AT_FDCWD, f->root, WIRE_OPEN_TREE_CLONE | WIRE_AT_RECURSIVE | O_CLOEXEC);
  floor_must(f, root, f->root);
  floor_must(f, sys_mount_setattr(root, "", WIRE_AT_EMPTY_PATH | WIRE_AT_RECURSIVE, &read_only), "root");
  if (!f->detached) { /* at its own place, so that the host's /usr and /dev stay in view; the real /tmp hides the mask */
    floor_attach(f, root, AT_FDCWD, f->root);
    if (!f->reference) {
      floor_attach(f, mask, root, "tmp");
    }
  }
  floor_dev(f, root);
  if (f->detached &&
      !f->reference) { /* goes with the old root: a detached mount's end would take a grace period more */
    floor_attach(f, mask, AT_FDCWD, "/dev");
  }
  int limit = floor_proc(f, root, mask);
  int tmp = floor_new(f, "tmpfs", WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV, tmp_options);
  floor_attach(f, tmp, root, "tmp");
  floor_binds(f, root);
  if (f->detached) {
    floor_attach(f, root, AT_FDCWD, "/");
  }
  floor_must(f, sys_call(SYS_fchdir, root, 0, 0, 0, 0, 0), "fchdir");
  floor_must(f, sys_call(SYS_pivot_root, sys_arg("."), sys_arg("."), 0, 0, 0, 0), "pivot_root");
  floor_must(f, sys_call(SYS_umount2, sys_arg("."), WIRE_MNT_DETACH, 0, 0, 0, 0), "umount2");
  if (limit >= 0) {
    floor_must(f, sys_write(limit, "0", 1), "max_user_namespaces");
  }
}

static void floor_loopback(struct floor *f)
{
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  int fd = (int)sys_call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0);
  floor_must(f, sys_call(SYS_ioctl, fd, SIOCSIFFLAGS, sys_arg(&request), 0, 0, 0), "lo");
  sys_close(fd);
}

static void floor_ids(struct floor *f)
{
  if (!f->foreign) {
    floor_write(f, "/proc/self/setgroups", "deny");
    floor_write(f, "/proc/self/gid_map", f->gid_map);
    floor_write(f, "/proc/self/uid_map", f->uid_map);
    return;
  }
  char byte;
  floor_must(f, sys_read(f->wake[0], &byte, 1), "wake");
  floor_must(f, sys_call(SYS_setgroups, 0, 0, 0, 0, 0, 0), "setgroups");
  floor_must(f, sys_call(SYS_setresgid, f->inside, f->inside, f->inside, 0, 0, 0), "setresgid");
  floor_must(f, sys_call(SYS_setresuid, f->inside, f->inside, f->inside, 0, 0, 0), "setresuid");
}

static void floor_privileges(struct floor *f)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  struct {
    unsigned short n;
    const void *filter;
  } program = {f->filter_n, f->filter};
  memset(none, 0, sizeof none);
  for (unsigned cap = 0; !f->reference && cap <= f->last_cap; cap++) {
    floor_must(f, sys_prctl(PR_CAPBSET_DROP, cap, 0), "bounding set");
  }
  floor_must(f, sys_call(SYS_capset, sys_arg(&header), sys_arg(none), 0, 0, 0, 0), "capset");
  floor_must(f, sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0), "no_new_privs");
  floor_must(f, sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, sys_arg(&program), 0, 0, 0), "filter");
}

static int floor_main(void *argument)
{
  static const char *const argv[] = {"/bin/stamp", NULL};
  static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
  struct floor *f = argument;
  floor_ids(f);
  f->stamps[0] = sys_now();
  sys_dup3(f->null, 0, 0);
  sys_dup3(f->out, 1, 0);
  floor_must(f, sys_call(SYS_sethostname, sys_arg("sandbox"), 7, 0, 0, 0, 0), "hostname");
  if (f->network) {
    floor_loopback(f);
  }
  floor_tree(f);
  f->stamps[1] = sys_now();
  if (!f->reference) {
    floor_must(f, sys_call(SYS_setdomainname, sys_arg("(none)"), 6, 0, 0, 0, 0), "domainname");
    floor_must(f, sys_call(SYS_setsid, 0, 0, 0, 0, 0, 0), "setsid");
    floor_must(f, sys_call(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0, 0, 0, 0, 0), "keyring");
  }
  floor_privileges(f);
  f->stamps[2] = sys_now();
  if (!f->failed) {
    floor_must(f, sys_call(SYS_execve, sys_arg(argv[0]), sys_arg(argv), sys_arg(env), 0, 0, 0), "exec");
  }
  return 125;
}

/* ---- the caller's side ---- */

static void floor_write_maps(struct floor *f, int pid)
{
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
  floor_write(f, path, f->gid_map);
  snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
  floor_write(f, path, f->uid_map);
  floor_must(f, sys_write(f->wake[1], "", 1), "wake");
  sys_close(f->wake[0]);
  sys_close(f->wake[1]);
}

/* Returns the pid, or -errno. Without CLONE_VFORK the caller must wait before it uses the floor again. */
static int floor_start(struct floor *f)
{
  static char stack[FLOOR_STACK] __attribute__((aligned(16)));
  struct wire_clone_args args = {
      .exit_signal = SIGCHLD, .stack = (uint64_t)(uintptr_t)stack, .stack_size = sizeof stack};
  args.flags = WIRE_CLONE_VM | WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS | WIRE_CLONE_NEWPID | WIRE_CLONE_NEWIPC |
               WIRE_CLONE_NEWUTS | WIRE_CLONE_NEWCGROUP | WIRE_CLONE_NEWTIME;
  args.flags |= (f->network ? WIRE_CLONE_NEWNET : 0) | (f->foreign ? 0 : WIRE_CLONE_VFORK);
  f->failed = NULL;
  if (f->foreign) {
    sys_call(SYS_pipe2, sys_arg(f->wake), O_CLOEXEC, 0, 0, 0, 0);
  }
  int pid = (int)sys_clone3_call(&args, floor_main, f);
  if (pid > 0 && f->foreign) {
    floor_write_maps(f, pid);
  }
  return pid;
}

#endif
