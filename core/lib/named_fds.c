/*
 * The descriptors of the caller that a plan names in place of host paths: found in its steps, and checked before a run.
 * Knows steps and numbers; what the helper does with the objects is none of its business.
 */
#include "named_fds.h"

#include <errno.h>

#include "fd.h"

static int fd_of(const struct wire_step *step)
{
  const struct wire_source *source = wire_step_named(step);
  return source ? wire_source_fd(source) : -1;
}

int styro_named_fd_at(const styro_plan *plan, size_t i, const struct wire_step **step)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *one = wire_step_first(block);
  for (uint32_t number = 0; number < block->steps_n; number++, one = wire_step_next(one)) {
    if (fd_of(one) >= 0 && i-- == 0) {
      if (step) {
        *step = one;
      }
      return fd_of(one);
    }
  }
  return -1;
}

size_t styro_named_fds(const styro_plan *plan)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  size_t n = 0;
  for (uint32_t number = 0; number < block->steps_n; number++, step = wire_step_next(step)) {
    n += fd_of(step) >= 0;
  }
  return n;
}

/* A plan outlives the descriptors of its numbers: that one is closed by now is the caller's mistake, and says so. */
static int fail_closed(const styro_plan *plan, const struct wire_step *step, int fd, styro_error *err)
{
  char field[128];
  char place[256];
  styro_step_describe(plan, step, field, sizeof field, place, sizeof place);
  styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, EBADF,
             "descriptor %d stands in place of a host path in `%s`, and it is not open", fd, field);
  styro_error_field(err, "%s", field);
  styro_error_object(err, "%d", fd);
  styro_error_hint(err, "it must be open in the calling process, under the same number, at each run");
  return STYRO_EREQUEST;
}

int styro_named_fds_check(const styro_plan *plan, styro_error *err)
{
  const struct wire_step *step = NULL;
  size_t n = styro_named_fds(plan);
  for (size_t i = 0; i < n; i++) {
    int fd = styro_named_fd_at(plan, i, &step);
    if (!styro_fd_is_open(fd)) {
      return fail_closed(plan, step, fd, err);
    }
  }
  return STYRO_OK;
}
