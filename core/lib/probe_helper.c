/* Checks of the helper executable: found and to be trusted, and whether a copy in memory could be run. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "../wire/sys.h"
#include "probe.h"

#define COPY_FD 3
#define AT_ONCE (1 << 20)

int styro_check_helper(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                       styro_error *err)
{
  const struct styro_helper_file *file = &probing->host.helper;
  const styro_error *why = &probing->host.helper_error;
  (void)check;
  (void)err;
  if (file->fd >= 0) {
    styro_note_found(note, "%s, of this build%s", file->path,
                     file->sealed ? "; the caller's own, so that sealed copies of it run" : "");
    return 0;
  }
  note->verdict = STYRO_VERDICT_MISSING;
  note->sys_errno = why->sys_errno;
  styro_note_found(note, "%s", why->message);
  styro_note_remedy(note, "# %s", why->hint);
  return 0;
}

/* ---- a program in memory ----------------------------------------------------------------------------------------- */

/* Before 6.3 every memfd is executable. */
static long make_memfd(void)
{
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  long fd = sys_call(SYS_memfd_create, sys_arg("probe"), (long)(flags | WIRE_MFD_EXEC), 0, 0, 0, 0);
  return fd == -EINVAL ? sys_call(SYS_memfd_create, sys_arg("probe"), (long)flags, 0, 0, 0, 0) : fd;
}

static long copy_all(int from, int to)
{
  long n = 1;
  while (n > 0) {
    n = sys_call(SYS_sendfile, to, from, 0, AT_ONCE, 0, 0);
  }
  return n;
}

static bool make_copy(struct styro_trial *trial, const char *path)
{
  int fd, file;
  return STYRO_TRY(trial, "memfd_create", fd = (int)make_memfd()) && path &&
         STYRO_TRY(trial, "open", file = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0)) &&
         STYRO_TRY(trial, "sendfile", copy_all(file, fd)) &&
         (fd == COPY_FD || STYRO_TRY(trial, "dup3", sys_dup3(fd, COPY_FD, O_CLOEXEC)));
}

/* The helper without its descriptors ends at once, with a word on stderr; none of the caller's may be taken for one. */
static void run_copy(struct styro_trial *trial, const void *argument)
{
  static const char *const argv[] = {STYRO_HELPER_NAME, NULL};
  static const char *const env[] = {NULL};
  if (!make_copy(trial, argument) || !STYRO_TRY(trial, "close_range", sys_close_range(COPY_FD + 1, ~0u))) {
    return;
  }
  sys_close(2);
  trial->done = true;
  STYRO_TRY(trial, "execveat",
            sys_call(SYS_execveat, COPY_FD, sys_arg(""), sys_arg(argv), sys_arg(env), WIRE_AT_EMPTY_PATH, 0));
}

int styro_check_memory_exec(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                            styro_error *err)
{
  const struct styro_helper_file *file = &probing->host.helper;
  int64_t noexec = styro_host_number("/proc/sys/vm/memfd_noexec");
  struct styro_trial trial;
  (void)check;
  (void)err;
  note->required = file->fd >= 0 && file->sealed;
  styro_trial_run(run_copy, file->fd >= 0 ? file->path : NULL, &trial);
  if (styro_trial_worked(&trial)) {
    styro_note_found(note, file->fd >= 0 ? "a copy of the helper ran" : "a file for one can be made");
    return 0;
  }
  styro_note_trial(note, probing, &trial);
  if (noexec > 1) {
    styro_note_found(note, "; vm.memfd_noexec is %lld", (long long)noexec);
    styro_note_remedy(note, "sudo sysctl -w vm.memfd_noexec=1");
    styro_note_remedy(note, "# or install the helper owned by root");
  } else if (probing->host.filtered) {
    styro_remedy_filter(note, &probing->host);
  }
  return 0;
}
