/* Stands in for core/lib/spawn.c: instead of a helper a forked child plays a script on the helper's descriptors. */
#include "fake_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing_calls.h"
#include "lib/fd.h"
#include "lib/pidfd.h"
#include "lib/spawn_mode.h"

struct fake_spawn fake_spawn;

int styro_spawn_prepare(styro_runner *runner, const styro_plan *plan, struct wire_run *run, styro_error *err)
{
  (void)runner;
  (void)plan;
  run->flags |= fake_spawn.flags;
  run->map_uid = run->map_gid = fake_spawn.map_id;
  return fake_spawn.refuse ? styro_fail(err, fake_spawn.refuse, STYRO_STAGE_IDS, EPERM, "not these ids") : 0;
}

static void place(const struct styro_launch *launch)
{
  int from[7] = {launch->stdio[0], launch->stdio[1],  launch->stdio[2], launch->plan_fd,
                 launch->run_fd,   launch->status_fd, launch->caller_fd};
  for (int i = 0; i < 7; i++) {
    from[i] = from[i] < 0 ? open("/dev/null", O_RDWR) : from[i];
    from[i] = fcntl(from[i], F_DUPFD, 100);
  }
  for (int i = 0; i < 7; i++) {
    dup2(from[i], i);
  }
  syscall(SYS_close_range, 7, ~0u, 0);
}

static _Noreturn void play(const struct styro_launch *launch)
{
  sigset_t none;
  place(launch);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int sig = 1; sig < 32; sig++) {
    signal(sig, SIG_DFL);
  }
  fake_spawn.script();
  _exit(0);
}

/* The agent of helper mode: hands over the pidfd of the child that it made, as a sibling would, and ends. */
static void send_pidfd(int channel, pid_t pid, int pidfd)
{
  struct wire_passed_pid record = {.head = {.type = WIRE_STATUS_FD, .size = sizeof record, .arg = WIRE_PASSED_PIDFD},
                                   .pid = pid};
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec data = {&record, sizeof record};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  memset(&control, 0, sizeof control);
  if (!fake_spawn.drop_pidfd) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &pidfd, sizeof pidfd);
  }
  sendmsg(channel, &message, MSG_NOSIGNAL);
}

static int start(const struct styro_launch *launch, struct styro_spawned *out, bool *again, styro_error *err)
{
  bool helper = launch->run->flags & WIRE_RUN_HELPER_MODE;
  fake_spawn.calls++;
  *again = fake_spawn.refusals-- > 0;
  if (fake_spawn.fail) {
    return styro_fail(err, fake_spawn.fail, STYRO_STAGE_SPAWN, EPERM, "refused");
  }
  if (*again) {
    return 0;
  }
  int gate[2]; /* where SIGCHLD is ignored, a quick child would be gone before its pidfd is opened */
  if (pipe2(gate, O_CLOEXEC) < 0) {
    return styro_fd_fail(err, errno, "the gate");
  }
  pid_t pid = fork();
  if (pid == 0) {
    char byte;
    close(gate[1]);
    play(read(gate[0], &byte, 1) >= 0 ? launch : NULL);
  }
  fake_spawn.last = pid;
  *out = (struct styro_spawned){.pid = pid, .pidfd = styro_pidfd_open(pid), .agent = -1, .mode = STYRO_SPAWN_VFORK};
  if (helper) {
    int pidfd = out->pidfd;
    *out = (struct styro_spawned){.pid = -1, .pidfd = -1, .agent = fork(), .mode = STYRO_SPAWN_HELPER};
    if (out->agent == 0) {
      send_pidfd(launch->status_fd, pid, pidfd);
      _exit(0);
    }
    close(pidfd);
  }
  close(gate[0]);
  close(gate[1]);
  return 0;
}

int styro_spawn(const struct styro_launch *launch, struct styro_spawned *out, bool *again, styro_error *err)
{
  fail_pause(true); /* what fails here is not the library's */
  int rc = start(launch, out, again, err);
  fail_pause(false);
  return rc;
}

/* ---- for scripts ------------------------------------------------------------------------------------------------- */

static void send_record(const void *record, size_t size)
{
  send(WIRE_FD_STATUS, record, size, MSG_NOSIGNAL);
}

void play_running(void)
{
  struct wire_running record = {.head = {.type = WIRE_STATUS_RUNNING, .size = sizeof record}};
  for (int i = 0; i < 5; i++) {
    record.stamps[i] = (i + 1) * INT64_C(1000000);
  }
  send_record(&record, sizeof record);
}

void play_ended(int wait_status, uint32_t cause)
{
  const struct wire_ended record = {
      .head = {.type = WIRE_STATUS_ENDED, .size = sizeof record, .arg = cause},
      .wait_status = wait_status,
      .user = 11,
      .system = 12,
      .max_rss = 13,
      .minor_faults = 14,
      .major_faults = 15,
      .switches_voluntary = 16,
      .switches_involuntary = 17,
      .blocks_in = 18,
      .blocks_out = 19,
  };
  send_record(&record, sizeof record);
}

void play_failed(uint16_t type, uint32_t step, uint32_t what, int error, const char *component)
{
  struct wire_failed record = {.head = {.type = type, .size = sizeof record, .step = step, .err = error, .arg = what}};
  strncpy(record.component, component, sizeof record.component - 1);
  send_record(&record, sizeof record);
}

static struct wire_run *map_run(void)
{
  return mmap(NULL, sizeof(struct wire_run), PROT_READ | PROT_WRITE, MAP_SHARED, WIRE_FD_RUN, 0);
}

void play_verdict(uint32_t state, uint32_t step, uint32_t what, int error, const char *component)
{
  struct wire_run *run = map_run();
  run->verdict.step = step;
  run->verdict.what = what;
  run->verdict.err = error;
  strncpy(run->verdict.component, component, sizeof run->verdict.component - 1);
  run->verdict.state = state;
}

void play_stamp(void)
{
  map_run()->verdict.stamps[WIRE_STAMP_IDENTITY] = 1;
}

void play_exec(void)
{
  play_stamp();
  close(WIRE_FD_STATUS);
}

int play_await_signal(void)
{
  struct wire_record record;
  return recv(WIRE_FD_STATUS, &record, sizeof record, 0) == sizeof record ? (int)record.arg : -1;
}

void play_pause(void)
{
  raise(SIGSTOP);
}

void play_go(void)
{
  siginfo_t info;
  waitid(P_PID, (id_t)fake_spawn.last, &info, WSTOPPED);
  kill(fake_spawn.last, SIGCONT);
}

void play_say(int fd, const char *text)
{
  for (size_t len = strlen(text); len;) {
    ssize_t n = write(fd, text, len);
    if (n <= 0) {
      return;
    }
    text += n;
    len -= (size_t)n;
  }
}
