/*
 * THE table: one row per field of a request. Reading, writing, setters, schema and reference all come from it; adding a
 * field is one row here and one member of struct styro_fields. Knows neither JSON nor memory.
 */
#ifndef STYRO_LIB_FIELDS_H
#define STYRO_LIB_FIELDS_H

#include "request.h"

/* What a field holds; how each type is read, written, kept and described stands in one table per verb. */
enum styro_type {
  STYRO_TYPE_OBJECT,      /* nothing of its own; the rows below its pointer are its keys */
  STYRO_TYPE_LATER,       /* known by name, refused: this version cannot carry it out */
  STYRO_TYPE_BOOL,        /* bool */
  STYRO_TYPE_INT,         /* int64_t */
  STYRO_TYPE_SIZE,        /* uint64_t, bytes */
  STYRO_TYPE_LIMIT,       /* uint64_t, a number, a size, or UINT64_MAX for "unlimited" */
  STYRO_TYPE_DURATION,    /* int64_t, nanoseconds */
  STYRO_TYPE_OFFSET,      /* int64_t, nanoseconds, also below 0 */
  STYRO_TYPE_CORES,       /* int64_t, millionths */
  STYRO_TYPE_MODE,        /* int64_t or uint32_t; text is octal */
  STYRO_TYPE_TEXT,        /* char * */
  STYRO_TYPE_PATH,        /* char *, absolute and normalised */
  STYRO_TYPE_SOURCE,      /* char *, a path as above, or the number of a descriptor of the caller in decimal */
  STYRO_TYPE_ENUM,        /* int, an index into words */
  STYRO_TYPE_LIST,        /* struct styro_list */
  STYRO_TYPE_MAP,         /* struct styro_map */
  STYRO_TYPE_PROTECTIONS, /* uint64_t of protection bits */
  STYRO_TYPE_CAPS,        /* uint64_t of capability bits */
  STYRO_TYPE_GROUPS,      /* char *, as groups.h has it */
  STYRO_TYPE_FDS,         /* preserve_fds, preserve_by_caller */
  STYRO_TYPE_PORTS,       /* struct styro_list, decimal */
  STYRO_TYPE_BPF,         /* bpf */
  STYRO_TYPE_ID_MAP,      /* char *, as id_map.h has it */
  STYRO_TYPE_IDMAP,       /* the same for a mount: [on disk, inside, count] */
  STYRO_TYPE_OCI,         /* char *, a profile of container runtimes as JSON: oci_profile.h */
  STYRO_TYPE_RULES,       /* rules; its rows below pointer + "/" + "*" have their offsets in struct styro_path_rule */
  STYRO_TYPE_MOUNTS,      /* mounts, a list of objects; its rows below pointer + "/" + "*" are of struct styro_mount */
  STYRO_TYPE_COUNT
};

enum styro_field_flags {
  STYRO_FIELD_VARIABLES = 1 << 0, /* ${NAME} is resolved in it */
  STYRO_FIELD_HIDDEN = 1 << 1, /* no key of its own: only the parent's scalar sets it, and it excludes its siblings */
  STYRO_FIELD_WHOLE = 1 << 2,  /* a later layer's object replaces an earlier one's as a whole */
  STYRO_FIELD_ONE_OR_MORE = 1 << 3, /* a list that may be written as one text */
  STYRO_FIELD_PATHS = 1 << 4,       /* a list whose items are absolute paths, normalised */
  STYRO_FIELD_APART = 1 << 6,       /* not among the children that an object's scalar sets alike */
  STYRO_FIELD_RIVAL = 1 << 5        /* takes the place of a sibling that is one too; both in one object are an error */
};

/* `shorthand` of an object whose scalar sets every child alike. */
#define STYRO_EVERY_CHILD "*"

struct styro_field {
  const char *pointer; /* JSON pointer, "" for the request itself */
  enum styro_type type;
  unsigned flags;           /* enum styro_field_flags */
  size_t offset, size;      /* of the member that holds it; of an object only where that is one struct */
  int64_t min, max;         /* numbers: the value; texts: bytes; lists: items. Both 0: no bounds */
  const char *fallback;     /* the default in the setters' grammar, NULL: none */
  const char *const *words; /* enum: by index, "" for a value that cannot be written; list: what its items may be */
  const char *const *later; /* texts (or true, [], {}) that are known and not supported yet */
  const char *shorthand;    /* object: key of the child that a scalar sets, or STYRO_EVERY_CHILD */
  /* What is wrong with a text, a list's item or a map's key; NULL when nothing is. */
  const char *(*complaint)(const char *text);
  uint64_t promises; /* bits of enum styro_protection that the field asks for (limits) */
  const char *doc;   /* one line; NULL: described by its parent */
  const char *hint;  /* what to write instead of a wrong value; NULL: the type's own words */
};

/* Row 0 is the request itself; the row's number is the field's id. Children follow their parent. */
size_t styro_field_count(void);
const struct styro_field *styro_field_at(size_t id);
const struct styro_field *styro_field_exact(const char *pointer); /* NULL for none */
size_t styro_field_index(const struct styro_field *field);

/* The last segment of its pointer: "wall" for "/timeout/wall". */
const char *styro_field_key(const struct styro_field *field);

/*
 * The next row directly below `parent` after `previous` (NULL: the first); NULL after the last. Hidden ones included.
 */
const struct styro_field *styro_field_child(const struct styro_field *parent, const struct styro_field *previous);
/* The child with that key, hidden ones excluded; and the one that a scalar sets (NULL: none, or every child). */
const struct styro_field *styro_field_named(const struct styro_field *parent, const char *key);
const struct styro_field *styro_field_shorthand(const struct styro_field *parent);
const struct styro_field *styro_field_parent(const struct styro_field *field); /* NULL for the request itself */
bool styro_field_every_child(const struct styro_field *field);
/* Is it a row of `paths` or `mounts`' entries, kept in an entry and not in struct styro_fields? */
bool styro_field_in_entry(const struct styro_field *field);

/* Where in a struct styro_fields (of an entry's row: a struct styro_path_rule, a struct styro_mount) the field is kept. */
static inline void *styro_field_place(const struct styro_field *field, void *base)
{
  return (char *)base + field->offset;
}

static inline const void *styro_field_place_const(const struct styro_field *field, const void *base)
{
  return (const char *)base + field->offset;
}

#endif
