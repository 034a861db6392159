/* What the spawn path shares with its child: prepared before the clone, read and answered in shared memory after it. */
#ifndef STYRO_LIB_SPAWN_CHILD_H
#define STYRO_LIB_SPAWN_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/run.h"

/* One descriptor for the helper: `from` goes to number `to`; -1: the number is left closed. */
struct styro_slot {
  int from;
  int to;
};

#define STYRO_MAP_TEXT 40

struct styro_child {
  uint64_t clone_flags; /* CLONE_NEW* */
  bool two_step;        /* a process in the old user namespace writes the maps */
  bool raise;           /* capabilities cross the helper's exec only as ambient ones */
  char uid_map[STYRO_MAP_TEXT];
  char gid_map[STYRO_MAP_TEXT];
  int helper_fd;
  struct styro_slot *slots;
  unsigned slots_n;
  int top;       /* first number above all `to` */
  int wake[2];   /* two-step: the maps are written; -1 once closed */
  int settled[2]; /* two-step: its end says that the child executed or is gone; -1 once closed */
  void *inner_stack;
  unsigned long inner_stack_size;
  /* answers */
  int pid;
  int pidfd;
  int error;     /* errno, 0: none */
  uint32_t what; /* enum wire_what */
};

/*
 * Makes the clone and returns when the helper was executed or has failed: 0, or a negative errno with child->what set.
 * All signals must be blocked. *outer is the pid of the two-step's outer process, to be reaped with __WALL, else -1.
 */
int styro_child_start(struct styro_child *child, int *outer);

#endif
