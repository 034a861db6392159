/* The rules about the root and what is shown below it. */
#include "validate_rules.h"

#include <stdio.h>
#include <string.h>

#include "id_map.h"

/* ---- root and paths ---- */

static bool overlay(const struct styro_effective *e)
{
  return e->fields.root_kind == STYRO_ROOT_OVERLAY;
}

/* The system base is read-only anyway; the word would suggest a choice. */
static bool writable_without_directory(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return styro_effective_is_set(e, "/root/writable") && e->fields.root_kind != STYRO_ROOT_DIRECTORY && !overlay(e);
}

static bool overlay_and_directory(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return overlay(e) && e->fields.root_directory != NULL;
}

static bool overlay_without_lower(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return overlay(e) && e->fields.root_lowers.n == 0;
}

static bool half_an_upper(const struct styro_effective *e, struct styro_finding *found)
{
  bool upper = e->fields.root_upper != NULL, work = e->fields.root_work != NULL;
  styro_name_object(found, upper ? "upper" : "work");
  snprintf(found->field, sizeof found->field, "/root/overlay/%s", upper ? "upper" : "work");
  return overlay(e) && upper != work;
}

/* The kernel makes no overlay of one layer. */
static bool one_layer(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return overlay(e) && e->fields.root_lowers.n == 1 && e->fields.root_upper == NULL &&
         e->fields.root_writable != STYRO_ROOT_DISCARD;
}

static bool upper_not_writable(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return overlay(e) && e->fields.root_upper != NULL && styro_effective_is_set(e, "/root/writable") &&
         e->fields.root_writable != STYRO_ROOT_WRITABLE;
}

static bool writable_without_upper(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return overlay(e) && e->fields.root_upper == NULL && e->fields.root_writable == STYRO_ROOT_WRITABLE;
}

static bool is_within(const char *outer, const char *inner)
{
  size_t len = strlen(outer);
  return strncmp(outer, inner, len) == 0 && (inner[len] == '/' || inner[len] == '\0' || strcmp(outer, "/") == 0);
}

/* The kernel answers ELOOP or EINVAL, and not to which two; it still sees what links make of the paths. */
bool styro_layers_overlap(const struct styro_list *lowers, const char *upper, const char *work,
                          struct styro_finding *found)
{
  size_t n = lowers->n + (upper != NULL && work != NULL ? 2 : 0);
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < n; k++) {
      const char *outer = i < lowers->n ? lowers->items[i] : i == lowers->n ? upper : work;
      const char *inner = k < lowers->n ? lowers->items[k] : k == lowers->n ? upper : work;
      if (i != k && is_within(outer, inner)) {
        styro_name_object(found, inner);
        return true;
      }
    }
  }
  return false;
}

static bool layers_overlap(const struct styro_effective *e, struct styro_finding *found)
{
  return overlay(e) && styro_layers_overlap(&e->fields.root_lowers, e->fields.root_upper, e->fields.root_work, found);
}

static bool size_without_discard(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.root_size != 0 && e->fields.root_writable != STYRO_ROOT_DISCARD;
}

/* The reader bounds one object; presets and setters add up. */
static bool too_many_paths(const struct styro_effective *e, struct styro_finding *found)
{
  snprintf(found->object, sizeof found->object, "%zu", e->fields.rules_n);
  return e->fields.rules_n > 4096;
}

static bool too_many_variables(const struct styro_effective *e, struct styro_finding *found)
{
  snprintf(found->object, sizeof found->object, "%zu", e->fields.env.n);
  return e->fields.env.n > 4096;
}

typedef bool rule_test(const struct styro_path_rule *rule);

/* The first rule that fails the test, in the order in which they were written. */
static bool any_path(const struct styro_effective *e, rule_test *test, const char *part, struct styro_finding *found)
{
  for (size_t i = 0; i < e->fields.rules_n; i++) {
    if (test(&e->fields.rules[i])) {
      styro_name_field(found, "/paths", e->fields.rules[i].path, part);
      styro_name_object(found, e->fields.rules[i].path);
      return true;
    }
  }
  return false;
}

static bool shows_host(const struct styro_path_rule *rule)
{
  return rule->access == STYRO_ACCESS_RO || rule->access == STYRO_ACCESS_RW;
}

static bool from_without_source(const struct styro_path_rule *rule)
{
  return rule->from != NULL && !shows_host(rule);
}

static bool optional_without_source(const struct styro_path_rule *rule)
{
  return rule->optional && !shows_host(rule);
}

/* `fail` is the default, and harmless wherever it stands. */
static bool missing_without_deny(const struct styro_path_rule *rule)
{
  return rule->if_missing == STYRO_MISSING_IGNORE && rule->access != STYRO_ACCESS_DENY;
}

static bool size_without_tmpfs(const struct styro_path_rule *rule)
{
  return rule->size != 0 && rule->access != STYRO_ACCESS_TMPFS;
}

static bool mode_without_tmpfs(const struct styro_path_rule *rule)
{
  return rule->mode != 0 && rule->access != STYRO_ACCESS_TMPFS;
}

static bool idmap_without_source(const struct styro_path_rule *rule)
{
  return rule->idmap != NULL && !shows_host(rule);
}

static bool path_idmap(const struct styro_effective *e, struct styro_finding *found)
{
  return any_path(e, idmap_without_source, "idmap", found);
}

/* ---- id maps of mounts ---- */

static bool root_idmap_alone(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.root_idmap != NULL &&
         (e->fields.root_kind != STYRO_ROOT_DIRECTORY || e->fields.root_writable == STYRO_ROOT_DISCARD);
}

typedef bool idmap_test(const struct styro_effective *e, const char *idmap, struct styro_finding *found);

/* The first `idmap` that fails the test. */
static bool any_idmap(const struct styro_effective *e, idmap_test *test, struct styro_finding *found)
{
  if (e->fields.root_idmap != NULL && test(e, e->fields.root_idmap, found)) {
    snprintf(found->field, sizeof found->field, "/root/idmap");
    return true;
  }
  for (size_t i = 0; i < e->fields.rules_n; i++) {
    const struct styro_path_rule *rule = &e->fields.rules[i];
    if (rule->idmap != NULL && test(e, rule->idmap, found)) {
      styro_name_field(found, "/paths", rule->path, "idmap");
      return true;
    }
  }
  return false;
}

static bool lacks_namespace(const struct styro_effective *e, const char *idmap, struct styro_finding *found)
{
  (void)idmap;
  (void)found;
  return e->fields.namespaces[STYRO_NS_USER] != STYRO_NS_NEW || e->fields.namespaces[STYRO_NS_MOUNT] == STYRO_NS_JOIN;
}

/* Which ids those are is known when it runs, and to newuidmap alone what it writes. */
static bool is_subordinate(const struct styro_effective *e, const char *idmap, struct styro_finding *found)
{
  (void)idmap;
  (void)found;
  return styro_id_map_is_subordinate(e->fields.uid_map) || styro_id_map_is_subordinate(e->fields.gid_map);
}

/* One id is all that is inside where no ranges say otherwise. */
static bool is_inside(const char *map, int64_t id, const struct styro_id_range *range)
{
  return styro_id_map_has_ranges(map) ? styro_id_map_covers(map, range->outside, range->count)
                                      : range->outside == (uint32_t)id && range->count == 1;
}

static bool leads_nowhere(const struct styro_effective *e, const char *idmap, struct styro_finding *found)
{
  struct styro_id_range range;
  while (styro_id_map_next(&idmap, &range)) {
    if (!is_inside(e->fields.uid_map, e->fields.uid, &range) || !is_inside(e->fields.gid_map, e->fields.gid, &range)) {
      snprintf(found->object, sizeof found->object, "[%u, %u, %u]", range.inside, range.outside, range.count);
      return true;
    }
  }
  return false;
}

static bool idmap_of_host(const struct styro_effective *e, struct styro_finding *found)
{
  return any_idmap(e, lacks_namespace, found);
}

static bool idmap_subordinate(const struct styro_effective *e, struct styro_finding *found)
{
  return any_idmap(e, is_subordinate, found);
}

static bool idmap_outside(const struct styro_effective *e, struct styro_finding *found)
{
  return any_idmap(e, leads_nowhere, found);
}

static bool path_from(const struct styro_effective *e, struct styro_finding *found)
{
  return any_path(e, from_without_source, "from", found);
}

static bool path_optional(const struct styro_effective *e, struct styro_finding *found)
{
  return any_path(e, optional_without_source, "optional", found);
}

static bool path_if_missing(const struct styro_effective *e, struct styro_finding *found)
{
  return any_path(e, missing_without_deny, "if_missing", found);
}

static bool path_size(const struct styro_effective *e, struct styro_finding *found)
{
  return any_path(e, size_without_tmpfs, "size", found);
}

static bool path_mode(const struct styro_effective *e, struct styro_finding *found)
{
  return any_path(e, mode_without_tmpfs, "mode", found);
}

const struct styro_rule styro_rules_tree[] = {
    {STYRO_EREQUEST, "/root/writable", writable_without_directory,
     "`root.writable` is given, and no `root.directory` that it could be about", "name the directory, or leave it out"},
    {STYRO_EREQUEST, "/root/overlay", overlay_and_directory, "`root` is either a `directory` or an `overlay`",
     "a directory can be one of the overlay's `lower`"},
    {STYRO_EREQUEST, "/root/overlay/lower", overlay_without_lower, "the overlay has no `lower` directory",
     "name at least one: {\"lower\": [\"/srv/base\"], \"upper\": \"/srv/upper\", \"work\": \"/srv/work\"}"},
    {STYRO_EREQUEST, "/root/overlay", half_an_upper,
     "the overlay has `{}`, and of `upper` and `work` each needs the other",
     "name two directories on one file system, or leave both out"},
    {STYRO_EREQUEST, "/root/writable", upper_not_writable,
     "the overlay has an `upper`, which is there to be written, and `root.writable` says otherwise",
     "leave out `writable`, or name that directory as the first of `lower`"},
    {STYRO_EREQUEST, "/root/writable", writable_without_upper,
     "`root.writable` is `true`, and the overlay has no `upper` that changes could go to",
     "name `upper` and `work`, or write \"discard\""},
    {STYRO_EREQUEST, "/root/overlay/lower", one_layer,
     "an overlay of one directory that is only read is that directory",
     "write it as {\"directory\": ...}, or add a second one, or `upper` and `work`"},
    {STYRO_EREQUEST, "/root/overlay", layers_overlap,
     "`{}` is or lies in another layer of the overlay, and each must be a tree of its own",
     "name directories of which none holds another"},
    {STYRO_EREQUEST, "/root/size", size_without_discard,
     "`root.size` is given, and no changes are kept in a tmpfs that could have it",
     "it goes with \"writable\": \"discard\""},
    {STYRO_EREQUEST, "/paths", too_many_paths, "{} paths are too many: at most 4096 can stand here",
     "name the directories that hold them"},
    {STYRO_EREQUEST, "/paths", path_from, "`{}` has a `from`, and its access shows nothing of the host",
     "`from` goes with the access `ro` or `rw`"},
    {STYRO_EREQUEST, "/paths", path_optional, "`{}` is `optional`, and its access shows nothing of the host",
     "`optional` goes with `ro` or `rw`; for `deny` write \"if_missing\": \"ignore\""},
    {STYRO_EREQUEST, "/paths", path_idmap, "`{}` has an `idmap`, and its access shows nothing of the host",
     "`idmap` goes with the access `ro` or `rw`"},
    {STYRO_EUNSUPPORTED, "/root/idmap", root_idmap_alone,
     "`root.idmap` is not supported for anything but a `directory` that is read-only or writable",
     "give the `idmap` to entries of `paths`, or leave out \"discard\""},
    {STYRO_EREQUEST, "/paths", idmap_of_host,
     "`idmap` needs a user namespace of the sandbox's own, and mounts that are not joined",
     "leave `namespaces.user` and `namespaces.mount` out, or `idmap`"},
    {STYRO_EUNSUPPORTED, "/paths", idmap_subordinate,
     "`idmap` together with a map that is `subuid` is not supported yet",
     "give `user.uid_map` and `user.gid_map` as ranges"},
    {STYRO_EREQUEST, "/paths", idmap_outside,
     "the range `{}` of `idmap` leads to an id inside that the sandbox does not have for users and groups alike",
     "give `user.uid_map` and `user.gid_map` ranges that have them, or write \"idmap\": \"user\""},
    {STYRO_EREQUEST, "/paths", path_if_missing, "`{}` has an `if_missing`, and nothing is denied there",
     "`if_missing` goes with `deny`; for `ro` and `rw` write \"optional\": true"},
    {STYRO_EREQUEST, "/paths", path_size, "`{}` has a `size`, and is no tmpfs", "`size` goes with the access `tmpfs`"},
    {STYRO_EREQUEST, "/paths", path_mode, "`{}` has a `mode`, and is no tmpfs", "`mode` goes with the access `tmpfs`"},
    {STYRO_EREQUEST, "/env", too_many_variables, "{} variables are too many: at most 4096 can stand here",
     "hand large data over in a file"},
    {.broken = NULL},
};
