/*
 * THE table of request fields, in reading order, and the ways to look something up in it. Everything that a field is
 * stands in its row; nothing here reads, writes or checks a value.
 */
#include "fields.h"

#include <string.h>
#include <sys/resource.h>

#include "../wire/plan.h"
#include "complaints.h"
#include "groups.h"
#include "id_map.h"
#include "protections.h"

#define ID_MAX 4294967294 /* (uid_t)-1 means "no change" to setresuid(2) */
#define SECONDS(n) ((int64_t)(n)*1000000000)
#define YEAR SECONDS(365 * 24 * 3600)
#define KIB(n) ((int64_t)(n) << 10)
#define GIB(n) ((int64_t)(n) << 30)
#define PATH_LIMIT 4095

/* A row is read as a row. */
/* clang-format off */
#define AT(member) .offset = offsetof(struct styro_fields, member), .size = sizeof(((struct styro_fields *)0)->member)
#define RULE(member)                                                                                                   \
  .offset = offsetof(struct styro_path_rule, member), .size = sizeof(((struct styro_path_rule *)0)->member)
#define MOUNT(member)                                                                                                  \
  .offset = offsetof(struct styro_mount, member), .size = sizeof(((struct styro_mount *)0)->member)
#define WORDS(...) (const char *const[]){__VA_ARGS__, NULL}

#define LATER(path, text) {.pointer = (path), .type = STYRO_TYPE_LATER, .doc = (text)}

/* "new", "host", or an object; the empty word is a joined one's. */
#define NAMESPACE(path, kind, text)                                                                                    \
  {.pointer = (path), .type = STYRO_TYPE_OBJECT, .flags = STYRO_FIELD_WHOLE, .shorthand = "mode", .doc = (text)},      \
      {.pointer = path "/mode", .type = STYRO_TYPE_ENUM, AT(namespaces[kind]), .fallback = "new",                      \
       .words = WORDS("new", "host", ""), .hint = "a namespace to join is written as {\"join\": \"/proc/123/ns/ipc\"}"}, \
      {.pointer = path "/join", .type = STYRO_TYPE_SOURCE, .flags = STYRO_FIELD_VARIABLES, AT(joins[kind]),            \
       .doc = "the namespace to join, by path or descriptor"}

/* One number for both, or an object. The kernel's resource numbers index struct styro_fields.rlimits. */
#define RLIMIT(path, resource, text)                                                                                   \
  {.pointer = (path), .type = STYRO_TYPE_OBJECT, .flags = STYRO_FIELD_WHOLE, AT(rlimits[resource]),                    \
   .shorthand = STYRO_EVERY_CHILD, .doc = (text)},                                                                     \
      {.pointer = path "/soft", .type = STYRO_TYPE_LIMIT, AT(rlimits[resource].soft)},                                 \
      {.pointer = path "/hard", .type = STYRO_TYPE_LIMIT, AT(rlimits[resource].hard)}

#define CAPS(path, member) {.pointer = (path), .type = STYRO_TYPE_CAPS, AT(member)}

static const struct styro_field table[] = {
    {.pointer = "", .type = STYRO_TYPE_OBJECT},
    {.pointer = "/version", .type = STYRO_TYPE_INT, AT(version), .min = 1, .max = 1,
     .doc = "version of the request's language; required in JSON", .hint = "write \"version\": 1"},
    {.pointer = "/extends", .type = STYRO_TYPE_LIST, .flags = STYRO_FIELD_ONE_OR_MORE | STYRO_FIELD_VARIABLES,
     AT(extends), .max = 64,
     .doc = "presets (`agent`, `build`, `desktop`, `python`: docs/presets.md) and request files (a text with `/` or ending in `.json`), merged in order; "
            "maps merge by key, everything else is replaced by what comes later, and by the request's own values"},
    {.pointer = "/isolation", .type = STYRO_TYPE_LIST, .flags = STYRO_FIELD_ONE_OR_MORE, AT(isolation), .min = 1,
     .max = 2, .fallback = "container", .words = WORDS("container", "process"), .later = WORDS("zone"),
     .doc = "levels of isolation, in order of preference: `container` (namespaces, a filter, Landlock), `process` (a filter and "
            "Landlock alone, for hosts that refuse namespaces; docs/process-level.md has what it cannot hide). The second is "
            "taken where the host refuses the first, and the outcome says which it was"},
    {.pointer = "/best_effort", .type = STYRO_TYPE_PROTECTIONS, AT(best_effort),
     .doc = "protections that may be missing; the outcome lists those that were. The words `limits` and `landlock` "
            "stand for their groups"},

    {.pointer = "/root", .type = STYRO_TYPE_OBJECT, .flags = STYRO_FIELD_WHOLE, .shorthand = "kind",
     .doc = "what `/` is: the host's system base read-only, nothing, or a directory's tree"},
    {.pointer = "/root/kind", .type = STYRO_TYPE_ENUM, .flags = STYRO_FIELD_HIDDEN, AT(root_kind), .fallback = "system",
     .words = WORDS("system", "empty", ""), .hint = "a directory is written as {\"directory\": \"/srv/tree\"}"},
    {.pointer = "/root/directory", .type = STYRO_TYPE_PATH, .flags = STYRO_FIELD_VARIABLES, AT(root_directory),
     .max = PATH_LIMIT, .doc = "host directory that becomes `/`"},
    {.pointer = "/root/writable", .type = STYRO_TYPE_ENUM, AT(root_writable), .fallback = "false",
     .words = WORDS("false", "true", "discard"),
     .doc = "whether the directory can be written: `true` changes it, `discard` keeps all changes in a tmpfs that ends "
            "with the sandbox (`/` itself is then the payload's; a directory with mounts below it is refused). An "
            "overlay with an `upper` needs no word"},
    {.pointer = "/root/size", .type = STYRO_TYPE_SIZE, AT(root_size), .min = KIB(4), .max = GIB(1 << 20),
     .doc = "for `writable` as `discard`: bytes that the changes can take; 256M when not given"},
    {.pointer = "/root/idmap", .type = STYRO_TYPE_IDMAP, AT(root_idmap), .min = 1, .max = STYRO_ID_MAP_LINES,
     .doc = "for `directory`, the same as `paths.*.idmap`"},
    {.pointer = "/root/overlay", .type = STYRO_TYPE_OBJECT,
     .doc = "directories of the host that become `/` one above the other. Nothing of it is changed but `upper`: without "
            "one it is read-only, or with `writable` as `discard` changes go to a tmpfs. Mounts below a directory do "
            "not show, and are refused"},
    {.pointer = "/root/overlay/lower", .type = STYRO_TYPE_LIST, .flags = STYRO_FIELD_VARIABLES | STYRO_FIELD_PATHS,
     AT(root_lowers), .min = 1, .max = WIRE_LAYERS_MAX, .doc = "directories that are only read, the topmost first"},
    {.pointer = "/root/overlay/upper", .type = STYRO_TYPE_PATH, .flags = STYRO_FIELD_VARIABLES, AT(root_upper),
     .max = PATH_LIMIT,
     .doc = "directory that all changes go to, and stay in; it must be the payload's own (of a root caller 65534's), "
            "and of one sandbox at a time: the kernel refuses a second one only where its overlays have an `index`, and else "
            "says nothing. Needs `work`"},
    {.pointer = "/root/overlay/work", .type = STYRO_TYPE_PATH, .flags = STYRO_FIELD_VARIABLES, AT(root_work),
     .max = PATH_LIMIT,
     .doc = "empty directory beside `upper`, of the same owner and file system, for the kernel's own use: afterwards a "
            "directory `work` stays in it"},

    {.pointer = "/paths", .type = STYRO_TYPE_RULES, AT(rules), .max = 4096,
     .doc = "path inside to access or object; the longest prefix wins, order does not matter"},
    {.pointer = "/paths/*", .type = STYRO_TYPE_OBJECT, .shorthand = "access", .flags = STYRO_FIELD_VARIABLES,
     .doc = "one path inside, absolute"},
    {.pointer = "/paths/*/access", .type = STYRO_TYPE_ENUM, RULE(access), .fallback = "ro",
     .words = WORDS("ro", "rw", "deny", "tmpfs"), .doc = "what the payload may do there"},
    {.pointer = "/paths/*/from", .type = STYRO_TYPE_SOURCE, .flags = STYRO_FIELD_VARIABLES, RULE(from),
     .doc = "host path shown there, or the number of a descriptor that the caller has open on it; without it the same "
            "path of the host"},
    {.pointer = "/paths/*/optional", .type = STYRO_TYPE_BOOL, RULE(optional), .fallback = "false",
     .doc = "leave the entry out where the host has no such path"},
    {.pointer = "/paths/*/noexec", .type = STYRO_TYPE_BOOL, RULE(noexec), .fallback = "false",
     .doc = "nothing there can be executed"},
    {.pointer = "/paths/*/if_missing", .type = STYRO_TYPE_ENUM, RULE(if_missing), .fallback = "fail",
     .words = WORDS("fail", "ignore"), .doc = "for `deny`: what to do where there is nothing to deny"},
    {.pointer = "/paths/*/size", .type = STYRO_TYPE_SIZE, RULE(size), .min = KIB(4), .max = GIB(1 << 20),
     .doc = "for `tmpfs`: bytes it can hold; 256M when not given"},
    {.pointer = "/paths/*/mode", .type = STYRO_TYPE_MODE, RULE(mode), .min = 1, .max = 01777,
     .doc = "for `tmpfs`: permission bits; 0755 when not given"},
    {.pointer = "/paths/*/idmap", .type = STYRO_TYPE_IDMAP, RULE(idmap), .min = 1, .max = STYRO_ID_MAP_LINES,
     .doc = "for `ro` and `rw`, of root callers: whose files on disk are whose inside. `user`: an id on disk is the same "
            "id inside; or ranges [on disk, inside, count], for users and groups alike. What the payload makes gets the "
            "id on disk; entries without `from` below it show the same"},
    {.pointer = "/mounts", .type = STYRO_TYPE_MOUNTS, AT(mounts), .max = 4096,
     .doc = "operations on the mount tree, carried out in their order once the root and its base stand, and before "
            "`paths`: what `paths` says about a place holds over what an entry puts there. A rule of `paths` without "
            "`from` below an entry of type `bind` shows what is there in that bind. A place that is missing is made "
            "where it lies on a file system of the sandbox's own, and never on the host"},
    {.pointer = "/mounts/*", .type = STYRO_TYPE_OBJECT, .doc = "one operation; which keys it takes depends on `type`"},
    {.pointer = "/mounts/*/type", .type = STYRO_TYPE_ENUM, MOUNT(type),
     .words = WORDS("", "bind", "tmpfs", "proc", "sysfs", "devpts", "mqueue", "dev", "cgroup", "overlay", "symlink", "dir", "file",
                    "remount", "propagation"),
     .doc = "what is done: a part of the host is shown (`bind`), a new file system is mounted (`tmpfs`, `proc`, "
            "`sysfs`, `devpts`, `mqueue`, `cgroup`, an `overlay`, the minimal `dev`), something is made (`symlink`, `dir`, `file`), "
            "or the mount of an earlier entry is changed once everything is placed (`remount`, `propagation`)"},
    {.pointer = "/mounts/*/at", .type = STYRO_TYPE_PATH, .flags = STYRO_FIELD_VARIABLES, MOUNT(at), .max = PATH_LIMIT,
     .doc = "the place inside; `/proc` and `/dev` hold only what their own type puts there"},
    {.pointer = "/mounts/*/from", .type = STYRO_TYPE_SOURCE, .flags = STYRO_FIELD_VARIABLES, MOUNT(from),
     .doc = "for `bind`: host path that is shown, or the number of a descriptor that the caller has open on it"},
    {.pointer = "/mounts/*/target", .type = STYRO_TYPE_TEXT, .flags = STYRO_FIELD_VARIABLES, MOUNT(target), .min = 1,
     .max = PATH_LIMIT, .doc = "for `symlink`: where it leads, as text"},
    {.pointer = "/mounts/*/access", .type = STYRO_TYPE_ENUM, MOUNT(access), .fallback = "ro",
     .words = WORDS("ro", "rw", "dev"),
     .doc = "for `bind`, `cgroup` and `remount`: whether it can be written; `dev` (of a `bind`) is `rw` with devices "
            "that can be used, which everywhere else they cannot"},
    {.pointer = "/mounts/*/recursive", .type = STYRO_TYPE_BOOL, MOUNT(recursive), .fallback = "true",
     .doc = "for `bind`, `remount` and `propagation`: with the mounts below it; without them a `bind` needs "
            "`namespaces.user` as `host` where there are any. A `remount` as `rw` never reaches below"},
    {.pointer = "/mounts/*/optional", .type = STYRO_TYPE_BOOL, MOUNT(optional), .fallback = "false",
     .doc = "for `bind`: leave the entry out where the host has no such path"},
    {.pointer = "/mounts/*/noexec", .type = STYRO_TYPE_BOOL, MOUNT(noexec), .fallback = "false",
     .doc = "for `bind`, `tmpfs`, `overlay` and `remount`: nothing there can be executed"},
    {.pointer = "/mounts/*/noatime", .type = STYRO_TYPE_BOOL, MOUNT(noatime), .fallback = "false",
     .doc = "for `bind`, `tmpfs`, `overlay` and `remount`: reading changes no access time; of a `bind` in a user namespace only "
            "where the host's mount is so"},
    {.pointer = "/mounts/*/size", .type = STYRO_TYPE_SIZE, MOUNT(size), .min = KIB(4), .max = GIB(1 << 20),
     .doc = "for `tmpfs`: bytes it can hold; 256M when not given"},
    {.pointer = "/mounts/*/inodes", .type = STYRO_TYPE_INT, MOUNT(inodes), .min = 1, .max = INT64_C(1) << 40,
     .doc = "for `tmpfs`: files it can hold; one for each 4 KiB of its size when not given"},
    {.pointer = "/mounts/*/mode", .type = STYRO_TYPE_MODE, MOUNT(mode), .min = 1, .max = 01777,
     .doc = "permission bits: of a `tmpfs` or `dir` 0755 when not given, of a `file` 0644, of the terminals in a "
            "`devpts` 0620"},
    {.pointer = "/mounts/*/hidepid", .type = STYRO_TYPE_ENUM, MOUNT(hidepid), .fallback = "off",
     .words = WORDS("off", "noaccess", "invisible", "ptraceable"),
     .doc = "for `proc`: what is seen of other users' processes (proc(5))"},
    {.pointer = "/mounts/*/subset", .type = STYRO_TYPE_ENUM, MOUNT(subset), .words = WORDS("", "pid"),
     .doc = "for `proc`: `pid` shows processes and nothing else"},
    {.pointer = "/mounts/*/gid", .type = STYRO_TYPE_INT, MOUNT(gid), .max = ID_MAX,
     .doc = "for `devpts`: the terminals' group, an id inside; that of who opens one when not given"},
    {.pointer = "/mounts/*/ptmxmode", .type = STYRO_TYPE_MODE, MOUNT(ptmxmode), .min = 1, .max = 0777,
     .doc = "for `devpts`: permission bits of its ptmx; 0666 when not given"},
    {.pointer = "/mounts/*/lower", .type = STYRO_TYPE_LIST, .flags = STYRO_FIELD_VARIABLES | STYRO_FIELD_PATHS,
     MOUNT(lowers), .min = 1, .max = WIRE_LAYERS_MAX,
     .doc = "for `overlay`: directories of the host that are only read, the topmost first; without `upper` it is "
            "read-only. One with mounts below it is refused"},
    {.pointer = "/mounts/*/upper", .type = STYRO_TYPE_PATH, .flags = STYRO_FIELD_VARIABLES, MOUNT(upper),
     .max = PATH_LIMIT, .doc = "for `overlay`: directory that all changes go to, the payload's own, and of one sandbox at a time; needs `work`"},
    {.pointer = "/mounts/*/work", .type = STYRO_TYPE_PATH, .flags = STYRO_FIELD_VARIABLES, MOUNT(work),
     .max = PATH_LIMIT, .doc = "for `overlay`: empty directory beside `upper`, for the kernel's own use"},
    {.pointer = "/mounts/*/data", .type = STYRO_TYPE_TEXT, MOUNT(data), .max = STYRO_FILE_DATA_MAX,
     .hint = "leave the \\u0000 out, or say all of it in `data_base64`",
     .doc = "for `file`: what is in it, as text; nothing when neither this nor `data_base64` is given"},
    {.pointer = "/mounts/*/data_base64", .type = STYRO_TYPE_TEXT, MOUNT(data_base64),
     .max = ((int64_t)STYRO_FILE_DATA_MAX + 2) / 3 * 4,
     .doc = "for `file`, in place of `data`: any bytes, in base64 (RFC 4648 section 4) with its padding and without line breaks"},
    {.pointer = "/mounts/*/propagation", .type = STYRO_TYPE_ENUM, MOUNT(propagation),
     .words = WORDS("", "private", "slave", "shared", "unbindable"),
     .doc = "for `propagation`: what mounts do there (mount_namespaces(7)). `slave`, of a `bind`, follows the host, and fails where "
            "the host's mount is not shared (mounts below it are not looked at: each follows its own, or nobody); `shared` is shared "
            "by those who live inside; nothing ever reaches the host. Of the mount at the place it is read back"},

    {.pointer = "/command", .type = STYRO_TYPE_LIST, AT(command), .min = 1, .max = 65536,
     .doc = "the payload's program and arguments; a name without `/` is searched in the PATH inside"},
    {.pointer = "/cwd", .type = STYRO_TYPE_PATH, .flags = STYRO_FIELD_VARIABLES, AT(cwd), .max = PATH_LIMIT,
     .fallback = "/home/sandbox",
     .doc = "working directory inside; a default that cannot be entered becomes /, one that is named here fails"},
    {.pointer = "/env", .type = STYRO_TYPE_MAP, .flags = STYRO_FIELD_VARIABLES, AT(env), .max = 4096,
     .complaint = styro_complaint_env_name,
     .doc = "environment, added to the constant one (PATH, HOME, LANG) or replacing it name by name"},
    {.pointer = "/inherit_env", .type = STYRO_TYPE_LIST, AT(inherit_env), .max = 4096,
     .complaint = styro_complaint_env_name, .hint = "write names, as in [\"TERM\"]; values of your own go into `env`",
     .doc = "names of the caller's variables that the payload gets as they are; what `env` sets beats them"},

    {.pointer = "/user", .type = STYRO_TYPE_OBJECT, .doc = "who the payload is"},
    {.pointer = "/user/uid", .type = STYRO_TYPE_INT, AT(uid), .max = ID_MAX, .fallback = "1000",
     .doc = "user id inside"},
    {.pointer = "/user/gid", .type = STYRO_TYPE_INT, AT(gid), .max = ID_MAX, .fallback = "1000",
     .doc = "group id inside"},
    {.pointer = "/user/groups", .type = STYRO_TYPE_GROUPS, AT(groups), .max = STYRO_GROUPS_MOST,
     .doc = "supplementary groups: exactly these ids inside (`[]`: none), or `keep` for the caller's own, which then "
            "reach what they reach outside. Without it they are dropped where the kernel allows that, and else listed as not "
            "enforced"},
    {.pointer = "/user/uid_map", .type = STYRO_TYPE_ID_MAP, AT(uid_map), .min = 1, .max = STYRO_ID_MAP_LINES,
     .doc = "who that is outside: `self` is the caller; ranges [inside, outside, count] are who they say (other ids "
            "than the caller's own need CAP_SETUID); `subuid` are the caller's subordinate ids, from the lines of "
            "/etc/subuid with its uid, or the name that /etc/passwd gives it, and `user.uid` stays the caller itself "
            "(not so for root, all of whose ids are subordinate ones). Others than root need newuidmap for it. Default: the "
            "caller, and 65534 when the caller is root"},
    {.pointer = "/user/gid_map", .type = STYRO_TYPE_ID_MAP, AT(gid_map), .min = 1, .max = STYRO_ID_MAP_LINES,
     .doc = "the same for the group id: `subuid` stands for the lines of /etc/subgid, and newgidmap"},
    {.pointer = "/user/setgroups", .type = STYRO_TYPE_ENUM, AT(setgroups), .words = WORDS("", "allow", "deny"),
     .doc = "whether setgroups(2) is allowed inside, for who holds CAP_SETGID there. Default: it is where the kernel can "
            "allow it, which is not under a gid map of the caller's own id"},

    {.pointer = "/namespaces", .type = STYRO_TYPE_OBJECT, .doc = "what is the sandbox's own: each is `new`, `host`, or {`join`: "
     "a path such as /proc/123/ns/ipc, or the number of a descriptor that the caller has open on it}. What is joined is shared "
     "with who is in it. To join takes the rights of root over it; who made the user namespace that owns it has them "
     "there, and joins that as well. Host paths are those of a joined mount namespace; a joined pid namespace needs "
     "`init` false, and a joined user namespace `user.uid` and `user.gid`, which are ids in it"},
    NAMESPACE("/namespaces/mount", STYRO_NS_MOUNT, "mounts; always the sandbox's own"),
    NAMESPACE("/namespaces/pid", STYRO_NS_PID, "processes"),
    NAMESPACE("/namespaces/ipc", STYRO_NS_IPC, "System V IPC and POSIX message queues"),
    NAMESPACE("/namespaces/uts", STYRO_NS_UTS, "the host's name"),
    {.pointer = "/namespaces/uts/hostname", .type = STYRO_TYPE_TEXT, AT(hostname), .min = 1, .max = 64,
     .complaint = styro_complaint_hostname, .doc = "host name inside"},
    {.pointer = "/namespaces/uts/domainname", .type = STYRO_TYPE_TEXT, AT(domainname), .min = 1, .max = 64,
     .complaint = styro_complaint_hostname, .doc = "NIS domain name inside; `(none)` when not given"},
    NAMESPACE("/namespaces/cgroup", STYRO_NS_CGROUP, "the view of control groups"),
    NAMESPACE("/namespaces/time", STYRO_NS_TIME, "clocks since boot"),
    {.pointer = "/namespaces/time/boottime", .type = STYRO_TYPE_OFFSET, AT(boottime), .min = -100 * YEAR, .max = 100 * YEAR,
     .doc = "added to the boot clock (CLOCK_BOOTTIME and /proc/uptime)"},
    {.pointer = "/namespaces/time/monotonic", .type = STYRO_TYPE_OFFSET, AT(monotonic), .min = -100 * YEAR,
     .max = 100 * YEAR, .doc = "added to CLOCK_MONOTONIC; a timeout counts without it"},
    NAMESPACE("/namespaces/user", STYRO_NS_USER, "user and group ids; `host` needs a root caller, and "
              "`user.uid` and `user.gid` are then ids of the host (65534 when not given)"),

    {.pointer = "/network", .type = STYRO_TYPE_OBJECT, .flags = STYRO_FIELD_WHOLE, .shorthand = "mode",
     .doc = "`none` is an own network with loopback only, `host` the host's"},
    {.pointer = "/network/mode", .type = STYRO_TYPE_ENUM, AT(network), .fallback = "none",
     .words = WORDS("none", "host", ""), .hint = "a network to join is written as {\"join\": \"/run/netns/svc\"}"},
    {.pointer = "/network/join", .type = STYRO_TYPE_SOURCE, .flags = STYRO_FIELD_VARIABLES,
     AT(joins[STYRO_JOIN_NETWORK]),
     .doc = "the network namespace to join, by path or descriptor; its loopback is brought up where the caller may"},

    {.pointer = "/limits", .type = STYRO_TYPE_OBJECT,
     .doc = "control-group limits. Not enforced yet: `best_effort` must list `limits`, and the outcome says so"},
    {.pointer = "/limits/memory", .type = STYRO_TYPE_SIZE, AT(limits.memory), .min = KIB(64), .max = INT64_MAX,
     .promises = STYRO_BIT(STYRO_LIMIT_MEMORY), .doc = "memory"},
    {.pointer = "/limits/swap", .type = STYRO_TYPE_SIZE, AT(limits.swap), .min = 0, .max = INT64_MAX,
     .promises = STYRO_BIT(STYRO_LIMIT_SWAP), .doc = "swap"},
    {.pointer = "/limits/pids", .type = STYRO_TYPE_INT, AT(limits.pids), .min = 1, .max = 4194304,
     .promises = STYRO_BIT(STYRO_LIMIT_PIDS), .doc = "processes and threads"},
    {.pointer = "/limits/cpu", .type = STYRO_TYPE_CORES, AT(limits.cpu), .min = 1000, .max = INT64_C(8192000000),
     .promises = STYRO_BIT(STYRO_LIMIT_CPU), .doc = "cores, such as 1.5"},
    {.pointer = "/limits/cpu_weight", .type = STYRO_TYPE_INT, AT(limits.cpu_weight), .min = 1, .max = 10000,
     .promises = STYRO_BIT(STYRO_LIMIT_CPU), .doc = "share of processor time"},
    {.pointer = "/limits/cpuset", .type = STYRO_TYPE_TEXT, AT(limits.cpuset), .min = 1, .max = 256,
     .complaint = styro_complaint_cpuset, .promises = STYRO_BIT(STYRO_LIMIT_CPUSET),
     .doc = "processors, such as 0-3,8"},
    {.pointer = "/limits/io_weight", .type = STYRO_TYPE_INT, AT(limits.io_weight), .min = 1, .max = 10000,
     .promises = STYRO_BIT(STYRO_LIMIT_IO), .doc = "share of disk time"},
    {.pointer = "/limits/cgroup", .type = STYRO_TYPE_MAP, AT(limits.cgroup), .max = 64,
     .complaint = styro_complaint_cgroup_key, .promises = STYRO_GROUP_LIMITS,
     .doc = "raw keys of control groups version 2, such as `memory.high`"},
    {.pointer = "/limits/parent", .type = STYRO_TYPE_PATH, AT(limits.parent), .max = PATH_LIMIT,
     .promises = STYRO_GROUP_LIMITS, .doc = "control group below which the sandbox's own is made"},

    {.pointer = "/rlimits", .type = STYRO_TYPE_OBJECT,
     .doc = "resource limits of setrlimit(2), only those named: a number, a size or `unlimited` for both limits, or "
            "an object with `soft` and `hard`"},
    RLIMIT("/rlimits/as", RLIMIT_AS, "address space, bytes"),
    RLIMIT("/rlimits/core", RLIMIT_CORE, "size of a core dump, bytes"),
    RLIMIT("/rlimits/cpu", RLIMIT_CPU, "processor time of one process, seconds"),
    RLIMIT("/rlimits/data", RLIMIT_DATA, "data segment, bytes"),
    RLIMIT("/rlimits/fsize", RLIMIT_FSIZE, "size of a written file, bytes"),
    RLIMIT("/rlimits/locks", RLIMIT_LOCKS, "file locks (without effect since Linux 2.4)"),
    RLIMIT("/rlimits/memlock", RLIMIT_MEMLOCK, "locked memory, bytes"),
    RLIMIT("/rlimits/msgqueue", RLIMIT_MSGQUEUE, "POSIX message queues, bytes"),
    RLIMIT("/rlimits/nice", RLIMIT_NICE, "ceiling of the nice value, as 20 - nice"),
    RLIMIT("/rlimits/nofile", RLIMIT_NOFILE, "one more than the highest descriptor"),
    RLIMIT("/rlimits/nproc", RLIMIT_NPROC, "processes of the user"),
    RLIMIT("/rlimits/rss", RLIMIT_RSS, "resident memory (without effect since Linux 2.4)"),
    RLIMIT("/rlimits/rtprio", RLIMIT_RTPRIO, "ceiling of the real-time priority"),
    RLIMIT("/rlimits/rttime", RLIMIT_RTTIME, "real-time processor time without a blocking call, microseconds"),
    RLIMIT("/rlimits/sigpending", RLIMIT_SIGPENDING, "queued signals of the user"),
    RLIMIT("/rlimits/stack", RLIMIT_STACK, "stack, bytes"),

    {.pointer = "/timeout", .type = STYRO_TYPE_OBJECT, .shorthand = "wall",
     .doc = "when the whole sandbox is ended; a duration alone is `wall`"},
    {.pointer = "/timeout/wall", .type = STYRO_TYPE_DURATION, AT(timeout_wall), .min = 1000000, .max = YEAR,
     .doc = "time from the start on"},
    {.pointer = "/timeout/grace", .type = STYRO_TYPE_DURATION, AT(timeout_grace), .max = SECONDS(3600),
     .fallback = "0", .doc = "time between SIGTERM and SIGKILL; 0 is SIGKILL at once"},
    LATER("/timeout/cpu", "processor time of the whole sandbox"),
    {.pointer = "/output", .type = STYRO_TYPE_OBJECT, .shorthand = "limit",
     .doc = "how captured output is bounded; a size alone is `limit`"},
    {.pointer = "/output/limit", .type = STYRO_TYPE_SIZE, AT(output_limit), .min = 1, .max = GIB(1),
     .doc = "bytes kept of each captured stream"},
    {.pointer = "/output/keep", .type = STYRO_TYPE_ENUM, AT(output_keep), .fallback = "head",
     .words = WORDS("head", "tail", "both"), .doc = "which end of a longer stream is kept"},
    {.pointer = "/output/on_limit", .type = STYRO_TYPE_ENUM, AT(output_on_limit), .fallback = "truncate",
     .words = WORDS("truncate", "kill"), .doc = "what happens to a payload that writes more"},

    {.pointer = "/security", .type = STYRO_TYPE_OBJECT, .doc = "what is left of the kernel's privileges"},
    {.pointer = "/security/seccomp", .type = STYRO_TYPE_OBJECT, .flags = STYRO_FIELD_WHOLE, .shorthand = "profile",
     .doc = "filter of system calls: a profile by name, changed or not, or an own program"},
    {.pointer = "/security/seccomp/profile", .type = STYRO_TYPE_ENUM, .flags = STYRO_FIELD_RIVAL, AT(seccomp_kind),
     .fallback = "default", .words = WORDS("default", "strict", "build", "none", "", ""),
     .hint = "write a name, {\"oci\": {...}}, {\"oci\": \"/path\"} or {\"bpf\": [[code, jt, jf, k], ...]}",
     .doc = "`default`: what programs use, without other processes, namespaces, mounts, keys, modules; `build`: the same, with "
            "ptrace and fixed addresses for debuggers and sanitizers; `strict`: computing alone, no process, no socket, no "
            "change of a file; `none`: no filter"},
    {.pointer = "/security/seccomp/oci", .type = STYRO_TYPE_OCI, .flags = STYRO_FIELD_RIVAL | STYRO_FIELD_VARIABLES,
     AT(seccomp_oci), .max = PATH_LIMIT,
     .doc = "a profile as container runtimes have it (OCI runtime-spec, config-linux, `seccomp`), or Docker, in place of the "
            "profile; or the path of a file of the host that has it, such as /etc/containers/seccomp.json. Of entries that contradict each other the request is refused; `includes` and `excludes` look at the "
            "bounding set"},
    {.pointer = "/security/seccomp/allow", .type = STYRO_TYPE_LIST, AT(seccomp_allow), .max = 512,
     .doc = "system calls that are let through whatever the profile says of them"},
    {.pointer = "/security/seccomp/deny", .type = STYRO_TYPE_LIST, AT(seccomp_deny), .max = 512,
     .doc = "system calls that are refused with EPERM whatever the profile says of them. On i386, where an `oci` profile "
            "lists it, the calls of that very name, with socketcall(2) or ipc(2) where these carry it"},
    {.pointer = "/security/seccomp/on_violation", .type = STYRO_TYPE_ENUM, AT(seccomp_on_violation), .fallback = "errno",
     .words = WORDS("errno", "kill", "log"),
     .doc = "what a call is answered that the profile refuses with EPERM: `errno` that, `kill` ends the payload by SIGSYS, `log` "
            "lets it through with a line in the kernel's log, so that nothing is refused any more. What it answers with another "
            "number, such as ENOSYS for clone3, is left: programs ask, and go another way"},
    {.pointer = "/security/seccomp/bpf", .type = STYRO_TYPE_BPF, .flags = STYRO_FIELD_RIVAL, AT(bpf), .min = 1, .max = 4096,
     .doc = "instructions of classic BPF as lists [code, jt, jf, k], in place of the profile"},
    {.pointer = "/security/capabilities", .type = STYRO_TYPE_OBJECT, .flags = STYRO_FIELD_WHOLE,
     .shorthand = STYRO_EVERY_CHILD,
     .doc = "`none` (the default); a list of names for all five sets, or `ALL`; an object with the sets `bounding`, "
            "`effective`, `permitted`, `inheritable`, `ambient`; or an object with `keep`, `drop` and `add`, for all five: what is "
            "kept without what is dropped, and with what is added. Names as in capabilities(7), or numbers. A payload with "
            "CAP_SYS_PTRACE or CAP_SYS_ADMIN under an `init` gets a user namespace of its own below the sandbox's, where they count"},
    CAPS("/security/capabilities/bounding", cap_bounding),
    CAPS("/security/capabilities/effective", cap_effective),
    CAPS("/security/capabilities/permitted", cap_permitted),
    CAPS("/security/capabilities/inheritable", cap_inheritable),
    CAPS("/security/capabilities/ambient", cap_ambient),
    {.pointer = "/security/capabilities/keep", .type = STYRO_TYPE_CAPS, .flags = STYRO_FIELD_APART, AT(cap_keep),
     .doc = "what stays of the full set that a new user namespace has; nothing when not given"},
    {.pointer = "/security/capabilities/drop", .type = STYRO_TYPE_CAPS, .flags = STYRO_FIELD_APART, AT(cap_drop),
     .doc = "what is taken out of `keep`; or `ALL`, which says that nothing is kept"},
    {.pointer = "/security/capabilities/add", .type = STYRO_TYPE_CAPS, .flags = STYRO_FIELD_APART, AT(cap_add),
     .doc = "what the payload has besides"},
    {.pointer = "/security/no_new_privs", .type = STYRO_TYPE_BOOL, AT(no_new_privs), .fallback = "true",
     .doc = "set-user-id programs give nothing"},
    {.pointer = "/security/securebits", .type = STYRO_TYPE_LIST, AT(securebits), .max = 8,
     .words = WORDS("noroot", "noroot_locked", "no_setuid_fixup", "no_setuid_fixup_locked", "keep_caps",
                    "keep_caps_locked", "no_cap_ambient_raise", "no_cap_ambient_raise_locked"),
     .doc = "securebits of capabilities(7), exactly these. When not given: none, and `noroot` with its lock where "
            "`capabilities` names sets"},
    {.pointer = "/security/landlock", .type = STYRO_TYPE_OBJECT, .shorthand = "paths",
     .doc = "what Landlock refuses on top of namespaces and mounts; true or false alone is `paths`"},
    {.pointer = "/security/landlock/paths", .type = STYRO_TYPE_BOOL, AT(landlock_paths),
     .doc = "what `root`, `paths` and `mounts` let be written is all that can be written, by the kernel's own word for each file "
            "and not by mounts alone, and no mount can be changed inside; a named pipe is written only below `rw`. When not given: so where the kernel has it (Linux "
            "5.19), and not where the payload may mount (CAP_SYS_ADMIN, or nested user namespaces, past the filter), or the IPC "
            "namespace is shared, whose message queues no rule can name. `true` fails where it cannot be had, and speaks of "
            "reading, executing and truncate(2) as well, of which the default does not: it costs about a microsecond for each "
            "file that is opened"},
    {.pointer = "/security/landlock/tcp_bind", .type = STYRO_TYPE_PORTS, AT(landlock_bind), .max = 1024,
     .doc = "TCP ports that can be bound, and no others (`[]`: none; 0 is a port that the kernel chooses); Linux 6.7. Other "
            "ways to speak TCP (MPTCP, SMC, io_uring) are answered as if this kernel had none. What listen(2) alone binds, a port "
            "that the kernel chooses, is not asked about"},
    {.pointer = "/security/landlock/tcp_connect", .type = STYRO_TYPE_PORTS, AT(landlock_connect), .max = 1024,
     .doc = "TCP ports that can be connected to, and no others (`[]`: none); Linux 6.7. The other ways as well, "
            "and data that is sent with the opening (MSG_FASTOPEN), are answered as if this kernel had none. UDP is not asked "
            "about"},
    {.pointer = "/security/landlock/scopes", .type = STYRO_TYPE_LIST, AT(landlock_scopes), .max = 8,
     .words = WORDS("abstract_unix", "signals"),
     .doc = "what reaches no further than the sandbox's own processes, where a namespace is shared: connections to abstract unix "
            "sockets, signals; Linux 6.12"},
    {.pointer = "/security/apparmor", .type = STYRO_TYPE_TEXT, AT(apparmor), .min = 1, .max = WIRE_LABEL_MAX,
     .complaint = styro_complaint_label,
     .doc = "name of the loaded AppArmor profile that confines the payload from its exec on"},
    {.pointer = "/security/selinux", .type = STYRO_TYPE_TEXT, AT(selinux), .min = 1, .max = WIRE_LABEL_MAX,
     .complaint = styro_complaint_label, .doc = "SELinux context that the payload runs in from its exec on"},
    {.pointer = "/security/keyring", .type = STYRO_TYPE_ENUM, AT(keyring), .fallback = "new",
     .words = WORDS("new", "inherit"),
     .doc = "session keyring: one of the sandbox's own, or with `inherit` the caller's (`session_keyring` is then not "
            "promised; the default filter refuses keyctl(2) either way)"},
    LATER("/security/masked", "more masked paths"),

    {.pointer = "/init", .type = STYRO_TYPE_BOOL, AT(init), .fallback = "true",
     .doc = "the helper stays as the sandbox's init: it reaps, keeps the deadline and ends the tree"},
    {.pointer = "/new_session", .type = STYRO_TYPE_BOOL, AT(new_session), .fallback = "true",
     .doc = "the payload leads a session of its own, without the caller's terminal"},
    {.pointer = "/die_with_parent", .type = STYRO_TYPE_BOOL, AT(die_with_parent), .fallback = "true",
     .doc = "the sandbox ends with the process that started it; needs `init`"},
    LATER("/terminal", "a terminal of the sandbox's own"),
    {.pointer = "/preserve_fds", .type = STYRO_TYPE_FDS, AT(preserve_fds), .min = 3, .max = 1048575,
     .doc = "descriptors that the payload gets under the same number, or `by_caller`: each run names them"},
    {.pointer = "/umask", .type = STYRO_TYPE_MODE, AT(umask), .max = 0777, .fallback = "022",
     .doc = "file mode creation mask; text is octal"},
    {.pointer = "/nice", .type = STYRO_TYPE_INT, AT(nice), .min = -20, .max = 19, .fallback = "0",
     .doc = "nice value"},
    {.pointer = "/oom_score_adj", .type = STYRO_TYPE_INT, AT(oom_score_adj), .min = -1000, .max = 1000, .fallback = "0",
     .doc = "how readily the kernel ends it when memory is short"},
    {.pointer = "/fixed", .type = STYRO_TYPE_BOOL, AT(fixed), .fallback = "false",
     .doc = "a run may choose its standard streams and its name, and nothing else"},
    LATER("/trace", "a report of what was denied"),
};
/* clang-format on */

size_t styro_field_count(void)
{
  return sizeof table / sizeof table[0];
}

const struct styro_field *styro_field_at(size_t id)
{
  return id < styro_field_count() ? &table[id] : NULL;
}

size_t styro_field_index(const struct styro_field *field)
{
  return (size_t)(field - table);
}

/* Linear: there are two hundred rows, and no request is long enough to feel it. */
const struct styro_field *styro_field_exact(const char *pointer)
{
  for (size_t i = 0; i < styro_field_count(); i++) {
    if (strcmp(table[i].pointer, pointer) == 0) {
      return &table[i];
    }
  }
  return NULL;
}

const char *styro_field_key(const struct styro_field *field)
{
  const char *slash = strrchr(field->pointer, '/');
  return slash == NULL ? "" : slash + 1;
}

/* By the pointer alone, so that a row cannot stand below one parent and say another. */
static bool is_child(const struct styro_field *parent, const struct styro_field *field)
{
  size_t len = strlen(parent->pointer);
  return strncmp(field->pointer, parent->pointer, len) == 0 && field->pointer[len] == '/' &&
         strchr(field->pointer + len + 1, '/') == NULL;
}

const struct styro_field *styro_field_child(const struct styro_field *parent, const struct styro_field *previous)
{
  const struct styro_field *end = table + styro_field_count();
  for (const struct styro_field *field = (previous == NULL ? parent : previous) + 1; field < end; field++) {
    if (is_child(parent, field)) {
      return field;
    }
  }
  return NULL;
}

const struct styro_field *styro_field_named(const struct styro_field *parent, const char *key)
{
  const struct styro_field *child = NULL;
  while ((child = styro_field_child(parent, child)) != NULL) {
    if (strcmp(styro_field_key(child), key) == 0 && (child->flags & STYRO_FIELD_HIDDEN) == 0) {
      return child;
    }
  }
  return NULL;
}

const struct styro_field *styro_field_shorthand(const struct styro_field *parent)
{
  const struct styro_field *child = NULL;
  while (parent->shorthand != NULL && (child = styro_field_child(parent, child)) != NULL) {
    if (strcmp(styro_field_key(child), parent->shorthand) == 0) {
      return child;
    }
  }
  return NULL;
}

/* Backwards, because a parent stands before its children. */
const struct styro_field *styro_field_parent(const struct styro_field *field)
{
  for (size_t i = styro_field_index(field); i > 0; i--) {
    if (is_child(&table[i - 1], field)) {
      return &table[i - 1];
    }
  }
  return NULL;
}

bool styro_field_every_child(const struct styro_field *field)
{
  return field->shorthand != NULL && strcmp(field->shorthand, STYRO_EVERY_CHILD) == 0;
}

bool styro_field_in_entry(const struct styro_field *field)
{
  return strstr(field->pointer, "/*/") != NULL;
}

uint32_t styro_field_id(const char *pointer)
{
  const struct styro_field *field = styro_field_exact(pointer);
  return field == NULL ? 0 : (uint32_t)styro_field_index(field);
}

const char *styro_field_pointer(uint32_t id)
{
  id &= (1u << STYRO_FIELD_ITEM_SHIFT) - 1;
  return id < styro_field_count() ? table[id].pointer : "";
}
