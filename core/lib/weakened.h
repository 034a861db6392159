/* What the words of a request take from what a sandbox else promises. A pure function of the fields. */
#ifndef STYRO_LIB_WEAKENED_H
#define STYRO_LIB_WEAKENED_H

#include <stdint.h>

#include "request.h"

/* Bits of enum styro_protection. What `host` and `join` give up by their name is not among them: compile_run.c. */
uint64_t styro_weakened(const struct styro_fields *fields);

#endif
