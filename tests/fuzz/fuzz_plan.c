/*
 * Fuzzes the checked reader of plans, shared by library and helper, and what the library reads from a checked plan.
 * An input is a choice and a list of edits on a plan that was compiled just now, so that the corpus never grows old:
 *   byte 0 picks the request below, or the rest of the input as it is; then, four bytes each: offset (24 bits), new byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "styrolite.h"
#include "wire/id.h"
#include "wire/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const requests[] = {
    "{\"version\": 1}",
    "{\"version\": 1, \"root\": \"empty\", \"command\": [\"/bin/true\", \"a\"], \"init\": false}",
    ("{\"version\": 1, \"root\": {\"directory\": \"/srv/root\"}, \"command\": [\"sh\"], \"timeout\": \"5s\", \"env\": {\"A\": \"b\"},"
     " \"paths\": {\"/out\": {\"from\": \"/o\", \"access\": \"rw\"}, \"/out/x\": \"deny\", \"/t\": \"tmpfs\"}}"),
    ("{\"version\": 1, \"mounts\": [{\"type\": \"file\", \"at\": \"/f\", \"data_base64\": \"AAEC/w==\"},"
     " {\"type\": \"overlay\", \"at\": \"/o\", \"lower\": [\"/a\", \"/b\"]}, {\"type\": \"remount\", \"at\": \"/o\", \"noexec\": true},"
     " {\"type\": \"symlink\", \"at\": \"/l\", \"target\": \"f\"}, {\"type\": \"propagation\", \"at\": \"/\", \"propagation\": \"shared\"}]}"),
};
#define REQUESTS_N (sizeof requests / sizeof requests[0])
#define EDIT_SIZE 4

static const uint8_t wire_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;

static void must(int condition)
{
  if (!condition) {
    abort();
  }
}

static uint32_t crc32c(const uint8_t *bytes, size_t len)
{
  uint32_t crc = UINT32_MAX;

  for (size_t i = 0; i < len; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
    }
  }
  return ~crc;
}

/* The block of one of the requests, in memory of exactly its size, so that a read past the end shows. */
static uint8_t *compile(const char *json, size_t *len)
{
  styro_error error = {.size = sizeof error};
  styro_request *request;
  styro_plan *plan;
  const void *bytes;

  must(styro_request_from_json(NULL, json, strlen(json), &request, &error) == 0);
  must(styro_plan_compile(request, &plan, &error) == 0);
  must(styro_plan_bytes(plan, &bytes, len, &error) == 0);
  uint8_t *block = malloc(*len);
  must(block != NULL);
  memcpy(block, bytes, *len);
  styro_plan_free(plan);
  styro_request_free(request);
  return block;
}

static uint8_t *make_block(const uint8_t *data, size_t size, size_t *len)
{
  if (data[0] % (REQUESTS_N + 1) == REQUESTS_N) {
    *len = size - 1;
    uint8_t *raw = malloc(*len ? *len : 1);
    must(raw != NULL);
    memcpy(raw, data + 1, *len);
    return raw;
  }
  uint8_t *block = compile(requests[data[0] % (REQUESTS_N + 1)], len);
  for (size_t at = 1; at + EDIT_SIZE <= size; at += EDIT_SIZE) {
    size_t offset = (size_t)data[at] | (size_t)data[at + 1] << 8 | (size_t)data[at + 2] << 16;
    block[offset % *len] = data[at + 3];
  }
  return block;
}

/* Identity, length and check sum are not what is to be found out by guessing. */
static void mend_header(uint8_t *block, size_t len)
{
  struct wire_plan head;

  if (len < sizeof head || len > UINT32_MAX) {
    return;
  }
  memcpy(&head, block, sizeof head);
  memcpy(head.wire_id, wire_id, sizeof wire_id);
  head.total = (uint32_t)len;
  head.crc32c = 0;
  memcpy(block, &head, sizeof head);
  head.crc32c = crc32c(block, len);
  memcpy(block, &head, sizeof head);
}

/* After a check that found nothing, every accessor may be used. */
static size_t walk(const uint8_t *block)
{
  const struct wire_plan *plan = (const struct wire_plan *)(const void *)block;
  const struct wire_step *step = wire_step_first(plan);
  size_t sum = 0;

  for (uint32_t i = 0; i < plan->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_source *source = wire_step_source(step);
    const struct wire_target *target = wire_step_target(step);
    sum += source ? strlen(wire_str(block, source->path)) : 0;
    sum += target ? strlen(wire_str(block, target->path)) : 0;
  }
  return sum;
}

static void read_plan(const uint8_t *block, size_t len)
{
  styro_error error = {.size = sizeof error};
  styro_plan *plan = NULL;
  char *text = NULL;

  if (styro_plan_from_bytes(NULL, block, len, &plan, &error) < 0) {
    must(error.code < 0 && error.message[0]);
    return;
  }
  for (int format = STYRO_FORMAT_TEXT; format <= STYRO_FORMAT_JSON; format++) {
    must(styro_plan_explain(plan, format, NULL, &text, &error) == 0);
    styro_text_free(NULL, text);
  }
  styro_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  size_t len;
  uint32_t step = 0;

  if (size == 0) {
    return 0;
  }
  uint8_t *block = make_block(data, size, &len);
  mend_header(block, len);
  int fault = wire_plan_check(block, len, wire_id, &step);
  must(fault >= 0 && fault < WIRE_FAULT_COUNT && wire_fault_text(fault) != NULL);
  if (fault == WIRE_FAULT_NONE) {
    (void)walk(block);
  }
  read_plan(block, len);
  free(block);
  return 0;
}
