/*
 * One plan runs a thousand times with a thousand argvs; then once with a thousand arguments and 128 KiB of
 * environment.
 */
#include "driver.h"

static void thousand_argvs(styro_runner *runner, const styro_plan *plan)
{
  int good = 0;
  for (int i = 0; i < 1000; i++) {
    char text[32];
    char expected[33];
    snprintf(text, sizeof text, "argument %d", i);
    snprintf(expected, sizeof expected, "%s\n", text);
    const char *const argv[] = {"echo", text, NULL};
    styro_run run = captured(argv);
    good += runs(runner, plan, &run, 0, expected);
  }
  check(good == 1000, "%d of 1000 argvs came out as they went in", good);
}

static void thousand_arguments(styro_runner *runner, const styro_plan *plan)
{
  enum { ARGUMENTS = 1000, VARIABLES = 1024, SIZE = 128 };
  static char names[VARIABLES][SIZE];
  static const char *env[VARIABLES + 1];
  static const char *argv[ARGUMENTS + 5] = {"sh", "-c", "echo $# $(env | grep -c ^V) ${999} $V1023", "sh"};
  char expected[256];
  for (int i = 0; i < VARIABLES; i++) {
    int len = snprintf(names[i], SIZE, "V%d=", i);
    memset(names[i] + len, 'a' + i % 26, (size_t)(SIZE - 1 - len));
    env[i] = names[i];
  }
  for (int i = 0; i < ARGUMENTS; i++) {
    argv[4 + i] = i == 998 ? "almost the last" : "an argument";
  }
  styro_run run = captured(argv);
  run.env = env;
  snprintf(expected, sizeof expected, "1000 1024 almost the last %s\n", strchr(names[1023], '=') + 1);
  check(runs(runner, plan, &run, 0, expected), "1,000 arguments and 128 KiB of environment");
}

int main(void)
{
  styro_runner *runner = runner_new();
  styro_plan *plan = plan_of(DEFAULT_REQUEST);
  thousand_argvs(runner, plan);
  thousand_arguments(runner, plan);
  styro_plan_free(plan);
  styro_runner_free(runner);
  return driver_end();
}
