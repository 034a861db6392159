/*
 * Trials: something is done in a child process of its own, which ends right after. The child is a copy of the caller, so
 * that nothing that happens to it, a signal for one, can reach the caller; it makes raw system calls only, because the other
 * threads whose locks it copied are not there.
 */
#ifndef STYRO_LIB_PROBE_TRIAL_H
#define STYRO_LIB_PROBE_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Lies in memory that the child shares. `call` is a static text, at the same place in both. */
struct styro_trial {
  const char *call; /* the system call at hand */
  int error;        /* errno of that call; 0: all of it worked */
  int signal;       /* that ended the child or a child of it; 0: none */
  bool done;        /* the end was reached */
  int64_t value;    /* the trial's own */
};

typedef void styro_trial_fn(struct styro_trial *trial, const void *argument);

/* Runs it to its end, at most ten seconds. The answer is in *out; one that never came is an error with SIGKILL. */
void styro_trial_run(styro_trial_fn *body, const void *argument, struct styro_trial *out);

/* Whether all of it worked. */
bool styro_trial_worked(const struct styro_trial *trial);

/* ---- inside a trial ---- */

/* Notes which call is made, before it is, and its answer. True: it worked. */
#define STYRO_TRY(trial, name, result) ((trial)->call = (name), styro_tried(trial, result))
bool styro_tried(struct styro_trial *trial, long result);

/* Whom the ids in new namespaces belong to. */
struct styro_trial_ids {
  bool mapped;
  bool root; /* the caller is: its payload is id 65534 outside, and the map is written from outside */
  uid_t uid;
  gid_t gid;
};

/* Runs the rest in a child in new namespaces (WIRE_CLONE_*), where with a map it is id 0. False: there is no such child. */
bool styro_trial_enter(struct styro_trial *trial, uint64_t namespaces, const struct styro_trial_ids *ids,
                       styro_trial_fn *rest, const void *argument);

#endif
