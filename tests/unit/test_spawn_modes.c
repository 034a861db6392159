/*
 * The clone in both its modes, with this very program as the helper: what it finds open, who it is, what the caller keeps;
 * and what is said when there is no clone, no map, no helper or no descriptor. Why the source is included: test_spawn.c.
 * build: -Wl,--wrap=eventfd,--wrap=syscall,--wrap=fcntl
 */
#include "system_spawn.h"

#include "lib/spawn.c"

#include <linux/sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "emulated.h"
#include "failing_calls.h"
#include "sample_plan.h"
#include "test_program.h"

#define EXTRA_MAX 100
#define CODE 42 /* what the helper exits with */

/* What the helper saw; sent over its status channel, on which it then waits to be let go. */
struct report {
  int argc;
  int envc;
  int pid;
  unsigned open; /* bits of the numbers 0 to 15 */
  ino_t inodes[16];
  uint64_t capabilities; /* effective */
};

static styro_plan *plan;
static struct styro_runner runner;
static struct wire_run run;
static struct styro_launch launch;
static struct styro_spawned spawned;
static styro_error err;
static char self[512];
static int far; /* the other end of the status channel */
static int descriptors_before;

/* ---- the helper -------------------------------------------------------------------------------------------------- */

static int helper_main(int argc)
{
  struct report report = {.argc = argc, .pid = getpid()};
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
  char byte;
  for (char **entry = environ; entry && *entry; entry++) {
    report.envc++;
  }
  for (int fd = 0; fd < 16; fd++) {
    struct stat st;
    bool open = fstat(fd, &st) == 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    report.open |= open ? 1u << fd : 0;
    report.inodes[fd] = open ? st.st_ino : 0;
  }
  syscall(SYS_capget, &header, data);
  report.capabilities = data[0].effective | (uint64_t)data[1].effective << 32;
  send(WIRE_FD_STATUS, &report, sizeof report, MSG_NOSIGNAL);
  recv(WIRE_FD_STATUS, &byte, 1, 0);
  _exit(CODE);
}

/* ---- the caller -------------------------------------------------------------------------------------------------- */

static int descriptors(void)
{
  int n = 0;
  for (int fd = 0; fd < 1024; fd++) {
    n += styro_fd_is_open(fd);
  }
  return n;
}

static int file(void)
{
  int fd = memfd_create("test", MFD_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  return fd;
}

static void setup(void)
{
  int pair[2];
  descriptors_before = descriptors();
  plan = sample_plan_to_spawn();
  memset(&runner, 0, sizeof runner);
  memset(&run, 0, sizeof run);
  ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof self - 1), 0);
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  runner.path = self;
  runner.helper_fd = open(self, O_PATH | O_CLOEXEC);
  runner.forced_mode = -1;
  runner.mode = STYRO_SPAWN_VFORK;
  runner.kernel = WIRE_KERNEL_TIME_VM;
  far = pair[0];
  launch = (struct styro_launch){.runner = &runner, .plan = plan, .run = &run, .status_fd = pair[1], .caller_fd = -1};
  launch.plan_fd = file();
  launch.run_fd = file();
  launch.stdio[0] = -1;
  launch.stdio[1] = file();
  launch.stdio[2] = launch.stdio[1];
  err = (styro_error){.size = sizeof err};
}

static void teardown(void)
{
  fail_none();
  int *const fds[] = {&runner.helper_fd, &far, &launch.status_fd, &launch.plan_fd, &launch.run_fd, &launch.stdio[1]};
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
    styro_fd_close(fds[i]);
  }
  styro_plan_free(plan);
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, dead or alive */
  ck_assert_int_eq(errno, ECHILD);
  ck_assert_int_eq(descriptors(), descriptors_before);
}

static int start(int mode, bool *again)
{
  runner.mode = mode;
  int rc = styro_spawn_prepare(&runner, plan, &run, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  return styro_spawn(&launch, &spawned, again, &err);
}

static struct report started(int mode)
{
  struct report report;
  bool again = true;
  int rc = start(mode, &again);
  ck_assert_msg(rc == 0, "%s", err.message);
  ck_assert(!again);
  ck_assert_int_eq(spawned.mode, mode);
  ck_assert_int_eq(recv(far, &report, sizeof report, 0), sizeof report);
  return report;
}

/* Lets the helper go and reaps it: it must have been ours, and ended by itself. */
static void ended(void)
{
  int status = 0;
  pid_t pid = spawned.mode == STYRO_SPAWN_HELPER ? spawned.agent : spawned.pid;
  ck_assert_int_eq(send(far, "", 1, 0), 1);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  ck_assert_int_eq(WEXITSTATUS(status), CODE);
  styro_fd_close(&spawned.pidfd);
}

static ino_t inode(int fd)
{
  struct stat st;
  ck_assert_int_eq(fstat(fd, &st), 0);
  return st.st_ino;
}

/* Every number of the helper holds what was meant for it, without close-on-exec; -1 left it closed. */
static void placed(const struct report *report)
{
  const int given[] = {launch.stdio[0],
                       launch.stdio[1],
                       launch.stdio[2],
                       launch.plan_fd,
                       launch.run_fd,
                       launch.status_fd,
                       launch.caller_fd,
                       launch.extra_n > 0 ? launch.extra[0] : -1,
                       launch.extra_n > 1 ? launch.extra[1] : -1};
  size_t n = FIXED_SLOTS + launch.extra_n;
  for (size_t i = 0; i < n; i++) {
    ck_assert_msg((report->open >> i & 1) == (given[i] >= 0), "descriptor %zu", i);
    ck_assert_uint_eq(report->inodes[i], given[i] >= 0 ? inode(given[i]) : 0);
  }
}

static bool no_namespaces(const char *test)
{
  pid_t pid = fork();
  if (pid == 0) {
    _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (status != 0) {
    printf("skipped: %s: this host grants no user namespaces\n", test);
  }
  return status != 0;
}

/* ---- both modes -------------------------------------------------------------------------------------------------- */

static void finds_its_descriptors(int mode)
{
  int extra[] = {file(), file()};
  launch.extra = extra;
  launch.extra_n = 2;
  launch.caller_fd = styro_pidfd_open(getpid());
  struct report report = started(mode);
  placed(&report);
  ck_assert_int_eq(report.argc, 1);
  ck_assert_int_eq(report.envc, 0);
  ended();
  launch.stdio[1] = -1;
  int saved = launch.stdio[2];
  launch.stdio[2] = -1;
  launch.extra_n = 0;
  styro_fd_close(&launch.caller_fd);
  report = started(mode);
  placed(&report);
  ended();
  launch.stdio[1] = saved;
  close(extra[0]);
  close(extra[1]);
}

START_TEST(descriptors_by_vfork)
{
  if (!no_namespaces("descriptors_by_vfork")) {
    finds_its_descriptors(STYRO_SPAWN_VFORK);
  }
}
END_TEST

START_TEST(descriptors_by_helper)
{
  finds_its_descriptors(STYRO_SPAWN_HELPER);
}
END_TEST

/* Descriptors that lie where others are to go: each must be out of the way before the first is placed. */
static void crossed(int mode)
{
  int old[3];
  for (int i = 0; i < 3; i++) {
    old[i] = fcntl(i, F_DUPFD_CLOEXEC, 20);
  }
  int low[] = {file(), file(), file()};
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(dup2(low[i], i), i);
  }
  int saved = launch.stdio[1];
  launch.stdio[0] = 2;
  launch.stdio[1] = 0;
  launch.stdio[2] = 1;
  struct report report = started(mode);
  bool right = report.inodes[0] == inode(2) && report.inodes[1] == inode(0) && report.inodes[2] == inode(1);
  for (int i = 0; i < 3; i++) {
    dup2(old[i], i);
    close(old[i]);
    close(low[i]);
  }
  ck_assert(right);
  ended();
  launch.stdio[0] = launch.stdio[2] = -1;
  launch.stdio[1] = saved;
}

START_TEST(crossed_descriptors_by_vfork)
{
  if (!no_namespaces("crossed_descriptors_by_vfork")) {
    crossed(STYRO_SPAWN_VFORK);
  }
}
END_TEST

START_TEST(crossed_descriptors_by_helper)
{
  crossed(STYRO_SPAWN_HELPER);
}
END_TEST

START_TEST(a_sealed_helper_has_no_path)
{
  int exe = open(self, O_RDONLY | O_CLOEXEC);
  struct stat st;
  ck_assert_int_eq(fstat(exe, &st), 0);
  styro_fd_close(&runner.helper_fd);
  runner.helper_fd = file();
  for (off_t at = 0; at < st.st_size;) {
    ck_assert_int_gt(sendfile(runner.helper_fd, exe, &at, (size_t)(st.st_size - at)), 0);
  }
  close(exe);
  runner.sealed = true;
  runner.path = (char *)(uintptr_t) "/nowhere";
  struct report report = started(STYRO_SPAWN_HELPER);
  placed(&report);
  ended();
}
END_TEST

/* ---- vfork mode -------------------------------------------------------------------------------------------------- */

static void read_line(const char *path, char *out, size_t size)
{
  FILE *stream = fopen(path, "re");
  ck_assert_ptr_nonnull(stream);
  ck_assert_ptr_nonnull(fgets(out, (int)size, stream));
  fclose(stream);
}

START_TEST(it_runs_under_its_map_with_what_it_needs)
{
  char path[64];
  char line[128];
  unsigned inside = 0, outside = 0, n = 0;
  if (no_namespaces("it_runs_under_its_map_with_what_it_needs")) {
    return;
  }
  struct report report = started(STYRO_SPAWN_VFORK);
  snprintf(path, sizeof path, "/proc/%d/uid_map", (int)spawned.pid);
  read_line(path, line, sizeof line);
  ck_assert_int_eq(sscanf(line, "%u %u %u", &inside, &outside, &n), 3);
  ck_assert_uint_eq(inside, plan->map_ids->uid);
  ck_assert_uint_eq(outside, geteuid() == 0 ? 65534 : geteuid());
  ck_assert_uint_eq(n, 1);
  ck_assert_uint_eq(report.capabilities & SETUP_CAPABILITIES, SETUP_CAPABILITIES); /* though its id is not 0 */
  ck_assert(fcntl(spawned.pidfd, F_GETFD) & FD_CLOEXEC);
  ck_assert(!styro_pidfd_wait(spawned.pidfd, 0));
  ended();
}
END_TEST

START_TEST(the_caller_is_what_it_was)
{
  sigset_t before;
  sigset_t after;
  if (no_namespaces("the_caller_is_what_it_was")) {
    return;
  }
  sigemptyset(&before);
  sigaddset(&before, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  int dumpable = prctl(PR_GET_DUMPABLE);
  errno = 77;
  started(STYRO_SPAWN_VFORK);
  ck_assert_int_eq(prctl(PR_GET_DUMPABLE), dumpable);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int sig = 1; sig < 65; sig++) {
    ck_assert_int_eq(sigismember(&after, sig), sigismember(&before, sig));
  }
  ended();
}
END_TEST

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void refused(int mode, int code, int stage, int number, const char *message)
{
  bool again = true;
  err = (styro_error){.size = sizeof err};
  int rc = start(mode, &again);
  ck_assert_int_eq(rc, code);
  ck_assert(!again);
  ck_assert_int_eq(err.code, code);
  ck_assert_int_eq(err.stage, stage);
  ck_assert_int_eq(err.sys_errno, number);
  ck_assert_msg(strncmp(err.message, message, strlen(message)) == 0, "%s", err.message);
}

/* A file that no kernel runs, in the place of the helper. */
static void no_program(char *path, size_t size)
{
  const char *base = getenv("TMPDIR");
  snprintf(path, size, "%s/styro-spawn-XXXXXX", base && *base ? base : "/tmp");
  int fd = mkostemp(path, O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, "text\n", 5), 5);
  fchmod(fd, 0755);
  close(fd);
  styro_fd_close(&runner.helper_fd);
  runner.helper_fd = open(path, O_PATH | O_CLOEXEC);
  runner.path = path;
}

START_TEST(a_helper_that_cannot_be_executed)
{
  char path[256];
  no_program(path, sizeof path);
  refused(STYRO_SPAWN_HELPER, STYRO_EHELPER, STYRO_STAGE_HELPER, ENOEXEC,
          "the helper cannot be executed: Exec format error");
  ck_assert_str_eq(err.object, path);
  if (!no_namespaces("a_helper_that_cannot_be_executed")) {
    refused(STYRO_SPAWN_VFORK, STYRO_EHELPER, STYRO_STAGE_HELPER, ENOEXEC,
            "the helper cannot be executed: Exec format error");
    ck_assert_str_eq(err.object, path);
  }
  unlink(path);
  refused(STYRO_SPAWN_HELPER, STYRO_EHELPER, STYRO_STAGE_HELPER, ENOENT,
          "the helper cannot be executed: No such file or directory");
}
END_TEST

/* CLONE_FS never goes with a new user namespace: the kernel refuses the clone itself. */
START_TEST(a_clone_that_is_refused_switches_once)
{
  struct wire_step_namespaces *spaces = sample_step(plan->block, WIRE_STEP_NAMESPACES);
  bool again = false;
  spaces->clone_flags |= CLONE_FS;
  ck_assert_int_eq(start(STYRO_SPAWN_VFORK, &again), 0);
  ck_assert(again);
  ck_assert_int_eq(runner.mode, STYRO_SPAWN_HELPER);
  runner.forced_mode = STYRO_SPAWN_VFORK;
  refused(STYRO_SPAWN_VFORK, STYRO_ESETUP, STYRO_STAGE_SPAWN, EINVAL, "cannot start the process: Invalid argument");
}
END_TEST

/* An id that is none: the kernel takes the clone, and refuses its map. */
START_TEST(a_map_that_is_refused_switches_once)
{
  struct wire_step_map_ids *ids = sample_step(plan->block, WIRE_STEP_MAP_IDS);
  bool again = false;
  if (no_namespaces("a_map_that_is_refused_switches_once")) {
    return;
  }
  ids->gid = UINT32_MAX;
  ck_assert_int_eq(start(STYRO_SPAWN_VFORK, &again), 0);
  ck_assert(again);
  ck_assert_int_eq(runner.mode, STYRO_SPAWN_HELPER);
  runner.forced_mode = STYRO_SPAWN_VFORK;
  refused(STYRO_SPAWN_VFORK, STYRO_ESETUP, STYRO_STAGE_IDS, EINVAL, "cannot write the gid map: Invalid argument");
  ids->gid = 1;
  ids->uid = UINT32_MAX;
  refused(STYRO_SPAWN_VFORK, STYRO_ESETUP, STYRO_STAGE_IDS, EINVAL, "cannot write the uid map: Invalid argument");
}
END_TEST

/* The table has room for what the caller needs, but not above all the numbers that are to be placed. */
static void few_descriptors(int mode)
{
  int extra[EXTRA_MAX];
  struct rlimit old;
  struct rlimit low;
  bool again = true;
  for (int i = 0; i < EXTRA_MAX; i++) {
    extra[i] = launch.plan_fd;
  }
  launch.extra = extra;
  launch.extra_n = EXTRA_MAX;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
  low = (struct rlimit){EXTRA_MAX, old.rlim_max};
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
  int rc = start(mode, &again);
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
  ck_assert_int_eq(rc, STYRO_ESPAWN);
  ck_assert_str_eq(err.object, "RLIMIT_NOFILE");
}

START_TEST(no_descriptor_left_in_the_child)
{
  if (!no_namespaces("no_descriptor_left_in_the_child")) {
    few_descriptors(STYRO_SPAWN_VFORK);
    ck_assert_str_eq(err.message, "no descriptor is left for the helper's descriptors: Too many open files "
                                  "(RLIMIT_NOFILE is 100)");
  }
}
END_TEST

START_TEST(no_descriptor_left_for_the_helper)
{
  launch.stdio[0] = 2; /* it must move out of the way first */
  fail_call("fcntl", 1, EMFILE);
  refused(STYRO_SPAWN_HELPER, STYRO_ESPAWN, STYRO_STAGE_SPAWN, EMFILE,
          "no descriptor is left for the helper's descriptors");
  ck_assert(fail_none());
}
END_TEST

START_TEST(no_descriptor_left_for_its_image)
{
  struct styro_launch before = launch; /* nothing to lift: the image is the first that needs a number */
  launch.stdio[1] = launch.stdio[2] = launch.plan_fd = launch.run_fd = launch.status_fd = -1;
  runner.sealed = true;
  fail_call("fcntl", 1, EMFILE);
  refused(STYRO_SPAWN_HELPER, STYRO_ESPAWN, STYRO_STAGE_SPAWN, EMFILE, "no descriptor is left for the helper's image");
  ck_assert(fail_none());
  launch = before;
}
END_TEST

START_TEST(no_caller_for_a_child_that_waits)
{
  bool again = true;
  run.flags = WIRE_RUN_TWO_STEP;
  fail_call("pidfd_open", 1, EMFILE);
  int rc = styro_spawn(&launch, &spawned, &again, &err);
  ck_assert(fail_none());
  ck_assert_int_eq(rc, STYRO_ESPAWN);
  ck_assert_ptr_nonnull(strstr(err.message, "no descriptor is left for a pidfd of the calling process"));
}
END_TEST

int main(int argc, char **argv)
{
  if (argc > 0 && strcmp(argv[0], "styrolite-helper") == 0) {
    return helper_main(argc);
  }
  const struct test_program program = {.name = "spawn_modes", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      descriptors_by_vfork,
      descriptors_by_helper,
      crossed_descriptors_by_vfork,
      crossed_descriptors_by_helper,
      a_sealed_helper_has_no_path,
      it_runs_under_its_map_with_what_it_needs,
      the_caller_is_what_it_was,
      a_helper_that_cannot_be_executed,
      a_clone_that_is_refused_switches_once,
      a_map_that_is_refused_switches_once,
      no_descriptor_left_in_the_child,
      no_descriptor_left_for_the_helper,
      no_descriptor_left_for_its_image,
      no_caller_for_a_child_that_waits,
  };
  if (emulated()) {
    printf("skipped: spawn_modes: valgrind and qemu-user know no clone3(2)\n");
    return EXIT_SUCCESS;
  }
  return test_program_run(&program, tests, TESTS_N(tests));
}
