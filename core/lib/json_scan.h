/* One look over JSON text without a parser: how deep it is, and how much text stands in it. Knows no values. */
#ifndef STYRO_LIB_JSON_SCAN_H
#define STYRO_LIB_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct styro_json_scan {
  bool too_deep;
  int line, column;     /* of the bracket that is too deep, as people count: from 1 */
  size_t text_bytes;    /* of all texts and keys, escapes resolved; meaningful only for valid JSON */
  size_t longest_other; /* the longest number or word, in bytes */
};

void styro_json_scan(const char *text, size_t len, int depth_max, struct styro_json_scan *out);

#endif
