/*
 * Hints that only the command can give, because they need the caller's directory, PATH and options. Looks at the host
 * without changing it; decides nothing.
 */
#ifndef STYRO_CLI_ADVICE_H
#define STYRO_CLI_ADVICE_H

#include "input.h"

/* Puts a hint into *failure where there is a better one than the library's own. */
void advice_add(const struct input *input, const struct cli_options *options, struct failure *failure);

#endif
