/*
 * The outcome's way to its place: a regular file is replaced by one that was written beside it, so that a reader sees
 * nothing or all. Its directory is held from before the run on: with a writable one the payload could lead a path elsewhere.
 */
#define _GNU_SOURCE
#include "outcome_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

void outcome_file_init(struct outcome_file *file)
{
  memset(file, 0, sizeof *file);
  file->fd = -1;
  file->directory = -1;
}

void outcome_file_close(struct outcome_file *file)
{
  if (file->fd >= 0) {
    close(file->fd);
  }
  if (file->directory >= 0) {
    close(file->directory);
  }
  free(file->name);
  outcome_file_init(file);
}

static int fail(const char *target, int number, const char *message, const char *hint, struct failure *failure)
{
  failure_system(failure, "write", target, number, message);
  failure_hint(failure, "%s", hint);
  return failure_origin(failure, "--outcome");
}

/* ---- fd:N -------------------------------------------------------------------------------------------------------- */

static int fail_number(const char *target, const char *why, struct failure *failure)
{
  failure_usage(failure, NULL, "open one from 3 on: --outcome fd:3 3>FILE", "`%s` %s", target, why);
  return failure_origin(failure, "--outcome");
}

/* A duplicate, so that closing it at the end leaves the caller's own descriptor as it is. */
static int open_number(struct outcome_file *file, const char *digits, struct failure *failure)
{
  char *end;
  long number;
  int mode;

  errno = 0;
  number = strtol(digits, &end, 10);
  if (!*digits || digits[strspn(digits, "0123456789")] || errno || number > 0xfffff) {
    return fail_number(file->target, "names no descriptor", failure);
  }
  if (number <= STDERR_FILENO) {
    return fail_number(file->target, "is a standard stream, which the payload writes to", failure);
  }
  mode = fcntl((int)number, F_GETFL);
  file->fd = mode < 0 ? -1 : fcntl((int)number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (file->fd < 0) {
    return fail(file->target, errno, "the descriptor for the outcome cannot be used",
                "open it for the command: --outcome fd:3 3>FILE", failure);
  }
  if ((mode & O_ACCMODE) == O_RDONLY || mode & O_PATH) {
    return fail(file->target, 0, "the descriptor for the outcome is not open for writing",
                "open it so: --outcome fd:3 3>FILE", failure);
  }
  return 0;
}

/* ---- FILE -------------------------------------------------------------------------------------------------------- */

static const char *hint_of(int number)
{
  switch (number) {
  case ENOENT:
  case ENOTDIR: return "make its directory first, or name a file in one that is there";
  case EISDIR: return "name a file in it";
  default: return "name a file that can be written, or a descriptor: --outcome fd:3 3>FILE";
  }
}

/*
 * Only what is a plain file under a name of its own can be replaced. /dev/stdout and /proc/self/fd/3 lead to somebody's
 * open file, and another name of the same file would go on showing the old one.
 */
static void find_place(struct outcome_file *file)
{
  char *path;
  char *slash;

  if (!S_ISREG(file->was.st_mode) || file->was.st_nlink != 1 || strncmp(file->target, "/dev/", 5) == 0 ||
      strncmp(file->target, "/proc/", 6) == 0) {
    return;
  }
  path = realpath(file->target, NULL);
  slash = path ? strrchr(path, '/') : NULL;
  if (slash) {
    file->name = strdup(slash + 1);
    slash[slash == path] = '\0';
    file->directory = file->name ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  }
  free(path);
}

/* Nothing to be done where it fails: a device, or a disk that is told about anyway. */
static void empty(const struct outcome_file *file)
{
  if (S_ISREG(file->was.st_mode) && ftruncate(file->fd, 0) < 0) {
    return;
  }
}

static bool is_same(const struct stat *was, const char *path)
{
  struct stat other;

  return path && S_ISREG(was->st_mode) && stat(path, &other) == 0 && other.st_dev == was->st_dev &&
         other.st_ino == was->st_ino;
}

int outcome_file_open(struct outcome_file *file, const char *target, const char *request, struct failure *failure)
{
  outcome_file_init(file);
  file->target = target;
  if (strncmp(target, "fd:", 3) == 0) {
    return open_number(file, target + 3, failure);
  }
  if (!*target) {
    failure_usage(failure, NULL, "--outcome FILE, or --outcome fd:3 3>FILE", "the file's name is empty");
    return failure_origin(failure, "--outcome");
  }
  file->fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
  if (file->fd < 0 || fstat(file->fd, &file->was) < 0) {
    return fail(target, errno, "cannot open the file for the outcome", hint_of(errno), failure);
  }
  if (is_same(&file->was, request)) {
    failure_usage(failure, target, "name another file", "it is the request itself, which the outcome would replace");
    return failure_origin(failure, "--outcome");
  }
  empty(file);
  find_place(file);
  return 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int write_text(const struct outcome_file *file, int fd, const char *json, struct failure *failure)
{
  if (output_bytes(fd, file->target, json, strlen(json), failure) < 0 ||
      output_bytes(fd, file->target, "\n", 1, failure) < 0) {
    return -1;
  }
  return 0;
}

/* Some file systems report a full disk only here. */
static int close_checked(const struct outcome_file *file, int fd, struct failure *failure)
{
  return close(fd) < 0 ? failure_system(failure, "write", file->target, errno, "cannot write") : 0;
}

/* Half an outcome is worse than none, and what a payload that could write there left behind is none. */
static int write_in_place(struct outcome_file *file, const char *json, struct failure *failure)
{
  int result;

  empty(file);
  result = write_text(file, file->fd, json, failure);
  if (result < 0) {
    empty(file);
  }
  if (close_checked(file, file->fd, failure) < 0) {
    result = -1;
  }
  file->fd = -1;
  return result;
}

#define NAME_SIZE 48

/* An own file beside the target, as its owner and mode were. Returns a descriptor or -1, with nothing left behind. */
static int make_beside(const struct outcome_file *file, char name[NAME_SIZE])
{
  int fd;

  snprintf(name, NAME_SIZE, ".styrolite-outcome.%ld", (long)getpid());
  fd = openat(file->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0 && (fchown(fd, file->was.st_uid, file->was.st_gid) < 0 || fchmod(fd, file->was.st_mode & 0777) < 0)) {
    unlinkat(file->directory, name, 0);
    close(fd);
    return -1;
  }
  return fd;
}

/* Whether the name still leads to the file that was opened at the start. */
static bool is_in_place(const struct outcome_file *file)
{
  struct stat now;

  return fstatat(file->directory, file->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_dev == file->was.st_dev &&
         now.st_ino == file->was.st_ino;
}

static int fail_replace(const struct outcome_file *file, struct failure *failure)
{
  return fail(file->target, errno, "cannot replace the file for the outcome, which something else took the place of",
              "name a file outside of what the payload can write", failure);
}

/* 0, -1, or 1 where the directory allows no new file, and the old one is to be written in place. */
static int replace(const struct outcome_file *file, const char *json, struct failure *failure)
{
  char name[NAME_SIZE];
  int fd = make_beside(file, name);
  int result;

  if (fd < 0) {
    return is_in_place(file) ? 1 : fail_replace(file, failure);
  }
  result = write_text(file, fd, json, failure);
  if (close_checked(file, fd, failure) < 0) {
    result = -1;
  }
  if (result == 0 && renameat(file->directory, name, file->directory, file->name) < 0) {
    result = is_in_place(file) ? 1 : fail_replace(file, failure);
  }
  if (result != 0) {
    unlinkat(file->directory, name, 0);
  }
  return result;
}

int outcome_file_write(struct outcome_file *file, const char *json, struct failure *failure)
{
  int result = file->directory >= 0 ? replace(file, json, failure) : 1;

  if (result > 0) {
    result = write_in_place(file, json, failure);
  }
  if (result < 0) {
    failure->broken_pipe = false; /* an outcome that got lost is told, whoever was to read it */
    failure_origin(failure, "--outcome");
  }
  return result;
}
