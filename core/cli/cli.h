/* The commands, one file each. Every function returns the exit code and has said what went wrong. */
#ifndef STYRO_CLI_CLI_H
#define STYRO_CLI_CLI_H

#include "options.h"

int cmd_run(const struct cli_options *options);
int cmd_shell(const struct cli_options *options);
int cmd_check(const struct cli_options *options);
int cmd_explain(const struct cli_options *options);
int cmd_convert(const struct cli_options *options);
int cmd_doctor(const struct cli_options *options);
int cmd_schema(const struct cli_options *options);
int cmd_version(const struct cli_options *options);

/* What run and shell share: starts argv (NULL: the request's command), waits, reports. */
int cmd_run_argv(const struct cli_options *options, const char *const *argv);

#endif
