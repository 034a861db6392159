/*
 * The label that a security module gives the payload at its exec: written to the process's own attributes, and read back, since
 * a module without a policy takes any label and does nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "helper.h"

static const struct {
  const char *name;
  const char *present; /* a file that says so ... */
  const char *word;    /* ... by holding this; NULL: by being readable */
  const char *attribute;
  const char *verb; /* before the label */
} modules[WIRE_LSM_COUNT] = {
    /* Of a module that is not active the kernel has the file, and its read is refused. */
    [WIRE_LSM_APPARMOR] = {"AppArmor", "thread-self/attr/apparmor/current", NULL, "thread-self/attr/apparmor/exec",
                           "exec "},
    /* Its file system is there only where it is active; without it attr/exec would be another module's. */
    [WIRE_LSM_SELINUX] = {"SELinux", "filesystems", "\tselinuxfs\n", "thread-self/attr/exec", ""},
};

#define FILE_SIZE 4096 /* of what is read here; on the stack, which the payload's process has 16 KiB of */

static bool holds_word(const char *text, const char *word)
{
  size_t len = strlen(word);
  for (; *text; text++) {
    if (strncmp(text, word, len) == 0) {
      return true;
    }
  }
  return false;
}

static int check_present(struct helper *h, uint32_t lsm)
{
  char found[FILE_SIZE];
  long n = procfs_read(h, modules[lsm].present, found, sizeof found);
  if (h->what == WIRE_WHAT_NO_PROC) {
    return (int)n;
  }
  if (n <= 0 || (modules[lsm].word && !holds_word(found, modules[lsm].word))) {
    h->what = WIRE_WHAT_LABEL_ABSENT;
    h->component = modules[lsm].name;
    return -EOPNOTSUPP;
  }
  return 0;
}

/* One write, as the kernel wants it. */
static int write_label(struct helper *h, uint32_t lsm, const char *label)
{
  char text[WIRE_LABEL_MAX + 8];
  int fd = procfs_open(h, modules[lsm].attribute, O_WRONLY);
  if (fd < 0) {
    return fd;
  }
  strcpy(text, modules[lsm].verb);
  strcpy(text + strlen(text), label);
  long n = sys_write(fd, text, strlen(text));
  sys_close(fd);
  return n == (long)strlen(text) ? 0 : n < 0 ? (int)n : -EIO;
}

/* AppArmor adds its mode, ` (enforce)`. */
static int label_holds(struct helper *h, uint32_t lsm, const char *label)
{
  char found[FILE_SIZE];
  size_t len = strlen(label);
  h->what = WIRE_WHAT_READ_BACK;
  long n = procfs_read(h, modules[lsm].attribute, found, sizeof found);
  if (n < 0) {
    return (int)n;
  }
  bool same = strncmp(found, label, len) == 0 && (found[len] == 0 || found[len] == '\n' || found[len] == ' ');
  found[strcspn(found, "\n")] = 0;
  found[sizeof h->held - 1] = 0;
  strcpy(h->held, found[0] ? found : "none");
  h->component = h->held;
  return same ? 0 : -EINVAL;
}

int step_label(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_label *body = (const void *)step;
  const char *label = wire_str(h->plan, body->label);
  if (strlen(label) > WIRE_LABEL_MAX) {
    return -E2BIG;
  }
  int result = check_present(h, body->lsm);
  if (result >= 0) {
    h->what = WIRE_WHAT_LABEL;
    result = write_label(h, body->lsm, label);
  }
  return result < 0 ? result : label_holds(h, body->lsm, label);
}
