/* Writing a plan: steps and data grow side by side and are joined at the end. Knows the format, no policy. */
#include "builder.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../wire/id.h"
#include "collection.h"
#include "encoding.h"

static const uint8_t wire_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;

void styro_builder_init(struct styro_builder *builder, const styro_allocator *alloc)
{
  static const char nothing[8];
  memset(builder, 0, sizeof *builder);
  builder->alloc = *alloc;
  styro_buffer_init(&builder->steps, alloc);
  styro_buffer_init(&builder->data, alloc);
  styro_buffer_bytes(&builder->data, nothing, sizeof nothing);
}

void styro_builder_free(struct styro_builder *builder)
{
  styro_buffer_free(&builder->steps);
  styro_buffer_free(&builder->data);
}

uint32_t styro_builder_text(struct styro_builder *builder, const char *text)
{
  if (!text) {
    return 0;
  }
  styro_buffer_align(&builder->data, 8);
  uint32_t at = (uint32_t)builder->data.len;
  uint32_t len = (uint32_t)strlen(text);
  styro_buffer_bytes(&builder->data, &len, sizeof len);
  styro_buffer_bytes(&builder->data, text, (size_t)len + 1);
  return at;
}

uint32_t styro_builder_base64(struct styro_builder *builder, const char *text)
{
  styro_buffer_align(&builder->data, 8);
  uint32_t at = (uint32_t)builder->data.len;
  uint32_t len = (uint32_t)styro_base64_size(text);
  styro_buffer_bytes(&builder->data, &len, sizeof len);
  styro_base64_decode(&builder->data, text);
  styro_buffer_bytes(&builder->data, "", 1);
  return at;
}

/* Below another source everything is a path, also one that looks like a number. */
struct wire_source styro_builder_source(struct styro_builder *builder, const char *object, uint32_t base)
{
  char name[32];
  int fd = base == 0 ? styro_source_fd(object) : -1;
  if (fd < 0) {
    return (struct wire_source){.path = styro_builder_text(builder, object), .base = base};
  }
  snprintf(name, sizeof name, "descriptor %d", fd);
  return (struct wire_source){.path = styro_builder_text(builder, name), .base = WIRE_SOURCE_FD | (uint32_t)fd};
}

/* Texts first, then the list of their offsets, gathered by walking over them once more. */
uint32_t styro_builder_list(struct styro_builder *builder, char *const *items, size_t n)
{
  styro_buffer_align(&builder->data, 8);
  uint32_t next = (uint32_t)builder->data.len;
  for (size_t i = 0; i < n; i++) {
    styro_builder_text(builder, items[i]);
  }
  styro_buffer_align(&builder->data, 8);
  uint32_t at = (uint32_t)builder->data.len;
  uint32_t count = (uint32_t)n;
  styro_buffer_bytes(&builder->data, &count, sizeof count);
  for (size_t i = 0; i < n; i++) {
    styro_buffer_bytes(&builder->data, &next, sizeof next);
    next += (uint32_t)(sizeof(uint32_t) + strlen(items[i]) + 1 + 7) & ~7u;
  }
  return at;
}

uint32_t styro_builder_filter(struct styro_builder *builder, const struct styro_bpf *program, size_t n)
{
  styro_buffer_align(&builder->data, 8);
  uint32_t at = (uint32_t)builder->data.len;
  styro_buffer_bytes(&builder->data, program, n * sizeof *program);
  return at;
}

void styro_builder_step(struct styro_builder *builder, uint16_t code, uint16_t flags, const char *field,
                        int best_effort_protection, void *body, size_t size)
{
  struct wire_step *head = body;
  head->code = code;
  head->flags = flags;
  head->size = (uint32_t)size;
  head->field_id = styro_field_id(field) | builder->item << WIRE_ITEM_SHIFT;
  head->best_effort = (uint32_t)(best_effort_protection + 1);
  styro_buffer_bytes(&builder->steps, body, size);
  builder->steps_n++;
  builder->sources_n += flags & WIRE_HAS_SOURCE ? 1 : 0;
  builder->kept_n += flags & WIRE_KEEP ? 1 : 0;
}

uint32_t styro_plan_crc32c(const void *block, size_t len)
{
  const unsigned char *bytes = block;
  const size_t hole = offsetof(struct wire_plan, crc32c);
  uint32_t crc = ~0u;
  for (size_t i = 0; i < len; i++) {
    crc ^= i >= hole && i < hole + sizeof(uint32_t) ? 0 : bytes[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
  }
  return ~crc;
}

/* Offsets count from the data's start until here; each is moved by one constant, 0 stays "none". */
static uint32_t move_offset(void *at, uint32_t by)
{
  uint32_t value;
  memcpy(&value, at, sizeof value);
  value += value ? by : 0;
  memcpy(at, &value, sizeof value);
  return value;
}

static void move_list(char *block, uint32_t at, uint32_t by)
{
  uint32_t n = 0;
  if (at) {
    memcpy(&n, block + at, sizeof n);
  }
  for (uint32_t i = 0; i < n; i++) {
    move_offset(block + at + sizeof n + i * sizeof(uint32_t), by);
  }
}

static void move_offsets(char *block, uint32_t by)
{
  struct wire_plan *plan = (void *)block;
  struct wire_step *step = (void *)(block + plan->steps_off);
  struct wire_reference references[WIRE_REFERENCES_MAX];
  for (uint32_t i = 0; i < plan->steps_n; i++) {
    unsigned n = wire_step_references(step, references);
    for (unsigned k = 0; k < n; k++) {
      uint32_t at = move_offset((char *)step + references[k].at, by);
      if (references[k].list) {
        move_list(block, at, by);
      }
    }
    step = (void *)((char *)step + step->size);
  }
}

void *styro_builder_finish(struct styro_builder *builder, uint32_t flags, size_t *len)
{
  styro_buffer_align(&builder->data, 8);
  if (builder->steps.failed || builder->data.failed) {
    return NULL;
  }
  size_t total = sizeof(struct wire_plan) + builder->steps.len + builder->data.len;
  char *block = styro_alloc(&builder->alloc, total);
  if (!block) {
    return NULL;
  }
  struct wire_plan *plan = (void *)block;
  *plan = (struct wire_plan){.magic = WIRE_PLAN_MAGIC,
                             .format = WIRE_PLAN_FORMAT,
                             .header_size = sizeof *plan,
                             .total = (uint32_t)total,
                             .steps_off = sizeof *plan,
                             .steps_n = builder->steps_n,
                             .data_off = (uint32_t)(sizeof *plan + builder->steps.len),
                             .flags = flags};
  memcpy(plan->wire_id, wire_id, sizeof plan->wire_id);
  memcpy(block + plan->steps_off, builder->steps.data, builder->steps.len);
  memcpy(block + plan->data_off, builder->data.data, builder->data.len);
  move_offsets(block, plan->data_off);
  plan->crc32c = styro_plan_crc32c(block, total);
  *len = total;
  return block;
}
