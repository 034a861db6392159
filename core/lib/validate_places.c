/*
 * The rules about places that `paths` and `mounts` share: what stands there already, and what a file system of the
 * kernel's has or has not. They look at places as texts; what a link makes of them is the helper's guard's business.
 */
#include "validate_rules.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "listed.h"

/* ---- entries of `mounts` ------------------------------------------------------------------------------------------ */

static bool name_entry(struct styro_finding *found, size_t index, const char *at)
{
  char number[24];
  snprintf(number, sizeof number, "%zu", index);
  styro_name_field(found, "/mounts", number, "at");
  styro_name_object(found, at);
  return true;
}

static bool is_below(const char *at, const char *path)
{
  return styro_encloses(at, path) && strcmp(at, path) != 0;
}

static bool is_file_or_link(const struct styro_mount *mount)
{
  return mount->type == STYRO_MOUNT_FILE || mount->type == STYRO_MOUNT_SYMLINK;
}

/* The last of the first `end` entries that stands at the path; none where a mount above it hides that, or it may be missing. */
static const struct styro_mount *standing_at(const struct styro_mounts *mounts, const char *path, size_t end)
{
  for (size_t i = end; i-- > 0;) {
    const struct styro_mount *mount = &mounts->items[i];
    if (mount->optional || (styro_mount_covers(mount) && is_below(mount->at, path))) {
      return NULL;
    }
    if (!styro_mount_changes(mount) && strcmp(mount->at, path) == 0) {
      return mount;
    }
  }
  return NULL;
}

/* The last of the first `end` entries that makes a file above the path; none where a mount hides that file. */
static const struct styro_mount *file_above(const struct styro_mounts *mounts, const char *path, size_t end)
{
  for (size_t i = end; i-- > 0;) {
    const struct styro_mount *mount = &mounts->items[i];
    if (styro_mount_covers(mount) && is_below(mount->at, path)) {
      return NULL;
    }
    if (mount->type == STYRO_MOUNT_FILE && is_below(mount->at, path)) {
      return mount;
    }
  }
  return NULL;
}

/* A file or link is made where nothing is; nothing goes over a link, and over a file a bind alone. */
static bool place_taken(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_mounts *mounts = &e->fields.mounts;
  for (size_t i = 0; i < mounts->n; i++) {
    const struct styro_mount *mount = &mounts->items[i];
    const struct styro_mount *there = standing_at(mounts, mount->at, i);
    if (there == NULL || styro_mount_changes(mount)) {
      continue;
    }
    bool bind_over_file = mount->type == STYRO_MOUNT_BIND && there->type == STYRO_MOUNT_FILE;
    if (is_file_or_link(mount) || (is_file_or_link(there) && !bind_over_file)) {
      return name_entry(found, i, mount->at);
    }
  }
  return false;
}

static bool entry_in_file(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_mounts *mounts = &e->fields.mounts;
  for (size_t i = 0; i < mounts->n; i++) {
    if (!styro_mount_changes(&mounts->items[i]) && file_above(mounts, mounts->items[i].at, i) != NULL) {
      return name_entry(found, i, mounts->items[i].at);
    }
  }
  return false;
}

/* ---- rules of `paths` --------------------------------------------------------------------------------------------- */

/* Is a rule around the path that puts something of its own there, which hides what an entry or the kernel has at `at`? */
static bool hidden_by_rule(const struct styro_effective *e, const char *path)
{
  for (size_t i = 0; i < e->fields.rules_n; i++) {
    if (is_below(e->fields.rules[i].path, path)) {
      return true;
    }
  }
  return false;
}

typedef bool place_test(const struct styro_effective *e, const struct styro_path_rule *rule);

/* The first rule, with no other around it, that fails the test. */
static bool any_rule(const struct styro_effective *e, place_test *test, struct styro_finding *found)
{
  for (size_t i = 0; i < e->fields.rules_n; i++) {
    const struct styro_path_rule *rule = &e->fields.rules[i];
    if (test(e, rule) && !hidden_by_rule(e, rule->path)) {
      styro_name_field(found, "/paths", rule->path, NULL);
      styro_name_object(found, rule->path);
      return true;
    }
  }
  return false;
}

static bool is_own_place(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  (void)e;
  return strcmp(rule->path, "/proc") == 0 || strcmp(rule->path, "/dev") == 0;
}

static bool is_over_link(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  const struct styro_mount *there = standing_at(&e->fields.mounts, rule->path, e->fields.mounts.n);
  return there != NULL && (there->type == STYRO_MOUNT_SYMLINK ||
                           (there->type == STYRO_MOUNT_FILE && rule->access == STYRO_ACCESS_TMPFS));
}

static bool is_in_file(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  return file_above(&e->fields.mounts, rule->path, e->fields.mounts.n) != NULL;
}

static bool own_place(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_own_place, found);
}

static bool over_link(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_over_link, found);
}

static bool rule_in_file(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_in_file, found);
}

/* ---- what proc and dev have --------------------------------------------------------------------------------------- */

/* Asked first, because most rules are about neither: a type is compared faster than a path. */
static bool near(const struct styro_mounts *mounts, int type, const char *base, const char *path)
{
  bool found = styro_encloses(base, path);
  for (size_t i = 0; i < mounts->n && !found; i++) {
    found = mounts->items[i].type == type && styro_encloses(mounts->items[i].at, path);
  }
  return found;
}

/* The device directory that the path lies in, and what of it lies below. */
static const char *rest_in_dev(const struct styro_effective *e, const char *path)
{
  const struct styro_mounts *mounts = &e->fields.mounts;
  if (!near(mounts, STYRO_MOUNT_DEV, "/dev", path)) {
    return NULL;
  }
  size_t over = styro_mounts_over(mounts, path, mounts->n);
  const char *dev = over == STYRO_NO_ENTRY                        ? "/dev"
                    : mounts->items[over].type == STYRO_MOUNT_DEV ? mounts->items[over].at
                                                                  : NULL;
  return dev != NULL && is_below(dev, path) ? path + strlen(dev) + 1 : NULL;
}

/* What the helper's devices.c puts there; its links are none that anything can stand on. */
static bool dev_has(const char *rest)
{
  static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty", "pts", "shm"};
  static const char *const links[] = {"fd", "stdin", "stdout", "stderr", "ptmx"};
  for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
    bool holds = strcmp(nodes[i], "pts") == 0 || strcmp(nodes[i], "shm") == 0;
    if (holds ? styro_encloses(nodes[i], rest) : strcmp(nodes[i], rest) == 0) {
      return true;
    }
  }
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
    if (styro_encloses(links[i], rest)) { /* the run says what a link is */
      return true;
    }
  }
  return false;
}

/* An entry of `mounts` on the way to the path, at it or below it, has made it. */
static bool is_made(const struct styro_mounts *mounts, const char *path)
{
  for (size_t i = 0; i < mounts->n; i++) {
    const struct styro_mount *mount = &mounts->items[i];
    bool on_the_way = styro_encloses(mount->at, path) && mount->type != STYRO_MOUNT_DEV;
    if (!styro_mount_changes(mount) && (on_the_way || styro_encloses(path, mount->at))) {
      return true;
    }
  }
  return false;
}

static bool is_missing_device(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  const char *rest = rest_in_dev(e, rule->path);
  return rest != NULL && rule->access != STYRO_ACCESS_DENY && !rule->optional && !dev_has(rest) &&
         !is_made(&e->fields.mounts, rule->path);
}

/* The place of the proc that the path lies in; NULL: in none. */
static const char *proc_over(const struct styro_effective *e, const char *path, size_t end, bool *subset)
{
  const struct styro_mounts *mounts = &e->fields.mounts;
  *subset = false;
  if (!near(mounts, STYRO_MOUNT_PROC, "/proc", path)) {
    return NULL;
  }
  size_t over = styro_mounts_over(mounts, path, end), main = styro_mounts_main_proc(mounts);
  const struct styro_mount *mount = over != STYRO_NO_ENTRY ? &mounts->items[over] : NULL;
  if (mount == NULL && main != STYRO_NO_ENTRY) {
    mount = &mounts->items[main]; /* it stands there from the start, wherever the list names it */
  }
  *subset = mount != NULL && mount->subset != 0;
  const char *at = mount == NULL ? "/proc" : mount->at;
  return (mount == NULL || mount->type == STYRO_MOUNT_PROC) && is_below(at, path) ? at : NULL;
}

/* With `subset` as `pid` there are processes, and two links to one's own. */
static bool left_out(const char *rest)
{
  return !(rest[0] >= '1' && rest[0] <= '9') && !styro_encloses("self", rest) && !styro_encloses("thread-self", rest);
}

static bool is_not_shown(const struct styro_effective *e, const char *path, size_t end)
{
  bool subset;
  const char *at = proc_over(e, path, end, &subset);
  return at != NULL && subset && left_out(path + strlen(at) + 1);
}

static bool is_no_process(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  return rule->access != STYRO_ACCESS_DENY && !rule->optional && is_not_shown(e, rule->path, e->fields.mounts.n);
}

/* Denied twice is denied; all else would show what every proc hides, or make writable what none lets be written. */
static bool is_over_mask(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  bool subset;
  const char *at = proc_over(e, rule->path, e->fields.mounts.n, &subset);
  return at != NULL && rule->access != STYRO_ACCESS_DENY && styro_is_protected(at, rule->path);
}

/* What a rule without `from` shows is the host's, and there that would be the host's processes. */
static bool is_of_hosts_proc(const struct styro_effective *e, const struct styro_path_rule *rule)
{
  bool subset;
  bool shows = rule->access == STYRO_ACCESS_RO || rule->access == STYRO_ACCESS_RW;
  return shows && rule->from == NULL && proc_over(e, rule->path, e->fields.mounts.n, &subset) != NULL;
}

static bool missing_device(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_missing_device, found);
}

static bool no_process(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_no_process, found);
}

static bool no_process_entry(const struct styro_effective *e, struct styro_finding *found)
{
  const struct styro_mounts *mounts = &e->fields.mounts;
  for (size_t i = 0; i < mounts->n; i++) {
    const struct styro_mount *mount = &mounts->items[i];
    if (mount->type == STYRO_MOUNT_BIND && !mount->optional && is_not_shown(e, mount->at, i)) {
      return name_entry(found, i, mount->at);
    }
  }
  return false;
}

static bool over_mask(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_over_mask, found);
}

static bool hosts_proc(const struct styro_effective *e, struct styro_finding *found)
{
  return any_rule(e, is_of_hosts_proc, found);
}

/* ---- the working directory ---------------------------------------------------------------------------------------- */

/* The payload enters it by its own rights; those that pass over modes are none of a validator's guesses. */
static bool cwd_denied(const struct styro_effective *e, struct styro_finding *found)
{
  const char *cwd =
      styro_effective_is_set(e, "/cwd") ? e->fields.cwd : NULL; /* the default is entered where it can be */
  const struct styro_path_rule *nearest = NULL;
  for (size_t i = 0; cwd != NULL && i < e->fields.rules_n; i++) {
    const struct styro_path_rule *rule = &e->fields.rules[i];
    if (styro_encloses(rule->path, cwd) && (nearest == NULL || is_below(nearest->path, rule->path))) {
      nearest = rule;
    }
  }
  if (nearest == NULL || nearest->access != STYRO_ACCESS_DENY || nearest->if_missing == STYRO_MISSING_IGNORE ||
      e->fields.cap_effective != 0) {
    return false;
  }
  styro_name_object(found, nearest->path);
  return true;
}

const struct styro_rule styro_rules_places[] = {
    {STYRO_EREQUEST, "/mounts", place_taken, "`{}` is taken: what an earlier entry has there is in the way",
     "keep one of the two: files and links are made where nothing is, and over a file goes a `bind` of a file alone"},
    {STYRO_EREQUEST, "/mounts", entry_in_file, "`{}` lies below what an earlier entry makes a file",
     "make it a `dir`, or choose another place"},
    {STYRO_EREQUEST, "/mounts", no_process_entry, "`{}` is not there: its proc shows nothing but processes",
     "leave `subset` out"},
    {STYRO_EREQUEST, "/paths", own_place, "`{}` is always the sandbox's own",
     "name the entries below it that should be denied"},
    {STYRO_EREQUEST, "/paths", over_link, "`{}` cannot stand on what an entry of `mounts` makes there",
     "name what the link leads to; over a file goes a file, shown with `from`"},
    {STYRO_EREQUEST, "/paths", rule_in_file, "`{}` lies below what an entry of `mounts` makes a file",
     "make that a `dir`, or choose another place"},
    {STYRO_EREQUEST, "/paths", no_process, "`{}` is not there: its proc shows nothing but processes",
     "leave out `subset` of the entry of `mounts`, or the rule"},
    {STYRO_EREQUEST, "/paths", over_mask, "`{}` is hidden or read-only in every proc, and stays so",
     "leave it out; `deny` alone goes further"},
    {STYRO_EREQUEST, "/paths", hosts_proc,
     "`{}` is the sandbox's own already, and without `from` the host's would be shown in its place",
     "leave it out; another file can be shown there with `from`"},
    {STYRO_EREQUEST, "/paths", missing_device,
     "the sandbox's own device directory has no `{}`, and `paths` makes nothing there",
     "in `mounts` a `bind` with the access `dev` shows a device of the host, and other types make what is missing"},
    {STYRO_EREQUEST, "/cwd", cwd_denied, "the working directory lies in `{}`, which `paths` denies",
     "choose another, or show it with a rule of its own"},
    {.broken = NULL},
};
