/* core/lib/names.c: whole lists of names, compared with the contract's and with the C library's own. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

typedef const char *name_fn(int number);

/* All names from 0 on, and nothing but the fallback on both sides of them. */
static void names_are(name_fn *name, const char *const *expected, size_t n, int step, const char *otherwise)
{
  for (size_t i = 0; i < n; i++) {
    ck_assert_str_eq(name((int)i * step), expected[i]);
  }
  ck_assert_pstr_eq(name((int)n * step), otherwise);
  ck_assert_pstr_eq(name(-step), otherwise);
  ck_assert_pstr_eq(name(1 << 30), otherwise);
  ck_assert_pstr_eq(name(-(1 << 30)), otherwise);
}

START_TEST(stages_are_those_of_the_contract)
{
  static const char *const names[] = {"none",  "parse",    "validate", "compile", "helper",  "spawn",    "source",
                                      "ids",   "join",     "cgroup",   "network", "uts",     "root",     "mount",
                                      "path",  "device",   "proc",     "process", "rlimit",  "identity", "capability",
                                      "label", "landlock", "seccomp",  "access",  "command", "exec",     "supervise"};
  names_are(styro_stage_name, names, COUNT(names), 1, "unknown");
}
END_TEST

START_TEST(codes_count_downwards)
{
  static const char *const names[] = {"ok",    "nomem", "parse", "request", "unsupported", "helper",
                                      "spawn", "setup", "exec",  "usage",   "again",       "io"};
  names_are(styro_code_name, names, COUNT(names), -1, "unknown");
}
END_TEST

START_TEST(reasons_are_those_of_the_contract)
{
  static const char *const names[] = {"exited",   "signaled",     "timed_out",   "oom_killed", "output_limit",
                                      "canceled", "setup_failed", "exec_failed", "lost"};
  names_are(styro_reason_name, names, COUNT(names), 1, "unknown");
}
END_TEST

/* Bits of a mask that callers store: never renumbered. */
START_TEST(protections_are_those_of_the_contract)
{
  static const char *const names[] = {
      "path_view",      "read_only_paths",   "denied_paths",     "masked_paths",
      "private_tmp",    "device_allowlist",  "process_view",     "process_signals",
      "ipc_isolation",  "network_isolation", "abstract_sockets", "hostname",
      "cgroup_view",    "time_offsets",      "user_ids",         "supplementary_groups",
      "capabilities",   "no_new_privs",      "seccomp",          "nested_user_namespaces",
      "landlock_paths", "landlock_network",  "landlock_scopes",  "session_keyring",
      "new_session",    "closed_fds",        "helper_image",     "tree_kill",
      "caller_death",   "limit_memory",      "limit_swap",       "limit_pids",
      "limit_cpu",      "limit_cpuset",      "limit_io",         "rlimits",
      "disk_size",      "output_limit",      "timeout_wall",     "timeout_cpu",
      "lsm_label"};
  names_are(styro_protection_name, names, COUNT(names), 1, NULL);
}
END_TEST

/* strerrorname_np(3) knows the same numbers; 0 is a number to it only. */
START_TEST(errno_names_are_the_c_librarys)
{
  int named = 0;
  for (int number = 1; number < 200; number++) {
    const char *expected = strerrorname_np(number);
    ck_assert_str_eq(styro_errno_name(number), expected == NULL ? "E?" : expected);
    named += expected != NULL;
  }
  ck_assert_int_gt(named, 130);
  ck_assert_str_eq(styro_errno_name(0), "E?");
  ck_assert_str_eq(styro_errno_name(-ENOENT), "E?");
  ck_assert_str_eq(styro_errno_name(EAGAIN), "EAGAIN");
}
END_TEST

/* sigabbrev_np(3) calls number 29 POLL, its other name. */
START_TEST(signal_names_are_the_c_librarys)
{
  int named = 0;
  for (int number = -1; number < 70; number++) {
    const char *abbreviation = sigabbrev_np(number), *name = styro_signal_name(number);
    char expected[32];
    if (number <= 0 || abbreviation == NULL) {
      ck_assert_ptr_null(name);
      continue;
    }
    snprintf(expected, sizeof expected, "SIG%s", number == SIGIO ? "IO" : abbreviation);
    ck_assert_pstr_eq(name, expected);
    named++;
  }
  ck_assert_int_eq(named, 31);
  ck_assert_ptr_null(styro_signal_name(SIGRTMIN));
}
END_TEST

START_TEST(the_version_is_three_numbers)
{
  int major = -1, minor = -1, patch = -1, end = 0;
  ck_assert_int_eq(sscanf(styro_version(), "%d.%d.%d%n", &major, &minor, &patch, &end), 3);
  ck_assert_uint_eq((size_t)end, strlen(styro_version()));
  ck_assert_ptr_eq(styro_version(), styro_version());
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("names");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, stages_are_those_of_the_contract);
  tcase_add_test(cases, codes_count_downwards);
  tcase_add_test(cases, reasons_are_those_of_the_contract);
  tcase_add_test(cases, protections_are_those_of_the_contract);
  tcase_add_test(cases, errno_names_are_the_c_librarys);
  tcase_add_test(cases, signal_names_are_the_c_librarys);
  tcase_add_test(cases, the_version_is_three_numbers);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
