/*
 * Makes the n-th call of a C library function fail. The real functions are weak: a program wraps only what it needs, and
 * a function that is not wrapped is never asked for here.
 */
#include "failing_calls.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>

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

#define WRAP(type, name, failed, params, args)            \
  extern __attribute__((weak)) type __real_##name params; \
  type __wrap_##name params;                              \
  type __wrap_##name params                               \
  {                                                       \
    return fails(#name) ? failed : __real_##name args;    \
  }

/* Where the last argument is optional it is handed on as it lies in its register. */
WRAP(int, open, -1, (const char *path, int flags, long mode), (path, flags, mode))
WRAP(int, openat, -1, (int dir, const char *path, int flags, long mode), (dir, path, flags, mode))
WRAP(char *, realpath, NULL, (const char *path, char *out), (path, out))
WRAP(int, fcntl, -1, (int fd, int command, long argument), (fd, command, argument))
WRAP(int, ioctl, -1, (int fd, unsigned long command, void *argument), (fd, command, argument))
WRAP(int, fstat, -1, (int fd, struct stat *out), (fd, out))
WRAP(int, fchmod, -1, (int fd, mode_t mode), (fd, mode))
WRAP(int, fchown, -1, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(int, memfd_create, -1, (const char *name, unsigned flags), (name, flags))
WRAP(int, pipe2, -1, (int *ends, int flags), (ends, flags))
WRAP(int, socketpair, -1, (int domain, int type, int protocol, int *ends), (domain, type, protocol, ends))
WRAP(int, eventfd, -1, (unsigned count, int flags), (count, flags))
WRAP(int, epoll_create1, -1, (int flags), (flags))
WRAP(int, epoll_ctl, -1, (int fd, int what, int of, struct epoll_event *event), (fd, what, of, event))
WRAP(int, epoll_wait, -1, (int fd, struct epoll_event *events, int n, int wait_ms), (fd, events, n, wait_ms))
WRAP(int, timerfd_create, -1, (int clock, int flags), (clock, flags))
WRAP(int, timerfd_settime, -1, (int fd, int flags, const struct itimerspec *value, struct itimerspec *old),
     (fd, flags, value, old))
WRAP(void *, mmap, MAP_FAILED, (void *at, size_t len, int prot, int flags, int fd, off_t from),
     (at, len, prot, flags, fd, from))
WRAP(ssize_t, read, -1, (int fd, void *bytes, size_t len), (fd, bytes, len))
WRAP(ssize_t, write, -1, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(ssize_t, pwrite, -1, (int fd, const void *bytes, size_t len, off_t at), (fd, bytes, len, at))
WRAP(ssize_t, pread, -1, (int fd, void *bytes, size_t len, off_t at), (fd, bytes, len, at))
WRAP(ssize_t, sendfile, -1, (int to, int from, off_t *at, size_t len), (to, from, at, len))
WRAP(ssize_t, send, -1, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WRAP(ssize_t, recvmsg, -1, (int fd, struct msghdr *message, int flags), (fd, message, flags))

static const char *call_name(long number)
{
  switch (number) {
  case SYS_pidfd_open: return "pidfd_open";
  case SYS_pidfd_send_signal: return "pidfd_send_signal";
  case SYS_waitid: return "waitid";
  default: return "syscall";
  }
}

extern __attribute__((weak)) long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
  return fails(call_name(number)) ? -1 : __real_syscall(number, a, b, c, d, e, f);
}
