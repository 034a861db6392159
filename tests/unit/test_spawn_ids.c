/*
 * core/lib/spawn_ids.c: what a run's maps and groups become for callers of every kind: flags and ids of the run block, or
 * an error that names what is missing. Capabilities and groups are the test's own.
 *
 * build: -Wl,--wrap=syscall,--wrap=getgroups
 */
#include <check.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/spawn_ids.h"
#include "sample_plan.h"
#include "test_program.h"

#define BIT_OF(name) (1u << CAP_##name)
#define ALL UINT32_MAX
#define MAPS (WIRE_RUN_TWO_STEP | WIRE_RUN_KEEP_CAPS)

long __wrap_syscall(long number, ...);
int __wrap_getgroups(int n, gid_t *groups);

static uint32_t capabilities;
static int groups_n;

/* Nothing but capget(2) is called by number in what is tested here. */
long __wrap_syscall(long number, ...)
{
  va_list args;
  va_start(args, number);
  (void)va_arg(args, void *);
  struct __user_cap_data_struct *data = va_arg(args, struct __user_cap_data_struct *);
  va_end(args);
  ck_assert_int_eq(number, SYS_capget);
  data[0].effective = capabilities;
  return 0;
}

int __wrap_getgroups(int n, gid_t *groups)
{
  for (int i = 0; i < n; i++) {
    groups[i] = 0;
  }
  return groups_n;
}

static styro_plan *plan;
static struct wire_step_map_ids *ids;
static styro_error err;
static struct {
  struct wire_run run;
  char texts[256];
} block;

static void caller(uint32_t uid, uint32_t held)
{
  memset(&block, 0, sizeof block);
  block.run.caller_uid = block.run.map_uid = uid;
  block.run.caller_gid = block.run.map_gid = uid;
  capabilities = held;
  err = (styro_error){.size = sizeof err};
}

/* The sample has uid 1000 and gid 1001, ranges of one id for both, and the groups 10 and 20. */
static void setup(void)
{
  plan = sample_plan_to_spawn();
  ids = sample_step(plan->block, WIRE_STEP_MAP_IDS);
  groups_n = 0;
  caller(1500, 0);
}

static void teardown(void)
{
  styro_plan_free(plan);
}

static void maps(uint32_t uid_map, uint32_t gid_map)
{
  ids->uid_map = uid_map;
  ids->gid_map = gid_map;
}

/* Maps of subordinate ids, by tools or not. */
static void subordinate(const char *uid_map, const char *gid_map, bool tools)
{
  size_t at = offsetof(typeof(block), texts);
  strcpy(block.texts, uid_map);
  strcpy(block.texts + 100, gid_map);
  strcpy(block.texts + 200, "/usr/bin/tool");
  maps(WIRE_MAP_SUBORDINATE, WIRE_MAP_SUBORDINATE);
  block.run.uid_map_off = (uint32_t)at;
  block.run.gid_map_off = (uint32_t)at + 100;
  block.run.uid_tool_off = block.run.gid_tool_off = tools ? (uint32_t)at + 200 : 0;
}

static void decides(uint32_t flags, uint32_t uid, uint32_t gid)
{
  int rc = styro_spawn_ids(plan, &block.run, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  ck_assert_msg(block.run.flags == flags, "%#x instead of %#x", block.run.flags, flags);
  ck_assert_uint_eq(block.run.map_uid, uid);
  ck_assert_uint_eq(block.run.map_gid, gid);
}

static void refuses(int stage, int number, const char *field, const char *message, const char *hint)
{
  ck_assert_int_eq(styro_spawn_ids(plan, &block.run, &err), STYRO_ESETUP);
  ck_assert_int_eq(err.stage, stage);
  ck_assert_int_eq(err.sys_errno, number);
  ck_assert_str_eq(err.field, field);
  ck_assert_msg(strstr(err.message, message) != NULL, "%s", err.message);
  ck_assert_msg(strstr(err.hint, hint) != NULL, "%s", err.hint);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

START_TEST(own_ids_take_no_right)
{
  decides(WIRE_RUN_DENY_SETGROUPS, 1500, 1500);
  caller(1500, 0);
  maps(WIRE_MAP_SELF, WIRE_MAP_SELF);
  decides(WIRE_RUN_DENY_SETGROUPS, 1500, 1500);
  caller(0, ALL);
  decides(WIRE_RUN_DENY_SETGROUPS, 0, 0);
  caller(1500, 0); /* the sample's ranges say just that */
  block.run.caller_gid = block.run.map_gid = 1501;
  maps(WIRE_MAP_RANGES, WIRE_MAP_RANGES);
  decides(WIRE_RUN_DENY_SETGROUPS, 1500, 1501);
  ck_assert(!styro_spawn_ids_by_helper(&block.run));
}
END_TEST

START_TEST(a_root_callers_default)
{
  caller(0, BIT_OF(SETUID) | BIT_OF(SETGID));
  decides(WIRE_RUN_TWO_STEP | WIRE_RUN_SET_GROUPS, 65534, 65534);
  caller(0, BIT_OF(SETUID) | BIT_OF(SETFCAP));
  refuses(STYRO_STAGE_IDS, EPERM, "/user/gid_map", "mapped to id 65534, and this caller has no CAP_SETGID",
          "\"uid_map\": \"self\"");
  caller(0, BIT_OF(SETFCAP));
  refuses(STYRO_STAGE_IDS, EPERM, "/user/uid_map", "this caller has no CAP_SETUID and CAP_SETGID",
          "\"uid_map\": \"self\"");
  caller(0, BIT_OF(SETGID));
  refuses(STYRO_STAGE_IDS, EPERM, "/user/uid_map", "this caller has no CAP_SETUID", "there is no other way as uid 0");
}
END_TEST

START_TEST(ranges_take_the_right_of_their_side)
{
  caller(0, BIT_OF(SETUID) | BIT_OF(SETGID));
  maps(WIRE_MAP_RANGES, WIRE_MAP_RANGES);
  decides(MAPS | WIRE_RUN_SET_GROUPS, 1500, 1501);
  caller(7, BIT_OF(SETGID));
  maps(WIRE_MAP_SELF, WIRE_MAP_RANGES);
  decides(MAPS | WIRE_RUN_SET_GROUPS, 7, 1501);
  caller(7, BIT_OF(SETUID));
  maps(WIRE_MAP_RANGES, WIRE_MAP_SELF);
  decides(MAPS | WIRE_RUN_DENY_SETGROUPS, 1500, 7);
  caller(7, BIT_OF(SETUID));
  maps(WIRE_MAP_RANGES, WIRE_MAP_RANGES);
  refuses(STYRO_STAGE_IDS, EPERM, "/user/gid_map",
          "the maps name other ids than the caller's own, and this caller has no CAP_SETGID",
          "call as root, or map only the caller's own ids: \"uid_map\": [[1000, 7, 1]], \"gid_map\": [[1001, 7, 1]]");
  caller(0, BIT_OF(SETGID) | BIT_OF(SETFCAP));
  refuses(STYRO_STAGE_IDS, EPERM, "/user/uid_map", "has no CAP_SETUID",
          "give this container the capability, or map only");
}
END_TEST

/* Since Linux 5.12, and for the uid map alone. */
START_TEST(the_hosts_0_takes_a_right_of_its_own)
{
  maps(WIRE_MAP_SELF, WIRE_MAP_SELF);
  caller(0, BIT_OF(SETUID) | BIT_OF(SETGID));
  refuses(STYRO_STAGE_IDS, EPERM, "/user/uid_map", "names id 0 of the host, and this caller has no CAP_SETFCAP",
          "leave the map out");
  caller(0, BIT_OF(SETUID));
  refuses(STYRO_STAGE_IDS, EPERM, "/user/uid_map", "no CAP_SETFCAP",
          "give this container the capability, or call as another user");
  caller(0, BIT_OF(SETUID) | BIT_OF(SETGID));
  subordinate("0 100000 5\n1000 0 1\n", "1001 0 1\n", false);
  refuses(STYRO_STAGE_IDS, EPERM, "/user/uid_map", "no CAP_SETFCAP", "leave the map out");
  caller(0, BIT_OF(SETUID) | BIT_OF(SETGID));
  maps(WIRE_MAP_DEFAULT, WIRE_MAP_SELF);
  decides(WIRE_RUN_TWO_STEP | WIRE_RUN_SET_GROUPS, 65534, 0);
}
END_TEST

START_TEST(subordinate_ids)
{
  subordinate("0 100000 1000\n1000 1500 1\n", "0 200000 2000\n", true);
  decides(MAPS | WIRE_RUN_SET_GROUPS, 1500, 201001);
  ck_assert(styro_spawn_ids_by_helper(&block.run));
  ck_assert_str_eq(styro_spawn_uid_map(plan, &block.run), "0 100000 1000\n1000 1500 1\n");
  caller(0, BIT_OF(SETUID) | BIT_OF(SETGID));
  subordinate("0 300000 65536\n", "0 400000 65536\n", false);
  decides(MAPS | WIRE_RUN_SET_GROUPS, 301000, 401001);
  ck_assert(!styro_spawn_ids_by_helper(&block.run));
  caller(1500, 0); /* one side by a tool; the other is the own group, under which groups stay */
  subordinate("0 100000 1000\n1000 1500 1\n", "", true);
  ids->gid_map = WIRE_MAP_DEFAULT;
  block.run.gid_map_off = block.run.gid_tool_off = 0;
  decides(MAPS | WIRE_RUN_DENY_SETGROUPS, 1500, 1500);
  ck_assert(styro_spawn_ids_by_helper(&block.run));
}
END_TEST

START_TEST(too_few_subordinate_ids)
{
  caller(0, ALL);
  subordinate("0 300000 1000\n", "0 400000 65536\n", false);
  refuses(STYRO_STAGE_IDS, EINVAL, "/user/uid_map", "too few subordinate ids to map 1000 inside", "a larger range");
  caller(0, ALL);
  subordinate("0 300000 65536\n", "0 400000 1001\n", false);
  refuses(STYRO_STAGE_IDS, EINVAL, "/user/gid_map", "too few subordinate ids to map 1001 inside", "a larger range");
}
END_TEST

START_TEST(the_hosts_user_namespace)
{
  const uint32_t needed = BIT_OF(SYS_ADMIN) | BIT_OF(SETUID) | BIT_OF(SETGID) | BIT_OF(SETPCAP);
  maps(WIRE_MAP_HOST, WIRE_MAP_HOST);
  caller(0, needed);
  decides(WIRE_RUN_HOST_USER | WIRE_RUN_KEEP_CAPS | WIRE_RUN_SET_GROUPS, 1000, 1001);
  caller(0, needed & ~BIT_OF(SETPCAP));
  refuses(STYRO_STAGE_IDS, EPERM, "/namespaces/user", "this caller has not all of CAP_SYS_ADMIN", "call as root");
}
END_TEST

/* ---- groups ------------------------------------------------------------------------------------------------------ */

START_TEST(setgroups_as_a_word)
{
  ids->setgroups = WIRE_SETGROUPS_ALLOW;
  refuses(STYRO_STAGE_IDS, EPERM, "/user/setgroups", "which the kernel refuses under a gid map of the caller's own id",
          "subuid");
  caller(0, ALL);
  decides(WIRE_RUN_TWO_STEP | WIRE_RUN_SET_GROUPS, 65534, 65534);
  ids->setgroups = WIRE_SETGROUPS_DENY;
  caller(0, ALL);
  decides(WIRE_RUN_TWO_STEP | WIRE_RUN_DENY_SETGROUPS, 65534, 65534); /* there is none to drop */
  groups_n = 2;
  caller(0, ALL);
  decides(WIRE_RUN_TWO_STEP | WIRE_RUN_DENY_SETGROUPS | WIRE_RUN_DROP_FIRST, 65534, 65534);
  ck_assert(styro_spawn_ids_by_helper(&block.run));
  caller(1500, 0); /* listed as staying */
  decides(WIRE_RUN_DENY_SETGROUPS, 1500, 1500);
}
END_TEST

START_TEST(groups_that_are_kept)
{
  groups_n = 2;
  ids->groups = WIRE_GROUPS_KEEP;
  decides(WIRE_RUN_DENY_SETGROUPS, 1500, 1500);
  caller(0, ALL);
  decides(WIRE_RUN_TWO_STEP, 65534, 65534);
  ids->setgroups = WIRE_SETGROUPS_DENY;
  caller(0, ALL);
  decides(WIRE_RUN_TWO_STEP | WIRE_RUN_DENY_SETGROUPS, 65534, 65534);
}
END_TEST

START_TEST(groups_that_are_listed)
{
  ids->groups = WIRE_GROUPS_EXACT;
  subordinate("0 100000 2000\n", "0 200000 2000\n", true);
  decides(MAPS | WIRE_RUN_SET_GROUPS, 101000, 201001);
  caller(1500, 0);
  subordinate("0 100000 2000\n", "0 200000 15\n1001 1500 1\n", true);
  refuses(STYRO_STAGE_IDS, EINVAL, "/user/groups", "too few subordinate ids to map 20 inside", "a larger range");
  caller(1500, 0);
  maps(WIRE_MAP_SELF, WIRE_MAP_SELF);
  refuses(STYRO_STAGE_IDENTITY, EPERM, "/user/groups", "cannot be set or dropped under a map of its own id",
          "newgidmap");
  ids->setgroups = WIRE_SETGROUPS_DENY;
  caller(0, ALL);
  refuses(STYRO_STAGE_IDENTITY, EPERM, "/user/groups", "where `user.setgroups` denies it", "leave out user.setgroups");
}
END_TEST

START_TEST(idmaps_take_rights_in_the_first_user_namespace)
{
  const uint32_t held = BIT_OF(SYS_ADMIN) | BIT_OF(SETUID) | BIT_OF(SETGID);
  styro_plan_free(plan);
  plan = sample_plan();
  ids = sample_step(plan->block, WIRE_STEP_MAP_IDS);
  maps(WIRE_MAP_SELF, WIRE_MAP_SELF);
  caller(1500, held);
  decides(WIRE_RUN_DENY_SETGROUPS, 1500, 1500);
  const uint32_t each[] = {BIT_OF(SYS_ADMIN), BIT_OF(SETUID), BIT_OF(SETGID)};
  for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
    caller(1500, held & ~each[i]);
    refuses(STYRO_STAGE_IDS, EPERM, "/paths", "this caller has not all", "leave `idmap` out");
  }
}
END_TEST

int main(void)
{
  static const struct test_program program = {.name = "spawn_ids", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      own_ids_take_no_right,
      a_root_callers_default,
      ranges_take_the_right_of_their_side,
      the_hosts_0_takes_a_right_of_its_own,
      subordinate_ids,
      too_few_subordinate_ids,
      the_hosts_user_namespace,
      setgroups_as_a_word,
      groups_that_are_kept,
      groups_that_are_listed,
      idmaps_take_rights_in_the_first_user_namespace,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
