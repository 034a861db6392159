/*
 * Proof of the built-in filter: our program and libseccomp's own decide alike for every number, architecture and sampled
 * argument, and the filter has its effect in a real process.
 */
#include <check.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf_interpreter.h"
#include "emulated.h"
#include "filter.h"
#include "filter_emit.h"
#include "profile.h"
#include "profile_json.h"

static const char *const profiles[] = {"core/profiles/default.json", "core/profiles/strict.json",
                                       "core/profiles/build.json"};

/* ---- libseccomp as oracle ---- */

/*
 * libseccomp lets a rule without arguments win over those with: so a call whose last word is "otherwise X" is asked of a
 * program whose default is X, one program for each X.
 */
#define ORACLES_MAX 8
struct oracle {
  uint32_t otherwise;
  scmp_filter_ctx context;
  struct styro_bpf program[STYRO_FILTER_MAX];
  size_t n;
};

struct oracles {
  struct oracle one[ORACLES_MAX];
  size_t n;
};

static uint32_t to_scmp(uint32_t action)
{
  return action == SECCOMP_RET_ALLOW ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(action & 0xffff);
}

static struct oracle *oracle_for(struct oracles *all, uint32_t otherwise, uint32_t arch)
{
  for (size_t i = 0; i < all->n; i++) {
    if (all->one[i].otherwise == otherwise) {
      return &all->one[i];
    }
  }
  ck_assert_uint_lt(all->n, ORACLES_MAX);
  struct oracle *made = &all->one[all->n++];
  made->otherwise = otherwise;
  made->context = seccomp_init(to_scmp(otherwise));
  ck_assert_ptr_nonnull(made->context);
  if (seccomp_arch_native() != arch) {
    ck_assert_int_eq(seccomp_arch_add(made->context, arch), 0);
    ck_assert_int_eq(seccomp_arch_remove(made->context, SCMP_ARCH_NATIVE), 0);
  }
  ck_assert_int_eq(seccomp_attr_set(made->context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
  return made;
}

/*
 * libseccomp takes the native number of a call, also for another architecture. What is newer than its names it takes for
 * the native architecture only: for another one those rules are compared with the profile itself.
 */
static bool native_number(uint32_t number, uint32_t arch, int *native)
{
  char *name = seccomp_syscall_resolve_num_arch(arch, (int)number);
  *native = name ? seccomp_syscall_resolve_name(name) : (int)number;
  bool sayable = name || arch == seccomp_arch_native();
  free(name);
  return sayable;
}

static void teach(struct oracles *all, const struct styro_filter_rule *rule, uint32_t fallback, uint32_t arch)
{
  if (!rule->tests_n) {
    struct oracle *plain = oracle_for(all, fallback, arch);
    int number;
    if (rule->action != fallback && native_number(rule->number, arch, &number)) {
      ck_assert_int_eq(seccomp_rule_add_exact(plain->context, to_scmp(rule->action), number, 0), 0);
    }
    return;
  }
  struct oracle *own = oracle_for(all, rule->action, arch);
  for (size_t i = 0; i < rule->tests_n; i++) {
    const struct styro_filter_test *test = &rule->tests[i];
    uint64_t mask = test->op == STYRO_FILTER_MASKED ? test->mask : UINT32_MAX;
    struct scmp_arg_cmp arg = SCMP_CMP64(test->index, SCMP_CMP_MASKED_EQ, mask, test->value);
    if (test->action != rule->action) {
      int number;
      ck_assert(native_number(rule->number, arch, &number));
      ck_assert_int_eq(seccomp_rule_add_exact_array(own->context, to_scmp(test->action), number, 1, &arg), 0);
    }
  }
}

static void export_oracles(struct oracles *all)
{
  for (size_t i = 0; i < all->n; i++) {
    int fd = memfd_create("oracle", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(seccomp_export_bpf(all->one[i].context, fd), 0);
    ssize_t n = pread(fd, all->one[i].program, sizeof all->one[i].program, 0);
    ck_assert_int_gt(n, 0);
    all->one[i].n = (size_t)n / sizeof(struct styro_bpf);
    close(fd);
    seccomp_release(all->one[i].context);
  }
}

static const struct styro_filter_rule *find_rule(const struct profile_rules *rules, uint32_t number)
{
  for (size_t i = 0; i < rules->n; i++) {
    if (rules->rules[i].number == number) {
      return &rules->rules[i];
    }
  }
  return NULL;
}

enum { PARTS = 6, PROFILES_N = sizeof profiles / sizeof profiles[0] };

struct proof {
  const struct profile_arch *arch;
  struct profile_rules rules;
  struct oracles oracles;
  struct styro_bpf program[STYRO_FILTER_MAX];
  size_t n;
  uint32_t fallback;
  unsigned long compared;
};

static void compare(struct proof *proof, const struct seccomp_data *data)
{
  const struct styro_filter_rule *rule = find_rule(&proof->rules, (uint32_t)data->nr);
  uint32_t otherwise = rule && rule->tests_n ? rule->action : proof->fallback;
  struct oracle *oracle = oracle_for(&proof->oracles, otherwise, proof->arch->seccomp);
  uint32_t ours = bpf_run(proof->program, proof->n, data);
  uint32_t theirs = bpf_run(oracle->program, oracle->n, data);
  int number;
  if (rule && data->arch == proof->arch->audit && !native_number(rule->number, proof->arch->seccomp, &number)) {
    theirs = rule->action;
  }
  ck_assert_msg(ours == theirs, "%s: number %d arch %08x args %llx %llx: ours %08x, libseccomp %08x", proof->arch->name,
                data->nr, data->arch, (unsigned long long)data->args[0], (unsigned long long)data->args[1], ours,
                theirs);
  proof->compared++;
}

/* Each compared value, its neighbours, single bits of each mask; and all of them with junk in the high half. */
static void compare_arguments(struct proof *proof, int number)
{
  static const uint64_t high[] = {0, 1ull << 32, 0xffffffffull << 32, 0x8000000080000000ull & ~0xffffffffull};
  struct seccomp_data data = {.nr = number, .arch = proof->arch->audit};
  for (size_t t = 0; t < proof->rules.tests_n; t++) {
    const struct styro_filter_test *test = &proof->rules.tests[t];
    for (unsigned bit = 0; bit <= 34; bit++) {
      uint32_t low = bit < 32 ? 1u << bit : (uint32_t)test->value + bit - 33;
      for (size_t h = 0; h < sizeof high / sizeof high[0]; h++) {
        for (unsigned i = 0; i < 6; i++) {
          data.args[i] = high[h] | low;
        }
        compare(proof, &data);
      }
    }
  }
}

/* Every PARTS-th number, from `part` on: each part is a test of its own. */
static void compare_numbers(struct proof *proof, int part)
{
  static const uint32_t archs[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0};
  for (size_t a = 0; a < sizeof archs / sizeof archs[0]; a++) {
    for (int i = part - 2; i < 1400; i += PARTS) { /* the second half are x32's numbers */
      int number = i < 700 ? i : 0x40000000 + i - 700;
      struct seccomp_data data = {.nr = number, .arch = archs[a]};
      compare(proof, &data);
    }
  }
  for (int number = part; number < 700; number += PARTS) {
    compare_arguments(proof, number);
  }
}

START_TEST(decides_like_libseccomp)
{
  static struct proof proof;
  json_t *profile = profile_load(profiles[_i / (2 * PARTS)]);
  struct styro_filter_spec spec;
  memset(&proof, 0, sizeof proof);
  proof.arch = &profile_archs[_i % 2];
  profile_rules_read(profile, proof.arch, &proof.rules);
  profile_spec(profile, proof.arch, &proof.rules, &spec);
  proof.fallback = spec.default_action;
  proof.n = styro_filter_emit(&spec, 1, proof.program);
  ck_assert_uint_gt(proof.n, 0);
  oracle_for(&proof.oracles, proof.fallback, proof.arch->seccomp);
  for (size_t i = 0; i < proof.rules.n; i++) {
    teach(&proof.oracles, &proof.rules.rules[i], proof.fallback, proof.arch->seccomp);
  }
  export_oracles(&proof.oracles);
  compare_numbers(&proof, _i / 2 % PARTS);
  printf("%s: %lu decisions compared, %zu instructions\n", proof.arch->name, proof.compared, proof.n);
  json_decref(profile);
}
END_TEST

START_TEST(each_is_what_its_profile_says)
{
  static struct profile_rules rules;
  static struct styro_bpf program[STYRO_FILTER_MAX];
  json_t *profile = profile_load(profiles[_i]);
  struct styro_filter_spec spec;
  size_t at = 0;
  const struct profile_arch *arch =
      &profile_archs[styro_profile(STYRO_SECCOMP_DEFAULT)->spec.arch != AUDIT_ARCH_X86_64];
  profile_rules_read(profile, arch, &rules);
  profile_spec(profile, arch, &rules, &spec);
  const struct styro_profile *ours = styro_profile((enum styro_seccomp_kind)_i);
  ck_assert_uint_eq(ours->n, styro_filter_emit(&spec, 1, program));
  ck_assert_mem_eq(ours->program, program, ours->n * sizeof *program);
  ck_assert_ptr_null(styro_filter_check(ours->program, ours->n, &at));
  ck_assert_uint_eq(ours->n, styro_filter_emit(&ours->spec, 1, program)); /* the rules as they are in the library */
  ck_assert_mem_eq(ours->program, program, ours->n * sizeof *program);
  json_decref(profile);
}
END_TEST

START_TEST(x32_is_killed)
{
  static struct profile_rules rules;
  static struct styro_bpf program[STYRO_FILTER_MAX];
  json_t *profile = profile_load(profiles[0]);
  struct styro_filter_spec spec;
  profile_rules_read(profile, &profile_archs[0], &rules);
  profile_spec(profile, &profile_archs[0], &rules, &spec);
  size_t n = styro_filter_emit(&spec, 1, program);
  for (uint32_t number = 0x40000000u; number < 0x40000400u; number++) {
    struct seccomp_data data = {.nr = (int)number, .arch = AUDIT_ARCH_X86_64};
    ck_assert_uint_eq(bpf_run(program, n, &data), SECCOMP_RET_KILL_PROCESS);
  }
  struct seccomp_data last = {.nr = -1, .arch = AUDIT_ARCH_X86_64};
  ck_assert_uint_eq(bpf_run(program, n, &last), SECCOMP_RET_ERRNO | ENOSYS);
  last.nr = -2;
  ck_assert_uint_eq(bpf_run(program, n, &last), SECCOMP_RET_KILL_PROCESS);
  json_decref(profile);
}
END_TEST

START_TEST(emitter_refuses_what_it_cannot_say)
{
  static struct styro_bpf program[STYRO_FILTER_MAX];
  static struct styro_filter_rule many[3000];
  const struct styro_filter_rule unsorted[] = {{.number = 2}, {.number = 1}};
  const struct styro_filter_rule twice[] = {{.number = 1}, {.number = 1}};
  struct styro_filter_spec spec = {.arch = 1, .default_action = SECCOMP_RET_ALLOW, .rules = unsorted, .rules_n = 2};
  ck_assert_uint_eq(styro_filter_emit(&spec, 1, program), 0);
  spec.rules = twice;
  ck_assert_uint_eq(styro_filter_emit(&spec, 1, program), 0);
  for (uint32_t i = 0; i < 3000; i++) {
    many[i] = (struct styro_filter_rule){.number = 2 * i, .action = SECCOMP_RET_ERRNO | (i & 0xff)};
  }
  spec.rules = many;
  spec.rules_n = 3000;
  ck_assert_uint_eq(styro_filter_emit(&spec, 1, program), 0);
  spec.rules_n = 700; /* jumps over more than 255 instructions */
  size_t n = styro_filter_emit(&spec, 1, program);
  ck_assert_uint_gt(n, 1000);
  for (int number = 0; number < 1500; number++) {
    struct seccomp_data data = {.nr = number, .arch = 1};
    uint32_t wanted =
        number % 2 || number >= 1400 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | ((uint32_t)number / 2 & 0xff);
    ck_assert_uint_eq(bpf_run(program, n, &data), wanted);
  }
}
END_TEST

/* ---- the real effect ---- */

static void load_default(void)
{
  const struct styro_profile *profile = styro_profile(STYRO_SECCOMP_DEFAULT);
  struct sock_fprog prog = {(unsigned short)profile->n, (struct sock_filter *)(uintptr_t)profile->program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0) {
    _exit(99);
  }
}

static int in_child(int (*what)(void))
{
  pid_t pid = fork();
  if (pid == 0) {
    load_default();
    _exit(what());
  }
  int status = 0;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  return status;
}

static const struct {
  const char *name;
  long number;
  long args[3];
  int error;
} refused[] = {
    {"unshare", SYS_unshare, {CLONE_NEWUSER, 0, 0}, EPERM},
    {"setns", SYS_setns, {0, 0, 0}, EPERM},
    {"clone with a namespace", SYS_clone, {CLONE_NEWUSER, 0, 0}, EPERM},
    {"clone3", SYS_clone3, {0, 0, 0}, ENOSYS},
    {"TIOCSTI", SYS_ioctl, {0, 0x5412, 0}, EPERM},
    {"TIOCSTI with junk above", SYS_ioctl, {0, 0x5412 | 1l << 32, 0}, EPERM},
    {"TIOCLINUX", SYS_ioctl, {0, 0x541c, 0}, EPERM},
    {"TIOCSETD", SYS_ioctl, {0, 0x5423, 0}, EPERM},
    {"TIOCSETD with junk above", SYS_ioctl, {0, 0x5423 | 1l << 32, 0}, EPERM},
    {"SCTP", SYS_socket, {AF_INET, SOCK_STREAM, 132}, EPROTONOSUPPORT},
    {"SMC over IPv6", SYS_socket, {AF_INET6, SOCK_STREAM, 256}, EPROTONOSUPPORT},
    {"netlink of iSCSI", SYS_socket, {AF_NETLINK, SOCK_RAW, 8}, EPROTONOSUPPORT},
    {"netlink of the kernel's ciphers", SYS_socket, {AF_NETLINK, SOCK_RAW, 21}, EPROTONOSUPPORT},
    {"AF_VSOCK", SYS_socket, {40, SOCK_STREAM, 0}, EAFNOSUPPORT},
    {"AF_ALG", SYS_socket, {38, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
    {"a pair of AF_TIPC", SYS_socketpair, {30, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
    {"keyctl", SYS_keyctl, {0, 0, 0}, EPERM},
    {"add_key", SYS_add_key, {0, 0, 0}, EPERM},
    {"io_uring_setup", SYS_io_uring_setup, {1, 0, 0}, EPERM},
    {"bpf", SYS_bpf, {0, 0, 0}, EPERM},
    {"perf_event_open", SYS_perf_event_open, {0, 0, 0}, EPERM},
    {"userfaultfd", SYS_userfaultfd, {0, 0, 0}, EPERM},
    {"ptrace", SYS_ptrace, {0, 0, 0}, EPERM},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0}, EPERM},
    {"init_module", SYS_init_module, {0, 0, 0}, EPERM},
    {"kexec_load", SYS_kexec_load, {0, 0, 0}, EPERM},
    {"mount", SYS_mount, {0, 0, 0}, EPERM},
    {"fsopen", 430, {0, 0, 0}, EPERM},
    {"pivot_root", SYS_pivot_root, {0, 0, 0}, EPERM},
    {"open_by_handle_at", SYS_open_by_handle_at, {0, 0, 0}, EPERM},
    {"sethostname", SYS_sethostname, {0, 0, 0}, EPERM},
    {"personality READ_IMPLIES_EXEC", SYS_personality, {0x0400000, 0, 0}, EPERM},
    {"prlimit of init", SYS_prlimit64, {1, 0, 0}, EPERM},
    {"prlimit of init, junk above", SYS_prlimit64, {1 | 1l << 32, 0, 0}, EPERM},
    {"sched_setscheduler of init", SYS_sched_setscheduler, {1, 0, 0}, EPERM},
    {"setpriority of init", SYS_setpriority, {0, 1, 5}, EPERM},
    {"setpriority of its whole id", SYS_setpriority, {2, 0, 5}, EPERM},
    {"ioprio_set of init", SYS_ioprio_set, {1, 1, 0}, EPERM},
    {"ioprio_set of its whole id", SYS_ioprio_set, {3, 0, 0}, EPERM},
    {"a number of the future", 600, {0, 0, 0}, ENOSYS},
    {"no number at all", -1, {0, 0, 0}, ENOSYS},
};
static int current;

static int try_refused(void)
{
  long result = syscall(refused[current].number, refused[current].args[0], refused[current].args[1],
                        refused[current].args[2], 0, 0, 0);
  return result == -1 && errno == refused[current].error ? 0 : 1;
}

START_TEST(refuses)
{
  current = _i;
  int status = in_child(try_refused);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x", refused[_i].name, (unsigned)status);
}
END_TEST

static void *nothing(void *argument)
{
  return argument;
}

static int ordinary_work(void)
{
  pthread_t thread;
  int fds[2];
  if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0 || pipe(fds) != 0 ||
      socket(AF_INET, SOCK_STREAM, 0) < 0 || socket(AF_UNIX, SOCK_STREAM, 0) < 0 ||
      socket(AF_NETLINK, SOCK_RAW, 0) < 0 || (socket(AF_INET6, SOCK_STREAM, 0) < 0 && errno != EAFNOSUPPORT) ||
      socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
    return 1;
  }
  pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
  }
  int status = 1;
  return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 2;
}

START_TEST(lets_ordinary_work_through)
{
  int status = in_child(ordinary_work);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}
END_TEST

#if defined(__x86_64__)
static int call_as_i386(void)
{
  long result = 20; /* getpid on i386 */
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
  return 0;
}

START_TEST(i386_kills)
{
  int status = in_child(call_as_i386);
  ck_assert_msg(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV), "status %x",
                (unsigned)status);
}
END_TEST
#endif

static void add_kernel_tests(TCase *tests)
{
  tcase_add_loop_test(tests, decides_like_libseccomp, 0, PROFILES_N * 2 * PARTS);
  tcase_add_loop_test(tests, refuses, 0, sizeof refused / sizeof refused[0]);
  tcase_add_test(tests, lets_ordinary_work_through);
#if defined(__x86_64__)
  tcase_add_test(tests, i386_kills);
#endif
}

int main(void)
{
  Suite *suite = suite_create("filter");
  TCase *tests = tcase_create("filter");
  tcase_set_timeout(tests, 60);
  if (emulated()) {
    printf("skipped: the emulator knows no seccomp(2), so no program can be loaded, or built by libseccomp\n");
  } else {
    add_kernel_tests(tests);
  }
  tcase_add_loop_test(tests, each_is_what_its_profile_says, 0, PROFILES_N);
  tcase_add_test(tests, x32_is_killed);
  tcase_add_test(tests, emitter_refuses_what_it_cannot_say);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner) > 0;
  srunner_free(runner);
  return failed;
}
