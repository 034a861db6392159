/*
 * Finding the helper and trusting it: each wrong file has its own words. Helpers are small ELF files with nothing but a
 * note, in a directory of the test's own.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "emulated.h"
#include "helper_image.h"
#include "lib/runner.h"
#include "lib/spawn_mode.h"
#include "wire/plan.h"
#include "wire/run.h"

#define OTHER_UID 1500

static char directory[64];
static char path[128];
static styro_error err;
static styro_runner *runner;

static void setup(void)
{
  struct helper_image image = helper_image_sound();
  unsetenv("STYROLITE_HELPER");
  unsetenv("STYRO_SPAWN");
  unsetenv("STYRO_KERNEL");
  snprintf(directory, sizeof directory, "/tmp/styro-runner-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  chmod(directory, 0755);
  snprintf(path, sizeof path, "%s/styrolite-helper", directory);
  helper_file_write(path, &image, sizeof image);
  err = (styro_error){.size = sizeof err};
  runner = NULL;
}

static void teardown(void)
{
  char other[160];
  styro_runner_free(runner);
  chmod(directory, 0755);
  unlink(path);
  rmdir(path);
  snprintf(other, sizeof other, "%s/other", directory);
  unlink(other);
  rmdir(directory);
}

static void accepted(const char *helper)
{
  int rc = styro_runner_new(NULL, helper, &runner, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
}

static void refused(const char *helper, int code, const char *words, const char *hint)
{
  err = (styro_error){.size = sizeof err};
  ck_assert_int_eq(styro_runner_new(NULL, helper, &runner, &err), code);
  ck_assert_ptr_null(runner);
  ck_assert_int_eq(err.stage, STYRO_STAGE_HELPER);
  ck_assert_msg(strstr(err.message, words) != NULL, "`%s` does not say `%s`", err.message, words);
  ck_assert_msg(strstr(err.hint, hint) != NULL, "the hint `%s` does not say `%s`", err.hint, hint);
}

/* ---- look-up ----------------------------------------------------------------------------------------------------- */

START_TEST(a_hint_is_used)
{
  accepted(path);
  ck_assert_str_eq(styro_runner_helper(runner), path);
  ck_assert_int_ge(runner->helper_fd, 3);
  ck_assert(fcntl(runner->helper_fd, F_GETFD) & FD_CLOEXEC);
  ck_assert_ptr_null(styro_runner_helper(NULL));
  styro_runner_free(NULL);
}
END_TEST

START_TEST(the_environment_names_it)
{
  setenv("STYROLITE_HELPER", path, 1);
  accepted(NULL);
  ck_assert_str_eq(styro_runner_helper(runner), path);
  styro_runner_free(runner);
  runner = NULL;
  setenv("STYROLITE_HELPER", "/nowhere/helper", 1);
  refused(NULL, STYRO_EHELPER, "STYROLITE_HELPER", "install");
  accepted(path); /* a hint comes first */
}
END_TEST

START_TEST(links_are_resolved)
{
  char link[160];
  snprintf(link, sizeof link, "%s/other", directory);
  ck_assert_int_eq(symlink("styrolite-helper", link), 0);
  accepted(link);
  ck_assert_str_eq(styro_runner_helper(runner), path);
}
END_TEST

START_TEST(nothing_there_lists_the_places)
{
  refused("/nowhere/helper", STYRO_EHELPER, "`/nowhere/helper`", "install");
  ck_assert_int_eq(err.sys_errno, ENOENT);
  unlink(path);
  ck_assert_int_eq(mkdir(path, 0755), 0);
  refused(path, STYRO_EHELPER, "not a regular file", "executable");
  ck_assert_int_eq(styro_runner_new(NULL, path, NULL, &err), STYRO_EUSAGE);
}
END_TEST

/* A copy of this very program with a helper beside it: what a library in a wheel sees. */
START_TEST(beside_the_object)
{
  if (emulated()) {
    printf("skipped: beside_the_object: /proc/self/exe is the emulator\n");
    return;
  }
  char program[160];
  char command[512];
  snprintf(program, sizeof program, "%s/other", directory);
  snprintf(command, sizeof command, "cp /proc/%d/exe %s && cd / && %s --find", (int)getpid(), program, program);
  FILE *pipe = popen(command, "re");
  ck_assert_ptr_nonnull(pipe);
  char line[512] = "";
  ck_assert_ptr_nonnull(fgets(line, sizeof line, pipe));
  pclose(pipe);
  line[strcspn(line, "\n")] = 0;
  ck_assert_str_eq(line, path);
  unlink(path);
  pipe = popen(command, "re");
  ck_assert_ptr_nonnull(fgets(line, sizeof line, pipe));
  pclose(pipe);
  ck_assert_msg(strstr(line, directory) && strstr(line, "libexec"), "%s", line);
}
END_TEST

/* ---- trust ------------------------------------------------------------------------------------------------------- */

START_TEST(writable_by_others)
{
  char hint[256];
  chmod(path, 0775);
  snprintf(hint, sizeof hint, "chmod go-w %s", path);
  refused(path, STYRO_EHELPER, "the helper `", hint);
  ck_assert_str_eq(err.object, path);
  chmod(path, 0757);
  refused(path, STYRO_EHELPER, "mode 0757", hint);
  chmod(path, 0755);
  chmod(directory, 01777);
  snprintf(hint, sizeof hint, "chmod go-w %s", directory);
  refused(path, STYRO_EHELPER, "helper's directory", hint);
  ck_assert_str_eq(err.object, directory);
}
END_TEST

START_TEST(not_executable)
{
  chmod(path, 0644);
  refused(path, STYRO_EHELPER, "not executable", "chmod +x");
}
END_TEST

static bool skip_unless_root(void)
{
  if (geteuid() != 0) {
    printf("skipped: needs root\n");
  }
  return geteuid() != 0;
}

START_TEST(a_strangers_file)
{
  if (skip_unless_root()) {
    return;
  }
  ck_assert_int_eq(chown(path, OTHER_UID, 0), 0);
  refused(path, STYRO_EHELPER, "belongs to uid 1500", "chown root");
  ck_assert_int_eq(chown(path, 0, 0), 0);
  ck_assert_int_eq(chown(directory, OTHER_UID, 0), 0);
  refused(path, STYRO_EHELPER, "helper's directory", "chown root");
}
END_TEST

/* Runs the body as an ordinary user that owns the helper. */
static void become_owner(void)
{
  if (geteuid() == 0) {
    ck_assert_int_eq(chown(path, OTHER_UID, OTHER_UID), 0);
    ck_assert_int_eq(chown(directory, OTHER_UID, OTHER_UID), 0);
    ck_assert_int_eq(setresgid(OTHER_UID, OTHER_UID, OTHER_UID), 0);
    ck_assert_int_eq(setresuid(OTHER_UID, OTHER_UID, OTHER_UID), 0);
    prctl(PR_SET_DUMPABLE, 1);
  }
}

START_TEST(the_callers_own_file_is_sealed)
{
  become_owner();
  accepted(path);
  ck_assert(runner->sealed);
  int seals = fcntl(runner->helper_fd, F_GET_SEALS);
  ck_assert_int_eq(seals & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
                   F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  ck_assert_int_eq(pwrite(runner->helper_fd, "x", 1, 0), -1);
  ck_assert_int_eq(strncmp(runner->exec_path, "/proc/self/fd/", 14), 0);
  ck_assert_str_eq(styro_runner_helper(runner), path);
  struct helper_image copy;
  struct helper_image image = helper_image_sound();
  ck_assert_int_eq(pread(runner->helper_fd, &copy, sizeof copy, 0), sizeof copy);
  ck_assert_mem_eq(&copy, &image, sizeof copy);
}
END_TEST

START_TEST(roots_file_is_used_by_path)
{
  if (skip_unless_root()) {
    return;
  }
  accepted(path);
  ck_assert(!runner->sealed);
  ck_assert_str_eq(runner->exec_path, path);
}
END_TEST

/*
 * vm.memfd_noexec belongs to the pid namespace (since 6.3): a namespace of the test's own forbids, the host notices
 * nothing.
 */
static void forbid_and_try(void)
{
  FILE *file = getpid() == 1 ? fopen("/proc/sys/vm/memfd_noexec", "we") : NULL;
  if (!file || fputs("2", file) < 0 || fclose(file) != 0) {
    _exit(77);
  }
  become_owner();
  int rc = styro_runner_new(NULL, path, &runner, &err);
  _exit(rc == STYRO_EHELPER && strstr(err.message, "vm.memfd_noexec") && strstr(err.message, path) ? 0 : 1);
}

/* Exit code of a forked child that runs the body. */
static int in_child(void (*body)(void))
{
  int status = 1;
  pid_t pid = fork();
  if (pid == 0) {
    body();
  }
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

static void unshare_and_try(void)
{
  _exit(unshare(CLONE_NEWPID) == 0 ? in_child(forbid_and_try) : 77);
}

START_TEST(executable_memory_is_forbidden)
{
  if (skip_unless_root() || access("/proc/sys/vm/memfd_noexec", W_OK) != 0) {
    return;
  }
  int result = in_child(unshare_and_try);
  ck_assert_msg(result == 0 || result == 77, "result %d", result);
}
END_TEST

/* ---- wire identity ----------------------------------------------------------------------------------------------- */

START_TEST(another_wire_is_named_on_both_sides)
{
  struct helper_image image = helper_image_sound();
  image.id[0] = (uint8_t)~image.id[0];
  helper_file_write(path, &image, sizeof image);
  refused(path, STYRO_EHELPER, path, "same build");
  ck_assert_ptr_nonnull(strstr(err.message, STYRO_VERSION));
  image = helper_image_sound();
  image.plan_format++;
  helper_file_write(path, &image, sizeof image);
  refused(path, STYRO_EHELPER, "plan 2", "same build");
  image = helper_image_sound();
  image.run_format++;
  helper_file_write(path, &image, sizeof image);
  refused(path, STYRO_EHELPER, "run 2", "same build");
}
END_TEST

START_TEST(other_programs_are_no_helpers)
{
  struct helper_image image = helper_image_sound();
  helper_file_write(path, "#!/bin/sh\n", 10);
  refused(path, STYRO_EHELPER, "not a 64-bit", "own build");
  image.note.n_type = 9;
  helper_file_write(path, &image, sizeof image);
  refused(path, STYRO_EHELPER, ".note.styrolite", "own build");
  helper_file_write(path, &image, sizeof image - 8);
  refused(path, STYRO_EHELPER, "damaged", "own build");
}
END_TEST

/* ---- kernel and mode --------------------------------------------------------------------------------------------- */

static uint32_t kernel_as(const char *version)
{
  setenv("STYRO_KERNEL", version, 1);
  accepted(path);
  uint32_t kernel = runner->kernel;
  styro_runner_free(runner);
  runner = NULL;
  return kernel;
}

START_TEST(the_kernel_is_only_ever_lowered)
{
  uint32_t running = kernel_as("");
  ck_assert_uint_eq(kernel_as("99.9"), running);
  ck_assert_uint_eq(kernel_as("6.1"), 0);
  ck_assert_uint_eq(kernel_as("5.14.0-anything"), 0);
  ck_assert_uint_eq(kernel_as("6.14"), running & (WIRE_KERNEL_TIME_VM | WIRE_KERNEL_LAYERS));
  ck_assert_uint_eq(kernel_as("6.4"), running & WIRE_KERNEL_TIME_VM);
  setenv("STYRO_KERNEL", "5.13", 1);
  refused(path, STYRO_EUNSUPPORTED, "5.13 is too old", "later kernel");
  const char *const wrong[] = {"six", "6", "6.", "6.x", "-1.2", "6.1000"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    setenv("STYRO_KERNEL", wrong[i], 1);
    refused(path, STYRO_EUSAGE, "STYRO_KERNEL", "unset");
  }
}
END_TEST

START_TEST(the_mode_is_forced_or_found)
{
  accepted(path);
  ck_assert_int_eq(runner->forced_mode, -1);
  ck_assert_int_eq(runner->mode, STYRO_SPAWN_VFORK);
  styro_runner_free(runner);
  setenv("STYRO_SPAWN", "helper", 1);
  accepted(path);
  ck_assert_int_eq(runner->forced_mode, STYRO_SPAWN_HELPER);
  styro_runner_free(runner);
  setenv("STYRO_SPAWN", "vfork", 1);
  accepted(path);
  ck_assert_int_eq(runner->mode, STYRO_SPAWN_VFORK);
  styro_runner_free(runner);
  runner = NULL;
  setenv("STYRO_SPAWN", "fork", 1);
  refused(path, STYRO_EUSAGE, "STYRO_SPAWN", "unset");
  unsetenv("STYRO_SPAWN");
  prctl(PR_SET_DUMPABLE, 0);
  accepted(path);
  ck_assert_int_eq(runner->mode, STYRO_SPAWN_HELPER);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int count_fds(void)
{
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (readdir(dir)) {
    n++;
  }
  closedir(dir);
  return n;
}

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  int before = count_fds();
  size_t n = 1;
  for (; !runner && n < 20; n++) {
    state.calls = 0;
    state.fail_at = n;
    int rc = styro_runner_new(&alloc, path, &runner, &err);
    ck_assert(rc == 0 || rc == STYRO_ENOMEM);
    if (rc) {
      ck_assert_uint_eq(state.live_blocks, 0);
      ck_assert_int_eq(count_fds(), before);
    }
  }
  ck_assert_uint_gt(n, 3);
  styro_runner_free(runner);
  runner = NULL;
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
  ck_assert_int_eq(count_fds(), before);
}
END_TEST

/* What this program says when it is a copy of itself: the helper it finds, or why none. */
static int find(void)
{
  err = (styro_error){.size = sizeof err};
  unsetenv("STYROLITE_HELPER");
  puts(styro_runner_new(NULL, NULL, &runner, &err) == 0 ? styro_runner_helper(runner) : err.message);
  return 0;
}

int main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[1], "--find") == 0) {
    return find();
  }
  Suite *suite = suite_create("runner");
  TCase *cases = tcase_create("all");
  const TTest *const tests[] = {
      a_hint_is_used,
      the_environment_names_it,
      links_are_resolved,
      nothing_there_lists_the_places,
      beside_the_object,
      writable_by_others,
      not_executable,
      a_strangers_file,
      the_callers_own_file_is_sealed,
      roots_file_is_used_by_path,
      executable_memory_is_forbidden,
      another_wire_is_named_on_both_sides,
      other_programs_are_no_helpers,
      the_kernel_is_only_ever_lowered,
      the_mode_is_forced_or_found,
      memory_may_run_out_anywhere,
  };
  tcase_add_checked_fixture(cases, setup, teardown);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    tcase_add_test(cases, tests[i]);
  }
  suite_add_tcase(suite, cases);
  SRunner *checks = srunner_create(suite);
  srunner_run_all(checks, CK_NORMAL);
  int failed = srunner_ntests_failed(checks);
  srunner_free(checks);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
