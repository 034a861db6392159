/* The filter: a profile as it was compiled ahead, or changed as the request says, one of a container runtime's, or the request's own program. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "compile.h"
#include "error.h"
#include "filter_words.h"
#include "i386_calls.h"
#include "oci_profile.h"
#include "profile.h"
#include "syscalls.h"

#define REFUSED (SECCOMP_RET_ERRNO | EPERM)

/* Sorted by number, as the emitter wants them; room for one more is the caller's. */
static void put_rule(struct styro_filter_spec *spec, struct styro_filter_rule *rules, uint32_t number, uint32_t action)
{
  size_t at = 0;
  while (at < spec->rules_n && rules[at].number < number) {
    at++;
  }
  if (at == spec->rules_n || rules[at].number != number) {
    memmove(&rules[at + 1], &rules[at], (spec->rules_n - at) * sizeof *rules);
    spec->rules_n++;
  }
  rules[at] = (struct styro_filter_rule){.number = number, .action = action};
}

/* What is not on this architecture can neither be called nor refused. */
static void allow(struct styro_filter_spec *spec, struct styro_filter_rule *rules, const char *name)
{
  int number = styro_syscall_number(name, spec->arch);
  if (number >= 0) {
    put_rule(spec, rules, (uint32_t)number, SECCOMP_RET_ALLOW);
  }
}

/* And on i386 what carries it besides, as a whole. */
static void deny(struct styro_filter_spec *spec, struct styro_filter_rule *rules, const char *name)
{
  const struct styro_i386_call *carried = spec->arch == AUDIT_ARCH_I386 ? styro_i386_call(name) : NULL;
  int numbers[2] = {styro_syscall_number(name, spec->arch), carried ? carried->carrier : -1};
  for (int i = 0; i < 2; i++) {
    if (numbers[i] >= 0) {
      put_rule(spec, rules, (uint32_t)numbers[i], REFUSED);
    }
  }
}

/* The rules are those of the spec, with room for what the request allows and denies on top. */
static void change(const struct styro_fields *fields, struct styro_filter_spec *spec, struct styro_filter_rule *rules)
{
  for (size_t i = 0; i < fields->seccomp_allow.n; i++) {
    allow(spec, rules, fields->seccomp_allow.items[i]);
  }
  for (size_t i = 0; i < fields->seccomp_deny.n; i++) {
    deny(spec, rules, fields->seccomp_deny.items[i]);
  }
}

static size_t count_changes(const struct styro_fields *fields)
{
  return fields->seccomp_allow.n + fields->seccomp_deny.n;
}

/* As many rules as there are calls always fit. */
static int change_profile(struct styro_compile *c, const struct styro_profile *profile, struct styro_bpf *out,
                          size_t *n)
{
  struct styro_filter_spec spec = profile->spec;
  const styro_allocator *alloc = &c->effective->alloc;
  size_t size = (spec.rules_n + count_changes(c->fields)) * sizeof(struct styro_filter_rule);
  struct styro_filter_rule *rules = styro_alloc(alloc, size);
  if (rules == NULL) {
    return styro_fail_memory(c->err, STYRO_STAGE_COMPILE);
  }
  memcpy(rules, spec.rules, spec.rules_n * sizeof *rules);
  spec.rules = rules;
  change(c->fields, &spec, rules);
  *n = styro_filter_emit(&spec, 1, out);
  styro_dealloc(alloc, rules, size);
  return STYRO_OK;
}

static int too_long(struct styro_compile *c)
{
  styro_fail(c->err, STYRO_EREQUEST, STYRO_STAGE_COMPILE, 0,
             "the profile makes a filter of more than %d instructions, which the kernel refuses", STYRO_FILTER_MAX);
  styro_error_field(c->err, "/security/seccomp/oci");
  styro_error_hint(c->err, "leave out tests of arguments: calls without them take next to no room");
  return STYRO_EREQUEST;
}

/* Of every architecture that the profile is for. */
static int compile_oci(struct styro_compile *c, struct styro_bpf *out, size_t *n)
{
  struct styro_oci_profile *oci = c->effective->oci;
  for (size_t i = 0; i < oci->specs_n; i++) {
    change(c->fields, &oci->specs[i], (struct styro_filter_rule *)(uintptr_t)oci->specs[i].rules);
  }
  *n = styro_filter_emit(oci->specs, oci->specs_n, out);
  return *n == 0 ? too_long(c) : STYRO_OK;
}

/* Returns a negative code with the error filled. */
static int make_program(struct styro_compile *c, struct styro_bpf *out, size_t *n)
{
  const struct styro_profile *profile = styro_profile((enum styro_seccomp_kind)c->fields->seccomp_kind);
  if (profile == NULL) {
    return compile_oci(c, out, n);
  }
  if (count_changes(c->fields) != 0) {
    return change_profile(c, profile, out, n);
  }
  *n = profile->n;
  memcpy(out, profile->program, profile->n * sizeof *out);
  return STYRO_OK;
}

static void replace_refusals(struct styro_bpf *program, size_t n, uint32_t action)
{
  for (size_t i = 0; i < n; i++) {
    if (program[i].code == (BPF_RET | BPF_K) && program[i].k == REFUSED) {
      program[i].k = action;
    }
  }
}

static void add_step(struct styro_compile *c, const struct styro_bpf *program, size_t n)
{
  struct wire_step_seccomp body;
  char words[1024];
  memset(&body, 0, sizeof body);
  styro_filter_words(c->fields, words, sizeof words);
  body.words = styro_builder_text(&c->builder, words);
  body.log = c->effective->oci != NULL && c->effective->oci->log;
  body.filter = styro_builder_filter(&c->builder, program, n);
  body.n = (uint32_t)n;
  styro_builder_step(&c->builder, WIRE_STEP_SECCOMP, 0, "/security/seccomp", STYRO_FATAL, &body, sizeof body);
}

int styro_compile_filter(struct styro_compile *c)
{
  static const uint32_t actions[] = {REFUSED, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_LOG};
  const struct styro_fields *fields = c->fields;
  struct styro_bpf program[STYRO_FILTER_MAX];
  size_t n = 0;
  if (fields->seccomp_kind == STYRO_SECCOMP_NONE) {
    return STYRO_OK;
  }
  if (fields->seccomp_kind == STYRO_SECCOMP_BPF) {
    add_step(c, fields->bpf, fields->bpf_n);
    return STYRO_OK;
  }
  int result = make_program(c, program, &n);
  if (result == STYRO_OK) {
    replace_refusals(program, n, actions[fields->seccomp_on_violation]);
    add_step(c, program, n);
  }
  return result;
}
