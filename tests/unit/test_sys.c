/* The thin system call layer: results are the call's own or -errno, errno stays what it was, all arguments arrive. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "emulated.h"
#include "wire/sys.h"

#define MARK 7777
#define BAD_FD 1000000

static char directory[64];
static int at;

static void setup(void)
{
  snprintf(directory, sizeof directory, "/tmp/test_sys.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_ge(at, 0);
  errno = MARK;
}

static void teardown(void)
{
  ck_assert_int_eq(errno, MARK);
  close(at);
  char path[96];
  for (const char *const *name = (const char *const[]){"made", "link", "file", NULL}; *name; name++) {
    snprintf(path, sizeof path, "%s/%s", directory, *name);
    remove(path);
  }
  ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(failures_are_negative_errno)
{
  char text[8];
  struct wire_mount_attr attr = {.attr_set = WIRE_MOUNT_ATTR_RDONLY};
  ck_assert_int_eq(sys_close(BAD_FD), -EBADF);
  ck_assert_int_eq(sys_openat(at, "absent", O_RDONLY, 0), -ENOENT);
  ck_assert_int_eq(sys_openat(at, NULL, O_RDONLY, 0), -EFAULT);
  ck_assert_int_eq(sys_openat2(at, "..", O_PATH | O_CLOEXEC, 0x08 /* RESOLVE_BENEATH */), -EXDEV);
  ck_assert_int_eq(sys_openat2(at, "absent", O_PATH | O_CLOEXEC, WIRE_RESOLVE_IN_ROOT), -ENOENT);
  ck_assert_int_eq(sys_read(BAD_FD, text, sizeof text), -EBADF);
  ck_assert_int_eq(sys_write(BAD_FD, text, sizeof text), -EBADF);
  ck_assert_int_eq(sys_dup3(1, 1, 0), -EINVAL);
  ck_assert_int_eq(sys_fcntl(BAD_FD, F_GETFD, 0), -EBADF);
  ck_assert_int_eq(sys_close_range(5, 4), -EINVAL);
  ck_assert_int_eq(sys_mkdirat(at, "absent/made", 0700), -ENOENT);
  ck_assert_int_eq(sys_symlinkat("text", at, "absent/link"), -ENOENT);
  ck_assert_int_eq(sys_readlinkat(at, "absent", text, sizeof text), -ENOENT);
  ck_assert_int_eq(sys_prctl(123456, 0, 0), -EINVAL);
  ck_assert_int_eq(sys_fsconfig(BAD_FD, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL), -EBADF);
  ck_assert_int_lt(sys_open_tree(at, "absent", 0), 0);
  ck_assert_int_lt(sys_move_mount(BAD_FD, BAD_FD, "", WIRE_MOVE_MOUNT_F_EMPTY_PATH | WIRE_MOVE_MOUNT_T_EMPTY_PATH), 0);
  ck_assert_int_lt(sys_fsmount(BAD_FD, 0), 0);
  ck_assert_int_lt(sys_fsopen("no such file system"), 0);
  ck_assert_int_lt(sys_mount_setattr(at, "absent", 0, &attr), 0);
  ck_assert_int_eq(sys_call(9999, 0, 0, 0, 0, 0, 0), -ENOSYS);
}
END_TEST

START_TEST(files)
{
  char text[16] = "";
  int fd = sys_openat(at, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  struct stat status;
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(fstat(fd, &status), 0);
  ck_assert_uint_eq(status.st_mode & 0700, 0600);
  ck_assert_int_eq(sys_write(fd, "hello", 5), 5);
  ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
  ck_assert_int_eq(sys_read(fd, text, sizeof text), 5);
  ck_assert_str_eq(text, "hello");
  ck_assert_int_eq(sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
  int high = sys_fcntl(fd, F_DUPFD_CLOEXEC, 100);
  ck_assert_int_ge(high, 100);
  ck_assert_int_eq(sys_dup3(fd, high, 0), high);
  ck_assert_int_eq(sys_fcntl(high, F_GETFD, 0), 0);
  ck_assert_int_eq(sys_close_range((unsigned)high, (unsigned)high), 0);
  ck_assert_int_eq(sys_close(high), -EBADF);
  ck_assert_int_eq(sys_close(fd), 0);
}
END_TEST

START_TEST(directories_and_links)
{
  char text[16] = "";
  ck_assert_int_eq(sys_mkdirat(at, "made", 0700), 0);
  ck_assert_int_eq(sys_mkdirat(at, "made", 0700), -EEXIST);
  ck_assert_int_eq(sys_symlinkat("/made", at, "link"), 0);
  ck_assert_int_eq(sys_readlinkat(at, "link", text, sizeof text), 5);
  ck_assert_str_eq(text, "/made");
  int fd = sys_openat2(at, "link", O_PATH | O_CLOEXEC, WIRE_RESOLVE_IN_ROOT);
  ck_assert_int_ge(fd, 0);
  struct stat inside, made;
  ck_assert_int_eq(fstat(fd, &inside), 0);
  ck_assert_int_eq(fstatat(at, "made", &made, 0), 0);
  ck_assert_uint_eq(inside.st_ino, made.st_ino);
  ck_assert_int_eq(sys_openat2(at, "link", O_PATH | O_CLOEXEC, WIRE_RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS), -ELOOP);
  ck_assert_int_eq(sys_close(fd), 0);
}
END_TEST

/* mmap(2) takes six arguments, and what it gives must not be taken for an error. */
START_TEST(six_arguments_arrive)
{
  int fd = sys_openat(at, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  long page = sysconf(_SC_PAGESIZE);
  ck_assert_int_eq(ftruncate(fd, 2 * page), 0);
  ck_assert_int_eq(pwrite(fd, "second", 6, page), 6);
  long result = sys_call(SYS_mmap, 0, page, PROT_READ, MAP_PRIVATE, fd, page);
  ck_assert(result > 0 || result < -4095);
  ck_assert_mem_eq((void *)result, "second", 6);
  munmap((void *)result, (size_t)page);
  ck_assert_int_eq(sys_close(fd), 0);
}
END_TEST

START_TEST(process_and_clock)
{
  struct timespec before, after;
  ck_assert_int_eq(sys_getpid(), getpid());
  ck_assert_int_eq(sys_prctl(PR_GET_DUMPABLE, 0, 0), prctl(PR_GET_DUMPABLE));
  clock_gettime(CLOCK_MONOTONIC, &before);
  int64_t now = sys_now();
  clock_gettime(CLOCK_MONOTONIC, &after);
  ck_assert_int_ge(now, before.tv_sec * 1000000000 + before.tv_nsec);
  ck_assert_int_le(now, after.tv_sec * 1000000000 + after.tv_nsec);
  ck_assert_int_eq(WIRE_MNT_DETACH, MNT_DETACH);
}
END_TEST

/* ---- clone3 ------------------------------------------------------------------------------------------------------ */

static volatile int seen;

__attribute__((no_sanitize("address", "undefined"))) static int child(void *argument)
{
  seen = *(int *)argument;
  return 42;
}

static int status_of(long pid)
{
  int status = -1;
  ck_assert_int_eq(waitpid((pid_t)pid, &status, __WALL), (pid_t)pid);
  ck_assert(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* The caller sleeps (CLONE_VFORK), the child writes its memory (CLONE_VM) and ends with what its function gives. */
START_TEST(a_clone_runs_its_function_on_its_own_stack)
{
  _Alignas(16) static char stack[65536];
  int number = 31, pidfd = -1;
  struct wire_clone_args args = {.flags = WIRE_CLONE_VM | WIRE_CLONE_VFORK | WIRE_CLONE_PIDFD,
                                 .pidfd = (uint64_t)(uintptr_t)&pidfd,
                                 .exit_signal = SIGCHLD,
                                 .stack = (uint64_t)(uintptr_t)stack,
                                 .stack_size = sizeof stack};
  for (int i = 0; i < 3; i++) {
    number = 31 + i;
    long pid = sys_clone3_call(&args, child, &number);
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(seen, number);
    ck_assert_int_eq(status_of(pid), 42);
    ck_assert_int_ge(pidfd, 0);
    ck_assert_int_eq(sys_close(pidfd), 0);
  }
  args.flags = WIRE_CLONE_PIDFD | WIRE_CLONE_VM | 1; /* no signal number belongs there */
  ck_assert_int_eq(sys_clone3_call(&args, child, &number), -EINVAL);
}
END_TEST

START_TEST(exit_ends_the_process)
{
  pid_t pid = fork();
  if (pid == 0) {
    sys_exit(17);
  }
  ck_assert_int_eq(status_of(pid), 17);
}
END_TEST

__attribute__((no_sanitize("address", "undefined"))) static int leaving_child(void *argument)
{
  seen = *(int *)argument;
  sys_exit(19);
}

/* A child in the caller's memory ends by itself alone. */
START_TEST(exit_in_shared_memory_leaves_the_caller)
{
  _Alignas(16) static char stack[65536];
  int number = 77;
  struct wire_clone_args args = {.flags = WIRE_CLONE_VM | WIRE_CLONE_VFORK,
                                 .exit_signal = SIGCHLD,
                                 .stack = (uint64_t)(uintptr_t)stack,
                                 .stack_size = sizeof stack};
  long pid = sys_clone3_call(&args, leaving_child, &number);
  ck_assert_int_gt(pid, 0);
  ck_assert_int_eq(seen, 77);
  ck_assert_int_eq(status_of(pid), 19);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("sys");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, files);
  tcase_add_test(cases, six_arguments_arrive);
  if (!emulated()) {
    tcase_add_test(cases, failures_are_negative_errno);
    tcase_add_test(cases, directories_and_links);
    tcase_add_test(cases, process_and_clock);
    tcase_add_test(cases, a_clone_runs_its_function_on_its_own_stack);
    tcase_add_test(cases, exit_ends_the_process);
    tcase_add_test(cases, exit_in_shared_memory_leaves_the_caller);
  } else {
    printf("skipped: six tests: the emulator knows neither clone3(2) nor openat2(2)\n");
  }
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
