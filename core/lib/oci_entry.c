/*
 * One entry of a seccomp profile of container runtimes. Everything that it says is read, also where it does not count: a mistake
 * is one on every machine.
 */
#include "oci_entry.h"

#include <string.h>

#include "capability.h"
#include "kernel.h"

#if defined(__x86_64__)
#define NATIVE_GO "amd64"
#elif defined(__aarch64__)
#define NATIVE_GO "arm64"
#endif

/* ---- whether it counts ------------------------------------------------------------------------------------------- */

static int has_all_caps(struct styro_oci_fault *fault, const json_t *caps, const char *at, uint64_t capabilities,
                        bool *all)
{
  size_t i;
  json_t *cap;
  json_array_foreach(caps, i, cap)
  {
    int number = styro_capability_number(json_string_value(cap));
    if (number < 0) {
      styro_oci_point(fault, "%s/caps/%zu", at, i);
      return styro_oci_expected(fault, "the name of a capability", "write a name such as CAP_SYS_ADMIN");
    }
    *all = *all && capabilities >> number & 1;
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
static int is_old_enough(struct styro_oci_fault *fault, const json_t *kernel, const char *at)
{
  const char *text = json_string_value(kernel);
  int version = text != NULL ? styro_kernel_release(text) : -1;
  if (version >= 0 && version <= STYRO_KERNEL_FLOOR) {
    return STYRO_OK;
  }
  styro_oci_point(fault, "%s/minKernel", at);
  return styro_oci_wrong(fault, "leave the condition out, or the entry",
                         "the running kernel is not known when a request is compiled");
}

/* A condition that is no list would be none, and the entry everybody's. */
static int check_list(struct styro_oci_fault *fault, const json_t *list, const char *at, const char *key)
{
  size_t i;
  json_t *item;
  styro_oci_point(fault, "%s/%s", at, key);
  if (list != NULL && !json_is_array(list) && !json_is_null(list)) {
    return styro_oci_expected(fault, "a list of texts", "write [\"first\", \"second\"]");
  }
  json_array_foreach(list, i, item)
  {
    if (!json_is_string(item)) {
      styro_oci_point(fault, "%s/%s/%zu", at, key, i);
      return styro_oci_expected(fault, "a text", "write [\"first\", \"second\"]");
    }
  }
  return STYRO_OK;
}

static int check_condition(struct styro_oci_fault *fault, const json_t *object, const char *at)
{
  static const char *const known[] = {"caps", "arches", "minKernel", NULL};
  styro_oci_point(fault, "%s", at);
  if (object != NULL && !json_is_object(object) && !json_is_null(object)) {
    return styro_oci_expected(fault, "an object", "write {\"caps\": [\"CAP_SYS_ADMIN\"]}");
  }
  return styro_oci_keys(fault, object, at, known, NULL);
}

/* All conditions of `includes` hold, or any of `excludes`. */
static int condition(struct styro_oci_fault *fault, const json_t *object, const char *at, uint64_t capabilities,
                     bool any, bool *holds)
{
  const json_t *caps = json_object_get(object, "caps");
  const json_t *arches = json_object_get(object, "arches");
  const json_t *kernel = json_object_get(object, "minKernel");
  bool all_caps = true;
  int result = check_condition(fault, object, at);
  result = result == STYRO_OK ? check_list(fault, caps, at, "caps") : result;
  result = result == STYRO_OK ? check_list(fault, arches, at, "arches") : result;
  result = result == STYRO_OK ? has_all_caps(fault, caps, at, capabilities, &all_caps) : result;
  if (result == STYRO_OK && kernel != NULL) {
    result = is_old_enough(fault, kernel, at);
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

static int read_conditions(struct styro_oci_fault *fault, const json_t *json, const char *at, uint64_t capabilities,
                           bool *out)
{
  bool included = true;
  bool excluded = false;
  char below[64];
  snprintf(below, sizeof below, "%s/includes", at);
  int result = condition(fault, json_object_get(json, "includes"), below, capabilities, false, &included);
  if (result == STYRO_OK) {
    snprintf(below, sizeof below, "%s/excludes", at);
    result = condition(fault, json_object_get(json, "excludes"), below, capabilities, true, &excluded);
  }
  *out = included && !excluded;
  return result;
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static int check_number(struct styro_oci_fault *fault, const json_t *arg, const char *at, const char *key)
{
  const json_t *number = json_object_get(arg, key);
  styro_oci_point(fault, "%s/%s", at, key);
  return json_is_integer(number) && json_integer_value(number) >= 0
             ? STYRO_OK
             : styro_oci_expected(fault, "a number", "write the number that the argument is compared with, 0 or more");
}

static int check_index(struct styro_oci_fault *fault, const json_t *args, size_t i, const char *at)
{
  const json_t *index = json_object_get(json_array_get(args, i), "index");
  json_int_t number = json_integer_value(index);
  styro_oci_point(fault, "%s/index", at);
  if (!json_is_integer(index) || number < 0 || number > 5) {
    return styro_oci_expected(fault, "the number of an argument", "arguments are counted from 0 to 5");
  }
  for (size_t k = 0; k < i; k++) {
    if (json_integer_value(json_object_get(json_array_get(args, k), "index")) == number) {
      return styro_oci_wrong(fault, "write an entry for each, or one that says both",
                             "argument %d stands there twice, which runtimes read in different ways", (int)number);
    }
  }
  return STYRO_OK;
}

static int check_arg(struct styro_oci_fault *fault, const json_t *args, size_t i, const char *entry)
{
  static const char *const known[] = {"index", "value", "valueTwo", "op", NULL};
  const json_t *arg = json_array_get(args, i);
  char at[96];
  uint32_t op;
  snprintf(at, sizeof at, "%s/args/%zu", entry, i);
  int result = styro_oci_keys(fault, arg, at, known, NULL);
  result = result == STYRO_OK ? check_index(fault, args, i, at) : result;
  result = result == STYRO_OK ? check_number(fault, arg, at, "value") : result;
  if (result == STYRO_OK && json_object_get(arg, "valueTwo") != NULL) {
    result = check_number(fault, arg, at, "valueTwo");
  }
  if (result == STYRO_OK) {
    styro_oci_point(fault, "%s/op", at);
    result = styro_oci_operator(fault, json_object_get(arg, "op"), &op);
  }
  return result;
}

static int check_args(struct styro_oci_fault *fault, const json_t *args, const char *at)
{
  styro_oci_point(fault, "%s/args", at);
  if (args != NULL && !json_is_array(args) && !json_is_null(args)) {
    return styro_oci_expected(fault, "a list of objects",
                              "write [{\"index\": 0, \"op\": \"SCMP_CMP_EQ\", \"value\": 1}]");
  }
  int result = STYRO_OK;
  for (size_t i = 0; result == STYRO_OK && i < json_array_size(args); i++) {
    result = check_arg(fault, args, i, at);
  }
  return result;
}

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
struct styro_filter_test styro_oci_entry_test(const struct styro_oci_entry *entry, const char *call, size_t i)
{
  const json_t *arg = json_array_get(entry->args, i);
  struct styro_oci_fault none;
  uint32_t op = 0;
  styro_oci_operator(&none, json_object_get(arg, "op"), &op); /* it was read before */
  bool masked = op == STYRO_FILTER_MASKED;
  struct styro_filter_test test = {
      .index = (uint8_t)number_of(arg, "index"), .op = (uint8_t)op, .action = entry->action};
  test.mask = masked ? number_of(arg, "value") : 0;
  test.value = number_of(arg, masked ? "valueTwo" : "value");
  test.also = i + 1 < json_array_size(entry->args);
  test.low =
      (op == STYRO_FILTER_EQ || op == STYRO_FILTER_NE || masked) && !(test.value >> 32) && is_low(call, test.index);
  return test;
}

/* ---- the entry --------------------------------------------------------------------------------------------------- */

/* `name` is what profiles of before the runtime-spec have. */
static int find_names(struct styro_oci_fault *fault, const json_t *json, const char *at, struct styro_oci_entry *out)
{
  const json_t *one = json_object_get(json, "name");
  out->names = json_object_get(json, "names");
  out->alone = one != NULL && out->names == NULL;
  if (out->alone) {
    out->names = one;
    return STYRO_OK;
  }
  styro_oci_point(fault, "%s/names", at);
  return json_is_array(out->names) ? STYRO_OK
                                   : styro_oci_expected(fault, "a list of names", "write [\"read\", \"write\"]");
}

const json_t *styro_oci_entry_name(struct styro_oci_fault *fault, const struct styro_oci_entry *entry, size_t i)
{
  if (entry->alone) {
    styro_oci_point(fault, "/syscalls/%zu/name", entry->number);
    return i == 0 ? entry->names : NULL;
  }
  styro_oci_point(fault, "/syscalls/%zu/names/%zu", entry->number, i);
  return json_array_get(entry->names, i);
}

int styro_oci_entry_read(struct styro_oci_fault *fault, const json_t *json, size_t number, uint64_t capabilities,
                         struct styro_oci_entry *out)
{
  static const char *const known[] = {"names", "name",    "action",   "errnoRet", "errno",
                                      "args",  "comment", "includes", "excludes", NULL};
  static const struct styro_oci_action_keys keys = {"action", "errnoRet", "errno"};
  char at[40];
  *out = (struct styro_oci_entry){.number = number};
  snprintf(at, sizeof at, "/syscalls/%zu", number);
  styro_oci_point(fault, "%s", at);
  if (!json_is_object(json)) {
    return styro_oci_expected(fault, "an object", "write {\"names\": [...], \"action\": ...}");
  }
  const json_t *args = json_object_get(json, "args");
  int result = styro_oci_keys(fault, json, at, known, NULL);
  result = result == STYRO_OK ? styro_oci_action(fault, json, &keys, at, &out->action) : result;
  result = result == STYRO_OK ? check_args(fault, args, at) : result;
  result = result == STYRO_OK ? read_conditions(fault, json, at, capabilities, &out->counts) : result;
  out->args = json_array_size(args) ? args : NULL;
  return result == STYRO_OK ? find_names(fault, json, at, out) : result;
}
