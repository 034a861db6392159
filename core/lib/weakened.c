/*
 * Words of a request that let a payload undo or go around what another word asks for: they are carried out, and what no
 * longer holds is not promised. Texts alone decide; what a link or a descriptor leads to is not known here.
 */
#include "weakened.h"

#include <linux/capability.h>
#include <string.h>

#include "base.h"
#include "filtered.h"
#include "listed.h"
#include "nested.h"
#include "protections.h"

#define BIT(protection) STYRO_BIT(STYRO_##protection)

/* What holds only as long as the payload cannot change mounts, or where no other process's tree is within reach. */
#define MOUNTS (BIT(READ_ONLY_PATHS) | BIT(DENIED_PATHS) | BIT(MASKED_PATHS) | BIT(DEVICE_ALLOWLIST) | BIT(DISK_SIZE))
#define FILES                                                                                              \
  (BIT(PATH_VIEW) | BIT(READ_ONLY_PATHS) | BIT(DENIED_PATHS) | BIT(MASKED_PATHS) | BIT(DEVICE_ALLOWLIST) | \
   BIT(PRIVATE_TMP))
#define SPACES                                                                                                      \
  (BIT(PROCESS_VIEW) | BIT(PROCESS_SIGNALS) | BIT(IPC_ISOLATION) | BIT(NETWORK_ISOLATION) | BIT(ABSTRACT_SOCKETS) | \
   BIT(HOSTNAME) | BIT(CGROUP_VIEW))

/* ---- what is shown of the host ----------------------------------------------------------------------------------- */

typedef bool source_test(const char *path);

/* Without `from` a rule shows the same path of the host, but for what lies in a root directory or an overlay. */
static const char *source_of(const struct styro_fields *fields, const struct styro_path_rule *rule)
{
  bool shows = rule->access == STYRO_ACCESS_RO || rule->access == STYRO_ACCESS_RW;
  bool own_tree = fields->root_kind == STYRO_ROOT_DIRECTORY || fields->root_kind == STYRO_ROOT_OVERLAY;
  if (!shows || (rule->from == NULL && own_tree)) {
    return NULL;
  }
  return rule->from != NULL ? rule->from : rule->path;
}

static bool any_source(const struct styro_fields *fields, source_test *test)
{
  for (size_t i = 0; i < fields->rules_n; i++) {
    const char *from = source_of(fields, &fields->rules[i]);
    if (from != NULL && test(from)) {
      return true;
    }
  }
  for (size_t i = 0; i < fields->mounts.n; i++) {
    const char *from = fields->mounts.items[i].from;
    if (from != NULL && test(from)) {
      return true;
    }
  }
  return false;
}

/* Those of the host: all of them, or one. */
static bool has_processes(const char *path)
{
  bool one = strncmp(path, "/proc/", 6) == 0 && path[6] >= '1' && path[6] <= '9';
  return styro_contains(path, "/proc") || one;
}

static bool overlaps(const char *path, const char *root, const struct styro_proc_entry *entries, size_t n)
{
  if (styro_contains(path, root)) {
    return true;
  }
  const char *rest = styro_encloses(root, path) ? path + strlen(root) : NULL;
  for (size_t i = 0; rest != NULL && i < n; i++) {
    if (styro_encloses(entries[i].path, rest) || styro_encloses(rest, entries[i].path)) {
      return true;
    }
  }
  return false;
}

/* As it is on the host, without the masks that a proc or sys of the sandbox's own has. */
static bool is_unmasked(const char *path)
{
  return overlaps(path, "/proc", styro_proc_entries, styro_proc_entries_n) ||
         overlaps(path, "/sys", styro_sys_entries, styro_sys_entries_n);
}

/* A root directory's proc is the sandbox's own; its sys is what is there. */
static bool shows_unmasked(const struct styro_fields *fields)
{
  return any_source(fields, is_unmasked) ||
         (fields->root_kind == STYRO_ROOT_DIRECTORY && styro_contains(fields->root_directory, "/sys"));
}

/* What stands at /tmp in the end: the nearest rule's, else an entry's, else the sandbox's own. */
static bool shared_tmp(const struct styro_fields *fields)
{
  const struct styro_path_rule *nearest = NULL;
  for (size_t i = 0; i < fields->rules_n; i++) {
    const struct styro_path_rule *rule = &fields->rules[i];
    bool nearer = nearest == NULL || styro_encloses(nearest->path, rule->path);
    nearest = styro_encloses(rule->path, "/tmp") && nearer ? rule : nearest;
  }
  if (nearest != NULL) {
    return nearest->access == STYRO_ACCESS_RO || nearest->access == STYRO_ACCESS_RW;
  }
  size_t over = styro_mounts_over(&fields->mounts, "/tmp", fields->mounts.n);
  int type = over == STYRO_NO_ENTRY ? STYRO_MOUNT_NONE : fields->mounts.items[over].type;
  return type == STYRO_MOUNT_BIND || type == STYRO_MOUNT_OVERLAY;
}

/* cgroup.kill and cgroup.freeze: the group that the sandbox starts in is the caller's own (cgroups(7)). */
static bool writes_cgroup(const struct styro_fields *fields)
{
  for (size_t i = 0; i < fields->mounts.n; i++) {
    const struct styro_mount *mount = &fields->mounts.items[i];
    if (mount->type == STYRO_MOUNT_CGROUP && mount->access == STYRO_MOUNT_RW) {
      return true;
    }
  }
  return false;
}

/* ---- what the payload may do ------------------------------------------------------------------------------------- */

uint64_t styro_weakened(const struct styro_fields *fields)
{
  bool host_user = fields->namespaces[STYRO_NS_USER] == STYRO_NS_HOST;
  bool own_user = fields->namespaces[STYRO_NS_USER] == STYRO_NS_NEW;
  bool nested = styro_nested_spaces(fields) != 0;    /* where nothing that came along can be changed */
  bool alone = fields->level == STYRO_LEVEL_PROCESS; /* Landlock asks that about its own domain */
  bool host_processes = any_source(fields, has_processes);
  bool others = fields->namespaces[STYRO_NS_PID] != STYRO_NS_NEW || host_processes;
  const struct {
    bool holds;
    uint64_t lost;
  } rows[] = {
      /* /proc/PID/root of a process with the payload's id in its user namespace (ptrace(2), access mode checking) */
      {others && !own_user && !alone, FILES},
      {host_processes, BIT(PROCESS_VIEW)},
      {shows_unmasked(fields), BIT(MASKED_PATHS)},
      {shared_tmp(fields), BIT(PRIVATE_TMP)},
      {writes_cgroup(fields), BIT(PROCESS_SIGNALS)},
      {styro_seccomp_lets(fields, CAP_SYS_ADMIN) && !nested, MOUNTS},
      {styro_seccomp_lets(fields, CAP_SYS_ADMIN) && styro_seccomp_lets(fields, CAP_SYS_RESOURCE) && !nested,
       BIT(NESTED_USER_NAMESPACES)},
      /* of the host: its disks can be mounted, and its namespaces entered */
      {styro_seccomp_lets(fields, CAP_SYS_ADMIN) && host_user, FILES | SPACES},
      /* open_by_handle_at(2) */
      {styro_seccomp_lets(fields, CAP_DAC_READ_SEARCH) && host_user, FILES},
  };
  uint64_t lost = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    lost |= rows[i].holds ? rows[i].lost : 0;
  }
  return lost;
}
