/*
 * Bounded capture of a stream, and feeding of stdin: bytes between our end of a pipe and memory, without blocking.
 * Memory grows by need up to the limit and never beyond it. Knows no process and no outcome.
 */
#ifndef STYRO_LIB_CAPTURE_H
#define STYRO_LIB_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../wire/plan.h"
#include "alloc.h"
#include "styrolite.h"

/* What is kept of each captured stream when neither request nor run sets `output.limit`. */
#define STYRO_CAPTURE_DEFAULT (UINT64_C(16) << 20)

/* One captured stream. Kept bytes stand in `data`: the head, then the tail as a ring once the limit is reached. */
struct styro_sink {
  styro_allocator alloc;
  int fd; /* our end, non-blocking; -1: not captured, or at its end; whoever made the sink closes it */
  bool captured;
  char *data;
  size_t capacity;
  size_t len; /* bytes kept */
  size_t limit;
  size_t head;    /* bytes at the start that are never overwritten */
  size_t ring;    /* where in the tail the next byte goes, once len == limit */
  uint64_t bytes; /* all that was read */
};

/* fd -1: not captured. keep: enum wire_keep. */
void styro_sink_init(struct styro_sink *sink, const styro_allocator *alloc, int fd, uint64_t limit, int keep);

/* What moving bytes came to. */
enum styro_flow {
  STYRO_FLOW_WAIT,  /* nothing more at this moment */
  STYRO_FLOW_MORE,  /* the budget was used up; there may be more */
  STYRO_FLOW_END,   /* the stream ended: its descriptor is to be closed */
  STYRO_FLOW_ENOMEM /* no memory to keep the next bytes, which are still in the pipe */
};

/* Reads at most `budget` bytes. Returns an enum styro_flow; an error of read(2) counts as the end. */
int styro_sink_read(struct styro_sink *sink, size_t budget);

/* Reads what the pipe holds now: for when the tree is dead but somebody outside holds the pipe. END or ENOMEM. */
int styro_sink_finish(struct styro_sink *sink);

bool styro_sink_overflowed(const struct styro_sink *sink);

/* The kept bytes in order; they belong to the sink. */
void styro_sink_result(struct styro_sink *sink, styro_capture *out);

void styro_sink_free(struct styro_sink *sink);

/* What is fed to stdin. */
struct styro_feed {
  styro_allocator alloc;
  int fd; /* our end, non-blocking; -1: nothing left to feed; whoever made the feed closes it */
  const char *data;
  size_t len;
  size_t done;
  char *owned; /* the copy, NULL when the data is borrowed */
};

/* fd -1: no feed. Copies the data unless borrow. STYRO_ENOMEM or 0. */
int styro_feed_init(struct styro_feed *feed, const styro_allocator *alloc, int fd, const styro_stream *stream);

/* Writes at most `budget` bytes; SIGPIPE never reaches the caller. Returns an enum styro_flow. */
int styro_feed_write(struct styro_feed *feed, size_t budget);

void styro_feed_free(struct styro_feed *feed);

#endif
