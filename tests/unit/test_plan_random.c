/*
 * Plans with random damage: the reader never reads past the end (AddressSanitizer and valgrind watch), and what it accepts
 * can be walked and printed. The seed is fixed; STYRO_TEST_SEED chooses another.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulated.h"
#include "lib/builder.h"
#include "sample_plan.h"

static char *good;
static size_t len;
static uint64_t state;

static void setup(void)
{
  const char *seed = getenv("STYRO_TEST_SEED");
  state = seed ? strtoull(seed, NULL, 10) : 20260101;
  good = sample_block(&len);
}

static void teardown(void)
{
  free(good);
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(void)
{
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static unsigned rounds(void)
{
  return emulated() ? 300 : 20000;
}

static uint32_t odd_value(void)
{
  static const uint32_t values[] = {
      0, 1, 2, 4, 7, 8, 64, 0x7fffffff, 0x80000000, UINT32_MAX, UINT32_MAX - 3, UINT32_MAX - 7};
  uint64_t r = next();
  switch (r % 4) {
  case 0: return values[next() % (sizeof values / sizeof values[0])];
  case 1: return (uint32_t)(next() % (len + 16)); /* an offset, nearly right */
  case 2: return (uint32_t)(next() % 256);
  default: return (uint32_t)next();
  }
}

/* Behind the identity, so that the damage reaches the steps; half of it in words where offsets stand. */
static void damage(char *block)
{
  size_t first = offsetof(struct wire_plan, total);
  size_t times = next() % 3 + 1;
  for (size_t i = 0; i < times; i++) {
    if (next() % 2) {
      block[first + next() % (len - first)] = (char)next();
    } else {
      uint32_t value = odd_value();
      memcpy(block + first + next() % ((len - first) / 4) * 4, &value, sizeof value);
    }
  }
}

static uint64_t sum;

static void use_text(const void *block, uint32_t at)
{
  const struct wire_text *text = wire_text_at(block, at);
  for (uint32_t i = 0; text && i < text->len; i++) {
    sum += (unsigned char)text->bytes[i];
  }
  sum += strlen(wire_str(block, at));
}

static void use_list(const void *block, uint32_t at)
{
  const struct wire_list *list = wire_list_at(block, at);
  for (uint32_t i = 0; list && i < list->n; i++) {
    use_text(block, list->at[i]);
  }
}

static void use_filter(const void *block, const struct wire_step_seccomp *step)
{
  for (uint32_t i = 0; i < step->n * 8; i++) {
    sum += (unsigned char)((const char *)block + step->filter)[i];
  }
}

/* Everything that a user of a checked plan reads. */
static void walk(const struct wire_plan *plan)
{
  const struct wire_step *step = wire_step_first(plan);
  for (uint32_t i = 0; i < plan->steps_n; i++, step = wire_step_next(step)) {
    if (wire_step_source(step)) {
      use_text(plan, wire_step_source(step)->path);
    }
    if (wire_step_target(step)) {
      use_text(plan, wire_step_target(step)->path);
    }
    if (step->code == WIRE_STEP_RUN) {
      const struct wire_step_run *run = (const void *)step;
      use_list(plan, run->argv);
      use_list(plan, run->env);
      use_list(plan, run->inherit_env);
      use_list(plan, run->preserve_fds);
      use_text(plan, run->cwd);
    } else if (step->code == WIRE_STEP_SECCOMP) {
      use_filter(plan, (const void *)step);
    }
  }
}

static void print(const styro_plan *plan, int format)
{
  char *text = NULL;
  ck_assert_int_eq(styro_plan_explain(plan, format, NULL, &text, NULL), 0);
  ck_assert_msg(!strstr(text, "(null)"), "%s", text);
  styro_text_free(NULL, text);
}

static void use(const styro_plan *plan)
{
  styro_error err = {.size = sizeof err};
  const struct wire_plan *block = plan->block;
  walk(block);
  print(plan, STYRO_FORMAT_TEXT);
  print(plan, STYRO_FORMAT_JSON);
  for (uint32_t i = 0; i < block->steps_n; i++) {
    styro_plan_explain_failure(plan, STYRO_ESETUP, i, (uint32_t)(next() % (WIRE_WHAT_COUNT + 2)), (int)(next() % 140),
                               "", &err);
  }
}

START_TEST(damaged_plans_are_refused_or_usable)
{
  unsigned accepted = 0, refused = 0, n = rounds();
  for (unsigned i = 0; i < n; i++) {
    char *bytes = malloc(len);
    styro_plan *plan = NULL;
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, good, len);
    damage(bytes);
    ((struct wire_plan *)(void *)bytes)->crc32c = styro_plan_crc32c(bytes, len);
    if (styro_plan_from_bytes(NULL, bytes, len, &plan, NULL) == 0) {
      use(plan);
      styro_plan_free(plan);
      accepted++;
    } else {
      ck_assert_ptr_null(plan);
      refused++;
    }
    free(bytes);
  }
  ck_assert_msg(accepted > n / 20 && refused > n / 20, "%u accepted, %u refused", accepted, refused);
}
END_TEST

START_TEST(cut_off_plans_are_refused)
{
  for (size_t size = 0; size < len; size++) {
    char *bytes = malloc(size ? size : 1);
    uint32_t step;
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, good, size);
    ck_assert_int_eq(sample_check(bytes, size, &step), WIRE_FAULT_SHORT);
    if (size >= sizeof(struct wire_plan)) {
      ((struct wire_plan *)(void *)bytes)->total = (uint32_t)size;
      int fault = sample_check(bytes, size, &step);
      ck_assert_int_ne(fault, WIRE_FAULT_SHORT); /* whatever else: it stayed inside */
    }
    free(bytes);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("plan_random");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, damaged_plans_are_refused_or_usable);
  tcase_add_test(cases, cut_off_plans_are_refused);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
