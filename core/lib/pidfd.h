/* What can be done with a process by its pidfd: signal, reap, ask how it ended. Knows no sandbox. */
#ifndef STYRO_LIB_PIDFD_H
#define STYRO_LIB_PIDFD_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

/* How a process ended. */
struct styro_exit {
  bool known;      /* wait_status holds */
  bool has_usage;  /* usage holds: of the process and all children that it waited for */
  bool not_ours;   /* no wait status was to be had: SIGCHLD ignored, or somebody else waited */
  int wait_status; /* as waitpid(2) gives it */
  struct rusage usage;
};

/* close-on-exec; -1 with errno. */
int styro_pidfd_open(pid_t pid);

/* 0; -1 with errno. A process that is gone is no failure. */
int styro_pidfd_signal(int pidfd, int sig);

/* Waits until the process ended; wait_ms -1: no limit. Interrupted waits go on. True: it ended. */
bool styro_pidfd_wait(int pidfd, int wait_ms);

/* Reaps a process that ended (its pidfd polls readable). Always fills *out; false: it still runs. */
bool styro_pidfd_reap(int pidfd, struct styro_exit *out);

/* Reaps a child by its number. block: waits for it. True: reaped, or not ours to reap. */
bool styro_pid_reap(pid_t pid, bool block);

#endif
