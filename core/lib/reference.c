/* The reference of a request for people (docs/request.md), made from the table. Knows no request. */
#include <string.h>

#include "fields.h"
#include "grammar.h"
#include "schema.h"
#include "type_words.h"

/* "timeout.wall" for "/timeout/wall"; `*` stands for any key. */
static void write_name(struct styro_buffer *buffer, const struct styro_field *field)
{
  for (const char *c = field->pointer + 1; *c != '\0'; c++) {
    styro_buffer_bytes(buffer, *c == '/' ? "." : c, 1);
  }
}

/* Of numbers only: how long a list may be is no news to anybody who writes one. */
static void write_bounds(struct styro_buffer *buffer, const struct styro_field *field)
{
  char min[STYRO_PRINTED], max[STYRO_PRINTED];
  bool numeric = field->type == STYRO_TYPE_INT || field->type == STYRO_TYPE_SIZE ||
                 field->type == STYRO_TYPE_DURATION || field->type == STYRO_TYPE_OFFSET ||
                 field->type == STYRO_TYPE_CORES || field->type == STYRO_TYPE_MODE;
  if (!numeric) {
    return;
  }
  if (field->min == field->max) {
    styro_buffer_format(buffer, ", %s", styro_bound_print(field->type, field->min, min));
  } else if (field->max == INT64_MAX) {
    styro_buffer_format(buffer, ", at least %s", styro_bound_print(field->type, field->min, min));
  } else {
    styro_buffer_format(buffer, ", %s to %s", styro_bound_print(field->type, field->min, min),
                        styro_bound_print(field->type, field->max, max));
  }
}

static void write_takes(struct styro_buffer *buffer, const struct styro_field *field)
{
  char words[300];
  if (field->words != NULL) {
    styro_words_print(field, words, sizeof words);
    styro_buffer_format(buffer, "%s%s", field->type == STYRO_TYPE_LIST ? "a list of " : "", words);
  } else if ((field->flags & STYRO_FIELD_ONE_OR_MORE) != 0) {
    styro_buffer_text(buffer, "a text or a list of texts");
  } else if ((field->flags & STYRO_FIELD_PATHS) != 0) {
    styro_buffer_text(buffer, "a list of absolute paths");
  } else {
    styro_buffer_text(buffer, styro_type_noun(field->type));
    write_bounds(buffer, field);
  }
}

/* An object that a scalar can stand for, or that holds the same everywhere. */
static void write_object_takes(struct styro_buffer *buffer, const struct styro_field *field)
{
  const struct styro_field *scalar =
      styro_field_every_child(field) ? styro_field_child(field, NULL) : styro_field_shorthand(field);
  if (scalar != NULL) {
    write_takes(buffer, scalar);
    styro_buffer_text(buffer, "; or ");
  }
  styro_buffer_text(buffer, "an object");
}

/* That of an object is what its scalar would be. */
static const char *default_of(const struct styro_field *field)
{
  const struct styro_field *scalar = field->type == STYRO_TYPE_OBJECT ? styro_field_shorthand(field) : field;
  return scalar == NULL ? NULL : scalar->fallback;
}

static void write_row(struct styro_buffer *buffer, const struct styro_field *field)
{
  styro_buffer_text(buffer, "| `");
  write_name(buffer, field);
  styro_buffer_text(buffer, "` | ");
  if (field->type == STYRO_TYPE_OBJECT) {
    write_object_takes(buffer, field);
  } else {
    write_takes(buffer, field);
  }
  const char *fallback = default_of(field);
  styro_buffer_format(buffer, " | %s%s%s | %s%s |\n", fallback == NULL ? "" : "`", fallback == NULL ? "" : fallback,
                      fallback == NULL ? "" : "`", field->doc,
                      (field->flags & STYRO_FIELD_VARIABLES) != 0 ? "; `${NAME}` is resolved" : "");
}

/* Also words: `subuid` is as unknown as `mounts`. */
static void write_later(struct styro_buffer *buffer)
{
  styro_buffer_text(buffer, "\n## Known, and not supported yet\n\nRefused by name, never ignored.\n\n");
  for (size_t i = 1; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    bool words = field->later != NULL && field->later[0][0] != '[';
    if (field->type != STYRO_TYPE_LATER && !words) {
      continue;
    }
    styro_buffer_text(buffer, "- `");
    write_name(buffer, field);
    styro_buffer_text(buffer, "`: ");
    if (field->type == STYRO_TYPE_LATER) {
      styro_buffer_text(buffer, field->doc);
    }
    for (size_t j = 0; words && field->later[j] != NULL; j++) {
      if (field->later[j][0] != '[') {
        styro_buffer_format(buffer, "%s`%s`", j == 0 ? "" : ", ", field->later[j]);
      }
    }
    styro_buffer_text(buffer, "\n");
  }
}

static const char introduction[] =
    "# The request, version 1\n\n"
    "A request is one JSON object with `\"version\": 1`. It is read exactly: unknown and duplicate keys are refused. "
    "The C setters take the same fields by JSON pointer (`/timeout/wall`), the command's `--set` by dotted name "
    "(`timeout.wall=5s`).\n\n"
    "Sizes are a number of bytes or text in binary units (`\"64K\"`, `\"256M\"`, `\"1.5G\"`); durations a number of "
    "seconds or text (`\"500ms\"`, `\"1.5s\"`, `\"2m\"`, `\"1h\"`). `*` stands for any key. Variables `${NAME}` have "
    "the values that the caller gave with the request; `$${` stands for `${` itself.\n\n"
    "This page is made from the library's own table of fields.\n\n"
    "| field | takes | default | meaning |\n|---|---|---|---|\n";

void styro_reference_write(struct styro_buffer *buffer)
{
  styro_buffer_text(buffer, introduction);
  for (size_t i = 1; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    if (field->doc != NULL && field->type != STYRO_TYPE_LATER) {
      write_row(buffer, field);
    }
  }
  write_later(buffer);
}
