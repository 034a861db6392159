/*
 * The mount tree: the root, the base, then `paths` sorted so that what encloses comes first. Only lexical paths decide;
 * what depends on the host is a flag of the step. Its twin in the helper is mounts.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "compile.h"
#include "listed.h"
#include "read.h"

#define SAFE (WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV)
#define READ_ONLY (SAFE | WIRE_MOUNT_ATTR_RDONLY)

/* A rule in sorted order with what its neighbours mean for it. */
struct place {
  const struct styro_path_rule *rule;
  int parent;      /* index of the rule that encloses it, -1: none */
  size_t over;     /* without one: the entry of `mounts` that shows there, STYRO_NO_ENTRY: the root */
  bool has_inner;  /* another rule lies below */
  uint32_t source; /* 1 + number of its source, 0: none */
  uint32_t idmap;  /* of that source */
};

struct tree {
  struct styro_compile *c;
  struct place *places;
  size_t n;
};

static struct wire_target target(struct styro_compile *c, const char *path)
{
  return (struct wire_target){.path = styro_builder_text(&c->builder, path)};
}

static struct wire_source source(struct styro_compile *c, const char *path, uint32_t base)
{
  return styro_builder_source(&c->builder, path, base);
}

/* A part of the host that stands where it stands there. */
static void add_bind(struct styro_compile *c, struct wire_source from, const char *path, uint64_t attributes,
                     unsigned flags, const char *field)
{
  struct wire_step_bind body;
  memset(&body, 0, sizeof body);
  body.source = from;
  body.target = target(c, path);
  body.attr_set = attributes;
  styro_builder_step(&c->builder, WIRE_STEP_BIND, (uint16_t)(flags | WIRE_HAS_SOURCE | WIRE_HAS_TARGET), field,
                     STYRO_FATAL, &body, sizeof body);
}

static void add_tmpfs(struct styro_compile *c, const char *path, uint64_t size, uint32_t mode, uint64_t attributes,
                      unsigned flags, const char *field)
{
  struct wire_step_tmpfs body;
  memset(&body, 0, sizeof body);
  body.target = target(c, path);
  body.size = size;
  body.mode = mode;
  body.attr_set = attributes;
  styro_builder_step(&c->builder, WIRE_STEP_TMPFS, (uint16_t)(flags | WIRE_HAS_TARGET), field, STYRO_FATAL, &body,
                     sizeof body);
}

static void add_place(struct styro_compile *c, uint16_t code, const char *path, unsigned flags, const char *field,
                      int best_effort)
{
  struct wire_step_place body;
  memset(&body, 0, sizeof body);
  body.target = target(c, path);
  styro_builder_step(&c->builder, code, (uint16_t)(flags | WIRE_HAS_TARGET), field, best_effort, &body, sizeof body);
}

static void add_file(struct styro_compile *c, const char *path, const char *text)
{
  struct wire_step_file body;
  memset(&body, 0, sizeof body);
  body.target = target(c, path);
  body.data = styro_builder_text(&c->builder, text);
  body.mode = 0444;
  styro_builder_step(&c->builder, WIRE_STEP_FILE, WIRE_CREATE | WIRE_HAS_TARGET, "/user", STYRO_FATAL, &body,
                     sizeof body);
}

/* A part of an overlay that stands where it stands there. */
static void add_self_bind(struct styro_compile *c, const char *path, uint64_t attributes, unsigned flags)
{
  struct wire_step_self_bind body;
  memset(&body, 0, sizeof body);
  body.target = target(c, path);
  body.attr_set = attributes;
  styro_builder_step(&c->builder, WIRE_STEP_SELF_BIND, (uint16_t)(flags | WIRE_HAS_TARGET), "/paths", STYRO_FATAL,
                     &body, sizeof body);
}

static void add_link(struct styro_compile *c, const char *path)
{
  struct wire_step_link body;
  memset(&body, 0, sizeof body);
  body.source = source(c, path, 0);
  body.target = target(c, path);
  styro_builder_step(&c->builder, WIRE_STEP_LINK, WIRE_OPTIONAL | WIRE_CREATE | WIRE_HAS_SOURCE | WIRE_HAS_TARGET,
                     "/root", STYRO_FATAL, &body, sizeof body);
}

static void add_system(struct styro_compile *c)
{
  for (size_t i = 0; i < styro_base_n; i++) {
    const struct styro_base_entry *entry = &styro_base[i];
    if ((entry->when == STYRO_BASE_WITH_NETWORK && c->fields->network == STYRO_NETWORK_NONE) ||
        styro_ground_ruled(c, entry->path)) {
      continue;
    }
    if (entry->step == WIRE_STEP_LINK) {
      add_link(c, entry->path);
    } else {
      add_bind(c, source(c, entry->path, 0), entry->path, READ_ONLY, WIRE_OPTIONAL | WIRE_CREATE, "/root");
    }
  }
}

/* Users and groups that the payload can look up: root, itself, and who owns what no map names. */
static void add_names(struct styro_compile *c)
{
  char text[512];
  long long uid = c->fields->uid;
  long long gid = c->fields->gid;
  const char *shell = ":" STYRO_HOME ":/bin/sh\n";
  const char *root = uid == 0 ? "" : "root:x:0:0:root:/root:/usr/sbin/nologin\n";
  const char *nobody = uid == STYRO_NOBODY ? "" : "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
  if (!styro_ground_ruled(c, "/etc/passwd")) {
    snprintf(text, sizeof text, "%s%s:x:%lld:%lld:%s%s%s", root, uid == 0 ? "root" : STYRO_USER_NAME, uid, gid,
             STYRO_USER_NAME, shell, nobody);
    add_file(c, "/etc/passwd", text);
  }
  if (!styro_ground_ruled(c, "/etc/group")) {
    snprintf(text, sizeof text, "%s%s:x:%lld:\n%s", gid == 0 ? "" : "root:x:0:\n", gid == 0 ? "root" : STYRO_USER_NAME,
             gid, gid == STYRO_NOBODY ? "" : "nogroup:x:65534:\n");
    add_file(c, "/etc/group", text);
  }
}

/* An entry of `mounts` may say how. */
static void add_proc(struct styro_compile *c, unsigned flags)
{
  size_t entry = styro_mounts_main_proc(&c->fields->mounts);
  c->builder.item = entry == STYRO_NO_ENTRY ? 0 : (uint32_t)entry + 1;
  styro_compile_proc(c, "/proc", entry == STYRO_NO_ENTRY ? NULL : &c->fields->mounts.items[entry], flags);
  c->builder.item = 0;
}

static void add_dev(struct styro_compile *c, unsigned flags)
{
  struct wire_step_dev body;
  memset(&body, 0, sizeof body);
  body.target = target(c, "/dev");
  body.size = STYRO_SHM_SIZE;
  body.open = styro_compile_opens_dev(c);
  styro_builder_step(&c->builder, WIRE_STEP_DEV, (uint16_t)(flags | (body.open ? WIRE_KEEP : 0u) | WIRE_HAS_TARGET),
                     "/root", STYRO_FATAL, &body, sizeof body);
}

/*
 * Nothing is made in a root directory: its own places must be there (dev, proc), or are left out (tmp, home). A home is
 * made on a tmpfs over its /home, since /home/sandbox itself will hardly be there.
 */
static void add_private(struct styro_compile *c)
{
  bool own = !styro_root_is_tree(c->fields);
  unsigned flags = own || styro_root_discards(c->fields) ? WIRE_CREATE : WIRE_DEFAULTED;
  if (!styro_ground_ruled(c, "/tmp")) {
    add_tmpfs(c, "/tmp", STYRO_TMP_SIZE, 01777, SAFE, flags, "/root");
  }
  if (!styro_ground_ruled(c, STYRO_HOME) && own) {
    add_tmpfs(c, STYRO_HOME, STYRO_HOME_SIZE, 0700, SAFE, flags, "/root");
  } else if (!styro_ground_ruled(c, STYRO_HOME)) {
    struct wire_step_dir body;
    add_tmpfs(c, "/home", STYRO_HOME_SIZE, 0755, SAFE, flags, "/root");
    memset(&body, 0, sizeof body);
    body.target = target(c, STYRO_HOME);
    body.mode = 0700;
    styro_builder_step(&c->builder, WIRE_STEP_DIR, WIRE_CREATE | WIRE_DEFAULTED | WIRE_HAS_TARGET, "/root", STYRO_FATAL,
                       &body, sizeof body);
  }
}

/* ---- paths ---- */

/* Component order: '/' sorts before every other byte, so that what lies below a path follows it directly. */
static int compare_paths(const char *a, const char *b)
{
  while (*a && *a == *b) {
    a++;
    b++;
  }
  int left = *a == '/' ? 1 : (unsigned char)*a * 2;
  int right = *b == '/' ? 1 : (unsigned char)*b * 2;
  return left - right;
}

static int compare_places(const void *a, const void *b)
{
  return compare_paths(((const struct place *)a)->rule->path, ((const struct place *)b)->rule->path);
}

/* Sorted: the encloser of i is i-1, or one of the enclosers of i-1. */
static void find_parents(struct tree *tree)
{
  for (size_t i = 0; i < tree->n; i++) {
    int parent = (int)i - 1;
    while (parent >= 0 && !styro_encloses(tree->places[parent].rule->path, tree->places[i].rule->path)) {
      parent = tree->places[parent].parent;
    }
    tree->places[i].parent = parent;
    if (parent >= 0) {
      tree->places[parent].has_inner = true;
    }
    const struct styro_mounts *mounts = &tree->c->fields->mounts;
    tree->places[i].over = styro_mounts_over(mounts, tree->places[i].rule->path, mounts->n);
  }
}

/* May the place be made: does it lie on a tmpfs of the sandbox's own? */
static unsigned create_flag(const struct tree *tree, const struct place *place)
{
  if (place->parent < 0) {
    return styro_ground_makes(tree->c, place->rule->path) ? WIRE_CREATE : 0;
  }
  int access = tree->places[place->parent].rule->access;
  return access == STYRO_ACCESS_TMPFS || access == STYRO_ACCESS_DENY ? WIRE_CREATE : 0;
}

static uint32_t root_idmap(const struct styro_compile *c)
{
  return styro_compile_idmap(c, c->fields->root_idmap);
}

/* Below an idmapped source ids are what they are there. */
static struct wire_source below(struct styro_compile *c, const char *path, uint32_t base, uint32_t idmap)
{
  struct wire_source found = source(c, path, base);
  found.idmap = idmap;
  return found;
}

/*
 * Where a rule without `from` takes its object: what its nearest enclosing rule with a source shows there (resolved below
 * that source, so that a link planted inside cannot lead out), or else an entry of `mounts`; below a root directory the
 * directory's own, else the same path on the host.
 */
static struct wire_source inherited_source(const struct tree *tree, const struct place *place)
{
  const char *path = place->rule->path;
  struct styro_over over;
  bool own = false;
  for (int i = place->parent; i >= 0 && !own; i = tree->places[i].parent) {
    const struct place *outer = &tree->places[i];
    if (outer->source) {
      return below(tree->c, path + strlen(outer->rule->path) + 1, outer->source, outer->idmap);
    }
    own = outer->rule->access == STYRO_ACCESS_TMPFS;
  }
  if (!own && styro_compile_over(tree->c, path, &over) && over.source) {
    size_t len = strlen(over.mount->at);
    return path[len] ? source(tree->c, path + len + 1, over.source) : source(tree->c, over.mount->from, 0);
  }
  bool directory = tree->c->fields->root_kind == STYRO_ROOT_DIRECTORY;
  return directory ? below(tree->c, path + 1, 1, root_idmap(tree->c)) : source(tree->c, path, 0);
}

/* What is wrong with a rule as it stands among its neighbours. */
static int fail_rule(struct tree *tree, const struct styro_path_rule *rule, const char *part, const char *hint,
                     const char *words, const char *outer)
{
  struct styro_reading at = {.at = "/paths"};
  styro_at_push(&at, rule->path);
  if (part) {
    styro_at_push(&at, part);
  }
  int code = styro_fail(tree->c->err, STYRO_EREQUEST, STYRO_STAGE_COMPILE, 0, "`%s` has no `from`, and %s%s%s%s",
                        rule->path, words, outer ? " `" : "", outer ? outer : "", outer ? "`" : "");
  styro_error_field(tree->c->err, "%s", at.at);
  styro_error_object(tree->c->err, "%s", rule->path);
  styro_error_hint(tree->c->err, "%s", hint);
  return code;
}

/* Idmapped sources are opened before all others, so none lies below one that is not. */
static int map_source(struct tree *tree, const struct styro_path_rule *rule, struct wire_source *from)
{
  bool is_below = from->base && wire_source_fd(from) < 0;
  if (!rule->idmap) {
    return 0;
  }
  if (is_below && !from->idmap) {
    return fail_rule(tree, rule, "idmap", "name the host's directory or file with `from`, or write `idmap` there",
                     "what it shows a part of has no `idmap`", NULL);
  }
  from->idmap = styro_compile_idmap(tree->c, rule->idmap);
  return 0;
}

static int add_rule_bind(struct tree *tree, struct place *place)
{
  const struct styro_path_rule *rule = place->rule;
  struct wire_step_bind body;
  memset(&body, 0, sizeof body);
  body.source = rule->from ? source(tree->c, rule->from, 0) : inherited_source(tree, place);
  int result = map_source(tree, rule, &body.source);
  if (result != 0) {
    return result;
  }
  body.target = target(tree->c, rule->path);
  body.attr_set = (rule->access == STYRO_ACCESS_RO ? READ_ONLY : SAFE) | (rule->noexec ? WIRE_MOUNT_ATTR_NOEXEC : 0);
  unsigned flags = create_flag(tree, place) | (rule->optional ? WIRE_OPTIONAL : 0u) |
                   (place->has_inner ? WIRE_BASE : 0u) | WIRE_HAS_SOURCE | WIRE_HAS_TARGET;
  styro_builder_step(&tree->c->builder, WIRE_STEP_BIND, (uint16_t)flags, "/paths", STYRO_FATAL, &body, sizeof body);
  place->source = tree->c->builder.sources_n;
  place->idmap = body.source.idmap;
  tree->c->rule_sources[rule - tree->c->fields->rules] = place->source;
  return 0;
}

/*
 * An overlay is made when no path of the host is opened any more, so what a rule without `from` shows of it is bound onto
 * itself, unless an enclosing rule brings a source along.
 */
static bool is_of_overlay(const struct tree *tree, const struct place *place)
{
  struct styro_over over;
  bool overlay = styro_compile_over(tree->c, place->rule->path, &over)
                     ? over.mount->type == STYRO_MOUNT_OVERLAY
                     : tree->c->fields->root_kind == STYRO_ROOT_OVERLAY;
  overlay = overlay && !place->rule->from;
  for (int i = place->parent; overlay && i >= 0; i = tree->places[i].parent) {
    if (tree->places[i].rule->access == STYRO_ACCESS_TMPFS) {
      break;
    }
    overlay = tree->places[i].source == 0;
  }
  return overlay;
}

static int add_rule_self(struct tree *tree, const struct place *place)
{
  const struct styro_path_rule *rule = place->rule;
  static const char from[] = "name the host's directory or file with `from`";
  for (int i = place->parent; i >= 0; i = tree->places[i].parent) {
    const struct styro_path_rule *outer = tree->places[i].rule;
    if (outer->access == STYRO_ACCESS_TMPFS || outer->access == STYRO_ACCESS_DENY) {
      return fail_rule(tree, rule, NULL, from, "what the overlay has there is hidden by", outer->path);
    }
  }
  if (rule->idmap) {
    return fail_rule(tree, rule, "idmap", from, "an overlay as a whole cannot be idmapped", NULL);
  }
  add_self_bind(tree->c, rule->path,
                (rule->access == STYRO_ACCESS_RO ? READ_ONLY : SAFE) | (rule->noexec ? WIRE_MOUNT_ATTR_NOEXEC : 0),
                rule->optional ? WIRE_OPTIONAL : 0u);
  return 0;
}

/* Is what stands around the place the host's, and the payload's to write? */
static bool below_writable(const struct tree *tree, const struct place *place)
{
  return place->parent >= 0 ? tree->places[place->parent].rule->access == STYRO_ACCESS_RW
                            : styro_ground_writable(tree->c, place->rule->path);
}

static bool can_appear(const struct tree *tree, const struct place *place)
{
  return below_writable(tree, place) || (place->parent < 0 && styro_ground_fills(tree->c, place->rule->path));
}

/*
 * Absent where nothing can appear: nothing to deny. Absent where something can: an error, or a stated gap; also where a link
 * leads there from a place that looks like the sandbox's own.
 */
static unsigned deny_flags(const struct tree *tree, const struct place *place)
{
  unsigned create = create_flag(tree, place);
  if (!create && !can_appear(tree, place)) {
    return WIRE_OPTIONAL;
  }
  return create | (place->rule->if_missing == STYRO_MISSING_IGNORE ? WIRE_IF_MISSING_IGNORE : 0u);
}

/* Does the same stand around both places: a rule, an entry of `mounts`, or the root? */
static bool same_outer(const struct place *a, const struct place *b)
{
  return a->parent == b->parent && (a->parent >= 0 || a->over == b->over);
}

/* Is there an earlier place in the same that lies at or below path? Then path is a mount already. */
static bool is_held(const struct tree *tree, const struct place *place, const char *path)
{
  for (long k = place - tree->places - 1; k > place->parent; k--) {
    if (styro_encloses(path, tree->places[k].rule->path) && same_outer(&tree->places[k], place)) {
      return true;
    }
  }
  return false;
}

/* What stands around a place: a rule, an entry of `mounts`, or the root (""). */
struct outer {
  const char *path;
  uint32_t source;     /* 1 + its number; 0: none, what is there is bound onto itself */
  uint32_t idmap;      /* of that source */
  uint64_t attributes; /* besides SAFE */
};

static struct outer outer_of(const struct tree *tree, const struct place *place)
{
  struct styro_over over;
  if (place->parent >= 0) {
    const struct place *parent = &tree->places[place->parent];
    return (struct outer){parent->rule->path, parent->source, parent->idmap,
                          parent->rule->noexec ? WIRE_MOUNT_ATTR_NOEXEC : 0};
  }
  if (styro_compile_over(tree->c, place->rule->path, &over)) {
    return (struct outer){over.mount->at, over.source, 0, over.attributes};
  }
  return (struct outer){"", tree->c->fields->root_kind == STYRO_ROOT_OVERLAY ? 0 : 1, root_idmap(tree->c), 0};
}

/*
 * What lies two or more levels below a writable rule or root could be moved away with the directory that holds it, and
 * another put in its place: each directory in between is bound onto itself, because a mount point cannot be renamed.
 */
static int hold_between(struct tree *tree, const struct place *place)
{
  struct outer outer = outer_of(tree, place);
  struct styro_compile *c = tree->c;
  size_t base = strlen(outer.path) + 1;
  bool overlay = outer.source == 0;
  char *path = styro_strdup(&c->builder.alloc, place->rule->path);
  if (!path) {
    return styro_fail_memory(c->err, STYRO_STAGE_COMPILE);
  }
  for (char *end = strchr(path + base, '/'); end; end = strchr(end + 1, '/')) {
    *end = 0;
    uint64_t attributes = SAFE | outer.attributes;
    if (!is_held(tree, place, path) && overlay) {
      add_self_bind(c, path, attributes, WIRE_OPTIONAL | WIRE_DEFAULTED);
    } else if (!is_held(tree, place, path)) {
      add_bind(c, below(c, path + base, outer.source, outer.idmap), path, attributes, WIRE_OPTIONAL | WIRE_DEFAULTED,
               "/paths");
    }
    *end = '/';
  }
  styro_strfree(&c->builder.alloc, path);
  return 0;
}

/*
 * Ways through an entry of the list are held as soon as that stands, and ways through the root before the list: later entries
 * have their places on top, and are seen there, as they are.
 */
static int hold_ways(struct tree *tree, size_t over)
{
  int result = 0;
  for (size_t i = 0; result == 0 && i < tree->n; i++) {
    const struct place *place = &tree->places[i];
    if (place->parent < 0 && place->over == over && below_writable(tree, place)) {
      result = hold_between(tree, place);
    }
  }
  return result;
}

static int add_rule(struct tree *tree, struct place *place)
{
  if (place->parent >= 0 && below_writable(tree, place)) {
    int result = hold_between(tree, place);
    if (result != 0) {
      return result;
    }
  }
  const struct styro_path_rule *rule = place->rule;
  bool shows = rule->access == STYRO_ACCESS_RO || rule->access == STYRO_ACCESS_RW;
  if (shows && is_of_overlay(tree, place)) {
    return add_rule_self(tree, place);
  }
  if (shows) {
    return add_rule_bind(tree, place);
  }
  if (rule->access == STYRO_ACCESS_TMPFS) {
    add_tmpfs(tree->c, rule->path, rule->size ? rule->size : STYRO_TMP_SIZE, rule->mode ? rule->mode : 0755,
              SAFE | (rule->noexec ? WIRE_MOUNT_ATTR_NOEXEC : 0), create_flag(tree, place), "/paths");
  } else if (place->has_inner) {
    /* Something inside stays visible: an own directory that can be passed through but neither listed nor written. */
    add_tmpfs(tree->c, rule->path, 65536, 0111, SAFE | WIRE_MOUNT_ATTR_NOEXEC, create_flag(tree, place), "/paths");
  } else {
    add_place(tree->c, WIRE_STEP_MASK, rule->path, deny_flags(tree, place), "/paths", STYRO_FATAL);
  }
  return 0;
}

/* The list, and then what holds over it. */
static int add_all(struct tree *tree)
{
  int result = hold_ways(tree, STYRO_NO_ENTRY);
  for (size_t i = 0; result == 0 && i < tree->c->fields->mounts.n; i++) {
    styro_compile_entry(tree->c, i);
    result = hold_ways(tree, i);
  }
  for (size_t i = 0; result == 0 && i < tree->n; i++) {
    result = add_rule(tree, &tree->places[i]);
  }
  return result;
}

static int add_rules(struct styro_compile *c)
{
  struct tree tree = {.c = c, .n = c->fields->rules_n};
  tree.places = styro_alloc_array(&c->builder.alloc, tree.n + 1, sizeof *tree.places);
  if (!tree.places) {
    return styro_fail_memory(c->err, STYRO_STAGE_COMPILE);
  }
  for (size_t i = 0; i < tree.n; i++) {
    tree.places[i].rule = &c->fields->rules[i];
  }
  qsort(tree.places, tree.n, sizeof *tree.places, compare_places);
  find_parents(&tree);
  int result = add_all(&tree);
  styro_dealloc(&c->builder.alloc, tree.places, (tree.n + 1) * sizeof *tree.places);
  return result;
}

int styro_compile_tree(struct styro_compile *c)
{
  unsigned flags = styro_root_is_tree(c->fields) && !styro_root_discards(c->fields) ? 0 : WIRE_CREATE;
  struct wire_step_plain seal;
  styro_compile_root(c);
  if (c->fields->root_kind == STYRO_ROOT_SYSTEM) {
    add_system(c);
  }
  if (!styro_root_is_tree(c->fields)) {
    add_names(c);
  }
  add_dev(c, flags);
  add_proc(c, flags);
  add_private(c);
  int result = add_rules(c);
  memset(&seal, 0, sizeof seal);
  styro_builder_step(&c->builder, WIRE_STEP_SEAL_ROOT, 0, "/root", STYRO_FATAL, &seal, sizeof seal);
  return result;
}
