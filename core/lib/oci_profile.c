/*
 * Entries of a profile have no order: libseccomp, which reads them everywhere else, lets one without arguments win over those
 * with. Here two that contradict each other are refused, and of those with arguments the strictest that holds decides.
 */
#include "oci_profile.h"

#include <inttypes.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "capability.h"
#include "kernel.h"
#include "nearest.h"
#include "syscalls.h"

#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define NATIVE_OCI "SCMP_ARCH_X86_64"
#define NATIVE_GO "amd64"
#define BESIDES_OCI "SCMP_ARCH_X86"
#define FIRST_FOREIGN 0x40000000u
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#define NATIVE_OCI "SCMP_ARCH_AARCH64"
#define NATIVE_GO "arm64"
#define BESIDES_OCI "" /* none that a sandbox is made for */
#define FIRST_FOREIGN 0u
#endif

/* One entry's word on one call. */
struct item {
  uint32_t number;
  uint32_t action;
  size_t entry;
  const json_t *args; /* NULL: whatever they are */
  const char *name;
};

struct build {
  const json_t *profile;
  uint64_t capabilities;
  uint32_t fallback;
  struct styro_oci_profile *out;
  struct styro_oci_fault *fault;
  struct item *items;
  size_t items_n, items_max;
};

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

#define WRONG(build, hint_text, ...)                                              \
  (snprintf((build)->fault->message, sizeof(build)->fault->message, __VA_ARGS__), \
   snprintf((build)->fault->hint, sizeof(build)->fault->hint, "%s", hint_text), STYRO_EREQUEST)

static void point(struct build *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void point(struct build *b, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(b->fault->pointer, sizeof b->fault->pointer, format, args);
  va_end(args);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

struct word {
  const char *text;
  uint32_t value;
};

static const struct word actions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},      {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD}, {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},          {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},        {NULL, 0},
};
static const struct word ops[] = {
    {"SCMP_CMP_EQ", STYRO_FILTER_EQ},
    {"SCMP_CMP_NE", STYRO_FILTER_NE},
    {"SCMP_CMP_LT", STYRO_FILTER_LT},
    {"SCMP_CMP_LE", STYRO_FILTER_LE},
    {"SCMP_CMP_GT", STYRO_FILTER_GT},
    {"SCMP_CMP_GE", STYRO_FILTER_GE},
    {"SCMP_CMP_MASKED_EQ", STYRO_FILTER_MASKED},
    {NULL, 0},
};

static int find_word(struct build *b, const struct word *words, const json_t *value, const char *noun, uint32_t *out)
{
  const char *text = json_string_value(value);
  struct styro_nearest nearest = {.word = text ? text : ""};
  for (size_t i = 0; words[i].text != NULL; i++) {
    if (text != NULL && strcmp(words[i].text, text) == 0) {
      *out = words[i].value;
      return STYRO_OK;
    }
    styro_nearest_offer(&nearest, words[i].text);
  }
  char hint[120];
  snprintf(hint, sizeof hint, nearest.best ? "did you mean `%s`?" : "one of them is `%s`",
           nearest.best ? nearest.best : words[0].text);
  return text == NULL ? WRONG(b, hint, "expected %s", noun)
                      : WRONG(b, hint, "`%.100s` is not %s that can be carried out", text, noun);
}

static int read_action(struct build *b, const json_t *object, const char *key, const char *errno_key, const char *at,
                       uint32_t *out)
{
  const json_t *number = json_object_get(object, errno_key);
  point(b, "%s/%s", at, key);
  int result = find_word(b, actions, json_object_get(object, key), "an action", out);
  if (result != STYRO_OK || number == NULL) {
    *out |= result == STYRO_OK && *out == SECCOMP_RET_ERRNO ? 1 : 0; /* EPERM, as the spec has it */
    return result;
  }
  point(b, "%s/%s", at, errno_key);
  json_int_t value = json_integer_value(number);
  if (*out != SECCOMP_RET_ERRNO) {
    return WRONG(b, "leave it out", "an error number goes with SCMP_ACT_ERRNO alone");
  }
  if (!json_is_integer(number) || value < 0 || value > ERRNO_MAX) {
    return WRONG(b, "write a number from 0 to 4095, see errno(3)", "expected an error number");
  }
  *out |= (uint32_t)value;
  return STYRO_OK;
}

/* ---- whether an entry counts ------------------------------------------------------------------------------------- */

static int has_all_caps(struct build *b, const json_t *caps, const char *at, bool *all)
{
  size_t i;
  json_t *cap;
  json_array_foreach(caps, i, cap)
  {
    int number = styro_capability_number(json_string_value(cap));
    if (number < 0) {
      point(b, "%s/caps/%zu", at, i);
      return WRONG(b, "write a name such as CAP_SYS_ADMIN", "expected the name of a capability");
    }
    *all = *all && b->capabilities >> number & 1;
  }
  return STYRO_OK;
}

static bool has_native(const json_t *arches)
{
  size_t i;
  json_t *arch;
  json_array_foreach(arches, i, arch)
  {
    if (json_is_string(arch) && strcmp(json_string_value(arch), NATIVE_GO) == 0) {
      return true;
    }
  }
  return false;
}

/* True of every kernel that a sandbox runs on, or nobody knows before the run. */
static int is_old_enough(struct build *b, const json_t *kernel, const char *at)
{
  const char *text = json_string_value(kernel);
  int version = text != NULL ? styro_kernel_release(text) : -1;
  if (version >= 0 && version <= STYRO_KERNEL_FLOOR) {
    return STYRO_OK;
  }
  point(b, "%s/minKernel", at);
  return WRONG(b, "leave the condition out, or the entry",
               "the running kernel is not known when a request is compiled");
}

/* All conditions of `includes` hold, or any of `excludes`. */
static int condition(struct build *b, const json_t *entry, size_t i, const char *key, bool any, bool *holds)
{
  char at[64];
  const json_t *object = json_object_get(entry, key);
  const json_t *caps = json_object_get(object, "caps");
  const json_t *arches = json_object_get(object, "arches");
  const json_t *kernel = json_object_get(object, "minKernel");
  bool all_caps = true;
  snprintf(at, sizeof at, "/syscalls/%zu/%s", i, key);
  int result = has_all_caps(b, caps, at, &all_caps);
  if (result == STYRO_OK && kernel != NULL) {
    result = is_old_enough(b, kernel, at);
  }
  bool caps_hold = json_array_size(caps) > 0 && all_caps;
  bool arch_holds = json_array_size(arches) > 0 && has_native(arches);
  if (any) {
    *holds = caps_hold || arch_holds || kernel != NULL;
  } else {
    *holds = (json_array_size(caps) == 0 || caps_hold) && (json_array_size(arches) == 0 || arch_holds);
  }
  return result;
}

static int counts(struct build *b, const json_t *entry, size_t i, bool *out)
{
  bool included = true;
  bool excluded = false;
  int result = condition(b, entry, i, "includes", false, &included);
  result = result == STYRO_OK ? condition(b, entry, i, "excludes", true, &excluded) : result;
  *out = included && !excluded;
  return result;
}

/* ---- entries to items -------------------------------------------------------------------------------------------- */

static int add_item(struct build *b, struct item item)
{
  if (b->items_n == b->items_max) {
    size_t more = b->items_max ? 2 * b->items_max : 512;
    struct item *items = styro_realloc(&b->out->alloc, b->items, b->items_max * sizeof *items, more * sizeof *items);
    if (items == NULL) {
      return STYRO_ENOMEM;
    }
    b->items = items;
    b->items_max = more;
  }
  b->items[b->items_n++] = item;
  return STYRO_OK;
}

static int add_name(struct build *b, struct item item, uint32_t arch, const json_t *name)
{
  char near[64];
  item.name = json_string_value(name);
  int number = item.name ? styro_syscall_number(item.name, arch) : STYRO_UNKNOWN_CALL;
  if (number == STYRO_UNKNOWN_CALL) {
    bool known = item.name != NULL && styro_syscall_nearest(item.name, near, sizeof near);
    char hint[100];
    snprintf(hint, sizeof hint, known ? "did you mean `%s`?" : "%s", known ? near : "write a name of syscalls(2)");
    return WRONG(b, hint, "no system call is called `%.100s`", item.name ? item.name : "");
  }
  item.number = (uint32_t)number;
  return number >= 0 ? add_item(b, item) : STYRO_OK;
}

static int check_arg(struct build *b, const json_t *args, size_t i, const char *at)
{
  const json_t *arg = json_array_get(args, i);
  uint32_t op;
  json_int_t index = json_integer_value(json_object_get(arg, "index"));
  point(b, "%s/args/%zu/index", at, i);
  if (!json_is_integer(json_object_get(arg, "index")) || index < 0 || index > 5) {
    return WRONG(b, "arguments are counted from 0 to 5", "expected the number of an argument");
  }
  for (size_t k = 0; k < i; k++) {
    if (json_integer_value(json_object_get(json_array_get(args, k), "index")) == index) {
      return WRONG(b, "write an entry for each, or one that says both",
                   "argument %d stands there twice, which runtimes read in different ways", (int)index);
    }
  }
  point(b, "%s/args/%zu/value", at, i);
  if (!json_is_integer(json_object_get(arg, "value"))) {
    return WRONG(b, "write the number that the argument is compared with", "expected a number");
  }
  point(b, "%s/args/%zu/op", at, i);
  return find_word(b, ops, json_object_get(arg, "op"), "an operator", &op);
}

static int check_args(struct build *b, const json_t *args, const char *at)
{
  point(b, "%s/args", at);
  if (args != NULL && !json_is_array(args) && !json_is_null(args)) {
    return WRONG(b, "write [{\"index\": 0, \"op\": \"SCMP_CMP_EQ\", \"value\": 1}]", "expected a list of objects");
  }
  int result = STYRO_OK;
  for (size_t i = 0; result == STYRO_OK && i < json_array_size(args); i++) {
    result = check_arg(b, args, i, at);
  }
  return result;
}

static int check_keys(struct build *b, const json_t *object, const char *at, const char *const *known,
                      const char *const *refused)
{
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)object, key, value)
  {
    struct styro_nearest nearest = {.word = key};
    bool found = false;
    for (size_t i = 0; known[i] != NULL; i++) {
      found = found || strcmp(known[i], key) == 0;
      styro_nearest_offer(&nearest, known[i]);
    }
    point(b, "%s/%.40s", at, key);
    for (size_t i = 0; refused != NULL && refused[i] != NULL; i++) {
      if (strcmp(refused[i], key) == 0) {
        return WRONG(b, "leave it out", "`%s` needs somebody who listens, and nobody does here", key);
      }
    }
    if (!found) {
      char hint[100];
      snprintf(hint, sizeof hint, nearest.best ? "did you mean `%s`?" : "leave it out%s",
               nearest.best ? nearest.best : "");
      return WRONG(b, hint, "`%.100s` is not a field of a profile here", key);
    }
  }
  return STYRO_OK;
}

/* `name` is what profiles of before the runtime-spec have. An entry that does not count is read all the same. */
static int add_names(struct build *b, struct item item, uint32_t arch, const json_t *entry, const char *at, bool wanted)
{
  size_t i;
  json_t *name;
  const json_t *one = json_object_get(entry, "name");
  const json_t *names = json_object_get(entry, "names");
  if (one != NULL && names == NULL) {
    point(b, "%s/name", at);
    return wanted ? add_name(b, item, arch, one) : STYRO_OK;
  }
  point(b, "%s/names", at);
  if (!json_is_array(names)) {
    return WRONG(b, "write [\"read\", \"write\"]", "expected a list of names");
  }
  json_array_foreach(names, i, name)
  {
    point(b, "%s/names/%zu", at, i);
    int result = wanted ? add_name(b, item, arch, name) : STYRO_OK;
    if (result != STYRO_OK) {
      return result;
    }
  }
  return STYRO_OK;
}

static int add_entry(struct build *b, uint32_t arch, const json_t *entry, size_t i)
{
  static const char *const known[] = {"names",   "name",     "action",   "errnoRet", "args",
                                      "comment", "includes", "excludes", NULL};
  char at[40];
  bool wanted = false;
  struct item item = {.entry = i, .args = json_object_get(entry, "args")};
  snprintf(at, sizeof at, "/syscalls/%zu", i);
  point(b, "%s", at);
  int result = json_is_object(entry) ? check_keys(b, entry, at, known, NULL)
                                     : WRONG(b, "write {\"names\": [...], \"action\": ...}", "expected an object");
  result = result == STYRO_OK ? read_action(b, entry, "action", "errnoRet", at, &item.action) : result;
  result = result == STYRO_OK ? check_args(b, item.args, at) : result;
  result = result == STYRO_OK ? counts(b, entry, i, &wanted) : result;
  if (result != STYRO_OK) {
    return result;
  }
  item.args = json_array_size(item.args) ? item.args : NULL;
  wanted = wanted && (item.args != NULL || item.action != b->fallback); /* else it says what holds anyway */
  return add_names(b, item, arch, entry, at, wanted);
}

/* ---- items to rules ---------------------------------------------------------------------------------------------- */

/* Of what the kernel reads as a number of 32 bits the upper half means nothing, and whoever calls may fill it. */
static bool is_low(const char *name, unsigned index)
{
  static const struct {
    const char *name;
    unsigned indexes; /* bits */
  } table[] = {{"ioctl", 1u << 1}, {"clone", 1u << 0},  {"unshare", 1u << 0}, {"setns", 1u << 1},
               {"socket", 7},      {"socketpair", 7},   {"fcntl", 1u << 1},   {"prctl", 1u << 0},
               {"open", 1u << 1},  {"openat", 1u << 2}, {"kill", 1u << 1},    {"personality", 1u << 0},
               {"bpf", 1u << 0},   {"keyctl", 1u << 0}, {"seccomp", 1u << 0}, {"fchmodat", 1u << 2},
               {"chmod", 1u << 1}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (strcmp(table[i].name, name) == 0) {
      return table[i].indexes >> index & 1;
    }
  }
  return false;
}

static uint64_t number_of(const json_t *arg, const char *key)
{
  return (uint64_t)json_integer_value(json_object_get(arg, key));
}

/* For MASKED_EQ the spec's `value` is the mask and `valueTwo` what is left of the argument. */
static struct styro_filter_test test_of(struct build *b, const struct item *item, size_t i)
{
  const json_t *arg = json_array_get(item->args, i);
  uint32_t op = 0;
  find_word(b, ops, json_object_get(arg, "op"), "", &op);
  bool masked = op == STYRO_FILTER_MASKED;
  struct styro_filter_test test = {
      .index = (uint8_t)number_of(arg, "index"), .op = (uint8_t)op, .action = item->action};
  test.mask = masked ? number_of(arg, "value") : 0;
  test.value = number_of(arg, masked ? "valueTwo" : "value");
  test.also = i + 1 < json_array_size(item->args);
  test.low = (op == STYRO_FILTER_EQ || op == STYRO_FILTER_NE || masked) && !(test.value >> 32) &&
             is_low(item->name, test.index);
  return test;
}

/* The kernel's own order among filters: what is smaller, as a signed number, is stricter (seccomp(2)). */
static int strictness(uint32_t action)
{
  return (int32_t)(action & SECCOMP_RET_ACTION_FULL) >> 16;
}

static int compare_items(const void *a, const void *b)
{
  const struct item *left = a;
  const struct item *right = b;
  if (left->number != right->number) {
    return left->number < right->number ? -1 : 1;
  }
  if ((left->args == NULL) != (right->args == NULL)) {
    return left->args == NULL ? 1 : -1;
  }
  if (strictness(left->action) != strictness(right->action)) {
    return strictness(left->action) < strictness(right->action) ? -1 : 1;
  }
  return left->entry < right->entry ? -1 : left->entry > right->entry;
}

static int contradiction(struct build *b, const struct item *one, const struct item *other)
{
  const struct item *later = one->entry > other->entry ? one : other;
  const struct item *earlier = later == one ? other : one;
  point(b, "/syscalls/%zu", later->entry);
  return WRONG(b, "leave out one of the two",
               "`%s` is answered otherwise by the entry %zu, and no order says which one counts", one->name,
               earlier->entry);
}

/* All items of one call. The last of them is without arguments, where there is one. */
static int add_rule(struct build *b, struct styro_filter_spec *spec, struct styro_filter_rule *rules,
                    struct styro_filter_test *tests, size_t *tests_n, const struct item *items, size_t n)
{
  const struct item *last = &items[n - 1];
  struct styro_filter_rule rule = {.number = last->number, .action = b->fallback, .tests = &tests[*tests_n]};
  for (size_t i = 0; i < n; i++) {
    if (last->args == NULL && items[i].action != last->action) {
      return contradiction(b, &items[i], last);
    }
    for (size_t k = 0; last->args != NULL && k < json_array_size(items[i].args); k++) {
      tests[(*tests_n)++] = test_of(b, &items[i], k);
      rule.tests_n++;
    }
  }
  rule.action = last->args == NULL ? last->action : b->fallback;
  rules[spec->rules_n++] = rule;
  return STYRO_OK;
}

static int add_rules(struct build *b, size_t arch_n, size_t room)
{
  struct styro_oci_profile *out = b->out;
  struct styro_filter_spec *spec = &out->specs[arch_n];
  size_t tests_n = 0;
  for (size_t i = 0; i < b->items_n; i++) {
    out->tests_n[arch_n] += json_array_size(b->items[i].args);
  }
  out->capacity[arch_n] = b->items_n + room;
  struct styro_filter_rule *rules = styro_alloc_array(&out->alloc, out->capacity[arch_n], sizeof *rules);
  out->tests[arch_n] = styro_alloc_array(&out->alloc, out->tests_n[arch_n], sizeof(struct styro_filter_test));
  spec->rules = rules;
  if ((rules == NULL && out->capacity[arch_n]) || (out->tests[arch_n] == NULL && out->tests_n[arch_n])) {
    return STYRO_ENOMEM;
  }
  if (b->items_n > 1) {
    qsort(b->items, b->items_n, sizeof *b->items, compare_items);
  }
  int result = STYRO_OK;
  for (size_t i = 0, n; result == STYRO_OK && i < b->items_n; i += n) {
    n = 1;
    while (i + n < b->items_n && b->items[i + n].number == b->items[i].number) {
      n++;
    }
    result = add_rule(b, spec, rules, out->tests[arch_n], &tests_n, &b->items[i], n);
  }
  return result;
}

static int build_arch(struct build *b, uint32_t arch, uint32_t first_foreign, size_t room)
{
  size_t i;
  json_t *entry;
  const json_t *syscalls = json_object_get(b->profile, "syscalls");
  size_t at = b->out->specs_n++;
  b->out->specs[at] =
      (struct styro_filter_spec){.arch = arch, .first_foreign = first_foreign, .default_action = b->fallback};
  b->items_n = 0;
  point(b, "/syscalls");
  if (syscalls != NULL && !json_is_array(syscalls)) {
    return WRONG(b, "write [{\"names\": [...], \"action\": ...}]", "expected a list of objects");
  }
  json_array_foreach(syscalls, i, entry)
  {
    int result = add_entry(b, arch, entry, i);
    if (result != STYRO_OK) {
      return result;
    }
  }
  return add_rules(b, at, room);
}

/* ---- the profile ------------------------------------------------------------------------------------------------- */

static bool lists(const json_t *array, const char *word)
{
  size_t i;
  json_t *one;
  json_array_foreach(array, i, one)
  {
    if (json_is_string(one) && strcmp(json_string_value(one), word) == 0) {
      return true;
    }
  }
  return false;
}

/* Docker's `archMap` names an architecture together with those that its kernel runs besides. */
static const json_t *subarchitectures(const json_t *map, bool *native)
{
  size_t i;
  json_t *one;
  json_array_foreach(map, i, one)
  {
    const char *name = json_string_value(json_object_get(one, "architecture"));
    if (name != NULL && strcmp(name, NATIVE_OCI) == 0) {
      *native = true;
      return json_object_get(one, "subArchitectures");
    }
  }
  return NULL;
}

/* x32 shares its numbers with x86_64 and is never allowed, whoever lists it. */
static int find_architectures(struct build *b, bool *i386)
{
  const json_t *list = json_object_get(b->profile, "architectures");
  const json_t *map = json_object_get(b->profile, "archMap");
  bool native = list == NULL && map == NULL;
  const json_t *besides = subarchitectures(map, &native);
  native = native || lists(list, NATIVE_OCI) || lists(list, "SCMP_ARCH_NATIVE");
  *i386 = lists(list, BESIDES_OCI) || lists(besides, BESIDES_OCI);
  point(b, list ? "/architectures" : "/archMap");
  return native ? STYRO_OK
                : WRONG(b, "add \"" NATIVE_OCI "\"",
                        "the architecture of this library is not listed, so that every call would be killed");
}

static int build_all(struct build *b, size_t room)
{
  static const char *const known[] = {"defaultAction", "defaultErrnoRet", "defaultErrno",
                                      "architectures", "archMap",         "syscalls",
                                      "flags",         "comment",         NULL};
  static const char *const refused[] = {"listenerPath", "listenerMetadata", NULL};
  bool i386 = false;
  int result = check_keys(b, b->profile, "", known, refused);
  result =
      result == STYRO_OK ? read_action(b, b->profile, "defaultAction", "defaultErrnoRet", "", &b->fallback) : result;
  result = result == STYRO_OK ? find_architectures(b, &i386) : result;
  result = result == STYRO_OK ? build_arch(b, NATIVE, FIRST_FOREIGN, room) : result;
  return result == STYRO_OK && i386 ? build_arch(b, AUDIT_ARCH_I386, 0, room) : result;
}

int styro_oci_build(const json_t *profile, uint64_t capabilities, size_t room, const styro_allocator *alloc,
                    struct styro_oci_profile *out, struct styro_oci_fault *fault)
{
  struct build b = {.profile = profile, .capabilities = capabilities, .out = out, .fault = fault};
  *out = (struct styro_oci_profile){.alloc = *alloc};
  *fault = (struct styro_oci_fault){0};
  int result = build_all(&b, room);
  styro_dealloc(alloc, b.items, b.items_max * sizeof *b.items);
  return result;
}

void styro_oci_free(struct styro_oci_profile *profile)
{
  for (size_t i = 0; i < profile->specs_n; i++) {
    void *rules = (void *)(uintptr_t)profile->specs[i].rules;
    styro_dealloc(&profile->alloc, rules, profile->capacity[i] * sizeof(struct styro_filter_rule));
    styro_dealloc(&profile->alloc, profile->tests[i], profile->tests_n[i] * sizeof(struct styro_filter_test));
  }
  profile->specs_n = 0;
}
