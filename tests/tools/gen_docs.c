/*
 * Writes docs/request.schema.json and docs/request.md below the directory that is given, from the library's table of
 * fields, so that both can be compared with what is committed.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "whole_file.h"

/* The schema is one line in the library: people read it indented. */
static int write_schema(FILE *file, const char *text)
{
  json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  if (schema == NULL) {
    return -1;
  }
  int failed = json_dumpf(schema, file, JSON_INDENT(2) | JSON_PRESERVE_ORDER) != 0 || fputc('\n', file) == EOF;
  json_decref(schema);
  return failed ? -1 : 0;
}

static int write_text(FILE *file, const char *text)
{
  return fputs(text, file) < 0 ? -1 : 0;
}

static int write_one(const char *root, const char *name, void (*make)(struct styro_buffer *),
                     int (*put)(FILE *, const char *))
{
  char path[4096], *text = NULL;
  size_t len = 0;
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  make(&buffer);
  snprintf(path, sizeof path, "%s/docs/%s", root, name);
  FILE *file = buffer.failed ? NULL : open_memstream(&text, &len);
  int failed = !file || put(file, buffer.data) != 0;
  failed |= file && fclose(file) != 0;
  failed = failed || whole_file_replace(path, text, len) != 0;
  free(text);
  styro_buffer_free(&buffer);
  if (failed) {
    fprintf(stderr, "gen_docs: cannot write %s\n", path);
  }
  return failed;
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fputs("usage: gen_docs ROOT\n", stderr);
    return EXIT_FAILURE;
  }
  int failed = write_one(argv[1], "request.schema.json", styro_schema_write, write_schema);
  failed |= write_one(argv[1], "request.md", styro_reference_write, write_text);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
