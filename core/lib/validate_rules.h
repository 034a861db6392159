/* What the tables of rules have in common: validate.c runs them, each validate_*.c owns one. Private to these files. */
#ifndef STYRO_LIB_VALIDATE_RULES_H
#define STYRO_LIB_VALIDATE_RULES_H

#include "validate.h"

/* What a broken rule found. field stays empty where the row's own field says it. */
struct styro_finding {
  char field[512];
  char object[256];
};

/* True when the rule is broken. */
typedef bool styro_rule_condition(const struct styro_effective *e, struct styro_finding *found);

struct styro_rule {
  int code;
  const char *field;
  styro_rule_condition *broken; /* NULL ends a table */
  const char *message;          /* `{}` becomes the finding's object */
  const char *hint;
};

extern const struct styro_rule styro_rules_level[]; /* what the levels can express */
extern const struct styro_rule styro_rules_tree[];  /* the root, and what is shown below it */
extern const struct styro_rule styro_rules_join[];  /* namespaces of others, and clocks */
extern const struct styro_rule styro_rules_user[];  /* namespaces, ids */
extern const struct styro_rule styro_rules_capabilities[];
extern const struct styro_rule styro_rules_mounts[]; /* the ordered list */
extern const struct styro_rule styro_rules_places[]; /* what `paths` and `mounts` find at a place */
extern const struct styro_rule styro_rules_securebits[];
extern const struct styro_rule styro_rules_seccomp[];
extern const struct styro_rule styro_rules_run[]; /* the command, its run and its limits */

void styro_name_object(struct styro_finding *found, const char *text);
/* The pointer of an entry, its key escaped; part NULL: the entry as a whole. */
void styro_name_field(struct styro_finding *found, const char *container, const char *key, const char *part);

/* Is a layer of an overlay the same as another, or within it? Names it; upper and work are both NULL, or neither. */
bool styro_layers_overlap(const struct styro_list *lowers, const char *upper, const char *work,
                          struct styro_finding *found);
/* Is the path something that is hidden or read-only in the proc at `root`, above it or below it? */
bool styro_is_protected(const char *root, const char *path);

#endif
