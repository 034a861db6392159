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

/* little-endian: the low half first */
#define ARG(index, half) ((uint32_t)offsetof(struct seccomp_data, args) + 8u * (index) + 4u * (half))
enum { LOW, HIGH };
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

/* A comparison of one half of an argument: what tests are made of. */
struct word {
  uint32_t offset;
  uint32_t mask;
  uint32_t value;
  uint16_t jump; /* BPF_JEQ, BPF_JGT, BPF_JGE */
};

/* Whether a mask is applied to the accumulator, as opposed to a comparison or bit test of the whole word. */
static bool is_masking(const struct word *word)
{
  bool one_bit = (word->mask & (word->mask - 1)) == 0 && word->value == word->mask;
  return word->mask != UINT32_MAX && word->value != 0 && !one_bit;
}

static size_t put_comparison(struct emitter *e, const struct word *word, size_t yes, size_t no)
{
  if (word->mask == UINT32_MAX || is_masking(word)) {
    return put_branch(e, word->jump, word->value, yes, no);
  }
  return word->value ? put_branch(e, BPF_JSET, word->mask, yes, no) : put_branch(e, BPF_JSET, word->mask, no, yes);
}

/* `held` was compared last on every way to here, NULL where that is not known: it may be in the accumulator still. */
static size_t put_word(struct emitter *e, const struct word *word, const struct word *held, size_t yes, size_t no)
{
  bool same = held && held->offset == word->offset;
  bool whole = same && !is_masking(held);
  bool masked = same && is_masking(held) && is_masking(word) && held->mask == word->mask;
  size_t label = put_comparison(e, word, yes, no);
  if (is_masking(word) && !masked) {
    label = put(e, BPF_ALU | BPF_AND | BPF_K, 0, 0, word->mask);
  }
  return whole || masked ? label : put(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, word->offset);
}

static const struct {
  uint16_t jump;
  bool reversed; /* the test holds where the jump is not taken */
} ops[] = {
    [STYRO_FILTER_EQ] = {BPF_JEQ, false},     [STYRO_FILTER_NE] = {BPF_JEQ, true},
    [STYRO_FILTER_LT] = {BPF_JGE, true},      [STYRO_FILTER_LE] = {BPF_JGT, true},
    [STYRO_FILTER_GT] = {BPF_JGT, false},     [STYRO_FILTER_GE] = {BPF_JGE, false},
    [STYRO_FILTER_MASKED] = {BPF_JEQ, false},
};

static struct word word_of(const struct styro_filter_test *test, unsigned half)
{
  uint64_t mask = test->op == STYRO_FILTER_MASKED ? test->mask : UINT64_MAX;
  unsigned shift = half == HIGH ? 32 : 0;
  return (struct word){ARG(test->index, half), (uint32_t)(mask >> shift), (uint32_t)(test->value >> shift),
                       ops[test->op].jump};
}

/* Whether the low half alone decides. */
static bool is_low(const struct styro_filter_test *test)
{
  return test->low || (test->op == STYRO_FILTER_MASKED && !(test->mask >> 32) && !(test->value >> 32));
}

/* The upper halves decide unless they are equal. */
static size_t put_order(struct emitter *e, const struct word *low, const struct word *high, size_t yes, size_t no)
{
  const struct word above = {high->offset, UINT32_MAX, high->value, BPF_JGT};
  const struct word equal = {high->offset, UINT32_MAX, high->value, BPF_JEQ};
  size_t tie = put_word(e, low, NULL, yes, no);
  size_t not_above = put_word(e, &equal, &above, tie, no);
  return put_word(e, &above, NULL, yes, not_above);
}

static size_t put_test(struct emitter *e, const struct styro_filter_test *test, const struct word *held, size_t yes,
                       size_t no)
{
  struct word low = word_of(test, LOW);
  struct word high = word_of(test, HIGH);
  size_t holds = ops[test->op].reversed ? no : yes;
  size_t fails = ops[test->op].reversed ? yes : no;
  if (is_low(test)) {
    return put_word(e, &low, held, holds, fails);
  }
  if (low.jump != BPF_JEQ) {
    return put_order(e, &low, &high, holds, fails);
  }
  size_t then = low.mask || low.value ? put_word(e, &low, NULL, holds, fails) : holds;
  return put_word(e, &high, NULL, then, fails);
}

/* The test before is the only way to this one where it stands alone, or where this one must hold as well. */
static bool only_way(const struct styro_filter_rule *rule, size_t i)
{
  const struct styro_filter_test *before = &rule->tests[i - 1];
  return is_low(before) && (before->also || i < 2 || !rule->tests[i - 2].also);
}

static size_t put_tests(struct emitter *e, const struct styro_filter_rule *rule)
{
  size_t next = put_return(e, rule->action);
  size_t otherwise = next;
  for (size_t i = rule->tests_n; i-- > 0;) {
    const struct styro_filter_test *test = &rule->tests[i];
    struct word before = {0};
    bool held = i && only_way(rule, i);
    if (held) {
      before = word_of(&rule->tests[i - 1], LOW);
    }
    otherwise = test->also ? otherwise : next;
    size_t holds = test->also ? next : put_return(e, test->action);
    next = put_test(e, test, held ? &before : NULL, holds, otherwise);
  }
  return next;
}

static bool same_tests(const struct styro_filter_rule *a, const struct styro_filter_rule *b)
{
  return a->action == b->action && a->tests_n == b->tests_n &&
         memcmp(a->tests, b->tests, a->tests_n * sizeof *a->tests) == 0; /* no padding */
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

/* One architecture's decisions; returns where they begin. */
static size_t put_arch(struct emitter *e)
{
  size_t tree = put_tree(e, 0, e->n - 1);
  if (tree != e->len - 1) { /* one decision for all numbers, and another architecture's return serves it */
    put(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t)(e->len - tree - 1));
  }
  return put(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
}

/* The architecture first: a number means another call on another one (seccomp(2), "caveats"). */
static bool put_program(struct emitter *e, const struct styro_filter_spec *specs, size_t n)
{
  size_t begin[STYRO_FILTER_ARCHS_MAX];
  for (size_t i = n; i-- > 0;) {
    e->n = 0;
    if (!build_segments(e, &specs[i])) {
      return false;
    }
    begin[i] = put_arch(e);
  }
  size_t next = put_return(e, SECCOMP_RET_KILL_PROCESS);
  for (size_t i = n; i-- > 0;) {
    next = put_branch(e, BPF_JEQ, specs[i].arch, begin[i], next);
  }
  put(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
  return true;
}

size_t styro_filter_emit(const struct styro_filter_spec *specs, size_t n, struct styro_bpf out[STYRO_FILTER_MAX])
{
  struct emitter e;
  e.n = e.len = e.returns_n = 0;
  e.full = false;
  e.out = out;
  if (n == 0 || n > STYRO_FILTER_ARCHS_MAX || !put_program(&e, specs, n) || e.full) {
    return 0;
  }
  memmove(out, out + STYRO_FILTER_MAX - e.len, e.len * sizeof *out);
  return e.len;
}
