/*
 * Profiles of container runtimes: random ones decide like libseccomp's own program for every number and sampled arguments; what
 * has no order, what is conditional, each thing that can be wrong, and memory that runs out.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "bpf_interpreter.h"
#include "counting_alloc.h"
#include "emulated.h"
#include "filter.h"
#include "oci_profile.h"
#include "syscalls.h"
#include "test_program.h"

#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define NATIVE_OCI "SCMP_ARCH_X86_64"
#define NATIVE_GO "amd64"
#else
#define NATIVE AUDIT_ARCH_AARCH64
#define NATIVE_OCI "SCMP_ARCH_AARCH64"
#define NATIVE_GO "arm64"
#endif

static struct styro_bpf program[STYRO_FILTER_MAX];
static size_t program_n;
static struct styro_oci_fault fault;

static int build(const char *text, uint64_t capabilities)
{
  const styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_oci_profile built;
  size_t at;
  json_t *profile = json_loads(text, 0, NULL);
  ck_assert_msg(profile != NULL, "%s", text);
  int result = styro_oci_build(profile, capabilities, 0, &alloc, &built, &fault);
  program_n = result == STYRO_OK ? styro_filter_emit(built.specs, built.specs_n, program) : 0;
  ck_assert(result != STYRO_OK || (program_n > 0 && styro_filter_check(program, program_n, &at) == NULL));
  styro_oci_free(&built);
  json_decref(profile);
  return result;
}

static uint32_t answer(uint32_t arch, const char *call, uint64_t first, uint64_t second)
{
  struct seccomp_data data = {.nr = styro_syscall_number(call, arch), .arch = arch, .args = {first, second}};
  return bpf_run(program, program_n, &data);
}

/* ---- like libseccomp ------------------------------------------------------------------------------------------------ */

static uint32_t next_random(uint64_t *state)
{
  *state = *state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)(*state >> 33);
}

static const struct {
  const char *text;
  uint32_t scmp, ours;
} actions[] = {{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, SECCOMP_RET_ALLOW},
               {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(EPERM), SECCOMP_RET_ERRNO | EPERM},
               {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, SECCOMP_RET_KILL_PROCESS},
               {"SCMP_ACT_LOG", SCMP_ACT_LOG, SECCOMP_RET_LOG},
               {"SCMP_ACT_TRAP", SCMP_ACT_TRAP, SECCOMP_RET_TRAP}};
static const struct {
  const char *text;
  enum scmp_compare scmp;
} ops[] = {{"SCMP_CMP_EQ", SCMP_CMP_EQ},
           {"SCMP_CMP_NE", SCMP_CMP_NE},
           {"SCMP_CMP_LT", SCMP_CMP_LT},
           {"SCMP_CMP_LE", SCMP_CMP_LE},
           {"SCMP_CMP_GT", SCMP_CMP_GT},
           {"SCMP_CMP_GE", SCMP_CMP_GE},
           {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
static const uint64_t values[] = {0,          1,          2,           0x18,        0xff,
                                  0x7e020000, 0xffffffff, 0x100000000, 0x100000001, 0x7fffffffffffffff};
#define VALUES_N (sizeof values / sizeof values[0])

/* Adds one entry's comparisons to both: the text, and the array for libseccomp. */
static unsigned random_args(uint64_t *state, char *text, size_t size, struct scmp_arg_cmp *args)
{
  unsigned n = 1 + next_random(state) % 3;
  size_t used = 0;
  for (unsigned i = 0; i < n; i++) {
    unsigned op = next_random(state) % 7;
    uint64_t mask = values[next_random(state) % VALUES_N];
    uint64_t value = values[next_random(state) % VALUES_N];
    bool masked = ops[op].scmp == SCMP_CMP_MASKED_EQ;
    args[i] = masked ? SCMP_CMP64(i, SCMP_CMP_MASKED_EQ, mask, value & mask) : SCMP_CMP64(i, ops[op].scmp, value);
    used += (size_t)snprintf(
        text + used, size - used, "%s{\"index\":%u,\"op\":\"%s\",\"value\":%llu,\"valueTwo\":%llu}", i ? "," : "", i,
        ops[op].text, (unsigned long long)(masked ? mask : value), (unsigned long long)(masked ? value & mask : 0));
  }
  return n;
}

/* Each call by one unconditional entry or by up to `most` of one action with arguments. */
static void random_profile(uint64_t *state, unsigned most, char *text, size_t size, scmp_filter_ctx *oracle)
{
  static const char *const calls[] = {"read",  "write",  "close",   "stat",      "lseek", "mmap",    "mprotect",
                                      "brk",   "getpid", "sendto",  "exit",      "wait4", "uname",   "getdents64",
                                      "chdir", "rename", "mkdirat", "getuid",    "times", "sync",    "splice",
                                      "tee",   "dup3",   "pipe2",   "getrandom", "statx", "openat2", "mseal"};
  unsigned fallback = next_random(state) % 5;
  size_t used = (size_t)snprintf(text, size, "{\"defaultAction\":\"%s\",\"syscalls\":[", actions[fallback].text);
  const char *comma = "";
  if (oracle) {
    *oracle = seccomp_init(actions[fallback].scmp);
    ck_assert_int_eq(seccomp_attr_set(*oracle, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
  }
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    unsigned action = next_random(state) % 5;
    unsigned entries = next_random(state) % (most + 1);
    int number = styro_syscall_native(calls[i]);
    if (action == fallback || number < 0) {
      continue;
    }
    for (unsigned k = 0; k < (entries ? entries : 1); k++) {
      struct scmp_arg_cmp args[6];
      char said[600] = "";
      unsigned n = entries ? random_args(state, said, sizeof said, args) : 0;
      used += (size_t)snprintf(text + used, size - used, "%s{\"names\":[\"%s\"],\"action\":\"%s\",\"args\":[%s]}",
                               comma, calls[i], actions[action].text, said);
      if (oracle) {
        ck_assert_int_eq(seccomp_rule_add_exact_array(*oracle, actions[action].scmp, number, n, args), 0);
      }
      comma = ",";
    }
  }
  snprintf(text + used, size - used, "]}");
}

static size_t export(scmp_filter_ctx oracle, struct styro_bpf *out)
{
  int fd = memfd_create("oracle", MFD_CLOEXEC);
  ck_assert_int_eq(seccomp_export_bpf(oracle, fd), 0);
  ssize_t n = pread(fd, out, STYRO_FILTER_MAX * sizeof *out, 0);
  ck_assert_int_gt(n, 0);
  close(fd);
  seccomp_release(oracle);
  return (size_t)n / sizeof *out;
}

static bool compares(const char *op, uint64_t argument, uint64_t value, uint64_t two)
{
  switch (op[9]) { /* after SCMP_CMP_ */
  case 'E': return argument == value;
  case 'N': return argument != value;
  case 'L': return op[10] == 'T' ? argument < value : argument <= value;
  case 'G': return op[10] == 'T' ? argument > value : argument >= value;
  default: return (argument & value) == two;
  }
}

static bool args_hold(const json_t *args, const struct seccomp_data *data)
{
  size_t i;
  json_t *arg;
  json_array_foreach(args, i, arg)
  {
    const char *op = json_string_value(json_object_get(arg, "op"));
    json_int_t value = json_integer_value(json_object_get(arg, "value"));
    json_int_t two = json_integer_value(json_object_get(arg, "valueTwo"));
    if (!compares(op, data->args[json_integer_value(json_object_get(arg, "index"))], (uint64_t)value, (uint64_t)two)) {
      return false;
    }
  }
  return true;
}

static uint32_t action_as_written(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    if (strcmp(actions[i].text, text) == 0) {
      return actions[i].ours;
    }
  }
  ck_abort_msg("%s", text);
}

/* Of one action each: that of any entry that holds. */
static uint32_t as_written(const json_t *profile, const struct seccomp_data *data)
{
  size_t i;
  json_t *entry;
  json_array_foreach(json_object_get(profile, "syscalls"), i, entry)
  {
    const char *name = json_string_value(json_array_get(json_object_get(entry, "names"), 0));
    if (styro_syscall_native(name) == data->nr && args_hold(json_object_get(entry, "args"), data)) {
      return action_as_written(entry, "action");
    }
  }
  return action_as_written(profile, "defaultAction");
}

static void random_call(uint64_t *state, int number, struct seccomp_data *data)
{
  *data = (struct seccomp_data){.nr = number, .arch = NATIVE};
  for (int i = 0; i < 3; i++) {
    data->args[i] = values[next_random(state) % VALUES_N] + (next_random(state) % 4 ? 0 : next_random(state) % 3 - 1u);
  }
}

/* From the first entry about a call on. */
static const char *about(const char *text, int number)
{
  char quoted[64];
  char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
  snprintf(quoted, sizeof quoted, "\"%s\"", name ? name : "");
  const char *at = strstr(text, quoted);
  free(name);
  return at ? at : "";
}

START_TEST(decides_like_libseccomp)
{
  static char text[200000];
  static struct styro_bpf theirs[STYRO_FILTER_MAX];
  uint64_t state = 4711 + (uint64_t)_i;
  scmp_filter_ctx oracle;
  for (int round = 0; round < 25; round++) {
    random_profile(&state, 1, text, sizeof text, &oracle);
    size_t n = export(oracle, theirs);
    ck_assert_msg(build(text, 0) == STYRO_OK, "%s: %s", fault.pointer, fault.message);
    for (int number = 0; number < 470; number++) {
      for (int sample = 0; sample < 60; sample++) {
        struct seccomp_data data;
        random_call(&state, number, &data);
        uint32_t ours = bpf_run(program, program_n, &data);
        uint32_t wanted = bpf_run(theirs, n, &data);
        ck_assert_msg(ours == wanted, "round %d of %d: number %d, %llx %llx %llx: ours %08x, libseccomp %08x: %.3000s",
                      round, _i, number, (unsigned long long)data.args[0], (unsigned long long)data.args[1],
                      (unsigned long long)data.args[2], ours, wanted, about(text, number));
      }
    }
  }
}
END_TEST

/* Not asked of libseccomp: 2.5.4 loses entries where several of one call compare by order. */
START_TEST(several_entries_of_one_call)
{
  static char text[200000];
  uint64_t state = 99 + (uint64_t)_i;
  for (int round = 0; round < (emulated() ? 3 : 10);
       round++) { /* of the same kind: an emulator needs minutes for all */
    random_profile(&state, 4, text, sizeof text, NULL);
    ck_assert_msg(build(text, 0) == STYRO_OK, "%s: %s", fault.pointer, fault.message);
    json_t *profile = json_loads(text, 0, NULL);
    for (int sample = 0; sample < 20000; sample++) {
      struct seccomp_data data;
      random_call(&state, (int)(next_random(&state) % 470), &data);
      ck_assert_uint_eq(bpf_run(program, program_n, &data), as_written(profile, &data));
    }
    json_decref(profile);
  }
}
END_TEST

/* ---- what has no order, and what is conditional ---------------------------------------------------------------------- */

#define PROFILE(entries) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"syscalls\": [" entries "]}"
#define NOT_THERE (SECCOMP_RET_ERRNO | ENOSYS)

START_TEST(the_strictest_that_holds_decides)
{
  ck_assert_int_eq(
      build(
          PROFILE(
              "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 9, \"op\": \"SCMP_CMP_LT\"}]},"
              "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_KILL_PROCESS\", \"args\": [{\"index\": 0, \"value\": 3, \"op\": \"SCMP_CMP_EQ\"}]},"
              "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 1, \"value\": 3, \"op\": \"SCMP_CMP_EQ\"}]}"),
          0),
      0);
  ck_assert_uint_eq(answer(NATIVE, "read", 2, 0), ALLOW);
  ck_assert_uint_eq(answer(NATIVE, "read", 3, 3), KILL);
  ck_assert_uint_eq(answer(NATIVE, "read", 2, 3), SECCOMP_RET_ERRNO | EPERM);
  ck_assert_uint_eq(answer(NATIVE, "read", 10, 0), NOT_THERE);
}
END_TEST

START_TEST(what_the_kernel_reads_as_32_bits_is_compared_so)
{
  ck_assert_int_eq(
      build(
          PROFILE(
              "{\"names\": [\"ioctl\"], \"action\": \"SCMP_ACT_KILL\", \"args\": [{\"index\": 1, \"value\": 21522, \"op\": \"SCMP_CMP_EQ\"}]},"
              "{\"names\": [\"lseek\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 1, \"value\": 5, \"op\": \"SCMP_CMP_EQ\"}]}"),
          0),
      0);
  ck_assert_uint_eq(answer(NATIVE, "ioctl", 0, 0xff00005412), SECCOMP_RET_KILL_THREAD);
  ck_assert_uint_eq(answer(NATIVE, "lseek", 0, 5), ALLOW);
  ck_assert_uint_eq(answer(NATIVE, "lseek", 0, 0x100000005), NOT_THERE);
}
END_TEST

START_TEST(conditions_of_entries)
{
  static const struct {
    const char *entry;
    uint64_t capabilities;
    uint32_t answer;
  } cases[] = {
      {"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", 0, NOT_THERE},
      {"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", 1 << 21, ALLOW},
      {"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_KILL\"]}", 1 << 21, NOT_THERE},
      {"\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", 0, ALLOW},
      {"\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", 1 << 21, NOT_THERE},
      {"\"includes\": {\"arches\": [\"s390x\", \"" NATIVE_GO "\"]}", 0, ALLOW},
      {"\"includes\": {\"arches\": [\"s390x\"]}", 0, NOT_THERE},
      {"\"excludes\": {\"arches\": [\"s390x\"]}", 0, ALLOW},
      {"\"excludes\": {\"arches\": [\"" NATIVE_GO "\"]}", 0, NOT_THERE},
      {"\"includes\": {\"minKernel\": \"4.8\"}", 0, ALLOW},
      {"\"includes\": {\"minKernel\": \"5.14\", \"caps\": [\"CAP_KILL\"]}", 0, NOT_THERE},
      {"\"excludes\": {\"minKernel\": \"4.8\"}", 0, NOT_THERE},
      {"\"includes\": {}, \"excludes\": {}, \"comment\": \"\"", 0, ALLOW},
      {"\"args\": null", 0, ALLOW},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[600];
    snprintf(text, sizeof text, PROFILE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", %s}"), cases[i].entry);
    ck_assert_msg(build(text, cases[i].capabilities) == 0, "%s: %s", text, fault.message);
    ck_assert_msg(answer(NATIVE, "read", 0, 0) == cases[i].answer, "%s", text);
  }
}
END_TEST

#if defined(__x86_64__)
START_TEST(other_architectures)
{
  static const char entries[] =
      ", \"syscalls\": [{\"names\": [\"getpid\", \"arm_fadvise64_64\"], \"action\": \"SCMP_ACT_ALLOW\"}]}";
  static const struct {
    const char *begin;
    uint32_t on_i386;
  } cases[] = {
      {"{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\"", KILL},
      {"{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X32\"]",
       KILL},
      {"{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"]",
       ALLOW},
      {"{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": "
       "[\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]}]",
       ALLOW},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[600];
    snprintf(text, sizeof text, "%s%s", cases[i].begin, entries);
    ck_assert_msg(build(text, 0) == 0, "%s: %s", text, fault.message);
    ck_assert_uint_eq(answer(AUDIT_ARCH_X86_64, "getpid", 0, 0), ALLOW);
    ck_assert_uint_eq(answer(AUDIT_ARCH_I386, "getpid", 0, 0), cases[i].on_i386);
    struct seccomp_data x32 = {.nr = 0x40000000 + 39, .arch = AUDIT_ARCH_X86_64};
    ck_assert_uint_eq(bpf_run(program, program_n, &x32), KILL);
  }
}
END_TEST
#else
START_TEST(other_architectures)
{
  ck_assert_int_eq(
      build("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_ARM\", \"SCMP_ARCH_AARCH64\"]}",
            0),
      0);
  struct seccomp_data arm = {.nr = 20, .arch = AUDIT_ARCH_ARM};
  ck_assert_uint_eq(bpf_run(program, program_n, &arm), KILL);
}
END_TEST
#endif

START_TEST(error_numbers_by_name)
{
  ck_assert_int_eq(
      build(
          "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"defaultErrno\": \"ENOSYS\", \"syscalls\": ["
          "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"EINVAL\"}]}",
          0),
      0);
  ck_assert_uint_eq(answer(NATIVE, "read", 0, 0), SECCOMP_RET_ERRNO | EINVAL);
  ck_assert_uint_eq(answer(NATIVE, "write", 0, 0), NOT_THERE);
}
END_TEST

static bool logs(const char *flags)
{
  const styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_oci_profile built;
  char text[200];
  snprintf(text, sizeof text, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": %s}", flags);
  json_t *profile = json_loads(text, 0, NULL);
  ck_assert_int_eq(styro_oci_build(profile, 0, 0, &alloc, &built, &fault), STYRO_OK);
  bool log = built.log;
  styro_oci_free(&built);
  json_decref(profile);
  return log;
}

START_TEST(what_goes_to_the_log)
{
  ck_assert(!logs("null"));
  ck_assert(!logs("[\"SECCOMP_FILTER_FLAG_TSYNC\", \"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]"));
  ck_assert(logs("[\"SECCOMP_FILTER_FLAG_LOG\"]"));
}
END_TEST

/* ---- what is wrong ----------------------------------------------------------------------------------------------------- */

#define ENTRY(members) PROFILE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}, {" members "}")
#define ARG(members)                                                                                                                        \
  ENTRY(                                                                                                                                    \
      "\"names\": [\"lseek\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}, {" members \
      "}]")

static const struct {
  const char *profile, *pointer, *message, *hint;
} wrong[] = {
    {"{}", "/defaultAction", "expected an action", "SCMP_ACT_ALLOW"},
    {"{\"defaultAction\": \"SCMP_ACT_TRACE\"}", "/defaultAction", "`SCMP_ACT_TRACE` needs a tracer",
     "write SCMP_ACT_ERRNO to refuse"},
    {"{\"defaultAction\": \"SCMP_ACT_ALOW\"}", "/defaultAction", "`SCMP_ACT_ALOW` is not an action",
     "did you mean `SCMP_ACT_ALLOW`?"},
    {"[]", "", "expected an object", "defaultAction"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EWRONG\"}", "/defaultErrno", "the name of an error",
     "such as EPERM"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EPERM\", \"defaultErrnoRet\": 38}", "/defaultErrno",
     "`EPERM` is 1, and the number beside it is 38", "leave out one"},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultErrno\": \"EPERM\"}", "/defaultErrno",
     "goes with SCMP_ACT_ERRNO alone", "leave it out"},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_NEW_LISTENER\"]}", "/flags/0",
     "is not a flag that has a meaning here", "SECCOMP_FILTER_FLAG"},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": \"log\"}", "/flags", "expected a list", "brackets"},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_NATIVE\", \"SCMP_ARCH_X86_46\"]}",
     "/architectures/1", "`SCMP_ARCH_X86_46` is not an architecture", "did you mean `SCMP_ARCH_X86_64`?"},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": [{\"architecture\": \"amd64\"}]}", "/archMap/0/architecture",
     "`amd64` is not an architecture", "one of them is"},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": [{\"architecture\": \"SCMP_ARCH_S390\", \"subArchitectures\": [7]}]}",
     "/archMap/0/subArchitectures/0", "expected an architecture", "one of them is"},
    {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultErrnoRet\": 1}", "/defaultErrnoRet",
     "goes with SCMP_ACT_ERRNO alone", "leave it out"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4096}", "/defaultErrnoRet",
     "expected an error number", "0 to 4095"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": \"EPERM\"}", "/defaultErrnoRet",
     "expected an error number", "0 to 4095"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscall\": []}", "/syscall", "`syscall` is not a field",
     "did you mean `syscalls`?"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"listenerPath\": \"/x\"}", "/listenerPath", "needs somebody who listens",
     "leave it out"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": {}}", "/syscalls", "expected a list of objects", "names"},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_S390\"]}", "/architectures",
     "every call would be killed", "add \"" NATIVE_OCI},
    {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": []}", "/archMap", "every call would be killed",
     "add \"" NATIVE_OCI},
    {PROFILE("[]"), "/syscalls/0", "expected an object", "names"},
    {ENTRY("\"action\": \"SCMP_ACT_ALLOW\""), "/syscalls/1/names", "expected a list of names", "read"},
    {ENTRY("\"names\": [\"write\", \"raed\"], \"action\": \"SCMP_ACT_ALLOW\""), "/syscalls/1/names/1",
     "no system call is called `raed`", "did you mean `read`?"},
    {ENTRY("\"name\": \"nothing at all\", \"action\": \"SCMP_ACT_ALLOW\""), "/syscalls/1/name",
     "no system call is called", "syscalls(2)"},
    {ENTRY("\"names\": [4], \"action\": \"SCMP_ACT_ALLOW\""), "/syscalls/1/names/0", "no system call is called",
     "syscalls(2)"},
    {ENTRY("\"names\": [\"write\"]"), "/syscalls/1/action", "expected an action", "SCMP_ACT_ALLOW"},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_NOTIFY\""), "/syscalls/1/action",
     "`SCMP_ACT_NOTIFY` needs somebody who listens", "SCMP_ACT_LOG to allow"},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"errnoRet\": 1"), "/syscalls/1/errnoRet",
     "SCMP_ACT_ERRNO alone", "leave it out"},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"arg\": []"), "/syscalls/1/arg",
     "`arg` is not a field", "did you mean `args`?"},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": {}"), "/syscalls/1/args",
     "expected a list of objects", "index"},
    {ARG("\"index\": 6, \"value\": 1, \"op\": \"SCMP_CMP_EQ\""), "/syscalls/1/args/1/index",
     "expected the number of an argument", "0 to 5"},
    {ARG("\"index\": 1, \"value\": -1, \"op\": \"SCMP_CMP_EQ\""), "/syscalls/1/args/1/value", "expected a number",
     "0 or more"},
    {ARG("\"index\": 1, \"value\": 1, \"valueTwo\": \"1\", \"op\": \"SCMP_CMP_EQ\""), "/syscalls/1/args/1/valueTwo",
     "expected a number", ""},
    {ARG("\"index\": 1, \"value\": 1, \"valuetwo\": 1, \"op\": \"SCMP_CMP_EQ\""), "/syscalls/1/args/1/valuetwo",
     "is not a field", "did you mean `valueTwo`?"},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": \"CAP_SYS_ADMIN\"}"),
     "/syscalls/1/includes/caps", "a list of texts", ""},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"arches\": \"amd64\"}"),
     "/syscalls/1/excludes/arches", "a list of texts", ""},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"arches\": [5]}"),
     "/syscalls/1/includes/arches/0", "a text", ""},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"cap\": []}"),
     "/syscalls/1/includes/cap", "is not a field", "did you mean `caps`?"},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": []"), "/syscalls/1/excludes",
     "expected an object", "caps"},
    {ARG("\"value\": 1, \"op\": \"SCMP_CMP_EQ\""), "/syscalls/1/args/1/index", "expected the number of an argument",
     "0 to 5"},
    {ARG("\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\""), "/syscalls/1/args/1/index",
     "argument 0 stands there twice", "an entry for each"},
    {ARG("\"index\": 1, \"op\": \"SCMP_CMP_EQ\""), "/syscalls/1/args/1/value", "expected a number", ""},
    {ARG("\"index\": 1, \"value\": 1, \"op\": \"SCMP_CMP_IS\""), "/syscalls/1/args/1/op",
     "`SCMP_CMP_IS` is not an operator", "SCMP_CMP_EQ"},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_NONE\"]}"),
     "/syscalls/1/includes/caps/0", "name of a capability", ""},
    {ENTRY("\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"minKernel\": \"6.6\"}"),
     "/syscalls/1/excludes/minKernel", "is not known when a request is compiled", "leave"},
    {ENTRY("\"names\": [\"read\"], \"action\": \"SCMP_ACT_LOG\""), "/syscalls/1",
     "`read` is answered otherwise by the entry 0", "leave out one"},
    {ENTRY(
         "\"names\": [\"read\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]"),
     "/syscalls/1", "`read` is answered otherwise by the entry 0", "leave out one"},
};

START_TEST(what_is_wrong_is_said_where_it_stands)
{
  ck_assert_msg(build(wrong[_i].profile, 0) == STYRO_EREQUEST, "%s", wrong[_i].profile);
  ck_assert_str_eq(fault.pointer, wrong[_i].pointer);
  ck_assert_msg(strstr(fault.message, wrong[_i].message) != NULL, "%s: %s", wrong[_i].profile, fault.message);
  ck_assert_msg(strstr(fault.hint, wrong[_i].hint) != NULL, "%s: %s", wrong[_i].profile, fault.hint);
}
END_TEST

START_TEST(entries_that_say_the_same_agree)
{
  ck_assert_int_eq(
      build(
          ENTRY(
              "\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]"),
          0),
      0);
  ck_assert_uint_eq(answer(NATIVE, "read", 7, 0), ALLOW);
}
END_TEST

START_TEST(what_holds_anyway_contradicts_nothing)
{
  ck_assert_int_eq(
      build(
          PROFILE(
              "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38},"
              "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}"),
          0),
      0);
  ck_assert_uint_eq(answer(NATIVE, "read", 1, 0), ALLOW);
  ck_assert_uint_eq(answer(NATIVE, "read", 2, 0), NOT_THERE);
}
END_TEST

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

START_TEST(memory_may_run_out_anywhere)
{
  json_t *profile = json_loads(ARG("\"index\": 1, \"value\": 1, \"op\": \"SCMP_CMP_GT\""), 0, NULL);
  int result = STYRO_ENOMEM;
  for (size_t n = 1; result == STYRO_ENOMEM; n++) {
    struct counting_alloc state = {.fail_at = n};
    styro_allocator alloc = counting_allocator(&state);
    struct styro_oci_profile built;
    result = styro_oci_build(profile, 0, 3, &alloc, &built, &fault);
    ck_assert(result == STYRO_OK || result == STYRO_ENOMEM);
    styro_oci_free(&built);
    ck_assert_uint_eq(state.live_blocks, 0);
    ck_assert_int_eq(state.wrong, 0);
    ck_assert_uint_lt(n, 10);
  }
  json_decref(profile);
}
END_TEST

int main(void)
{
  const bool oracle = !emulated();
  const struct test_loop loops[] = {
      {decides_like_libseccomp, oracle ? 4 : 0},
      {several_entries_of_one_call, 2},
      {what_is_wrong_is_said_where_it_stands, (int)TESTS_N(wrong)},
  };
  const struct test_program whole = {.name = "oci_profile", .loops = loops, .loops_n = TESTS_N(loops)};
  const TTest *const tests[] = {
      the_strictest_that_holds_decides,
      what_the_kernel_reads_as_32_bits_is_compared_so,
      conditions_of_entries,
      error_numbers_by_name,
      what_goes_to_the_log,
      entries_that_say_the_same_agree,
      what_holds_anyway_contradicts_nothing,
      other_architectures,
      memory_may_run_out_anywhere,
  };
  if (!oracle) {
    printf("skipped: the emulator knows no seccomp(2), so libseccomp makes no program\n");
  }
  return test_program_run(&whole, tests, TESTS_N(tests));
}
