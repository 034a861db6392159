/*
 * A handle's memory: the caller's allocator behind a few typed words, and the growing buffer. Keeps no list of what it
 * gave out; whoever holds a block also knows its size.
 */
#include "alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"

/*
 * The allocator of who named none. realloc(3) with size 0 is not portable, so freeing is its own branch (C17,
 * 7.22.3).
 */
static void *malloc_allocator(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
  (void)ctx;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return realloc(ptr, new_size);
}

styro_allocator styro_allocator_or_malloc(const styro_allocator *alloc)
{
  if (alloc != NULL && alloc->fn != NULL) {
    return *alloc;
  }
  return (styro_allocator){.fn = malloc_allocator, .ctx = NULL};
}

/* A new size of 0 means "free" to the allocator, so an empty block counts one byte, both when it comes and goes. */
static size_t block_size(size_t size)
{
  return size == 0 ? 1 : size;
}

/* Zeroed by hand: an allocator of the caller's promises nothing about what it hands out. */
void *styro_alloc(const styro_allocator *alloc, size_t size)
{
  void *block = alloc->fn(alloc->ctx, NULL, 0, block_size(size));
  if (block != NULL) {
    memset(block, 0, block_size(size));
  }
  return block;
}

void *styro_alloc_array(const styro_allocator *alloc, size_t n, size_t size)
{
  size_t total;
  if (__builtin_mul_overflow(n, size, &total)) {
    return NULL;
  }
  return styro_alloc(alloc, total);
}

void *styro_realloc(const styro_allocator *alloc, void *ptr, size_t old_size, size_t new_size)
{
  return alloc->fn(alloc->ctx, ptr, ptr == NULL ? 0 : block_size(old_size), block_size(new_size));
}

void styro_dealloc(const styro_allocator *alloc, void *ptr, size_t size)
{
  if (ptr != NULL) {
    alloc->fn(alloc->ctx, ptr, block_size(size), 0);
  }
}

char *styro_strdup(const styro_allocator *alloc, const char *text)
{
  return text == NULL ? NULL : styro_strndup(alloc, text, strlen(text));
}

char *styro_strndup(const styro_allocator *alloc, const char *text, size_t len)
{
  if (text == NULL || len == SIZE_MAX) {
    return NULL;
  }
  char *copy = styro_alloc(alloc, len + 1);
  if (copy != NULL) {
    memcpy(copy, text, len);
  }
  return copy;
}

void styro_strfree(const styro_allocator *alloc, char *text)
{
  if (text != NULL) {
    styro_dealloc(alloc, text, strlen(text) + 1);
  }
}

void styro_buffer_init(struct styro_buffer *buffer, const styro_allocator *alloc)
{
  *buffer = (struct styro_buffer){.alloc = styro_allocator_or_malloc(alloc)};
}

/* Gives the memory back at once: whoever writes on writes into nothing, and asks only once at the end. */
static void buffer_fail(struct styro_buffer *buffer)
{
  styro_buffer_free(buffer);
  buffer->failed = 1;
}

/* Makes room for `more` bytes and the NUL after them. False when the buffer has failed, now or before. */
static int buffer_reserve(struct styro_buffer *buffer, size_t more)
{
  size_t need;
  if (buffer->failed) {
    return 0;
  }
  if (__builtin_add_overflow(buffer->len, more, &need) || need > SIZE_MAX / 4) {
    buffer_fail(buffer);
    return 0;
  }
  if (need + 1 <= buffer->capacity) {
    return 1;
  }
  size_t capacity = need + 1 < 64 ? 64 : (need + 1) * 2;
  char *data = styro_realloc(&buffer->alloc, buffer->data, buffer->capacity, capacity);
  if (data == NULL) {
    buffer_fail(buffer);
    return 0;
  }
  buffer->data = data;
  buffer->capacity = capacity;
  return 1;
}

void styro_buffer_bytes(struct styro_buffer *buffer, const void *bytes, size_t len)
{
  if (!buffer_reserve(buffer, len)) {
    return;
  }
  if (len > 0) {
    memcpy(buffer->data + buffer->len, bytes, len);
  }
  buffer->len += len;
  buffer->data[buffer->len] = '\0';
}

void styro_buffer_text(struct styro_buffer *buffer, const char *text)
{
  styro_buffer_bytes(buffer, text, strlen(text));
}

/* Two passes: the first measures, so that no text is ever cut. */
void styro_buffer_format(struct styro_buffer *buffer, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  if (len < 0) {
    buffer_fail(buffer);
  } else if (buffer_reserve(buffer, (size_t)len)) {
    vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, again);
    buffer->len += (size_t)len;
  }
  va_end(again);
  va_end(args);
}

/* What RFC 8259, section 7, has a short form for; other control bytes become \u00XX. */
static const char *short_escape(unsigned char c)
{
  switch (c) {
  case '"': return "\\\"";
  case '\\': return "\\\\";
  case '\n': return "\\n";
  case '\r': return "\\r";
  case '\t': return "\\t";
  default: return NULL;
  }
}

/* Quoted and escaped; '?' for every byte of no character, such as half of one where a text was cut: else it were no JSON. */
void styro_buffer_json_string(struct styro_buffer *buffer, const char *text, size_t len)
{
  styro_buffer_text(buffer, "\"");
  for (size_t i = 0; i < len;) {
    unsigned char c = (unsigned char)text[i];
    const char *escape = short_escape(c);
    size_t character = styro_utf8_length(text + i, len - i);
    if (escape != NULL) {
      styro_buffer_text(buffer, escape);
    } else if (c < 0x20 || c == 0x7f) {
      styro_buffer_format(buffer, "\\u%04x", c);
    } else {
      styro_buffer_bytes(buffer, character == 0 ? "?" : text + i, character == 0 ? 1 : character);
    }
    i += character == 0 ? 1 : character;
  }
  styro_buffer_text(buffer, "\"");
}

void styro_buffer_align(struct styro_buffer *buffer, size_t to)
{
  static const char zeros[16];
  while (!buffer->failed && buffer->len % to != 0) {
    size_t missing = to - buffer->len % to;
    styro_buffer_bytes(buffer, zeros, missing < sizeof zeros ? missing : sizeof zeros);
  }
}

/* Shrinking may fail too, with an allocator that moves blocks: then there is no text at all, and nothing leaks. */
char *styro_buffer_steal(struct styro_buffer *buffer)
{
  if (!buffer_reserve(buffer, 0)) {
    return NULL;
  }
  buffer->data[buffer->len] = '\0';
  size_t size = strlen(buffer->data) + 1;
  char *text = styro_realloc(&buffer->alloc, buffer->data, buffer->capacity, size);
  if (text == NULL) {
    buffer_fail(buffer);
    return NULL;
  }
  styro_buffer_init(buffer, &buffer->alloc);
  return text;
}

void styro_buffer_free(struct styro_buffer *buffer)
{
  styro_dealloc(&buffer->alloc, buffer->data, buffer->capacity);
  styro_buffer_init(buffer, &buffer->alloc);
}
