/*
 * JSON values into fields: objects, scalars that stand for an object, and whole documents. What a single type takes is
 * in read_scalar.c and read_list.c, what errors say in read_errors.c. Knows no rule that spans fields.
 */
#include "read.h"

#include <stdio.h>
#include <string.h>

static styro_reader *const readers[STYRO_TYPE_COUNT] = {
    [STYRO_TYPE_BOOL] = styro_read_bool,       [STYRO_TYPE_INT] = styro_read_number,
    [STYRO_TYPE_SIZE] = styro_read_number,     [STYRO_TYPE_LIMIT] = styro_read_limit,
    [STYRO_TYPE_DURATION] = styro_read_number, [STYRO_TYPE_CORES] = styro_read_number,
    [STYRO_TYPE_MODE] = styro_read_number,     [STYRO_TYPE_TEXT] = styro_read_text,
    [STYRO_TYPE_PATH] = styro_read_path,       [STYRO_TYPE_SOURCE] = styro_read_source,
    [STYRO_TYPE_ENUM] = styro_read_enum,       [STYRO_TYPE_LIST] = styro_read_list,
    [STYRO_TYPE_MAP] = styro_read_map,         [STYRO_TYPE_PROTECTIONS] = styro_read_protections,
    [STYRO_TYPE_CAPS] = styro_read_caps,       [STYRO_TYPE_GROUPS] = styro_read_groups,
    [STYRO_TYPE_FDS] = styro_read_fds,         [STYRO_TYPE_BPF] = styro_read_bpf,
    [STYRO_TYPE_ID_MAP] = styro_read_id_map,   [STYRO_TYPE_IDMAP] = styro_read_id_map,
    [STYRO_TYPE_RULES] = styro_read_rules,     [STYRO_TYPE_OFFSET] = styro_read_number,
    [STYRO_TYPE_MOUNTS] = styro_read_mounts,   [STYRO_TYPE_OCI] = styro_read_oci,
    [STYRO_TYPE_PORTS] = styro_read_ports,
};

size_t styro_at_push(struct styro_reading *in, const char *key)
{
  size_t mark = strlen(in->at);
  size_t used = mark;
  /* RFC 6901, section 3: `~` and `/` are escaped. A pointer that is too long is cut. */
  if (used + 3 < sizeof in->at) {
    in->at[used++] = '/';
  }
  for (const char *c = key; *c != '\0' && used + 3 < sizeof in->at; c++) {
    bool escaped = *c == '~' || *c == '/';
    in->at[used++] = escaped ? '~' : *c;
    if (escaped) {
      in->at[used++] = *c == '~' ? '0' : '1';
    }
  }
  in->at[used] = '\0';
  return mark;
}

/* RFC 6901, section 4: the index of a list is written in decimal. */
size_t styro_at_push_index(struct styro_reading *in, size_t index)
{
  char key[24];
  snprintf(key, sizeof key, "%zu", index);
  return styro_at_push(in, key);
}

void styro_at_pop(struct styro_reading *in, size_t mark)
{
  in->at[mark] = '\0';
}

/* At a failure the pointer stays where it is: the error was filled from it. */
static int read_object(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *object)
{
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)object, key, value)
  {
    const struct styro_field *child = styro_field_named(field, key);
    if (child == NULL) {
      return styro_read_unknown_key(in, field, key);
    }
    size_t mark = styro_at_push(in, key);
    int code = styro_read_rivals(in, child, object);
    code = code == 0 ? styro_read(in, child, base, value) : code;
    if (code != 0) {
      return code;
    }
    styro_at_pop(in, mark);
  }
  return 0;
}

/* The children are of one type, so that what fails for one fails for the first. */
static int read_every_child(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  const struct styro_field *child = NULL;
  while ((child = styro_field_child(field, child)) != NULL) {
    int code = child->flags & STYRO_FIELD_APART ? 0 : styro_read(in, child, base, value);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

/* What is no object is meant for the child that the row's shorthand names; errors then name the object itself. */
static int read_shorthand(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  if (styro_field_every_child(field)) {
    return read_every_child(in, field, base, value);
  }
  const struct styro_field *child = styro_field_shorthand(field);
  return child == NULL ? styro_read_wrong(in, field, value) : styro_read(in, child, base, value);
}

int styro_read(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value)
{
  int code = styro_read_refuse_later(in, field, value);
  if (code != 0) {
    return code;
  }
  bool in_layer = base == (void *)&in->layer->fields;
  if (field->type == STYRO_TYPE_OBJECT) {
    if (!json_is_object(value)) {
      return read_shorthand(in, field, base, value);
    }
    code = read_object(in, field, base, value);
  } else {
    if (in_layer && !in->adding) {
      styro_layer_clear(in->layer, field);
    }
    code = readers[field->type](in, field, base, value);
  }
  if (code == 0 && in_layer) {
    styro_layer_mark(in->layer, field);
  }
  return code;
}

/* Not marked as given, so that `is set` still tells what people wrote. */
int styro_read_fallback(struct styro_reading *in, const struct styro_field *field)
{
  json_auto_t *value = json_string(field->fallback);
  return value == NULL ? styro_read_memory(in) : readers[field->type](in, field, &in->layer->fields, value);
}

static int fail_document(styro_error *err, int code, const char *message, const char *hint)
{
  styro_fail(err, code, STYRO_STAGE_VALIDATE, 0, "%s", message);
  styro_error_hint(err, "%s", hint);
  return code;
}

/* Before any key is looked at: text of another dialect would only give a misleading "unknown key". */
static int check_dialect(const json_t *document, styro_error *err)
{
  if (!json_is_object(document)) {
    styro_fail(err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "a request is an object, not %s",
               styro_json_noun(document));
    styro_error_hint(err, "write {\"version\": 1, \"command\": [\"true\"]}");
    return STYRO_EREQUEST;
  }
  const json_t *version = json_object_get(document, "version");
  if (version == NULL && json_object_get(document, "kind") != NULL) {
    fail_document(err, STYRO_EUNSUPPORTED,
                  "this is the dialect of styrolite's Rust crate (an object with `kind`), which is not supported yet",
                  "write the request in the language of docs/request.md, with \"version\": 1");
    styro_error_field(err, "/kind");
    return STYRO_EUNSUPPORTED;
  }
  if (version == NULL) {
    fail_document(err, STYRO_EREQUEST, "the request does not say its `version`", "add \"version\": 1");
    styro_error_field(err, "/version");
    return STYRO_EREQUEST;
  }
  if (json_is_integer(version) && json_integer_value(version) > 1) {
    styro_fail(err, STYRO_EUNSUPPORTED, STYRO_STAGE_VALIDATE, 0,
               "request version %" JSON_INTEGER_FORMAT " is not known: this library reads version 1",
               json_integer_value(version));
    styro_error_field(err, "/version");
    styro_error_hint(err, "use a newer styrolite, or write \"version\": 1");
    return STYRO_EUNSUPPORTED;
  }
  return 0;
}

/* The value lives in jansson's memory only as long as this call. */
int styro_read_document(struct styro_layer *layer, const char *text, size_t len, styro_error *err)
{
  json_auto_t *document = NULL;
  int code = styro_json_parse(text, len, &document, err);
  if (code == 0) {
    code = check_dialect(document, err);
  }
  if (code != 0) {
    return code;
  }
  struct styro_reading in = {.layer = layer, .err = err, .origin = STYRO_FROM_JSON};
  return styro_read(&in, styro_field_at(0), &layer->fields, document);
}
