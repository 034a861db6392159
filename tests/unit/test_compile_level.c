/* What requests compile to at the level `process`, what its own filter decides, and plans that have a second choice. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf_interpreter.h"
#include "lib/syscalls.h"
#include "outline.h"
#include "plan_format.h"
#include "request_kit.h"
#include "test_program.h"

#define LEVEL "\"isolation\": [\"process\"]"
#define BOTH "\"isolation\": [\"container\", \"process\"]"

static styro_plan *plan;

static void make(const char *members)
{
  styro_plan_free(plan);
  plan = compiled(members);
}

static void teardown(void)
{
  styro_plan_free(plan);
  plan = NULL;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* Only what was asked for and what confines; the notes say what does not hold. */
START_TEST(nothing_is_made_for_it)
{
  make(LEVEL);
  const char *text = strstr(outline(plan), "promises\n");
  ck_assert_str_eq(text, "promises\nnamespaces\nmap ids\nidentity\ninit\nreset\nsession\nkeyring\ncapabilities\ncwd\n"
                         "landlock\nseccomp\nseccomp\nexec\n");
  ck_assert(styro_plan_is_process(plan) && plan->fallback == NULL);
  ck_assert_uint_eq(plan->namespaces->clone_flags, 0);
  ck_assert_uint_eq(plan->map_ids->uid_map, WIRE_MAP_CALLER);
}
END_TEST

/* 0: there is none; else 1, or 2 where it must be there. */
static int place(const char *path, uint64_t *access)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_step_landlock_place *body = (const void *)step;
    if (step->code == WIRE_STEP_LANDLOCK_PLACE && strcmp(wire_str(block, body->target.path), path) == 0) {
      *access = body->access;
      return 1 + (int)body->required;
    }
  }
  return 0;
}

START_TEST(places)
{
  uint64_t access = 0;
  make(
      LEVEL
      ", \"paths\": {\"/srv/in\": \"ro\", \"/srv/out\": {\"access\": \"rw\", \"optional\": true}, \"/etc/ssl\": \"deny\"}");
  ck_assert_int_eq(place("/srv/in", &access), 2);
  ck_assert_uint_eq(access, WIRE_LL_READ);
  ck_assert_int_eq(place("/srv/out", &access), 1);
  ck_assert_uint_eq(access, WIRE_LL_ALL);
  ck_assert_int_eq(place("/usr", &access), 1);
  ck_assert_uint_eq(access, WIRE_LL_READ);
  ck_assert_int_eq(place("/dev/null", &access), 1);
  ck_assert_uint_eq(access, WIRE_LL_USE);
  ck_assert_int_eq(place("/proc", &access), 1);
  ck_assert_uint_eq(access, WIRE_LL_READ);
  ck_assert_int_eq(place("/etc/ssl", &access) + place("/etc/ssl/certs", &access), 0);
  ck_assert_int_eq(place("/etc/resolv.conf", &access), 0);
  ck_assert_int_eq(place("/tmp", &access) + place("/dev/shm", &access) + place("/home/sandbox", &access), 0);
  make(LEVEL ", \"network\": \"host\", \"root\": \"empty\"");
  ck_assert_int_eq(place("/usr", &access) + place("/etc/resolv.conf", &access), 0);
  make(LEVEL ", \"network\": \"host\"");
  ck_assert_int_eq(place("/etc/resolv.conf", &access), 1);
}
END_TEST

START_TEST(scopes_by_default)
{
  const struct wire_step_landlock_part *part;
  make(LEVEL);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LANDLOCK_PART), 2);
  part = (const void *)wire_step_next(outline_step(plan, WIRE_STEP_LANDLOCK_PART));
  ck_assert_uint_eq(part->access, WIRE_LL_SIGNALS | WIRE_LL_ABSTRACT_UNIX);
  ck_assert(part->head.flags & WIRE_DEFAULTED);
  make(LEVEL ", \"security\": {\"landlock\": {\"scopes\": []}}, \"best_effort\": [\"landlock\"]");
  part = outline_step(plan, WIRE_STEP_LANDLOCK_PART);
  ck_assert_msg(part->head.best_effort == 0, "without its paths it would be no sandbox");
  part = (const void *)wire_step_next(&part->head);
  ck_assert_uint_eq(part->access, WIRE_LL_SIGNALS | WIRE_LL_ABSTRACT_UNIX);
  make(LEVEL ", \"security\": {\"landlock\": {\"scopes\": [\"signals\"]}}");
  part = (const void *)wire_step_next(wire_step_next(outline_step(plan, WIRE_STEP_LANDLOCK_PART)));
  ck_assert(part->access == WIRE_LL_SIGNALS && !(part->head.flags & WIRE_DEFAULTED));
}
END_TEST

/* ---- its filter -------------------------------------------------------------------------------------------------- */

#define REFUSED(number) (SECCOMP_RET_ERRNO | (number))
#define LET SECCOMP_RET_ALLOW
#define UPPER (UINT64_C(1) << 32) /* what the kernel does not look at in a number of 32 bits */

static const struct {
  const char *call;
  uint64_t arguments[3];
  uint32_t decision;
} decisions[] = {
    {"socket", {AF_INET, SOCK_STREAM, 0}, REFUSED(EAFNOSUPPORT)},
    {"socket", {AF_UNIX, SOCK_STREAM, 0}, REFUSED(EAFNOSUPPORT)},
    {"socket", {AF_NETLINK, SOCK_RAW, 0}, REFUSED(EAFNOSUPPORT)},
    {"socketpair", {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0}, LET},
    {"socketpair", {AF_UNIX | UPPER, SOCK_SEQPACKET | UPPER, 0}, LET},
    {"socketpair", {AF_UNIX, SOCK_DGRAM, 0}, REFUSED(EOPNOTSUPP)},
    {"socketpair", {AF_UNIX, SOCK_RAW, 0}, REFUSED(EOPNOTSUPP)}, /* which is one of datagrams */
    {"socketpair", {AF_TIPC, SOCK_STREAM, 0}, REFUSED(EOPNOTSUPP)},
    {"io_uring_setup", {1, 0, 0}, REFUSED(ENOSYS)},
    {"shmat", {0, 0, 0}, REFUSED(ENOSYS)},
    {"msgrcv", {0, 0, 0}, REFUSED(ENOSYS)},
    {"semop", {0, 0, 0}, REFUSED(ENOSYS)},
    {"mq_open", {0, 0, 0}, REFUSED(ENOSYS)},
    {"prlimit64", {0, 7, 0}, LET},
    {"prlimit64", {UPPER, 7, 0}, LET},
    {"prlimit64", {1234, 7, 0}, REFUSED(EPERM)},
    {"setpriority", {0, 0, 5}, LET},
    {"setpriority", {0, 1234, 5}, REFUSED(EPERM)},
    {"setpriority", {2, 0, 5}, REFUSED(EPERM)}, /* all of the user's */
    {"ioprio_set", {3, 0, 0}, REFUSED(EPERM)},
    {"ioprio_set", {1, 0, 0}, LET},
    {"open", {0, O_RDONLY | O_CLOEXEC, 0}, LET},
    {"open", {0, O_WRONLY | O_CREAT | O_TRUNC, 0}, LET},
    {"open", {0, O_ACCMODE | O_TRUNC, 0}, REFUSED(EACCES)},
    {"openat", {0, 0, O_ACCMODE | UPPER}, REFUSED(EACCES)},
    {"openat", {0, 0, O_RDONLY | O_TRUNC}, REFUSED(EACCES)},
    {"openat", {0, 0, O_RDWR}, LET},
    {"openat2", {0, 0, 0}, REFUSED(ENOSYS)},
    {"kill", {WIRE_SUPERVISOR, 9, 0}, REFUSED(EPERM)},
    {"kill", {WIRE_SUPERVISOR_GROUP, 9, 0}, REFUSED(EPERM)},
    {"kill", {UINT64_MAX, 9, 0}, REFUSED(EPERM)},
    {"kill", {1234, 9, 0}, LET},
    {"tgkill", {1234, WIRE_SUPERVISOR, 9}, REFUSED(EPERM)},
    {"tgkill", {1234, 1235, 9}, LET},
    {"rt_sigqueueinfo", {WIRE_SUPERVISOR, 9, 0}, REFUSED(EPERM)},
    {"pidfd_open", {WIRE_SUPERVISOR, 0, 0}, REFUSED(EPERM)},
    {"pidfd_send_signal", {0, 0, 0}, REFUSED(ENOSYS)},
    {"fcntl", {0, 10, 9}, REFUSED(EPERM)},
    {"fcntl", {0, F_SETFL, 0}, LET},
    {"bind", {0, 0, 0}, REFUSED(EACCES)},
    {"sched_setscheduler", {1234, 0, 0}, REFUSED(EPERM)},
    {"ioprio_set", {1, 1234, 0}, REFUSED(EPERM)},
    {"truncate", {0, 0, 0}, REFUSED(EACCES)},
    {"clone", {CLONE_VM | CLONE_THREAD, 0, 0}, LET},
    {"clone", {CLONE_NEWUSER | UPPER, 0, 0}, REFUSED(EPERM)},
    {"unshare", {CLONE_NEWNS | CLONE_NEWUSER, 0, 0}, REFUSED(EPERM)},
    {"unshare", {CLONE_FILES, 0, 0}, LET},
    {"clone3", {0, 0, 0}, REFUSED(ENOSYS)},
    {"setns", {3, 0, 0}, REFUSED(EPERM)},
    {"keyctl", {0, 0, 0}, REFUSED(EPERM)},
    {"request_key", {0, 0, 0}, REFUSED(EPERM)},
    {"openat", {0, 0, 0}, LET},
    {"socketcall", {1, 0, 0}, REFUSED(ENOSYS)},
    {"ipc", {21, 0, 0}, REFUSED(ENOSYS)},
};

/* By the first of the two programs: the request's own comes after it. */
static uint32_t decision(const uint64_t arguments[3], uint32_t arch, uint32_t number)
{
  const struct wire_step_seccomp *body = outline_step(plan, WIRE_STEP_SECCOMP);
  struct seccomp_data data = {.nr = (int)number, .arch = arch, .args = {arguments[0], arguments[1], arguments[2]}};
  return bpf_run((const void *)((const char *)plan->block + body->filter), body->n, &data);
}

static void decide(uint32_t arch)
{
  for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
    int number = styro_syscall_number(decisions[i].call, arch);
    if (number >= 0) {
      uint32_t found = decision(decisions[i].arguments, arch, (uint32_t)number);
      ck_assert_msg(found == decisions[i].decision, "row %zu, %s: %#x", i, decisions[i].call, found);
    }
  }
}

/* The helper puts the supervisor's pid in, and has room for so many instructions. */
START_TEST(it_names_the_supervisor)
{
  make(LEVEL);
  const struct wire_step_seccomp *body = outline_step(plan, WIRE_STEP_SECCOMP);
  ck_assert(body->names_supervisor && body->n <= WIRE_NAMING_FILTER_MAX);
  body = (const void *)wire_step_next(&body->head);
  ck_assert(!body->names_supervisor);
  make("");
  body = outline_step(plan, WIRE_STEP_SECCOMP);
  ck_assert(!body->names_supervisor);
}
END_TEST

START_TEST(what_the_filter_decides)
{
  make(LEVEL ", \"security\": {\"seccomp\": \"none\"}");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_SECCOMP), 1);
#if defined(__x86_64__)
  decide(AUDIT_ARCH_X86_64);
  decide(AUDIT_ARCH_I386);
#else
  decide(AUDIT_ARCH_AARCH64);
#endif
}
END_TEST

#if defined(__x86_64__)
#define HERE AUDIT_ARCH_X86_64
#else
#define HERE AUDIT_ARCH_AARCH64
#endif

static uint32_t of_zeroes(const char *call)
{
  const uint64_t none[3] = {0, 0, 0};
  return decision(none, HERE, (uint32_t)styro_syscall_number(call, HERE));
}

START_TEST(what_is_left_to_the_host_by_name_is_let)
{
  make(LEVEL ", \"network\": \"host\"");
  ck_assert_uint_eq(of_zeroes("socket"), LET);
  ck_assert_uint_eq(of_zeroes("bind"), LET);
  ck_assert_uint_eq(
      decision((const uint64_t[3]){AF_UNIX, SOCK_STREAM, 0}, HERE, (uint32_t)styro_syscall_number("socket", HERE)),
      REFUSED(EAFNOSUPPORT));
  ck_assert_uint_eq(of_zeroes("shmget"), REFUSED(ENOSYS));
  make(LEVEL ", \"namespaces\": {\"ipc\": \"host\"}");
  ck_assert_uint_eq(of_zeroes("socket"), REFUSED(EAFNOSUPPORT));
  ck_assert_uint_eq(of_zeroes("shmget"), LET);
  make(LEVEL ", \"security\": {\"keyring\": \"inherit\"}");
  ck_assert_uint_eq(of_zeroes("keyctl"), LET);
}
END_TEST

/* ---- a second choice --------------------------------------------------------------------------------------------- */

static styro_plan *again(const void *bytes, size_t len)
{
  styro_error err = ERROR_READY;
  styro_plan *out = NULL;
  ck_assert_msg(styro_plan_from_bytes(NULL, bytes, len, &out, &err) == 0, "%s", err.message);
  return out;
}

START_TEST(bytes_hold_both)
{
  const void *bytes, *same;
  size_t len, same_len;
  make(BOTH);
  ck_assert(!styro_plan_is_process(plan) && styro_plan_is_process(plan->fallback));
  ck_assert_int_eq(styro_plan_bytes(plan, &bytes, &len, NULL), 0);
  ck_assert_uint_eq(len, plan->len + plan->fallback->len);
  styro_plan *copy = again(bytes, len);
  ck_assert_int_eq(styro_plan_bytes(copy, &same, &same_len, NULL), 0);
  ck_assert(same_len == len && memcmp(bytes, same, len) == 0);
  ck_assert(!styro_plan_is_process(copy) && styro_plan_is_process(copy->fallback));
  styro_plan_free(copy);
  copy = again(bytes, plan->len);
  ck_assert_ptr_null(copy->fallback);
  styro_plan_free(copy);
}
END_TEST

START_TEST(wrong_bytes_of_the_second_are_refused)
{
  styro_error err = ERROR_READY;
  styro_plan *out = NULL;
  const void *bytes;
  size_t len;
  make(BOTH);
  ck_assert_int_eq(styro_plan_bytes(plan, &bytes, &len, NULL), 0);
  char *copy = malloc(len);
  memcpy(copy, bytes, len);
  for (size_t short_by = 1; short_by < plan->fallback->len; short_by += 7) {
    ck_assert_int_eq(styro_plan_from_bytes(NULL, copy, len - short_by, &out, &err), STYRO_EPARSE);
  }
  copy[len - 1] ^= 1;
  ck_assert_int_eq(styro_plan_from_bytes(NULL, copy, len, &out, &err), STYRO_EPARSE);
  ck_assert_str_eq(err.message, "the plan's checksum does not fit its bytes");
  ck_assert_ptr_null(out);
  free(copy);
}
END_TEST

static int compile_and_copy(const styro_allocator *alloc, styro_error *err)
{
  static const char json[] = "{\"version\": 1, " BOTH ", \"paths\": {\"/srv\": \"rw\"}}";
  styro_request *request = NULL;
  styro_plan *made = NULL, *copy = NULL;
  const void *bytes;
  size_t len;
  int code = styro_request_from_json(alloc, json, strlen(json), &request, err);
  code = code ? code : styro_plan_compile(request, &made, err);
  code = code ? code : styro_plan_bytes(made, &bytes, &len, err);
  code = code ? code : styro_plan_from_bytes(alloc, bytes, len, &copy, err);
  styro_plan_free(copy);
  styro_plan_free(made);
  styro_request_free(request);
  return code;
}

START_TEST(every_lack_of_memory_is_one)
{
  kit_fail_every_allocation(compile_and_copy);
}
END_TEST

int main(void)
{
  static const struct test_program program = {.name = "compile_level", .teardown = teardown};
  const TTest *const tests[] = {nothing_is_made_for_it,
                                places,
                                scopes_by_default,
                                it_names_the_supervisor,
                                what_the_filter_decides,
                                what_is_left_to_the_host_by_name_is_let,
                                bytes_hold_both,
                                wrong_bytes_of_the_second_are_refused,
                                every_lack_of_memory_is_one};
  return test_program_run(&program, tests, TESTS_N(tests));
}
