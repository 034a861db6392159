/* core/lib/grammar.c, nearest.c and complaints.c: single texts, right and wrong. */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "complaints.h"
#include "grammar.h"
#include "nearest.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

START_TEST(sizes)
{
  static const struct {
    const char *text;
    int fault;
    uint64_t bytes;
  } rows[] = {
      {"0", STYRO_GRAMMAR_OK, 0},
      {"4096", STYRO_GRAMMAR_OK, 4096},
      {"64K", STYRO_GRAMMAR_OK, 65536},
      {"256M", STYRO_GRAMMAR_OK, 268435456},
      {"1.5G", STYRO_GRAMMAR_OK, 1610612736},
      {"1GiB", STYRO_GRAMMAR_OK, 1073741824},
      {"2T", STYRO_GRAMMAR_OK, UINT64_C(2) << 40},
      {"0.5K", STYRO_GRAMMAR_OK, 512},
      {"18446744073709551615", STYRO_GRAMMAR_OK, UINT64_MAX},
      {"1.3K", STYRO_GRAMMAR_WRONG, 0},
      {"256MB", STYRO_GRAMMAR_WRONG, 0},
      {"256m", STYRO_GRAMMAR_WRONG, 0},
      {"1 K", STYRO_GRAMMAR_WRONG, 0},
      {"", STYRO_GRAMMAR_WRONG, 0},
      {"M", STYRO_GRAMMAR_WRONG, 0},
      {"-1", STYRO_GRAMMAR_WRONG, 0},
      {"+1", STYRO_GRAMMAR_WRONG, 0},
      {"1.", STYRO_GRAMMAR_WRONG, 0},
      {".5K", STYRO_GRAMMAR_WRONG, 0},
      {"1e3", STYRO_GRAMMAR_WRONG, 0},
      {"0x10", STYRO_GRAMMAR_WRONG, 0},
      {"1.0000000001K", STYRO_GRAMMAR_WRONG, 0},
      {"18446744073709551616", STYRO_GRAMMAR_RANGE, 0},
      {"17179869184G", STYRO_GRAMMAR_RANGE, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    uint64_t bytes = 0;
    ck_assert_msg(styro_grammar_size(rows[i].text, &bytes) == rows[i].fault, "`%s`", rows[i].text);
    ck_assert_msg(bytes == rows[i].bytes, "`%s` is %llu", rows[i].text, (unsigned long long)bytes);
  }
}
END_TEST

START_TEST(durations)
{
  static const struct {
    const char *text;
    int fault;
    int64_t nanoseconds;
  } rows[] = {
      {"5s", STYRO_GRAMMAR_OK, INT64_C(5000000000)},
      {"5", STYRO_GRAMMAR_OK, INT64_C(5000000000)},
      {"1.5", STYRO_GRAMMAR_OK, INT64_C(1500000000)},
      {"1.5s", STYRO_GRAMMAR_OK, INT64_C(1500000000)},
      {"0.1s", STYRO_GRAMMAR_OK, INT64_C(100000000)},
      {"0.000000001s", STYRO_GRAMMAR_OK, 1},
      {"500ms", STYRO_GRAMMAR_OK, INT64_C(500000000)},
      {"7us", STYRO_GRAMMAR_OK, 7000},
      {"7ns", STYRO_GRAMMAR_OK, 7},
      {"2m", STYRO_GRAMMAR_OK, INT64_C(120000000000)},
      {"1h", STYRO_GRAMMAR_OK, INT64_C(3600000000000)},
      {"1.5h", STYRO_GRAMMAR_OK, INT64_C(5400000000000)},
      {"0.5ns", STYRO_GRAMMAR_WRONG, 0},
      {"5 s", STYRO_GRAMMAR_WRONG, 0},
      {"5sec", STYRO_GRAMMAR_WRONG, 0},
      {"5S", STYRO_GRAMMAR_WRONG, 0},
      {"-5s", STYRO_GRAMMAR_WRONG, 0},
      {"forever", STYRO_GRAMMAR_WRONG, 0},
      {"9300000000", STYRO_GRAMMAR_RANGE, 0},
      {"9223372036.854775807s", STYRO_GRAMMAR_OK, INT64_MAX},
      {"9223372036.854775808s", STYRO_GRAMMAR_RANGE, 0}, /* the whole seconds alone would do */
      {"99999999999999999999s", STYRO_GRAMMAR_RANGE, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    int64_t nanoseconds = 0;
    ck_assert_msg(styro_grammar_duration(rows[i].text, &nanoseconds) == rows[i].fault, "`%s`", rows[i].text);
    ck_assert_msg(nanoseconds == rows[i].nanoseconds, "`%s`", rows[i].text);
  }
}
END_TEST

START_TEST(integers_booleans_modes_limits_and_cores)
{
  int64_t number = 0;
  uint64_t limit = 0;
  bool flag = false;
  ck_assert_int_eq(styro_grammar_int("-20", &number), STYRO_GRAMMAR_OK);
  ck_assert_int_eq(number, -20);
  ck_assert_int_eq(styro_grammar_int("9223372036854775807", &number), STYRO_GRAMMAR_OK);
  ck_assert_int_eq(styro_grammar_int("9223372036854775808", &number), STYRO_GRAMMAR_RANGE);
  ck_assert_int_eq(styro_grammar_int("99999999999999999999", &number), STYRO_GRAMMAR_RANGE);
  ck_assert_int_eq(styro_grammar_int("1.0", &number), STYRO_GRAMMAR_WRONG);
  ck_assert_int_eq(styro_grammar_int("-", &number), STYRO_GRAMMAR_WRONG);
  ck_assert_int_eq(styro_grammar_bool("true", &flag), STYRO_GRAMMAR_OK);
  ck_assert(flag);
  ck_assert_int_eq(styro_grammar_bool("false", &flag), STYRO_GRAMMAR_OK);
  ck_assert(!flag);
  ck_assert_int_eq(styro_grammar_bool("yes", &flag), STYRO_GRAMMAR_WRONG);
  ck_assert_int_eq(styro_grammar_mode("022", &number), STYRO_GRAMMAR_OK);
  ck_assert_int_eq(number, 022);
  ck_assert_int_eq(styro_grammar_mode("088", &number), STYRO_GRAMMAR_WRONG);
  ck_assert_int_eq(styro_grammar_mode("", &number), STYRO_GRAMMAR_WRONG);
  ck_assert_int_eq(styro_grammar_mode("7777777", &number), STYRO_GRAMMAR_RANGE);
  ck_assert_int_eq(styro_grammar_limit("unlimited", &limit), STYRO_GRAMMAR_OK);
  ck_assert(limit == STYRO_UNLIMITED);
  ck_assert_int_eq(styro_grammar_limit("64K", &limit), STYRO_GRAMMAR_OK);
  ck_assert_uint_eq(limit, 65536);
  ck_assert_int_eq(styro_grammar_cores("1.5", &number), STYRO_GRAMMAR_OK);
  ck_assert_int_eq(number, 1500000);
  ck_assert_int_eq(styro_grammar_cores("1.5s", &number), STYRO_GRAMMAR_WRONG);
}
END_TEST

START_TEST(json_numbers_are_scaled)
{
  int64_t number = 0;
  ck_assert_int_eq(styro_grammar_scaled(0.1, 1000000000, &number), STYRO_GRAMMAR_OK);
  ck_assert_int_eq(number, 100000000);
  ck_assert_int_eq(styro_grammar_scaled(-0.1, 1000000000, &number), STYRO_GRAMMAR_RANGE);
  ck_assert_int_eq(styro_grammar_scaled(1e300, 1000000000, &number), STYRO_GRAMMAR_RANGE);
  ck_assert_int_eq(styro_grammar_scaled((double)NAN, 1, &number), STYRO_GRAMMAR_RANGE);
}
END_TEST

START_TEST(what_is_printed_reads_back)
{
  static const int64_t values[] = {0,
                                   1,
                                   7,
                                   999,
                                   1000,
                                   1024,
                                   1536,
                                   1000000,
                                   1500000000,
                                   60000000000,
                                   90000000000,
                                   3600000000000,
                                   1 << 20,
                                   268435456,
                                   1073741825,
                                   INT64_MAX,
                                   INT64_C(1) << 40};
  char text[STYRO_PRINTED];
  for (size_t i = 0; i < COUNT(values); i++) {
    uint64_t bytes = 1;
    int64_t number = 1;
    ck_assert_int_eq(styro_grammar_size(styro_print_size((uint64_t)values[i], text), &bytes), STYRO_GRAMMAR_OK);
    ck_assert_uint_eq(bytes, (uint64_t)values[i]);
    ck_assert_int_eq(styro_grammar_duration(styro_print_duration(values[i], text), &number), STYRO_GRAMMAR_OK);
    ck_assert_int_eq(number, values[i]);
    ck_assert_int_eq(styro_grammar_cores(styro_print_cores(values[i] % 8192000000, text), &number), STYRO_GRAMMAR_OK);
    ck_assert_int_eq(number, values[i] % 8192000000);
  }
  ck_assert_str_eq(styro_print_size(268435456, text), "256M");
  ck_assert_str_eq(styro_print_duration(90000000000, text), "90s");
  ck_assert_str_eq(styro_print_duration(120000000000, text), "2m");
  ck_assert_str_eq(styro_print_cores(1500000, text), "1.5");
  ck_assert_str_eq(styro_print_cores(2000000, text), "2");
}
END_TEST

START_TEST(paths_are_normalised)
{
  static const struct {
    const char *text, *normal, *complaint;
  } rows[] = {
      {"/", "/", NULL},
      {"//", "/", NULL},
      {"/a", "/a", NULL},
      {"/a/", "/a", NULL},
      {"//a///b/./c/.", "/a/b/c", NULL},
      {"/./", "/", NULL},
      {"/.hidden/..x", "/.hidden/..x", NULL},
      {"a/b", NULL, "absolute"},
      {"", NULL, "absolute"},
      {"/a/../b", NULL, "`..`"},
      {"/..", NULL, "`..`"},
  };
  char out[STYRO_PATH_MAX];
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char *complaint = styro_path_normalise(rows[i].text, out);
    if (rows[i].complaint != NULL) {
      ck_assert_ptr_nonnull(complaint);
      ck_assert_ptr_nonnull(strstr(complaint, rows[i].complaint));
    } else {
      ck_assert_msg(complaint == NULL, "`%s` %s", rows[i].text, complaint);
      ck_assert_str_eq(out, rows[i].normal);
    }
  }
}
END_TEST

START_TEST(paths_have_the_kernels_lengths)
{
  char path[5000], out[STYRO_PATH_MAX];
  memset(path, 'a', sizeof path);
  path[0] = '/';
  path[256] = '\0';
  ck_assert_ptr_null(styro_path_normalise(path, out));
  path[256] = 'a';
  path[257] = '\0';
  ck_assert_ptr_nonnull(strstr(styro_path_normalise(path, out), "255 bytes"));
  for (size_t i = 0; i < sizeof path; i++) {
    path[i] = i % 2 == 0 ? '/' : 'a';
  }
  path[4095] = '\0';
  ck_assert_ptr_null(styro_path_normalise(path, out));
  path[4095] = '/';
  path[4096] = '\0';
  ck_assert_ptr_nonnull(strstr(styro_path_normalise(path, out), "4095 bytes"));
}
END_TEST

typedef const char *complaint_fn(const char *text);

static void check_complaints(complaint_fn *complaint, const char *const *good, const char *const *bad)
{
  for (; *good != NULL; good++) {
    ck_assert_msg(complaint(*good) == NULL, "`%s` %s", *good, complaint(*good));
  }
  for (; *bad != NULL; bad++) {
    ck_assert_msg(complaint(*bad) != NULL, "`%s` passed", *bad);
  }
}

START_TEST(names_are_checked)
{
  check_complaints(styro_complaint_env_name, (const char *const[]){"A", "a.b", "_", NULL},
                   (const char *const[]){"", "A=B", "=", NULL});
  check_complaints(styro_complaint_hostname, (const char *const[]){"a", "a-1.b_c", "A.B", NULL},
                   (const char *const[]){"", "-a", "a-", "a..b", ".a", "a b", "\xc3\xa9", NULL});
  check_complaints(styro_complaint_cpuset, (const char *const[]){"0", "0-3", "0-3,8", "1,2,3", NULL},
                   (const char *const[]){"", "3-1", "a", "1,", ",1", "1-", "123456", "1-2-3", NULL});
  check_complaints(styro_complaint_cgroup_key, (const char *const[]){"memory.high", "io.max", NULL},
                   (const char *const[]){"", "memory", ".high", "memory.", "../x.y", "a.b/c", NULL});
}
END_TEST

START_TEST(the_nearest_word)
{
  static const char *const words[] = {"timeout", "command", "cwd", "env", "extends", "ro", NULL};
  static const struct {
    const char *word, *best;
  } rows[] = {
      {"timout", "timeout"}, {"comand", "command"}, {"cmomand", "command"},
      {"extend", "extends"}, {"en", "env"},         {"rw", "ro"},
      {"zzz", NULL},         {"banana", NULL},      {"", NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct styro_nearest nearest = {.word = rows[i].word};
    for (size_t j = 0; words[j] != NULL; j++) {
      styro_nearest_offer(&nearest, words[j]);
    }
    ck_assert_pstr_eq(nearest.best, rows[i].best);
  }
  char large[200];
  memset(large, 'a', sizeof large);
  large[199] = '\0';
  struct styro_nearest nearest = {.word = large};
  styro_nearest_offer(&nearest, large);
  ck_assert_ptr_null(nearest.best);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("grammar");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, sizes);
  tcase_add_test(cases, durations);
  tcase_add_test(cases, integers_booleans_modes_limits_and_cores);
  tcase_add_test(cases, json_numbers_are_scaled);
  tcase_add_test(cases, what_is_printed_reads_back);
  tcase_add_test(cases, paths_are_normalised);
  tcase_add_test(cases, paths_have_the_kernels_lengths);
  tcase_add_test(cases, names_are_checked);
  tcase_add_test(cases, the_nearest_word);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
