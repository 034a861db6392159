/* The constants and structs that core/wire/uapi.h brings along, against the system's headers where those have them. */
#include <check.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/pidfd.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "wire/run.h"
#include "wire/status.h"
#include "wire/sys.h"
#include "wire/uapi.h"

#define SAME(name)                                 \
  {                                                \
#name, WIRE_##name, (unsigned long long)(name) \
  }

struct pair {
  const char *name;
  unsigned long long ours, systems;
};

static void same(const struct pair *pairs, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    ck_assert_msg(pairs[i].ours == pairs[i].systems, "%s: %#llx here, %#llx in the system's headers", pairs[i].name,
                  pairs[i].ours, pairs[i].systems);
  }
}

START_TEST(clone_flags)
{
  static const struct pair pairs[] = {
      SAME(CLONE_VM),      SAME(CLONE_PIDFD),     SAME(CLONE_VFORK),  SAME(CLONE_PARENT),
      SAME(CLONE_NEWNS),   SAME(CLONE_NEWCGROUP), SAME(CLONE_NEWUTS), SAME(CLONE_NEWIPC),
      SAME(CLONE_NEWUSER), SAME(CLONE_NEWPID),    SAME(CLONE_NEWNET), SAME(CLONE_NEWTIME),
  };
  same(pairs, sizeof pairs / sizeof pairs[0]);
}
END_TEST

START_TEST(mounts_and_opening)
{
  static const struct pair pairs[] = {
      SAME(RESOLVE_NO_MAGICLINKS),
      SAME(RESOLVE_IN_ROOT),
      SAME(OPEN_TREE_CLONE),
      SAME(AT_RECURSIVE),
      SAME(AT_EMPTY_PATH),
      SAME(MOVE_MOUNT_F_EMPTY_PATH),
      SAME(MOVE_MOUNT_T_EMPTY_PATH),
      SAME(FSOPEN_CLOEXEC),
      SAME(FSMOUNT_CLOEXEC),
      SAME(FSCONFIG_SET_FLAG),
      SAME(FSCONFIG_SET_STRING),
      SAME(FSCONFIG_SET_FD),
      SAME(FSCONFIG_CMD_CREATE),
      SAME(MOUNT_ATTR_RDONLY),
      SAME(MOUNT_ATTR_NOSUID),
      SAME(MOUNT_ATTR_NODEV),
      SAME(MOUNT_ATTR_NOEXEC),
      SAME(MS_PRIVATE),
      SAME(ST_RDONLY),
      SAME(ST_NOSUID),
      SAME(ST_NODEV),
      SAME(ST_NOEXEC),
#ifdef MFD_NOEXEC_SEAL
      SAME(MFD_NOEXEC_SEAL),
      SAME(MFD_EXEC),
#endif
#ifdef PIDFD_INFO_EXIT
      SAME(PIDFD_INFO_EXIT),
      SAME(PIDFD_GET_INFO),
#endif
  };
  same(pairs, sizeof pairs / sizeof pairs[0]);
}
END_TEST

/* The kernel's sizes are part of the interface; its headers may know later, longer versions. */
START_TEST(structs)
{
  ck_assert_uint_eq(sizeof(struct wire_clone_args), CLONE_ARGS_SIZE_VER2);
  ck_assert_uint_eq(offsetof(struct wire_clone_args, pidfd), offsetof(struct clone_args, pidfd));
  ck_assert_uint_eq(offsetof(struct wire_clone_args, exit_signal), offsetof(struct clone_args, exit_signal));
  ck_assert_uint_eq(offsetof(struct wire_clone_args, stack), offsetof(struct clone_args, stack));
  ck_assert_uint_eq(offsetof(struct wire_clone_args, stack_size), offsetof(struct clone_args, stack_size));
  ck_assert_uint_eq(offsetof(struct wire_clone_args, cgroup), offsetof(struct clone_args, cgroup));
  ck_assert_uint_eq(sizeof(struct wire_open_how), sizeof(struct open_how));
  ck_assert_uint_eq(offsetof(struct wire_open_how, resolve), offsetof(struct open_how, resolve));
  ck_assert_uint_eq(sizeof(struct wire_mount_attr), MOUNT_ATTR_SIZE_VER0);
  ck_assert_uint_eq(offsetof(struct wire_mount_attr, propagation), offsetof(struct mount_attr, propagation));
  ck_assert_uint_eq(offsetof(struct wire_mount_attr, userns_fd), offsetof(struct mount_attr, userns_fd));
}
END_TEST

/* PIDFD_INFO_SIZE_VER0 is 64; the request's number is that of _IOWR(0xFF, 11, struct pidfd_info). */
START_TEST(pidfd_information)
{
  ck_assert_uint_eq(sizeof(struct wire_pidfd_info), 64);
  ck_assert_uint_eq(offsetof(struct wire_pidfd_info, pid), 16);
  ck_assert_uint_eq(offsetof(struct wire_pidfd_info, exit_code), 60);
  ck_assert_uint_eq(WIRE_PIDFD_GET_INFO, (uint32_t)_IOWR(0xFF, 11, struct wire_pidfd_info));
}
END_TEST

START_TEST(call_numbers)
{
  static const struct pair pairs[] = {
      {"open_tree", SYS_NR_open_tree, SYS_open_tree},
      {"move_mount", SYS_NR_move_mount, SYS_move_mount},
      {"fsopen", SYS_NR_fsopen, SYS_fsopen},
      {"fsconfig", SYS_NR_fsconfig, SYS_fsconfig},
      {"fsmount", SYS_NR_fsmount, SYS_fsmount},
      {"clone3", SYS_NR_clone3, SYS_clone3},
      {"close_range", SYS_NR_close_range, SYS_close_range},
      {"openat2", SYS_NR_openat2, SYS_openat2},
      {"faccessat2", SYS_NR_faccessat2, SYS_faccessat2},
      {"mount_setattr", SYS_NR_mount_setattr, SYS_mount_setattr},
      {"landlock_create_ruleset", SYS_NR_landlock_create_ruleset, SYS_landlock_create_ruleset},
      {"landlock_add_rule", SYS_NR_landlock_add_rule, SYS_landlock_add_rule},
      {"landlock_restrict_self", SYS_NR_landlock_restrict_self, SYS_landlock_restrict_self},
  };
  same(pairs, sizeof pairs / sizeof pairs[0]);
}
END_TEST

/* Library and helper may come from different compilers: layouts hold no padding that one could see otherwise. */
START_TEST(records_have_fixed_layouts)
{
  ck_assert_uint_eq(sizeof(struct wire_record), 16);
  ck_assert_uint_eq(sizeof(struct wire_running), 16 + 5 * 8 + 2 * 8);
  ck_assert_uint_eq(sizeof(struct wire_ended), 16 + 8 + 10 * 8);
  ck_assert_uint_eq(sizeof(struct wire_passed_pid), 24);
  ck_assert_uint_eq(sizeof(struct wire_failed), 16 + WIRE_COMPONENT);
  ck_assert_uint_le(sizeof(struct wire_failed), WIRE_STATUS_MAX);
  ck_assert_uint_eq(sizeof(struct wire_fd_entry), 8);
  ck_assert_uint_eq(sizeof(struct wire_run) % 8, 0);
  ck_assert_uint_eq(offsetof(struct wire_run, verdict) % 8, 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("uapi");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, clone_flags);
  tcase_add_test(cases, mounts_and_opening);
  tcase_add_test(cases, structs);
  tcase_add_test(cases, pidfd_information);
  tcase_add_test(cases, call_numbers);
  tcase_add_test(cases, records_have_fixed_layouts);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
