/* `styrolite check`: is this a good request, and with --here: would this host have what it names. Starts nothing. */
#define _GNU_SOURCE
#include <stdio.h>

#include "cli.h"
#include "here.h"
#include "input.h"
#include "output.h"

static int check(const struct cli_options *options, const struct input *input, struct failure *failure)
{
  char line[4352];
  size_t opened = 0;
  styro_plan *plan = input_compile(input, failure);
  int result = 0;

  if (!plan) {
    return -1;
  }
  if (options->here) {
    result = here_try_sources(plan, &opened, failure);
  }
  styro_plan_free(plan);
  if (result < 0) {
    return -1;
  }
  if (options->here) {
    snprintf(line, sizeof line, "%s: valid; %zu host paths can be opened here", input_name(options), opened);
  } else {
    snprintf(line, sizeof line, "%s: valid", input_name(options));
  }
  return output_text(line, failure);
}

int cmd_check(const struct cli_options *options)
{
  struct input input;
  struct failure failure;
  int code = REPORT_OK;

  failure_init(&failure);
  if (input_open(&input, options, &failure) < 0 || check(options, &input, &failure) < 0) {
    code = report_failure(&failure);
  }
  input_free(&input);
  return code;
}
