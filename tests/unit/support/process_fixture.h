/* What the tests of a process handle share: a plan, a runner, and a sandbox that a script plays. */
#ifndef TEST_PROCESS_FIXTURE_H
#define TEST_PROCESS_FIXTURE_H

#include <check.h>
#include <stddef.h>

#include "counting_alloc.h"
#include "fake_spawn.h"
#include "hand_plan.h"
#include "lib/process.h"
#include "lib/runner.h"

#define MS INT64_C(1000000)
#define SOON 50000 /* ms: far longer than anything here takes */

/* Made anew before each test: a plan with init, stdin inherited, stdout captured, stderr at /dev/null. */
extern struct hand_plan hand;
extern struct styro_runner runner;
extern styro_error err;
extern styro_outcome out;
extern styro_run run;

void without_init(void);
int count_fds(void);
styro_process *spawn(void (*script)(void));
styro_process *ended(styro_process *process); /* waits, and fills `out` */
styro_process *run_to_end(void (*script)(void));
int fixture_run(const char *name, const TTest *const *tests, size_t n); /* a whole program's main */

#endif
