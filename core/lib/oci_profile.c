/*
 * Entries of a profile have no order: libseccomp, which reads them everywhere else, lets one without arguments win over those
 * with. Here two that contradict each other are refused, and of those with arguments the strictest that holds decides.
 */
#include "oci_profile.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "i386_calls.h"
#include "oci_entry.h"
#include "syscalls.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define NATIVE_OCI "SCMP_ARCH_X86_64"
#define BESIDES_OCI "SCMP_ARCH_X86"
#define FIRST_FOREIGN 0x40000000u
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#define NATIVE_OCI "SCMP_ARCH_AARCH64"
#define BESIDES_OCI "" /* none that a sandbox is made for */
#define FIRST_FOREIGN 0u
#endif

/* One entry's word on one call. */
struct item {
  uint32_t number;
  const char *name;
  const struct styro_i386_call
      *carried; /* NULL, or the number is the carrier's, and the call is told by its first argument */
  struct styro_oci_entry entry;
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

/* The kernel's own order among filters: what is smaller, as a signed number, is stricter (seccomp(2)). */
static int strictness(uint32_t action)
{
  return (int32_t)(action & SECCOMP_RET_ACTION_FULL) >> 16;
}

/*
 * socketcall(2) has its arguments in memory, where no filter looks: what is refused for some of them is refused for all, and
 * what is allowed for some is not allowed.
 */
static int add_carried(struct build *b, struct item item)
{
  item.carried = styro_i386_call(item.name);
  if (item.carried == NULL || (item.entry.args && strictness(item.entry.action) > strictness(b->fallback))) {
    return STYRO_OK;
  }
  item.number = item.carried->carrier;
  item.entry.args = NULL;
  return add_item(b, item);
}

static int add_name(struct build *b, const struct styro_oci_entry *entry, uint32_t arch, const json_t *name)
{
  char near[64];
  struct item item = {.name = json_string_value(name), .entry = *entry};
  int number = item.name ? styro_syscall_number(item.name, arch) : STYRO_UNKNOWN_CALL;
  if (number == STYRO_UNKNOWN_CALL) {
    bool known = item.name != NULL && styro_syscall_nearest(item.name, near, sizeof near);
    char hint[100];
    snprintf(hint, sizeof hint, known ? "did you mean `%s`?" : "%s", known ? near : "write a name of syscalls(2)");
    return styro_oci_wrong(b->fault, hint, "no system call is called `%.100s`", item.name ? item.name : "");
  }
  item.number = (uint32_t)number;
  int result = number >= 0 ? add_item(b, item) : STYRO_OK;
  return result == STYRO_OK && arch == AUDIT_ARCH_I386 ? add_carried(b, item) : result;
}

/* One without arguments that says what holds anyway is left out: it contradicts nothing. */
static int add_entry(struct build *b, uint32_t arch, const json_t *json, size_t i)
{
  struct styro_oci_entry entry;
  const json_t *name;
  int result = styro_oci_entry_read(b->fault, json, i, b->capabilities, &entry);
  bool wanted = entry.counts && (entry.args != NULL || entry.action != b->fallback);
  for (size_t k = 0; result == STYRO_OK && wanted && (name = styro_oci_entry_name(b->fault, &entry, k)) != NULL; k++) {
    result = add_name(b, &entry, arch, name);
  }
  return result;
}

/* ---- items to rules ---------------------------------------------------------------------------------------------- */

/* How many comparisons it has. */
static size_t tests_of(const struct item *item)
{
  return item->carried ? 1 : json_array_size(item->entry.args);
}

/* The upper half of ipc(2)'s first argument is a version. */
static struct styro_filter_test test_of(const struct item *item, size_t i)
{
  return item->carried ? (struct styro_filter_test){.op = STYRO_FILTER_MASKED,
                                                    .low = true,
                                                    .mask = 0xffff,
                                                    .value = item->carried->function,
                                                    .action = item->entry.action}
                       : styro_oci_entry_test(&item->entry, item->name, i);
}

/* What a profile says of a carrier itself is its author's, and says it all. */
static void drop_carried(struct build *b)
{
  bool named[2] = {false, false};
  size_t kept = 0;
  for (size_t i = 0; i < b->items_n; i++) {
    const struct item *item = &b->items[i];
    for (int k = 0; k < 2; k++) {
      named[k] = named[k] || (!item->carried && item->number == styro_i386_carriers[k]);
    }
  }
  for (size_t i = 0; i < b->items_n; i++) {
    const struct item *item = &b->items[i];
    bool said = item->carried && named[item->number == styro_i386_carriers[1]];
    if (!said) {
      b->items[kept++] = *item;
    }
  }
  b->items_n = kept;
}

static int compare_items(const void *a, const void *b)
{
  const struct item *left = a;
  const struct item *right = b;
  if (left->number != right->number) {
    return left->number < right->number ? -1 : 1;
  }
  if ((tests_of(left) == 0) != (tests_of(right) == 0)) {
    return tests_of(left) == 0 ? 1 : -1;
  }
  if (strictness(left->entry.action) != strictness(right->entry.action)) {
    return strictness(left->entry.action) < strictness(right->entry.action) ? -1 : 1;
  }
  return left->entry.number < right->entry.number ? -1 : left->entry.number > right->entry.number;
}

static int contradiction(struct build *b, const struct item *one, const struct item *other)
{
  const struct item *later = one->entry.number > other->entry.number ? one : other;
  const struct item *earlier = later == one ? other : one;
  styro_oci_point(b->fault, "/syscalls/%zu", later->entry.number);
  return styro_oci_wrong(b->fault, "leave out one of the two",
                         "`%s` is answered otherwise by the entry %zu, and no order says which one counts", one->name,
                         earlier->entry.number);
}

/* All items of one call. The last of them is without arguments, where there is one. */
static int add_rule(struct build *b, struct styro_filter_spec *spec, struct styro_filter_rule *rules,
                    struct styro_filter_test *tests, size_t *tests_n, const struct item *items, size_t n)
{
  const struct item *last = &items[n - 1];
  struct styro_filter_rule rule = {.number = last->number, .action = b->fallback, .tests = &tests[*tests_n]};
  for (size_t i = 0; i < n; i++) {
    if (tests_of(last) == 0 && items[i].entry.action != last->entry.action) {
      return contradiction(b, &items[i], last);
    }
    for (size_t k = 0; tests_of(last) != 0 && k < tests_of(&items[i]); k++) {
      tests[(*tests_n)++] = test_of(&items[i], k);
      rule.tests_n++;
    }
  }
  rule.action = tests_of(last) == 0 ? last->entry.action : b->fallback;
  rules[spec->rules_n++] = rule;
  return STYRO_OK;
}

static int add_rules(struct build *b, size_t arch_n, size_t room)
{
  struct styro_oci_profile *out = b->out;
  struct styro_filter_spec *spec = &out->specs[arch_n];
  size_t tests_n = 0;
  for (size_t i = 0; i < b->items_n; i++) {
    out->tests_n[arch_n] += tests_of(&b->items[i]);
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
  styro_oci_point(b->fault, "/syscalls");
  if (syscalls != NULL && !json_is_array(syscalls)) {
    return styro_oci_expected(b->fault, "a list of objects", "write [{\"names\": [...], \"action\": ...}]");
  }
  json_array_foreach(syscalls, i, entry)
  {
    int result = add_entry(b, arch, entry, i);
    if (result != STYRO_OK) {
      return result;
    }
  }
  drop_carried(b);
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

/* Those of libseccomp 2.6. */
static const char *const architectures[] = {NATIVE_OCI,
                                            "SCMP_ARCH_NATIVE",
                                            "SCMP_ARCH_X86",
                                            "SCMP_ARCH_X86_64",
                                            "SCMP_ARCH_X32",
                                            "SCMP_ARCH_ARM",
                                            "SCMP_ARCH_AARCH64",
                                            "SCMP_ARCH_MIPS",
                                            "SCMP_ARCH_MIPS64",
                                            "SCMP_ARCH_MIPS64N32",
                                            "SCMP_ARCH_MIPSEL",
                                            "SCMP_ARCH_MIPSEL64",
                                            "SCMP_ARCH_PPC",
                                            "SCMP_ARCH_PPC64",
                                            "SCMP_ARCH_MIPSEL64N32",
                                            "SCMP_ARCH_PPC64LE",
                                            "SCMP_ARCH_S390",
                                            "SCMP_ARCH_S390X",
                                            "SCMP_ARCH_PARISC",
                                            "SCMP_ARCH_PARISC64",
                                            "SCMP_ARCH_RISCV64",
                                            "SCMP_ARCH_M68K",
                                            "SCMP_ARCH_SH",
                                            "SCMP_ARCH_SHEB",
                                            "SCMP_ARCH_LOONGARCH64",
                                            NULL};
#define ARCHITECTURE "an architecture of seccomp_arch_add(3)"

static int check_map_entry(struct build *b, const json_t *one, size_t i)
{
  static const char *const known[] = {"architecture", "subArchitectures", NULL};
  char at[64];
  const json_t *besides = json_object_get(one, "subArchitectures");
  snprintf(at, sizeof at, "/archMap/%zu", i);
  int result = styro_oci_keys(b->fault, one, at, known, NULL);
  if (result == STYRO_OK) {
    styro_oci_point(b->fault, "%s/architecture", at);
    result = styro_oci_word(b->fault, json_object_get(one, "architecture"), architectures, ARCHITECTURE);
  }
  if (result == STYRO_OK && !json_is_null(besides)) {
    snprintf(at, sizeof at, "/archMap/%zu/subArchitectures", i);
    result = styro_oci_list(b->fault, besides, at, architectures, ARCHITECTURE);
  }
  return result;
}

static int check_map(struct build *b, const json_t *map)
{
  int result = STYRO_OK;
  for (size_t i = 0; result == STYRO_OK && i < json_array_size(map); i++) {
    result = check_map_entry(b, json_array_get(map, i), i);
  }
  return result;
}

/* x32 shares its numbers with x86_64 and is never allowed, whoever lists it. */
static int find_architectures(struct build *b, bool *i386)
{
  const json_t *list = json_object_get(b->profile, "architectures");
  const json_t *map = json_object_get(b->profile, "archMap");
  bool native = list == NULL && map == NULL;
  int result = styro_oci_list(b->fault, list, "/architectures", architectures, ARCHITECTURE);
  result = result == STYRO_OK ? check_map(b, map) : result;
  if (result != STYRO_OK) {
    return result;
  }
  const json_t *besides = subarchitectures(map, &native);
  native = native || lists(list, NATIVE_OCI) || lists(list, "SCMP_ARCH_NATIVE");
  *i386 = lists(list, BESIDES_OCI) || lists(besides, BESIDES_OCI);
  styro_oci_point(b->fault, list ? "/architectures" : "/archMap");
  return native ? STYRO_OK
                : styro_oci_wrong(b->fault, "add \"" NATIVE_OCI "\"",
                                  "the architecture of this library is not listed, so that every call would be killed");
}

/*
 * TSYNC is for threads, and the filter is loaded when there are none; SPEC_ALLOW would only take a protection away, and does
 * without. What is left of them is the log.
 */
static int read_flags(struct build *b)
{
  static const char *const known[] = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC",
                                      "SECCOMP_FILTER_FLAG_SPEC_ALLOW", NULL};
  const json_t *flags = json_object_get(b->profile, "flags");
  b->out->log = lists(flags, known[0]);
  return json_is_null(flags) ? STYRO_OK
                             : styro_oci_list(b->fault, flags, "/flags", known, "a flag that has a meaning here");
}

static int build_all(struct build *b, size_t room)
{
  static const char *const known[] = {"defaultAction", "defaultErrnoRet", "defaultErrno",
                                      "architectures", "archMap",         "syscalls",
                                      "flags",         "comment",         NULL};
  static const char *const refused[] = {"listenerPath", "listenerMetadata", NULL};
  static const struct styro_oci_action_keys keys = {"defaultAction", "defaultErrnoRet", "defaultErrno"};
  bool i386 = false;
  styro_oci_point(b->fault, "%s", "");
  if (!json_is_object(b->profile)) {
    return styro_oci_expected(b->fault, "an object", "write {\"defaultAction\": ..., \"syscalls\": [...]}");
  }
  int result = styro_oci_keys(b->fault, b->profile, "", known, refused);
  result = result == STYRO_OK ? styro_oci_action(b->fault, b->profile, &keys, "", &b->fallback) : result;
  result = result == STYRO_OK ? read_flags(b) : result;
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
