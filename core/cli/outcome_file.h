/*
 * Where --outcome goes. Proves that it can be written before anything is started, and leaves there the whole outcome or
 * nothing. Knows no outcome, only its text.
 */
#ifndef STYRO_CLI_OUTCOME_FILE_H
#define STYRO_CLI_OUTCOME_FILE_H

#include <sys/stat.h>

#include "report.h"

struct outcome_file {
  const char *target; /* as it was given */
  int fd;             /* the file, emptied, or a duplicate of the descriptor; -1: none was asked for */
  int directory;      /* that holds the file; -1: what `target` names is written in place */
  char *name;         /* of the file in it */
  struct stat was;    /* of fd, at the start */
};

void outcome_file_init(struct outcome_file *file);

/*
 * FILE is created or emptied, so that the outcome of an earlier run is not taken for this one's. `request` is the file that
 * it must not be, or NULL. Returns 0 or -1.
 */
int outcome_file_open(struct outcome_file *file, const char *target, const char *request, struct failure *failure);

/* The text and a newline, once. Returns 0 or -1. */
int outcome_file_write(struct outcome_file *file, const char *json, struct failure *failure);

void outcome_file_close(struct outcome_file *file);

#endif
