/* A whole sandbox as a trial: does this host start it? For doctor's checks, and for who has another choice. */
#ifndef STYRO_LIB_SANDBOX_TRIAL_H
#define STYRO_LIB_SANDBOX_TRIAL_H

#include <stdbool.h>

#include "styrolite.h"

/* What is kept of an outcome once its process is freed. */
struct styro_ran {
  bool worked;
  bool killed; /* by a signal, in the set-up, or not started because that would have been the answer */
  char spawn_mode[8];
  char said[512];
  styro_error error;
};

/*
 * Runs the request with the command `true`, for at most so many milliseconds. careful: nothing is started where that alone would end
 * the caller, which takes some forks of it to find out. Negative: what kept it from being tried, or from being started at all.
 */
int styro_sandbox_try(styro_runner *runner, const char *json, int wait_ms, bool careful, struct styro_ran *ran,
                      styro_error *err);

#endif
