/* Bytes as text: UTF-8 checked, base64 written and read. Knows no JSON. */
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

enum styro_base64_fault {
  STYRO_BASE64_OK,
  STYRO_BASE64_DIGIT,  /* a character that cannot stand there: no digit, or padding before the end */
  STYRO_BASE64_LENGTH, /* not in whole groups of four characters */
  STYRO_BASE64_BITS    /* the last digit holds more than the last byte: cut, or written by something else */
};

/* The way back takes that one form alone: enum styro_base64_fault, and which character it is about, the first is 1. */
int styro_base64_check(const char *text, size_t *at);

/* Of a text that was checked: how many bytes it holds; and appends them. */
size_t styro_base64_size(const char *text);
void styro_base64_decode(struct styro_buffer *buffer, const char *text);

#endif
