/*
 * The longest common subsequence of two lists of steps. What both begin and end with is set aside first: two requests that
 * people compare have most of their steps in common, and a table of all would be large.
 */
#define _GNU_SOURCE
#include "diff.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* One line of explain's text: "  12  bind /usr (…)"; the line after it, which says why, belongs to it. */
struct line {
  const char *text; /* as it stands there, with its number */
  size_t len;
  const char *what; /* after the number */
};

struct list {
  struct line *lines;
  size_t n;
};

/* Every second line is a step's reason. False: out of memory. */
static bool split(const char *text, struct list *out)
{
  size_t n = 0;

  for (const char *c = text; *c; c++) {
    n += *c == '\n';
  }
  out->lines = calloc(n / 2 + 1, sizeof *out->lines);
  out->n = 0;
  for (size_t i = 0; out->lines && i < n; i++) {
    size_t len = strcspn(text, "\n");
    size_t number = strspn(text, " 0123456789");
    if (i % 2 == 0) {
      out->lines[out->n++] = (struct line){text, len, text + (number < len ? number : len)};
    }
    text += len + 1;
  }
  return out->lines != NULL;
}

static bool same(const struct line *a, const struct line *b)
{
  size_t a_len = a->len - (size_t)(a->what - a->text);
  size_t b_len = b->len - (size_t)(b->what - b->text);

  return a_len == b_len && memcmp(a->what, b->what, a_len) == 0;
}

/* Takes what both begin and end with off both. */
static void trim(struct list *from, struct list *to)
{
  while (from->n && to->n && same(&from->lines[from->n - 1], &to->lines[to->n - 1])) {
    from->n--;
    to->n--;
  }
  while (from->n && to->n && same(from->lines, to->lines)) {
    *from = (struct list){from->lines + 1, from->n - 1};
    *to = (struct list){to->lines + 1, to->n - 1};
  }
}

static int print_line(char sign, const struct line *line, struct failure *failure)
{
  char before[] = {sign, ' '};

  if (output_bytes(1, "standard output", before, sizeof before, failure) < 0 ||
      output_bytes(1, "standard output", line->text, line->len, failure) < 0) {
    return -1;
  }
  return output_bytes(1, "standard output", "\n", 1, failure);
}

/* common[i][j]: how many steps the rests from i and j on have in common, in order. */
static void count_common(const struct list *from, const struct list *to, uint16_t *common)
{
  size_t width = to->n + 1;

  for (size_t i = from->n; i-- > 0;) {
    for (size_t j = to->n; j-- > 0;) {
      uint16_t skip_from = common[(i + 1) * width + j], skip_to = common[i * width + j + 1];
      common[i * width + j] = same(&from->lines[i], &to->lines[j]) ? (uint16_t)(common[(i + 1) * width + j + 1] + 1)
                              : skip_from > skip_to                ? skip_from
                                                                   : skip_to;
    }
  }
}

static int print_rest(const struct list *from, const struct list *to, const uint16_t *common, struct failure *failure)
{
  size_t i = 0, j = 0, width = to->n + 1;
  int printed = 0;

  while (i < from->n || j < to->n) {
    bool drop = j == to->n || (i < from->n && common[(i + 1) * width + j] >= common[i * width + j + 1]);
    if (i < from->n && j < to->n && same(&from->lines[i], &to->lines[j])) {
      i++;
      j++;
      continue;
    }
    if (print_line(drop ? '-' : '+', drop ? &from->lines[i] : &to->lines[j], failure) < 0) {
      return -1;
    }
    i += drop;
    j += !drop;
    printed++;
  }
  return printed;
}

int diff_steps(const char *from_text, const char *to_text, struct failure *failure)
{
  struct list from_all = {NULL, 0}, to_all = {NULL, 0};
  bool split_both = split(from_text, &from_all) && split(to_text, &to_all);
  struct list from = from_all, to = to_all;
  uint16_t *common = NULL;
  int printed = -1;

  if (split_both) {
    trim(&from, &to);
    common = calloc((from.n + 1) * (to.n + 1), sizeof *common);
  }
  if (common) {
    count_common(&from, &to, common);
    printed = print_rest(&from, &to, common, failure);
  } else {
    failure_system(failure, "usage", NULL, ENOMEM, "cannot compare the steps");
  }
  free(common);
  free(from_all.lines);
  free(to_all.lines);
  return printed;
}
