/*
 * Before the clone: what a run block says about identity and mode, by the plan, the caller, the runner's mode and the
 * kernel's abilities; where descriptors go; when the fast mode is given up. The clone itself is the system tests' business.
 * The source is included, not linked: these are its inner functions, and fake_spawn.c bears the same names outside.
 */
#include "system_spawn.h"

#include "lib/spawn.c"

#include <check.h>
#include <grp.h>
#include <stdlib.h>

#include "sample_plan.h"

#define MODES (WIRE_RUN_HELPER_MODE | WIRE_RUN_TWO_STEP | WIRE_RUN_NO_TIME_NS)

static styro_plan *plan;
static struct styro_runner runner;
static struct wire_run run;
static styro_error err;

static void setup(void)
{
  plan = sample_plan_to_spawn();
  memset(&runner, 0, sizeof runner);
  memset(&run, 0, sizeof run);
  runner.forced_mode = -1;
  runner.mode = STYRO_SPAWN_VFORK;
  runner.kernel = WIRE_KERNEL_DETACHED | WIRE_KERNEL_TIME_VM;
  err = (styro_error){.size = sizeof err};
}

static void teardown(void)
{
  styro_plan_free(plan);
}

static struct wire_step_map_ids *ids(void)
{
  return sample_step(plan->block, WIRE_STEP_MAP_IDS);
}

static struct wire_step_namespaces *spaces(void)
{
  return sample_step(plan->block, WIRE_STEP_NAMESPACES);
}

static void self_map(void)
{
  ids()->uid_map = ids()->gid_map = WIRE_MAP_SELF;
}

static uint32_t modes(void)
{
  int rc = styro_spawn_prepare(&runner, plan, &run, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  return run.flags & MODES;
}

START_TEST(the_callers_own_id_under_a_self_map)
{
  self_map();
  run.flags = WIRE_RUN_WATCH_CALLER | MODES;
  ck_assert_uint_eq(modes(), 0);
  ck_assert_uint_eq(run.flags, WIRE_RUN_WATCH_CALLER | WIRE_RUN_DENY_SETGROUPS); /* what is not about the mode stays */
  ck_assert_uint_eq(run.caller_uid, geteuid());
  ck_assert_uint_eq(run.caller_gid, getegid());
  ck_assert_uint_eq(run.map_uid, geteuid());
  ck_assert_uint_eq(run.map_gid, getegid());
  ck_assert_uint_eq(run.kernel, runner.kernel);
}
END_TEST

START_TEST(a_root_callers_payload_is_65534_outside)
{
  if (geteuid() != 0) {
    ck_assert_uint_eq(modes(), 0);
    ck_assert_uint_eq(run.map_uid, geteuid());
    return;
  }
  ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP);
  ck_assert_uint_eq(run.caller_uid, 0);
  ck_assert_uint_eq(run.map_uid, 65534);
  ck_assert_uint_eq(run.map_gid, 65534);
  ids()->gid_map = WIRE_MAP_SELF;
  ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP);
  ck_assert_uint_eq(run.map_uid, 65534);
  ck_assert_uint_eq(run.map_gid, getegid());
  ids()->gid_map = WIRE_MAP_DEFAULT;
  ids()->uid_map = WIRE_MAP_SELF;
  ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP);
  ck_assert_uint_eq(run.map_uid, 0);
  ck_assert_uint_eq(run.map_gid, 65534);
}
END_TEST

static void set_effective(uint32_t without)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
  data[0].effective = data[0].permitted & ~without;
  ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

START_TEST(a_root_caller_without_the_capabilities_is_told)
{
  const uint32_t needed[] = {1u << CAP_SETUID, 1u << CAP_SETGID};
  for (size_t i = 0; geteuid() == 0 && i < 2; i++) {
    set_effective(needed[i]);
    int rc = styro_spawn_prepare(&runner, plan, &run, &err);
    set_effective(0);
    ck_assert_int_eq(rc, STYRO_ESETUP);
    ck_assert_int_eq(err.stage, STYRO_STAGE_IDS);
    ck_assert_int_eq(err.sys_errno, EPERM);
    ck_assert_str_eq(err.field, i == 0 ? "/user/uid_map" : "/user/gid_map");
    ck_assert_str_eq(err.object, "65534");
    ck_assert_ptr_nonnull(strstr(err.hint, "\"uid_map\": \"self\", \"gid_map\": \"self\""));
  }
}
END_TEST

/* The sample's maps are [1000, 1500, 1] and [1001, 1501, 1]. */
START_TEST(ranges_say_who_the_payload_is_outside)
{
  ids()->uid_map = ids()->gid_map = WIRE_MAP_RANGES;
  if (geteuid() == 0) {
    ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP);
    ck_assert_uint_eq(run.flags & WIRE_RUN_KEEP_CAPS, WIRE_RUN_KEEP_CAPS);
    ck_assert_uint_eq(run.map_uid, 1500);
    ck_assert_uint_eq(run.map_gid, 1501);
    ids()->gid_map = WIRE_MAP_DEFAULT;
    ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP);
    ck_assert_uint_eq(run.map_gid, 65534);
    ids()->gid_map = WIRE_MAP_SELF;
    ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP);
    ck_assert_uint_eq(run.map_gid, getegid());
    set_effective(1u << CAP_SETGID);
    ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP); /* the own group takes no right, but then groups cannot be set */
    ck_assert_uint_eq(run.flags & (WIRE_RUN_DENY_SETGROUPS | WIRE_RUN_SET_GROUPS), WIRE_RUN_DENY_SETGROUPS);
    ids()->gid_map = WIRE_MAP_RANGES;
    set_effective(1u << CAP_SETGID | 1u << CAP_SETUID);
  }
  int rc = styro_spawn_prepare(&runner, plan, &run, &err);
  if (geteuid() == 0) {
    set_effective(0);
  }
  ck_assert_int_eq(rc, STYRO_ESETUP);
  ck_assert_int_eq(err.stage, STYRO_STAGE_IDS);
  ck_assert_str_eq(err.field, "/user/uid_map");
  ck_assert_ptr_nonnull(strstr(err.message, "no CAP_SETUID and CAP_SETGID"));
  ck_assert_ptr_nonnull(strstr(err.hint, "\"uid_map\": [[1000, "));
}
END_TEST

START_TEST(groups_that_must_be_gone)
{
  gid_t old[64];
  const gid_t more[] = {4, 20};
  if (geteuid() != 0) {
    return; /* only root can choose its groups */
  }
  int n = getgroups(64, old);
  ids()->groups = WIRE_GROUPS_EXACT;
  ((struct wire_step_identity *)sample_step(plan->block, WIRE_STEP_IDENTITY))->groups = 0; /* none */
  ck_assert_int_eq(setgroups(2, more), 0);
  ck_assert_uint_eq(modes(), WIRE_RUN_TWO_STEP); /* dropped by the helper before the ids change */
  self_map();
  ck_assert_int_eq(styro_spawn_prepare(&runner, plan, &run, &err), STYRO_ESETUP);
  ck_assert_int_eq(err.stage, STYRO_STAGE_IDENTITY);
  ck_assert_str_eq(err.field, "/user/groups");
  ck_assert_ptr_nonnull(strstr(err.hint, "newgidmap"));
  ck_assert_int_eq(setgroups(0, NULL), 0);
  ck_assert_uint_eq(modes(), 0); /* there is nothing to drop */
  ck_assert_int_eq(setgroups((size_t)n, old), 0);
}
END_TEST

/* ---- mode -------------------------------------------------------------------------------------------------------- */

START_TEST(a_forced_mode_holds)
{
  self_map();
  runner.forced_mode = STYRO_SPAWN_HELPER;
  ck_assert_uint_eq(modes(), WIRE_RUN_HELPER_MODE);
  runner.forced_mode = STYRO_SPAWN_VFORK;
  runner.mode = STYRO_SPAWN_HELPER;
  ck_assert_uint_eq(modes(), 0);
  run.gid_tool_off = 8; /* whatever is forced, a program of the host is called by the helper */
  ck_assert_uint_eq(modes(), WIRE_RUN_HELPER_MODE);
}
END_TEST

START_TEST(a_switched_runner_stays_switched)
{
  self_map();
  runner.mode = STYRO_SPAWN_HELPER;
  ck_assert_uint_eq(modes(), WIRE_RUN_HELPER_MODE);
}
END_TEST

START_TEST(an_undumpable_caller_takes_the_helper)
{
  self_map();
  ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 0), 0);
  uint32_t mode = modes();
  ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
  ck_assert_uint_eq(mode, WIRE_RUN_HELPER_MODE);
}
END_TEST

static void is_refused_at(int stage, const char *words)
{
  ck_assert_int_eq(styro_spawn_prepare(&runner, plan, &run, &err), STYRO_ESPAWN);
  ck_assert_int_eq(err.stage, stage);
  ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
}

static void is_refused(const char *words)
{
  is_refused_at(STYRO_STAGE_JOIN, words);
}

START_TEST(joins_take_the_helper)
{
  styro_plan_free(plan);
  plan = sample_plan();
  self_map();
  ck_assert_uint_eq(modes(), WIRE_RUN_HELPER_MODE);
  runner.forced_mode = STYRO_SPAWN_VFORK;
  is_refused("held to `vfork`");
}
END_TEST

START_TEST(idmaps_take_the_helper)
{
  styro_plan_free(plan);
  plan = sample_plan_with_idmap();
  self_map();
  ck_assert_uint_eq(modes(), WIRE_RUN_HELPER_MODE);
  runner.forced_mode = STYRO_SPAWN_VFORK;
  is_refused_at(STYRO_STAGE_SPAWN, "idmapped mounts are made in the spawn mode `helper`");
  ck_assert_str_eq(err.field, "/paths");
  ck_assert_str_eq(err.hint, "unset STYRO_SPAWN");
}
END_TEST

START_TEST(the_ids_of_joined_users_are_left_to_the_helper)
{
  ids()->uid_map = ids()->gid_map = WIRE_MAP_JOIN;
  ck_assert_uint_eq(modes(), 0);
  ck_assert_uint_eq(run.flags & (WIRE_RUN_JOINED_USER | WIRE_RUN_KEEP_CAPS | WIRE_RUN_OTHER_IDS),
                    WIRE_RUN_JOINED_USER | WIRE_RUN_KEEP_CAPS);
}
END_TEST

START_TEST(offsets_before_linux_6_2_need_an_init)
{
  self_map();
  runner.kernel = 0;
  ck_assert_uint_eq(modes() & WIRE_RUN_HELPER_MODE, 0);
  ((struct wire_plan *)plan->block)->flags = 0;
  is_refused("need Linux 6.2");
  runner.kernel = WIRE_KERNEL_TIME_VM;
  ck_assert_uint_eq(modes() & WIRE_RUN_HELPER_MODE, 0);
}
END_TEST

/* Before Linux 6.2 CLONE_NEWTIME refuses CLONE_VM: unasked it is left out, asked for it takes the helper. */
START_TEST(time_namespaces_by_kernel)
{
  self_map();
  spaces()->clone_flags |= WIRE_CLONE_NEWTIME;
  spaces()->time_default = 1;
  ck_assert_uint_eq(modes(), 0);
  runner.kernel = 0;
  ck_assert_uint_eq(modes(), WIRE_RUN_NO_TIME_NS);
  spaces()->time_default = 0;
  ck_assert_uint_eq(modes(), WIRE_RUN_HELPER_MODE);
  runner.kernel = WIRE_KERNEL_TIME_VM;
  ck_assert_uint_eq(modes(), 0);
  runner.kernel = 0;
  spaces()->clone_flags &= ~WIRE_CLONE_NEWTIME;
  ck_assert_uint_eq(modes(), 0);
}
END_TEST

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

START_TEST(slots_of_the_helper)
{
  const int extra[] = {40, 41};
  const struct styro_launch launch = {.plan_fd = 13,
                                      .run_fd = 14,
                                      .status_fd = 15,
                                      .caller_fd = -1,
                                      .stdio = {10, -1, 12},
                                      .extra = extra,
                                      .extra_n = 2};
  const int from[] = {10, -1, 12, 13, 14, 15, -1, 40, 41};
  struct styro_slot slots[FIXED_SLOTS + 2];
  fill_slots(&launch, slots);
  for (int i = 0; i < FIXED_SLOTS + 2; i++) {
    ck_assert_int_eq(slots[i].from, from[i]);
    ck_assert_int_eq(slots[i].to, i);
  }
}
END_TEST

/* A descriptor that stands where another one is to go moves out of the way; one that is in its place stays. */
START_TEST(descriptors_in_the_way_are_lifted)
{
  int high = fcntl(0, F_DUPFD_CLOEXEC, 50);
  struct styro_slot slots[] = {{0, 0}, {2, 1}, {1, 2}, {-1, 3}, {high, 4}};
  int copies[5];
  ck_assert_int_eq(lift_slots(slots, 5, 5, copies), 0);
  ck_assert_int_eq(slots[0].from, 0);
  ck_assert_int_eq(copies[0], -1);
  for (int i = 1; i < 3; i++) {
    ck_assert_int_ge(copies[i], 5);
    ck_assert_int_eq(slots[i].from, copies[i]);
    ck_assert(fcntl(copies[i], F_GETFD) & FD_CLOEXEC);
    close(copies[i]);
  }
  ck_assert_int_eq(slots[3].from, -1);
  ck_assert_int_eq(slots[4].from, high);
  close(high);
}
END_TEST

/* ---- when to switch ---------------------------------------------------------------------------------------------- */

START_TEST(what_helper_mode_may_still_reach)
{
  const int errors[] = {EPERM, EACCES, ENOSYS, EINVAL};
  const uint32_t calls[] = {WIRE_WHAT_FORK, WIRE_WHAT_MAP_UID, WIRE_WHAT_MAP_GID, WIRE_WHAT_MAP_SETGROUPS};
  struct styro_child child = {.error = 0};
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 4; k++) {
      child.error = errors[i];
      child.what = calls[k];
      runner.forced_mode = -1;
      ck_assert(may_switch(&runner, &child));
      runner.forced_mode = STYRO_SPAWN_VFORK;
      ck_assert(!may_switch(&runner, &child));
    }
  }
  runner.forced_mode = -1;
  child.error = ENOMEM;
  ck_assert(!may_switch(&runner, &child));
  child.error = EPERM;
  child.what = WIRE_WHAT_EXEC;
  ck_assert(!may_switch(&runner, &child));
}
END_TEST

START_TEST(what_the_child_is_told)
{
  const int extra[] = {40};
  const struct styro_launch launch = {.runner = &runner, .plan = plan, .run = &run, .extra = extra, .extra_n = 1};
  struct styro_child child;
  memset(&child, 0, sizeof child);
  run.flags = WIRE_RUN_TWO_STEP | WIRE_RUN_NO_TIME_NS;
  run.map_uid = 65534;
  run.map_gid = 4294967294u;
  spaces()->clone_flags |= WIRE_CLONE_NEWTIME;
  ids()->uid = 0;
  fill_child(&launch, &child);
  ck_assert_str_eq(child.uid_map, "0 65534 1");
  ck_assert_str_eq(child.gid_map, "1001 4294967294 1");
  ck_assert_uint_eq(child.clone_flags, WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS);
  ck_assert(child.two_step && child.capabilities & 1ull << CAP_SYS_ADMIN);
  ck_assert_int_eq(child.top, FIXED_SLOTS + 1);
  run.flags = 0;
  fill_child(&launch, &child);
  ck_assert(!child.two_step && !child.capabilities); /* uid 0 inside keeps its capabilities over the helper's exec */
  ck_assert_uint_eq(child.clone_flags, WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS | WIRE_CLONE_NEWTIME);
  ids()->uid = 5;
  fill_child(&launch, &child);
  ck_assert(child.capabilities & 1ull << CAP_SYS_ADMIN);
}
END_TEST

/* ---- what the child answered ------------------------------------------------------------------------------------- */

static void answered(uint32_t what, int number, int code, int stage, const char *message)
{
  static char path[] = "/usr/libexec/helper";
  const struct styro_launch launch = {.runner = &runner, .plan = plan, .run = &run};
  const struct styro_child child = {.what = what, .error = number};
  runner.path = path;
  ck_assert_int_eq(child_failed(&launch, &child, &err), code);
  ck_assert_int_eq(err.stage, stage);
  ck_assert_int_eq(err.sys_errno, number);
  ck_assert_msg(strstr(err.message, message), "`%s` does not say `%s`", err.message, message);
}

START_TEST(failures_of_the_child)
{
  answered(WIRE_WHAT_EXEC, ENOEXEC, STYRO_EHELPER, STYRO_STAGE_HELPER,
           "the helper cannot be executed: Exec format error");
  ck_assert_str_eq(err.object, "/usr/libexec/helper");
  answered(WIRE_WHAT_FDS, EMFILE, STYRO_ESPAWN, STYRO_STAGE_SPAWN,
           "no descriptor is left for the helper's descriptors");
  answered(WIRE_WHAT_FORK, ENFILE, STYRO_ESPAWN, STYRO_STAGE_SPAWN,
           "no descriptor is left for the helper's descriptors");
  answered(WIRE_WHAT_MAP_SETGROUPS, ENOENT, STYRO_ESETUP, STYRO_STAGE_IDS,
           "cannot write /proc/self/setgroups: No such file or directory");
  answered(WIRE_WHAT_FORK, ENOSPC, STYRO_ESETUP, STYRO_STAGE_SPAWN,
           "cannot start the process: No space left on device");
  ck_assert_ptr_nonnull(strstr(err.hint, "user.max_*_namespaces"));
  answered(WIRE_WHAT_MAP_UID, EPERM, STYRO_ESETUP, STYRO_STAGE_IDS,
           "cannot write the uid map: Operation not permitted");
  answered(WIRE_WHAT_MAP_GID, EPERM, STYRO_ESETUP, STYRO_STAGE_IDS,
           "cannot write the gid map: Operation not permitted");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("spawn");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, the_callers_own_id_under_a_self_map);
  tcase_add_test(cases, a_root_callers_payload_is_65534_outside);
  tcase_add_test(cases, a_root_caller_without_the_capabilities_is_told);
  tcase_add_test(cases, ranges_say_who_the_payload_is_outside);
  tcase_add_test(cases, groups_that_must_be_gone);
  tcase_add_test(cases, joins_take_the_helper);
  tcase_add_test(cases, idmaps_take_the_helper);
  tcase_add_test(cases, the_ids_of_joined_users_are_left_to_the_helper);
  tcase_add_test(cases, offsets_before_linux_6_2_need_an_init);
  tcase_add_test(cases, a_forced_mode_holds);
  tcase_add_test(cases, a_switched_runner_stays_switched);
  tcase_add_test(cases, an_undumpable_caller_takes_the_helper);
  tcase_add_test(cases, time_namespaces_by_kernel);
  tcase_add_test(cases, slots_of_the_helper);
  tcase_add_test(cases, descriptors_in_the_way_are_lifted);
  tcase_add_test(cases, what_helper_mode_may_still_reach);
  tcase_add_test(cases, what_the_child_is_told);
  tcase_add_test(cases, failures_of_the_child);
  suite_add_tcase(suite, cases);
  SRunner *runner_ = srunner_create(suite);
  srunner_run_all(runner_, CK_NORMAL);
  int failed = srunner_ntests_failed(runner_);
  srunner_free(runner_);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
