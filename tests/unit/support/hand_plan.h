/* A plan put together by hand: just the steps that the library itself reads, for tests of the runtime half. */
#ifndef TEST_HAND_PLAN_H
#define TEST_HAND_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/plan.h"

#define HAND_DATA 4096
#define HAND_SIZE 65536

struct hand_plan {
  _Alignas(8) char block[HAND_SIZE];
  uint32_t steps; /* where the next step goes */
  uint32_t data;  /* where the next text goes */
  uint32_t run;
  uint32_t promises;
  styro_plan plan;
};

/* Command `/bin/true`, env A=1, cwd /home/sandbox by default, with init; promises everything. */
void hand_plan_init(struct hand_plan *hand);
uint32_t hand_plan_text(struct hand_plan *hand, const char *text);
uint32_t hand_plan_list(struct hand_plan *hand, const char *const *texts); /* NULL-terminated */
void hand_plan_note(struct hand_plan *hand, int protection, bool approximated, const char *field, const char *why);
void hand_plan_free(struct hand_plan *hand);

struct wire_step_run *hand_run(struct hand_plan *hand);
struct wire_step_promises *hand_promises(struct hand_plan *hand);
void hand_flags(struct hand_plan *hand, uint32_t flags); /* enum wire_plan_flags */

#endif
