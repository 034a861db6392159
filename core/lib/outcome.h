/*
 * How a run ended: the facts that were seen, and the one judgement made of them. Pure: no descriptors, no clock, no
 * process. outcome_text.c makes the plain sentence, outcome_json.c the JSON of docs/outcome.md.
 */
#ifndef STYRO_LIB_OUTCOME_H
#define STYRO_LIB_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/run.h"
#include "../wire/status.h"
#include "alloc.h"
#include "error.h"
#include "pidfd.h"
#include "plan.h"

/* Why the library itself killed the tree. The first one counts. */
enum styro_stop {
  STYRO_STOP_NONE = 0,
  STYRO_STOP_CALLER, /* kill or free */
  STYRO_STOP_OUTPUT, /* a stream went over its limit, and `on_limit` is kill */
  STYRO_STOP_WALL    /* the deadline, where no init keeps it */
};

enum { STYRO_STAMP_EXEC = WIRE_STAMP_COUNT, STYRO_STAMPS = WIRE_STAMP_COUNT + 1 };

/* What was seen of one run. Zeroed, it says: nothing yet. */
struct styro_facts {
  const styro_plan *plan;
  bool init;
  int mode; /* enum styro_spawn_mode */
  char name[65];
  uint64_t output_limit;
  uint64_t left_out; /* protections that this host or caller, not the plan, leaves unenforced */

  bool running; /* the payload was executed */
  int stop;     /* enum styro_stop */
  int full;     /* 1 stdout, 2 stderr: the stream that went over its limit first, where that kills; else 0 */

  bool failed; /* a failure was reported; the rest of this block holds */
  int failure; /* STYRO_ESETUP or STYRO_EEXEC */
  uint32_t step;
  uint32_t what; /* enum wire_what */
  int sys_errno;
  char component[WIRE_COMPONENT];

  bool ended; /* init reported the end; `end` holds */
  struct wire_ended end;

  struct styro_exit exit; /* of the sandbox's first process */

  int64_t timeout; /* nanoseconds, as this run had it */
  int64_t spawned; /* CLOCK_MONOTONIC */
  int64_t finished;
  int64_t stamps[STYRO_STAMPS];
  uint64_t skipped; /* protections of steps that were skipped */
  uint64_t absent;  /* protections that nobody asked for by name and that this kernel does not have */
};

/* Judges the facts. Leaves the captures to the caller. out->size must be set. */
void styro_outcome_judge(const struct styro_facts *facts, styro_outcome *out);

/* Fills out->message from the rest of *out. */
void styro_outcome_sentence(styro_outcome *out, int64_t timeout, uint64_t output_limit);

/* Nanoseconds as people say them: "850 us", "12 ms", "1.5 s", "2 min 5 s". Returns buffer. */
const char *styro_duration_text(int64_t nanoseconds, char *buffer, size_t size);

/* Name of a signal, also of those without one: "SIGKILL", "SIG42". Returns buffer. */
const char *styro_signal_text(int number, char *buffer, size_t size);

/* The JSON of an outcome that was judged from these facts; NULL when out of memory. End it with styro_strfree(). */
char *styro_outcome_to_json(const styro_outcome *outcome, const struct styro_facts *facts,
                            const styro_allocator *alloc);

/* Why a protection of `left_out` or `skipped` is not enforced, and by which field. Static texts. */
struct styro_weakness {
  const char *field; /* NULL: no field of the request */
  const char *why;
};
/* What a kernel without Landlock's scopes cannot hold at the level `process`. */
uint64_t styro_outcome_unscoped(const struct styro_facts *facts);
struct styro_weakness styro_outcome_weakness(const struct styro_facts *facts, int protection);

#endif
