/* Remedies that several checks have: lines to be pasted into a shell, by what stands in the way and by distribution. */
#include <errno.h>
#include <string.h>

#include "probe.h"

#define SYSCTL "/proc/sys/"

/* ---- filters ----------------------------------------------------------------------------------------------------- */

void styro_remedy_filter(struct styro_note *note, const struct styro_host *host)
{
  switch (host->container) {
  case STYRO_CONTAINER_KUBERNETES:
    styro_note_remedy(note, "# in the container's securityContext: {seccompProfile: {type: Unconfined}}");
    break;
  case STYRO_CONTAINER_PODMAN: styro_note_remedy(note, "podman run --security-opt seccomp=unconfined ..."); break;
  case STYRO_CONTAINER_DOCKER: styro_note_remedy(note, "docker run --security-opt seccomp=unconfined ..."); break;
  default:
    styro_note_remedy(note, "docker run --security-opt seccomp=unconfined ...");
    styro_note_remedy(note, "# in a systemd unit: no SystemCallFilter= and RestrictNamespaces= that refuse it");
  }
}

/* ---- namespaces -------------------------------------------------------------------------------------------------- */

static void set_sysctl(struct styro_note *note, const char *key, const char *value)
{
  styro_note_remedy(note, "sudo sysctl -w %s=%s", key, value);
  styro_note_remedy(note, "echo '%s = %s' | sudo tee -a /etc/sysctl.d/60-styrolite.conf", key, value);
}

static void loosen_apparmor(struct styro_note *note, const struct styro_host *host)
{
  styro_note_found(note, "; AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns)");
  if (host->helper.fd >= 0 && !host->helper.sealed) {
    styro_note_remedy(note,
                      "printf 'abi <abi/4.0>,\\nprofile styrolite-helper %s flags=(unconfined) { userns, }\\n' | "
                      "sudo tee /etc/apparmor.d/styrolite-helper",
                      host->helper.path);
    styro_note_remedy(note, "sudo apparmor_parser -r /etc/apparmor.d/styrolite-helper");
    styro_note_remedy(note, "# or for every program, until the next boot:");
  } else {
    styro_note_remedy(
        note, "# a profile fits a helper that belongs to root and is used by its path; else, until the next boot:");
  }
  styro_note_remedy(note, "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
}

/* A limit of 0 is a switch that was turned off; one that is reached counts all of the user's. */
static bool mend_limit(struct styro_note *note, int number, const char *limit)
{
  char path[64] = SYSCTL "user/", key[64] = "user.";
  strncat(path, limit, sizeof path - strlen(path) - 1);
  strncat(key, limit, sizeof key - strlen(key) - 1);
  int64_t value = styro_host_number(path);
  if (value != 0 && number != ENOSPC && number != EUSERS) {
    return false;
  }
  styro_note_found(note, value == 0 ? "; %s is 0" : "; %s is reached, in this user namespace or one around it", key);
  set_sysctl(note, key, "15000");
  return true;
}

void styro_remedy_namespace(struct styro_note *note, const struct styro_host *host, int number, const char *limit)
{
  bool ordinary = host->uid != 0;
  if (limit && mend_limit(note, number, limit)) {
    return;
  }
  if (ordinary && styro_host_number(SYSCTL "kernel/unprivileged_userns_clone") == 0) {
    styro_note_found(note, "; kernel.unprivileged_userns_clone is 0");
    set_sysctl(note, "kernel.unprivileged_userns_clone", "1");
  } else if (host->filtered) {
    styro_remedy_filter(note, host);
  } else if (ordinary && styro_host_number(SYSCTL "kernel/apparmor_restrict_unprivileged_userns") == 1) {
    loosen_apparmor(note, host);
  } else {
    styro_note_remedy(note, "# chroot(2) and SELinux refuse them as well: sudo ausearch -m avc,user_avc -ts recent");
  }
}

/* ---- distributions ----------------------------------------------------------------------------------------------- */

void styro_remedy_boot(struct styro_note *note, const struct styro_host *host, const char *option)
{
  if (host->family == STYRO_FAMILY_DEBIAN) {
    styro_note_remedy(
        note, "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%s /' /etc/default/grub && sudo update-grub && sudo reboot",
        option);
  } else if (host->family == STYRO_FAMILY_FEDORA) {
    styro_note_remedy(note, "sudo grubby --update-kernel=ALL --args='%s' && sudo reboot", option);
  } else {
    styro_note_remedy(note, "# boot with `%s` on the kernel's command line", option);
  }
}

void styro_remedy_package(struct styro_note *note, const struct styro_host *host, const char *debian,
                          const char *fedora)
{
  if (host->family != STYRO_FAMILY_FEDORA) {
    styro_note_remedy(note, "sudo apt install %s", debian);
  }
  if (host->family != STYRO_FAMILY_DEBIAN) {
    styro_note_remedy(note, "sudo dnf install %s", fedora);
  }
}
