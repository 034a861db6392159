/* The emitter against its own definition: random specs decide for every number and sampled arguments as they are written. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "bpf_interpreter.h"
#include "filter.h"
#include "filter_emit.h"
#include "test_program.h"

static uint32_t next_random(uint64_t *state)
{
  *state = *state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)(*state >> 33);
}

#define RANDOM_RULES 450
#define RANDOM_TESTS 8

struct random_spec {
  struct styro_filter_spec spec;
  struct styro_filter_rule rules[RANDOM_RULES];
  struct styro_filter_test tests[RANDOM_RULES][RANDOM_TESTS];
};

/* Few actions make long ranges, many make programs with jumps beyond 255. */
static uint32_t random_action(uint64_t *state, uint32_t actions)
{
  uint32_t which = next_random(state) % actions;
  return which ? SECCOMP_RET_ERRNO | which : SECCOMP_RET_ALLOW;
}

static struct styro_filter_test random_test(uint64_t *state, uint32_t actions)
{
  static const uint64_t masks[] = {UINT32_MAX, 0x7e020000, 0x10, 0x18, 0, UINT64_MAX, 0x1800000000, 0xff000000ff};
  static const uint64_t values[] = {0, 1, 0x10, 0x18, 0x7e020000, UINT32_MAX, 0x100000001, UINT64_MAX};
  struct styro_filter_test test = {.index = (uint8_t)(next_random(state) % 2)};
  test.op = (uint8_t)(next_random(state) % (STYRO_FILTER_MASKED + 1));
  test.low = next_random(state) % 2;
  test.action = random_action(state, actions);
  test.mask = masks[next_random(state) % 8];
  test.value = values[next_random(state) % 8];
  return test;
}

static void random_tests(uint64_t *state, struct styro_filter_rule *rule, struct styro_filter_test *tests,
                         uint32_t actions)
{
  rule->tests = tests;
  rule->tests_n = 1 + next_random(state) % RANDOM_TESTS;
  for (size_t i = 0; i < rule->tests_n; i++) {
    tests[i] = random_test(state, actions);
    tests[i].also = i + 1 < rule->tests_n && next_random(state) % 2;
  }
}

static void random_spec(uint64_t *state, struct random_spec *r)
{
  uint32_t actions = next_random(state) % 3 ? 3 : 40;
  uint32_t gap = 1 + next_random(state) % 4;
  uint32_t with_tests = next_random(state) % 30;
  uint32_t number = next_random(state) % 4;
  r->spec = (struct styro_filter_spec){.arch = AUDIT_ARCH_X86_64, .rules = r->rules};
  r->spec.first_foreign = next_random(state) % 2 ? 0x40000000u : 0;
  r->spec.default_action = random_action(state, actions);
  r->spec.rules_n = next_random(state) % (next_random(state) % 3 ? 60 : RANDOM_RULES);
  for (size_t i = 0; i < r->spec.rules_n; i++) {
    r->rules[i] = (struct styro_filter_rule){.number = number, .action = random_action(state, actions)};
    uint32_t repeated = next_random(state) % 40;
    if (with_tests && i >= repeated && repeated) {
      r->rules[i] = r->rules[i - repeated]; /* rules that say the same share their code */
      r->rules[i].number = number;
      r->rules[i].action = repeated % 3 ? r->rules[i].action : random_action(state, actions);
    } else if (next_random(state) % 100 < with_tests) {
      random_tests(state, &r->rules[i], r->tests[i], actions);
    }
    number += 1 + next_random(state) % gap;
  }
}

static bool test_holds(const struct styro_filter_test *test, uint64_t argument)
{
  uint64_t half = test->low ? UINT32_MAX : UINT64_MAX;
  uint64_t value = test->value & half;
  argument &= half;
  switch (test->op) {
  case STYRO_FILTER_EQ: return argument == value;
  case STYRO_FILTER_NE: return argument != value;
  case STYRO_FILTER_LT: return argument < value;
  case STYRO_FILTER_LE: return argument <= value;
  case STYRO_FILTER_GT: return argument > value;
  case STYRO_FILTER_GE: return argument >= value;
  default: return (argument & test->mask) == value;
  }
}

/* Of the first group that holds, else the rule's own. */
static uint32_t rule_decides(const struct styro_filter_rule *rule, const uint64_t args[6])
{
  bool holds = true;
  for (size_t t = 0; t < rule->tests_n; t++) {
    const struct styro_filter_test *test = &rule->tests[t];
    holds = holds && test_holds(test, args[test->index]);
    if (holds && !test->also) {
      return test->action;
    }
    holds = holds || !test->also;
  }
  return rule->action;
}

static uint32_t as_written(const struct styro_filter_spec *spec, const struct seccomp_data *data)
{
  uint32_t number = (uint32_t)data->nr;
  if (data->arch != spec->arch || (spec->first_foreign && number >= spec->first_foreign && number != UINT32_MAX)) {
    return SECCOMP_RET_KILL_PROCESS;
  }
  for (size_t i = 0; i < spec->rules_n; i++) {
    const struct styro_filter_rule *rule = &spec->rules[i];
    if (rule->number == number) {
      uint64_t args[6];
      memcpy(args, data->args, sizeof args);
      return rule_decides(rule, args);
    }
  }
  return spec->default_action;
}

static void compare_as_written(const struct random_spec *r, const struct styro_bpf *program, size_t n, int number)
{
  static const uint64_t values[] = {
      0,           1,           0x10,         0x18,         0x7e020000, 0x20000,        0xffffffff, 0xfffffff0,
      0x100000000, 0x100000001, 0x1800000000, 0xff00000018, UINT64_MAX, UINT64_MAX - 1, 0x7e020001};
  const size_t values_n = sizeof values / sizeof values[0];
  struct seccomp_data data = {.nr = number, .arch = r->spec.arch};
  for (size_t i = 0; i < values_n; i++) {
    data.args[0] = values[i];
    data.args[1] = values[(i * 3 + (size_t)(unsigned)number) % values_n];
    ck_assert_uint_eq(bpf_run(program, n, &data), as_written(&r->spec, &data));
  }
  data.arch = AUDIT_ARCH_ARM;
  ck_assert_uint_eq(bpf_run(program, n, &data), SECCOMP_RET_KILL_PROCESS);
}

START_TEST(decides_as_written)
{
  static struct random_spec r;
  static struct styro_bpf program[STYRO_FILTER_MAX];
  static const int far[] = {0x3fffffff, 0x40000000, 0x40000001, INT32_MAX, -1, -2, INT32_MIN};
  uint64_t state = 1122;
  size_t longest = 0;
  for (int round = 0; round < 300; round++) {
    size_t at;
    random_spec(&state, &r);
    size_t n = styro_filter_emit(&r.spec, 1, program);
    ck_assert_uint_gt(n, 0);
    ck_assert_pstr_eq(styro_filter_check(program, n, &at), NULL);
    int last = r.spec.rules_n ? (int)r.rules[r.spec.rules_n - 1].number : 0;
    for (int number = 0; number <= last + 2; number++) {
      compare_as_written(&r, program, n, number);
    }
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
      compare_as_written(&r, program, n, far[i]);
    }
    longest = n > longest ? n : longest;
  }
  ck_assert_uint_gt(longest, 600); /* jumps beyond 255 were among them */
}
END_TEST

/* Two decisions with tests at both ends share their code, and what lies between grows across the reach of a branch. */
START_TEST(reaches_shared_code_at_every_distance)
{
  static struct random_spec r;
  static struct styro_bpf program[STYRO_FILTER_MAX];
  static const struct styro_filter_test tests[] = {
      {.index = 0, .low = true, .action = SECCOMP_RET_ERRNO | 1, .value = 1},
      {.index = 1,
       .op = STYRO_FILTER_MASKED,
       .low = true,
       .action = SECCOMP_RET_ERRNO | 2,
       .mask = 0x18,
       .value = 0x18}};
  for (uint32_t between = 0; between < 200; between++) {
    r.spec = (struct styro_filter_spec){.arch = AUDIT_ARCH_X86_64, .rules = r.rules, .rules_n = between + 5};
    r.spec.default_action = SECCOMP_RET_ALLOW;
    for (uint32_t i = 0; i < between + 5; i++) {
      r.rules[i] = (struct styro_filter_rule){.number = i, .action = SECCOMP_RET_ERRNO | (i + 9)};
    }
    const uint32_t ends[] = {0, 1, 2, between + 3, between + 4};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
      r.rules[ends[i]].action = SECCOMP_RET_ALLOW;
      r.rules[ends[i]].tests = &tests[i % 2 ^ (i > 2)];
      r.rules[ends[i]].tests_n = 1;
    }
    size_t n = styro_filter_emit(&r.spec, 1, program);
    ck_assert_uint_gt(n, 0);
    for (uint32_t number = 0; number < between + 7; number++) {
      compare_as_written(&r, program, n, (int)number);
    }
  }
}
END_TEST

START_TEST(refuses_numbers_of_the_other_abi)
{
  static struct styro_bpf program[STYRO_FILTER_MAX];
  struct styro_filter_rule rule = {.number = 0x40000000u, .action = SECCOMP_RET_ALLOW};
  struct styro_filter_spec spec = {.arch = AUDIT_ARCH_X86_64, .rules = &rule, .rules_n = 1};
  spec.first_foreign = 0x40000000u;
  ck_assert_uint_eq(styro_filter_emit(&spec, 1, program), 0);
  rule.number--;
  ck_assert_uint_gt(styro_filter_emit(&spec, 1, program), 0);
}
END_TEST

/* Distinct actions and tests, so that nothing is shared: the program grows with every rule. */
static size_t emitted_with(struct random_spec *r, size_t rules, size_t tests)
{
  static struct styro_bpf program[STYRO_FILTER_MAX];
  r->spec = (struct styro_filter_spec){.arch = AUDIT_ARCH_X86_64, .rules = r->rules, .rules_n = rules};
  r->spec.default_action = SECCOMP_RET_ALLOW;
  for (uint32_t i = 0; i < rules; i++) {
    r->rules[i] = (struct styro_filter_rule){.number = 2 * i, .action = SECCOMP_RET_ERRNO | i, .tests_n = tests};
    r->rules[i].tests = r->tests[i];
    for (uint32_t t = 0; t < tests; t++) {
      r->tests[i][t] = (struct styro_filter_test){
          .index = (uint8_t)(t % 6), .low = true, .action = SECCOMP_RET_ERRNO | (i + t), .value = i};
    }
  }
  return styro_filter_emit(&r->spec, 1, program);
}

/* From just below the kernel's limit to far beyond it: a program of its length, or none at all. */
START_TEST(a_program_that_does_not_fit_is_none)
{
  static struct random_spec r;
  size_t last = 0;
  size_t refused = 0;
  for (size_t rules = 200; rules <= RANDOM_RULES; rules++) {
    size_t n = emitted_with(&r, rules, 6);
    ck_assert_uint_le(n, STYRO_FILTER_MAX);
    ck_assert(n == 0 || refused == 0); /* what does not fit does not fit with more either */
    refused += n == 0;
    last = n ? n : last;
  }
  ck_assert_uint_gt(refused, 0);
  ck_assert_uint_gt(last, STYRO_FILTER_MAX - 100);
}
END_TEST

START_TEST(more_ranges_than_there_is_room_for)
{
  static struct styro_filter_rule rules[2000];
  static struct styro_bpf program[STYRO_FILTER_MAX];
  struct styro_filter_spec spec = {.arch = AUDIT_ARCH_X86_64, .rules = rules};
  spec.default_action = SECCOMP_RET_ALLOW;
  for (uint32_t i = 0; i < 2000; i++) {
    rules[i] = (struct styro_filter_rule){.number = 2 * i, .action = SECCOMP_RET_ERRNO};
  }
  spec.rules_n = 1000;
  ck_assert_uint_gt(styro_filter_emit(&spec, 1, program), 0);
  spec.rules_n = 2000;
  ck_assert_uint_eq(styro_filter_emit(&spec, 1, program), 0);
}
END_TEST

/* Each architecture by its own rules, whatever they share; another one is killed. */
START_TEST(each_architecture_by_its_own_rules)
{
  static struct random_spec r[STYRO_FILTER_ARCHS_MAX];
  static const uint32_t archs[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};
  static struct styro_bpf program[STYRO_FILTER_MAX];
  struct styro_filter_spec specs[STYRO_FILTER_ARCHS_MAX];
  uint64_t state = 77;
  for (size_t round = 0; round < 40; round++) {
    size_t n = 2 + round % 2;
    for (size_t i = 0; i < n; i++) {
      random_spec(&state, &r[i]);
      r[i].spec.arch = archs[i];
      specs[i] = r[i].spec;
    }
    size_t len = styro_filter_emit(specs, n, program);
    size_t at;
    ck_assert_uint_gt(len, 0);
    ck_assert_pstr_eq(styro_filter_check(program, len, &at), NULL);
    for (int number = 0; number < 500; number++) {
      compare_as_written(&r[(size_t)number % n], program, len, number);
    }
  }
  ck_assert_uint_eq(styro_filter_emit(specs, 0, program), 0);
  ck_assert_uint_eq(styro_filter_emit(specs, STYRO_FILTER_ARCHS_MAX + 1, program), 0);
}
END_TEST

/* What all numbers of one are answered stands in the other's code already. */
START_TEST(an_architecture_with_one_answer)
{
  static struct styro_bpf program[STYRO_FILTER_MAX];
  static const struct styro_filter_test test = {.low = true, .action = SECCOMP_RET_LOG, .value = 7};
  const struct styro_filter_rule rule = {.number = 5, .action = SECCOMP_RET_TRAP, .tests = &test, .tests_n = 1};
  const struct styro_filter_spec specs[] = {
      {.arch = AUDIT_ARCH_X86_64, .default_action = SECCOMP_RET_ALLOW},
      {.arch = AUDIT_ARCH_I386, .default_action = SECCOMP_RET_ALLOW, .rules = &rule, .rules_n = 1}};
  size_t n = styro_filter_emit(specs, 2, program);
  for (int number = 0; number < 10; number++) {
    struct seccomp_data data = {.nr = number, .arch = AUDIT_ARCH_X86_64, .args = {7}};
    ck_assert_uint_eq(bpf_run(program, n, &data), SECCOMP_RET_ALLOW);
    data.arch = AUDIT_ARCH_I386;
    ck_assert_uint_eq(bpf_run(program, n, &data), number == 5 ? SECCOMP_RET_LOG : SECCOMP_RET_ALLOW);
  }
}
END_TEST

START_TEST(rules_out_of_order)
{
  static struct styro_bpf program[STYRO_FILTER_MAX];
  struct styro_filter_rule rules[] = {{.number = 3, .action = 1}, {.number = 3, .action = 2}};
  struct styro_filter_spec spec = {.arch = AUDIT_ARCH_X86_64, .rules = rules, .rules_n = 2};
  ck_assert_uint_eq(styro_filter_emit(&spec, 1, program), 0); /* twice the same */
  rules[1].number = 2;
  ck_assert_uint_eq(styro_filter_emit(&spec, 1, program), 0);
  rules[1].number = 4;
  ck_assert_uint_gt(styro_filter_emit(&spec, 1, program), 0);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "filter_emit"};
  const TTest *const tests[] = {
      decides_as_written,
      reaches_shared_code_at_every_distance,
      refuses_numbers_of_the_other_abi,
      a_program_that_does_not_fit_is_none,
      more_ranges_than_there_is_room_for,
      each_architecture_by_its_own_rules,
      an_architecture_with_one_answer,
      rules_out_of_order,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
