/*
 * Helper mode: the maps of the new user namespace, by the process itself, by the one that made it, or by newuidmap and
 * newgidmap, which an administrator has given the right that the caller lacks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "../wire/maps.h"
#include "helper.h"

#define TOOL_ARGUMENTS (2 + 3 * 340 + 1) /* name, pid, the ranges that the kernel takes at most, NULL */
#define TOOL_LIMIT 30                    /* seconds: its user database may be on the network */
#define P_PIDFD_ 3
#define WEXITED_ 4

static char said[200]; /* the tool's first words; outlives the call, because the verdict is copied from it */

static const char *run_text(const struct helper *h, uint32_t at)
{
  return at ? (const char *)h->run + at : NULL;
}

/* NAME PID INSIDE OUTSIDE COUNT ...: the map's own words, cut where they end. */
static void tool_arguments(const char *tool, char *map, const char *pid, const char **argv)
{
  unsigned n = 0;
  argv[n++] = tool;
  argv[n++] = pid;
  while (*map && n < TOOL_ARGUMENTS - 1) {
    argv[n++] = map;
    map += strcspn(map, " \n");
    if (*map) {
      *map++ = 0;
    }
  }
  argv[n] = NULL;
}

/* In the tool's process. Its words go to the pipe, not to the payload's streams; it inherits no descriptor but those. */
static _Noreturn void tool_main(const char *tool, const char *const *argv, int words)
{
  static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
  uint64_t none = 0;
  int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
  long result = null;
  for (int fd = 0; result >= 0 && fd < 3; fd++) {
    result = sys_dup3(fd == 2 ? words : null, fd, 0);
  }
  if (result >= 0) {
    sys_call(SYS_rt_sigprocmask, SIG_SETMASK, sys_arg(&none), 0, sizeof none, 0, 0);
    sys_call(SYS_execve, sys_arg(tool), sys_arg(argv), sys_arg(env), 0, 0, 0);
  }
  sys_exit(127);
}

/* One line of what it said, or nothing. It closes the pipe by its end; a caller that is gone waits for nobody. */
static int listen(const struct helper *h, int words)
{
  unsigned long len = 0;
  long n = 1;
  int64_t until = sys_now() + TOOL_LIMIT * INT64_C(1000000000);
  int caller = h->run->flags & WIRE_RUN_WATCH_CALLER ? WIRE_FD_CALLER : -1;
  while (n > 0 && len + 1 < sizeof said) {
    int64_t left = until - sys_now();
    const int64_t limit[2] = {left / 1000000000, left % 1000000000};
    struct pollfd ends[2] = {{words, POLLIN, 0}, {caller, POLLIN, 0}};
    if (left <= 0 || sys_call(SYS_ppoll, sys_arg(ends), 2, sys_arg(limit), 0, 8, 0) == 0 || ends[1].revents) {
      return -ETIMEDOUT;
    }
    n = sys_read(words, said + len, sizeof said - 1 - len);
    len += n > 0 ? (unsigned long)n : 0;
  }
  said[len] = 0;
  said[strcspn(said, "\n")] = 0;
  return 0;
}

/* Waits for the end, by the pidfd: 0, what exec answered, or that the tool refused, which it has said in words. */
static int tool_answer(struct helper *h, const char *tool, int pidfd, int words)
{
  int info[32]; /* siginfo_t: si_code is the third word, si_status the sixth after the alignment of the union */
  int result = listen(h, words);
  memset(info, 0, sizeof info);
  h->component = tool;
  if (result < 0) {
    sys_call(SYS_pidfd_send_signal, pidfd, SIGKILL, 0, 0, 0, 0);
  }
  sys_call(SYS_waitid, P_PIDFD_, pidfd, sys_arg(info), WEXITED_, 0, 0);
  if (result < 0) {
    return result;
  }
  if (info[2] == CLD_EXITED && info[6] == 0) {
    h->component = NULL;
    return 0;
  }
  if (said[0]) {
    h->component = said;
  }
  return -EPERM;
}

static int run_tool(struct helper *h, const char *tool, const char *map, int pid, uint32_t what)
{
  char copy[4096];
  const char *argv[TOOL_ARGUMENTS];
  static char number[21];
  int words[2];
  int pidfd = -1;
  struct wire_clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = WIRE_CLONE_PIDFD;
  args.pidfd = (uint64_t)(uintptr_t)&pidfd;
  args.exit_signal = SIGCHLD;
  h->what = what;
  if (strlen(map) >= sizeof copy) {
    return -E2BIG;
  }
  strcpy(copy, map);
  wire_decimal(number, (uint64_t)pid);
  tool_arguments(tool, copy, number, argv);
  int result = (int)sys_call(SYS_pipe2, sys_arg(words), O_CLOEXEC, 0, 0, 0, 0);
  if (result < 0) {
    return result;
  }
  result = clone_copy(&args);
  if (result == 0) {
    tool_main(tool, argv, words[1]);
  }
  sys_close(words[1]);
  if (result > 0) {
    result = tool_answer(h, tool, pidfd, words[0]);
    sys_close(pidfd);
  }
  sys_close(words[0]);
  return result;
}

static int write_map(struct helper *h, const char *tool, const char *map, int pid, uint32_t what)
{
  if (tool) {
    return run_tool(h, tool, map, pid, what == WIRE_WHAT_MAP_UID ? WIRE_WHAT_UID_TOOL : WIRE_WHAT_GID_TOOL);
  }
  h->what = what;
  return wire_write_proc(h->proc_dir, pid, what == WIRE_WHAT_MAP_UID ? "/uid_map" : "/gid_map", map);
}

/* Whether setgroups(2) is allowed inside is settled by the gid map: it can only be denied before (user_namespaces(7)). */
int maps_write(struct helper *h, const struct wire_step_map_ids *ids, int pid)
{
  char own_uid[WIRE_MAP_TEXT];
  char own_gid[WIRE_MAP_TEXT];
  const struct wire_run *run = h->run;
  wire_map_text(own_uid, ids->uid, run->map_uid);
  wire_map_text(own_gid, ids->gid, run->map_gid);
  const char *uids =
      ids->uid_map == WIRE_MAP_RANGES ? wire_str(h->plan, ids->uid_ranges) : run_text(h, run->uid_map_off);
  const char *gids =
      ids->gid_map == WIRE_MAP_RANGES ? wire_str(h->plan, ids->gid_ranges) : run_text(h, run->gid_map_off);
  h->what = WIRE_WHAT_MAP_SETGROUPS;
  int result = run->flags & WIRE_RUN_DENY_SETGROUPS ? wire_write_proc(h->proc_dir, pid, "/setgroups", "deny") : 0;
  if (result >= 0) {
    result = write_map(h, run_text(h, run->gid_tool_off), gids ? gids : own_gid, pid, WIRE_WHAT_MAP_GID);
  }
  return result < 0 ? result
                    : write_map(h, run_text(h, run->uid_tool_off), uids ? uids : own_uid, pid, WIRE_WHAT_MAP_UID);
}
