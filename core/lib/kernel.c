/*
 * The running kernel: which features the runner may count on, and what ENOSYS or EPERM from a call that every kernel since
 * the floor has must mean. Knows no plan; a call that a seccomp filter could answer by a signal is never tried under one.
 */
#include "kernel.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../wire/run.h"
#include "error.h"

/* Versions are major * 100 + minor. mount_setattr, Landlock, cgroup.kill, RLIMIT_NPROC per user namespace. */
#define FLOOR STYRO_KERNEL_FLOOR
#define DETACHED 615
#define LAYERS 605
#define TIME_VM 602

#define UNCONFINED "docker: --security-opt seccomp=unconfined"

/* ---- versions ---------------------------------------------------------------------------------------------------- */

int styro_kernel_release(const char *text)
{
  char *end;
  long major = strtol(text, &end, 10);
  if (end == text || *end != '.' || major < 0 || major > 1000) {
    return -1;
  }
  const char *second = end + 1;
  long minor = strtol(second, &end, 10);
  return end == second || minor < 0 || minor > 99 ? -1 : (int)(major * 100 + minor);
}

/* Anything but "no filter": who cannot even ask stands under one. */
static bool is_filtered(void)
{
  return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0;
}

/*
 * Calls that came with a version and that no configuration leaves out, newest first, with arguments that the kernel refuses
 * before it looks further; only that very errno proves the call.
 */
static const struct {
  long number;
  int version;
  int refusal;
  long args[5];
} marks[] = {
    {467, DETACHED, EINVAL, {-1, 0, -1, 0, 0}}, /* open_tree_attr(2): unknown flags */
    {451, LAYERS, EBADF, {-1, 0, 0, 0, 0}},     /* cachestat(2) */
    {448, 515, EINVAL, {-1, -1, 0, 0, 0}},      /* process_mrelease(2): unknown flags */
    {443, 514, EBADF, {-1, -1, 0, 0, 0}},       /* quotactl_fd(2) */
};

static int proven_version(void)
{
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
    const long *a = marks[i].args;
    if (syscall(marks[i].number, a[0], a[1], a[2], a[3], a[4]) == -1 && errno == marks[i].refusal) {
      return marks[i].version;
    }
  }
  return -1;
}

/*
 * The release is a text: personality(2) UNAME26 and some containers make it an old one. A version that would do is believed,
 * for a call that is missing all the same is named when it is; one that would not is compared with what the kernel can do.
 */
static int running_version(void)
{
  struct utsname names;
  int version = uname(&names) == 0 ? styro_kernel_release(names.release) : -1;
  if (version >= FLOOR || is_filtered()) {
    return version;
  }
  int proven = proven_version();
  return proven > version ? proven : version;
}

static int fail_wanted(const char *wanted, styro_error *err)
{
  int code = styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_HELPER, 0,
                        "the environment variable STYRO_KERNEL is `%.100s`; a version such as 6.1 is allowed", wanted);
  styro_error_object(err, "STYRO_KERNEL");
  styro_error_hint(err, "unset it, or correct it");
  return code;
}

static int fail_floor(int version, styro_error *err)
{
  int code = styro_fail(err, STYRO_EUNSUPPORTED, STYRO_STAGE_HELPER, 0,
                        "Linux %d.%d is too old: the container level needs Linux %d.%d or later", version / 100,
                        version % 100, FLOOR / 100, FLOOR % 100);
  styro_error_object(err, "Linux %d.%d", version / 100, version % 100);
  styro_error_hint(err, "run a later kernel; where `uname -r` is made to lie (setarch --uname-2.6), call without that");
  return code;
}

int styro_kernel_find(const char *wanted, uint32_t *bits, styro_error *err)
{
  int version = running_version();
  if (wanted && *wanted) {
    int lowered = styro_kernel_release(wanted);
    if (lowered < 0) {
      return fail_wanted(wanted, err);
    }
    version = lowered < version ? lowered : version;
  }
  if (version < FLOOR) {
    return fail_floor(version < 0 ? 0 : version, err);
  }
  *bits = (version >= DETACHED ? WIRE_KERNEL_DETACHED : 0u) | (version >= TIME_VM ? WIRE_KERNEL_TIME_VM : 0u) |
          (version >= LAYERS ? WIRE_KERNEL_LAYERS : 0u);
  return STYRO_OK;
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void explain_missing(const char *calls, styro_error *err)
{
  struct utsname names;
  const char *release = uname(&names) == 0 ? names.release : "unknown";
  if (is_filtered()) {
    styro_error_hint(
        err,
        "the container level needs Linux %d.%d or later: this kernel, which calls itself %.64s, has no %s, "
        "or a filter of system calls around this process hides it, as containers have one: run a later "
        "kernel, or allow the call there (" UNCONFINED ")",
        FLOOR / 100, FLOOR % 100, release, calls);
  } else {
    styro_error_hint(
        err,
        "the container level needs Linux %d.%d or later, and this kernel, which calls itself %.64s, has no "
        "%s: run a later kernel",
        FLOOR / 100, FLOOR % 100, release, calls);
  }
}

void styro_kernel_explain(int sys_errno, const char *calls, styro_error *err)
{
  if (sys_errno == ENOSYS) {
    explain_missing(calls, err);
  } else if (sys_errno == EPERM && is_filtered()) {
    styro_error_hint(
        err,
        "a filter of system calls around this process may refuse %s, as containers have one: allow it there "
        "(" UNCONFINED ")",
        calls);
  }
}
