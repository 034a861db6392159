/* `styrolite explain`: the steps of a request in the order in which they run, or where those of two requests differ. */
#include <string.h>

#include "cli.h"
#include "diff.h"
#include "input.h"
#include "output.h"

static char *steps_of(const styro_plan *plan, int format, struct failure *failure)
{
  char *text = NULL;

  return styro_plan_explain(plan, format, NULL, &text, &failure->error) < 0 ? NULL : text;
}

static int explain(const struct cli_options *options, const struct input *input, struct failure *failure)
{
  styro_plan *plan = input_compile(input, failure);
  char *text = plan ? steps_of(plan, options->emit ? STYRO_FORMAT_JSON : STYRO_FORMAT_TEXT, failure) : NULL;
  int result = text ? output_text(text, failure) : -1;

  styro_text_free(NULL, text);
  styro_plan_free(plan);
  return result;
}

/* Not all that a run starts from stands in the words of a step. */
static bool same_bytes(const styro_plan *a, const styro_plan *b)
{
  const void *a_bytes = NULL, *b_bytes = NULL;
  size_t a_len = 0, b_len = 0;

  return styro_plan_bytes(a, &a_bytes, &a_len, NULL) == 0 && styro_plan_bytes(b, &b_bytes, &b_len, NULL) == 0 &&
         a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;
}

/* 1: they differ, 0: they do not, -1. */
static int compare(const styro_plan *from, const styro_plan *to, struct failure *failure)
{
  char *from_text = steps_of(from, STYRO_FORMAT_TEXT, failure);
  char *to_text = from_text ? steps_of(to, STYRO_FORMAT_TEXT, failure) : NULL;
  int printed = to_text ? diff_steps(from_text, to_text, failure) : -1;

  styro_text_free(NULL, from_text);
  styro_text_free(NULL, to_text);
  if (printed == 0 && same_bytes(from, to)) {
    return 0;
  }
  if (printed == 0 &&
      output_text("the steps read the same, and not all that stands in them is: see the two requests", failure) < 0) {
    return -1;
  }
  return printed < 0 ? -1 : 1;
}

/* The options change the second request: so the file itself can be the first, to see what they do. */
static int explain_difference(const struct cli_options *options, const struct input *input, struct failure *failure)
{
  struct cli_options other = {.command = options->command, .file = options->diff};
  struct input first;
  styro_plan *from = NULL, *to = NULL;
  int result = -1;

  if (input_open(&first, &other, failure) == 0) {
    from = input_compile(&first, failure);
    if (!from) {
      failure_origin(failure, options->diff);
    }
  }
  to = from ? input_compile(input, failure) : NULL;
  if (to) {
    result = compare(from, to, failure);
  }
  styro_plan_free(from);
  styro_plan_free(to);
  input_free(&first);
  return result;
}

int cmd_explain(const struct cli_options *options)
{
  struct input input = {NULL, NULL};
  struct failure failure;
  int result = -1;

  failure_init(&failure);
  if (options->diff && options->emit) {
    failure_usage(&failure, NULL, "leave --emit out", "--diff prints text, and --emit asks for JSON");
  } else if (options->diff && options->file && strcmp(options->diff, "-") == 0 && strcmp(options->file, "-") == 0) {
    failure_usage(&failure, NULL, "name a file for one of them", "standard input can be only one of the two requests");
  } else if (input_open(&input, options, &failure) == 0) {
    result = options->diff ? explain_difference(options, &input, &failure) : explain(options, &input, &failure);
  }
  input_free(&input);
  return result < 0 ? report_failure(&failure) : result == 0 ? REPORT_OK : REPORT_DIFFERENT;
}
