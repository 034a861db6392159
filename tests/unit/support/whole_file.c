/* A file is made beside the one that it replaces: a full disk must not leave half of it, which then would not compile. */
#include "whole_file.h"

#include <stdio.h>

static int write_fresh(const char *path, const void *bytes, size_t len)
{
  FILE *file = fopen(path, "w");
  if (!file) {
    return -1;
  }
  int failed = fwrite(bytes, 1, len, file) != len;
  failed |= fclose(file) != 0;
  return failed ? -1 : 0;
}

int whole_file_replace(const char *path, const void *bytes, size_t len)
{
  char fresh[4096];
  int n = snprintf(fresh, sizeof fresh, "%s.new", path);
  if (n < 0 || n >= (int)sizeof fresh || write_fresh(fresh, bytes, len) != 0 || rename(fresh, path) != 0) {
    perror(path);
    remove(fresh);
    return -1;
  }
  return 0;
}
