/*
 * Every way in which a plan can be wrong, one field at a time: header, steps, flags, texts, lists, numbers, places,
 * filter. What steps must stand in which order is tested in test_plan_order.c.
 */
#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sample_plan.h"
#include "wire/id.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define OFFSET(type, member) (uint32_t) offsetof(struct type, member)

static char *block;
static size_t len;
static struct wire_plan *plan;

static void setup(void)
{
  block = sample_block(&len);
  plan = (void *)block;
}

static void teardown(void)
{
  free(block);
}

/* The fault, at which step. The block is handed over in memory of exactly its size, so that ASan sees each byte read. */
static void expect_len(size_t size, int fault, uint32_t number)
{
  uint32_t step = 12345;
  void *exact = malloc(size);
  ck_assert_ptr_nonnull(exact);
  memcpy(exact, block, size < len ? size : len);
  int found = sample_check(exact, size, &step);
  free(exact);
  ck_assert_msg(found == fault && step == number, "step %u holds %s; expected step %u with %s", step,
                wire_fault_text(found), number, wire_fault_text(fault));
}

static void expect(int fault, uint32_t number)
{
  expect_len(len, fault, number);
}

static void put(void *base, uint32_t at, uint32_t value)
{
  memcpy((char *)base + at, &value, sizeof value);
}

static uint32_t get(const void *base, uint32_t at)
{
  uint32_t value;
  memcpy(&value, (const char *)base + at, sizeof value);
  return value;
}

/* Sets a word of the first step of a code, expects a fault there, and takes it back. */
static void expect_word(int code, uint32_t at, uint32_t value, int fault)
{
  void *step = sample_step(block, code);
  uint32_t old = get(step, at);
  put(step, at, value);
  expect(fault, fault ? sample_number(block, code) : plan->steps_n - 1);
  put(step, at, old);
}

START_TEST(the_sample_is_accepted_and_has_every_step)
{
  bool seen[WIRE_STEP_COUNT] = {false};
  expect(WIRE_FAULT_NONE, (uint32_t)sample_codes_n - 1);
  for (size_t i = 0; i < sample_codes_n; i++) {
    seen[sample_codes[i]] = true;
  }
  for (int code = 1; code < WIRE_STEP_COUNT; code++) {
    ck_assert_msg(seen[code], "no step of code %d", code);
  }
}
END_TEST

/* ---- header ------------------------------------------------------------------------------------------------------ */

START_TEST(header_words)
{
  const uint32_t size = (uint32_t)len;
  const struct {
    uint32_t at, value;
    int fault;
  } rows[] = {
      {OFFSET(wire_plan, magic), WIRE_PLAN_MAGIC + 1, WIRE_FAULT_MAGIC},
      {OFFSET(wire_plan, magic), 0, WIRE_FAULT_MAGIC},
      {OFFSET(wire_plan, format), (WIRE_PLAN_FORMAT + 1u) | (uint32_t)sizeof *plan << 16, WIRE_FAULT_FORMAT},
      {OFFSET(wire_plan, format), WIRE_PLAN_FORMAT | (uint32_t)(sizeof *plan + 8) << 16, WIRE_FAULT_FORMAT},
      {OFFSET(wire_plan, wire_id), 0, WIRE_FAULT_ID},
      {OFFSET(wire_plan, wire_id) + 12, 0, WIRE_FAULT_ID},
      {OFFSET(wire_plan, total), size - 8, WIRE_FAULT_SHORT},
      {OFFSET(wire_plan, total), size + 8, WIRE_FAULT_SHORT},
      {OFFSET(wire_plan, total), 0, WIRE_FAULT_SHORT},
      {OFFSET(wire_plan, steps_off), sizeof *plan + 4, WIRE_FAULT_ALIGN},
      {OFFSET(wire_plan, data_off), plan->data_off + 4, WIRE_FAULT_ALIGN},
      {OFFSET(wire_plan, steps_off), sizeof *plan - 8, WIRE_FAULT_BOUNDS},
      {OFFSET(wire_plan, steps_off), 0, WIRE_FAULT_BOUNDS},
      {OFFSET(wire_plan, steps_off), plan->data_off + 8, WIRE_FAULT_BOUNDS},
      {OFFSET(wire_plan, data_off), size + 8, WIRE_FAULT_BOUNDS},
      {OFFSET(wire_plan, data_off), 0xfffffff8u, WIRE_FAULT_BOUNDS},
      {OFFSET(wire_plan, steps_n), WIRE_STEPS_MAX + 1, WIRE_FAULT_VALUE},
      {OFFSET(wire_plan, steps_n), UINT32_MAX, WIRE_FAULT_VALUE},
      {OFFSET(wire_plan, flags), 32, WIRE_FAULT_VALUE},
      {OFFSET(wire_plan, flags), 1u << 31, WIRE_FAULT_VALUE},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    uint32_t old = get(block, rows[i].at);
    put(block, rows[i].at, rows[i].value);
    expect(rows[i].fault, 0);
    put(block, rows[i].at, old);
  }
  expect(WIRE_FAULT_NONE, plan->steps_n - 1);
}
END_TEST

START_TEST(every_byte_of_the_identity_counts)
{
  for (int i = 0; i < WIRE_ID_SIZE; i++) {
    plan->wire_id[i] ^= 1;
    expect(WIRE_FAULT_ID, 0);
    plan->wire_id[i] ^= 1;
  }
}
END_TEST

START_TEST(lengths)
{
  for (size_t size = 0; size < sizeof *plan; size++) {
    expect_len(size, WIRE_FAULT_SHORT, 0);
  }
  expect_len(sizeof *plan, WIRE_FAULT_SHORT, 0);
  expect_len(len - 1, WIRE_FAULT_SHORT, 0);
  uint32_t step;
  ck_assert_int_eq(sample_check(block, WIRE_PLAN_MAX + 1, &step), WIRE_FAULT_SHORT);
  ck_assert_int_eq(sample_check(block, UINT64_MAX, &step), WIRE_FAULT_SHORT);
}
END_TEST

/* The crc covers the way to here (styro_plan_from_bytes); the helper's reader does without. */
START_TEST(the_crc_is_not_the_readers_business)
{
  plan->crc32c ^= 1;
  expect(WIRE_FAULT_NONE, plan->steps_n - 1);
}
END_TEST

/* ---- step heads -------------------------------------------------------------------------------------------------- */

START_TEST(unknown_codes)
{
  const uint16_t codes[] = {WIRE_STEP_NONE, WIRE_STEP_COUNT, 255, UINT16_MAX};
  struct wire_step *step = sample_step(block, WIRE_STEP_BIND);
  uint32_t number = sample_number(block, WIRE_STEP_BIND);
  for (size_t i = 0; i < COUNT(codes); i++) {
    step->code = codes[i];
    expect(WIRE_FAULT_CODE, number);
  }
}
END_TEST

START_TEST(every_step_has_its_size)
{
  const struct wire_step *step = wire_step_first(plan);
  for (uint32_t i = 0; i < plan->steps_n; i++, step = wire_step_next(step)) {
    struct wire_step *broken = (struct wire_step *)(uintptr_t)step;
    uint32_t size = step->size;
    const uint32_t sizes[] = {0, 8, size - 8, size + 8, size + 1, UINT32_MAX};
    ck_assert_uint_eq(size % 8, 0);
    for (size_t k = 0; k < COUNT(sizes); k++) {
      broken->size = sizes[k];
      expect(WIRE_FAULT_SIZE, i);
    }
    broken->size = size;
  }
}
END_TEST

START_TEST(steps_lie_in_the_step_area)
{
  plan->steps_n++;
  expect(WIRE_FAULT_BOUNDS, plan->steps_n - 1);
  plan->steps_n--;
  /* the last head is in the area, its body is not */
  uint32_t seccomp = (uint32_t)((char *)sample_step(block, WIRE_STEP_SECCOMP) - block);
  plan->data_off = seccomp + (uint32_t)sizeof(struct wire_step);
  expect(WIRE_FAULT_BOUNDS, sample_number(block, WIRE_STEP_SECCOMP));
  plan->data_off = seccomp + 8;
  expect(WIRE_FAULT_BOUNDS, sample_number(block, WIRE_STEP_SECCOMP));
  plan->data_off = plan->steps_off;
  expect(WIRE_FAULT_BOUNDS, 0);
}
END_TEST

START_TEST(places_that_the_flags_claim_are_those_of_the_code)
{
  const struct wire_step *step = wire_step_first(plan);
  for (uint32_t i = 0; i < plan->steps_n; i++, step = wire_step_next(step)) {
    struct wire_step *broken = (struct wire_step *)(uintptr_t)step;
    uint16_t flags = step->flags;
    broken->flags = flags ^ WIRE_HAS_SOURCE;
    expect(WIRE_FAULT_VALUE, i);
    broken->flags = flags ^ WIRE_HAS_TARGET;
    expect(WIRE_FAULT_VALUE, i);
    broken->flags = flags | 1u << 8;
    expect(WIRE_FAULT_VALUE, i);
    broken->flags = flags | 1u << 15;
    expect(WIRE_FAULT_VALUE, i);
    broken->flags = flags;
  }
}
END_TEST

/* Only what makes a mount has one to keep; a change names one that was kept before, and what is tried an earlier source. */
START_TEST(kept_mounts_are_counted)
{
  const uint32_t kept = OFFSET(wire_step_remount, kept);
  const uint8_t makers[] = {WIRE_STEP_OVERLAY, WIRE_STEP_BIND, WIRE_STEP_TMPFS,
                            WIRE_STEP_DEV,     WIRE_STEP_PROC, WIRE_STEP_FS};
  expect_word(WIRE_STEP_ACCESS, OFFSET(wire_step_access, source), 1, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_ACCESS, OFFSET(wire_step_access, source), WIRE_SOURCES_MAX + 1, WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_REMOUNT, kept, 0, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_REMOUNT, kept, 1, WIRE_FAULT_VALUE);
  for (int code = 1; code < WIRE_STEP_COUNT; code++) {
    struct wire_step *step = sample_step(block, code);
    bool makes = memchr(makers, code, sizeof makers) != NULL;
    step->flags |= WIRE_KEEP;
    expect(makes ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE, makes ? plan->steps_n - 1 : sample_number(block, code));
    if (makes) {
      expect_word(WIRE_STEP_REMOUNT, kept, 1, WIRE_FAULT_NONE);
      expect_word(WIRE_STEP_REMOUNT, kept, 2, WIRE_FAULT_VALUE);
    }
    step->flags &= (uint16_t)~WIRE_KEEP;
  }
}
END_TEST

START_TEST(best_effort_names_a_bit)
{
  const uint32_t at = OFFSET(wire_step, best_effort);
  expect_word(WIRE_STEP_KEYRING, at, 64, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_KEYRING, at, 65, WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_KEYRING, at, UINT32_MAX, WIRE_FAULT_VALUE);
}
END_TEST

START_TEST(a_root_has_a_source_when_it_is_a_directory)
{
  struct wire_step_root *root = sample_step(block, WIRE_STEP_ROOT);
  uint32_t number = sample_number(block, WIRE_STEP_ROOT);
  root->kind = WIRE_ROOT_TMPFS;
  expect(WIRE_FAULT_VALUE, number);
  root->head.flags = 0;
  /* source 0, the base of the bind, is now that of the link */
  expect(WIRE_FAULT_NONE, plan->steps_n - 1);
  root->kind = 2;
  expect(WIRE_FAULT_VALUE, number);
  root->kind = WIRE_ROOT_DIRECTORY;
  expect(WIRE_FAULT_VALUE, number);
}
END_TEST

/* ---- texts and lists --------------------------------------------------------------------------------------------- */

static const struct {
  int code;
  uint32_t at;
} texts[] = {
    {WIRE_STEP_RUN, OFFSET(wire_step_run, cwd)},
    {WIRE_STEP_NOTE, OFFSET(wire_step_note, field)},
    {WIRE_STEP_NOTE, OFFSET(wire_step_note, why)},
    {WIRE_STEP_MAP_IDS, OFFSET(wire_step_map_ids, uid_ranges)},
    {WIRE_STEP_MAP_IDS, OFFSET(wire_step_map_ids, gid_ranges)},
    {WIRE_STEP_HOSTNAME, OFFSET(wire_step_hostname, name)},
    {WIRE_STEP_HOSTNAME, OFFSET(wire_step_hostname, domain)},
    {WIRE_STEP_ROOT, OFFSET(wire_step_root, source.path)},
    {WIRE_STEP_DIR, OFFSET(wire_step_dir, target.path)},
    {WIRE_STEP_LINK, OFFSET(wire_step_link, source.path)},
    {WIRE_STEP_LINK, OFFSET(wire_step_link, target.path)},
    {WIRE_STEP_FILE, OFFSET(wire_step_file, target.path)},
    {WIRE_STEP_FILE, OFFSET(wire_step_file, data)},
    {WIRE_STEP_BIND, OFFSET(wire_step_bind, source.path)},
    {WIRE_STEP_BIND, OFFSET(wire_step_bind, target.path)},
    {WIRE_STEP_TMPFS, OFFSET(wire_step_tmpfs, target.path)},
    {WIRE_STEP_IDENTITY, OFFSET(wire_step_identity, groups)},
    {WIRE_STEP_DEV, OFFSET(wire_step_dev, target.path)},
    {WIRE_STEP_PROC, OFFSET(wire_step_proc, target.path)},
    {WIRE_STEP_FS, OFFSET(wire_step_fs, target.path)},
    {WIRE_STEP_OVERLAY, OFFSET(wire_step_overlay, target.path)},
    {WIRE_STEP_SYMLINK, OFFSET(wire_step_symlink, target.path)},
    {WIRE_STEP_SYMLINK, OFFSET(wire_step_symlink, text)},
    {WIRE_STEP_REMOUNT, OFFSET(wire_step_remount, target.path)},
    {WIRE_STEP_READ_ONLY, OFFSET(wire_step_place, target.path)},
    {WIRE_STEP_MASK, OFFSET(wire_step_place, target.path)},
    {WIRE_STEP_SEAL, OFFSET(wire_step_place, target.path)},
    {WIRE_STEP_JOIN, OFFSET(wire_step_join, source.path)},
    {WIRE_STEP_ACCESS, OFFSET(wire_step_access, target.path)},
    {WIRE_STEP_LANDLOCK_PLACE, OFFSET(wire_step_landlock_place, target.path)},
};

START_TEST(offsets_of_texts)
{
  for (size_t i = 0; i < COUNT(texts); i++) {
    uint32_t good = get(sample_step(block, texts[i].code), texts[i].at);
    expect_word(texts[i].code, texts[i].at, good + 1, WIRE_FAULT_ALIGN);
    expect_word(texts[i].code, texts[i].at, good + 2, WIRE_FAULT_ALIGN);
    expect_word(texts[i].code, texts[i].at, plan->data_off - 4, WIRE_FAULT_BOUNDS);
    expect_word(texts[i].code, texts[i].at, plan->total - 4, WIRE_FAULT_BOUNDS);
    expect_word(texts[i].code, texts[i].at, plan->total, WIRE_FAULT_BOUNDS);
    expect_word(texts[i].code, texts[i].at, 0xfffffffcu, WIRE_FAULT_BOUNDS);
    expect_word(texts[i].code, texts[i].at, 0, WIRE_FAULT_BOUNDS);
  }
}
END_TEST

START_TEST(texts_end_where_they_say)
{
  for (size_t i = 0; i < COUNT(texts); i++) {
    if (texts[i].code == WIRE_STEP_FILE && texts[i].at == OFFSET(wire_step_file, data)) {
      continue; /* bytes_may_hold_a_nul */
    }
    struct wire_text *text = (void *)(block + get(sample_step(block, texts[i].code), texts[i].at));
    uint32_t number = sample_number(block, texts[i].code);
    uint32_t size = text->len;
    const uint32_t beyond[] = {UINT32_MAX, (uint32_t)len, (uint32_t)(len - (size_t)((char *)text - block)) - 4};
    for (size_t k = 0; k < COUNT(beyond); k++) {
      text->len = beyond[k];
      expect(WIRE_FAULT_BOUNDS, number);
    }
    text->len = size + 1; /* the NUL is inside */
    expect(WIRE_FAULT_TEXT, number);
    text->len = size - 1; /* no NUL at its end */
    expect(WIRE_FAULT_TEXT, number);
    text->len = size;
    char first = text->bytes[0];
    text->bytes[0] = 0;
    expect(WIRE_FAULT_TEXT, number);
    text->bytes[0] = first;
  }
}
END_TEST

/* What is in a file is no text: a NUL may be inside, and one still stands at its end. */
START_TEST(bytes_may_hold_a_nul)
{
  struct wire_step_file *file = sample_step(block, WIRE_STEP_FILE);
  struct wire_text *bytes = (void *)(block + file->data);
  uint32_t number = sample_number(block, WIRE_STEP_FILE);
  memset(bytes->bytes, 0, bytes->len);
  uint32_t step;
  ck_assert_int_eq(sample_check(block, len, &step), WIRE_FAULT_NONE);
  bytes->bytes[bytes->len] = 'x';
  expect(WIRE_FAULT_TEXT, number);
  bytes->bytes[bytes->len] = 0;
  bytes->len = UINT32_MAX;
  expect(WIRE_FAULT_BOUNDS, number);
}
END_TEST

START_TEST(lists)
{
  const uint32_t at[] = {OFFSET(wire_step_run, argv), OFFSET(wire_step_run, env), OFFSET(wire_step_run, inherit_env),
                         OFFSET(wire_step_run, preserve_fds)};
  for (size_t i = 0; i < COUNT(at); i++) {
    uint32_t good = get(sample_step(block, WIRE_STEP_RUN), at[i]);
    struct wire_list *list = (void *)(block + good);
    uint32_t n = list->n;
    uint32_t entry = list->at[n - 1];
    expect_word(WIRE_STEP_RUN, at[i], good + 2, WIRE_FAULT_ALIGN);
    expect_word(WIRE_STEP_RUN, at[i], plan->data_off - 8, WIRE_FAULT_BOUNDS);
    expect_word(WIRE_STEP_RUN, at[i], plan->total, WIRE_FAULT_BOUNDS);
    expect_word(WIRE_STEP_RUN, at[i], 0xfffffffcu, WIRE_FAULT_BOUNDS);
    expect_word(WIRE_STEP_RUN, at[i], 0, WIRE_FAULT_NONE);
    list->n = UINT32_MAX;
    expect(WIRE_FAULT_BOUNDS, 0);
    list->n = (plan->total - good - 4) / 4 + 1;
    expect(WIRE_FAULT_BOUNDS, 0);
    list->n = 0;
    expect(WIRE_FAULT_NONE, plan->steps_n - 1);
    list->n = n;
    list->at[n - 1] = entry + 2;
    expect(WIRE_FAULT_ALIGN, 0);
    list->at[n - 1] = 0;
    expect(WIRE_FAULT_BOUNDS, 0);
    list->at[n - 1] = plan->total - 4;
    expect(WIRE_FAULT_BOUNDS, 0);
    list->at[n - 1] = entry;
    if (n > 1) { /* a text twice, and so within what was read already */
      list->at[n - 1] = list->at[n - 2];
      expect(WIRE_FAULT_ORDER, 0);
      list->at[n - 1] = entry;
    }
  }
}
END_TEST

START_TEST(numbers_with_a_range)
{
  const struct {
    int code;
    uint32_t at, last;
  } rows[] = {
      {WIRE_STEP_RUN, OFFSET(wire_step_run, output_keep), WIRE_KEEP_BOTH},
      {WIRE_STEP_NOTE, OFFSET(wire_step_note, protection), 63},
      {WIRE_STEP_MAP_IDS, OFFSET(wire_step_map_ids, uid_map), WIRE_MAP_JOIN},
      {WIRE_STEP_MAP_IDS, OFFSET(wire_step_map_ids, gid_map), WIRE_MAP_JOIN},
      {WIRE_STEP_MAP_IDS, OFFSET(wire_step_map_ids, groups), WIRE_GROUPS_KEEP},
      {WIRE_STEP_MAP_IDS, OFFSET(wire_step_map_ids, setgroups), WIRE_SETGROUPS_DENY},
      {WIRE_STEP_JOIN, OFFSET(wire_step_join, space), WIRE_SPACE_COUNT - 1},
      {WIRE_STEP_RLIMIT, OFFSET(wire_step_rlimit, resource), 15},
      {WIRE_STEP_PROC, OFFSET(wire_step_proc, hidepid), WIRE_HIDEPID_PTRACEABLE},
      {WIRE_STEP_FS, OFFSET(wire_step_fs, kind), WIRE_FS_CGROUP2},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    expect_word(rows[i].code, rows[i].at, rows[i].last, WIRE_FAULT_NONE);
    expect_word(rows[i].code, rows[i].at, rows[i].last + 1, WIRE_FAULT_VALUE);
    expect_word(rows[i].code, rows[i].at, UINT32_MAX, WIRE_FAULT_VALUE);
  }
}
END_TEST

/* ---- places ------------------------------------------------------------------------------------------------------ */

/* Puts a text of at most eight bytes over the one that is there. */
static void expect_path(int code, uint32_t at, const char *path, int fault)
{
  struct wire_text *text = (void *)(block + get(sample_step(block, code), at));
  char old[16];
  memcpy(old, text, sizeof old);
  text->len = (uint32_t)strlen(path);
  memcpy(text->bytes, path, text->len + 1);
  expect(fault, fault ? sample_number(block, code) : plan->steps_n - 1);
  memcpy(text, old, sizeof old);
}

START_TEST(paths_inside_are_absolute_and_normalised)
{
  const char *const wrong[] = {"",     "a",    "./a",    "../a", "//",    "/a/",   "/a//b", "/.",
                               "/./a", "/a/.", "/a/./b", "/..",  "/../a", "/a/..", "/a/../"};
  const char *const right[] = {"/", "/a", "/.a", "/..a", "/a..", "/...", "/a.b/c", "/a/.b", "/a b"};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    expect_path(WIRE_STEP_FILE, OFFSET(wire_step_file, target.path), wrong[i], WIRE_FAULT_VALUE);
    expect_path(WIRE_STEP_BIND, OFFSET(wire_step_bind, target.path), wrong[i], WIRE_FAULT_VALUE);
  }
  for (size_t i = 0; i < COUNT(right); i++) {
    expect_path(WIRE_STEP_FILE, OFFSET(wire_step_file, target.path), right[i], WIRE_FAULT_NONE);
  }
}
END_TEST

START_TEST(sources_are_absolute_or_below_an_earlier_one)
{
  expect_path(WIRE_STEP_ROOT, OFFSET(wire_step_root, source.path), "srv", WIRE_FAULT_VALUE);
  expect_path(WIRE_STEP_ROOT, OFFSET(wire_step_root, source.path), "", WIRE_FAULT_VALUE);
  expect_path(WIRE_STEP_BIND, OFFSET(wire_step_bind, source.path), "", WIRE_FAULT_NONE);
  const uint32_t join_base = OFFSET(wire_step_join, source.base);
  expect_path(WIRE_STEP_JOIN, OFFSET(wire_step_join, source.path), "run", WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_JOIN, join_base, WIRE_SOURCE_FD | WIRE_SOURCE_FD_MIN, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_JOIN, join_base, 1, WIRE_FAULT_VALUE); /* below no source: it is none of those */
  const uint32_t root_base = OFFSET(wire_step_root, source.base);
  const uint32_t bind_base = OFFSET(wire_step_bind, source.base);
  expect_word(WIRE_STEP_ROOT, root_base, 1, WIRE_FAULT_VALUE); /* itself */
  expect_word(WIRE_STEP_BIND, bind_base, 3, WIRE_FAULT_NONE);  /* root, layer and link come before it */
  expect_word(WIRE_STEP_BIND, bind_base, 4, WIRE_FAULT_VALUE); /* itself */
  expect_word(WIRE_STEP_BIND, bind_base, UINT32_MAX, WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_BIND, bind_base, 0, WIRE_FAULT_VALUE); /* its path is relative */
  expect_word(WIRE_STEP_BIND, bind_base, WIRE_SOURCE_FD | WIRE_SOURCE_FD_MIN, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_BIND, bind_base, WIRE_SOURCE_FD | WIRE_SOURCE_FD_MAX, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_BIND, bind_base, WIRE_SOURCE_FD | (WIRE_SOURCE_FD_MIN - 1), WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_BIND, bind_base, WIRE_SOURCE_FD | (WIRE_SOURCE_FD_MAX + 1), WIRE_FAULT_VALUE);
}
END_TEST

START_TEST(idmaps_come_before_their_sources_and_are_alike_below_each_other)
{
  const uint32_t root_idmap = OFFSET(wire_step_root, source.idmap);
  const uint32_t bind_idmap = OFFSET(wire_step_bind, source.idmap);
  expect_word(WIRE_STEP_LAYER, OFFSET(wire_step_layer, source.idmap), 1, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_LAYER, OFFSET(wire_step_layer, source.idmap), 2, WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_BIND, bind_idmap, 1, WIRE_FAULT_VALUE); /* the root that it lies below has none */
  put(sample_step(block, WIRE_STEP_ROOT), root_idmap, 1);
  uint32_t step;
  ck_assert_int_eq(sample_check(block, len, &step), WIRE_FAULT_VALUE);
  put(sample_step(block, WIRE_STEP_BIND), bind_idmap, 1);
  ck_assert_int_eq(sample_check(block, len, &step), WIRE_FAULT_NONE);
  plan->flags &= ~(uint32_t)WIRE_PLAN_IDMAPS;
  ck_assert_int_eq(sample_check(block, len, &step), WIRE_FAULT_ORDER);
}
END_TEST

/* ---- filter ------------------------------------------------------------------------------------------------------ */

START_TEST(filters_lie_in_the_data)
{
  const uint32_t at = OFFSET(wire_step_seccomp, filter);
  const uint32_t n = OFFSET(wire_step_seccomp, n);
  uint32_t good = get(sample_step(block, WIRE_STEP_SECCOMP), at);
  expect_word(WIRE_STEP_SECCOMP, n, 0, WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_SECCOMP, n, 4097, WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_SECCOMP, n, UINT32_MAX, WIRE_FAULT_VALUE);
  expect_word(WIRE_STEP_SECCOMP, n, 4096, WIRE_FAULT_BOUNDS);
  expect_word(WIRE_STEP_SECCOMP, n, (plan->total - good) / 8, WIRE_FAULT_NONE);
  expect_word(WIRE_STEP_SECCOMP, n, (plan->total - good) / 8 + 1, WIRE_FAULT_BOUNDS);
  expect_word(WIRE_STEP_SECCOMP, at, good + 4, WIRE_FAULT_ALIGN);
  expect_word(WIRE_STEP_SECCOMP, at, 0, WIRE_FAULT_BOUNDS);
  expect_word(WIRE_STEP_SECCOMP, at, plan->data_off - 8, WIRE_FAULT_BOUNDS);
  expect_word(WIRE_STEP_SECCOMP, at, plan->total, WIRE_FAULT_BOUNDS);
  expect_word(WIRE_STEP_SECCOMP, at, 0xfffffff8u, WIRE_FAULT_BOUNDS);
}
END_TEST

/* ---- words and accessors ----------------------------------------------------------------------------------------- */

START_TEST(every_fault_has_words_of_its_own)
{
  for (int i = 0; i < WIRE_FAULT_COUNT; i++) {
    ck_assert_ptr_nonnull(wire_fault_text(i));
    for (int k = 0; k < i; k++) {
      ck_assert_str_ne(wire_fault_text(i), wire_fault_text(k));
    }
  }
  ck_assert_str_eq(wire_fault_text(WIRE_FAULT_TEXT), "a text that is not terminated where it ends");
  ck_assert_str_eq(wire_fault_text(WIRE_FAULT_COUNT), "an unknown fault");
  ck_assert_str_eq(wire_fault_text(-1), "an unknown fault");
}
END_TEST

START_TEST(accessors)
{
  const struct wire_step_run *run = sample_step(block, WIRE_STEP_RUN);
  const struct wire_step *root = sample_step(block, WIRE_STEP_ROOT);
  const struct wire_step *bind = sample_step(block, WIRE_STEP_BIND);
  ck_assert_ptr_null(wire_text_at(block, 0));
  ck_assert_ptr_null(wire_list_at(block, 0));
  ck_assert_str_eq(wire_str(block, 0), "");
  ck_assert_str_eq(wire_str(block, run->cwd), "/work");
  ck_assert_uint_eq(wire_text_at(block, run->cwd)->len, 5);
  ck_assert_uint_eq(wire_list_at(block, run->argv)->n, 2);
  ck_assert_str_eq(wire_str(block, wire_list_at(block, run->argv)->at[1]), "-x");
  ck_assert_ptr_null(wire_step_source(&run->head));
  ck_assert_ptr_null(wire_step_target(&run->head));
  ck_assert_str_eq(wire_str(block, wire_step_source(root)->path), "/srv/root");
  ck_assert_ptr_null(wire_step_target(root));
  ck_assert_str_eq(wire_str(block, wire_step_source(bind)->path), "srv/data");
  ck_assert_str_eq(wire_str(block, wire_step_target(bind)->path), "/data");
  for (size_t i = 0; i < COUNT(texts); i++) {
    const struct wire_step *step = sample_step(block, texts[i].code);
    const struct wire_target *target = wire_step_target(step);
    if (target && texts[i].at == (uint32_t)((const char *)target - (const char *)step)) {
      ck_assert_int_eq(wire_str(block, target->path)[0], '/');
    }
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("plan_reader");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, the_sample_is_accepted_and_has_every_step);
  tcase_add_test(cases, header_words);
  tcase_add_test(cases, every_byte_of_the_identity_counts);
  tcase_add_test(cases, lengths);
  tcase_add_test(cases, the_crc_is_not_the_readers_business);
  tcase_add_test(cases, unknown_codes);
  tcase_add_test(cases, every_step_has_its_size);
  tcase_add_test(cases, steps_lie_in_the_step_area);
  tcase_add_test(cases, places_that_the_flags_claim_are_those_of_the_code);
  tcase_add_test(cases, kept_mounts_are_counted);
  tcase_add_test(cases, best_effort_names_a_bit);
  tcase_add_test(cases, a_root_has_a_source_when_it_is_a_directory);
  tcase_add_test(cases, offsets_of_texts);
  tcase_add_test(cases, texts_end_where_they_say);
  tcase_add_test(cases, bytes_may_hold_a_nul);
  tcase_add_test(cases, lists);
  tcase_add_test(cases, numbers_with_a_range);
  tcase_add_test(cases, paths_inside_are_absolute_and_normalised);
  tcase_add_test(cases, sources_are_absolute_or_below_an_earlier_one);
  tcase_add_test(cases, idmaps_come_before_their_sources_and_are_alike_below_each_other);
  tcase_add_test(cases, filters_lie_in_the_data);
  tcase_add_test(cases, every_fault_has_words_of_its_own);
  tcase_add_test(cases, accessors);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
