/*
 * The few functions of <string.h> that helper and reader use. The helper is linked with no C library: one that starts by
 * itself, has a locale or picks its routines by processor costs more to execute than all of this, and could not be used
 * in memory that two processes share.
 */
#include <stddef.h>
#include <string.h>

/* <string.h> of the host calls its parameters __dest and __src. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

/* Keeps a compiler from turning a loop back into a call of the function that it stands in. */
#define PLAIN_LOOP() __asm__ volatile("" ::: "memory")

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
  char *out = to;
  const char *in = from;
  for (size_t i = 0; i < n; i++) {
    out[i] = in[i];
    PLAIN_LOOP();
  }
  return to;
}

void *memmove(void *to, const void *from, size_t n)
{
  char *out = to;
  const char *in = from;
  for (size_t i = 0; i < n; i++) {
    size_t at = out < in ? i : n - 1 - i;
    out[at] = in[at];
    PLAIN_LOOP();
  }
  return to;
}

void *memset(void *to, int byte, size_t n)
{
  char *out = to;
  for (size_t i = 0; i < n; i++) {
    out[i] = (char)byte;
    PLAIN_LOOP();
  }
  return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
  const unsigned char *left = a;
  const unsigned char *right = b;
  for (size_t i = 0; i < n; i++) {
    if (left[i] != right[i]) {
      return left[i] < right[i] ? -1 : 1;
    }
  }
  return 0;
}

void *memchr(const void *block, int byte, size_t n)
{
  const unsigned char *at = block;
  for (size_t i = 0; i < n; i++) {
    if (at[i] == (unsigned char)byte) {
      return (void *)(at + i);
    }
  }
  return NULL;
}

size_t strlen(const char *text)
{
  size_t n = 0;
  while (text[n]) {
    n++;
    PLAIN_LOOP();
  }
  return n;
}

char *strcpy(char *restrict to, const char *restrict from)
{
  return memcpy(to, from, strlen(from) + 1);
}

int strcmp(const char *a, const char *b)
{
  for (; *a && *a == *b; a++, b++) {
  }
  return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (a[i] != b[i] || !a[i]) {
      return (unsigned char)a[i] - (unsigned char)b[i];
    }
  }
  return 0;
}

char *strchr(const char *text, int byte)
{
  return memchr(text, byte, strlen(text) + 1);
}

char *strrchr(const char *text, int byte)
{
  for (size_t n = strlen(text) + 1; n > 0; n--) {
    if (text[n - 1] == (char)byte) {
      return (char *)(text + n - 1);
    }
  }
  return NULL;
}

size_t strcspn(const char *text, const char *stops)
{
  size_t n = 0;
  while (text[n] && !strchr(stops, text[n])) {
    n++;
  }
  return n;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
