/*
 * The caller's /proc, held from before the root changes: what is written below it later is written to a proc, whatever stands
 * at /proc inside by then (CVE-2019-16884).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "helper.h"

static bool needs(const struct helper *h)
{
  const struct wire_step *step = wire_step_first(h->plan);
  for (uint32_t i = 0; i < h->plan->steps_n; i++, step = wire_step_next(step)) {
    if (step->code == WIRE_STEP_NEST || step->code == WIRE_STEP_LABEL) {
      return true;
    }
  }
  return false;
}

static bool is_proc(int fd)
{
  struct statfs fs;
  return sys_call(SYS_fstatfs, fd, sys_arg(&fs), 0, 0, 0, 0) >= 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* What is wrong is said by the step that needs it. */
void procfs_hold(struct helper *h)
{
  if (needs(h)) {
    h->procfs = helper_proc(h, ".", O_PATH | O_DIRECTORY);
  }
}

int procfs_open(struct helper *h, const char *name, int flags)
{
  if (h->procfs < 0) {
    return h->procfs;
  }
  if (!is_proc(h->procfs)) {
    h->what = WIRE_WHAT_NO_PROC;
    return -EINVAL;
  }
  int fd = sys_openat(h->procfs, name, flags | O_CLOEXEC, 0);
  if (fd >= 0 && !is_proc(fd)) { /* something was mounted over the file */
    sys_close(fd);
    h->what = WIRE_WHAT_NO_PROC;
    return -EINVAL;
  }
  return fd;
}

long procfs_read(struct helper *h, const char *name, char *text, size_t size)
{
  size_t len = 0;
  long n = 1;
  int fd = procfs_open(h, name, O_RDONLY);
  while (fd >= 0 && n > 0 && len + 1 < size) {
    n = sys_read(fd, text + len, size - 1 - len);
    len += n > 0 ? (size_t)n : 0;
  }
  text[len] = 0;
  if (fd >= 0) {
    sys_close(fd);
  }
  return fd < 0 ? fd : n < 0 ? n : (long)len;
}
