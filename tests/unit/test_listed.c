/* What the entries of `mounts` mean for each other: pure functions of the list. */
#include "lib/listed.h"

#include <check.h>

#include "test_program.h"

static struct styro_mount entries[] = {
    {.type = STYRO_MOUNT_TMPFS, .at = (char[]){"/a"}},
    {.type = STYRO_MOUNT_BIND, .at = (char[]){"/a/b"}, .optional = true},
    {.type = STYRO_MOUNT_DIR, .at = (char[]){"/a/b/c"}},
    {.type = STYRO_MOUNT_FILE, .at = (char[]){"/f"}},
    {.type = STYRO_MOUNT_SYMLINK, .at = (char[]){"/l"}},
    {.type = STYRO_MOUNT_REMOUNT, .at = (char[]){"/a"}},
    {.type = STYRO_MOUNT_PROPAGATION, .at = (char[]){"/x/y"}},
    {.type = STYRO_MOUNT_PROC, .at = (char[]){"/p"}},
};
static const struct styro_mounts list = {.items = entries, .n = TESTS_N(entries)};

START_TEST(paths_enclose_whole_names)
{
  ck_assert(styro_encloses("/a", "/a"));
  ck_assert(styro_encloses("/a", "/a/b"));
  ck_assert(!styro_encloses("/a", "/ab"));
  ck_assert(!styro_encloses("/a/b", "/a"));
}
END_TEST

START_TEST(what_covers_and_what_changes)
{
  static const bool covers[] = {true, true, false, false, false, false, false, true};
  static const bool changes[] = {false, false, false, false, false, true, true, false};
  for (size_t i = 0; i < list.n; i++) {
    ck_assert_int_eq(styro_mount_covers(&entries[i]), covers[i]);
    ck_assert_int_eq(styro_mount_changes(&entries[i]), changes[i]);
  }
}
END_TEST

START_TEST(the_last_one_before_stands_over_a_path)
{
  ck_assert_uint_eq(styro_mounts_over(&list, "/a/b/c/d", list.n), 1);
  ck_assert_uint_eq(styro_mounts_over(&list, "/a/b/c/d", 1), 0);
  ck_assert_uint_eq(styro_mounts_over(&list, "/a/other", list.n), 0);
  ck_assert_uint_eq(styro_mounts_over(&list, "/a", 0), STYRO_NO_ENTRY);
  ck_assert_uint_eq(styro_mounts_over(&list, "/f", list.n), STYRO_NO_ENTRY);
}
END_TEST

START_TEST(a_change_has_the_mount_at_its_place)
{
  ck_assert_uint_eq(styro_mounts_subject(&list, 5), 0);
  ck_assert_uint_eq(styro_mounts_subject(&list, 6), STYRO_NO_ENTRY);
  ck_assert_uint_eq(styro_mounts_subject(&list, 0), STYRO_NO_ENTRY);
}
END_TEST

START_TEST(places_below_are_not_those_of_changes)
{
  ck_assert(styro_mounts_below(&list, "/a"));
  ck_assert(styro_mounts_below(&list, "/a/b"));
  ck_assert(!styro_mounts_below(&list, "/a/b/c"));
  ck_assert(!styro_mounts_below(&list, "/x"));
}
END_TEST

START_TEST(what_replaces_the_base)
{
  ck_assert(styro_mounts_replace(&list, "/a/b"));
  ck_assert(styro_mounts_replace(&list, "/f"));
  ck_assert(styro_mounts_replace(&list, "/l"));
  ck_assert(!styro_mounts_replace(&list, "/f/below"));
  ck_assert(!styro_mounts_replace(&list, "/x/y"));
  const struct styro_mounts optional = {.items = &entries[1], .n = 2};
  ck_assert(!styro_mounts_replace(&optional, "/a/b"));
  ck_assert(!styro_mounts_replace(&optional, "/a/b/c"));
}
END_TEST

START_TEST(the_proc_at_its_place)
{
  ck_assert_uint_eq(styro_mounts_main_proc(&list), STYRO_NO_ENTRY);
  struct styro_mount proc[] = {{.type = STYRO_MOUNT_TMPFS, .at = (char[]){"/proc"}},
                               {.type = STYRO_MOUNT_PROC, .at = (char[]){"/proc"}}};
  const struct styro_mounts with = {.items = proc, .n = 2};
  ck_assert_uint_eq(styro_mounts_main_proc(&with), 1);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "listed"};
  const TTest *const tests[] = {
      paths_enclose_whole_names,
      what_covers_and_what_changes,
      the_last_one_before_stands_over_a_path,
      a_change_has_the_mount_at_its_place,
      places_below_are_not_those_of_changes,
      what_replaces_the_base,
      the_proc_at_its_place,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
