/* A caller that is not dumpable (it holds secrets, or changed its ids) still runs sandboxes, and stays as it is. */
#include <sys/prctl.h>

#include "driver.h"

static void says_helper(styro_runner *runner, const styro_plan *plan, const char *what)
{
  const char *const argv[] = {"true", NULL};
  styro_run run = captured(argv);
  styro_error err = {.size = sizeof err};
  styro_outcome outcome = {.size = sizeof outcome};
  styro_process *process = NULL;
  int rc = styro_runner_spawn(runner, plan, &run, &process, &err);
  rc = rc ? rc : styro_process_wait(process, 60000, &outcome, &err);
  check(rc == 0 && outcome.reason == STYRO_EXITED && strcmp(outcome.spawn_mode, "helper") == 0, "%s: %s, by %s", what,
        rc ? err.message : outcome.message, outcome.spawn_mode);
  styro_process_free(process);
}

int main(void)
{
  const char *forced = getenv("STYRO_SPAWN");
  if (forced && strcmp(forced, "vfork") == 0) {
    printf("skipped: vfork mode is forced\n");
    return 0;
  }
  styro_plan *plans[] = {plan_of(DEFAULT_REQUEST), plan_of(NO_INIT_REQUEST)};
  styro_runner *before = runner_new();
  prctl(PR_SET_DUMPABLE, 0);
  styro_runner *after = runner_new();
  for (int i = 0; i < 2; i++) {
    says_helper(before, plans[i], "runner made before");
    says_helper(after, plans[i], "runner made after");
    styro_plan_free(plans[i]);
  }
  check(prctl(PR_GET_DUMPABLE) == 0, "the caller is still not dumpable");
  styro_runner_free(before);
  styro_runner_free(after);
  return driver_end();
}
