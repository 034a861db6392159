/*
 * A process handle without any process behind it: the test holds the other end of its status channel and says what a
 * helper would. It ends when that end is closed, and needs no fork, no namespace and no pidfd.
 */
#ifndef TEST_BARE_PROCESS_H
#define TEST_BARE_PROCESS_H

#include <sys/types.h>

#include "hand_plan.h"
#include "lib/process.h"
#include "wire/status.h"

/* The plan of all of them; made anew by bare_setup(). Has an init by default. */
extern struct hand_plan bare_plan;
void bare_setup(void);

/* A handle for styro_process_free(). *far is the other end of its status channel. */
styro_process *bare_process(const styro_allocator *alloc, int *far);

/* Makes it one without an init: its verdict is read from the block that this returns, which the test may write. */
struct wire_run *bare_without_init(styro_process *process);

/* Captures stdout; returns the end to write to. */
int bare_stdout(styro_process *process, uint64_t limit);

void bare_send(int far, const void *record, size_t size);
void bare_running(int far);
void bare_ended(int far, int wait_status);
void bare_failed(int far, uint16_t type, uint32_t step, uint32_t what, int error, const char *component);

/* The record that brings a pidfd, with n descriptors. */
void bare_pass(int far, pid_t pid, const int *fds, size_t n);

int bare_descriptors(void); /* how many this process has open */

#endif
