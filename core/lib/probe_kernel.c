/* Checks of the kernel's version and of the system calls that the set-up makes whatever the request is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/run.h"
#include "../wire/sys.h"
#include "kernel.h"
#include "probe.h"

/* The release is only a text: what the runner counts on is what counts, $STYRO_KERNEL included. */
int styro_check_kernel(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                       styro_error *err)
{
  styro_error why = {.size = sizeof why};
  uint32_t bits = 0;
  (void)check;
  (void)err;
  styro_note_found(note, "Linux %s", probing->host.release);
  if (styro_kernel_find(secure_getenv("STYRO_KERNEL"), &bits, &why) != 0) {
    note->verdict = STYRO_VERDICT_MISSING;
    styro_note_found(note, "; %s", why.message);
    styro_note_remedy(note, "# %s", why.hint);
  }
  return 0;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

/*
 * With arguments that the kernel refuses before anything is done, and not with EPERM: that and ENOSYS are then a filter's
 * answer, or that of a kernel without the call.
 */
static const struct call {
  const char *name;
  long number;
  long args[4];
  const char *only; /* what alone takes it; NULL: every sandbox does */
  bool by_caller;   /* the library makes it in the calling process */
} calls[] = {
    {"pidfd_open", SYS_pidfd_open, {-1, 0, 0, 0}, NULL, true},
    {"pidfd_send_signal", SYS_pidfd_send_signal, {-1, 0, 0, 0}, NULL, true},
    {"close_range", SYS_NR_close_range, {1, 0, 0, 0}, NULL, false},
    {"openat2", SYS_NR_openat2, {-1, 0, 0, 0}, NULL, false},
    {"faccessat2", SYS_NR_faccessat2, {-1, 0, 0, -1}, NULL, false},
    {"memfd_create", SYS_memfd_create, {0, -1, 0, 0}, NULL, true},
    {"capset", SYS_capset, {0, 0, 0, 0}, NULL, false},
    {"keyctl", SYS_keyctl, {-1, 0, 0, 0}, NULL, false},
    {"execveat", SYS_execveat, {-1, 0, 0, 0}, "the spawn mode vfork", false},
    {"setns", SYS_setns, {-1, 0, 0, 0}, "the joining of namespaces", false},
    {"unshare", SYS_unshare, {1, 0, 0, 0}, "the making of clock offsets", false},
};
#define CALLS_N (sizeof calls / sizeof calls[0])

/* A kernel without keyrings has none to hide: that is no lack. */
static void ask(struct styro_trial *trial, const void *argument)
{
  const struct call *call = argument;
  const long *a = call->args;
  trial->call = call->name;
  long result = sys_call(call->number, a[0], a[1], a[2], a[3], 0, 0);
  bool lacking = result == -EPERM || (result == -ENOSYS && call->number != SYS_keyctl);
  styro_tried(trial, lacking ? result : 0);
}

/* A call that is only for some requests leaves the others as they are. */
static void note_refusal(const struct call *call, const struct styro_trial *trial, struct styro_note *note)
{
  const char *name = trial->signal ? styro_signal_name(trial->signal) : NULL;
  styro_note_found(note, "%s%s: %s%s", note->found[0] ? "; " : "", call->name, trial->signal ? "ended by " : "",
                   trial->signal ? (name ? name : "a signal") : strerrordesc_np(trial->error));
  note->sys_errno = trial->signal ? note->sys_errno : trial->error;
  if (call->only == NULL) {
    note->verdict = STYRO_VERDICT_MISSING;
  } else if (note->verdict == STYRO_VERDICT_OK) {
    note->verdict = STYRO_VERDICT_LIMITED;
    styro_note_means(note, "only %s takes it", call->only);
  }
}

static void mend_calls(const struct styro_host *host, struct styro_note *note)
{
  if (host->filtered) {
    styro_note_found(note, "; a filter of system calls stands around this process");
    styro_remedy_filter(note, host);
  } else {
    styro_note_remedy(note, "# run Linux %d.%d or later", STYRO_KERNEL_FLOOR / 100, STYRO_KERNEL_FLOOR % 100);
  }
}

static void ask_clone3(struct styro_trial *trial, const void *argument)
{
  (void)argument;
  trial->call = "clone3";
  long result = sys_call(SYS_NR_clone3, 0, 0, 0, 0, 0, 0); /* no kernel takes a structure of no size */
  styro_tried(trial, result == -EINVAL ? 0 : result);
}

int styro_check_calls(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                      styro_error *err)
{
  struct styro_trial trial;
  (void)err;
  for (size_t i = 0; i < CALLS_N; i++) {
    styro_trial_run(ask, &calls[i], &trial);
    if (!styro_trial_worked(&trial)) {
      note_refusal(&calls[i], &trial, note);
    }
  }
  if (note->verdict == STYRO_VERDICT_OK) {
    styro_note_found(note, "%zu calls are answered", CALLS_N);
    return 0;
  }
  if (note->verdict == STYRO_VERDICT_MISSING) {
    styro_note_means(note, "%s", check->means);
  }
  mend_calls(&probing->host, note);
  return 0;
}

bool styro_calls_are_safe(struct styro_trial *trial)
{
  styro_trial_run(ask_clone3, NULL, trial);
  for (size_t i = 0; i < CALLS_N && trial->signal == 0; i++) {
    if (calls[i].by_caller) {
      styro_trial_run(ask, &calls[i], trial);
    }
  }
  return trial->signal == 0;
}

int styro_check_clone3(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                       styro_error *err)
{
  struct styro_trial trial;
  (void)check;
  (void)err;
  styro_trial_run(ask_clone3, NULL, &trial);
  if (styro_trial_worked(&trial)) {
    styro_note_found(note, "the call is answered");
  } else {
    styro_note_trial(note, probing, &trial);
    if (probing->host.filtered) {
      styro_remedy_filter(note, &probing->host);
    }
  }
  return 0;
}
