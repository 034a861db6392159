/* The request's JSON Schema and its reference for people, both made from the table. Knows no request. */
#ifndef STYRO_LIB_SCHEMA_H
#define STYRO_LIB_SCHEMA_H

#include "alloc.h"

/* JSON Schema, draft 2020-12, on one line. */
void styro_schema_write(struct styro_buffer *buffer);

/* docs/request.md. */
void styro_reference_write(struct styro_buffer *buffer);

#endif
