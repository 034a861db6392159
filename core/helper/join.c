/*
 * Joining the namespaces of others, in helper mode and before the clone: what is to be joined is opened first, all of it
 * and as the caller, and then entered in the order of ownership. Knows nothing of what the sandbox makes of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "helper.h"

#define NSFS_MAGIC_ 0x6e736673
#define NS_GET_NSTYPE_ 0xb703 /* ioctl_ns(2): _IO(0xb7, 3) */

static const struct {
  uint64_t type; /* of clone(2) */
  const char *words;
} spaces[WIRE_SPACE_COUNT] = {
    [WIRE_SPACE_PID] = {WIRE_CLONE_NEWPID, "a pid namespace"},
    [WIRE_SPACE_IPC] = {WIRE_CLONE_NEWIPC, "an ipc namespace"},
    [WIRE_SPACE_UTS] = {WIRE_CLONE_NEWUTS, "a uts namespace"},
    [WIRE_SPACE_CGROUP] = {WIRE_CLONE_NEWCGROUP, "a cgroup namespace"},
    [WIRE_SPACE_NETWORK] = {WIRE_CLONE_NEWNET, "a network namespace"},
    [WIRE_SPACE_TIME] = {WIRE_CLONE_NEWTIME, "a time namespace"},
    [WIRE_SPACE_MOUNT] = {WIRE_CLONE_NEWNS, "a mount namespace"},
    [WIRE_SPACE_USER] = {WIRE_CLONE_NEWUSER, "a user namespace"},
};

static const char *words_of(long type)
{
  for (int i = 0; i < WIRE_SPACE_COUNT; i++) {
    if ((long)spaces[i].type == type) {
      return spaces[i].words;
    }
  }
  return "a namespace of an unknown kind";
}

/* setns(2) would only say EINVAL; and a pidfd, which it takes too, is not what the request means. */
static int check_type(struct helper *h, int fd, uint32_t space)
{
  struct statfs st;
  long type = -1;
  bool is_space = sys_fstatfs(fd, &st) == 0 && st.f_type == NSFS_MAGIC_;
  if (is_space) {
    type = sys_call(SYS_ioctl, fd, NS_GET_NSTYPE_, 0, 0, 0, 0);
    if (type == -EBADF) {
      return -EBADF; /* an O_PATH descriptor of the caller's */
    }
  }
  if (type == (long)spaces[space].type) {
    return 0;
  }
  h->what = WIRE_WHAT_SPACE_TYPE;
  h->component = is_space ? words_of(type) : "another kind of file";
  return -EINVAL;
}

/*
 * The files of /proc/PID/ns are magic links, so they are followed here, as the caller would follow them. A FIFO answers at
 * once and is found out by its type.
 */
static int open_space(struct helper *h, const struct wire_step_join *join)
{
  int number = wire_source_fd(&join->source);
  h->what = WIRE_WHAT_SOURCE;
  int fd = number < 0 ? sys_openat(AT_FDCWD, wire_str(h->plan, join->source.path),
                                   O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0)
                      : sys_fcntl(sources_descriptor(h, number), F_DUPFD_CLOEXEC, WIRE_FD_FIRST_FREE);
  int result = fd < 0 ? fd : check_type(h, fd, join->space);
  return result < 0 ? result : fd;
}

/* With the rights of whoever joined it, or not at all: who may not leaves it as its owner keeps it. */
static void raise_loopback(void)
{
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  int fd = (int)sys_call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0);
  if (fd < 0) {
    return;
  }
  if (sys_call(SYS_ioctl, fd, SIOCGIFFLAGS, sys_arg(&request), 0, 0, 0) == 0 && !(request.ifr_flags & IFF_UP)) {
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP | IFF_RUNNING);
    sys_call(SYS_ioctl, fd, SIOCSIFFLAGS, sys_arg(&request), 0, 0, 0);
  }
  sys_close(fd);
}

/* Wall time minus CLOCK_MONOTONIC; the two reads are repeated until nothing came between them. */
static int64_t clock_distance(void)
{
  int64_t before = 0, wall = 0, after = 0;
  for (int tries = 0; tries < 32 && (tries == 0 || after - before > 5000); tries++) {
    before = sys_now();
    wall = sys_clock(0);
    after = sys_now();
  }
  return wall - before - (after - before) / 2;
}

static int enter(struct helper *h, uint32_t space, int fd)
{
  bool time = space == WIRE_SPACE_TIME;
  int64_t distance = time ? clock_distance() : 0;
  if (space == WIRE_SPACE_USER) {
    /* Whoever is root of the joined one could trace what it can dump, and take what this process still has open. */
    sys_prctl(PR_SET_DUMPABLE, 0, 0);
  }
  int result = (int)sys_call(SYS_setns, fd, (long)spaces[space].type, 0, 0, 0, 0);
  if (result >= 0 && time) {
    h->clock_shift = distance - clock_distance();
  }
  if (result >= 0 && space == WIRE_SPACE_NETWORK) {
    raise_loopback();
  }
  return result;
}

/* The step at fault from here on, by its place in the table of joins. */
static void stand_at(struct helper *h, const struct join_target *target)
{
  h->step = target->step;
  h->number = target->number;
  h->what = WIRE_WHAT_STEP;
  h->component = NULL;
}

/*
 * nsenter(1)'s order: what the caller's own rights reach is entered with them, then the user namespace, then with the rights
 * that this gave what was refused before.
 */
static int enter_all(struct helper *h, struct join_target targets[WIRE_SPACE_COUNT])
{
  bool user = targets[WIRE_SPACE_USER].step != NULL;
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t space = 0; space < WIRE_SPACE_COUNT; space++) {
      struct join_target *target = &targets[space];
      if (!target->step || target->entered || (pass == 1 && space == WIRE_SPACE_USER)) {
        continue;
      }
      stand_at(h, target);
      int result = enter(h, space, target->fd);
      bool later = result == -EPERM && user && pass == 0 && space != WIRE_SPACE_USER;
      if (result < 0 && !later) {
        return result;
      }
      target->entered = result >= 0;
    }
  }
  return 0;
}

static int open_all(struct helper *h, struct join_target targets[WIRE_SPACE_COUNT])
{
  const struct wire_step *step = wire_step_first(h->plan);
  for (uint32_t number = 0; number < h->plan->steps_n; number++, step = wire_step_next(step)) {
    const struct wire_step_join *join = (const void *)step;
    if (step->code != WIRE_STEP_JOIN) {
      continue;
    }
    struct join_target *target = &targets[join->space];
    *target = (struct join_target){.step = step, .number = number, .fd = -1};
    stand_at(h, target);
    target->fd = open_space(h, join);
    if (target->fd < 0) {
      return target->fd;
    }
  }
  return 0;
}

/* What joins a user namespace is not dumpable, and its files in /proc are root's: so its score is written before, if at all. */
static int write_score(struct helper *h)
{
  const struct wire_step *step = wire_step_first(h->plan);
  int result = 0;
  for (uint32_t number = 0; result >= 0 && number < h->plan->steps_n; number++, step = wire_step_next(step)) {
    if (step->code == WIRE_STEP_OOM_SCORE) {
      const struct join_target score = {.step = step, .number = number};
      stand_at(h, &score);
      result = oom_score_write(h, step);
    }
  }
  return result;
}

int joins_enter(struct helper *h)
{
  struct join_target targets[WIRE_SPACE_COUNT];
  memset(targets, 0, sizeof targets);
  int result = open_all(h, targets);
  if (result >= 0 && targets[WIRE_SPACE_MOUNT].step) {
    /* The joined one's /proc may be of other processes, or not there. */
    h->proc_dir = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  }
  if (result >= 0 && targets[WIRE_SPACE_USER].step) {
    result = write_score(h);
  }
  if (result >= 0) {
    result = enter_all(h, targets);
  }
  for (int i = 0; result >= 0 && i < WIRE_SPACE_COUNT; i++) {
    if (targets[i].step) {
      sys_close(targets[i].fd);
    }
  }
  return result;
}

/* A plan with joins runs in helper mode, where they were carried out before this process was there. */
int step_join(struct helper *h, const struct wire_step *step)
{
  (void)step;
  return h->run->flags & WIRE_RUN_HELPER_MODE ? 0 : -EPROTO;
}
