/* The levels of isolation: which a request asks for, and what its fields are at each. Knows no step. */
#ifndef STYRO_LIB_LEVEL_H
#define STYRO_LIB_LEVEL_H

#include "request.h"

bool styro_level_asked(const struct styro_fields *fields, int level);
int styro_level_first(const struct styro_fields *fields);
const char *styro_level_name(int level);

/* What follows for fields that nobody may write at this level: so that whoever reads them needs to know no level. */
void styro_level_apply(struct styro_fields *fields, int level);

/* Does the rule make a place readable or writable, and is it within that of another one? */
bool styro_rule_opens(const struct styro_path_rule *rule);
const struct styro_path_rule *styro_rule_around(const struct styro_fields *fields, const struct styro_path_rule *rule);

/* Is the path that of a `deny`, or within it? NULL: is there any at all? */
bool styro_level_denies(const struct styro_fields *fields, const char *path);

/*
 * The n-th of the places that the payload of the level `process` finds as they are on the host, where nothing denies it:
 * the system base, what every process has in /dev, and /proc. NULL: this one is not shown. *uses: may it be written?
 */
const char *styro_level_place(const struct styro_fields *fields, size_t n, bool *uses);
size_t styro_level_places(void);

#endif
