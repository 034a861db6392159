/* Filling styro_error: context once, where it happened. Owns no memory. */
#ifndef STYRO_LIB_ERROR_H
#define STYRO_LIB_ERROR_H

#include "styrolite.h"

/* Fills *err (may be NULL) with code, stage, errno and message; field, object and hint become empty. Returns code. */
int styro_fail(styro_error *err, int code, int stage, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Add to an error that was just filled; each returns the error's code (or `code` below for a NULL err). */
void styro_error_field(styro_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void styro_error_object(styro_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void styro_error_hint(styro_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The error for memory that ran out. Returns STYRO_ENOMEM. */
int styro_fail_memory(styro_error *err, int stage);

/* "ENOENT" for 2; "E?" for what is not known. Static text. */
const char *styro_errno_name(int number);
/* "SIGKILL" for 9; NULL for what is not a signal with a name. Static text. */
const char *styro_signal_name(int number);

#endif
