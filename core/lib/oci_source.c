/* A container runtime's seccomp profile, as the request has it: read and built. Knows no program that comes of it. */
#include "oci_source.h"

#include <string.h>

#include "error.h"
#include "json.h"
#include "text_file.h"

#define FIELD "/security/seccomp/oci"

bool styro_oci_is_path(const char *text)
{
  return text[0] != '{';
}

static int fail_file(styro_error *err, const char *path, int sys_errno, const char *what, const char *hint)
{
  styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, sys_errno, "the profile `%.200s` %s", path, what);
  styro_error_field(err, FIELD);
  styro_error_object(err, "%s", path);
  styro_error_hint(err, "%s", hint);
  return STYRO_EREQUEST;
}

static int fail_read(styro_error *err, const char *path, int result)
{
  char what[160];
  if (result == STYRO_ENOMEM) {
    return styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  if (result == STYRO_EREQUEST) {
    return fail_file(err, path, 0, "is not a regular file", "name a file with a seccomp profile in it");
  }
  snprintf(what, sizeof what, "could not be read: %s", strerror(result));
  return fail_file(err, path, result, what, "give the whole path of a file that the caller can read");
}

/* Line and column are the file's, and so is what they say. */
static int parse_file(const char *path, const struct styro_buffer *text, json_t **out, styro_error *err)
{
  char what[256];
  styro_error fault = {.size = sizeof fault};
  if (text->len > STYRO_JSON_MAX) {
    snprintf(what, sizeof what, "is longer than the %zu bytes that a profile may have", STYRO_JSON_MAX);
    return fail_file(err, path, 0, what, "leave out what the runtime does not need either");
  }
  int code = styro_json_parse(text->data ? text->data : "", text->len, out, &fault);
  if (code != STYRO_EPARSE) {
    return code == 0 ? 0 : styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  snprintf(what, sizeof what, "cannot be read: %.200s", fault.message);
  fail_file(err, path, 0, what, "a profile is one JSON object such as {\"defaultAction\": ..., \"syscalls\": [...]}");
  return STYRO_EREQUEST;
}

static int load_file(const char *path, const styro_allocator *alloc, json_t **out, styro_error *err)
{
  struct styro_buffer text;
  styro_buffer_init(&text, alloc);
  int result = styro_text_file_read(path, STYRO_JSON_MAX, &text);
  result = result == 0 ? parse_file(path, &text, out, err) : fail_read(err, path, result);
  styro_buffer_free(&text);
  return result;
}

/* What was written out was parsed with the request. */
static int load(const char *text, const styro_allocator *alloc, json_t **out, styro_error *err)
{
  if (styro_oci_is_path(text)) {
    return load_file(text, alloc, out, err);
  }
  *out = json_loads(text, 0, NULL);
  return *out != NULL ? 0 : styro_fail_memory(err, STYRO_STAGE_COMPILE);
}

static int fail_profile(styro_error *err, const char *text, const struct styro_oci_fault *fault)
{
  char what[sizeof fault->message + 120];
  if (styro_oci_is_path(text)) {
    snprintf(what, sizeof what, "is wrong at `%s`: %s", fault->pointer, fault->message);
    return fail_file(err, text, 0, what, fault->hint);
  }
  styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "%s", fault->message);
  styro_error_field(err, FIELD "%s", fault->pointer);
  styro_error_hint(err, "%s", fault->hint);
  return STYRO_EREQUEST;
}

static int build(const struct styro_effective *e, struct styro_oci_profile *out, styro_error *err)
{
  const char *text = e->fields.seccomp_oci;
  struct styro_oci_fault fault;
  json_auto_t *json = NULL;
  int result = load(text, &e->alloc, &json, err);
  if (result != 0) {
    return result;
  }
  size_t room = e->fields.seccomp_allow.n + 2 * e->fields.seccomp_deny.n; /* compile_filter.c */
  result = styro_oci_build(json, e->fields.cap_bounding, room, &e->alloc, out, &fault);
  if (result == STYRO_EREQUEST) {
    return fail_profile(err, text, &fault);
  }
  return result == STYRO_OK ? 0 : styro_fail_memory(err, STYRO_STAGE_COMPILE);
}

int styro_oci_load(struct styro_effective *e, styro_error *err)
{
  if (e->fields.seccomp_kind != STYRO_SECCOMP_OCI) {
    return 0;
  }
  struct styro_oci_profile *oci = styro_alloc(&e->alloc, sizeof *oci);
  if (oci == NULL) {
    return styro_fail_memory(err, STYRO_STAGE_COMPILE);
  }
  memset(oci, 0, sizeof *oci);
  e->oci = oci; /* whatever comes of it is freed with the request */
  return build(e, oci, err);
}

void styro_oci_unload(struct styro_effective *e)
{
  if (e->oci != NULL) {
    styro_oci_free(e->oci);
    styro_dealloc(&e->alloc, e->oci, sizeof *e->oci);
    e->oci = NULL;
  }
}
