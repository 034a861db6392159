/*
 * The wait for a running sandbox: one poll over its descriptor and the command's own signals. Knows no request and no
 * output.
 */
#ifndef STYRO_CLI_RELAY_H
#define STYRO_CLI_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

struct relay {
  int signal_fd;
  bool keyboard;   /* the payload is an interactive program, for whom SIGINT is a key and no wish to end */
  int seen;        /* how many of SIGINT, SIGTERM, SIGHUP were a wish to end */
  int last;        /* the last of them, 0: none */
  int64_t last_at; /* when it came, CLOCK_MONOTONIC in milliseconds */
};

/*
 * From here on SIGINT, SIGTERM and SIGHUP arrive as data, so that none gets lost between the start and the wait. Those
 * that the command's caller set to be ignored (nohup, a background job) stay ignored. With `keyboard` every SIGINT goes
 * to the payload and none kills; the terminal's other keys, SIGTSTP and SIGQUIT, are ignored. Returns 0 or -1.
 */
int relay_open(struct relay *relay, bool keyboard, struct failure *failure);

/*
 * Waits for the end; the first signal goes to the payload, the second kills the tree. The same signal again within 200 ms
 * is the first one still. Returns 0 or -1.
 */
int relay_run(struct relay *relay, styro_process *process, styro_outcome *outcome, struct failure *failure);

void relay_close(struct relay *relay);

#endif
