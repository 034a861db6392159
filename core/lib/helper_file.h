/* The helper executable as a file: where it may lie, whether it may be trusted, and its own word on the wire format. */
#ifndef STYRO_LIB_HELPER_FILE_H
#define STYRO_LIB_HELPER_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "error.h"

#define STYRO_HELPER_NAME "styrolite-helper"

struct styro_helper_file {
  char path[PATH_MAX]; /* as found, links resolved */
  int fd;              /* close-on-exec: O_PATH of the file, or the sealed memfd with a copy */
  bool sealed;         /* it is the memfd */
};

/*
 * Finds the helper (hint, $STYROLITE_HELPER, beside this library, libexec), checks owner and modes of file and
 * directory, and its wire identity. A helper that is named is never passed over for another one.
 */
int styro_helper_file_find(const char *hint, struct styro_helper_file *out, styro_error *err);

#endif
