/* The filter: a profile as it was compiled ahead, or changed as the request says, or the request's own program. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "compile.h"
#include "error.h"
#include "profile.h"
#include "syscalls.h"

#define REFUSED (SECCOMP_RET_ERRNO | EPERM)

/* Sorted by number, as the emitter wants them; room for one more is the caller's. */
static size_t find_place(const struct styro_filter_spec *spec, uint32_t number)
{
  size_t at = 0;
  while (at < spec->rules_n && spec->rules[at].number < number) {
    at++;
  }
  return at;
}

static void put_rule(struct styro_filter_spec *spec, struct styro_filter_rule *rules, uint32_t number, uint32_t action)
{
  size_t at = find_place(spec, number);
  if (at == spec->rules_n || rules[at].number != number) {
    memmove(&rules[at + 1], &rules[at], (spec->rules_n - at) * sizeof *rules);
    spec->rules_n++;
  }
  rules[at] = (struct styro_filter_rule){.number = number, .action = action};
}

/* What is not on this architecture can neither be called nor refused. */
static void put_rules(struct styro_filter_spec *spec, struct styro_filter_rule *rules, const struct styro_list *names,
                      uint32_t action)
{
  for (size_t i = 0; i < names->n; i++) {
    int number = styro_syscall_native(names->items[i]);
    if (number >= 0) {
      put_rule(spec, rules, (uint32_t)number, action);
    }
  }
}

/* The profile's rules with those of the request in their places. As many as there are calls always fit. */
static size_t emit_changed(const struct styro_fields *fields, const struct styro_profile *profile,
                           struct styro_filter_rule *rules, struct styro_bpf out[STYRO_FILTER_MAX])
{
  struct styro_filter_spec spec = profile->spec;
  memcpy(rules, spec.rules, spec.rules_n * sizeof *rules);
  spec.rules = rules;
  put_rules(&spec, rules, &fields->seccomp_allow, SECCOMP_RET_ALLOW);
  put_rules(&spec, rules, &fields->seccomp_deny, REFUSED);
  return styro_filter_emit(&spec, 1, out);
}

/* Returns a negative code with the error filled. */
static int make_program(struct styro_compile *c, const struct styro_profile *profile, struct styro_bpf *out, size_t *n)
{
  const struct styro_fields *fields = c->fields;
  size_t changes = fields->seccomp_allow.n + fields->seccomp_deny.n;
  *n = profile->n;
  if (changes == 0) {
    memcpy(out, profile->program, profile->n * sizeof *out);
    return STYRO_OK;
  }
  const styro_allocator *alloc = &c->effective->alloc;
  size_t size = (profile->spec.rules_n + changes) * sizeof(struct styro_filter_rule);
  struct styro_filter_rule *rules = styro_alloc(alloc, size);
  if (rules == NULL) {
    return styro_fail_memory(c->err, STYRO_STAGE_COMPILE);
  }
  *n = emit_changed(fields, profile, rules, out);
  styro_dealloc(alloc, rules, size);
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
  memset(&body, 0, sizeof body);
  body.filter = styro_builder_filter(&c->builder, program, n);
  body.n = (uint32_t)n;
  styro_builder_step(&c->builder, WIRE_STEP_SECCOMP, 0, "/security/seccomp", STYRO_FATAL, &body, sizeof body);
}

int styro_compile_filter(struct styro_compile *c)
{
  static const uint32_t actions[] = {REFUSED, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_LOG};
  const struct styro_fields *fields = c->fields;
  const struct styro_profile *profile = styro_profile(fields->seccomp_kind);
  struct styro_bpf program[STYRO_FILTER_MAX];
  size_t n = 0;
  if (fields->seccomp_kind == STYRO_SECCOMP_BPF) {
    add_step(c, fields->bpf, fields->bpf_n);
  }
  if (profile == NULL) {
    return STYRO_OK;
  }
  int result = make_program(c, profile, program, &n);
  if (result == STYRO_OK) {
    replace_refusals(program, n, actions[fields->seccomp_on_violation]);
    add_step(c, program, n);
  }
  return result;
}
