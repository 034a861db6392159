/*
 * What `extends` names, as layers laid on each other: presets by name, request files by path, nested and without
 * cycles. Knows no defaults and no rules.
 */
#include "extends.h"

#include <stdio.h>
#include <string.h>

#include "complaints.h"
#include "json.h"
#include "presets.h"
#include "read.h"
#include "text_file.h"
#include "variables.h"

#define NESTING_MAX 8

/* The names that led here, innermost first. */
struct chain {
  const struct chain *outer;
  const char *name;
  int depth;
};

struct merging {
  const struct styro_map *variables;
  struct styro_layer *out;
  styro_error *err;
};

static int fail_extends(styro_error *err, int sys_errno, const char *name, const char *message, const char *hint)
{
  styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_COMPILE, sys_errno, "`%.200s` %s", name, message);
  styro_error_field(err, "/extends");
  styro_error_object(err, "%s", name);
  styro_error_hint(err, "%s", hint);
  return STYRO_EREQUEST;
}

static int fail_read(styro_error *err, const char *path, int result)
{
  char message[160];
  if (result == STYRO_ENOMEM) {
    return styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  if (result == STYRO_EREQUEST) {
    return fail_extends(err, 0, path, "is not a regular file", "name a file with a request in it");
  }
  snprintf(message, sizeof message, "could not be read: %s", strerror(result));
  return fail_extends(err, result, path, message, "a name without `/` and `.json` is a preset, all others are files");
}

/* Decided by the name alone, so that a file called `python` in the directory changes nothing. */
static bool is_path(const char *name)
{
  size_t len = strlen(name);
  return strchr(name, '/') != NULL || (len > 5 && strcmp(name + len - 5, ".json") == 0);
}

/* The same reader as for requests: a request file is one. */
static int load_file(const char *path, struct styro_layer *layer, styro_error *err)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &layer->alloc);
  int code = styro_text_file_read(path, STYRO_JSON_MAX, &buffer); /* the JSON reader itself says that it is too long */
  code = code == 0 ? 0 : fail_read(err, path, code);
  if (code == 0) {
    code = styro_read_document(layer, buffer.data == NULL ? "" : buffer.data, buffer.len, err);
    if (code != 0) {
      styro_error_object(err, "%s", path); /* the field is one of that file */
    }
  }
  styro_buffer_free(&buffer);
  return code;
}

static int fail_unknown_preset(styro_error *err, const char *name)
{
  const char *nearest = styro_preset_nearest(name);
  char hint[256];
  if (nearest != NULL) {
    snprintf(hint, sizeof hint, "did you mean `%s`?", nearest);
  } else {
    snprintf(hint, sizeof hint, "a file is named with a `/` in it, or with `.json` at its end");
  }
  return fail_extends(err, 0, name, "is not the name of a preset", hint);
}

static int load(const char *name, struct styro_layer *layer, styro_error *err)
{
  if (is_path(name)) {
    return load_file(name, layer, err);
  }
  const char *text = styro_preset_text(name);
  return text == NULL ? fail_unknown_preset(err, name) : styro_read_document(layer, text, strlen(text), err);
}

/* By name. Two names of one file end at the depth instead. */
static int check_chain(const struct chain *chain, styro_error *err)
{
  for (const struct chain *outer = chain->outer; outer != NULL; outer = outer->outer) {
    if (outer->name != NULL && strcmp(outer->name, chain->name) == 0) {
      return fail_extends(err, 0, chain->name, "extends itself, by way of what it extends",
                          "remove one link of the circle");
    }
  }
  if (chain->depth > NESTING_MAX) {
    return fail_extends(err, 0, chain->name, "is the ninth file or preset that extends another",
                        "at most eight may be nested");
  }
  return 0;
}

/* A relative name in a file is meant from that file's directory; in the request itself from the working directory. */
static int join(const struct chain *outer, const char *name, char *out, styro_error *err)
{
  const char *slash = outer->name == NULL || !is_path(name) || name[0] == '/' ? NULL : strrchr(outer->name, '/');
  int directory = slash == NULL ? 0 : (int)(slash - outer->name) + 1;
  int len = snprintf(out, STYRO_PATH_MAX, "%.*s%s", directory, directory == 0 ? "" : outer->name, name);
  if (len < 0 || len >= STYRO_PATH_MAX) {
    return fail_extends(err, 0, name, "is longer than the 4095 bytes of a path", "use a shorter path");
  }
  return 0;
}

static int merge_layer(const struct merging *merging, const struct styro_layer *layer, const struct chain *chain);

/* What it extends lies below it, so it is merged first. */
static int merge_named(const struct merging *merging, const char *name, const struct chain *outer)
{
  char path[STYRO_PATH_MAX];
  struct chain chain = {.outer = outer, .name = path, .depth = outer->depth + 1};
  int code = join(outer, name, path, merging->err);
  if (code != 0 || (code = check_chain(&chain, merging->err)) != 0) {
    return code;
  }
  struct styro_layer layer;
  code = styro_layer_init(&layer, &merging->out->alloc) == 0 ? 0 : styro_fail_memory(merging->err, STYRO_STAGE_COMPILE);
  if (code == 0) {
    code = load(path, &layer, merging->err);
  }
  if (code == 0) {
    code = merge_layer(merging, &layer, &chain);
  }
  styro_layer_free(&layer);
  return code;
}

static int merge_extended(const struct merging *merging, const struct styro_list *names, const struct chain *chain)
{
  const styro_allocator *alloc = &merging->out->alloc;
  for (size_t i = 0; i < names->n; i++) {
    int code = 0;
    char *name = styro_variables_expand(alloc, merging->variables, names->items[i], "/extends", &code, merging->err);
    if (name != NULL) {
      code = merge_named(merging, name, chain);
    }
    styro_strfree(alloc, name);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

/* As deep as files are nested: at most NESTING_MAX. */
static int merge_layer(const struct merging *merging, const struct styro_layer *layer, const struct chain *chain)
{
  int code = merge_extended(merging, &layer->fields.extends, chain);
  if (code != 0) {
    return code;
  }
  struct styro_layer resolved;
  int failed = styro_layer_init(&resolved, &merging->out->alloc);
  if (!failed) {
    failed = styro_layer_apply(&resolved, layer);
  }
  code = failed ? styro_fail_memory(merging->err, STYRO_STAGE_COMPILE)
                : styro_variables_resolve(&resolved, merging->variables, merging->err);
  if (code == 0 && styro_layer_extend(merging->out, &resolved) != 0) {
    code = styro_fail_memory(merging->err, STYRO_STAGE_COMPILE);
  }
  styro_layer_free(&resolved);
  return code;
}

int styro_extends_merge(const struct styro_layer *layer, const struct styro_map *variables, struct styro_layer *out,
                        styro_error *err)
{
  struct merging merging = {.variables = variables, .out = out, .err = err};
  struct chain chain = {.outer = NULL, .name = NULL, .depth = 0};
  return merge_layer(&merging, layer, &chain);
}
