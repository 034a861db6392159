/* Writing a plan: steps and data grow side by side and are joined at the end. Knows the format, no policy. */
#ifndef STYRO_LIB_BUILDER_H
#define STYRO_LIB_BUILDER_H

#include "alloc.h"
#include "plan_format.h"
#include "request.h"

struct styro_builder {
  styro_allocator alloc;
  struct styro_buffer steps;
  struct styro_buffer data; /* starts with 8 zero bytes, so that no offset is 0 */
  uint32_t steps_n;
  uint32_t sources_n;
  uint32_t kept_n;
  uint32_t item; /* 1 + the number of the list's item that the next steps are for, 0: of none */
};

void styro_builder_init(struct styro_builder *builder, const styro_allocator *alloc);
void styro_builder_free(struct styro_builder *builder);

/* Data: each returns an offset that becomes valid in the finished block. */
uint32_t styro_builder_text(struct styro_builder *builder, const char *text); /* 0 for NULL */
/* `object` as a field of type SOURCE holds it; base as in struct wire_source. */
struct wire_source styro_builder_source(struct styro_builder *builder, const char *object, uint32_t base);
uint32_t styro_builder_list(struct styro_builder *builder, char *const *items, size_t n);
uint32_t styro_builder_base64(struct styro_builder *builder, const char *text); /* bytes of a text that was checked */
uint32_t styro_builder_filter(struct styro_builder *builder, const struct styro_bpf *program, size_t n);

/*
 * Appends a step: body is a whole struct wire_step_*, its head's size and counters are filled in here. The step's field is
 * given by its JSON pointer.
 */
void styro_builder_step(struct styro_builder *builder, uint16_t code, uint16_t flags, const char *field,
                        int best_effort_protection, void *body, size_t size);

#define STYRO_FATAL (-1) /* best_effort_protection of a step whose failure ends the set-up */

/* The finished block (allocated, *len bytes); NULL when memory ran out. */
void *styro_builder_finish(struct styro_builder *builder, uint32_t flags, size_t *len);

/* CRC-32C (Castagnoli) of the block with its crc32c word taken as 0. */
uint32_t styro_plan_crc32c(const void *block, size_t len);

#endif
