/* Checks of namespaces and of the maps of a user namespace: each is made by the call that sandboxes are made with. */
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../wire/sys.h"
#include "base.h"
#include "probe.h"
#include "probe_spaces.h"
#include "spawn_ids.h"

#define LIMITS "/proc/sys/user/"
#define OWN_IDS "styrolite run --set user.uid_map=self --set user.gid_map=self ..."
#define TIME_BY_DEFAULT 602 /* before Linux 6.2 no time namespace is made that nobody asked for */

/* What the set-up does first in one of these, and what a filter may refuse by itself. */
static void name_it(struct styro_trial *trial, const void *argument)
{
  (void)argument;
  STYRO_TRY(trial, "sethostname", sys_call(SYS_sethostname, sys_arg("probe"), 5, 0, 0, 0, 0));
}

static void raise_loopback(struct styro_trial *trial, const void *argument)
{
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  (void)argument;
  long fd;
  if (STYRO_TRY(trial, "socket", fd = sys_call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0))) {
    STYRO_TRY(trial, "ioctl(SIOCSIFFLAGS)", sys_call(SYS_ioctl, fd, SIOCSIFFLAGS, sys_arg(&request), 0, 0, 0));
  }
}

static const struct space {
  uint64_t flag;
  const char *limit; /* below /proc/sys/user */
  const char *option;
  styro_trial_fn *rest;
} spaces[STYRO_PROBE_SPACES] = {
    [STYRO_PROBE_USER] = {0, "max_user_namespaces", "CONFIG_USER_NS", NULL},
    [STYRO_PROBE_MOUNT] = {WIRE_CLONE_NEWNS, "max_mnt_namespaces", NULL, NULL},
    [STYRO_PROBE_PID] = {WIRE_CLONE_NEWPID, "max_pid_namespaces", "CONFIG_PID_NS", NULL},
    [STYRO_PROBE_IPC] = {WIRE_CLONE_NEWIPC, "max_ipc_namespaces", "CONFIG_IPC_NS", NULL},
    [STYRO_PROBE_UTS] = {WIRE_CLONE_NEWUTS, "max_uts_namespaces", "CONFIG_UTS_NS", name_it},
    [STYRO_PROBE_NET] = {WIRE_CLONE_NEWNET, "max_net_namespaces", "CONFIG_NET_NS", raise_loopback},
    [STYRO_PROBE_CGROUP] = {WIRE_CLONE_NEWCGROUP, "max_cgroup_namespaces", "CONFIG_CGROUPS", NULL},
    [STYRO_PROBE_TIME] = {WIRE_CLONE_NEWTIME, "max_time_namespaces", "CONFIG_TIME_NS", NULL},
};

struct entry {
  uint64_t flags;
  struct styro_trial_ids ids;
  styro_trial_fn *rest;
};

static void enter(struct styro_trial *trial, const void *argument)
{
  const struct entry *entry = argument;
  styro_trial_enter(trial, entry->flags, &entry->ids, entry->rest, NULL);
}

static void say_limit(struct styro_note *note, const char *limit)
{
  char path[64];
  snprintf(path, sizeof path, LIMITS "%s", limit);
  int64_t value = styro_host_number(path);
  if (value >= 0) {
    styro_note_found(note, "%sat most %lld (user.%s)", note->found[0] ? "; " : "", (long long)value, limit);
  }
}

int styro_check_space(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                      styro_error *err)
{
  const struct space *space = &spaces[check->kind];
  const struct entry entry = {.flags = WIRE_CLONE_NEWUSER | space->flag, .rest = space->rest};
  struct styro_trial trial;
  (void)err;
  if (check->kind == STYRO_PROBE_TIME) {
    note->required = probing->host.version >= TIME_BY_DEFAULT;
  }
  styro_trial_run(enter, &entry, &trial);
  if (styro_trial_worked(&trial)) {
    say_limit(note, space->limit);
    return 0;
  }
  styro_note_trial(note, probing, &trial);
  if (trial.error == EINVAL && space->option) {
    styro_note_remedy(note, "# run a kernel that was built with %s", space->option);
  } else {
    styro_remedy_namespace(note, &probing->host, trial.error, space->limit);
  }
  return 0;
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

/* A user namespace around this process may have no such id: user_namespaces(7), "0 1500 1". */
static bool exists(unsigned long id)
{
  struct styro_lines lines;
  unsigned long n[3]; /* inside, outside, how many */
  bool found = false;
  styro_lines_open(&lines, "/proc/self/uid_map");
  for (char *line; (line = styro_lines_next(&lines)) != NULL;) {
    found = found || (styro_line_numbers(line, ' ', n, 3) && id >= n[0] && id - n[0] < n[2]);
  }
  return found;
}

static void mend_maps(const struct styro_host *host, struct styro_note *note, int number)
{
  const uint32_t both = 1u << CAP_SETUID | 1u << CAP_SETGID;
  if (host->uid == 0 && (styro_caller_capabilities() & both) != both) {
    styro_note_found(note, "; this root has not both of CAP_SETUID and CAP_SETGID");
    styro_note_remedy(note, "docker run --cap-add SETUID --cap-add SETGID ...");
    styro_note_remedy(note, "# or keep root's own id: " OWN_IDS);
  } else if (host->uid == 0 && !exists(STYRO_NOBODY)) {
    styro_note_found(note, "; this user namespace has no id 65534 for root's payload");
    styro_note_remedy(note, OWN_IDS);
  } else {
    styro_remedy_namespace(note, host, number, NULL);
  }
}

int styro_check_maps(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                     styro_error *err)
{
  const struct styro_host *host = &probing->host;
  const struct entry entry = {.flags = WIRE_CLONE_NEWUSER,
                              .ids = {.mapped = true, .root = host->uid == 0, .uid = host->uid, .gid = host->gid}};
  struct styro_trial trial;
  (void)check;
  (void)err;
  if (!host->dumpable) { /* /proc/PID of its children belongs to root: not even its own maps can it write */
    note->verdict = STYRO_VERDICT_UNTESTED;
    styro_note_found(note, "not tried: this process is not dumpable (prctl(2)), and leaves its maps to the helper");
    return 0;
  }
  styro_trial_run(enter, &entry, &trial);
  if (styro_trial_worked(&trial)) {
    styro_note_found(note, "id 0 inside was %s outside", host->uid == 0 ? "65534" : "the caller's own id");
    return 0;
  }
  styro_note_trial(note, probing, &trial);
  mend_maps(host, note, trial.error);
  return 0;
}
