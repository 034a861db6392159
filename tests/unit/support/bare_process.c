/* A process handle without any process behind it: the test holds the other end of its status channel. */
#include "bare_process.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"

struct hand_plan bare_plan;

void bare_setup(void)
{
  hand_plan_init(&bare_plan);
}

styro_process *bare_process(const styro_allocator *alloc, int *far)
{
  int pair[2];
  styro_allocator chosen = styro_allocator_or_malloc(alloc);
  styro_process *process = styro_alloc(&chosen, sizeof *process);
  ck_assert_ptr_nonnull(process);
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  process->alloc = process->in.alloc = chosen;
  process->epoll = epoll_create1(EPOLL_CLOEXEC);
  process->status = pair[0];
  process->pidfd = process->timer = process->reserve = process->in.fd = -1;
  process->pid = process->agent = -1;
  styro_sink_init(&process->out, &chosen, -1, 1, WIRE_KEEP_HEAD);
  styro_sink_init(&process->err, &chosen, -1, 1, WIRE_KEEP_HEAD);
  process->facts.plan = &bare_plan.plan;
  process->facts.init = true;
  process->facts.spawned = 1;
  ck_assert_int_eq(styro_process_watch(process, process->status, STYRO_SOURCE_STATUS, NULL), 0);
  *far = pair[1];
  return process;
}

struct wire_run *bare_without_init(styro_process *process)
{
  struct wire_run *run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(run, MAP_FAILED);
  process->facts.init = false;
  process->verdict = run;
  return run;
}

int bare_stdout(styro_process *process, uint64_t limit)
{
  int ends[2];
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  styro_sink_init(&process->out, &process->alloc, ends[0], limit, WIRE_KEEP_HEAD);
  ck_assert_int_eq(styro_process_watch(process, ends[0], STYRO_SOURCE_OUT, NULL), 0);
  return ends[1];
}

void bare_send(int far, const void *record, size_t size)
{
  ck_assert_int_eq(send(far, record, size, MSG_NOSIGNAL), (ssize_t)size);
}

void bare_running(int far)
{
  struct wire_running record = {.head = {.type = WIRE_STATUS_RUNNING, .size = sizeof record}};
  bare_send(far, &record, sizeof record);
}

void bare_ended(int far, int wait_status)
{
  const struct wire_ended record = {.head = {.type = WIRE_STATUS_ENDED, .size = sizeof record},
                                    .wait_status = wait_status};
  bare_send(far, &record, sizeof record);
}

void bare_failed(int far, uint16_t type, uint32_t step, uint32_t what, int error, const char *component)
{
  struct wire_failed record = {.head = {.type = type, .size = sizeof record, .step = step, .err = error, .arg = what}};
  memcpy(record.component, component, strnlen(component, sizeof record.component));
  bare_send(far, &record, sizeof record);
}

void bare_pass(int far, pid_t pid, const int *fds, size_t n)
{
  struct wire_passed_pid record = {.head = {.type = WIRE_STATUS_FD, .size = sizeof record, .arg = WIRE_PASSED_PIDFD},
                                   .pid = pid};
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(4 * sizeof(int))];
  } control;
  struct iovec data = {&record, sizeof record};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  memset(&control, 0, sizeof control);
  if (n > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(n * sizeof(int));
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
  }
  ck_assert_int_eq(sendmsg(far, &message, MSG_NOSIGNAL), sizeof record);
}

int bare_descriptors(void)
{
  int n = 0;
  for (int fd = 0; fd < 1024; fd++) {
    n += styro_fd_is_open(fd);
  }
  return n;
}
