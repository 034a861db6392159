/*
 * Filters that hold whatever the request's own filter lets through: a few calls by name, on every architecture that a payload
 * could call by. All other calls are allowed, since the kernel takes the strictest answer of all filters.
 */
#ifndef STYRO_LIB_COMPILE_CALLS_H
#define STYRO_LIB_COMPILE_CALLS_H

#include <linux/seccomp.h>

#include "compile.h"
#include "filter_emit.h"

#define STYRO_CALLS_MAX 64

/* The answer of a kernel that refuses, and a comparison of a number of 32 bits with one. */
#define STYRO_ANSWER(number) (SECCOMP_RET_ERRNO | (number))
#define STYRO_CALL_EQUALS(argument, number, answer)                                                \
  {                                                                                                \
    .index = (argument), .op = STYRO_FILTER_EQ, .low = true, .value = (number), .action = (answer) \
  }

/* Of a call without tests the action alone speaks. */
struct styro_call_rule {
  const char *call;
  uint32_t action; /* SECCOMP_RET_* */
  const struct styro_filter_test *tests;
  size_t tests_n;
};

/* Appends the SECCOMP step; n is at most STYRO_CALLS_MAX. words: what the filter is, for people. */
void styro_compile_calls(struct styro_compile *c, const struct styro_call_rule *calls, size_t n, const char *words,
                         const char *field);

#endif
