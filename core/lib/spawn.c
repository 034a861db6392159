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

#include "base.h"
#include "fd.h"
#include "id_map.h"
#include "pidfd.h"
#include "spawn_child.h"

#define FIXED_SLOTS WIRE_FD_FIRST_FREE

static bool holds_capabilities(uint32_t wanted)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof data);
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & wanted) == wanted;
}

/* A root caller's default map names another id than its own: only who may set ids can write such a map. */
static int prepare_root_map(const struct wire_step_map_ids *ids, struct wire_run *run, styro_error *err)
{
  if (!holds_capabilities(1u << CAP_SETUID | 1u << CAP_SETGID)) {
    int code = styro_fail(
        err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
        "a root caller's payload is mapped to id %d, and this caller has no CAP_SETUID and CAP_SETGID", STYRO_NOBODY);
    styro_error_field(err, "/user/uid_map");
    styro_error_object(err, "%d", STYRO_NOBODY);
    styro_error_hint(err,
                     "accept that the payload is the caller outside: \"user\": {\"uid_map\": \"self\", \"gid_map\": "
                     "\"self\"}");
    return code;
  }
  run->flags |= WIRE_RUN_TWO_STEP;
  run->map_uid = ids->uid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_uid;
  run->map_gid = ids->gid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_gid;
  return 0;
}

/* In the caller's own user namespace everything that the set-up does is done with rights that the caller has there. */
static int prepare_host_user(const struct wire_step_map_ids *ids, struct wire_run *run, styro_error *err)
{
  if (!holds_capabilities(1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP)) {
    int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                          "`namespaces.user` is `host`, and this caller has not all of CAP_SYS_ADMIN, CAP_SETUID, "
                          "CAP_SETGID and CAP_SETPCAP");
    styro_error_field(err, "/namespaces/user");
    styro_error_hint(err, "call as root, or leave it out: with a user namespace of its own the sandbox needs no right");
    return code;
  }
  run->flags |= WIRE_RUN_HOST_USER | WIRE_RUN_KEEP_CAPS;
  run->map_uid = ids->uid;
  run->map_gid = ids->gid;
  return 0;
}

/* One range of one id, the caller's own, needs no right: that is the map `self`. */
static bool is_own_id(uint32_t kind, const char *ranges, uint32_t inside, uint32_t own)
{
  char text[WIRE_MAP_TEXT];
  wire_map_text(text, inside, own);
  size_t len = strlen(text);
  return kind != WIRE_MAP_RANGES || (strncmp(ranges, text, len) == 0 && strcmp(ranges + len, "\n") == 0);
}

static int prepare_ranges(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  const char *uids = wire_str(plan->block, ids->uid_ranges), *gids = wire_str(plan->block, ids->gid_ranges);
  if (is_own_id(ids->uid_map, uids, ids->uid, run->caller_uid) &&
      is_own_id(ids->gid_map, gids, ids->gid, run->caller_gid) &&
      (run->caller_uid != 0 || (ids->uid_map != WIRE_MAP_DEFAULT && ids->gid_map != WIRE_MAP_DEFAULT))) {
    return 0;
  }
  if (!holds_capabilities(1u << CAP_SETUID | 1u << CAP_SETGID)) {
    int code =
        styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDS, EPERM,
                   "the maps name other ids than the caller's own, and this caller has no CAP_SETUID and CAP_SETGID");
    styro_error_field(err, ids->uid_map == WIRE_MAP_RANGES ? "/user/uid_map" : "/user/gid_map");
    styro_error_hint(
        err, "call as root, or map only the caller's own ids: \"uid_map\": [[%u, %u, 1]], \"gid_map\": [[%u, %u, 1]]",
        ids->uid, run->caller_uid, ids->gid, run->caller_gid);
    return code;
  }
  run->flags |= WIRE_RUN_TWO_STEP | WIRE_RUN_KEEP_CAPS;
  bool root = run->caller_uid == 0;
  run->map_uid = root && ids->uid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_uid;
  run->map_gid = root && ids->gid_map == WIRE_MAP_DEFAULT ? STYRO_NOBODY : run->map_gid;
  if (ids->uid_map == WIRE_MAP_RANGES) {
    styro_id_map_lookup(uids, ids->uid, &run->map_uid);
  }
  if (ids->gid_map == WIRE_MAP_RANGES) {
    styro_id_map_lookup(gids, ids->gid, &run->map_gid);
  }
  return 0;
}

static int prepare_ids(const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  if (ids->uid_map == WIRE_MAP_HOST) {
    return prepare_host_user(ids, run, err);
  }
  if (ids->uid_map == WIRE_MAP_RANGES || ids->gid_map == WIRE_MAP_RANGES) {
    return prepare_ranges(plan, run, err);
  }
  bool other = ids->uid_map == WIRE_MAP_DEFAULT || ids->gid_map == WIRE_MAP_DEFAULT;
  return run->caller_uid == 0 && other ? prepare_root_map(ids, run, err) : 0;
}

static int prepare_groups(const struct wire_step_map_ids *ids, const struct wire_run *run, styro_error *err)
{
  if (!ids->groups_needed || run->flags & WIRE_RUN_OTHER_IDS || getgroups(0, NULL) == 0) {
    return 0;
  }
  int code = styro_fail(err, STYRO_ESETUP, STYRO_STAGE_IDENTITY, EPERM,
                        "the caller's supplementary groups cannot be dropped under a map of its own id");
  styro_error_field(err, "/user/groups");
  styro_error_hint(err, "this needs newgidmap and a range of subordinate ids, which are not supported yet; leave "
                        "user.groups out to accept that they stay listed as not enforced");
  return code;
}

static int wanted_mode(const styro_runner *runner, const styro_plan *plan)
{
  int mode = runner->forced_mode >= 0 ? runner->forced_mode : atomic_load(&((styro_runner *)(uintptr_t)runner)->mode);
  if (runner->forced_mode >= 0) {
    return mode;
  }
  /* A non-dumpable caller's child cannot open its own map files, before 6.2 a time namespace takes no shared memory. */
  bool time_vm = runner->kernel & WIRE_KERNEL_TIME_VM;
  bool needs_time = plan->namespaces->clone_flags & WIRE_CLONE_NEWTIME && !plan->namespaces->time_default;
  return prctl(PR_GET_DUMPABLE) != 1 || (needs_time && !time_vm) ? STYRO_SPAWN_HELPER : mode;
}

int styro_spawn_prepare(styro_runner *runner, const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  const struct wire_step_map_ids *ids = plan->map_ids;
  run->kernel = runner->kernel;
  run->caller_uid = run->map_uid = geteuid();
  run->caller_gid = run->map_gid = getegid();
  run->flags &= ~(uint32_t)(WIRE_RUN_HELPER_MODE | WIRE_RUN_OTHER_IDS | WIRE_RUN_NO_TIME_NS | WIRE_RUN_KEEP_CAPS);
  int result = prepare_ids(plan, run, err);
  if (result == 0) {
    result = prepare_groups(ids, run, err);
  }
  if (wanted_mode(runner, plan) == STYRO_SPAWN_HELPER) {
    run->flags |= WIRE_RUN_HELPER_MODE;
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

static int child_failed(const struct styro_launch *launch, const struct styro_child *child, styro_error *err)
{
  if (child->what == WIRE_WHAT_EXEC) {
    int code = styro_fail(err, STYRO_EHELPER, STYRO_STAGE_HELPER, child->error, "the helper cannot be executed: %s",
                          strerrordesc_np(child->error));
    styro_error_object(err, "%s", launch->runner->path);
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
  return SETUP_CAPABILITIES | sets->permitted | sets->inheritable;
}

static void fill_child(const struct styro_launch *launch, struct styro_child *child)
{
  const struct wire_step_map_ids *ids = launch->plan->map_ids;
  child->clone_flags = launch->plan->namespaces->clone_flags;
  if (launch->run->flags & WIRE_RUN_NO_TIME_NS) {
    child->clone_flags &= ~WIRE_CLONE_NEWTIME;
  }
  child->two_step = launch->run->flags & WIRE_RUN_TWO_STEP;
  child->maps = ids->uid_map != WIRE_MAP_HOST;
  bool kept_by_exec = child->maps ? ids->uid == 0 && !child->two_step : launch->run->caller_uid == 0;
  child->capabilities = kept_by_exec ? 0 : needed_capabilities(launch->plan);
  child->helper_fd = launch->runner->helper_fd;
  child->top = FIXED_SLOTS + (int)launch->extra_n;
  child->slots_n = (unsigned)child->top;
  child->pid = child->pidfd = -1;
  wire_map_text(child->uid_map, ids->uid, launch->run->map_uid);
  wire_map_text(child->gid_map, ids->gid, launch->run->map_gid);
  const void *block = launch->plan->block;
  child->uid_ranges = ids->uid_map == WIRE_MAP_RANGES ? wire_str(block, ids->uid_ranges) : NULL;
  child->gid_ranges = ids->gid_map == WIRE_MAP_RANGES ? wire_str(block, ids->gid_ranges) : NULL;
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
  if (posix_spawn_file_actions_init(&actions) != 0) {
    return styro_fail_memory(err, STYRO_STAGE_SPAWN);
  }
  int error = add_actions(&actions, slots, n);
  if (error == 0) {
    error = posix_spawn(pid, runner->sealed ? sealed : runner->path, &actions, NULL, argv, env);
  }
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) {
    return 0;
  }
  int code = styro_fail(err, STYRO_EHELPER, STYRO_STAGE_HELPER, error, "the helper cannot be executed: %s",
                        strerrordesc_np(error));
  styro_error_object(err, "%s", runner->path);
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
