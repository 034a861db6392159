/* The rules that span fields, over the effective request. Knows no JSON and touches no host object. */
#ifndef STYRO_LIB_VALIDATE_H
#define STYRO_LIB_VALIDATE_H

#include "request.h"

/* 0, or the first rule that is broken. */
int styro_validate(const struct styro_effective *effective, styro_error *err);

#endif
