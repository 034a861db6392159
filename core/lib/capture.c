/*
 * Bounded capture of a stream: bytes from our end of a pipe into memory, without blocking. Memory grows by need up to
 * the limit and never beyond it. Knows no process and no outcome.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY 8192u
#define SCRATCH 16384u /* on the stack: small enough for the threads of any C library */
#define PIPE_SIZE 65536

static size_t head_of(size_t limit, int keep)
{
  switch (keep) {
  case WIRE_KEEP_TAIL: return 0;
  case WIRE_KEEP_BOTH: return limit - limit / 2;
  default: return limit;
  }
}

void styro_sink_init(struct styro_sink *sink, const styro_allocator *alloc, int fd, uint64_t limit, int keep)
{
  memset(sink, 0, sizeof *sink);
  sink->alloc = *alloc;
  sink->fd = fd;
  sink->captured = fd >= 0;
  sink->limit = limit < SIZE_MAX / 4 ? (size_t)limit : SIZE_MAX / 4;
  sink->head = head_of(sink->limit, keep);
}

void styro_sink_free(struct styro_sink *sink)
{
  styro_dealloc(&sink->alloc, sink->data, sink->capacity);
  sink->data = NULL;
  sink->capacity = 0;
  sink->len = 0;
}

static bool grow(struct styro_sink *sink)
{
  size_t capacity = sink->capacity ? sink->capacity * 2 : FIRST_CAPACITY;
  if (capacity > sink->limit) {
    capacity = sink->limit;
  }
  char *data = styro_realloc(&sink->alloc, sink->data, sink->capacity, capacity);
  if (!data) {
    return false;
  }
  sink->data = data;
  sink->capacity = capacity;
  return true;
}

/* Bytes beyond the limit: into the ring, or nowhere when only the head is kept. */
static void keep_tail(struct styro_sink *sink, const char *bytes, size_t n)
{
  size_t size = sink->limit - sink->head;
  if (size == 0) {
    return;
  }
  if (n > size) { /* only the last ones can stay */
    sink->ring = (sink->ring + (n - size)) % size;
    bytes += n - size;
    n = size;
  }
  char *ring = sink->data + sink->head;
  size_t first = n < size - sink->ring ? n : size - sink->ring;
  memcpy(ring + sink->ring, bytes, first);
  memcpy(ring, bytes + first, n - first);
  sink->ring = (sink->ring + n) % size;
}

/* One read(2): straight into the buffer while it has room below the limit, else through the stack. */
static ssize_t read_once(struct styro_sink *sink, size_t most)
{
  char scratch[SCRATCH];
  if (sink->len < sink->limit) {
    size_t room = sink->capacity - sink->len;
    ssize_t n = read(sink->fd, sink->data + sink->len, room < most ? room : most);
    sink->len += n > 0 ? (size_t)n : 0;
    return n;
  }
  ssize_t n = read(sink->fd, scratch, sizeof scratch < most ? sizeof scratch : most);
  if (n > 0) {
    keep_tail(sink, scratch, (size_t)n);
  }
  return n;
}

int styro_sink_read(struct styro_sink *sink, size_t budget)
{
  while (budget > 0) {
    if (sink->len == sink->capacity && sink->len < sink->limit && !grow(sink)) {
      return STYRO_FLOW_ENOMEM;
    }
    ssize_t n = read_once(sink, budget);
    if (n > 0) {
      sink->bytes += (uint64_t)n;
      budget -= (size_t)n;
    } else if (n < 0 && errno == EAGAIN) {
      return STYRO_FLOW_WAIT;
    } else if (n == 0 || errno != EINTR) {
      return STYRO_FLOW_END;
    }
  }
  return STYRO_FLOW_MORE;
}

int styro_sink_finish(struct styro_sink *sink)
{
  int size = fcntl(sink->fd, F_GETPIPE_SZ);
  /* What the dead tree wrote fits into the pipe; whoever goes on writing is no part of it. */
  int flow = styro_sink_read(sink, size > 0 ? (size_t)size : PIPE_SIZE);
  return flow == STYRO_FLOW_ENOMEM ? flow : STYRO_FLOW_END;
}

bool styro_sink_overflowed(const struct styro_sink *sink)
{
  return sink->bytes > sink->limit;
}

static void reverse(char *from, char *to)
{
  while (from < to) {
    char byte = *from;
    *from++ = *--to;
    *to = byte;
  }
}

/* Turns the ring so that the tail stands in order, in place: no second buffer of the limit's size. */
static void straighten(struct styro_sink *sink)
{
  char *tail = sink->data + sink->head;
  char *end = sink->data + sink->limit;
  reverse(tail, tail + sink->ring);
  reverse(tail + sink->ring, end);
  reverse(tail, end);
  sink->ring = 0;
}

void styro_sink_result(struct styro_sink *sink, styro_capture *out)
{
  memset(out, 0, sizeof *out);
  if (!sink->captured) {
    return;
  }
  if (sink->ring) {
    straighten(sink);
  }
  out->captured = 1;
  out->truncated = styro_sink_overflowed(sink);
  out->bytes = sink->bytes;
  out->data = sink->data ? sink->data : "";
  out->kept = sink->len;
}
