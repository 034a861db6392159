/*
 * The wait for a running sandbox: one poll over its descriptor and the command's own signals. Knows no request and no
 * output.
 */
#ifndef STYRO_CLI_RELAY_H
#define STYRO_CLI_RELAY_H

#include "report.h"

struct relay {
  int signal_fd;
  int seen; /* how many of SIGINT, SIGTERM, SIGHUP came */
  int last; /* the last of them, 0: none */
};

/*
 * From here on SIGINT, SIGTERM and SIGHUP arrive as data, so that none gets lost between the start and the wait. Those
 * that the command's caller set to be ignored (nohup, a background job) stay ignored. Returns 0 or -1.
 */
int relay_open(struct relay *relay, struct failure *failure);

/* Waits for the end; the first signal goes to the payload, the second kills the tree. Returns 0 or -1. */
int relay_run(struct relay *relay, styro_process *process, styro_outcome *outcome, struct failure *failure);

void relay_close(struct relay *relay);

#endif
