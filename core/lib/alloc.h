/* A handle's memory: the caller's allocator behind a few typed words. Owns nothing; keeps no list of what it gave. */
#ifndef STYRO_LIB_ALLOC_H
#define STYRO_LIB_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

#include "styrolite.h"

/* NULL gives the malloc(3) allocator. */
styro_allocator styro_allocator_or_malloc(const styro_allocator *alloc);

void *styro_alloc(const styro_allocator *alloc, size_t size);                 /* zeroed; NULL when out of memory */
void *styro_alloc_array(const styro_allocator *alloc, size_t n, size_t size); /* zeroed, overflow-checked */
void *styro_realloc(const styro_allocator *alloc, void *ptr, size_t old_size, size_t new_size);
void styro_dealloc(const styro_allocator *alloc, void *ptr, size_t size); /* NULL is fine */
char *styro_strdup(const styro_allocator *alloc, const char *text);       /* NULL for NULL */
char *styro_strndup(const styro_allocator *alloc, const char *text, size_t len);
void styro_strfree(const styro_allocator *alloc, char *text); /* NULL is fine */

/* A growing byte buffer; always NUL-terminated once it holds anything. After a failure it stays failed and empty. */
struct styro_buffer {
  styro_allocator alloc;
  char *data;
  size_t len;
  size_t capacity;
  int failed;
};

void styro_buffer_init(struct styro_buffer *buffer, const styro_allocator *alloc);
void styro_buffer_bytes(struct styro_buffer *buffer, const void *bytes, size_t len);
void styro_buffer_text(struct styro_buffer *buffer, const char *text);
void styro_buffer_format(struct styro_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void styro_buffer_json_string(struct styro_buffer *buffer, const char *text, size_t len); /* JSON always: see alloc.c */
void styro_buffer_align(struct styro_buffer *buffer, size_t to);                          /* pads with zeros */
/* Takes the text out, shrunk to strlen + 1 bytes, so that styro_strfree() fits; NULL when it failed. */
char *styro_buffer_steal(struct styro_buffer *buffer);
void styro_buffer_free(struct styro_buffer *buffer);

#endif
