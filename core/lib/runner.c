/*
 * The runner: the helper found and checked once, and what this kernel can do. Where helpers lie and which may be
 * trusted is helper_file.c's; what the environment forces is decided here. Knows no plan.
 */
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "../wire/run.h"
#include "fd.h"
#include "helper_file.h"
#include "spawn_mode.h"

#define FLOOR 514 /* major * 100 + minor: mount_setattr, Landlock, cgroup.kill, RLIMIT_NPROC per user namespace */

/* ---- kernel ------------------------------------------------------------------------------------------------------ */

/* "6.1.0-40-amd64" as 601; -1 when it does not begin with two numbers. */
static int parse_release(const char *text)
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

static int fail_variable(styro_error *err, const char *name, const char *value, const char *allowed)
{
  styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_HELPER, 0, "the environment variable %s is `%.100s`; %s", name, value,
             allowed);
  styro_error_object(err, "%s", name);
  styro_error_hint(err, "unset it, or correct it");
  return STYRO_EUSAGE;
}

/* STYRO_KERNEL only ever lowers what is used: it lets tests walk the paths of older kernels. */
static int kernel_version(int *out, styro_error *err)
{
  struct utsname names;
  const char *wanted = secure_getenv("STYRO_KERNEL");
  int running = uname(&names) == 0 ? parse_release(names.release) : -1;
  int lowered = wanted && *wanted ? parse_release(wanted) : running;
  if (lowered < 0 && wanted && *wanted) {
    return fail_variable(err, "STYRO_KERNEL", wanted, "a version such as 6.1 is allowed");
  }
  *out = lowered < running ? lowered : running;
  return STYRO_OK;
}

static int find_kernel(struct styro_runner *runner, styro_error *err)
{
  int version = 0;
  int rc = kernel_version(&version, err);
  if (rc) {
    return rc;
  }
  if (version < FLOOR) {
    styro_fail(err, STYRO_EUNSUPPORTED, STYRO_STAGE_HELPER, 0,
               "Linux %d.%d is too old: the container level needs Linux %d.%d or later", version / 100, version % 100,
               FLOOR / 100, FLOOR % 100);
    styro_error_hint(err, "run a later kernel");
    return STYRO_EUNSUPPORTED;
  }
  runner->kernel = (version >= 615 ? WIRE_KERNEL_DETACHED : 0u) | (version >= 602 ? WIRE_KERNEL_TIME_VM : 0u) |
                   (version >= 605 ? WIRE_KERNEL_LAYERS : 0u);
  return STYRO_OK;
}

/* ---- spawn mode -------------------------------------------------------------------------------------------------- */

static int find_mode(struct styro_runner *runner, styro_error *err)
{
  const char *forced = secure_getenv("STYRO_SPAWN");
  runner->forced_mode = -1;
  if (forced && strcmp(forced, "vfork") == 0) {
    runner->forced_mode = STYRO_SPAWN_VFORK;
  } else if (forced && strcmp(forced, "helper") == 0) {
    runner->forced_mode = STYRO_SPAWN_HELPER;
  } else if (forced && *forced) {
    return fail_variable(err, "STYRO_SPAWN", forced, "`vfork` and `helper` are allowed");
  }
  /*
   * The files in /proc of a child that shares a non-dumpable caller's memory belong to root: its maps cannot be
   * written.
   */
  bool dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
  runner->mode = runner->forced_mode >= 0 ? runner->forced_mode : dumpable ? STYRO_SPAWN_VFORK : STYRO_SPAWN_HELPER;
  return STYRO_OK;
}

/* ---- the handle -------------------------------------------------------------------------------------------------- */

static int copy_paths(struct styro_runner *runner, const struct styro_helper_file *file, styro_error *err)
{
  char text[32];
  snprintf(text, sizeof text, "/proc/self/fd/%d", file->fd);
  runner->path = styro_strdup(&runner->alloc, file->path);
  runner->exec_path = styro_strdup(&runner->alloc, file->sealed ? text : file->path);
  return runner->path && runner->exec_path ? STYRO_OK : styro_fail_memory(err, STYRO_STAGE_HELPER);
}

static int fill(struct styro_runner *runner, const char *helper, styro_error *err)
{
  struct styro_helper_file file;
  int rc = find_kernel(runner, err);
  rc = rc ? rc : find_mode(runner, err);
  rc = rc ? rc : styro_helper_file_find(helper, &file, err);
  if (rc) {
    return rc;
  }
  runner->helper_fd = file.fd;
  runner->sealed = file.sealed;
  return copy_paths(runner, &file, err);
}

int styro_runner_new(const styro_allocator *alloc, const char *helper, styro_runner **out, styro_error *err)
{
  styro_allocator chosen = styro_allocator_or_malloc(alloc);
  if (!out) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_HELPER, 0, "the place for the runner is NULL");
  }
  styro_runner *runner = styro_alloc(&chosen, sizeof *runner);
  if (!runner) {
    return styro_fail_memory(err, STYRO_STAGE_HELPER);
  }
  runner->alloc = chosen;
  runner->helper_fd = -1;
  int rc = fill(runner, helper, err);
  if (rc) {
    styro_runner_free(runner);
    return rc;
  }
  *out = runner;
  return STYRO_OK;
}

void styro_runner_free(styro_runner *runner)
{
  if (!runner) {
    return;
  }
  styro_allocator alloc = runner->alloc;
  styro_fd_close(&runner->helper_fd);
  styro_strfree(&alloc, runner->path);
  styro_strfree(&alloc, runner->exec_path);
  styro_dealloc(&alloc, runner, sizeof *runner);
}

const char *styro_runner_helper(const styro_runner *runner)
{
  return runner ? runner->path : NULL;
}
