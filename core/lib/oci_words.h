/*
 * The words of a seccomp profile of container runtimes, and what is said about a wrong one. Knows neither an entry nor a
 * profile as a whole.
 */
#ifndef STYRO_LIB_OCI_WORDS_H
#define STYRO_LIB_OCI_WORDS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "styrolite.h"

/* What is wrong, and where below the profile: "/syscalls/3/names/0". */
struct styro_oci_fault {
  char pointer[96];
  char message[256];
  char hint[160];
};

void styro_oci_point(struct styro_oci_fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Both return STYRO_EREQUEST, with what is wrong at the place that was pointed to. */
int styro_oci_wrong(struct styro_oci_fault *fault, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int styro_oci_expected(struct styro_oci_fault *fault, const char *noun, const char *hint);

/* Under which keys of an object they stand. */
struct styro_oci_action_keys {
  const char *action, *number, *name;
};

/* The action of an object with its error number (SECCOMP_RET_*); `at` is the object's pointer. */
int styro_oci_action(struct styro_oci_fault *fault, const json_t *object, const struct styro_oci_action_keys *keys,
                     const char *at, uint32_t *out);

/* enum styro_filter_op. */
int styro_oci_operator(struct styro_oci_fault *fault, const json_t *value, uint32_t *out);

/* Has the object no other keys than the known ones? The refused ones are known, and have no meaning here. */
int styro_oci_keys(struct styro_oci_fault *fault, const json_t *object, const char *at, const char *const *known,
                   const char *const *refused);

/* Is it one of the words; are all of a list (NULL: none)? */
int styro_oci_word(struct styro_oci_fault *fault, const json_t *value, const char *const *known, const char *noun);
int styro_oci_list(struct styro_oci_fault *fault, const json_t *list, const char *at, const char *const *known,
                   const char *noun);

#endif
