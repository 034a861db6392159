/*
 * Compiles the profiles of core/profiles ahead: gen_filter ROOT writes core/lib/profile_generated.c below ROOT. Names come
 * from libseccomp and, where that is too old, from the short table of syscalls.c.
 */
#include <errno.h>
#include <jansson.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/lib/filter_emit.h"
#include "profile_json.h"
#include "whole_file.h"

/* In the order of enum styro_seccomp_kind. */
static const char *const names[] = {"default", "strict", "build"};
#define NAMES_N (sizeof names / sizeof names[0])

static void print_program(FILE *out, const char *name, const struct styro_bpf *program, size_t n)
{
  fprintf(out, "static const struct styro_bpf %s_program[] = {\n", name);
  for (size_t i = 0; i < n; i++) {
    fprintf(out, "%s{0x%02x, %u, %u, 0x%08x}%s", i % 4 ? " " : "    ", program[i].code, program[i].jt, program[i].jf,
            program[i].k, i % 4 == 3 || i + 1 == n ? ",\n" : ",");
  }
  fprintf(out, "};\n");
}

static void print_tests(FILE *out, const char *name, const struct profile_rules *rules)
{
  fprintf(out, "static const struct styro_filter_test %s_tests[] = {\n", name);
  for (size_t i = 0; i < rules->tests_n; i++) {
    const struct styro_filter_test *test = &rules->tests[i];
    fprintf(out, "    {%u, %u, %d, %d, 0x%08x, 0x%llx, 0x%llx},\n", test->index, test->op, test->low, test->also,
            test->action, (unsigned long long)test->mask, (unsigned long long)test->value);
  }
  fprintf(out, "};\n");
}

static void print_rules(FILE *out, const char *name, const struct profile_rules *rules)
{
  fprintf(out, "static const struct styro_filter_rule %s_rules[] = {\n", name);
  for (size_t i = 0; i < rules->n; i++) {
    const struct styro_filter_rule *rule = &rules->rules[i];
    char tests[64] = "NULL";
    if (rule->tests_n) {
      snprintf(tests, sizeof tests, "&%s_tests[%td]", name, rule->tests - rules->tests);
    }
    fprintf(out, "%s{%u, 0x%08x, %s, %zu}%s", i % 3 ? " " : "    ", rule->number, rule->action, tests, rule->tests_n,
            i % 3 == 2 || i + 1 == rules->n ? ",\n" : ",");
  }
  fprintf(out, "};\n");
}

static int print_profile(FILE *out, const char *name, const struct profile_arch *arch, struct styro_filter_spec *spec)
{
  static struct styro_bpf program[STYRO_FILTER_MAX];
  static struct profile_rules rules;
  char path[256];
  snprintf(path, sizeof path, "core/profiles/%s.json", name);
  json_t *profile = profile_load(path);
  profile_rules_read(profile, arch, &rules);
  profile_spec(profile, arch, &rules, spec);
  json_decref(profile);
  size_t n = styro_filter_emit(spec, 1, program);
  if (n == 0) {
    fprintf(stderr, "gen_filter: the program of %s for %s does not fit\n", name, arch->name);
    return 1;
  }
  fprintf(out, "\n/* %s for %s: %zu rules, %zu instructions */\n", name, arch->name, rules.n, n);
  print_program(out, name, program, n);
  print_tests(out, name, &rules);
  print_rules(out, name, &rules);
  return 0;
}

static int print_arch(FILE *out, const struct profile_arch *arch, const char *condition)
{
  struct styro_filter_spec specs[NAMES_N];
  int failed = 0;
  fprintf(out, "%s\n", condition);
  for (size_t i = 0; i < NAMES_N; i++) {
    failed |= print_profile(out, names[i], arch, &specs[i]);
  }
  fprintf(out, "\nstatic const struct styro_profile profiles[] = {\n");
  for (size_t i = 0; i < NAMES_N; i++) {
    fprintf(out, "    {%s_program, sizeof %s_program / sizeof %s_program[0],\n", names[i], names[i], names[i]);
    fprintf(out, "     {.arch = 0x%08x, .first_foreign = 0x%08x, .default_action = 0x%08x,\n", arch->audit,
            arch->first_foreign, specs[i].default_action);
    fprintf(out, "      .rules = %s_rules, .rules_n = sizeof %s_rules / sizeof %s_rules[0]}},\n", names[i], names[i],
            names[i]);
  }
  fprintf(out, "};\n");
  return failed;
}

static int print_all(FILE *out)
{
  fprintf(out, "/* Made by tests/tools/gen_filter.c from core/profiles: do not edit. */\n#include \"profile.h\"\n\n");
  int failed = print_arch(out, &profile_archs[0], "#if defined(__x86_64__)");
  failed |= print_arch(out, &profile_archs[1], "\n#elif defined(__aarch64__)");
  fprintf(out, "#endif\n\nconst struct styro_profile *styro_profile(enum styro_seccomp_kind kind)\n{\n"
               "  return kind <= STYRO_SECCOMP_BUILD ? &profiles[kind] : NULL;\n}\n");
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
  snprintf(path, sizeof path, "%s/core/lib/profile_generated.c", argv[1]);
  FILE *out = open_memstream(&text, &len);
  int failed = !out || print_all(out);
  failed |= out && fclose(out) != 0;
  failed = failed || whole_file_replace(path, text, len) != 0;
  free(text);
  return failed;
}
