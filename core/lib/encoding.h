/* Bytes as text: UTF-8 checked, base64 written. Knows no JSON. */
#ifndef STYRO_LIB_ENCODING_H
#define STYRO_LIB_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

#include "alloc.h"

/* Length of the well-formed UTF-8 character at the start of text (Unicode 15, table 3-7); 0: there is none. */
size_t styro_utf8_length(const char *text, size_t len);

/* Whether all of it is well-formed UTF-8. */
bool styro_utf8_valid(const char *text, size_t len);

/* Puts '?' for every byte that belongs to no well-formed character, such as half of one where a text was cut. */
void styro_utf8_clean(char *text);

/* As styro_utf8_clean(), and puts '?' for every byte of a control character (C0, DEL, C1), which could steer a terminal. */
void styro_line_clean(char *text);

/* Appends the bytes in base64 (RFC 4648 section 4, padded). */
void styro_base64(struct styro_buffer *buffer, const void *bytes, size_t len);

#endif
