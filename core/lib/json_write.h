/* Fields as JSON text and as plain text, by the table. Knows neither jansson nor any rule. */
#ifndef STYRO_LIB_JSON_WRITE_H
#define STYRO_LIB_JSON_WRITE_H

#include "layer.h"

/* The field's value as JSON, only what was given; for the request itself (row 0) the whole document. */
void styro_write_json(struct styro_buffer *buffer, const struct styro_layer *layer, const struct styro_field *field);
void styro_write_rule(struct styro_buffer *buffer, const struct styro_path_rule *rule);
void styro_write_mount(struct styro_buffer *buffer, const struct styro_mount *mount);

/*
 * One value for machines: texts as they are, durations in nanoseconds, sizes in bytes, lists and objects as JSON.
 * base as for styro_read(). An object or a rule that one word stands for is written as that word's plain text.
 */
void styro_write_plain(struct styro_buffer *buffer, const struct styro_field *field, const void *base);
void styro_write_plain_object(struct styro_buffer *buffer, const struct styro_layer *layer,
                              const struct styro_field *object);
void styro_write_plain_rule(struct styro_buffer *buffer, const struct styro_path_rule *rule);

/* A word of a row: `true` and `false` are no texts in JSON, among other words either. */
void styro_write_word(struct styro_buffer *buffer, const char *word);

#endif
