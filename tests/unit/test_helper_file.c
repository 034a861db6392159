/*
 * The helper as a file: every doubt about it in its own words, each system call that may fail while it is checked, and a
 * file that somebody exchanges meanwhile. What the runner makes of it is test_runner.c's.
 * build: -Wl,--wrap=open,--wrap=openat,--wrap=fstat,--wrap=fcntl,--wrap=memfd_create,--wrap=sendfile,--wrap=fchmod,--wrap=realpath,--wrap=pread,--wrap=fstatvfs
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "failing_calls.h"
#include "helper_image.h"
#include "lib/fd.h"
#include "lib/helper_file.h"
#include "test_program.h"

#define OWNER 1500 /* an ordinary user's id, where the test runs as root */

static char directory[200];
static char path[240];
static char other[240];
static struct styro_helper_file found;
static styro_error err;

static void clear(void)
{
  err = (styro_error){.size = sizeof err};
  found.fd = -1;
}

static void setup(void)
{
  struct helper_image image = helper_image_sound();
  unsetenv("STYROLITE_HELPER");
  const char *base = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/styro-helper-XXXXXX", base && *base ? base : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  chmod(directory, 0755);
  snprintf(path, sizeof path, "%s/styrolite-helper", directory);
  snprintf(other, sizeof other, "%s/other", directory);
  helper_file_write(path, &image, sizeof image);
  clear();
}

static void teardown(void)
{
  fail_none();
  if (geteuid() != getuid()) {
    ck_assert_int_eq(seteuid(getuid()), 0);
  }
  styro_fd_close(&found.fd);
  chmod(directory, 0755);
  unlink(path);
  unlink(other);
  rmdir(directory);
}

/* Goes on as an ordinary user that owns the helper: then the library keeps a sealed copy. */
static void become_owner(void)
{
  if (geteuid() == 0) {
    ck_assert_int_eq(chown(path, OWNER, OWNER), 0);
    ck_assert_int_eq(chown(directory, OWNER, OWNER), 0);
    ck_assert_int_eq(seteuid(OWNER), 0);
    prctl(PR_SET_DUMPABLE, 1);
  }
}

static void accepted(const char *hint)
{
  styro_fd_close(&found.fd);
  int rc = styro_helper_file_find(hint, &found, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  ck_assert_int_ge(found.fd, 3);
  ck_assert(fcntl(found.fd, F_GETFD) & FD_CLOEXEC);
}

static int descriptors(void)
{
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (readdir(dir)) {
    n++;
  }
  closedir(dir);
  return n;
}

/* It is refused with these words and this errno, and no descriptor stays open. message and hint may hold one %s: the path. */
static void refused(const char *hint_path, int number, const char *object, const char *message, const char *hint)
{
  int before = descriptors();
  clear();
  int rc = styro_helper_file_find(hint_path, &found, &err);
  fail_none();
  ck_assert_int_eq(rc, STYRO_EHELPER);
  ck_assert_int_eq(err.code, STYRO_EHELPER);
  ck_assert_int_eq(err.stage, STYRO_STAGE_HELPER);
  ck_assert_int_eq(err.sys_errno, number);
  ck_assert_str_eq(err.message, message);
  ck_assert_str_eq(err.object, object);
  ck_assert_str_eq(err.hint, hint);
  ck_assert_int_eq(descriptors(), before);
}

__attribute__((format(printf, 1, 2))) static const char *text(const char *format, ...)
{
  static char texts[4][512];
  static int next;
  char *out = texts[next++ % 4];
  va_list args;
  va_start(args, format);
  vsnprintf(out, sizeof texts[0], format, args);
  va_end(args);
  return out;
}

/* ---- who names it ------------------------------------------------------------------------------------------------ */

START_TEST(a_hint_goes_before_the_environment)
{
  setenv("STYROLITE_HELPER", "/nowhere/a", 1);
  accepted(path);
  ck_assert_str_eq(found.path, path);
  refused("/nowhere/b", ENOENT, "/nowhere/b",
          "the helper `/nowhere/b`, named by the runner's caller, is not there: No such file or directory",
          "build or install styrolite-helper, or name another place");
  refused(NULL, ENOENT, "/nowhere/a",
          "the helper `/nowhere/a`, named by the environment variable STYROLITE_HELPER, is not there: No such file or "
          "directory",
          "build or install styrolite-helper, or name another place");
}
END_TEST

/* Neither beside this program nor in libexec: the message says where it was looked for. */
static void found_nowhere(const char *beside)
{
  clear();
  ck_assert_int_eq(styro_helper_file_find(NULL, &found, &err), STYRO_EHELPER);
  ck_assert_int_eq(err.sys_errno, ENOENT);
  ck_assert_str_eq(err.object, "styrolite-helper");
  const char *begin = text("the helper executable `styrolite-helper` was found neither in `%s`, nor in "
                           "`libexec/styrolite` of the same prefix, nor in `/",
                           beside);
  ck_assert_msg(strncmp(err.message, begin, strlen(begin)) == 0, "%s", err.message);
  ck_assert_str_eq(err.hint, "install it there, or name it in the environment variable STYROLITE_HELPER");
}

START_TEST(an_empty_variable_names_nothing)
{
  fail_calls_from("realpath", 2, ENOENT); /* this program has a place, but nothing lies in any */
  setenv("STYROLITE_HELPER", "", 1);
  char self[256] = "";
  ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof self - 1), 0);
  *strrchr(self, '/') = 0;
  found_nowhere(self);
}
END_TEST

START_TEST(a_program_without_a_place)
{
  fail_calls_from("realpath", 1, ENOENT);
  found_nowhere("");
}
END_TEST

/* The object is told from the main program by the name that dladdr(3) repeats from argv[0]. */
START_TEST(an_object_that_is_not_the_main_program)
{
  char *before = program_invocation_name;
  program_invocation_name = other;
  setenv("STYROLITE_HELPER", "", 1);
  fail_calls_from("realpath", 2, ENOENT);
  clear();
  int rc = styro_helper_file_find(NULL, &found, &err);
  fail_none();
  program_invocation_name = before;
  ck_assert_int_eq(rc, STYRO_EHELPER);
  ck_assert_ptr_nonnull(strstr(err.message, "was found neither in `/"));
}
END_TEST

START_TEST(links_are_followed_to_the_file)
{
  ck_assert_int_eq(symlink("styrolite-helper", other), 0);
  accepted(other);
  ck_assert_str_eq(found.path, path);
  unlink(path); /* the link leads nowhere now */
  refused(other, ENOENT, other,
          text("the helper `%s`, named by the runner's caller, is not there: No such file or directory", other),
          "build or install styrolite-helper, or name another place");
}
END_TEST

/* ---- trust ------------------------------------------------------------------------------------------------------- */

START_TEST(modes_of_the_file)
{
  const mode_t modes[] = {0775, 0757, 04777};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    chmod(path, modes[i]);
    refused(
        path, 0, path,
        text("the helper `%s` is writable by group or others (mode %04o): anybody there could replace what runs with "
             "the caller's rights",
             path, modes[i]),
        text("chmod go-w %s", path));
  }
}
END_TEST

START_TEST(modes_of_its_directory)
{
  const mode_t modes[] = {0775, 0757, 01777};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    chmod(directory, modes[i]);
    refused(path, 0, directory,
            text("the helper's directory `%s` is writable by group or others (mode %04o): anybody there could replace "
                 "what runs with the caller's rights",
                 directory, modes[i]),
            text("chmod go-w %s", directory));
  }
}
END_TEST

START_TEST(owners)
{
  if (geteuid() != 0) {
    printf("skipped: owners: only root can give files away\n");
    return;
  }
  ck_assert_int_eq(chown(path, OWNER, 0), 0);
  refused(path, 0, path, text("the helper `%s` belongs to uid 1500, neither to root nor to the caller (uid 0)", path),
          text("chown root %s, or use a copy of your own", path));
  ck_assert_int_eq(chown(path, 0, 0), 0);
  ck_assert_int_eq(chown(directory, OWNER, 0), 0);
  refused(path, 0, directory,
          text("the helper's directory `%s` belongs to uid 1500, neither to root nor to the caller (uid 0)", directory),
          text("chown root %s, or use a copy of your own", directory));
}
END_TEST

START_TEST(what_is_no_program)
{
  chmod(path, 0644);
  refused(path, EACCES, path, text("the helper `%s` is not executable for the caller", path),
          text("chmod +x %s", path));
  ck_assert_int_eq(mkdir(other, 0755), 0);
  refused(other, 0, other, text("the helper `%s` is not a regular file", other), "name the executable itself");
  rmdir(other);
}
END_TEST

int __real_fstatvfs(int fd, struct statvfs *out);
int __wrap_fstatvfs(int fd, struct statvfs *out);
static bool noexec; /* every file lies on a mount without programs, as far as fstatvfs(3) knows */

int __wrap_fstatvfs(int fd, struct statvfs *out)
{
  int rc = __real_fstatvfs(fd, out);
  out->f_flag |= noexec ? ST_NOEXEC : 0;
  return rc;
}

START_TEST(a_mount_without_programs)
{
  chmod(path, 0644); /* access(2) answers for such a mount what it answers for such a mode */
  noexec = true;
  refused(path, EACCES, path, text("the helper `%s` lies on a file system that is mounted noexec", path),
          "install it on a file system that is not mounted noexec");
  noexec = false;
}
END_TEST

/* ---- calls that fail --------------------------------------------------------------------------------------------- */

START_TEST(a_directory_that_cannot_be_opened)
{
  const char *const calls[] = {"open", "fstat"};
  for (int i = 0; i < 2; i++) {
    fail_call(calls[i], 1, EACCES);
    refused(path, EACCES, directory, text("the helper's directory `%s` cannot be opened: Permission denied", directory),
            "see to it that the caller may search it");
  }
}
END_TEST

START_TEST(a_file_that_cannot_be_opened)
{
  const struct {
    const char *call;
    int nth;
  } rows[] = {{"openat", 1}, {"openat", 2}, {"fstat", 2}, {"fstat", 3}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fail_call(rows[i].call, rows[i].nth, ELOOP);
    refused(path, ELOOP, path, text("the helper `%s` cannot be opened: Too many levels of symbolic links", path),
            "see to it that the caller may read it");
  }
}
END_TEST

START_TEST(a_file_that_the_caller_may_not_read)
{
  become_owner();
  chmod(path, 0311);
  refused(path, EACCES, path, text("the helper `%s` cannot be opened: Permission denied", path),
          "see to it that the caller may read it");
}
END_TEST

static void exchange(void)
{
  struct helper_image image = helper_image_sound();
  helper_file_write(other, &image, sizeof image);
  ck_assert_int_eq(rename(other, path), 0);
}

START_TEST(a_file_that_is_exchanged_meanwhile)
{
  fail_before("openat", 2, exchange); /* between the check and the opening for good */
  refused(path, 0, path, text("the helper `%s` was replaced while it was checked", path), "try again");
  accepted(path);
}
END_TEST

START_TEST(no_descriptor_left_for_root)
{
  if (geteuid() != 0) {
    printf("skipped: no_descriptor_left_for_root: an ordinary caller keeps a copy instead\n");
    return;
  }
  fail_call("openat", 3, EMFILE);
  int rc = styro_helper_file_find(path, &found, &err);
  ck_assert(fail_none());
  ck_assert_int_eq(rc, STYRO_ESPAWN);
  ck_assert_ptr_nonnull(strstr(err.message, "no descriptor is left for the helper: Too many open files"));
  ck_assert_str_eq(err.object, "RLIMIT_NOFILE");
}
END_TEST

/* ---- wire identity ----------------------------------------------------------------------------------------------- */

START_TEST(files_that_bear_no_note)
{
  static const char hint[] = "name the styrolite-helper of this library's own build";
  struct helper_image image = helper_image_sound();
  helper_file_write(path, "#!/bin/sh\n", 10);
  refused(path, 0, path, text("the helper `%s` %s", path, "is not a 64-bit little-endian ELF executable"), hint);
  fail_call("pread", 1, EIO);
  refused(path, EIO, path, text("the helper `%s` could not be read", path), hint);
  helper_file_write(path, "", 0);
  refused(path, 0, path, text("the helper `%s` %s", path, "is not a 64-bit little-endian ELF executable"), hint);
  helper_file_write(path, &image, sizeof image - 8);
  refused(path, 0, path, text("the helper `%s` %s", path, "is damaged: an ELF offset lies beyond its end"), hint);
  image.note.n_type = 9;
  helper_file_write(path, &image, sizeof image);
  refused(
      path, 0, path,
      text("the helper `%s` %s", path, "is an executable, but not a styrolite-helper: it has no note .note.styrolite"),
      hint);
}
END_TEST

START_TEST(another_build_is_told_from_ours)
{
  struct helper_image image = helper_image_sound();
  image.plan_format = 77;
  memset(image.id, 0xab, sizeof image.id);
  helper_file_write(path, &image, sizeof image);
  clear();
  ck_assert_int_eq(styro_helper_file_find(path, &found, &err), STYRO_EHELPER);
  const char *theirs = text("the helper `%s` speaks wire abababababababababababababababab (plan 77, run %u), but the "
                            "library `",
                            path, image.run_format);
  ck_assert_msg(strncmp(err.message, theirs, strlen(theirs)) == 0, "%s", err.message);
  ck_assert_ptr_nonnull(strstr(err.message, text("` (%s) speaks ", STYRO_VERSION)));
  ck_assert_str_eq(err.hint,
                   "library and helper must come from the same build: install both, or unset STYROLITE_HELPER");
}
END_TEST

/* ---- the sealed copy --------------------------------------------------------------------------------------------- */

START_TEST(a_copy_holds_every_byte)
{
  static char big[3 << 20]; /* more than one piece */
  struct helper_image image = helper_image_sound();
  memset(big, 'b', sizeof big);
  memcpy(big, &image, sizeof image);
  helper_file_write(path, big, sizeof big);
  become_owner();
  accepted(path);
  ck_assert(found.sealed);
  struct stat st;
  ck_assert_int_eq(fstat(found.fd, &st), 0);
  ck_assert_int_eq(st.st_size, sizeof big);
  ck_assert_uint_eq(st.st_mode & 07777, 0500);
  void *map = mmap(NULL, sizeof big, PROT_READ, MAP_PRIVATE, found.fd, 0);
  ck_assert_mem_eq(map, big, sizeof big);
  munmap(map, sizeof big);
}
END_TEST

START_TEST(an_older_kernel_knows_no_executable_flag)
{
  become_owner();
  fail_call("memfd_create", 1, EINVAL);
  accepted(path);
  ck_assert(fail_none());
  ck_assert(found.sealed);
}
END_TEST

/* Sparse: nothing is copied of what no helper can be. */
START_TEST(a_helper_of_impossible_size)
{
  become_owner();
  ck_assert_int_eq(truncate(path, (off_t)65 << 20), 0);
  refused(path, EFBIG, path, text("the helper `%s` takes 68157440 bytes: more than a helper can be", path),
          "install the helper that belongs to this library");
}
END_TEST

/* Writing beyond the limit would end the caller by SIGXFSZ. */
START_TEST(a_copy_that_the_caller_may_not_write)
{
  struct rlimit old;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
  const struct rlimit small = {100, old.rlim_max};
  become_owner();
  setrlimit(RLIMIT_FSIZE, &small); /* no assertion now: it would write to a file */
  int code = styro_helper_file_find(path, &found, &err);
  setrlimit(RLIMIT_FSIZE, &old);
  ck_assert_int_lt(code, 0);
  ck_assert_int_eq(found.fd, -1);
  ck_assert_msg(strstr(err.message, "RLIMIT_FSIZE of this process is 100") != NULL, "%s", err.message);
  ck_assert_msg(strstr(err.message, "the sealed copy of the helper takes") != NULL, "%s", err.message);
}
END_TEST

START_TEST(a_copy_that_cannot_be_made)
{
  const struct {
    const char *call;
    int number;
    const char *words;
  } rows[] = {{"sendfile", ENOSPC, "No space left on device"},
              {"fchmod", EPERM, "Operation not permitted"},
              {"fcntl", EBUSY, "Device or resource busy"}};
  become_owner();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fail_call(rows[i].call, 1, rows[i].number);
    refused(path, rows[i].number, path,
            text("the helper `%s` cannot be copied into a sealed memory file: %s", path, rows[i].words),
            "see whether memory is left");
  }
}
END_TEST

START_TEST(memory_files_that_may_not_run)
{
  const int numbers[] = {EACCES, EPERM};
  become_owner();
  for (int i = 0; i < 2; i++) {
    fail_call("memfd_create", 1, numbers[i]);
    refused(path, numbers[i], path,
            text("the helper `%s` belongs to the caller and must therefore run from a sealed copy in memory, but the "
                 "sysctl vm.memfd_noexec forbids executable memory files",
                 path),
            "install the helper owned by root, or set vm.memfd_noexec below 2");
  }
  fail_call("memfd_create", 1, EMFILE);
  ck_assert_int_eq(styro_helper_file_find(path, &found, &err), STYRO_ESPAWN);
  ck_assert_ptr_nonnull(strstr(err.message, "no descriptor is left for the helper's sealed copy"));
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "helper_file", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      a_hint_goes_before_the_environment,
      an_empty_variable_names_nothing,
      a_program_without_a_place,
      an_object_that_is_not_the_main_program,
      links_are_followed_to_the_file,
      modes_of_the_file,
      modes_of_its_directory,
      owners,
      what_is_no_program,
      a_mount_without_programs,
      a_directory_that_cannot_be_opened,
      a_file_that_cannot_be_opened,
      a_file_that_the_caller_may_not_read,
      a_file_that_is_exchanged_meanwhile,
      no_descriptor_left_for_root,
      files_that_bear_no_note,
      another_build_is_told_from_ours,
      a_copy_holds_every_byte,
      an_older_kernel_knows_no_executable_flag,
      a_helper_of_impossible_size,
      a_copy_that_cannot_be_made,
      a_copy_that_the_caller_may_not_write,
      memory_files_that_may_not_run,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
