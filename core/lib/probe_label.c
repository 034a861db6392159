/* Checks of the security modules that may stand above all permissions: AppArmor and SELinux. */
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define RESTRICTS "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"

/* The module's own file, or before Linux 5.8 the one that all modules share. */
static bool read_label(const char *own, char *out, size_t size)
{
  return (own && styro_host_line(own, out, size) && out[0]) || styro_host_line("/proc/self/attr/current", out, size);
}

int styro_check_apparmor(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                         styro_error *err)
{
  char text[256] = "";
  bool restricts = styro_host_number(RESTRICTS) == 1;
  bool harmed = styro_probing_note(probing, "user_namespace")->verdict != STYRO_VERDICT_OK ||
                styro_probing_note(probing, "id_maps")->verdict != STYRO_VERDICT_OK;
  (void)check;
  (void)err;
  if (!restricts &&
      (!styro_host_line("/sys/module/apparmor/parameters/enabled", text, sizeof text) || text[0] != 'Y')) {
    styro_note_found(note, "not in use");
    return 0;
  }
  if (!read_label("/proc/self/attr/apparmor/current", text, sizeof text)) {
    text[0] = '\0';
  }
  styro_note_found(note, "in use%s%s", text[0] ? "; this process is " : "", text);
  if (restricts) {
    styro_note_found(note, "; it restricts user namespaces of ordinary programs");
  }
  if (restricts && harmed && probing->host.uid != 0) { /* the remedy stands where it hurts */
    note->verdict = STYRO_VERDICT_LIMITED;
  }
  return 0;
}

int styro_check_selinux(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                        styro_error *err)
{
  char label[256];
  int64_t enforces = styro_host_number("/sys/fs/selinux/enforce");
  (void)probing;
  (void)check;
  (void)err;
  if (enforces < 0) {
    styro_note_found(note, "not in use");
    return 0;
  }
  styro_note_found(note, "in use, %s", enforces ? "enforcing" : "permissive");
  if (read_label(NULL, label, sizeof label)) {
    styro_note_found(note, "; this process is %s", label);
  }
  return 0;
}
