/* core/lib/subid.c: what lines of subuid(5) give whom, whatever else stands in the file, and the map that they make. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/subid.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOBODY_EXCLUDED UINT32_MAX

static struct styro_subids ids;
static size_t line;

/* A copy that ends where the file ends, so that a read beyond it is found by who looks for such. */
static struct styro_bytes exact(const char *text, size_t len)
{
  char *copy = malloc(len ? len : 1);
  ck_assert_ptr_nonnull(copy);
  memcpy(copy, text, len);
  return (struct styro_bytes){copy, len};
}

static const char *read_for(const char *text, uint32_t id, const char *name, uint32_t excluded)
{
  const struct styro_subid_owner owner = {.id = id, .name = {name, strlen(name)}, .excluded = excluded};
  struct styro_bytes file = exact(text, strlen(text));
  const char *complaint = styro_subids_read(file, &owner, &ids, &line);
  free((void *)(uintptr_t)file.at);
  return complaint;
}

/* The ranges as "START+COUNT START+COUNT". */
static const char *found(void)
{
  static char text[STYRO_ID_MAP_LINES * 24];
  size_t len = 0;
  text[0] = '\0';
  for (size_t i = 0; i < ids.n; i++) {
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%u+%u", i ? " " : "", ids.ranges[i].start,
                            ids.ranges[i].count);
  }
  return text;
}

static const struct {
  const char *file, *ranges;
  uint32_t excluded;
} good[] = {
    {"", "", NOBODY_EXCLUDED},
    {"alice:100000:65536\n", "100000+65536", NOBODY_EXCLUDED},
    {"alice:100000:65536", "100000+65536", NOBODY_EXCLUDED},
    {"1500:100000:65536\n", "100000+65536", NOBODY_EXCLUDED},
    {"# alice:1:1\n\n\nalice:7:2\nbob:1:1\n", "7+2", NOBODY_EXCLUDED},
    {"alic:1:1\nalicea:1:1\n:1:1\n150:1:1\n15000:1:1\n01500:1:1\n", "", NOBODY_EXCLUDED},
    {"bob\nbob:\nbob:x\nbob:1:2:3\n::::\n", "", NOBODY_EXCLUDED},
    {"alice:5:0\nalice:0:0\n", "", NOBODY_EXCLUDED},
    {"alice:20:5\nalice:10:5\n", "20+5 10+5", NOBODY_EXCLUDED},
    {"alice:10:5\n1500:10:5\n", "10+5", NOBODY_EXCLUDED},
    {"alice:10:5\nalice:12:5\n", "10+5 15+2", NOBODY_EXCLUDED},
    {"alice:12:5\nalice:10:5\n", "12+5 10+2", NOBODY_EXCLUDED},
    {"alice:12:2\nalice:10:6\n", "12+2 10+2 14+2", NOBODY_EXCLUDED},
    {"alice:12:1\nalice:14:1\nalice:10:8\n", "12+1 14+1 10+2 13+1 15+3", NOBODY_EXCLUDED},
    {"alice:10:8\nalice:12:1\nalice:14:1\n", "10+8", NOBODY_EXCLUDED},
    {"alice:1:4294967294\n", "1+4294967294", NOBODY_EXCLUDED},
    {"alice:4294967294:1\n", "4294967294+1", NOBODY_EXCLUDED},
    {"alice:1000:1000\n", "1000+500 1501+499", 1500},
    {"alice:1500:1000\n", "1501+999", 1500},
    {"alice:1000:501\n", "1000+500", 1500},
    {"alice:1500:1\n", "", 1500},
};

START_TEST(ranges_of_a_file)
{
  const char *complaint = read_for(good[_i].file, 1500, "alice", good[_i].excluded);
  ck_assert_msg(complaint == NULL, "%s: %s", good[_i].file, complaint);
  ck_assert_str_eq(found(), good[_i].ranges);
}
END_TEST

static const struct {
  const char *file, *complaint;
  size_t line;
} bad[] = {
    {"alice\n", "is not of the form USER:START:COUNT", 1},
    {"alice:\n", "is not of the form USER:START:COUNT", 1},
    {"\nalice:1\n", "is not of the form USER:START:COUNT", 2},
    {"\n\nalice:1:1:", "is not of the form USER:START:COUNT", 3},
    {"alice:1:1:1\n", "is not of the form USER:START:COUNT", 1},
    {"alice::1\n", "is not of the form USER:START:COUNT", 1},
    {"alice:1:\n", "is not of the form USER:START:COUNT", 1},
    {"alice: 1:1\n", "is not of the form USER:START:COUNT", 1},
    {"alice:1:1 \n", "is not of the form USER:START:COUNT", 1},
    {"alice:1:1\r\n", "is not of the form USER:START:COUNT", 1},
    {"alice:-1:1\n", "is not of the form USER:START:COUNT", 1},
    {"alice:0x10:1\n", "is not of the form USER:START:COUNT", 1},
    {"alice:1:18446744073709551617\n", "is not of the form USER:START:COUNT", 1},
    {"bob:1:1\n1500:0:5\n", "gives id 0 of the host, which is never mapped but by an explicit range", 2},
    {"alice:1:4294967295\n", "goes beyond the last id, 4294967294", 1},
    {"alice:4294967294:2\n", "goes beyond the last id, 4294967294", 1},
    {"alice:4294967295:1\n", "goes beyond the last id, 4294967294", 1},
};

START_TEST(what_is_wrong_with_a_line)
{
  const char *complaint = read_for(bad[_i].file, 1500, "alice", NOBODY_EXCLUDED);
  ck_assert_str_eq(complaint, bad[_i].complaint);
  ck_assert_uint_eq(line, bad[_i].line);
}
END_TEST

START_TEST(without_a_name_only_the_number_counts)
{
  ck_assert_ptr_null(read_for(":1:1\nalice:2:1\n0:3:1\n", 0, "", NOBODY_EXCLUDED));
  ck_assert_str_eq(found(), "3+1");
}
END_TEST

START_TEST(bytes_that_are_no_text)
{
  static const char file[] = "\0\xff:\n\0alice:1:1\nalice:5:1\0\nalice\0:1:1\n";
  const struct styro_subid_owner owner = {.id = 1500, .name = {"alice", 5}, .excluded = NOBODY_EXCLUDED};
  struct styro_bytes bytes = exact(file, sizeof file - 1);
  ck_assert_str_eq(styro_subids_read(bytes, &owner, &ids, &line), "is not of the form USER:START:COUNT");
  ck_assert_uint_eq(line, 3);
  free((void *)(uintptr_t)bytes.at);
}
END_TEST

/* N ranges with a gap between each two. */
static char *many(size_t n)
{
  char *text = malloc(n * 24 + 64);
  size_t len = 0;
  ck_assert_ptr_nonnull(text);
  for (size_t i = 0; i < n; i++) {
    len += (size_t)sprintf(text + len, "alice:%zu:1\n", 1000 + 2 * i);
  }
  return text;
}

START_TEST(no_more_ranges_than_the_kernel_takes)
{
  char *text = many(STYRO_ID_MAP_LINES);
  ck_assert_ptr_null(read_for(text, 1500, "alice", NOBODY_EXCLUDED));
  ck_assert_uint_eq(ids.n, STYRO_ID_MAP_LINES);
  free(text);
  text = many(STYRO_ID_MAP_LINES + 1);
  ck_assert_str_eq(read_for(text, 1500, "alice", NOBODY_EXCLUDED), "is one range too many: the kernel takes 340");
  ck_assert_uint_eq(line, STYRO_ID_MAP_LINES + 1);
  free(text);
  /* One that goes around all of them: each gap would be a range of its own. */
  text = many(STYRO_ID_MAP_LINES - 1);
  strcat(text, "alice:999:1000\n");
  ck_assert_str_eq(read_for(text, 1500, "alice", NOBODY_EXCLUDED), "is one range too many: the kernel takes 340");
  ck_assert_uint_eq(ids.n, STYRO_ID_MAP_LINES);
  free(text);
  text = many(STYRO_ID_MAP_LINES - 1);
  strcat(text, "alice:2000:10\n");
  ck_assert_str_eq(read_for(text, 1500, "alice", 2005), "is one range too many: the kernel takes 340");
  free(text);
}
END_TEST

START_TEST(names_of_users)
{
  static const char file[] =
      "root:x:0:0:root:/root:/bin/sh\nbroken\nshort:x\nword:x:15x:\n:x:7:\nalice:x:1500:1500::/:\n"
      "again:x:1500:1500\nlast:x:9";
  static const struct {
    uint32_t id;
    const char *name;
  } rows[] = {{0, "root"}, {1500, "alice"}, {9, "last"}, {15, ""}, {7, ""}, {8, ""}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct styro_bytes bytes = exact(file, sizeof file - 1);
    struct styro_bytes name = styro_passwd_name(bytes, rows[i].id);
    ck_assert_uint_eq(name.len, strlen(rows[i].name));
    ck_assert_int_eq(memcmp(name.at, rows[i].name, name.len), 0);
    free((void *)(uintptr_t)bytes.at);
  }
  ck_assert_uint_eq(styro_passwd_name((struct styro_bytes){"", 0}, 0).len, 0);
  ck_assert_uint_eq(styro_passwd_name((struct styro_bytes){NULL, 0}, 0).len, 0);
}
END_TEST

static const struct {
  const char *file;
  bool keep;
  uint32_t inside;
  const char *map;
} maps[] = {
    {"alice:100:10\n", false, 5, "0 100 10\n"},
    {"alice:100:10\nalice:200:5\n", false, 0, "0 100 10\n10 200 5\n"},
    {"alice:100:10\n", true, 0, "0 1500 1\n1 100 10\n"},
    {"alice:100:10\n", true, 4, "0 100 4\n4 1500 1\n5 104 6\n"},
    {"alice:100:10\n", true, 9, "0 100 9\n9 1500 1\n10 109 1\n"},
    {"alice:100:10\n", true, 10, "0 100 10\n10 1500 1\n"},
    {"alice:100:10\n", true, 4294967294u, "0 100 10\n4294967294 1500 1\n"},
    {"alice:100:10\nalice:200:5\n", true, 10, "0 100 10\n10 1500 1\n11 200 5\n"},
    {"alice:100:10\nalice:200:5\n", true, 12, "0 100 10\n10 200 2\n12 1500 1\n13 202 3\n"},
    {"", true, 7, "7 1500 1\n"},
    {"", false, 7, ""},
    {"alice:1:4294967294\n", false, 7, "0 1 4294967294\n"},
    {"alice:1:4294967294\n", true, 0, "0 1500 1\n1 1 1499\n1500 1501 4294965794\n"},
};

static const char *map_of(struct styro_buffer *buffer, const char *file, bool keep, uint32_t inside)
{
  ck_assert_ptr_null(read_for(file, 1500, "alice", keep ? 1500 : NOBODY_EXCLUDED));
  styro_subids_map(&ids, keep, inside, 1500, buffer);
  return buffer->data ? buffer->data : "";
}

START_TEST(the_map)
{
  struct styro_buffer buffer;
  struct styro_id_range found_range;
  uint32_t outside;
  styro_buffer_init(&buffer, NULL);
  const char *map = map_of(&buffer, maps[_i].file, maps[_i].keep, maps[_i].inside);
  ck_assert_str_eq(map, maps[_i].map);
  if (*map) {
    ck_assert_ptr_null(styro_id_map_complaint(map, &found_range));
  }
  if (maps[_i].keep) {
    ck_assert(styro_id_map_lookup(map, maps[_i].inside, &outside) && outside == 1500);
  }
  styro_buffer_free(&buffer);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("subid");
  TCase *cases = tcase_create("all");
  tcase_add_loop_test(cases, ranges_of_a_file, 0, COUNT(good));
  tcase_add_loop_test(cases, what_is_wrong_with_a_line, 0, COUNT(bad));
  tcase_add_test(cases, without_a_name_only_the_number_counts);
  tcase_add_test(cases, bytes_that_are_no_text);
  tcase_add_test(cases, no_more_ranges_than_the_kernel_takes);
  tcase_add_test(cases, names_of_users);
  tcase_add_loop_test(cases, the_map, 0, COUNT(maps));
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
