/* A filter of a few calls: see compile_calls.h. */
#include "compile_calls.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "syscalls.h"

static int by_number(const void *a, const void *b)
{
  uint32_t left = ((const struct styro_filter_rule *)a)->number, right = ((const struct styro_filter_rule *)b)->number;
  return left < right ? -1 : left > right;
}

/* The emitter wants them sorted; what an architecture does not have needs no rule. */
static void fill(struct styro_filter_spec *spec, const struct styro_call_rule *calls, size_t n,
                 struct styro_filter_rule rules[STYRO_CALLS_MAX])
{
  spec->default_action = SECCOMP_RET_ALLOW;
  spec->rules = rules;
  for (size_t i = 0; i < n; i++) {
    const struct styro_call_rule *call = &calls[i];
    int number = styro_syscall_number(call->call, spec->arch);
    if (number >= 0) {
      rules[spec->rules_n++] = (struct styro_filter_rule){
          .number = (uint32_t)number, .action = call->action, .tests = call->tests, .tests_n = call->tests_n};
    }
  }
  qsort(rules, spec->rules_n, sizeof *rules, by_number);
}

#if defined(__x86_64__)
#define ARCHS 2
static const uint32_t archs[ARCHS] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386};
static const uint32_t foreign[ARCHS] = {0x40000000, 0};
#else /* 32-bit programs are killed there */
#define ARCHS 1
static const uint32_t archs[ARCHS] = {AUDIT_ARCH_AARCH64};
static const uint32_t foreign[ARCHS] = {0};
#endif

void styro_compile_calls(struct styro_compile *c, const struct styro_call_rule *calls, size_t n, const char *words,
                         const char *field)
{
  struct styro_filter_spec specs[ARCHS];
  struct styro_filter_rule rules[ARCHS][STYRO_CALLS_MAX];
  struct styro_bpf program[STYRO_FILTER_MAX];
  struct wire_step_seccomp body;
  for (size_t i = 0; i < ARCHS; i++) {
    specs[i] = (struct styro_filter_spec){.arch = archs[i], .first_foreign = foreign[i]};
    fill(&specs[i], calls, n, rules[i]);
  }
  memset(&body, 0, sizeof body);
  body.n = (uint32_t)styro_filter_emit(specs, ARCHS, program);
  body.filter = styro_builder_filter(&c->builder, program, body.n);
  body.names_supervisor = c->fields->level == STYRO_LEVEL_PROCESS;
  body.words = styro_builder_text(&c->builder, words);
  styro_builder_step(&c->builder, WIRE_STEP_SECCOMP, 0, field, STYRO_FATAL, &body, sizeof body);
}
