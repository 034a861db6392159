/* What the spawn path shares with its child: prepared before the clone, read and answered in shared memory after it. */
#ifndef STYRO_LIB_SPAWN_CHILD_H
#define STYRO_LIB_SPAWN_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/maps.h"
#include "../wire/run.h"

/* One descriptor for the helper: `from` goes to number `to`; -1: the number is left closed. */
struct styro_slot {
  int from;
  int to;
};

enum styro_gate { STYRO_GATE_SHUT = 0, STYRO_GATE_OPEN, STYRO_GATE_REFUSED };

struct styro_child {
  uint64_t clone_flags;  /* CLONE_NEW* */
  uint64_t capabilities; /* to be ambient across the helper's exec: what its steps and the payload's sets need */
  bool maps;             /* there are maps to be written: a new user namespace is made */
  bool two_step;         /* the maps name another id than the caller's own: the caller's side writes them */
  char uid_map[WIRE_MAP_TEXT];
  char gid_map[WIRE_MAP_TEXT];
  bool deny_setgroups;    /* before the gid map is written */
  const char *uid_ranges; /* what is written instead of the one id; NULL: nothing */
  const char *gid_ranges;
  int helper_fd;
  struct styro_slot *slots;
  unsigned slots_n;
  int top;       /* first number above all `to` */
  int caller_fd; /* two-step: the caller's pidfd, so that a child whose caller was killed does not wait for ever */
  int gate;      /* two-step, futex: enum styro_gate */
  int alive;     /* two-step, futex: 0 once the child has left this memory by exec or exit */
  /* the child's own */
  int image_fd; /* the helper, out of the way of all slots */
  int gone_fd;  /* caller_fd, out of the way of all slots */
  /* answers */
  int pid;
  int pidfd;
  int error;     /* errno, 0: none */
  uint32_t what; /* enum wire_what */
};

/*
 * Makes the clone and returns when the helper was executed or has failed: then child->error and child->what say why, and
 * a child->pid above 0 is still to be reaped. All signals must be blocked.
 */
void styro_child_start(struct styro_child *child);

#endif
