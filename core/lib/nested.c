/* Who gets a user namespace below the sandbox's own, and what comes with it. */
#include "nested.h"

#include <linux/capability.h>

#include "../wire/plan.h"
#include "../wire/uapi.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)

static uint64_t in_any_set(const struct styro_fields *f)
{
  return f->cap_bounding | f->cap_effective | f->cap_permitted | f->cap_inheritable | f->cap_ambient;
}

uint64_t styro_nested_capabilities(const struct styro_fields *fields)
{
  return in_any_set(fields) & (CAP(SYS_PTRACE) | CAP(SYS_ADMIN));
}

/* Mounts always: in a mount namespace of the payload's own what the sandbox mounted is locked. */
uint64_t styro_nested_spaces(const struct styro_fields *fields)
{
  const struct {
    uint64_t capabilities;
    bool own; /* the sandbox's, and not of others */
    uint64_t flag;
  } rows[] = {
      {CAP(NET_ADMIN) | CAP(NET_RAW) | CAP(NET_BIND_SERVICE) | CAP(NET_BROADCAST),
       fields->network == STYRO_NETWORK_NONE, WIRE_CLONE_NEWNET},
      {CAP(IPC_OWNER), fields->namespaces[STYRO_NS_IPC] == STYRO_NS_NEW, WIRE_CLONE_NEWIPC},
      {CAP(SYS_ADMIN), fields->namespaces[STYRO_NS_UTS] == STYRO_NS_NEW, WIRE_CLONE_NEWUTS},
  };
  bool own = fields->namespaces[STYRO_NS_USER] == STYRO_NS_NEW && fields->namespaces[STYRO_NS_PID] == STYRO_NS_NEW;
  if (!fields->init || !own || styro_nested_capabilities(fields) == 0) {
    return 0;
  }
  uint64_t flags = WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    flags |= rows[i].own && in_any_set(fields) & rows[i].capabilities ? rows[i].flag : 0;
  }
  return flags;
}
