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

static char found[4096]; /* what was read; outlives the call, because the verdict is copied from it */

static long read_file(struct helper *h, const char *name)
{
  unsigned long len = 0;
  long n = 1;
  int fd = procfs_open(h, name, O_RDONLY);
  while (fd >= 0 && n > 0 && len + 1 < sizeof found) {
    n = sys_read(fd, found + len, sizeof found - 1 - len);
    len += n > 0 ? (unsigned long)n : 0;
  }
  found[len] = 0;
  if (fd >= 0) {
    sys_close(fd);
  }
  return fd < 0 ? fd : n < 0 ? n : (long)len;
}

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
  long n = read_file(h, modules[lsm].present);
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
  size_t len = strlen(label);
  h->what = WIRE_WHAT_READ_BACK;
  long n = read_file(h, modules[lsm].attribute);
  if (n < 0) {
    return (int)n;
  }
  bool same = strncmp(found, label, len) == 0 && (found[len] == 0 || found[len] == '\n' || found[len] == ' ');
  found[strcspn(found, "\n")] = 0;
  h->component = found[0] ? found : "none";
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
