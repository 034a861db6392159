/*
 * The caller is killed with SIGKILL while a forked child of it, holding all its descriptors, lives on: the tree dies.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "driver.h"

/* The caller that will be killed: starts a sandbox, forks a child that sleeps, tells the sandbox's pid. */
static _Noreturn void doomed(int report)
{
  const char *const argv[] = {"sh", "-c", "sleep 300 & sleep 300", NULL};
  styro_runner *runner = runner_new();
  styro_plan *plan = plan_of(DEFAULT_REQUEST);
  styro_run run = captured(argv);
  styro_error err = {.size = sizeof err};
  styro_process *process = NULL;
  if (styro_runner_spawn(runner, plan, &run, &process, &err) || styro_process_started(process, 60000, &err)) {
    give_up("the doomed caller", &err);
  }
  pid_t pids[2] = {styro_process_pid(process), fork()};
  if (pids[1] == 0) {
    sleep(300);
    _exit(0);
  }
  if (write(report, pids, sizeof pids) != (ssize_t)sizeof pids) {
    _exit(1);
  }
  pause();
  _exit(0);
}

int main(void)
{
  int report[2];
  pid_t pids[2] = {0, 0};
  if (pipe(report) != 0) {
    return EXIT_FAILURE;
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that the orphans can be watched and waited for */
  pid_t caller = fork();
  if (caller == 0) {
    doomed(report[1]);
  }
  close(report[1]);
  if (read(report[0], pids, sizeof pids) != (ssize_t)sizeof pids) {
    check(false, "the caller reported");
    return driver_end();
  }
  int pidfd = (int)syscall(SYS_pidfd_open, pids[0], 0);
  struct pollfd item = {.fd = pidfd, .events = POLLIN};
  check(poll(&item, 1, 100) == 0, "the sandbox lives");
  kill(caller, SIGKILL);
  waitpid(caller, NULL, 0);
  check(poll(&item, 1, 60000) == 1, "the caller is killed: its sandbox is dead");
  check(kill(pids[1], 0) == 0, "its forked child still lives");
  kill(pids[1], SIGKILL);
  while (waitpid(-1, NULL, 0) > 0) {
  }
  close(pidfd);
  return driver_end();
}
