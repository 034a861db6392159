/*
 * proc and sys: file systems of the kernel's with much in them that is nobody's business inside. Wherever one is mounted,
 * the same is hidden and read-only in it. Its twin in the helper is devices.c.
 */
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "compile.h"
#include "listed.h"

#define FROM_KERNEL (WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC)

static void add_cover(struct styro_compile *c, const struct styro_proc_entry *entry, const char *at, const char *field)
{
  char path[8192];
  struct wire_step_place body;
  snprintf(path, sizeof path, "%s%s", at, entry->path);
  memset(&body, 0, sizeof body);
  body.target.path = styro_builder_text(&c->builder, path);
  styro_builder_step(&c->builder, entry->read_only ? WIRE_STEP_READ_ONLY : WIRE_STEP_MASK,
                     WIRE_DEFAULTED | WIRE_HAS_TARGET, field, styro_compile_best_effort(c, STYRO_MASKED_PATHS), &body,
                     sizeof body);
}

static void add_bind(struct styro_compile *c, const char *from, const char *at, uint64_t attributes, unsigned flags,
                     const char *field)
{
  struct wire_step_bind body;
  memset(&body, 0, sizeof body);
  body.source = styro_builder_source(&c->builder, from, 0);
  body.target.path = styro_builder_text(&c->builder, at);
  body.attr_set = attributes;
  styro_builder_step(&c->builder, WIRE_STEP_BIND, (uint16_t)(flags | WIRE_HAS_SOURCE | WIRE_HAS_TARGET), field,
                     STYRO_FATAL, &body, sizeof body);
}

static void mount_proc(struct styro_compile *c, const char *at, const struct styro_mount *options, unsigned flags,
                       const char *field)
{
  struct wire_step_proc body;
  memset(&body, 0, sizeof body);
  body.target.path = styro_builder_text(&c->builder, at);
  body.hidepid = options ? (uint32_t)options->hidepid : 0;
  body.subset = options ? (uint32_t)options->subset : 0;
  styro_builder_step(&c->builder, WIRE_STEP_PROC, (uint16_t)(flags | WIRE_HAS_TARGET), field, STYRO_FATAL, &body,
                     sizeof body);
}

void styro_compile_proc(struct styro_compile *c, const char *at, const struct styro_mount *options, unsigned flags)
{
  const char *field = c->builder.item ? "/mounts" : "/namespaces/pid";
  if (c->fields->namespaces[STYRO_NS_PID] != STYRO_NS_HOST) {
    mount_proc(c, at, options, flags, field);
  } else {
    /* proc shows the pid namespace it was mounted in, and only that one's owner may mount it (proc(5)). */
    add_bind(c, "/proc", at, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV | WIRE_MOUNT_ATTR_NOEXEC, flags, field);
  }
  for (size_t i = 0; i < styro_proc_entries_n; i++) {
    add_cover(c, &styro_proc_entries[i], at, c->builder.item ? "/mounts" : "/security");
  }
}

/* A new sysfs belongs to a new network namespace (the kernel asks for its owner); else the host's, with all below it. */
void styro_compile_sysfs(struct styro_compile *c, const char *at, unsigned flags)
{
  struct wire_step_fs body;
  if (c->fields->network == STYRO_NETWORK_HOST) {
    add_bind(c, "/sys", at, FROM_KERNEL | WIRE_MOUNT_ATTR_RDONLY, flags, "/mounts");
  } else {
    memset(&body, 0, sizeof body);
    body.target.path = styro_builder_text(&c->builder, at);
    body.kind = WIRE_FS_SYSFS;
    body.attr_set = FROM_KERNEL | WIRE_MOUNT_ATTR_RDONLY;
    styro_builder_step(&c->builder, WIRE_STEP_FS, (uint16_t)(flags | WIRE_HAS_TARGET), "/mounts", STYRO_FATAL, &body,
                       sizeof body);
  }
  for (size_t i = 0; i < styro_sys_entries_n; i++) {
    add_cover(c, &styro_sys_entries[i], at, "/mounts");
  }
}
