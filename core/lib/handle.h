/* The handle behind styro_request, for the files that build, merge and print it. Knows no plan. */
#ifndef STYRO_LIB_HANDLE_H
#define STYRO_LIB_HANDLE_H

#include "layer.h"

struct styro_request {
  styro_allocator alloc;
  struct styro_layer own;     /* what was set; presets are merged in only when asked for the effective request */
  struct styro_map variables; /* ${NAME} */
  char *json, *got, *schema;  /* what the last call of each function gave out */
};

/* Presets and files merged below the request's own values, variables resolved, defaults filled in; not validated. */
int styro_request_resolve(const struct styro_request *request, struct styro_layer *out, styro_error *err);

#endif
