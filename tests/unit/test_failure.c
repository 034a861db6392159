/* What the helper reported, in words: every call has some, and the texts that users meet most are exactly these. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/plan_steps.h"
#include "lib/request.h"
#include "outline.h"
#include "sample_plan.h"
#include "test_program.h"

static styro_plan *plan;
static styro_error err;

static void setup(void)
{
  plan = sample_plan();
}

static void teardown(void)
{
  styro_plan_free(plan);
}

static void explain_number(uint32_t number, uint32_t what, int error, const char *component)
{
  memset(&err, 0x55, sizeof err);
  err.size = sizeof err;
  styro_plan_explain_failure(plan, STYRO_ESETUP, number, what, error, component, &err);
  ck_assert_int_eq(err.code, STYRO_ESETUP);
}

static void explain(int code, uint32_t what, int error, const char *component)
{
  explain_number(sample_number(plan->block, code), what, error, component);
}

/* ---- for all ----------------------------------------------------------------------------------------------------- */

static void check_texts(void)
{
  const char *const texts[] = {err.message, err.hint, err.object, err.field};
  for (int i = 0; i < 4; i++) {
    ck_assert_msg(!strstr(texts[i], "(null)") && !strstr(texts[i], "%s"), "%s", texts[i]);
  }
  size_t len = strlen(err.message);
  ck_assert_uint_gt(len, 10);
  ck_assert_msg(err.message[len - 1] != '.', "%s", err.message);
  ck_assert_msg(!strstr(err.message, "``"), "%s", err.message);
}

START_TEST(every_step_call_and_errno_has_words)
{
  static const int numbers[] = {0, 1, 2, 5, 12, 13, 22, 24, 28, 30, 40, 133, 134, 4095, 9999, -1};
  for (uint32_t step = 0; step <= sample_codes_n; step++) {
    for (uint32_t what = 0; what < WIRE_WHAT_COUNT + 1; what++) {
      for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        explain_number(step, what, numbers[i], "some/component");
        check_texts();
        explain_number(step, what, numbers[i], NULL);
        ck_assert(!strstr(err.message, "(null)"));
      }
    }
  }
}
END_TEST

START_TEST(every_call_is_told_from_the_others)
{
  static char messages[WIRE_WHAT_COUNT][512];
  for (uint32_t what = 1; what < WIRE_WHAT_COUNT; what++) {
    explain(WIRE_STEP_BIND, what, EIO, "/x");
    memcpy(messages[what], err.message, sizeof messages[what]);
    for (uint32_t before = 1; before < what; before++) {
      ck_assert_str_ne(messages[before], messages[what]);
    }
    ck_assert_msg(strncmp(err.message, "cannot bind", 11) != 0, "call %u has no words of its own", what);
  }
}
END_TEST

/* ---- exact texts ------------------------------------------------------------------------------------------------- */

struct expected {
  int code;
  uint32_t what;
  int error;
  const char *component;
  int stage;
  const char *field, *object, *message, *hint;
};

/* Every step of the sample carries the field /paths. */
static const struct expected table[] = {
    {WIRE_STEP_ROOT, WIRE_WHAT_OVERLAY, EINVAL, "", STYRO_STAGE_ROOT, "/paths", "/srv/root",
     "cannot make an overlay with `/srv/root`: Invalid argument",
     "an overlay shows no mounts below a directory, and cannot stand on every file system: name a directory without "
     "them"},
    {WIRE_STEP_BIND, WIRE_WHAT_SOURCE, ENOENT, "", STYRO_STAGE_SOURCE, "/paths/~1data", "/srv/root/srv/data",
     "cannot open `/srv/root/srv/data` on the host: No such file or directory",
     "create it, correct `from`, or mark the rule \"optional\""},
    {WIRE_STEP_BIND, WIRE_WHAT_SOURCE, EACCES, "", STYRO_STAGE_SOURCE, "/paths/~1data", "/srv/root/srv/data",
     "cannot open `/srv/root/srv/data` on the host: Permission denied",
     "the caller itself may not reach it: check the directories above it"},
    {WIRE_STEP_BIND, WIRE_WHAT_TARGET_MISSING, ENOENT, "/data", STYRO_STAGE_PATH, "/paths/~1data", "/data",
     "`/data` does not exist inside and is not made there, because nothing is ever made on the host: No such file or "
     "directory",
     "make it in the directory that is shown there, or choose another place"},
    {WIRE_STEP_BIND, WIRE_WHAT_TARGET_LINK, ELOOP, "", STYRO_STAGE_PATH, "/paths/~1data", "/data",
     "`/data` is a symbolic link inside the sandbox: Too many levels of symbolic links",
     "name the path that it points to"},
    {WIRE_STEP_BIND, WIRE_WHAT_READ_ONLY, EROFS, "", STYRO_STAGE_PATH, "/paths/~1data", "/data",
     "`/data` is asked for as rw, but is mounted read-only on the host: Read-only file system",
     "ask for \"ro\", or name a directory on a writable mount"},
    {WIRE_STEP_REMOUNT, WIRE_WHAT_NOT_SHARED, EINVAL, "", STYRO_STAGE_PATH, "/paths/~1tmp", "/tmp",
     "`/tmp` is asked for as slave, but the host's mount is not shared, so that there is nothing to follow: Invalid argument",
     "share the host's mount first (mount --make-shared), or ask for `private`; what an earlier entry made private follows "
     "nobody any more"},
    {WIRE_STEP_ROOT, WIRE_WHAT_MOUNT_INSIDE, EBUSY, "/srv/root/data", STYRO_STAGE_ROOT, "/paths", "/srv/root",
     "`/srv/root` cannot be a layer of an overlay: `/srv/root/data` is mounted in it: Device or resource busy",
     "an overlay shows no mounts below a directory, but what they cover: unmount it first, or name a directory without"},
    {WIRE_STEP_LANDLOCK_PART, WIRE_WHAT_LANDLOCK_ABI, EOPNOTSUPP, "1", STYRO_STAGE_LANDLOCK, "/paths", "TCP ports",
     "Landlock's rules for TCP ports need version 4 of its interface (Linux 6.7), and this kernel has version 1: Operation not "
     "supported",
     NULL},
    {WIRE_STEP_LANDLOCK_PART, WIRE_WHAT_LANDLOCK_ABI, ENOSYS, "0", STYRO_STAGE_LANDLOCK, "/paths", "TCP ports",
     "Landlock's rules for TCP ports need version 4 of its interface (Linux 6.7), and this kernel has no Landlock: Function not "
     "implemented",
     "run a later kernel, leave it out, or list the word `landlock` in best_effort; who is inside a container may have a "
     "filter around that refuses its calls"},
    {WIRE_STEP_LANDLOCK, WIRE_WHAT_STEP, E2BIG, "", STYRO_STAGE_LANDLOCK, "/paths", "",
     "cannot put Landlock's rules into force: Argument list too long",
     "the caller stands in sixteen Landlock domains already, and the kernel has no more"},
    {WIRE_STEP_LANDLOCK_PLACE, WIRE_WHAT_TARGET, ENOMEM, "", STYRO_STAGE_LANDLOCK, NULL, "/tmp",
     "cannot resolve `/tmp` inside the sandbox: Cannot allocate memory", ""},
    {WIRE_STEP_BIND, WIRE_WHAT_ATTACH, EINVAL, "", STYRO_STAGE_PATH, "/paths/~1data", "/data",
     "cannot attach the mount at `/data`: Invalid argument", ""},
    {WIRE_STEP_ROOT, WIRE_WHAT_SOURCE, ENOENT, "", STYRO_STAGE_SOURCE, "/paths", "/srv/root",
     "cannot open `/srv/root` on the host: No such file or directory", "make the directory, or name one that exists"},
    {WIRE_STEP_ROOT, WIRE_WHAT_SOURCE_TYPE, ENOTDIR, "", STYRO_STAGE_ROOT, "/paths", "/srv/root",
     "`/srv/root` on the host is not of a type that can stand there: Not a directory",
     "root.directory must be a directory"},
    {WIRE_STEP_DEV, WIRE_WHAT_STEP, EPERM, "tty", STYRO_STAGE_DEVICE, NULL, "/dev/tty", NULL, NULL},
    {WIRE_STEP_DEV, WIRE_WHAT_TARGET_MISSING, ENOENT, "", STYRO_STAGE_DEVICE, NULL, "/dev", NULL,
     "make the directory `dev` in the root directory"},
    {WIRE_STEP_PROC, WIRE_WHAT_TARGET_TYPE, ENOTDIR, "", STYRO_STAGE_PROC, NULL, "/proc", NULL,
     "the root directory's `proc` must be a directory"},
    {WIRE_STEP_PROC, WIRE_WHAT_STEP, EPERM, "", STYRO_STAGE_PROC, NULL, "/proc",
     "cannot mount a new proc `/proc`: Operation not permitted",
     "an outer container masks parts of /proc: start it with an unmasked proc (docker: --security-opt "
     "systempaths=unconfined)"},
    {WIRE_STEP_MASK, WIRE_WHAT_TARGET_MISSING, ENOENT, "", STYRO_STAGE_PATH, NULL, NULL, NULL,
     "a denied path that does not exist could be made by the payload: create it, or say \"if_missing\": \"ignore\" and "
     "accept the gap"},
    {WIRE_STEP_ACCESS, WIRE_WHAT_STEP, EACCES, "", STYRO_STAGE_ACCESS, "/paths/~1data", "/data",
     "`/data` is asked for as rw, but the payload's id cannot write it: Permission denied",
     "let who the payload is outside own it on the host (of a root caller 65534, where no map says otherwise: chown "
     "65534:65534 PATH), or keep the caller's own id with \"user\": {\"uid_map\": \"self\", \"gid_map\": \"self\"}, "
     "or as root let it show as the payload's with `idmap`"},
    {WIRE_STEP_ACCESS, WIRE_WHAT_STEP, EROFS, "", STYRO_STAGE_ACCESS, "/paths/~1data", "/data",
     "`/data` is asked for as rw, but the payload's id cannot write it: Read-only file system",
     "it lies on a read-only mount: ask for \"ro\""},
    {WIRE_STEP_RLIMIT, WIRE_WHAT_STEP, EPERM, "", STYRO_STAGE_RLIMIT, "/paths/nofile", "nofile",
     "cannot set a resource limit `nofile`: Operation not permitted",
     "a hard limit cannot be raised above the caller's own"},
    {WIRE_STEP_KEYRING, WIRE_WHAT_STEP, EPERM, "", STYRO_STAGE_PROCESS, "/paths", "",
     "cannot join a new session keyring: Operation not permitted",
     "an outer container forbids keyctl: list \"session_keyring\" in best_effort"},
    {WIRE_STEP_CAPABILITIES, WIRE_WHAT_SECUREBITS, EPERM, "", STYRO_STAGE_CAPABILITY, "/security/securebits", NULL,
     "cannot set the securebits: Operation not permitted",
     "the caller's own are locked: leave out \"namespaces\": {\"user\": \"host\"}, and the sandbox starts without"},
    {WIRE_STEP_CAPABILITIES, WIRE_WHAT_CAP_BOUNDING, EPERM, "", STYRO_STAGE_CAPABILITY, NULL, NULL,
     "cannot set the bounding set: Operation not permitted", NULL},
    {WIRE_STEP_JOIN, WIRE_WHAT_SPACE_TYPE, EINVAL, "a pid namespace", STYRO_STAGE_JOIN, "/paths", "/run/ns/net",
     "`/run/ns/net` is a pid namespace, not the network namespace that is to be joined: Invalid argument",
     "name a file such as /proc/PID/ns/net, or one that such a file was bound to (ip netns makes them in /run/netns)"},
    {WIRE_STEP_JOIN, WIRE_WHAT_STEP, EPERM, "", STYRO_STAGE_JOIN, "/paths", "/run/ns/net",
     "cannot join the namespace `/run/ns/net`: Operation not permitted",
     "this takes CAP_SYS_ADMIN in the user namespace that owns it: call as root, or join that user namespace as well, where "
     "the caller made it"},
    {WIRE_STEP_CLOCKS, WIRE_WHAT_STEP, ERANGE, "", STYRO_STAGE_JOIN, "/paths", "boottime -1500ms, monotonic 1h",
     "cannot set the clocks of a new time namespace `boottime -1500ms, monotonic 1h`: Numerical result out of range",
     "an offset may take no clock below 0: the machine has not been up for that long"},
    {WIRE_STEP_MAP_IDS, WIRE_WHAT_UID_TOOL, EPERM, "newuidmap: no", STYRO_STAGE_IDS, "/paths", "newuidmap: no",
     "the map of subordinate user ids was not written: newuidmap: no: Operation not permitted",
     "newuidmap and newgidmap must be installed set-user-id, on a mount without nosuid, and their user needs its own line in "
     "/etc/passwd and in /etc/subuid or /etc/subgid"},
    {WIRE_STEP_MAP_IDS, WIRE_WHAT_GID_TOOL, ETIMEDOUT, "/usr/bin/newgidmap", STYRO_STAGE_IDS, "/user/gid_map",
     "/usr/bin/newgidmap", "the map of subordinate group ids was not written: /usr/bin/newgidmap: Connection timed out",
     NULL},
    {WIRE_STEP_IDENTITY, WIRE_WHAT_SETGROUPS, EPERM, "", STYRO_STAGE_IDENTITY, "/user/groups", NULL,
     "cannot set the supplementary groups: Operation not permitted",
     "setgroups(2) is denied there, as /proc/PID/setgroups of a joined user namespace says: leave `user.groups` out"},
    {WIRE_STEP_IDENTITY, WIRE_WHAT_SETGROUPS, EINVAL, "", STYRO_STAGE_IDENTITY, "/user/groups", NULL,
     "cannot set the supplementary groups: Invalid argument", "only ids of the gid map exist inside"},
    {WIRE_STEP_TMPFS, WIRE_WHAT_CREATE, ENOSPC, "", STYRO_STAGE_PATH, "/paths/~1tmp", "/tmp",
     "cannot make `/tmp` inside the sandbox: No space left on device",
     "the file system that it lies on is full: give that more `size`, or `inodes`"},
    {WIRE_STEP_TMPFS, WIRE_WHAT_CREATE, EROFS, "", STYRO_STAGE_PATH, "/paths/~1tmp", "/tmp",
     "cannot make `/tmp` inside the sandbox: Read-only file system",
     "what it lies on is read-only by then: choose another place"},
    {WIRE_STEP_TMPFS, WIRE_WHAT_CREATE, EACCES, "", STYRO_STAGE_PATH, "/paths/~1tmp", "/tmp",
     "cannot make `/tmp` inside the sandbox: Permission denied",
     "the directory above it is not the payload's to write: let its id outside own that on the host, or put a `tmpfs` there"},
    {WIRE_STEP_TMPFS, WIRE_WHAT_TARGET, ENOTDIR, "", STYRO_STAGE_PATH, "/paths/~1tmp", "/tmp",
     "cannot resolve `/tmp` inside the sandbox: Not a directory",
     "what stands above it is a file: choose another place"},
    {WIRE_STEP_IDENTITY, WIRE_WHAT_SETUID, EINVAL, "", STYRO_STAGE_IDENTITY, "/paths", "uid 1000, gid 1001",
     "cannot take the user id: Invalid argument", "only ids of the uid map exist inside"},
    {WIRE_STEP_NAMESPACES, WIRE_WHAT_MAP_UID, EPERM, "", STYRO_STAGE_IDS, "/paths", NULL,
     "cannot write the uid map: Operation not permitted", NULL},
    {WIRE_STEP_WORKDIR, WIRE_WHAT_CHDIR, ENOENT, "/work", STYRO_STAGE_COMMAND, "/paths", "/work",
     "cannot enter the working directory `/work`: No such file or directory",
     "cwd is a path inside: show it with a rule in `paths`, or leave cwd out"},
    {WIRE_STEP_EXEC, WIRE_WHAT_NOT_FOUND, ENOENT, "prog", STYRO_STAGE_EXEC, "/paths", "prog",
     "`prog` was not found inside the sandbox: No such file or directory",
     "show it with a \"ro\" rule in `paths`, or give its path inside"},
    {WIRE_STEP_EXEC, WIRE_WHAT_INTERPRETER, ENOENT, "/opt/perl", STYRO_STAGE_EXEC, "/paths", "/opt/perl",
     "the interpreter `/opt/perl` that the script's first line names is not visible inside: No such file or directory",
     "show it with a \"ro\" rule in `paths`"},
    {WIRE_STEP_EXEC, WIRE_WHAT_LOADER, ENOENT, "/lib/ld.so", STYRO_STAGE_EXEC, "/paths", "/lib/ld.so",
     "the loader `/lib/ld.so` that the program asks for is not visible inside: No such file or directory",
     "show it and the program's libraries with \"ro\" rules in `paths`, or use a static program"},
    {WIRE_STEP_EXEC, WIRE_WHAT_EXEC, EACCES, "/x", STYRO_STAGE_EXEC, "/paths", "/x",
     "cannot execute `/x`: Permission denied",
     "it is not executable (a directory, or a file without chmod +x), or lies on a mount with noexec"},
    {WIRE_STEP_EXEC, WIRE_WHAT_EXEC, ENOEXEC, "/x", STYRO_STAGE_EXEC, "/paths", "/x",
     "cannot execute `/x`: Exec format error",
     "it is of no format that the kernel runs: a script needs a first line #!"},
    {WIRE_STEP_EXEC, WIRE_WHAT_EXEC, E2BIG, "/x", STYRO_STAGE_EXEC, "/paths", "/x",
     "cannot execute `/x`: Argument list too long", "arguments and environment are larger than the kernel accepts"},
};

START_TEST(the_texts_that_users_meet)
{
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const struct expected *row = &table[i];
    explain(row->code, row->what, row->error, row->component);
    ck_assert_int_eq(err.sys_errno, row->error);
    ck_assert_str_eq(styro_stage_name(err.stage), styro_stage_name(row->stage));
    ck_assert_str_eq(row->field ? row->field : err.field, err.field);
    ck_assert_str_eq(row->object ? row->object : err.object, err.object);
    ck_assert_str_eq(row->message ? row->message : err.message, err.message);
    ck_assert_str_eq(row->hint ? row->hint : err.hint, err.hint);
  }
}
END_TEST

/* There the number is no errno but what the reader said. */
START_TEST(a_refused_plan_is_the_helpers_matter)
{
  explain(WIRE_STEP_BIND, WIRE_WHAT_PLAN, WIRE_FAULT_ALIGN, "");
  ck_assert_int_eq(err.stage, STYRO_STAGE_HELPER);
  ck_assert_int_eq(err.sys_errno, 0);
  ck_assert_str_eq(err.message, "the helper refuses the plan: it holds a misaligned offset");
  ck_assert_str_eq(err.hint, "library and helper must come from one build");
  ck_assert_str_eq(err.field, "");
  ck_assert_str_eq(err.object, "");
  explain(WIRE_STEP_RUN, WIRE_WHAT_RUN, WIRE_FAULT_MAGIC, "");
  ck_assert_str_eq(err.message, "the helper refuses the run block: it holds a wrong magic number");
  explain(WIRE_STEP_RUN, WIRE_WHAT_RUN, 12345, "");
  ck_assert_str_eq(err.message, "the helper refuses the run block: it holds an unknown fault");
}
END_TEST

START_TEST(a_step_that_is_not_there)
{
  explain_number(9999, WIRE_WHAT_STEP, ENOMEM, "");
  ck_assert_int_eq(err.stage, STYRO_STAGE_HELPER);
  ck_assert_str_eq(err.message, "cannot set up the sandbox: Cannot allocate memory");
  ck_assert_str_eq(err.field, "");
}
END_TEST

/* A failure that is no errno's, such as a value that did not hold, is not called a success. */
START_TEST(no_errno_no_words_about_it)
{
  explain(WIRE_STEP_BIND, WIRE_WHAT_READ_BACK, 0, "");
  ck_assert_str_eq(err.message, "`/data` is not as it was set when read back");
  explain(WIRE_STEP_BIND, WIRE_WHAT_ATTACH, 9999, "");
  ck_assert_str_eq(err.message, "cannot attach the mount at `/data`: error 9999");
}
END_TEST

START_TEST(long_objects_are_cut_not_overrun)
{
  char component[1024];
  memset(component, 'x', sizeof component);
  component[0] = '/';
  component[sizeof component - 1] = 0;
  explain(WIRE_STEP_BIND, WIRE_WHAT_ATTACH, EIO, component);
  ck_assert_uint_eq(strlen(err.object), sizeof err.object - 1);
  ck_assert_uint_lt(strlen(err.message), sizeof err.message);
  styro_plan_explain_failure(plan, STYRO_EEXEC, 0, WIRE_WHAT_EXEC, EIO, component, NULL);
}
END_TEST

/* ---- hints that depend on the plan --------------------------------------------------------------------------------- */

#define SHOWS_JOINED \
  "it shows a namespace that is joined, and only who owns that may mount it: join its user namespace as well"
#define NO_TIMES                                                                                                        \
  "in a user namespace of its own the kernel changes no access times of the host's mounts: leave `noatime` out, or in " \
  "a remount `recursive`"
#define JOINED_USER "\"user\": {\"uid\": 0, \"gid\": 0}, \"namespaces\": {\"user\": {\"join\": \"/u\"}, "
#define AT_X(type) "\"mounts\": [{\"type\": \"" type "\", \"at\": \"/x\"}]"
#define DIR_PLACE "a directory goes over a directory, a file over a file"

/* The last step of the code is what failed. */
static const struct {
  const char *members;
  int code;
  uint32_t what;
  int error;
  const char *hint;
} of_plans[] = {
    {JOINED_USER "\"pid\": {\"join\": \"/p\"}}, \"init\": false, \"best_effort\": [\"tree_kill\"]", WIRE_STEP_PROC,
     WIRE_WHAT_STEP, EPERM, SHOWS_JOINED},
    {JOINED_USER "\"ipc\": \"new\"}, \"paths\": {\"/x\": {\"access\": \"rw\", \"from\": \"/f\"}}", WIRE_STEP_ACCESS, 0,
     EACCES,
     "let the id outside own it on the host that the joined user namespace gives the payload's: its uid_map says which"},
    {"\"cwd\": \"/\"", WIRE_STEP_PROC, WIRE_WHAT_STEP, EPERM,
     "an outer container masks parts of /proc: start it with an unmasked proc (docker: --security-opt systempaths=unconfined)"},
    {JOINED_USER "\"ipc\": {\"join\": \"/i\"}}, " AT_X("mqueue"), WIRE_STEP_FS, WIRE_WHAT_STEP, EPERM, SHOWS_JOINED},
    {JOINED_USER "\"cgroup\": {\"join\": \"/i\"}}, " AT_X("cgroup"), WIRE_STEP_FS, WIRE_WHAT_STEP, EPERM, SHOWS_JOINED},
    {JOINED_USER "\"cgroup\": {\"join\": \"/i\"}}, " AT_X("mqueue"), WIRE_STEP_FS, WIRE_WHAT_STEP, EPERM,
     "an outer container forbids the mount"},
    {JOINED_USER "\"ipc\": \"new\"}, \"network\": {\"join\": \"/n\"}, " AT_X("sysfs"), WIRE_STEP_FS, WIRE_WHAT_STEP,
     EPERM, SHOWS_JOINED},
    {AT_X("sysfs"), WIRE_STEP_FS, WIRE_WHAT_STEP, EPERM,
     "an outer container masks parts of /sys, or forbids the mount: of sysfs the kernel grants a new one only where a "
     "whole one is visible"},
    {AT_X("devpts"), WIRE_STEP_FS, WIRE_WHAT_STEP, EPERM, "an outer container forbids the mount"},
    {AT_X("devpts"), WIRE_STEP_FS, WIRE_WHAT_STEP, ENODEV, "this kernel has no such file system"},
    {AT_X("proc"), WIRE_STEP_PROC, WIRE_WHAT_TARGET_TYPE, ENOTDIR, DIR_PLACE},
    {AT_X("dev"), WIRE_STEP_DEV, WIRE_WHAT_TARGET_TYPE, ENOTDIR, DIR_PLACE},
    {"\"cwd\": \"/\"", WIRE_STEP_DEV, WIRE_WHAT_TARGET_TYPE, ENOTDIR, "the root directory's `dev` must be a directory"},
    {"\"mounts\": [{\"type\": \"bind\", \"from\": \"/f\", \"at\": \"/x\", \"noatime\": true}]", WIRE_STEP_BIND,
     WIRE_WHAT_FLAGS, EPERM, NO_TIMES},
    {"\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/x\"}, {\"type\": \"remount\", \"at\": \"/x\", \"noatime\": true}]",
     WIRE_STEP_REMOUNT, WIRE_WHAT_FLAGS, EPERM, NO_TIMES},
    {"\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/x\"}, {\"type\": \"remount\", \"at\": \"/x\", \"access\": \"rw\"}]",
     WIRE_STEP_REMOUNT, WIRE_WHAT_FLAGS, EPERM,
     "what the host's mount forbids stays forbidden: a remount loosens only what an earlier entry set itself"},
    {"\"paths\": {\"/x\": {\"access\": \"rw\", \"from\": \"/f\", \"idmap\": \"user\"}}", WIRE_STEP_ACCESS, 0, EACCES,
     "with `idmap` it counts whose it is on disk: let an id own it there that shows as the payload's"},
    {"\"root\": {\"directory\": \"/r\", \"writable\": true, \"idmap\": \"user\"}", WIRE_STEP_ACCESS, 0, EACCES,
     "with `idmap` it counts whose it is on disk: let an id own it there that shows as the payload's"},
};

START_TEST(hints_that_depend_on_the_plan)
{
  styro_plan *own = compiled(of_plans[_i].members);
  const struct wire_plan *block = own->block;
  const struct wire_step *step = wire_step_first(block);
  uint32_t number = block->steps_n;
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    number = step->code == of_plans[_i].code ? i : number;
  }
  ck_assert_uint_lt(number, block->steps_n);
  err = (styro_error){.size = sizeof err};
  styro_plan_explain_failure(own, STYRO_ESETUP, number, of_plans[_i].what, of_plans[_i].error, "", &err);
  ck_assert_str_eq(err.hint, of_plans[_i].hint);
  styro_plan_free(own);
}
END_TEST

/* Of an entry of `mounts` the key that named the object is named too. */
START_TEST(entries_of_mounts_have_their_keys)
{
  static const struct {
    int code;
    uint32_t kind, what;
    const char *key;
  } keys[] = {{WIRE_STEP_BIND, 0, WIRE_WHAT_SOURCE, "/from"},
              {WIRE_STEP_LAYER, WIRE_LAYER_LOWER, WIRE_WHAT_SOURCE, "/lower"},
              {WIRE_STEP_LAYER, WIRE_LAYER_UPPER, WIRE_WHAT_SOURCE_TYPE, "/upper"},
              {WIRE_STEP_LAYER, WIRE_LAYER_WORK, WIRE_WHAT_MOUNT_INSIDE, "/work"},
              {WIRE_STEP_REMOUNT, 0, WIRE_WHAT_NOT_SHARED, "/propagation"},
              {WIRE_STEP_REMOUNT, 0, WIRE_WHAT_READ_BACK, ""}};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    struct wire_step *step = sample_step((void *)(uintptr_t)plan->block, keys[i].code);
    char field[32];
    step->field_id = styro_field_id("/mounts") | 4u << WIRE_ITEM_SHIFT;
    if (keys[i].code == WIRE_STEP_LAYER) {
      ((struct wire_step_layer *)(void *)step)->kind = keys[i].kind;
    }
    explain(keys[i].code, keys[i].what, ENOENT, "/inner");
    snprintf(field, sizeof field, "/mounts/3%s", keys[i].key);
    ck_assert_str_eq(err.field, field);
  }
}
END_TEST

int main(void)
{
  const struct test_loop loops[] = {{hints_that_depend_on_the_plan, (int)TESTS_N(of_plans)}};
  const struct test_program whole = {
      .name = "failure", .setup = setup, .teardown = teardown, .loops = loops, .loops_n = TESTS_N(loops)};
  const TTest *const tests[] = {
      every_step_call_and_errno_has_words,  every_call_is_told_from_the_others, the_texts_that_users_meet,
      a_refused_plan_is_the_helpers_matter, a_step_that_is_not_there,           no_errno_no_words_about_it,
      long_objects_are_cut_not_overrun,     entries_of_mounts_have_their_keys,
  };
  return test_program_run(&whole, tests, TESTS_N(tests));
}
