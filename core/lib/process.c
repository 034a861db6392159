/* One running sandbox as a handle: what it tells about itself, signals to it, and its end. Never waits but in free. */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../wire/status.h"
#include "fd.h"

#define SIGNAL_MAX 64
#define SUPERVISOR_SECONDS 5

int64_t styro_now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int styro_process_fd(const styro_process *process)
{
  return process ? process->epoll : -1;
}

int styro_process_pidfd(const styro_process *process)
{
  return process ? process->pidfd : -1;
}

pid_t styro_process_pid(const styro_process *process)
{
  return process ? process->pid : -1;
}

/* ---- the epoll set ----------------------------------------------------------------------------------------------- */

int styro_process_watch(struct styro_process *process, int fd, enum styro_source source, styro_error *err)
{
  struct epoll_event event = {.events = source == STYRO_SOURCE_IN ? EPOLLOUT : EPOLLIN, .data = {.u32 = source}};
  if (epoll_ctl(process->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
    return styro_fd_fail(err, errno, "the set of descriptors to wait for");
  }
  return STYRO_OK;
}

/* Closing alone is not enough: a forked child of the caller may hold the same description, and epoll would go on. */
void styro_process_close(struct styro_process *process, int *fd)
{
  if (*fd >= 0) {
    epoll_ctl(process->epoll, EPOLL_CTL_DEL, *fd, NULL);
    styro_fd_close(fd);
  }
}

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static int send_to_init(struct styro_process *process, int sig, styro_error *err)
{
  const struct wire_record record = {.type = WIRE_STATUS_KILL, .size = sizeof record, .arg = (uint32_t)sig};
  ssize_t n;
  do {
    n = send(process->status, &record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n >= 0 || errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
    return STYRO_OK; /* nobody there any more: it ended */
  }
  return styro_fail(err, STYRO_EIO, STYRO_STAGE_SUPERVISE, errno,
                    "signal %d could not be sent to the sandbox's init: %s", sig, strerror(errno));
}

/* One that does not answer is killed as any first process: the timer of the deadline says when. */
static void remind(struct styro_process *process)
{
  const struct itimerspec after = {.it_value = {.tv_sec = SUPERVISOR_SECONDS}};
  if (process->reminded) {
    return;
  }
  if (process->timer < 0) {
    process->timer = styro_fd_lift(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (process->timer >= 0 && styro_process_watch(process, process->timer, STYRO_SOURCE_TIMER, NULL)) {
      styro_fd_close(&process->timer);
    }
  }
  process->reminded = process->timer >= 0 && timerfd_settime(process->timer, 0, &after, NULL) == 0;
}

/*
 * A killed first process takes its pid namespace along. Where there is none its supervisor does it, at a word; it may have been
 * stopped from inside where Landlock has no scopes.
 */
static bool supervisor_was_told(struct styro_process *process)
{
  if (!styro_plan_is_process(process->facts.plan) || process->forced || process->status < 0) {
    return false;
  }
  styro_pidfd_signal(process->pidfd, SIGCONT);
  send_to_init(process, SIGKILL, NULL); /* a full channel holds what is as good: it reads on, or is killed in the end */
  remind(process);
  return true;
}

void styro_process_stop(struct styro_process *process, enum styro_stop why)
{
  if (!process->facts.stop) {
    process->facts.stop = (int)why;
  }
  if (process->pidfd >= 0 && !supervisor_was_told(process)) {
    styro_pidfd_signal(process->pidfd, SIGKILL);
  } /* else as soon as the record brings the pidfd */
}

/*
 * Without an init the payload is the first process, but only from its exec on: before, the signal would hit the
 * helper.
 */
static int send_to_payload(struct styro_process *process, int sig, styro_error *err)
{
  if (!process->facts.running || process->pidfd < 0) {
    process->held |= UINT64_C(1) << (sig - 1);
    return STYRO_OK;
  }
  if (styro_pidfd_signal(process->pidfd, sig) < 0) {
    return styro_fail(err, STYRO_EIO, STYRO_STAGE_SUPERVISE, errno, "signal %d could not be sent to the payload: %s",
                      sig, strerror(errno));
  }
  return STYRO_OK;
}

/* The payload's end stands already, seen or not. */
static bool has_ended(struct styro_process *process)
{
  styro_process_receive(process);
  return process->dead || process->facts.ended || process->facts.failed ||
         (process->pidfd >= 0 && styro_pidfd_wait(process->pidfd, 0));
}

int styro_process_kill(styro_process *process, int sig, styro_error *err)
{
  if (!process || sig < 1 || sig > SIGNAL_MAX) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_SUPERVISE, 0, "%s",
                      process ? "no signal has that number" : "the process is NULL");
  }
  if (has_ended(process)) {
    return STYRO_OK;
  }
  if (sig == SIGKILL) {
    styro_process_stop(process, STYRO_STOP_CALLER);
    return STYRO_OK;
  }
  return process->facts.init ? send_to_init(process, sig, err) : send_to_payload(process, sig, err);
}

/* ---- outcome ----------------------------------------------------------------------------------------------------- */

int styro_process_outcome_json(styro_process *process, const char **out, styro_error *err)
{
  if (!process || !out || !process->complete) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_SUPERVISE, 0,
                      "the outcome is asked for before styro_process_wait() gave it");
  }
  if (!process->json) {
    process->json = styro_outcome_to_json(&process->outcome, &process->facts, &process->alloc);
  }
  if (!process->json) {
    return styro_fail_memory(err, STYRO_STAGE_SUPERVISE);
  }
  *out = process->json;
  return STYRO_OK;
}

/* ---- end --------------------------------------------------------------------------------------------------------- */

void styro_process_reap_numbers(struct styro_process *process, bool block)
{
  if (process->agent > 0 && styro_pid_reap(process->agent, block)) {
    process->agent = -1;
  }
  if (block && process->pidfd < 0 && process->pid > 0) { /* killed, because no descriptor was left for its pidfd */
    styro_pid_reap(process->pid, true);
    process->pid = -1;
  }
}

/*
 * In helper mode the pidfd may still be on its way. The process that sends it ends right afterwards: once it is gone, what
 * has not come will not come, whoever else holds the other end of the channel.
 */
void styro_process_settle_agent(struct styro_process *process)
{
  if (process->pidfd < 0 && process->status >= 0) {
    styro_process_reap_numbers(process, true);
    styro_process_receive(process);
  }
  if (process->pidfd < 0) {
    styro_process_close(process, &process->status);
  }
}

/* The kernel bounds this wait: a killed first process takes its pid namespace along. A supervisor has its time first. */
static void end_tree(struct styro_process *process)
{
  styro_process_stop(process, STYRO_STOP_CALLER);
  styro_process_settle_agent(process);
  while (process->pidfd >= 0 && !process->dead) {
    styro_process_stop(process, STYRO_STOP_CALLER);
    bool told = styro_plan_is_process(process->facts.plan) && !process->forced;
    process->forced = !styro_pidfd_wait(process->pidfd, told ? SUPERVISOR_SECONDS * 1000 : -1);
    process->dead = styro_pidfd_reap(process->pidfd, &process->facts.exit);
  }
}

void styro_process_free(styro_process *process)
{
  if (!process) {
    return;
  }
  if (!process->dead) {
    end_tree(process);
  }
  styro_process_reap_numbers(process, true);
  int *const fds[] = {&process->status, &process->pidfd,  &process->timer,  &process->reserve,
                      &process->in.fd,  &process->out.fd, &process->err.fd, &process->epoll};
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
    styro_fd_close(fds[i]);
  }
  if (process->verdict) {
    munmap((void *)(uintptr_t)process->verdict, sizeof *process->verdict);
  }
  styro_feed_free(&process->in);
  styro_sink_free(&process->out);
  styro_sink_free(&process->err);
  styro_strfree(&process->alloc, process->json);
  styro_allocator alloc = process->alloc;
  styro_dealloc(&alloc, process, sizeof *process);
}
