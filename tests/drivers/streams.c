/* 100 MB through stdin to stdout in one thread; a flood under a 1 MiB cap; a pipe that an outsider holds. */
#include <signal.h>

#include "driver.h"

#define TOTAL ((size_t)100 << 20)

static styro_outcome outcome;
static styro_error err;

static styro_process *to_end(styro_runner *runner, const char *json, const styro_run *run)
{
  static styro_plan *plan;
  styro_process *process = NULL;
  styro_plan_free(plan);
  plan = plan_of(json);
  err = (styro_error){.size = sizeof err};
  outcome = (styro_outcome){.size = sizeof outcome};
  if (styro_runner_spawn(runner, plan, run, &process, &err) || styro_process_wait(process, 120000, &outcome, &err)) {
    give_up(json, &err);
  }
  return process;
}

static void through_cat(styro_runner *runner)
{
  const char *const argv[] = {"cat", NULL};
  char *data = malloc(TOTAL);
  for (size_t i = 0; i < TOTAL; i++) {
    data[i] = (char)(i * 2654435761u >> 11);
  }
  styro_run run = captured(argv);
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = data, .len = TOTAL, .borrow = 1};
  double start = now_us();
  styro_process *process = to_end(runner, "{\"version\": 1, \"output\": {\"limit\": \"200M\"}}", &run);
  double seconds = (now_us() - start) / 1e6;
  check(outcome.out.kept == TOTAL && memcmp(outcome.out.data, data, TOTAL) == 0,
        "100 MB through stdin to stdout are equal (%.2f s, %s)", seconds, outcome.message);
  styro_process_free(process);
  free(data);
}

static void flood(styro_runner *runner, const char *json, int reason, const char *what)
{
  const char *const argv[] = {"head", "-c", "300000000", "/dev/zero", NULL};
  styro_run run = captured(argv);
  long before = status_kb("VmHWM");
  styro_process *process = to_end(runner, json, &run);
  long after = status_kb("VmHWM");
  check(outcome.reason == reason, "%s: %s (%llu bytes)", what, outcome.message, (unsigned long long)outcome.out.bytes);
  check(outcome.out.kept == 1 << 20 && outcome.out.truncated, "%s: 1 MiB was kept", what);
  check(after - before < 8192, "%s: the caller grew by %ld kB", what, after - before);
  styro_process_free(process);
}

/* The payload reads nothing and ends: the feed stops, and no SIGPIPE reaches the caller. */
static void unread(styro_runner *runner)
{
  const char *const argv[] = {"true", NULL};
  static char data[1 << 20];
  styro_run run = captured(argv);
  run.in = (styro_stream){.kind = STYRO_STREAM_PIPE, .data = data, .len = sizeof data};
  signal(SIGPIPE, SIG_DFL);
  styro_process *process = to_end(runner, DEFAULT_REQUEST, &run);
  check(outcome.reason == STYRO_EXITED, "nobody reads stdin: %s", outcome.message);
  styro_process_free(process);
}

/* What the payload leaves running dies with it: stdout ends although a background process held it. */
static void background(styro_runner *runner, const char *json, const char *what)
{
  const char *const argv[] = {"sh", "-c", "sleep 3000 & echo started", NULL};
  styro_run run = captured(argv);
  styro_process *process = to_end(runner, json, &run);
  check(outcome.reason == STYRO_EXITED && outcome.out.kept == 8, "background process, %s: %s", what, outcome.message);
  styro_process_free(process);
}

int main(void)
{
  styro_runner *runner = runner_new();
  flood(runner, "{\"version\": 1, \"output\": {\"limit\": \"1M\"}}", STYRO_EXITED, "truncate");
  flood(runner, "{\"version\": 1, \"output\": {\"limit\": \"1M\", \"keep\": \"tail\"}}", STYRO_EXITED, "tail");
  flood(runner, "{\"version\": 1, \"output\": {\"limit\": \"1M\", \"on_limit\": \"kill\"}}", STYRO_OUTPUT_LIMITED,
        "kill");
  flood(runner, "{\"version\": 1, \"init\": false, \"output\": {\"limit\": \"1M\", \"on_limit\": \"kill\"}}",
        STYRO_OUTPUT_LIMITED, "kill without init");
  unread(runner);
  background(runner, DEFAULT_REQUEST, "with init");
  background(runner, NO_INIT_REQUEST, "without init");
  through_cat(runner);
  styro_runner_free(runner);
  return driver_end();
}
