/*
 * From decisions about syscall numbers to a classic BPF program. Only the low 32 bits of an argument are compared: the
 * kernel reads the arguments in question (flags, requests, families) as 32-bit numbers. Knows no names and no profiles.
 */
#ifndef STYRO_LIB_FILTER_EMIT_H
#define STYRO_LIB_FILTER_EMIT_H

#include <stddef.h>
#include <stdint.h>

#include "request.h"

#define STYRO_FILTER_MAX 4096 /* instructions; BPF_MAXINSNS of the kernel */

/* ((uint32_t)args[index] & mask) == value leads to action (SECCOMP_RET_*). */
struct styro_filter_test {
  uint32_t index;
  uint32_t mask;
  uint32_t value;
  uint32_t action;
};

/* The first test that holds decides, else `action`. */
struct styro_filter_rule {
  uint32_t number;
  uint32_t action;
  const struct styro_filter_test *tests;
  size_t tests_n;
};

struct styro_filter_spec {
  uint32_t arch; /* AUDIT_ARCH_*: every other one is killed */
  /*
   * Numbers from here on are another ABI's and killed (x32); 0: none. Not -1, which is no call of x32: a probe, or a tracer
   * that skips a call. It gets the default action.
   */
  uint32_t first_foreign;
  uint32_t default_action;               /* of numbers without a rule */
  const struct styro_filter_rule *rules; /* sorted by number, no number twice */
  size_t rules_n;
};

/* Writes the program; returns its length, or 0 when it does not fit in STYRO_FILTER_MAX or the rules are not sorted. */
size_t styro_filter_emit(const struct styro_filter_spec *spec, struct styro_bpf out[STYRO_FILTER_MAX]);

#endif
