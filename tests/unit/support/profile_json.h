/* Reading an OCI-style seccomp profile: for the generator of the built-in ones, and for their proof. Not in the library. */
#ifndef TESTS_PROFILE_JSON_H
#define TESTS_PROFILE_JSON_H

#include <jansson.h>

#include "filter_emit.h"

#define PROFILE_RULES_MAX 600
#define PROFILE_TESTS_MAX 64

struct profile_arch {
  const char *name;
  uint32_t audit;         /* AUDIT_ARCH_* */
  uint32_t seccomp;       /* SCMP_ARCH_* */
  uint32_t first_foreign; /* 0x40000000 where x32 shares the architecture */
};

extern const struct profile_arch profile_archs[2];

struct profile_rules {
  struct styro_filter_rule rules[PROFILE_RULES_MAX];
  bool inherited[PROFILE_RULES_MAX]; /* while it is read: from the base, to be replaced by what the profile says */
  size_t n;
  struct styro_filter_test tests[PROFILE_TESTS_MAX];
  size_t tests_n;
};

/* Ends the program with a message when the file is not what it should be: these are tools. */
json_t *profile_load(const char *path);
void profile_rules_read(json_t *profile, const struct profile_arch *arch, struct profile_rules *out);
void profile_spec(json_t *profile, const struct profile_arch *arch, const struct profile_rules *rules,
                  struct styro_filter_spec *out);

#endif
