/*
 * `check --here`. Which host paths a plan opens is read from its explanation in JSON, so that there is no second
 * opinion about it; they are opened as the helper does, O_PATH and as the caller.
 */
#define _GNU_SOURCE
#include "here.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

static int try_source(const char *path, const char *field, struct failure *failure)
{
  int fd = open(path, O_PATH | O_CLOEXEC);

  if (fd < 0) {
    failure_system(failure, NULL, path, errno, "this host path cannot be opened");
    failure->error.stage = STYRO_STAGE_SOURCE;
    snprintf(failure->error.field, sizeof failure->error.field, "%s", field ? field : "");
    return -1;
  }
  close(fd);
  return 0;
}

/* Of the command's own caller, who hands it on. */
static int try_descriptor(const json_t *number, const char *field, struct failure *failure)
{
  char name[32];

  snprintf(name, sizeof name, "descriptor %d", (int)json_integer_value(number));
  if (fcntl((int)json_integer_value(number), F_GETFD) >= 0) {
    return 0;
  }
  failure_system(failure, NULL, name, errno, "this descriptor is not open");
  failure->error.stage = STYRO_STAGE_SOURCE;
  snprintf(failure->error.field, sizeof failure->error.field, "%s", field ? field : "");
  return -1;
}

/* An optional source counts when it is there, and is no fault when it is not. */
static int try_step(const json_t *step, size_t *opened, struct failure *failure)
{
  const char *path = json_string_value(json_object_get(step, "source"));
  const char *field = json_string_value(json_object_get(step, "field"));

  if (json_object_get(step, "descriptor")) {
    return try_descriptor(json_object_get(step, "descriptor"), field, failure);
  }
  if (!path) {
    return 0;
  }
  if (try_source(path, field, failure) == 0) {
    ++*opened;
    return 0;
  }
  if (json_is_true(json_object_get(step, "optional"))) {
    return 0;
  }
  return -1;
}

static int try_steps(const json_t *steps, size_t *opened, struct failure *failure)
{
  size_t i;
  json_t *step;

  json_array_foreach(steps, i, step)
  {
    if (try_step(step, opened, failure) < 0) {
      return -1;
    }
  }
  return 0;
}

int here_try_sources(const styro_plan *plan, size_t *opened, struct failure *failure)
{
  char *text = NULL;
  json_t *root;
  int result;

  *opened = 0;
  if (styro_plan_explain(plan, STYRO_FORMAT_JSON, NULL, &text, &failure->error) < 0) {
    return -1;
  }
  root = json_loads(text, 0, NULL);
  styro_text_free(NULL, text);
  if (!root) {
    return failure_system(failure, "check", NULL, ENOMEM, "the explanation of the plan cannot be read");
  }
  result = try_steps(json_is_array(root) ? root : json_object_get(root, "steps"), opened, failure);
  json_decref(root);
  return result;
}
