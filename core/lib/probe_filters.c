/* Checks of what holds a payload without mounts: a filter of system calls, and Landlock. Both are put on a child. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "../wire/sys.h"
#include "probe.h"

static bool give_up_privileges(struct styro_trial *trial)
{
  return STYRO_TRY(trial, "prctl(PR_SET_NO_NEW_PRIVS)", sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0));
}

static void load_filter(struct styro_trial *trial, const void *argument)
{
  static const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {1, (struct sock_filter *)(uintptr_t)&all};
  (void)argument;
  if (give_up_privileges(trial)) {
    STYRO_TRY(trial, "seccomp", sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, sys_arg(&program), 0, 0, 0));
  }
}

int styro_check_seccomp(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                        styro_error *err)
{
  struct styro_trial trial;
  (void)check;
  (void)err;
  styro_trial_run(load_filter, NULL, &trial);
  if (styro_trial_worked(&trial)) {
    styro_note_found(note, "a filter was loaded%s", probing->host.filtered ? ", below the one that is there" : "");
    return 0;
  }
  styro_note_trial(note, probing, &trial);
  if (probing->host.filtered) {
    styro_remedy_filter(note, &probing->host);
  } else {
    styro_note_remedy(note, "# run a kernel that was built with CONFIG_SECCOMP_FILTER");
  }
  return 0;
}

/* ---- Landlock ---------------------------------------------------------------------------------------------------- */

enum { CREATE_RULESET = 444, RESTRICT_SELF = 446, ASK_VERSION = 1, ACCESS_EXECUTE = 1 };

/* `value` is the version of the interface. */
static void restrict_itself(struct styro_trial *trial, const void *argument)
{
  const uint64_t handled = ACCESS_EXECUTE;
  (void)argument;
  long version, rules;
  if (!STYRO_TRY(trial, "landlock_create_ruleset", version = sys_call(CREATE_RULESET, 0, 0, ASK_VERSION, 0, 0, 0))) {
    return;
  }
  trial->value = version;
  if (styro_tried(trial, rules = sys_call(CREATE_RULESET, sys_arg(&handled), sizeof handled, 0, 0, 0, 0)) &&
      give_up_privileges(trial)) {
    STYRO_TRY(trial, "landlock_restrict_self", sys_call(RESTRICT_SELF, rules, 0, 0, 0, 0, 0));
  }
}

/* The version that gave each right; the kernel's documentation lists them (userspace-api/landlock). */
static const struct {
  int version;
  const char *right;
} rights[] = {{2, "files moved between directories"},
              {3, "truncation"},
              {4, "TCP ports"},
              {5, "ioctl on devices"},
              {6, "abstract sockets and signals"}};

static void name_rights(struct styro_note *note, int64_t version)
{
  const char *comma = "";
  styro_note_found(note, "version %lld of its interface", (long long)version);
  for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
    if (version < rights[i].version) {
      note->verdict = STYRO_VERDICT_LIMITED;
      styro_note_found(note, "%s%s", *comma ? comma : ", without ", rights[i].right);
      comma = ", ";
    }
  }
  if (note->verdict == STYRO_VERDICT_LIMITED) {
    styro_note_means(note, "what `security.landlock` asks for beyond that is refused");
    styro_note_remedy(note, "# run a later kernel: Linux 6.12 has version 6");
  }
}

int styro_check_landlock(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                         styro_error *err)
{
  struct styro_trial trial;
  (void)check;
  (void)err;
  styro_trial_run(restrict_itself, NULL, &trial);
  if (styro_trial_worked(&trial)) {
    name_rights(note, trial.value);
    return 0;
  }
  styro_note_trial(note, probing, &trial);
  if (trial.error == EOPNOTSUPP) {
    styro_note_found(note, "; built into this kernel, and not switched on");
    styro_remedy_boot(note, &probing->host, "lsm=landlock,lockdown,yama,integrity,apparmor,selinux,bpf");
  } else if (probing->host.filtered) {
    styro_remedy_filter(note, &probing->host);
  } else {
    styro_note_remedy(note, "# run a kernel that was built with CONFIG_SECURITY_LANDLOCK");
  }
  return 0;
}
