/*
 * A caller that probes its host, while other threads allocate, once with SIGCHLD ignored and once not dumpable: it is what it
 * was before, the report says that sandboxes work, and no child is left.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "driver.h"

static _Atomic bool stop;

static void *allocate(void *argument)
{
  while (!stop) {
    free(malloc(1 << 18));
  }
  return argument;
}

static void probe(const char *state)
{
  styro_error err = {.size = sizeof err};
  styro_report *report = NULL;
  sigset_t before, after;
  int fds = count_fds(), dumpable = prctl(PR_GET_DUMPABLE);
  memset(&before, 0, sizeof before);
  memset(&after, 0, sizeof after);
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  if (styro_probe(NULL, NULL, &report, &err) < 0) {
    give_up(state, &err);
  }
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  check(styro_report_works(report) == 1, "%s: sandboxes work", state);
  check(memcmp(&before, &after, sizeof before) == 0, "%s: the signal mask", state);
  check(prctl(PR_GET_DUMPABLE) == dumpable, "%s: dumpable (%d)", state, dumpable);
  check(count_fds() == fds, "%s: descriptors (%d)", state, fds);
  check(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD, "%s: no child is left", state);
  styro_report_free(report);
}

int main(void)
{
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    pthread_create(&threads[i], NULL, allocate, NULL);
  }
  probe("threads");
  signal(SIGCHLD, SIG_IGN);
  probe("SIGCHLD ignored");
  signal(SIGCHLD, SIG_DFL);
  stop = true;
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
  }
  unsetenv("STYRO_SPAWN"); /* who is not dumpable starts in helper mode */
  prctl(PR_SET_DUMPABLE, 0);
  probe("not dumpable");
  return driver_end();
}
