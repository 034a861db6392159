/* Eight threads share one runner and one plan, and run fifty sandboxes each. */
#include <pthread.h>

#include "driver.h"

enum { THREADS = 8, RUNS = 50 };

struct worker {
  pthread_t thread;
  int number;
  int good;
};

static styro_runner *runner;
static styro_plan *plans[2];

static void *work(void *argument)
{
  struct worker *worker = argument;
  for (int i = 0; i < RUNS; i++) {
    char text[32];
    char expected[33];
    snprintf(text, sizeof text, "%d/%d", worker->number, i);
    snprintf(expected, sizeof expected, "%s\n", text);
    const char *const argv[] = {"echo", text, NULL};
    styro_run run = captured(argv);
    worker->good += runs(runner, plans[i % 2], &run, 0, expected);
  }
  return NULL;
}

int main(void)
{
  struct worker workers[THREADS];
  runner = runner_new();
  plans[0] = plan_of(DEFAULT_REQUEST);
  plans[1] = plan_of(NO_INIT_REQUEST);
  int before = count_fds();
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.number = i};
    pthread_create(&workers[i].thread, NULL, work, &workers[i]);
  }
  int good = 0;
  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    good += workers[i].good;
  }
  check(good == THREADS * RUNS, "%d of %d runs from %d threads were exact", good, THREADS * RUNS, THREADS);
  check(count_fds() <= before + 2, "no descriptor stays but the plans'");
  styro_plan_free(plans[0]);
  styro_plan_free(plans[1]);
  styro_runner_free(runner);
  return driver_end();
}
