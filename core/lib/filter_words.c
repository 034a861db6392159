/* The filter of a request in words. Knows no program: how long it is says its step. */
#include "filter_words.h"

#include <stdio.h>

#include "oci_source.h"

#define NAMES_MAX 12 /* that a line can hold */

static const char *const profiles[] = {
    [STYRO_SECCOMP_DEFAULT] = "default",
    [STYRO_SECCOMP_STRICT] = "strict",
    [STYRO_SECCOMP_BUILD] = "build",
};

static const char *const answers[] = {
    [STYRO_ON_VIOLATION_ERRNO] = "what it refuses with EPERM stays so",
    [STYRO_ON_VIOLATION_KILL] = "what it refuses with EPERM ends the payload",
    [STYRO_ON_VIOLATION_LOG] = "what it refuses with EPERM is let through and logged",
};

static size_t add(char *out, size_t size, size_t len, const char *before, const char *text, const char *after)
{
  int n = len < size ? snprintf(out + len, size - len, "%s%s%s", before, text, after) : 0;
  return len + (n > 0 ? (size_t)n : 0);
}

static size_t add_profile(const struct styro_fields *fields, char *out, size_t size)
{
  if (fields->seccomp_kind == STYRO_SECCOMP_BPF) {
    return add(out, size, 0, "a program of the request's own", "", "");
  }
  if (fields->seccomp_kind != STYRO_SECCOMP_OCI) {
    return add(out, size, 0, "profile `", profiles[fields->seccomp_kind], "`");
  }
  return styro_oci_is_path(fields->seccomp_oci)
             ? add(out, size, 0, "profile of a container runtime from `", fields->seccomp_oci, "`")
             : add(out, size, 0, "profile of a container runtime", "", "");
}

static size_t add_names(char *out, size_t size, size_t len, const char *what, const struct styro_list *names)
{
  char more[40];
  for (size_t i = 0; i < names->n && i < NAMES_MAX; i++) {
    len = add(out, size, len, i ? ", " : what, names->items[i], "");
  }
  if (names->n > NAMES_MAX) {
    snprintf(more, sizeof more, " and %zu more", names->n - NAMES_MAX);
    len = add(out, size, len, more, "", "");
  }
  return len;
}

void styro_filter_words(const struct styro_fields *fields, char *out, size_t size)
{
  size_t len = add_profile(fields, out, size);
  if (fields->seccomp_kind == STYRO_SECCOMP_BPF) {
    return;
  }
  len = add_names(out, size, len, "; also allowed: ", &fields->seccomp_allow);
  len = add_names(out, size, len, "; also refused: ", &fields->seccomp_deny);
  add(out, size, len, "; ", answers[fields->seccomp_on_violation], "");
}
