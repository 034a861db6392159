/*
 * From FILE and options to a request. The file is read here because only the command knows files; what it may hold is
 * the library's business, limits included.
 */
#define _GNU_SOURCE
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"
#include "places.h"

/* A variable of requests, and where it comes from. */
#define WAYLAND "WAYLAND_DISPLAY"

/* One byte more than the library takes, so that it is the library that refuses what is too long. */
#define INPUT_MAX ((4u << 20) + 1)

const char *input_name(const struct cli_options *options)
{
  if (!options->file) {
    return "the request";
  }
  return strcmp(options->file, "-") == 0 ? "standard input" : options->file;
}

/* Reads up to INPUT_MAX bytes. Returns their number or -1 with errno. */
static ssize_t read_all(int fd, char *out)
{
  size_t len = 0;

  while (len < INPUT_MAX) {
    ssize_t n = read(fd, out + len, INPUT_MAX - len);
    if (n == 0) {
      break;
    }
    if (n < 0 && errno != EINTR) {
      return -1;
    }
    len += n > 0 ? (size_t)n : 0;
  }
  return (ssize_t)len;
}

/* A word that is no file is most often a command without its "--". */
static int fail_open(const char *path, int number, struct failure *failure)
{
  failure_system(failure, "read", path, number, "cannot read the request");
  if (number == ENOENT && !strstr(path, ".json")) {
    failure_hint(failure, "a command to run stands after --: styrolite run -- %s", path);
  } else {
    failure_hint(failure, "name a request file, or - for standard input; a command to run stands after --");
  }
  return -1;
}

/* What is found there may be the program itself: a script or an executable, not JSON. */
static void advise_program(const char *path, const char *text, size_t len, struct failure *failure)
{
  if (len >= 4 && (memcmp(text, "#!", 2) == 0 || memcmp(text, "\177ELF", 4) == 0)) {
    failure_hint(failure, "it is a program, which stands after --: styrolite run -- %s", path);
  }
}

/* O_NOCTTY: a terminal's name among the arguments must not become the controlling terminal. */
static ssize_t read_file(const struct cli_options *options, char *out, struct failure *failure)
{
  bool from_stdin = strcmp(options->file, "-") == 0;
  int fd = from_stdin ? STDIN_FILENO : open(options->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  ssize_t len;

  if (fd < 0) {
    return fail_open(options->file, errno, failure);
  }
  len = read_all(fd, out);
  if (len < 0) {
    fail_open(input_name(options), errno, failure);
  }
  if (!from_stdin) {
    close(fd);
  }
  return len;
}

/* Errors of the JSON itself carry the file's name; pointers alone would leave open where they point into. */
static int open_request(struct input *input, const struct cli_options *options, struct failure *failure)
{
  char *text;
  ssize_t len;
  int code = -1;

  if (!options->file) {
    return styro_request_new(NULL, &input->request, &failure->error) < 0 ? -1 : 0;
  }
  text = malloc(INPUT_MAX);
  if (!text) {
    return failure_system(failure, "read", input_name(options), ENOMEM, "cannot read the request");
  }
  len = read_file(options, text, failure);
  if (len >= 0) {
    code = styro_request_from_json(NULL, text, (size_t)len, &input->request, &failure->error);
    if (code < 0) {
      failure_origin(failure, input_name(options));
      advise_program(options->file, text, (size_t)len, failure);
    }
  }
  free(text);
  return code < 0 ? -1 : 0;
}

/* The compositor's socket, found as its clients find it (wl_display_connect(3)), but without their guesses. */
static int give_wayland(const struct input *input, struct failure *failure)
{
  const char *directory = getenv("XDG_RUNTIME_DIR"), *name = getenv(WAYLAND);
  char path[PATH_MAX];

  if (!name || !name[0] || (name[0] != '/' && (!directory || directory[0] != '/'))) {
    return 0;
  }
  if (snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : directory, name[0] == '/' ? "" : "/", name) >=
      (int)sizeof path) {
    return 0;
  }
  return styro_request_set_variable(input->request, WAYLAND, path, &failure->error) < 0 ? -1 : 0;
}

/* CWD and HOME are all that a request may expect from every caller of the command; a Wayland session is not always there. */
static int give_variables(const struct input *input, struct failure *failure)
{
  const char *home = getenv("HOME");

  if (input->cwd && styro_request_set_variable(input->request, "CWD", input->cwd, &failure->error) < 0) {
    return -1;
  }
  if (home && home[0] == '/' && styro_request_set_variable(input->request, "HOME", home, &failure->error) < 0) {
    return -1;
  }
  return give_wayland(input, failure);
}

/* A payload that shares the caller's terminal has to know its kind, unless the request says something of its own. */
static int inherit_terminal(const struct input *input, struct failure *failure)
{
  const char *own = NULL;

  if (!getenv("TERM") || !isatty(STDIN_FILENO)) {
    return 0;
  }
  if (styro_request_get(input->request, "/env/TERM", &own, NULL) == 0 && own) {
    return 0;
  }
  return styro_request_add(input->request, "/inherit_env", NULL, "TERM", &failure->error) < 0 ? -1 : 0;
}

/* The order matters: variables before options that may use them, options after the file that they change. */
int input_open(struct input *input, const struct cli_options *options, struct failure *failure)
{
  struct apply_target target;
  bool starts = (options->command & CLI_STARTS) && !options->emit;

  memset(input, 0, sizeof *input);
  input->cwd = places_cwd();
  if (open_request(input, options, failure) < 0 || give_variables(input, failure) < 0) {
    return -1;
  }
  target = (struct apply_target){input->request, input->cwd};
  if (apply_options(&target, options, failure) < 0) {
    return -1;
  }
  if (options->argv && !starts) {
    return apply_command(&target, options->argv, failure);
  }
  return starts ? inherit_terminal(input, failure) : 0;
}

void input_free(struct input *input)
{
  styro_request_free(input->request);
  free(input->cwd);
  memset(input, 0, sizeof *input);
}

void input_advise(struct failure *failure)
{
  if (strstr(failure->error.message, "`" WAYLAND "` has no value")) {
    failure_hint(failure,
                 "this command takes it from WAYLAND_DISPLAY and XDG_RUNTIME_DIR: call it in a Wayland session");
  }
}

styro_plan *input_compile(const struct input *input, struct failure *failure)
{
  styro_plan *plan = NULL;

  if (styro_plan_compile(input->request, &plan, &failure->error) < 0) {
    input_advise(failure);
    return NULL;
  }
  return plan;
}
