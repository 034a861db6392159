/*
 * Supplementary groups as the request keeps them: NULL where they were not given, "keep", or decimal ids, one a line.
 * Pure functions of text; knows no caller.
 */
#ifndef STYRO_LIB_GROUPS_H
#define STYRO_LIB_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#define STYRO_GROUPS_MOST 256 /* the helper has room for no more, and none of the user databases gives that many */

bool styro_groups_kept(const char *groups);

/* The id at *at, which moves on; false at the end, and of "keep". */
bool styro_groups_next(const char **at, uint32_t *id);

#endif
