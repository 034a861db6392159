/* core/lib/nearest.c: which of several words is taken for the one that was meant, and when none is. */
#include <check.h>
#include <string.h>

#include "nearest.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* What it takes to make one word of the other; no best: too far. */
static const struct {
  const char *word, *candidate;
  int distance; /* -1: no suggestion */
} pairs[] = {
    {"timeout", "timeout", 0},
    {"timeot", "timeout", 1},   /* left out */
    {"timmeout", "timeout", 1}, /* one too many */
    {"timeoud", "timeout", 1},  /* another one */
    {"tiemout", "timeout", 1},  /* two swapped */
    {"itmeout", "timeout", 1},
    {"timeotu", "timeout", 1},
    {"itmeotu", "timeout", 2},
    {"Timeout", "timeout", 1},
    {"meout", "timeout", 2},
    {"eout", "timeout", -1}, /* three of seven letters */
    {"timeoutxx", "timeout", 2},
    {"timeoutxxx", "timeout", 3}, /* three of ten */
    {"ab", "abc", 1},
    {"a", "ab", 1},
    {"b", "ab", 1},
    {"ba", "ab", 1},
    {"cd", "ab", -1},
    {"", "ab", -1},
    {"", "a", -1}, /* all of it would be new */
    {"b", "a", -1},
    {"abc", "xyz", -1},
    {"ab", "", -1},
    {"a", "a", 0},
};

START_TEST(how_far_two_words_are_apart)
{
  struct styro_nearest nearest = {.word = pairs[_i].word};
  styro_nearest_offer(&nearest, pairs[_i].candidate);
  if (pairs[_i].distance < 0) {
    ck_assert_msg(nearest.best == NULL, "%s: %s", pairs[_i].word, nearest.best);
  } else {
    ck_assert_msg(nearest.best == pairs[_i].candidate, "%s", pairs[_i].word);
    ck_assert_uint_eq(nearest.distance, (size_t)pairs[_i].distance);
  }
}
END_TEST

static const char *best_of(const char *word, const char *const *candidates)
{
  struct styro_nearest nearest = {.word = word};
  for (; *candidates != NULL; candidates++) {
    styro_nearest_offer(&nearest, *candidates);
  }
  return nearest.best;
}

START_TEST(the_nearer_one_wins_in_any_order)
{
  ck_assert_str_eq(best_of("limit", (const char *const[]){"limbs", "limits", "lamina", NULL}), "limits");
  ck_assert_str_eq(best_of("limit", (const char *const[]){"limits", "limbs", NULL}), "limits");
  ck_assert_str_eq(best_of("limit", (const char *const[]){"limits", "limit", NULL}), "limit");
}
END_TEST

START_TEST(of_two_that_are_as_near_the_first_wins)
{
  ck_assert_str_eq(best_of("rx", (const char *const[]){"ro", "rw", NULL}), "ro");
  ck_assert_str_eq(best_of("rx", (const char *const[]){"rw", "ro", NULL}), "rw");
}
END_TEST

START_TEST(a_far_one_does_not_undo_a_near_one)
{
  ck_assert_str_eq(best_of("extend", (const char *const[]){"extends", "", "banana", NULL}), "extends");
  ck_assert_ptr_null(best_of("banana", (const char *const[]){"extends", "cwd", NULL}));
}
END_TEST

/* Bounded, because the rows of the computation stand on the stack. */
START_TEST(long_words_are_compared_up_to_a_length)
{
  char word[64], candidate[64];
  memset(word, 'a', sizeof word);
  memset(candidate, 'a', sizeof candidate);
  word[48] = candidate[48] = '\0';
  candidate[20] = 'b';
  struct styro_nearest nearest = {.word = word};
  styro_nearest_offer(&nearest, candidate);
  ck_assert_ptr_eq(nearest.best, candidate);
  ck_assert_uint_eq(nearest.distance, 1);
  candidate[48] = 'a';
  candidate[49] = '\0';
  nearest = (struct styro_nearest){.word = word};
  styro_nearest_offer(&nearest, candidate);
  ck_assert_ptr_null(nearest.best);
  nearest = (struct styro_nearest){.word = candidate};
  styro_nearest_offer(&nearest, word);
  ck_assert_ptr_null(nearest.best);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("nearest");
  TCase *cases = tcase_create("all");
  tcase_add_loop_test(cases, how_far_two_words_are_apart, 0, (int)COUNT(pairs));
  tcase_add_test(cases, the_nearer_one_wins_in_any_order);
  tcase_add_test(cases, of_two_that_are_as_near_the_first_wins);
  tcase_add_test(cases, a_far_one_does_not_undo_a_near_one);
  tcase_add_test(cases, long_words_are_compared_up_to_a_length);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
