/*
 * The line on standard error and the exit code. Everything that comes from outside (paths, names, messages that quote
 * them) is escaped on its way, so that a file name can neither break the line nor steer the terminal.
 */
#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void failure_init(struct failure *failure)
{
  memset(failure, 0, sizeof *failure);
  failure->error.size = sizeof failure->error;
}

/* Fills one of the fixed texts; what does not fit is cut, as in the library's own errors. */
static void fill(char *out, size_t size, const char *text)
{
  snprintf(out, size, "%s", text ? text : "");
}

int failure_usage(struct failure *failure, const char *object, const char *hint, const char *format, ...)
{
  va_list args;

  failure_init(failure);
  failure->stage = "usage";
  failure->error.code = STYRO_EUSAGE;
  fill(failure->error.object, sizeof failure->error.object, object);
  fill(failure->error.hint, sizeof failure->error.hint, hint);
  va_start(args, format);
  vsnprintf(failure->error.message, sizeof failure->error.message, format, args);
  va_end(args);
  return -1;
}

int failure_system(struct failure *failure, const char *stage, const char *object, int sys_errno, const char *message)
{
  failure_init(failure);
  failure->stage = stage;
  failure->error.code = STYRO_EIO;
  failure->error.sys_errno = sys_errno;
  fill(failure->error.object, sizeof failure->error.object, object);
  fill(failure->error.message, sizeof failure->error.message, message);
  failure->broken_pipe = sys_errno == EPIPE;
  return -1;
}

int failure_origin(struct failure *failure, const char *origin)
{
  fill(failure->origin, sizeof failure->origin, origin);
  return -1;
}

void failure_hint(struct failure *failure, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  vsnprintf(failure->advice, sizeof failure->advice, format, args);
  va_end(args);
}

/* Control characters, DEL and the C1 range (U+0080 to U+009F, in UTF-8 after 0xc2) drive terminals: shown as \xNN. */
static void print_escaped(FILE *out, const char *text)
{
  for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
    if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
      fprintf(out, "\\xc2\\x%02x", at[1]);
      at++;
    } else if (*at < 0x20 || *at == 0x7f) {
      fprintf(out, "\\x%02x", *at);
    } else {
      putc(*at, out);
    }
  }
}

/* Standard error is the last resort: where it cannot be written there is nobody left to tell. */
static void write_line(const char *text)
{
  char *line = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&line, &len);

  if (!out) {
    return;
  }
  fputs("styrolite: ", out);
  print_escaped(out, text);
  putc('\n', out);
  if (fclose(out) == 0 && write(STDERR_FILENO, line, len) < 0) {
    /* nothing to do */
  }
  free(line);
}

void report_line(const char *format, ...)
{
  char *text = NULL;
  va_list args;
  int len;

  va_start(args, format);
  len = vasprintf(&text, format, args);
  va_end(args);
  if (len >= 0) {
    write_line(text);
    free(text);
  }
}

/* Before anything ran the request's field is what the caller can find; later on it is the object. */
static bool is_about_the_request(const styro_error *error)
{
  return error->stage == STYRO_STAGE_PARSE || error->stage == STYRO_STAGE_VALIDATE ||
         error->stage == STYRO_STAGE_COMPILE;
}

static void print_place(FILE *out, const styro_error *error)
{
  bool request = is_about_the_request(error);

  if (error->field[0] && (request || !error->object[0])) {
    fprintf(out, "%s: ", error->field);
  }
  /* The library's sentence often quotes the object already. */
  if (error->object[0] && !strstr(error->message, error->object)) {
    fprintf(out, "%s: ", error->object);
  }
}

/* The cause is left out where the sentence says it already. */
static void print_cause(FILE *out, const styro_error *error)
{
  const char *cause = error->sys_errno ? strerror(error->sys_errno) : NULL;

  fputs(error->message[0] ? error->message : "failed", out);
  if (cause && !strcasestr(error->message, cause)) {
    fprintf(out, ": %s", cause);
  }
}

int report_failure(const struct failure *failure)
{
  const styro_error *error = &failure->error;
  const char *hint = failure->advice[0] ? failure->advice : error->hint;
  char *text = NULL;
  size_t len = 0;
  FILE *out;

  if (failure->broken_pipe) {
    return REPORT_BROKEN_PIPE;
  }
  out = open_memstream(&text, &len);
  if (!out) {
    return REPORT_REFUSED;
  }
  fprintf(out, "%s: ", failure->stage ? failure->stage : styro_stage_name(error->stage));
  if (failure->origin[0]) {
    fprintf(out, "%s: ", failure->origin);
  }
  print_place(out, error);
  print_cause(out, error);
  if (hint[0]) {
    fprintf(out, " (%s)", hint);
  }
  if (fclose(out) == 0) {
    write_line(text);
  }
  free(text);
  return REPORT_REFUSED;
}

/* As shells and env(1) have it: 127 for what is not there, 126 for what is there and will not run. */
static int exec_failed_code(const styro_error *error)
{
  return error->sys_errno == ENOENT ? REPORT_NOT_FOUND : REPORT_NOT_EXECUTABLE;
}

int report_exit_code(const styro_outcome *outcome, int last_signal)
{
  switch (outcome->reason) {
  case STYRO_EXITED: return outcome->code & 0xff;
  case STYRO_SIGNALED: return REPORT_SIGNAL_BASE + outcome->signal;
  case STYRO_TIMED_OUT: return REPORT_TIMED_OUT;
  case STYRO_OOM_KILLED: return REPORT_OOM_KILLED;
  case STYRO_OUTPUT_LIMITED: return REPORT_OUTPUT_LIMITED;
  case STYRO_CANCELED: return last_signal ? REPORT_SIGNAL_BASE + last_signal : REPORT_REFUSED;
  case STYRO_EXEC_FAILED: return exec_failed_code(&outcome->error);
  default: return REPORT_REFUSED;
  }
}

void report_outcome(const styro_outcome *outcome, int last_signal)
{
  bool own_wish =
      outcome->reason == STYRO_CANCELED || (outcome->reason == STYRO_SIGNALED && outcome->signal == last_signal);

  /* A plain exit speaks by its code, and who pressed Ctrl-C knows why it ended. */
  if (outcome->reason != STYRO_EXITED && !own_wish) {
    report_line("%s", outcome->message);
  }
}
