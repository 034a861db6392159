/*
 * The helper's one state and its verbs. No allocator, no stdio, no locale, no locks anywhere in core/helper: it runs as
 * first process of new namespaces, partly in memory that two processes share. Knows plans, not requests.
 */
#ifndef STYRO_HELPER_H
#define STYRO_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/plan.h"
#include "../wire/run.h"
#include "../wire/status.h"
#include "../wire/sys.h"

enum device { DEVICE_NULL, DEVICE_ZERO, DEVICE_FULL, DEVICE_RANDOM, DEVICE_URANDOM, DEVICE_TTY, DEVICE_COUNT };

/* A layer of an overlay: a directory's own O_PATH descriptor, and what the plan calls it. path NULL: none. */
struct layer {
  int fd;
  const char *path;
};

/* What the next overlay is made of; the first lower one is the topmost. */
struct layers {
  unsigned n;
  struct layer lowers[WIRE_LAYERS_MAX];
  struct layer upper; /* none: the overlay is read-only */
  struct layer work;
};

/* What an ordered list of mounts needs besides, and a root whose changes are discarded; mapped where the plan has one. */
struct mount_list {
  uint32_t kept_n;              /* how many were kept so far */
  uint32_t own_n;               /* how many file systems the helper made */
  uint64_t own[WIRE_STEPS_MAX]; /* their device numbers, for the guard of tree.c */
  int kept[WIRE_KEPT_MAX];      /* mounts that a later step changes; -1: absent and optional */
  int self;                     /* the caller's /proc/self where propagation is to be read back, else -1 */
};

/* The ruleset while it is made. */
struct landlock {
  int ruleset; /* -1: not made yet */
  int queues;  /* the root of the message queues' file system, -1: none */
  int version; /* of the kernel's interface; 0: not asked yet, below: there is none, -errno */
  bool asked;  /* the request asked for a part of it, and got it */
  struct wire_landlock_ruleset handles;
  char digits[21]; /* the version, for the verdict */
};
#define HELPER_NESTED 5 /* kinds of namespaces that a payload can have for itself: nest.c */

struct helper {
  const struct wire_plan *plan;
  struct wire_run *run;
  const struct wire_step *step; /* the step that runs now */
  uint32_t number;              /* its number */
  uint32_t what;                /* enum wire_what of the call at hand */
  const char *component;        /* path component at fault, NULL: the step's own object */
  bool payload;                 /* in the payload's own process: failures go to the verdict only */
  int supervisor;               /* at the level `process`: the pid whose end is the payload's, else 0 */
  bool fds_placed; /* the payload's descriptors are in place, one of them perhaps over the status channel */
  uint32_t source; /* next source's number */
  int fd;          /* the running step's source, -1: absent and optional, or none */
  int root;        /* the new root's mount */
  bool own_root;   /* it is a tmpfs of the sandbox's own */
  bool opens;      /* it is a directory of the host that the payload may write, and closed until all places are made */
  int mask;        /* tmpfs with the two mask objects, -1 until needed */
  int proc;        /* mount of the new proc, -1 until there */
  int covered;     /* the last mount whose masks follow it, -1: none; the new proc at its own place has `proc` */
  const char *covered_at;    /* its place, with which the places of its masks begin */
  int userns_limit;          /* /proc/sys/user/max_user_namespaces, opened while it could be written */
  int procfs;                /* the caller's /proc where a step writes there after the root has changed, else -1 */
  int nested[HELPER_NESTED]; /* namespaces for the payload alone, 0: none */
  char held[256];            /* the label that was found, for the verdict; cut to fit */
  int proc_dir;              /* the caller's /proc where another mount namespace is joined, else -1 */
  bool clocks;               /* the payload enters a time namespace of its own */
  int64_t clock_offset;      /* of CLOCK_MONOTONIC there */
  int64_t clock_shift;       /* what a joined time namespace adds to the caller's CLOCK_MONOTONIC */
  int leaving;               /* under an init: the pipe's end that closes when the payload's process leaves; else -1 */
  char parent[256];          /* where directories were attached last: neighbours are attached by name in it */
  int parent_fd;             /* its descriptor, -1: none */
  uint64_t nofile_soft;      /* the caller's soft RLIMIT_NOFILE, 0 when it was left alone */
  struct mount_list *list;   /* NULL: neither is there, and what is made needs no guard */
  bool follows;              /* a bind follows what the host mounts below it */
  int mount;                 /* the running step's mount where a later step changes it, -1: none */
  uint32_t devs;             /* which set of devices is the next device directory's */
  int devices[WIRE_DEVS_MAX][DEVICE_COUNT];
  int sources[WIRE_SOURCES_MAX]; /* a detached copy of each, or a link's own descriptor; -1: absent and optional */
  int bases[WIRE_SOURCES_MAX];   /* the host's object itself where later sources lie below it, else -1 */
  int idmaps[WIRE_IDMAPS_MAX];   /* user namespaces, before the clone only */
  struct landlock landlock;
  struct layers layers; /* gathered by the LAYER steps before the one that lays them */
};

/* main.c */
_Noreturn void helper_main(void);
int helper_run_steps(struct helper *h, const struct wire_step *from, uint32_t number);
void helper_release(void);
int helper_proc(const struct helper *h, const char *name, int flags); /* a file below the /proc of the caller */

/* procfs.c: held before the root changes; a file below it, or -errno. */
void procfs_hold(struct helper *h);
int procfs_open(struct helper *h, const char *name, int flags);
/* The beginning of a file there, NUL-terminated; its length, or -errno. */
long procfs_read(struct helper *h, const char *name, char *text, size_t size);

/* clone.c: helper mode. Returns 0 in the sandbox's first process; the caller's side does not return. */
int helper_clone(struct helper *h);
/* As fork(2): 0 in the child. One place for all who do it, since two calls with all their words are large. */
int clone_copy(struct wire_clone_args *args);

/* maps.c: writes both maps of a process, pid 0: its own; by a program of the host where the run says so. */
int maps_write(struct helper *h, const struct wire_step_map_ids *ids, int pid);

/* join.c: in helper mode, before the clone */
struct join_target {
  const struct wire_step *step; /* NULL: this kind is not joined */
  uint32_t number;
  int fd;
  bool entered;
};
int joins_enter(struct helper *h);

/* clocks.c: CLOCK_MONOTONIC as the caller reads it */
int64_t clocks_now(const struct helper *h);

/* sources.c */
/* Those that are idmapped, before the clone; or all others, after it. */
int sources_open(struct helper *h, bool mapped);
#define HELPER_PATH_SIZE 4096
int source_path(int fd, char path[HELPER_PATH_SIZE]);       /* that the kernel knows for it */
int sources_descriptor(const struct helper *h, int number); /* where the caller's descriptor stands here, or -EBADF */

/* status.c */
_Noreturn void status_die(struct helper *h, uint16_t type, int error);
void status_verdict(struct helper *h, uint32_t type, int error);
void status_send_failed(const struct wire_run *run);
void status_fill_running(const struct wire_run *run, int64_t now, struct wire_running *out);
void status_send(const struct wire_record *record);
int status_pidfd(struct helper *h, int pidfd, int pid);

/* tree.c: places below the new root */
int tree_open(struct helper *h, const char *path, bool directory);              /* O_PATH fd or -errno */
int tree_make(struct helper *h, const char *path, bool directory);              /* the same, made where absent */
int tree_place(struct helper *h, const struct wire_step *step, bool directory); /* by the step's target and flags */
int tree_attach(struct helper *h, int mount, int place);
/* The directory that holds path, in which something may be made, and path's last name. */
int tree_parent(struct helper *h, const char *path, const char **name);
void tree_own(struct helper *h, int mount);       /* a file system of the helper's own: things may be made on it */
bool tree_may_make(struct helper *h, int parent); /* in this directory */
int tree_mount(struct helper *h, const struct wire_step *step, int mount); /* a directory, at the step's target */
/* A detached tmpfs, or -errno. writable: the payload will write there, so its inodes are bounded as well. */
int tree_tmpfs(uint64_t size, uint32_t mode, uint64_t attributes, bool writable);
int tree_tmpfs_of(uint64_t size, uint64_t inodes, uint32_t mode, uint64_t attributes); /* 0: the kernel's default */
uint64_t tree_inodes(uint64_t size);
void tree_octal(char out[5], uint32_t mode);
#define TREE_SKIP 4096 /* no errno; tree_place(): absent, and the step says that this is fine */

/* mounts.c: sets these flags on a detached tree with all below it, makes it private, and reads the flags back. */
int mount_harden(struct helper *h, int mount, uint64_t attributes);
bool mount_holds(int mount, uint64_t attributes);                             /* are all these flags set? */
void mount_done(struct helper *h, const struct wire_step *step, int mount);   /* attached: closed, or kept for later */
int mount_covered(struct helper *h, const struct wire_step *step, int mount); /* attached: its masks start from it */

/* mount_list.c: a new file system, detached, or -errno. An option without a value is left out. */
struct fs_option {
  const char *key;
  const char *value;
};
int fs_mount(const char *type, const struct fs_option *options, unsigned n, uint64_t attributes);

/*
 * mountinfo.c: while the caller's /proc is there, what reading back needs; and does this mount spread like this (MS_*)? And
 * -EBUSY where something is mounted inside a directory of the host, which is then h->component.
 */
int propagation_prepare(struct helper *h);
int propagation_holds(struct helper *h, int mount, uint64_t wanted);
int mounts_inside(struct helper *h, int directory);

/* idmaps.c: before the clone, all that the plan asks to be idmapped; and the map of that number, 1 the first, for a mount. */
int idmaps_prepare(struct helper *h);
int idmap_apply(struct helper *h, int mount, uint32_t number);

/*
 * overlay.c: one detached mount of these layers, or -errno; the layer at fault is then h->component. The layers stay the
 * caller's: overlay_forget() closes them. overlay_scratch() gives them a tmpfs of so many bytes for upper and work.
 */
int overlay_make(struct helper *h, const struct layers *layers, uint64_t attributes);
int overlay_scratch(struct helper *h, struct layers *layers, uint64_t size);
void overlay_forget(struct layers *layers);

/* process.c: what step_oom_score() does, for who joins a user namespace and so must do it before */
int oom_score_write(struct helper *h, const struct wire_step *step);

/* the steps, one verb each */
int step_hostname(struct helper *h, const struct wire_step *step);
int step_loopback(struct helper *h, const struct wire_step *step);
int step_oom_score(struct helper *h, const struct wire_step *step);
int step_identity(struct helper *h, const struct wire_step *step);
int step_layer(struct helper *h, const struct wire_step *step);
int step_root(struct helper *h, const struct wire_step *step);
int step_seal_root(struct helper *h, const struct wire_step *step);
int step_pivot(struct helper *h, const struct wire_step *step);
int step_dir(struct helper *h, const struct wire_step *step);
int step_link(struct helper *h, const struct wire_step *step);
int step_file(struct helper *h, const struct wire_step *step);
int step_bind(struct helper *h, const struct wire_step *step);
int step_self_bind(struct helper *h, const struct wire_step *step);
int step_tmpfs(struct helper *h, const struct wire_step *step);
int step_dev(struct helper *h, const struct wire_step *step);
int step_proc(struct helper *h, const struct wire_step *step);
int step_read_only(struct helper *h, const struct wire_step *step);
int step_mask(struct helper *h, const struct wire_step *step);
int step_userns_limit(struct helper *h, const struct wire_step *step);
int step_init(struct helper *h, const struct wire_step *step);
int step_session(struct helper *h, const struct wire_step *step);
int step_keyring(struct helper *h, const struct wire_step *step);
int step_reset(struct helper *h, const struct wire_step *step);
int step_nice(struct helper *h, const struct wire_step *step);
int step_rlimit(struct helper *h, const struct wire_step *step);
int step_capabilities(struct helper *h, const struct wire_step *step);
int step_access(struct helper *h, const struct wire_step *step);
int step_workdir(struct helper *h, const struct wire_step *step);
int step_seccomp(struct helper *h, const struct wire_step *step);
int step_seal(struct helper *h, const struct wire_step *step);
int step_group(struct helper *h, const struct wire_step *step);
int step_join(struct helper *h, const struct wire_step *step);
int step_clocks(struct helper *h, const struct wire_step *step);
int step_symlink(struct helper *h, const struct wire_step *step);
int step_fs(struct helper *h, const struct wire_step *step);
int step_overlay(struct helper *h, const struct wire_step *step);
int step_remount(struct helper *h, const struct wire_step *step);
int step_landlock_part(struct helper *h, const struct wire_step *step);
int step_landlock_place(struct helper *h, const struct wire_step *step);
int step_landlock_port(struct helper *h, const struct wire_step *step);
int step_landlock_queues(struct helper *h, const struct wire_step *step);
int step_landlock(struct helper *h, const struct wire_step *step);
/* landlock.c: from here on this process and those that it starts signal nobody else. 1; 0: the kernel has no such thing. */
int landlock_fence(struct helper *h);
int step_nest(struct helper *h, const struct wire_step *step);
int step_enter(struct helper *h, const struct wire_step *step);
int step_label(struct helper *h, const struct wire_step *step);
int step_exec(struct helper *h, const struct wire_step *step);

/* init.c: in the payload's process, waits until init has dropped its rights; before a filter that may forbid to wait. */
void init_await(const struct helper *h);

int mask_prepare(struct helper *h);
void signals_reset(void);
int supervise(struct helper *h);

#endif
