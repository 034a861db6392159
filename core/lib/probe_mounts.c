/* Checks of mounts, in user and mount namespaces of a child's own: the calls of the set-up, proc, overlays. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../wire/sys.h"
#include "probe.h"

#define TREE (WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS)

/* A new file system that is mounted nowhere yet; -1, and the trial says why. */
static int new_mount(struct styro_trial *trial, const char *type)
{
  int fs, mount;
  if (!STYRO_TRY(trial, "fsopen", fs = sys_fsopen(type)) ||
      !STYRO_TRY(trial, "fsconfig", sys_fsconfig(fs, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL))) {
    return -1;
  }
  return STYRO_TRY(trial, "fsmount", mount = sys_fsmount(fs, 0)) ? mount : -1;
}

static bool attach_to(struct styro_trial *trial, int mount, int directory, const char *path, unsigned flags)
{
  return STYRO_TRY(trial, "move_mount", sys_move_mount(mount, directory, path, WIRE_MOVE_MOUNT_F_EMPTY_PATH | flags));
}

/* Over the root, which the names of this process do not see; its own descriptor leads into it. */
static bool enter_mount(struct styro_trial *trial, int mount)
{
  return attach_to(trial, mount, AT_FDCWD, "/", 0) &&
         STYRO_TRY(trial, "fchdir", sys_call(SYS_fchdir, mount, 0, 0, 0, 0, 0));
}

/* ---- the calls of the set-up ------------------------------------------------------------------------------------- */

static void build_tree(struct styro_trial *trial, const void *argument)
{
  static const struct wire_mount_attr closed = {.attr_set = WIRE_MOUNT_ATTR_RDONLY};
  (void)argument;
  int root = new_mount(trial, "tmpfs");
  if (root < 0) {
    return;
  }
  int tree;
  unsigned whole = WIRE_OPEN_TREE_CLONE | WIRE_AT_RECURSIVE | O_CLOEXEC;
  if (STYRO_TRY(trial, "open_tree", tree = sys_open_tree(AT_FDCWD, "/", whole)) &&
      STYRO_TRY(trial, "mount_setattr", sys_mount_setattr(tree, "", WIRE_AT_EMPTY_PATH | WIRE_AT_RECURSIVE, &closed)) &&
      enter_mount(trial, root) &&
      STYRO_TRY(trial, "pivot_root", sys_call(SYS_pivot_root, sys_arg("."), sys_arg("."), 0, 0, 0, 0))) {
    STYRO_TRY(trial, "umount2", sys_call(SYS_umount2, sys_arg("."), WIRE_MNT_DETACH, 0, 0, 0, 0));
  }
}

/* Only since Linux 6.15 a mount that is attached nowhere takes another. */
static void attach_detached(struct styro_trial *trial, const void *argument)
{
  (void)argument;
  int below = new_mount(trial, "tmpfs");
  int above = below < 0 ? -1 : new_mount(trial, "tmpfs");
  if (above >= 0) {
    attach_to(trial, above, below, "", WIRE_MOVE_MOUNT_T_EMPTY_PATH);
  }
}

static void mount_proc(struct styro_trial *trial, const void *argument)
{
  (void)argument;
  new_mount(trial, "proc");
}

static void mount_overlay(struct styro_trial *trial, const void *argument)
{
  static const char *const options[][2] = {{"lowerdir", "l"}, {"upperdir", "u"}, {"workdir", "w"}};
  (void)argument;
  int scratch = new_mount(trial, "tmpfs");
  if (scratch < 0 || !enter_mount(trial, scratch)) {
    return;
  }
  int fs = -1;
  bool good = true;
  for (int i = 0; good && i < 3; i++) {
    good = STYRO_TRY(trial, "mkdirat", sys_mkdirat(scratch, options[i][1], 0700));
  }
  good = good && STYRO_TRY(trial, "fsopen(\"overlay\")", fs = sys_fsopen("overlay"));
  for (int i = 0; good && i < 3; i++) {
    good = STYRO_TRY(trial, "fsconfig", sys_fsconfig(fs, WIRE_FSCONFIG_SET_STRING, options[i][0], options[i][1]));
  }
  if (good && STYRO_TRY(trial, "fsconfig", sys_fsconfig(fs, WIRE_FSCONFIG_CMD_CREATE, NULL, NULL))) {
    STYRO_TRY(trial, "fsmount", sys_fsmount(fs, 0));
  }
}

/* ---- the checks -------------------------------------------------------------------------------------------------- */

struct job {
  uint64_t namespaces;
  struct styro_trial_ids ids;
  styro_trial_fn *body;
};

static void run_job(struct styro_trial *trial, const void *argument)
{
  const struct job *job = argument;
  styro_trial_enter(trial, job->namespaces, &job->ids, job->body, NULL);
}

/* True: it worked. Else the note has what it came to. */
static bool try_it(struct styro_probing *probing, const struct job *job, struct styro_note *note,
                   struct styro_trial *trial)
{
  styro_trial_run(run_job, job, trial);
  if (!styro_trial_worked(trial)) {
    styro_note_trial(note, probing, trial);
  }
  return styro_trial_worked(trial);
}

static bool by_filter(const struct styro_probing *probing, const struct styro_trial *trial)
{
  return trial->signal || (probing->host.filtered && (trial->error == EPERM || trial->error == ENOSYS));
}

int styro_check_mounts(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                       styro_error *err)
{
  const struct job job = {.namespaces = TREE, .body = build_tree};
  struct styro_trial trial;
  (void)check;
  (void)err;
  if (try_it(probing, &job, note, &trial)) {
    styro_note_found(note, "a tree was made, and became the root");
  } else if (by_filter(probing, &trial)) {
    styro_remedy_filter(note, &probing->host);
  } else if (trial.error == EINVAL && strcmp(trial.call, "pivot_root") == 0) {
    styro_note_found(note, "; the root is the kernel's first one, an initramfs");
    styro_note_remedy(note, "# boot into a root that was mounted, by switch_root(8)");
  } else {
    styro_remedy_namespace(note, &probing->host, trial.error, NULL);
  }
  return 0;
}

int styro_check_detached(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                         styro_error *err)
{
  const struct job job = {.namespaces = TREE, .body = attach_detached};
  struct styro_trial trial;
  (void)check;
  (void)err;
  if (try_it(probing, &job, note, &trial)) {
    styro_note_found(note, "mounts can be attached to a mount that is attached nowhere");
  } else {
    note->verdict = STYRO_VERDICT_LIMITED;
    styro_note_remedy(note, "# nothing has to be done: Linux 6.15 and later can");
  }
  return 0;
}

static void mend_proc(const struct styro_host *host, struct styro_note *note)
{
  styro_note_found(note, "; parts of /proc are masked, or other mounts stand on it");
  if (host->container == STYRO_CONTAINER_KUBERNETES) {
    styro_note_remedy(note, "# in the pod: hostUsers: false; in the container's securityContext: procMount: Unmasked");
  } else if (host->container == STYRO_CONTAINER_PODMAN) {
    styro_note_remedy(note, "podman run --security-opt unmask=ALL ...");
  } else {
    styro_note_remedy(note, "docker run --security-opt systempaths=unconfined ...");
    styro_note_remedy(note, "# or take away what covers it: findmnt --submounts /proc");
  }
}

int styro_check_proc(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                     styro_error *err)
{
  const struct job job = {.namespaces = TREE | WIRE_CLONE_NEWPID, .body = mount_proc};
  struct styro_trial trial;
  (void)check;
  (void)err;
  if (try_it(probing, &job, note, &trial)) {
    styro_note_found(note, "a new one can be mounted");
  } else if (trial.error == EPERM && strcmp(trial.call, "fsmount") == 0) { /* the kernel's mount_too_revealing() */
    mend_proc(&probing->host, note);
  } else if (by_filter(probing, &trial)) {
    styro_remedy_filter(note, &probing->host);
  }
  return 0;
}

int styro_check_overlay(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                        styro_error *err)
{
  const struct styro_host *host = &probing->host;
  const struct job job = {.namespaces = TREE,
                          .ids = {.mapped = true, .root = host->uid == 0, .uid = host->uid, .gid = host->gid},
                          .body = mount_overlay};
  struct styro_trial trial;
  (void)check;
  (void)err;
  if (try_it(probing, &job, note, &trial)) {
    styro_note_found(note, "one was mounted in a user namespace");
  } else if (by_filter(probing, &trial)) {
    styro_remedy_filter(note, host);
  } else if (trial.error == ENODEV) {
    styro_note_found(note, "; the kernel has no such file system");
    styro_note_remedy(note, "sudo modprobe overlay && echo overlay | sudo tee /etc/modules-load.d/overlay.conf");
  } else {
    styro_note_remedy(note, "# run Linux 5.11 or later, which lets user namespaces mount them");
  }
  return 0;
}
