/* Callers that ignore SIGCHLD, that block every signal, or whose handlers fire all the time. */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "driver.h"

static volatile sig_atomic_t alarms;

static void count_alarm(int sig)
{
  (void)sig;
  alarms++;
}

static bool kernel_keeps_exit(void)
{
  struct utsname names;
  int major = 0;
  int minor = 0;
  uname(&names);
  return sscanf(names.release, "%d.%d", &major, &minor) == 2 && major * 100 + minor >= 615;
}

static void ignore_children(styro_runner *runner, const styro_plan *init, const styro_plan *no_init)
{
  signal(SIGCHLD, SIG_IGN);
  for (int i = 0; i < 20; i++) {
    if (!check(echoes(runner, init), "SIGCHLD ignored, with init, run %d", i)) {
      break;
    }
    if (kernel_keeps_exit() && !check(echoes(runner, no_init), "SIGCHLD ignored, without init, run %d", i)) {
      break;
    }
  }
  struct sigaction now;
  sigaction(SIGCHLD, NULL, &now);
  check(now.sa_handler == SIG_IGN, "SIGCHLD is still ignored");
  signal(SIGCHLD, SIG_DFL);
}

/* The payload starts with an empty mask and default dispositions, whatever the caller's are. */
static void payload_signals(styro_runner *runner, const styro_plan *plan, const char *what)
{
  const char *const argv[] = {"sh", "-c", "grep -E 'SigBlk|SigIgn' /proc/self/status", NULL};
  styro_run run = captured(argv);
  check(runs(runner, plan, &run, 0, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"),
        "the payload has no signal blocked or ignored: %s", what);
}

static void block_all(styro_runner *runner, const styro_plan *init, const styro_plan *no_init)
{
  sigset_t all;
  sigset_t after;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  signal(SIGPIPE, SIG_IGN);
  check(echoes(runner, init), "all signals blocked, with init");
  check(echoes(runner, no_init), "all signals blocked, without init");
  payload_signals(runner, init, "with init");
  payload_signals(runner, no_init, "without init");
  bool same = pthread_sigmask(SIG_SETMASK, NULL, &after) == 0;
  for (int sig = 1; sig < 32; sig++) {
    same = same && (sig == SIGKILL || sig == SIGSTOP || sigismember(&after, sig) == 1);
  }
  check(same, "all signals are still blocked");
  sigemptyset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  signal(SIGPIPE, SIG_DFL);
}

static void storm(styro_runner *runner, const styro_plan *init, const styro_plan *no_init)
{
  const struct itimerval often = {{0, 500}, {0, 500}};
  const struct itimerval never = {{0, 0}, {0, 0}};
  signal(SIGALRM, count_alarm);
  setitimer(ITIMER_REAL, &often, NULL);
  int good = 0;
  for (int i = 0; i < 50; i++) {
    good += echoes(runner, i % 2 ? init : no_init);
  }
  setitimer(ITIMER_REAL, &never, NULL);
  check(good == 50, "%d of 50 runs under a storm of %d signals", good, (int)alarms);
}

int main(void)
{
  styro_runner *runner = runner_new();
  styro_plan *init = plan_of(DEFAULT_REQUEST);
  styro_plan *no_init = plan_of(NO_INIT_REQUEST);
  ignore_children(runner, init, no_init);
  block_all(runner, init, no_init);
  storm(runner, init, no_init);
  check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
  styro_plan_free(init);
  styro_plan_free(no_init);
  styro_runner_free(runner);
  return driver_end();
}
