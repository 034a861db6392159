/*
 * JSON values into fields, by the table. The one way in: request files, presets and setters all end here, so the same
 * mistake gives the same words everywhere. Knows no rule that spans fields.
 */
#ifndef STYRO_LIB_READ_H
#define STYRO_LIB_READ_H

#include "json.h"
#include "layer.h"

enum styro_origin {
  STYRO_FROM_JSON, /* numbers and booleans are JSON's own */
  STYRO_FROM_TEXT, /* a setter's text: "5" and "true" may be meant as such */
  STYRO_FROM_INT   /* a setter's integer: durations count nanoseconds */
};

struct styro_reading {
  struct styro_layer *layer;
  styro_error *err;
  enum styro_origin origin;
  bool adding;  /* lists and sets keep what they hold */
  char at[512]; /* JSON pointer of what is being read, for errors */
};

/*
 * Reads one value into the field; base is &layer->fields, or for an entry's rows its struct styro_path_rule or styro_mount.
 * Returns 0 or a negative code with the error's field filled; the layer may then hold a part.
 */
int styro_read(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value);

/* Reads the field's default into a layer that does not have it; it does not count as given. */
int styro_read_fallback(struct styro_reading *in, const struct styro_field *field);

/* Reads a whole request: one object with a version. */
int styro_read_document(struct styro_layer *layer, const char *text, size_t len, styro_error *err);

/* A rule under the key as it was written: its path normalised where no variable stands in it. */
/* The path as it is kept, in out (STYRO_PATH_MAX bytes) or text itself, where a variable stands in it. */
int styro_read_path_text(struct styro_reading *in, const char *text, bool variables, char *out, const char **path);
int styro_read_rule_path(struct styro_reading *in, const char *key, struct styro_path_rule *rule);

/*
 * One entry of `mounts`, an object; and one key of it. *out is filled only where nothing is wrong; an entry with a wrong
 * key is fit to be freed.
 */
int styro_read_mount(struct styro_reading *in, const json_t *value, struct styro_mount *out);
int styro_read_mount_key(struct styro_reading *in, const struct styro_field *row, struct styro_mount *mount,
                         const json_t *value);

/* ---- for the readers of single types (read_scalar.c, read_list.c, read_mounts.c) ---- */

typedef int styro_reader(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value);

styro_reader styro_read_bool, styro_read_number, styro_read_limit, styro_read_text, styro_read_path, styro_read_source,
    styro_read_enum;
styro_reader styro_read_list, styro_read_map, styro_read_protections, styro_read_caps, styro_read_groups,
    styro_read_ports, styro_read_fds, styro_read_bpf, styro_read_id_map, styro_read_rules, styro_read_mounts;

/* Appends a key, escaped, to the pointer; returns what styro_at_pop() takes back. */
size_t styro_at_push(struct styro_reading *in, const char *key);
size_t styro_at_push_index(struct styro_reading *in, size_t index);
void styro_at_pop(struct styro_reading *in, size_t mark);

/* The text of a value: styro_json_text(), and within the kernel's bounds. NULL: failed, *code says how. */
const char *styro_text_of(struct styro_reading *in, const struct styro_field *field, const json_t *value, int *code);

/* Errors; each fills field and hint and returns its code. */
int styro_read_memory(struct styro_reading *in);
int styro_read_wrong(struct styro_reading *in, const struct styro_field *field, const json_t *value);
int styro_read_range(struct styro_reading *in, const struct styro_field *field, const json_t *value);
int styro_read_unknown_word(struct styro_reading *in, const struct styro_field *field, const char *word);
int styro_read_complaint(struct styro_reading *in, const char *text, const char *complaint);
/* Adds what to write instead, in the words of the field's row or else of its type. */
void styro_read_hint(struct styro_reading *in, const struct styro_field *field);
int styro_read_oci(struct styro_reading *in, const struct styro_field *field, void *base, const json_t *value);
int styro_read_rivals(struct styro_reading *in, const struct styro_field *field, const json_t *object);
int styro_read_unknown_key(struct styro_reading *in, const struct styro_field *parent, const char *key);
int styro_read_count(struct styro_reading *in, const struct styro_field *field, size_t n);
/* Refuses what is known and not supported yet. 0: it is none of that. */
int styro_read_refuse_later(struct styro_reading *in, const struct styro_field *field, const json_t *value);

#endif
