/* The clone in its two modes: what the kernel is asked for, and when to give up on the fast one. */
#include "spawn_mode.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "kernel.h"
#include "pidfd.h"
#include "request.h"
#include "spawn_child.h"
#include "spawn_ids.h"

#define FIXED_SLOTS WIRE_FD_FIRST_FREE

static uint32_t find_step(const styro_plan *plan, int code)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  uint32_t number = 0;
  while (number < block->steps_n && step->code != code) {
    step = wire_step_next(step);
    number++;
  }
  return number;
}

/* NULL where the plan has no such step. */
static const struct wire_step *step_with(const styro_plan *plan, int code)
{
  return styro_plan_step(plan, find_step(plan, code));
}

static int wanted_mode(const styro_runner *runner, const styro_plan *plan, const struct wire_run *run)
{
  if (styro_spawn_ids_by_helper(run)) {
    return STYRO_SPAWN_HELPER; /* whatever is forced: the fast mode's child has no way to do it */
  }
  int mode = runner->forced_mode >= 0 ? runner->forced_mode : atomic_load(&((styro_runner *)(uintptr_t)runner)->mode);
  if (runner->forced_mode >= 0) {
    return mode;
  }
  /* A non-dumpable caller's child cannot open its own map files, before 6.2 a time namespace takes no shared memory. */
  bool time_vm = runner->kernel & WIRE_KERNEL_TIME_VM;
  bool needs_time = plan->namespaces->clone_flags & WIRE_CLONE_NEWTIME && !plan->namespaces->time_default;
  bool joins =
      step_with(plan, WIRE_STEP_JOIN) != NULL; /* setns(2) moves the whole caller, so never its child in its memory */
  bool idmaps = ((const struct wire_plan *)plan->block)->flags & WIRE_PLAN_IDMAPS; /* made before the clone */
  return joins || idmaps || prctl(PR_GET_DUMPABLE) != 1 || (needs_time && !time_vm) ? STYRO_SPAWN_HELPER : mode;
}

/* What only one of the modes can do, or no mode on this kernel. */
static int check_mode(const styro_runner *runner, const styro_plan *plan, int mode, styro_error *err)
{
  const struct wire_step *join = step_with(plan, WIRE_STEP_JOIN), *clocks = step_with(plan, WIRE_STEP_CLOCKS);
  const struct wire_plan *block = plan->block;
  int code = 0;
  if (join && mode != STYRO_SPAWN_HELPER) {
    code = styro_fail(err, STYRO_ESPAWN, STYRO_STAGE_JOIN, 0,
                      "namespaces are joined in the spawn mode `helper`, and this runner is held to `vfork`");
    styro_error_field(err, "%s", styro_field_pointer(join->field_id));
    styro_error_hint(err, "unset STYRO_SPAWN");
  } else if (block->flags & WIRE_PLAN_IDMAPS && mode != STYRO_SPAWN_HELPER) {
    code = styro_fail(err, STYRO_ESPAWN, STYRO_STAGE_SPAWN, 0,
                      "idmapped mounts are made in the spawn mode `helper`, and this runner is held to `vfork`");
    styro_error_field(err, "%s", styro_field_pointer(step_with(plan, WIRE_STEP_IDMAP)->field_id));
    styro_error_hint(err, "unset STYRO_SPAWN");
  } else if (clocks && !(block->flags & WIRE_PLAN_INIT) && !(runner->kernel & WIRE_KERNEL_TIME_VM)) {
    /* time_namespaces(7): only a child enters one, or since Linux 6.2 who executes; without an init there is neither. */
    code = styro_fail(
        err, STYRO_ESPAWN, STYRO_STAGE_JOIN, ENOSYS,
        "clock offsets without an init need Linux 6.2, where a process enters its time namespace by execve(2)");
    styro_error_field(err, "%s", styro_field_pointer(clocks->field_id));
    styro_error_hint(err, "leave out \"init\": false, or the offsets");
  }
  return code;
}

int styro_spawn_prepare(styro_runner *runner, const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  run->kernel = runner->kernel;
  run->caller_uid = run->map_uid = geteuid();
  run->caller_gid = run->map_gid = getegid();
  run->flags &= ~(uint32_t)(WIRE_RUN_HELPER_MODE | WIRE_RUN_OTHER_IDS | WIRE_RUN_NO_TIME_NS | WIRE_RUN_KEEP_CAPS |
                            WIRE_RUN_SET_GROUPS | WIRE_RUN_DENY_SETGROUPS | WIRE_RUN_DROP_FIRST | WIRE_RUN_JOINED_USER |
                            WIRE_RUN_GROUPS_MAY_STAY);
  int result = styro_spawn_ids(plan, run, err);
  int mode = wanted_mode(runner, plan, run);
  if (mode == STYRO_SPAWN_HELPER) {
    run->flags |= WIRE_RUN_HELPER_MODE;
  }
  if (result == 0) {
    result = check_mode(runner, plan, mode, err);
  }
  if (plan->namespaces->time_default && !(runner->kernel & WIRE_KERNEL_TIME_VM)) {
    run->flags |= WIRE_RUN_NO_TIME_NS;
  }
  return result;
}

/* ---- descriptors ---- */

static void fill_slots(const struct styro_launch *launch, struct styro_slot *slots)
{
  const int fixed[FIXED_SLOTS] = {launch->stdio[0], launch->stdio[1],  launch->stdio[2], launch->plan_fd,
                                  launch->run_fd,   launch->status_fd, launch->caller_fd};
  for (int i = 0; i < FIXED_SLOTS; i++) {
    slots[i] = (struct styro_slot){.from = fixed[i], .to = i};
  }
  for (size_t i = 0; i < launch->extra_n; i++) {
    slots[FIXED_SLOTS + i] = (struct styro_slot){.from = launch->extra[i], .to = FIXED_SLOTS + (int)i};
  }
}

/* ---- vfork mode ---- */

static bool may_switch(const styro_runner *runner, const struct styro_child *child)
{
  bool refused = child->error == EPERM || child->error == EACCES || child->error == ENOSYS || child->error == EINVAL;
  bool where = child->what == WIRE_WHAT_FORK || child->what == WIRE_WHAT_MAP_UID || child->what == WIRE_WHAT_MAP_GID ||
               child->what == WIRE_WHAT_MAP_SETGROUPS;
  return runner->forced_mode < 0 && refused && where;
}

static int child_failed(const struct styro_launch *launch, const struct styro_child *child, styro_error *err)
{
  if (child->what == WIRE_WHAT_EXEC) {
    int code = styro_fail(err, STYRO_EHELPER, STYRO_STAGE_HELPER, child->error, "the helper cannot be executed: %s",
                          strerrordesc_np(child->error));
    styro_error_object(err, "%s", launch->runner->path);
    styro_kernel_explain(child->error, "execveat", err);
    return code;
  }
  if (child->what == WIRE_WHAT_FDS || child->error == EMFILE || child->error == ENFILE) {
    return styro_fd_fail(err, child->error == EINVAL ? EMFILE : child->error, "the helper's descriptors");
  }
  bool maps =
      child->what == WIRE_WHAT_MAP_UID || child->what == WIRE_WHAT_MAP_GID || child->what == WIRE_WHAT_MAP_SETGROUPS;
  uint32_t step = find_step(launch->plan, maps ? WIRE_STEP_MAP_IDS : WIRE_STEP_NAMESPACES);
  styro_plan_explain_failure(launch->plan, STYRO_ESETUP, step, child->what, child->error, "", err);
  return STYRO_ESETUP;
}

static void start_blocked(struct styro_child *child)
{
  sigset_t all;
  sigset_t old;
  int cancel;
  sigfillset(&all);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  styro_child_start(child);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_setcancelstate(cancel, NULL);
}

#define CAP(name) (1ull << CAP_##name)
/* What the helper's steps need of its new user namespace; each one raised costs a copy of the credentials. */
#define SETUP_CAPABILITIES \
  (CAP(SYS_ADMIN) | CAP(NET_ADMIN) | CAP(SETPCAP) | CAP(SETUID) | CAP(SETGID) | CAP(SYS_RESOURCE) | CAP(DAC_OVERRIDE))

static uint64_t needed_capabilities(const styro_plan *plan)
{
  const struct wire_step *step = styro_plan_step(plan, find_step(plan, WIRE_STEP_CAPABILITIES));
  const struct wire_step_capabilities *sets = (const void *)step;
  uint64_t clocks = step_with(plan, WIRE_STEP_CLOCKS) ? CAP(SYS_TIME) : 0;
  /* It hands ids on, 0 perhaps among them (user_namespaces(7), since Linux 5.12). */
  uint64_t nest = step_with(plan, WIRE_STEP_NEST) ? CAP(SETFCAP) : 0;
  return SETUP_CAPABILITIES | clocks | nest | sets->permitted | sets->inheritable;
}

static void fill_child(const struct styro_launch *launch, struct styro_child *child)
{
  const struct wire_step_map_ids *ids = launch->plan->map_ids;
  child->clone_flags = launch->plan->namespaces->clone_flags;
  if (launch->run->flags & WIRE_RUN_NO_TIME_NS) {
    child->clone_flags &= ~WIRE_CLONE_NEWTIME;
  }
  child->two_step = launch->run->flags & WIRE_RUN_TWO_STEP;
  bool alone = ids->uid_map == WIRE_MAP_CALLER; /* nothing in the set-up takes a right that exec would take away */
  child->maps = ids->uid_map != WIRE_MAP_HOST && !alone;
  bool kept_by_exec = child->maps ? ids->uid == 0 && !child->two_step : launch->run->caller_uid == 0;
  child->capabilities = kept_by_exec || alone ? 0 : needed_capabilities(launch->plan);
  child->helper_fd = launch->runner->helper_fd;
  child->top = FIXED_SLOTS + (int)launch->extra_n;
  child->slots_n = (unsigned)child->top;
  child->pid = child->pidfd = -1;
  wire_map_text(child->uid_map, ids->uid, launch->run->map_uid);
  wire_map_text(child->gid_map, ids->gid, launch->run->map_gid);
  child->uid_ranges = styro_spawn_uid_map(launch->plan, launch->run);
  child->gid_ranges = styro_spawn_gid_map(launch->plan, launch->run);
  child->deny_setgroups = launch->run->flags & WIRE_RUN_DENY_SETGROUPS;
}

/* By the pidfd, not by the number: where SIGCHLD is ignored that may be somebody else's by now. */
static void reap_failed(struct styro_child *child)
{
  struct styro_exit ignored;
  if (child->pidfd >= 0) {
    styro_pidfd_wait(child->pidfd, -1);
    styro_pidfd_reap(child->pidfd, &ignored);
  }
  styro_fd_close(&child->pidfd);
}

static int spawn_vfork(const struct styro_launch *launch, struct styro_slot *slots, struct styro_spawned *out,
                       bool *again, styro_error *err)
{
  struct styro_child child;
  memset(&child, 0, sizeof child);
  fill_child(launch, &child);
  child.slots = slots;
  STYRO_CLEANUP_FD int caller = child.two_step && launch->caller_fd < 0 ? styro_pidfd_open(getpid()) : -1;
  child.caller_fd = launch->caller_fd < 0 ? caller : launch->caller_fd;
  if (child.two_step && child.caller_fd < 0) {
    return styro_fd_fail(err, errno, "a pidfd of the calling process");
  }
  start_blocked(&child);
  if (child.error == 0) {
    *out = (struct styro_spawned){.pid = child.pid, .pidfd = child.pidfd, .agent = -1, .mode = STYRO_SPAWN_VFORK};
    return 0;
  }
  reap_failed(&child);
  if (may_switch(launch->runner, &child)) {
    atomic_store(&launch->runner->mode, STYRO_SPAWN_HELPER);
    *again = true;
    return 0;
  }
  return child_failed(launch, &child, err);
}

/* ---- helper mode ---- */

/* Copies out of the way of all target numbers, close-on-exec, for what stands in it. -1 with errno. */
static int lift_slots(struct styro_slot *slots, int n, int top, int *copies)
{
  for (int i = 0; i < n; i++) {
    copies[i] = -1;
  }
  for (int i = 0; i < n; i++) {
    if (slots[i].from >= 0 && slots[i].from < top && slots[i].from != slots[i].to) {
      copies[i] = fcntl(slots[i].from, F_DUPFD_CLOEXEC, top);
      if (copies[i] < 0) {
        return -1;
      }
      slots[i].from = copies[i];
    }
  }
  return 0;
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct styro_slot *slots, int n)
{
  int error = 0;
  for (int i = 0; error == 0 && i < n; i++) {
    if (slots[i].from >= 0) {
      error = posix_spawn_file_actions_adddup2(actions, slots[i].from, slots[i].to);
    } else {
      error = posix_spawn_file_actions_addclose(actions, slots[i].to);
    }
  }
  return error;
}

static int run_helper(const struct styro_launch *launch, const struct styro_slot *slots, int n, pid_t *pid,
                      styro_error *err)
{
  static char name[] = "styrolite-helper";
  char *const argv[] = {name, NULL};
  char *const env[] = {NULL};
  char sealed[32];
  posix_spawn_file_actions_t actions;
  const styro_runner *runner = launch->runner;
  STYRO_CLEANUP_FD int image = runner->sealed ? fcntl(runner->helper_fd, F_DUPFD_CLOEXEC, n) : -1;
  if (runner->sealed && image < 0) {
    return styro_fd_fail(err, errno, "the helper's image");
  }
  snprintf(sealed, sizeof sealed, "/proc/self/fd/%d", image);
  int error = posix_spawn_file_actions_init(&actions);
  if (error == 0) {
    error = add_actions(&actions, slots, n);
    if (error == 0) {
      error = posix_spawn(pid, runner->sealed ? sealed : runner->path, &actions, NULL, argv, env);
    }
    posix_spawn_file_actions_destroy(&actions);
  }
  if (error == 0) {
    return 0;
  }
  int code = styro_fail(err, STYRO_EHELPER, STYRO_STAGE_HELPER, error, "the helper cannot be executed: %s",
                        strerrordesc_np(error));
  styro_error_object(err, "%s", runner->path);
  styro_kernel_explain(error, "clone3 or execve", err); /* posix_spawn(3) falls back to clone(2) on ENOSYS alone */
  return code;
}

static int spawn_helper(const struct styro_launch *launch, struct styro_slot *slots, struct styro_spawned *out,
                        styro_error *err)
{
  int n = FIXED_SLOTS + (int)launch->extra_n;
  int copies[n];
  pid_t pid = -1;
  int result = 0;
  if (lift_slots(slots, n, n, copies) != 0) {
    result = styro_fd_fail(err, errno, "the helper's descriptors");
  }
  if (result == 0) {
    result = run_helper(launch, slots, n, &pid, err);
  }
  for (int i = 0; i < n; i++) {
    styro_fd_close(&copies[i]);
  }
  *out = (struct styro_spawned){.pid = -1, .pidfd = -1, .agent = pid, .mode = STYRO_SPAWN_HELPER};
  return result;
}

int styro_spawn(const struct styro_launch *launch, struct styro_spawned *out, bool *again, styro_error *err)
{
  struct styro_slot slots[FIXED_SLOTS + launch->extra_n];
  fill_slots(launch, slots);
  *again = false;
  return launch->run->flags & WIRE_RUN_HELPER_MODE ? spawn_helper(launch, slots, out, err)
                                                   : spawn_vfork(launch, slots, out, again, err);
}
