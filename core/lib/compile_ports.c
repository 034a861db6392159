/*
 * What Landlock does not ask about where the request names the only TCP ports: the ways to speak TCP without bind(2) or
 * connect(2) of a TCP socket. A filter of its own, whatever the request's filter is, answers as a kernel that lacks
 * them does, so that programs take the ordinary way.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "filter_emit.h"
#include "syscalls.h"

#define ANSWER(number) (SECCOMP_RET_ERRNO | (number))
#define FAMILY_SMC 43
#define PROTOCOL_SMC 256
#define PROTOCOL_MPTCP 262
#define LEVEL_TCP 6
#define OPTION_ULP 31 /* makes an SMC socket of a TCP one */
#define FAST_OPEN 0x20000000

#define EQUALS(argument, number, answer)                                                           \
  {                                                                                                \
    .index = (argument), .op = STYRO_FILTER_EQ, .low = true, .value = (number), .action = (answer) \
  }
#define OPENS(argument)                                                                                 \
  {                                                                                                     \
    .index = (argument), .op = STYRO_FILTER_MASKED, .low = true, .mask = FAST_OPEN, .value = FAST_OPEN, \
    .action = ANSWER(EOPNOTSUPP)                                                                        \
  }

static const struct styro_filter_test sockets[] = {EQUALS(2, PROTOCOL_MPTCP, ANSWER(EPROTONOSUPPORT)),
                                                   EQUALS(2, PROTOCOL_SMC, ANSWER(EPROTONOSUPPORT)),
                                                   EQUALS(0, FAMILY_SMC, ANSWER(EAFNOSUPPORT))};
static const struct styro_filter_test options[] = {
    {.index = 1, .op = STYRO_FILTER_EQ, .low = true, .also = true, .value = LEVEL_TCP},
    EQUALS(2, OPTION_ULP, ANSWER(ENOPROTOOPT))};
static const struct styro_filter_test third_flags[] = {OPENS(2)};
static const struct styro_filter_test fourth_flags[] = {OPENS(3)};

/* Of calls without tests the action alone speaks: io_uring makes all these calls itself; socketcall(2) hides them. */
static const struct way {
  const char *call;
  uint32_t action;
  const struct styro_filter_test *tests;
  size_t tests_n;
} ways[] = {
    {"socket", SECCOMP_RET_ALLOW, sockets, sizeof sockets / sizeof sockets[0]},
    {"setsockopt", SECCOMP_RET_ALLOW, options, sizeof options / sizeof options[0]},
    {"sendto", SECCOMP_RET_ALLOW, fourth_flags, 1},
    {"sendmsg", SECCOMP_RET_ALLOW, third_flags, 1},
    {"sendmmsg", SECCOMP_RET_ALLOW, fourth_flags, 1},
    {"io_uring_setup", ANSWER(ENOSYS), NULL, 0},
    {"socketcall", ANSWER(ENOSYS), NULL, 0},
};
#define WAYS (sizeof ways / sizeof ways[0])

static int by_number(const void *a, const void *b)
{
  uint32_t left = ((const struct styro_filter_rule *)a)->number, right = ((const struct styro_filter_rule *)b)->number;
  return left < right ? -1 : left > right;
}

/* The emitter wants them sorted; what an architecture does not have needs no rule. */
static void fill(struct styro_filter_spec *spec, uint32_t arch, uint32_t first_foreign,
                 struct styro_filter_rule rules[WAYS])
{
  *spec = (struct styro_filter_spec){
      .arch = arch, .first_foreign = first_foreign, .default_action = SECCOMP_RET_ALLOW, .rules = rules};
  for (size_t i = 0; i < WAYS; i++) {
    int number = styro_syscall_number(ways[i].call, arch);
    if (number >= 0) {
      rules[spec->rules_n++] = (struct styro_filter_rule){
          .number = (uint32_t)number, .action = ways[i].action, .tests = ways[i].tests, .tests_n = ways[i].tests_n};
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

void styro_compile_port_filter(struct styro_compile *c)
{
  struct styro_filter_spec specs[ARCHS];
  struct styro_filter_rule rules[ARCHS][WAYS];
  struct styro_bpf program[STYRO_FILTER_MAX];
  struct wire_step_seccomp body;
  for (size_t i = 0; i < ARCHS; i++) {
    fill(&specs[i], archs[i], foreign[i], rules[i]);
  }
  memset(&body, 0, sizeof body);
  body.n = (uint32_t)styro_filter_emit(specs, ARCHS, program);
  body.filter = styro_builder_filter(&c->builder, program, body.n);
  body.words = styro_builder_text(&c->builder, "other ways to speak TCP: MPTCP, SMC, data with the opening, io_uring");
  styro_builder_step(&c->builder, WIRE_STEP_SECCOMP, 0, "/security/landlock", STYRO_FATAL, &body, sizeof body);
}
