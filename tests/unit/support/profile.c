/* Reading an OCI-style seccomp profile (runtime-spec, config-linux, "seccomp") into the emitter's rules. */
#include "profile.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct profile_arch profile_archs[2] = {
    {"x86_64", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, 0x40000000u},
    {"aarch64", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, 0},
};

/* Newer than libseccomp 2.5.4; the same number on every architecture since Linux 5.1. */
static const struct {
  const char *name;
  int number;
} newer[] = {
    {"set_mempolicy_home_node", 450},
    {"cachestat", 451},
    {"fchmodat2", 452},
    {"map_shadow_stack", 453},
    {"futex_wake", 454},
    {"futex_wait", 455},
    {"futex_requeue", 456},
    {"statmount", 457},
    {"listmount", 458},
    {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},
    {"mseal", 462},
    {"setxattrat", 463},
    {"getxattrat", 464},
    {"listxattrat", 465},
    {"removexattrat", 466},
    {"open_tree_attr", 467},
};
/* Of x86_64 only, from 335 on, and unknown to that libseccomp. */
static const char *const x86_only[] = {"uretprobe", "uprobe"};

static _Noreturn void give_up(const char *what, const char *detail)
{
  fprintf(stderr, "profile: %s: %s\n", what, detail);
  exit(2);
}

static int number_of(const char *name, const struct profile_arch *arch)
{
  for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
    if (strcmp(newer[i].name, name) == 0) {
      return newer[i].number;
    }
  }
  for (size_t i = 0; i < sizeof x86_only / sizeof x86_only[0]; i++) {
    if (strcmp(x86_only[i], name) == 0) {
      return arch->audit == AUDIT_ARCH_X86_64 ? 335 + (int)i : -1;
    }
  }
  int number = seccomp_syscall_resolve_name_arch(arch->seccomp, name);
  if (number == __NR_SCMP_ERROR) {
    give_up("unknown system call", name);
  }
  return number < 0 ? -1 : number; /* negative: not on this architecture */
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
      return &out->rules[i];
    }
  }
  if (out->n == PROFILE_RULES_MAX) {
    give_up("too many rules", "raise PROFILE_RULES_MAX");
  }
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

void profile_rules_read(json_t *profile, const struct profile_arch *arch, struct profile_rules *out)
{
  uint32_t fallback = action_of(profile, "defaultAction", "defaultErrnoRet");
  json_t *entry;
  json_t *name;
  size_t i;
  size_t k;
  memset(out, 0, sizeof *out);
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
  qsort(out->rules, out->n, sizeof out->rules[0], compare_rules);
}

void profile_spec(json_t *profile, const struct profile_arch *arch, const struct profile_rules *rules,
                  struct styro_filter_spec *out)
{
  *out = (struct styro_filter_spec){.arch = arch->audit,
                                    .first_foreign = arch->first_foreign,
                                    .default_action = action_of(profile, "defaultAction", "defaultErrnoRet"),
                                    .rules = rules->rules,
                                    .rules_n = rules->n};
}
