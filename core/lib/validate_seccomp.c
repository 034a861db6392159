/* The rules about the filter: names that are none, words that say the opposite, and programs that the kernel would refuse. */
#include <stdio.h>
#include <string.h>

#include "filter.h"
#include "filtered.h"
#include "profile.h"
#include "syscalls.h"
#include "validate_rules.h"

static const char *const changes[] = {"/security/seccomp/allow", "/security/seccomp/deny",
                                      "/security/seccomp/on_violation"};

/* The first word that changes a profile. */
static const char *find_change(const struct styro_effective *e)
{
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    if (styro_effective_is_set(e, changes[i])) {
      return changes[i];
    }
  }
  return NULL;
}

static bool change_of_nothing(const struct styro_effective *e, struct styro_finding *found,
                              enum styro_seccomp_kind kind)
{
  const char *change = find_change(e);
  if (e->fields.seccomp_kind != (int)kind || change == NULL) {
    return false;
  }
  snprintf(found->field, sizeof found->field, "%s", change);
  styro_name_object(found, strrchr(change, '/') + 1);
  return true;
}

static bool change_of_bpf(const struct styro_effective *e, struct styro_finding *found)
{
  return change_of_nothing(e, found, STYRO_SECCOMP_BPF);
}

static bool change_of_none(const struct styro_effective *e, struct styro_finding *found)
{
  return change_of_nothing(e, found, STYRO_SECCOMP_NONE);
}

static void name_item(struct styro_finding *found, const char *list, size_t i)
{
  char index[24];
  snprintf(index, sizeof index, "%zu", i);
  styro_name_field(found, list, index, NULL);
}

static bool unknown_in(const struct styro_list *names, const char *field, struct styro_finding *found)
{
  for (size_t i = 0; i < names->n; i++) {
    char near[64];
    if (styro_syscall_native(names->items[i]) != STYRO_UNKNOWN_CALL) {
      continue;
    }
    bool known = styro_syscall_nearest(names->items[i], near, sizeof near);
    name_item(found, field, i);
    snprintf(found->object, sizeof found->object, "`%.100s`%s%s%s", names->items[i], known ? "; did you mean `" : "",
             known ? near : "", known ? "`?" : "");
    return true;
  }
  return false;
}

static bool unknown_call(const struct styro_effective *e, struct styro_finding *found)
{
  return unknown_in(&e->fields.seccomp_allow, "/security/seccomp/allow", found) ||
         unknown_in(&e->fields.seccomp_deny, "/security/seccomp/deny", found);
}

static bool allowed_and_denied(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_list *allow = &e->fields.seccomp_allow;
  const struct styro_list *deny = &e->fields.seccomp_deny;
  for (size_t i = 0; i < allow->n; i++) {
    for (size_t k = 0; k < deny->n; k++) {
      if (strcmp(allow->items[i], deny->items[k]) == 0) {
        name_item(found, "/security/seccomp/deny", k);
        styro_name_object(found, deny->items[k]);
        return true;
      }
    }
  }
  return false;
}

/* Caught here with the instruction's number: seccomp(2) would only say EINVAL, after everything else was set up. */
static bool filter_invalid(const struct styro_effective *e, struct styro_finding *found)
{
  if (e->fields.seccomp_kind != STYRO_SECCOMP_BPF) {
    return false;
  }
  size_t at = 0;
  const char *fault = styro_filter_check(e->fields.bpf, e->fields.bpf_n, &at);
  if (fault == NULL) {
    return false;
  }
  char index[24];
  snprintf(index, sizeof index, "%zu", at);
  styro_name_field(found, "/security/seccomp/bpf", index, NULL);
  snprintf(found->object, sizeof found->object, "instruction %zu: %s", at, fault);
  return true;
}

/* Of an ordinary caller's processes the payload has the id: nothing else would hold it back (ptrace(2), "access mode"). */
static bool opens_host_processes(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.namespaces[STYRO_NS_PID] != STYRO_NS_NEW && styro_seccomp_opens_processes(&e->fields);
}

const struct styro_rule styro_rules_seccomp[] = {
    {STYRO_EREQUEST, "/security/seccomp", change_of_bpf,
     "`{}` changes a profile, and the request brings its own program", "write it into the program, or leave it out"},
    {STYRO_EREQUEST, "/security/seccomp", change_of_none, "`{}` changes a profile, and the request asks for none",
     "name a profile such as `default`, or leave it out"},
    {STYRO_EREQUEST, "/security/seccomp", unknown_call, "no system call is called {}",
     "write a name of syscalls(2); what is newer than this library can be said by `bpf`"},
    {STYRO_EREQUEST, "/security/seccomp/deny", allowed_and_denied, "`{}` is both allowed and denied",
     "leave out one of the two"},
    {STYRO_EREQUEST, "/security/seccomp", opens_host_processes,
     "the filter lets processes be traced or read, and those of the host, or of a joined namespace, would be among them",
     "leave out `namespaces.pid`, or the profile `build` and what is allowed on top"},
    {STYRO_EREQUEST, "/security/seccomp/bpf", filter_invalid, "the filter program is not valid, {}",
     "the kernel would refuse it; seccomp(2) and bpf_check_classic say what it takes"},
    {.broken = NULL},
};
