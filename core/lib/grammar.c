/*
 * The grammar of single values. Decimal texts are computed in integers, so that "0.1s" is exactly 100 ms and no locale
 * changes the decimal point. Knows no field and no bounds but those of the types.
 */
#include "grammar.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
  const char *name;
  uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"K", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"T", UINT64_C(1) << 40},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"", 1000000000},
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {NULL, 0},
};

static const struct unit core_units[] = {{"", 1000000}, {NULL, 0}};

#define FRACTION_DIGITS 9

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* A decimal number as it stands in text: whole + fraction / scale. */
struct decimal {
  uint64_t whole;
  uint64_t fraction;
  uint64_t scale;
};

/* Digits only, no sign and no space: strtoull(3) would take both, and wrap "-1" around. */
static int read_whole(const char **text, uint64_t *out)
{
  const char *c = *text;
  uint64_t value = 0;
  if (!is_digit(*c)) {
    return STYRO_GRAMMAR_WRONG;
  }
  for (; is_digit(*c); c++) {
    if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
        __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value)) {
      return STYRO_GRAMMAR_RANGE;
    }
  }
  *text = c;
  *out = value;
  return STYRO_GRAMMAR_OK;
}

/* Nine digits reach from hours to a nanosecond; more would be cut silently. */
static int read_decimal(const char **text, struct decimal *out)
{
  struct decimal number = {.scale = 1};
  int fault = read_whole(text, &number.whole);
  if (fault != STYRO_GRAMMAR_OK || **text != '.') {
    *out = number;
    return fault;
  }
  const char *c = *text + 1;
  const char *start = c;
  for (; is_digit(*c) && c - start < FRACTION_DIGITS; c++) {
    number.fraction = number.fraction * 10 + (uint64_t)(*c - '0');
    number.scale *= 10;
  }
  if (c == start || is_digit(*c)) {
    return STYRO_GRAMMAR_WRONG;
  }
  *text = c;
  *out = number;
  return STYRO_GRAMMAR_OK;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
  for (const struct unit *unit = units; unit->name != NULL; unit++) {
    if (strcmp(unit->name, name) == 0) {
      return unit;
    }
  }
  return NULL;
}

/* What has no whole number of the smallest unit ("1.3K") is refused, not rounded. */
static int read_scaled(const char *text, const struct unit *units, uint64_t *out)
{
  struct decimal number;
  int fault = read_decimal(&text, &number);
  if (fault != STYRO_GRAMMAR_OK) {
    return fault;
  }
  const struct unit *unit = find_unit(units, text);
  uint64_t whole, part;
  if (unit == NULL) {
    return STYRO_GRAMMAR_WRONG;
  }
  if (__builtin_mul_overflow(number.whole, unit->factor, &whole)) {
    return STYRO_GRAMMAR_RANGE;
  }
  if (__builtin_mul_overflow(number.fraction, unit->factor, &part) || part % number.scale != 0) {
    return STYRO_GRAMMAR_WRONG;
  }
  return __builtin_add_overflow(whole, part / number.scale, out) ? STYRO_GRAMMAR_RANGE : STYRO_GRAMMAR_OK;
}

/* For the types that are kept in an int64_t. */
static int read_signed(const char *text, const struct unit *units, int64_t *out)
{
  uint64_t value;
  int fault = read_scaled(text, units, &value);
  if (fault != STYRO_GRAMMAR_OK) {
    return fault;
  }
  if (value > INT64_MAX) {
    return STYRO_GRAMMAR_RANGE;
  }
  *out = (int64_t)value;
  return STYRO_GRAMMAR_OK;
}

int styro_grammar_bool(const char *text, bool *out)
{
  if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
    return STYRO_GRAMMAR_WRONG;
  }
  *out = text[0] == 't';
  return STYRO_GRAMMAR_OK;
}

/* INT64_MIN cannot be written: no field is near it. */
int styro_grammar_int(const char *text, int64_t *out)
{
  bool negative = text[0] == '-';
  const char *c = text + (negative ? 1 : 0);
  uint64_t value;
  int fault = read_whole(&c, &value);
  if (fault != STYRO_GRAMMAR_OK || *c != '\0') {
    return fault == STYRO_GRAMMAR_RANGE ? fault : STYRO_GRAMMAR_WRONG;
  }
  if (value > INT64_MAX) {
    return STYRO_GRAMMAR_RANGE;
  }
  *out = negative ? -(int64_t)value : (int64_t)value;
  return STYRO_GRAMMAR_OK;
}

int styro_grammar_size(const char *text, uint64_t *out)
{
  return read_scaled(text, size_units, out);
}

int styro_grammar_limit(const char *text, uint64_t *out)
{
  if (strcmp(text, "unlimited") == 0) {
    *out = STYRO_UNLIMITED;
    return STYRO_GRAMMAR_OK;
  }
  return styro_grammar_size(text, out);
}

int styro_grammar_duration(const char *text, int64_t *out)
{
  return read_signed(text, duration_units, out);
}

int styro_grammar_offset(const char *text, int64_t *out)
{
  bool negative = text[0] == '-';
  int fault = read_signed(text + (negative ? 1 : 0), duration_units, out);
  *out = fault == STYRO_GRAMMAR_OK && negative ? -*out : *out;
  return fault;
}

int styro_grammar_cores(const char *text, int64_t *out)
{
  return read_signed(text, core_units, out);
}

/* Octal always, with or without a leading zero, as chmod(1) reads it. */
int styro_grammar_mode(const char *text, int64_t *out)
{
  int64_t mode = 0;
  const char *c = text;
  for (; *c >= '0' && *c <= '7'; c++) {
    if (mode > 077777) {
      return STYRO_GRAMMAR_RANGE;
    }
    mode = mode * 8 + (*c - '0');
  }
  if (c == text || *c != '\0') {
    return STYRO_GRAMMAR_WRONG;
  }
  *out = mode;
  return STYRO_GRAMMAR_OK;
}

/* Written so that NaN fails the test as well. 9.2e18 is below INT64_MAX, which has no exact double. */
int styro_grammar_scaled(double value, int64_t unit, int64_t *out)
{
  double scaled = value * (double)unit;
  if (!(scaled >= 0 && scaled < 9.2e18)) {
    return STYRO_GRAMMAR_RANGE;
  }
  *out = (int64_t)(scaled + 0.5);
  return STYRO_GRAMMAR_OK;
}

/* The largest unit that divides the value; `units` starts with the smallest, whose factor is 1. */
static const struct unit *best_unit(const struct unit *units, uint64_t value)
{
  const struct unit *best = units;
  for (const struct unit *unit = units; unit->name != NULL; unit++) {
    if (value % unit->factor == 0 && unit->factor > best->factor) {
      best = unit;
    }
  }
  return best;
}

#define PRINTED_SCALED (STYRO_PRINTED - 1) /* a sign may stand before it */

/* Zero has every unit; without one it reads back everywhere. */
static const char *print_scaled(const struct unit *units, uint64_t value, char *out)
{
  const struct unit *unit = best_unit(units, value);
  if (value == 0) {
    snprintf(out, PRINTED_SCALED, "0");
  } else {
    snprintf(out, PRINTED_SCALED, "%" PRIu64 "%s", value / unit->factor, unit->name);
  }
  return out;
}

const char *styro_print_size(uint64_t bytes, char *out)
{
  return print_scaled(size_units, bytes, out);
}

const char *styro_print_duration(int64_t nanoseconds, char *out)
{
  return print_scaled(duration_units + 1, (uint64_t)nanoseconds, out);
}

const char *styro_print_offset(int64_t nanoseconds, char *out)
{
  out[0] = '-';
  styro_print_duration(nanoseconds < 0 ? -nanoseconds : nanoseconds, out + (nanoseconds < 0));
  return out;
}

const char *styro_print_cores(int64_t millionths, char *out)
{
  int len = snprintf(out, STYRO_PRINTED, "%" PRId64 ".%06" PRId64, millionths / 1000000, millionths % 1000000);
  while (len > 0 && out[len - 1] == '0') {
    out[--len] = '\0';
  }
  if (len > 0 && out[len - 1] == '.') {
    out[len - 1] = '\0';
  }
  return out;
}
