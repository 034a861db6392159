/*
 * Namespaces and ids, as compile_identity.c alone appends them: each namespace by its own word, which field each step
 * stands for, what best_effort reaches, and memory that runs out.
 */
#include <stdio.h>
#include <string.h>

#include "compile_part.h"
#include "test_program.h"

static const struct wire_step_namespaces *spaces;
static const struct wire_step_map_ids *ids;
static char joined[512]; /* the outline of what stands before both */

static void namespaces_of(const char *members)
{
  part_begin(members);
  styro_compile_namespaces(&part);
  const char *outline = part_outline();
  const char *made = strstr(outline, "namespaces /namespaces");
  ck_assert_str_eq(made, "namespaces /namespaces\nmap ids /user/uid_map\n");
  snprintf(joined, sizeof joined, "%.*s", (int)(made - outline), outline);
  uint32_t first = part.builder.steps_n - 2;
  spaces = part_step(first, WIRE_STEP_NAMESPACES);
  ids = part_step(first + 1, WIRE_STEP_MAP_IDS);
}

static const char *identity_of(const char *members)
{
  part_begin(members);
  styro_compile_identity(&part);
  return part_outline();
}

/* ---- namespaces and maps ----------------------------------------------------------------------------------------- */

#define ALL                                                                                              \
  (WIRE_CLONE_NEWNS | WIRE_CLONE_NEWPID | WIRE_CLONE_NEWIPC | WIRE_CLONE_NEWUTS | WIRE_CLONE_NEWCGROUP | \
   WIRE_CLONE_NEWTIME | WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNET)

/* Straight from the struct, so that no rule about what goes with what hides a flag that is read from another word. */
START_TEST(each_word_has_its_own_flag)
{
  const struct {
    int space;
    uint64_t flag;
  } rows[] = {
      {STYRO_NS_MOUNT, WIRE_CLONE_NEWNS},  {STYRO_NS_PID, WIRE_CLONE_NEWPID},       {STYRO_NS_IPC, WIRE_CLONE_NEWIPC},
      {STYRO_NS_UTS, WIRE_CLONE_NEWUTS},   {STYRO_NS_CGROUP, WIRE_CLONE_NEWCGROUP}, {STYRO_NS_TIME, WIRE_CLONE_NEWTIME},
      {STYRO_NS_USER, WIRE_CLONE_NEWUSER},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct styro_fields fields;
    part_begin("");
    fields = *part.fields;
    fields.namespaces[rows[i].space] = STYRO_NS_HOST;
    part.fields = &fields;
    styro_compile_namespaces(&part);
    spaces = part_step(0, WIRE_STEP_NAMESPACES);
    ck_assert_uint_eq(spaces->clone_flags, ALL & ~rows[i].flag);
  }
  namespaces_of("\"network\": \"host\"");
  ck_assert_uint_eq(spaces->clone_flags, ALL & ~WIRE_CLONE_NEWNET);
}
END_TEST

START_TEST(the_time_namespace_by_default_and_by_name)
{
  namespaces_of("");
  ck_assert_str_eq(joined, "");
  ck_assert_uint_eq(spaces->time_default, 1);
  ck_assert_uint_eq(spaces->reserved, 0);
  namespaces_of("\"namespaces\": {\"time\": \"new\"}");
  ck_assert_uint_eq(spaces->time_default, 0);
  ck_assert_uint_eq(spaces->clone_flags, ALL);
}
END_TEST

START_TEST(the_two_maps_are_two_words)
{
  namespaces_of("\"user\": {\"uid_map\": \"self\"}");
  ck_assert_uint_eq(ids->uid_map, WIRE_MAP_SELF);
  ck_assert_uint_eq(ids->gid_map, WIRE_MAP_DEFAULT);
  namespaces_of("\"user\": {\"gid_map\": \"self\", \"gid\": 7}");
  ck_assert_uint_eq(ids->uid_map, WIRE_MAP_DEFAULT);
  ck_assert_uint_eq(ids->gid_map, WIRE_MAP_SELF);
  ck_assert_uint_eq(ids->uid, 1000);
  ck_assert_uint_eq(ids->gid, 7);
  ck_assert_uint_eq(ids->groups, WIRE_GROUPS_DROP);
  namespaces_of("\"user\": {\"groups\": []}");
  ck_assert_uint_eq(ids->groups, WIRE_GROUPS_EXACT);
  namespaces_of("\"user\": {\"groups\": \"keep\", \"setgroups\": \"deny\"}");
  ck_assert_uint_eq(ids->groups, WIRE_GROUPS_KEEP);
  ck_assert_uint_eq(ids->setgroups, WIRE_SETGROUPS_DENY);
  namespaces_of("\"user\": {\"uid_map\": \"subuid\", \"gid_map\": [[0, 5, 2000]], \"setgroups\": \"allow\"}");
  ck_assert_uint_eq(ids->uid_map, WIRE_MAP_SUBORDINATE);
  ck_assert_uint_eq(ids->gid_map, WIRE_MAP_RANGES);
  ck_assert_uint_eq(ids->setgroups, WIRE_SETGROUPS_ALLOW);
}
END_TEST

START_TEST(a_joined_namespace_is_not_made)
{
  namespaces_of(
      "\"namespaces\": {\"ipc\": {\"join\": \"/i\"}, \"mount\": {\"join\": 7}}, \"network\": {\"join\": \"/n\"}");
  ck_assert_uint_eq(spaces->clone_flags, ALL & ~(WIRE_CLONE_NEWIPC | WIRE_CLONE_NEWNET)); /* its mounts are copied */
  ck_assert_str_eq(joined, "join /namespaces/ipc/join\njoin /network/join\njoin /namespaces/mount/join\n");
  ck_assert_uint_eq(ids->uid_map, WIRE_MAP_DEFAULT);
  namespaces_of("\"namespaces\": {\"user\": {\"join\": \"/u\"}}, \"user\": {\"uid\": 0, \"gid\": 0}");
  ck_assert_uint_eq(spaces->clone_flags, ALL & ~WIRE_CLONE_NEWUSER);
  ck_assert_uint_eq(ids->uid_map, WIRE_MAP_JOIN);
  ck_assert_uint_eq(ids->gid_map, WIRE_MAP_JOIN);
}
END_TEST

START_TEST(a_time_namespace_with_offsets_is_made_later)
{
  namespaces_of("\"namespaces\": {\"time\": {\"boottime\": \"1h\"}}");
  ck_assert_uint_eq(spaces->clone_flags, ALL & ~WIRE_CLONE_NEWTIME);
  ck_assert_str_eq(
      identity_of("\"network\": \"host\", \"namespaces\": {\"uts\": \"host\", \"time\": {\"monotonic\": -1}}"),
      "clocks /namespaces/time\nidentity /user/uid\n");
  const struct wire_step_clocks *clocks = part_step(0, WIRE_STEP_CLOCKS);
  ck_assert_int_eq(clocks->monotonic, -1000000000);
  ck_assert_int_eq(clocks->boottime, 0);
}
END_TEST

/* ---- identity ---------------------------------------------------------------------------------------------------- */

START_TEST(steps_by_what_there_is_to_set)
{
  ck_assert_str_eq(identity_of(""), "hostname /namespaces/uts/hostname\nloopback /network\nidentity /user/uid\n");
  ck_assert_str_eq(identity_of("\"network\": \"host\""), "hostname /namespaces/uts/hostname\nidentity /user/uid\n");
  ck_assert_str_eq(identity_of("\"network\": \"host\", \"namespaces\": {\"uts\": \"host\"}"), "identity /user/uid\n");
  ck_assert_str_eq(identity_of("\"oom_score_adj\": 0, \"network\": \"host\", \"namespaces\": {\"uts\": \"host\"}"),
                   "oom score /oom_score_adj\nidentity /user/uid\n"); /* 0 by name: it may differ from the caller's */
}
END_TEST

START_TEST(a_name_and_what_best_effort_reaches)
{
  const struct wire_step_hostname *name;
  ck_assert_str_eq(identity_of("\"namespaces\": {\"uts\": {\"hostname\": \"b\"}}, \"best_effort\": [\"hostname\"]"),
                   "hostname /namespaces/uts/hostname best effort: hostname\nloopback /network\nidentity /user/uid\n");
  name = part_step(0, WIRE_STEP_HOSTNAME);
  ck_assert_str_eq(part_text(name->name), "b");
  identity_of("");
  name = part_step(0, WIRE_STEP_HOSTNAME);
  ck_assert_str_eq(part_text(name->name), "sandbox");
}
END_TEST

START_TEST(numbers_at_their_borders)
{
  identity_of("\"user\": {\"uid\": 4294967294, \"gid\": 0}, \"oom_score_adj\": -1000");
  const struct wire_step_number *score = part_step(2, WIRE_STEP_OOM_SCORE);
  const struct wire_step_identity *who = part_step(3, WIRE_STEP_IDENTITY);
  ck_assert_int_eq(score->value, -1000);
  ck_assert_uint_eq(who->uid, 4294967294u);
  ck_assert_uint_eq(who->gid, 0);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int append(struct styro_compile *c)
{
  styro_compile_namespaces(c);
  styro_compile_identity(c);
  return 0;
}

START_TEST(memory_may_run_out_anywhere)
{
  part_begin("\"oom_score_adj\": 1");
  part_memory(append);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "compile_identity", .teardown = part_end};
  const TTest *const tests[] = {
      each_word_has_its_own_flag,          the_time_namespace_by_default_and_by_name,
      the_two_maps_are_two_words,          a_joined_namespace_is_not_made,
      steps_by_what_there_is_to_set,       a_time_namespace_with_offsets_is_made_later,
      a_name_and_what_best_effort_reaches, numbers_at_their_borders,
      memory_may_run_out_anywhere,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
