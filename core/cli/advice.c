/*
 * Hints from the caller's point of view: a program that is there for the caller, but not inside; a directory that the
 * caller can write, but the payload's id cannot. Each hint can be pasted into the next command line.
 */
#define _GNU_SOURCE
#include "advice.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply.h"
#include "places.h"

/* Executable for the caller; whether it is for the payload's id is a question that comes later. */
static bool is_program(const char *path)
{
  struct stat st;

  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool is_below_usr(const char *path)
{
  return strncmp(path, "/usr/", 5) == 0;
}

/* The first program of that name on the caller's PATH; relative entries are the caller's directory, told elsewhere. */
static bool find_on_path(const char *name, char *out, size_t size)
{
  const char *path = getenv("PATH");

  while (path && *path) {
    size_t len = strcspn(path, ":");
    if (path[0] == '/' && snprintf(out, size, "%.*s/%s", (int)len, path, name) < (int)size && is_program(out)) {
      return true;
    }
    path += len + (path[len] == ':');
  }
  return false;
}

/* "/a/b/c" → "/a/b", in place. */
static void cut_to_directory(char *path)
{
  char *slash = strrchr(path, '/');

  if (slash) {
    slash[slash == path] = '\0';
  }
}

/* A program on PATH is often a link into a directory of its own (pipx, nvm, /opt): both have to be seen. */
static void advise_host_program(const char *program, struct failure *failure)
{
  char place[PATH_MAX], target[PATH_MAX];

  snprintf(place, sizeof place, "%s", program);
  cut_to_directory(place);
  if (!realpath(program, target)) {
    return;
  }
  if (is_below_usr(target) &&
      (is_below_usr(program) || strncmp(program, "/bin/", 5) == 0 || strncmp(program, "/sbin/", 6) == 0)) {
    failure_hint(failure, "on the host it is %s, which is not on the sandbox's PATH: call it by that name", target);
    return;
  }
  cut_to_directory(target);
  if (strcmp(place, target) == 0 || is_below_usr(target)) {
    failure_hint(failure, "on the host it is %s: --ro %s -- %s", program, place, program);
  } else {
    failure_hint(failure, "on the host it is %s: --ro %s --ro %s -- %s", program, place, target, program);
  }
}

/* A name without slash is searched on PATH only, so the way out has to say ./name as well. */
static void advise_name(const char *name, struct failure *failure)
{
  char program[PATH_MAX];

  if (access(name, F_OK) == 0) {
    failure_hint(
        failure,
        "%s stands in the current directory, which is not visible inside: --ro \"$PWD\" --cwd \"$PWD\" -- ./%s", name,
        name);
  } else if (find_on_path(name, program, sizeof program)) {
    advise_host_program(program, failure);
  }
}

/* The loader alone brings nothing up: it goes looking for its libraries. */
static void advise_absolute(const char *path, struct failure *failure)
{
  const char *name = strrchr(path, '/') + 1;

  if (access(path, F_OK) < 0) {
    return;
  }
  if (strncmp(name, "ld-", 3) == 0 || strncmp(name, "ld64", 4) == 0) {
    failure_hint(failure, "add the loader and the libraries it looks for: --ro %s --ro /lib --ro /usr/lib", path);
  } else {
    failure_hint(failure, "it exists on the host, but is not visible inside: --ro %s", path);
  }
}

/* `object` is what the library named: the payload, the interpreter of its #! line, its loader, or a directory. */
static void advise_missing(const struct input *input, const char *object, struct failure *failure)
{
  if (object[0] == '/') {
    /* A path of the caller's directory is best shown with all that stands beside it. */
    size_t len = input->cwd ? strlen(input->cwd) : 0;
    if (len > 1 && strncmp(object, input->cwd, len) == 0 && object[len] == '/' && access(object, F_OK) == 0) {
      failure_hint(failure, "the current directory is not visible inside: --ro \"$PWD\" --cwd \"$PWD\"");
    } else {
      advise_absolute(object, failure);
    }
  } else if (!strchr(object, '/')) {
    advise_name(object, failure);
  } else if (access(object, F_OK) == 0) {
    failure_hint(failure, "the current directory is not visible inside: --ro \"$PWD\" --cwd \"$PWD\"");
  }
}

/* "/a/b" in a JSON pointer is "~1a~1b". */
static void escape(const char *path, char *out, size_t size)
{
  size_t len = 0;

  for (; *path && len + 3 < size; path++) {
    if (*path == '/' || *path == '~') {
      out[len++] = '~';
      out[len++] = *path == '/' ? '1' : '0';
    } else {
      out[len++] = *path;
    }
  }
  out[len] = '\0';
}

/* What the request says stands at a place inside; NULL where it does not. */
static const char *named_source(const struct input *input, const char *inside)
{
  char pointer[1024] = "/root/directory";
  char key[1000];
  const char *path = NULL;

  if (strcmp(inside, "/") != 0) {
    escape(inside, key, sizeof key);
    snprintf(pointer, sizeof pointer, "/paths/%s/from", key);
  }
  return styro_request_get(input->request, pointer, &path, NULL) == 0 ? path : NULL;
}

/* Whether whose files on disk are whose inside is the request's to say: no owner on the host is then known from here. */
static bool is_idmapped(const struct input *input, const char *inside)
{
  char pointer[1024] = "/root/idmap";
  char key[1000];
  const char *idmap = NULL;

  if (strcmp(inside, "/") != 0) {
    escape(inside, key, sizeof key);
    snprintf(pointer, sizeof pointer, "/paths/%s/idmap", key);
  }
  return styro_request_get(input->request, pointer, &idmap, NULL) == 0 && idmap;
}

/* Whether the request itself says who the payload is outside. */
static bool says_who(const struct input *input)
{
  const char *uids = NULL, *gids = NULL, *space = NULL, *joined = NULL;

  styro_request_get(input->request, "/user/uid_map", &uids, NULL);
  styro_request_get(input->request, "/user/gid_map", &gids, NULL);
  styro_request_get(input->request, "/namespaces/user", &space, NULL);
  styro_request_get(input->request, "/namespaces/user/join", &joined, NULL);
  return uids || gids || joined || (space && strcmp(space, "host") == 0);
}

/*
 * Root's payload is id 65534 on the host unless the request says who it is: then it needs a directory of its own, or root's
 * own id by an explicit wish. Only a path of the host that is known for certain is named, because the line gets pasted.
 */
static void advise_access(const struct input *input, const struct cli_options *options, const char *inside,
                          struct failure *failure)
{
  bool nobody = geteuid() == 0 && !says_who(input);
  char *given = apply_host_path(options, input->cwd, inside);
  const char *path = given ? given : named_source(input, inside); /* until the request is asked for something else */
  struct stat st;

  if (nobody && path && !is_idmapped(input, inside)) {
    bool file = stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
    failure_hint(failure, "chown 65534:65534 %s%s; or keep root's id: --set user.uid_map=self --set user.gid_map=self",
                 path, file ? "" : ", or an own directory by install -d -o 65534 -g 65534 DIR");
  }
  free(given);
}

/* The library speaks of requests and argv; here there is a command line. */
static bool lacks_command(const struct input *input, const struct cli_options *options, const styro_error *error)
{
  const char *own = NULL;

  return !options->argv && strcmp(error->field, "/command") == 0 && input->request &&
         styro_request_get(input->request, "/command", &own, NULL) == 0 && !own;
}

void advice_add(const struct input *input, const struct cli_options *options, struct failure *failure)
{
  const styro_error *error = &failure->error;

  if (lacks_command(input, options, error)) {
    failure_hint(failure, "styrolite run [OPTIONS] -- COMMAND, or `command` in a request file: styrolite run FILE");
  } else if (error->stage == STYRO_STAGE_ACCESS && error->sys_errno == EACCES && error->object[0]) {
    advise_access(input, options, error->object, failure);
  } else if ((error->stage == STYRO_STAGE_EXEC || error->stage == STYRO_STAGE_COMMAND) && error->sys_errno == ENOENT &&
             error->object[0]) {
    advise_missing(input, error->object, failure);
  }
}
