/*
 * One look over JSON text without a parser. Needs no valid text and no memory: what is wrong with the text is said by
 * the parser, which is told here how much it must have found.
 */
#include "json_scan.h"

#include <string.h>

struct scanner {
  const char *text;
  size_t len, at;
  struct styro_json_scan *out;
};

/* Wrong digits give a wrong number: then the text is no JSON, and nobody asks for the sum. */
static unsigned hex4(const struct scanner *s, size_t at)
{
  unsigned unit = 0;
  for (size_t i = at; i < at + 4 && i < s->len; i++) {
    char c = s->text[i];
    unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
    unit = unit * 16 + (digit & 15);
  }
  return unit;
}

/* UTF-8 bytes of one \u escape; each half of a surrogate pair counts two of its four. */
static size_t unit_bytes(unsigned unit)
{
  bool surrogate = unit >= 0xd800 && unit <= 0xdfff;
  return unit < 0x80 ? 1 : unit < 0x800 || surrogate ? 2 : 3;
}

/* Moves from one quote behind the other. */
static void scan_text(struct scanner *s)
{
  for (s->at++; s->at < s->len && s->text[s->at] != '"'; s->at++) {
    size_t bytes = 1;
    if (s->text[s->at] == '\\') {
      s->at++;
      if (s->at < s->len && s->text[s->at] == 'u') {
        bytes = unit_bytes(hex4(s, s->at + 1));
        s->at += 4;
      }
    }
    s->out->text_bytes += bytes;
  }
  s->at++;
}

/* Numbers, true, false, null: whatever is neither text nor bracket. */
static void scan_other(struct scanner *s)
{
  size_t start = s->at;
  while (s->at < s->len && strchr(" \t\r\n\"[]{},:", s->text[s->at]) == NULL) {
    s->at++;
  }
  size_t len = s->at - start;
  s->out->longest_other = len > s->out->longest_other ? len : s->out->longest_other;
}

/* Only looked for when it is needed. */
static void locate(const struct scanner *s)
{
  s->out->line = 1;
  s->out->column = 1;
  for (size_t i = 0; i < s->at; i++) {
    s->out->column = s->text[i] == '\n' ? 1 : s->out->column + 1;
    s->out->line += s->text[i] == '\n';
  }
}

void styro_json_scan(const char *text, size_t len, int depth_max, struct styro_json_scan *out)
{
  struct scanner s = {.text = text, .len = len, .out = out};
  int depth = 0;
  *out = (struct styro_json_scan){.too_deep = false};
  while (s.at < len && !out->too_deep) {
    char c = text[s.at];
    if (c == '"') {
      scan_text(&s);
    } else if (c == '\0' || strchr(" \t\r\n[]{},:", c) != NULL) {
      depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
      out->too_deep = depth > depth_max;
      s.at++;
    } else {
      scan_other(&s);
    }
  }
  if (out->too_deep) {
    s.at--;
    locate(&s);
  }
}
