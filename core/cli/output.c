/*
 * Bytes to descriptors. No stdio: a full disk has to be seen at the write that hits it. SIGPIPE is ignored by main, so
 * a reader that went away shows as EPIPE.
 */
#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
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

/* A duplicate, so that closing it at the end leaves the caller's own descriptor, which may be 1 or 2, as it is. */
static int open_number(const char *target, const char *digits, struct failure *failure)
{
  char *end;
  long number;
  int fd;

  errno = 0;
  number = strtol(digits, &end, 10);
  if (end == digits || *end || errno || number < 0 || number > 0xfffff || digits[0] == '+' || digits[0] == ' ') {
    return failure_usage(failure, "--outcome", "write it as fd:3", "`%s` names no descriptor", target);
  }
  fd = fcntl((int)number, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) {
    return failure_system(failure, "write", target, errno, "the descriptor for the outcome cannot be used");
  }
  return fd;
}

int output_open_outcome(const char *target, struct failure *failure)
{
  int fd;

  if (strncmp(target, "fd:", 3) == 0) {
    return open_number(target, target + 3, failure);
  }
  fd = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
  if (fd < 0) {
    return failure_system(failure, "write", target, errno, "cannot open the file for the outcome");
  }
  return fd;
}

int output_outcome(int fd, const char *target, const char *json, struct failure *failure)
{
  int result = output_bytes(fd, target, json, strlen(json), failure);

  if (result == 0) {
    result = output_bytes(fd, target, "\n", 1, failure);
  }
  /* Some file systems report a full disk only here. */
  if (close(fd) < 0 && result == 0) {
    result = failure_system(failure, "write", target, errno, "cannot write");
  }
  return result;
}
