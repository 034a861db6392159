/*
 * Programs that a caller brings, checked by the kernel's own rules (bpf_check_classic and seccomp_check_filter), so that the
 * error can name the instruction.
 */
#include "filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#include "filter_emit.h"

enum operand { PLAIN, LOAD_ABSOLUTE, SCRATCH, DIVISOR, SHIFT, JUMP_ALWAYS, JUMP_IF, RETURN };

/* Every instruction that the kernel lets into a seccomp filter. */
/* NOLINTBEGIN(misc-redundant-expression): BPF_LD, BPF_W and BPF_IMM are all 0, and are written for the reader */
static const struct {
  uint16_t code;
  uint16_t operand;
} known[] = {
    {BPF_LD | BPF_W | BPF_ABS, LOAD_ABSOLUTE},
    {BPF_LD | BPF_W | BPF_LEN, PLAIN},
    {BPF_LDX | BPF_W | BPF_LEN, PLAIN},
    {BPF_RET | BPF_K, RETURN},
    {BPF_RET | BPF_A, RETURN},
    {BPF_ALU | BPF_ADD | BPF_K, PLAIN},
    {BPF_ALU | BPF_ADD | BPF_X, PLAIN},
    {BPF_ALU | BPF_SUB | BPF_K, PLAIN},
    {BPF_ALU | BPF_SUB | BPF_X, PLAIN},
    {BPF_ALU | BPF_MUL | BPF_K, PLAIN},
    {BPF_ALU | BPF_MUL | BPF_X, PLAIN},
    {BPF_ALU | BPF_DIV | BPF_K, DIVISOR},
    {BPF_ALU | BPF_DIV | BPF_X, PLAIN},
    {BPF_ALU | BPF_AND | BPF_K, PLAIN},
    {BPF_ALU | BPF_AND | BPF_X, PLAIN},
    {BPF_ALU | BPF_OR | BPF_K, PLAIN},
    {BPF_ALU | BPF_OR | BPF_X, PLAIN},
    {BPF_ALU | BPF_XOR | BPF_K, PLAIN},
    {BPF_ALU | BPF_XOR | BPF_X, PLAIN},
    {BPF_ALU | BPF_LSH | BPF_K, SHIFT},
    {BPF_ALU | BPF_LSH | BPF_X, PLAIN},
    {BPF_ALU | BPF_RSH | BPF_K, SHIFT},
    {BPF_ALU | BPF_RSH | BPF_X, PLAIN},
    {BPF_ALU | BPF_NEG, PLAIN},
    {BPF_LD | BPF_IMM, PLAIN},
    {BPF_LDX | BPF_IMM, PLAIN},
    {BPF_MISC | BPF_TAX, PLAIN},
    {BPF_MISC | BPF_TXA, PLAIN},
    {BPF_LD | BPF_MEM, SCRATCH},
    {BPF_LDX | BPF_MEM, SCRATCH},
    {BPF_ST, SCRATCH},
    {BPF_STX, SCRATCH},
    {BPF_JMP | BPF_JA, JUMP_ALWAYS},
    {BPF_JMP | BPF_JEQ | BPF_K, JUMP_IF},
    {BPF_JMP | BPF_JEQ | BPF_X, JUMP_IF},
    {BPF_JMP | BPF_JGE | BPF_K, JUMP_IF},
    {BPF_JMP | BPF_JGE | BPF_X, JUMP_IF},
    {BPF_JMP | BPF_JGT | BPF_K, JUMP_IF},
    {BPF_JMP | BPF_JGT | BPF_X, JUMP_IF},
    {BPF_JMP | BPF_JSET | BPF_K, JUMP_IF},
    {BPF_JMP | BPF_JSET | BPF_X, JUMP_IF},
};
/* NOLINTEND(misc-redundant-expression) */

static int find_operand(uint16_t code)
{
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (known[i].code == code) {
      return known[i].operand;
    }
  }
  return -1;
}

static const char *check_one(const struct styro_bpf *one, size_t at, size_t n)
{
  switch (find_operand(one->code)) {
  case -1: return "an instruction that seccomp does not know";
  case LOAD_ABSOLUTE:
    return one->k % 4 || one->k >= sizeof(struct seccomp_data) ? "a load outside struct seccomp_data or not at a word"
                                                               : NULL;
  case SCRATCH: return one->k >= BPF_MEMWORDS ? "a scratch word beyond the 16 that there are" : NULL;
  case DIVISOR: return one->k == 0 ? "a division by zero" : NULL;
  case SHIFT: return one->k >= 32 ? "a shift by 32 bits or more" : NULL;
  case JUMP_ALWAYS: return one->k >= n - at - 1 ? "a jump beyond the end" : NULL;
  case JUMP_IF: return at + one->jt + 1 >= n || at + one->jf + 1 >= n ? "a jump beyond the end" : NULL;
  default: return NULL;
  }
}

/*
 * Scratch words must be written on every way before they are read (check_load_and_stores in the kernel). One pass: jumps
 * only go forward, so what every way to an instruction has written is known when it is reached.
 */
static const char *check_scratch(const struct styro_bpf *program, size_t n, size_t *at)
{
  uint16_t valid[STYRO_FILTER_MAX];
  uint16_t now = 0;
  for (size_t i = 0; i < n; i++) {
    valid[i] = UINT16_MAX;
  }
  for (size_t i = 0; i < n; i++) {
    const struct styro_bpf *one = &program[i];
    now &= valid[i];
    int operand = find_operand(one->code);
    bool store = one->code == BPF_ST || one->code == BPF_STX;
    if (operand == SCRATCH && !store && !(now >> one->k & 1)) {
      *at = i;
      return "a scratch word that is read before every way has written it";
    }
    if (store) {
      now = (uint16_t)(now | 1u << one->k);
    } else if (operand == JUMP_ALWAYS) {
      valid[i + one->k + 1] &= now;
      now = UINT16_MAX;
    } else if (operand == JUMP_IF) {
      valid[i + one->jt + 1] &= now;
      valid[i + one->jf + 1] &= now;
      now = UINT16_MAX;
    }
  }
  return NULL;
}

const char *styro_filter_check(const struct styro_bpf *program, size_t n, size_t *at)
{
  *at = 0;
  if (n == 0 || n > STYRO_FILTER_MAX) {
    return n ? "more than 4096 instructions" : "no instruction";
  }
  for (size_t i = 0; i < n; i++) {
    const char *fault = check_one(&program[i], i, n);
    if (fault) {
      *at = i;
      return fault;
    }
  }
  if (find_operand(program[n - 1].code) != RETURN) {
    *at = n - 1;
    return "a last instruction that is no return";
  }
  return check_scratch(program, n, at);
}
