/*
 * What a run block says about identity and mode before the clone: by the plan, the caller, the runner's mode and the
 * kernel's abilities. The clone itself is the system tests' business.
 */
#include <check.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/spawn.h"
#include "sample_plan.h"

#define MODES (WIRE_RUN_HELPER_MODE | WIRE_RUN_TWO_STEP | WIRE_RUN_NO_TIME_NS)

static styro_plan *plan;
static struct styro_runner runner;
static struct wire_run run;
static styro_error err;

static void setup(void)
{
  plan = sample_plan();
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
  ck_assert_uint_eq(run.flags, WIRE_RUN_WATCH_CALLER); /* what is not about the mode stays */
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
    ck_assert_str_eq(err.field, "/user/uid_map");
    ck_assert_str_eq(err.object, "65534");
    ck_assert_ptr_nonnull(strstr(err.hint, "\"uid_map\": \"self\", \"gid_map\": \"self\""));
  }
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
  ids()->groups_needed = 1;
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

int main(void)
{
  Suite *suite = suite_create("spawn_prepare");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, the_callers_own_id_under_a_self_map);
  tcase_add_test(cases, a_root_callers_payload_is_65534_outside);
  tcase_add_test(cases, a_root_caller_without_the_capabilities_is_told);
  tcase_add_test(cases, groups_that_must_be_gone);
  tcase_add_test(cases, a_forced_mode_holds);
  tcase_add_test(cases, a_switched_runner_stays_switched);
  tcase_add_test(cases, an_undumpable_caller_takes_the_helper);
  tcase_add_test(cases, time_namespaces_by_kernel);
  suite_add_tcase(suite, cases);
  SRunner *runner_ = srunner_create(suite);
  srunner_run_all(runner_, CK_NORMAL);
  int failed = srunner_ntests_failed(runner_);
  srunner_free(runner_);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
