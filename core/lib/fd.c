/*
 * Descriptors of the library: close-on-exec, closed once, and never 0-2, which belong to the caller even while they are
 * closed. Owns no policy.
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../wire/uapi.h"

int styro_fd_lift(int fd)
{
  if (fd < 0 || fd > 2) {
    return fd;
  }
  /* A caller with closed stdio gets these numbers; its next printf(3) would write into our channel. */
  int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  int saved = errno;
  close(fd);
  errno = saved;
  return high;
}

void styro_fd_close(int *fd)
{
  if (*fd >= 0) {
    int saved = errno;
    close(*fd);
    errno = saved;
    *fd = -1;
  }
}

int styro_fd_steal(int *fd)
{
  int taken = *fd;
  *fd = -1;
  return taken;
}

int styro_fd_is_open(int fd)
{
  return fd >= 0 && fcntl(fd, F_GETFD) >= 0;
}

int styro_fd_nonblock(int fd)
{
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) {
    return -1;
  }
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -1 : 0;
}

static int fail_full_table(styro_error *err, int number, const char *purpose)
{
  struct rlimit limit = {0, 0};
  getrlimit(RLIMIT_NOFILE, &limit);
  styro_fail(err, STYRO_ESPAWN, STYRO_STAGE_SPAWN, number, "no descriptor is left for %s: %s (RLIMIT_NOFILE is %llu)",
             purpose, strerror(number), (unsigned long long)limit.rlim_cur);
  styro_error_object(err, "RLIMIT_NOFILE");
  styro_error_hint(err, "%s",
                   number == EMFILE
                       ? "raise it (ulimit -n, setrlimit(2)) or run fewer sandboxes at once: each takes three "
                         "descriptors and one more per captured or fed stream"
                       : "the whole system ran out of open files: see sysctl fs.file-max");
  return STYRO_ESPAWN;
}

int styro_fd_fail(styro_error *err, int number, const char *purpose)
{
  if (number == EMFILE || number == ENFILE) {
    return fail_full_table(err, number, purpose);
  }
  return styro_fail(err, STYRO_ESPAWN, STYRO_STAGE_SPAWN, number, "could not make %s: %s", purpose, strerror(number));
}

int styro_fd_memfd(const char *name, unsigned flags, const char *purpose, styro_error *err)
{
  int fd = memfd_create(name, MFD_CLOEXEC | WIRE_MFD_NOEXEC_SEAL | flags);
  if (fd < 0 && errno == EINVAL) { /* before 6.3 */
    fd = memfd_create(name, MFD_CLOEXEC | flags);
  }
  fd = styro_fd_lift(fd);
  return fd < 0 ? styro_fd_fail(err, errno, purpose) : fd;
}

int styro_fd_may_write(size_t bytes, const char *what, styro_error *err)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= bytes) {
    return STYRO_OK;
  }
  styro_fail(err, STYRO_ESPAWN, STYRO_STAGE_SPAWN, EFBIG,
             "%s takes a memory file of %zu bytes, and RLIMIT_FSIZE of this process is %llu", what, bytes,
             (unsigned long long)limit.rlim_cur);
  styro_error_object(err, "RLIMIT_FSIZE");
  styro_error_hint(err,
                   "raise it (ulimit -f, setrlimit(2)); to limit the payload's files set rlimits.fsize in the request");
  return STYRO_ESPAWN;
}
