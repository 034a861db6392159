/*
 * The run block: what varies from run to run, in a memfd of its own. The helper maps it shared: it turns the offsets of
 * argv and env into pointers in place, and leaves its verdict there with plain stores, which no filter can forbid.
 */
#ifndef STYRO_WIRE_RUN_H
#define STYRO_WIRE_RUN_H

#include <stdint.h>

#define WIRE_RUN_MAGIC 0x52595453u /* "STYR" */
#define WIRE_RUN_FORMAT 1u
#define WIRE_RUN_MAX (16u << 20)
#define WIRE_COMPONENT 256
#define WIRE_DENIED_PATHS 2 /* enum styro_protection's numbers, for `skipped` */
#define WIRE_SUPPLEMENTARY_GROUPS 15
#define WIRE_LANDLOCK_PROTECTIONS 20 /* the first of three, in the order of enum wire_landlock_part */

/* Descriptors of the helper. */
enum wire_fd { WIRE_FD_PLAN = 3, WIRE_FD_RUN = 4, WIRE_FD_STATUS = 5, WIRE_FD_CALLER = 6, WIRE_FD_FIRST_FREE = 7 };

/* What the running kernel can do, as the runner found it. */
enum wire_kernel {
  WIRE_KERNEL_DETACHED = 1u << 0, /* >= 6.15: mounts attach to a detached tree */
  WIRE_KERNEL_TIME_VM = 1u << 1,  /* >= 6.2: CLONE_NEWTIME together with CLONE_VM */
  WIRE_KERNEL_LAYERS = 1u << 2    /* >= 6.5: an overlay takes its lower layers one by one */
};

enum wire_run_flags {
  WIRE_RUN_HELPER_MODE = 1u << 0,  /* the helper makes the clone itself */
  WIRE_RUN_TWO_STEP = 1u << 1,     /* the map names an id other than the caller's: source phase and ids differ */
  WIRE_RUN_NO_TIME_NS = 1u << 2,   /* leave CLONE_NEWTIME out */
  WIRE_RUN_WATCH_CALLER = 1u << 3, /* fd 6 is the caller's pidfd */
  WIRE_RUN_DEFAULT_CWD = 1u << 4,  /* the working directory was not asked for: "/" where it cannot be entered */
  WIRE_RUN_HOST_USER = 1u << 5,    /* no user namespace is made: the payload's ids are the caller's namespace's */
  WIRE_RUN_KEEP_CAPS = 1u << 6,    /* the id before the identity step may be root inside: its rights are kept by hand */
  WIRE_RUN_OTHER_IDS = WIRE_RUN_TWO_STEP | WIRE_RUN_HOST_USER,
  WIRE_RUN_SET_GROUPS = 1u << 7,      /* the identity step sets the supplementary groups */
  WIRE_RUN_DENY_SETGROUPS = 1u << 8,  /* setgroups(2) is denied inside, before the gid map is written */
  WIRE_RUN_DROP_FIRST = 1u << 9,      /* helper mode: it is denied inside, so the groups are dropped before the clone */
  WIRE_RUN_JOINED_USER = 1u << 10,    /* the ids are those of a joined user namespace */
  WIRE_RUN_GROUPS_MAY_STAY = 1u << 11 /* that one may forbid setgroups(2): then they are listed */
};

enum wire_stamp {
  WIRE_STAMP_HELPER = 0, /* first instructions of the helper */
  WIRE_STAMP_SOURCES,    /* all host objects are open */
  WIRE_STAMP_TREE,       /* the old root is gone */
  WIRE_STAMP_IDENTITY,   /* just before exec */
  WIRE_STAMP_COUNT
};

/* How far it came. state is a status type (status.h) or 0; written last. */
struct wire_verdict {
  uint32_t state;
  uint32_t step;
  int32_t err;
  uint32_t what;                    /* enum wire_what */
  int64_t stamps[WIRE_STAMP_COUNT]; /* CLOCK_MONOTONIC nanoseconds, 0: not reached */
  uint64_t skipped;                 /* bits of enum styro_protection that a skipped step leaves unenforced */
  uint64_t absent;                  /* bits of those that this kernel does not have, and nobody asked for */
  char component[WIRE_COMPONENT];
};

struct wire_fd_entry {
  int32_t at;     /* number at the helper */
  int32_t target; /* number at the payload, the same as at the caller; below 0: ~number, and not for the payload */
};

struct wire_run {
  uint32_t magic;
  uint16_t format;
  uint16_t header_size;
  uint32_t total;
  uint32_t flags;
  uint32_t kernel;
  uint32_t caller_uid;
  uint32_t caller_gid;
  uint32_t map_uid; /* the id outside that the map names */
  uint32_t map_gid;
  uint32_t argc;
  uint32_t argv_off; /* argc + 1 words of 8 bytes: offsets of NUL-terminated bytes, last 0 */
  uint32_t envc;
  uint32_t env_off;
  uint32_t cwd_off; /* NUL-terminated bytes */
  uint32_t fds_off;
  uint32_t fds_n;
  uint32_t uid_map_off; /* NUL-terminated bytes: the map of subordinate ids as the kernel takes it; 0: none */
  uint32_t gid_map_off;
  uint32_t uid_tool_off; /* the set-user-id program that writes it, in helper mode; 0: whoever holds the right does */
  uint32_t gid_tool_off;
  int64_t timeout; /* nanoseconds from `spawned`, 0 none */
  int64_t grace;
  int64_t spawned; /* CLOCK_MONOTONIC */
  uint32_t ready;  /* futex between init and the payload's process: enum readiness of the helper */
  uint32_t reserved;
  struct wire_verdict verdict;
};

/* Checks a run block of len bytes. Returns an enum wire_fault. */
int wire_run_check(const void *block, uint64_t len);

#endif
