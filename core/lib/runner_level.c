/* Which of a plan's levels this host has: asked once for each runner, by a sandbox of the default request. */
#include <errno.h>
#include <stdatomic.h>

#include "plan.h"
#include "runner.h"
#include "sandbox_trial.h"

#define LIMIT_MS 5000

/* What kernels, filters, security modules and limits of namespaces answer; want of memory or descriptors is no answer. */
static bool is_refusal(const styro_error *error)
{
  static const int refusals[] = {EPERM, EACCES, ENOSYS, ENOSPC, EUSERS, EINVAL, EOPNOTSUPP};
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    if (error->code != 0 && error->sys_errno == refusals[i]) {
      return true;
    }
  }
  return false;
}

/*
 * Where that cannot be found out the first choice stands, and its own error says why it fails. A limit of namespaces may be
 * reached for a moment only, so that it is asked for again.
 */
static int try_container(styro_runner *runner)
{
  styro_error why = {.size = sizeof why};
  struct styro_ran ran;
  int code = styro_sandbox_try(runner, "{\"version\": 1}", LIMIT_MS, false, &ran, &why);
  if (code == 0 && ran.worked) {
    atomic_store(&runner->container, STYRO_FIRST_WORKS);
    return STYRO_FIRST_WORKS;
  }
  const styro_error *error = code == 0 ? &ran.error : &why;
  if (!is_refusal(error)) {
    return STYRO_FIRST_UNTRIED;
  }
  if (error->sys_errno != ENOSPC) {
    atomic_store(&runner->container, STYRO_FIRST_REFUSED);
  }
  return STYRO_FIRST_REFUSED;
}

const styro_plan *styro_runner_choose(styro_runner *runner, const styro_plan *plan)
{
  if (!plan->fallback) {
    return plan;
  }
  int container = atomic_load(&runner->container);
  if (container == STYRO_FIRST_UNTRIED) {
    container = try_container(runner);
  }
  return container == STYRO_FIRST_REFUSED ? plan->fallback : plan;
}
