/*
 * The runner: the helper found and checked once, and what the environment forces. Where helpers lie and which may be
 * trusted is helper_file.c's, what the kernel can do kernel.c's. Knows no plan.
 */
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "fd.h"
#include "helper_file.h"
#include "kernel.h"
#include "spawn_mode.h"

/* ---- spawn mode -------------------------------------------------------------------------------------------------- */

static int fail_mode(const char *forced, styro_error *err)
{
  int code = styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_HELPER, 0,
                        "the environment variable STYRO_SPAWN is `%.100s`; `vfork` and `helper` are allowed", forced);
  styro_error_object(err, "STYRO_SPAWN");
  styro_error_hint(err, "unset it, or correct it");
  return code;
}

static int find_mode(struct styro_runner *runner, styro_error *err)
{
  const char *forced = secure_getenv("STYRO_SPAWN");
  runner->forced_mode = -1;
  if (forced && strcmp(forced, "vfork") == 0) {
    runner->forced_mode = STYRO_SPAWN_VFORK;
  } else if (forced && strcmp(forced, "helper") == 0) {
    runner->forced_mode = STYRO_SPAWN_HELPER;
  } else if (forced && *forced) {
    return fail_mode(forced, err);
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
  /* STYRO_KERNEL only ever lowers what is used: it lets tests walk the paths of older kernels. */
  int rc = styro_kernel_find(secure_getenv("STYRO_KERNEL"), &runner->kernel, err);
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
