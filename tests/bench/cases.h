/*
 * The cases as data: what a line of the file of cases says, made ready to be run. Static functions in a header because each
 * source of this directory is a program of its own.
 */
#ifndef STYRO_BENCH_CASES_H
#define STYRO_BENCH_CASES_H

#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "floor.h"
#include "lib/profile.h"
#include "styrolite.h"

#define CASES_MAX 64
#define WORDS_MAX 512
#define SERIES 9

enum kind { KIND_FLOOR, KIND_REFERENCE, KIND_LIBRARY, KIND_COMMAND };
/* The last five: what START is made of. */
enum series { START, TOTAL, TEARDOWN, CPU, SPAWN, HELPER, TREE, IDENTITY, EXEC };

struct bench_case {
  char *name;
  char *workload; /* cases of one workload are compared with its floor */
  enum kind kind;
  bool streams; /* writes more than its stamp: the pipe is drained, start and teardown are not known */
  char *words[WORDS_MAX];
  int words_n;
  struct floor floor;
  styro_plan *plan;
  styro_runner *runner;
  double *series[SERIES];
  int n;
  int failed;
};

struct settings {
  const char *root;
  const char *from;
  const char *helper;
  int rounds;
  int gap; /* microseconds between runs, in which the kernel takes the last sandbox apart */
  int caller_mb;
  int workers;
  int total;
};

static struct bench_case cases[CASES_MAX];
static int cases_n;
static struct settings settings = {.rounds = 100, .gap = 500, .total = 1000};

static _Noreturn void die(const char *what, const char *why)
{
  fprintf(stderr, "bench: %s: %s\n", what, why);
  exit(2);
}

static bool kernel_attaches_to_detached(void)
{
  struct utsname names;
  int major = 0;
  int minor = 0;
  uname(&names);
  sscanf(names.release, "%d.%d", &major, &minor);
  return major > 6 || (major == 6 && minor >= 15);
}

static void prepare_floor(struct bench_case *c)
{
  const struct styro_profile *profile = styro_profile(STYRO_SECCOMP_DEFAULT);
  struct floor *f = &c->floor;
  f->filter = profile->program;
  f->filter_n = (unsigned short)profile->n;
  f->root = settings.root;
  f->from = settings.from;
  f->reference = c->kind == KIND_REFERENCE;
  for (int i = 0; i < c->words_n; i++) {
    f->network = f->network || strcmp(c->words[i], "network") == 0;
    if (strncmp(c->words[i], "binds=", 6) == 0) {
      f->binds = atoi(c->words[i] + 6);
    }
  }
  floor_prepare(f, kernel_attaches_to_detached());
}

static char *read_file(const char *path, size_t *len)
{
  FILE *file = fopen(path, "r");
  char *text = calloc(1, 1 << 20);
  if (!file || !text) {
    die(path, strerror(errno));
  }
  *len = fread(text, 1, (1 << 20) - 1, file);
  fclose(file);
  return text;
}

/* Words: the request's file, the spawn mode. */
static void prepare_library(struct bench_case *c)
{
  styro_request *request = NULL;
  styro_error err = {.size = sizeof err};
  size_t len;
  char *text = read_file(c->words[0], &len);
  setenv("STYRO_SPAWN", c->words[1], 1);
  if (styro_request_from_json(NULL, text, len, &request, &err) || styro_plan_compile(request, &c->plan, &err) ||
      styro_runner_new(NULL, settings.helper, &c->runner, &err)) {
    die(c->name, err.message);
  }
  unsetenv("STYRO_SPAWN");
  styro_request_free(request);
  free(text);
}

static void prepare_case(struct bench_case *c, const char *kind)
{
  static const char *const kinds[] = {"floor", "reference", "library", "command"};
  size_t at = 0;
  while (at < 4 && strncmp(kind, kinds[at], strlen(kinds[at])) != 0) {
    at++;
  }
  if (at == 4) {
    die(kind, "no such kind of case");
  }
  c->kind = (enum kind)at;
  c->streams = strchr(kind, '+') != NULL;
  if (c->kind == KIND_LIBRARY) {
    prepare_library(c);
  } else if (c->kind != KIND_COMMAND) {
    prepare_floor(c);
  }
  for (int i = 0; i < SERIES; i++) {
    c->series[i] = calloc((size_t)settings.rounds + 1, sizeof(double));
  }
}

/* NAME|WORKLOAD|KIND|WORDS, words separated by blanks. */
static void read_cases(const char *path)
{
  size_t len;
  char *save_line;
  char *save;
  char *text = read_file(path, &len); /* kept: the cases point into it */
  for (char *line = strtok_r(text, "\n", &save_line); line; line = strtok_r(NULL, "\n", &save_line)) {
    struct bench_case *c = &cases[cases_n++];
    c->name = strtok_r(line, "|", &save);
    c->workload = strtok_r(NULL, "|", &save);
    const char *kind = strtok_r(NULL, "|", &save);
    for (char *word = strtok_r(NULL, " ", &save); word && c->words_n < WORDS_MAX - 1;
         word = strtok_r(NULL, " ", &save)) {
      c->words[c->words_n++] = word;
    }
    if (!kind || cases_n == CASES_MAX) {
      die(path, "a line without a kind, or too many lines");
    }
    prepare_case(c, kind);
  }
}

#endif
