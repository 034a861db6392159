/*
 * What the command says when something went wrong, and the exit code that follows. Owns the shape of the one line on
 * standard error; knows no options and starts nothing.
 */
#ifndef STYRO_CLI_REPORT_H
#define STYRO_CLI_REPORT_H

#include <stdbool.h>

#include "styrolite.h"

/* docs/styrolite.1, "EXIT STATUS". Codes of payloads that ended by themselves come on top. */
enum report_exit {
  REPORT_OK = 0,
  REPORT_DIFFERENT = 1,  /* explain --diff, as diff(1) */
  REPORT_NO_SANDBOX = 1, /* doctor: none works here */
  REPORT_TIMED_OUT = 124,
  REPORT_REFUSED = 125,
  REPORT_NOT_EXECUTABLE = 126,
  REPORT_NOT_FOUND = 127,
  REPORT_SIGNAL_BASE = 128,
  REPORT_OOM_KILLED = 137,
  REPORT_BROKEN_PIPE = 141, /* what a shell shows for a program that SIGPIPE ended */
  REPORT_OUTPUT_LIMITED = 153
};

/* A failure on its way to standard error: the library's error, or the command's own in the same form. */
struct failure {
  styro_error error;
  const char *stage; /* "usage", "read", "write" for the command's own failures; NULL: the error's stage */
  char origin[160];  /* the option or file at fault, "" where the error says enough */
  char advice[1024]; /* what only the command can know; stands in for the library's hint */
  bool broken_pipe;  /* the reader of our output went away: nothing is said, the exit code tells */
};

void failure_init(struct failure *failure);

/* The command line was wrong. object and hint may be NULL. Returns -1. */
int failure_usage(struct failure *failure, const char *object, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A system call of the command's own failed at `stage`. Returns -1. */
int failure_system(struct failure *failure, const char *stage, const char *object, int sys_errno, const char *message);

/* Names the option or file that the failure came from. Returns -1. */
int failure_origin(struct failure *failure, const char *origin);

void failure_hint(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "styrolite: STAGE: ORIGIN: OBJECT: MESSAGE: CAUSE (HINT)" in one line. Returns the exit code. */
int report_failure(const struct failure *failure);

/* One line on standard error, control characters escaped. */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit code of an outcome; last_signal is the last of the command's own signals, 0: none came. */
int report_exit_code(const styro_outcome *outcome, int last_signal);

/* Says how the payload ended where the exit code alone would leave a doubt. */
void report_outcome(const styro_outcome *outcome, int last_signal);

#endif
