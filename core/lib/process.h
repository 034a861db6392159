/*
 * One running sandbox: its descriptors, records, streams and outcome. Only process*.c look inside. Everything the
 * kernel has to say comes in through one epoll descriptor, which is also what the caller polls.
 */
#ifndef STYRO_LIB_PROCESS_H
#define STYRO_LIB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../wire/run.h"
#include "alloc.h"
#include "capture.h"
#include "error.h"
#include "order.h"
#include "outcome.h"
#include "styrolite.h"

/* What may wake us, as the number that epoll hands back; handled in this order. */
enum styro_source {
  STYRO_SOURCE_STATUS = 0,
  STYRO_SOURCE_TIMER,
  STYRO_SOURCE_IN,
  STYRO_SOURCE_OUT,
  STYRO_SOURCE_ERR,
  STYRO_SOURCE_PIDFD, /* last: what the dead tree left is read first */
  STYRO_SOURCE_COUNT
};

struct styro_process {
  styro_allocator alloc;
  int epoll;
  int status;  /* our end of the status channel; -1 after its end */
  int pidfd;   /* of the sandbox's first process; -1 in helper mode until it came */
  int timer;   /* the wall deadline where no init keeps it, or none yet; else -1 */
  int reserve; /* helper mode: keeps a descriptor free for the pidfd to come; else -1 */
  pid_t pid;
  pid_t agent;                    /* helper mode: the process that made the clone, until it is reaped; else -1 */
  const struct wire_run *verdict; /* the run block as the helper sees it, only where no init reports; else NULL */
  int64_t grace;
  bool graceful;          /* SIGTERM was sent for the deadline; the next one is SIGKILL */
  bool reminded;          /* a supervisor was told of the deadline, and has its time to answer */
  bool forced;            /* the supervisor did not answer: it is killed as any first process */
  bool kills_on_overflow; /* `on_limit` is kill */
  bool dead;              /* no first process: not yet spawned, or ended and reaped */
  bool complete;          /* the outcome stands */
  uint64_t held;          /* signals for a payload that does not run yet (no init), bit = number - 1 */
  struct styro_feed in;
  struct styro_sink out;
  struct styro_sink err;
  struct styro_facts facts;
  styro_outcome outcome;
  char *json;
};

/* process.c */
void styro_process_close(struct styro_process *process, int *fd); /* out of the epoll set, then closed */
int styro_process_watch(struct styro_process *process, int fd, enum styro_source source, styro_error *err);
/* SIGKILL to the tree, now or once it can be reached. */
void styro_process_settle_agent(struct styro_process *process); /* helper mode: the pidfd is here, or never comes */
void styro_process_stop(struct styro_process *process, enum styro_stop why);
void styro_process_reap_numbers(struct styro_process *process, bool block); /* children that have no pidfd here */

/* process_records.c: reads what the helper and init reported. */
void styro_process_receive(struct styro_process *process);
void styro_process_take_verdict(struct styro_process *process);
void styro_process_stop_full(struct styro_process *process); /* kills the tree where a stream is over its limit */

/* process_step.c: one round; waits at most wait_ms for something to do. 1: complete, 0: not yet, or a code. */
int styro_process_round(struct styro_process *process, int wait_ms, styro_error *err);

/* The descriptor that turns readable at the next thing to do: what waiting in the library polls. */
int styro_process_news(const struct styro_process *process);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t styro_now(void);

#endif
