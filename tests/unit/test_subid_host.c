/*
 * core/lib/subid_host.c: the files of a host that is put together here, for callers that are put together here.
 *
 * build: -Wl,--wrap=open,--wrap=read,--wrap=geteuid,--wrap=getegid,--wrap=prctl,--wrap=faccessat,--wrap=styro_caller_capabilities
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "lib/subid_host.h"

int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __real_read(int fd, void *data, size_t size);
uid_t __wrap_geteuid(void);
gid_t __wrap_getegid(void);
int __wrap_prctl(int option, ...);
int __wrap_faccessat(int dir, const char *path, int mode, int flags);
uint32_t __wrap_styro_caller_capabilities(void);

static struct {
  const char *users, *subuid, *subgid; /* NULL: not there */
  uid_t uid;
  gid_t gid;
  uint32_t capabilities;
  int no_new_privs;
  const char *tools; /* the directory that has them */
  int read_error;
} host;

static struct wire_step_map_ids ids;
static styro_plan plan;
static struct {
  struct wire_plan head;
  struct wire_step_join join;
} block;
static struct styro_subid_maps maps;
static styro_error err;
static styro_allocator alloc;

/* A file of the host as a memory file of that text. */
/* In place of a file: something else that can be opened. */
static bool no_file;

static int memory(const char *text)
{
  if (!text) {
    errno = ENOENT;
    return -1;
  }
  int fd = memfd_create("file", MFD_CLOEXEC);
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
  return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
  if (strncmp(path, "/etc/", 5) != 0) {
    return __real_open(path, flags, 0);
  }
  ck_assert_int_eq(flags & (O_NONBLOCK | O_CLOEXEC), O_NONBLOCK | O_CLOEXEC);
  if (no_file) {
    return __real_open("/", O_RDONLY | O_CLOEXEC, 0);
  }
  return memory(strcmp(path, "/etc/passwd") == 0   ? host.users
                : strcmp(path, "/etc/subuid") == 0 ? host.subuid
                                                   : host.subgid);
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
  errno = host.read_error;
  return host.read_error ? -1 : __real_read(fd, data, size > 7 ? 7 : size);
}

uid_t __wrap_geteuid(void)
{
  return host.uid;
}

gid_t __wrap_getegid(void)
{
  return host.gid;
}

int __wrap_prctl(int option, ...)
{
  (void)option;
  return host.no_new_privs;
}

int __wrap_faccessat(int dir, const char *path, int mode, int flags)
{
  (void)dir;
  ck_assert(mode == X_OK && flags == AT_EACCESS);
  size_t len = strlen(host.tools);
  return len && strncmp(path, host.tools, len) == 0 && path[len] == '/' ? 0 : -1;
}

uint32_t __wrap_styro_caller_capabilities(void)
{
  return host.capabilities;
}

static void setup(void)
{
  host.users = "root:x:0:0::/:/bin/sh\nalice:x:1500:1500::/:/bin/sh\n";
  host.subuid = "root:300000:10\nalice:100000:10\n";
  host.subgid = "0:400000:10\n1500:200000:10";
  host.uid = 1500;
  host.gid = 1600;
  host.capabilities = 0;
  host.no_new_privs = 0;
  host.tools = "/usr/bin";
  host.read_error = 0;
  ids =
      (struct wire_step_map_ids){.uid = 4, .gid = 0, .uid_map = WIRE_MAP_SUBORDINATE, .gid_map = WIRE_MAP_SUBORDINATE};
  plan.map_ids = &ids;
  block.head = (struct wire_plan){.steps_off = sizeof block.head, .steps_n = 1};
  block.join =
      (struct wire_step_join){.head = {.code = WIRE_STEP_JOIN, .size = sizeof block.join}, .space = WIRE_SPACE_NETWORK};
  plan.block = &block;
  err = (styro_error){.size = sizeof err};
  alloc = styro_allocator_or_malloc(NULL);
}

static void done(void)
{
  styro_subid_maps_free(&alloc, &maps);
}

static void finds(const char *uid_map, const char *gid_map, const char *uid_tool, const char *gid_tool)
{
  ck_assert_msg(styro_subid_maps(&plan, &alloc, &maps, &err) == 0, "%s", err.message);
  ck_assert_pstr_eq(maps.uid_map, uid_map);
  ck_assert_pstr_eq(maps.gid_map, gid_map);
  ck_assert_pstr_eq(maps.uid_tool, uid_tool);
  ck_assert_pstr_eq(maps.gid_tool, gid_tool);
  done();
  ck_assert(maps.uid_map == NULL && maps.gid_map == NULL);
}

static void fails(const char *field, int number, const char *message, const char *hint)
{
  ck_assert_int_eq(styro_subid_maps(&plan, &alloc, &maps, &err), STYRO_ESETUP);
  ck_assert_int_eq(err.stage, STYRO_STAGE_IDS);
  ck_assert_int_eq(err.sys_errno, number);
  ck_assert_str_eq(err.field, field);
  ck_assert_msg(strstr(err.message, message) != NULL, "%s", err.message);
  ck_assert_msg(strstr(err.hint, hint) != NULL, "%s", err.hint);
  done();
}

START_TEST(a_plan_that_asks_for_none)
{
  host.users = host.subuid = host.subgid = NULL;
  ids.uid_map = WIRE_MAP_DEFAULT;
  ids.gid_map = WIRE_MAP_RANGES;
  finds(NULL, NULL, NULL, NULL);
}
END_TEST

START_TEST(an_ordinary_caller_keeps_its_ids)
{
  finds("0 100000 4\n4 1500 1\n5 100004 6\n", "0 1600 1\n1 200000 10\n", "/usr/bin/newuidmap", "/usr/bin/newgidmap");
  host.tools = "/usr/local/bin";
  ids.gid_map = WIRE_MAP_DEFAULT;
  finds("0 100000 4\n4 1500 1\n5 100004 6\n", NULL, "/usr/local/bin/newuidmap", NULL);
  host.subuid = NULL;
  ids.uid_map = WIRE_MAP_SELF;
  ids.gid_map = WIRE_MAP_SUBORDINATE;
  finds(NULL, "0 1600 1\n1 200000 10\n", NULL, "/usr/local/bin/newgidmap");
}
END_TEST

/* Its own id may lie in its range; once is enough. */
START_TEST(the_own_id_is_mapped_once)
{
  host.subuid = "alice:1495:10\n";
  ids.gid_map = WIRE_MAP_SELF;
  finds("0 1495 4\n4 1500 1\n5 1499 1\n6 1501 4\n", NULL, "/usr/bin/newuidmap", NULL);
}
END_TEST

START_TEST(root_has_subordinate_ids_only)
{
  host.uid = host.gid = 0;
  host.capabilities = 1u << CAP_SETUID | 1u << CAP_SETGID;
  host.no_new_privs = 1;
  host.tools = "";
  finds("0 300000 10\n", "0 400000 10\n", NULL, NULL);
  host.capabilities = 0; /* what it then lacks is said where the maps are judged */
  finds("0 300000 10\n", "0 400000 10\n", NULL, NULL);
}
END_TEST

START_TEST(who_may_map_ids_needs_no_tool)
{
  host.capabilities = 1u << CAP_SETUID;
  finds("0 100000 4\n4 1500 1\n5 100004 6\n", "0 1600 1\n1 200000 10\n", NULL, "/usr/bin/newgidmap");
}
END_TEST

/* Under a joined mount namespace the program would be another's; who needs none may join it. */
START_TEST(tools_of_a_joined_mount_namespace)
{
  block.join.space = WIRE_SPACE_MOUNT;
  fails("/user/uid_map", EPERM, "would be the joined mount namespace's", "leave out one of the two");
  ids.uid_map = WIRE_MAP_SELF;
  fails("/user/gid_map", EPERM, "needs newgidmap", "call as root");
  host.capabilities = 1u << CAP_SETGID;
  finds(NULL, "0 1600 1\n1 200000 10\n", NULL, NULL);
}
END_TEST

START_TEST(a_caller_without_a_line)
{
  host.subuid = "root:300000:10\n";
  fails("/user/uid_map", 0, "/etc/subuid gives `alice` no subordinate ids",
        "add the line alice:100000:65536 to /etc/subuid");
  setup();
  host.subgid = "";
  fails("/user/gid_map", 0, "/etc/subgid gives `alice` no subordinate ids",
        "add the line alice:100000:65536 to /etc/subgid");
  host.users = "root:x:0:0::/:/bin/sh\n";
  host.subuid = "";
  fails("/user/uid_map", 0, "/etc/subuid gives `1500` no subordinate ids",
        "add the line 1500:100000:65536 to /etc/subuid");
}
END_TEST

START_TEST(a_line_that_is_wrong)
{
  host.subuid = "\nalice:0:5\n";
  fails("/user/uid_map", 0, "line 2 of /etc/subuid gives id 0 of the host", "a line such as alice:100000:65536");
}
END_TEST

START_TEST(a_map_that_is_too_long)
{
  static char lines[340 * 32];
  size_t len = 0;
  for (unsigned i = 0; i < 340; i++) {
    len += (size_t)sprintf(lines + len, "1500:%u:1\n", 10000 + 2 * i);
  }
  host.subuid = lines;
  fails("/user/uid_map", 0, "the ranges of /etc/subuid make a map of which one is one too many", "fewer and larger");
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
  host.users = NULL;
  fails("/user/uid_map", ENOENT, "cannot read `/etc/passwd`: No such file or directory", "");
  setup();
  host.subgid = NULL;
  fails("/user/gid_map", ENOENT, "cannot read `/etc/subgid`: No such file or directory", "");
  setup();
  host.read_error = EIO;
  fails("/user/uid_map", EIO, "cannot read `/etc/passwd`: Input/output error", "");
}
END_TEST

START_TEST(what_is_no_file)
{
  no_file = true;
  fails("/user/uid_map", EINVAL, "cannot read `/etc/passwd`: Invalid argument", "");
  no_file = false;
}
END_TEST

START_TEST(a_file_that_is_too_large)
{
  size_t size = (4u << 20) + 1;
  char *text = malloc(size + 1);
  memset(text, '\n', size);
  text[size] = '\0';
  host.subuid = text;
  fails("/user/uid_map", EFBIG, "cannot read `/etc/subuid`: File too large", "");
  free(text);
}
END_TEST

START_TEST(tools_that_are_not_there)
{
  host.tools = "/opt";
  fails("/user/uid_map", 0, "a map of subordinate ids needs newuidmap, which is not on this host",
        "the package `uidmap`");
  ids.uid_map = WIRE_MAP_SELF;
  fails("/user/gid_map", 0, "a map of subordinate ids needs newgidmap, which is not on this host",
        "the package `uidmap`");
}
END_TEST

START_TEST(tools_that_get_no_right)
{
  host.no_new_privs = 1;
  fails("/user/uid_map", EPERM, "needs newuidmap, which gets no right because this process has no_new_privs set",
        "outside");
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  int code = STYRO_ENOMEM;
  for (size_t n = 1; code != 0; n++) {
    struct counting_alloc state = {0};
    alloc = counting_allocator(&state);
    state.fail_at = n;
    code = styro_subid_maps(&plan, &alloc, &maps, &err);
    state.fail_at = 0;
    ck_assert(code == 0 || code == STYRO_ENOMEM);
    done();
    ck_assert_uint_eq(state.live_blocks, 0);
    ck_assert_int_eq(state.wrong, 0);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("subid_host");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, NULL);
  tcase_add_test(cases, a_plan_that_asks_for_none);
  tcase_add_test(cases, an_ordinary_caller_keeps_its_ids);
  tcase_add_test(cases, the_own_id_is_mapped_once);
  tcase_add_test(cases, root_has_subordinate_ids_only);
  tcase_add_test(cases, who_may_map_ids_needs_no_tool);
  tcase_add_test(cases, tools_of_a_joined_mount_namespace);
  tcase_add_test(cases, a_caller_without_a_line);
  tcase_add_test(cases, a_line_that_is_wrong);
  tcase_add_test(cases, a_map_that_is_too_long);
  tcase_add_test(cases, files_that_cannot_be_read);
  tcase_add_test(cases, what_is_no_file);
  tcase_add_test(cases, a_file_that_is_too_large);
  tcase_add_test(cases, tools_that_are_not_there);
  tcase_add_test(cases, tools_that_get_no_right);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
