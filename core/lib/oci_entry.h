/*
 * One entry of a seccomp profile of container runtimes: which calls, which arguments, what is answered, and whether it counts
 * here at all. Knows no other entry, and no numbers of calls.
 */
#ifndef STYRO_LIB_OCI_ENTRY_H
#define STYRO_LIB_OCI_ENTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter_emit.h"
#include "oci_words.h"

struct styro_oci_entry {
  size_t number;       /* its place in the profile */
  uint32_t action;     /* SECCOMP_RET_* */
  const json_t *args;  /* NULL: whatever they are */
  const json_t *names; /* a list, or one text where `alone` */
  bool alone;
  bool counts; /* its conditions hold */
};

/* Reads all of it, also where it does not count; `capabilities` (bits) decide over `includes` and `excludes`. */
int styro_oci_entry_read(struct styro_oci_fault *fault, const json_t *json, size_t number, uint64_t capabilities,
                         struct styro_oci_entry *out);

/* The names one by one: NULL after the last. Points to the one that it returns. */
const json_t *styro_oci_entry_name(struct styro_oci_fault *fault, const struct styro_oci_entry *entry, size_t i);

/* What the entry's i-th argument says of that call. */
struct styro_filter_test styro_oci_entry_test(const struct styro_oci_entry *entry, const char *call, size_t i);

#endif
