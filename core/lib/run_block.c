/*
 * The run block in memory and in its memfd: the layout of core/wire/run.h filled from one order. Knows nothing about
 * what a run may vary (order.h) or what the clone adds (spawn.h).
 */
#include "run_block.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../wire/plan.h"
#include "environment.h"
#include "fd.h"
#include "named_fds.h"
#include "subid_host.h"

/* What goes into the block, before its size is known. */
struct parts {
  const struct styro_order *order;
  const struct wire_list *planned_argv; /* used when the run gives no argv */
  size_t argc;
  struct styro_environment environment;
  const char *cwd;
  struct styro_subid_maps maps;
};

static size_t count_texts(const char *const *texts)
{
  size_t n = 0;
  while (texts && texts[n]) {
    n++;
  }
  return n;
}

static size_t list_size(const struct wire_list *list)
{
  return list ? list->n : 0;
}

static const char *argument(const struct parts *parts, size_t i)
{
  return parts->order->run.argv ? parts->order->run.argv[i]
                                : wire_str(parts->order->plan->block, parts->planned_argv->at[i]);
}

/*
 * The request's entries, then what it inherits (only what its own env does not set), then the run's own: the later one
 * wins.
 */
static int gather_environment(struct parts *parts, const styro_allocator *alloc)
{
  const styro_plan *plan = parts->order->plan;
  const char *const *added = parts->order->run.env;
  const struct wire_list *own = wire_list_at(plan->block, plan->run->env);
  const struct wire_list *inherited = wire_list_at(plan->block, plan->run->inherit_env);
  size_t added_n = count_texts(added);
  int rc = styro_environment_init(&parts->environment, alloc, list_size(own) + list_size(inherited) + added_n);
  if (rc) {
    return rc;
  }
  for (size_t i = 0; i < list_size(own); i++) {
    styro_environment_put(&parts->environment, wire_str(plan->block, own->at[i]));
  }
  for (size_t i = 0; i < list_size(inherited); i++) {
    styro_environment_inherit(&parts->environment, wire_str(plan->block, inherited->at[i]));
  }
  for (size_t i = 0; i < added_n; i++) {
    styro_environment_put(&parts->environment, added[i]);
  }
  return STYRO_OK;
}

static int gather(struct parts *parts, const styro_allocator *alloc, const struct styro_order *order)
{
  const styro_plan *plan = order->plan;
  memset(parts, 0, sizeof *parts);
  parts->order = order;
  parts->planned_argv = wire_list_at(plan->block, plan->run->argv);
  parts->argc = order->run.argv ? count_texts(order->run.argv) : list_size(parts->planned_argv);
  parts->cwd = order->run.cwd ? order->run.cwd : wire_str(plan->block, plan->run->cwd);
  if (!*parts->cwd) {
    parts->cwd = "/";
  }
  return gather_environment(parts, alloc);
}

/* ---- layout ------------------------------------------------------------------------------------------------------ */

static size_t align8(size_t value)
{
  return (value + 7) & ~(size_t)7;
}

/* Header, the two vectors, the fd table, then all texts. */
static size_t measure(const struct parts *parts, size_t fds_n)
{
  const char *const optional[] = {parts->maps.uid_map, parts->maps.gid_map, parts->maps.uid_tool, parts->maps.gid_tool};
  size_t size = sizeof(struct wire_run) + 8 * (parts->argc + 1) + 8 * (parts->environment.n + 1) +
                fds_n * sizeof(struct wire_fd_entry) + strlen(parts->cwd) + 1;
  for (size_t i = 0; i < parts->argc; i++) {
    size += strlen(argument(parts, i)) + 1;
  }
  for (size_t i = 0; i < parts->environment.n; i++) {
    size += strlen(parts->environment.entries[i].text) + 1;
  }
  for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
    size += optional[i] ? strlen(optional[i]) + 1 : 0;
  }
  return align8(size);
}

struct writer {
  char *base;
  size_t vectors; /* where the next vector goes */
  size_t texts;   /* where the next text goes */
};

static size_t write_text(struct writer *writer, const char *text)
{
  size_t at = writer->texts;
  size_t size = strlen(text) + 1;
  memcpy(writer->base + at, text, size);
  writer->texts += size;
  return at;
}

static void write_word(struct writer *writer, uint64_t word)
{
  memcpy(writer->base + writer->vectors, &word, sizeof word);
  writer->vectors += sizeof word;
}

static void write_vectors(struct writer *writer, const struct parts *parts, struct wire_run *run)
{
  run->argc = (uint32_t)parts->argc;
  run->argv_off = (uint32_t)writer->vectors;
  for (size_t i = 0; i < parts->argc; i++) {
    write_word(writer, write_text(writer, argument(parts, i)));
  }
  write_word(writer, 0);
  run->envc = (uint32_t)parts->environment.n;
  run->env_off = (uint32_t)writer->vectors;
  for (size_t i = 0; i < parts->environment.n; i++) {
    write_word(writer, write_text(writer, parts->environment.entries[i].text));
  }
  write_word(writer, 0);
  run->cwd_off = (uint32_t)write_text(writer, parts->cwd);
}

static uint32_t write_optional(struct writer *writer, const char *text)
{
  return text ? (uint32_t)write_text(writer, text) : 0;
}

static void write_maps(struct writer *writer, const struct styro_subid_maps *maps, struct wire_run *run)
{
  run->uid_map_off = write_optional(writer, maps->uid_map);
  run->gid_map_off = write_optional(writer, maps->gid_map);
  run->uid_tool_off = write_optional(writer, maps->uid_tool);
  run->gid_tool_off = write_optional(writer, maps->gid_tool);
}

static void write_fds(struct writer *writer, const struct styro_run_block *block, struct wire_run *run)
{
  run->fds_n = (uint32_t)block->extra_n;
  run->fds_off = (uint32_t)writer->vectors;
  for (size_t i = 0; i < block->extra_n; i++) {
    const struct wire_fd_entry entry = {.at = WIRE_FD_FIRST_FREE + (int32_t)i,
                                        .target = i < block->payload_n ? block->extra[i] : ~block->extra[i]};
    memcpy(writer->base + writer->vectors, &entry, sizeof entry);
    writer->vectors += sizeof entry;
  }
}

static int64_t now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void write_block(const struct parts *parts, struct styro_run_block *block)
{
  struct wire_run *run = block->run;
  struct writer writer = {.base = (char *)run, .vectors = sizeof *run};
  writer.texts = sizeof *run + 8 * (parts->argc + 1) + 8 * (parts->environment.n + 1) +
                 block->extra_n * sizeof(struct wire_fd_entry);
  run->magic = WIRE_RUN_MAGIC;
  run->format = WIRE_RUN_FORMAT;
  run->header_size = sizeof *run;
  run->total = (uint32_t)block->len;
  run->timeout = parts->order->timeout;
  run->grace = parts->order->grace;
  run->spawned = now();
  write_vectors(&writer, parts, run);
  write_fds(&writer, block, run);
  write_maps(&writer, &parts->maps, run);
}

/* ---- fd table ---------------------------------------------------------------------------------------------------- */

static bool has_extra(const struct styro_run_block *block, int fd)
{
  for (size_t i = 0; i < block->extra_n; i++) {
    if (block->extra[i] == fd) {
      return true;
    }
  }
  return false;
}

/* One number once, also where the payload gets what the helper works with. */
static void add_fd(struct styro_run_block *block, int fd)
{
  if (!has_extra(block, fd)) {
    block->extra[block->extra_n++] = fd;
  }
}

static int gather_fds(const struct styro_order *order, struct styro_run_block *block)
{
  size_t preserved = styro_order_preserved(order);
  size_t named = styro_named_fds(order->plan);
  block->extra_room = preserved + named;
  if (block->extra_room == 0) {
    return STYRO_OK;
  }
  block->extra = styro_alloc_array(&block->alloc, block->extra_room, sizeof *block->extra);
  if (!block->extra) {
    return STYRO_ENOMEM;
  }
  for (size_t i = 0; i < preserved; i++) {
    add_fd(block, styro_order_preserved_at(order, i));
  }
  block->payload_n = block->extra_n;
  for (size_t i = 0; i < named; i++) {
    add_fd(block, styro_named_fd_at(order->plan, i, NULL));
  }
  return STYRO_OK;
}

/* ---- the block --------------------------------------------------------------------------------------------------- */

static int fail_size(styro_error *err, size_t len)
{
  styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, E2BIG,
             "command and environment of this run take %zu bytes; at most %u are allowed", len, WIRE_RUN_MAX);
  styro_error_field(err, "/command");
  styro_error_hint(err, "hand large data over on stdin or in a file");
  return STYRO_EREQUEST;
}

static int build(struct styro_run_block *block, const struct parts *parts, styro_error *err)
{
  size_t len = measure(parts, block->extra_n);
  if (len > WIRE_RUN_MAX) {
    return fail_size(err, len);
  }
  block->run = styro_alloc(&block->alloc, len);
  if (!block->run) {
    return styro_fail_memory(err, STYRO_STAGE_SPAWN);
  }
  block->len = len;
  write_block(parts, block);
  return STYRO_OK;
}

int styro_run_block_build(const styro_allocator *alloc, const struct styro_order *order, struct styro_run_block *out,
                          styro_error *err)
{
  struct styro_run_block block = {.alloc = *alloc};
  struct parts parts;
  if (gather_fds(order, &block) || gather(&parts, alloc, order)) {
    styro_run_block_free(&block);
    return styro_fail_memory(err, STYRO_STAGE_SPAWN);
  }
  int rc = styro_subid_maps(order->plan, alloc, &parts.maps, err);
  rc = rc ? rc : build(&block, &parts, err);
  styro_environment_free(&parts.environment);
  styro_subid_maps_free(alloc, &parts.maps);
  if (rc) {
    styro_run_block_free(&block);
    return rc;
  }
  *out = block;
  return STYRO_OK;
}

void styro_run_block_free(struct styro_run_block *block)
{
  styro_dealloc(&block->alloc, block->run, block->len);
  styro_dealloc(&block->alloc, block->extra, block->extra_room * sizeof *block->extra);
  block->run = NULL;
  block->extra = NULL;
}

int styro_run_block_write(const struct styro_run_block *block, int memfd, styro_error *err)
{
  const char *bytes = (const char *)block->run;
  for (size_t done = 0; done < block->len;) {
    ssize_t n = pwrite(memfd, bytes + done, block->len - done, (off_t)done);
    if (n < 0 && errno != EINTR) {
      return styro_fd_fail(err, errno, "the run block");
    }
    done += n > 0 ? (size_t)n : 0;
  }
  return STYRO_OK;
}
