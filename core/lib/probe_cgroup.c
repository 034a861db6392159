/*
 * Checks of control groups: which versions are mounted with which controllers, and whether this caller may make groups below
 * its own. Nothing is made: permissions are asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

/* What limits are made of. */
static const char *const controllers[] = {"memory", "pids", "cpu"};
#define CONTROLLERS_N (sizeof controllers / sizeof controllers[0])
#define VERSION_2 CONTROLLERS_N /* the place behind the controllers */

/* Where the caller's own group lies for each controller of version 1, and for version 2: "" where that is not mounted. */
struct groups {
  char path[CONTROLLERS_N + 1][PATH_MAX];
  char root[CONTROLLERS_N + 1][PATH_MAX]; /* the group that the mount shows at its top */
  unsigned v2;                            /* controllers that version 2 has there, a bit each */
};

/* Whether `word` stands in a list with these marks between its words. */
static bool has_word(const char *list, const char *word, const char *marks)
{
  size_t len = strlen(word);
  while (*list) {
    size_t n = strcspn(list, marks);
    if (n == len && memcmp(list, word, len) == 0) {
      return true;
    }
    list += n + (list[n] != '\0');
  }
  return false;
}

/* "36 25 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory": proc_pid_mountinfo(5). */
static void read_mount(struct groups *groups, char *line)
{
  char *rest = line, *root = NULL, *at = NULL;
  for (int i = 0; i < 5; i++) {
    root = at;
    at = strsep(&rest, " ");
  }
  char *kind = rest ? strstr(rest, " - ") : NULL;
  if (kind == NULL || root == NULL) {
    return;
  }
  kind += 3;
  const char *type = strsep(&kind, " ");
  const char *options = kind && strsep(&kind, " ") ? kind : "";
  for (size_t i = 0; i <= VERSION_2; i++) {
    bool fits = i == VERSION_2 ? strcmp(type, "cgroup2") == 0
                               : strcmp(type, "cgroup") == 0 && options && has_word(options, controllers[i], ",");
    if (fits && groups->path[i][0] == '\0') {
      snprintf(groups->path[i], sizeof groups->path[i], "%s", at);
      snprintf(groups->root[i], sizeof groups->root[i], "%s", strcmp(root, "/") == 0 ? "" : root);
    }
  }
}

/* "4:memory:/a/b", of version 2 "0::/a/b": cgroups(7). Where the mount shows a part of the tree its top is taken off. */
static void read_own(struct groups *groups, char *line)
{
  char *rest = strchr(line, ':');
  char *names = rest ? rest + 1 : NULL;
  char *group = names ? strchr(names, ':') : NULL;
  if (group == NULL) {
    return;
  }
  *group++ = '\0';
  for (size_t i = 0; i <= VERSION_2; i++) {
    bool fits = i == VERSION_2 ? names[0] == '\0' : has_word(names, controllers[i], ",");
    size_t top = strlen(groups->root[i]), len = strlen(groups->path[i]);
    if (fits && len > 0 && strncmp(group, groups->root[i], top) == 0 && strcmp(group, "/") != 0) {
      snprintf(groups->path[i] + len, sizeof groups->path[i] - len, "%s", group + top);
    }
  }
}

static void for_lines(const char *path, struct groups *groups, void (*take)(struct groups *, char *))
{
  struct styro_lines lines;
  styro_lines_open(&lines, path);
  for (char *line; (line = styro_lines_next(&lines)) != NULL;) {
    take(groups, line);
  }
}

static void look(struct groups *groups)
{
  char file[PATH_MAX + 32], list[512];
  memset(groups, 0, sizeof *groups);
  for_lines("/proc/self/mountinfo", groups, read_mount);
  for_lines("/proc/self/cgroup", groups, read_own);
  snprintf(file, sizeof file, "%s/cgroup.controllers", groups->path[VERSION_2]);
  if (groups->path[VERSION_2][0] && styro_host_line(file, list, sizeof list)) {
    for (size_t i = 0; i < CONTROLLERS_N; i++) {
      groups->v2 |= (unsigned)has_word(list, controllers[i], " ") << i;
    }
  }
}

/* ---- what there is ----------------------------------------------------------------------------------------------- */

/* The controllers of a kind, in words; "none". */
static void name_controllers(char *out, size_t size, unsigned bits)
{
  out[0] = '\0';
  for (size_t i = 0; i < CONTROLLERS_N; i++) {
    if (bits >> i & 1) {
      size_t len = strlen(out);
      snprintf(out + len, size - len, "%s%s", len ? ", " : "", controllers[i]);
    }
  }
  if (bits == 0) {
    snprintf(out, size, "none of memory, pids, cpu");
  }
}

static unsigned version_1(const struct groups *groups)
{
  unsigned bits = 0;
  for (size_t i = 0; i < CONTROLLERS_N; i++) {
    bits |= (unsigned)(groups->path[i][0] != '\0') << i;
  }
  return bits;
}

static void describe(const struct groups *groups, struct styro_note *note)
{
  char one[64], two[64];
  unsigned v1 = version_1(groups);
  bool v2 = groups->path[VERSION_2][0];
  name_controllers(one, sizeof one, v1);
  name_controllers(two, sizeof two, groups->v2);
  if (v1 && v2) {
    styro_note_found(note, "hybrid: version 1 with %s; version 2 with %s", one, two);
  } else if (v1 || v2) {
    styro_note_found(note, "version %d with %s", v1 ? 1 : 2, v1 ? one : two);
  } else {
    styro_note_found(note, "no control groups are mounted");
  }
}

int styro_check_cgroup(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                       styro_error *err)
{
  struct groups groups;
  (void)check;
  (void)err;
  look(&groups);
  describe(&groups, note);
  unsigned all = version_1(&groups) | groups.v2;
  if (all == (1u << CONTROLLERS_N) - 1) {
    return 0;
  }
  note->verdict = all ? STYRO_VERDICT_LIMITED : STYRO_VERDICT_MISSING;
  if (all) {
    styro_note_means(note, "limits by the other controllers are refused");
  }
  if (groups.path[VERSION_2][0]) {
    styro_note_remedy(note, "systemd-run --user --scope -p Delegate=yes styrolite run ...");
  } else {
    styro_note_remedy(note, "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup");
  }
  (void)probing;
  return 0;
}

/* ---- what this caller may do ------------------------------------------------------------------------------------- */

/* 0: groups can be made below this one and processes moved there; else the errno. */
static int may_make(const char *group)
{
  char file[PATH_MAX + 32];
  snprintf(file, sizeof file, "%s/cgroup.procs", group);
  bool good = faccessat(AT_FDCWD, group, W_OK, AT_EACCESS) == 0 && faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) == 0;
  return good ? 0 : errno;
}

static void mend_delegation(const struct groups *groups, const struct styro_host *host, struct styro_note *note,
                            int number)
{
  if (number == EROFS) {
    styro_note_found(note, "; it is mounted read-only, as containers have it");
    styro_note_remedy(note, "docker run --privileged --cgroupns=private ...");
    styro_note_remedy(note, "# or: podman run --security-opt unmask=/sys/fs/cgroup --cgroupns=private ...");
  } else if (version_1(groups)) {
    styro_note_found(note, "; of version 1 only root may");
    styro_remedy_boot(note, host, "systemd.unified_cgroup_hierarchy=1");
  } else if (host->uid != 0) {
    styro_note_remedy(note, "systemd-run --user --scope -p Delegate=yes styrolite run ...");
  }
}

int styro_check_delegation(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                           styro_error *err)
{
  struct groups groups;
  unsigned given = 0;
  int number = 0;
  char words[64];
  (void)check;
  (void)err;
  look(&groups);
  for (size_t i = 0; i < CONTROLLERS_N; i++) {
    size_t place = groups.v2 >> i & 1 ? VERSION_2 : i;
    int answer = groups.path[place][0] ? may_make(groups.path[place]) : ENOENT;
    given |= (unsigned)(answer == 0) << i;
    if (answer != 0 && answer != ENOENT && number == 0) {
      number = answer;
      styro_note_found(note, "%s: %s", groups.path[place], strerrordesc_np(answer));
    }
  }
  if (given == (1u << CONTROLLERS_N) - 1) {
    name_controllers(words, sizeof words, given);
    styro_note_found(note, "groups can be made below the caller's own, with %s", words);
    return 0;
  }
  note->verdict = given ? STYRO_VERDICT_LIMITED : STYRO_VERDICT_MISSING;
  note->sys_errno = number;
  if (given) {
    name_controllers(words, sizeof words, given);
    styro_note_means(note, "only limits by %s are possible", words);
  }
  mend_delegation(&groups, &probing->host, note, number);
  return 0;
}
