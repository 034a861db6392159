/*
 * `mounts`: one step or a few for each entry, in the list's order; what changes a mount comes after the pivot. Whether a
 * place may be made is for the helper to find out: it makes nothing but on file systems of its own. Its twin in the helper
 * is mount_list.c.
 */
#include <string.h>

#include "base.h"
#include "compile.h"
#include "encoding.h"
#include "listed.h"
#include "mount_list.h"

#define SAFE (WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV)
#define FIELD "/mounts"

/* What was found out about an entry, while and before its steps are written. */
struct styro_listed {
  uint32_t source; /* 1 + the number of its source, 0: none */
  uint32_t kept;   /* 1 + the number of its kept mount, 0: not kept */
  bool keep;       /* a later entry changes its mount */
  bool writable;   /* in the end, by itself or by a later entry; so are the others */
  bool tried;      /* asked for as writable by the payload: it is tried */
  bool noexec;
  bool noatime;
  uint64_t propagation; /* that it must have from the start */
};

static const uint64_t propagations[] = {
    [STYRO_PROPAGATION_NONE] = 0,
    [STYRO_PROPAGATION_PRIVATE] = WIRE_MS_PRIVATE,
    [STYRO_PROPAGATION_SLAVE] = WIRE_MS_SLAVE,
    [STYRO_PROPAGATION_SHARED] = WIRE_MS_SHARED,
    [STYRO_PROPAGATION_UNBINDABLE] = WIRE_MS_UNBINDABLE,
};

static const struct styro_mounts *list_of(const struct styro_compile *c)
{
  return &c->fields->mounts;
}

/* Nothing can be made in proc; the sandbox's own /dev is open until the list is done (styro_compile_opens_dev). */
static unsigned create_flag(const char *at)
{
  return styro_encloses("/proc", at) ? 0 : WIRE_CREATE;
}

static uint64_t common_attributes(const struct styro_mount *mount)
{
  return SAFE | (mount->noexec ? WIRE_MOUNT_ATTR_NOEXEC : 0) | (mount->noatime ? WIRE_MOUNT_ATTR_NOATIME : 0);
}

static void emit(struct styro_compile *c, uint16_t code, unsigned flags, const struct styro_listed *entry, void *body,
                 size_t size)
{
  unsigned keep = entry->keep ? WIRE_KEEP : 0;
  styro_builder_step(&c->builder, code, (uint16_t)(flags | keep | WIRE_HAS_TARGET), FIELD, STYRO_FATAL, body, size);
}

static struct wire_target target(struct styro_compile *c, const struct styro_mount *mount)
{
  return (struct wire_target){.path = styro_builder_text(&c->builder, mount->at)};
}

/* Is there a rule that takes what it shows from this entry? */
static bool is_base(const struct styro_compile *c, const struct styro_mount *mount)
{
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    const char *path = c->fields->rules[i].path;
    if (styro_encloses(mount->at, path) && strcmp(mount->at, path) != 0) {
      return true;
    }
  }
  return false;
}

static void add_bind(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  struct wire_step_bind body;
  memset(&body, 0, sizeof body);
  body.source = styro_builder_source(&c->builder, mount->from, 0);
  body.target = target(c, mount);
  body.attr_set = common_attributes(mount) | (mount->access == STYRO_MOUNT_RO ? WIRE_MOUNT_ATTR_RDONLY : 0);
  body.devices = mount->access == STYRO_MOUNT_DEVICES;
  body.attr_set &= body.devices ? ~WIRE_MOUNT_ATTR_NODEV : ~0ull;
  body.flat = !mount->recursive;
  body.propagation = entry->propagation;
  unsigned flags = create_flag(mount->at) | (mount->optional ? WIRE_OPTIONAL : 0u) |
                   (is_base(c, mount) ? WIRE_BASE : 0u) | WIRE_HAS_SOURCE;
  emit(c, WIRE_STEP_BIND, flags, entry, &body, sizeof body);
  entry->source = c->builder.sources_n;
}

static void add_tmpfs(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  struct wire_step_tmpfs body;
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  body.size = mount->size ? mount->size : STYRO_TMP_SIZE;
  body.inodes = (uint64_t)mount->inodes;
  body.mode = mount->mode ? mount->mode : 0755;
  body.attr_set = common_attributes(mount);
  emit(c, WIRE_STEP_TMPFS, create_flag(mount->at), entry, &body, sizeof body);
}

/* The one at /proc stands there already, with these options: it was mounted with the base. */
static void add_proc(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  (void)entry;
  if (strcmp(mount->at, "/proc") != 0) {
    styro_compile_proc(c, mount->at, mount, create_flag(mount->at));
  }
}

static void add_sysfs(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  (void)entry;
  styro_compile_sysfs(c, mount->at, create_flag(mount->at));
}

static void add_fs(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry, uint32_t kind,
                   uint64_t attributes)
{
  struct wire_step_fs body;
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  body.kind = kind;
  body.attr_set = attributes;
  if (kind == WIRE_FS_DEVPTS) {
    body.mode = mount->mode ? mount->mode : 0620;
    body.ptmxmode = mount->ptmxmode ? mount->ptmxmode : 0666;
    body.has_gid = styro_mount_has(mount, styro_field_exact("/mounts/*/gid"));
    body.gid = (uint32_t)mount->gid;
  }
  emit(c, WIRE_STEP_FS, create_flag(mount->at), entry, &body, sizeof body);
}

/* Its nodes are devices that the kernel makes for whoever opens ptmx. */
static void add_devpts(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  add_fs(c, mount, entry, WIRE_FS_DEVPTS, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NOEXEC);
}

static void add_mqueue(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  add_fs(c, mount, entry, WIRE_FS_MQUEUE, SAFE | WIRE_MOUNT_ATTR_NOEXEC);
}

static void add_cgroup(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  uint64_t read_only = mount->access == STYRO_MOUNT_RO ? WIRE_MOUNT_ATTR_RDONLY : 0;
  add_fs(c, mount, entry, WIRE_FS_CGROUP2, SAFE | WIRE_MOUNT_ATTR_NOEXEC | read_only);
}

static void add_dev(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  struct wire_step_dev body;
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  body.size = STYRO_SHM_SIZE;
  body.open = styro_mounts_below(list_of(c), mount->at);
  entry->keep = body.open;
  emit(c, WIRE_STEP_DEV, create_flag(mount->at), entry, &body, sizeof body);
}

static void add_overlay(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  struct wire_step_overlay body;
  for (size_t i = 0; i < mount->lowers.n; i++) {
    styro_compile_layer(c, mount->lowers.items[i], WIRE_LAYER_LOWER, FIELD);
  }
  if (mount->upper) {
    styro_compile_layer(c, mount->upper, WIRE_LAYER_UPPER, FIELD);
    styro_compile_layer(c, mount->work, WIRE_LAYER_WORK, FIELD);
  }
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  uint64_t read_only = WIRE_MOUNT_ATTR_RDONLY;
  body.attr_set = common_attributes(mount) | (mount->upper ? 0 : read_only);
  emit(c, WIRE_STEP_OVERLAY, create_flag(mount->at), entry, &body, sizeof body);
}

static void add_symlink(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  struct wire_step_symlink body;
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  body.text = styro_builder_text(&c->builder, mount->target);
  emit(c, WIRE_STEP_SYMLINK, WIRE_CREATE, entry, &body, sizeof body);
}

static void add_dir(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  struct wire_step_dir body;
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  body.mode = mount->mode ? mount->mode : 0755;
  emit(c, WIRE_STEP_DIR, WIRE_CREATE, entry, &body, sizeof body);
}

static void add_file(struct styro_compile *c, const struct styro_mount *mount, struct styro_listed *entry)
{
  struct wire_step_file body;
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  body.data = mount->data_base64 ? styro_builder_base64(&c->builder, mount->data_base64)
                                 : styro_builder_text(&c->builder, mount->data ? mount->data : "");
  body.mode = mount->mode ? mount->mode : 0644;
  emit(c, WIRE_STEP_FILE, WIRE_CREATE, entry, &body, sizeof body);
}

/* Changes have none here: styro_compile_changes(). */
static void (*const add[])(struct styro_compile *, const struct styro_mount *, struct styro_listed *) = {
    [STYRO_MOUNT_BIND] = add_bind,       [STYRO_MOUNT_TMPFS] = add_tmpfs,   [STYRO_MOUNT_PROC] = add_proc,
    [STYRO_MOUNT_SYSFS] = add_sysfs,     [STYRO_MOUNT_DEVPTS] = add_devpts, [STYRO_MOUNT_MQUEUE] = add_mqueue,
    [STYRO_MOUNT_DEV] = add_dev,         [STYRO_MOUNT_CGROUP] = add_cgroup, [STYRO_MOUNT_SYMLINK] = add_symlink,
    [STYRO_MOUNT_OVERLAY] = add_overlay, [STYRO_MOUNT_DIR] = add_dir,       [STYRO_MOUNT_FILE] = add_file,
    [STYRO_MOUNT_REMOUNT] = NULL,        [STYRO_MOUNT_PROPAGATION] = NULL,
};

static bool given(const struct styro_mount *mount, const char *pointer)
{
  return styro_mount_has(mount, styro_field_exact(pointer));
}

static void note_entry(const struct styro_mount *mount, struct styro_listed *entry)
{
  bool has_access = mount->type == STYRO_MOUNT_BIND || mount->type == STYRO_MOUNT_CGROUP;
  entry->writable = mount->upper || (has_access && mount->access != STYRO_MOUNT_RO);
  entry->tried = mount->type == STYRO_MOUNT_BIND && mount->access == STYRO_MOUNT_RW;
  entry->noexec = mount->noexec;
  entry->noatime = mount->noatime;
}

static void note_change(const struct styro_mount *change, struct styro_listed *subject)
{
  subject->keep = true;
  if (change->propagation == STYRO_PROPAGATION_SLAVE) {
    subject->propagation = WIRE_MS_SLAVE;
  }
  if (change->type != STYRO_MOUNT_REMOUNT) {
    return;
  }
  if (given(change, "/mounts/*/access")) {
    subject->tried = subject->writable = change->access == STYRO_MOUNT_RW;
  }
  subject->noexec = given(change, "/mounts/*/noexec") ? change->noexec : subject->noexec;
  subject->noatime = given(change, "/mounts/*/noatime") ? change->noatime : subject->noatime;
}

/* A mount that was made private has no master any more: who follows the host does so from the start. */
static void note_changes(const struct styro_compile *c)
{
  const struct styro_mounts *mounts = list_of(c);
  for (size_t i = 0; i < mounts->n; i++) {
    const struct styro_mount *mount = &mounts->items[i];
    size_t subject = styro_mount_changes(mount) ? styro_mounts_subject(mounts, i) : STYRO_NO_ENTRY;
    note_entry(mount, &c->listed[i]);
    if (subject != STYRO_NO_ENTRY) {
      note_change(mount, &c->listed[subject]);
    }
  }
}

int styro_compile_list_begin(struct styro_compile *c)
{
  if (list_of(c)->n == 0) {
    return 0;
  }
  c->listed = styro_alloc_array(&c->builder.alloc, list_of(c)->n, sizeof *c->listed);
  if (!c->listed) {
    return styro_fail_memory(c->err, STYRO_STAGE_COMPILE);
  }
  note_changes(c);
  return 0;
}

void styro_compile_list_end(struct styro_compile *c)
{
  styro_dealloc(&c->builder.alloc, c->listed, list_of(c)->n * sizeof *c->listed);
  c->listed = NULL;
}

void styro_compile_entry(struct styro_compile *c, size_t index)
{
  const struct styro_mount *mount = &list_of(c)->items[index];
  struct styro_listed *entry = &c->listed[index];
  if (add[mount->type]) {
    c->builder.item = (uint32_t)index + 1;
    add[mount->type](c, mount, entry);
    entry->kept = entry->keep ? c->builder.kept_n : 0;
    c->builder.item = 0;
  }
}

/* ---- what changes a mount ---------------------------------------------------------------------------------------- */

static void flag_change(const struct styro_mount *mount, const char *pointer, bool on, uint64_t flag, uint64_t clears,
                        struct wire_step_remount *body)
{
  if (given(mount, pointer)) {
    body->attr_set |= on ? flag : 0;
    body->attr_clear |= on ? clears : clears | flag;
  }
}

/* What is loosened is loosened at the place alone: below it another entry, or a rule, may have meant what it said. */
static void add_remount(struct styro_compile *c, const struct styro_mount *mount, uint32_t kept)
{
  struct wire_step_remount body;
  memset(&body, 0, sizeof body);
  body.target = target(c, mount);
  body.kept = kept;
  flag_change(mount, "/mounts/*/access", mount->access == STYRO_MOUNT_RO, WIRE_MOUNT_ATTR_RDONLY, 0, &body);
  flag_change(mount, "/mounts/*/noexec", mount->noexec, WIRE_MOUNT_ATTR_NOEXEC, 0, &body);
  flag_change(mount, "/mounts/*/noatime", mount->noatime, WIRE_MOUNT_ATTR_NOATIME, WIRE_MOUNT_ATTR_ATIME, &body);
  body.propagation = propagations[mount->propagation];
  body.recursive = mount->recursive && !(body.attr_clear & ~WIRE_MOUNT_ATTR_ATIME);
  styro_builder_step(&c->builder, WIRE_STEP_REMOUNT, WIRE_HAS_TARGET, FIELD, STYRO_FATAL, &body, sizeof body);
}

static void close_dev(struct styro_compile *c, const char *at, uint32_t kept, const char *field)
{
  struct wire_step_remount body;
  memset(&body, 0, sizeof body);
  body.target.path = styro_builder_text(&c->builder, at);
  body.kept = kept;
  body.attr_set = WIRE_MOUNT_ATTR_RDONLY;
  styro_builder_step(&c->builder, WIRE_STEP_REMOUNT, WIRE_HAS_TARGET, field, STYRO_FATAL, &body, sizeof body);
}

bool styro_compile_opens_dev(const struct styro_compile *c)
{
  return styro_mounts_below(list_of(c), "/dev");
}

/* The base's device directory is the first mount that is kept. */
void styro_compile_changes(struct styro_compile *c)
{
  const struct styro_mounts *mounts = list_of(c);
  if (styro_compile_opens_dev(c)) {
    close_dev(c, "/dev", 1, "/root");
  }
  for (size_t i = 0; i < mounts->n; i++) {
    const struct styro_mount *mount = &mounts->items[i];
    size_t subject = styro_mount_changes(mount) ? styro_mounts_subject(mounts, i) : STYRO_NO_ENTRY;
    c->builder.item = (uint32_t)i + 1;
    if (styro_mount_changes(mount)) {
      add_remount(c, mount, subject == STYRO_NO_ENTRY ? 0 : c->listed[subject].kept);
    } else if (mount->type == STYRO_MOUNT_DEV && c->listed[i].keep) {
      close_dev(c, mount->at, c->listed[i].kept, FIELD);
    }
  }
  c->builder.item = 0;
}

/* ---- what `paths` needs to know ---------------------------------------------------------------------------------- */

bool styro_compile_over(const struct styro_compile *c, const char *path, struct styro_over *out)
{
  size_t i = styro_mounts_over(list_of(c), path, list_of(c)->n);
  if (i == STYRO_NO_ENTRY) {
    return false;
  }
  const struct styro_mount *mount = &list_of(c)->items[i];
  bool bind = mount->type == STYRO_MOUNT_BIND;
  *out = (struct styro_over){.mount = mount,
                             .source = bind ? c->listed[i].source : 0,
                             .writable = (bind || mount->upper) && c->listed[i].writable,
                             .attributes = (c->listed[i].noexec ? WIRE_MOUNT_ATTR_NOEXEC : 0) |
                                           (c->listed[i].noatime ? WIRE_MOUNT_ATTR_NOATIME : 0)};
  return true;
}

bool styro_compile_entry_writable(const struct styro_compile *c, size_t entry)
{
  return c->listed[entry].writable;
}

bool styro_compile_entry_covered(const struct styro_compile *c, size_t entry)
{
  const struct styro_mounts *mounts = list_of(c);
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    if (styro_encloses(c->fields->rules[i].path, mounts->items[entry].at)) {
      return true;
    }
  }
  return styro_mounts_over(mounts, mounts->items[entry].at, mounts->n) != entry;
}

void styro_compile_list_access(struct styro_compile *c)
{
  const struct styro_mounts *mounts = list_of(c);
  for (size_t i = 0; i < mounts->n; i++) {
    const struct styro_mount *mount = &mounts->items[i];
    if (mount->type == STYRO_MOUNT_BIND && c->listed[i].tried && !styro_compile_entry_covered(c, i)) {
      struct wire_step_access body;
      memset(&body, 0, sizeof body);
      body.target = target(c, mount);
      body.source = c->listed[i].source;
      c->builder.item = (uint32_t)i + 1;
      styro_builder_step(&c->builder, WIRE_STEP_ACCESS,
                         (uint16_t)((mount->optional ? WIRE_OPTIONAL : 0u) | WIRE_HAS_TARGET), FIELD, STYRO_FATAL,
                         &body, sizeof body);
    }
  }
  c->builder.item = 0;
}

/* Files take room on the root's own tmpfs, which is else only for places. */
uint64_t styro_compile_list_room(const struct styro_compile *c)
{
  uint64_t room = 0;
  for (size_t i = 0; i < list_of(c)->n; i++) {
    const struct styro_mount *mount = &list_of(c)->items[i];
    uint64_t size = mount->data ? strlen(mount->data) : mount->data_base64 ? styro_base64_size(mount->data_base64) : 0;
    room += size ? (size + 8191) / 4096 * 4096 : 0;
  }
  return room;
}
