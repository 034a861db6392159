/*
 * `styrolite doctor`: prints what the library's probe found. First one line for who wants no more, then a line a check; only
 * what is not as it should be says more than that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"

#define INDENT "             " /* below what a check found */

/* How many of the checks came to a verdict. */
static size_t count(const styro_report *report, int verdict)
{
  styro_check check = {.size = sizeof check};
  size_t n = 0;

  for (size_t i = 0; styro_report_check(report, i, &check, NULL) == 0; i++) {
    n += check.verdict == verdict;
  }
  return n;
}

static void print_summary(FILE *out, const styro_report *report)
{
  styro_check check = {.size = sizeof check};

  fprintf(out, "The default sandbox %s here: ", styro_report_works(report) ? "works" : "does not work");
  for (int verdict = STYRO_VERDICT_OK; verdict <= STYRO_VERDICT_UNTESTED; verdict++) {
    size_t n = count(report, verdict);
    if (n > 0) {
      fprintf(out, "%s%zu %s", verdict == STYRO_VERDICT_OK ? "" : ", ", n, styro_verdict_name(verdict));
    }
  }
  fputs(".\n", out);
  if (!styro_report_works(report) && styro_report_check(report, 0, &check, NULL) == 0) {
    fprintf(out, "%s\n", check.found);
  }
}

/* Comments stay what they are in a shell; a command is marked as one. */
static void print_remedy(FILE *out, const char *remedy)
{
  while (*remedy) {
    size_t len = strcspn(remedy, "\n");
    fprintf(out, INDENT "%s%.*s\n", remedy[0] == '#' ? "" : "$ ", (int)len, remedy);
    remedy += len + (remedy[len] == '\n');
  }
}

static void print_check(FILE *out, const styro_check *check)
{
  fprintf(out, "  %-8s   %-17s  %s\n", styro_verdict_name(check->verdict), check->name, check->found);
  if (check->verdict == STYRO_VERDICT_UNTESTED) {
    return; /* what is missing further up says it all */
  }
  if (check->means[0]) {
    fprintf(out, INDENT "%s%s\n", check->required && check->verdict == STYRO_VERDICT_MISSING ? "needed: " : "",
            check->means);
  }
  print_remedy(out, check->remedy);
}

static void print_report(FILE *out, const styro_report *report)
{
  styro_check check = {.size = sizeof check};
  const char *group = "";

  print_summary(out, report);
  for (size_t i = 0; styro_report_check(report, i, &check, NULL) == 0; i++) {
    if (strcmp(group, check.group) != 0) {
      fprintf(out, "\n%s\n", check.group);
    }
    group = check.group;
    print_check(out, &check);
  }
}

static int print_text(const styro_report *report, struct failure *failure)
{
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  int result = -1;

  if (!out) {
    return failure_usage(failure, NULL, NULL, "out of memory");
  }
  print_report(out, report);
  if (fclose(out) == 0) {
    result = output_text(text, failure);
  }
  free(text);
  return result;
}

static int print_json(styro_report *report, struct failure *failure)
{
  const char *text = NULL;

  return styro_report_json(report, &text, &failure->error) < 0 ? -1 : output_text(text, failure);
}

int cmd_doctor(const struct cli_options *options)
{
  struct failure failure;
  styro_report *report = NULL;
  int code;

  failure_init(&failure);
  if (styro_probe(NULL, options->helper, &report, &failure.error) < 0 ||
      (options->json ? print_json(report, &failure) : print_text(report, &failure)) < 0) {
    code = report_failure(&failure);
  } else {
    code = styro_report_works(report) ? REPORT_OK : REPORT_NO_SANDBOX;
  }
  styro_report_free(report);
  return code;
}
