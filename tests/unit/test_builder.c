/* Writing a plan: where texts, lists and filters land, what is moved at the end, the checksum, memory that runs out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "lib/builder.h"
#include "sample_plan.h"
#include "wire/id.h"

static struct counting_alloc state;
static styro_allocator alloc;
static struct styro_builder builder;

static void setup(void)
{
  state = (struct counting_alloc){0};
  alloc = counting_allocator(&state);
  styro_builder_init(&builder, &alloc);
}

static void teardown(void)
{
  styro_builder_free(&builder);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}

static uint32_t word(uint32_t at)
{
  uint32_t value;
  ck_assert_uint_le(at + sizeof value, builder.data.len);
  memcpy(&value, builder.data.data + at, sizeof value);
  return value;
}

static const char *text_at(uint32_t at)
{
  ck_assert_uint_eq(word(at), strlen(builder.data.data + at + 4));
  return builder.data.data + at + 4;
}

START_TEST(texts_are_counted_ended_and_aligned)
{
  static const char *const texts[] = {"", "a", "four", "a text of some more length", "\xc3\xa9"};
  uint32_t last = 0;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    uint32_t at = styro_builder_text(&builder, texts[i]);
    ck_assert_uint_eq(at % 8, 0);
    ck_assert_uint_gt(at, last);
    ck_assert_str_eq(text_at(at), texts[i]);
    last = at;
  }
  size_t len = builder.data.len;
  ck_assert_uint_eq(styro_builder_text(&builder, NULL), 0);
  ck_assert_uint_eq(builder.data.len, len);
}
END_TEST

START_TEST(no_offset_is_0)
{
  ck_assert_uint_ge(styro_builder_text(&builder, ""), 8);
  styro_builder_free(&builder);
  styro_builder_init(&builder, &alloc);
  ck_assert_uint_ge(styro_builder_list(&builder, NULL, 0), 8);
}
END_TEST

/* The list finds its texts by counting along: lengths around every multiple of the alignment must agree. */
START_TEST(lists_know_their_texts)
{
  char many[40][40];
  char *items[40];
  for (size_t i = 0; i < 40; i++) {
    memset(many[i], 'x', i);
    many[i][i] = 0;
    items[i] = many[i];
  }
  styro_builder_text(&builder, "something before");
  uint32_t at = styro_builder_list(&builder, items, 40);
  ck_assert_uint_eq(at % 8, 0);
  ck_assert_uint_eq(word(at), 40);
  for (uint32_t i = 0; i < 40; i++) {
    uint32_t text = word(at + 4 + i * 4);
    ck_assert_uint_eq(text % 8, 0);
    ck_assert_str_eq(text_at(text), many[i]);
  }
  at = styro_builder_list(&builder, items, 0);
  ck_assert_uint_eq(word(at), 0);
}
END_TEST

START_TEST(filters_are_aligned_copies)
{
  const struct styro_bpf program[] = {{1, 2, 3, 4}, {5, 6, 7, 0x80000000u}, {6, 0, 0, 0}};
  styro_builder_text(&builder, "x");
  uint32_t at = styro_builder_filter(&builder, program, 3);
  ck_assert_uint_eq(sizeof(struct styro_bpf), 8);
  ck_assert_uint_eq(at % 8, 0);
  ck_assert_mem_eq(builder.data.data + at, program, sizeof program);
}
END_TEST

START_TEST(heads_of_steps)
{
  struct wire_step_place body;
  memset(&body, 0, sizeof body);
  styro_builder_step(&builder, WIRE_STEP_MASK, WIRE_HAS_TARGET, "/paths", STYRO_DENIED_PATHS, &body, sizeof body);
  styro_builder_step(&builder, WIRE_STEP_BIND, WIRE_HAS_SOURCE | WIRE_HAS_TARGET, "/no/such/field", STYRO_FATAL, &body,
                     sizeof body);
  const struct wire_step *step = (const void *)builder.steps.data;
  ck_assert_uint_eq(step->code, WIRE_STEP_MASK);
  ck_assert_uint_eq(step->flags, WIRE_HAS_TARGET);
  ck_assert_uint_eq(step->size, sizeof body);
  ck_assert_str_eq(styro_field_pointer(step->field_id), "/paths");
  ck_assert_uint_eq(step->best_effort, STYRO_DENIED_PATHS + 1);
  step = wire_step_next(step);
  ck_assert_uint_eq(step->best_effort, 0);
  ck_assert_str_eq(styro_field_pointer(step->field_id), "");
  ck_assert_uint_eq(builder.steps_n, 2);
  ck_assert_uint_eq(builder.sources_n, 1);
}
END_TEST

/* ---- finishing --------------------------------------------------------------------------------------------------- */

START_TEST(the_finished_block)
{
  static const uint8_t wire_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;
  size_t len = 0;
  char *block = sample_block(&len);
  const struct wire_plan *plan = (const void *)block;
  ck_assert_uint_eq(plan->magic, WIRE_PLAN_MAGIC);
  ck_assert_mem_eq(block, "STYP", 4);
  ck_assert_uint_eq(plan->format, WIRE_PLAN_FORMAT);
  ck_assert_uint_eq(plan->header_size, sizeof *plan);
  ck_assert_mem_eq(plan->wire_id, wire_id, sizeof wire_id);
  ck_assert_uint_eq(plan->total, len);
  ck_assert_uint_eq(len % 8, 0);
  ck_assert_uint_eq(plan->steps_off, sizeof *plan);
  ck_assert_uint_eq(plan->steps_n, sample_codes_n);
  ck_assert_uint_eq(plan->data_off % 8, 0);
  ck_assert_uint_eq(plan->flags, WIRE_PLAN_INIT | WIRE_PLAN_IDMAPS);
  ck_assert_uint_eq(plan->crc32c, styro_plan_crc32c(block, len));
  free(block);
}
END_TEST

/* An offset that the builder forgot to move would still point into the steps. */
START_TEST(every_offset_is_moved_once)
{
  size_t len = 0;
  char *block = sample_block(&len);
  const struct wire_plan *plan = (const void *)block;
  const struct wire_step *step = wire_step_first(plan);
  unsigned seen = 0;
  for (uint32_t i = 0; i < plan->steps_n; i++, step = wire_step_next(step)) {
    struct wire_reference references[WIRE_REFERENCES_MAX];
    unsigned n = wire_step_references(step, references);
    for (unsigned k = 0; k < n; k++) {
      uint32_t at;
      memcpy(&at, (const char *)step + references[k].at, sizeof at);
      ck_assert_uint_ge(at, plan->data_off + 8);
      ck_assert_uint_lt(at, plan->total);
      for (uint32_t e = 0; references[k].list && e < wire_list_at(block, at)->n; e++) {
        ck_assert_uint_ge(wire_list_at(block, at)->at[e], plan->data_off + 8);
        ck_assert_uint_lt(wire_list_at(block, at)->at[e], plan->total);
      }
      seen++;
    }
  }
  ck_assert_uint_ge(seen, 24);
  const struct wire_step_file *file = sample_step(block, WIRE_STEP_FILE);
  ck_assert_str_eq(wire_str(block, file->data), "root:x:0:0\n");
  const struct wire_step_hostname *host = sample_step(block, WIRE_STEP_HOSTNAME);
  ck_assert_str_eq(wire_str(block, host->name), "box");
  const struct wire_step_note *note = sample_step(block, WIRE_STEP_NOTE);
  ck_assert_str_eq(wire_str(block, note->why), "because");
  const struct wire_step_run *run = sample_step(block, WIRE_STEP_RUN);
  ck_assert_str_eq(wire_str(block, wire_list_at(block, run->preserve_fds)->at[0]), "7");
  free(block);
}
END_TEST

START_TEST(absent_texts_stay_absent)
{
  static const uint8_t code = WIRE_STEP_RUN;
  struct wire_step_run body;
  size_t len;
  memset(&body, 0, sizeof body);
  styro_builder_step(&builder, code, 0, "/command", STYRO_FATAL, &body, sizeof body);
  char *block = styro_builder_finish(&builder, 0, &len);
  const struct wire_step_run *run = sample_step(block, WIRE_STEP_RUN);
  ck_assert_uint_eq(run->argv | run->env | run->inherit_env | run->cwd | run->preserve_fds, 0);
  styro_dealloc(&alloc, block, len);
}
END_TEST

/* ---- checksum ---------------------------------------------------------------------------------------------------- */

/* Another way to the same sum: by a table, without the hole. */
static uint32_t crc32c(const unsigned char *bytes, size_t len)
{
  uint32_t table[256];
  uint32_t crc = UINT32_MAX;
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) {
      table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78u : table[i] >> 1;
    }
  }
  for (size_t i = 0; i < len; i++) {
    crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
  }
  return ~crc;
}

START_TEST(the_checksum_is_crc32c)
{
  static const unsigned char digits[] = "123456789";
  unsigned char block[256];
  ck_assert_uint_eq(crc32c(digits, 9), 0xe3069283u);
  ck_assert_uint_eq(styro_plan_crc32c(digits, 9), 0xe3069283u); /* shorter than where the hole is */
  for (size_t i = 0; i < sizeof block; i++) {
    block[i] = (unsigned char)(i * 7 + 1);
  }
  uint32_t with = styro_plan_crc32c(block, sizeof block);
  memset(block + offsetof(struct wire_plan, crc32c), 0, sizeof(uint32_t));
  ck_assert_uint_eq(crc32c(block, sizeof block), with);
  ck_assert_uint_eq(styro_plan_crc32c(block, sizeof block), with);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void *build(size_t *len)
{
  static char text[3000];
  char *const items[] = {text, text + 1, text + 2};
  memset(text, 'x', sizeof text - 1);
  const struct styro_bpf program[] = {{6, 0, 0, 0}};
  struct wire_step_run run;
  struct wire_step_seccomp seccomp;
  memset(&run, 0, sizeof run);
  run.argv = styro_builder_list(&builder, items, 3);
  run.cwd = styro_builder_text(&builder, text);
  styro_builder_step(&builder, WIRE_STEP_RUN, 0, "/command", STYRO_FATAL, &run, sizeof run);
  memset(&seccomp, 0, sizeof seccomp);
  seccomp.filter = styro_builder_filter(&builder, program, 1);
  for (int i = 0; i < 20; i++) {
    styro_builder_step(&builder, WIRE_STEP_SECCOMP, 0, "/security/seccomp", STYRO_FATAL, &seccomp, sizeof seccomp);
  }
  return styro_builder_finish(&builder, 0, len);
}

START_TEST(memory_may_run_out_anywhere)
{
  void *block = NULL;
  size_t n = 0;
  while (!block && n < 100) {
    size_t len = 1;
    teardown();
    state.fail_at = ++n;
    state.calls = 0;
    styro_builder_init(&builder, &alloc);
    block = build(&len);
    ck_assert(block ? len > 1 : len == 1);
    if (block) {
      styro_dealloc(&alloc, block, len);
    }
  }
  ck_assert_ptr_nonnull(block);
  ck_assert_uint_gt(n, 5);
  state.fail_at = 0;
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("builder");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, texts_are_counted_ended_and_aligned);
  tcase_add_test(cases, no_offset_is_0);
  tcase_add_test(cases, lists_know_their_texts);
  tcase_add_test(cases, filters_are_aligned_copies);
  tcase_add_test(cases, heads_of_steps);
  tcase_add_test(cases, the_finished_block);
  tcase_add_test(cases, every_offset_is_moved_once);
  tcase_add_test(cases, absent_texts_stay_absent);
  tcase_add_test(cases, the_checksum_is_crc32c);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
