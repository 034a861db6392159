/*
 * The status channel: a SEQPACKET socket pair, one message a record, at most 512 bytes. The object's text comes from the
 * plan by step number; the body holds only the component that failed.
 */
#ifndef STYRO_WIRE_STATUS_H
#define STYRO_WIRE_STATUS_H

#include <stdint.h>

#define WIRE_STATUS_MAX 512

enum wire_status {
  WIRE_STATUS_NONE = 0,
  /* to the library */
  WIRE_STATUS_READY = 1,
  WIRE_STATUS_SETUP_FAILED = 2,
  WIRE_STATUS_EXEC_FAILED = 3,
  WIRE_STATUS_RUNNING = 4,
  WIRE_STATUS_ENDED = 5,
  WIRE_STATUS_FD = 6, /* one descriptor by SCM_RIGHTS; arg says which (enum wire_passed) */
  /* to the helper */
  WIRE_STATUS_KILL = 16, /* arg: the signal */
  WIRE_STATUS_FREEZE = 17,
  WIRE_STATUS_THAW = 18,
  WIRE_STATUS_RESIZE = 19
};

struct wire_record {
  uint16_t type;
  uint16_t size; /* of the whole record */
  uint32_t step;
  int32_t err;  /* errno */
  uint32_t arg; /* enum wire_what, enum wire_cause, a signal … */
};

enum wire_passed { WIRE_PASSED_PIDFD = 1 }; /* body: s32 pid in the helper's namespace, s32 0 */

/* What exactly failed within a step; the library turns step, what and errno into message and hint. */
enum wire_what {
  WIRE_WHAT_STEP = 0,       /* the step's own main call */
  WIRE_WHAT_SOURCE,         /* opening the host object */
  WIRE_WHAT_SOURCE_TYPE,    /* it is not of a type that can stand there */
  WIRE_WHAT_TARGET,         /* resolving the place inside */
  WIRE_WHAT_TARGET_MISSING, /* it does not exist and may not be made there */
  WIRE_WHAT_TARGET_LINK,    /* its last component is a symbolic link */
  WIRE_WHAT_TARGET_TYPE,    /* a file where a directory is needed, or the reverse */
  WIRE_WHAT_CREATE,         /* making it */
  WIRE_WHAT_CLONE_TREE,     /* open_tree(2) */
  WIRE_WHAT_FLAGS,          /* mount_setattr(2) */
  WIRE_WHAT_READ_BACK,      /* a flag or a value did not hold */
  WIRE_WHAT_ATTACH,         /* move_mount(2) */
  WIRE_WHAT_READ_ONLY,      /* asked for rw, the source is read-only on the host */
  WIRE_WHAT_SETGROUPS,
  WIRE_WHAT_SETGID,
  WIRE_WHAT_SETUID,
  WIRE_WHAT_CAP_BOUNDING,
  WIRE_WHAT_CAP_SET,
  WIRE_WHAT_CAP_AMBIENT,
  WIRE_WHAT_SECUREBITS,
  WIRE_WHAT_NO_NEW_PRIVS,
  WIRE_WHAT_DUMPABLE,
  WIRE_WHAT_FORK, /* starting the payload's process, or the sandbox's own in helper mode */
  WIRE_WHAT_MAP_UID,
  WIRE_WHAT_MAP_GID,
  WIRE_WHAT_MAP_SETGROUPS,
  WIRE_WHAT_CHDIR,
  WIRE_WHAT_NOT_FOUND,    /* exec: the file itself; component: the name or path */
  WIRE_WHAT_INTERPRETER,  /* exec: the #! line's program; component: its path */
  WIRE_WHAT_LOADER,       /* exec: the ELF loader; component: its path */
  WIRE_WHAT_EXEC,         /* exec: anything else */
  WIRE_WHAT_PLAN,         /* the helper refused the plan; errno holds an enum wire_fault */
  WIRE_WHAT_RUN,          /* the helper refused the run block; errno holds an enum wire_fault */
  WIRE_WHAT_FDS,          /* placing descriptors */
  WIRE_WHAT_SUPERVISE,    /* init's own machinery */
  WIRE_WHAT_KILLED,       /* the payload's process was killed while it was set up */
  WIRE_WHAT_OVERLAY,      /* the overlay over a root directory */
  WIRE_WHAT_DESCRIPTOR,   /* finding what a descriptor of the caller is open on */
  WIRE_WHAT_UID_TOOL,     /* newuidmap; component: what it said, else its path */
  WIRE_WHAT_GID_TOOL,     /* newgidmap, the same */
  WIRE_WHAT_SPACE_TYPE,   /* what is to be joined is another thing; component: which */
  WIRE_WHAT_UNSHARE,      /* making a time namespace */
  WIRE_WHAT_ON_HOST,      /* it would be made, or changed, on the host */
  WIRE_WHAT_NO_DEVICES,   /* asked for with devices, the source is nodev on the host */
  WIRE_WHAT_IDMAP,        /* MOUNT_ATTR_IDMAP of a source */
  WIRE_WHAT_NOT_SHARED,   /* asked for as a slave, and follows nobody */
  WIRE_WHAT_MOUNT_INSIDE, /* in a layer of an overlay; component: where */
  WIRE_WHAT_LANDLOCK_ABI, /* the kernel's version of it does not know what is asked for; component: that version */
  WIRE_WHAT_NEST,         /* a user namespace below the sandbox's own */
  WIRE_WHAT_NO_PROC,      /* the caller's /proc is none */
  WIRE_WHAT_LABEL_ABSENT, /* component: the security module that is not active */
  WIRE_WHAT_LABEL,        /* writing the label */
  WIRE_WHAT_COUNT
};

/* Why init ended the tree; arg of WIRE_STATUS_ENDED. */
enum wire_cause {
  WIRE_CAUSE_PAYLOAD = 0, /* the payload ended by itself */
  WIRE_CAUSE_WALL = 1,    /* the wall deadline passed */
  WIRE_CAUSE_CALLER = 2   /* the caller is gone */
};

/* Body of WIRE_STATUS_RUNNING. */
struct wire_running {
  struct wire_record head;
  int64_t stamps[5]; /* enum wire_stamp, then the moment after exec */
  uint64_t skipped;  /* protections */
  uint64_t absent;   /* the same, of those that nobody asked for */
};

/* Body of WIRE_STATUS_ENDED: the payload's wait status, and rusage of all that init reaped. Times in nanoseconds. */
struct wire_ended {
  struct wire_record head;
  int32_t wait_status;
  uint32_t reserved;
  int64_t finished; /* CLOCK_MONOTONIC, when the payload's end was seen */
  int64_t user;
  int64_t system;
  int64_t max_rss; /* bytes */
  int64_t minor_faults;
  int64_t major_faults;
  int64_t switches_voluntary;
  int64_t switches_involuntary;
  int64_t blocks_in; /* 512-byte units, as getrusage(2) counts */
  int64_t blocks_out;
};

/* WIRE_STATUS_SETUP_FAILED and _EXEC_FAILED: the component, NUL-terminated. */
struct wire_failed {
  struct wire_record head;
  char component[256];
};

/* Body of WIRE_STATUS_FD. */
struct wire_passed_pid {
  struct wire_record head;
  int32_t pid;
  int32_t reserved;
};

#endif
