/* The order of steps, what a run starts from, the promises, ids, process and security: what requests compile to. */
#include <check.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "counting_alloc.h"
#include "lib/builder.h"
#include "outline.h"

#define BIT(protection) (1ull << (protection))

static styro_plan *plan;

static void make(const char *members)
{
  styro_plan_free(plan);
  plan = compiled(members);
}

static void setup(void)
{
  plan = NULL;
  make("");
}

static void teardown(void)
{
  styro_plan_free(plan);
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* From the seal of the root on: what stands before it is test_compile_mounts.c's. */
static void ends_with(const char *expected)
{
  const char *text = strstr(outline(plan), "seal root\n");
  ck_assert_ptr_nonnull(text);
  ck_assert_str_eq(text, expected);
}

static void begins_with(const char *expected)
{
  const char *text = outline(plan);
  ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
}

START_TEST(the_default_order)
{
  begins_with("run\npromises\nnamespaces\nmap ids\nhostname\nloopback\nidentity\nroot\n");
  ends_with(
      "seal root\npivot\nuserns limit\nlandlock queues\ninit\nreset\nsession\nkeyring\ncapabilities\ncwd\nlandlock\nseccomp\nexec\n");
}
END_TEST

START_TEST(without_init_nothing_stays)
{
  make("\"init\": false, \"best_effort\": [\"caller_death\"]");
  begins_with("run\nnote\npromises\nnamespaces\n");
  ends_with(
      "seal root\npivot\nuserns limit\nlandlock queues\nreset\nsession\nkeyring\ncapabilities\ncwd\nlandlock\nseccomp\nexec\n");
}
END_TEST

/* Without no_new_privs loading a filter takes CAP_SYS_ADMIN, which the capability step takes away. */
START_TEST(without_no_new_privs_the_filter_goes_first)
{
  make("\"security\": {\"no_new_privs\": false}");
  ends_with(
      "seal root\npivot\nuserns limit\nlandlock queues\ninit\nreset\nsession\nkeyring\nlandlock\nseccomp\ncapabilities\ncwd\nexec\n");
  const struct wire_step_capabilities *caps = outline_step(plan, WIRE_STEP_CAPABILITIES);
  ck_assert_uint_eq(caps->no_new_privs, 0);
}
END_TEST

START_TEST(everything_that_can_be_asked_for)
{
  make("\"oom_score_adj\": 500, \"nice\": 5, \"rlimits\": {\"nofile\": 64}, \"paths\": {\"/w\": \"rw\"}, "
       "\"new_session\": false");
  begins_with("run\npromises\nnamespaces\nmap ids\nhostname\nloopback\noom score\nidentity\nroot\n");
  ends_with(
      "seal root\npivot\nuserns limit\nlandlock queues\ninit\nreset\nprocess group\nkeyring\nnice\nrlimit\ncapabilities\naccess /w\ncwd\nlandlock\n"
      "seccomp\nexec\n");
}
END_TEST

START_TEST(host_network_and_uts)
{
  make("\"network\": \"host\", \"namespaces\": {\"uts\": \"host\"}");
  begins_with("run\npromises\nnamespaces\nmap ids\nidentity\nroot\n");
}
END_TEST

START_TEST(flags_of_the_plan)
{
  const struct {
    const char *members;
    uint32_t flags;
  } rows[] = {
      {"", WIRE_PLAN_INIT},
      {"\"init\": false", 0},
      {"\"fixed\": true", WIRE_PLAN_INIT | WIRE_PLAN_FIXED},
      {"\"preserve_fds\": \"by_caller\"", WIRE_PLAN_INIT | WIRE_PLAN_PRESERVE_ANY},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    make(rows[i].members);
    ck_assert_uint_eq(((const struct wire_plan *)plan->block)->flags, rows[i].flags);
  }
}
END_TEST

/* ---- what a run starts from -------------------------------------------------------------------------------------- */

static void list_is(uint32_t at, const char *expected)
{
  char text[1024] = "";
  const struct wire_list *list = wire_list_at(plan->block, at);
  for (uint32_t i = 0; list && i < list->n; i++) {
    strcat(strcat(text, i ? " " : ""), wire_str(plan->block, list->at[i]));
  }
  ck_assert_str_eq(text, expected);
}

START_TEST(an_empty_request_runs_what_each_run_says)
{
  ck_assert_uint_eq(plan->run->argv, 0);
  ck_assert_str_eq(wire_str(plan->block, plan->run->cwd), "/home/sandbox");
  ck_assert_uint_eq(plan->run->head.flags, WIRE_DEFAULTED);
  list_is(plan->run->env, "PATH=/usr/local/bin:/usr/bin:/bin HOME=/home/sandbox LANG=C.UTF-8");
  ck_assert_uint_eq(plan->run->inherit_env, 0);
  ck_assert_uint_eq(plan->run->preserve_fds, 0);
  ck_assert_int_eq(plan->run->timeout, 0);
  ck_assert_int_eq(plan->run->grace, 0);
  ck_assert_uint_eq(plan->run->output_limit, 0);
  ck_assert_uint_eq(plan->run->output_asked, 0);
}
END_TEST

START_TEST(a_run_in_full)
{
  make("\"command\": [\"a\", \"\", \"b c\"], \"cwd\": \"/home/sandbox\", \"inherit_env\": [\"TERM\", \"X\"], "
       "\"preserve_fds\": [9, 3], \"timeout\": {\"wall\": \"1.5s\", \"grace\": \"20ms\"}, "
       "\"output\": {\"limit\": \"1K\", \"keep\": \"tail\", \"on_limit\": \"kill\"}");
  list_is(plan->run->argv, "a  b c");
  ck_assert_uint_eq(plan->run->head.flags, 0); /* asked for by name, though it is the default */
  list_is(plan->run->inherit_env, "TERM X");
  list_is(plan->run->preserve_fds, "9 3");
  ck_assert_int_eq(plan->run->timeout, 1500000000);
  ck_assert_int_eq(plan->run->grace, 20000000);
  ck_assert_uint_eq(plan->run->output_limit, 1024);
  ck_assert_uint_eq(plan->run->output_keep, WIRE_KEEP_TAIL);
  ck_assert_uint_eq(plan->run->output_kill, 1);
  ck_assert_uint_eq(plan->run->output_asked, 1);
  make("\"output\": {\"limit\": 7, \"keep\": \"both\"}");
  ck_assert_uint_eq(plan->run->output_keep, WIRE_KEEP_BOTH);
  ck_assert_uint_eq(plan->run->output_kill, 0);
}
END_TEST

START_TEST(the_constant_environment_can_be_replaced)
{
  make("\"env\": {\"HOME\": \"/x\", \"PATHS\": \"1\", \"B\": \"\", \"LAN\": \"2\"}");
  list_is(plan->run->env, "PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/x PATHS=1 B= LAN=2");
  make("\"env\": {\"LANG\": \"de\", \"PATH\": \"/bin\", \"HOME\": \"/\"}");
  list_is(plan->run->env, "LANG=de PATH=/bin HOME=/");
}
END_TEST

/* ---- promises ---------------------------------------------------------------------------------------------------- */

static bool enforced(int protection)
{
  return plan->promises->enforced >> protection & 1;
}

START_TEST(what_the_default_promises)
{
  const uint64_t absent = BIT(STYRO_TIME_OFFSETS) | BIT(STYRO_LANDLOCK_NETWORK) | BIT(STYRO_LANDLOCK_SCOPES) |
                          BIT(STYRO_LIMIT_MEMORY) | BIT(STYRO_LIMIT_SWAP) | BIT(STYRO_LIMIT_PIDS) |
                          BIT(STYRO_LIMIT_CPU) | BIT(STYRO_LIMIT_CPUSET) | BIT(STYRO_LIMIT_IO) | BIT(STYRO_RLIMITS) |
                          BIT(STYRO_OUTPUT_LIMIT) | BIT(STYRO_TIMEOUT_WALL) | BIT(STYRO_TIMEOUT_CPU) |
                          BIT(STYRO_LSM_LABEL);
  ck_assert_uint_eq(plan->promises->enforced, (BIT(STYRO_PROTECTION_COUNT) - 1) & ~absent);
  ck_assert_uint_eq(plan->promises->not_enforced, 0);
  ck_assert_uint_eq(plan->promises->approximated, 0);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_NOTE), 0);
}
END_TEST

START_TEST(words_that_switch_promises)
{
  const struct {
    const char *members;
    int protection;
    bool on;
  } rows[] = {
      {"\"timeout\": 5", STYRO_TIMEOUT_WALL, true},
      {"\"output\": 5", STYRO_OUTPUT_LIMIT, true},
      {"\"rlimits\": {\"core\": 0}", STYRO_RLIMITS, true},
      {"\"network\": \"host\"", STYRO_NETWORK_ISOLATION, false},
      {"\"network\": \"host\"", STYRO_ABSTRACT_SOCKETS, false},
      {"\"namespaces\": {\"ipc\": \"host\"}", STYRO_IPC_ISOLATION, false},
      {"\"namespaces\": {\"uts\": \"host\"}", STYRO_HOSTNAME, false},
      {"\"namespaces\": {\"cgroup\": \"host\"}", STYRO_CGROUP_VIEW, false},
      {"\"new_session\": false", STYRO_NEW_SESSION, false},
      {"\"die_with_parent\": false", STYRO_CALLER_DEATH, false},
      {"\"security\": {\"no_new_privs\": false}", STYRO_NO_NEW_PRIVS, false},
      {"\"security\": {\"keyring\": \"inherit\"}", STYRO_SESSION_KEYRING, false},
      {"\"security\": {\"keyring\": \"new\"}", STYRO_SESSION_KEYRING, true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    make(rows[i].members);
    ck_assert_msg(enforced(rows[i].protection) == rows[i].on, "%s", rows[i].members);
    ck_assert_uint_eq(plan->promises->not_enforced, 0);
  }
}
END_TEST

static void note_is(uint32_t nth, int protection, const char *field, const char *why)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  while (step->code != WIRE_STEP_NOTE || nth-- > 0) {
    ck_assert_int_ne(step->code, WIRE_STEP_EXEC);
    step = wire_step_next(step);
  }
  const struct wire_step_note *note = (const void *)step;
  ck_assert_str_eq(styro_protection_name((int)note->protection), styro_protection_name(protection));
  ck_assert_str_eq(wire_str(block, note->field), field);
  ck_assert_str_eq(wire_str(block, note->why), why);
  ck_assert_uint_eq(note->approximated, 0);
  ck_assert(plan->promises->not_enforced >> protection & 1);
  ck_assert(!enforced(protection));
}

START_TEST(weakenings_are_noted)
{
  make("\"limits\": {\"memory\": \"1G\", \"pids\": 10}, \"best_effort\": [\"limits\"]");
  note_is(0, STYRO_LIMIT_MEMORY, "/limits", "cgroup limits are not supported yet");
  note_is(1, STYRO_LIMIT_PIDS, "/limits", "cgroup limits are not supported yet");
  ck_assert_uint_eq(plan->promises->not_enforced, BIT(STYRO_LIMIT_MEMORY) | BIT(STYRO_LIMIT_PIDS));
  make("\"init\": false");
  note_is(0, STYRO_CALLER_DEATH, "/init", "without an init nobody watches the caller");
  make("\"init\": false, \"namespaces\": {\"pid\": \"host\"}, \"best_effort\": [\"tree_kill\"]");
  note_is(1, STYRO_TREE_KILL, "/namespaces/pid", "processes of the host's pid namespace do not end with the payload");
  make(
      "\"namespaces\": {\"user\": {\"join\": \"/n\"}}, \"user\": {\"uid\": 0, \"gid\": 0}, \"security\": {\"seccomp\": "
      "{\"bpf\": [[6, 0, 0, 2147418112]]}}, \"best_effort\": [\"nested_user_namespaces\"]");
  note_is(0, STYRO_NESTED_USER_NAMESPACES, "/namespaces/user",
          "in a joined user namespace only a profile's filter refuses nested ones, and the one of the request may not");
  make("\"init\": false, \"namespaces\": {\"pid\": \"host\"}, \"best_effort\": [\"tree_kill\"]");
  ck_assert(!enforced(STYRO_PROCESS_VIEW));
  ck_assert(!enforced(STYRO_PROCESS_SIGNALS));
}
END_TEST

/* ---- namespaces and ids ------------------------------------------------------------------------------------------ */

#define ALL                                                                                              \
  (WIRE_CLONE_NEWNS | WIRE_CLONE_NEWPID | WIRE_CLONE_NEWIPC | WIRE_CLONE_NEWUTS | WIRE_CLONE_NEWCGROUP | \
   WIRE_CLONE_NEWTIME | WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNET)

START_TEST(namespaces)
{
  const struct {
    const char *members;
    uint64_t without;
  } rows[] = {
      {"", 0},
      {"\"network\": \"host\"", WIRE_CLONE_NEWNET},
      {"\"namespaces\": {\"ipc\": \"host\"}", WIRE_CLONE_NEWIPC},
      {"\"namespaces\": {\"uts\": \"host\"}", WIRE_CLONE_NEWUTS},
      {"\"namespaces\": {\"cgroup\": \"host\", \"time\": \"host\"}", WIRE_CLONE_NEWCGROUP | WIRE_CLONE_NEWTIME},
      {"\"namespaces\": {\"pid\": \"host\"}, \"init\": false, \"best_effort\": [\"tree_kill\"]", WIRE_CLONE_NEWPID},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    make(rows[i].members);
    ck_assert_uint_eq(plan->namespaces->clone_flags, ALL & ~rows[i].without);
  }
}
END_TEST

START_TEST(an_unasked_time_namespace_may_be_left_out)
{
  ck_assert_uint_eq(plan->namespaces->time_default, 1);
  make("\"namespaces\": {\"time\": \"new\"}");
  ck_assert_uint_eq(plan->namespaces->time_default, 0);
}
END_TEST

START_TEST(ids)
{
  const struct wire_step_identity *identity = outline_step(plan, WIRE_STEP_IDENTITY);
  ck_assert_uint_eq(plan->map_ids->uid, 1000);
  ck_assert_uint_eq(plan->map_ids->gid, 1000);
  ck_assert_uint_eq(plan->map_ids->uid_map, WIRE_MAP_DEFAULT);
  ck_assert_uint_eq(plan->map_ids->groups, WIRE_GROUPS_DROP);
  ck_assert_uint_eq(plan->map_ids->setgroups, WIRE_SETGROUPS_DEFAULT);
  ck_assert_uint_eq(identity->uid, 1000);
  make("\"user\": {\"uid\": 0, \"gid\": 4294967294, \"uid_map\": \"self\", \"gid_map\": \"self\"}");
  identity = outline_step(plan, WIRE_STEP_IDENTITY);
  ck_assert_uint_eq(plan->map_ids->uid, 0);
  ck_assert_uint_eq(plan->map_ids->gid, 4294967294u);
  ck_assert_uint_eq(plan->map_ids->uid_map, WIRE_MAP_SELF);
  ck_assert_uint_eq(plan->map_ids->gid_map, WIRE_MAP_SELF);
  ck_assert_uint_eq(identity->uid, 0);
  ck_assert_uint_eq(identity->gid, 4294967294u);
  make("\"user\": {\"groups\": []}");
  ck_assert_uint_eq(plan->map_ids->groups, WIRE_GROUPS_EXACT);
}
END_TEST

START_TEST(host_names)
{
  const struct wire_step_hostname *name = outline_step(plan, WIRE_STEP_HOSTNAME);
  ck_assert_str_eq(wire_str(plan->block, name->name), "sandbox");
  make("\"namespaces\": {\"uts\": {\"hostname\": \"my-box\"}}, \"best_effort\": [\"hostname\"]");
  name = outline_step(plan, WIRE_STEP_HOSTNAME);
  ck_assert_str_eq(wire_str(plan->block, name->name), "my-box");
  ck_assert_uint_eq(name->head.best_effort, STYRO_HOSTNAME + 1);
}
END_TEST

/* ---- process ----------------------------------------------------------------------------------------------------- */

START_TEST(resource_limits_have_the_kernels_numbers)
{
  static const struct {
    const char *name;
    uint32_t number;
  } rows[] = {
      {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
      {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
      {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
      {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
      {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
      {"stack", RLIMIT_STACK},
  };
  for (uint32_t i = 0; i < 16; i++) {
    char members[96], object[32], field[64];
    snprintf(members, sizeof members, "\"rlimits\": {\"%s\": {\"soft\": %u, \"hard\": \"unlimited\"}}", rows[i].name,
             i + 7);
    make(members);
    ck_assert_uint_eq(outline_count(plan, WIRE_STEP_RLIMIT), 1);
    const struct wire_step_rlimit *limit = outline_step(plan, WIRE_STEP_RLIMIT);
    ck_assert_msg(limit->resource == rows[i].number, "%s is %u, not %u", rows[i].name, limit->resource, rows[i].number);
    ck_assert_uint_eq(limit->soft, i + 7);
    ck_assert_uint_eq(limit->hard, WIRE_RLIM_INFINITY);
    styro_step_describe(plan, &limit->head, field, sizeof field, object, sizeof object);
    ck_assert_str_eq(object, rows[i].name);
    snprintf(members, sizeof members, "/rlimits/%s", rows[i].name);
    ck_assert_str_eq(field, members);
  }
}
END_TEST

START_TEST(numbers_of_the_process)
{
  make("\"umask\": \"077\", \"nice\": -7, \"oom_score_adj\": -1000");
  ck_assert_uint_eq(((const struct wire_step_reset *)outline_step(plan, WIRE_STEP_RESET))->umask, 077);
  ck_assert_int_eq(((const struct wire_step_number *)outline_step(plan, WIRE_STEP_NICE))->value, -7);
  ck_assert_int_eq(((const struct wire_step_number *)outline_step(plan, WIRE_STEP_OOM_SCORE))->value, -1000);
  ck_assert_int_eq(((const struct wire_step_number *)outline_step(plan, WIRE_STEP_USERNS_LIMIT))->value, 0);
  make("");
  ck_assert_uint_eq(((const struct wire_step_reset *)outline_step(plan, WIRE_STEP_RESET))->umask, 022);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_NICE), 0);
}
END_TEST

START_TEST(best_effort_reaches_its_steps)
{
  make("\"rlimits\": {\"core\": 0}, \"best_effort\": [\"rlimits\", \"session_keyring\", \"nested_user_namespaces\"]");
  ck_assert_uint_eq(((const struct wire_step *)outline_step(plan, WIRE_STEP_RLIMIT))->best_effort, STYRO_RLIMITS + 1);
  ck_assert_uint_eq(((const struct wire_step *)outline_step(plan, WIRE_STEP_KEYRING))->best_effort,
                    STYRO_SESSION_KEYRING + 1);
  ck_assert_uint_eq(((const struct wire_step *)outline_step(plan, WIRE_STEP_USERNS_LIMIT))->best_effort,
                    STYRO_NESTED_USER_NAMESPACES + 1);
  ck_assert_uint_eq(((const struct wire_step *)outline_step(plan, WIRE_STEP_PIVOT))->best_effort, 0);
}
END_TEST

/* ---- security ---------------------------------------------------------------------------------------------------- */

START_TEST(capability_sets)
{
  const struct wire_step_capabilities *caps = outline_step(plan, WIRE_STEP_CAPABILITIES);
  ck_assert_uint_eq(caps->bounding | caps->effective | caps->permitted | caps->inheritable | caps->ambient, 0);
  ck_assert_uint_eq(caps->securebits, 0);
  ck_assert_uint_eq(caps->no_new_privs, 1);
  make("\"security\": {\"capabilities\": [\"CAP_NET_RAW\", \"chown\"]}");
  caps = outline_step(plan, WIRE_STEP_CAPABILITIES);
  const uint64_t both = BIT(13) | BIT(0);
  ck_assert_uint_eq(caps->bounding, both);
  ck_assert_uint_eq(caps->effective, both);
  ck_assert_uint_eq(caps->permitted, both);
  ck_assert_uint_eq(caps->inheritable, both);
  ck_assert_uint_eq(caps->ambient, both);
  ck_assert_uint_eq(caps->securebits, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
}
END_TEST

START_TEST(filters)
{
  const struct wire_step_seccomp *filter = outline_step(plan, WIRE_STEP_SECCOMP);
  ck_assert_uint_ge(filter->n, 1);
  make("\"security\": {\"seccomp\": {\"bpf\": [[32, 0, 0, 4], [6, 0, 0, 2147418112]]}}");
  filter = outline_step(plan, WIRE_STEP_SECCOMP);
  const struct styro_bpf expected[] = {{0x20, 0, 0, 4}, {6, 0, 0, 0x7fff0000u}};
  ck_assert_uint_eq(filter->n, 2);
  ck_assert_mem_eq((const char *)plan->block + filter->filter, expected, sizeof expected);
}
END_TEST

/* ---- the whole --------------------------------------------------------------------------------------------------- */

START_TEST(compiling_is_pure)
{
  static const char *const requests[] = {
      "", "\"extends\": \"python\"", "\"extends\": \"build\"",
      "\"paths\": {\"/b\": \"rw\", \"/a\": \"deny\", \"/a/x\": \"ro\"}, \"env\": {\"A\": \"b\"}, \"command\": [\"x\"]"};
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    make(requests[i]);
    styro_plan *again = compiled(requests[i]);
    ck_assert_uint_eq(again->len, plan->len);
    ck_assert_mem_eq(again->block, plan->block, plan->len);
    styro_plan_free(again);
  }
}
END_TEST

START_TEST(misuse_is_named)
{
  styro_error err = {.size = sizeof err};
  styro_plan *made = NULL;
  ck_assert_int_eq(styro_plan_compile(NULL, &made, &err), STYRO_EUSAGE);
  ck_assert_str_eq(err.message, "styro_plan_compile needs a request and a place");
  styro_request *request = NULL;
  ck_assert_int_eq(styro_request_new(NULL, &request, &err), 0);
  ck_assert_int_eq(styro_plan_compile(request, NULL, &err), STYRO_EUSAGE);
  styro_request_free(request);
}
END_TEST

START_TEST(a_plan_too_large_is_refused_with_its_size)
{
  static char value[100000];
  styro_error err = {.size = sizeof err};
  styro_request *request = NULL;
  styro_plan *made = NULL;
  memset(value, 'x', sizeof value - 1);
  ck_assert_int_eq(styro_request_new(NULL, &request, &err), 0);
  for (int i = 0; i < 50; i++) {
    char name[16];
    snprintf(name, sizeof name, "N%d", i);
    ck_assert_int_eq(styro_request_add(request, "/env", name, value, &err), 0);
  }
  ck_assert_int_eq(styro_plan_compile(request, &made, &err), STYRO_EREQUEST);
  ck_assert_ptr_nonnull(strstr(err.message, "bytes of plan, 4194304 is the most"));
  ck_assert_str_eq(err.hint, "hand large texts over in a file, or through stdin");
  styro_request_free(request);
}
END_TEST

/* Layers are objects of the host as well; they are not compared with each other when there are that many. */
START_TEST(too_many_layers_are_refused_with_their_number)
{
  static char members[1 << 18];
  size_t len = (size_t)snprintf(members, sizeof members, "\"mounts\": [");
  for (unsigned i = 0; i < 9; i++) {
    len += (size_t)snprintf(members + len, sizeof members - len,
                            "%s{\"type\": \"overlay\", \"at\": \"/o%u\", \"lower\": [\"/l\"", i ? ", " : "", i);
    for (unsigned k = 1; k < 500; k++) {
      len += (size_t)snprintf(members + len, sizeof members - len, ", \"/l/%u\"", k);
    }
    len += (size_t)snprintf(members + len, sizeof members - len, "]}");
  }
  snprintf(members + len, sizeof members - len, "]");
  styro_error err = refused_by_compile(members);
  ck_assert_ptr_nonnull(strstr(err.message, "objects of the host, 4096 is the most"));
  ck_assert_str_eq(err.field, "/mounts");
  ck_assert_str_eq(err.hint, "use fewer entries or layers: a `bind` of a directory shows all that it holds");
}
END_TEST

/* Five steps for two rules, and one object of the host: directories that are denied, and something denied in each. */
START_TEST(too_many_steps_are_refused_with_their_number)
{
  static char members[1 << 18];
  size_t len = (size_t)snprintf(members, sizeof members, "\"paths\": {");
  for (unsigned i = 0; i < 2048; i++) {
    for (const char *below = ""; below != NULL; below = *below == '\0' ? "/b/c" : NULL) {
      len += (size_t)snprintf(members + len, sizeof members - len, "%s\"/p/%u%s\": \"%s\"", i || *below ? ", " : "", i,
                              below, *below == '\0' ? "deny" : "rw");
    }
  }
  snprintf(members + len, sizeof members - len, "}");
  styro_error err = refused_by_compile(members);
  unsigned steps = 0;
  ck_assert_int_eq(sscanf(err.message, "the request needs %u steps, 10240 is the most", &steps), 1);
  ck_assert_uint_gt(steps, 10240);
  ck_assert_str_eq(err.field, "/paths");
  ck_assert_str_eq(err.hint, "name the directories that hold the entries of `paths`");
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int fill(styro_request *request)
{
  int rc = styro_request_set_json(request, "/env", "{\"A\": \"1\", \"PATH\": \"/bin\"}", NULL);
  rc = rc ? rc
          : styro_request_set_json(request, "/paths",
                                   "{\"/a\": \"rw\", \"/a/b\": \"deny\", \"/a/b/c\": \"ro\", \"/a/d/e\": \"deny\"}",
                                   NULL);
  rc = rc ? rc
          : styro_request_set_json(request, "/mounts",
                                   "[{\"type\": \"bind\", \"at\": \"/m\", \"from\": \"/f\", \"access\": \"rw\"},"
                                   "{\"type\": \"remount\", \"at\": \"/m\", \"noexec\": true}]",
                                   NULL);
  rc = rc ? rc : styro_request_set_json(request, "/command", "[\"x\", \"y\"]", NULL);
  return rc ? rc : styro_request_set_json(request, "/preserve_fds", "[7, 8]", NULL);
}

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  styro_request *request = NULL;
  ck_assert_int_eq(styro_request_new(&alloc, &request, NULL), 0);
  ck_assert_int_eq(fill(request), 0);
  size_t before = state.live_blocks;
  int rc = STYRO_ENOMEM;
  size_t n = 0;
  while (rc == STYRO_ENOMEM && n < 2000) {
    styro_error err = {.size = sizeof err};
    styro_plan *made = NULL;
    state.fail_at = ++n;
    state.calls = 0;
    rc = styro_plan_compile(request, &made, &err);
    ck_assert_int_eq(rc, err.code);
    ck_assert(rc == 0 ? made != NULL : made == NULL);
    styro_plan_free(made);
    ck_assert_uint_eq(state.live_blocks, before);
  }
  ck_assert_int_eq(rc, 0);
  ck_assert_uint_gt(n, 20);
  styro_request_free(request);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

static void add_tests(TCase *cases)
{
  tcase_add_test(cases, the_default_order);
  tcase_add_test(cases, without_init_nothing_stays);
  tcase_add_test(cases, without_no_new_privs_the_filter_goes_first);
  tcase_add_test(cases, everything_that_can_be_asked_for);
  tcase_add_test(cases, host_network_and_uts);
  tcase_add_test(cases, flags_of_the_plan);
  tcase_add_test(cases, an_empty_request_runs_what_each_run_says);
  tcase_add_test(cases, a_run_in_full);
  tcase_add_test(cases, the_constant_environment_can_be_replaced);
  tcase_add_test(cases, what_the_default_promises);
  tcase_add_test(cases, words_that_switch_promises);
  tcase_add_test(cases, weakenings_are_noted);
  tcase_add_test(cases, namespaces);
  tcase_add_test(cases, an_unasked_time_namespace_may_be_left_out);
  tcase_add_test(cases, ids);
  tcase_add_test(cases, host_names);
  tcase_add_test(cases, resource_limits_have_the_kernels_numbers);
  tcase_add_test(cases, numbers_of_the_process);
  tcase_add_test(cases, best_effort_reaches_its_steps);
  tcase_add_test(cases, capability_sets);
  tcase_add_test(cases, filters);
  tcase_add_test(cases, compiling_is_pure);
  tcase_add_test(cases, misuse_is_named);
  tcase_add_test(cases, a_plan_too_large_is_refused_with_its_size);
  tcase_add_test(cases, too_many_steps_are_refused_with_their_number);
  tcase_add_test(cases, too_many_layers_are_refused_with_their_number);
  tcase_add_test(cases, memory_may_run_out_anywhere);
}

int main(void)
{
  Suite *suite = suite_create("compile");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 30);
  add_tests(cases);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
