/*
 * What the runner believes of the kernel: its release where that would do, else what it can do; and the words for a call that
 * is missing or refused. The kernel is a made-up one.
 * build: -Wl,--wrap=uname,--wrap=prctl,--wrap=syscall
 */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/error.h"
#include "lib/kernel.h"
#include "wire/run.h"

#define ALL (WIRE_KERNEL_DETACHED | SINCE_6_5)
#define SINCE_6_5 (WIRE_KERNEL_TIME_VM | WIRE_KERNEL_LAYERS)

int __wrap_uname(struct utsname *out);
int __wrap_prctl(int option, ...);
long __wrap_syscall(long number, ...);

static const char *release; /* NULL: uname(2) fails */
static int filter;          /* what PR_GET_SECCOMP answers */
static long newest;         /* the last system call that the made-up kernel has */
static int everywhere;      /* errno of all of them, 0: the right one */
static int tried;
static styro_error err;

int __wrap_uname(struct utsname *out)
{
  memset(out, 0, sizeof *out);
  snprintf(out->release, sizeof out->release, "%s", release ? release : "");
  return release ? 0 : -1;
}

int __wrap_prctl(int option, ...)
{
  (void)option;
  return filter;
}

long __wrap_syscall(long number, ...)
{
  tried++;
  errno = everywhere ? everywhere : number > newest ? ENOSYS : number == 443 || number == 451 ? EBADF : EINVAL;
  return -1;
}

static void setup(void)
{
  release = "6.18.44-test";
  filter = tried = everywhere = 0;
  newest = 470;
  err = (styro_error){.size = sizeof err};
}

static uint32_t found(const char *wanted)
{
  uint32_t bits = 77;
  ck_assert_int_eq(styro_kernel_find(wanted, &bits, &err), STYRO_OK);
  return bits;
}

static void refused(const char *wanted, int code, const char *message)
{
  uint32_t bits = 77;
  ck_assert_int_eq(styro_kernel_find(wanted, &bits, &err), code);
  ck_assert_uint_eq(bits, 77);
  ck_assert_int_eq(err.stage, STYRO_STAGE_HELPER);
  ck_assert_str_eq(err.message, message);
  ck_assert_str_ne(err.hint, "");
}

START_TEST(a_release_that_would_do_is_believed)
{
  ck_assert_uint_eq(found(NULL), ALL);
  ck_assert_uint_eq(found(""), ALL);
  release = "6.15";
  ck_assert_uint_eq(found(NULL), ALL);
  release = "6.14.9";
  ck_assert_uint_eq(found(NULL), SINCE_6_5);
  release = "6.4.1";
  ck_assert_uint_eq(found(NULL), WIRE_KERNEL_TIME_VM);
  release = "6.1.0-40-amd64";
  ck_assert_uint_eq(found(NULL), 0);
  release = "5.14.0-427.el9.x86_64";
  ck_assert_uint_eq(found(NULL), 0);
  ck_assert_int_eq(tried, 0);
}
END_TEST

START_TEST(a_version_that_is_wanted_only_lowers)
{
  ck_assert_uint_eq(found("6.1"), 0);
  ck_assert_uint_eq(found("99.9"), ALL);
  release = "6.1";
  ck_assert_uint_eq(found("6.18"), 0);
  refused("5.13", STYRO_EUNSUPPORTED, "Linux 5.13 is too old: the container level needs Linux 5.14 or later");
  refused("six", STYRO_EUSAGE, "the environment variable STYRO_KERNEL is `six`; a version such as 6.1 is allowed");
  ck_assert_str_eq(err.object, "STYRO_KERNEL");
  const char *const none[] = {"-6.1", "6", "6.", "6.-1", "6,1", ".1", "1001.1", "6.100"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    char message[128];
    snprintf(message, sizeof message, "the environment variable STYRO_KERNEL is `%s`; a version such as 6.1 is allowed",
             none[i]);
    refused(none[i], STYRO_EUSAGE, message);
  }
}
END_TEST

START_TEST(what_is_too_old_is_refused_by_name)
{
  release = "5.13.19";
  newest = 442;
  refused(NULL, STYRO_EUNSUPPORTED, "Linux 5.13 is too old: the container level needs Linux 5.14 or later");
  ck_assert_str_eq(err.object, "Linux 5.13");
  release = NULL;
  refused(NULL, STYRO_EUNSUPPORTED, "Linux 0.0 is too old: the container level needs Linux 5.14 or later");
}
END_TEST

/* personality(2): UNAME26 makes 6.18 a 2.6.78. */
START_TEST(a_release_that_lies_is_seen_through)
{
  static const struct {
    long newest;
    uint32_t bits;
  } kernels[] = {{467, ALL}, {466, SINCE_6_5}, {451, SINCE_6_5}, {450, 0}, {448, 0}, {443, 0}};
  release = "2.6.78";
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
    newest = kernels[i].newest;
    ck_assert_uint_eq(found(NULL), kernels[i].bits);
  }
  newest = 442;
  refused(NULL, STYRO_EUNSUPPORTED, "Linux 2.6 is too old: the container level needs Linux 5.14 or later");
}
END_TEST

/* A filter may answer anything, also by a signal. */
START_TEST(only_the_kernels_own_answer_proves_a_call)
{
  release = "2.6.78";
  everywhere = EPERM;
  refused(NULL, STYRO_EUNSUPPORTED, "Linux 2.6 is too old: the container level needs Linux 5.14 or later");
  everywhere = tried = 0;
  filter = 2;
  refused(NULL, STYRO_EUNSUPPORTED, "Linux 2.6 is too old: the container level needs Linux 5.14 or later");
  filter = -1;
  refused(NULL, STYRO_EUNSUPPORTED, "Linux 2.6 is too old: the container level needs Linux 5.14 or later");
  ck_assert_int_eq(tried, 0);
}
END_TEST

static const char *hint(int sys_errno)
{
  styro_fail(&err, STYRO_ESETUP, STYRO_STAGE_MOUNT, sys_errno, "it failed");
  styro_kernel_explain(sys_errno, "open_tree", &err);
  return err.hint;
}

START_TEST(words_for_a_call_that_is_missing)
{
  ck_assert_str_eq(hint(ENOSYS), "the container level needs Linux 5.14 or later, and this kernel, which calls itself "
                                 "6.18.44-test, has no open_tree: run a later kernel");
  filter = 2;
  ck_assert_str_eq(
      hint(ENOSYS),
      "the container level needs Linux 5.14 or later: this kernel, which calls itself 6.18.44-test, has no "
      "open_tree, or a filter of system calls around this process hides it, as containers have one: run a "
      "later kernel, or allow the call there (docker: --security-opt seccomp=unconfined)");
  release = NULL;
  ck_assert_ptr_nonnull(strstr(hint(ENOSYS), "calls itself unknown"));
}
END_TEST

START_TEST(words_for_a_call_that_is_refused)
{
  ck_assert_str_eq(hint(EPERM), "");
  filter = 2;
  ck_assert_str_eq(hint(EPERM), "a filter of system calls around this process may refuse open_tree, as containers have "
                                "one: allow it there (docker: --security-opt seccomp=unconfined)");
  ck_assert_str_eq(hint(EACCES), "");
  styro_kernel_explain(EPERM, "open_tree", NULL);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("kernel");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, NULL);
  tcase_add_test(cases, a_release_that_would_do_is_believed);
  tcase_add_test(cases, a_version_that_is_wanted_only_lowers);
  tcase_add_test(cases, what_is_too_old_is_refused_by_name);
  tcase_add_test(cases, a_release_that_lies_is_seen_through);
  tcase_add_test(cases, only_the_kernels_own_answer_proves_a_call);
  tcase_add_test(cases, words_for_a_call_that_is_missing);
  tcase_add_test(cases, words_for_a_call_that_is_refused);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
