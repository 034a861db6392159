/* A plan of the builder's own make with every kind of step in it, for tests that break plans or print them. */
#include "sample_plan.h"

#include <stdlib.h>
#include <string.h>

#include "lib/builder.h"
#include "wire/id.h"

static const uint8_t wire_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;

const uint8_t sample_codes[] = {
    WIRE_STEP_RUN,
    WIRE_STEP_NOTE,
    WIRE_STEP_PROMISES,
    WIRE_STEP_JOIN,
    WIRE_STEP_NAMESPACES,
    WIRE_STEP_MAP_IDS,
    WIRE_STEP_IDMAP,
    WIRE_STEP_CLOCKS,
    WIRE_STEP_HOSTNAME,
    WIRE_STEP_LOOPBACK,
    WIRE_STEP_OOM_SCORE,
    WIRE_STEP_IDENTITY,
    WIRE_STEP_ROOT,
    WIRE_STEP_LAYER,
    WIRE_STEP_DIR,
    WIRE_STEP_LINK,
    WIRE_STEP_FILE,
    WIRE_STEP_BIND,
    WIRE_STEP_TMPFS,
    WIRE_STEP_SYMLINK,
    WIRE_STEP_FS,
    WIRE_STEP_OVERLAY,
    WIRE_STEP_DEV,
    WIRE_STEP_PROC,
    WIRE_STEP_READ_ONLY,
    WIRE_STEP_MASK,
    WIRE_STEP_SELF_BIND,
    WIRE_STEP_SEAL_ROOT,
    WIRE_STEP_PIVOT,
    WIRE_STEP_SEAL,
    WIRE_STEP_REMOUNT,
    WIRE_STEP_NEST,
    WIRE_STEP_USERNS_LIMIT,
    WIRE_STEP_LANDLOCK_QUEUES,
    WIRE_STEP_INIT,
    WIRE_STEP_RESET,
    WIRE_STEP_SESSION,
    WIRE_STEP_GROUP,
    WIRE_STEP_KEYRING,
    WIRE_STEP_NICE,
    WIRE_STEP_RLIMIT,
    WIRE_STEP_ENTER,
    WIRE_STEP_LABEL,
    WIRE_STEP_CAPABILITIES,
    WIRE_STEP_ACCESS,
    WIRE_STEP_WORKDIR,
    WIRE_STEP_LANDLOCK_PART,
    WIRE_STEP_LANDLOCK_PLACE,
    WIRE_STEP_LANDLOCK_PORT,
    WIRE_STEP_LANDLOCK,
    WIRE_STEP_SECCOMP,
    WIRE_STEP_EXEC,
};
const size_t sample_codes_n = sizeof sample_codes;

union body {
  struct wire_step head;
  struct wire_step_run run;
  struct wire_step_promises promises;
  struct wire_step_note note;
  struct wire_step_namespaces namespaces;
  struct wire_step_map_ids map_ids;
  struct wire_step_join join;
  struct wire_step_clocks clocks;
  struct wire_step_hostname hostname;
  struct wire_step_number number;
  struct wire_step_identity identity;
  struct wire_step_root root;
  struct wire_step_layer layer;
  struct wire_step_idmap idmap;
  struct wire_step_self_bind self_bind;
  struct wire_step_dir dir;
  struct wire_step_link link;
  struct wire_step_file file;
  struct wire_step_bind bind;
  struct wire_step_tmpfs tmpfs;
  struct wire_step_place place;
  struct wire_step_dev dev;
  struct wire_step_proc proc;
  struct wire_step_fs fs;
  struct wire_step_overlay overlay;
  struct wire_step_symlink symlink;
  struct wire_step_remount remount;
  struct wire_step_plain plain;
  struct wire_step_reset reset;
  struct wire_step_rlimit rlimit;
  struct wire_step_capabilities capabilities;
  struct wire_step_access access;
  struct wire_step_landlock_part landlock_part;
  struct wire_step_landlock_place landlock_place;
  struct wire_step_landlock_port landlock_port;
  struct wire_step_label label;
  struct wire_step_seccomp seccomp;
};

#define BOTH (WIRE_HAS_SOURCE | WIRE_HAS_TARGET)

static size_t fill_run(struct styro_builder *b, union body *body)
{
  static char program[] = "/bin/true", dash[] = "-x", env[] = "PATH=/bin", name[] = "TERM", fd[] = "7";
  body->run = (struct wire_step_run){.timeout = 5000000000, .output_limit = 4096, .output_keep = WIRE_KEEP_BOTH};
  body->run.argv = styro_builder_list(b, (char *const[]){program, dash}, 2);
  body->run.env = styro_builder_list(b, (char *const[]){env}, 1);
  body->run.inherit_env = styro_builder_list(b, (char *const[]){name}, 1);
  body->run.preserve_fds = styro_builder_list(b, (char *const[]){fd}, 1);
  body->run.cwd = styro_builder_text(b, "/work");
  return sizeof body->run;
}

static size_t fill_note(struct styro_builder *b, union body *body)
{
  body->note.protection = STYRO_LIMIT_MEMORY;
  body->note.field = styro_builder_text(b, "/limits");
  body->note.why = styro_builder_text(b, "because");
  return sizeof body->note;
}

static size_t fill_seccomp(struct styro_builder *b, union body *body)
{
  static const struct styro_bpf allow[] = {{0x20, 0, 0, 4}, {0x06, 0, 0, 0x7fff0000}};
  body->seccomp.filter = styro_builder_filter(b, allow, 2);
  body->seccomp.n = 2;
  body->seccomp.words = styro_builder_text(b, "profile `strict`");
  return sizeof body->seccomp;
}

static size_t fill_bind(struct styro_builder *b, union body *body)
{
  body->bind.source.path = styro_builder_text(b, "srv/data"); /* below the root directory, source number 0 */
  body->bind.source.base = 1;
  body->bind.target.path = styro_builder_text(b, "/data");
  body->bind.attr_set = WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV;
  return sizeof body->bind;
}

static size_t fill_identity(struct styro_builder *b, uint16_t code, union body *body)
{
  switch (code) {
  case WIRE_STEP_PROMISES: body->promises.enforced = 1; return sizeof body->promises;
  case WIRE_STEP_NAMESPACES:
    body->namespaces.clone_flags = WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWNS;
    return sizeof body->namespaces;
  case WIRE_STEP_MAP_IDS:
    body->map_ids.uid = 1000;
    body->map_ids.gid = 1001;
    body->map_ids.uid_ranges = styro_builder_text(b, "1000 1500 1\n");
    body->map_ids.gid_ranges = styro_builder_text(b, "1001 1501 1\n");
    return sizeof body->map_ids;
  case WIRE_STEP_IDMAP:
    body->idmap.uid_ranges = styro_builder_text(b, "0 1500 1\n");
    body->idmap.gid_ranges = styro_builder_text(b, "");
    body->idmap.gid = 7;
    return sizeof body->idmap;
  case WIRE_STEP_IDENTITY:
    body->identity.uid = 1000;
    body->identity.gid = 1001;
    body->identity.groups = styro_builder_text(b, "10\n20\n");
    return sizeof body->identity;
  case WIRE_STEP_OOM_SCORE:
  case WIRE_STEP_NICE:
  case WIRE_STEP_NEST:
  case WIRE_STEP_USERNS_LIMIT: body->number.value = -3; return sizeof body->number;
  case WIRE_STEP_RESET: return sizeof body->reset;
  case WIRE_STEP_RLIMIT:
    body->rlimit.resource = 7;
    body->rlimit.soft = 64;
    body->rlimit.hard = WIRE_RLIM_INFINITY;
    return sizeof body->rlimit;
  case WIRE_STEP_LANDLOCK_PART:
    body->landlock_part.part = WIRE_LANDLOCK_PORTS;
    body->landlock_part.access = WIRE_LL_BIND_TCP;
    return sizeof body->landlock_part;
  case WIRE_STEP_LANDLOCK_PORT:
    body->landlock_port.port = 443;
    body->landlock_port.access = WIRE_LL_BIND_TCP;
    return sizeof body->landlock_port;
  case WIRE_STEP_CAPABILITIES: body->capabilities.no_new_privs = 1; return sizeof body->capabilities;
  default: return sizeof body->plain;
  }
}

static size_t fill_place(struct styro_builder *b, uint16_t code, union body *body, uint16_t *flags)
{
  *flags = WIRE_HAS_TARGET;
  switch (code) {
  case WIRE_STEP_DIR: body->dir.target.path = styro_builder_text(b, "/made"); return sizeof body->dir;
  case WIRE_STEP_FILE:
    body->file.target.path = styro_builder_text(b, "/etc/passwd");
    body->file.data = styro_builder_text(b, "root:x:0:0\n");
    return sizeof body->file;
  case WIRE_STEP_TMPFS:
    body->tmpfs.target.path = styro_builder_text(b, "/tmp");
    body->tmpfs.size = 65536;
    body->tmpfs.mode = 01777;
    return sizeof body->tmpfs;
  case WIRE_STEP_SELF_BIND: body->self_bind.target.path = styro_builder_text(b, "/data"); return sizeof body->self_bind;
  case WIRE_STEP_DEV: body->dev.target.path = styro_builder_text(b, "/dev"); return sizeof body->dev;
  case WIRE_STEP_PROC: body->proc.target.path = styro_builder_text(b, "/proc"); return sizeof body->proc;
  case WIRE_STEP_FS:
    body->fs.target.path = styro_builder_text(b, "/pts");
    body->fs.kind = WIRE_FS_DEVPTS;
    return sizeof body->fs;
  case WIRE_STEP_SYMLINK:
    body->symlink.target.path = styro_builder_text(b, "/link");
    body->symlink.text = styro_builder_text(b, "made");
    return sizeof body->symlink;
  case WIRE_STEP_OVERLAY: body->overlay.target.path = styro_builder_text(b, "/o"); return sizeof body->overlay;
  case WIRE_STEP_REMOUNT:
    body->remount.target.path = styro_builder_text(b, "/tmp");
    body->remount.attr_set = WIRE_MOUNT_ATTR_RDONLY;
    return sizeof body->remount;
  case WIRE_STEP_LANDLOCK_PLACE:
    body->landlock_place.target.path = styro_builder_text(b, "/tmp");
    body->landlock_place.access = WIRE_LL_ALL;
    return sizeof body->landlock_place;
  case WIRE_STEP_ACCESS: body->access.target.path = styro_builder_text(b, "/data"); return sizeof body->access;
  default: body->place.target.path = styro_builder_text(b, "/dev"); return sizeof body->place;
  }
}

static size_t fill_source(struct styro_builder *b, uint16_t code, union body *body, uint16_t *flags)
{
  *flags = code == WIRE_STEP_ROOT || code == WIRE_STEP_LAYER ? WIRE_HAS_SOURCE : BOTH;
  if (code == WIRE_STEP_BIND) {
    return fill_bind(b, body);
  }
  if (code == WIRE_STEP_ROOT) {
    body->root.kind = WIRE_ROOT_DIRECTORY;
    body->root.source.path = styro_builder_text(b, "/srv/root");
    return sizeof body->root;
  }
  if (code == WIRE_STEP_LAYER) {
    body->layer.kind = WIRE_LAYER_UPPER;
    body->layer.source.path = styro_builder_text(b, "/srv/upper");
    return sizeof body->layer;
  }
  body->link.source.path = styro_builder_text(b, "/bin");
  body->link.target.path = styro_builder_text(b, "/bin");
  return sizeof body->link;
}

static size_t fill(struct styro_builder *b, uint16_t code, union body *body, uint16_t *flags)
{
  switch (code) {
  case WIRE_STEP_RUN: return fill_run(b, body);
  case WIRE_STEP_NOTE: return fill_note(b, body);
  case WIRE_STEP_SECCOMP: return fill_seccomp(b, body);
  case WIRE_STEP_LABEL:
    body->label = (struct wire_step_label){.lsm = WIRE_LSM_SELINUX, .label = styro_builder_text(b, "box_t")};
    return sizeof body->label;
  case WIRE_STEP_JOIN:
    body->join.source.path = styro_builder_text(b, "/run/ns/net");
    body->join.space = WIRE_SPACE_NETWORK;
    return sizeof body->join;
  case WIRE_STEP_CLOCKS:
    body->clocks = (struct wire_step_clocks){.boottime = -1500000000, .monotonic = 3600000000000};
    return sizeof body->clocks;
  case WIRE_STEP_HOSTNAME:
    body->hostname.name = styro_builder_text(b, "box");
    body->hostname.domain = styro_builder_text(b, "lab");
    return sizeof body->hostname;
  case WIRE_STEP_ROOT:
  case WIRE_STEP_LAYER:
  case WIRE_STEP_LINK:
  case WIRE_STEP_BIND: return fill_source(b, code, body, flags);
  case WIRE_STEP_DIR:
  case WIRE_STEP_FILE:
  case WIRE_STEP_TMPFS:
  case WIRE_STEP_DEV:
  case WIRE_STEP_PROC:
  case WIRE_STEP_READ_ONLY:
  case WIRE_STEP_MASK:
  case WIRE_STEP_SEAL:
  case WIRE_STEP_SELF_BIND:
  case WIRE_STEP_FS:
  case WIRE_STEP_OVERLAY:
  case WIRE_STEP_SYMLINK:
  case WIRE_STEP_REMOUNT:
  case WIRE_STEP_LANDLOCK_PLACE:
  case WIRE_STEP_ACCESS: return fill_place(b, code, body, flags);
  default: return fill_identity(b, code, body);
  }
}

void *sample_block_of(const uint8_t *codes, size_t n, uint32_t flags, size_t *len)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_builder builder;
  styro_builder_init(&builder, &alloc);
  for (size_t i = 0; i < n; i++) {
    union body body;
    uint16_t step_flags = 0;
    memset(&body, 0, sizeof body);
    size_t size = fill(&builder, codes[i], &body, &step_flags);
    styro_builder_step(&builder, codes[i], step_flags, "/paths", STYRO_FATAL, &body, size);
  }
  flags |= memchr(codes, WIRE_STEP_IDMAP, n) ? WIRE_PLAN_IDMAPS : 0; /* the two go together */
  void *block = styro_builder_finish(&builder, flags, len);
  styro_builder_free(&builder);
  if (!block) {
    abort();
  }
  return block;
}

void *sample_block(size_t *len)
{
  return sample_block_of(sample_codes, sample_codes_n, WIRE_PLAN_INIT, len);
}

static styro_plan *adopt(void *block, size_t len)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  styro_plan *plan = NULL;
  if (styro_plan_adopt(&alloc, block, len, &plan, NULL) != 0) {
    abort();
  }
  return plan;
}

styro_plan *sample_plan(void)
{
  size_t len;
  void *block = sample_block(&len);
  return adopt(block, len);
}

static styro_plan *sample_without_join(bool idmap)
{
  uint8_t codes[WIRE_STEP_COUNT];
  size_t n = 0, len;
  for (size_t i = 0; i < sample_codes_n; i++) {
    if ((idmap || sample_codes[i] != WIRE_STEP_IDMAP) && sample_codes[i] != WIRE_STEP_JOIN) {
      codes[n++] = sample_codes[i];
    }
  }
  void *block = sample_block_of(codes, n, WIRE_PLAN_INIT, &len);
  return adopt(block, len);
}

styro_plan *sample_plan_to_spawn(void)
{
  return sample_without_join(false);
}

styro_plan *sample_plan_with_idmap(void)
{
  return sample_without_join(true);
}

void *sample_step(void *block, int code)
{
  struct wire_step *step = (struct wire_step *)(void *)((char *)block + ((struct wire_plan *)block)->steps_off);
  for (uint32_t i = sample_number(block, code); i > 0; i--) {
    step = (struct wire_step *)(void *)((char *)step + step->size);
  }
  return step;
}

uint32_t sample_number(const void *block, int code)
{
  const struct wire_plan *plan = block;
  const struct wire_step *step = wire_step_first(plan);
  for (uint32_t i = 0; i < plan->steps_n; i++, step = wire_step_next(step)) {
    if (step->code == code) {
      return i;
    }
  }
  abort();
}

int sample_check(const void *block, size_t len, uint32_t *step)
{
  return wire_plan_check(block, len, wire_id, step);
}
