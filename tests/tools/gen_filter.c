/*
 * Compiles core/profiles/default.json ahead: gen_filter ROOT writes core/lib/filter_generated.c below ROOT. Names come from
 * libseccomp and, where that is too old, from the short table here.
 */
#include <errno.h>
#include <jansson.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/lib/filter_emit.h"
#include "profile.h"
#include "whole_file.h"

#define PROFILE "core/profiles/default.json"

static void print_program(FILE *out, const struct styro_bpf *program, size_t n)
{
  fprintf(out, "static const struct styro_bpf program[] = {\n");
  for (size_t i = 0; i < n; i++) {
    fprintf(out, "%s{0x%02x, %u, %u, 0x%08x}%s", i % 4 ? " " : "    ", program[i].code, program[i].jt, program[i].jf,
            program[i].k, i % 4 == 3 || i + 1 == n ? ",\n" : ",");
  }
  fprintf(out, "};\n");
}

static int print_arch(FILE *out, json_t *profile, const struct profile_arch *arch, const char *condition)
{
  static struct styro_bpf program[STYRO_FILTER_MAX];
  struct profile_rules rules;
  struct styro_filter_spec spec;
  profile_rules_read(profile, arch, &rules);
  profile_spec(profile, arch, &rules, &spec);
  size_t n = styro_filter_emit(&spec, 1, program);
  if (n == 0) {
    fprintf(stderr, "gen_filter: the program for %s does not fit\n", arch->name);
    return 1;
  }
  fprintf(out, "%s /* %s: %zu rules, %zu instructions */\n", condition, arch->name, rules.n, n);
  print_program(out, program, n);
  return 0;
}

static int print_all(FILE *out, json_t *profile)
{
  fprintf(out, "/* Made by tests/tools/gen_filter.c from " PROFILE ": do not edit. */\n#include \"filter.h\"\n\n");
  int failed = print_arch(out, profile, &profile_archs[0], "#if defined(__x86_64__)");
  failed |= print_arch(out, profile, &profile_archs[1], "#elif defined(__aarch64__)");
  fprintf(out, "#endif\n\nconst struct styro_bpf *styro_filter_default(size_t *n)\n{\n"
               "  *n = sizeof program / sizeof program[0];\n  return program;\n}\n");
  return failed;
}

/* In memory first: what is wrong with a profile is found while it is read, and may end the program there. */
int main(int argc, char **argv)
{
  char path[4096], *text = NULL;
  size_t len = 0;
  if (argc != 2) {
    fprintf(stderr, "gen_filter: usage: gen_filter ROOT\n");
    return 2;
  }
  json_t *profile = profile_load(PROFILE);
  snprintf(path, sizeof path, "%s/core/lib/filter_generated.c", argv[1]);
  FILE *out = open_memstream(&text, &len);
  int failed = !out || print_all(out, profile);
  failed |= out && fclose(out) != 0;
  failed = failed || whole_file_replace(path, text, len) != 0;
  free(text);
  json_decref(profile);
  return failed;
}
