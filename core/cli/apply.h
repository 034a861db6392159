/* Options carried out on a request. Knows the request's fields by pointer, no command. */
#ifndef STYRO_CLI_APPLY_H
#define STYRO_CLI_APPLY_H

#include "options.h"

struct apply_target {
  styro_request *request;
  const char *cwd; /* the caller's directory; NULL where it is gone */
};

/* All uses in their order. A failure names its option. Returns 0 or -1. */
int apply_options(const struct apply_target *target, const struct cli_options *options, struct failure *failure);

/* `["a","b"]` set at the pointer /command. Returns 0 or -1. */
int apply_command(const struct apply_target *target, char *const *argv, struct failure *failure);

/* The host path that --rw or --ro shows at the place `inside`; free(3) it; NULL: none of them does. */
char *apply_host_path(const struct cli_options *options, const char *cwd, const char *inside);

/* Handlers of rows. */
int apply_root(const struct apply_target *target, const struct option_row *row, const char *value,
               struct failure *failure);
int apply_bind(const struct apply_target *target, const struct option_row *row, const char *value,
               struct failure *failure);
int apply_place(const struct apply_target *target, const struct option_row *row, const char *value,
                struct failure *failure);
int apply_env(const struct apply_target *target, const struct option_row *row, const char *value,
              struct failure *failure);
int apply_cwd(const struct apply_target *target, const struct option_row *row, const char *value,
              struct failure *failure);
int apply_set(const struct apply_target *target, const struct option_row *row, const char *value,
              struct failure *failure);

#endif
