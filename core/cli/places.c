/*
 * Paths as people write them. A `..` is taken away with the name before it, as `cd` does in a shell: the path that is
 * shown to the payload and the path on the host stay the same text.
 */
#define _GNU_SOURCE
#include "places.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* POSIX's rule for `pwd -L`: $PWD counts when it leads to the same directory. */
char *places_cwd(void)
{
  const char *named = getenv("PWD");
  struct stat here, there;

  if (named && named[0] == '/' && stat(named, &there) == 0 && stat(".", &here) == 0 && here.st_dev == there.st_dev &&
      here.st_ino == there.st_ino) {
    return places_absolute(NULL, named);
  }
  return get_current_dir_name();
}

/* Appends the components of path to out, which holds a normalised path without its final slash ("" is the root). */
static size_t append_components(char *out, size_t len, const char *path)
{
  while (*path) {
    size_t n = strcspn(path, "/");
    if (n == 2 && path[0] == '.' && path[1] == '.') {
      while (len > 0 && out[--len] != '/') {
      }
    } else if (n > 0 && !(n == 1 && path[0] == '.')) {
      out[len++] = '/';
      memcpy(out + len, path, n);
      len += n;
    }
    path += n + (path[n] == '/');
  }
  return len;
}

/* The result is never longer than both texts with a slash between them. */
char *places_absolute(const char *cwd, const char *path)
{
  bool relative = path[0] != '/';
  char *out;
  size_t len = 0;

  if (relative && !cwd) {
    errno = ENOENT;
    return NULL;
  }
  out = malloc((relative ? strlen(cwd) : 0) + strlen(path) + 3);
  if (!out) {
    return NULL;
  }
  if (relative) {
    len = append_components(out, len, cwd);
  }
  len = append_components(out, len, path);
  if (len == 0) {
    out[len++] = '/';
  }
  out[len] = '\0';
  return out;
}

int places_fail(const char *path, struct failure *failure)
{
  int number = errno;

  failure_system(failure, "usage", path, number, "cannot make the path absolute");
  if (number == ENOENT) {
    failure_hint(failure, "the current directory is gone: cd to one that is there, or name an absolute path");
  }
  return -1;
}

/* Copies up to the first colon that no backslash protects. Returns where it stopped: a colon or the end. */
static const char *copy_part(char *out, const char *text)
{
  while (*text && *text != ':') {
    if (text[0] == '\\' && (text[1] == ':' || text[1] == '\\')) {
      text++;
    }
    *out++ = *text++;
  }
  *out = '\0';
  return text;
}

/* The part after the colon must say where exactly, so a colon that belongs to a file name is not taken for one. */
static int check_inside(const char *text, const char *inside, const char *rest, struct failure *failure)
{
  const char *hint = "P[:INSIDE]; a colon that belongs to the path is written \\:";

  if (*rest) {
    return failure_usage(failure, NULL, hint, "`%s` has more than one colon", text);
  }
  if (inside[0] != '/') {
    return failure_usage(failure, NULL, hint, "the place inside, `%s`, must be an absolute path", inside);
  }
  return 0;
}

/* host and inside have room for the whole text each. inside becomes "" where the text has no colon. */
static int split_parts(const char *text, char *host, char *inside, struct failure *failure)
{
  const char *rest = copy_part(host, text);

  if (!host[0]) {
    return failure_usage(failure, NULL, "P[:INSIDE], such as /srv/data:/data", "`%s` names no host path", text);
  }
  if (!*rest) {
    inside[0] = '\0';
    return 0;
  }
  rest = copy_part(inside, rest + 1);
  return check_inside(text, inside, rest, failure);
}

int places_split(const char *cwd, const char *text, char **host, char **inside, struct failure *failure)
{
  size_t size = strlen(text) + 1;
  char *parts = malloc(2 * size);
  char *from = NULL, *to = NULL;
  int result = -1;

  if (parts && split_parts(text, parts, parts + size, failure) < 0) {
    free(parts);
    return -1;
  }
  if (parts) {
    from = places_absolute(cwd, parts);
    to = from ? places_absolute(NULL, parts[size] ? parts + size : from) : NULL;
  }
  if (to) {
    *host = from;
    *inside = to;
    result = 0;
  } else {
    places_fail(text, failure);
    free(from);
  }
  free(parts);
  return result;
}

void places_print_json(FILE *out, const char *text)
{
  putc('"', out);
  for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
    if (*at == '"' || *at == '\\') {
      fprintf(out, "\\%c", *at);
    } else if (*at < 0x20) {
      fprintf(out, "\\u%04x", *at);
    } else {
      putc(*at, out);
    }
  }
  putc('"', out);
}
