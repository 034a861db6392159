/*
 * The plan: what the library compiled and the helper carries out. Flat, little-endian, 8-byte aligned, every offset from
 * the block's start, so that one sealed memfd serves all runs. Owns the format; knows no request and no policy.
 */
#ifndef STYRO_WIRE_PLAN_H
#define STYRO_WIRE_PLAN_H

#include <stdint.h>

#include "landlock.h"

#define WIRE_PLAN_MAGIC 0x50595453u /* "STYP" */
#define WIRE_PLAN_FORMAT 1u
#define WIRE_ID_SIZE 16
#define WIRE_PLAN_MAX (4u << 20) /* bytes of one plan */
#define WIRE_STEPS_MAX 10240u    /* steps of one plan */
#define WIRE_SOURCES_MAX 4096u   /* host objects of one plan */
#define WIRE_IDMAPS_MAX 64       /* id maps of mounts */
#define WIRE_LAYERS_MAX 500      /* what the kernel takes as lower layers of one overlay */
#define WIRE_KEPT_MAX 4096u      /* mounts of one plan that are changed later */
#define WIRE_DEVS_MAX 8u         /* device directories of one plan */

enum wire_plan_flags {
  WIRE_PLAN_INIT = 1u << 0,         /* an init stays as PID 1 and supervises */
  WIRE_PLAN_FIXED = 1u << 1,        /* a run may vary stdio and name only */
  WIRE_PLAN_PRESERVE_ANY = 1u << 2, /* preserve_fds "by_caller": a run may add descriptors */
  WIRE_PLAN_IDMAPS = 1u << 3,       /* some sources are idmapped, before the clone and so in helper mode */
  WIRE_PLAN_PROCESS = 1u << 4       /* the level `process`: no namespace, no mount, and init is no PID 1 */
};

struct wire_plan {
  uint32_t magic;
  uint16_t format;
  uint16_t header_size;
  uint8_t wire_id[WIRE_ID_SIZE];
  uint32_t total;
  uint32_t steps_off;
  uint32_t steps_n;
  uint32_t data_off;
  uint32_t flags;
  uint32_t crc32c; /* over the whole block with this word as 0; checked where bytes come from outside */
};

/* A text in the data area: length without the final NUL, then the bytes, then the NUL. Offset 0 means "none". */
struct wire_text {
  uint32_t len;
  char bytes[];
};

/* A list in the data area: n offsets of texts. */
struct wire_list {
  uint32_t n;
  uint32_t at[];
};

/*
 * Codes in the order in which compile emits them. The helper runs steps strictly in the plan's order; steps up to
 * WIRE_STEP_INIT run in the sandbox's first process, those after it in the payload's own.
 */
enum wire_step_code {
  WIRE_STEP_NONE = 0,
  WIRE_STEP_RUN = 1,        /* read by the library: what a run starts from */
  WIRE_STEP_PROMISES = 2,   /* read by the library: the three masks */
  WIRE_STEP_NOTE = 3,       /* read by the library: why one protection is not enforced or only approximated */
  WIRE_STEP_NAMESPACES = 4, /* carried out at the clone */
  WIRE_STEP_MAP_IDS = 5,    /* carried out at the clone */
  WIRE_STEP_HOSTNAME = 6,
  WIRE_STEP_LOOPBACK = 7,
  WIRE_STEP_OOM_SCORE = 8,
  WIRE_STEP_IDENTITY = 9, /* from here on no host path is resolved any more */
  WIRE_STEP_ROOT = 10,
  WIRE_STEP_DIR = 11,
  WIRE_STEP_LINK = 12,
  WIRE_STEP_FILE = 13,
  WIRE_STEP_BIND = 14,
  WIRE_STEP_TMPFS = 15,
  WIRE_STEP_DEV = 16,
  WIRE_STEP_PROC = 17,
  WIRE_STEP_READ_ONLY = 18,
  WIRE_STEP_MASK = 19,
  WIRE_STEP_SEAL_ROOT = 20,
  WIRE_STEP_PIVOT = 21,
  WIRE_STEP_USERNS_LIMIT = 22,
  WIRE_STEP_INIT = 23,
  WIRE_STEP_SESSION = 24,
  WIRE_STEP_KEYRING = 25,
  WIRE_STEP_RESET = 26,
  WIRE_STEP_NICE = 27,
  WIRE_STEP_RLIMIT = 28,
  WIRE_STEP_CAPABILITIES = 29,
  WIRE_STEP_ACCESS = 30,
  WIRE_STEP_WORKDIR = 31,
  WIRE_STEP_SECCOMP = 32,
  WIRE_STEP_EXEC = 33,
  WIRE_STEP_SEAL = 34,            /* a tmpfs of the sandbox's own turns read-only once all below it is placed */
  WIRE_STEP_GROUP = 35,           /* without a new session: a process group of the payload's own */
  WIRE_STEP_LAYER = 36,           /* a directory for the overlay that the next ROOT or OVERLAY lays */
  WIRE_STEP_SELF_BIND = 37,       /* a place of the root's own with other flags */
  WIRE_STEP_JOIN = 38,            /* carried out before the clone */
  WIRE_STEP_CLOCKS = 39,          /* before the identity step, while there is the right to */
  WIRE_STEP_SYMLINK = 40,         /* a symbolic link with a text of its own */
  WIRE_STEP_FS = 41,              /* a file system of the kernel's: enum wire_fs */
  WIRE_STEP_REMOUNT = 42,         /* flags and propagation of a kept mount */
  WIRE_STEP_OVERLAY = 43,         /* of the LAYER steps before it */
  WIRE_STEP_IDMAP = 44,           /* carried out before the clone: how ids on disk show in an idmapped source */
  WIRE_STEP_LANDLOCK_PART = 45,   /* what the ruleset of the LANDLOCK step speaks about */
  WIRE_STEP_LANDLOCK_PLACE = 46,  /* a rule of it: what may be done there and below */
  WIRE_STEP_LANDLOCK_PORT = 47,   /* a rule of it */
  WIRE_STEP_LANDLOCK = 48,        /* from here on it holds */
  WIRE_STEP_LANDLOCK_QUEUES = 49, /* message queues, which have no place in the tree: in the first process */
  WIRE_STEP_NEST = 50,            /* a user namespace below the sandbox's own; the value is its CLONE_NEW* */
  WIRE_STEP_ENTER = 51,           /* in the payload's process: what NEST made */
  WIRE_STEP_LABEL = 52,           /* of a security module, from the exec on */
  WIRE_STEP_COUNT = 53
};

enum wire_step_flags {
  WIRE_OPTIONAL = 1u << 0,          /* skip when the source is not there */
  WIRE_IF_MISSING_IGNORE = 1u << 1, /* skip, and say so, when the target is not there and may not be made */
  WIRE_CREATE = 1u << 2,            /* the target lies on the sandbox's own tmpfs: it may be made */
  WIRE_DEFAULTED = 1u << 3,         /* not asked for by name: what is absent in a root directory is skipped */
  WIRE_HAS_SOURCE = 1u << 4,        /* the body starts with a wire_source */
  WIRE_HAS_TARGET = 1u << 5,        /* after the source, if any, the body goes on with a wire_target */
  WIRE_BASE = 1u << 6,              /* later sources are resolved below this one */
  WIRE_KEEP = 1u << 7               /* the mount's descriptor is kept for a REMOUNT */
};

struct wire_step {
  uint16_t code;
  uint16_t flags;
  uint32_t size;        /* of the whole step with this header, a multiple of 8 */
  uint32_t field_id;    /* low half: the field; high half: 1 + the number of its list's item, 0: none */
  uint32_t best_effort; /* 0: a failure ends the set-up; else 1 + the protection that is then not enforced */
};

/*
 * A host object, opened O_PATH in plan order before anything is mounted. base is 0 for the caller's own view, else
 * 1 + the number of an earlier source below which `path` is resolved (openat2(2) RESOLVE_IN_ROOT), so that a link inside
 * a tree that the payload could write never leads out of it. Or base is WIRE_SOURCE_FD with the number of a descriptor
 * that the caller has open on the object, and path is only what people read.
 */
struct wire_source {
  uint32_t path; /* text */
  uint32_t base;
  uint32_t idmap; /* 0: none, else 1 + the number of the IDMAP step: its mount is made before the clone */
  uint32_t reserved;
};

#define WIRE_SOURCE_FD (1u << 31)
#define WIRE_SOURCE_FD_MIN 3 /* below are the standard streams, which each run chooses */
#define WIRE_SOURCE_FD_MAX 1048575

/* The caller's number of the descriptor that a source is, -1: none. */
static inline int wire_source_fd(const struct wire_source *source)
{
  return source->base & WIRE_SOURCE_FD ? (int)(source->base & ~WIRE_SOURCE_FD) : -1;
}

#define WIRE_ITEM_SHIFT 16

/* Of which entry of a list the step is; -1: of none. */
static inline int wire_step_item(const struct wire_step *step)
{
  return (int)(step->field_id >> WIRE_ITEM_SHIFT) - 1;
}

/* A place inside, absolute and normalised; resolved with RESOLVE_IN_ROOT below the new root. */
struct wire_target {
  uint32_t path; /* text */
  uint32_t reserved;
};

/* Flagged WIRE_DEFAULTED when the working directory was not asked for. */
struct wire_step_run {
  struct wire_step head;
  int64_t timeout; /* nanoseconds, 0 none */
  int64_t grace;
  uint64_t output_limit; /* 0: the request captures nothing by itself */
  uint32_t output_keep;  /* enum wire_keep */
  uint32_t output_kill;  /* 1: the limit kills */
  uint32_t output_asked; /* 1: the request has `output` */
  uint32_t argv;         /* list, 0 none */
  uint32_t env;          /* list of NAME=value, complete but for inherit */
  uint32_t inherit_env;  /* list of names */
  uint32_t cwd;          /* text */
  uint32_t preserve_fds; /* list of decimal texts */
};

enum wire_keep { WIRE_KEEP_HEAD = 0, WIRE_KEEP_TAIL = 1, WIRE_KEEP_BOTH = 2 };

struct wire_step_promises {
  struct wire_step head;
  uint64_t enforced;
  uint64_t not_enforced;
  uint64_t approximated;
};

struct wire_step_note {
  struct wire_step head;
  uint32_t protection;
  uint32_t approximated; /* 0: not enforced */
  uint32_t field;        /* text: JSON pointer */
  uint32_t why;          /* text */
};

struct wire_step_namespaces {
  struct wire_step head;
  uint64_t clone_flags;  /* CLONE_NEW* */
  uint32_t time_default; /* 1: the time namespace may be left out on kernels before 6.2 */
  uint32_t reserved;
};

enum wire_map {
  WIRE_MAP_DEFAULT = 0,
  WIRE_MAP_SELF = 1,
  WIRE_MAP_HOST = 2,        /* none: no user namespace is made */
  WIRE_MAP_RANGES = 3,      /* as the request says */
  WIRE_MAP_SUBORDINATE = 4, /* as the run block says: the caller's subordinate ids */
  WIRE_MAP_JOIN = 5,        /* none: the ids are those of a joined user namespace */
  WIRE_MAP_CALLER = 6       /* none: the payload is the caller, or 65534 where that is root */
};

enum wire_groups {
  WIRE_GROUPS_DROP = 0,  /* none where the kernel allows setgroups(2), else they stay and are listed */
  WIRE_GROUPS_EXACT = 1, /* those of the identity step, or no start */
  WIRE_GROUPS_KEEP = 2   /* the caller's own */
};

enum wire_setgroups { WIRE_SETGROUPS_DEFAULT = 0, WIRE_SETGROUPS_ALLOW = 1, WIRE_SETGROUPS_DENY = 2 };

struct wire_step_map_ids {
  struct wire_step head;
  uint32_t uid; /* inside */
  uint32_t gid;
  uint32_t uid_map; /* enum wire_map: DEFAULT is self for ordinary callers, exactly 65534 for root ones */
  uint32_t gid_map;
  uint32_t uid_ranges; /* text, as the kernel takes it; "" where there are none */
  uint32_t gid_ranges;
  uint32_t groups;    /* enum wire_groups */
  uint32_t setgroups; /* enum wire_setgroups */
};

/* The kinds in the order in which they are tried (namespaces(7)); a user namespace after those that it would cost rights. */
enum wire_space {
  WIRE_SPACE_PID,
  WIRE_SPACE_IPC,
  WIRE_SPACE_UTS,
  WIRE_SPACE_CGROUP,
  WIRE_SPACE_NETWORK,
  WIRE_SPACE_TIME,
  WIRE_SPACE_MOUNT,
  WIRE_SPACE_USER,
  WIRE_SPACE_COUNT
};

/* Its source is opened by the helper before the clone, and is none of those that are shown inside. */
struct wire_step_join {
  struct wire_step head;
  struct wire_source source;
  uint32_t space; /* enum wire_space */
  uint32_t reserved;
};

struct wire_step_clocks {
  struct wire_step head;
  int64_t boottime; /* nanoseconds */
  int64_t monotonic;
};

/* Of a mount (mount_setattr(2), MOUNT_ATTR_IDMAP): lines "ON-DISK OUTSIDE COUNT", or "" where one id is all that is mapped. */
struct wire_step_idmap {
  struct wire_step head;
  uint32_t uid_ranges; /* text */
  uint32_t gid_ranges;
  uint32_t uid; /* with "": on disk; outside it is the run's */
  uint32_t gid;
};

struct wire_step_hostname {
  struct wire_step head;
  uint32_t name;
  uint32_t domain; /* of NIS, setdomainname(2) */
};

struct wire_step_number { /* OOM_SCORE, NICE, USERNS_LIMIT, NEST */
  struct wire_step head;
  int64_t value;
};

struct wire_step_identity {
  struct wire_step head;
  uint32_t uid;
  uint32_t gid;
  uint32_t groups; /* text: the supplementary groups, decimal, one a line */
  uint32_t reserved;
};

#define WIRE_GROUPS_MOST 256

enum wire_root {
  WIRE_ROOT_TMPFS = 0,
  WIRE_ROOT_DIRECTORY = 1,
  WIRE_ROOT_DISCARD = 2, /* the directory below an overlay whose changes lie on a tmpfs */
  WIRE_ROOT_OVERLAY = 3  /* of the LAYER steps before it */
};

struct wire_step_root {
  struct wire_step head;
  struct wire_source source; /* path 0 for a tmpfs and an overlay */
  uint32_t kind;             /* enum wire_root */
  uint32_t mode;             /* TMPFS: permission bits */
  uint64_t attr_set;         /* MOUNT_ATTR_*, from the start; SEAL_ROOT makes a tmpfs read-only at the end */
  uint64_t size; /* DISCARD, OVERLAY: bytes of the tmpfs that changes go to, 0: none; TMPFS: 0 is enough for places */
};

enum wire_layer { WIRE_LAYER_LOWER = 0, WIRE_LAYER_UPPER = 1, WIRE_LAYER_WORK = 2 };

/* Lower ones in order, the topmost first; upper and work come together or not at all. */
struct wire_step_layer {
  struct wire_step head;
  struct wire_source source;
  uint32_t kind; /* enum wire_layer */
  uint32_t reserved;
};

struct wire_step_dir {
  struct wire_step head;
  struct wire_target target;
  uint32_t mode;
  uint32_t reserved;
};

/* A symbolic link like the host's at the source: same text inside. */
struct wire_step_link {
  struct wire_step head;
  struct wire_source source;
  struct wire_target target;
};

struct wire_step_file {
  struct wire_step head;
  struct wire_target target;
  uint32_t data; /* as a text, but a NUL may be inside */
  uint32_t mode;
};

struct wire_step_bind {
  struct wire_step head;
  struct wire_source source;
  struct wire_target target;
  uint64_t attr_set;    /* MOUNT_ATTR_* */
  uint64_t propagation; /* MS_SLAVE: follows the host's; 0: private */
  uint32_t flat;        /* 1: without the mounts below it */
  uint32_t devices;     /* 1: devices can be used, and may stand there themselves */
};

/* What stands at the target already, bound onto itself. */
struct wire_step_self_bind {
  struct wire_step head;
  struct wire_target target;
  uint64_t attr_set; /* MOUNT_ATTR_*; without RDONLY it turns writable */
};

struct wire_step_tmpfs {
  struct wire_step head;
  struct wire_target target;
  uint64_t size; /* bytes, 0: the kernel's default */
  uint64_t attr_set;
  uint64_t inodes; /* 0: by the size */
  uint32_t mode;
  uint32_t reserved;
};

/* READ_ONLY, MASK, SEAL: a target and nothing else. */
struct wire_step_place {
  struct wire_step head;
  struct wire_target target;
};

struct wire_step_dev {
  struct wire_step head;
  struct wire_target target;
  uint64_t size; /* of its shm */
  uint32_t open; /* 1: places are made in it later, and a REMOUNT makes it read-only then */
  uint32_t reserved;
};

enum wire_hidepid { WIRE_HIDEPID_OFF, WIRE_HIDEPID_NOACCESS, WIRE_HIDEPID_INVISIBLE, WIRE_HIDEPID_PTRACEABLE };

struct wire_step_proc {
  struct wire_step head;
  struct wire_target target;
  uint32_t hidepid; /* enum wire_hidepid, proc(5) */
  uint32_t subset;  /* 1: pid */
};

enum wire_fs { WIRE_FS_SYSFS = 0, WIRE_FS_DEVPTS = 1, WIRE_FS_MQUEUE = 2, WIRE_FS_CGROUP2 = 3, WIRE_FS_COUNT };

/* Without DEVPTS mode, ptmxmode and gid are 0. */
struct wire_step_fs {
  struct wire_step head;
  struct wire_target target;
  uint64_t attr_set;
  uint32_t kind; /* enum wire_fs */
  uint32_t mode;
  uint32_t ptmxmode;
  uint32_t has_gid;
  uint32_t gid;
  uint32_t reserved;
};

/* With an UPPER layer changes go there, without one it is read-only. */
struct wire_step_overlay {
  struct wire_step head;
  struct wire_target target;
  uint64_t attr_set;
};

struct wire_step_symlink {
  struct wire_step head;
  struct wire_target target;
  uint32_t text;
  uint32_t reserved;
};

/* After the pivot: the flags of a mount inside a detached tree cannot be changed. The target is for people alone. */
struct wire_step_remount {
  struct wire_step head;
  struct wire_target target;
  uint64_t attr_set; /* MOUNT_ATTR_* */
  uint64_t attr_clear;
  uint64_t propagation; /* MS_*, 0: as it is */
  uint32_t kept;        /* 1 + the number of the kept mount; 0: the root */
  uint32_t recursive;
};

struct wire_step_plain { /* LOOPBACK, SEAL_ROOT, PIVOT, INIT, SESSION, KEYRING, LANDLOCK, LANDLOCK_QUEUES, EXEC */
  struct wire_step head;
};

struct wire_step_reset {
  struct wire_step head;
  uint32_t umask;
  uint32_t reserved;
};

#define WIRE_RLIM_INFINITY UINT64_MAX
struct wire_step_rlimit {
  struct wire_step head;
  uint32_t resource; /* RLIMIT_* of getrlimit(2) */
  uint32_t reserved;
  uint64_t soft;
  uint64_t hard;
};

struct wire_step_capabilities {
  struct wire_step head;
  uint64_t bounding;
  uint64_t effective;
  uint64_t permitted;
  uint64_t inheritable;
  uint64_t ambient;
  uint32_t securebits;
  uint32_t no_new_privs;
};

enum wire_lsm { WIRE_LSM_APPARMOR = 0, WIRE_LSM_SELINUX = 1, WIRE_LSM_COUNT = 2 };
#define WIRE_LABEL_MAX 1023 /* bytes */

struct wire_step_label {
  struct wire_step head;
  uint32_t lsm; /* enum wire_lsm */
  uint32_t label;
};

/* The payload's final id must be able to write there. */
struct wire_step_access {
  struct wire_step head;
  struct wire_target target;
  uint32_t
      source; /* 1 + the number of the source shown there: where that is absent, nothing is tried; 0: none is needed */
  uint32_t reserved;
};

struct wire_step_seccomp {
  struct wire_step head;
  uint32_t filter; /* offset of `n` struct sock_filter, 8 bytes each */
  uint32_t n;
  uint32_t log;   /* 1: SECCOMP_FILTER_FLAG_LOG */
  uint32_t words; /* text: which profile it is and how it was changed, for people */
  uint32_t
      names_supervisor; /* 1: compares with the two numbers below, in whose place the helper puts what they stand for */
  uint32_t reserved;
};

#define WIRE_SUPERVISOR 0x7ff0da7au       /* its pid */
#define WIRE_SUPERVISOR_GROUP 0x7ff0da7bu /* minus its pid */
#define WIRE_NAMING_FILTER_MAX 1024       /* instructions of such a filter */

/* Flagged WIRE_DEFAULTED where nobody asked for it: a kernel without it is then no error, and it is not promised. */
struct wire_step_landlock_part {
  struct wire_step head;
  uint32_t part; /* enum wire_landlock_part */
  uint32_t reserved;
  uint64_t access; /* its rights, or scopes; what the kernel does not know of the first part is left out */
};

struct wire_step_landlock_place {
  struct wire_step head;
  struct wire_target target;
  uint64_t access;
  uint32_t required; /* 1: it must be there, and within the payload's reach */
  uint32_t direct;   /* 1: no link may stand on the way to it */
};

struct wire_step_landlock_port {
  struct wire_step head;
  uint64_t access;
  uint32_t port;
  uint32_t reserved;
};

/*
 * The checked reader, shared by library and helper: after wire_plan_check() answered 0, every step, text, list and filter
 * of the block may be used without a further check.
 */
enum wire_fault {
  WIRE_FAULT_NONE = 0,
  WIRE_FAULT_SHORT, /* smaller than its header or its total says otherwise */
  WIRE_FAULT_MAGIC,
  WIRE_FAULT_FORMAT,
  WIRE_FAULT_ID,     /* another wire identity */
  WIRE_FAULT_ALIGN,  /* an offset or size that is not a multiple of 8 (texts and lists: of 4) */
  WIRE_FAULT_BOUNDS, /* an offset or length beyond the block */
  WIRE_FAULT_CODE,   /* an unknown step */
  WIRE_FAULT_SIZE,   /* a step of another size than its code has */
  WIRE_FAULT_TEXT,   /* a text without its NUL, or with one inside */
  WIRE_FAULT_VALUE,  /* a number out of its range */
  WIRE_FAULT_ORDER,  /* steps that may not follow each other: two of one kind, or none where one must be */
  WIRE_FAULT_COUNT
};

/* Checks a whole plan; *step is the number of the step at fault. Returns an enum wire_fault. */
int wire_plan_check(const void *block, uint64_t len, const uint8_t wire_id[WIRE_ID_SIZE], uint32_t *step);

/* A sentence part for a fault ("a text without its final NUL"). Static text. */
const char *wire_fault_text(int fault);

/* Accessors for a checked plan. */
const struct wire_step *wire_step_first(const struct wire_plan *plan);
const struct wire_step *wire_step_next(const struct wire_step *step);
const struct wire_text *wire_text_at(const void *block, uint32_t offset); /* NULL for offset 0 */
const char *wire_str(const void *block, uint32_t offset);                 /* "" for offset 0 */
const struct wire_list *wire_list_at(const void *block, uint32_t offset); /* NULL for offset 0 */
const struct wire_source *wire_step_source(const struct wire_step *step); /* NULL where there is none */
/* Also what a JOIN names: every object of the host or the caller that a step speaks of. */
const struct wire_source *wire_step_named(const struct wire_step *step);
const struct wire_target *wire_step_target(const struct wire_step *step); /* NULL where there is none */

/* Where a step of this code and kind holds offsets into the data area: what writing a plan has to move. */
#define WIRE_REFERENCES_MAX 8
struct wire_reference {
  uint16_t at;   /* offset of the word within the step */
  uint16_t list; /* 1: it leads to a list, whose words are offsets again */
};
unsigned wire_step_references(const struct wire_step *step, struct wire_reference out[WIRE_REFERENCES_MAX]);

#endif
