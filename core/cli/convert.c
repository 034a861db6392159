/*
 * `styrolite convert`: the table of tools whose command lines become requests, and what their translations have in common.
 * Starts nothing and reads no file; the caller's directory and ids are what the other tool would have taken, too.
 */
#define _GNU_SOURCE
#include "convert.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "cli.h"
#include "output.h"
#include "places.h"

static const struct {
  const char *name;
  convert_verb *convert;
} tools[] = {
    {"unshare", convert_unshare},
};
#define TOOLS_N (sizeof tools / sizeof tools[0])

static const char *tool_name(size_t i)
{
  return tools[i].name;
}

/* ---- what translations use ---- */

static int named(struct conversion *c, const char *option, int code)
{
  return code < 0 ? failure_origin(c->failure, option) : 0;
}

int convert_set(struct conversion *c, const char *option, const char *pointer, const char *text)
{
  return named(c, option, styro_request_set(c->request, pointer, text, &c->failure->error));
}

int convert_set_json(struct conversion *c, const char *option, const char *pointer, const char *json)
{
  return named(c, option, styro_request_set_json(c->request, pointer, json, &c->failure->error));
}

/* A dollar before a brace is doubled: a directory's name is no variable of a request. */
static char *without_variables(const char *path)
{
  char *out = malloc(2 * strlen(path) + 1);
  char *at = out;

  for (; out && *path; path++) {
    if (path[0] == '$' && path[1] == '{') {
      *at++ = '$';
    }
    *at++ = *path;
  }
  if (out) {
    *at = '\0';
  }
  return out;
}

int convert_set_path(struct conversion *c, const char *option, const char *pointer, const char *from, const char *path)
{
  char *absolute = places_absolute(from ? from : c->cwd, path);
  char *plain = absolute ? without_variables(absolute) : NULL;
  int result = plain ? convert_set(c, option, pointer, plain) : named(c, option, places_fail(path, c->failure));

  free(absolute);
  free(plain);
  return result;
}

int convert_refuse(struct conversion *c, const char *option, const char *way_out, const char *format, ...)
{
  char text[256];
  va_list args;

  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  failure_usage(c->failure, NULL, way_out, "%s", text);
  return failure_origin(c->failure, option);
}

int convert_note(struct conversion *c, const char *subject, const char *format, ...)
{
  struct convert_note *note = calloc(1, sizeof *note);
  char text[512];
  va_list args;

  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (!note || asprintf(&note->text, "%s: %s", subject, text) < 0) {
    free(note);
    return failure_system(c->failure, "usage", NULL, ENOMEM, "cannot go on");
  }
  *c->last = note;
  c->last = &note->next;
  return 0;
}

/* ---- the command ---- */

/* By the last component, so that a line can be taken as it stands in a script. */
static convert_verb *find_tool(const char *word, struct failure *failure)
{
  const char *slash = strrchr(word, '/');
  const char *name = slash ? slash + 1 : word;
  const char *nearest = options_nearest(name, tool_name, TOOLS_N);
  char hint[160] = "unshare is known: styrolite convert -- unshare --pid --fork PROGRAM";

  for (size_t i = 0; i < TOOLS_N; i++) {
    if (strcmp(name, tools[i].name) == 0) {
      return tools[i].convert;
    }
  }
  if (nearest) {
    snprintf(hint, sizeof hint, "did you mean %s?", nearest);
  }
  failure_usage(failure, NULL, hint, "command lines of `%s` cannot be converted", word);
  return NULL;
}

static int argument_count(char *const *argv)
{
  int n = 0;

  while (argv[n]) {
    n++;
  }
  return n;
}

/* The notes last: a request that cannot be written to the end is none. */
static int print(struct conversion *c)
{
  const char *text = NULL;

  if (styro_request_validate(c->request, &c->failure->error) < 0 ||
      styro_request_to_json(c->request, &text, &c->failure->error) < 0 || output_text(text, c->failure) < 0) {
    return -1;
  }
  for (const struct convert_note *note = c->notes; note; note = note->next) {
    report_line("%s: %s", c->tool, note->text);
  }
  return 0;
}

/* What stands for the caller's directory is resolved by each run; here it only has to have a value to be valid. */
static int convert(struct conversion *c, convert_verb *verb, char *const *argv)
{
  if (styro_request_new(NULL, &c->request, &c->failure->error) < 0 ||
      styro_request_set(c->request, "/version", "1", &c->failure->error) < 0 ||
      styro_request_set_variable(c->request, "CWD", c->cwd ? c->cwd : "/", &c->failure->error) < 0) {
    return -1;
  }
  return verb(c, argument_count(argv), (char **)argv) < 0 ? -1 : print(c);
}

static void end(struct conversion *c)
{
  while (c->notes) {
    struct convert_note *next = c->notes->next;
    free(c->notes->text);
    free(c->notes);
    c->notes = next;
  }
  styro_request_free(c->request);
  free(c->cwd);
}

int cmd_convert(const struct cli_options *options)
{
  struct failure failure;
  struct conversion c = {.failure = &failure};
  convert_verb *verb;
  int code = REPORT_OK;

  failure_init(&failure);
  c.last = &c.notes;
  c.cwd = places_cwd();
  if (!options->argv) {
    failure_usage(&failure, NULL, "styrolite convert -- unshare --pid --fork PROGRAM",
                  "the command line to convert is missing");
    code = report_failure(&failure);
  } else {
    verb = find_tool(options->argv[0], &failure);
    c.tool = options->argv[0];
    code = verb && convert(&c, verb, options->argv) == 0 ? REPORT_OK : report_failure(&failure);
  }
  end(&c);
  return code;
}
