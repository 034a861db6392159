/*
 * The grammar of single values: sizes, durations, numbers, as the setters, --set and texts in JSON write them. Pure
 * functions of text; no locale, no floating point except for what JSON gave. Knows no field.
 */
#ifndef STYRO_LIB_GRAMMAR_H
#define STYRO_LIB_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>

enum styro_grammar {
  STYRO_GRAMMAR_OK,
  STYRO_GRAMMAR_WRONG, /* not such a text */
  STYRO_GRAMMAR_RANGE  /* such a text, but more than the type can hold */
};

#define STYRO_UNLIMITED UINT64_MAX
#define STYRO_PRINTED 32 /* room for what the functions below print */

/* Each returns an enum styro_grammar and assigns *out only when it is OK. */
int styro_grammar_bool(const char *text, bool *out);        /* "true", "false" */
int styro_grammar_int(const char *text, int64_t *out);      /* "-20" */
int styro_grammar_size(const char *text, uint64_t *out);    /* "4096", "256M", "1.5GiB": bytes */
int styro_grammar_limit(const char *text, uint64_t *out);   /* a size, or "unlimited" */
int styro_grammar_duration(const char *text, int64_t *out); /* "5s", "1.5s", "500ms", "2m", "1h", "5": nanoseconds */
int styro_grammar_offset(const char *text, int64_t *out);   /* a duration, or one with a minus before it */
int styro_grammar_cores(const char *text, int64_t *out);    /* "1.5": millionths */
int styro_grammar_mode(const char *text, int64_t *out);     /* "022": octal */
int styro_grammar_scaled(double value, int64_t unit, int64_t *out); /* a JSON number times the unit, rounded */

/* The shortest text that reads back as the same value. out: STYRO_PRINTED bytes. Returns out. */
const char *styro_print_size(uint64_t bytes, char *out);
const char *styro_print_duration(int64_t nanoseconds, char *out);
const char *styro_print_offset(int64_t nanoseconds, char *out);
const char *styro_print_cores(int64_t millionths, char *out);

#endif
