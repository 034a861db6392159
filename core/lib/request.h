/*
 * The request inside the library: one plain struct that the field table (fields.h) fills, and the effective request that
 * compile reads. Knows no plan.
 */
#ifndef STYRO_LIB_REQUEST_H
#define STYRO_LIB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc.h"
#include "error.h"
#include "styrolite.h"

struct styro_list {
  char **items;
  size_t n;
};

/* Keeps the order of insertion; setting a key again replaces its value in place. */
struct styro_map {
  char **keys;
  char **values;
  size_t n;
};

enum styro_access { STYRO_ACCESS_RO, STYRO_ACCESS_RW, STYRO_ACCESS_DENY, STYRO_ACCESS_TMPFS };
enum styro_if_missing { STYRO_MISSING_FAIL, STYRO_MISSING_IGNORE };

/* One entry of `paths`. `path` is absolute and normalised (no `.`, `..`, `//`, trailing slash). */
struct styro_path_rule {
  char *path;
  int access;    /* enum styro_access */
  char *from;    /* host path, or a descriptor's number; NULL: the enclosing entry's object, else the same host path */
  bool optional; /* absent source: left out */
  bool noexec;
  int if_missing; /* enum styro_if_missing, for deny */
  uint64_t size;  /* tmpfs: bytes, 0: 256 MiB */
  uint32_t mode;  /* tmpfs: permission bits, 0: 0755 */
  char *idmap;    /* id_map.h; NULL: ids are what they are outside */
};

/* In the order of the words in the table. */
enum styro_mount_type {
  STYRO_MOUNT_NONE,
  STYRO_MOUNT_BIND,
  STYRO_MOUNT_TMPFS,
  STYRO_MOUNT_PROC,
  STYRO_MOUNT_SYSFS,
  STYRO_MOUNT_DEVPTS,
  STYRO_MOUNT_MQUEUE,
  STYRO_MOUNT_DEV,
  STYRO_MOUNT_CGROUP,
  STYRO_MOUNT_OVERLAY,
  STYRO_MOUNT_SYMLINK,
  STYRO_MOUNT_DIR,
  STYRO_MOUNT_FILE,
  STYRO_MOUNT_REMOUNT,
  STYRO_MOUNT_PROPAGATION
};
enum styro_mount_access { STYRO_MOUNT_RO, STYRO_MOUNT_RW, STYRO_MOUNT_DEVICES };
enum styro_propagation {
  STYRO_PROPAGATION_NONE,
  STYRO_PROPAGATION_PRIVATE,
  STYRO_PROPAGATION_SLAVE,
  STYRO_PROPAGATION_SHARED,
  STYRO_PROPAGATION_UNBINDABLE
};
#define STYRO_FILE_DATA_MAX (2 << 20) /* bytes of a file from data: more than one plan has no room for */

/* One entry of `mounts`. Paths are absolute and normalised. */
struct styro_mount {
  uint64_t given; /* bit n: the n-th row below `/mounts/` `*` was written, see mount_list.h */
  int type;       /* enum styro_mount_type */
  char *at;
  char *from;   /* host path */
  char *target; /* symlink: its text */
  int access;   /* enum styro_mount_access */
  bool recursive, optional, noexec, noatime;
  uint64_t size;  /* bytes, 0: 256 MiB */
  int64_t inodes; /* 0: by the size */
  uint32_t mode;  /* permission bits, 0: the type's own */
  uint32_t ptmxmode;
  int hidepid;              /* as WIRE_HIDEPID_* */
  int subset;               /* 1: pid */
  int64_t gid;              /* only where it was given */
  struct styro_list lowers; /* overlay: the topmost first */
  char *upper, *work;
  char *data;
  char *data_base64;
  int propagation; /* enum styro_propagation */
};

struct styro_mounts {
  struct styro_mount *items;
  size_t n;
};

enum styro_level { STYRO_LEVEL_CONTAINER, STYRO_LEVEL_PROCESS };
enum styro_root_writable { STYRO_ROOT_READ_ONLY, STYRO_ROOT_WRITABLE, STYRO_ROOT_DISCARD };
enum styro_root_kind { STYRO_ROOT_SYSTEM, STYRO_ROOT_EMPTY, STYRO_ROOT_DIRECTORY, STYRO_ROOT_OVERLAY };
enum styro_namespace_kind {
  STYRO_NS_MOUNT,
  STYRO_NS_PID,
  STYRO_NS_IPC,
  STYRO_NS_UTS,
  STYRO_NS_CGROUP,
  STYRO_NS_TIME,
  STYRO_NS_USER,
  STYRO_NS_COUNT
};
enum styro_namespace_mode { STYRO_NS_NEW, STYRO_NS_HOST, STYRO_NS_JOIN };
enum styro_setgroups { STYRO_SETGROUPS_DEFAULT, STYRO_SETGROUPS_ALLOW, STYRO_SETGROUPS_DENY };
enum styro_network { STYRO_NETWORK_NONE, STYRO_NETWORK_HOST, STYRO_NETWORK_JOIN };
#define STYRO_JOIN_NETWORK STYRO_NS_COUNT /* among the joins, after the kinds of `namespaces` */
enum styro_keep { STYRO_KEEP_HEAD, STYRO_KEEP_TAIL, STYRO_KEEP_BOTH };
enum styro_on_limit { STYRO_ON_LIMIT_TRUNCATE, STYRO_ON_LIMIT_KILL };
enum styro_keyring { STYRO_KEYRING_NEW, STYRO_KEYRING_INHERIT };
enum styro_seccomp_kind {
  STYRO_SECCOMP_DEFAULT,
  STYRO_SECCOMP_STRICT,
  STYRO_SECCOMP_BUILD,
  STYRO_SECCOMP_NONE,
  STYRO_SECCOMP_OCI,
  STYRO_SECCOMP_BPF
};
enum styro_on_violation { STYRO_ON_VIOLATION_ERRNO, STYRO_ON_VIOLATION_KILL, STYRO_ON_VIOLATION_LOG };

#define STYRO_RLIMIT_COUNT 16
struct styro_rlimit {
  bool set;
  uint64_t soft; /* UINT64_MAX: unlimited */
  uint64_t hard;
};

/* One instruction of classic BPF, laid out as struct sock_filter. */
struct styro_bpf {
  uint16_t code;
  uint8_t jt;
  uint8_t jf;
  uint32_t k;
};

/* What `limits` asked for. Nothing enforces it yet: kept to be written back and to be listed as not enforced. */
struct styro_limits {
  uint64_t memory, swap; /* bytes */
  int64_t pids;
  int64_t cpu; /* millionths of a core */
  int64_t cpu_weight, io_weight;
  char *cpuset;
  struct styro_map cgroup; /* raw keys of cgroup v2 */
  char *parent;
};

/* Every field of version 1 that this library carries out. Indexed by the table; defaults come from the table. */
struct styro_fields {
  int64_t version;
  struct styro_list extends;
  struct styro_list isolation;
  int level;            /* enum styro_level: the one that is compiled */
  uint64_t best_effort; /* bits of enum styro_protection */

  int root_kind; /* enum styro_root_kind */
  char *root_directory;
  char *root_idmap;
  struct styro_list root_lowers; /* the topmost first */
  char *root_upper, *root_work;
  int root_writable; /* enum styro_root_writable */
  uint64_t root_size;
  struct styro_path_rule *rules;
  size_t rules_n;
  struct styro_mounts mounts;

  struct styro_list command;
  char *cwd;
  struct styro_map env;
  struct styro_list inherit_env;

  int64_t uid, gid;
  char *uid_map, *gid_map; /* id_map.h */
  char *groups;            /* groups.h */
  int setgroups;           /* enum styro_setgroups */
  int namespaces[STYRO_NS_COUNT];
  char *joins[STYRO_NS_COUNT + 1]; /* path or descriptor, NULL: not joined */
  int64_t boottime, monotonic;     /* offsets of the clocks, nanoseconds */
  bool time_explicit;              /* namespaces.time was written by the caller */
  bool clocks_set;                 /* and so was an offset */
  char *hostname, *domainname;
  int network;

  int64_t timeout_wall, timeout_grace; /* nanoseconds, 0 none */
  bool output_asked;
  uint64_t output_limit;
  int output_keep, output_on_limit;

  bool limits_asked;    /* `limits` holds something: only listed as not enforced */
  uint64_t limits_mask; /* which limit_* protections it asked for */
  struct styro_limits limits;
  struct styro_rlimit rlimits[STYRO_RLIMIT_COUNT];

  bool capabilities_named;
  uint64_t cap_keep, cap_drop, cap_add; /* a short form of the five sets, which hold what comes of it */
  uint64_t cap_bounding, cap_effective, cap_permitted, cap_inheritable, cap_ambient;
  struct styro_list securebits; /* names */
  int keyring;                  /* enum styro_keyring */
  bool no_new_privs;
  char *apparmor, *selinux;
  int seccomp_kind;                              /* enum styro_seccomp_kind */
  char *seccomp_oci;                             /* the profile as JSON, or the path of its file: oci_source.h */
  struct styro_list seccomp_allow, seccomp_deny; /* names */
  int seccomp_on_violation;                      /* enum styro_on_violation */
  struct styro_bpf *bpf;
  size_t bpf_n;
  bool landlock_paths;                               /* in the end */
  bool landlock_paths_asked;                         /* and by name */
  bool landlock_binds, landlock_connects;            /* the lists were given, be they empty */
  struct styro_list landlock_bind, landlock_connect; /* ports, decimal */
  struct styro_list landlock_scopes;                 /* names */

  bool init, new_session, die_with_parent, fixed;
  bool preserve_by_caller;
  int *preserve_fds;
  size_t preserve_fds_n;
  int64_t umask, nice, oom_score_adj;
};

struct styro_oci_profile; /* oci_profile.h */

/*
 * The request as compile needs it: presets and files of `extends` merged in order (later ones and the request's own
 * values win; maps merge by key), variables resolved, defaults filled in, everything validated. Memory comes from the
 * request's allocator; end it with styro_effective_free().
 */
struct styro_effective {
  styro_allocator alloc;
  struct styro_fields fields;
  const uint8_t *set;            /* one byte a field id: 1 where a preset or the request gave it */
  struct styro_oci_profile *oci; /* NULL: the request has none */
};

int styro_request_effective(const styro_request *request, struct styro_effective *out, styro_error *err);
void styro_effective_free(struct styro_effective *effective);
bool styro_effective_is_set(const struct styro_effective *effective, const char *pointer);

/* The id of a field by JSON pointer ("/user/uid", "/paths"), and back; ids stand in plan steps. 0 is "no field". */
uint32_t styro_field_id(const char *pointer);
const char *styro_field_pointer(uint32_t id); /* "" for 0 and unknown ids; of a step's id the low half counts */
#define STYRO_FIELD_ITEM_SHIFT 16             /* as WIRE_ITEM_SHIFT of a step's id */

#endif
