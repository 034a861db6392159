/*
 * Filling styro_error: context once, where it happened. Owns no memory and knows no names (names.c). Texts may quote
 * what a stranger wrote, so control bytes are taken out here, once, before any terminal sees them.
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "encoding.h"

/* An older caller's smaller struct, or one whose size was never set, is left alone: only the code tells. */
static int can_fill(const styro_error *err)
{
  return err != NULL && err->size >= sizeof *err;
}

/* A cut in the middle of a UTF-8 character would make the text invalid for JSON. */
static void drop_partial_character(char *text, size_t len)
{
  size_t start = len;
  while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
    start--;
  }
  if (start > 0 && styro_utf8_length(text + start - 1, len - start + 1) == 0) {
    text[start - 1] = '\0';
  }
}

static void fill(char *out, size_t size, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

/*
 * Prints, cuts at a character and cleans: what was cut before it came here (`%.200s`) may end within one. A text that
 * cannot be printed is empty rather than garbage.
 */
static void fill(char *out, size_t size, const char *format, va_list args)
{
  int len = vsnprintf(out, size, format, args);
  if (len < 0) {
    out[0] = '\0';
    return;
  }
  if ((size_t)len >= size) {
    drop_partial_character(out, size - 1);
  }
  styro_line_clean(out);
}

int styro_fail(styro_error *err, int code, int stage, int sys_errno, const char *format, ...)
{
  if (can_fill(err)) {
    err->code = code;
    err->sys_errno = sys_errno;
    err->stage = stage;
    err->field[0] = err->object[0] = err->hint[0] = '\0';
    va_list args;
    va_start(args, format);
    fill(err->message, sizeof err->message, format, args);
    va_end(args);
  }
  return code;
}

void styro_error_field(styro_error *err, const char *format, ...)
{
  if (can_fill(err)) {
    va_list args;
    va_start(args, format);
    fill(err->field, sizeof err->field, format, args);
    va_end(args);
  }
}

void styro_error_object(styro_error *err, const char *format, ...)
{
  if (can_fill(err)) {
    va_list args;
    va_start(args, format);
    fill(err->object, sizeof err->object, format, args);
    va_end(args);
  }
}

void styro_error_hint(styro_error *err, const char *format, ...)
{
  if (can_fill(err)) {
    va_list args;
    va_start(args, format);
    fill(err->hint, sizeof err->hint, format, args);
    va_end(args);
  }
}

/* Says no more: the texts of an error have fixed room, and more could only be guessed. */
int styro_fail_memory(styro_error *err, int stage)
{
  return styro_fail(err, STYRO_ENOMEM, stage, 0, "out of memory");
}
