/*
 * Stands in for core/lib/spawn.c: instead of a helper a forked child plays a script on the helper's descriptors. With
 * it every course that a sandbox can take is tested without namespaces, and without the helper.
 */
#ifndef TEST_FAKE_SPAWN_H
#define TEST_FAKE_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/run.h"
#include "wire/status.h"

struct fake_spawn {
  void (*script)(void); /* runs in the child; descriptors as in core/wire/run.h; returning exits with code 0 */
  uint32_t flags;       /* WIRE_RUN_* that prepare sets */
  uint32_t map_id;      /* who the payload is outside, as prepare says it */
  int refuse;           /* prepare fails with this code */
  int refusals;         /* answer "again" so many times */
  int fail;             /* fail with this code */
  int calls;
  bool drop_pidfd; /* helper mode: send the record without a descriptor */
  pid_t last;      /* the child that plays */
};

extern struct fake_spawn fake_spawn;

/* ---- for scripts ---- */

void play_running(void);
void play_ended(int wait_status, uint32_t cause);
void play_failed(uint16_t type, uint32_t step, uint32_t what, int error, const char *component);
void play_verdict(uint32_t state, uint32_t step, uint32_t what, int error, const char *component);
void play_stamp(void);       /* the last act before exec */
void play_exec(void);        /* no init: the stamp, and the channel's end */
int play_await_signal(void); /* init: the signal of the next kill record; -1 at the channel's end */
void play_say(int fd, const char *text);
void play_pause(void); /* until the test says play_go() */

/* ---- for tests ---- */

void play_go(void); /* waits until the script has come to play_pause(), and lets it go on */

#endif
