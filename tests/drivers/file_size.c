/*
 * A caller whose RLIMIT_FSIZE is smaller than the library's memory files: spawning says so instead of ending the caller by
 * SIGXFSZ, and works again once the limit is gone.
 */
#include <sys/resource.h>

#include "driver.h"

static void refused(styro_runner *runner, const styro_plan *plan, rlim_t bytes, const char *what)
{
  styro_error err = {.size = sizeof err};
  styro_process *process = NULL;
  struct rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  const struct rlimit small = {bytes, old.rlim_max};
  int before = count_fds();
  setrlimit(RLIMIT_FSIZE, &small);
  int rc = styro_runner_spawn(runner, plan, NULL, &process, &err);
  setrlimit(RLIMIT_FSIZE, &old);
  check(rc == STYRO_ESPAWN && !process, "%d bytes: refused", (int)bytes);
  check(strncmp(err.message, what, strlen(what)) == 0, "it says what is at fault: %s", err.message);
  check(strcmp(err.object, "RLIMIT_FSIZE") == 0 && strstr(err.hint, "ulimit -f"), "and a way out: %s", err.hint);
  check(count_fds() <= before + 1, "nothing is left open");
}

int main(void)
{
  styro_runner *runner = runner_new();
  styro_plan *plan = plan_of("{\"version\": 1, \"command\": [\"true\"]}");
  refused(runner, plan, 0, "the run block takes a memory file of");
  refused(runner, plan, 1024, "the plan takes a memory file of");
  check(echoes(runner, plan), "without the limit it runs");
  refused(runner, plan, 256, "the run block takes a memory file of");
  check(echoes(runner, plan), "and again");
  styro_plan_free(plan);
  styro_runner_free(runner);
  return driver_end();
}
