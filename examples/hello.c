/* Runs one command in the default sandbox and prints how it ended: cc hello.c $(pkg-config --cflags --libs styrolite) */
#include <stdio.h>
#include <styrolite.h>

static int failed(const styro_error *err)
{
  fprintf(stderr, "%s: %s %s: %s\n", styro_stage_name(err->stage), err->message, err->object, err->hint);
  return 1;
}

int main(void)
{
  styro_error err = {.size = sizeof err};
  styro_request *request;
  styro_plan *plan;
  styro_runner *runner;
  styro_process *process;

  if (styro_request_new(NULL, &request, &err) < 0 || styro_request_set(request, "/timeout", "5s", &err) < 0 ||
      styro_plan_compile(request, &plan, &err) < 0 || styro_runner_new(NULL, NULL, &runner, &err) < 0) {
    return failed(&err);
  }

  const char *argv[] = {"python3", "-c", "print(6 * 7)", NULL};
  styro_run run = {.size = sizeof run, .argv = argv, .out = {.kind = STYRO_STREAM_PIPE}};
  styro_outcome outcome = {.size = sizeof outcome};
  if (styro_runner_spawn(runner, plan, &run, &process, &err) < 0 ||
      styro_process_wait(process, -1, &outcome, &err) < 0) {
    return failed(&err);
  }
  printf("%s; it printed %.*s", outcome.message, (int)outcome.out.kept, outcome.out.data);

  styro_process_free(process);
  styro_runner_free(runner);
  styro_plan_free(plan);
  styro_request_free(request);
  return outcome.reason == STYRO_EXITED ? outcome.code : 1;
}
