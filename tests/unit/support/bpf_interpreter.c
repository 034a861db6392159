/* Classic BPF as the kernel runs it for seccomp: the proof's own, written from the instruction set, not from the emitter. */
#include "bpf_interpreter.h"

#include <linux/filter.h>
#include <string.h>

struct machine {
  uint32_t a;
  uint32_t x;
  uint32_t scratch[BPF_MEMWORDS];
};

static void compute(struct machine *m, const struct styro_bpf *one)
{
  uint32_t with = BPF_SRC(one->code) == BPF_X ? m->x : one->k;
  switch (BPF_OP(one->code)) {
  case BPF_ADD: m->a += with; break;
  case BPF_SUB: m->a -= with; break;
  case BPF_MUL: m->a *= with; break;
  case BPF_DIV: m->a = with ? m->a / with : 0; break;
  case BPF_AND: m->a &= with; break;
  case BPF_OR: m->a |= with; break;
  case BPF_XOR: m->a ^= with; break;
  case BPF_LSH: m->a <<= with & 31; break;
  case BPF_RSH: m->a >>= with & 31; break;
  default: m->a = 0u - m->a; break;
  }
}

static int jumps(const struct machine *m, const struct styro_bpf *one)
{
  uint32_t with = BPF_SRC(one->code) == BPF_X ? m->x : one->k;
  switch (BPF_OP(one->code)) {
  case BPF_JEQ: return m->a == with;
  case BPF_JGT: return m->a > with;
  case BPF_JGE: return m->a >= with;
  default: return (m->a & with) != 0;
  }
}

static uint32_t load(const struct machine *m, const struct styro_bpf *one, const struct seccomp_data *data)
{
  uint32_t word = 0;
  switch (BPF_MODE(one->code)) {
  case BPF_ABS: memcpy(&word, (const char *)data + one->k, sizeof word); return word;
  case BPF_MEM: return m->scratch[one->k];
  case BPF_LEN: return sizeof *data;
  default: return one->k;
  }
}

uint32_t bpf_run(const struct styro_bpf *program, size_t n, const struct seccomp_data *data)
{
  struct machine m;
  memset(&m, 0, sizeof m);
  for (size_t at = 0; at < n; at++) {
    const struct styro_bpf *one = &program[at];
    switch (BPF_CLASS(one->code)) {
    case BPF_LD: m.a = load(&m, one, data); break;
    case BPF_LDX: m.x = load(&m, one, data); break;
    case BPF_ST: m.scratch[one->k] = m.a; break;
    case BPF_STX: m.scratch[one->k] = m.x; break;
    case BPF_ALU: compute(&m, one); break;
    case BPF_JMP: at += BPF_OP(one->code) == BPF_JA ? one->k : jumps(&m, one) ? one->jt : one->jf; break;
    case BPF_RET: return BPF_RVAL(one->code) == BPF_A ? m.a : one->k;
    default: *(one->code & BPF_TXA ? &m.a : &m.x) = one->code & BPF_TXA ? m.x : m.a; break;
    }
  }
  return 0; /* SECCOMP_RET_KILL_THREAD: a program that runs off its end is refused by the kernel */
}
