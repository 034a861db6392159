/*
 * What the drivers share: small programs that use the public header as a caller would, each in a state that callers get
 * into. Each prints one line a check and ends with 1 when any failed. The helper comes from $STYROLITE_HELPER.
 */
#ifndef TEST_DRIVER_H
#define TEST_DRIVER_H

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "styrolite.h"

#define UNUSED __attribute__((unused))
#define DEFAULT_REQUEST "{\"version\": 1}"
#define NO_INIT_REQUEST "{\"version\": 1, \"init\": false}"

static int driver_failures;

UNUSED __attribute__((format(printf, 2, 3))) static bool check(bool good, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  printf("%s - ", good ? "ok" : "not ok");
  vprintf(format, list);
  printf("\n");
  va_end(list);
  fflush(stdout);
  driver_failures += !good;
  return good;
}

UNUSED static int driver_end(void)
{
  return driver_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

UNUSED static _Noreturn void give_up(const char *what, const styro_error *err)
{
  printf("not ok - %s: %s (%s) %s\n", what, err->message, err->object, err->hint);
  exit(EXIT_FAILURE);
}

UNUSED static styro_plan *plan_of(const char *json)
{
  styro_error err = {.size = sizeof err};
  styro_request *request = NULL;
  styro_plan *plan = NULL;
  if (styro_request_from_json(NULL, json, strlen(json), &request, &err) || styro_plan_compile(request, &plan, &err)) {
    give_up(json, &err);
  }
  styro_request_free(request);
  return plan;
}

UNUSED static styro_runner *runner_new(void)
{
  styro_error err = {.size = sizeof err};
  styro_runner *runner = NULL;
  if (styro_runner_new(NULL, NULL, &runner, &err)) {
    give_up("runner", &err);
  }
  return runner;
}

/* A run of the given argv with stdout captured and stdin and stderr at /dev/null. */
UNUSED static styro_run captured(const char *const *argv)
{
  styro_run run = {.size = sizeof run, .argv = argv};
  run.in.kind = run.err.kind = STYRO_STREAM_NULL;
  run.out.kind = STYRO_STREAM_PIPE;
  return run;
}

/* Runs to the end. True: exited with `code`, and wrote `text` (NULL: whatever). Says why not on stdout. */
UNUSED static bool runs(styro_runner *runner, const styro_plan *plan, const styro_run *run, int code, const char *text)
{
  styro_error err = {.size = sizeof err};
  styro_outcome outcome = {.size = sizeof outcome};
  styro_process *process = NULL;
  if (styro_runner_spawn(runner, plan, run, &process, &err) || styro_process_wait(process, 60000, &outcome, &err)) {
    printf("# %s: %s\n", styro_code_name(err.code), err.message);
    styro_process_free(process);
    return false;
  }
  bool good = outcome.reason == STYRO_EXITED && outcome.code == code &&
              (!text || (outcome.out.kept == strlen(text) && memcmp(outcome.out.data, text, outcome.out.kept) == 0));
  if (!good) {
    printf("# %s; wrote `%.*s`\n", outcome.message, (int)outcome.out.kept, outcome.out.data ? outcome.out.data : "");
  }
  styro_process_free(process);
  return good;
}

UNUSED static bool echoes(styro_runner *runner, const styro_plan *plan)
{
  const char *const argv[] = {"echo", "hello", NULL};
  styro_run run = captured(argv);
  return runs(runner, plan, &run, 0, "hello\n");
}

UNUSED static int count_fds(void)
{
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (dir && readdir(dir)) {
    n++;
  }
  if (dir) {
    closedir(dir);
  }
  return n;
}

/* A number of kB from /proc/self/status, such as "VmRSS"; -1 when it is not there. */
UNUSED static long status_kb(const char *key)
{
  char line[256];
  long value = -1;
  FILE *file = fopen("/proc/self/status", "re");
  while (file && fgets(line, sizeof line, file)) {
    if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
      value = strtol(line + strlen(key) + 1, NULL, 10);
    }
  }
  if (file) {
    fclose(file);
  }
  return value;
}

UNUSED static double now_us(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

#endif
