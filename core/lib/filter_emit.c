/* The emitter: equal neighbours merge to ranges, ranges are found by a balanced search, arguments are looked at in its leaves. */
#include "filter_emit.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#define ARG_LOW(index) ((uint32_t)offsetof(struct seccomp_data, args) + 8u * (index)) /* little-endian */
#define SEGMENTS_MAX 2048

/* From number `first` up to the next segment's. rule NULL: the action alone decides. */
struct segment {
  uint32_t first;
  uint32_t action;
  const struct styro_filter_rule *rule;
};

struct emitter {
  struct segment segments[SEGMENTS_MAX];
  size_t n;
  struct styro_bpf *out;
  size_t len;
};

static void put(struct emitter *e, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
  if (e->len < STYRO_FILTER_MAX) {
    e->out[e->len] = (struct styro_bpf){code, jt, jf, k};
  }
  e->len++;
}

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
  e->segments[e->n++] = (struct segment){first, action, rule};
  return true;
}

static bool build_segments(struct emitter *e, const struct styro_filter_spec *spec)
{
  bool fits = add_segment(e, 0, spec->default_action, NULL);
  for (size_t i = 0; fits && i < spec->rules_n; i++) {
    const struct styro_filter_rule *rule = &spec->rules[i];
    if (i && rule->number <= spec->rules[i - 1].number) {
      return false;
    }
    fits = add_segment(e, rule->number, rule->action, rule->tests_n ? rule : NULL) &&
           add_segment(e, rule->number + 1, spec->default_action, NULL);
  }
  return fits && (!spec->first_foreign || add_segment(e, spec->first_foreign, SECCOMP_RET_KILL_PROCESS, NULL));
}

/* A load only where the previous test looked at something else: the accumulator still holds it. */
static bool needs_load(const struct styro_filter_rule *rule, size_t i)
{
  return i == 0 || rule->tests[i].index != rule->tests[i - 1].index || rule->tests[i].mask != rule->tests[i - 1].mask;
}

static size_t leaf_size(const struct segment *segment)
{
  size_t size = 1;
  for (size_t i = 0; segment->rule && i < segment->rule->tests_n; i++) {
    size += 2u + (needs_load(segment->rule, i) ? 1u + (segment->rule->tests[i].mask != UINT32_MAX) : 0);
  }
  return size;
}

static void put_leaf(struct emitter *e, const struct segment *segment)
{
  const struct styro_filter_rule *rule = segment->rule;
  for (size_t i = 0; rule && i < rule->tests_n; i++) {
    const struct styro_filter_test *test = &rule->tests[i];
    if (needs_load(rule, i)) {
      put(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, ARG_LOW(test->index));
      if (test->mask != UINT32_MAX) {
        put(e, BPF_ALU | BPF_AND | BPF_K, 0, 0, test->mask);
      }
    }
    put(e, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, test->value);
    put(e, BPF_RET | BPF_K, 0, 0, test->action);
  }
  put(e, BPF_RET | BPF_K, 0, 0, segment->action);
}

#define SHORT_JUMP 255

static size_t tree_size(const struct emitter *e, size_t low, size_t high)
{
  if (low == high) {
    return leaf_size(&e->segments[low]);
  }
  size_t middle = (low + high + 1) / 2;
  size_t left = tree_size(e, low, middle - 1);
  return left + tree_size(e, middle, high) + (left > SHORT_JUMP ? 2 : 1);
}

/* number >= segments[middle].first goes right, over the left half. */
static void put_tree(struct emitter *e, size_t low, size_t high)
{
  if (low == high) {
    put_leaf(e, &e->segments[low]);
    return;
  }
  size_t middle = (low + high + 1) / 2;
  size_t left = tree_size(e, low, middle - 1);
  if (left > SHORT_JUMP) {
    put(e, BPF_JMP | BPF_JGE | BPF_K, 0, 1, e->segments[middle].first);
    put(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t)left);
  } else {
    put(e, BPF_JMP | BPF_JGE | BPF_K, (uint8_t)left, 0, e->segments[middle].first);
  }
  put_tree(e, low, middle - 1);
  put_tree(e, middle, high);
}

/* The architecture first: a number means another call on another one (seccomp(2), "caveats"). */
size_t styro_filter_emit(const struct styro_filter_spec *spec, struct styro_bpf out[STYRO_FILTER_MAX])
{
  struct emitter e;
  e.n = e.len = 0;
  e.out = out;
  if (!build_segments(&e, spec)) {
    return 0;
  }
  put(&e, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
  put(&e, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, spec->arch);
  put(&e, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
  put(&e, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
  put_tree(&e, 0, e.n - 1);
  return e.len <= STYRO_FILTER_MAX ? e.len : 0;
}
