/*
 * The command line as data: one table of options, from which the parser and every --help come. What an option does to a
 * request stands in its row; carrying it out is apply.c's work. Knows no library call.
 */
#ifndef STYRO_CLI_OPTIONS_H
#define STYRO_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report.h"

/* Commands as bits, for "which options go with which command". */
enum cli_command {
  CLI_RUN = 1u << 0,
  CLI_SHELL = 1u << 1,
  CLI_CHECK = 1u << 2,
  CLI_EXPLAIN = 1u << 3,
  CLI_SCHEMA = 1u << 4,
  CLI_VERSION = 1u << 5,
  CLI_HELP = 1u << 6,
  CLI_CONVERT = 1u << 7,
  CLI_DOCTOR = 1u << 8
};
#define CLI_STARTS (CLI_RUN | CLI_SHELL)
#define CLI_REQUEST (CLI_RUN | CLI_SHELL | CLI_CHECK | CLI_EXPLAIN)
#define CLI_FILE (CLI_RUN | CLI_CHECK | CLI_EXPLAIN)
#define CLI_ARGV (CLI_FILE | CLI_CONVERT) /* take what stands after "--" */

enum option_kind {
  OPTION_SET,  /* request field at `pointer` becomes the value (or the row's `text`, for an option without one) */
  OPTION_ADD,  /* the value joins the list at `pointer` */
  OPTION_CALL, /* `apply` knows */
  OPTION_KEEP  /* no request field: the value is kept in struct cli_options at `offset` */
};

struct apply_target;

struct option_row {
  const char *name;     /* without the dashes */
  const char *argument; /* what --help calls the value; NULL: takes none */
  unsigned commands;
  int kind; /* enum option_kind */
  const char *pointer;
  const char *text; /* for options without argument: the value to set or keep */
  int (*apply)(const struct apply_target *target, const struct option_row *row, const char *value,
               struct failure *failure);
  size_t offset;
  bool once; /* a second one is an error: what it kept would get lost */
  const char *help;
};

/* One option as it was given. */
struct option_use {
  const struct option_row *row;
  const char *value;
};

/* A parsed command line. Texts belong to argv. */
struct cli_options {
  unsigned command;        /* enum cli_command */
  const char *file;        /* NULL: none; "-": standard input */
  char *const *argv;       /* what stands after "--"; NULL: nothing */
  struct option_use *uses; /* those that go into the request, in order */
  size_t uses_n;
  const char *emit;
  const char *diff; /* explain: the request to compare with */
  const char *outcome;
  const char *helper;
  const char *name;
  const char *here;
  const char *json;
  const char *help;
};

/* argv starts after the command's name. Returns 0 or -1; end it with options_free() in both cases. */
int options_parse(struct cli_options *options, unsigned command, int argc, char *const *argv, struct failure *failure);
void options_free(struct cli_options *options);

/* The rows that go with a command, two columns. */
void options_print_help(FILE *out, unsigned command);

/* Of n names the one that `text` most likely meant, NULL when none is near. */
const char *options_nearest(const char *text, const char *(*name_at)(size_t), size_t n);

#endif
