/* Checks of programs of the host that some requests need: newuidmap and newgidmap, pasta. None is run. */
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"
#include "spawn_ids.h"
#include "subid_host.h"

/* What keeps it from getting the right that it is there for; NULL: nothing. */
static const char *powerless(const char *path)
{
  struct stat st;
  struct statvfs fs;
  if (stat(path, &st) != 0 || statvfs(path, &fs) != 0) {
    return "cannot be looked at";
  }
  bool root = st.st_uid == 0 && st.st_mode & S_ISUID;
  if (!root && getxattr(path, "security.capability", NULL, 0) <= 0) {
    return "is neither set-user-id root nor has file capabilities";
  }
  return fs.f_flag & ST_NOSUID ? "lies on a mount with nosuid" : NULL;
}

static void mend_tool(const struct styro_host *host, struct styro_note *note, enum styro_id_tool tool, const char *path)
{
  struct statvfs fs;
  if (path == NULL) {
    styro_remedy_package(note, host, "uidmap", "shadow-utils");
  } else if (statvfs(path, &fs) == 0 && fs.f_flag & ST_NOSUID) {
    styro_note_remedy(note, "sudo mount -o remount,suid $(findmnt -no TARGET -T %s)", path);
  } else {
    styro_note_remedy(note, "sudo setcap %s+ep %s", tool == STYRO_NEWUIDMAP ? "cap_setuid" : "cap_setgid", path);
  }
}

/* False: the first that lacks something is named, which is enough. */
static bool check_tool(const struct styro_host *host, struct styro_note *note, enum styro_id_tool tool)
{
  const char *path = styro_id_tool_find(tool);
  const char *complaint = path ? powerless(path) : "is not installed";
  if (complaint == NULL) {
    styro_note_found(note, "%s%s", note->found[0] ? ", " : "", path);
    return true;
  }
  note->verdict = STYRO_VERDICT_MISSING;
  note->found[0] = '\0';
  styro_note_found(note, "%s %s", path ? path : styro_id_tool_name(tool), complaint);
  mend_tool(host, note, tool, path);
  return false;
}

int styro_check_id_tools(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                         styro_error *err)
{
  const uint32_t both = 1u << CAP_SETUID | 1u << CAP_SETGID;
  (void)check;
  (void)err;
  if (probing->host.uid == 0 || (styro_caller_capabilities() & both) == both) {
    styro_note_found(note, "newuidmap and newgidmap are not needed by this caller");
  } else if (check_tool(&probing->host, note, STYRO_NEWUIDMAP) && check_tool(&probing->host, note, STYRO_NEWGIDMAP) &&
             probing->host.no_new_privs) {
    note->verdict = STYRO_VERDICT_MISSING;
    styro_note_found(note, " get no right, because this process has no_new_privs set");
    styro_note_remedy(note, "# call from outside of what set it: another sandbox, or a unit with NoNewPrivileges=yes");
    styro_note_remedy(note, "# docker run without --security-opt no-new-privileges");
  }
  return 0;
}

int styro_check_pasta(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                      styro_error *err)
{
  static const char *const places[] = {"/usr/bin/pasta", "/usr/local/bin/pasta", "/bin/pasta"};
  (void)check;
  (void)err;
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    if (access(places[i], X_OK) == 0) {
      styro_note_found(note, "%s; no request of this version uses it yet", places[i]);
      return 0;
    }
  }
  note->verdict = STYRO_VERDICT_MISSING;
  styro_note_found(note, "not installed; no request of this version uses it yet");
  styro_remedy_package(note, &probing->host, "passt", "passt");
  return 0;
}
