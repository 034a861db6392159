/*
 * What a place lies on where no rule of `paths` stands around it: the base, or an entry of `mounts`. Whether a place may be
 * made there, and whether something can come to be there by itself. Only lexical paths decide.
 */
#include <string.h>

#include "base.h"
#include "compile.h"
#include "listed.h"

/* A rule or an entry of `mounts` that says something about the whole of a base entry replaces it. */
bool styro_ground_ruled(const struct styro_compile *c, const char *path)
{
  for (size_t i = 0; i < c->fields->rules_n; i++) {
    if (styro_encloses(c->fields->rules[i].path, path)) {
      return true;
    }
  }
  return styro_mounts_replace(&c->fields->mounts, path);
}

/* A tmpfs of the sandbox's own stands at /tmp and /home of a root directory unless a rule does, and path may be that rule's. */
static bool on_own_tmpfs(const struct styro_compile *c, const char *path)
{
  return (styro_encloses("/tmp", path) && !styro_ground_ruled(c, "/tmp")) ||
         (styro_encloses("/home", path) && !styro_ground_ruled(c, STYRO_HOME));
}

/* What of the path lies below `at`; "" where nothing does. */
static const char *rest_below(const char *at, const char *path)
{
  size_t len = strlen(at);
  return styro_encloses(at, path) && path[len] == '/' ? path + len + 1 : "";
}

/* The shm in a device directory is the sandbox's own, and the payload's. */
static bool in_shm(const char *dev, const char *path)
{
  return strncmp(rest_below(dev, path), "shm/", 4) == 0;
}

/* These stand over every root. */
static bool on_kernels_own(const char *path)
{
  return styro_encloses("/proc", path) || styro_encloses("/dev", path);
}

/* Does the base show something of the host there, where nothing can be made? */
static bool on_host_base(const struct styro_compile *c, const char *path)
{
  if (on_kernels_own(path)) {
    return !in_shm("/dev", path);
  }
  if (styro_root_is_tree(c->fields)) {
    return !styro_root_discards(c->fields) && !on_own_tmpfs(c, path);
  }
  for (size_t i = 0; c->fields->root_kind == STYRO_ROOT_SYSTEM && i < styro_base_n; i++) {
    if (styro_encloses(styro_base[i].path, path) && strcmp(styro_base[i].path, path) != 0) {
      return true;
    }
  }
  return false;
}

bool styro_ground_makes(const struct styro_compile *c, const char *path)
{
  struct styro_over over;
  if (!styro_compile_over(c, path, &over)) {
    return !on_host_base(c, path);
  }
  bool same = strcmp(over.mount->at, path) == 0; /* absent only where that one is optional */
  bool shm = over.mount->type == STYRO_MOUNT_DEV && in_shm(over.mount->at, path);
  return same || shm || over.mount->type == STYRO_MOUNT_TMPFS;
}

/* Processes, terminals, queues and control groups come and go, and have their names from whoever makes them. */
static bool fills_itself(int type, const char *rest)
{
  switch (type) {
  case STYRO_MOUNT_PROC: return rest[0] >= '1' && rest[0] <= '9';
  case STYRO_MOUNT_DEV: return strncmp(rest, "pts/", 4) == 0;
  case STYRO_MOUNT_DEVPTS:
  case STYRO_MOUNT_MQUEUE:
  case STYRO_MOUNT_CGROUP: return rest[0] != '\0';
  default: return false;
  }
}

bool styro_ground_fills(const struct styro_compile *c, const char *path)
{
  struct styro_over over;
  if (styro_compile_over(c, path, &over)) {
    return fills_itself(over.mount->type, rest_below(over.mount->at, path));
  }
  return fills_itself(STYRO_MOUNT_PROC, rest_below("/proc", path)) ||
         fills_itself(STYRO_MOUNT_DEV, rest_below("/dev", path));
}

bool styro_ground_writable(const struct styro_compile *c, const char *path)
{
  struct styro_over over;
  if (styro_compile_over(c, path, &over)) {
    return over.writable && strcmp(over.mount->at, path) != 0;
  }
  return styro_root_writes_host(c->fields) && !on_kernels_own(path) && !on_own_tmpfs(c, path);
}
