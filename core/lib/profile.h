/*
 * The built-in seccomp profiles (generated from core/profiles, committed): compiled ahead to programs for the architecture
 * that this library was built for, and their rules for who changes them. Knows no names: they are the generator's business.
 */
#ifndef STYRO_LIB_PROFILE_H
#define STYRO_LIB_PROFILE_H

#include <stddef.h>

#include "filter_emit.h"
#include "request.h"

struct styro_profile {
  const struct styro_bpf *program;
  size_t n;
  struct styro_filter_spec spec; /* what the program was made from */
};

/* Static memory; NULL for what is no profile: none, and a program of the request's own. */
const struct styro_profile *styro_profile(enum styro_seccomp_kind kind);

#endif
