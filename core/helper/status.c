/* What the helper tells the library: records on the status channel, and the verdict in the run block. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "helper.h"

#define MSG_NOSIGNAL_ 0x4000

void status_send(const struct wire_record *record)
{
  sys_call(SYS_sendto, WIRE_FD_STATUS, sys_arg(record), record->size, MSG_NOSIGNAL_, 0, 0);
}

static void copy_component(char *out, unsigned long size, const char *text)
{
  unsigned long i = 0;
  for (; text && text[i] && i + 1 < size; i++) {
    out[i] = text[i];
  }
  out[i] = 0;
}

/* Plain stores only: in the payload's process the filter may already forbid every call. */
void status_verdict(struct helper *h, uint32_t type, int error)
{
  struct wire_verdict *verdict = &h->run->verdict;
  verdict->step = h->number;
  verdict->err = error;
  verdict->what = h->what;
  copy_component(verdict->component, sizeof verdict->component, h->component);
  __atomic_store_n(&verdict->state, type, __ATOMIC_RELEASE);
}

void status_send_failed(const struct wire_run *run)
{
  const struct wire_verdict *verdict = &run->verdict;
  struct wire_failed record;
  memset(&record, 0, sizeof record);
  record.head.type = (uint16_t)verdict->state;
  record.head.size = sizeof record;
  record.head.step = verdict->step;
  record.head.err = verdict->err;
  record.head.arg = verdict->what;
  copy_component(record.component, sizeof record.component, verdict->component);
  status_send(&record.head);
}

_Noreturn void status_die(struct helper *h, uint16_t type, int error)
{
  status_verdict(h, type, error);
  if (!h->payload && !h->fds_placed) {
    status_send_failed(h->run);
  }
  sys_exit(125);
}

void status_fill_running(const struct wire_run *run, int64_t now, struct wire_running *out)
{
  memset(out, 0, sizeof *out);
  out->head.type = WIRE_STATUS_RUNNING;
  out->head.size = sizeof *out;
  for (int i = 0; i < WIRE_STAMP_COUNT; i++) {
    out->stamps[i] = run->verdict.stamps[i];
  }
  out->stamps[WIRE_STAMP_COUNT] = now;
  out->skipped = run->verdict.skipped;
  out->absent = run->verdict.absent;
}

/* Hands the first process's pidfd to the library (helper mode): without it nobody could end the sandbox. */
int status_pidfd(struct helper *h, int pidfd, int pid)
{
  struct wire_passed_pid record = {
      .head = {.type = WIRE_STATUS_FD, .size = sizeof record, .step = h->number, .arg = WIRE_PASSED_PIDFD}, .pid = pid};
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct iovec data = {&record, sizeof record};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  control.head.cmsg_level = SOL_SOCKET;
  control.head.cmsg_type = SCM_RIGHTS;
  control.head.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.head), &pidfd, sizeof pidfd);
  return (int)sys_call(SYS_sendmsg, WIRE_FD_STATUS, sys_arg(&message), MSG_NOSIGNAL_, 0, 0, 0);
}
