/*
 * One run, decided: the plan's defaults and the caller's styro_run, checked and merged. Knows what a run may vary;
 * knows nothing about the block's layout, the clone or the outcome.
 */
#include "order.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/plan.h"
#include "capture.h"
#include "fd.h"
#include "named_fds.h"

#define NAME_MAX_BYTES 64

static const struct wire_plan *plan_of(const styro_plan *plan)
{
  return plan->block;
}

__attribute__((format(printf, 4, 5))) static int refuse(styro_error *err, const char *field, const char *hint,
                                                        const char *format, ...)
{
  char text[sizeof err->message];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "%s", text);
  styro_error_field(err, "%s", field);
  styro_error_hint(err, "%s", hint);
  return STYRO_EREQUEST;
}

static int usage(styro_error *err, const char *text)
{
  return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_VALIDATE, 0, "%s", text);
}

/* ---- what a fixed plan allows ------------------------------------------------------------------------------------ */

static int check_fixed(const styro_plan *plan, const styro_run *run, styro_error *err)
{
  const struct {
    bool given;
    const char *field;
  } varied[] = {
      {run->argv != NULL, "/command"}, {run->env != NULL, "/env"},
      {run->cwd != NULL, "/cwd"},      {run->preserve_fds_n != 0, "/preserve_fds"},
      {run->timeout != 0, "/timeout"}, {run->output_limit != 0, "/output/limit"},
  };
  for (size_t i = 0; plan_of(plan)->flags & WIRE_PLAN_FIXED && i < sizeof varied / sizeof *varied; i++) {
    if (varied[i].given) {
      return refuse(err, varied[i].field, "write it into the request, or leave `fixed` out",
                    "the request is `fixed`: a run may vary its standard streams and its name, but not `%s`",
                    varied[i].field + 1);
    }
  }
  return STYRO_OK;
}

/* ---- command, environment, working directory, name -------------------------------------------------------------- */

static int check_command(const styro_plan *plan, const styro_run *run, styro_error *err)
{
  const struct wire_list *list = wire_list_at(plan->block, plan->run->argv);
  if (!run->argv && (!list || list->n == 0)) {
    return refuse(err, "/command", "write `command` into the request, or give the run an argv",
                  "there is nothing to run: neither the request nor this run names a command");
  }
  const char *first = run->argv ? run->argv[0] : wire_str(plan->block, list->at[0]);
  if (!first) {
    return refuse(err, "/command", "its first entry is the program; leave argv NULL for the request's own command",
                  "the run's argv is empty");
  }
  if (!*first) {
    return refuse(err, "/command", "name a program, or a path inside the sandbox", "the program's name is empty");
  }
  return STYRO_OK;
}

static int check_environment(const styro_run *run, styro_error *err)
{
  for (size_t i = 0; run->env && run->env[i]; i++) {
    const char *equals = strchr(run->env[i], '=');
    if (!equals || equals == run->env[i]) {
      refuse(err, "/env", "entries are NAME=value", "entry %zu of the run's env is not NAME=value", i);
      styro_error_object(err, "%.200s", run->env[i]);
      return STYRO_EREQUEST;
    }
  }
  return STYRO_OK;
}

static int check_cwd(const styro_run *run, styro_error *err)
{
  if (run->cwd && run->cwd[0] != '/') {
    refuse(err, "/cwd", "it is a path inside the sandbox, which begins with `/`",
           "the run's working directory is not an absolute path");
    styro_error_object(err, "%.200s", run->cwd);
    return STYRO_EREQUEST;
  }
  return STYRO_OK;
}

static int check_name(const styro_run *run, styro_error *err)
{
  size_t len = run->name ? strlen(run->name) : 1;
  if (len == 0 || len > NAME_MAX_BYTES) {
    return refuse(err, "", "shorten it, or give none", "the run's name has %zu bytes; 1 to %d are allowed", len,
                  NAME_MAX_BYTES);
  }
  for (size_t i = 0; run->name && i < len; i++) {
    if ((unsigned char)run->name[i] < ' ' || run->name[i] == 0x7f) {
      return refuse(err, "", "use printable text", "the run's name holds a control character at byte %zu", i);
    }
  }
  return STYRO_OK;
}

/* ---- standard streams -------------------------------------------------------------------------------------------- */

static int check_stream(const styro_stream *stream, const char *name, styro_error *err)
{
  if (stream->kind < STYRO_STREAM_INHERIT || stream->kind > STYRO_STREAM_PIPE) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_VALIDATE, 0, "%s is of the unknown kind %d", name, stream->kind);
  }
  if (stream->kind == STYRO_STREAM_FD && !styro_fd_is_open(stream->fd)) {
    styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, EBADF, "descriptor %d, named for %s, is not open", stream->fd,
               name);
    styro_error_object(err, "%d", stream->fd);
    return STYRO_EREQUEST;
  }
  if (stream->kind == STYRO_STREAM_PIPE && stream->len && !stream->data) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_VALIDATE, 0, "%s is to be fed from NULL", name);
  }
  return STYRO_OK;
}

/* A limit on what somebody else reads cannot be kept, and is therefore not promised. /dev/null needs none. */
static int check_limited(const styro_stream *stream, const char *name, styro_error *err)
{
  if (stream->kind == STYRO_STREAM_PIPE || stream->kind == STYRO_STREAM_NULL) {
    return STYRO_OK;
  }
  return refuse(err, "/output",
                "capture stdout and stderr, send what is not wanted to /dev/null, or leave `output` out",
                "an output limit was asked for, but %s is not captured by the library", name);
}

static int check_streams(const styro_plan *plan, const styro_run *run, styro_error *err)
{
  int rc = check_stream(&run->in, "stdin", err);
  rc = rc ? rc : check_stream(&run->out, "stdout", err);
  rc = rc ? rc : check_stream(&run->err, "stderr", err);
  if (rc == STYRO_OK && (plan->run->output_asked || run->output_limit)) {
    rc = check_limited(&run->out, "stdout", err);
    rc = rc ? rc : check_limited(&run->err, "stderr", err);
  }
  return rc;
}

/* ---- preserved descriptors --------------------------------------------------------------------------------------- */

static const struct wire_list *planned_fds(const struct styro_order *order)
{
  return wire_list_at(order->plan->block, order->plan->run->preserve_fds);
}

size_t styro_order_preserved(const struct styro_order *order)
{
  const struct wire_list *list = planned_fds(order);
  return (list ? list->n : 0) + order->run.preserve_fds_n;
}

int styro_order_preserved_at(const struct styro_order *order, size_t i)
{
  const struct wire_list *list = planned_fds(order);
  size_t planned = list ? list->n : 0;
  if (list && i < planned) {
    long number = strtol(wire_str(order->plan->block, list->at[i]), NULL, 10);
    return number >= 0 && number <= INT_MAX ? (int)number : -1; /* a plan from bytes may say anything */
  }
  return order->run.preserve_fds ? order->run.preserve_fds[i - planned] : -1;
}

#define PRESERVED_MAX 512 /* their table lies on the caller's stack, and each takes three numbers while it is placed */

static int check_preserved_fd(int fd, styro_error *err)
{
  if (fd >= 0 && fd < 3) {
    refuse(err, "/preserve_fds", "the standard streams have fields of their own",
           "descriptor %d is a standard stream and cannot be preserved under that number", fd);
  } else if (!styro_fd_is_open(fd)) {
    refuse(err, "/preserve_fds", "it must be open in the calling process when the run is spawned",
           "descriptor %d is to be preserved, but it is not open", fd);
  } else {
    return STYRO_OK;
  }
  styro_error_object(err, "%d", fd);
  return STYRO_EREQUEST;
}

static int check_preserved(const struct styro_order *order, styro_error *err)
{
  if (order->run.preserve_fds_n && !(plan_of(order->plan)->flags & WIRE_PLAN_PRESERVE_ANY)) {
    return refuse(err, "/preserve_fds", "write `\"preserve_fds\": \"by_caller\"` into the request",
                  "this run adds descriptors, which the request does not allow");
  }
  if (styro_order_preserved(order) > PRESERVED_MAX) {
    return refuse(err, "/preserve_fds", "hand over a socket that passes them on, or a directory that holds them",
                  "%zu descriptors are to be preserved, %d is the most", styro_order_preserved(order), PRESERVED_MAX);
  }
  for (size_t i = 0; i < styro_order_preserved(order); i++) {
    int rc = check_preserved_fd(styro_order_preserved_at(order, i), err);
    if (rc) {
      return rc;
    }
  }
  return STYRO_OK;
}

/* Those that the plan names instead of host paths stand in the same table. */
static int check_named(const struct styro_order *order, styro_error *err)
{
  size_t n = styro_order_preserved(order) + styro_named_fds(order->plan);
  if (n > PRESERVED_MAX) {
    return refuse(err, "/paths", "name paths, or a directory that holds what is to be shown",
                  "%zu descriptors are handed over, %d is the most", n, PRESERVED_MAX);
  }
  return styro_named_fds_check(order->plan, err);
}

/* ---- merging ----------------------------------------------------------------------------------------------------- */

/* The smaller of two limits of which 0 means "none". */
static uint64_t smaller(uint64_t a, uint64_t b)
{
  return a && (!b || a < b) ? a : b;
}

static int check_run(const styro_plan *plan, const styro_run *run, styro_error *err)
{
  if (run->timeout < 0) {
    return refuse(err, "/timeout", "it counts nanoseconds; 0 leaves the request's", "the run's timeout is negative");
  }
  if (run->preserve_fds_n && !run->preserve_fds) {
    return usage(err, "preserve_fds is NULL, but preserve_fds_n is not 0");
  }
  int rc = check_fixed(plan, run, err);
  rc = rc ? rc : check_command(plan, run, err);
  rc = rc ? rc : check_environment(run, err);
  rc = rc ? rc : check_cwd(run, err);
  rc = rc ? rc : check_name(run, err);
  return rc ? rc : check_streams(plan, run, err);
}

int styro_order_merge(const styro_plan *plan, const styro_run *run, struct styro_order *out, styro_error *err)
{
  if (run && run->size != sizeof *run) {
    return usage(err, "styro_run is of an unknown size: set its size to sizeof(styro_run)");
  }
  const struct wire_step_run *planned = plan->run;
  struct styro_order order = {.plan = plan, .run = {.size = sizeof(styro_run)}};
  if (run) {
    order.run = *run;
  }
  int rc = check_run(plan, &order.run, err);
  rc = rc ? rc : check_preserved(&order, err);
  rc = rc ? rc : check_named(&order, err);
  if (rc) {
    return rc;
  }
  order.init = plan_of(plan)->flags & WIRE_PLAN_INIT;
  order.default_cwd = !order.run.cwd && (planned->cwd == 0 || planned->head.flags & WIRE_DEFAULTED);
  order.timeout = (int64_t)smaller((uint64_t)order.run.timeout, (uint64_t)planned->timeout);
  order.grace = planned->grace;
  order.output_limit = smaller(order.run.output_limit, planned->output_limit);
  if (!order.output_limit) {
    order.output_limit = STYRO_CAPTURE_DEFAULT;
  }
  order.output_keep = (int)planned->output_keep;
  order.output_kill = planned->output_kill != 0;
  *out = order;
  return STYRO_OK;
}
