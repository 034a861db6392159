/*
 * What the level `process` refuses by a filter of its own, whatever the request's filter is, because no namespace is there to
 * make it harmless: sockets, IPC by number, changes of other processes of the same user, user namespaces, and truncate(2),
 * which Landlock asks about since Linux 6.2 only.
 */
#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "compile_calls.h"

#define ANSWER(number) (SECCOMP_RET_ERRNO | (number))
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define IS(argument, number, answer)                                                               \
  {                                                                                                \
    .index = (argument), .op = STYRO_FILTER_EQ, .low = true, .value = (number), .action = (answer) \
  }
#define KIND_MASK 0xf /* of a socket's type; the rest are flags */

/*
 * A pair that is connected to itself reaches nobody else. One of datagrams could be connected anew, to any socket of the host
 * (unix(7)).
 */
static const struct styro_filter_test pairs[] = {
    {.index = 0, .op = STYRO_FILTER_EQ, .low = true, .also = true, .value = AF_UNIX},
    {.index = 1,
     .op = STYRO_FILTER_MASKED,
     .low = true,
     .mask = KIND_MASK,
     .value = SOCK_STREAM,
     .action = SECCOMP_RET_ALLOW},
    {.index = 0, .op = STYRO_FILTER_EQ, .low = true, .also = true, .value = AF_UNIX},
    {.index = 1,
     .op = STYRO_FILTER_MASKED,
     .low = true,
     .mask = KIND_MASK,
     .value = SOCK_SEQPACKET,
     .action = SECCOMP_RET_ALLOW},
};
/* socketcall(2) hides what it asks for; io_uring makes sockets itself. */
static const struct styro_call_rule network[] = {
    {"socket", ANSWER(EAFNOSUPPORT), NULL, 0},
    {"socketpair", ANSWER(EOPNOTSUPP), pairs, COUNT(pairs)},
    {"socketcall", ANSWER(ENOSYS), NULL, 0},
    {"io_uring_setup", ANSWER(ENOSYS), NULL, 0},
};

/* Their objects are named by numbers that anybody may guess; `ipc` carries them on i386. */
static const struct styro_call_rule ipc[] = {
    {"shmget", ANSWER(ENOSYS), NULL, 0},  {"shmat", ANSWER(ENOSYS), NULL, 0},
    {"shmctl", ANSWER(ENOSYS), NULL, 0},  {"msgget", ANSWER(ENOSYS), NULL, 0},
    {"msgsnd", ANSWER(ENOSYS), NULL, 0},  {"msgrcv", ANSWER(ENOSYS), NULL, 0},
    {"msgctl", ANSWER(ENOSYS), NULL, 0},  {"semget", ANSWER(ENOSYS), NULL, 0},
    {"semop", ANSWER(ENOSYS), NULL, 0},   {"semtimedop", ANSWER(ENOSYS), NULL, 0},
    {"semctl", ANSWER(ENOSYS), NULL, 0},  {"semtimedop_time64", ANSWER(ENOSYS), NULL, 0},
    {"mq_open", ANSWER(ENOSYS), NULL, 0}, {"mq_unlink", ANSWER(ENOSYS), NULL, 0},
    {"ipc", ANSWER(ENOSYS), NULL, 0},
};

/* 0 is the caller itself. Threads are set by their numbers too, which no filter can tell from other processes'. */
static const struct styro_filter_test own_first[] = {IS(0, 0, SECCOMP_RET_ALLOW)};
static const struct styro_filter_test own_second[] = {IS(1, 0, SECCOMP_RET_ALLOW)};
static const struct styro_filter_test new_user[] = {{.index = 0,
                                                     .op = STYRO_FILTER_MASKED,
                                                     .low = true,
                                                     .mask = CLONE_NEWUSER,
                                                     .value = CLONE_NEWUSER,
                                                     .action = ANSWER(EPERM)}};
static const struct styro_call_rule others[] = {
    {"prlimit64", ANSWER(EPERM), own_first, 1},
    {"setpriority", ANSWER(EPERM), own_second, 1},
    {"ioprio_set", ANSWER(EPERM), own_second, 1},
    {"sched_setscheduler", ANSWER(EPERM), own_first, 1},
    {"sched_setparam", ANSWER(EPERM), own_first, 1},
    {"sched_setattr", ANSWER(EPERM), own_first, 1},
    {"truncate", ANSWER(EACCES), NULL, 0},
    {"truncate64", ANSWER(EACCES), NULL, 0},
    {"clone", SECCOMP_RET_ALLOW, new_user, 1},
    {"unshare", SECCOMP_RET_ALLOW, new_user, 1},
    {"clone3", ANSWER(ENOSYS), NULL, 0},
    {"setns", ANSWER(EPERM), NULL, 0},
};

static size_t add(struct styro_call_rule *all, size_t n, const struct styro_call_rule *some, size_t some_n, bool wanted)
{
  memcpy(all + n, some, wanted ? some_n * sizeof *some : 0);
  return wanted ? n + some_n : n;
}

/* What the request leaves to the host by name stays open. */
void styro_compile_level_filter(struct styro_compile *c)
{
  const struct styro_fields *given = &c->effective->fields;
  struct styro_call_rule all[STYRO_CALLS_MAX];
  size_t n = add(all, 0, network, COUNT(network), given->network == STYRO_NETWORK_NONE);
  n = add(all, n, ipc, COUNT(ipc), given->namespaces[STYRO_NS_IPC] != STYRO_NS_HOST);
  n = add(all, n, others, COUNT(others), true);
  styro_compile_calls(c, all, n, "what no namespace keeps inside: sockets, IPC, limits and priorities of others",
                      "/isolation");
}
