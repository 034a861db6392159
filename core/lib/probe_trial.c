/* Trials in a child process: see probe_trial.h. */
#include "probe_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../wire/maps.h"
#include "../wire/sys.h"
#include "base.h"

#define LONGEST_MS 10000

/* ---- the caller's side ------------------------------------------------------------------------------------------- */

/*
 * A fork without handlers of the C library, and without a signal at its end: a caller that waits for any child, or has a
 * handler for SIGCHLD, is not disturbed. Where a filter refuses one call, the other may do.
 */
static long copy_process(void)
{
  struct wire_clone_args args = {.flags = 0};
  long pid = sys_call(SYS_clone, 0, 0, 0, 0, 0, 0);
  return pid == -ENOSYS || pid == -EPERM ? sys_call(SYS_NR_clone3, sys_arg(&args), sizeof args, 0, 0, 0, 0) : pid;
}

/*
 * The answer itself lies in shared memory: only how the child ended is asked for. That it did shows on a pipe that it and its
 * children hold the other end of; a pidfd would be one more call that a filter may answer with a signal, here.
 */
static int wait_for(pid_t pid, int end)
{
  struct pollfd ended = {.fd = end, .events = POLLIN};
  int status = 0, n;
  pid_t found;
  do {
    n = poll(&ended, 1, LONGEST_MS);
  } while (n < 0 && errno == EINTR);
  if (n == 0) {
    kill(pid, SIGKILL);
  }
  do {
    found = waitpid(pid, &status, __WALL);
  } while (found < 0 && errno == EINTR);
  return found == pid && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* All signals are blocked in the child from its first instruction on: no handler of the caller's ever runs in it. */
static long start(struct styro_trial *shared, styro_trial_fn *body, const void *argument)
{
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  long pid = copy_process();
  if (pid == 0) {
    sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
    body(shared, argument);
    shared->done = true;
    sys_exit(0);
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return pid;
}

/* -1: there was no child; else the signal that ended it, or 0. */
static int run_child(struct styro_trial *shared, styro_trial_fn *body, const void *argument)
{
  int ends[2];
  shared->call = "pipe2";
  if (pipe2(ends, O_CLOEXEC) != 0) {
    shared->error = errno;
    return -1;
  }
  shared->call = "clone";
  long pid = start(shared, body, argument);
  close(ends[1]);
  int killed = pid < 0 ? -1 : wait_for((pid_t)pid, ends[0]);
  shared->error = pid < 0 ? (int)-pid : shared->error;
  close(ends[0]);
  return killed;
}

void styro_trial_run(styro_trial_fn *body, const void *argument, struct styro_trial *out)
{
  struct styro_trial *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    *out = (struct styro_trial){.call = "mmap", .error = errno};
    return;
  }
  int killed = run_child(shared, body, argument);
  *out = *shared;
  out->signal = killed > 0 && out->signal == 0 ? killed : out->signal;
  munmap(shared, sizeof *shared);
}

bool styro_trial_worked(const struct styro_trial *trial)
{
  return trial->done && trial->error == 0 && trial->signal == 0;
}

/* ---- the child's side -------------------------------------------------------------------------------------------- */

bool styro_tried(struct styro_trial *trial, long result)
{
  trial->error = result < 0 ? (int)-result : 0;
  return result >= 0;
}

static bool write_map(struct styro_trial *trial, int pid, uint32_t uid, uint32_t gid, bool deny)
{
  char uids[WIRE_MAP_TEXT], gids[WIRE_MAP_TEXT];
  uint32_t what;
  wire_map_text(uids, 0, uid);
  wire_map_text(gids, 0, gid);
  return STYRO_TRY(trial, "writing the maps", wire_write_maps(-1, pid, uids, gids, deny, &what));
}

/* As sandboxes do it: an ordinary caller's child maps itself, root's is mapped from outside and then takes the id. */
static bool take_ids(struct styro_trial *trial, const struct styro_trial_ids *ids, int gate)
{
  char go = 0;
  if (!ids->mapped) {
    return true;
  }
  if (!ids->root) {
    return write_map(trial, 0, ids->uid, ids->gid, true);
  }
  return sys_read(gate, &go, 1) == 1 && STYRO_TRY(trial, "setresgid", sys_call(SYS_setresgid, 0, 0, 0, 0, 0, 0)) &&
         STYRO_TRY(trial, "setresuid", sys_call(SYS_setresuid, 0, 0, 0, 0, 0, 0));
}

static void let_in(struct styro_trial *trial, const struct styro_trial_ids *ids, long pid, const int gate[2])
{
  sys_close(gate[0]);
  if (ids->mapped && ids->root && write_map(trial, (int)pid, STYRO_NOBODY, STYRO_NOBODY, false)) {
    sys_write(gate[1], "", 1);
  }
  sys_close(gate[1]);
}

bool styro_trial_enter(struct styro_trial *trial, uint64_t namespaces, const struct styro_trial_ids *ids,
                       styro_trial_fn *rest, const void *argument)
{
  struct wire_clone_args args = {.flags = namespaces, .exit_signal = SIGCHLD};
  int gate[2] = {-1, -1};
  int status = 0;
  if (!STYRO_TRY(trial, "pipe2", sys_call(SYS_pipe2, sys_arg(gate), O_CLOEXEC, 0, 0, 0, 0))) {
    return false;
  }
  trial->call = "clone3";
  long pid = sys_clone3(&args);
  if (pid < 0) { /* else the child may note something already: nothing is noted here from now on */
    sys_close(gate[0]);
    sys_close(gate[1]);
    return styro_tried(trial, pid);
  }
  if (pid == 0) {
    sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
    sys_close(gate[1]);
    if (take_ids(trial, ids, gate[0]) && rest != NULL) {
      rest(trial, argument);
    }
    sys_exit(0);
  }
  let_in(trial, ids, pid, gate);
  sys_call(SYS_wait4, pid, sys_arg(&status), __WALL, 0, 0, 0);
  trial->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return true;
}
