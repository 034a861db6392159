/*
 * The child between clone and exec: which of its calls failed, and with what, as it answers through the caller's memory; a
 * child that failed has ended and is left to be reaped. What a child that succeeds is given is test_spawn_modes.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulated.h"
#include "lib/fd.h"
#include "lib/pidfd.h"
#include "lib/spawn_child.h"
#include "test_program.h"
#include "wire/plan.h"
#include "wire/status.h"

#define FAILED 127 /* what a child that could not execute the helper exits with */
#define HIGH 200   /* above every number that is placed */

static struct styro_child child;
static struct styro_slot slots[3];
static int image; /* a directory: nothing that could be executed by mistake */

/* Everything right but the helper itself, for the caller's own id as the map's. */
static void setup(void)
{
  memset(&child, 0, sizeof child);
  image = open("/", O_PATH | O_CLOEXEC);
  child.clone_flags = CLONE_NEWUSER;
  snprintf(child.uid_map, sizeof child.uid_map, "1000 %u 1", geteuid());
  snprintf(child.gid_map, sizeof child.gid_map, "1000 %u 1", getegid());
  child.helper_fd = image;
  child.slots = slots;
  child.slots_n = 3;
  child.top = 3;
  child.maps = child.deny_setgroups = true;
  child.caller_fd = child.pid = child.pidfd = -1;
  for (int i = 0; i < 3; i++) {
    slots[i] = (struct styro_slot){.from = i, .to = i};
  }
}

static void teardown(void)
{
  styro_fd_close(&child.caller_fd);
  styro_fd_close(&image);
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
  ck_assert_int_eq(errno, ECHILD);
}

/* The maps are written by the caller, while the child waits. */
static void two_step(void)
{
  child.two_step = true;
  child.caller_fd = styro_pidfd_open(getpid());
}

static void start(void)
{
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  styro_child_start(&child);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* It answers what failed; the process was made, has ended by itself and is still ours to reap. */
static void fails(uint32_t what, int error)
{
  struct styro_exit how;
  start();
  ck_assert_uint_eq(child.what, what);
  ck_assert_int_eq(child.error, error);
  ck_assert_int_gt(child.pid, 0);
  ck_assert_int_ge(child.pidfd, 0);
  ck_assert(styro_pidfd_wait(child.pidfd, -1));
  ck_assert(styro_pidfd_reap(child.pidfd, &how));
  ck_assert(WIFEXITED(how.wait_status));
  ck_assert_int_eq(WEXITSTATUS(how.wait_status), FAILED);
  styro_fd_close(&child.pidfd);
}

static bool no_namespaces(const char *test)
{
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  }
  waitpid(pid, &status, 0);
  if (status != 0) {
    printf("skipped: %s: this host grants no user namespaces\n", test);
  }
  return status != 0;
}

/* A map of any other id than the own takes CAP_SETUID and CAP_SETGID. */
static bool not_root(const char *test)
{
  if (geteuid() != 0) {
    printf("skipped: %s: only root writes the maps of others\n", test);
  }
  return geteuid() != 0;
}

/* ---- the clone --------------------------------------------------------------------------------------------------- */

START_TEST(no_process_was_made)
{
  child.clone_flags |= CLONE_FS; /* never together with a new user namespace */
  start();
  ck_assert_uint_eq(child.what, WIRE_WHAT_FORK);
  ck_assert_int_eq(child.error, EINVAL);
  ck_assert_int_eq(child.pid, -1);
  ck_assert_int_eq(child.pidfd, -1);
}
END_TEST

/* ---- maps -------------------------------------------------------------------------------------------------------- */

START_TEST(maps_of_its_own)
{
  if (no_namespaces("maps_of_its_own")) {
    return;
  }
  strcpy(child.gid_map, "not a map");
  fails(WIRE_WHAT_MAP_GID, EINVAL);
  setup();
  strcpy(child.uid_map, "1000 4294967295 1");
  fails(WIRE_WHAT_MAP_UID, EINVAL);
}
END_TEST

/* In the namespace that it came from the maps stand already, and groups were decided with them. */
START_TEST(groups_that_are_decided)
{
  child.clone_flags = 0;
  start();
  ck_assert_uint_eq(child.what, WIRE_WHAT_MAP_SETGROUPS);
  ck_assert(child.error == EPERM || child.error == EACCES);
  ck_assert_int_eq(waitpid(child.pid, NULL, 0), child.pid);
  styro_fd_close(&child.pidfd);
}
END_TEST

START_TEST(maps_by_the_caller)
{
  if (no_namespaces("maps_by_the_caller") || not_root("maps_by_the_caller")) {
    return;
  }
  two_step();
  strcpy(child.gid_map, "1000 4294967295 1");
  fails(WIRE_WHAT_MAP_GID, EINVAL);
  ck_assert_int_eq(child.gate, STYRO_GATE_REFUSED);
  teardown();
  setup();
  two_step();
  strcpy(child.uid_map, "not a map");
  fails(WIRE_WHAT_MAP_UID, EINVAL);
  ck_assert_int_eq(child.gate, STYRO_GATE_REFUSED);
}
END_TEST

/* Without a new user namespace there is nothing to be mapped: the child goes straight to the helper. */
START_TEST(no_maps_at_all)
{
  child.clone_flags = 0;
  child.maps = false;
  strcpy(child.uid_map, "not a map");
  fails(WIRE_WHAT_EXEC, EACCES);
}
END_TEST

/* ---- descriptors and exec ---------------------------------------------------------------------------------------- */

static void nothing_to_place(void)
{
  slots[1].from = HIGH; /* nothing is open there */
  fails(WIRE_WHAT_FDS, EBADF);
}

static void nothing_to_execute(void)
{
  fails(WIRE_WHAT_EXEC, EACCES); /* a directory */
}

START_TEST(after_maps_of_its_own)
{
  if (no_namespaces("after_maps_of_its_own")) {
    return;
  }
  nothing_to_place();
  teardown();
  setup();
  nothing_to_execute();
}
END_TEST

START_TEST(after_maps_by_the_caller)
{
  if (no_namespaces("after_maps_by_the_caller") || not_root("after_maps_by_the_caller")) {
    return;
  }
  two_step();
  nothing_to_place();
  ck_assert_int_eq(child.gate, STYRO_GATE_OPEN);
  teardown();
  setup();
  two_step();
  nothing_to_execute();
  ck_assert_int_eq(child.alive, 0); /* it left this memory before the caller went on */
}
END_TEST

/* The table of descriptors is the child's own: what it moved and closed is untouched here. */
START_TEST(the_callers_descriptors_stay)
{
  if (no_namespaces("the_callers_descriptors_stay")) {
    return;
  }
  slots[2].from = -1; /* closed in the child */
  int flags = fcntl(image, F_GETFD);
  nothing_to_execute();
  ck_assert(styro_fd_is_open(2));
  ck_assert_int_eq(fcntl(image, F_GETFD), flags);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "spawn_child", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      no_process_was_made, maps_of_its_own,       groups_that_are_decided,  maps_by_the_caller,
      no_maps_at_all,      after_maps_of_its_own, after_maps_by_the_caller, the_callers_descriptors_stay,
  };
  if (emulated()) {
    printf("skipped: spawn_child: valgrind and qemu-user know no clone3(2)\n");
    return EXIT_SUCCESS;
  }
  return test_program_run(&program, tests, TESTS_N(tests));
}
