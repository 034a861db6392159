/*
 * A plan of the builder's own make with every kind of step in it, for tests that break plans or print them. Needs no
 * request; what a real request compiles to is the business of the compile tests.
 */
#ifndef TEST_SAMPLE_PLAN_H
#define TEST_SAMPLE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/plan.h"
#include "lib/plan_format.h"

/* All codes once, in an order that the reader accepts. WIRE_STEP_ROOT is a directory. */
extern const uint8_t sample_codes[];
extern const size_t sample_codes_n;

/* The block of the sample, or of a list of codes (each with the sample's body), in memory that free(3) takes. */
void *sample_block(size_t *len);
void *sample_block_of(const uint8_t *codes, size_t n, uint32_t flags, size_t *len);

/* The sample as a handle. */
styro_plan *sample_plan(void);

/* The same without JOIN and IDMAP, which would decide the spawn mode; and without JOIN alone. */
styro_plan *sample_plan_to_spawn(void);
styro_plan *sample_plan_with_idmap(void);

/* The first step of a code and its number; the test ends where there is none. */
void *sample_step(void *block, int code);
uint32_t sample_number(const void *block, int code);

/* Checks a block against this build's wire identity. */
int sample_check(const void *block, size_t len, uint32_t *step);

#endif
