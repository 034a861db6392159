/* Compiling: from the effective request to the ordered steps. One file per kind of step; compile.c knows the order. */
#ifndef STYRO_LIB_COMPILE_H
#define STYRO_LIB_COMPILE_H

#include "builder.h"
#include "request.h"

struct styro_listed; /* compile_mount_list.c */

struct styro_compile {
  const struct styro_effective *effective;
  const struct styro_fields *fields;
  struct styro_builder builder;
  uint64_t enforced;
  uint64_t not_enforced;
  uint64_t approximated;
  struct styro_listed *listed;         /* one for each entry of `mounts` */
  uint32_t *rule_sources;              /* of each rule of `paths`: 1 + the number of its source, 0: none */
  const char *idmaps[WIRE_IDMAPS_MAX]; /* by the number of their steps */
  uint32_t idmaps_n;
  styro_error *err;
};

/* The entry of `mounts` that shows at a path. */
struct styro_over {
  const struct styro_mount *mount;
  uint32_t source;     /* 1 + the number of its source where it is a bind, else 0 */
  bool writable;       /* the host's, and the payload's to write in the end */
  uint64_t attributes; /* noexec and noatime, as they are in the end */
};

/* The field's protection for a best-effort step: the number when the caller listed it, else STYRO_FATAL. */
int styro_compile_best_effort(const struct styro_compile *c, int protection);

/* Each appends its steps; 0 or a negative code with the error filled. Memory failures show at the end only. */
int styro_compile_run(struct styro_compile *c);         /* compile_run.c: what a run starts from */
void styro_compile_promises(struct styro_compile *c);   /* compile_run.c: masks and notes */
void styro_compile_namespaces(struct styro_compile *c); /* compile_identity.c */
int styro_compile_idmaps(struct styro_compile *c);      /* compile_idmaps.c */
void styro_compile_identity(struct styro_compile *c);
void styro_compile_root(struct styro_compile *c); /* compile_root.c */
/* A directory for the overlay of the next step; kind is an enum wire_layer. */
void styro_compile_layer(struct styro_compile *c, const char *path, uint32_t kind, const char *field);
int styro_compile_tree(struct styro_compile *c); /* compile_mounts.c: root, base, paths */
/* compile_ground.c: what a place lies on where no rule of `paths` stands around it */
bool styro_ground_ruled(const struct styro_compile *c,
                        const char *path); /* does a rule or an entry replace the base's? */
bool styro_ground_makes(const struct styro_compile *c, const char *path); /* may a place be made there? */
bool styro_ground_fills(const struct styro_compile *c, const char *path); /* can it come to be there by itself? */
bool styro_ground_writable(const struct styro_compile *c,
                           const char *path); /* is it the host's, and the payload's to write? */
/* compile_mount_list.c: `mounts`, between a begin and an end. */
int styro_compile_list_begin(struct styro_compile *c);
void styro_compile_list_end(struct styro_compile *c);
void styro_compile_entry(struct styro_compile *c, size_t index);
void styro_compile_changes(struct styro_compile *c);     /* after the pivot */
void styro_compile_list_access(struct styro_compile *c); /* rw binds the payload must be able to write */
bool styro_compile_over(const struct styro_compile *c, const char *path, struct styro_over *out); /* false: none */
bool styro_compile_entry_writable(const struct styro_compile *c, size_t entry);                   /* in the end */
/* What a later entry or a rule covers cannot be reached by its path. */
bool styro_compile_entry_covered(const struct styro_compile *c, size_t entry);
bool styro_compile_opens_dev(const struct styro_compile *c);     /* entries have their places in /dev */
uint64_t styro_compile_list_room(const struct styro_compile *c); /* bytes that its files take */
/* compile_proc.c; options NULL: none */
void styro_compile_proc(struct styro_compile *c, const char *at, const struct styro_mount *options, unsigned flags);
void styro_compile_sysfs(struct styro_compile *c, const char *at, unsigned flags);
/* compile_access.c, between a begin and an end. */
int styro_compile_access_begin(struct styro_compile *c);
void styro_compile_access_end(struct styro_compile *c);
void styro_compile_seals(struct styro_compile *c);          /* denied places with something inside */
void styro_compile_access(struct styro_compile *c);         /* rw places the payload must be able to write */
void styro_compile_process(struct styro_compile *c);        /* compile_process.c */
void styro_compile_nest(struct styro_compile *c);           /* compile_security.c: for the payload alone */
void styro_compile_security(struct styro_compile *c);       /* compile_security.c */
void styro_compile_landlock_rules(struct styro_compile *c); /* compile_landlock.c */
void styro_compile_landlock(struct styro_compile *c);       /* compile_landlock.c: the rules hold from here on */
void styro_compile_level_filter(struct styro_compile *c);   /* compile_level.c */
void styro_compile_port_filter(struct styro_compile *c);    /* compile_ports.c */
int styro_compile_filter(struct styro_compile *c);          /* compile_filter.c */

/* What stands in a source: 0 for NULL, else 1 + the number of its step. */
uint32_t styro_compile_idmap(const struct styro_compile *c, const char *idmap);

/* compile_root.c: is it a tree of the host's; are its changes thrown away, so that places can be made; do they stay? */
bool styro_root_is_tree(const struct styro_fields *fields);
bool styro_root_discards(const struct styro_fields *fields);
bool styro_root_writes_host(const struct styro_fields *fields);

#endif
