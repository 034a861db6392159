/*
 * The user namespace below the sandbox's own that a payload gets whose capabilities would else reach its init: for whom, and which
 * other namespaces come with it, because capabilities count over what their user namespace owns. Knows no plan.
 */
#ifndef STYRO_LIB_NESTED_H
#define STYRO_LIB_NESTED_H

#include "request.h"

/* Those of the request that would open init: bits, in any of the sets. */
uint64_t styro_nested_capabilities(const struct styro_fields *fields);

/* CLONE_NEW* of what is made for the payload alone; 0: nothing is. */
uint64_t styro_nested_spaces(const struct styro_fields *fields);

#endif
