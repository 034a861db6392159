/*
 * Command lines of other tools as requests: what every translation needs. A tool is a row of the table in convert.c and a
 * file of its own; what it means to run the request is the library's business.
 */
#ifndef STYRO_CLI_CONVERT_H
#define STYRO_CLI_CONVERT_H

#include <stddef.h>

#include "report.h"

/* A difference that stays, said on standard error when the request is printed. */
struct convert_note {
  char *text;
  struct convert_note *next;
};

struct conversion {
  const char *tool;
  styro_request *request;
  char *cwd; /* the caller's directory; NULL where it is gone */
  struct convert_note *notes, **last;
  struct failure *failure;
};

/* argv[0] is the tool's name. Returns 0 or -1 with the failure filled. */
typedef int convert_verb(struct conversion *c, int argc, char **argv);

convert_verb convert_unshare;

/* A field of the request, as --set takes it and as JSON. `option` is named where the library refuses it. */
int convert_set(struct conversion *c, const char *option, const char *pointer, const char *text);
int convert_set_json(struct conversion *c, const char *option, const char *pointer, const char *json);
/* A path, absolute from `from` on (NULL: from the caller's directory); what looks like a variable in it is none. */
int convert_set_path(struct conversion *c, const char *option, const char *pointer, const char *from, const char *path);

/* The option means something that a request cannot say. Returns -1. */
int convert_refuse(struct conversion *c, const char *option, const char *way_out, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* How the sandbox is weaker or stronger than what was asked. Returns 0 or -1. */
int convert_note(struct conversion *c, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
