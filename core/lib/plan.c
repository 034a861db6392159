/* The plan as a handle: taking over a block, its sealed memfd, finding steps. Knows no request. */
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../wire/id.h"
#include "../wire/uapi.h"
#include "builder.h"
#include "fd.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const uint8_t wire_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;

static const struct wire_step *find_step(const struct wire_plan *block, int code)
{
  const struct wire_step *step = wire_step_first(block);
  while (step->code != code) {
    step = wire_step_next(step);
  }
  return step;
}

int styro_plan_adopt(const styro_allocator *alloc, void *block, size_t len, styro_plan **out, styro_error *err)
{
  uint32_t step = 0;
  int fault = wire_plan_check(block, len, wire_id, &step);
  if (fault != WIRE_FAULT_NONE) {
    styro_dealloc(alloc, block, len);
    return styro_fail(err, STYRO_EPARSE, STYRO_STAGE_COMPILE, 0, "the plan holds %s (step %u)", wire_fault_text(fault),
                      (unsigned)step);
  }
  styro_plan *plan = styro_alloc(alloc, sizeof *plan);
  if (!plan) {
    styro_dealloc(alloc, block, len);
    return styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  plan->alloc = *alloc;
  plan->block = block;
  plan->len = len;
  plan->run = (const void *)find_step(block, WIRE_STEP_RUN);
  plan->promises = (const void *)find_step(block, WIRE_STEP_PROMISES);
  plan->namespaces = (const void *)find_step(block, WIRE_STEP_NAMESPACES);
  plan->map_ids = (const void *)find_step(block, WIRE_STEP_MAP_IDS);
  plan->identity = (const void *)find_step(block, WIRE_STEP_IDENTITY);
  plan->fallback = NULL;
  plan->joined = NULL;
  atomic_init(&plan->memfd, -1);
  *out = plan;
  return 0;
}

static uint32_t stored_crc(const void *block)
{
  return ((const struct wire_plan *)block)->crc32c;
}

bool styro_plan_is_process(const styro_plan *plan)
{
  return ((const struct wire_plan *)plan->block)->flags & WIRE_PLAN_PROCESS;
}

int styro_plan_join(styro_plan *plan, styro_plan *fallback, styro_error *err)
{
  plan->fallback = fallback;
  if (styro_plan_is_process(plan) || !styro_plan_is_process(fallback)) {
    return styro_fail(err, STYRO_EPARSE, STYRO_STAGE_COMPILE, 0, "the plan's second part is of no weaker level");
  }
  plan->joined = styro_alloc(&plan->alloc, plan->len + fallback->len);
  if (!plan->joined) {
    return styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  memcpy(plan->joined, plan->block, plan->len);
  memcpy((char *)plan->joined + plan->len, fallback->block, fallback->len);
  return 0;
}

/* One block of a plan, which says itself where it ends. */
static int take_bytes(const styro_allocator *alloc, const void *bytes, size_t len, styro_plan **out, styro_error *err)
{
  void *block = styro_alloc(alloc, len);
  if (!block) {
    return styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  memcpy(block, bytes, len);
  if (stored_crc(block) != styro_plan_crc32c(block, len)) {
    styro_dealloc(alloc, block, len);
    return styro_fail(err, STYRO_EPARSE, STYRO_STAGE_COMPILE, 0, "the plan's checksum does not fit its bytes");
  }
  return styro_plan_adopt(alloc, block, len, out, err);
}

static int fail_length(size_t len, styro_error *err)
{
  return styro_fail(err, STYRO_EPARSE, STYRO_STAGE_COMPILE, 0, "the plan holds %s (%zu bytes)",
                    wire_fault_text(WIRE_FAULT_SHORT), len);
}

/* How long the first block is by its own word; all where that is no sense. */
static size_t first_block(const void *bytes, size_t len)
{
  struct wire_plan head;
  memcpy(&head, bytes, sizeof head);
  return head.total >= sizeof head && head.total < len ? head.total : len;
}

int styro_plan_from_bytes(const styro_allocator *alloc, const void *bytes, size_t len, styro_plan **out,
                          styro_error *err)
{
  styro_allocator chosen = styro_allocator_or_malloc(alloc);
  styro_plan *plan = NULL, *fallback = NULL;
  if (!bytes || !out) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_COMPILE, 0, "styro_plan_from_bytes needs bytes and a place");
  }
  if (len < sizeof(struct wire_plan) || len > 2 * (size_t)WIRE_PLAN_MAX) {
    return fail_length(len, err);
  }
  size_t first = first_block(bytes, len), rest = len - first;
  if (rest != 0 && rest < sizeof(struct wire_plan)) {
    return fail_length(len, err);
  }
  int code = take_bytes(&chosen, bytes, first, &plan, err);
  if (plan && rest != 0) {
    code = take_bytes(&chosen, (const char *)bytes + first, rest, &fallback, err);
    code = fallback ? styro_plan_join(plan, fallback, err) : code;
  }
  if (code != 0) {
    styro_plan_free(plan);
    return code;
  }
  *out = plan;
  return 0;
}

void styro_plan_free(styro_plan *plan)
{
  if (!plan) {
    return;
  }
  int fd = atomic_load(&plan->memfd);
  if (fd >= 0) {
    close(fd);
  }
  styro_allocator alloc = plan->alloc;
  styro_dealloc(&alloc, plan->joined, plan->joined ? plan->len + plan->fallback->len : 0);
  styro_plan_free(plan->fallback);
  styro_dealloc(&alloc, plan->block, plan->len);
  styro_dealloc(&alloc, plan, sizeof *plan);
}

int styro_plan_bytes(const styro_plan *plan, const void **out, size_t *len, styro_error *err)
{
  if (!plan || !out || !len) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_COMPILE, 0, "styro_plan_bytes needs a plan and two places");
  }
  *len = plan->joined ? plan->len + plan->fallback->len : plan->len;
  *out = plan->joined ? plan->joined : plan->block;
  return 0;
}

const struct wire_step *styro_plan_step(const styro_plan *plan, uint32_t number)
{
  const struct wire_plan *block = plan->block;
  if (number >= block->steps_n) {
    return NULL;
  }
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < number; i++) {
    step = wire_step_next(step);
  }
  return step;
}

static int write_all(int fd, const char *bytes, size_t len)
{
  while (len > 0) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno != EINTR) {
      return -1;
    }
    bytes += n > 0 ? n : 0;
    len -= n > 0 ? (size_t)n : 0;
  }
  return 0;
}

/* Sealed against every change: the helper maps it, and all runs share it. */
int styro_plan_memfd(const styro_plan *plan, styro_error *err)
{
  _Atomic int *slot = &((styro_plan *)(uintptr_t)plan)->memfd;
  int fd = atomic_load(slot);
  if (fd >= 0) {
    return fd;
  }
  int rc = styro_fd_may_write(plan->len, "the plan", err);
  fd = rc ? rc : styro_fd_memfd("styrolite-plan", MFD_ALLOW_SEALING, "the plan's memory file", err);
  if (fd < 0) {
    return fd;
  }
  if (write_all(fd, plan->block, plan->len) != 0 || fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
    int error = errno;
    close(fd);
    return styro_fail(err, STYRO_ESPAWN, STYRO_STAGE_SPAWN, error, "the plan's memory file cannot be written");
  }
  int none = -1;
  if (!atomic_compare_exchange_strong(slot, &none, fd)) {
    close(fd); /* another thread was first */
    fd = none;
  }
  return fd;
}
