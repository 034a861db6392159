/* The five capability sets, securebits and no_new_privs: set exactly, then all read back. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

#include "helper.h"

#define CAPABILITY_WORDS 2

static int raise_or_test(int operation, unsigned long capability)
{
  return (int)sys_call(SYS_prctl, PR_CAP_AMBIENT, operation, (long)capability, 0, 0, 0);
}

static int get_three(struct wire_step_capabilities *out)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[CAPABILITY_WORDS];
  memset(data, 0, sizeof data);
  int result = (int)sys_call(SYS_capget, sys_arg(&header), sys_arg(data), 0, 0, 0, 0);
  out->effective = data[0].effective | (uint64_t)data[1].effective << 32;
  out->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
  out->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
  return result;
}

/*
 * The bounding set and securebits take a capability that only a user namespace of one's own gives everybody. At the level
 * `process` they stay where the caller has none: with all other sets empty and no_new_privs nothing is gained by them.
 */
static bool leaves_bounding(const struct helper *h)
{
  struct wire_step_capabilities now;
  return h->plan->flags & WIRE_PLAN_PROCESS && get_three(&now) >= 0 && !(now.effective >> CAP_SETPCAP & 1);
}

static int drop_bounding(struct helper *h, uint64_t keep)
{
  h->what = WIRE_WHAT_CAP_BOUNDING;
  for (unsigned cap = 0; cap < 64; cap++) {
    bool wanted = keep >> cap & 1;
    int result = sys_prctl(wanted ? PR_CAPBSET_READ : PR_CAPBSET_DROP, cap, 0);
    if (result == -EINVAL) {
      return keep >> cap ? -EINVAL : 0; /* past the kernel's last: nothing beyond may be asked for */
    }
    if (result < 0 || (wanted && result == 0)) {
      return result < 0 ? result : -EPERM;
    }
  }
  return 0;
}

static int set_three(const struct wire_step_capabilities *body)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[CAPABILITY_WORDS];
  for (int i = 0; i < CAPABILITY_WORDS; i++) {
    data[i].effective = (uint32_t)(body->effective >> (32 * i));
    data[i].permitted = (uint32_t)(body->permitted >> (32 * i));
    data[i].inheritable = (uint32_t)(body->inheritable >> (32 * i));
  }
  return (int)sys_call(SYS_capset, sys_arg(&header), sys_arg(data), 0, 0, 0, 0);
}

static int set_ambient(struct helper *h, uint64_t ambient)
{
  h->what = WIRE_WHAT_CAP_AMBIENT;
  int result = raise_or_test(PR_CAP_AMBIENT_CLEAR_ALL, 0);
  for (unsigned cap = 0; result >= 0 && cap < 64; cap++) {
    if (ambient >> cap & 1) {
      result = raise_or_test(PR_CAP_AMBIENT_RAISE, cap);
    }
  }
  return result;
}

static bool three_hold(const struct wire_step_capabilities *body)
{
  struct wire_step_capabilities now;
  return get_three(&now) >= 0 && now.effective == body->effective && now.permitted == body->permitted &&
         now.inheritable == body->inheritable;
}

/*
 * After this securebit nothing can be raised, and it takes a capability to set: so the ambient set is filled while the
 * other sets are still whole. It stays, because the sets that follow hold it too.
 */
static bool ambient_comes_first(const struct wire_step_capabilities *body)
{
  return body->ambient && body->securebits & SECBIT_NO_CAP_AMBIENT_RAISE;
}

static int fill_ambient(struct helper *h, const struct wire_step_capabilities *body)
{
  struct wire_step_capabilities whole;
  h->what = WIRE_WHAT_CAP_SET;
  int result = get_three(&whole);
  whole.inheritable = body->inheritable;
  result = result < 0 ? result : set_three(&whole);
  return result < 0 ? result : set_ambient(h, body->ambient);
}

static bool two_hold(const struct wire_step_capabilities *body)
{
  for (unsigned cap = 0; cap < 64; cap++) {
    int bounding = sys_prctl(PR_CAPBSET_READ, cap, 0);
    if (bounding < 0) {
      return true;
    }
    /* Ambient is never more than permitted and inheritable (capabilities(7)), which are read back as a whole. */
    bool possible = body->permitted & body->inheritable & 1ull << cap;
    if (bounding != (int)(body->bounding >> cap & 1) ||
        (possible && raise_or_test(PR_CAP_AMBIENT_IS_SET, cap) != (int)(body->ambient >> cap & 1))) {
      return false;
    }
  }
  return true;
}

static int read_back(struct helper *h, const struct wire_step_capabilities *body, bool all)
{
  h->what = WIRE_WHAT_READ_BACK;
  bool more = two_hold(body) && sys_prctl(PR_GET_SECUREBITS, 0, 0) == (int)body->securebits;
  bool holds = three_hold(body) && (more || !all) && sys_prctl(PR_GET_NO_NEW_PRIVS, 0, 0) >= (int)body->no_new_privs;
  return holds ? 0 : -EPERM;
}

int step_capabilities(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_capabilities *body = (const void *)step;
  bool filled = ambient_comes_first(body);
  bool all = !leaves_bounding(h);
  int result = all ? drop_bounding(h, body->bounding) : 0;
  if (result >= 0 && filled) {
    result = fill_ambient(h, body);
  }
  if (result >= 0 && all) {
    h->what = WIRE_WHAT_SECUREBITS;
    result = sys_prctl(PR_SET_SECUREBITS, body->securebits, 0);
  }
  if (result >= 0) {
    h->what = WIRE_WHAT_CAP_SET;
    result = set_three(body);
  }
  if (result >= 0 && !filled) {
    result = set_ambient(h, body->ambient);
  }
  if (result >= 0 && body->no_new_privs) {
    h->what = WIRE_WHAT_NO_NEW_PRIVS;
    result = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
  }
  return result < 0 ? result : read_back(h, body, all);
}
