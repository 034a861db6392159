/*
 * A caller with 500 MB of touched memory: the time of a spawn does not follow its size. Times are printed, not judged.
 */
#include "driver.h"

enum { ROUNDS = 40 };
#define MEMORY ((size_t)500 << 20)

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_run(styro_runner *runner, const styro_plan *plan)
{
  const char *const argv[] = {"true", NULL};
  styro_run run = captured(argv);
  double times[ROUNDS];
  run.out.kind = STYRO_STREAM_NULL;
  for (int i = 0; i < ROUNDS; i++) {
    double start = now_us();
    if (!runs(runner, plan, &run, 0, NULL)) {
      check(false, "run %d", i);
      return 0;
    }
    times[i] = now_us() - start;
  }
  qsort(times, ROUNDS, sizeof *times, by_value);
  return times[ROUNDS / 2];
}

int main(void)
{
  styro_runner *runner = runner_new();
  styro_plan *plans[] = {plan_of(DEFAULT_REQUEST), plan_of(NO_INIT_REQUEST)};
  static const char *const names[] = {"with init", "without init"};
  double small[2];
  for (int i = 0; i < 2; i++) {
    small[i] = median_run(runner, plans[i]);
  }
  char *memory = malloc(MEMORY);
  if (!memory) {
    printf("skipped: no 500 MB here\n");
    return 0;
  }
  memset(memory, 1, MEMORY);
  for (int i = 0; i < 2; i++) {
    double big = median_run(runner, plans[i]);
    check(big > 0 && small[i] > 0, "start, run and reap %s: %.0f us small, %.0f us with 500 MB", names[i], small[i],
          big);
    styro_plan_free(plans[i]);
  }
  free(memory);
  styro_runner_free(runner);
  return driver_end();
}
