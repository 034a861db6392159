/* The rules about the root and what is shown below it. */
#include "validate_rules.h"

#include <stdio.h>

/* ---- root and paths ---- */

/* The system base is read-only anyway; the word would suggest a choice. */
static bool writable_without_directory(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return styro_effective_is_set(e, "/root/writable") && e->fields.root_kind != STYRO_ROOT_DIRECTORY;
}

/* An overlay shows no mounts below its layers, and only in a new user namespace does the kernel refuse what that would uncover. */
static bool discard_in_host(const struct styro_effective *e, struct styro_finding *found)
{
  (void)found;
  return e->fields.root_writable == STYRO_ROOT_DISCARD && e->fields.namespaces[STYRO_NS_USER] == STYRO_NS_HOST;
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
    {STYRO_EUNSUPPORTED, "/root/writable", discard_in_host,
     "`discard` together with `namespaces.user` as `host` is not supported yet: mounts below the directory would be left out, "
     "and what they cover would show",
     "leave `namespaces.user` out, or copy the directory and write to the copy"},
    {STYRO_EREQUEST, "/root/size", size_without_discard,
     "`root.size` is given, and no changes are kept in a tmpfs that could have it",
     "it goes with \"writable\": \"discard\""},
    {STYRO_EREQUEST, "/paths", too_many_paths, "{} paths are too many: at most 4096 can stand here",
     "name the directories that hold them"},
    {STYRO_EREQUEST, "/paths", path_from, "`{}` has a `from`, and its access shows nothing of the host",
     "`from` goes with the access `ro` or `rw`"},
    {STYRO_EREQUEST, "/paths", path_optional, "`{}` is `optional`, and its access shows nothing of the host",
     "`optional` goes with `ro` or `rw`; for `deny` write \"if_missing\": \"ignore\""},
    {STYRO_EREQUEST, "/paths", path_if_missing, "`{}` has an `if_missing`, and nothing is denied there",
     "`if_missing` goes with `deny`; for `ro` and `rw` write \"optional\": true"},
    {STYRO_EREQUEST, "/paths", path_size, "`{}` has a `size`, and is no tmpfs", "`size` goes with the access `tmpfs`"},
    {STYRO_EREQUEST, "/paths", path_mode, "`{}` has a `mode`, and is no tmpfs", "`mode` goes with the access `tmpfs`"},
    {STYRO_EREQUEST, "/env", too_many_variables, "{} variables are too many: at most 4096 can stand here",
     "hand large data over in a file"},
    {.broken = NULL},
};
