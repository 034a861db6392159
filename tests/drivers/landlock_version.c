/*
 * A kernel with an earlier version of Landlock: `landlock_version N COMMAND...` runs the command under a filter that asks
 * this process about landlock_create_ruleset(2). It answers N to who asks for the version, EINVAL to who names a right that
 * N does not know, as that kernel would, and lets all else through.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/landlock.h"
#include "wire/sys.h"

static void check(long result, const char *what)
{
  if (result < 0) {
    perror(what);
    exit(EXIT_FAILURE);
  }
}

static int listen_to_calls(void)
{
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_NR_landlock_create_ruleset, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  check(fd, "seccomp");
  return (int)fd;
}

/* Does what is asked for hold only what the version knows? Only root looks into a set-up, which is not dumpable. */
static int knows(int version, const struct seccomp_notif *asked)
{
  struct wire_landlock_ruleset wanted = {0};
  const struct wire_landlock_known *known = &wire_landlock_abi(version)->knows;
  struct iovec here = {&wanted, sizeof wanted};
  struct iovec there = {(void *)(uintptr_t)asked->data.args[0], sizeof wanted};
  if (process_vm_readv((pid_t)asked->pid, &here, 1, &there, 1, 0) < 0 && geteuid() == 0) {
    check(-1, "process_vm_readv");
  }
  return !(wanted.fs & ~known->fs) && !(wanted.network & ~known->network) && !(wanted.scoped & ~known->scoped);
}

/* The asking process may be gone by the time of the answer: that is its own business. */
static void answer(int listener, int version)
{
  struct seccomp_notif asked;
  struct seccomp_notif_resp reply;
  memset(&asked, 0, sizeof asked);
  memset(&reply, 0, sizeof reply);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) {
    return;
  }
  reply.id = asked.id;
  if (asked.data.args[2] == WIRE_LL_CREATE_VERSION) {
    reply.val = version;
  } else if (knows(version, &asked)) {
    reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else {
    reply.error = -EINVAL;
  }
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

static int serve(int listener, int command, int version, pid_t pid)
{
  struct pollfd fds[2] = {{listener, POLLIN, 0}, {command, POLLIN, 0}};
  int status = 0;
  while (!fds[1].revents) {
    check(poll(fds, 2, -1), "poll");
    if (fds[0].revents & POLLIN) {
      answer(listener, version);
    }
  }
  check(waitpid(pid, &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
  if (argc < 3 || !wire_landlock_abi(atoi(argv[1]))) {
    fputs("usage: landlock_version N COMMAND...\n", stderr);
    return EXIT_FAILURE;
  }
  int listener = listen_to_calls();
  pid_t pid = fork();
  check(pid, "fork");
  if (pid == 0) {
    close(listener);
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
  }
  int command = (int)syscall(SYS_pidfd_open, pid, 0);
  check(command, "pidfd_open");
  return serve(listener, command, atoi(argv[1]), pid);
}
