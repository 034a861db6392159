/*
 * The words of a seccomp profile of container runtimes, and what is said about a wrong one. What needs somebody who listens, or
 * traces, is known by name and cannot be carried out: a call would hang, or fail for want of him.
 */
#include "oci_words.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "filter_emit.h"
#include "nearest.h"

#define ERRNO_MAX 4095      /* the kernel's MAX_ERRNO */
#define ERRNO_NAMED_MAX 200 /* more than errno(3) has names */

struct word {
  const char *text;
  uint32_t value;
};

static const struct word actions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},      {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD}, {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},          {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},        {NULL, 0},
};
static const struct word ops[] = {
    {"SCMP_CMP_EQ", STYRO_FILTER_EQ},
    {"SCMP_CMP_NE", STYRO_FILTER_NE},
    {"SCMP_CMP_LT", STYRO_FILTER_LT},
    {"SCMP_CMP_LE", STYRO_FILTER_LE},
    {"SCMP_CMP_GT", STYRO_FILTER_GT},
    {"SCMP_CMP_GE", STYRO_FILTER_GE},
    {"SCMP_CMP_MASKED_EQ", STYRO_FILTER_MASKED},
    {NULL, 0},
};

/* Known, and of no use where nobody traces the payload or reads a listener's descriptor. */
static const struct {
  const char *text, *needs;
} unheard[] = {
    {"SCMP_ACT_TRACE", "a tracer"},
    {"SCMP_ACT_NOTIFY", "somebody who listens"},
};

void styro_oci_point(struct styro_oci_fault *fault, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(fault->pointer, sizeof fault->pointer, format, args);
  va_end(args);
}

int styro_oci_wrong(struct styro_oci_fault *fault, const char *hint, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(fault->message, sizeof fault->message, format, args);
  va_end(args);
  snprintf(fault->hint, sizeof fault->hint, "%s", hint);
  return STYRO_EREQUEST;
}

int styro_oci_expected(struct styro_oci_fault *fault, const char *noun, const char *hint)
{
  return styro_oci_wrong(fault, hint, "expected %s", noun);
}

/* Of several that are as near the first is offered; where none is, the first of all. */
static int no_word(struct styro_oci_fault *fault, const struct word *words, const char *text, const char *noun)
{
  struct styro_nearest nearest = {.word = text ? text : ""};
  char hint[120];
  for (size_t i = 0; words[i].text != NULL; i++) {
    styro_nearest_offer(&nearest, words[i].text);
  }
  snprintf(hint, sizeof hint, nearest.best ? "did you mean `%s`?" : "one of them is `%s`",
           nearest.best ? nearest.best : words[0].text);
  return text == NULL ? styro_oci_expected(fault, noun, hint)
                      : styro_oci_wrong(fault, hint, "`%.100s` is not %s that can be carried out", text, noun);
}

static int find_word(struct styro_oci_fault *fault, const struct word *words, const json_t *value, const char *noun,
                     uint32_t *out)
{
  const char *text = json_string_value(value);
  for (size_t i = 0; text != NULL && words[i].text != NULL; i++) {
    if (strcmp(words[i].text, text) == 0) {
      *out = words[i].value;
      return STYRO_OK;
    }
  }
  return no_word(fault, words, text, noun);
}

static int find_action(struct styro_oci_fault *fault, const json_t *value, uint32_t *out)
{
  const char *text = json_string_value(value);
  for (size_t i = 0; text != NULL && i < sizeof unheard / sizeof unheard[0]; i++) {
    if (strcmp(unheard[i].text, text) == 0) {
      return styro_oci_wrong(fault,
                             "write SCMP_ACT_ERRNO to refuse, or SCMP_ACT_LOG to allow with a line in the kernel's log",
                             "`%s` needs %s, and nobody does that here", text, unheard[i].needs);
    }
  }
  return find_word(fault, actions, value, "an action", out);
}

int styro_oci_operator(struct styro_oci_fault *fault, const json_t *value, uint32_t *out)
{
  return find_word(fault, ops, value, "an operator", out);
}

/* ---- error numbers ----------------------------------------------------------------------------------------------- */

/* Containers' own files give the number a second time, by name. */
static int errno_named(const char *name)
{
  for (int number = 1; name != NULL && number <= ERRNO_NAMED_MAX; number++) {
    if (strcmp(styro_errno_name(number), name) == 0) {
      return number;
    }
  }
  return -1;
}

static int read_number(struct styro_oci_fault *fault, const json_t *value, int *out)
{
  json_int_t number = json_integer_value(value);
  if (!json_is_integer(value) || number < 0 || number > ERRNO_MAX) {
    return styro_oci_expected(fault, "an error number", "write a number from 0 to 4095, see errno(3)");
  }
  *out = (int)number;
  return STYRO_OK;
}

static int read_name(struct styro_oci_fault *fault, const json_t *value, int *out)
{
  int number = errno_named(json_string_value(value));
  if (number < 0) {
    return styro_oci_expected(fault, "the name of an error", "write a name of errno(3), such as EPERM");
  }
  if (*out >= 0 && *out != number) {
    return styro_oci_wrong(fault, "leave out one of the two", "`%s` is %d, and the number beside it is %d",
                           json_string_value(value), number, *out);
  }
  *out = number;
  return STYRO_OK;
}

/* -1: none is given. */
static int read_errno(struct styro_oci_fault *fault, const json_t *object, const struct styro_oci_action_keys *keys,
                      const char *at, int *out)
{
  const json_t *number = json_object_get(object, keys->number);
  const json_t *name = json_object_get(object, keys->name);
  int result = STYRO_OK;
  *out = -1;
  if (number != NULL) {
    styro_oci_point(fault, "%s/%s", at, keys->number);
    result = read_number(fault, number, out);
  }
  if (result == STYRO_OK && name != NULL) {
    styro_oci_point(fault, "%s/%s", at, keys->name);
    result = read_name(fault, name, out);
  }
  return result;
}

int styro_oci_action(struct styro_oci_fault *fault, const json_t *object, const struct styro_oci_action_keys *keys,
                     const char *at, uint32_t *out)
{
  int number = -1;
  styro_oci_point(fault, "%s/%s", at, keys->action);
  int result = find_action(fault, json_object_get(object, keys->action), out);
  result = result == STYRO_OK ? read_errno(fault, object, keys, at, &number) : result;
  if (result != STYRO_OK) {
    return result;
  }
  if (*out != SECCOMP_RET_ERRNO) {
    return number < 0 ? STYRO_OK
                      : styro_oci_wrong(fault, "leave it out", "an error number goes with SCMP_ACT_ERRNO alone");
  }
  *out |= number < 0 ? EPERM : (uint32_t)number; /* EPERM, as the spec has it */
  return STYRO_OK;
}

/* ---- keys and lists of words ------------------------------------------------------------------------------------- */

static bool is_among(const char *const *words, const char *text)
{
  for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
    if (text != NULL && strcmp(words[i], text) == 0) {
      return true;
    }
  }
  return false;
}

/* The way out: a word that is near, or else what can be done where none is. */
static void nearest_hint(const char *const *words, const char *text, const char *otherwise, char *out, size_t size)
{
  struct styro_nearest nearest = {.word = text};
  for (size_t i = 0; words[i] != NULL; i++) {
    styro_nearest_offer(&nearest, words[i]);
  }
  if (nearest.best != NULL) {
    snprintf(out, size, "did you mean `%s`?", nearest.best);
  } else {
    snprintf(out, size, "%s", otherwise);
  }
}

int styro_oci_keys(struct styro_oci_fault *fault, const json_t *object, const char *at, const char *const *known,
                   const char *const *refused)
{
  const char *key;
  json_t *value;
  char hint[120];
  json_object_foreach((json_t *)object, key, value)
  {
    styro_oci_point(fault, "%s/%.40s", at, key);
    if (is_among(refused, key)) {
      return styro_oci_wrong(fault, "leave it out", "`%s` needs somebody who listens, and nobody does here", key);
    }
    if (!is_among(known, key)) {
      nearest_hint(known, key, "leave it out", hint, sizeof hint);
      return styro_oci_wrong(fault, hint, "`%.100s` is not a field of a profile here", key);
    }
  }
  return STYRO_OK;
}

int styro_oci_word(struct styro_oci_fault *fault, const json_t *value, const char *const *known, const char *noun)
{
  const char *text = json_string_value(value);
  char hint[120];
  if (is_among(known, text)) {
    return STYRO_OK;
  }
  snprintf(hint, sizeof hint, "one of them is `%s`", known[0]);
  if (text == NULL) {
    return styro_oci_expected(fault, noun, hint);
  }
  char other[sizeof hint];
  memcpy(other, hint, sizeof hint);
  nearest_hint(known, text, other, hint, sizeof hint);
  return styro_oci_wrong(fault, hint, "`%.100s` is not %s", text, noun);
}

int styro_oci_list(struct styro_oci_fault *fault, const json_t *list, const char *at, const char *const *known,
                   const char *noun)
{
  size_t i;
  json_t *one;
  styro_oci_point(fault, "%s", at);
  if (list != NULL && !json_is_array(list)) {
    return styro_oci_expected(fault, "a list", "write it in brackets");
  }
  json_array_foreach(list, i, one)
  {
    styro_oci_point(fault, "%s/%zu", at, i);
    int result = styro_oci_word(fault, one, known, noun);
    if (result != STYRO_OK) {
      return result;
    }
  }
  return STYRO_OK;
}
