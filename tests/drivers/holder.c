/*
 * A caller with a child of its own: starts a sandbox, then forks a child that keeps every descriptor and sleeps, and
 * sleeps itself until it is killed. `holder HELPER ARGV...` prints `child PID` besides what the payload prints.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "styrolite.h"

static void check(int code, const styro_error *error)
{
  if (code < 0) {
    fprintf(stderr, "holder: %s\n", error->message);
    exit(1);
  }
}

int main(int argc, char **argv)
{
  styro_error error = {.size = sizeof error};
  styro_run run = {.size = sizeof run};
  styro_request *request = NULL;
  styro_plan *plan = NULL;
  styro_runner *runner = NULL;
  styro_process *process = NULL;
  if (argc < 3) {
    fputs("usage: holder HELPER ARGV...\n", stderr);
    return 2;
  }
  run.argv = (const char *const *)argv + 2;
  check(styro_request_new(NULL, &request, &error), &error);
  check(styro_plan_compile(request, &plan, &error), &error);
  check(styro_runner_new(NULL, argv[1], &runner, &error), &error);
  check(styro_runner_spawn(runner, plan, &run, &process, &error), &error);
  pid_t child = fork();
  while (child == 0) {
    pause();
  }
  printf("child %d\n", (int)child);
  fflush(stdout);
  for (;;) {
    pause();
  }
}
