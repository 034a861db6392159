/*
 * Descriptors of the library: close-on-exec, closed once, and never 0-2, which belong to the caller even while they are
 * closed. Owns no policy.
 */
#ifndef STYRO_LIB_FD_H
#define STYRO_LIB_FD_H

#include <stddef.h>

#include "error.h"

#define STYRO_CLEANUP_FD __attribute__((cleanup(styro_fd_close)))

/* The same descriptor at a number >= 3. Takes -1 and gives -1; on failure the old one is closed and errno set. */
int styro_fd_lift(int fd);

/* Closes *fd unless it is -1, keeps errno, leaves -1. */
void styro_fd_close(int *fd);

/* Takes the descriptor out of its variable, which becomes -1. */
int styro_fd_steal(int *fd);

/* Whether a descriptor of that number is open. */
int styro_fd_is_open(int fd);

/* Makes reads and writes answer EAGAIN. 0, or -1 with errno. */
int styro_fd_nonblock(int fd);

/*
 * A close-on-exec memfd, not executable where the kernel can say so (6.3). flags: further MFD_* bits. Negative code on
 * failure, whose error speaks of `purpose`.
 */
int styro_fd_memfd(const char *name, unsigned flags, const char *purpose, styro_error *err);

/*
 * Whether RLIMIT_FSIZE lets this process write a memory file of so many bytes: beyond it the kernel sends SIGXFSZ, which
 * ends a caller that has no handler. STYRO_OK, or STYRO_ESPAWN naming the limit; `what` is the file ("the run block").
 */
int styro_fd_may_write(size_t bytes, const char *what, styro_error *err);

/*
 * The error of a call that should have given a descriptor for `purpose` ("the status channel"), from errno: EMFILE and
 * ENFILE name RLIMIT_NOFILE. Returns STYRO_ESPAWN.
 */
int styro_fd_fail(styro_error *err, int number, const char *purpose);

#endif
