/* `styrolite explain`: the steps of a request in the order in which they run. Owns no words of its own. */
#include "cli.h"
#include "input.h"
#include "output.h"

static int explain(const struct cli_options *options, const struct input *input, struct failure *failure)
{
  styro_plan *plan = input_compile(input, failure);
  char *text = NULL;
  int format = options->emit ? STYRO_FORMAT_JSON : STYRO_FORMAT_TEXT;
  int result = -1;

  if (plan && styro_plan_explain(plan, format, NULL, &text, &failure->error) == 0) {
    result = output_text(text, failure);
    styro_text_free(NULL, text);
  }
  styro_plan_free(plan);
  return result;
}

int cmd_explain(const struct cli_options *options)
{
  struct input input;
  struct failure failure;
  int code = REPORT_OK;

  failure_init(&failure);
  if (input_open(&input, options, &failure) < 0 || explain(options, &input, &failure) < 0) {
    code = report_failure(&failure);
  }
  input_free(&input);
  return code;
}
