/*
 * A user namespace below the sandbox's own, for a payload whose capabilities would else open its init or change what is mounted.
 * A process of its own makes it, with namespaces that it owns; this one, which has the rights above it, gives it the same ids; the
 * payload's process enters it later. What is mounted comes along, locked (mount_namespaces(7)).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

#include "../wire/maps.h"
#include "helper.h"

#define CLONE_FILES_ 0x400ull
#define MAP_SIZE 4096 /* the kernel takes less than a page */

/* In the order in which they are entered: with the first the rights over the others come. */
static const struct {
  uint64_t flag;
  const char *file;
} spaces[HELPER_NESTED] = {
    {WIRE_CLONE_NEWUSER, "ns/user"}, {WIRE_CLONE_NEWNS, "ns/mnt"},  {WIRE_CLONE_NEWNET, "ns/net"},
    {WIRE_CLONE_NEWIPC, "ns/ipc"},   {WIRE_CLONE_NEWUTS, "ns/uts"},
};

/* From the maker: descriptors, in the table that it shares, or what failed. */
struct made {
  int result;
  uint32_t what;
  int self; /* its directory in /proc */
  int spaces[HELPER_NESTED];
};

/* Its own memory, so that it may show itself: else its maps would be root's to write (proc(5), "dumpable"). */
static int make(struct helper *h, uint64_t flags, struct made *made)
{
  made->what = WIRE_WHAT_DUMPABLE;
  int result = sys_prctl(PR_SET_DUMPABLE, 1, 0);
  result = result < 0 ? result : (made->self = procfs_open(h, "self", O_PATH | O_DIRECTORY));
  made->what = WIRE_WHAT_NEST;
  result = result < 0 ? result : (int)sys_call(SYS_unshare, (long)flags, 0, 0, 0, 0, 0);
  for (int i = 0; result >= 0 && i < HELPER_NESTED; i++) {
    if (flags & spaces[i].flag) {
      result = made->spaces[i] = sys_openat(made->self, spaces[i].file, O_RDONLY | O_CLOEXEC, 0);
    }
  }
  if (result >= 0 && flags & WIRE_CLONE_NEWNET) {
    result = step_loopback(h, h->step);
  }
  return result < 0 ? result : 0;
}

/* Stays until it is killed: its directory in /proc is needed. */
static _Noreturn void maker_main(struct helper *h, uint64_t flags, int out)
{
  struct made made = {.self = -1};
  for (int i = 0; i < HELPER_NESTED; i++) {
    made.spaces[i] = -1;
  }
  made.result = make(h, flags, &made);
  sys_write(out, &made, sizeof made);
  for (;;) {
    sys_call(SYS_ppoll, 0, 0, 0, 0, 8, 0);
  }
}

/* The pipe's other end is in this table too, so a maker that died shows by its pidfd alone. */
static int hear(int in, int pidfd, struct made *made)
{
  struct pollfd ends[2] = {{in, POLLIN, 0}, {pidfd, POLLIN, 0}};
  long n = 0;
  while (n <= 0) {
    n = sys_call(SYS_ppoll, sys_arg(ends), 2, 0, 0, 8, 0);
    if (n < 0 && n != -EINTR) {
      return (int)n;
    }
  }
  if (!(ends[0].revents & POLLIN)) {
    return -ECHILD;
  }
  return sys_read(in, made, sizeof *made) == (long)sizeof *made ? made->result : -EIO;
}

/* ---- the maps ---------------------------------------------------------------------------------------------------- */

static const char *read_number(const char *at, uint64_t *out)
{
  for (*out = 0; *at == ' '; at++) {
  }
  for (; *at >= '0' && *at <= '9'; at++) {
    *out = *out * 10 + (uint64_t)(*at - '0');
  }
  return at;
}

static size_t put_number(char *out, size_t len, uint64_t number, char after)
{
  wire_decimal(out + len, number);
  len += strlen(out + len);
  out[len++] = after;
  out[len] = 0;
  return len;
}

/* Lines "INSIDE OUTSIDE COUNT" become "INSIDE INSIDE COUNT": each id that there is, as itself. */
static int same_ids(const char *map, char out[MAP_SIZE])
{
  size_t len = 0;
  out[0] = 0;
  while (*map && len + 64 < MAP_SIZE) {
    uint64_t inside, outside, count;
    map = read_number(read_number(read_number(map, &inside), &outside), &count);
    if (*map++ != '\n') {
      return -EINVAL;
    }
    len = put_number(out, len, inside, ' ');
    len = put_number(out, len, inside, ' ');
    len = put_number(out, len, count, '\n');
  }
  return *map ? -E2BIG : 0;
}

static int copy_map(struct helper *h, int self, const char *own, const char *name)
{
  char seen[3 * MAP_SIZE]; /* columns are padded when read */
  char lines[MAP_SIZE];
  long n = procfs_read(h, own, seen, sizeof seen);
  int result = n < 0 ? (int)n : same_ids(seen, lines);
  int fd = result < 0 ? result : sys_openat(self, name, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) {
    return fd;
  }
  n = sys_write(fd, lines, strlen(lines));
  sys_close(fd);
  return n < 0 ? (int)n : 0;
}

static int give_ids(struct helper *h, int self)
{
  h->what = WIRE_WHAT_MAP_UID;
  int result = copy_map(h, self, "self/uid_map", "uid_map");
  if (result >= 0) {
    h->what = WIRE_WHAT_MAP_GID;
    result = copy_map(h, self, "self/gid_map", "gid_map");
  }
  return result;
}

/* ---- the steps --------------------------------------------------------------------------------------------------- */

static int start_maker(struct helper *h, uint64_t flags, const int ends[2], int *pidfd)
{
  struct wire_clone_args args;
  int made = -1;
  memset(&args, 0, sizeof args);
  args.flags = CLONE_FILES_ | WIRE_CLONE_PIDFD;
  args.pidfd = (uint64_t)(uintptr_t)&made;
  args.exit_signal = SIGCHLD;
  int pid = clone_copy(&args);
  if (pid == 0) {
    maker_main(h, flags, ends[1]);
  }
  *pidfd = made;
  return pid;
}

int step_nest(struct helper *h, const struct wire_step *step)
{
  uint64_t flags = (uint64_t)((const struct wire_step_number *)(const void *)step)->value;
  struct made made = {.self = -1};
  int ends[2], ignored, pidfd = -1;
  int result = (int)sys_call(SYS_pipe2, sys_arg(ends), O_CLOEXEC, 0, 0, 0, 0);
  if (result < 0) {
    return result;
  }
  h->what = WIRE_WHAT_FORK;
  int pid = start_maker(h, flags, ends, &pidfd);
  if (pid > 0) {
    result = hear(ends[0], pidfd, &made);
    h->what = made.what ? made.what : WIRE_WHAT_FORK;
    result = result < 0 ? result : give_ids(h, made.self);
    sys_call(SYS_pidfd_send_signal, pidfd, SIGKILL, 0, 0, 0, 0);
    sys_call(SYS_wait4, pid, sys_arg(&ignored), 0, 0, 0, 0);
    sys_close(pidfd);
    sys_close(made.self);
    memcpy(h->nested, made.spaces, sizeof h->nested);
  }
  sys_close(ends[0]);
  sys_close(ends[1]);
  return pid < 0 ? pid : result;
}

int step_enter(struct helper *h, const struct wire_step *step)
{
  int result = 0;
  (void)step;
  h->what = WIRE_WHAT_NEST;
  for (int i = 0; result >= 0 && i < HELPER_NESTED; i++) {
    if (h->nested[i] > 0) {
      result = (int)sys_call(SYS_setns, h->nested[i], (long)spaces[i].flag, 0, 0, 0, 0);
      sys_close(h->nested[i]);
    }
  }
  return result;
}
