/* Which steps a plan must have, which only once, in which order, and how many: the reader's last word on a plan. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sample_plan.h"
#include "wire/uapi.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint8_t codes[2 * WIRE_STEP_COUNT + WIRE_IDMAPS_MAX];
static size_t n;

static void setup(void)
{
  memcpy(codes, sample_codes, sample_codes_n);
  n = sample_codes_n;
}

static size_t place_of(int code)
{
  for (size_t i = 0; i < n; i++) {
    if (codes[i] == code) {
      return i;
    }
  }
  ck_abort_msg("no step of code %d", code);
}

static void take_out(int code)
{
  size_t at = place_of(code);
  memmove(codes + at, codes + at + 1, n - at - 1);
  n--;
}

static void put_in(size_t at, int code)
{
  memmove(codes + at + 1, codes + at, n - at);
  codes[at] = (uint8_t)code;
  n++;
}

static void swap(int a, int b)
{
  size_t at = place_of(a);
  codes[place_of(b)] = (uint8_t)a;
  codes[at] = (uint8_t)b;
}

/* What a plan of the level `process` has to say of namespaces and ids. */
static void *block_of(uint32_t flags, size_t *len)
{
  void *block = sample_block_of(codes, n, flags, len);
  bool ids = memchr(codes, WIRE_STEP_MAP_IDS, n) != NULL, spaces = memchr(codes, WIRE_STEP_NAMESPACES, n) != NULL;
  if (flags & WIRE_PLAN_PROCESS && ids && spaces) {
    struct wire_step_map_ids *map = sample_step(block, WIRE_STEP_MAP_IDS);
    map->uid_map = map->gid_map = WIRE_MAP_CALLER;
    ((struct wire_step_namespaces *)sample_step(block, WIRE_STEP_NAMESPACES))->clone_flags = 0;
  }
  return block;
}

static void expect_flags(uint32_t flags, int fault, size_t number)
{
  size_t len;
  uint32_t step = 12345;
  void *block = block_of(flags, &len);
  int found = sample_check(block, len, &step);
  free(block);
  ck_assert_msg(found == fault && step == number, "step %u holds %s; expected step %zu with %s", step,
                wire_fault_text(found), number, wire_fault_text(fault));
}

static void expect(int fault, size_t number)
{
  expect_flags(WIRE_PLAN_INIT, fault, number);
}

START_TEST(a_plan_without_steps)
{
  size_t len;
  uint32_t step = 12345;
  struct wire_plan *plan = sample_block(&len);
  plan->steps_n = 0;
  ck_assert_int_eq(sample_check(plan, len, &step), WIRE_FAULT_ORDER);
  ck_assert_uint_eq(step, 0);
  free(plan);
}
END_TEST

static bool is_one_of(int code, const uint8_t *list, size_t size)
{
  return memchr(list, code, size) != NULL;
}

static const uint8_t needed[] = {
    WIRE_STEP_RUN,      WIRE_STEP_PROMISES,     WIRE_STEP_NAMESPACES, WIRE_STEP_MAP_IDS,
    WIRE_STEP_IDENTITY, WIRE_STEP_ROOT,         WIRE_STEP_SEAL_ROOT,  WIRE_STEP_PIVOT,
    WIRE_STEP_RESET,    WIRE_STEP_CAPABILITIES, WIRE_STEP_WORKDIR,    WIRE_STEP_EXEC,
};

/* The bind of the sample stands below the source of root or link, so that both may go, one at a time. */
START_TEST(needed_steps)
{
  for (int code = 1; code < WIRE_STEP_COUNT; code++) {
    bool held = code == WIRE_STEP_NEST || code == WIRE_STEP_ENTER || code == WIRE_STEP_LANDLOCK ||
                code == WIRE_STEP_LANDLOCK_PART; /* others stand for them */
    bool may_go = !is_one_of(code, needed, sizeof needed) && code != WIRE_STEP_INIT && !held;
    setup();
    take_out(code);
    expect(may_go ? WIRE_FAULT_NONE : WIRE_FAULT_ORDER, n - 1);
  }
}
END_TEST

START_TEST(what_may_come_twice)
{
  static const uint8_t many[] = {
      WIRE_STEP_JOIN,
      WIRE_STEP_IDMAP,
      WIRE_STEP_NOTE,
      WIRE_STEP_DIR,
      WIRE_STEP_LINK,
      WIRE_STEP_FILE,
      WIRE_STEP_BIND,
      WIRE_STEP_TMPFS,
      WIRE_STEP_SEAL,
      WIRE_STEP_LAYER,
      WIRE_STEP_SELF_BIND,
      WIRE_STEP_READ_ONLY,
      WIRE_STEP_MASK,
      WIRE_STEP_RLIMIT,
      WIRE_STEP_ACCESS,
      WIRE_STEP_SECCOMP,
      WIRE_STEP_DEV,
      WIRE_STEP_PROC,
      WIRE_STEP_FS,
      WIRE_STEP_SYMLINK,
      WIRE_STEP_REMOUNT,
      WIRE_STEP_OVERLAY,
      WIRE_STEP_LANDLOCK_PART,
      WIRE_STEP_LANDLOCK_PLACE,
      WIRE_STEP_LANDLOCK_PORT,
      WIRE_STEP_LABEL,
  };
  for (int code = 1; code < WIRE_STEP_COUNT; code++) {
    setup();
    size_t at = place_of(code) + 1;
    put_in(at, code);
    bool repeats = is_one_of(code, many, sizeof many);
    expect(repeats ? WIRE_FAULT_NONE : WIRE_FAULT_ORDER, repeats ? n - 1 : at);
  }
}
END_TEST

/* A rule that comes when it is too late would be one that nobody keeps; and init would be held as well. */
START_TEST(landlock_comes_into_force_after_its_rules_and_in_the_payload)
{
  static const uint8_t rules[] = {WIRE_STEP_LANDLOCK_PART, WIRE_STEP_LANDLOCK_PLACE, WIRE_STEP_LANDLOCK_PORT};
  for (size_t i = 0; i < sizeof rules; i++) {
    setup();
    swap(rules[i], WIRE_STEP_LANDLOCK);
    expect(WIRE_FAULT_ORDER, n - 1);
    setup();
    take_out(WIRE_STEP_LANDLOCK_QUEUES);
    for (size_t k = 0; k < sizeof rules; k++) {
      if (k != i) {
        take_out(rules[k]);
      }
    }
    expect(rules[i] == WIRE_STEP_LANDLOCK_PART ? WIRE_FAULT_NONE : WIRE_FAULT_ORDER, n - 1);
  }
  setup();
  for (size_t i = 0; i < sizeof rules; i++) {
    take_out(rules[i]);
  }
  take_out(WIRE_STEP_LANDLOCK);
  expect(WIRE_FAULT_ORDER, n - 1);
  take_out(WIRE_STEP_LANDLOCK_QUEUES);
  expect(WIRE_FAULT_NONE, n - 1);
  setup();
  swap(WIRE_STEP_LANDLOCK_QUEUES, WIRE_STEP_RESET);
  expect(WIRE_FAULT_ORDER, n - 1);
  setup();
  swap(WIRE_STEP_RESET, WIRE_STEP_LANDLOCK);
  expect(WIRE_FAULT_ORDER, n - 1);
}
END_TEST

START_TEST(the_chain_of_steps_that_follow_each_other)
{
  static const uint8_t chain[] = {WIRE_STEP_NAMESPACES, WIRE_STEP_MAP_IDS, WIRE_STEP_IDENTITY, WIRE_STEP_ROOT,
                                  WIRE_STEP_SEAL_ROOT,  WIRE_STEP_PIVOT,   WIRE_STEP_RESET,    WIRE_STEP_CAPABILITIES,
                                  WIRE_STEP_WORKDIR,    WIRE_STEP_EXEC};
  for (size_t i = 1; i < sizeof chain; i++) {
    setup();
    take_out(WIRE_STEP_BIND); /* its base would come too late */
    swap(chain[i - 1], chain[i]);
    expect(WIRE_FAULT_ORDER, n - 1);
  }
}
END_TEST

START_TEST(exec_is_the_last_step)
{
  put_in(n, WIRE_STEP_MASK);
  expect(WIRE_FAULT_ORDER, n - 1);
}
END_TEST

START_TEST(init_stands_where_the_flag_says)
{
  expect_flags(0, WIRE_FAULT_ORDER, n - 1);
  expect_flags(WIRE_PLAN_INIT | WIRE_PLAN_FIXED | WIRE_PLAN_PRESERVE_ANY, WIRE_FAULT_NONE, n - 1);
  take_out(WIRE_STEP_INIT);
  expect_flags(WIRE_PLAN_INIT, WIRE_FAULT_ORDER, n - 1);
  expect_flags(0, WIRE_FAULT_NONE, n - 1);
  put_in(place_of(WIRE_STEP_PIVOT), WIRE_STEP_INIT); /* init would be outside */
  expect(WIRE_FAULT_ORDER, n - 1);
  take_out(WIRE_STEP_INIT);
  put_in(place_of(WIRE_STEP_RESET) + 1, WIRE_STEP_INIT); /* init would be reset like a payload */
  expect(WIRE_FAULT_ORDER, n - 1);
}
END_TEST

/* The sample with so many binds in place of its one; root, layer and link have the first three sources. */
static int check_with_binds(size_t binds, uint32_t *step)
{
  static uint8_t many[WIRE_SOURCES_MAX + sizeof codes];
  size_t at = place_of(WIRE_STEP_BIND);
  size_t len;
  memcpy(many, codes, at);
  memset(many + at, WIRE_STEP_BIND, binds);
  memcpy(many + at + binds, codes + at + 1, n - at - 1);
  void *block = sample_block_of(many, n - 1 + binds, WIRE_PLAN_INIT, &len);
  int found = sample_check(block, len, step);
  free(block);
  return found;
}

START_TEST(too_many_sources)
{
  uint32_t step;
  ck_assert_int_eq(check_with_binds(WIRE_SOURCES_MAX - 3, &step), WIRE_FAULT_NONE);
  ck_assert_int_eq(check_with_binds(WIRE_SOURCES_MAX - 2, &step), WIRE_FAULT_VALUE);
  ck_assert_uint_eq(step, place_of(WIRE_STEP_BIND) + WIRE_SOURCES_MAX - 3);
}
END_TEST

START_TEST(too_many_idmaps)
{
  for (int i = 1; i < WIRE_IDMAPS_MAX; i++) {
    put_in(place_of(WIRE_STEP_IDMAP), WIRE_STEP_IDMAP);
  }
  expect(WIRE_FAULT_NONE, n - 1);
  size_t first = place_of(WIRE_STEP_IDMAP);
  put_in(first, WIRE_STEP_IDMAP);
  expect(WIRE_FAULT_ORDER, first + WIRE_IDMAPS_MAX);
}
END_TEST

/* ---- the level `process` ----------------------------------------------------------------------------------------- */

static const uint8_t alone[] = {
    WIRE_STEP_RUN,           WIRE_STEP_PROMISES,       WIRE_STEP_NOTE,          WIRE_STEP_NAMESPACES,
    WIRE_STEP_MAP_IDS,       WIRE_STEP_OOM_SCORE,      WIRE_STEP_IDENTITY,      WIRE_STEP_INIT,
    WIRE_STEP_LANDLOCK_PART, WIRE_STEP_LANDLOCK_PLACE, WIRE_STEP_LANDLOCK_PORT, WIRE_STEP_RESET,
    WIRE_STEP_SESSION,       WIRE_STEP_KEYRING,        WIRE_STEP_NICE,          WIRE_STEP_RLIMIT,
    WIRE_STEP_LABEL,         WIRE_STEP_CAPABILITIES,   WIRE_STEP_ACCESS,        WIRE_STEP_WORKDIR,
    WIRE_STEP_LANDLOCK,      WIRE_STEP_SECCOMP,        WIRE_STEP_EXEC,
};
#define ALONE (WIRE_PLAN_INIT | WIRE_PLAN_PROCESS)

static void setup_alone(void)
{
  memcpy(codes, alone, sizeof alone);
  n = sizeof alone;
}

static bool is_refused(void)
{
  size_t len;
  uint32_t step;
  void *block = block_of(ALONE, &len);
  int found = sample_check(block, len, &step);
  free(block);
  return found != WIRE_FAULT_NONE;
}

/* Whatever is made or changed for a sandbox would be made of the host's there. */
START_TEST(without_namespaces_nothing_is_done_to_the_host)
{
  setup_alone();
  expect_flags(ALONE, WIRE_FAULT_NONE, n - 1);
  expect_flags(WIRE_PLAN_INIT, WIRE_FAULT_ORDER, n - 1);
  for (int code = 1; code < WIRE_STEP_COUNT; code++) {
    if (!is_one_of(code, alone, sizeof alone) && code != WIRE_STEP_GROUP) {
      setup_alone();
      put_in(place_of(WIRE_STEP_RESET), code);
      ck_assert_msg(is_refused(), "a step of code %d", code);
    }
  }
}
END_TEST

START_TEST(the_level_and_what_it_makes_go_together)
{
  setup_alone();
  size_t len;
  uint32_t step;
  for (int which = 0; which < 4; which++) {
    void *block = block_of(ALONE, &len);
    struct wire_step_map_ids *map = sample_step(block, WIRE_STEP_MAP_IDS);
    uint32_t *const changed[] = {&map->uid_map, &map->gid_map};
    if (which < 2) {
      *changed[which] = WIRE_MAP_DEFAULT;
    } else if (which == 2) {
      ((struct wire_step_namespaces *)sample_step(block, WIRE_STEP_NAMESPACES))->clone_flags = WIRE_CLONE_NEWNS;
    }
    ck_assert_int_eq(sample_check(block, len, &step), which < 3 ? WIRE_FAULT_VALUE : WIRE_FAULT_NONE);
    free(block);
  }
  setup();
  void *block = sample_block_of(codes, n, WIRE_PLAN_INIT, &len);
  ((struct wire_step_map_ids *)sample_step(block, WIRE_STEP_MAP_IDS))->uid_map = WIRE_MAP_CALLER;
  ck_assert_int_eq(sample_check(block, len, &step), WIRE_FAULT_VALUE);
  free(block);
}
END_TEST

START_TEST(without_namespaces_landlock_and_a_supervisor_are_needed)
{
  static const uint8_t chain[] = {WIRE_STEP_NAMESPACES, WIRE_STEP_MAP_IDS,  WIRE_STEP_IDENTITY,
                                  WIRE_STEP_INIT,       WIRE_STEP_RESET,    WIRE_STEP_CAPABILITIES,
                                  WIRE_STEP_WORKDIR,    WIRE_STEP_LANDLOCK, WIRE_STEP_EXEC};
  for (size_t i = 0; i < sizeof chain; i++) {
    setup_alone();
    take_out(chain[i]);
    ck_assert_msg(is_refused(), "none of code %d", chain[i]);
    setup_alone();
    swap(chain[i], chain[i == 0 ? 1 : i - 1]);
    ck_assert_msg(is_refused(), "code %d before the one that it follows", chain[i]);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("plan_order");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, NULL);
  tcase_add_test(cases, a_plan_without_steps);
  tcase_add_test(cases, needed_steps);
  tcase_add_test(cases, what_may_come_twice);
  tcase_add_test(cases, landlock_comes_into_force_after_its_rules_and_in_the_payload);
  tcase_add_test(cases, the_chain_of_steps_that_follow_each_other);
  tcase_add_test(cases, exec_is_the_last_step);
  tcase_add_test(cases, init_stands_where_the_flag_says);
  tcase_add_test(cases, too_many_sources);
  tcase_add_test(cases, too_many_idmaps);
  tcase_add_test(cases, without_namespaces_nothing_is_done_to_the_host);
  tcase_add_test(cases, the_level_and_what_it_makes_go_together);
  tcase_add_test(cases, without_namespaces_landlock_and_a_supervisor_are_needed);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
