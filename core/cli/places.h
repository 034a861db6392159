/*
 * Paths as people write them on a command line: P[:INSIDE], relative to where the caller stands. Purely lexical:
 * symbolic links stay, nothing is opened. All texts that come out belong to the caller (free(3)).
 */
#ifndef STYRO_CLI_PLACES_H
#define STYRO_CLI_PLACES_H

#include <stdio.h>

#include "report.h"

/* The caller's directory as the shell names it ($PWD where that is true, links kept); NULL where it is gone. */
char *places_cwd(void);

/* The absolute path without `.`, `..`, `//`. cwd NULL and a relative path: NULL with errno ENOENT. */
char *places_absolute(const char *cwd, const char *path);

/* places_absolute() failed with errno: says so of the path. Returns -1. */
int places_fail(const char *path, struct failure *failure);

/*
 * "P[:INSIDE]" taken apart at its one colon; "\:" is a colon of the path itself, "\\" a backslash. *host is absolute,
 * *inside the same where it was not given. Returns 0 or -1.
 */
int places_split(const char *cwd, const char *text, char **host, char **inside, struct failure *failure);

/* The text as a JSON string, quotes included. */
void places_print_json(FILE *out, const char *text);

#endif
