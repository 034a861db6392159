/*
 * The wait for a running sandbox. Signals are read from a signalfd rather than handled, so nothing here runs
 * asynchronously and no call is interrupted.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* timeout(1) and process-group kills send a signal twice at once; nobody presses a key twice within that time. */
#define ECHO_MS 200

static const int relayed[] = {SIGINT, SIGTERM, SIGHUP};

/* A blocked signal is queued even where it is ignored (signal(7)), hence the look at each disposition. */
static void collect(sigset_t *set)
{
  sigemptyset(set);
  for (size_t i = 0; i < sizeof relayed / sizeof relayed[0]; i++) {
    struct sigaction now;
    if (sigaction(relayed[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
      sigaddset(set, relayed[i]);
    }
  }
}

int relay_open(struct relay *relay, bool keyboard, struct failure *failure)
{
  sigset_t set;

  *relay = (struct relay){.signal_fd = -1, .keyboard = keyboard};
  if (keyboard) { /* their default would stop or end this process, and with it the payload; who starts there resets them */
    signal(SIGTSTP, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
  }
  collect(&set);
  relay->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (relay->signal_fd < 0) {
    return failure_system(failure, "spawn", NULL, errno, "cannot receive signals");
  }
  /* Before the start: a signal that comes while the sandbox is made waits here and is passed on afterwards. */
  sigprocmask(SIG_BLOCK, &set, NULL);
  return 0;
}

void relay_close(struct relay *relay)
{
  if (relay->signal_fd >= 0) {
    close(relay->signal_fd);
    relay->signal_fd = -1;
  }
}

static int64_t now_ms(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

/* Where passing a signal on fails, the wish to end it still holds: then the tree is killed at once. */
static int pass_signal(struct relay *relay, styro_process *process, int sig, int64_t now, struct failure *failure)
{
  if (relay->keyboard && sig == SIGINT) {
    relay->last = sig;
    styro_process_kill(process, sig, NULL);
    return 0;
  }
  if (sig == relay->last && now - relay->last_at < ECHO_MS) {
    return 0;
  }
  relay->seen++;
  relay->last = sig;
  relay->last_at = now;
  if (relay->seen == 1 && styro_process_kill(process, sig, NULL) == 0) {
    return 0;
  }
  return styro_process_kill(process, SIGKILL, &failure->error) < 0 ? -1 : 0;
}

/* Signals of one kind that come close together are one (signal(7)); different ones count apart. */
static int take_signals(struct relay *relay, styro_process *process, struct failure *failure)
{
  struct signalfd_siginfo info;
  int64_t now = now_ms();

  while (read(relay->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (pass_signal(relay, process, (int)info.ssi_signo, now, failure) < 0) {
      return -1;
    }
  }
  return 0;
}

/* Returns 1 when the outcome is complete, 0 when not yet, -1 on failure. */
static int turn(struct relay *relay, styro_process *process, struct failure *failure)
{
  struct pollfd fds[2] = {{.fd = styro_process_fd(process), .events = POLLIN},
                          {.fd = relay->signal_fd, .events = POLLIN}};
  int done;

  if (poll(fds, 2, -1) < 0) {
    return errno == EINTR ? 0 : failure_system(failure, "supervise", NULL, errno, "cannot wait for the payload");
  }
  if (fds[1].revents && take_signals(relay, process, failure) < 0) {
    return -1;
  }
  done = fds[0].revents ? styro_process_step(process, &failure->error) : 0;
  return done < 0 ? -1 : done;
}

/* Standard streams need no turn here: they are the payload's own, or the library moves them within its step. */
int relay_run(struct relay *relay, styro_process *process, styro_outcome *outcome, struct failure *failure)
{
  int done = 0;

  while (done == 0) {
    done = turn(relay, process, failure);
  }
  if (done < 0) {
    return -1;
  }
  return styro_process_wait(process, -1, outcome, &failure->error) < 0 ? -1 : 0;
}
