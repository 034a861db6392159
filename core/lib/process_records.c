/* What helper and init report on the status channel, turned into facts. Judges nothing. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/status.h"
#include "fd.h"
#include "process.h"

/* One message, and the descriptor that came with it. */
struct message {
  union {
    struct wire_record head;
    struct wire_running running;
    struct wire_ended ended;
    struct wire_failed failed;
    struct wire_passed_pid passed;
    char bytes[WIRE_STATUS_MAX];
  } body;
  size_t len;
  int fd;
};

/* The descriptor of an SCM_RIGHTS message; more than one is never sent. -1: none. */
static int passed_fd(struct msghdr *header)
{
  int fd = -1;
  for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
    if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS && item->cmsg_len >= CMSG_LEN(sizeof fd)) {
      memcpy(&fd, CMSG_DATA(item), sizeof fd);
    }
  }
  return fd;
}

/* 1: a message; 0: the other end is closed; -1: nothing at this moment. */
static int receive(struct styro_process *process, struct message *message)
{
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  for (;;) {
    struct iovec data = {.iov_base = message->body.bytes, .iov_len = sizeof message->body};
    /* Room for one descriptor: the alignment behind it would hold a second one, which nobody takes. */
    struct msghdr header = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = CMSG_LEN(sizeof(int))};
    memset(&message->body, 0, sizeof message->body);
    ssize_t n = recvmsg(process->status, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n > 0) {
      message->len = (size_t)n;
      message->fd = passed_fd(&header);
      return 1;
    }
    if (n == 0) {
      return 0;
    }
    /* ECONNRESET: init ended with a signal of ours unread; what it sent before is still in the queue. */
    if (errno != EINTR && errno != ECONNRESET) {
      return errno == EAGAIN ? -1 : 0;
    }
  }
}

static void take_failure(struct styro_facts *facts, uint32_t type, uint32_t step, uint32_t what, int error,
                         const char *component)
{
  if (facts->failed) {
    return;
  }
  facts->failed = true;
  facts->failure = type == WIRE_STATUS_EXEC_FAILED ? STYRO_EEXEC : STYRO_ESETUP;
  facts->step = step;
  facts->what = what;
  facts->sys_errno = error;
  memcpy(facts->component, component, sizeof facts->component - 1);
  facts->component[sizeof facts->component - 1] = 0;
}

/*
 * Init's word: it keeps the deadline, and no timer of ours is needed any more. A supervisor could be stopped, by who may signal
 * it, and no kernel would end what it keeps.
 */
static void take_running(struct styro_process *process, const struct wire_running *record)
{
  struct styro_facts *facts = &process->facts;
  memcpy(facts->stamps, record->stamps, sizeof facts->stamps);
  facts->skipped = record->skipped;
  facts->absent = record->absent;
  facts->running = true;
  if (!styro_plan_is_process(facts->plan)) {
    styro_process_close(process, &process->timer);
  }
}

static void take_ended(struct styro_facts *facts, const struct wire_ended *record)
{
  facts->running = true;
  facts->ended = true;
  facts->end = *record;
  facts->finished = record->finished;
}

/*
 * Helper mode: the first process's pidfd. Without a descriptor left for it the sandbox could not be supervised: it is
 * ended by its number, which still names our unreaped child, and the channel's end then completes the outcome.
 */
static void take_pidfd(struct styro_process *process, struct message *message)
{
  if (process->pid > 0) {
    return;
  }
  process->pid = message->body.passed.pid;
  styro_fd_close(&process->reserve);
  process->pidfd = styro_fd_lift(styro_fd_steal(&message->fd));
  if (process->pidfd >= 0 && styro_process_watch(process, process->pidfd, STYRO_SOURCE_PIDFD, NULL)) {
    styro_fd_close(&process->pidfd);
  }
  if (process->pidfd < 0) {
    kill(process->pid, SIGKILL);
  } else if (process->facts.stop) {
    styro_process_stop(process, (enum styro_stop)process->facts.stop);
  }
}

/*
 * Init's word that the payload runs says as well which steps were skipped: an init that was killed before it came to it
 * would leave an outcome that can name no protection. It is on its way, since bytes of the payload are here.
 */
void styro_process_stop_full(struct styro_process *process)
{
  const struct styro_facts *facts = &process->facts;
  bool word_comes = facts->init && !facts->running && !facts->failed && process->status >= 0;
  if (facts->full && !facts->stop && !process->dead && !word_comes) {
    styro_process_stop(process, STYRO_STOP_OUTPUT);
  }
}

static void take(struct styro_process *process, struct message *message)
{
  const struct wire_record *head = &message->body.head;
  struct styro_facts *facts = &process->facts;
  if (message->len < sizeof *head) {
    return;
  }
  switch (head->type) {
  case WIRE_STATUS_SETUP_FAILED:
  case WIRE_STATUS_EXEC_FAILED:
    take_failure(facts, head->type, head->step, head->arg, head->err, message->body.failed.component);
    break;
  case WIRE_STATUS_RUNNING: take_running(process, &message->body.running); break;
  case WIRE_STATUS_ENDED: take_ended(facts, &message->body.ended); break;
  case WIRE_STATUS_FD: take_pidfd(process, message); break;
  default: break; /* of a later version: nothing that the outcome depends on */
  }
}

/* Signals that came for the payload before it ran. */
static void release_held(struct styro_process *process)
{
  for (int sig = 1; process->held && process->pidfd >= 0; sig++) {
    if (process->held & 1) {
      styro_pidfd_signal(process->pidfd, sig);
    }
    process->held >>= 1;
  }
}

/*
 * Without an init nobody reports success: the channel ends at exec, by close-on-exec, or with the helper. Which of the
 * two it was stands in the run block, where the helper left a stamp as its last act before exec.
 */
void styro_process_take_verdict(struct styro_process *process)
{
  struct styro_facts *facts = &process->facts;
  const struct wire_verdict *verdict = &process->verdict->verdict;
  uint32_t state = __atomic_load_n(&verdict->state, __ATOMIC_ACQUIRE);
  memcpy(facts->stamps, verdict->stamps, sizeof verdict->stamps);
  facts->skipped = verdict->skipped;
  facts->absent = verdict->absent;
  if (state == WIRE_STATUS_SETUP_FAILED || state == WIRE_STATUS_EXEC_FAILED) {
    take_failure(facts, state, verdict->step, verdict->what, verdict->err, verdict->component);
  } else if (verdict->stamps[WIRE_STAMP_IDENTITY] && !facts->failed) {
    facts->running = true;
    release_held(process);
  }
}

void styro_process_receive(struct styro_process *process)
{
  struct message message = {.fd = -1};
  int got = -1;
  while (process->status >= 0 && (got = receive(process, &message)) > 0) {
    take(process, &message);
    styro_fd_close(&message.fd);
  }
  if (got == 0) {
    styro_process_close(process, &process->status);
    styro_fd_close(&process->reserve);
    if (process->verdict) {
      styro_process_take_verdict(process);
    }
  }
  styro_process_stop_full(process);
}
