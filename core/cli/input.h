/* From FILE and options to a request. Knows no plan and starts nothing. */
#ifndef STYRO_CLI_INPUT_H
#define STYRO_CLI_INPUT_H

#include "options.h"

/* What the commands that deal with a request share. */
struct input {
  styro_request *request;
  char *cwd; /* the caller's directory; NULL where it is gone */
};

/*
 * Reads FILE (or starts from the default request), gives the variables CWD and HOME, applies the options. For commands
 * that only look at the request what stands after "--" becomes its `command`; a run hands it over by itself, since
 * arguments are bytes and JSON is not. Returns 0 or -1; end it with input_free() in both cases.
 */
int input_open(struct input *input, const struct cli_options *options, struct failure *failure);
void input_free(struct input *input);

/* The compiled request, NULL on failure. */
styro_plan *input_compile(const struct input *input, struct failure *failure);

/* What failures call the request file. */
const char *input_name(const struct cli_options *options);

/* Puts a hint into *failure where the request uses a variable that this command sets only sometimes. */
void input_advise(struct failure *failure);

#endif
