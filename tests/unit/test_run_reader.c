/* Every way in which a run block can be wrong, one field at a time, and random damage to it. */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "wire/plan.h"
#include "wire/run.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define OFFSET(member) (uint32_t) offsetof(struct wire_run, member)

enum { ARGV_AT = sizeof(struct wire_run), ENV_AT = ARGV_AT + 3 * 8, FDS_AT = ENV_AT + 2 * 8, TEXT_AT = FDS_AT + 2 * 8 };
#define TEXTS "prog\0-x\0A=1\0/jobs/place"

/* Two arguments, one variable, two descriptors; the last text ends with the block. */
static struct {
  struct wire_run run;
  uint64_t argv[3];
  uint64_t env[2];
  struct wire_fd_entry fds[2];
  char texts[sizeof TEXTS];
} __attribute__((packed, aligned(8))) block;

static void setup(void)
{
  memset(&block, 0, sizeof block);
  block.run = (struct wire_run){.magic = WIRE_RUN_MAGIC,
                                .format = WIRE_RUN_FORMAT,
                                .header_size = sizeof block.run,
                                .total = sizeof block,
                                .argc = 2,
                                .argv_off = ARGV_AT,
                                .envc = 1,
                                .env_off = ENV_AT,
                                .cwd_off = TEXT_AT + 12,
                                .fds_off = FDS_AT,
                                .fds_n = 2};
  memcpy(block.texts, TEXTS, sizeof TEXTS);
  block.argv[0] = TEXT_AT;
  block.argv[1] = TEXT_AT + 5;
  block.env[0] = TEXT_AT + 8;
  block.fds[0] = (struct wire_fd_entry){.at = WIRE_FD_FIRST_FREE, .target = 3};
  block.fds[1] = (struct wire_fd_entry){.at = WIRE_FD_FIRST_FREE + 1, .target = 100};
}

static int check_exact(size_t size)
{
  void *exact = malloc(size ? size : 1);
  ck_assert_ptr_nonnull(exact);
  memcpy(exact, &block, size);
  int fault = wire_run_check(exact, size);
  free(exact);
  return fault;
}

static void expect(int fault)
{
  int found = check_exact(sizeof block);
  ck_assert_msg(found == fault, "%s instead of %s", wire_fault_text(found), wire_fault_text(fault));
}

static void expect_word(uint32_t at, uint32_t value, int fault)
{
  uint32_t old;
  memcpy(&old, (char *)&block + at, sizeof old);
  memcpy((char *)&block + at, &value, sizeof value);
  expect(fault);
  memcpy((char *)&block + at, &old, sizeof old);
}

START_TEST(the_sample_is_accepted)
{
  expect(WIRE_FAULT_NONE);
}
END_TEST

START_TEST(lengths)
{
  for (size_t size = 0; size < sizeof block; size++) {
    ck_assert_int_eq(check_exact(size), WIRE_FAULT_SHORT);
  }
  ck_assert_int_eq(wire_run_check(&block, WIRE_RUN_MAX + 1ull), WIRE_FAULT_SHORT);
  expect_word(OFFSET(total), sizeof block + 8, WIRE_FAULT_SHORT);
  expect_word(OFFSET(total), 0, WIRE_FAULT_SHORT);
}
END_TEST

START_TEST(header_words)
{
  const uint32_t size = sizeof block;
  const struct {
    uint32_t at, value;
    int fault;
  } rows[] = {
      {OFFSET(magic), WIRE_PLAN_MAGIC, WIRE_FAULT_MAGIC},
      {OFFSET(format), (WIRE_RUN_FORMAT + 1u) | (uint32_t)sizeof(struct wire_run) << 16, WIRE_FAULT_FORMAT},
      {OFFSET(format), WIRE_RUN_FORMAT | (uint32_t)(sizeof(struct wire_run) - 8) << 16, WIRE_FAULT_FORMAT},
      {OFFSET(argc), 0, WIRE_FAULT_VALUE},
      {OFFSET(argc), 1, WIRE_FAULT_VALUE}, /* the list does not end there */
      {OFFSET(argc), UINT32_MAX, WIRE_FAULT_BOUNDS},
      {OFFSET(argc), (size - ARGV_AT) / 8, WIRE_FAULT_BOUNDS}, /* no room for the last 0 */
      {OFFSET(argv_off), ARGV_AT + 4, WIRE_FAULT_ALIGN},
      {OFFSET(argv_off), 0, WIRE_FAULT_BOUNDS},
      {OFFSET(argv_off), ARGV_AT - 8, WIRE_FAULT_BOUNDS},
      {OFFSET(argv_off), (size + 7) & ~7u, WIRE_FAULT_BOUNDS},
      {OFFSET(argv_off), 0xfffffff8u, WIRE_FAULT_BOUNDS},
      {OFFSET(envc), 0, WIRE_FAULT_VALUE},
      {OFFSET(envc), UINT32_MAX, WIRE_FAULT_BOUNDS},
      {OFFSET(env_off), ENV_AT + 4, WIRE_FAULT_ALIGN},
      {OFFSET(env_off), 8, WIRE_FAULT_BOUNDS},
      {OFFSET(env_off), ENV_AT + 8, WIRE_FAULT_BOUNDS}, /* its first entry is the end of the list: offset 0 */
      {OFFSET(uid_map_off), 0, WIRE_FAULT_NONE},        /* there is none */
      {OFFSET(uid_map_off), 1, WIRE_FAULT_BOUNDS},
      {OFFSET(uid_map_off), size, WIRE_FAULT_BOUNDS},
      {OFFSET(uid_map_off), TEXT_AT, WIRE_FAULT_NONE},
      {OFFSET(gid_map_off), ARGV_AT - 1, WIRE_FAULT_BOUNDS},
      {OFFSET(uid_tool_off), UINT32_MAX, WIRE_FAULT_BOUNDS},
      {OFFSET(gid_tool_off), size + 1, WIRE_FAULT_BOUNDS},
      {OFFSET(gid_tool_off), size - 1, WIRE_FAULT_NONE},
      {OFFSET(cwd_off), 0, WIRE_FAULT_BOUNDS},
      {OFFSET(cwd_off), ARGV_AT - 1, WIRE_FAULT_BOUNDS},
      {OFFSET(cwd_off), size, WIRE_FAULT_BOUNDS},
      {OFFSET(cwd_off), UINT32_MAX, WIRE_FAULT_BOUNDS},
      {OFFSET(cwd_off), size - 1, WIRE_FAULT_NONE}, /* the empty text at the very end */
      {OFFSET(fds_off), FDS_AT + 4, WIRE_FAULT_BOUNDS},
      {OFFSET(fds_off), 0, WIRE_FAULT_BOUNDS},
      {OFFSET(fds_off), 0xfffffff8u, WIRE_FAULT_BOUNDS},
      {OFFSET(fds_n), UINT32_MAX, WIRE_FAULT_BOUNDS},
      {OFFSET(fds_n), 1, WIRE_FAULT_NONE},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    expect_word(rows[i].at, rows[i].value, rows[i].fault);
  }
  block.run.fds_n = 0;
  expect_word(OFFSET(fds_off), UINT32_MAX, WIRE_FAULT_NONE); /* no table, no offset */
  block.run.envc = 0;
  block.env[0] = 0;
  expect(WIRE_FAULT_NONE);
}
END_TEST

START_TEST(texts)
{
  const uint64_t offsets[] = {0,          sizeof(struct wire_run) - 1, sizeof block, UINT32_MAX,
                              UINT64_MAX, (1ull << 32) + TEXT_AT};
  for (size_t i = 0; i < COUNT(offsets); i++) {
    block.argv[1] = offsets[i];
    expect(WIRE_FAULT_BOUNDS);
    setup();
    block.env[0] = offsets[i];
    expect(WIRE_FAULT_BOUNDS);
    setup();
  }
  block.argv[2] = TEXT_AT;
  expect(WIRE_FAULT_VALUE);
  setup();
  block.env[1] = TEXT_AT;
  expect(WIRE_FAULT_VALUE);
  setup();
  block.texts[sizeof block.texts - 1] = '!';
  expect(WIRE_FAULT_TEXT);
}
END_TEST

START_TEST(descriptors)
{
  const struct wire_fd_entry wrong[] = {{6, 3}, {8, 3}, {-1, 3}, {7, 2}, {7, 0}, {7, -1}, {7, ~2}};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    block.fds[0] = wrong[i];
    expect(WIRE_FAULT_VALUE);
  }
  block.fds[0] = (struct wire_fd_entry){7, ~3}; /* the caller's 3, for the helper alone */
  expect(WIRE_FAULT_NONE);
  block.fds[0] = (struct wire_fd_entry){7, 3};
  block.fds[1].at = 7;
  expect(WIRE_FAULT_VALUE);
}
END_TEST

START_TEST(random_damage_stays_inside)
{
  unsigned seed = 7;
  for (unsigned i = 0; i < 20000; i++) {
    setup();
    for (int k = 0; k < 2; k++) {
      size_t at = (size_t)rand_r(&seed) % sizeof block;
      ((char *)&block)[at] = (char)rand_r(&seed);
    }
    if (check_exact(sizeof block) == WIRE_FAULT_NONE) {
      for (uint32_t a = 0; a < block.run.argc; a++) {
        uint64_t at;
        memcpy(&at, (char *)&block + block.run.argv_off + a * sizeof at, sizeof at);
        ck_assert_uint_lt(at + strlen((char *)&block + at), sizeof block);
      }
    }
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("run_reader");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, NULL);
  tcase_set_timeout(cases, 30);
  tcase_add_test(cases, the_sample_is_accepted);
  tcase_add_test(cases, lengths);
  tcase_add_test(cases, header_words);
  tcase_add_test(cases, texts);
  tcase_add_test(cases, descriptors);
  tcase_add_test(cases, random_damage_stays_inside);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
