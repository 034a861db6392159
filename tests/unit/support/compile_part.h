/*
 * One part of compiling alone (compile_run.c, compile_identity.c ...): the steps that it appends to an empty plan, before
 * anything else has a say. What whole requests compile to is outline.h's.
 */
#ifndef TEST_COMPILE_PART_H
#define TEST_COMPILE_PART_H

#include <stddef.h>
#include <stdint.h>

#include "lib/compile.h"

/* The part at hand: its effective request, and an empty plan to append to. The members are those of `{"version": 1, ...}`. */
extern struct styro_compile part;
void part_begin(const char *members);
void part_end(void); /* nothing begun is fine */

/* One line a step: "rlimit /rlimits best effort: rlimits", with the field that it stands for. Static text. */
const char *part_outline(void);

/* The nth step (from 0), which must be of that code; the test ends where it is not. */
const void *part_step(uint32_t nth, int code);

/* A text or list of the plan that is being written; "none" for offset 0. Lists are joined by `|`. Static text. */
const char *part_text(uint32_t offset);
const char *part_list(uint32_t offset);

/* Appends with the nth allocation failing, for every n: the steps then must not come out as a finished plan. */
void part_memory(int (*append)(struct styro_compile *c));

#endif
