/*
 * Makes the n-th call of a C library function fail. What does not fail goes to the kernel without the C library: a program
 * wraps only some of these, and a static one then holds the real functions of no others.
 */
#include "failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>

#include "wire/sys.h"

static const char *wanted;
static int countdown; /* 0: nothing fails */
static int error;
static bool onwards;
static void (*action)(void);
static bool happened;
static bool paused;

void fail_call(const char *name, int nth, int number)
{
  wanted = name;
  countdown = nth;
  error = number;
  onwards = happened = paused = false;
  action = NULL;
}

void fail_calls_from(const char *name, int nth, int number)
{
  fail_call(name, nth, number);
  onwards = true;
}

void fail_before(const char *name, int nth, void (*act)(void))
{
  fail_call(name, nth, 0);
  action = act;
}

bool fail_none(void)
{
  countdown = 0;
  return happened;
}

void fail_pause(bool pause)
{
  paused = pause;
}

static bool fails(const char *name)
{
  if (paused || countdown == 0 || (wanted && strcmp(wanted, name) != 0) || --countdown > 0) {
    return false;
  }
  countdown = onwards ? 1 : 0;
  happened = true;
  if (action) {
    action();
    return false;
  }
  errno = error;
  return true;
}

static long answer(long rc)
{
  if (rc < 0 && rc > -4096) {
    errno = (int)-rc;
    return -1;
  }
  return rc;
}

/* The function `name`: fails when it is its turn, else asks the kernel for the call `number`. */
#define WRAP(type, name, params, number, a, b, c, d, e, f)                                                         \
  type __wrap_##name params;                                                                                       \
  type __wrap_##name params                                                                                        \
  {                                                                                                                \
    return (type)(fails(#name) ? -1 : answer(sys_call(number, (long)(a), (long)(b), (long)(c), (long)(d), e, f))); \
  }

/* Where the last argument is optional it is handed on as it lies in its register. */
WRAP(int, open, (const char *path, int flags, long mode), SYS_openat, AT_FDCWD, path, flags, mode, 0, 0)
WRAP(int, openat, (int dir, const char *path, int flags, long mode), SYS_openat, dir, path, flags, mode, 0, 0)
WRAP(int, fcntl, (int fd, int command, long argument), SYS_fcntl, fd, command, argument, 0, 0, 0)
WRAP(int, ioctl, (int fd, unsigned long command, void *argument), SYS_ioctl, fd, command, argument, 0, 0, 0)
WRAP(int, fstat, (int fd, struct stat *out), SYS_fstat, fd, out, 0, 0, 0, 0)
WRAP(int, fchmod, (int fd, mode_t mode), SYS_fchmod, fd, mode, 0, 0, 0, 0)
WRAP(int, fchown, (int fd, uid_t uid, gid_t gid), SYS_fchown, fd, uid, gid, 0, 0, 0)
WRAP(int, memfd_create, (const char *name, unsigned flags), SYS_memfd_create, name, flags, 0, 0, 0, 0)
WRAP(int, pipe2, (int *ends, int flags), SYS_pipe2, ends, flags, 0, 0, 0, 0)
WRAP(int, socketpair, (int domain, int kind, int protocol, int *ends), SYS_socketpair, domain, kind, protocol, ends, 0,
     0)
WRAP(int, eventfd, (unsigned count, int flags), SYS_eventfd2, count, flags, 0, 0, 0, 0)
WRAP(int, epoll_create1, (int flags), SYS_epoll_create1, flags, 0, 0, 0, 0, 0)
WRAP(int, epoll_ctl, (int fd, int what, int of, struct epoll_event *event), SYS_epoll_ctl, fd, what, of, event, 0, 0)
WRAP(int, epoll_wait, (int fd, struct epoll_event *events, int n, int wait_ms), SYS_epoll_pwait, fd, events, n, wait_ms,
     0, 0)
WRAP(int, timerfd_create, (int clock, int flags), SYS_timerfd_create, clock, flags, 0, 0, 0, 0)
WRAP(int, timerfd_settime, (int fd, int flags, const struct itimerspec *value, struct itimerspec *old),
     SYS_timerfd_settime, fd, flags, value, old, 0, 0)
WRAP(void *, mmap, (void *at, size_t len, int prot, int flags, int fd, off_t from), SYS_mmap, at, len, prot, flags, fd,
     from)
WRAP(ssize_t, read, (int fd, void *bytes, size_t len), SYS_read, fd, bytes, len, 0, 0, 0)
WRAP(ssize_t, write, (int fd, const void *bytes, size_t len), SYS_write, fd, bytes, len, 0, 0, 0)
WRAP(ssize_t, pread, (int fd, void *bytes, size_t len, off_t at), SYS_pread64, fd, bytes, len, at, 0, 0)
WRAP(ssize_t, pwrite, (int fd, const void *bytes, size_t len, off_t at), SYS_pwrite64, fd, bytes, len, at, 0, 0)
WRAP(ssize_t, sendfile, (int to, int from, off_t *at, size_t len), SYS_sendfile, to, from, at, len, 0, 0)
WRAP(ssize_t, send, (int fd, const void *bytes, size_t len, int flags), SYS_sendto, fd, bytes, len, flags, 0, 0)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), SYS_recvmsg, fd, message, flags, 0, 0, 0)

char *__wrap_realpath(const char *path, char *out);

/* No call of the kernel: the same by its other name. out must have room for PATH_MAX. */
char *__wrap_realpath(const char *path, char *out)
{
  char *found = fails("realpath") ? NULL : canonicalize_file_name(path);
  char *result = found ? strcpy(out, found) : NULL;
  free(found);
  return result;
}

static const char *call_name(long number)
{
  switch (number) {
  case SYS_pidfd_open: return "pidfd_open";
  case SYS_pidfd_send_signal: return "pidfd_send_signal";
  case SYS_waitid: return "waitid";
  default: return "syscall";
  }
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
  return fails(call_name(number)) ? -1 : answer(sys_call(number, a, b, c, d, e, f));
}
