/*
 * After a thousand sandboxes the caller is what it was: dumpable, pdeathsig, umask, cwd, mask, ids, descriptors,
 * memory.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "driver.h"

enum { RUNS = 1000, WARM = 50 };

#if defined(__SANITIZE_ADDRESS__)
#define RSS_GROWTH (256 * 1024) /* kB; the sanitizer keeps what was freed */
#else
#define RSS_GROWTH 256
#endif

struct state {
  int dumpable;
  int death_signal;
  int no_new_privs;
  int subreaper;
  int fds;
  mode_t mask;
  uid_t uids[3];
  gid_t gids[3];
  sigset_t signals;
  char cwd[PATH_MAX];
  long rss;
};

static struct state observe(void)
{
  struct state state;
  memset(&state, 0, sizeof state);
  state.dumpable = prctl(PR_GET_DUMPABLE);
  prctl(PR_GET_PDEATHSIG, &state.death_signal);
  state.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  prctl(PR_GET_CHILD_SUBREAPER, &state.subreaper);
  state.fds = count_fds();
  state.mask = umask(022);
  umask(state.mask);
  getresuid(&state.uids[0], &state.uids[1], &state.uids[2]);
  getresgid(&state.gids[0], &state.gids[1], &state.gids[2]);
  pthread_sigmask(SIG_SETMASK, NULL, &state.signals);
  check(getcwd(state.cwd, sizeof state.cwd) != NULL, "there is a working directory");
  state.rss = status_kb("VmRSS");
  return state;
}

static void run_many(styro_runner *runner, styro_plan *const plans[2], int n)
{
  int good = 0;
  for (int i = 0; i < n; i++) {
    good += echoes(runner, plans[i % 2]);
  }
  check(good == n, "%d of %d runs were exact", good, n);
}

static void compare(const struct state *a, const struct state *b)
{
  check(a->dumpable == b->dumpable, "dumpable (%d)", b->dumpable);
  check(a->death_signal == b->death_signal, "parent death signal (%d)", b->death_signal);
  check(a->no_new_privs == b->no_new_privs, "no_new_privs (%d)", b->no_new_privs);
  check(a->subreaper == b->subreaper, "subreaper (%d)", b->subreaper);
  check(a->fds == b->fds, "descriptors (%d)", b->fds);
  check(a->mask == b->mask, "umask (%03o)", (unsigned)b->mask);
  check(memcmp(a->uids, b->uids, sizeof a->uids) == 0 && memcmp(a->gids, b->gids, sizeof a->gids) == 0, "ids");
  check(memcmp(&a->signals, &b->signals, sizeof a->signals) == 0, "signal mask");
  check(strcmp(a->cwd, b->cwd) == 0, "working directory (%s)", b->cwd);
  check(b->rss - a->rss < RSS_GROWTH, "resident memory (%ld kB, before %ld kB)", b->rss, a->rss);
}

int main(void)
{
  styro_runner *runner = runner_new();
  styro_plan *plans[2] = {plan_of(DEFAULT_REQUEST), plan_of(NO_INIT_REQUEST)};
  umask(027);
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  run_many(runner, plans, WARM);
  struct state before = observe();
  run_many(runner, plans, RUNS);
  struct state after = observe();
  compare(&before, &after);
  check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
  styro_plan_free(plans[0]);
  styro_plan_free(plans[1]);
  styro_runner_free(runner);
  return driver_end();
}
