/* Bytes as text: UTF-8 checked, base64 written and read. Knows no JSON. */
#include "encoding.h"

#include <stdint.h>
#include <string.h>

/* Well-formed sequences by their first byte: how long, and what the second byte may be. */
static const struct {
  uint8_t first_low, first_high, length, second_low, second_high;
} forms[] = {
    {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, /* no surrogates */
    {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}, /* none beyond U+10FFFF */
};

static size_t match_form(const uint8_t *bytes, size_t len, size_t form)
{
  if (bytes[0] < forms[form].first_low || bytes[0] > forms[form].first_high || len < forms[form].length ||
      bytes[1] < forms[form].second_low || bytes[1] > forms[form].second_high) {
    return 0;
  }
  for (size_t i = 2; i < forms[form].length; i++) {
    if ((bytes[i] & 0xc0) != 0x80) {
      return 0;
    }
  }
  return forms[form].length;
}

size_t styro_utf8_length(const char *text, size_t len)
{
  const uint8_t *bytes = (const uint8_t *)text;
  size_t found = len > 0 && bytes[0] < 0x80 ? 1 : 0;
  for (size_t form = 0; len > 1 && !found && form < sizeof forms / sizeof *forms; form++) {
    found = match_form(bytes, len, form);
  }
  return found;
}

bool styro_utf8_valid(const char *text, size_t len)
{
  size_t at = 0;
  while (at < len) {
    size_t step = styro_utf8_length(text + at, len - at);
    if (step == 0) {
      return false;
    }
    at += step;
  }
  return true;
}

void styro_utf8_clean(char *text)
{
  size_t len = strlen(text);
  for (size_t at = 0; at < len;) {
    size_t step = styro_utf8_length(text + at, len - at);
    if (step == 0) {
      text[at] = '?';
      step = 1;
    }
    at += step;
  }
}

void styro_line_clean(char *text)
{
  styro_utf8_clean(text);
  for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
    if (*c < 0x20 || *c == 0x7f) {
      *c = '?';
    } else if (*c == 0xc2 && c[1] < 0xa0) { /* U+0080 to U+009F: a terminal may take U+009B for an escape sequence */
      c[0] = c[1] = '?';
    }
  }
}

/* ---- base64 ------------------------------------------------------------------------------------------------------ */

void styro_base64(struct styro_buffer *buffer, const void *bytes, size_t len)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const uint8_t *in = bytes;
  for (size_t at = 0; at < len; at += 3) {
    size_t n = len - at < 3 ? len - at : 3;
    uint32_t group = (uint32_t)in[at] << 16;
    group |= n > 1 ? (uint32_t)in[at + 1] << 8 : 0;
    group |= n > 2 ? in[at + 2] : 0;
    char out[4];
    for (size_t i = 0; i < 4; i++) {
      out[i] = i <= n ? digits[group >> (18 - 6 * i) & 63] : '=';
    }
    styro_buffer_bytes(buffer, out, sizeof out);
  }
}

/* -1: none. */
static int value_of(char digit)
{
  if (digit >= 'A' && digit <= 'Z') {
    return digit - 'A';
  }
  if (digit >= 'a' && digit <= 'z') {
    return digit - 'a' + 26;
  }
  if (digit >= '0' && digit <= '9') {
    return digit - '0' + 52;
  }
  return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* At most two `=` stand at the end. */
static size_t padding_of(const char *text, size_t len)
{
  size_t n = 0;
  while (n < 2 && n < len && text[len - 1 - n] == '=') {
    n++;
  }
  return n;
}

int styro_base64_check(const char *text, size_t *at)
{
  size_t len = strlen(text);
  size_t padding = padding_of(text, len);
  for (size_t i = 0; i < len - padding; i++) {
    if (value_of(text[i]) < 0) {
      *at = i + 1;
      return STYRO_BASE64_DIGIT;
    }
  }
  *at = len;
  if (len % 4) {
    return STYRO_BASE64_LENGTH;
  }
  *at = len - padding;
  int unused = padding == 2 ? 15 : 3;
  return padding && value_of(text[*at - 1]) & unused ? STYRO_BASE64_BITS : STYRO_BASE64_OK;
}

size_t styro_base64_size(const char *text)
{
  size_t len = strlen(text);
  return len / 4 * 3 - padding_of(text, len);
}

void styro_base64_decode(struct styro_buffer *buffer, const char *text)
{
  for (; *text; text += 4) {
    size_t padding = padding_of(text, 4);
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
      group = group << 6 | (i < 4 - padding ? (uint32_t)value_of(text[i]) : 0);
    }
    const uint8_t bytes[] = {(uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group};
    styro_buffer_bytes(buffer, bytes, 3 - padding);
  }
}
