/*
 * The checked reader of the run block, shared by library and helper: every offset in it is checked here once. It allocates
 * nothing, and knows nothing of the plan that the run belongs to.
 */
#include <stddef.h>
#include <string.h>

#include "plan.h"
#include "run.h"

/* A NUL-terminated byte string somewhere after the header. */
static int check_bytes(const struct wire_run *run, uint64_t at)
{
  if (at < sizeof *run || at >= run->total) {
    return WIRE_FAULT_BOUNDS;
  }
  return memchr((const char *)run + at, 0, run->total - at) ? WIRE_FAULT_NONE : WIRE_FAULT_TEXT;
}

static int check_vector(const struct wire_run *run, uint32_t at, uint32_t n)
{
  if (at % 8) {
    return WIRE_FAULT_ALIGN;
  }
  if (at < sizeof *run || at > run->total || n >= (run->total - at) / 8) {
    return WIRE_FAULT_BOUNDS;
  }
  const uint64_t *words = (const uint64_t *)(const void *)((const char *)run + at);
  for (uint32_t i = 0; i < n; i++) {
    int fault = check_bytes(run, words[i]);
    if (fault) {
      return fault;
    }
  }
  return words[n] == 0 ? WIRE_FAULT_NONE : WIRE_FAULT_VALUE;
}

static int check_fd_table(const struct wire_run *run)
{
  if (run->fds_n == 0) {
    return WIRE_FAULT_NONE;
  }
  if (run->fds_off % 8 || run->fds_off < sizeof *run || run->fds_off > run->total ||
      run->fds_n > (run->total - run->fds_off) / sizeof(struct wire_fd_entry)) {
    return WIRE_FAULT_BOUNDS;
  }
  const struct wire_fd_entry *entries = (const void *)((const char *)run + run->fds_off);
  for (uint32_t i = 0; i < run->fds_n; i++) {
    if (entries[i].at != WIRE_FD_FIRST_FREE + (int32_t)i ||
        (entries[i].target < WIRE_SOURCE_FD_MIN && entries[i].target > ~WIRE_SOURCE_FD_MIN)) {
      return WIRE_FAULT_VALUE;
    }
  }
  return WIRE_FAULT_NONE;
}

int wire_run_check(const void *block, uint64_t len)
{
  const struct wire_run *run = block;
  if (len < sizeof *run || len > WIRE_RUN_MAX || run->total != len) {
    return WIRE_FAULT_SHORT;
  }
  if (run->magic != WIRE_RUN_MAGIC) {
    return WIRE_FAULT_MAGIC;
  }
  if (run->format != WIRE_RUN_FORMAT || run->header_size != sizeof *run) {
    return WIRE_FAULT_FORMAT;
  }
  if (run->argc == 0) {
    return WIRE_FAULT_VALUE;
  }
  int fault = check_vector(run, run->argv_off, run->argc);
  if (!fault) {
    fault = check_vector(run, run->env_off, run->envc);
  }
  if (!fault) {
    fault = check_bytes(run, run->cwd_off);
  }
  const uint32_t optional[] = {run->uid_map_off, run->gid_map_off, run->uid_tool_off, run->gid_tool_off};
  for (unsigned i = 0; !fault && i < sizeof optional / sizeof optional[0]; i++) {
    fault = optional[i] ? check_bytes(run, optional[i]) : WIRE_FAULT_NONE;
  }
  return fault ? fault : check_fd_table(run);
}
