/*
 * What Landlock does not ask about where the request names the only TCP ports: the ways to speak TCP without bind(2) or
 * connect(2) of a TCP socket. A filter of its own, whatever the request's filter is, answers as a kernel that lacks
 * them does, so that programs take the ordinary way.
 */
#include <errno.h>

#include "compile_calls.h"

#define ANSWER STYRO_ANSWER
#define FAMILY_SMC 43
#define PROTOCOL_SMC 256
#define PROTOCOL_MPTCP 262
#define LEVEL_TCP 6
#define OPTION_ULP 31 /* makes an SMC socket of a TCP one */
#define FAST_OPEN 0x20000000

#define EQUALS STYRO_CALL_EQUALS
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
static const struct styro_call_rule ways[] = {
    {"socket", SECCOMP_RET_ALLOW, sockets, sizeof sockets / sizeof sockets[0]},
    {"setsockopt", SECCOMP_RET_ALLOW, options, sizeof options / sizeof options[0]},
    {"sendto", SECCOMP_RET_ALLOW, fourth_flags, 1},
    {"sendmsg", SECCOMP_RET_ALLOW, third_flags, 1},
    {"sendmmsg", SECCOMP_RET_ALLOW, fourth_flags, 1},
    {"io_uring_setup", ANSWER(ENOSYS), NULL, 0},
    {"socketcall", ANSWER(ENOSYS), NULL, 0},
};

void styro_compile_port_filter(struct styro_compile *c)
{
  styro_compile_calls(c, ways, sizeof ways / sizeof ways[0],
                      "other ways to speak TCP: MPTCP, SMC, data with the opening, io_uring", "/security/landlock");
}
