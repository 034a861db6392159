/*
 * Seccomp profiles as container runtimes have them (OCI runtime-spec, config-linux, "seccomp"; Docker's dialect with `archMap`
 * too), turned into rules for the emitter. Knows no request and no program.
 */
#ifndef STYRO_LIB_OCI_PROFILE_H
#define STYRO_LIB_OCI_PROFILE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "filter_emit.h"
#include "oci_words.h"
#include "styrolite.h"

struct styro_oci_profile {
  styro_allocator alloc;
  struct styro_filter_spec specs[STYRO_FILTER_ARCHS_MAX]; /* the native architecture first */
  size_t specs_n;
  size_t capacity[STYRO_FILTER_ARCHS_MAX]; /* rules that there is room for */
  struct styro_filter_test *tests[STYRO_FILTER_ARCHS_MAX];
  size_t tests_n[STYRO_FILTER_ARCHS_MAX];
  bool log; /* what is not simply allowed goes to the kernel's log */
};

/*
 * Builds the rules; `capabilities` (bits) decide over `includes` and `excludes`, `room` more rules find place in each spec.
 * Returns STYRO_OK, STYRO_EREQUEST with the fault, or STYRO_ENOMEM. End it with styro_oci_free(), whatever was returned.
 */
int styro_oci_build(const json_t *profile, uint64_t capabilities, size_t room, const styro_allocator *alloc,
                    struct styro_oci_profile *out, struct styro_oci_fault *fault);
void styro_oci_free(struct styro_oci_profile *profile);

#endif
