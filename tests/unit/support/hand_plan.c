/* A plan put together by hand: just the steps that the library itself reads, for tests of the runtime half. */
#include "hand_plan.h"

#include <string.h>
#include <unistd.h>

#include "wire/id.h"
#include "wire/plan.h"

static const uint8_t wire_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;

static struct wire_plan *head(struct hand_plan *hand)
{
  return (struct wire_plan *)(void *)hand->block;
}

static uint32_t add_step(struct hand_plan *hand, uint16_t code, const void *body, size_t size)
{
  uint32_t at = hand->steps;
  struct wire_step *step = (struct wire_step *)(void *)(hand->block + at);
  memcpy(step, body, size);
  step->code = code;
  step->size = (uint32_t)size;
  hand->steps += step->size;
  head(hand)->steps_n++;
  return at;
}

uint32_t hand_plan_text(struct hand_plan *hand, const char *text)
{
  uint32_t at = hand->data;
  struct wire_text *entry = (struct wire_text *)(void *)(hand->block + at);
  entry->len = (uint32_t)strlen(text);
  memcpy(entry->bytes, text, entry->len + 1);
  hand->data = (at + (uint32_t)sizeof *entry + entry->len + 1 + 7) & ~7u;
  return at;
}

uint32_t hand_plan_list(struct hand_plan *hand, const char *const *texts)
{
  uint32_t offsets[64];
  uint32_t n = 0;
  for (; texts[n]; n++) {
    offsets[n] = hand_plan_text(hand, texts[n]);
  }
  uint32_t at = hand->data;
  struct wire_list *list = (struct wire_list *)(void *)(hand->block + at);
  list->n = n;
  memcpy(list->at, offsets, n * sizeof *offsets);
  hand->data = (at + (uint32_t)sizeof *list + n * 4 + 7) & ~7u;
  return at;
}

struct wire_step_run *hand_run(struct hand_plan *hand)
{
  return (struct wire_step_run *)(void *)(hand->block + hand->run);
}

struct wire_step_promises *hand_promises(struct hand_plan *hand)
{
  return (struct wire_step_promises *)(void *)(hand->block + hand->promises);
}

void hand_flags(struct hand_plan *hand, uint32_t flags)
{
  head(hand)->flags = flags;
}

void hand_plan_note(struct hand_plan *hand, int protection, bool approximated, const char *field, const char *why)
{
  struct wire_step_note note = {.protection = (uint32_t)protection, .approximated = approximated};
  note.field = hand_plan_text(hand, field);
  note.why = hand_plan_text(hand, why);
  add_step(hand, WIRE_STEP_NOTE, &note, sizeof note);
}

void hand_plan_init(struct hand_plan *hand)
{
  struct wire_step_run run = {.grace = 0};
  struct wire_step_promises promises = {.enforced = (UINT64_C(1) << STYRO_PROTECTION_COUNT) - 1};
  struct wire_step_namespaces namespaces = {.clone_flags = 0};
  struct wire_step_map_ids map_ids = {.uid = 1000, .gid = 1000};
  memset(hand, 0, sizeof *hand);
  struct wire_plan *plan = head(hand);
  *plan = (struct wire_plan){.magic = WIRE_PLAN_MAGIC,
                             .format = WIRE_PLAN_FORMAT,
                             .header_size = sizeof *plan,
                             .total = HAND_SIZE,
                             .steps_off = sizeof *plan,
                             .data_off = HAND_DATA,
                             .flags = WIRE_PLAN_INIT};
  memcpy(plan->wire_id, wire_id, sizeof wire_id);
  hand->steps = sizeof *plan;
  hand->data = HAND_DATA;
  hand->run = add_step(hand, WIRE_STEP_RUN, &run, sizeof run);
  hand->promises = add_step(hand, WIRE_STEP_PROMISES, &promises, sizeof promises);
  uint32_t namespaces_at = add_step(hand, WIRE_STEP_NAMESPACES, &namespaces, sizeof namespaces);
  uint32_t map_ids_at = add_step(hand, WIRE_STEP_MAP_IDS, &map_ids, sizeof map_ids);
  hand_run(hand)->argv = hand_plan_list(hand, (const char *const[]){"/bin/true", NULL});
  hand_run(hand)->env = hand_plan_list(hand, (const char *const[]){"A=1", NULL});
  hand_run(hand)->cwd = hand_plan_text(hand, "/home/sandbox");
  hand_run(hand)->head.flags = WIRE_DEFAULTED;
  hand->plan.alloc = styro_allocator_or_malloc(NULL);
  hand->plan.block = hand->block;
  hand->plan.len = HAND_SIZE;
  hand->plan.run = hand_run(hand);
  hand->plan.promises = hand_promises(hand);
  hand->plan.namespaces = (const void *)(hand->block + namespaces_at);
  hand->plan.map_ids = (const void *)(hand->block + map_ids_at);
  hand->plan.memfd = -1;
}

void hand_plan_free(struct hand_plan *hand)
{
  int fd = hand->plan.memfd;
  if (fd >= 0) {
    close(fd);
  }
  hand->plan.memfd = -1;
}
