/* What the filter of a request holds and does not. A program of the request's own is its author's. */
#include "filtered.h"

#include <linux/capability.h>
#include <string.h>

#include "../wire/uapi.h"
#include "nested.h"
#include "profile.h"

static bool logs_only(const struct styro_fields *fields)
{
  return fields->seccomp_kind != STYRO_SECCOMP_BPF && fields->seccomp_on_violation == STYRO_ON_VIOLATION_LOG;
}

bool styro_seccomp_holds(const struct styro_fields *fields)
{
  return fields->seccomp_kind != STYRO_SECCOMP_NONE && !logs_only(fields);
}

bool styro_seccomp_is_whole(const struct styro_fields *fields)
{
  return styro_profile((enum styro_seccomp_kind)fields->seccomp_kind) != NULL && !logs_only(fields) &&
         fields->seccomp_allow.n == 0;
}

static bool allows(const struct styro_fields *fields, const char *name)
{
  for (size_t i = 0; i < fields->seccomp_allow.n; i++) {
    if (strcmp(fields->seccomp_allow.items[i], name) == 0) {
      return true;
    }
  }
  return false;
}

bool styro_seccomp_refuses_nested(const struct styro_fields *fields)
{
  return styro_profile((enum styro_seccomp_kind)fields->seccomp_kind) != NULL && !logs_only(fields) &&
         !allows(fields, "clone") && !allows(fields, "clone3") && !allows(fields, "unshare");
}

bool styro_seccomp_opens_processes(const struct styro_fields *fields)
{
  static const char *const calls[] = {"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"};
  bool opens = fields->seccomp_kind == STYRO_SECCOMP_BUILD;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    opens = opens || allows(fields, calls[i]);
  }
  return opens;
}

bool styro_seccomp_lets(const struct styro_fields *fields, int capability)
{
  uint64_t all = fields->cap_bounding | fields->cap_effective | fields->cap_permitted | fields->cap_inheritable |
                 fields->cap_ambient;
  return fields->capabilities_named && !styro_seccomp_is_whole(fields) && all >> capability & 1;
}

bool styro_landlock_paths_fit(const struct styro_fields *fields)
{
  bool nests = fields->namespaces[STYRO_NS_USER] != STYRO_NS_NEW && !styro_seccomp_refuses_nested(fields);
  /* those of another namespace than the first process's have no rule */
  bool queues = fields->namespaces[STYRO_NS_IPC] == STYRO_NS_NEW && !(styro_nested_spaces(fields) & WIRE_CLONE_NEWIPC);
  return queues && !nests && !styro_seccomp_lets(fields, CAP_SYS_ADMIN);
}
