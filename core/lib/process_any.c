/*
 * Waiting for any of many sandboxes from one thread: one poll over their descriptors, a round for each that is ready.
 */
#include <errno.h>
#include <poll.h>

#include "process.h"

#define MS INT64_C(1000000)

struct crowd {
  styro_process *const *processes;
  struct pollfd *items;
  size_t n;
};

static const struct styro_process *first_of(styro_process *const *processes, size_t n)
{
  for (size_t i = 0; processes && i < n; i++) {
    if (processes[i]) {
      return processes[i];
    }
  }
  return NULL;
}

/* Index of a process whose outcome stands already, -1: none. */
static int find_complete(const struct crowd *crowd)
{
  for (size_t i = 0; i < crowd->n; i++) {
    if (crowd->processes[i] && crowd->processes[i]->complete) {
      return (int)i;
    }
  }
  return -1;
}

/* A round for each that is ready. Index of the first complete one, -1: none; *rc is a code when a round failed. */
static int step_ready(const struct crowd *crowd, int *rc, styro_error *err)
{
  for (size_t i = 0; i < crowd->n; i++) {
    struct styro_process *process = crowd->processes[i];
    if (!process || (!crowd->items[i].revents && !process->dead)) {
      continue;
    }
    int done = styro_process_round(process, 0, err);
    if (done < 0) {
      *rc = done;
      return -1;
    }
    if (done == 1) {
      return (int)i;
    }
  }
  return -1;
}

static int wait_crowd(const struct crowd *crowd, int wait_ms, styro_error *err)
{
  int64_t deadline = wait_ms < 0 ? INT64_MAX : styro_now() + wait_ms * MS;
  int found = find_complete(crowd);
  int rc = STYRO_OK;
  while (found < 0 && rc == STYRO_OK) {
    int64_t left = deadline == INT64_MAX ? -1 : (deadline - styro_now() + MS - 1) / MS;
    int timeout = deadline == INT64_MAX ? -1 : left > 0 ? (int)left : 0;
    int n = poll(crowd->items, crowd->n, timeout);
    if (n > 0) {
      found = step_ready(crowd, &rc, err);
    }
    if (found < 0 && rc == STYRO_OK && timeout == 0) {
      rc = styro_fail(err, STYRO_EAGAIN, STYRO_STAGE_SUPERVISE, 0, "the time to wait went by; all sandboxes still run");
    }
  }
  return found >= 0 ? found : rc;
}

int styro_wait_any(styro_process *const *processes, size_t n, int wait_ms, styro_error *err)
{
  const struct styro_process *first = first_of(processes, n);
  if (!first || n > INT32_MAX) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_SUPERVISE, 0, "there is no process to wait for");
  }
  styro_allocator alloc = first->alloc;
  struct crowd crowd = {.processes = processes, .n = n};
  crowd.items = styro_alloc_array(&alloc, n, sizeof *crowd.items);
  if (!crowd.items) {
    return styro_fail_memory(err, STYRO_STAGE_SUPERVISE);
  }
  for (size_t i = 0; i < n; i++) {
    crowd.items[i].fd = processes[i] ? styro_process_news(processes[i]) : -1;
    crowd.items[i].events = POLLIN;
  }
  int rc = wait_crowd(&crowd, wait_ms, err);
  styro_dealloc(&alloc, crowd.items, n * sizeof *crowd.items);
  return rc;
}
