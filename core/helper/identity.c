/* Who the process is from the identity step on: supplementary groups, group, user; each read back. */
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

#include "helper.h"

/* Who is root of its user namespace and changes to another id loses the effective set, and keeps the permitted one when it
 * asked to (capabilities(7), "Effect of user ID changes on capabilities"). */
static int raise_effective(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof data);
  int result = (int)sys_call(SYS_capget, sys_arg(&header), sys_arg(data), 0, 0, 0, 0);
  data[0].effective = data[0].permitted;
  data[1].effective = data[1].permitted;
  return result < 0 ? result : (int)sys_call(SYS_capset, sys_arg(&header), sys_arg(data), 0, 0, 0, 0);
}

/* The reader let only texts through; what is no list of ids was not written by this library. */
static int read_groups(const char *text, uint32_t *groups)
{
  int n = 0;
  while (*text && n < WIRE_GROUPS_MOST) {
    uint32_t id = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
      id = id * 10 + (uint32_t)(*text - '0');
    }
    groups[n++] = id;
    if (*text++ != '\n') {
      return -EINVAL;
    }
  }
  return *text ? -EINVAL : n;
}

static bool is_among(uint32_t id, const uint32_t *groups, int n)
{
  int i = 0;
  while (i < n && groups[i] != id) {
    i++;
  }
  return i < n;
}

/* The kernel keeps them in an order of its own (group_info is sorted by the id outside). */
static int groups_hold(struct helper *h, const uint32_t *groups, int n)
{
  static uint32_t found[WIRE_GROUPS_MOST];
  h->what = WIRE_WHAT_READ_BACK;
  bool same = sys_call(SYS_getgroups, n, sys_arg(found), 0, 0, 0, 0) == n;
  for (int i = 0; same && i < n; i++) {
    same = is_among(groups[i], found, n);
  }
  return same ? 0 : -EPERM;
}

/*
 * Under a gid map of the caller's own id the kernel allows no setgroups(2) (the outcome lists supplementary groups then);
 * under any other the groups go, or change, while the right to it is there.
 */
static int set_groups(struct helper *h, const struct wire_step_identity *ids)
{
  static uint32_t groups[WIRE_GROUPS_MOST];
  h->what = WIRE_WHAT_SETGROUPS;
  int n = read_groups(wire_str(h->plan, ids->groups), groups);
  int result = n < 0 ? n : (int)sys_call(SYS_setgroups, n, sys_arg(groups), 0, 0, 0, 0);
  if (result == -EPERM && h->run->flags & WIRE_RUN_GROUPS_MAY_STAY) {
    /* A joined user namespace may have been made by who could not drop groups, and then nobody in it can. */
    bool some = sys_call(SYS_getgroups, 0, 0, 0, 0, 0, 0) > 0;
    h->run->verdict.skipped |= some ? 1ull << WIRE_SUPPLEMENTARY_GROUPS : 0;
    return 0;
  }
  return result < 0 || n == 0 ? result : groups_hold(h, groups, n);
}

static int set_ids(struct helper *h, const struct wire_step_identity *ids)
{
  h->what = WIRE_WHAT_SETGID;
  int result = (int)sys_call(SYS_setresgid, ids->gid, ids->gid, ids->gid, 0, 0, 0);
  if (result >= 0) {
    h->what = WIRE_WHAT_SETUID;
    result = (int)sys_call(SYS_setresuid, ids->uid, ids->uid, ids->uid, 0, 0, 0);
  }
  return result;
}

static int ids_hold(struct helper *h, const struct wire_step_identity *ids)
{
  h->what = WIRE_WHAT_READ_BACK;
  bool same = sys_call(SYS_getuid, 0, 0, 0, 0, 0, 0) == (long)ids->uid &&
              sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0) == (long)ids->uid &&
              sys_call(SYS_getgid, 0, 0, 0, 0, 0, 0) == (long)ids->gid &&
              sys_call(SYS_getegid, 0, 0, 0, 0, 0, 0) == (long)ids->gid;
  return same ? 0 : -EPERM;
}

int step_identity(struct helper *h, const struct wire_step *step)
{
  struct wire_step_identity given;
  const struct wire_step_identity *ids = &given;
  memcpy(&given, step, sizeof given);
  if (h->plan->flags & WIRE_PLAN_PROCESS) { /* without a map it is the run that knows them */
    given.uid = h->run->map_uid;
    given.gid = h->run->map_gid;
  }
  bool keep = h->run->flags & WIRE_RUN_KEEP_CAPS;
  int result = keep ? sys_prctl(PR_SET_KEEPCAPS, 1, 0) : 0;
  if (result >= 0 && h->run->flags & WIRE_RUN_SET_GROUPS) {
    result = set_groups(h, ids);
  }
  if (result >= 0) {
    result = set_ids(h, ids);
  }
  if (result >= 0 && keep) {
    h->what = WIRE_WHAT_CAP_SET;
    result = raise_effective();
  }
  return result < 0 ? result : ids_hold(h, ids);
}
