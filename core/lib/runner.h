/* The checked helper executable and the kernel's abilities; immutable after set-up but for the switch of the spawn mode. */
#ifndef STYRO_LIB_RUNNER_H
#define STYRO_LIB_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "alloc.h"
#include "error.h"
#include "styrolite.h"

struct styro_runner {
  styro_allocator alloc;
  char *path;            /* as found */
  char *exec_path;       /* what helper mode executes: path, or /proc/self/fd/N of the memfd */
  int helper_fd;         /* O_PATH of the file, or the sealed memfd; close-on-exec */
  bool sealed;           /* helper_fd is a memfd */
  uint32_t kernel;       /* enum wire_kernel */
  int forced_mode;       /* enum styro_spawn_mode, -1: by the rule */
  _Atomic int mode;      /* enum styro_spawn_mode now in use */
  _Atomic int container; /* enum styro_first_level: asked once, where a plan has another choice */
};

enum styro_first_level { STYRO_FIRST_UNTRIED, STYRO_FIRST_WORKS, STYRO_FIRST_REFUSED };

/* runner_level.c: the plan itself, or its fallback where this host refuses its level. */
const styro_plan *styro_runner_choose(styro_runner *runner, const styro_plan *plan);

#endif
