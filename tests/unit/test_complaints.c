/* core/lib/complaints.c: the very words that follow a wrong text, and the last right one before each. */
#include <check.h>
#include <string.h>

#include "complaints.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

typedef const char *complaint_fn(const char *text);

#define PARTS "is not a host name: its parts neither start nor end with `-`, and are not empty"
#define LETTERS "is not a host name: only letters, digits, `-`, `_` and `.` stand in one"
#define CPUSET "is not a set of processors such as `0-3,8`"
#define KEY "is not a key of control groups such as `memory.high`"
#define KEY_LETTERS "is not a key of control groups: only letters, digits, `_` and `.` stand in one"

static const struct {
  complaint_fn *complaint;
  const char *text, *said; /* NULL: nothing */
} rows[] = {
    {styro_complaint_env_name, "", "is empty, and a variable needs a name"},
    {styro_complaint_env_name, "A=", "has a `=` in it, which ends the name of a variable"},
    {styro_complaint_env_name, "=", "has a `=` in it, which ends the name of a variable"},
    {styro_complaint_env_name, "with space\n\xff", NULL},
    {styro_complaint_hostname, "", PARTS},
    {styro_complaint_hostname, ".", PARTS},
    {styro_complaint_hostname, "a.", PARTS},
    {styro_complaint_hostname, "a.-b", PARTS},
    {styro_complaint_hostname, "a-.b", PARTS},
    {styro_complaint_hostname, "a..b", PARTS},
    {styro_complaint_hostname, "a/b", LETTERS},
    {styro_complaint_hostname, "/ab", LETTERS},
    {styro_complaint_hostname, "a b", LETTERS},
    {styro_complaint_hostname, "a.b:", LETTERS},
    {styro_complaint_hostname, "\xc3\xa4", LETTERS},
    {styro_complaint_hostname, "0-9_.zZ", NULL},
    {styro_complaint_hostname, "_", NULL},
    {styro_complaint_cpuset, "", CPUSET},
    {styro_complaint_cpuset, "0-", CPUSET},
    {styro_complaint_cpuset, "-1", CPUSET},
    {styro_complaint_cpuset, "0,", CPUSET},
    {styro_complaint_cpuset, "0 ,1", CPUSET},
    {styro_complaint_cpuset, "0-7:2", CPUSET},
    {styro_complaint_cpuset, "2-1", CPUSET},
    {styro_complaint_cpuset, "100000", CPUSET},
    {styro_complaint_cpuset, "0-100000", CPUSET},
    {styro_complaint_cpuset, "99999", NULL},
    {styro_complaint_cpuset, "00-1", NULL},
    {styro_complaint_cpuset, "1-1,0", NULL},
    {styro_complaint_cgroup_key, "", KEY},
    {styro_complaint_cgroup_key, "memory", KEY},
    {styro_complaint_cgroup_key, ".high", KEY},
    {styro_complaint_cgroup_key, "memory.", KEY},

    {styro_complaint_cgroup_key, "memory.high/x", KEY_LETTERS},
    {styro_complaint_cgroup_key, "memory high.x", KEY_LETTERS},
    {styro_complaint_cgroup_key, "memory-high.x", KEY_LETTERS},
    {styro_complaint_cgroup_key, "hugetlb.2MB.max", NULL},
    {styro_complaint_cgroup_key, "io.cost_model", NULL},
};

START_TEST(what_is_said_about_a_text)
{
  const char *expected = rows[_i].said;
  const char *said = rows[_i].complaint(rows[_i].text);
  ck_assert_msg((said == NULL) == (expected == NULL), "`%s` %s", rows[_i].text, said == NULL ? "passed" : said);
  ck_assert_msg(said == NULL || strcmp(said, expected) == 0, "`%s` %s", rows[_i].text, said);
}
END_TEST

static const struct {
  const char *path, *said;
} paths[] = {
    {"", "is not an absolute path"},
    {"a", "is not an absolute path"},
    {"./a", "is not an absolute path"},
    {"${A}/b", "is not an absolute path"},
    {"/..", "has a `..` in it, and what that means depends on symbolic links"},
    {"/a/..", "has a `..` in it, and what that means depends on symbolic links"},
    {"//../a", "has a `..` in it, and what that means depends on symbolic links"},
};

START_TEST(what_is_said_about_a_path)
{
  char out[STYRO_PATH_MAX];
  ck_assert_str_eq(styro_path_normalise(paths[_i].path, out), paths[_i].said);
}
END_TEST

/* Lengths are those of the text as it was written, not of what it comes to. */
START_TEST(lengths_of_paths)
{
  static char path[STYRO_PATH_MAX + 1], out[STYRO_PATH_MAX];
  memset(path, '/', STYRO_PATH_MAX);
  ck_assert_str_eq(styro_path_normalise(path, out), "is longer than the 4095 bytes of a path");
  path[STYRO_PATH_MAX - 1] = '\0';
  ck_assert_ptr_null(styro_path_normalise(path, out));
  ck_assert_str_eq(out, "/");
  memset(path + 1, 'c', 256);
  ck_assert_str_eq(styro_path_normalise(path, out), "has a component of more than 255 bytes");
  path[256] = '/';
  ck_assert_ptr_null(styro_path_normalise(path, out));
  ck_assert_uint_eq(strlen(out), 256);
}
END_TEST

START_TEST(what_is_left_of_a_path_is_the_shortest)
{
  static const struct {
    const char *path, *normal;
  } same[] = {{"/a/./b", "/a/b"},   {"/./a", "/a"},         {"/a/.", "/a"},    {"/...", "/..."},
              {"/.a/b.", "/.a/b."}, {"///a//b///", "/a/b"}, {"/ a /", "/ a "}, {"/.//./", "/"}};
  char out[STYRO_PATH_MAX];
  for (size_t i = 0; i < COUNT(same); i++) {
    ck_assert_ptr_null(styro_path_normalise(same[i].path, out));
    ck_assert_str_eq(out, same[i].normal);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("complaints");
  TCase *cases = tcase_create("all");
  tcase_add_loop_test(cases, what_is_said_about_a_text, 0, (int)COUNT(rows));
  tcase_add_loop_test(cases, what_is_said_about_a_path, 0, (int)COUNT(paths));
  tcase_add_test(cases, lengths_of_paths);
  tcase_add_test(cases, what_is_left_of_a_path_is_the_shortest);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
