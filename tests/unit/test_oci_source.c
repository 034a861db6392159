/*
 * A container runtime's profile as a request has it: written out or in a file, built once; what is wrong with either is said where
 * it stands, and memory that runs out.
 */
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "error.h"
#include "i386_calls.h"
#include "oci_source.h"
#include "styrolite.h"
#include "syscalls.h"
#include "test_program.h"

static char path[] = "/tmp/styro-oci-source-XXXXXX";
static styro_error err;

static void setup(void)
{
  int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  close(fd);
  err = (styro_error){.size = sizeof err};
}

static void teardown(void)
{
  unlink(path);
  memset(strrchr(path, '-') + 1, 'X', 6);
}

static void write_profile(const char *text)
{
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  ck_assert_int_eq(fclose(file), 0);
}

/* The effective request with this profile; its rules for the native architecture, or the error's code. */
static int load(const styro_allocator *alloc, const char *oci, size_t *rules)
{
  char text[400];
  styro_request *request = NULL;
  struct styro_effective effective = {0};
  snprintf(text, sizeof text, "{\"version\": 1, \"security\": {\"seccomp\": {\"oci\": %s}}}", oci);
  int code = styro_request_from_json(alloc, text, strlen(text), &request, &err);
  code = code == 0 ? styro_request_effective(request, &effective, &err) : code;
  if (code == 0) {
    *rules = effective.oci->specs[0].rules_n;
    styro_effective_free(&effective);
  }
  styro_request_free(request);
  return code;
}

static int load_file(const char *content, size_t *rules)
{
  char quoted[sizeof path + 2];
  write_profile(content);
  snprintf(quoted, sizeof quoted, "\"%s\"", path);
  return load(NULL, quoted, rules);
}

#define GOOD \
  "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"read\", \"write\"], \"action\": \"SCMP_ACT_LOG\"}]}"
#define BAD \
  "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"raed\"], \"action\": \"SCMP_ACT_LOG\"}]}"

START_TEST(written_out_or_in_a_file)
{
  size_t rules = 0;
  ck_assert_int_eq(load(NULL, GOOD, &rules), 0);
  ck_assert_uint_eq(rules, 2);
  rules = 0;
  ck_assert_int_eq(load_file(GOOD, &rules), 0);
  ck_assert_uint_eq(rules, 2);
}
END_TEST

START_TEST(a_mistake_is_said_where_it_stands)
{
  size_t rules;
  ck_assert_int_eq(load(NULL, BAD, &rules), STYRO_EREQUEST);
  ck_assert_str_eq(err.field, "/security/seccomp/oci/syscalls/0/names/0");
  ck_assert_str_eq(err.message, "no system call is called `raed`");
  ck_assert_str_eq(err.hint, "did you mean `read`?");
  ck_assert_int_eq(load_file(BAD, &rules), STYRO_EREQUEST);
  ck_assert_str_eq(err.field, "/security/seccomp/oci");
  ck_assert_str_eq(err.object, path);
  ck_assert_ptr_nonnull(strstr(err.message, "is wrong at `/syscalls/0/names/0`: no system call is called `raed`"));
}
END_TEST

START_TEST(a_file_that_is_no_profile)
{
  static const struct {
    const char *content, *message;
  } cases[] = {
      {"", "cannot be read: not valid JSON at line 1"},
      {"{\n\"defaultAction\": }", "not valid JSON at line 2, column 18"},
      {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultAction\": \"SCMP_ACT_KILL\"}", "stands twice in one object"},
      {"[]", "expected an object"},
      {"{\"ociVersion\": \"1.0.2\"}", "`ociVersion` is not a field of a profile"},
  };
  for (size_t i = 0; i < TESTS_N(cases); i++) {
    size_t rules;
    ck_assert_int_eq(load_file(cases[i].content, &rules), STYRO_EREQUEST);
    ck_assert_msg(strstr(err.message, cases[i].message) != NULL, "%s: %s", cases[i].content, err.message);
    ck_assert_str_eq(err.object, path);
    ck_assert_uint_gt(strlen(err.hint), 0);
  }
}
END_TEST

START_TEST(a_path_is_kept_as_one)
{
  styro_request *request = NULL;
  const char *text = NULL;
  ck_assert_int_eq(styro_request_new(NULL, &request, &err), 0);
  ck_assert_int_eq(styro_request_set(request, "/security/seccomp/oci", "/etc//containers/seccomp.json", &err), 0);
  ck_assert_int_eq(styro_request_get(request, "/security/seccomp/oci", &text, &err), 0);
  ck_assert_msg(strstr(text, "/etc/containers/seccomp.json") != NULL, "%s", text);
  ck_assert_int_eq(styro_request_set(request, "/security/seccomp/oci", "docker", &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.field, "/security/seccomp/oci");
  styro_request_free(request);
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  int code = STYRO_ENOMEM;
  write_profile(GOOD);
  for (size_t n = 1; code == STYRO_ENOMEM; n++) {
    struct counting_alloc state = {.fail_at = n};
    styro_allocator alloc = counting_allocator(&state);
    char quoted[sizeof path + 2];
    size_t rules = 0;
    snprintf(quoted, sizeof quoted, "\"%s\"", path);
    code = load(&alloc, quoted, &rules);
    ck_assert(code == 0 || code == STYRO_ENOMEM);
    ck_assert_uint_eq(state.live_blocks, 0);
    ck_assert_int_eq(state.wrong, 0);
  }
}
END_TEST

/* libseccomp has numbers of its own making for them, which no kernel knows. */
START_TEST(what_i386_carries_by_another_call)
{
  static const struct {
    const char *name;
    int number;
    unsigned carrier;
  } cases[] = {{"socket", 359, 102}, {"send", STYRO_NO_SUCH_CALL, 102},
               {"shmat", 397, 117},  {"semop", STYRO_NO_SUCH_CALL, 117},
               {"read", 3, 0},       {"socketcall", 102, 0}};
  for (size_t i = 0; i < TESTS_N(cases); i++) {
    const struct styro_i386_call *carried = styro_i386_call(cases[i].name);
    ck_assert_int_eq(styro_syscall_number(cases[i].name, AUDIT_ARCH_I386), cases[i].number);
    ck_assert_uint_eq(carried ? carried->carrier : 0, cases[i].carrier);
  }
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "oci_source", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      written_out_or_in_a_file, a_mistake_is_said_where_it_stands, a_file_that_is_no_profile,
      a_path_is_kept_as_one,    memory_may_run_out_anywhere,       what_i386_carries_by_another_call,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
