/*
 * The rules about `mounts`: which keys go together, which places are taken, and what the kernel grants only with another
 * field's help. They look at places as texts; what a link makes of them is the helper's guard's business.
 */
#include "validate_rules.h"

#include <stdio.h>
#include <string.h>

#include "../wire/plan.h"
#include "base.h"
#include "encoding.h"
#include "id_map.h"
#include "listed.h"
#include "mount_list.h"

#define T(type) (1u << STYRO_MOUNT_##type)
#define EVERY_TYPE (~0u)

/* Which types take a key, and of which it cannot be left out; in the order of the rows, so that `given` counts them. */
static const struct {
  const char *key;
  unsigned takes, needs;
} keys[] = {
    {"type", EVERY_TYPE, EVERY_TYPE},
    {"at", EVERY_TYPE, EVERY_TYPE},
    {"from", T(BIND), T(BIND)},
    {"target", T(SYMLINK), T(SYMLINK)},
    {"access", T(BIND) | T(CGROUP) | T(REMOUNT), 0},
    {"recursive", T(BIND) | T(REMOUNT) | T(PROPAGATION), 0},
    {"optional", T(BIND), 0},
    {"noexec", T(BIND) | T(TMPFS) | T(OVERLAY) | T(REMOUNT), 0},
    {"noatime", T(BIND) | T(TMPFS) | T(OVERLAY) | T(REMOUNT), 0},
    {"size", T(TMPFS), 0},
    {"inodes", T(TMPFS), 0},
    {"mode", T(TMPFS) | T(DIR) | T(FILE) | T(DEVPTS), 0},
    {"hidepid", T(PROC), 0},
    {"subset", T(PROC), 0},
    {"gid", T(DEVPTS), 0},
    {"ptmxmode", T(DEVPTS), 0},
    {"lower", T(OVERLAY), T(OVERLAY)},
    {"upper", T(OVERLAY), 0},
    {"work", T(OVERLAY), 0},
    {"data", T(FILE), 0},
    {"data_base64", T(FILE), 0},
    {"propagation", T(PROPAGATION), T(PROPAGATION)},
};

#define KEYS (sizeof keys / sizeof keys[0])

static const char *type_of(const struct styro_mount *mount)
{
  return styro_field_exact("/mounts/*/type")->words[mount->type];
}

static bool has_key(const struct styro_mount *mount, size_t number)
{
  return mount->given >> number & 1;
}

static bool has(const struct styro_mount *mount, const char *key)
{
  size_t i = 0;
  while (i < KEYS && strcmp(keys[i].key, key) != 0) {
    i++;
  }
  return has_key(mount, i);
}

/* Names the entry at fault; true, so that a rule can end with it. */
static bool name_entry(struct styro_finding *found, size_t index, const char *key)
{
  char number[24];
  snprintf(number, sizeof number, "%zu", index);
  styro_name_field(found, "/mounts", number, key);
  return true;
}

static bool name_place(struct styro_finding *found, size_t index, const struct styro_mount *mount, const char *key)
{
  styro_name_object(found, mount->at);
  return name_entry(found, index, key);
}

/* An entry fails the test; the first in the order in which they were written is named. */
typedef bool entry_test(const struct styro_effective *e, size_t index, struct styro_finding *found);

static bool any_entry(const struct styro_effective *e, entry_test *test, struct styro_finding *found)
{
  for (size_t i = 0; i < e->fields.mounts.n; i++) {
    if (test(e, i, found)) {
      return true;
    }
  }
  return false;
}

static const struct styro_mount *entry_at(const struct styro_effective *e, size_t index)
{
  return &e->fields.mounts.items[index];
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static bool lacks_key(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  for (size_t i = 0; i < KEYS; i++) {
    if (keys[i].needs >> mount->type & 1 && !has_key(mount, i)) {
      snprintf(found->object, sizeof found->object, "%s", keys[i].key);
      return name_entry(found, index, keys[i].key);
    }
  }
  return false;
}

static bool has_other_key(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  for (size_t i = 0; i < KEYS; i++) {
    if (!(keys[i].takes >> mount->type & 1) && has_key(mount, i)) {
      snprintf(found->object, sizeof found->object, "`%s` and the type `%s`", keys[i].key, type_of(mount));
      return name_entry(found, index, keys[i].key);
    }
  }
  return false;
}

static bool changes_nothing(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool something = has(mount, "access") || has(mount, "noexec") || has(mount, "noatime");
  return mount->type == STYRO_MOUNT_REMOUNT && !something && name_place(found, index, mount, NULL);
}

static bool devices_elsewhere(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool wrong = mount->access == STYRO_MOUNT_DEVICES && mount->type != STYRO_MOUNT_BIND;
  return wrong && name_place(found, index, mount, "access");
}

/* `rw` alone is what a person writes; that it stays above has to be said where somebody asks for more. */
static bool loosens_below(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool loosens = (has(mount, "access") && mount->access == STYRO_MOUNT_RW) || (has(mount, "noexec") && !mount->noexec);
  bool wrong = mount->type == STYRO_MOUNT_REMOUNT && loosens && has(mount, "recursive") && mount->recursive;
  return wrong && name_place(found, index, mount, "recursive");
}

static bool half_an_upper(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool wrong = !mount->upper != !mount->work;
  return wrong && name_place(found, index, mount, mount->upper ? "upper" : "work");
}

/* The kernel makes no overlay of one layer. */
static bool one_layer(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool wrong = mount->type == STYRO_MOUNT_OVERLAY && mount->lowers.n == 1 && !mount->upper;
  return wrong && name_place(found, index, mount, "lower");
}

static bool layers_overlap(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  return styro_layers_overlap(&mount->lowers, mount->upper, mount->work, found) && name_entry(found, index, NULL);
}

/* ---- what is in a file ------------------------------------------------------------------------------------------- */

static bool data_twice(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  return has(mount, "data") && has(mount, "data_base64") && name_place(found, index, mount, "data_base64");
}

static int base64_fault(const struct styro_mount *mount, size_t *at)
{
  return mount->data_base64 ? styro_base64_check(mount->data_base64, at) : STYRO_BASE64_OK;
}

static bool base64_digit(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  size_t at = 0;
  const struct styro_mount *mount = entry_at(e, index);
  if (base64_fault(mount, &at) != STYRO_BASE64_DIGIT) {
    return false;
  }
  char c = mount->data_base64[at - 1];
  if (c > ' ' && c < 0x7f) {
    snprintf(found->object, sizeof found->object, "%zu (`%c`)", at, c);
  } else {
    snprintf(found->object, sizeof found->object, "%zu (byte 0x%02x)", at, (unsigned char)c);
  }
  return name_entry(found, index, "data_base64");
}

static bool base64_length(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  size_t at = 0;
  bool wrong = base64_fault(entry_at(e, index), &at) == STYRO_BASE64_LENGTH;
  snprintf(found->object, sizeof found->object, "%zu", at);
  return wrong && name_entry(found, index, "data_base64");
}

static bool base64_bits(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  size_t at = 0;
  bool wrong = base64_fault(entry_at(e, index), &at) == STYRO_BASE64_BITS;
  snprintf(found->object, sizeof found->object, "%zu", at);
  return wrong && name_entry(found, index, "data_base64");
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static bool at_root(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool wrong = strcmp(mount->at, "/") == 0 && mount->type != STYRO_MOUNT_PROPAGATION;
  return wrong && name_place(found, index, mount, "at");
}

/* Only proc stands at /proc, and only a device directory at /dev. */
static bool at_own_place(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool proc = strcmp(mount->at, "/proc") == 0 && mount->type != STYRO_MOUNT_PROC;
  bool dev = strcmp(mount->at, "/dev") == 0 && mount->type != STYRO_MOUNT_DEV;
  return (proc || dev) && name_place(found, index, mount, "at");
}

/* A file of proc may be shown otherwise than it is (its meminfo, say); nothing else belongs there. */
static bool in_proc(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool below = styro_encloses("/proc", mount->at) && mount->at[5] != 0;
  return below && mount->type != STYRO_MOUNT_BIND && name_place(found, index, mount, "at");
}

/* What is masked or read-only in any proc of the list, or in the one at /proc, stays so. */
bool styro_is_protected(const char *root, const char *path)
{
  if (!styro_encloses(root, path)) {
    return false;
  }
  for (size_t i = 0; i < styro_proc_entries_n; i++) {
    const char *rest = path + strlen(root);
    if (styro_encloses(styro_proc_entries[i].path, rest) ||
        (*rest && styro_encloses(rest, styro_proc_entries[i].path))) {
      return true;
    }
  }
  return false;
}

static bool undoes_mask(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool wrong = styro_is_protected("/proc", mount->at);
  for (size_t i = 0; i < index && !wrong; i++) {
    wrong = entry_at(e, i)->type == STYRO_MOUNT_PROC && styro_is_protected(entry_at(e, i)->at, mount->at);
  }
  return wrong && name_place(found, index, mount, "at");
}

/* One over the other would hide it, and what is masked in the one would be looked for in the other. */
static bool proc_twice(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool main = mount->type == STYRO_MOUNT_PROC && strcmp(mount->at, "/proc") == 0;
  bool twice = main && styro_mounts_main_proc(&e->fields.mounts) != index;
  for (size_t i = 0; i < index && styro_mount_covers(mount) && !twice; i++) {
    twice = entry_at(e, i)->type == STYRO_MOUNT_PROC && strcmp(entry_at(e, i)->at, mount->at) == 0;
  }
  return twice && name_place(found, index, mount, "at");
}

static bool makes(const struct styro_mount *mount)
{
  return mount->type == STYRO_MOUNT_DIR || mount->type == STYRO_MOUNT_FILE || mount->type == STYRO_MOUNT_SYMLINK;
}

/* The type of what an entry makes something in; none where it may turn out not to be there. */
static int made_in(const struct styro_effective *e, size_t index)
{
  const struct styro_mount *mount = entry_at(e, index);
  size_t over = makes(mount) ? styro_mounts_over(&e->fields.mounts, mount->at, index) : STYRO_NO_ENTRY;
  return over == STYRO_NO_ENTRY || entry_at(e, over)->optional ? STYRO_MOUNT_NONE : entry_at(e, over)->type;
}

/* What the helper would refuse when it is there, said before anything is started. */
static bool made_on_host(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  int type = made_in(e, index);
  return (type == STYRO_MOUNT_BIND || type == STYRO_MOUNT_OVERLAY) &&
         name_place(found, index, entry_at(e, index), "at");
}

static bool made_in_kernel(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const unsigned kernels = T(PROC) | T(SYSFS) | T(DEVPTS) | T(MQUEUE) | T(CGROUP);
  return (kernels >> made_in(e, index) & 1) && name_place(found, index, entry_at(e, index), "at");
}

/* A change is one of a mount that the list made; `/` is the sandbox's own as well. */
static bool changes_none(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  if (!styro_mount_changes(mount) || strcmp(mount->at, "/") == 0) {
    return false;
  }
  size_t subject = styro_mounts_subject(&e->fields.mounts, index);
  int type = subject == STYRO_NO_ENTRY ? STYRO_MOUNT_NONE : entry_at(e, subject)->type;
  bool can = type == STYRO_MOUNT_BIND || type == STYRO_MOUNT_TMPFS || type == STYRO_MOUNT_OVERLAY;
  return !can && name_place(found, index, mount, "at");
}

/* Without an upper directory there is nowhere for a change to go. */
static bool opens_overlay(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  if (mount->type != STYRO_MOUNT_REMOUNT || !has(mount, "access") || mount->access != STYRO_MOUNT_RW) {
    return false;
  }
  size_t subject = styro_mounts_subject(&e->fields.mounts, index);
  bool closed =
      subject != STYRO_NO_ENTRY && entry_at(e, subject)->type == STYRO_MOUNT_OVERLAY && !entry_at(e, subject)->upper;
  return closed && name_place(found, index, mount, "access");
}

/* Nothing but a bind has anybody to follow, and one mount of several cannot be told apart later. */
static bool follows_nobody(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  if (mount->type != STYRO_MOUNT_PROPAGATION || mount->propagation != STYRO_PROPAGATION_SLAVE) {
    return false;
  }
  size_t subject = styro_mounts_subject(&e->fields.mounts, index);
  bool bind = subject != STYRO_NO_ENTRY && entry_at(e, subject)->type == STYRO_MOUNT_BIND;
  return (!bind || !mount->recursive) && name_place(found, index, mount, bind ? "recursive" : "propagation");
}

/* ---- what needs another field ------------------------------------------------------------------------------------ */

static bool needs_namespace(const struct styro_effective *e, size_t index, int type, int kind,
                            struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  return mount->type == type && e->fields.namespaces[kind] == STYRO_NS_HOST && name_place(found, index, mount, "type");
}

static bool proc_of_host(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  return needs_namespace(e, index, STYRO_MOUNT_PROC, STYRO_NS_PID, found);
}

static bool mqueue_of_host(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  return needs_namespace(e, index, STYRO_MOUNT_MQUEUE, STYRO_NS_IPC, found);
}

static bool cgroup_of_host(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  return needs_namespace(e, index, STYRO_MOUNT_CGROUP, STYRO_NS_CGROUP, found);
}

/* Each shows a namespace, and only who owns that may mount it: the kernel asks for CAP_SYS_ADMIN in its user namespace. */
static bool of_others(const struct styro_effective *e, size_t index, int type, bool joined, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  bool wrong = mount->type == type && joined && e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_NEW;
  return wrong && name_place(found, index, mount, "type");
}

static bool sysfs_of_others(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  return of_others(e, index, STYRO_MOUNT_SYSFS, e->fields.network == STYRO_NETWORK_JOIN, found);
}

static bool mqueue_of_others(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  return of_others(e, index, STYRO_MOUNT_MQUEUE, e->fields.namespaces[STYRO_NS_IPC] == STYRO_NS_JOIN, found);
}

static bool cgroup_of_others(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  return of_others(e, index, STYRO_MOUNT_CGROUP, e->fields.namespaces[STYRO_NS_CGROUP] == STYRO_NS_JOIN, found);
}

/* Without ranges exactly one id is mapped, the payload's own. */
static bool gid_unmapped(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  const struct styro_mount *mount = entry_at(e, index);
  uint32_t outside;
  bool ranges = styro_id_map_has_ranges(e->fields.gid_map);
  if (styro_id_map_is_subordinate(e->fields.gid_map)) { /* which they are is known when it runs */
    return false;
  }
  bool mapped = ranges ? styro_id_map_lookup(e->fields.gid_map, (uint32_t)mount->gid, &outside)
                       : mount->gid == e->fields.gid || e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_HOST;
  if (!has(mount, "gid") || mapped) {
    return false;
  }
  snprintf(found->object, sizeof found->object, "%lld", (long long)mount->gid);
  return name_entry(found, index, "gid");
}

/* Each takes a copy of the host's nodes. */
static bool too_many_devs(const struct styro_effective *e, size_t index, struct styro_finding *found)
{
  size_t n = 1;
  for (size_t i = 0; i <= index; i++) {
    n += entry_at(e, i)->type == STYRO_MOUNT_DEV;
  }
  snprintf(found->object, sizeof found->object, "%d", (int)WIRE_DEVS_MAX - 1);
  return n > WIRE_DEVS_MAX && name_entry(found, index, "type");
}

/* A rule of the table looks at the request; each of these finds the first entry at fault. */
#define RULE(test)                                                                     \
  static bool any_##test(const struct styro_effective *e, struct styro_finding *found) \
  {                                                                                    \
    return any_entry(e, test, found);                                                  \
  }
RULE(lacks_key)
RULE(has_other_key)
RULE(changes_nothing)
RULE(devices_elsewhere)
RULE(loosens_below)
RULE(half_an_upper)
RULE(one_layer)
RULE(data_twice)
RULE(base64_digit)
RULE(base64_length)
RULE(base64_bits)
RULE(at_root)
RULE(at_own_place)
RULE(in_proc)
RULE(undoes_mask)
RULE(proc_twice)
RULE(made_on_host)
RULE(made_in_kernel)
RULE(changes_none)
RULE(opens_overlay)
RULE(follows_nobody)
RULE(proc_of_host)
RULE(mqueue_of_host)
RULE(cgroup_of_host)
RULE(sysfs_of_others)
RULE(mqueue_of_others)
RULE(cgroup_of_others)
RULE(gid_unmapped)
RULE(too_many_devs)

/* Each is compared with each: more than a plan may have are refused for their number, and not compared. */
static bool any_layers_overlap(const struct styro_effective *e, struct styro_finding *found)
{
  size_t n = 0;
  for (size_t i = 0; i < e->fields.mounts.n; i++) {
    n += entry_at(e, i)->lowers.n;
  }
  return n <= WIRE_SOURCES_MAX && any_entry(e, layers_overlap, found);
}

#define SAY(test, message, hint)                         \
  {                                                      \
    STYRO_EREQUEST, "/mounts", any_##test, message, hint \
  }

const struct styro_rule styro_rules_mounts[] = {
    SAY(lacks_key, "the entry has no `{}`, and needs one", "docs/request.md has the keys of each type"),
    SAY(has_other_key, "{} do not go together", "leave the key out, or choose the type that it belongs to"),
    SAY(changes_nothing, "the remount of `{}` changes nothing", "say `access`, `noexec` or `noatime`"),
    SAY(devices_elsewhere, "`{}` is asked for with devices, and no `bind` shows any there",
        "`dev` goes with the type `bind`"),
    SAY(loosens_below, "the remount of `{}` would loosen what stands below it", "remount each of those places"),
    SAY(half_an_upper, "the overlay at `{}` has only one of `upper` and `work`",
        "the kernel needs both, of one owner and one file system"),
    SAY(one_layer, "the overlay at `{}` would be its one directory, which is only read",
        "write a `bind` of it, or add a second one, or `upper` and `work`"),
    SAY(layers_overlap, "`{}` is or lies in another layer of the overlay at this place",
        "name directories of which none holds another"),
    SAY(data_twice, "the file `{}` has both `data` and `data_base64`", "keep the one that says what is in it"),
    SAY(base64_digit, "character {} cannot stand there in base64",
        "its digits are A-Z, a-z, 0-9, `+` and `/` (no `-`, `_` or line break), and `=` pads its end alone"),
    SAY(base64_length, "base64 comes in groups of four characters, and this is {} long",
        "pad the last group with `=`; if it was cut, encode it anew"),
    SAY(base64_bits, "character {}, the last one of the base64, holds more than the last byte",
        "it was cut or changed: encode it anew"),
    SAY(at_root, "`{}` is the root, and `mounts` holds what stands below it",
        "use `root`: \"system\", \"empty\" or {\"directory\": \"/srv/tree\"}"),
    SAY(at_own_place, "`{}` is always the sandbox's own",
        "at /proc an entry of type `proc` can stand, at /dev one of type `dev`; others name a place below"),
    SAY(in_proc, "`{}` lies in proc, where only the kernel makes anything", "a `bind` can cover a file that is there"),
    SAY(undoes_mask, "`{}` is hidden or read-only in every proc, and stays so", "choose another place"),
    SAY(proc_twice, "`{}` is mounted twice", "keep one of the entries, with all options"),
    SAY(made_on_host, "`{}` lies in what an earlier entry shows of the host, and nothing is ever made on the host",
        "make it on the host first, or put a `tmpfs` there"),
    SAY(made_in_kernel, "`{}` lies in a file system of the kernel's, where nothing can be made",
        "leave it out, or choose another place"),
    SAY(changes_none, "no earlier entry of type `bind`, `tmpfs` or `overlay` stands at `{}`",
        "a change names the very place of the mount that it is about"),
    SAY(opens_overlay, "the overlay at `{}` has no `upper` that changes could go to, so it stays read-only",
        "give it `upper` and `work`, or leave the remount out"),
    SAY(follows_nobody, "`{}` cannot follow the host: only a `bind` can, with all mounts below it",
        "name the place of a `bind`, and leave `recursive` out"),
    SAY(proc_of_host, "the proc at `{}` needs a process namespace of its own",
        "leave out `namespaces.pid`; at /proc the host's is shown then"),
    SAY(mqueue_of_host, "the mqueue at `{}` needs an IPC namespace of its own", "leave out `namespaces.ipc`"),
    SAY(cgroup_of_host, "the cgroup at `{}` needs a cgroup namespace of its own", "leave out `namespaces.cgroup`"),
    SAY(sysfs_of_others, "the sysfs at `{}` would show a joined network, which a new user namespace does not own",
        "join the user namespace that owns it as well, or leave the sysfs out"),
    SAY(mqueue_of_others, "the mqueue at `{}` would show joined queues, which a new user namespace does not own",
        "join the user namespace that owns them as well, or leave the mqueue out"),
    SAY(cgroup_of_others, "the cgroup at `{}` would show a joined view, which a new user namespace does not own",
        "join the user namespace that owns it as well, or leave the cgroup out"),
    SAY(gid_unmapped, "the group {} is not mapped, so no terminal can have it",
        "name the payload's own group, or map the other with `user.gid_map`"),
    SAY(too_many_devs, "more than {} entries are of type `dev`", "a symbolic link to /dev serves as well"),
    {.broken = NULL},
};
