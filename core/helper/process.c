/* Steps that set what a process is: names, network, session, keyring, resets, limits. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "../wire/maps.h"
#include "helper.h"

#define KEYCTL_JOIN_SESSION_KEYRING_ 1
#define DEFAULT_TIMER_SLACK 50000 /* nanoseconds, the kernel's own default */

/* Exec resets caught signals only; ignored ones (Python ignores SIGPIPE) would stay so in the payload. */
void signals_reset(void)
{
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } plain;
  uint64_t all = ~0ull;
  memset(&plain, 0, sizeof plain);
  sys_call(SYS_rt_sigprocmask, SIG_SETMASK, sys_arg(&all), 0, sizeof all, 0, 0);
  for (int sig = 1; sig <= 64; sig++) {
    sys_call(SYS_rt_sigaction, sig, sys_arg(&plain), 0, sizeof plain.mask, 0, 0);
  }
}

int step_hostname(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_hostname *body = (const void *)step;
  const char *name = wire_str(h->plan, body->name);
  const char *domain = wire_str(h->plan, body->domain);
  int result = (int)sys_call(SYS_sethostname, sys_arg(name), (long)strlen(name), 0, 0, 0, 0);
  return result < 0 ? result : (int)sys_call(SYS_setdomainname, sys_arg(domain), (long)strlen(domain), 0, 0, 0, 0);
}

int step_loopback(struct helper *h, const struct wire_step *step)
{
  struct ifreq request;
  (void)step;
  (void)h;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  int fd = (int)sys_call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0);
  if (fd < 0) {
    return fd == -EAFNOSUPPORT ? 0 : fd; /* a kernel without IPv4 has no loopback to bring up */
  }
  int result = (int)sys_call(SYS_ioctl, fd, SIOCSIFFLAGS, sys_arg(&request), 0, 0, 0);
  sys_close(fd);
  return result;
}

/* Early, while /proc/self still belongs to the caller's own dumpable image; children inherit it. */
int step_oom_score(struct helper *h, const struct wire_step *step)
{
  return h->run->flags & WIRE_RUN_JOINED_USER ? 0 : oom_score_write(h, step);
}

int oom_score_write(struct helper *h, const struct wire_step *step)
{
  int64_t value = ((const struct wire_step_number *)(const void *)step)->value;
  char text[24] = "-";
  wire_decimal(text + (value < 0), (uint64_t)(value < 0 ? -value : value));
  int fd = helper_proc(h, "self/oom_score_adj", O_WRONLY);
  if (fd < 0) {
    return fd;
  }
  long n = sys_write(fd, text, strlen(text));
  sys_close(fd);
  return n < 0 ? (int)n : 0;
}

/*
 * Without a new session at least a process group of its own: kill(2) with pid 0 reaches the whole group, also those
 * members that the pid namespace hides. Where stdin is the session's terminal the group becomes its foreground.
 */
int step_group(struct helper *h, const struct wire_step *step)
{
  (void)h;
  (void)step;
  int result = (int)sys_call(SYS_setpgid, 0, 0, 0, 0, 0, 0);
  int group = (int)sys_getpid();
  sys_call(SYS_ioctl, 0, TIOCSPGRP, sys_arg(&group), 0, 0,
           0); /* fails where there is no terminal: then nothing is due */
  return result;
}

int step_session(struct helper *h, const struct wire_step *step)
{
  (void)step;
  int result = (int)sys_call(SYS_setsid, 0, 0, 0, 0, 0, 0);
  /* PID 1 of a new namespace may already lead its own session (setsid(2): EPERM for a group leader). */
  if (result == -EPERM && sys_call(SYS_getsid, 0, 0, 0, 0, 0, 0) == sys_getpid()) {
    result = 0;
  }
  (void)h;
  return result;
}

int step_keyring(struct helper *h, const struct wire_step *step)
{
  (void)h;
  (void)step;
  int result = (int)sys_call(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING_, 0, 0, 0, 0, 0);
  return result == -ENOSYS ? 0 : result; /* a kernel without keyrings has nothing to hide */
}

static void restore_nofile(struct helper *h)
{
  uint64_t limit[2];
  if (h->nofile_soft && sys_rlimit(RLIMIT_NOFILE, NULL, limit) == 0) {
    limit[0] = h->nofile_soft;
    sys_rlimit(RLIMIT_NOFILE, limit, NULL);
  }
}

/* What crosses exec and was not asked for goes back to the kernel's defaults; nice and affinity stay the caller's. */
int step_reset(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_reset *body = (const void *)step;
  int priority = 0;
  restore_nofile(h);
  sys_call(SYS_umask, body->umask, 0, 0, 0, 0, 0);
  int result = sys_prctl(PR_SET_TIMERSLACK, DEFAULT_TIMER_SLACK, 0);
  if (result >= 0) {
    result = (int)sys_call(SYS_personality, 0, 0, 0, 0, 0, 0);
  }
  if (result >= 0 && sys_call(SYS_sched_getscheduler, 0, 0, 0, 0, 0, 0) != 0) {
    result = (int)sys_call(SYS_sched_setscheduler, 0, 0, sys_arg(&priority), 0, 0, 0);
    /* sched(7): the way out of SCHED_IDLE needs a right; who started in the lowest class stays there */
    result = result == -EPERM ? 0 : result;
  }
  return result;
}

int step_nice(struct helper *h, const struct wire_step *step)
{
  (void)h;
  return (int)sys_call(SYS_setpriority, PRIO_PROCESS, 0,
                       (long)((const struct wire_step_number *)(const void *)step)->value, 0, 0, 0);
}

int step_rlimit(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_rlimit *body = (const void *)step;
  const uint64_t limit[2] = {body->soft, body->hard};
  (void)h;
  return sys_rlimit((int)body->resource, limit, NULL);
}
