/* The check of raw programs: the fault and its place are named, and it agrees with the kernel about random programs. */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulated.h"
#include "filter.h"
#include "filter_emit.h"
#include "test_program.h"

#define RET_ALLOW                            \
  {                                          \
    BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW \
  }

static const struct {
  const char *fault; /* NULL: fine */
  size_t at;
  size_t n;
  struct styro_bpf program[4];
} raw[] = {
    {NULL, 0, 1, {RET_ALLOW}},
    {"no instruction", 0, 0, {RET_ALLOW}},
    {"an instruction that seccomp does not know", 0, 2, {{0xffff, 0, 0, 0}, RET_ALLOW}},
    {"an instruction that seccomp does not know", 0, 2, {{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0}, RET_ALLOW}},
    {"an instruction that seccomp does not know", 0, 2, {{BPF_ALU | BPF_MOD | BPF_K, 0, 0, 3}, RET_ALLOW}},
    {"a load outside struct seccomp_data or not at a word", 0, 2, {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 64}, RET_ALLOW}},
    {"a load outside struct seccomp_data or not at a word", 0, 2, {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 2}, RET_ALLOW}},
    {"a jump beyond the end", 0, 2, {{BPF_JMP | BPF_JA, 0, 0, 1}, RET_ALLOW}},
    {"a jump beyond the end", 1, 3, {{BPF_LD | BPF_IMM, 0, 0, 0}, {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0}, RET_ALLOW}},
    {"a jump beyond the end", 1, 3, {{BPF_LD | BPF_IMM, 0, 0, 0}, {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0}, RET_ALLOW}},
    {"a division by zero", 0, 2, {{BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0}, RET_ALLOW}},
    {"a shift by 32 bits or more", 0, 2, {{BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32}, RET_ALLOW}},
    {"a scratch word beyond the 16 that there are", 0, 2, {{BPF_ST, 0, 0, 16}, RET_ALLOW}},
    {"a scratch word that is read before every way has written it", 0, 2, {{BPF_LD | BPF_MEM, 0, 0, 3}, RET_ALLOW}},
    {"a scratch word that is read before every way has written it",
     2,
     4,
     {{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0}, {BPF_ST, 0, 0, 1}, {BPF_LD | BPF_MEM, 0, 0, 1}, RET_ALLOW}},
    {NULL, 0, 3, {{BPF_ST, 0, 0, 1}, {BPF_LD | BPF_MEM, 0, 0, 1}, RET_ALLOW}},
    {"a last instruction that is no return", 1, 2, {RET_ALLOW, {BPF_LD | BPF_IMM, 0, 0, 0}}},
};

START_TEST(names_the_fault)
{
  size_t at = 99;
  const char *fault = styro_filter_check(raw[_i].program, raw[_i].n, &at);
  ck_assert_pstr_eq(fault, raw[_i].fault);
  ck_assert_uint_eq(at, raw[_i].at);
}
END_TEST

START_TEST(counts_instructions)
{
  static struct styro_bpf program[STYRO_FILTER_MAX + 1];
  size_t at;
  for (size_t i = 0; i <= STYRO_FILTER_MAX; i++) {
    program[i] = (struct styro_bpf)RET_ALLOW;
  }
  ck_assert_ptr_null(styro_filter_check(program, STYRO_FILTER_MAX, &at));
  ck_assert_str_eq(styro_filter_check(program, STYRO_FILTER_MAX + 1, &at), "more than 4096 instructions");
}
END_TEST

/*
 * The kernel's own verdict: a child without privileges loads the program; the child's first instruction allows all. It
 * copies no memory: under AddressSanitizer a fork takes a tenth of a second.
 */
static int kernel_accepts(const struct styro_bpf *program, size_t n)
{
  pid_t pid = vfork();
  if (pid == 0) {
    struct sock_fprog prog = {(unsigned short)n, (struct sock_filter *)(uintptr_t)program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* A NULL user pointer fails with EFAULT before the check; a real one with EINVAL after it. */
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
    _exit(result == 0 ? 0 : errno == EINVAL ? 1 : 2);
  }
  int status = 0;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0; /* killed by what it loaded: it was accepted */
}

static uint32_t next_random(uint64_t *state)
{
  *state = *state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)(*state >> 33);
}

static struct styro_bpf random_instruction(uint64_t *state)
{
  static const uint16_t codes[] = {BPF_LD | BPF_W | BPF_ABS,
                                   BPF_LD | BPF_W | BPF_ABS,
                                   BPF_LD | BPF_IMM,
                                   BPF_LDX | BPF_IMM,
                                   BPF_ST,
                                   BPF_STX,
                                   BPF_LD | BPF_MEM,
                                   BPF_LDX | BPF_MEM,
                                   BPF_JMP | BPF_JA,
                                   BPF_JMP | BPF_JEQ | BPF_K,
                                   BPF_JMP | BPF_JGE | BPF_X,
                                   BPF_JMP | BPF_JSET | BPF_K,
                                   BPF_ALU | BPF_AND | BPF_K,
                                   BPF_ALU | BPF_DIV | BPF_K,
                                   BPF_ALU | BPF_LSH | BPF_K,
                                   BPF_MISC | BPF_TAX,
                                   BPF_RET | BPF_K,
                                   BPF_RET | BPF_A,
                                   BPF_ALU | BPF_MOD | BPF_K,
                                   BPF_LD | BPF_W | BPF_LEN,
                                   BPF_LD | BPF_H | BPF_ABS,
                                   BPF_RET | BPF_X,
                                   BPF_LD | BPF_W | BPF_IND,
                                   BPF_LDX | BPF_B | BPF_MSH};
  struct styro_bpf one = {0};
  one.code = codes[next_random(state) % (sizeof codes / sizeof codes[0])];
  one.jt = (uint8_t)(next_random(state) % 5);
  one.jf = (uint8_t)(next_random(state) % 5);
  one.k = next_random(state) % (next_random(state) % 8 ? 20 : 80);
  if (one.code == (BPF_RET | BPF_K)) {
    one.k = SECCOMP_RET_ALLOW;
  }
  return one;
}

START_TEST(agrees_with_the_kernel)
{
  uint64_t state = (20261122 + (uint64_t)_i) * 0x9e3779b97f4a7c15;
  unsigned accepted = 0;
  for (int round = 0; round < 100; round++) {
    struct styro_bpf program[8];
    size_t n = 1 + next_random(&state) % 8;
    size_t at;
    for (size_t i = 0; i < n; i++) {
      program[i] = random_instruction(&state);
    }
    if (next_random(&state) % 4) {
      program[n - 1] = (struct styro_bpf)RET_ALLOW;
    }
    const char *fault = styro_filter_check(program, n, &at);
    int verdict = kernel_accepts(program, n);
    ck_assert_msg(verdict == (fault ? 1 : 0), "round %d: kernel %d, ours: %s at %zu", round, verdict,
                  fault ? fault : "fine", at);
    accepted += !fault;
  }
  ck_assert_uint_gt(accepted, 5);
}
END_TEST

int main(void)
{
  const struct test_loop loops[] = {
      {names_the_fault, (int)TESTS_N(raw)}, {agrees_with_the_kernel, emulated() ? 0 : 30}, /* a hundred forks each */
  };
  const struct test_program whole = {.name = "filter_check", .loops = loops, .loops_n = TESTS_N(loops)};
  const TTest *const tests[] = {counts_instructions};
  if (emulated()) {
    printf("skipped: the emulator knows no seccomp(2), so the kernel is not asked\n");
  }
  return test_program_run(&whole, tests, TESTS_N(tests));
}
