/* Callers with closed standard streams, and in a working directory that is gone. */
#include <fcntl.h>
#include <sys/stat.h>

#include "driver.h"

static void without_stdio(styro_runner *runner, const styro_plan *plan, int closed)
{
  int saved[3];
  bool low = false;
  for (int fd = 0; fd < 3; fd++) {
    saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 50);
    if (closed >> fd & 1) {
      close(fd);
    }
  }
  /* What is inherited and closed is /dev/null inside: reading it ends, writing to it works. */
  const char *const argv[] = {"sh", "-c", "cat; echo to stderr >&2; echo hello", NULL};
  styro_run run = captured(argv);
  run.in.kind = closed & 1 ? STYRO_STREAM_INHERIT : STYRO_STREAM_NULL;
  run.err.kind = closed & 4 ? STYRO_STREAM_INHERIT : STYRO_STREAM_NULL;
  styro_error err = {.size = sizeof err};
  styro_outcome outcome = {.size = sizeof outcome};
  styro_process *process = NULL;
  int rc = styro_runner_spawn(runner, plan, &run, &process, &err);
  for (int fd = 0; fd < 3; fd++) {
    low = low || (closed >> fd & 1 && fcntl(fd, F_GETFD) >= 0);
  }
  rc = rc ? rc : styro_process_wait(process, 60000, &outcome, &err);
  bool good = rc == 0 && outcome.reason == STYRO_EXITED && outcome.code == 0 && outcome.out.kept == 6;
  char message[512];
  snprintf(message, sizeof message, "%s", rc ? err.message : outcome.message);
  styro_process_free(process);
  for (int fd = 0; fd < 3; fd++) {
    dup2(saved[fd], fd);
    close(saved[fd]);
  }
  check(good, "descriptors closed by mask %d: %s", closed, message);
  check(!low, "no descriptor of the library took their place (mask %d)", closed);
}

static void in_deleted_directory(styro_runner *runner, const styro_plan *plan)
{
  char directory[] = "/tmp/styro-gone-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory) || rmdir(directory)) {
    check(false, "a directory to delete");
    return;
  }
  check(echoes(runner, plan), "the working directory is deleted");
  check(chdir("/") == 0, "back to /");
}

int main(void)
{
  styro_runner *runner = runner_new();
  styro_plan *plans[] = {plan_of(DEFAULT_REQUEST), plan_of(NO_INIT_REQUEST)};
  for (int i = 0; i < 2; i++) {
    for (int closed = 0; closed < 8; closed++) {
      without_stdio(runner, plans[i], closed);
    }
    in_deleted_directory(runner, plans[i]);
    styro_plan_free(plans[i]);
  }
  styro_runner_free(runner);
  return driver_end();
}
