/* Files that are written whole or not at all: for the generators of what is committed. Not in the library. */
#ifndef TESTS_WHOLE_FILE_H
#define TESTS_WHOLE_FILE_H

#include <stddef.h>

/* Puts the bytes in the place of the file. 0; else -1, a line on stderr, and the file as it was. */
int whole_file_replace(const char *path, const void *bytes, size_t len);

#endif
