/*
 * Descriptors of the library: never 0 to 2, closed once, close-on-exec, and the words when none is left.
 * build: -Wl,--wrap=memfd_create,--wrap=fcntl
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "failing_calls.h"
#include "lib/fd.h"

START_TEST(lifting_leaves_the_standard_streams_alone)
{
  int saved = fcntl(0, F_DUPFD_CLOEXEC, 10);
  close(0);
  int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ck_assert_int_eq(low, 0);
  int lifted = styro_fd_lift(low);
  ck_assert_int_ge(lifted, 3);
  ck_assert(fcntl(lifted, F_GETFD) & FD_CLOEXEC);
  ck_assert(!styro_fd_is_open(0));
  ck_assert_int_eq(styro_fd_lift(lifted), lifted);
  ck_assert_int_eq(dup2(saved, 0), 0);
  close(saved);
  close(lifted);
  ck_assert_int_eq(styro_fd_lift(-1), -1);
}
END_TEST

START_TEST(closed_once)
{
  int fd = dup(1), number = fd;
  errno = 77;
  styro_fd_close(&fd);
  ck_assert_int_eq(fd, -1);
  styro_fd_close(&fd);
  styro_fd_close(&(int){1000000}); /* a close that fails */
  ck_assert_int_eq(errno, 77);
  ck_assert(!styro_fd_is_open(number));
}
END_TEST

START_TEST(stolen_ones_stay_open)
{
  int kept;
  {
    STYRO_CLEANUP_FD int fd = dup(1);
    kept = styro_fd_steal(&fd);
    ck_assert_int_eq(fd, -1);
  }
  ck_assert(styro_fd_is_open(kept));
  close(kept);
}
END_TEST

START_TEST(nonblocking)
{
  int ends[2];
  char byte;
  ck_assert_int_eq(pipe(ends), 0);
  ck_assert_int_eq(styro_fd_nonblock(ends[0]), 0);
  ck_assert_int_eq(read(ends[0], &byte, 1), -1);
  ck_assert_int_eq(errno, EAGAIN);
  close(ends[0]);
  close(ends[1]);
  ck_assert_int_eq(styro_fd_nonblock(ends[0]), -1);
  ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(words_for_a_full_table)
{
  styro_error err = {.size = sizeof err};
  ck_assert_int_eq(styro_fd_fail(&err, EMFILE, "the status channel"), STYRO_ESPAWN);
  ck_assert_str_eq(err.object, "RLIMIT_NOFILE");
  ck_assert_ptr_nonnull(strstr(err.message, "no descriptor is left for the status channel"));
  ck_assert_ptr_nonnull(strstr(err.hint, "ulimit -n"));
  ck_assert_int_eq(styro_fd_fail(&err, ENFILE, "it"), STYRO_ESPAWN);
  ck_assert_ptr_nonnull(strstr(err.hint, "fs.file-max"));
  ck_assert_int_eq(styro_fd_fail(&err, ENOMEM, "the status channel"), STYRO_ESPAWN);
  ck_assert_int_eq(err.sys_errno, ENOMEM);
  ck_assert_ptr_nonnull(strstr(err.message, "the status channel"));
}
END_TEST

START_TEST(lifting_that_fails_closes_what_it_had)
{
  int saved = fcntl(0, F_DUPFD_CLOEXEC, 10);
  close(0);
  int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ck_assert_int_eq(low, 0);
  fail_call("fcntl", 1, EMFILE);
  int lifted = styro_fd_lift(low);
  int number = errno;
  ck_assert(fail_none());
  ck_assert(!styro_fd_is_open(0));
  ck_assert_int_eq(dup2(saved, 0), 0);
  close(saved);
  ck_assert_int_eq(lifted, -1);
  ck_assert_int_eq(number, EMFILE); /* not what close(2) left */
}
END_TEST

START_TEST(memory_files)
{
  styro_error err = {.size = sizeof err};
  int fd = styro_fd_memfd("test", 0, "a test", &err);
  ck_assert_int_ge(fd, 3);
  ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  ck_assert_int_eq(pwrite(fd, "x", 1, 0), 1);
  close(fd);
  fail_call("memfd_create", 1, EINVAL); /* a kernel before 6.3 knows no flag about executing */
  fd = styro_fd_memfd("test", MFD_ALLOW_SEALING, "a test", &err);
  ck_assert(fail_none());
  ck_assert_int_ge(fd, 3);
  ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0); /* the further flags arrived all the same */
  close(fd);
}
END_TEST

START_TEST(room_for_a_memory_file)
{
  styro_error err = {.size = sizeof err};
  struct rlimit old;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
  const struct rlimit small = {100, old.rlim_max};
  ck_assert_int_eq(styro_fd_may_write(SIZE_MAX / 2, "a file", &err), old.rlim_cur == RLIM_INFINITY ? 0 : STYRO_ESPAWN);
  setrlimit(RLIMIT_FSIZE, &small); /* no assertion now: it would write to a file */
  int fits = styro_fd_may_write(100, "a file", &err);
  int does_not = styro_fd_may_write(101, "a file", &err);
  setrlimit(RLIMIT_FSIZE, &old);
  ck_assert_int_eq(fits, STYRO_OK);
  ck_assert_int_eq(does_not, STYRO_ESPAWN);
  ck_assert_str_eq(err.message, "a file takes a memory file of 101 bytes, and RLIMIT_FSIZE of this process is 100");
  ck_assert_str_eq(err.object, "RLIMIT_FSIZE");
  ck_assert_ptr_nonnull(strstr(err.hint, "ulimit -f"));
}
END_TEST

START_TEST(memory_files_that_cannot_be_made)
{
  styro_error err = {.size = sizeof err};
  fail_calls_from("memfd_create", 1, EINVAL);
  ck_assert_int_eq(styro_fd_memfd("test", 0, "a test", &err), STYRO_ESPAWN);
  ck_assert_str_eq(err.message, "could not make a test: Invalid argument");
  ck_assert_int_eq(err.stage, STYRO_STAGE_SPAWN);
  fail_call("memfd_create", 1, ENFILE);
  ck_assert_int_eq(styro_fd_memfd("test", 0, "a test", &err), STYRO_ESPAWN);
  ck_assert_int_eq(strncmp(err.message, "no descriptor is left for a test: Too many open files in system", 63), 0);
  ck_assert_str_eq(err.hint, "the whole system ran out of open files: see sysctl fs.file-max");
  fail_none();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("fd");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, lifting_leaves_the_standard_streams_alone);
  tcase_add_test(cases, closed_once);
  tcase_add_test(cases, stolen_ones_stay_open);
  tcase_add_test(cases, nonblocking);
  tcase_add_test(cases, words_for_a_full_table);
  tcase_add_test(cases, lifting_that_fails_closes_what_it_had);
  tcase_add_test(cases, memory_files);
  tcase_add_test(cases, room_for_a_memory_file);
  tcase_add_test(cases, memory_files_that_cannot_be_made);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
