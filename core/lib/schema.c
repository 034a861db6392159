/*
 * The JSON Schema of a request (draft 2020-12), made from the table that reads it. What spans fields stands in no
 * schema: an editor that accepts a request does not promise that the library does.
 */
#include "schema.h"

#include <inttypes.h>
#include <string.h>

#include "fields.h"
#include "json_write.h"

static void write_string(struct styro_buffer *buffer, const char *text)
{
  styro_buffer_json_string(buffer, text, strlen(text));
}

static void write_bounds(struct styro_buffer *buffer, const struct styro_field *field)
{
  if (field->min != 0 || field->max != 0) {
    styro_buffer_format(buffer, ",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64, field->min, field->max);
  }
}

/* The empty text would be a word of a HIDDEN or default value: it cannot be written. */
static void write_words(struct styro_buffer *buffer, const struct styro_field *field)
{
  bool first = true;
  styro_buffer_text(buffer, "\"enum\":[");
  for (size_t i = 0; field->words[i] != NULL; i++) {
    if (field->words[i][0] != '\0') {
      styro_buffer_text(buffer, first ? "" : ",");
      styro_write_word(buffer, field->words[i]);
      first = false;
    }
  }
  styro_buffer_text(buffer, "]");
}

/* A list that may be one text has two forms. */
static void write_list(struct styro_buffer *buffer, const struct styro_field *field)
{
  bool or_one = (field->flags & STYRO_FIELD_ONE_OR_MORE) != 0;
  if (or_one) {
    styro_buffer_text(buffer, "\"anyOf\":[{\"type\":\"string\"},{");
  }
  styro_buffer_text(buffer, "\"type\":\"array\",\"items\":{");
  if (field->words != NULL) {
    write_words(buffer, field);
  } else if ((field->flags & STYRO_FIELD_PATHS) != 0) {
    styro_buffer_text(buffer, "\"$ref\":\"#/$defs/path\"");
  } else {
    styro_buffer_text(buffer, "\"type\":\"string\"");
  }
  styro_buffer_format(buffer, "},\"minItems\":%" PRId64 ",\"maxItems\":%" PRId64, field->min, field->max);
  styro_buffer_text(buffer, or_one ? "}]" : "");
}

static void write_object(struct styro_buffer *buffer, const struct styro_field *object);

/* What is said about a type alike wherever it stands; types with bounds of their own follow below. */
static const char *const fragments[STYRO_TYPE_COUNT] = {
    [STYRO_TYPE_BOOL] = "\"type\":\"boolean\"",
    [STYRO_TYPE_LIMIT] = "\"$ref\":\"#/$defs/limit\"",
    [STYRO_TYPE_DURATION] = "\"$ref\":\"#/$defs/duration\"",
    [STYRO_TYPE_OFFSET] = "\"$ref\":\"#/$defs/offset\"",
    [STYRO_TYPE_MODE] = "\"$ref\":\"#/$defs/mode\"",
    [STYRO_TYPE_PATH] = "\"$ref\":\"#/$defs/path\"",
    [STYRO_TYPE_SOURCE] =
        "\"anyOf\":[{\"$ref\":\"#/$defs/path\"},{\"type\":\"integer\",\"minimum\":3,\"maximum\":1048575}]",
    [STYRO_TYPE_MAP] = "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}",
    [STYRO_TYPE_PROTECTIONS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
    [STYRO_TYPE_CAPS] = "\"$ref\":\"#/$defs/capabilities\"",
    [STYRO_TYPE_GROUPS] =
        ("\"anyOf\":[{\"const\":\"keep\"},{\"type\":\"array\",\"maxItems\":256,\"items\":{\"type\":\"integer\","
         "\"minimum\":0,\"maximum\":4294967294},\"uniqueItems\":true}]"),
    [STYRO_TYPE_FDS] = ("\"anyOf\":[{\"const\":\"by_caller\"},{\"type\":\"array\",\"items\":{\"type\":\"integer\","
                        "\"minimum\":3},\"uniqueItems\":true}]"),
    [STYRO_TYPE_PORTS] = ("\"type\":\"array\",\"maxItems\":1024,\"items\":{\"type\":\"integer\",\"minimum\":0,"
                          "\"maximum\":65535},\"uniqueItems\":true"),
    [STYRO_TYPE_ID_MAP] =
        ("\"anyOf\":[{\"enum\":[\"self\",\"subuid\"]},{\"type\":\"array\",\"minItems\":1,\"maxItems\":340,\"items\":{"
         "\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967294},"
         "\"minItems\":3,\"maxItems\":3}}]"),
    [STYRO_TYPE_IDMAP] =
        ("\"anyOf\":[{\"const\":\"user\"},{\"type\":\"array\",\"minItems\":1,\"maxItems\":340,\"items\":{"
         "\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967294},"
         "\"minItems\":3,\"maxItems\":3}}]"),
    [STYRO_TYPE_OCI] = ("\"anyOf\":[{\"type\":\"object\",\"required\":[\"defaultAction\"]},"
                        "{\"type\":\"string\",\"pattern\":\"^[/$]\"}]"),
    [STYRO_TYPE_BPF] = ("\"type\":\"array\",\"minItems\":1,\"maxItems\":4096,\"items\":{\"type\":\"array\",\"items\":{"
                        "\"type\":\"integer\",\"minimum\":0},\"minItems\":4,\"maxItems\":4}"),
};

static const char definitions[] =
    "\"$defs\":{"
    "\"size\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},"
    "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]{1,9})?([KMGT](iB)?)?$\"}]},"
    "\"limit\":{\"anyOf\":[{\"$ref\":\"#/$defs/size\"},{\"const\":\"unlimited\"}]},"
    "\"duration\":{\"anyOf\":[{\"type\":\"number\",\"minimum\":0},"
    "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]{1,9})?(ns|us|ms|s|m|h)?$\"}]},"
    "\"offset\":{\"anyOf\":[{\"type\":\"number\"},"
    "{\"type\":\"string\",\"pattern\":\"^-?[0-9]+(\\\\.[0-9]{1,9})?(ns|us|ms|s|m|h)?$\"}]},"
    "\"mode\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\",\"pattern\":\"^[0-7]+$\"}]},"
    "\"path\":{\"type\":\"string\",\"pattern\":\"^(/|.*\\\\$\\\\{)\",\"maxLength\":4095},"
    "\"capabilities\":{\"anyOf\":[{\"const\":\"none\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}}";

static void write_constraint(struct styro_buffer *buffer, const struct styro_field *field)
{
  switch (field->type) {
  case STYRO_TYPE_INT:
    styro_buffer_text(buffer, "\"type\":\"integer\"");
    write_bounds(buffer, field);
    break;
  case STYRO_TYPE_SIZE:
    styro_buffer_text(buffer, "\"$ref\":\"#/$defs/size\"");
    write_bounds(buffer, field);
    break;
  case STYRO_TYPE_CORES: styro_buffer_text(buffer, "\"type\":\"number\",\"exclusiveMinimum\":0"); break;
  case STYRO_TYPE_TEXT:
    styro_buffer_format(buffer, "\"type\":\"string\",\"minLength\":%" PRId64 ",\"maxLength\":%" PRId64, field->min,
                        field->max);
    break;
  case STYRO_TYPE_ENUM: write_words(buffer, field); break;
  case STYRO_TYPE_LIST: write_list(buffer, field); break;
  case STYRO_TYPE_RULES:
    styro_buffer_text(buffer, "\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/path\"},"
                              "\"additionalProperties\":{");
    write_object(buffer, styro_field_exact("/paths/*"));
    styro_buffer_text(buffer, "}");
    break;
  case STYRO_TYPE_MOUNTS:
    styro_buffer_format(buffer, "\"type\":\"array\",\"maxItems\":%" PRId64 ",\"items\":{", field->max);
    write_object(buffer, styro_field_exact("/mounts/*"));
    styro_buffer_text(buffer, "}");
    break;
  case STYRO_TYPE_OBJECT: write_object(buffer, field); break;
  default: styro_buffer_text(buffer, fragments[field->type]);
  }
}

/* As a request would say it: numbers and booleans bare, all else as text. */
static void write_default(struct styro_buffer *buffer, const struct styro_field *field)
{
  if (field->fallback == NULL) {
    return;
  }
  styro_buffer_text(buffer, ",\"default\":");
  if (field->type == STYRO_TYPE_BOOL || field->type == STYRO_TYPE_INT || field->type == STYRO_TYPE_DURATION) {
    styro_buffer_text(buffer, field->fallback);
  } else {
    styro_write_word(buffer, field->fallback);
  }
}

static void write_field(struct styro_buffer *buffer, const struct styro_field *field)
{
  write_constraint(buffer, field);
  if (field->doc != NULL) {
    styro_buffer_text(buffer, ",\"description\":");
    write_string(buffer, field->doc);
  }
  write_default(buffer, field);
}

/* What this version refuses by name is no property: an editor then marks it. */
static bool is_property(const struct styro_field *field)
{
  return field->type != STYRO_TYPE_LATER && (field->flags & STYRO_FIELD_HIDDEN) == 0;
}

static void write_properties(struct styro_buffer *buffer, const struct styro_field *object)
{
  const struct styro_field *child = NULL;
  bool first = true;
  styro_buffer_text(buffer, "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
  while ((child = styro_field_child(object, child)) != NULL) {
    if (!is_property(child)) {
      continue;
    }
    styro_buffer_text(buffer, first ? "" : ",");
    write_string(buffer, styro_field_key(child));
    styro_buffer_text(buffer, ":{");
    write_field(buffer, child);
    styro_buffer_text(buffer, "}");
    first = false;
  }
  styro_buffer_text(buffer, "}");
}

/* An object that a scalar can stand for is either. As deep as the table is. */
static void write_object(struct styro_buffer *buffer, const struct styro_field *object)
{
  const struct styro_field *scalar =
      styro_field_every_child(object) ? styro_field_child(object, NULL) : styro_field_shorthand(object);
  if (scalar == NULL) {
    write_properties(buffer, object);
    return;
  }
  styro_buffer_text(buffer, "\"anyOf\":[{");
  write_constraint(buffer, scalar);
  write_default(buffer, scalar);
  styro_buffer_text(buffer, "},{");
  write_properties(buffer, object);
  styro_buffer_text(buffer, "}]");
}

void styro_schema_write(struct styro_buffer *buffer)
{
  styro_buffer_text(buffer,
                    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"styrolite request, "
                    "version 1\",\"required\":[\"version\"],");
  write_properties(buffer, styro_field_at(0));
  styro_buffer_text(buffer, ",");
  styro_buffer_text(buffer, definitions);
  styro_buffer_text(buffer, "}");
}
