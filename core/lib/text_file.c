/* The text of a file that a request names. */
#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "styrolite.h"

static void close_fd(const int *fd)
{
  if (*fd >= 0) {
    close(*fd);
  }
}

static int read_all(int fd, size_t most, struct styro_buffer *out)
{
  char piece[8192];
  while (out->len <= most) {
    size_t room = most + 1 - out->len;
    ssize_t n = read(fd, piece, room < sizeof piece ? room : sizeof piece);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return errno;
    }
    if (n == 0) {
      break;
    }
    styro_buffer_bytes(out, piece, (size_t)n);
    if (out->failed) {
      return STYRO_ENOMEM;
    }
  }
  return 0;
}

/* O_NONBLOCK: a FIFO in place of the file must not hang the caller. */
int styro_text_file_read(const char *path, size_t most, struct styro_buffer *out)
{
  int fd __attribute__((cleanup(close_fd))) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    return errno;
  }
  return S_ISREG(status.st_mode) ? read_all(fd, most, out) : STYRO_EREQUEST;
}
