/*
 * What the level `process` refuses by a filter of its own, whatever the request's filter is, because no namespace is there to
 * make it harmless: sockets, IPC by number, keys, changes of other processes of the same user, user namespaces, signals to the
 * supervisor, and ways to a file that Landlock does not ask about.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "compile_calls.h"

#define ANSWER STYRO_ANSWER
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define IS STYRO_CALL_EQUALS
#define KIND_MASK 0xf      /* of a socket's type; the rest are flags */
#define F_SETSIG_ 10       /* fcntl(2) */
#define IO_PRIORITY_USER 3 /* ioprio_set(2) */

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
static const struct styro_call_rule network[] = {
    {"socket", ANSWER(EAFNOSUPPORT), NULL, 0}, {"bind", ANSWER(EACCES), NULL, 0}, /* a name for one of a pair */
};
/* The host's network is no word for its sockets with paths, which Landlock does not ask about: a session bus starts programs. */
static const struct styro_filter_test no_unix[] = {IS(0, AF_UNIX, ANSWER(EAFNOSUPPORT))};
static const struct styro_call_rule host_network[] = {{"socket", SECCOMP_RET_ALLOW, no_unix, COUNT(no_unix)}};
/* socketcall(2) hides what it asks for; io_uring makes sockets, and opens files, itself. */
static const struct styro_call_rule either_network[] = {
    {"socketpair", ANSWER(EOPNOTSUPP), pairs, COUNT(pairs)},
    {"socketcall", ANSWER(ENOSYS), NULL, 0},
    {"io_uring_setup", ANSWER(ENOSYS), NULL, 0},
};

/*
 * Landlock asks what a file is opened for. Neither to read nor to write (access mode 3) is nothing to it, and gives a descriptor
 * for ioctl(2) and leases; and with O_TRUNC it cuts the file, as does O_RDONLY, before Linux 6.2 (landlock(7)).
 */
#define OPENS_FOR_NOTHING(argument)                                                                     \
  {                                                                                                     \
    .index = (argument), .op = STYRO_FILTER_MASKED, .low = true, .mask = O_ACCMODE, .value = O_ACCMODE, \
    .action = ANSWER(EACCES)                                                                            \
  }
#define CUTS_TO_READ(argument)                                                                \
  {                                                                                           \
    .index = (argument), .op = STYRO_FILTER_MASKED, .low = true, .mask = O_ACCMODE | O_TRUNC, \
    .value = O_RDONLY | O_TRUNC, .action = ANSWER(EACCES)                                     \
  }
static const struct styro_filter_test second_flags[] = {OPENS_FOR_NOTHING(1), CUTS_TO_READ(1)};
static const struct styro_filter_test third_flags[] = {OPENS_FOR_NOTHING(2), CUTS_TO_READ(2)};
static const struct styro_call_rule files[] = {
    {"open", SECCOMP_RET_ALLOW, second_flags, COUNT(second_flags)},
    {"openat", SECCOMP_RET_ALLOW, third_flags, COUNT(third_flags)},
    {"openat2", ANSWER(ENOSYS), NULL, 0}, /* its flags lie in memory */
    {"truncate", ANSWER(EACCES), NULL, 0},
    {"truncate64", ANSWER(EACCES), NULL, 0},
};

/*
 * Before Landlock has scopes (Linux 6.12) the supervisor is a process of the same user: a payload that stops or kills it would be
 * without one. Its pid is put in by the helper. pidfd_send_signal(2) takes a directory of /proc as well.
 */
#define SUPERVISOR(argument) IS(argument, WIRE_SUPERVISOR, ANSWER(EPERM))
static const struct styro_filter_test killed[] = {SUPERVISOR(0), IS(0, WIRE_SUPERVISOR_GROUP, ANSWER(EPERM)),
                                                  IS(0, 0xffffffff, ANSWER(EPERM))}; /* -1: everybody */
static const struct styro_filter_test by_first[] = {SUPERVISOR(0)};
static const struct styro_filter_test by_both[] = {SUPERVISOR(0), SUPERVISOR(1)};
static const struct styro_filter_test set_signal[] = {IS(1, F_SETSIG_, ANSWER(EPERM))};
static const struct styro_call_rule supervisor[] = {
    {"kill", SECCOMP_RET_ALLOW, killed, COUNT(killed)},
    {"tkill", SECCOMP_RET_ALLOW, by_first, COUNT(by_first)},
    {"tgkill", SECCOMP_RET_ALLOW, by_both, COUNT(by_both)},
    {"rt_sigqueueinfo", SECCOMP_RET_ALLOW, by_first, COUNT(by_first)},
    {"rt_tgsigqueueinfo", SECCOMP_RET_ALLOW, by_both, COUNT(by_both)},
    {"pidfd_open", SECCOMP_RET_ALLOW, by_first, COUNT(by_first)},
    {"pidfd_send_signal", ANSWER(ENOSYS), NULL, 0},
    {"fcntl", SECCOMP_RET_ALLOW, set_signal, COUNT(set_signal)},
    {"fcntl64", SECCOMP_RET_ALLOW, set_signal, COUNT(set_signal)},
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

/* 0 is the caller itself, but of a user all that there are of that. */
static const struct styro_filter_test own_first[] = {IS(0, 0, SECCOMP_RET_ALLOW)};
static const struct styro_filter_test own_priority[] = {IS(0, PRIO_USER, ANSWER(EPERM)), IS(1, 0, SECCOMP_RET_ALLOW)};
static const struct styro_filter_test own_io_priority[] = {IS(0, IO_PRIORITY_USER, ANSWER(EPERM)),
                                                           IS(1, 0, SECCOMP_RET_ALLOW)};
static const struct styro_filter_test new_user[] = {{.index = 0,
                                                     .op = STYRO_FILTER_MASKED,
                                                     .low = true,
                                                     .mask = CLONE_NEWUSER,
                                                     .value = CLONE_NEWUSER,
                                                     .action = ANSWER(EPERM)}};
static const struct styro_call_rule others[] = {
    {"prlimit64", ANSWER(EPERM), own_first, 1},
    {"setpriority", ANSWER(EPERM), own_priority, COUNT(own_priority)},
    {"ioprio_set", ANSWER(EPERM), own_io_priority, COUNT(own_io_priority)},
    {"sched_setscheduler", ANSWER(EPERM), own_first, 1},
    {"sched_setparam", ANSWER(EPERM), own_first, 1},
    {"sched_setattr", ANSWER(EPERM), own_first, 1},
    {"clone", SECCOMP_RET_ALLOW, new_user, 1},
    {"unshare", SECCOMP_RET_ALLOW, new_user, 1},
    {"clone3", ANSWER(ENOSYS), NULL, 0},
    {"setns", ANSWER(EPERM), NULL, 0},
};

/* The keyrings of a user are one for all of the user's processes (user-keyring(7)). */
static const struct styro_call_rule keys[] = {
    {"keyctl", ANSWER(EPERM), NULL, 0},
    {"add_key", ANSWER(EPERM), NULL, 0},
    {"request_key", ANSWER(EPERM), NULL, 0},
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
  bool alone = given->network == STYRO_NETWORK_NONE;
  size_t n = add(all, 0, network, COUNT(network), alone);
  n = add(all, n, host_network, COUNT(host_network), !alone);
  n = add(all, n, either_network, COUNT(either_network), true);
  n = add(all, n, files, COUNT(files), true);
  n = add(all, n, supervisor, COUNT(supervisor), true);
  n = add(all, n, ipc, COUNT(ipc), given->namespaces[STYRO_NS_IPC] != STYRO_NS_HOST);
  n = add(all, n, keys, COUNT(keys), given->keyring == STYRO_KEYRING_NEW);
  n = add(all, n, others, COUNT(others), true);
  styro_compile_calls(c, all, n, "what no namespace keeps inside: sockets, IPC, keys, limits and priorities of others",
                      "/isolation");
}
