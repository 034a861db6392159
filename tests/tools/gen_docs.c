/*
 * Prints docs/request.schema.json (`schema`) or docs/request.md (`reference`) from the library's table of fields, so that
 * both can be compared with what is committed. Links the static library: the reference is not public.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

static int print_indented(const char *text)
{
  json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  if (schema == NULL) {
    return EXIT_FAILURE;
  }
  int failed = json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) != 0 || putchar('\n') == EOF;
  json_decref(schema);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
  const char *what = argc == 2 ? argv[1] : "";
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  int status = EXIT_FAILURE;
  if (strcmp(what, "schema") == 0) {
    styro_schema_write(&buffer);
    status = buffer.failed ? EXIT_FAILURE : print_indented(buffer.data);
  } else if (strcmp(what, "reference") == 0) {
    styro_reference_write(&buffer);
    status = buffer.failed || fputs(buffer.data, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
  } else {
    fputs("usage: gen_docs schema|reference\n", stderr);
  }
  styro_buffer_free(&buffer);
  return status;
}
