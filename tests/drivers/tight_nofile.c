/* Descriptors run out: spawn fails cleanly and names RLIMIT_NOFILE, and what fits runs. */
#include <sys/resource.h>

#include "driver.h"

static int spawn_all(styro_runner *runner, const styro_plan *plan, styro_process **all, int most, styro_error *err)
{
  const char *const argv[] = {"sleep", "60", NULL};
  int n = 0;
  for (; n < most; n++) {
    styro_run run = captured(argv);
    if (styro_runner_spawn(runner, plan, &run, &all[n], err)) {
      break;
    }
  }
  return n;
}

static void fill_up(styro_runner *runner, const styro_plan *plan, rlim_t soft)
{
  enum { MOST = 64 };
  styro_process *all[MOST];
  styro_error err = {.size = sizeof err};
  struct rlimit old;
  getrlimit(RLIMIT_NOFILE, &old);
  struct rlimit tight = {soft, old.rlim_max};
  int before = count_fds();
  setrlimit(RLIMIT_NOFILE, &tight);
  int n = spawn_all(runner, plan, all, MOST, &err);
  setrlimit(RLIMIT_NOFILE, &old);
  check(n < MOST && err.code == STYRO_ESPAWN, "%d sandboxes fit below %d descriptors", n, (int)soft);
  check(strstr(err.message, "RLIMIT_NOFILE is") != NULL, "the error names it: %s", err.message);
  check(err.hint[0] != 0, "and a way out: %s", err.hint);
  check(count_fds() <= before + 4 * n + 1, "each took three descriptors and one for its stream");
  for (int i = 0; i < n; i++) {
    styro_process_free(all[i]);
  }
  check(count_fds() <= before + 1, "nothing is left open");
  check(echoes(runner, plan), "afterwards it runs");
}

int main(void)
{
  styro_runner *runner = runner_new();
  styro_plan *plan = plan_of(DEFAULT_REQUEST);
  for (rlim_t soft = 14; soft < 40; soft += 5) {
    fill_up(runner, plan, soft);
  }
  styro_plan_free(plan);
  styro_runner_free(runner);
  return driver_end();
}
