/* The known word that a mistyped one is nearest to, by edit distance; what is too far off is no suggestion. */
#include "nearest.h"

#include <string.h>

#define LONGEST 48

static size_t smallest(size_t a, size_t b, size_t c)
{
  size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Optimal string alignment: insert, delete, replace, or swap two neighbours, each at the cost of one. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
  size_t rows[3][LONGEST + 1];
  size_t *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= b_len; j++) {
    before[j] = last[j] = j;
  }
  for (size_t i = 1; i <= a_len; i++) {
    now[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j]) {
        now[j] = before[j - 2] + 1;
      }
    }
    size_t *oldest = before;
    before = last;
    last = now;
    now = oldest;
  }
  return last[b_len];
}

/* One edit for each three letters, at least one; a word that would be rewritten as a whole is no suggestion. */
void styro_nearest_offer(struct styro_nearest *nearest, const char *candidate)
{
  size_t word_len = strlen(nearest->word), len = strlen(candidate);
  if (word_len > LONGEST || len > LONGEST || len == 0) {
    return;
  }
  size_t found = distance(nearest->word, word_len, candidate, len);
  size_t allowed = (word_len > len ? word_len : len) / 3;
  if (found <= (allowed == 0 ? 1 : allowed) && found < len && (nearest->best == NULL || found < nearest->distance)) {
    nearest->best = candidate;
    nearest->distance = found;
  }
}
