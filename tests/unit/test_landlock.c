/* The table of Landlock's versions: each knows what the one before it knew, and the system's header says the same bits. */
#include <linux/landlock.h>
#include <stddef.h>
#include <stdlib.h>

#include "test_program.h"
#include "wire/landlock.h"

/* What Linux 6.1 has; what came later is no part of its header. */
START_TEST(bits_are_the_kernels)
{
  ck_assert_uint_eq(WIRE_LL_EXECUTE, LANDLOCK_ACCESS_FS_EXECUTE);
  ck_assert_uint_eq(WIRE_LL_WRITE_FILE, LANDLOCK_ACCESS_FS_WRITE_FILE);
  ck_assert_uint_eq(WIRE_LL_READ_FILE, LANDLOCK_ACCESS_FS_READ_FILE);
  ck_assert_uint_eq(WIRE_LL_READ_DIR, LANDLOCK_ACCESS_FS_READ_DIR);
  ck_assert_uint_eq(WIRE_LL_MAKE_SYM, LANDLOCK_ACCESS_FS_MAKE_SYM);
  ck_assert_uint_eq(WIRE_LL_REFER, LANDLOCK_ACCESS_FS_REFER);
  ck_assert_uint_eq(WIRE_LL_CREATE_VERSION, LANDLOCK_CREATE_RULESET_VERSION);
  ck_assert_uint_eq(WIRE_LL_RULE_PATH, LANDLOCK_RULE_PATH_BENEATH);
  ck_assert_uint_eq(sizeof(struct wire_landlock_path), sizeof(struct landlock_path_beneath_attr));
  ck_assert_uint_eq(offsetof(struct wire_landlock_path, parent),
                    offsetof(struct landlock_path_beneath_attr, parent_fd));
}
END_TEST

START_TEST(no_version_is_no_row)
{
  ck_assert_ptr_null(wire_landlock_abi(0));
  ck_assert_ptr_null(wire_landlock_abi(-38));
  ck_assert_ptr_null(wire_landlock_abi(-1));
}
END_TEST

START_TEST(a_later_version_is_the_last_that_is_known)
{
  ck_assert_ptr_eq(wire_landlock_abi(8), wire_landlock_abi(7));
  ck_assert_ptr_eq(wire_landlock_abi(1000), wire_landlock_abi(7));
  ck_assert_ptr_ne(wire_landlock_abi(7), wire_landlock_abi(6));
}
END_TEST

START_TEST(each_version_knows_more)
{
  for (int version = 2; version <= 7; version++) {
    const struct wire_landlock_abi *before = wire_landlock_abi(version - 1), *now = wire_landlock_abi(version);
    uint64_t lost = (before->knows.fs & ~now->knows.fs) | (before->knows.network & ~now->knows.network) |
                    (before->knows.scoped & ~now->knows.scoped) | (before->restrict_flags & ~now->restrict_flags);
    ck_assert_uint_eq(lost, 0);
    ck_assert(before->knows.fs != now->knows.fs || before->knows.network != now->knows.network ||
              before->knows.scoped != now->knows.scoped || before->restrict_flags != now->restrict_flags);
  }
  ck_assert_uint_eq(wire_landlock_abi(1)->knows.fs, 0x1fff);
  ck_assert_uint_eq(wire_landlock_abi(7)->knows.fs, 0xffff);
}
END_TEST

/* What a part needs is the first version that knows it; paths need moves besides. */
START_TEST(what_each_part_needs)
{
  int paths = wire_landlock_needs(WIRE_LANDLOCK_PATHS), ports = wire_landlock_needs(WIRE_LANDLOCK_PORTS),
      scopes = wire_landlock_needs(WIRE_LANDLOCK_SCOPES);
  ck_assert(wire_landlock_abi(paths)->knows.fs & WIRE_LL_REFER);
  ck_assert(!(wire_landlock_abi(paths - 1)->knows.fs & WIRE_LL_REFER));
  ck_assert_uint_ne(wire_landlock_abi(ports)->knows.network, 0);
  ck_assert_uint_eq(wire_landlock_abi(ports - 1)->knows.network, 0);
  ck_assert_uint_ne(wire_landlock_abi(scopes)->knows.scoped, 0);
  ck_assert_uint_eq(wire_landlock_abi(scopes - 1)->knows.scoped, 0);
}
END_TEST

START_TEST(rights_of_a_place)
{
  ck_assert_uint_eq(WIRE_LL_READ & ~WIRE_LL_USE, 0);
  ck_assert_uint_eq(WIRE_LL_USE & ~WIRE_LL_ALL, 0);
  ck_assert_uint_eq(WIRE_LL_USE & ~(WIRE_LL_OF_FILES | WIRE_LL_READ_DIR), 0);
}
END_TEST

int main(void)
{
  static const struct test_program program = {.name = "landlock"};
  const TTest *const tests[] = {
      bits_are_the_kernels,    no_version_is_no_row, a_later_version_is_the_last_that_is_known,
      each_version_knows_more, what_each_part_needs, rights_of_a_place};
  return test_program_run(&program, tests, TESTS_N(tests));
}
