/*
 * The helper's step for the label of a security module, on files that stand in for those of /proc: the text that is written, what
 * counts as read back, and each way to fail. It is compiled in here: the helper has no other way in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder.h"
#include "helper/label.c" /* NOLINT(bugprone-suspicious-include) */
#include "test_program.h"

static char directory[] = "/tmp/styro-label-XXXXXX";
static struct helper helper;
static const char *refuses; /* the file whose opening fails, with EACCES */

static const struct {
  const char *name, *reads, *writes;
} files[] = {
    {"thread-self/attr/apparmor/current", "current", NULL},
    {"filesystems", "filesystems", NULL},
    {"thread-self/attr/apparmor/exec", "read-back", "written"},
    {"thread-self/attr/exec", "read-back", "written"},
};

static void place(const char *name, char path[64])
{
  snprintf(path, 64, "%s/%s", directory, name);
}

int procfs_open(struct helper *h, const char *name, int flags)
{
  char path[64] = "";
  (void)h;
  for (size_t i = 0; i < TESTS_N(files); i++) {
    if (strcmp(files[i].name, name) == 0) {
      place(flags & O_WRONLY ? files[i].writes : files[i].reads, path);
    }
  }
  ck_assert_msg(path[0] != 0, "%s", name);
  int fd = refuses && strcmp(refuses, name) == 0 ? -1 : open(path, flags | O_CLOEXEC);
  return fd < 0 ? (refuses ? -EACCES : -errno) : fd;
}

long procfs_read(struct helper *h, const char *name, char *text, size_t size)
{
  int fd = procfs_open(h, name, O_RDONLY);
  ssize_t n = fd < 0 ? fd : read(fd, text, size - 1);
  text[n < 0 ? 0 : n] = 0;
  if (fd >= 0) {
    close(fd);
  }
  return n;
}

static void put(const char *name, const char *text)
{
  char path[64];
  place(name, path);
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  ck_assert_int_eq(fclose(file), 0);
}

static const char *written(void)
{
  static char text[200];
  char path[64];
  place("written", path);
  FILE *file = fopen(path, "r");
  ck_assert_ptr_nonnull(file);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  return text;
}

static void setup(void)
{
  ck_assert_ptr_nonnull(mkdtemp(directory));
  refuses = NULL;
  put("current", "unconfined\n");
  put("filesystems", "nodev\tsysfs\nnodev\tselinuxfs\n\text4\n");
  put("read-back", "");
  put("written", "");
}

static void teardown(void)
{
  static const char *const names[] = {"current", "filesystems", "read-back", "written"};
  for (size_t i = 0; i < TESTS_N(names); i++) {
    char path[64];
    place(names[i], path);
    unlink(path);
  }
  rmdir(directory);
  memset(strrchr(directory, '-') + 1, 'X', 6);
}

/* A block of which the step needs one text alone. */
static int take(uint32_t lsm, const char *label)
{
  static struct {
    struct wire_plan plan;
    uint32_t len;
    char bytes[2000];
  } block;
  struct wire_step_label step = {.lsm = lsm, .label = sizeof block.plan};
  block.len = (uint32_t)strlen(label);
  strcpy(block.bytes, label);
  helper = (struct helper){.plan = &block.plan};
  return step_label(&helper, &step.head);
}

START_TEST(what_is_written)
{
  put("read-back", "box (enforce)\n");
  ck_assert_int_eq(take(WIRE_LSM_APPARMOR, "box"), 0);
  ck_assert_str_eq(written(), "exec box");
  put("read-back", "u:r:box_t:s0");
  ck_assert_int_eq(take(WIRE_LSM_SELINUX, "u:r:box_t:s0"), 0);
  ck_assert_str_eq(written(), "u:r:box_t:s0");
}
END_TEST

START_TEST(what_does_not_hold_when_read_back)
{
  static const char *const others[] = {"", "unconfined\n", "box2 (enforce)\n", "bo"};
  for (size_t i = 0; i < TESTS_N(others); i++) {
    put("read-back", others[i]);
    ck_assert_int_eq(take(WIRE_LSM_APPARMOR, "box"), -EINVAL);
    ck_assert_uint_eq(helper.what, WIRE_WHAT_READ_BACK);
  }
  put("read-back", "kernel");
  ck_assert_int_eq(take(WIRE_LSM_SELINUX, "u:r:box_t:s0"), -EINVAL);
  ck_assert_str_eq(helper.component, "kernel");
}
END_TEST

START_TEST(a_module_that_is_not_active)
{
  put("filesystems", "nodev\tselinuxfs2\nnodev\tsmackfs\n");
  ck_assert_int_eq(take(WIRE_LSM_SELINUX, "x"), -EOPNOTSUPP);
  ck_assert_str_eq(helper.component, "SELinux");
  put("current", "");
  ck_assert_int_eq(take(WIRE_LSM_APPARMOR, "x"), -EOPNOTSUPP);
  ck_assert_uint_eq(helper.what, WIRE_WHAT_LABEL_ABSENT);
  ck_assert_str_eq(helper.component, "AppArmor");
  ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(what_the_kernel_refuses)
{
  char path[64];
  refuses = "thread-self/attr/apparmor/exec";
  ck_assert_int_eq(take(WIRE_LSM_APPARMOR, "x"), -EACCES);
  ck_assert_uint_eq(helper.what, WIRE_WHAT_LABEL);
  refuses = NULL;
  place("written", path);
  unlink(path);
  ck_assert_int_eq(take(WIRE_LSM_APPARMOR, "x"), -ENOENT);
  ck_assert_int_eq(symlink("/dev/full", path), 0);
  ck_assert_int_eq(take(WIRE_LSM_APPARMOR, "x"), -ENOSPC);
  ck_assert_uint_eq(helper.what, WIRE_WHAT_LABEL);
}
END_TEST

START_TEST(a_label_that_is_too_long)
{
  char label[WIRE_LABEL_MAX + 2];
  memset(label, 'x', sizeof label - 1);
  label[sizeof label - 1] = 0;
  ck_assert_int_eq(take(WIRE_LSM_APPARMOR, label), -E2BIG);
  label[WIRE_LABEL_MAX] = 0;
  put("read-back", label);
  ck_assert_int_eq(take(WIRE_LSM_APPARMOR, label), 0);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "label", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {what_is_written, what_does_not_hold_when_read_back, a_module_that_is_not_active,
                                what_the_kernel_refuses, a_label_that_is_too_long};
  return test_program_run(&program, tests, TESTS_N(tests));
}
