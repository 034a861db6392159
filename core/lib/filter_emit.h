/*
 * From decisions about syscall numbers and arguments to a classic BPF program. Knows no names and no profiles.
 */
#ifndef STYRO_LIB_FILTER_EMIT_H
#define STYRO_LIB_FILTER_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"

#define STYRO_FILTER_MAX 4096 /* instructions; BPF_MAXINSNS of the kernel */
#define STYRO_FILTER_ARCHS_MAX 3

enum styro_filter_op {
  STYRO_FILTER_EQ,
  STYRO_FILTER_NE,
  STYRO_FILTER_LT,
  STYRO_FILTER_LE,
  STYRO_FILTER_GT,
  STYRO_FILTER_GE,
  STYRO_FILTER_MASKED /* (argument & mask) == value */
};

/*
 * One comparison of an argument, unsigned. Low: of its low 32 bits alone, for what the kernel reads as a number of 32 bits
 * (flags, requests, families): there the upper half is the caller's to fill with anything.
 */
struct styro_filter_test {
  uint8_t index;
  uint8_t op; /* enum styro_filter_op */
  bool low;
  bool also;       /* the next one must hold as well: the last of such a group has the action */
  uint32_t action; /* SECCOMP_RET_* */
  uint64_t mask;   /* of STYRO_FILTER_MASKED */
  uint64_t value;
};

/* The first group of tests that holds decides, else `action`. */
struct styro_filter_rule {
  uint32_t number;
  uint32_t action;
  const struct styro_filter_test *tests;
  size_t tests_n;
};

struct styro_filter_spec {
  uint32_t arch; /* AUDIT_ARCH_*: what no spec is for is killed */
  /*
   * Numbers from here on are another ABI's and killed (x32); 0: none. Not -1, which is no call of x32: a probe, or a tracer
   * that skips a call. It gets the default action.
   */
  uint32_t first_foreign;
  uint32_t default_action;               /* of numbers without a rule */
  const struct styro_filter_rule *rules; /* sorted by number, no number twice */
  size_t rules_n;
};

/*
 * Writes the program for the specs of n architectures, each another one. Returns its length, or 0 when it does not fit in
 * STYRO_FILTER_MAX, the rules are not sorted, or n is not from 1 to STYRO_FILTER_ARCHS_MAX.
 */
size_t styro_filter_emit(const struct styro_filter_spec *specs, size_t n, struct styro_bpf out[STYRO_FILTER_MAX]);

#endif
