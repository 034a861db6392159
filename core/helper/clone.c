/*
 * Helper mode: the helper makes the clone itself, as the caller's sibling process would, for callers whose own child may
 * not (AppArmor's profile is attached to the helper's path; a non-dumpable caller cannot write its child's maps).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "helper.h"

/* The step that is at fault from here on. */
static const struct wire_step *find_step(struct helper *h, int code)
{
  const struct wire_step *step = wire_step_first(h->plan);
  h->number = 0;
  while (step->code != code) {
    step = wire_step_next(step);
    h->number++;
  }
  return h->step = step;
}

/* Named as a fault of the maps: what comes next is the maps' business. */
static int write_maps(struct helper *h, const struct wire_step_map_ids *ids, int pid)
{
  find_step(h, WIRE_STEP_MAP_IDS);
  return maps_write(h, ids, pid);
}

/* Inside setgroups(2) is denied: what is to be gone goes now, by the caller's right. */
static int drop_groups(struct helper *h)
{
  if (!(h->run->flags & WIRE_RUN_DROP_FIRST)) {
    return 0;
  }
  find_step(h, WIRE_STEP_IDENTITY);
  h->what = WIRE_WHAT_SETGROUPS;
  return (int)sys_call(SYS_setgroups, 0, 0, 0, 0, 0, 0);
}

/*
 * The first process: goes on only when the library holds its pidfd and, where the outer process writes them, its maps
 * stand; else it ends, because nobody could end it.
 */
static int child_side(struct helper *h, const struct wire_step_map_ids *ids, const int wake[2])
{
  char byte;
  int result = 0;
  sys_close(wake[1]);
  if (sys_read(wake[0], &byte, 1) != 1) {
    sys_exit(125);
  }
  sys_close(wake[0]);
  if (!(h->run->flags & (WIRE_RUN_OTHER_IDS | WIRE_RUN_JOINED_USER))) {
    result = write_maps(h, ids, 0);
  }
  return result;
}

static _Noreturn void parent_side(struct helper *h, const struct wire_step_map_ids *ids, int pid, int pidfd,
                                  const int wake[2])
{
  int result = h->run->flags & WIRE_RUN_TWO_STEP ? write_maps(h, ids, pid) : 0;
  if (result < 0) {
    status_verdict(h, WIRE_STATUS_SETUP_FAILED, -result);
    sys_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
    /* The cause before the pidfd, by which the library sees the child's end: else that would look like the cause. */
    status_send_failed(h->run);
    status_pidfd(h, pidfd, pid);
    sys_exit(125);
  }
  h->what = WIRE_WHAT_FORK;
  result = status_pidfd(h, pidfd, pid);
  if (result < 0) {
    sys_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
    status_die(h, WIRE_STATUS_SETUP_FAILED, -result);
  }
  sys_write(wake[1], "", 1);
  sys_exit(0);
}

int clone_copy(struct wire_clone_args *args)
{
  return (int)sys_clone3(args);
}

int helper_clone(struct helper *h)
{
  int result = drop_groups(h);
  if (result >= 0) {
    result = joins_enter(h);
  }
  if (result < 0) {
    return result;
  }
  h->component = NULL;
  const struct wire_step_map_ids *ids = (const void *)find_step(h, WIRE_STEP_MAP_IDS);
  const struct wire_step_namespaces *spaces = (const void *)find_step(h, WIRE_STEP_NAMESPACES);
  int wake[2];
  int pidfd = -1;
  struct wire_clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = spaces->clone_flags | WIRE_CLONE_PIDFD | WIRE_CLONE_PARENT;
  if (h->run->flags & WIRE_RUN_NO_TIME_NS) {
    args.flags &= ~WIRE_CLONE_NEWTIME;
  }
  args.pidfd = (uint64_t)(uintptr_t)&pidfd;
  h->what = WIRE_WHAT_FORK;
  result = (int)sys_call(SYS_pipe2, sys_arg(wake), O_CLOEXEC, 0, 0, 0, 0);
  if (result >= 0) {
    result = clone_copy(&args);
  }
  if (result > 0) {
    parent_side(h, ids, result, pidfd, wake);
  }
  return result < 0 ? result : child_side(h, ids, wake);
}
