/*
 * The table of checks, in the order in which they run and are reported: what a row needs stands further up. Which call
 * or limit a row is about may stand beside its check.
 */
#include "probe.h"
#include "probe_spaces.h"
#include "spawn_mode.h"

/* clang-format off */
const struct styro_check_row styro_checks[] = {
    {.name = "default_sandbox", .group = "sandbox", .required = true, .run = styro_check_default,
     .means = "no sandbox starts here; the lines below that are not ok say why"},
    {.name = "spawn_vfork", .group = "sandbox", .run = styro_check_mode, .kind = STYRO_SPAWN_VFORK,
     .means = "every start goes through the helper, which takes a fifth to a third longer"},
    {.name = "spawn_helper", .group = "sandbox", .run = styro_check_mode, .kind = STYRO_SPAWN_HELPER,
     .means = "joined namespaces, idmaps and subordinate ids of ordinary callers are refused"},
    {.name = "level_process", .group = "sandbox", .run = styro_check_level,
     .means = "where namespaces are refused there is nothing to fall back to"},

    {.name = "helper", .group = "helper", .required = true, .run = styro_check_helper,
     .means = "nothing can be started without it"},
    {.name = "memory_exec", .group = "helper", .run = styro_check_memory_exec,
     .means = "a helper that belongs to the caller is refused; one that belongs to root is not concerned"},

    {.name = "kernel", .group = "kernel", .required = true, .run = styro_check_kernel,
     .means = "the container level needs Linux 5.14 or later"},
    {.name = "clone3", .group = "kernel", .required = true, .run = styro_check_clone3,
     .means = "the default sandbox, which has a time namespace, cannot be made without this call"},
    {.name = "system_calls", .group = "kernel", .required = true, .run = styro_check_calls,
     .means = "a sandbox cannot be set up without these calls"},
    {.name = "seccomp", .group = "kernel", .required = true, .run = styro_check_seccomp,
     .means = "no profile of `security.seccomp` but `none` can be loaded"},
    {.name = "landlock", .group = "kernel", .run = styro_check_landlock,
     .means = "its path rules are left out, and mounts alone hold the paths; `security.landlock` is refused"},

    {.name = "user_namespace", .group = "namespaces", .required = true, .needs = {"clone3"},
     .run = styro_check_space, .kind = STYRO_PROBE_USER,
     .means = "an ordinary caller can have no sandbox, and root only with `namespaces.user` as `host`"},
    {.name = "id_maps", .group = "namespaces", .required = true, .needs = {"user_namespace"}, .run = styro_check_maps,
     .means = "nobody can be the payload: a user namespace is made, and nothing may be done in it"},
    {.name = "mount_namespace", .group = "namespaces", .required = true, .needs = {"user_namespace"},
     .run = styro_check_space, .kind = STYRO_PROBE_MOUNT, .means = "there can be no file tree of the sandbox's own"},
    {.name = "pid_namespace", .group = "namespaces", .required = true, .needs = {"user_namespace"},
     .run = styro_check_space, .kind = STYRO_PROBE_PID,
     .means = "sandboxes need `namespaces.pid` as `host`, and then show the host's processes"},
    {.name = "ipc_namespace", .group = "namespaces", .required = true, .needs = {"user_namespace"},
     .run = styro_check_space, .kind = STYRO_PROBE_IPC, .means = "sandboxes need `namespaces.ipc` as `host`"},
    {.name = "uts_namespace", .group = "namespaces", .required = true, .needs = {"user_namespace"},
     .run = styro_check_space, .kind = STYRO_PROBE_UTS, .means = "sandboxes need `namespaces.uts` as `host`"},
    {.name = "network_namespace", .group = "namespaces", .required = true, .needs = {"user_namespace"},
     .run = styro_check_space, .kind = STYRO_PROBE_NET,
     .means = "sandboxes need `network` as `host`, and then reach what the host reaches"},
    {.name = "cgroup_namespace", .group = "namespaces", .required = true, .needs = {"user_namespace"},
     .run = styro_check_space, .kind = STYRO_PROBE_CGROUP, .means = "sandboxes need `namespaces.cgroup` as `host`"},
    {.name = "time_namespace", .group = "namespaces", .required = true, .needs = {"user_namespace"},
     .run = styro_check_space, .kind = STYRO_PROBE_TIME, .means = "sandboxes need `namespaces.time` as `host`"},
    {.name = "time_offsets", .group = "namespaces", .needs = {"time_namespace", "default_sandbox"},
     .run = styro_check_clocks, .means = "`namespaces.time.boottime` and `.monotonic` are refused"},
    {.name = "apparmor", .group = "namespaces", .run = styro_check_apparmor,
     .means = "AppArmor lets ordinary programs make user namespaces, and do nothing in them"},
    {.name = "selinux", .group = "namespaces", .run = styro_check_selinux, .means = ""},

    {.name = "id_tools", .group = "ids", .run = styro_check_id_tools,
     .means = "an ordinary caller cannot have more than its own id: `user.uid_map` as `subuid` is refused"},
    {.name = "subordinate_ids", .group = "ids", .needs = {"id_tools", "default_sandbox"},
     .run = styro_check_subordinate, .means = "`user.uid_map` and `user.gid_map` as `subuid` are refused"},

    {.name = "mount_api", .group = "files", .required = true, .needs = {"mount_namespace"}, .run = styro_check_mounts,
     .means = "there can be no file tree of the sandbox's own"},
    {.name = "detached_mounts", .group = "files", .needs = {"mount_api"}, .run = styro_check_detached,
     .means = "the tree is put together in place instead: the same is seen inside"},
    {.name = "proc", .group = "files", .required = true, .needs = {"mount_api", "pid_namespace"},
     .run = styro_check_proc, .means = "a sandbox can have no /proc of its own, and none starts with a pid namespace"},
    {.name = "overlay", .group = "files", .needs = {"mount_api", "id_maps"}, .run = styro_check_overlay,
     .means = "`root.overlay`, `root.writable` as `discard` and overlays in `mounts` are refused"},

    {.name = "cgroup", .group = "limits", .run = styro_check_cgroup,
     .means = "memory, process and CPU limits of a request are refused"},
    {.name = "cgroup_delegation", .group = "limits", .needs = {"cgroup"}, .run = styro_check_delegation,
     .means = "memory, process and CPU limits of a request are refused to this caller, here"},

    {.name = "pasta", .group = "network", .run = styro_check_pasta,
     .means = "a sandbox has no network, the host's, or one that it joins"},
};
/* clang-format on */
const size_t styro_checks_n = sizeof styro_checks / sizeof styro_checks[0];
