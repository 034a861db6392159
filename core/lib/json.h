/*
 * Text to a JSON value, through jansson: size, depth, duplicates, line and column. Knows no field. What it hands out is
 * jansson's, with malloc(3), and must be dropped before the library call ends (json_auto_t).
 */
#ifndef STYRO_LIB_JSON_H
#define STYRO_LIB_JSON_H

#include <jansson.h>

#include "error.h"

#define STYRO_JSON_MAX ((size_t)4 << 20) /* as much as one plan may be */
#define STYRO_JSON_DEPTH 16

/* Parses any JSON value. Fails with STYRO_EPARSE or STYRO_ENOMEM; *out is a new reference. */
int styro_json_parse(const char *text, size_t len, json_t **out, styro_error *err);

/*
 * The text of a JSON text. NULL for all else, and where a NUL stands inside: it would end the text early, and "none\0x"
 * would pass as "none".
 */
const char *styro_json_text(const json_t *value);

/* "a list", "true or false", … for messages. Static text. */
const char *styro_json_noun(const json_t *value);

#endif
