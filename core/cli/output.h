/* Bytes to descriptors, with every error noticed. Knows nothing of what they mean. */
#ifndef STYRO_CLI_OUTPUT_H
#define STYRO_CLI_OUTPUT_H

#include <stddef.h>

#include "report.h"

/* Writes all of it; `name` is what the failure calls the descriptor. Returns 0 or -1. */
int output_bytes(int fd, const char *name, const void *bytes, size_t len, struct failure *failure);

/* The text and a final newline (added where it is missing) to standard output. Returns 0 or -1. */
int output_text(const char *text, struct failure *failure);

#endif
