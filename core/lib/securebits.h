/* Names and bits of securebits, capabilities(7). Knows no request. */
#ifndef STYRO_LIB_SECUREBITS_H
#define STYRO_LIB_SECUREBITS_H

#include <stdint.h>

#include "request.h"

/* The bit of "noroot"; 0 for a name that is none. */
uint32_t styro_securebit(const char *name);
/* The name of the n-th bit, counted from 0; NULL past the last. */
const char *styro_securebit_name(unsigned n);
/* All bits that a list names. */
uint32_t styro_securebits_of(const struct styro_list *list);

/* What the payload starts with: the request's list, else what keeps named capability sets exact. */
uint32_t styro_securebits_wanted(const struct styro_effective *e);

#endif
