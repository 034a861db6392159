/*
 * The emitter. The time to load a filter is start-up time of every sandbox and grows with its length: so equal neighbours
 * merge to ranges, ranges are found by a balanced search, and all leaves share their returns and their argument tests.
 *
 * The program is written backwards. Classic BPF only jumps forward, so every target is already placed when a jump to it is
 * written, and its distance is exact. A label counts from the end: 0 is the last instruction.
 */
#include "filter_emit.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>

#define ARG_LOW(index) ((uint32_t)offsetof(struct seccomp_data, args) + 8u * (index)) /* little-endian */
#define SEGMENTS_MAX 2048
#define SHORT_JUMP 255
#define RETURNS_MAX 8 /* actions whose nearest return is remembered */
#define CHAIN_MAX 4   /* single numbers that the end of a path compares one by one */
#define NO_LABEL UINT32_MAX
#define NO_CALL UINT32_MAX /* the number -1 */

/* From number `first` up to the next segment's. rule NULL: the action alone decides. */
struct segment {
  uint32_t first;
  union {
    uint32_t action; /* without a rule */
    uint32_t label;  /* of the rule's tests, once they are written */
  };
  const struct styro_filter_rule *rule;
};

struct emitter {
  struct segment segments[SEGMENTS_MAX];
  size_t n;
  struct styro_bpf *out; /* filled from its end */
  size_t len;
  bool full;
  uint16_t returns[RETURNS_MAX]; /* labels; the actions stand there */
  size_t returns_n;
};

static bool add_segment(struct emitter *e, uint32_t first, uint32_t action, const struct styro_filter_rule *rule)
{
  struct segment *last = e->n ? &e->segments[e->n - 1] : NULL;
  if (last && last->first == first) {
    e->n--; /* an empty gap */
    last = e->n ? &e->segments[e->n - 1] : NULL;
  }
  if (last && !last->rule && !rule && last->action == action) {
    return true;
  }
  if (e->n == SEGMENTS_MAX) {
    return false;
  }
  e->segments[e->n++] = (struct segment){.first = first, .action = rule ? NO_LABEL : action, .rule = rule};
  return true;
}

static bool build_segments(struct emitter *e, const struct styro_filter_spec *spec)
{
  bool fits = add_segment(e, 0, spec->default_action, NULL);
  for (size_t i = 0; fits && i < spec->rules_n; i++) {
    const struct styro_filter_rule *rule = &spec->rules[i];
    bool sorted = !i || rule->number > spec->rules[i - 1].number;
    if (!sorted || (spec->first_foreign && rule->number >= spec->first_foreign)) {
      return false;
    }
    fits = add_segment(e, rule->number, rule->action, rule->tests_n ? rule : NULL) &&
           add_segment(e, rule->number + 1, spec->default_action, NULL);
  }
  if (!fits || !spec->first_foreign) {
    return fits;
  }
  return add_segment(e, spec->first_foreign, SECCOMP_RET_KILL_PROCESS, NULL) &&
         add_segment(e, NO_CALL, spec->default_action, NULL);
}

/* ---- instructions, last one first ---- */

static struct styro_bpf *at_label(const struct emitter *e, size_t label)
{
  return &e->out[STYRO_FILTER_MAX - 1 - label];
}

/* Returns the label of the new instruction. Once full, what is written does not matter any more. */
static size_t put(struct emitter *e, uint16_t code, size_t jt, size_t jf, uint32_t k)
{
  if (e->len == STYRO_FILTER_MAX) {
    e->full = true;
    return e->len - 1;
  }
  *at_label(e, e->len) = (struct styro_bpf){code, (uint8_t)jt, (uint8_t)jf, k};
  return e->len++;
}

/* Whether a branch reaches the label when at most `between` more instructions are written before it. */
static bool reaches(const struct emitter *e, size_t label, size_t between)
{
  return e->len + between - label - 1 <= SHORT_JUMP;
}

static size_t put_return(struct emitter *e, uint32_t action)
{
  size_t slot = 0;
  while (slot < e->returns_n && at_label(e, e->returns[slot])->k != action) {
    slot++;
  }
  if (slot < e->returns_n && reaches(e, e->returns[slot], 2)) {
    return e->returns[slot];
  }
  if (slot == e->returns_n) {
    slot = e->returns_n < RETURNS_MAX ? e->returns_n++ : RETURNS_MAX - 1;
  }
  e->returns[slot] = (uint16_t)put(e, BPF_RET | BPF_K, 0, 0, action);
  return e->returns[slot];
}

/* A stand-in for a label beyond the eight bits of a branch. */
static size_t put_near(struct emitter *e, size_t label, size_t between)
{
  if (e->full || reaches(e, label, between)) {
    return label;
  }
  const struct styro_bpf *target = at_label(e, label);
  if (target->code == (BPF_RET | BPF_K)) {
    return put_return(e, target->k);
  }
  return put(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t)(e->len - label - 1));
}

static size_t put_branch(struct emitter *e, uint16_t jump, uint32_t k, size_t yes, size_t no)
{
  yes = put_near(e, yes, 1);
  no = put_near(e, no, 0);
  return put(e, (uint16_t)(BPF_JMP | BPF_K | jump), e->len - yes - 1, e->len - no - 1, k);
}

/* ---- argument tests ---- */

/* Whether a mask is applied to the accumulator, as opposed to a comparison or bit test of the whole argument. */
static bool is_masking(const struct styro_filter_test *test)
{
  bool one_bit = (test->mask & (test->mask - 1)) == 0 && test->value == test->mask;
  return test->mask != UINT32_MAX && test->value != 0 && !one_bit;
}

static size_t put_comparison(struct emitter *e, const struct styro_filter_test *test, size_t yes, size_t no)
{
  if (test->mask == UINT32_MAX || is_masking(test)) {
    return put_branch(e, BPF_JEQ, test->value, yes, no);
  }
  return test->value ? put_branch(e, BPF_JSET, test->mask, yes, no) : put_branch(e, BPF_JSET, test->mask, no, yes);
}

/* Loads and masks only where the test before, the only way to this one, left something else in the accumulator. */
static size_t put_test(struct emitter *e, const struct styro_filter_rule *rule, size_t i, size_t yes, size_t no)
{
  const struct styro_filter_test *test = &rule->tests[i];
  const struct styro_filter_test *before = i && test[-1].index == test->index ? &test[-1] : NULL;
  bool whole = before && !is_masking(before);
  bool masked = before && is_masking(before) && is_masking(test) && before->mask == test->mask;
  size_t label = put_comparison(e, test, yes, no);
  if (is_masking(test) && !masked) {
    label = put(e, BPF_ALU | BPF_AND | BPF_K, 0, 0, test->mask);
  }
  return whole || masked ? label : put(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, ARG_LOW(test->index));
}

static size_t put_tests(struct emitter *e, const struct styro_filter_rule *rule)
{
  size_t next = put_return(e, rule->action);
  for (size_t i = rule->tests_n; i-- > 0;) {
    next = put_test(e, rule, i, put_return(e, rule->tests[i].action), next);
  }
  return next;
}

static bool same_tests(const struct styro_filter_rule *a, const struct styro_filter_rule *b)
{
  return a->action == b->action && a->tests_n == b->tests_n &&
         memcmp(a->tests, b->tests, a->tests_n * sizeof *a->tests) == 0; /* four numbers: no padding */
}

/* Rules that say the same share their code. */
static size_t put_decision(struct emitter *e, struct segment *segment)
{
  if (!segment->rule) {
    return put_return(e, segment->action);
  }
  for (size_t i = 0; i < e->n && segment->label == NO_LABEL; i++) {
    const struct segment *other = &e->segments[i];
    if (other->rule && other->label != NO_LABEL && same_tests(other->rule, segment->rule)) {
      segment->label = other->label;
    }
  }
  if (segment->label == NO_LABEL) {
    segment->label = (uint32_t)put_tests(e, segment->rule);
  }
  return segment->label;
}

/* ---- the search for the number ---- */

static bool same_decision(const struct segment *a, const struct segment *b)
{
  return a == b || (!a->rule && !b->rule && a->action == b->action);
}

static bool is_single(const struct emitter *e, size_t i)
{
  return i + 1 < e->n && e->segments[i + 1].first - e->segments[i].first == 1;
}

/* How many comparisons tell the segments low..high apart from `rest`; above CHAIN_MAX: too many, or not only singles. */
static size_t chain_length(const struct emitter *e, size_t low, size_t high, size_t rest)
{
  size_t length = 0;
  for (size_t i = low; i <= high && length <= CHAIN_MAX; i++) {
    if (!same_decision(&e->segments[i], &e->segments[rest])) {
      length += is_single(e, i) ? 1 : CHAIN_MAX + 1;
    }
  }
  return length;
}

static size_t put_chain(struct emitter *e, size_t low, size_t high, size_t rest)
{
  size_t next = put_decision(e, &e->segments[rest]);
  for (size_t i = high + 1; i-- > low;) {
    if (!same_decision(&e->segments[i], &e->segments[rest])) {
      next = put_branch(e, BPF_JEQ, e->segments[i].first, put_decision(e, &e->segments[i]), next);
    }
  }
  return next;
}

/* A few single numbers within one decision cost one comparison each, where splitting around them would cost two. */
static size_t put_tree(struct emitter *e, size_t low, size_t high)
{
  for (size_t rest = low; rest <= high && rest <= low + 1; rest++) {
    if (chain_length(e, low, high, rest) <= CHAIN_MAX) {
      return put_chain(e, low, high, rest);
    }
  }
  size_t middle = (low + high + 1) / 2;
  size_t right = put_tree(e, middle, high);
  size_t left = put_tree(e, low, middle - 1);
  return put_branch(e, BPF_JGE, e->segments[middle].first, right, left);
}

/* The architecture first: a number means another call on another one (seccomp(2), "caveats"). */
static void put_program(struct emitter *e, uint32_t arch)
{
  put_tree(e, 0, e->n - 1); /* its root comes last, next to what loads the number */
  size_t native = put(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
  put_branch(e, BPF_JEQ, arch, native, put_return(e, SECCOMP_RET_KILL_PROCESS));
  put(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
}

size_t styro_filter_emit(const struct styro_filter_spec *spec, struct styro_bpf out[STYRO_FILTER_MAX])
{
  struct emitter e;
  e.n = e.len = e.returns_n = 0;
  e.full = false;
  e.out = out;
  if (!build_segments(&e, spec)) {
    return 0;
  }
  put_program(&e, spec->arch);
  if (e.full) {
    return 0;
  }
  memmove(out, out + STYRO_FILTER_MAX - e.len, e.len * sizeof *out);
  return e.len;
}
