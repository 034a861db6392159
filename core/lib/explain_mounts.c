/* Steps that an ordered list of mounts has, in words. Reads the plan only. */
#include "explain_mounts.h"

#include <stdbool.h>
#include <stdio.h>

static void fs_details(const struct wire_step *step, char *out, size_t size)
{
  static const char *const names[WIRE_FS_COUNT] = {[WIRE_FS_SYSFS] = "sysfs, by who owns the network namespace",
                                                   [WIRE_FS_DEVPTS] = "devpts",
                                                   [WIRE_FS_MQUEUE] = "mqueue, by who owns the IPC namespace",
                                                   [WIRE_FS_CGROUP2] = "cgroup2, by who owns the cgroup namespace"};
  const struct wire_step_fs *body = (const void *)step;
  size_t len = styro_details_text(out, size, 0, "%s", names[body->kind]);
  if (body->kind == WIRE_FS_DEVPTS) {
    char words[96];
    snprintf(words, sizeof words, ", mode %04o, ptmx %04o", body->mode, body->ptmxmode);
    len = styro_details_text(out, size, len, "%s", words);
    snprintf(words, sizeof words, ", group %u", body->gid);
    len = styro_details_text(out, size, len, "%s", body->has_gid ? words : "");
  }
  styro_details_flags(out, size, len, body->attr_set);
}

static void proc_details(const struct wire_step *step, char *out, size_t size)
{
  static const char *const hidepid[] = {[WIRE_HIDEPID_OFF] = "",
                                        [WIRE_HIDEPID_NOACCESS] = "processes of others closed",
                                        [WIRE_HIDEPID_INVISIBLE] = "processes of others invisible",
                                        [WIRE_HIDEPID_PTRACEABLE] = "only processes that can be traced"};
  const struct wire_step_proc *body = (const void *)step;
  size_t len = styro_details_text(out, size, 0, "%s", hidepid[body->hidepid]);
  if (body->subset) {
    styro_details_text(out, size, len, len ? ", %s" : "%s", "nothing but processes");
  }
}

/* What is set, what is taken back, and how mounts below it spread from then on. */
static void remount_details(const struct wire_step *step, char *out, size_t size)
{
  static const struct {
    uint64_t attribute;
    const char *set, *cleared;
  } flags[] = {{WIRE_MOUNT_ATTR_RDONLY, "ro", "rw"},
               {WIRE_MOUNT_ATTR_NOEXEC, "noexec", "exec"},
               {WIRE_MOUNT_ATTR_NOATIME, "noatime", ""}};
  static const struct {
    uint64_t kind;
    const char *name;
  } kinds[] = {{WIRE_MS_PRIVATE, "private"},
               {WIRE_MS_SLAVE, "slave"},
               {WIRE_MS_SHARED, "shared"},
               {WIRE_MS_UNBINDABLE, "unbindable"}};
  const struct wire_step_remount *body = (const void *)step;
  size_t len = 0;
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    bool set = (body->attr_set & flags[i].attribute) != 0;
    const char *word = set ? flags[i].set : body->attr_clear & flags[i].attribute ? flags[i].cleared : "";
    len = word[0] ? styro_details_text(out, size, len, len ? ", %s" : "%s", word) : len;
  }
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    len = body->propagation & kinds[i].kind ? styro_details_text(out, size, len, len ? ", %s" : "%s", kinds[i].name)
                                            : len;
  }
  styro_details_text(out, size, len, "%s", body->recursive ? ", with the mounts below it" : "");
}

static void made_details(const struct wire_step *step, char *out, size_t size)
{
  uint32_t mode = step->code == WIRE_STEP_DIR ? ((const struct wire_step_dir *)(const void *)step)->mode
                                              : ((const struct wire_step_file *)(const void *)step)->mode;
  snprintf(out, size, "mode %04o", mode);
}

void styro_mount_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  out[0] = 0;
  switch (step->code) {
  case WIRE_STEP_FS: fs_details(step, out, size); break;
  case WIRE_STEP_PROC: proc_details(step, out, size); break;
  case WIRE_STEP_DIR:
  case WIRE_STEP_FILE: made_details(step, out, size); break;
  case WIRE_STEP_REMOUNT: remount_details(step, out, size); break;
  case WIRE_STEP_OVERLAY:
    styro_details_flags(out, size, 0, ((const struct wire_step_overlay *)(const void *)step)->attr_set);
    break;
  default:
    styro_details_text(out, size, 0, "to %s",
                       wire_str(plan->block, ((const struct wire_step_symlink *)(const void *)step)->text));
  }
}
