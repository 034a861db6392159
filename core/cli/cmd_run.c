/*
 * `styrolite run`: from options to an exit code. Owns the order of things: the place for the outcome is opened before
 * anything else, and the outcome is written before anything is relayed.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "cli.h"
#include "input.h"
#include "outcome_file.h"
#include "output.h"
#include "relay.h"

/* One run, from the request to the outcome. */
struct session {
  const struct cli_options *options;
  struct input input;
  styro_plan *plan;
  styro_runner *runner;
  styro_process *process;
  struct relay relay;
  struct outcome_file outcome_file;
  bool captured;
  styro_outcome outcome;
  struct failure failure;
};

static void session_init(struct session *session, const struct cli_options *options)
{
  memset(session, 0, sizeof *session);
  session->options = options;
  outcome_file_init(&session->outcome_file);
  session->relay.signal_fd = -1;
  session->outcome.size = sizeof session->outcome;
  session->outcome.error.size = sizeof session->outcome.error;
  session->outcome.usage.size = sizeof session->outcome.usage;
  failure_init(&session->failure);
}

static void session_end(struct session *session)
{
  styro_process_free(session->process);
  styro_runner_free(session->runner);
  styro_plan_free(session->plan);
  input_free(&session->input);
  relay_close(&session->relay);
  outcome_file_close(&session->outcome_file);
}

/* A request that limits its output wants it captured: the limit means nothing on the caller's own descriptors. */
static int ask_captured(struct session *session)
{
  const char *limit = NULL;

  if (styro_request_get(session->input.request, "/output", &limit, &session->failure.error) < 0) {
    input_advise(&session->failure);
    return -1;
  }
  session->captured = limit != NULL;
  return 0;
}

/* First of all: the outcome of an earlier run must not be taken for that of one that is then refused. */
static int open_outcome(struct session *session)
{
  if (!session->options->outcome) {
    return 0;
  }
  return outcome_file_open(&session->outcome_file, session->options->outcome, session->options->file,
                           &session->failure);
}

/* All that can fail without a sandbox. */
static int prepare(struct session *session)
{
  if (open_outcome(session) < 0 || input_open(&session->input, session->options, &session->failure) < 0 ||
      ask_captured(session) < 0) {
    return -1;
  }
  session->plan = input_compile(&session->input, &session->failure);
  if (!session->plan) {
    return -1;
  }
  return styro_runner_new(NULL, session->options->helper, &session->runner, &session->failure.error) < 0 ? -1 : 0;
}

/* argv goes with the run and not into the request: arguments are bytes, and a plan may serve other commands. */
static int start(struct session *session, const char *const *argv)
{
  styro_run run = {.size = sizeof run, .argv = argv, .name = session->options->name};
  bool keyboard = session->options->command == CLI_SHELL && isatty(STDIN_FILENO);

  if (session->captured) {
    run.out.kind = STYRO_STREAM_PIPE;
    run.err.kind = STYRO_STREAM_PIPE;
  }
  if (relay_open(&session->relay, keyboard, &session->failure) < 0) {
    return -1;
  }
  return styro_runner_spawn(session->runner, session->plan, &run, &session->process, &session->failure.error) < 0 ? -1
                                                                                                                  : 0;
}

static int write_outcome(struct session *session)
{
  const char *json = NULL;

  if (!session->options->outcome) {
    return 0;
  }
  if (styro_process_outcome_json(session->process, &json, &session->failure.error) < 0) {
    return -1;
  }
  return outcome_file_write(&session->outcome_file, json, &session->failure);
}

/* Only now, since with `keep: tail` nobody knows earlier what is to be shown. */
static int relay_stream(int fd, const char *name, const styro_capture *capture, struct failure *failure)
{
  if (output_bytes(fd, name, capture->data, capture->kept, failure) < 0) {
    return -1;
  }
  if (capture->truncated) {
    report_line("%s: %zu of %llu bytes were kept", name, capture->kept, (unsigned long long)capture->bytes);
  }
  return 0;
}

static int relay_captured(struct session *session)
{
  if (relay_stream(STDOUT_FILENO, "standard output", &session->outcome.out, &session->failure) < 0) {
    return -1;
  }
  return relay_stream(STDERR_FILENO, "standard error", &session->outcome.err, &session->failure);
}

/* A sandbox that never came to run its payload is told as the error that it is. */
static void tell(struct session *session)
{
  const styro_outcome *outcome = &session->outcome;

  if (outcome->error.code == STYRO_OK) {
    report_outcome(outcome, session->relay.last);
    return;
  }
  failure_init(&session->failure);
  session->failure.error = outcome->error;
  advice_add(&session->input, session->options, &session->failure);
  report_failure(&session->failure);
}

/* The line on standard error comes after what the payload wrote there, as it would with streams of its own. */
static int run_session(struct session *session, const char *const *argv)
{
  if (prepare(session) < 0 || start(session, argv) < 0 ||
      relay_run(&session->relay, session->process, &session->outcome, &session->failure) < 0) {
    advice_add(&session->input, session->options, &session->failure);
    return report_failure(&session->failure);
  }
  if (write_outcome(session) < 0 || relay_captured(session) < 0) {
    return report_failure(&session->failure);
  }
  tell(session);
  return report_exit_code(&session->outcome, session->relay.last);
}

int cmd_run_argv(const struct cli_options *options, const char *const *argv)
{
  struct session session;
  int code;

  session_init(&session, options);
  code = run_session(&session, argv);
  session_end(&session);
  return code;
}

/* --emit json: the request that would run, for a file or another program. */
static int emit_request(const struct cli_options *options)
{
  struct input input;
  struct failure failure;
  const char *json = NULL;
  int code = REPORT_OK;

  failure_init(&failure);
  if (input_open(&input, options, &failure) < 0 || styro_request_validate(input.request, &failure.error) < 0 ||
      styro_request_to_json(input.request, &json, &failure.error) < 0 || output_text(json, &failure) < 0) {
    code = report_failure(&failure);
  }
  input_free(&input);
  return code;
}

int cmd_run(const struct cli_options *options)
{
  return options->emit ? emit_request(options) : cmd_run_argv(options, (const char *const *)options->argv);
}
