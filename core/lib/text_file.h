/*
 * The text of a file that a request names. Only a regular one is read, so that no FIFO and no device can hang whoever compiles.
 * Knows neither requests nor JSON.
 */
#ifndef STYRO_LIB_TEXT_FILE_H
#define STYRO_LIB_TEXT_FILE_H

#include "alloc.h"
#include "encoding.h"

/*
 * Appends at most one byte more than `most`, so that who parses it sees that it is too long. Returns 0, an errno of open(2) or
 * read(2), STYRO_EREQUEST for what is no regular file, or STYRO_ENOMEM.
 */
int styro_text_file_read(const char *path, size_t most, struct styro_buffer *out);

#endif
