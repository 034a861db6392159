/*
 * Options carried out on a request: each handler turns one value into calls of the public setters. Host paths are made
 * absolute here, because only the command knows where its caller stands.
 */
#define _GNU_SOURCE
#include "apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "places.h"

/* From the library's codes to the command's 0 and -1; the error is in the failure already. */
static int pass(int code)
{
  return code < 0 ? -1 : 0;
}

static int fail_memory(struct failure *failure)
{
  return failure_system(failure, "usage", NULL, ENOMEM, "cannot go on");
}

/* Directories that the payload sees: relative ones start where the caller stands, as in --rw . --cwd . */
static char *absolute_or_fail(const struct apply_target *target, const char *path, struct failure *failure)
{
  char *absolute;

  if (!path[0]) {
    failure_usage(failure, NULL, "name a directory; . is the current one", "the path is empty");
    return NULL;
  }
  absolute = places_absolute(target->cwd, path);
  if (!absolute) {
    places_fail(path, failure);
  }
  return absolute;
}

int apply_root(const struct apply_target *target, const struct option_row *row, const char *value,
               struct failure *failure)
{
  char *path = NULL, *json = NULL;
  size_t len = 0;
  FILE *out;
  int result = -1;

  if (strcmp(value, "system") == 0 || strcmp(value, "empty") == 0) {
    return pass(styro_request_set(target->request, row->pointer, value, &failure->error));
  }
  path = absolute_or_fail(target, value, failure);
  out = path ? open_memstream(&json, &len) : NULL;
  if (out) {
    fputs("{\"directory\": ", out);
    places_print_json(out, path);
    putc('}', out);
    result = fclose(out) == 0 ? pass(styro_request_set_json(target->request, row->pointer, json, &failure->error))
                              : fail_memory(failure);
  } else if (path) {
    result = fail_memory(failure);
  }
  free(json);
  free(path);
  return result;
}

/* `from` is always said: without it the entry would show what the enclosing entry shows there. */
static int add_bind(const struct apply_target *target, const struct option_row *row, const char *host,
                    const char *inside, struct failure *failure)
{
  char *json = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&json, &len);
  int result;

  if (!out) {
    return fail_memory(failure);
  }
  fputs("{\"from\": ", out);
  places_print_json(out, host);
  fprintf(out, ", \"access\": \"%s\"}", row->text);
  result = fclose(out) == 0 ? pass(styro_request_add(target->request, row->pointer, inside, json, &failure->error))
                            : fail_memory(failure);
  free(json);
  return result;
}

int apply_bind(const struct apply_target *target, const struct option_row *row, const char *value,
               struct failure *failure)
{
  char *host, *inside;
  int result;

  if (places_split(target->cwd, value, &host, &inside, failure) < 0) {
    return -1;
  }
  result = add_bind(target, row, host, inside, failure);
  free(host);
  free(inside);
  return result;
}

int apply_place(const struct apply_target *target, const struct option_row *row, const char *value,
                struct failure *failure)
{
  char *inside = absolute_or_fail(target, value, failure);
  int result;

  if (!inside) {
    return -1;
  }
  result = pass(styro_request_add(target->request, row->pointer, inside, row->text, &failure->error));
  free(inside);
  return result;
}

/* Only the first = parts name and value: values may hold more of them. */
int apply_env(const struct apply_target *target, const struct option_row *row, const char *value,
              struct failure *failure)
{
  const char *equals = strchr(value, '=');
  char *name;
  int result;

  if (!equals || equals == value) {
    return failure_usage(failure, NULL, "such as --env LANG=C; --inherit-env K takes the caller's own value over",
                         "`%s` is not K=V", value);
  }
  name = strndup(value, (size_t)(equals - value));
  if (!name) {
    return fail_memory(failure);
  }
  result = pass(styro_request_add(target->request, row->pointer, name, equals + 1, &failure->error));
  free(name);
  return result;
}

int apply_cwd(const struct apply_target *target, const struct option_row *row, const char *value,
              struct failure *failure)
{
  char *inside = absolute_or_fail(target, value, failure);
  int result;

  if (!inside) {
    return -1;
  }
  result = pass(styro_request_set(target->request, row->pointer, inside, &failure->error));
  free(inside);
  return result;
}

/* "user.uid_map" is "/user/uid_map", "paths./out" is "/paths/~1out"; what starts with a slash is a pointer already. */
static char *pointer_of_key(const char *key, size_t len)
{
  char *pointer = malloc(2 * len + 2);
  char *at = pointer;

  if (!pointer) {
    return NULL;
  }
  if (key[0] == '/') {
    memcpy(pointer, key, len);
    pointer[len] = '\0';
    return pointer;
  }
  *at++ = '/';
  for (size_t i = 0; i < len; i++) {
    if (key[i] == '/' || key[i] == '~') {
      *at++ = '~';
      *at++ = key[i] == '/' ? '1' : '0';
    } else {
      *at++ = key[i] == '.' ? '/' : key[i];
    }
  }
  *at = '\0';
  return pointer;
}

int apply_set(const struct apply_target *target, const struct option_row *row, const char *value,
              struct failure *failure)
{
  const char *equals = strchr(value, '=');
  char *pointer;
  int result;

  (void)row;
  if (!equals || equals == value) {
    return failure_usage(failure, NULL, "such as --set user.uid_map=self", "`%s` is not KEY=VALUE", value);
  }
  pointer = pointer_of_key(value, (size_t)(equals - value));
  if (!pointer) {
    return fail_memory(failure);
  }
  result = pass(styro_request_set(target->request, pointer, equals + 1, &failure->error));
  free(pointer);
  return result;
}

/* Adding and setting need no handler: the row's pointer says it all. */
static int apply_use(const struct apply_target *target, const struct option_use *use, struct failure *failure)
{
  switch (use->row->kind) {
  case OPTION_SET: return pass(styro_request_set(target->request, use->row->pointer, use->value, &failure->error));
  case OPTION_ADD:
    return pass(styro_request_add(target->request, use->row->pointer, NULL, use->value, &failure->error));
  default: return use->row->apply(target, use->row, use->value, failure);
  }
}

int apply_options(const struct apply_target *target, const struct cli_options *options, struct failure *failure)
{
  for (size_t i = 0; i < options->uses_n; i++) {
    if (apply_use(target, &options->uses[i], failure) < 0) {
      char origin[64];
      snprintf(origin, sizeof origin, "--%s", options->uses[i].row->name);
      return failure_origin(failure, origin);
    }
  }
  return 0;
}

int apply_command(const struct apply_target *target, char *const *argv, struct failure *failure)
{
  char *json = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&json, &len);
  int result;

  if (!out) {
    return fail_memory(failure);
  }
  for (size_t i = 0; argv[i]; i++) {
    fputs(i == 0 ? "[" : ", ", out);
    places_print_json(out, argv[i]);
  }
  putc(']', out);
  result = fclose(out) == 0 ? pass(styro_request_set_json(target->request, "/command", json, &failure->error))
                            : fail_memory(failure);
  free(json);
  return result;
}

/* From the last to the first, as the last one counts. */
char *apply_host_path(const struct cli_options *options, const char *cwd, const char *inside)
{
  for (size_t i = options->uses_n; i-- > 0;) {
    struct failure ignored;
    char *host, *place;
    bool same;
    if (options->uses[i].row->apply != apply_bind ||
        places_split(cwd, options->uses[i].value, &host, &place, &ignored) < 0) {
      continue;
    }
    same = strcmp(place, inside) == 0;
    free(place);
    if (same) {
      return host;
    }
    free(host);
  }
  return NULL;
}
