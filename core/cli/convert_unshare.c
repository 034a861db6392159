/*
 * unshare(1) of util-linux as a request: the table of its options, and what they mean together. Knows no way to run it. What
 * a sandbox does not share with a program that only has new namespaces is noted, never left unsaid.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "convert.h"
#include "convert_ids.h"
#include "places.h"

enum space { MOUNT, UTS, IPC, NET, PID, USER, CGROUP, TIME, SPACES_N };

/* Where the request says it; the mount namespace is always new. */
static const struct {
  const char *option, *pointer;
} spaces[SPACES_N] = {
    [MOUNT] = {"--mount", NULL},
    [UTS] = {"--uts", "/namespaces/uts"},
    [IPC] = {"--ipc", "/namespaces/ipc"},
    [NET] = {"--net", "/network"},
    [PID] = {"--pid", "/namespaces/pid"},
    [USER] = {"--user", "/namespaces/user"},
    [CGROUP] = {"--cgroup", "/namespaces/cgroup"},
    [TIME] = {"--time", "/namespaces/time"},
};

/* A command line as it was read. Texts belong to argv; "" is an option without its value. */
struct unshare {
  const char *kept[SPACES_N]; /* a namespace that is new; the file that is to keep it, or "" */
  struct convert_ids uid, gid;
  const char *fork, *kill_child, *mount_proc, *propagation, *setgroups, *keep_caps, *root, *wd, *monotonic, *boottime;
  const char *help;
  char **program;
};

#define AT(member) offsetof(struct unshare, member)
#define KEEP(space) AT(kept[space])
#define NONE SIZE_MAX

/* The value goes where the first offset says; namespaces that the option implies are new too. */
static const struct row {
  const char *name;
  int letter; /* 0: none */
  int argument;
  size_t at, also;      /* `also`: a second place of the same value, or NONE */
  unsigned implies;     /* bits of enum space */
  const char *no_value; /* what stands for the value of an option that takes none, or that was given none */
} rows[] = {
    {"mount", 'm', optional_argument, KEEP(MOUNT), NONE, 0, ""},
    {"uts", 'u', optional_argument, KEEP(UTS), NONE, 0, ""},
    {"ipc", 'i', optional_argument, KEEP(IPC), NONE, 0, ""},
    {"net", 'n', optional_argument, KEEP(NET), NONE, 0, ""},
    {"pid", 'p', optional_argument, KEEP(PID), NONE, 0, ""},
    {"user", 'U', optional_argument, KEEP(USER), NONE, 0, ""},
    {"cgroup", 'C', optional_argument, KEEP(CGROUP), NONE, 0, ""},
    {"time", 'T', optional_argument, KEEP(TIME), NONE, 0, ""},
    {"fork", 'f', no_argument, AT(fork), NONE, 0, ""},
    {"map-user", 0, required_argument, AT(uid.single), NONE, 1u << USER, NULL},
    {"map-group", 0, required_argument, AT(gid.single), NONE, 1u << USER, NULL},
    {"map-root-user", 'r', no_argument, AT(uid.single), AT(gid.single), 1u << USER, "0"},
    {"map-current-user", 'c', no_argument, AT(uid.single), AT(gid.single), 1u << USER, CONVERT_OWN_ID},
    {"map-auto", 0, no_argument, AT(uid.range), AT(gid.range), 1u << USER, "auto"},
    {"map-users", 0, required_argument, AT(uid.range), NONE, 1u << USER, NULL},
    {"map-groups", 0, required_argument, AT(gid.range), NONE, 1u << USER, NULL},
    {"kill-child", 0, optional_argument, AT(kill_child), AT(fork), 0, ""},
    {"mount-proc", 0, optional_argument, AT(mount_proc), NONE, 1u << MOUNT, "/proc"},
    {"propagation", 0, required_argument, AT(propagation), NONE, 0, NULL},
    {"setgroups", 0, required_argument, AT(setgroups), NONE, 0, NULL},
    {"keep-caps", 0, no_argument, AT(keep_caps), NONE, 0, ""},
    {"root", 'R', required_argument, AT(root), NONE, 0, NULL},
    {"wd", 'w', required_argument, AT(wd), NONE, 0, NULL},
    {"setuid", 'S', required_argument, AT(uid.set), NONE, 0, NULL},
    {"setgid", 'G', required_argument, AT(gid.set), NONE, 0, NULL},
    {"monotonic", 0, required_argument, AT(monotonic), NONE, 0, NULL},
    {"boottime", 0, required_argument, AT(boottime), NONE, 0, NULL},
    {"help", 'h', no_argument, AT(help), NONE, 0, "--help"},
    {"version", 'V', no_argument, AT(help), NONE, 0, "--version"},
};
#define ROWS_N (sizeof rows / sizeof rows[0])

static void keep(struct unshare *line, size_t at, const char *value)
{
  if (at != NONE) {
    *(const char **)(void *)((char *)line + at) = value;
  }
}

static void take(struct unshare *line, const struct row *row, const char *value)
{
  keep(line, row->at, value ? value : row->no_value);
  keep(line, row->also, value ? value : row->no_value);
  for (unsigned space = 0; space < SPACES_N; space++) {
    if (row->implies >> space & 1 && !line->kept[space]) {
      line->kept[space] = "";
    }
  }
}

static const char *row_name(size_t i)
{
  return rows[i].name;
}

/* A letter may stand in the middle of a word, and getopt_long(3) then has not left the word yet. */
static int fail_option(struct conversion *c, char *const *argv, bool value_missing)
{
  const char letter[3] = {'-', (char)optopt};
  const char *word = optopt > 0 && optopt < 256 ? letter : argv[optind - 1];
  const char *nearest = options_nearest(word + strspn(word, "-"), row_name, ROWS_N);
  char hint[96] = "unshare --help lists its options";

  if (value_missing) {
    return convert_refuse(c, word, hint, "the value is missing");
  }
  if (nearest) {
    snprintf(hint, sizeof hint, "did you mean --%s?", nearest);
  }
  return convert_refuse(c, word, hint, "no option of unshare in util-linux 2.38");
}

/* By getopt_long(3), as unshare itself does: shortened names, letters in one word, an end at the first other word. */
static int read_line(struct conversion *c, struct unshare *line, int argc, char **argv)
{
  struct option table[ROWS_N + 1];
  char letters[3 * ROWS_N + 3] = "+:";
  int index = 0, letter;

  memset(table, 0, sizeof table);
  for (size_t i = 0; i < ROWS_N; i++) {
    char one[3] = {(char)rows[i].letter, rows[i].argument == required_argument ? ':' : '\0'};
    table[i] = (struct option){.name = rows[i].name, .has_arg = rows[i].argument, .val = 256 + (int)i};
    strcat(letters, one);
  }
  optind = 0; /* glibc: start anew */
  opterr = 0;
  while ((letter = getopt_long(argc, argv, letters, table, &index)) != -1) {
    size_t i = letter >= 256 ? (size_t)letter - 256 : 0;
    while (letter < 256 && i < ROWS_N && rows[i].letter != letter) {
      i++;
    }
    if (letter == '?' || letter == ':' || i == ROWS_N) {
      return fail_option(c, argv, letter == ':');
    }
    take(line, &rows[i], optarg);
  }
  line->program = argv + optind;
  return line->help ? convert_refuse(c, line->help, "run unshare itself for that", "not a program to run in a sandbox")
                    : 0;
}

/* ---- namespaces ---- */

static int translate_space(struct conversion *c, const struct unshare *line, int space)
{
  bool is_new = line->kept[space] != NULL;
  const char *words = space == NET ? (is_new ? "none" : "host") : is_new ? "new" : "host";

  if (is_new && line->kept[space][0]) {
    return convert_refuse(
        c, spaces[space].option,
        "write the option without =FILE; what is to outlive the program is made by unshare or ip-netns(8)",
        "a sandbox keeps no namespace under a name such as `%s`", line->kept[space]);
  }
  return spaces[space].pointer ? convert_set(c, spaces[space].option, spaces[space].pointer, words) : 0;
}

static int note_spaces(struct conversion *c, const struct unshare *line)
{
  int result = 0;

  if (!line->kept[USER]) {
    result = convert_note(c, "without --user", "for root callers, as with unshare; the ids are those of who converts");
  }
  if (result == 0 && !line->kept[MOUNT]) {
    result = convert_note(c, "without --mount", "stronger: what is mounted inside does not show outside all the same");
  }
  if (result == 0 && line->kept[PID] && !line->fork) {
    result = convert_note(c, "--pid", "without --fork too, the program itself is the first process of the namespace");
  }
  if (result == 0 && line->kept[PID] && !line->mount_proc) {
    result = convert_note(c, "--pid", "stronger: /proc is the new namespace's, as with --mount-proc");
  }
  if (result == 0 && line->kept[NET]) {
    result = convert_note(c, "--net", "the loopback interface is up");
  }
  return result == 0 && line->kept[UTS]
             ? convert_note(c, "--uts", "the host name is `sandbox`, unless namespaces.uts.hostname says another")
             : result;
}

/* No init: unshare leaves none behind, and the host's process namespace has one already. */
static int translate_processes(struct conversion *c, const struct unshare *line)
{
  const char *signal = line->kill_child;

  if (!line->kept[PID] && convert_set_json(c, "--pid", "/best_effort", "[\"tree_kill\"]") < 0) {
    return -1;
  }
  if (!line->kept[PID] && signal) {
    return convert_refuse(c, "--kill-child", "add --pid",
                          "what ends with its caller needs a process namespace of its own");
  }
  if (!signal) {
    return convert_set(c, "--fork", "/init", "false");
  }
  if (signal[0] && strcasecmp(signal, "KILL") != 0 && strcasecmp(signal, "SIGKILL") != 0 && strcmp(signal, "9") != 0) {
    return convert_note(c, "--kill-child", "stronger: the whole sandbox ends by SIGKILL, not by %s", signal);
  }
  return 0;
}

static int translate_spaces(struct conversion *c, const struct unshare *line)
{
  for (int space = 0; space < SPACES_N; space++) {
    if (translate_space(c, line, space) < 0) {
      return -1;
    }
  }
  return note_spaces(c, line) < 0 ? -1 : translate_processes(c, line);
}

/* The offsets are seconds, whole ones (time_namespaces(7) has nanoseconds, unshare does not). */
static int translate_clock(struct conversion *c, const char *option, const char *pointer, const char *seconds,
                           bool new_time)
{
  if (!seconds) {
    return 0;
  }
  if (!new_time) {
    return convert_refuse(c, option, "add --time", "an offset is for a time namespace of its own");
  }
  return convert_set(c, option, pointer, seconds);
}

/* ---- files ---- */

/* /proc is the sandbox's own in any case. */
static bool has_other_proc(const struct unshare *line)
{
  return line->mount_proc && strcmp(line->mount_proc, "/proc") != 0;
}

/* What a rule of `paths` shows would cover an entry of `mounts` below it: with such an entry they are entries as well. */
static int share_files(struct conversion *c, const struct unshare *line)
{
  if (has_other_proc(line)) {
    return convert_set_json(c, "files", "/mounts",
                            "[{\"type\": \"bind\", \"at\": \"/tmp\", \"from\": \"/tmp\", \"access\": \"rw\"}, "
                            "{\"type\": \"bind\", \"at\": \"/home\", \"from\": \"/home\", \"optional\": true}]");
  }
  return convert_set_json(
      c, "files", "/paths",
      "{\"/tmp\": {\"access\": \"rw\", \"from\": \"/tmp\"}, \"/home\": {\"from\": \"/home\", \"optional\": true}}");
}

static int translate_files(struct conversion *c, const struct unshare *line)
{
  if (convert_set_path(c, "--root", "/root/directory", NULL, line->root ? line->root : "/") < 0) {
    return -1;
  }
  /* chroot(2) first: a relative --wd starts at the new root then. */
  if (line->wd && convert_set_path(c, "--wd", "/cwd", line->root ? "/" : NULL, line->wd) < 0) {
    return -1;
  }
  if (!line->wd && convert_set(c, "--wd", "/cwd", line->root ? "/" : "${CWD}") < 0) {
    return -1;
  }
  if (line->root) {
    return convert_note(c, "--root",
                        "stronger: its files are read-only, and /tmp, /home, /dev and /proc are the sandbox's own; see "
                        "`root.writable` and `paths`");
  }
  if (share_files(c, line) < 0) {
    return -1;
  }
  return convert_note(
      c, "files",
      "stronger: all but /tmp is read-only, /dev and /proc are the sandbox's own; a \"rw\" entry of `paths` "
      "lets the program write");
}

/* unshare changes its directory first: a relative DIR starts there. */
static int add_proc(struct conversion *c, const struct unshare *line)
{
  const char *from = line->root ? "/" : c->cwd;
  char *wd = line->wd ? places_absolute(from, line->wd) : NULL;
  const char *at = line->root ? "/mounts/0/at" : "/mounts/2/at"; /* after those of share_files() */
  int result = convert_set_json(c, "--mount-proc", "/mounts/-", "{\"type\": \"proc\"}");

  if (result == 0) {
    result = convert_set_path(c, "--mount-proc", at, wd ? wd : from, line->mount_proc);
  }
  free(wd);
  return result;
}

static int translate_proc(struct conversion *c, const struct unshare *line)
{
  if (!has_other_proc(line)) {
    return 0;
  }
  if (!line->kept[PID]) {
    return convert_refuse(c, "--mount-proc", "add --pid --fork, or leave =DIR out: at /proc the host's is shown",
                          "a proc at `%s` needs a process namespace of its own", line->mount_proc);
  }
  if (add_proc(c, line) < 0) {
    return -1;
  }
  return convert_note(c, "--mount-proc", "stronger: /proc is the new namespace's too, and in both the same is hidden");
}

/* What unshare knows, and why a sandbox cannot be so. NULL: it can. */
static const struct {
  const char *word, *reason, *way_out;
} propagations[] = {
    {"private", NULL, NULL},
    {"shared", NULL, NULL},
    {"slave", "the root of a sandbox follows nobody, and `slave` would have it follow the host's",
     "say private, and let a `bind` of `mounts` follow the host where it must: {\"type\": \"propagation\", \"at\": ..., "
     "\"propagation\": \"slave\"}"},
    {"unchanged", "mounts of a sandbox never reach the host, and `unchanged` would leave shared ones tied to it",
     "say private, or shared for those who live inside"},
};
#define PROPAGATIONS_N (sizeof propagations / sizeof propagations[0])

/* Without a mount namespace of its own unshare does nothing with the word. */
static int translate_propagation(struct conversion *c, const struct unshare *line)
{
  const char *word = line->propagation;
  size_t i = 0;

  while (word && i < PROPAGATIONS_N && strcmp(propagations[i].word, word) != 0) {
    i++;
  }
  if (i == PROPAGATIONS_N) {
    return convert_refuse(c, "--propagation", "unshare knows private, shared, slave and unchanged",
                          "`%s` is no kind of propagation", word);
  }
  if (word && !line->kept[MOUNT]) {
    return convert_note(c, "--propagation", "stronger: private, where unshare without --mount changes nothing");
  }
  if (word && propagations[i].reason) {
    return convert_refuse(c, "--propagation", propagations[i].way_out, "%s", propagations[i].reason);
  }
  if (!word || strcmp(word, "shared") != 0) {
    return 0;
  }
  if (convert_set_json(c, "--propagation", "/mounts/-",
                       "{\"type\": \"propagation\", \"at\": \"/\", \"propagation\": \"shared\"}") < 0) {
    return -1;
  }
  return convert_note(c, "--propagation", "stronger: shared by those who live inside, and never with the host");
}

/* ---- rights ---- */

static int translate_capabilities(struct conversion *c, const struct unshare *line)
{
  if (!line->keep_caps || !line->kept[USER]) {
    return convert_note(c, "privileges",
                        "stronger: no capability, no_new_privs, the default filter of system calls; see `security`");
  }
  if (convert_set_json(c, "--keep-caps", "/security/capabilities", "\"ALL\"") < 0) {
    return -1;
  }
  if (line->kill_child &&
      convert_note(c, "--keep-caps",
                   "stronger: in a user namespace below the sandbox's own, where they do not open the init that "
                   "--kill-child takes") < 0) {
    return -1;
  }
  return convert_note(c, "privileges", "stronger: no_new_privs and the default filter of system calls; see `security`");
}

/* ---- the program ---- */

static int translate_program(struct conversion *c, const struct unshare *line)
{
  const char *shell = getenv("SHELL");
  char *const login[] = {(char *)(shell && shell[0] ? shell : "/bin/sh"), "-l", NULL};
  const struct apply_target target = {c->request, c->cwd};

  if (apply_command(&target, line->program[0] ? line->program : (char **)login, c->failure) < 0) {
    return failure_origin(c->failure, "the program");
  }
  return 0;
}

static int note_the_rest(struct conversion *c)
{
  if (convert_set_json(c, "environment", "/inherit_env",
                       "[\"HOME\",\"LANG\",\"LOGNAME\",\"PATH\",\"SHELL\",\"TERM\",\"USER\"]") < 0 ||
      convert_note(c, "environment", "stronger: of the caller's variables only those that `inherit_env` names") < 0 ||
      convert_note(c, "groups",
                   "stronger: supplementary groups are given up where the kernel allows it; see `user.groups`") < 0 ||
      convert_note(c, "descriptors", "stronger: only the standard streams; see `preserve_fds`") < 0) {
    return -1;
  }
  return convert_note(c, "session", "stronger: one of its own, without the caller's terminal; see `new_session`");
}

static int translate_ids(struct conversion *c, const struct unshare *line)
{
  bool own = line->kept[USER] != NULL;

  if (convert_ids(c, &convert_uid, &line->uid, own) < 0 || convert_ids(c, &convert_gid, &line->gid, own) < 0) {
    return -1;
  }
  return line->setgroups ? convert_set(c, "--setgroups", "/user/setgroups", line->setgroups) : 0;
}

int convert_unshare(struct conversion *c, int argc, char **argv)
{
  struct unshare line;

  memset(&line, 0, sizeof line);
  if (read_line(c, &line, argc, argv) < 0 || translate_spaces(c, &line) < 0 || translate_ids(c, &line) < 0 ||
      translate_clock(c, "--boottime", "/namespaces/time/boottime", line.boottime, line.kept[TIME]) < 0 ||
      translate_clock(c, "--monotonic", "/namespaces/time/monotonic", line.monotonic, line.kept[TIME]) < 0 ||
      translate_files(c, &line) < 0 || translate_proc(c, &line) < 0 || translate_propagation(c, &line) < 0 ||
      translate_capabilities(c, &line) < 0 || translate_program(c, &line) < 0) {
    return -1;
  }
  return note_the_rest(c);
}
