/*
 * Reading an OCI-style seccomp profile (runtime-spec, config-linux, "seccomp") into the emitter's rules. One key is our own:
 * `base` names the profile beside it which this one starts from; what is said of a call here stands in place of what it says.
 */
#include "profile_json.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "syscalls.h"

const struct profile_arch profile_archs[2] = {
    {"x86_64", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, 0x40000000u},
    {"aarch64", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, 0},
};

static _Noreturn void give_up(const char *what, const char *detail)
{
  fprintf(stderr, "profile: %s: %s\n", what, detail);
  exit(2);
}

static int number_of(const char *name, const struct profile_arch *arch)
{
  int number = styro_syscall_number(name, arch->audit);
  if (number == STYRO_UNKNOWN_CALL) {
    give_up("unknown system call", name);
  }
  return number;
}

static uint32_t action_of(json_t *entry, const char *action_key, const char *errno_key)
{
  const char *action = json_string_value(json_object_get(entry, action_key));
  if (action && strcmp(action, "SCMP_ACT_ALLOW") == 0) {
    return SECCOMP_RET_ALLOW;
  }
  json_t *number = json_object_get(entry, errno_key);
  if (!action || strcmp(action, "SCMP_ACT_ERRNO") != 0 || !json_is_integer(number)) {
    give_up("an action is ALLOW, or ERRNO with its number", action ? action : "none");
  }
  return SECCOMP_RET_ERRNO | (uint32_t)json_integer_value(number);
}

static uint32_t member(json_t *object, const char *key)
{
  return (uint32_t)json_integer_value(json_object_get(object, key));
}

static struct styro_filter_test test_of(json_t *arg, uint32_t action)
{
  const char *op = json_string_value(json_object_get(arg, "op"));
  uint8_t index = (uint8_t)member(arg, "index");
  uint32_t value = member(arg, "value");
  if (op && strcmp(op, "SCMP_CMP_EQ") == 0) {
    return (struct styro_filter_test){.index = index, .low = true, .action = action, .value = value};
  }
  if (op && strcmp(op, "SCMP_CMP_MASKED_EQ") == 0) {
    return (struct styro_filter_test){.index = index,
                                      .op = STYRO_FILTER_MASKED,
                                      .low = true,
                                      .action = action,
                                      .mask = value,
                                      .value = member(arg, "valueTwo")};
  }
  give_up("an operator that the generator does not need", op ? op : "none");
}

static struct styro_filter_rule *rule_of(struct profile_rules *out, uint32_t number, uint32_t fallback)
{
  for (size_t i = 0; i < out->n; i++) {
    if (out->rules[i].number == number) {
      if (out->inherited[i]) {
        out->rules[i] = (struct styro_filter_rule){.number = number, .action = fallback};
        out->inherited[i] = false;
      }
      return &out->rules[i];
    }
  }
  if (out->n == PROFILE_RULES_MAX) {
    give_up("too many rules", "raise PROFILE_RULES_MAX");
  }
  out->inherited[out->n] = false;
  out->rules[out->n] = (struct styro_filter_rule){.number = number, .action = fallback};
  return &out->rules[out->n++];
}

/* Entries of one call stand together in the file: their tests are neighbours in the array. */
static void add_entry(struct profile_rules *out, json_t *entry, uint32_t number, uint32_t fallback)
{
  uint32_t action = action_of(entry, "action", "errnoRet");
  json_t *args = json_object_get(entry, "args");
  struct styro_filter_rule *rule = rule_of(out, number, fallback);
  if (!args) {
    rule->action = action;
    return;
  }
  if (json_array_size(args) != 1 || out->tests_n == PROFILE_TESTS_MAX) {
    give_up("one argument a rule", "or raise PROFILE_TESTS_MAX");
  }
  rule->tests = rule->tests ? rule->tests : &out->tests[out->tests_n];
  if (rule->tests + rule->tests_n != &out->tests[out->tests_n]) {
    give_up("the tests of one call stand together", "one entry after the other, each with this call alone");
  }
  out->tests[out->tests_n++] = test_of(json_array_get(args, 0), action);
  rule->tests_n++;
}

static int compare_rules(const void *a, const void *b)
{
  uint32_t left = ((const struct styro_filter_rule *)a)->number;
  uint32_t right = ((const struct styro_filter_rule *)b)->number;
  return left < right ? -1 : left > right;
}

json_t *profile_load(const char *path)
{
  json_error_t error;
  json_t *profile = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!profile) {
    give_up(path, error.text);
  }
  return profile;
}

static json_t *base_of(json_t *profile)
{
  char path[256];
  const char *name = json_string_value(json_object_get(profile, "base"));
  snprintf(path, sizeof path, "core/profiles/%s.json", name ? name : "");
  return name ? profile_load(path) : NULL;
}

static uint32_t default_of(json_t *profile)
{
  json_t *base = base_of(profile);
  uint32_t action = base ? default_of(base) : action_of(profile, "defaultAction", "defaultErrnoRet");
  json_decref(base);
  return action;
}

static void add_entries(json_t *profile, const struct profile_arch *arch, uint32_t fallback, struct profile_rules *out)
{
  json_t *entry;
  json_t *name;
  size_t i;
  size_t k;
  json_t *base = base_of(profile);
  if (base) {
    add_entries(base, arch, fallback, out);
    memset(out->inherited, true, out->n * sizeof out->inherited[0]);
    json_decref(base);
  }
  json_array_foreach(json_object_get(profile, "syscalls"), i, entry)
  {
    json_array_foreach(json_object_get(entry, "names"), k, name)
    {
      int number = number_of(json_string_value(name), arch);
      if (number >= 0) {
        add_entry(out, entry, (uint32_t)number, fallback);
      }
    }
  }
}

void profile_rules_read(json_t *profile, const struct profile_arch *arch, struct profile_rules *out)
{
  memset(out, 0, sizeof *out);
  add_entries(profile, arch, default_of(profile), out);
  qsort(out->rules, out->n, sizeof out->rules[0], compare_rules);
}

void profile_spec(json_t *profile, const struct profile_arch *arch, const struct profile_rules *rules,
                  struct styro_filter_spec *out)
{
  *out = (struct styro_filter_spec){.arch = arch->audit,
                                    .first_foreign = arch->first_foreign,
                                    .default_action = default_of(profile),
                                    .rules = rules->rules,
                                    .rules_n = rules->n};
}
