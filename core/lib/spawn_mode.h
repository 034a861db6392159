/*
 * The clone, and nothing else: from open descriptors to a helper that runs as first process of the new namespaces.
 * Only this noun clones. Knows no request, no output and no outcome.
 */
#ifndef STYRO_LIB_SPAWN_H
#define STYRO_LIB_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"
#include "plan.h"
#include "runner.h"

enum styro_spawn_mode { STYRO_SPAWN_VFORK = 0, STYRO_SPAWN_HELPER = 1 };

/* All descriptors are the caller's to close afterwards; -1 in stdio means /dev/null. */
struct styro_launch {
  styro_runner *runner;
  const styro_plan *plan;
  const struct wire_run *run; /* the block as it was written: styro_spawn_prepare() completed it */
  int plan_fd;
  int run_fd;    /* its memfd */
  int status_fd; /* the helper's end */
  int caller_fd; /* pidfd of the caller, -1: nobody watches */
  int stdio[3];
  const int *extra; /* descriptors of the fd table: placed at WIRE_FD_FIRST_FREE + index */
  size_t extra_n;
};

struct styro_spawned {
  pid_t pid;   /* in the caller's namespace; -1 in helper mode until the record WIRE_STATUS_FD brings it */
  int pidfd;   /* owned by whoever asked; -1 in helper mode until the record WIRE_STATUS_FD brings it */
  pid_t agent; /* helper mode: the process that makes the clone, to be reaped after the record; else -1 */
  int mode;    /* enum styro_spawn_mode */
};

/*
 * What the run block must say about identity, before it is written: fills flags (WIRE_RUN_*), caller and map ids, kernel
 * bits of *run for the mode that the next styro_spawn() will use.
 */
int styro_spawn_prepare(styro_runner *runner, const styro_plan *plan, struct wire_run *run, styro_error *err);

/*
 * Starts the helper. When the kernel refuses in vfork mode what helper mode may still reach, the runner switches for its
 * lifetime and *again is set: prepare and write the run block anew, then call once more.
 */
int styro_spawn(const struct styro_launch *launch, struct styro_spawned *out, bool *again, styro_error *err);

#endif
