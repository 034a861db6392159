/* What can be done with a process by its pidfd: signal, reap, ask how it ended. Knows no sandbox. */
#include "pidfd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../wire/uapi.h"

#define WAIT_PIDFD 3 /* P_PIDFD, an enum that older headers lack */

int styro_pidfd_open(pid_t pid)
{
  return (int)syscall(SYS_pidfd_open, pid, 0);
}

int styro_pidfd_signal(int pidfd, int sig)
{
  if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0 || errno == ESRCH) {
    return 0;
  }
  return -1;
}

bool styro_pidfd_wait(int pidfd, int wait_ms)
{
  struct pollfd item = {.fd = pidfd, .events = POLLIN};
  int n;
  do {
    n = poll(&item, 1, wait_ms);
  } while (n < 0 && errno == EINTR);
  return n > 0;
}

/* glibc's waitid() drops the fifth argument, the usage. __WALL: a clone with another exit signal counts too. */
static int wait_raw(int type, int id, siginfo_t *info, int options, struct rusage *usage)
{
  long rc;
  do {
    rc = syscall(SYS_waitid, type, id, info, options | WEXITED | __WALL, usage);
  } while (rc < 0 && errno == EINTR);
  return (int)rc;
}

static int status_of(const siginfo_t *info)
{
  if (info->si_code == CLD_EXITED) {
    return (info->si_status & 0xff) << 8;
  }
  return (info->si_status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

/*
 * A reaped process leaves its status with the pidfd since 6.15. The pidfd turns readable a moment before the kernel's
 * own reaping (SIGCHLD ignored) has stored it, and ESRCH may come in between: hence the few short naps.
 */
static bool ask_exit(int pidfd, int *wait_status)
{
  for (int attempt = 0; attempt < 50; attempt++) {
    struct wire_pidfd_info info = {.mask = WIRE_PIDFD_INFO_EXIT};
    int rc = ioctl(pidfd, WIRE_PIDFD_GET_INFO, &info);
    if (rc == 0 && info.mask & WIRE_PIDFD_INFO_EXIT) {
      *wait_status = info.exit_code;
      return true;
    }
    if (rc < 0 && errno != ESRCH) {
      return false; /* before 6.13 */
    }
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return false;
}

bool styro_pidfd_reap(int pidfd, struct styro_exit *out)
{
  memset(out, 0, sizeof *out);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  if (wait_raw(WAIT_PIDFD, pidfd, &info, WNOHANG, &out->usage) == 0) {
    if (info.si_pid == 0) {
      return false;
    }
    out->known = true;
    out->has_usage = true;
    out->wait_status = status_of(&info);
    return true;
  }
  out->not_ours = true;
  out->known = ask_exit(pidfd, &out->wait_status);
  return true;
}

bool styro_pid_reap(pid_t pid, bool block)
{
  siginfo_t info;
  memset(&info, 0, sizeof info);
  if (wait_raw(P_PID, pid, &info, block ? 0 : WNOHANG, NULL) < 0) {
    return true;
  }
  return info.si_pid != 0;
}
