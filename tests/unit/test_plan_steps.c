/*
 * The table of steps: stages, and what each kind of step says of its object, at its borders. That every step has a name and
 * words is test_explain.c's.
 */
#include <stdio.h>
#include <string.h>

#include "lib/plan_steps.h"
#include "lib/request.h"
#include "sample_plan.h"
#include "test_program.h"

static styro_plan *plan;
static char field[128];
static char object[256];

static void setup(void)
{
  plan = sample_plan();
  memset(field, 'f', sizeof field);
  memset(object, 'o', sizeof object);
}

static void teardown(void)
{
  styro_plan_free(plan);
}

static void *step_of(int code)
{
  return sample_step(plan->block, code);
}

static void described(int code, const char *expected)
{
  styro_step_describe(plan, step_of(code), field, sizeof field, object, sizeof object);
  ck_assert_str_eq(object, expected);
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

START_TEST(every_kind_of_step_has_its_stage)
{
  static const struct {
    int code;
    int stage;
  } rows[] = {
      {WIRE_STEP_RUN, STYRO_STAGE_COMMAND},
      {WIRE_STEP_PROMISES, STYRO_STAGE_NONE},
      {WIRE_STEP_NOTE, STYRO_STAGE_NONE},
      {WIRE_STEP_NAMESPACES, STYRO_STAGE_SPAWN},
      {WIRE_STEP_MAP_IDS, STYRO_STAGE_IDS},
      {WIRE_STEP_HOSTNAME, STYRO_STAGE_UTS},
      {WIRE_STEP_LOOPBACK, STYRO_STAGE_NETWORK},
      {WIRE_STEP_OOM_SCORE, STYRO_STAGE_PROCESS},
      {WIRE_STEP_IDENTITY, STYRO_STAGE_IDENTITY},
      {WIRE_STEP_ROOT, STYRO_STAGE_ROOT},
      {WIRE_STEP_DIR, STYRO_STAGE_MOUNT},
      {WIRE_STEP_LINK, STYRO_STAGE_MOUNT},
      {WIRE_STEP_FILE, STYRO_STAGE_MOUNT},
      {WIRE_STEP_BIND, STYRO_STAGE_MOUNT},
      {WIRE_STEP_TMPFS, STYRO_STAGE_MOUNT},
      {WIRE_STEP_DEV, STYRO_STAGE_DEVICE},
      {WIRE_STEP_PROC, STYRO_STAGE_PROC},
      {WIRE_STEP_READ_ONLY, STYRO_STAGE_PATH},
      {WIRE_STEP_MASK, STYRO_STAGE_PATH},
      {WIRE_STEP_SEAL_ROOT, STYRO_STAGE_ROOT},
      {WIRE_STEP_PIVOT, STYRO_STAGE_ROOT},
      {WIRE_STEP_USERNS_LIMIT, STYRO_STAGE_PROC},
      {WIRE_STEP_INIT, STYRO_STAGE_SUPERVISE},
      {WIRE_STEP_SESSION, STYRO_STAGE_PROCESS},
      {WIRE_STEP_KEYRING, STYRO_STAGE_PROCESS},
      {WIRE_STEP_RESET, STYRO_STAGE_PROCESS},
      {WIRE_STEP_NICE, STYRO_STAGE_PROCESS},
      {WIRE_STEP_RLIMIT, STYRO_STAGE_RLIMIT},
      {WIRE_STEP_CAPABILITIES, STYRO_STAGE_CAPABILITY},
      {WIRE_STEP_ACCESS, STYRO_STAGE_ACCESS},
      {WIRE_STEP_WORKDIR, STYRO_STAGE_COMMAND},
      {WIRE_STEP_SECCOMP, STYRO_STAGE_SECCOMP},
      {WIRE_STEP_EXEC, STYRO_STAGE_EXEC},
      {WIRE_STEP_SEAL, STYRO_STAGE_PATH},
      {WIRE_STEP_GROUP, STYRO_STAGE_PROCESS},
      {WIRE_STEP_LAYER, STYRO_STAGE_ROOT},
      {WIRE_STEP_IDMAP, STYRO_STAGE_IDS},
      {WIRE_STEP_SELF_BIND, STYRO_STAGE_MOUNT},
      {WIRE_STEP_JOIN, STYRO_STAGE_JOIN},
      {WIRE_STEP_CLOCKS, STYRO_STAGE_JOIN},
      {WIRE_STEP_SYMLINK, STYRO_STAGE_MOUNT},
      {WIRE_STEP_FS, STYRO_STAGE_MOUNT},
      {WIRE_STEP_REMOUNT, STYRO_STAGE_MOUNT},
      {WIRE_STEP_OVERLAY, STYRO_STAGE_MOUNT},
      {WIRE_STEP_LANDLOCK_PART, STYRO_STAGE_LANDLOCK},
      {WIRE_STEP_LANDLOCK_PLACE, STYRO_STAGE_LANDLOCK},
      {WIRE_STEP_LANDLOCK_PORT, STYRO_STAGE_LANDLOCK},
      {WIRE_STEP_LANDLOCK, STYRO_STAGE_LANDLOCK},
      {WIRE_STEP_LANDLOCK_QUEUES, STYRO_STAGE_LANDLOCK},
      {WIRE_STEP_NEST, STYRO_STAGE_CAPABILITY},
      {WIRE_STEP_ENTER, STYRO_STAGE_CAPABILITY},
      {WIRE_STEP_LABEL, STYRO_STAGE_LABEL},
  };
  ck_assert_uint_eq(sizeof rows / sizeof *rows, WIRE_STEP_COUNT - 1);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct wire_step *step = step_of(rows[i].code);
    step->field_id = styro_field_id("/root");
    ck_assert_msg(styro_step_stage(step) == rows[i].stage, "%s", styro_step_name(rows[i].code));
  }
}
END_TEST

/* A mount that `paths` asked for is a matter of paths, and of nothing else that stands there. */
START_TEST(mounts_of_paths_are_another_stage)
{
  static const int mounts[] = {WIRE_STEP_DIR, WIRE_STEP_LINK, WIRE_STEP_FILE, WIRE_STEP_BIND, WIRE_STEP_TMPFS};
  for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
    struct wire_step *step = step_of(mounts[i]);
    step->field_id = styro_field_id("/paths");
    ck_assert_int_eq(styro_step_stage(step), STYRO_STAGE_PATH);
    step->field_id = 0;
    ck_assert_int_eq(styro_step_stage(step), STYRO_STAGE_MOUNT);
  }
  struct wire_step *access = step_of(WIRE_STEP_ACCESS);
  access->field_id = styro_field_id("/paths");
  ck_assert_int_eq(styro_step_stage(access), STYRO_STAGE_ACCESS);
}
END_TEST

/* ---- objects ----------------------------------------------------------------------------------------------------- */

START_TEST(numbers_as_objects)
{
  ((struct wire_step_number *)step_of(WIRE_STEP_NICE))->value = -20;
  described(WIRE_STEP_NICE, "-20");
  ((struct wire_step_number *)step_of(WIRE_STEP_OOM_SCORE))->value = INT64_MIN;
  described(WIRE_STEP_OOM_SCORE, "-9223372036854775808");
  struct wire_step_identity *who = step_of(WIRE_STEP_IDENTITY);
  who->uid = UINT32_MAX;
  who->gid = 0;
  described(WIRE_STEP_IDENTITY, "uid 4294967295, gid 0");
  described(WIRE_STEP_JOIN, "/run/ns/net");
  ck_assert_str_eq(styro_space_name(step_of(WIRE_STEP_JOIN)), "network");
  described(WIRE_STEP_CLOCKS, "boottime -1500ms, monotonic 1h");
  struct wire_step_map_ids *ids = step_of(WIRE_STEP_MAP_IDS);
  ids->uid = 1;
  ids->gid = UINT32_MAX;
  described(WIRE_STEP_MAP_IDS, "uid 1, gid 4294967295 inside");
  ((struct wire_step_seccomp *)step_of(WIRE_STEP_SECCOMP))->n = 4096;
  described(WIRE_STEP_SECCOMP, "4096 instructions");
}
END_TEST

START_TEST(namespaces_one_by_one)
{
  static const struct {
    uint64_t flags;
    const char *text;
  } rows[] = {
      {0, ""},
      {WIRE_CLONE_NEWUSER, "user"},
      {WIRE_CLONE_NEWNS, "mount"},
      {WIRE_CLONE_NEWPID, "pid"},
      {WIRE_CLONE_NEWIPC, "ipc"},
      {WIRE_CLONE_NEWUTS, "uts"},
      {WIRE_CLONE_NEWCGROUP, "cgroup"},
      {WIRE_CLONE_NEWTIME, "time"},
      {WIRE_CLONE_NEWNET, "net"},
      {WIRE_CLONE_NEWNET | WIRE_CLONE_NEWPID, "pid net"},
      {WIRE_CLONE_VM, ""}, /* no namespace */
  };
  struct wire_step_namespaces *spaces = step_of(WIRE_STEP_NAMESPACES);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    spaces->clone_flags = rows[i].flags;
    described(WIRE_STEP_NAMESPACES, rows[i].text);
  }
}
END_TEST

START_TEST(steps_without_an_object)
{
  static const int codes[] = {WIRE_STEP_RUN,     WIRE_STEP_PROMISES, WIRE_STEP_LOOPBACK,     WIRE_STEP_SEAL_ROOT,
                              WIRE_STEP_PIVOT,   WIRE_STEP_INIT,     WIRE_STEP_SESSION,      WIRE_STEP_GROUP,
                              WIRE_STEP_KEYRING, WIRE_STEP_RESET,    WIRE_STEP_CAPABILITIES, WIRE_STEP_EXEC};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    described(codes[i], "");
  }
}
END_TEST

START_TEST(every_limit_has_its_name)
{
  static const char *const names[] = {"cpu",      "fsize",  "data",    "stack", "core",  "rss",
                                      "nproc",    "nofile", "memlock", "as",    "locks", "sigpending",
                                      "msgqueue", "nice",   "rtprio",  "rttime"};
  struct wire_step_rlimit *limit = step_of(WIRE_STEP_RLIMIT);
  limit->head.field_id = styro_field_id("/rlimits");
  for (uint32_t i = 0; i < 16; i++) {
    char pointer[32];
    limit->resource = i;
    described(WIRE_STEP_RLIMIT, names[i]);
    snprintf(pointer, sizeof pointer, "/rlimits/%s", names[i]);
    ck_assert_str_eq(field, pointer);
  }
  ck_assert_str_eq(styro_rlimit_name(UINT32_MAX), "?");
}
END_TEST

/* ---- little room ------------------------------------------------------------------------------------------------- */

/* For each size: what fits, ended with a NUL, and no byte behind it. */
START_TEST(buffers_of_every_size)
{
  static const int codes[] = {WIRE_STEP_NAMESPACES, WIRE_STEP_MAP_IDS, WIRE_STEP_BIND, WIRE_STEP_RLIMIT,
                              WIRE_STEP_NOTE};
  ((struct wire_step_namespaces *)step_of(WIRE_STEP_NAMESPACES))->clone_flags = WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    char whole_field[128], whole_object[256];
    styro_step_describe(plan, step_of(codes[i]), whole_field, sizeof whole_field, whole_object, sizeof whole_object);
    for (size_t size = 1; size < 40; size++) {
      memset(field, 'f', sizeof field);
      memset(object, 'o', sizeof object);
      styro_step_describe(plan, step_of(codes[i]), field, sizeof field, object, size);
      ck_assert_uint_lt(strlen(object), size);
      ck_assert_int_eq(strncmp(object, whole_object, strlen(object)), 0);
      ck_assert_int_eq(object[size], 'o');
    }
  }
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "plan_steps", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      every_kind_of_step_has_its_stage, mounts_of_paths_are_another_stage, numbers_as_objects,    namespaces_one_by_one,
      steps_without_an_object,          every_limit_has_its_name,          buffers_of_every_size,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
