/* What Landlock is told: which parts, which places with which rights, ports and scopes; and when path rules are the default. */
#include <stdio.h>
#include <string.h>

#include "lib/plan_steps.h"
#include "lib/request.h"
#include "outline.h"
#include "test_program.h"

#define OWN "use /dev\nall /dev/shm\nuse /proc\nall /tmp\nall /home/sandbox\n"

static styro_plan *plan;

static void teardown(void)
{
  styro_plan_free(plan);
  plan = NULL;
}

static void make(const char *members)
{
  styro_plan_free(plan);
  plan = compiled(members);
}

static const char *word(uint64_t access)
{
  return access == WIRE_LL_ALL ? "all" : access == WIRE_LL_USE ? "use" : access == WIRE_LL_READ ? "read" : "?";
}

static const char *place_of(const struct wire_step *step)
{
  const struct wire_target *target = wire_step_target(step);
  return target ? wire_str(plan->block, target->path) : "";
}

/* All of Landlock's steps, a line each. */
static const char *rules(void)
{
  static char text[8192];
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  size_t len = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_step_landlock_part *part = (const void *)step;
    const struct wire_step_landlock_place *place = (const void *)step;
    const struct wire_step_landlock_port *port = (const void *)step;
    size_t room = sizeof text - len;
    int n = 0;
    switch (step->code) {
    case WIRE_STEP_LANDLOCK_PART:
      n = snprintf(text + len, room, "%s %#llx%s%s\n", styro_landlock_part_name(step), (unsigned long long)part->access,
                   step->flags & WIRE_DEFAULTED ? " by default" : "", step->best_effort ? " at best" : "");
      break;
    case WIRE_STEP_LANDLOCK_PLACE:
      n = snprintf(text + len, room, "%s %s\n", word(place->access), place_of(step));
      break;
    case WIRE_STEP_LANDLOCK_PORT:
      n = snprintf(text + len, room, "%s %u\n", port->access == WIRE_LL_BIND_TCP ? "bind" : "connect", port->port);
      break;
    case WIRE_STEP_LANDLOCK: n = snprintf(text + len, room, "hold\n"); break;
    default: break;
    }
    len += (size_t)n;
  }
  return text;
}

static void tells(const char *members, const char *expected)
{
  make(members);
  ck_assert_msg(strcmp(rules(), expected) == 0, "%s:\n%s", members, rules());
}

#define FILES "files 0xbff2 by default\n"

START_TEST(by_default_what_mounts_let_be_written)
{
  tells("", FILES OWN "hold\n");
  tells(
      "\"paths\": {\"/in\": \"ro\", \"/out\": \"rw\", \"/no\": \"deny\", \"/t\": \"tmpfs\", \"/maybe\": {\"access\": \"rw\", "
      "\"optional\": true}}",
      FILES OWN "all /out\nall /t\nall /maybe\nhold\n");
  tells("\"root\": \"empty\"", FILES OWN "hold\n");
}
END_TEST

START_TEST(what_a_rule_stands_over_is_no_place_of_the_sandbox)
{
  tells("\"paths\": {\"/tmp\": \"ro\", \"/home\": \"ro\"}", FILES "use /dev\nall /dev/shm\nuse /proc\nhold\n");
  tells("\"paths\": {\"/tmp/x\": \"ro\"}", FILES OWN "hold\n");
  tells("\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/tmp\"}]",
        FILES "use /dev\nall /dev/shm\nuse /proc\nall /home/sandbox\nall /tmp\nhold\n");
}
END_TEST

START_TEST(roots)
{
  tells("\"root\": {\"directory\": \"/srv\"}", FILES "use /dev\nall /dev/shm\nuse /proc\nall /tmp\nall /home\nhold\n");
  tells("\"root\": {\"directory\": \"/srv\", \"writable\": true}, \"paths\": {\"/x\": \"rw\"}", FILES "all /\nhold\n");
  tells("\"root\": {\"directory\": \"/srv\", \"writable\": \"discard\"}", FILES "all /\nhold\n");
  tells("\"root\": {\"overlay\": {\"lower\": [\"/l\"], \"upper\": \"/u\", \"work\": \"/w\"}}", FILES "all /\nhold\n");
  tells("\"root\": {\"overlay\": {\"lower\": [\"/l\", \"/m\"]}}",
        FILES "use /dev\nall /dev/shm\nuse /proc\nall /tmp\nall /home\nhold\n");
}
END_TEST

START_TEST(entries_of_the_list)
{
  tells(
      "\"mounts\": [{\"type\": \"bind\", \"at\": \"/ro\", \"from\": \"/h\"}, "
      "{\"type\": \"bind\", \"at\": \"/rw\", \"from\": \"/h\", \"access\": \"rw\"}, "
      "{\"type\": \"bind\", \"at\": \"/d\", \"from\": \"/dev/null\", \"access\": \"dev\"}, "
      "{\"type\": \"tmpfs\", \"at\": \"/t\"}, {\"type\": \"dir\", \"at\": \"/t/made\"}, "
      "{\"type\": \"devpts\", \"at\": \"/pts\"}, {\"type\": \"mqueue\", \"at\": \"/q\"}, {\"type\": \"sysfs\", \"at\": \"/sys\"}, "
      "{\"type\": \"cgroup\", \"at\": \"/g\", \"access\": \"rw\"}, {\"type\": \"proc\", \"at\": \"/p\"}, "
      "{\"type\": \"dev\", \"at\": \"/t/dev\"}]",
      FILES OWN "all /rw\nall /d\nall /t\nuse /pts\nall /q\nall /g\nuse /p\nuse /t/dev\nall /t/dev/shm\nhold\n");
}
END_TEST

START_TEST(what_entries_become_and_what_covers_them)
{
  tells(
      "\"mounts\": [{\"type\": \"bind\", \"at\": \"/a\", \"from\": \"/h\"}, {\"type\": \"remount\", \"at\": \"/a\", \"access\": \"rw\"}, "
      "{\"type\": \"bind\", \"at\": \"/b\", \"from\": \"/h\", \"access\": \"rw\"}, {\"type\": \"remount\", \"at\": \"/b\", \"access\": "
      "\"ro\"}, {\"type\": \"tmpfs\", \"at\": \"/c\"}, {\"type\": \"bind\", \"at\": \"/c\", \"from\": \"/h\"}, "
      "{\"type\": \"tmpfs\", \"at\": \"/d\"}], \"paths\": {\"/d\": \"ro\"}",
      FILES OWN "all /a\nhold\n");
  tells("\"mounts\": [{\"type\": \"bind\", \"at\": \"/a\", \"from\": \"/h\", \"access\": \"dev\"}, "
        "{\"type\": \"remount\", \"at\": \"/a\", \"access\": \"ro\"}]",
        FILES OWN "use /a\nhold\n"); /* as the kernel has it: only files of the file system itself are read-only */
}
END_TEST

START_TEST(what_may_be_absent_covers_nothing)
{
  tells("\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/a\"}, {\"type\": \"bind\", \"at\": \"/a\", \"from\": \"/h\", "
        "\"optional\": true}, {\"type\": \"tmpfs\", \"at\": \"/b\"}], "
        "\"paths\": {\"/b\": {\"access\": \"ro\", \"optional\": true}}",
        FILES OWN "all /a\nall /b\nhold\n");
}
END_TEST

/* A ruleset and its places are descriptors. */
START_TEST(rules_come_before_a_limit_on_descriptors)
{
  make("\"rlimits\": {\"nofile\": 3}");
  const struct wire_plan *block = plan->block;
  uint32_t limit = 0, last = 0, number = 0;
  const struct wire_step *step = wire_step_first(block);
  for (; number < block->steps_n; number++, step = wire_step_next(step)) {
    limit = step->code == WIRE_STEP_RLIMIT ? number : limit;
    last = step->code == WIRE_STEP_LANDLOCK_PLACE ? number : last;
  }
  ck_assert_uint_gt(last, 0);
  ck_assert_uint_gt(limit, last);
}
END_TEST

START_TEST(asked_for_by_name)
{
  tells("\"security\": {\"landlock\": true}", "files 0xffff\nread /\n" OWN "hold\n");
  tells("\"security\": {\"landlock\": {\"paths\": true}}, \"best_effort\": [\"landlock\"]",
        "files 0xffff at best\nread /\n" OWN "hold\n");
  tells("\"security\": {\"landlock\": false}", "");
  ck_assert(!(plan->promises->enforced >> STYRO_LANDLOCK_PATHS & 1));
}
END_TEST

START_TEST(ports_and_scopes)
{
  tells("\"security\": {\"landlock\": {\"paths\": false, \"tcp_bind\": [], \"tcp_connect\": [443, 0, 65535]}}",
        "TCP ports 0x1\nTCP ports 0x2\nconnect 443\nconnect 0\nconnect 65535\nhold\n");
  ck_assert(plan->promises->enforced >> STYRO_LANDLOCK_NETWORK & 1);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_SECCOMP), 2); /* of the ports and of the request */
  ck_assert(!(plan->promises->enforced >> STYRO_LANDLOCK_SCOPES & 1));
  tells("\"security\": {\"landlock\": {\"paths\": false, \"scopes\": [\"signals\"]}}", "scopes 0x2\nhold\n");
  tells("\"security\": {\"landlock\": {\"paths\": false, \"scopes\": [\"abstract_unix\", \"signals\"]}}, "
        "\"best_effort\": [\"landlock_scopes\"]",
        "scopes 0x3 at best\nhold\n");
  ck_assert(plan->promises->enforced >> STYRO_LANDLOCK_SCOPES & 1);
  tells("\"security\": {\"landlock\": {\"paths\": false, \"scopes\": []}}", "");
}
END_TEST

/* With them nobody changes a mount, and so they are no default for who may. */
START_TEST(no_default_where_it_takes_something_away)
{
  static const struct {
    const char *members;
    bool on;
  } rows[] = {
      {"\"security\": {\"capabilities\": [\"sys_admin\"]}", true}, /* the profile refuses the calls */
      {"\"security\": {\"capabilities\": [\"sys_admin\"], \"seccomp\": \"none\"}", false},
      {"\"security\": {\"capabilities\": {\"bounding\": [\"sys_admin\"]}, \"seccomp\": {\"allow\": [\"mount\"]}}",
       false},
      {"\"security\": {\"capabilities\": [\"net_raw\"], \"seccomp\": \"none\"}", true},
      {"\"security\": {\"seccomp\": \"none\"}", true}, /* the limit on nested user namespaces holds */
      {"\"namespaces\": {\"user\": \"host\"}", true},
      {"\"namespaces\": {\"ipc\": \"host\"}", false}, /* its message queues are the payload's as well */
      {"\"namespaces\": {\"user\": \"host\"}, \"security\": {\"seccomp\": \"none\"}, \"best_effort\": "
       "[\"nested_user_namespaces\"]",
       false},
      {"\"security\": {\"capabilities\": [\"sys_admin\"], \"seccomp\": \"none\", \"landlock\": true}", true},
  };
  char members[512];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    snprintf(members, sizeof members, "\"init\": false, %s", rows[i].members);
    make(members);
    ck_assert_msg((plan->promises->enforced >> STYRO_LANDLOCK_PATHS & 1) == rows[i].on, "%s", rows[i].members);
    ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LANDLOCK), rows[i].on);
    ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LANDLOCK_QUEUES), rows[i].on);
  }
}
END_TEST

int main(void)
{
  static const struct test_program program = {.name = "compile_landlock", .teardown = teardown};
  const TTest *const tests[] = {by_default_what_mounts_let_be_written,
                                what_a_rule_stands_over_is_no_place_of_the_sandbox,
                                roots,
                                entries_of_the_list,
                                what_entries_become_and_what_covers_them,
                                what_may_be_absent_covers_nothing,
                                rules_come_before_a_limit_on_descriptors,
                                asked_for_by_name,
                                ports_and_scopes,
                                no_default_where_it_takes_something_away};
  return test_program_run(&program, tests, TESTS_N(tests));
}
