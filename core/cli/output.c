/*
 * Bytes to descriptors. No stdio: a full disk has to be seen at the write that hits it. SIGPIPE is ignored by main, so
 * a reader that went away shows as EPIPE.
 */
#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Another program may have left the terminal or pipe non-blocking, which is shared by all who hold it. */
static void wait_writable(int fd)
{
  struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

  poll(&poll_fd, 1, -1);
}

int output_bytes(int fd, const char *name, const void *bytes, size_t len, struct failure *failure)
{
  const char *at = bytes;

  while (len > 0) {
    ssize_t n = write(fd, at, len);
    if (n >= 0) {
      at += n;
      len -= (size_t)n;
    } else if (errno == EAGAIN) {
      wait_writable(fd);
    } else if (errno != EINTR) {
      return failure_system(failure, "write", name, errno, "cannot write");
    }
  }
  return 0;
}

int output_text(const char *text, struct failure *failure)
{
  size_t len = strlen(text);

  if (output_bytes(STDOUT_FILENO, "standard output", text, len, failure) < 0) {
    return -1;
  }
  if (len > 0 && text[len - 1] == '\n') {
    return 0;
  }
  return output_bytes(STDOUT_FILENO, "standard output", "\n", 1, failure);
}
