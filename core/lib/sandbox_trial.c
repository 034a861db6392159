/* A whole sandbox as a trial: see sandbox_trial.h. */
#include "sandbox_trial.h"

#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "runner.h"

static void keep(const styro_outcome *outcome, struct styro_ran *ran)
{
  /* Whatever is wrong with the program, the sandbox stood. */
  ran->worked = outcome->reason == STYRO_EXITED || outcome->reason == STYRO_EXEC_FAILED;
  ran->killed = outcome->reason == STYRO_LOST || strstr(outcome->message, "was killed");
  ran->error = outcome->error;
  memcpy(ran->spawn_mode, outcome->spawn_mode, sizeof ran->spawn_mode);
  memcpy(ran->said, outcome->message, sizeof ran->said);
}

static int start(styro_runner *runner, const styro_plan *plan, int wait_ms, struct styro_ran *ran, styro_error *err)
{
  static const char *const argv[] = {"true", NULL};
  styro_run run = {.size = sizeof run, .argv = argv};
  styro_outcome outcome = {.size = sizeof outcome};
  styro_process *process = NULL;
  run.in.kind = run.out.kind = run.err.kind = STYRO_STREAM_NULL;
  int code = styro_runner_spawn(runner, plan, &run, &process, err);
  code = code ? code : styro_process_wait(process, wait_ms, &outcome, err);
  if (code == 0) {
    keep(&outcome, ran);
  }
  styro_process_free(process);
  return code;
}

static int compile(const styro_runner *runner, const char *json, styro_plan **plan, styro_error *err)
{
  styro_request *request = NULL;
  int code = styro_request_from_json(&runner->alloc, json, strlen(json), &request, err);
  code = code ? code : styro_plan_compile(request, plan, err);
  styro_request_free(request);
  return code;
}

/* Nothing is started where that alone would end the caller. */
static bool is_safe(struct styro_ran *ran)
{
  struct styro_trial trial;
  bool safe = styro_calls_are_safe(&trial);
  if (!safe) {
    const char *name = styro_signal_name(trial.signal);
    snprintf(ran->said, sizeof ran->said, "not started: %s is answered with %s", trial.call, name ? name : "a signal");
    ran->killed = true;
  }
  return safe;
}

int styro_sandbox_try(styro_runner *runner, const char *json, int wait_ms, bool careful, struct styro_ran *ran,
                      styro_error *err)
{
  styro_plan *plan = NULL;
  memset(ran, 0, sizeof *ran);
  if (careful && !is_safe(ran)) {
    return 0;
  }
  int code = compile(runner, json, &plan, err);
  code = code ? code : start(runner, plan, wait_ms, ran, err);
  styro_plan_free(plan);
  return code;
}
