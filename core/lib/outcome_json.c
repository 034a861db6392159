/* The outcome as JSON, by hand: one writer, every key always present, null when not known, no locale in the numbers. */
#include <string.h>

#include "encoding.h"
#include "outcome.h"

#define SECOND INT64_C(1000000000)

struct json {
  struct styro_buffer buffer;
  bool first; /* nothing stands yet in the object or list at hand */
};

static void json_comma(struct json *json)
{
  styro_buffer_text(&json->buffer, json->first ? "" : ", ");
  json->first = false;
}

static void json_key(struct json *json, const char *key)
{
  json_comma(json);
  styro_buffer_format(&json->buffer, "\"%s\": ", key);
}

static void json_open(struct json *json, const char *bracket)
{
  styro_buffer_text(&json->buffer, bracket);
  json->first = true;
}

static void json_close(struct json *json, const char *bracket)
{
  styro_buffer_text(&json->buffer, bracket);
  json->first = false;
}

/* Texts of errors may quote paths, which are bytes: what is no UTF-8 becomes '?', as JSON allows nothing else. */
static void json_text(struct json *json, const char *text)
{
  char clean[sizeof(styro_error)];
  size_t len = strnlen(text, sizeof clean - 1);
  memcpy(clean, text, len);
  for (size_t at = 0; at < len;) {
    size_t step = styro_utf8_length(clean + at, len - at);
    if (step == 0) {
      clean[at] = '?';
      step = 1;
    }
    at += step;
  }
  styro_buffer_json_string(&json->buffer, clean, len);
}

static void put_null(struct json *json, const char *key)
{
  json_key(json, key);
  styro_buffer_text(&json->buffer, "null");
}

/* NULL and "" both stand for "nothing to say". */
static void put_text(struct json *json, const char *key, const char *text)
{
  if (!text || !*text) {
    put_null(json, key);
    return;
  }
  json_key(json, key);
  json_text(json, text);
}

static void put_int(struct json *json, const char *key, int64_t value)
{
  if (value < 0) {
    put_null(json, key);
    return;
  }
  json_key(json, key);
  styro_buffer_format(&json->buffer, "%lld", (long long)value);
}

static void put_bool(struct json *json, const char *key, bool value)
{
  json_key(json, key);
  styro_buffer_text(&json->buffer, value ? "true" : "false");
}

/* Nanoseconds as seconds, exactly: 0.012345678, without trailing zeros. printf's %f would follow the locale. */
static void put_seconds(struct json *json, const char *key, int64_t value)
{
  if (value < 0) {
    put_null(json, key);
    return;
  }
  long long fraction = value % SECOND;
  int digits = 9;
  while (digits > 1 && fraction % 10 == 0) {
    fraction /= 10;
    digits--;
  }
  json_key(json, key);
  styro_buffer_format(&json->buffer, "%lld.%0*lld", (long long)(value / SECOND), digits, fraction);
}

static void put_error(struct json *json, const styro_error *error)
{
  if (error->code == STYRO_OK) {
    put_null(json, "error");
    return;
  }
  json_key(json, "error");
  json_open(json, "{");
  put_text(json, "code", styro_code_name(error->code));
  put_int(json, "errno", error->sys_errno ? error->sys_errno : -1);
  put_text(json, "errno_name", error->sys_errno ? styro_errno_name(error->sys_errno) : NULL);
  put_text(json, "stage", styro_stage_name(error->stage));
  put_text(json, "field", error->field);
  put_text(json, "object", error->object);
  put_text(json, "message", error->message);
  put_text(json, "hint", error->hint);
  json_close(json, "}");
}

/* ---- protections ------------------------------------------------------------------------------------------------- */

static void put_enforced(struct json *json, uint64_t mask)
{
  json_key(json, "enforced");
  json_open(json, "[");
  for (int i = 0; i < STYRO_PROTECTION_COUNT; i++) {
    if (mask >> i & 1) {
      json_comma(json);
      json_text(json, styro_protection_name(i));
    }
  }
  json_close(json, "]");
}

static void put_weakness(struct json *json, int protection, const char *field, const char *why)
{
  json_comma(json);
  json_open(json, "{");
  put_text(json, "protection", styro_protection_name(protection));
  put_text(json, "field", field);
  put_text(json, "why", why);
  json_close(json, "}");
}

/* The plan's notes on a protection. False when it has none. */
static bool put_notes(struct json *json, const struct styro_facts *facts, int protection, bool approximated)
{
  const struct wire_plan *plan = facts->plan->block;
  const struct wire_step *step = wire_step_first(plan);
  bool any = false;
  for (uint32_t i = 0; i < plan->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_step_note *note = (const void *)step;
    if (step->code == WIRE_STEP_NOTE && note->protection == (uint32_t)protection &&
        (note->approximated != 0) == approximated) {
      put_weakness(json, protection, wire_str(plan, note->field), wire_str(plan, note->why));
      any = true;
    }
  }
  return any;
}

static void put_weaknesses(struct json *json, const char *key, const struct styro_facts *facts, uint64_t mask,
                           bool approximated)
{
  uint64_t found_here = approximated ? 0 : facts->left_out | facts->skipped | styro_outcome_unscoped(facts);
  json_key(json, key);
  json_open(json, "[");
  for (int i = 0; i < STYRO_PROTECTION_COUNT; i++) {
    if (!(mask >> i & 1)) {
      continue;
    }
    bool noted = put_notes(json, facts, i, approximated);
    if (found_here >> i & 1) {
      struct styro_weakness weakness = styro_outcome_weakness(facts, i);
      put_weakness(json, i, weakness.field, weakness.why);
    } else if (!noted) {
      put_weakness(json, i, NULL, NULL);
    }
  }
  json_close(json, "]");
}

/* ---- streams and usage ------------------------------------------------------------------------------------------- */

static void put_capture(struct json *json, const char *key, const styro_capture *capture)
{
  if (!capture->captured) {
    put_null(json, key);
    return;
  }
  bool text = styro_utf8_valid(capture->data, capture->kept);
  json_key(json, key);
  json_open(json, "{");
  put_int(json, "bytes", (int64_t)capture->bytes);
  put_int(json, "kept", (int64_t)capture->kept);
  put_bool(json, "truncated", capture->truncated);
  json_key(json, "text");
  if (text) {
    styro_buffer_json_string(&json->buffer, capture->data, capture->kept);
    put_null(json, "base64");
  } else {
    styro_buffer_text(&json->buffer, "null");
    json_key(json, "base64");
    styro_buffer_text(&json->buffer, "\"");
    styro_base64(&json->buffer, capture->data, capture->kept);
    styro_buffer_text(&json->buffer, "\"");
  }
  json_close(json, "}");
}

static void put_usage(struct json *json, const styro_usage *usage)
{
  json_key(json, "usage");
  json_open(json, "{");
  put_seconds(json, "wall", usage->wall);
  put_seconds(json, "user", usage->user);
  put_seconds(json, "system", usage->system);
  put_int(json, "max_rss", usage->max_rss);
  put_int(json, "memory_peak", usage->memory_peak);
  put_int(json, "pids_peak", usage->pids_peak);
  put_int(json, "minor_faults", usage->minor_faults);
  put_int(json, "major_faults", usage->major_faults);
  put_int(json, "switches_voluntary", usage->switches_voluntary);
  put_int(json, "switches_involuntary", usage->switches_involuntary);
  put_int(json, "read_bytes", usage->read_bytes);
  put_int(json, "write_bytes", usage->write_bytes);
  json_key(json, "setup");
  json_open(json, "{");
  put_seconds(json, "spawn", usage->setup_spawn);
  put_seconds(json, "helper", usage->setup_helper);
  put_seconds(json, "tree", usage->setup_tree);
  put_seconds(json, "identity", usage->setup_identity);
  put_seconds(json, "exec", usage->setup_exec);
  json_close(json, "}");
  json_close(json, "}");
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

char *styro_outcome_to_json(const styro_outcome *outcome, const struct styro_facts *facts, const styro_allocator *alloc)
{
  struct json json = {.first = true};
  char name[16];
  styro_buffer_init(&json.buffer, alloc);
  json_open(&json, "{");
  put_int(&json, "version", 1);
  put_text(&json, "reason", styro_reason_name(outcome->reason));
  put_int(&json, "code", outcome->code);
  put_text(&json, "signal", outcome->signal ? styro_signal_text(outcome->signal, name, sizeof name) : NULL);
  put_bool(&json, "core_dumped", outcome->core_dumped);
  put_text(&json, "detail", outcome->detail);
  put_error(&json, &outcome->error);
  put_text(&json, "message", outcome->message);
  put_text(&json, "name", outcome->name);
  put_text(&json, "isolation", outcome->isolation);
  put_text(&json, "spawn_mode", outcome->spawn_mode);
  put_bool(&json, "init", outcome->init);
  put_enforced(&json, outcome->enforced);
  put_weaknesses(&json, "not_enforced", facts, outcome->not_enforced, false);
  put_weaknesses(&json, "approximated", facts, outcome->approximated, true);
  put_capture(&json, "stdout", &outcome->out);
  put_capture(&json, "stderr", &outcome->err);
  put_usage(&json, &outcome->usage);
  json_close(&json, "}");
  return styro_buffer_steal(&json.buffer);
}
