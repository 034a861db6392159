/* Feeding of stdin: bytes from memory into our end of a pipe, without blocking and without SIGPIPE for the caller. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"

int styro_feed_init(struct styro_feed *feed, const styro_allocator *alloc, int fd, const styro_stream *stream)
{
  struct styro_feed fresh = {.alloc = *alloc, .fd = -1, .data = stream->data, .len = stream->len};
  if (fd >= 0 && stream->len && !stream->borrow) {
    fresh.owned = styro_realloc(alloc, NULL, 0, stream->len);
    if (!fresh.owned) {
      return STYRO_ENOMEM;
    }
    memcpy(fresh.owned, stream->data, stream->len);
    fresh.data = fresh.owned;
  }
  fresh.fd = fd;
  *feed = fresh;
  return STYRO_OK;
}

void styro_feed_free(struct styro_feed *feed)
{
  styro_dealloc(&feed->alloc, feed->owned, feed->len);
  feed->owned = NULL;
}

static int write_some(struct styro_feed *feed, size_t budget)
{
  while (feed->done < feed->len && budget > 0) {
    size_t left = feed->len - feed->done;
    ssize_t n = write(feed->fd, feed->data + feed->done, left < budget ? left : budget);
    if (n >= 0) {
      feed->done += (size_t)n;
      budget -= (size_t)n;
    } else if (errno == EAGAIN) {
      return STYRO_FLOW_WAIT;
    } else if (errno != EINTR) {
      return STYRO_FLOW_END; /* EPIPE: the payload reads no further, which is its right */
    }
  }
  return feed->done < feed->len ? STYRO_FLOW_MORE : STYRO_FLOW_END;
}

static bool sigpipe_pending(void)
{
  sigset_t pending;
  sigemptyset(&pending);
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

/*
 * A pipe has no MSG_NOSIGNAL, and a socket pair as stdin breaks programs that open /dev/stdin. So SIGPIPE is held back
 * in this thread while it writes; one that came from this write is taken out of the queue before the mask returns.
 */
int styro_feed_write(struct styro_feed *feed, size_t budget)
{
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  bool was_pending = sigpipe_pending();
  int flow = write_some(feed, budget);
  if (flow == STYRO_FLOW_END && feed->done < feed->len && !was_pending) {
    while (sigtimedwait(&blocked, NULL, &(struct timespec){0, 0}) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return flow;
}
