/*
 * The rules that span fields, as a table: field, condition, message, way out. What one field alone may hold stands in
 * the field table. A rule looks at the effective request and at nothing else.
 */
#include "validate_rules.h"

#include <stdio.h>
#include <string.h>

#include "read.h"

static const struct styro_rule *const tables[] = {
    styro_rules_level, styro_rules_tree,         styro_rules_mounts,     styro_rules_places,  styro_rules_join,
    styro_rules_user,  styro_rules_capabilities, styro_rules_securebits, styro_rules_seccomp, styro_rules_run};

void styro_name_object(struct styro_finding *found, const char *text)
{
  snprintf(found->object, sizeof found->object, "%s", text);
}

/* The pointer of an entry, its key escaped. */
void styro_name_field(struct styro_finding *found, const char *container, const char *key, const char *part)
{
  struct styro_reading at = {.err = NULL};
  snprintf(at.at, sizeof at.at, "%s", container);
  styro_at_push(&at, key);
  if (part != NULL) {
    styro_at_push(&at, part);
  }
  memcpy(found->field, at.at, sizeof at.at);
}

/* The object takes the place of the braces; a format of printf(3) in data would be a hole. */
static int fail_rule(const struct styro_rule *rule, const struct styro_finding *found, styro_error *err)
{
  const char *place = strstr(rule->message, "{}");
  int before = place == NULL ? (int)strlen(rule->message) : (int)(place - rule->message);
  styro_fail(err, rule->code, STYRO_STAGE_VALIDATE, 0, "%.*s%s%s", before, rule->message,
             place == NULL ? "" : found->object, place == NULL ? "" : place + 2);
  styro_error_field(err, "%s", found->field[0] == '\0' ? rule->field : found->field);
  styro_error_object(err, "%s", found->object);
  styro_error_hint(err, "%s", rule->hint);
  return rule->code;
}

/* Presets and setters may have given what is wrong, so only the whole is judged. */
static int check_table(const struct styro_rule *rule, const struct styro_effective *effective, styro_error *err)
{
  for (; rule->broken != NULL; rule++) {
    struct styro_finding found = {.field = "", .object = ""};
    if (rule->broken(effective, &found)) {
      return fail_rule(rule, &found, err);
    }
  }
  return 0;
}

int styro_validate(const struct styro_effective *effective, styro_error *err)
{
  int result = 0;
  for (size_t i = 0; result == 0 && i < sizeof tables / sizeof tables[0]; i++) {
    result = check_table(tables[i], effective, err);
  }
  return result;
}
