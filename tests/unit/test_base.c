/* The system base is what it says: absolute, normalised, sorted so that what encloses comes first, and nothing secret. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/plan_format.h"

static bool normalised(const char *path)
{
  size_t len = strlen(path);
  return path[0] == '/' && len > 1 && path[len - 1] != '/' && !strstr(path, "//") && !strstr(path, "/.");
}

static bool encloses(const char *outer, const char *inner)
{
  size_t len = strlen(outer);
  return strncmp(outer, inner, len) == 0 && (inner[len] == '/' || inner[len] == 0);
}

START_TEST(entries_are_places)
{
  ck_assert_uint_gt(styro_base_n, 10);
  for (size_t i = 0; i < styro_base_n; i++) {
    const struct styro_base_entry *entry = &styro_base[i];
    ck_assert_msg(normalised(entry->path), "%s", entry->path);
    ck_assert_msg(entry->step == WIRE_STEP_BIND || entry->step == WIRE_STEP_LINK, "%s", entry->path);
    ck_assert_msg(entry->when == STYRO_BASE_ALWAYS || entry->when == STYRO_BASE_WITH_NETWORK, "%s", entry->path);
    ck_assert_msg(entry->why && entry->why[0], "%s", entry->path);
    for (size_t k = 0; k < i; k++) {
      ck_assert_msg(!encloses(styro_base[k].path, entry->path) && !encloses(entry->path, styro_base[k].path),
                    "%s and %s show the same", styro_base[k].path, entry->path);
    }
  }
}
END_TEST

/* Of /etc single files only: passwords, keys and configuration of the host stay outside, whatever is added here. */
START_TEST(nothing_secret_is_shown)
{
  static const char *const never[] = {"/etc/shadow",
                                      "/etc/passwd",
                                      "/etc/ssh/ssh_host_ed25519_key",
                                      "/etc/ssl/private/x",
                                      "/etc/machine-id",
                                      "/root/.ssh",
                                      "/home/me",
                                      "/var/lib/x",
                                      "/run/docker.sock",
                                      "/sys/x",
                                      "/tmp/x",
                                      "/dev/sda",
                                      "/proc/1",
                                      "/boot/x",
                                      "/srv/x",
                                      "/opt/x"};
  for (size_t i = 0; i < styro_base_n; i++) {
    for (size_t k = 0; k < sizeof never / sizeof never[0]; k++) {
      ck_assert_msg(!encloses(styro_base[i].path, never[k]), "%s shows %s", styro_base[i].path, never[k]);
    }
  }
}
END_TEST

START_TEST(names_of_the_network_only_with_one)
{
  for (size_t i = 0; i < styro_base_n; i++) {
    bool network = strcmp(styro_base[i].path, "/etc/resolv.conf") == 0 || strcmp(styro_base[i].path, "/etc/hosts") == 0;
    ck_assert_int_eq(styro_base[i].when, network ? STYRO_BASE_WITH_NETWORK : STYRO_BASE_ALWAYS);
  }
}
END_TEST

START_TEST(what_proc_and_sys_hide)
{
  static const char *const masked[] = {"/kcore", "/keys", "/timer_list", "/sysrq-trigger", "/acpi", "/scsi"};
  for (size_t i = 0; i < styro_proc_entries_n; i++) {
    ck_assert_msg(normalised(styro_proc_entries[i].path), "%s", styro_proc_entries[i].path);
  }
  for (size_t k = 0; k < sizeof masked / sizeof masked[0]; k++) {
    bool found = false;
    for (size_t i = 0; i < styro_proc_entries_n; i++) {
      found = found || (strcmp(styro_proc_entries[i].path, masked[k]) == 0 && !styro_proc_entries[i].read_only);
    }
    ck_assert_msg(found, "%s is not masked", masked[k]);
  }
  ck_assert_str_eq(styro_proc_entries[0].path, "/sys");
  ck_assert(styro_proc_entries[0].read_only);
  for (size_t i = 0; i < styro_sys_entries_n; i++) { /* sys is read-only as a whole: what is left is hidden */
    ck_assert_msg(normalised(styro_sys_entries[i].path) && !styro_sys_entries[i].read_only, "%s",
                  styro_sys_entries[i].path);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("base");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, entries_are_places);
  tcase_add_test(cases, nothing_secret_is_shown);
  tcase_add_test(cases, names_of_the_network_only_with_one);
  tcase_add_test(cases, what_proc_and_sys_hide);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
