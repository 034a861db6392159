/* What the helper reported, in words: step, call and errno become message, object and hint. Tables, and one place for them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kernel.h"
#include "plan.h"
#include "plan_steps.h"

struct what_row {
  const char *words; /* what the helper was doing; "%s" is the object */
  const char *hint;  /* NULL: none that is always right */
};

#define TOOL_HINT                                                                                                        \
  "newuidmap and newgidmap must be installed set-user-id, on a mount without nosuid, and their user needs its own line " \
  "in /etc/passwd and in /etc/subuid or /etc/subgid"

#define RESTRICTED_HINT                                                                                         \
  "where AppArmor restricts user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns) its profile " \
  "`styrolite-helper` lets the installed helper write them: load it, see docs/kernels.md"

/* Calls that belong to another field than their step. */
static const char *const own_fields[WIRE_WHAT_COUNT] = {
    [WIRE_WHAT_SECUREBITS] = "/security/securebits",
    [WIRE_WHAT_SETGROUPS] = "/user/groups",
    [WIRE_WHAT_SETGID] = "/user/gid",
    [WIRE_WHAT_MAP_GID] = "/user/gid_map",
    [WIRE_WHAT_GID_TOOL] = "/user/gid_map",
};

static const struct what_row rows[WIRE_WHAT_COUNT] = {
    [WIRE_WHAT_STEP] = {NULL, NULL},
    [WIRE_WHAT_SOURCE] = {"cannot open `%s` on the host", NULL},
    [WIRE_WHAT_SOURCE_TYPE] = {"`%s` on the host is not of a type that can stand there",
                               "name the directory or file itself, not a link to it"},
    [WIRE_WHAT_TARGET] = {"cannot resolve `%s` inside the sandbox", NULL},
    [WIRE_WHAT_TARGET_MISSING] =
        {"`%s` does not exist inside and is not made there, because nothing is ever made on the "
         "host",
         "make it in the directory that is shown there, or choose another place"},
    [WIRE_WHAT_TARGET_LINK] = {"`%s` is a symbolic link inside the sandbox", "name the path that it points to"},
    [WIRE_WHAT_TARGET_TYPE] = {"`%s` is not of the type that is to be placed there",
                               "a directory goes over a directory, a file over a file"},
    [WIRE_WHAT_CREATE] = {"cannot make `%s` inside the sandbox", NULL},
    [WIRE_WHAT_CLONE_TREE] = {"cannot take a copy of the mount at `%s`", NULL},
    [WIRE_WHAT_FLAGS] = {"cannot set the mount flags of `%s`", NULL},
    [WIRE_WHAT_READ_BACK] = {"`%s` is not as it was set when read back", NULL},
    [WIRE_WHAT_ATTACH] = {"cannot attach the mount at `%s`", NULL},
    [WIRE_WHAT_READ_ONLY] = {"`%s` is asked for as rw, but is mounted read-only on the host",
                             "ask for \"ro\", or name a directory on a writable mount"},
    [WIRE_WHAT_SETGROUPS] = {"cannot set the supplementary groups", "only ids of the gid map exist inside"},
    [WIRE_WHAT_SETGID] = {"cannot take the group id", "only ids of the gid map exist inside"},
    [WIRE_WHAT_SETUID] = {"cannot take the user id", "only ids of the uid map exist inside"},
    [WIRE_WHAT_CAP_BOUNDING] = {"cannot set the bounding set", "only capabilities that this kernel knows can be kept"},
    [WIRE_WHAT_CAP_SET] = {"cannot set the capability sets", NULL},
    [WIRE_WHAT_CAP_AMBIENT] = {"cannot set the ambient set", NULL},
    [WIRE_WHAT_SECUREBITS] = {"cannot set the securebits", NULL},
    [WIRE_WHAT_NO_NEW_PRIVS] = {"cannot set no_new_privs", NULL},
    [WIRE_WHAT_DUMPABLE] = {"init cannot become undumpable", NULL},
    [WIRE_WHAT_FORK] = {"cannot start the process", NULL},
    [WIRE_WHAT_MAP_UID] = {"cannot write the uid map", NULL},
    [WIRE_WHAT_MAP_GID] = {"cannot write the gid map", NULL},
    [WIRE_WHAT_MAP_SETGROUPS] = {"cannot write /proc/self/setgroups", NULL},
    [WIRE_WHAT_CHDIR] = {"cannot enter the working directory `%s`",
                         "cwd is a path inside: show it with a rule in `paths`, or leave cwd out"},
    [WIRE_WHAT_NOT_FOUND] = {"`%s` was not found inside the sandbox",
                             "show it with a \"ro\" rule in `paths`, or give its path inside"},
    [WIRE_WHAT_INTERPRETER] = {"the interpreter `%s` that the script's first line names is not visible inside",
                               "show it with a \"ro\" rule in `paths`"},
    [WIRE_WHAT_LOADER] = {"the loader `%s` that the program asks for is not visible inside",
                          "show it and the program's libraries with \"ro\" rules in `paths`, or use a static program"},
    [WIRE_WHAT_EXEC] = {"cannot execute `%s`", NULL},
    [WIRE_WHAT_PLAN] = {"the helper refuses the plan", "library and helper must come from one build"},
    [WIRE_WHAT_RUN] = {"the helper refuses the run block", "library and helper must come from one build"},
    [WIRE_WHAT_FDS] = {"cannot place the descriptors", "raise RLIMIT_NOFILE, or pass fewer descriptors"},
    [WIRE_WHAT_KILLED] =
        {"the process was killed while it was set up",
         "a raw seccomp program must let exec through; else look for who kills processes on this host"},
    [WIRE_WHAT_OVERLAY] = {"cannot make an overlay with `%s`", NULL},
    [WIRE_WHAT_UID_TOOL] = {"the map of subordinate user ids was not written: %s", TOOL_HINT},
    [WIRE_WHAT_GID_TOOL] = {"the map of subordinate group ids was not written: %s", TOOL_HINT},
    [WIRE_WHAT_SPACE_TYPE] = {"`%s` is not the namespace that is to be joined", NULL},
    [WIRE_WHAT_UNSHARE] = {"cannot make a time namespace", NULL},
    [WIRE_WHAT_ON_HOST] = {"`%s` would be made on the host, and nothing ever is",
                           "make it below a `tmpfs`, or below a place that no `bind` shows"},
    [WIRE_WHAT_NO_DEVICES] = {"`%s` is asked for with devices, but is mounted nodev on the host",
                              "name a device on a mount that has them, such as the host's /dev"},
    [WIRE_WHAT_IDMAP] = {"cannot show `%s` with other ids", NULL},
    [WIRE_WHAT_NOT_SHARED] =
        {"`%s` is asked for as slave, but the host's mount is not shared, so that there is nothing to follow",
         "share the host's mount first (mount --make-shared), or ask for `private`; what an earlier entry made private "
         "follows nobody any more"},
    [WIRE_WHAT_MOUNT_INSIDE] =
        {"`%s` cannot be a layer of an overlay",
         "an overlay shows no mounts below a directory, but what they cover: unmount it first, or name a directory without"},
    [WIRE_WHAT_LANDLOCK_ABI] = {"this kernel's Landlock has no rules for %s", NULL},
    [WIRE_WHAT_NEST] = {"cannot make or enter a user namespace below the sandbox's", NULL},
    [WIRE_WHAT_NO_PROC] = {"`/proc` of the caller is not a proc file system",
                           "mount proc there, and nothing over its files"},
    [WIRE_WHAT_LABEL_ABSENT] = {"%s is not active on this machine",
                                "leave the field out, or list \"lsm_label\" in best_effort to run without a label"},
    [WIRE_WHAT_LABEL] = {"cannot take the label of `%s`", NULL},
    [WIRE_WHAT_SUPERVISE] = {"init cannot start to supervise", NULL},
    [WIRE_WHAT_DESCRIPTOR] =
        {"what `%s` is open on cannot be shown inside",
         "it must be a directory or file that still stands at its path, in the caller's view of the host"},
};

/* Hints that depend on step, call and errno; the first row that fits speaks. Code, what or errno 0 fit all. */
static const struct {
  int code;
  uint32_t what;
  int number;
  const char *hint;
} hints[] = {
    {WIRE_STEP_JOIN, WIRE_WHAT_SPACE_TYPE, 0,
     "name a file such as /proc/PID/ns/net, or one that such a file was bound to (ip netns makes them in /run/netns)"},
    {WIRE_STEP_JOIN, WIRE_WHAT_SOURCE, ENOENT, "whoever held the namespace may be gone; a bound file keeps it"},
    {WIRE_STEP_JOIN, WIRE_WHAT_SOURCE, EACCES,
     "who may look into a process of another user is root: name a file that the namespace was bound to"},
    {WIRE_STEP_JOIN, WIRE_WHAT_SOURCE, EBADF, "it must be opened for reading, not with O_PATH"},
    {WIRE_STEP_JOIN, 0, EPERM,
     "this takes CAP_SYS_ADMIN in the user namespace that owns it: call as root, or join that user namespace as well, where the "
     "caller made it"},
    {WIRE_STEP_JOIN, 0, EINVAL,
     "a pid namespace must lie below the caller's own, and a user namespace must not be the caller's own"},
    {WIRE_STEP_CLOCKS, 0, ERANGE, "an offset may take no clock below 0: the machine has not been up for that long"},
    {WIRE_STEP_CLOCKS, 0, EACCES, "in a joined user namespace only root may: leave the offsets out, or the join"},
    {WIRE_STEP_ROOT, WIRE_WHAT_SOURCE, ENOENT, "make the directory, or name one that exists"},
    {WIRE_STEP_ROOT, WIRE_WHAT_SOURCE_TYPE, 0, "root.directory must be a directory"},
    {0, WIRE_WHAT_OVERLAY, EINVAL,
     "an overlay shows no mounts below a directory, and cannot stand on every file system: name a directory without them"},
    {0, WIRE_WHAT_OVERLAY, ENODEV, "this kernel has no overlay file system: load the module `overlay`"},
    {0, WIRE_WHAT_OVERLAY, EXDEV, "upper and work must lie on one mount of one file system: make work beside upper"},
    {0, WIRE_WHAT_OVERLAY, EROFS, "upper and work must be writable: name directories on a writable mount"},
    {0, WIRE_WHAT_OVERLAY, EACCES,
     "upper and work must be writable for who the payload is outside (of a root caller 65534, where no map says otherwise: "
     "chown 65534:65534 UPPER WORK), on a file system with d_type and xattrs"},
    {0, WIRE_WHAT_OVERLAY, ELOOP, "a layer lies within another: each must be a tree of its own"},
    {0, WIRE_WHAT_OVERLAY, EBUSY, "upper or work are in use by another overlay: give each its own"},
    {0, WIRE_WHAT_OVERLAY, ESTALE, "upper and work belong to other lower directories: empty both, or name new ones"},
    {0, WIRE_WHAT_OVERLAY, E2BIG, "the kernel takes 500 lower directories, before Linux 6.5 in one page of text"},
    {0, WIRE_WHAT_IDMAP, EINVAL,
     "its file system, or one mounted below it, takes no idmap on this kernel (ext4 and xfs from Linux 5.12 on, btrfs 5.15, "
     "tmpfs 6.3): leave `idmap` out and let the payload's id own the files"},
    {0, WIRE_WHAT_IDMAP, EPERM,
     "it is idmapped already, or its file system belongs to another user namespace, where this caller is nobody"},
    {WIRE_STEP_LAYER, WIRE_WHAT_SOURCE, ENOENT, "make the directory, or name one that exists"},
    {WIRE_STEP_LAYER, WIRE_WHAT_SOURCE_TYPE, 0, "each layer of an overlay must be a directory"},
    {WIRE_STEP_DEV, WIRE_WHAT_TARGET_MISSING, 0, "make the directory `dev` in the root directory"},
    {WIRE_STEP_PROC, WIRE_WHAT_TARGET_MISSING, 0, "make the directory `proc` in the root directory"},
    {WIRE_STEP_DEV, WIRE_WHAT_TARGET_LINK, 0, "the root directory's `dev` must be a directory, not a link"},
    {WIRE_STEP_PROC, WIRE_WHAT_TARGET_LINK, 0, "the root directory's `proc` must be a directory, not a link"},
    {WIRE_STEP_DEV, WIRE_WHAT_TARGET_TYPE, 0, "the root directory's `dev` must be a directory"},
    {WIRE_STEP_PROC, WIRE_WHAT_TARGET_TYPE, 0, "the root directory's `proc` must be a directory"},
    {WIRE_STEP_PROC, WIRE_WHAT_STEP, EPERM,
     "an outer container masks parts of /proc: start it with an unmasked proc (docker: --security-opt systempaths=unconfined)"},
    {WIRE_STEP_MASK, WIRE_WHAT_TARGET_MISSING, 0,
     "a denied path that does not exist could be made by the payload: create it, or say \"if_missing\": \"ignore\" and "
     "accept the gap"},
    {WIRE_STEP_BIND, WIRE_WHAT_SOURCE, ENOENT, "create it, correct `from`, or mark the rule \"optional\""},
    {WIRE_STEP_BIND, WIRE_WHAT_SOURCE, ENOTDIR, "what stands before its last `/` is a file: correct `from`"},
    {WIRE_STEP_BIND, WIRE_WHAT_SOURCE, ELOOP,
     "links of /proc such as /proc/self/cwd are never followed: name the path that it points to"},
    {WIRE_STEP_DEV, WIRE_WHAT_SOURCE_TYPE, ENODEV,
     "it is another device, or none: the joined mount namespace is to have the kernel's own in its /dev"},
    {WIRE_STEP_BIND, WIRE_WHAT_SOURCE_TYPE, ENODEV,
     "a device of the host cannot be opened inside; the sandbox's own /dev has null, zero, full, random, urandom and tty, "
     "and in `mounts` a bind with the access `dev` shows others"},
    {WIRE_STEP_BIND, WIRE_WHAT_SOURCE, EACCES, "the caller itself may not reach it: check the directories above it"},
    {WIRE_STEP_BIND, WIRE_WHAT_CLONE_TREE, EINVAL,
     "mounts stand below it, and in a user namespace of its own nobody may show it without them: leave `recursive` out"},
    {WIRE_STEP_REMOUNT, WIRE_WHAT_FLAGS, EPERM,
     "what the host's mount forbids stays forbidden: a remount loosens only what an earlier entry set itself"},
    {0, WIRE_WHAT_CREATE, ENOSPC, "the file system that it lies on is full: give that more `size`, or `inodes`"},
    {0, WIRE_WHAT_CREATE, EROFS, "what it lies on is read-only by then: choose another place"},
    {0, WIRE_WHAT_CREATE, ENOTDIR, "what stands above it is a file: choose another place"},
    {0, WIRE_WHAT_TARGET, ENOTDIR, "what stands above it is a file: choose another place"},
    {0, WIRE_WHAT_CREATE, EACCES,
     "the directory above it is not the payload's to write: let its id outside own that on the host, or put a `tmpfs` there"},
    {WIRE_STEP_FILE, WIRE_WHAT_CREATE, EEXIST, "something stands there already: choose another place"},
    {WIRE_STEP_SYMLINK, WIRE_WHAT_CREATE, EEXIST, "something stands there already: choose another place"},
    {WIRE_STEP_FS, WIRE_WHAT_STEP, EPERM,
     "an outer container masks parts of /sys, or forbids the mount: of sysfs the kernel grants a new one only where a "
     "whole one is visible"},
    {WIRE_STEP_FS, WIRE_WHAT_STEP, ENODEV, "this kernel has no such file system"},
    {WIRE_STEP_ACCESS, 0, EACCES,
     "let who the payload is outside own it on the host (of a root caller 65534, where no map says otherwise: chown 65534:65534 "
     "PATH), or keep the caller's own id with \"user\": {\"uid_map\": \"self\", \"gid_map\": \"self\"}, or as root let it show as the "
     "payload's with `idmap`"},
    {WIRE_STEP_ACCESS, 0, EROFS, "it lies on a read-only mount: ask for \"ro\""},
    {WIRE_STEP_RLIMIT, 0, EPERM, "a hard limit cannot be raised above the caller's own"},
    {WIRE_STEP_NICE, 0, EACCES, "a nice value cannot go below the caller's own"},
    {WIRE_STEP_OOM_SCORE, 0, EACCES,
     "oom_score_adj cannot go below the caller's own, and in a joined user namespace only root may set it"},
    {0, WIRE_WHAT_SETGROUPS, EPERM,
     "setgroups(2) is denied there, as /proc/PID/setgroups of a joined user namespace says: leave `user.groups` out"},
    {0, WIRE_WHAT_CHDIR, EACCES,
     "cwd is a path inside: a rule of `paths` denies it, or its mode or that of a directory above does, to the payload's own rights"},
    {WIRE_STEP_CAPABILITIES, WIRE_WHAT_CAP_BOUNDING, EPERM,
     "the caller's own bounding set does not have what the sandbox's is to keep: leave out \"namespaces\": {\"user\": "
     "\"host\"}"},
    {WIRE_STEP_CAPABILITIES, WIRE_WHAT_SECUREBITS, EPERM,
     "the caller's own are locked: leave out \"namespaces\": {\"user\": \"host\"}, and the sandbox starts without"},
    {WIRE_STEP_KEYRING, 0, EPERM, "an outer container forbids keyctl: list \"session_keyring\" in best_effort"},
    {WIRE_STEP_LANDLOCK_PART, WIRE_WHAT_LANDLOCK_ABI, 0,
     "run a later kernel, leave it out, or list the word `landlock` in best_effort; who is inside a container may have a filter "
     "around that refuses its calls"},
    {WIRE_STEP_LANDLOCK, 0, E2BIG, "the caller stands in sixteen Landlock domains already, and the kernel has no more"},
    {WIRE_STEP_LANDLOCK, 0, EPERM, "without no_new_privs this needs CAP_SYS_ADMIN inside"},
    {0, WIRE_WHAT_NEST, ENOSPC,
     "a limit on namespaces is reached (user.max_user_namespaces of the host, each such sandbox takes two): raise it, leave "
     "CAP_SYS_PTRACE and CAP_SYS_ADMIN out, or add \"init\": false"},
    {0, WIRE_WHAT_NEST, 0,
     "an outer container or the host refuses user namespaces below user namespaces: leave CAP_SYS_PTRACE and CAP_SYS_ADMIN out, or "
     "add \"init\": false"},
    {WIRE_STEP_LABEL, WIRE_WHAT_LABEL, ENOENT, "no profile of that name is loaded: apparmor_parser -r FILE loads one"},
    {WIRE_STEP_LABEL, WIRE_WHAT_LABEL, EINVAL, "it is no label of the policy that is loaded"},
    {WIRE_STEP_LABEL, WIRE_WHAT_LABEL, EACCES, "the label that the caller runs under forbids the change"},
    {WIRE_STEP_LABEL, WIRE_WHAT_LABEL, EPERM, "the label that the caller runs under forbids the change"},
    {WIRE_STEP_LABEL, WIRE_WHAT_READ_BACK, 0,
     "the kernel says another one: no policy is loaded, or its spelling is another (ps -Z); or list \"lsm_label\" in best_effort"},
    {WIRE_STEP_SECCOMP, 0, EINVAL, "the kernel does not accept the program"},
    {WIRE_STEP_SECCOMP, 0, EACCES, "without no_new_privs loading a filter needs CAP_SYS_ADMIN inside"},
    {WIRE_STEP_EXEC, WIRE_WHAT_EXEC, EACCES,
     "it is not executable (a directory, or a file without chmod +x), or lies on a mount with noexec"},
    {WIRE_STEP_EXEC, WIRE_WHAT_EXEC, ENOEXEC,
     "it is of no format that the kernel runs: a script needs a first line #!"},
    {WIRE_STEP_EXEC, WIRE_WHAT_EXEC, E2BIG, "arguments and environment are larger than the kernel accepts"},
    {WIRE_STEP_NAMESPACES, WIRE_WHAT_FORK, EPERM,
     "this host refuses user namespaces: sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns "
     "and user.max_user_namespaces decide"},
    {WIRE_STEP_NAMESPACES, WIRE_WHAT_FORK, ENOSPC,
     "a limit on namespaces is reached: see the sysctls user.max_*_namespaces"},
    {WIRE_STEP_MAP_IDS, WIRE_WHAT_MAP_SETGROUPS, 0, RESTRICTED_HINT},
    {WIRE_STEP_MAP_IDS, WIRE_WHAT_MAP_UID, EACCES, RESTRICTED_HINT},
    {WIRE_STEP_MAP_IDS, WIRE_WHAT_MAP_GID, EACCES, RESTRICTED_HINT},
    {WIRE_STEP_MAP_IDS, WIRE_WHAT_MAP_UID, EPERM,
     "the caller may not map this id: keep its own with \"user\": {\"uid_map\": \"self\", \"gid_map\": \"self\"}"},
    {WIRE_STEP_MAP_IDS, WIRE_WHAT_MAP_GID, EPERM,
     "the caller may not map this id: keep its own with \"user\": {\"uid_map\": \"self\", \"gid_map\": \"self\"}"},
};

/*
 * The calls that a kernel below the floor lacks and that an outer container's filter may refuse, by what the helper was
 * doing; the first row that fits speaks. code or what 0 fit all.
 */
#define NEW_MOUNT "fsopen, fsconfig or fsmount"
static const struct {
  int code;
  uint32_t what;
  const char *calls;
} guarded[] = {
    {WIRE_STEP_ROOT, WIRE_WHAT_STEP, NEW_MOUNT},
    {WIRE_STEP_TMPFS, WIRE_WHAT_STEP, NEW_MOUNT},
    {WIRE_STEP_DEV, WIRE_WHAT_STEP, NEW_MOUNT},
    {WIRE_STEP_PROC, WIRE_WHAT_STEP, NEW_MOUNT},
    {WIRE_STEP_MASK, WIRE_WHAT_STEP, NEW_MOUNT},
    {WIRE_STEP_LANDLOCK_QUEUES, WIRE_WHAT_STEP, NEW_MOUNT},
    {WIRE_STEP_READ_ONLY, WIRE_WHAT_STEP, "open_tree or mount_setattr"},
    {WIRE_STEP_SEAL, WIRE_WHAT_STEP, "mount_setattr"},
    {WIRE_STEP_SEAL_ROOT, WIRE_WHAT_STEP, "mount_setattr"},
    {WIRE_STEP_PIVOT, WIRE_WHAT_STEP, "pivot_root or umount2"},
    {WIRE_STEP_HOSTNAME, WIRE_WHAT_STEP, "sethostname"},
    {WIRE_STEP_KEYRING, WIRE_WHAT_STEP, "keyctl"},
    {WIRE_STEP_ACCESS, WIRE_WHAT_STEP, "faccessat2"},
    {WIRE_STEP_SECCOMP, WIRE_WHAT_STEP, "seccomp"},
    {WIRE_STEP_EXEC, WIRE_WHAT_FDS, "close_range"},
    {0, WIRE_WHAT_SOURCE, "openat2"},
    {0, WIRE_WHAT_TARGET, "openat2"},
    {0, WIRE_WHAT_CLONE_TREE, "open_tree"},
    {0, WIRE_WHAT_FLAGS, "mount_setattr"},
    {0, WIRE_WHAT_ATTACH, "move_mount"},
    {0, WIRE_WHAT_OVERLAY, NEW_MOUNT},
    {0, WIRE_WHAT_FORK, "clone3"},
    {0, WIRE_WHAT_FDS, "close_range"},
    {0, WIRE_WHAT_CAP_AMBIENT, "capset or prctl"},
    {0, WIRE_WHAT_SUPERVISE, "close_range, capset or seccomp"},
};

static const char *find_calls(int code, uint32_t what)
{
  for (size_t i = 0; i < sizeof guarded / sizeof guarded[0]; i++) {
    if ((!guarded[i].code || guarded[i].code == code) && guarded[i].what == what) {
      return guarded[i].calls;
    }
  }
  return NULL;
}

static const char *find_hint(int code, uint32_t what, int number)
{
  if (number == EMFILE || number == ENFILE) {
    return "raise RLIMIT_NOFILE: each object of the host that the request names takes a descriptor while it is set up";
  }
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
    if ((!hints[i].code || hints[i].code == code) && (!hints[i].what || hints[i].what == what) &&
        (!hints[i].number || hints[i].number == number)) {
      return hints[i].hint;
    }
  }
  return what < WIRE_WHAT_COUNT ? rows[what].hint : NULL;
}

static bool joins(const styro_plan *plan, uint32_t space)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    if (step->code == WIRE_STEP_JOIN && ((const struct wire_step_join *)(const void *)step)->space == space) {
      return true;
    }
  }
  return false;
}

/* Does the rule that shows the place show it idmapped? */
static bool is_idmapped(const styro_plan *plan, const struct wire_target *place)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  const char *path = wire_str(block, place->path);
  bool found = false;
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_step_root *root = (const void *)step;
    const struct wire_step_bind *bind = (const void *)step;
    if (step->code == WIRE_STEP_BIND && strcmp(wire_str(block, bind->target.path), path) == 0) {
      found = bind->source.idmap != 0;
    } else if (step->code == WIRE_STEP_ROOT && strcmp(path, "/") == 0) {
      found = root->source.idmap != 0;
    }
  }
  return found;
}

/* What a file system of the kernel's shows is a namespace, and who may mount it is who owns that (namespaces(7)). */
static const char *find_owner_hint(const styro_plan *plan, const struct wire_step *step)
{
  static const char owned[] =
      "it shows a namespace that is joined, and only who owns that may mount it: join its user namespace as well";
  static const uint32_t spaces[WIRE_FS_COUNT] = {
      [WIRE_FS_SYSFS] = WIRE_SPACE_NETWORK, [WIRE_FS_MQUEUE] = WIRE_SPACE_IPC, [WIRE_FS_CGROUP2] = WIRE_SPACE_CGROUP};
  if (step->code == WIRE_STEP_PROC) {
    return joins(plan, WIRE_SPACE_PID) ? owned : NULL;
  }
  uint32_t kind = ((const struct wire_step_fs *)(const void *)step)->kind;
  if (kind != WIRE_FS_DEVPTS && joins(plan, spaces[kind])) {
    return owned;
  }
  return kind == WIRE_FS_SYSFS ? NULL : "an outer container forbids the mount";
}

/* The kernel locks what a more privileged user namespace set for its mounts (mount_namespaces(7)). */
static bool changes_times(const struct wire_step *step)
{
  uint64_t set = step->code == WIRE_STEP_BIND      ? ((const struct wire_step_bind *)(const void *)step)->attr_set
                 : step->code == WIRE_STEP_REMOUNT ? ((const struct wire_step_remount *)(const void *)step)->attr_set
                                                   : 0;
  return (set & WIRE_MOUNT_ATTR_NOATIME) != 0;
}

/* Hints that depend on what else the plan and the step hold; NULL: none. */
static const char *find_own_hint(const styro_plan *plan, const struct wire_step *step, uint32_t what, int number)
{
  if (what == WIRE_WHAT_FLAGS && number == EPERM && changes_times(step)) {
    return "in a user namespace of its own the kernel changes no access times of the host's mounts: leave `noatime` out, or in "
           "a remount `recursive`";
  }
  if ((step->code == WIRE_STEP_FS || step->code == WIRE_STEP_PROC) && what == WIRE_WHAT_STEP && number == EPERM) {
    return find_owner_hint(plan, step);
  }
  if (step->code == WIRE_STEP_ACCESS && number == EACCES && joins(plan, WIRE_SPACE_USER)) {
    return "let the id outside own it on the host that the joined user namespace gives the payload's: its uid_map says which";
  }
  bool idmapped = step->code == WIRE_STEP_ACCESS && number == EACCES && is_idmapped(plan, wire_step_target(step));
  return idmapped ? "with `idmap` it counts whose it is on disk: let an id own it there that shows as the payload's"
                  : NULL;
}

/* What is said of the base's own proc and dev holds for no entry of a list. */
static int code_for_hints(const struct wire_step *step, uint32_t what)
{
  bool place = what == WIRE_WHAT_TARGET_MISSING || what == WIRE_WHAT_TARGET_LINK || what == WIRE_WHAT_TARGET_TYPE;
  bool listed = (step->code == WIRE_STEP_PROC || step->code == WIRE_STEP_DEV) && wire_step_item(step) >= 0;
  return place && listed ? 0 : step->code;
}

static const struct wire_source *find_source(const styro_plan *plan, uint32_t number)
{
  const struct wire_step *step = wire_step_first(plan->block);
  while (!wire_step_source(step) || number-- > 0) {
    step = wire_step_next(step);
  }
  return wire_step_source(step);
}

/* The whole path on the host: what is opened below an earlier source is only the rest of it. */
static void host_path(const styro_plan *plan, const struct wire_source *from, char *out, size_t size)
{
  bool below = from->base && wire_source_fd(from) < 0;
  const struct wire_source *outer = below ? find_source(plan, from->base - 1) : NULL;
  size_t len = 0;
  if (outer) {
    host_path(plan, outer, out, size);
    len = strlen(out);
  }
  if (len + 1 < size) {
    snprintf(out + len, size - len, "%s%s", outer ? "/" : "", wire_str(plan->block, from->path));
  }
}

static void add_key(char *field, size_t size, const char *key)
{
  size_t len = strlen(field);
  snprintf(field + len, size - len, "%s", key);
}

/* Of an entry of `mounts`: which of its keys named the object of the host. */
static const char *source_key(const struct wire_step *step)
{
  static const char *const layers[] = {
      [WIRE_LAYER_LOWER] = "/lower", [WIRE_LAYER_UPPER] = "/upper", [WIRE_LAYER_WORK] = "/work"};
  return step->code == WIRE_STEP_LAYER ? layers[((const struct wire_step_layer *)(const void *)step)->kind] : "/from";
}

/* The host object where opening it failed, else the place inside; a component that the helper named goes first. */
static void find_object(const styro_plan *plan, const struct wire_step *step, uint32_t what, const char *component,
                        char *field, size_t field_size, char *object, size_t size)
{
  const struct wire_source *from = step ? wire_step_source(step) : NULL;
  field[0] = object[0] = 0;
  if (step) {
    styro_step_describe(plan, step, field, field_size, object, size);
  }
  bool on_host = what == WIRE_WHAT_SOURCE || what == WIRE_WHAT_SOURCE_TYPE || what == WIRE_WHAT_CLONE_TREE ||
                 what == WIRE_WHAT_OVERLAY || what == WIRE_WHAT_DESCRIPTOR || what == WIRE_WHAT_IDMAP ||
                 what == WIRE_WHAT_MOUNT_INSIDE;
  if (step && what < WIRE_WHAT_COUNT && own_fields[what]) {
    snprintf(field, field_size, "%s", own_fields[what]);
  }
  bool listed = step && wire_step_item(step) >= 0;
  if (from && on_host) {
    host_path(plan, from, object, size);
    add_key(field, field_size, listed ? source_key(step) : "");
  }
  add_key(field, field_size, listed && what == WIRE_WHAT_NOT_SHARED ? "/propagation" : "");
  if (!object[0] && what != WIRE_WHAT_STEP && step && styro_step_stage(step) == STYRO_STAGE_ROOT) {
    snprintf(object, size, "/");
  }
  if (component && component[0]) {
    if (step && step->code == WIRE_STEP_DEV && component[0] != '/') {
      snprintf(object, size, "/dev/%s", component);
    } else {
      snprintf(object, size, "%s", component);
    }
  }
}

/* ": No such file or directory"; nothing where no system call failed. */
static void say_errno(int number, char *out, size_t size)
{
  const char *words = strerrordesc_np(number);
  if (number == 0) {
    out[0] = 0;
  } else if (words) {
    snprintf(out, size, ": %s", words);
  } else {
    snprintf(out, size, ": error %d", number);
  }
}

/* `run`, `promises` and `note` do nothing that could fail: the helper names them before its first step. */
static bool is_done(const struct wire_step *step)
{
  return step && step->code > WIRE_STEP_NOTE;
}

static void say(const struct wire_step *step, uint32_t what, int sys_errno, const char *object, char *out, size_t size)
{
  const char *words = what < WIRE_WHAT_COUNT ? rows[what].words : NULL;
  if (step && step->code == WIRE_STEP_ACCESS && sys_errno != ENOSYS) {
    snprintf(out, size, "`%s` is asked for as rw, but the payload's id cannot write it", object);
  } else if (words) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    snprintf(out, size, words, object);
#pragma GCC diagnostic pop
  } else {
    snprintf(out, size, "cannot %s%s%s%s", is_done(step) ? styro_step_rows[step->code].does : "set up the sandbox",
             object[0] ? " `" : "", object, object[0] ? "`" : "");
  }
}

/* The stage of what failed, which need not be the step's own. */
static int stage_of(const struct wire_step *step, uint32_t what)
{
  if (what == WIRE_WHAT_SOURCE || what == WIRE_WHAT_DESCRIPTOR) {
    return STYRO_STAGE_SOURCE;
  }
  if (step && step->code == WIRE_STEP_NAMESPACES && what >= WIRE_WHAT_MAP_UID && what <= WIRE_WHAT_MAP_SETGROUPS) {
    return STYRO_STAGE_IDS;
  }
  return step ? styro_step_stage(step) : STYRO_STAGE_HELPER;
}

/* Where the component is no object, but says what was found. */
static bool has_own_words(const struct wire_step *step, uint32_t what, const char *component)
{
  bool named = component && component[0];
  return step && ((what == WIRE_WHAT_SPACE_TYPE && step->code == WIRE_STEP_JOIN) ||
                  (what == WIRE_WHAT_MOUNT_INSIDE && wire_step_source(step) && named) ||
                  (what == WIRE_WHAT_LANDLOCK_ABI && step->code == WIRE_STEP_LANDLOCK_PART && named));
}

static void say_landlock(const struct wire_step *step, const char *version, const char *object, char *out, size_t size)
{
  int needs = wire_landlock_needs(((const struct wire_step_landlock_part *)(const void *)step)->part);
  bool any = strcmp(version, "0") != 0;
  snprintf(out, size, "Landlock's rules for %s need version %d of its interface (Linux %s), and this kernel has %s%s",
           object, needs, wire_landlock_abi(needs)->kernel, any ? "version " : "no Landlock", any ? version : "");
}

static void say_own(const struct wire_step *step, uint32_t what, const char *component, const char *object, char *words,
                    size_t size)
{
  size_t len = strlen(words);
  if (what == WIRE_WHAT_SPACE_TYPE) {
    snprintf(words, size, "`%s` is %s, not the %s namespace that is to be joined", object,
             component ? component : "another thing", styro_space_name(step));
  } else if (what == WIRE_WHAT_MOUNT_INSIDE) {
    snprintf(words + len, size - len, ": `%s` is mounted in it", component);
  } else {
    say_landlock(step, component, object, words, size);
  }
}

void styro_plan_explain_failure(const styro_plan *plan, int code, uint32_t step_number, uint32_t what, int sys_errno,
                                const char *component, styro_error *err)
{
  const struct wire_step *step = styro_plan_step(plan, step_number);
  char field[128];
  char object[256];
  char words[512];
  char cause[64];
  bool refused = what == WIRE_WHAT_PLAN || what == WIRE_WHAT_RUN;
  bool own = !refused && has_own_words(step, what, component);
  find_object(plan, refused ? NULL : step, what, own ? "" : component, field, sizeof field, object, sizeof object);
  say(refused ? NULL : step, what, sys_errno, object, words, sizeof words);
  if (own) {
    say_own(step, what, component, object, words, sizeof words);
  }
  int stage = stage_of(refused ? NULL : step, what);
  if (refused) {
    styro_fail(err, code, stage, 0, "%s: it holds %s", words, wire_fault_text(sys_errno));
  } else {
    say_errno(sys_errno, cause, sizeof cause);
    styro_fail(err, code, stage, sys_errno, "%s%s", words, cause);
  }
  styro_error_field(err, "%s", field);
  styro_error_object(err, "%s", object);
  const char *hint = step && !refused ? find_own_hint(plan, step, what, sys_errno) : NULL;
  hint = hint ? hint : find_hint(step && !refused ? code_for_hints(step, what) : 0, what, sys_errno);
  if (hint) {
    styro_error_hint(err, "%s", hint);
  }
  const char *calls = step && !refused ? find_calls(step->code, what) : NULL;
  if (calls && (sys_errno == ENOSYS || !hint || what == WIRE_WHAT_FORK || what == WIRE_WHAT_FDS)) {
    styro_kernel_explain(sys_errno, calls, err);
  }
}
