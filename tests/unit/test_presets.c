/* core/lib/presets.c, extends.c and variables.c: presets and request files, laid on each other. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "presets.h"
#include "request.h"
#include "request_kit.h"

static char directory[256];
static styro_error err;

static void setup(void)
{
  const char *base = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/styro-presets-XXXXXX", base == NULL ? "/tmp" : base);
  ck_assert_ptr_nonnull(mkdtemp(directory));
  err = (styro_error)ERROR_READY;
}

static const char *const names[] = {"a.json", "b.json", "c.json", "fifo.json", "sub/d.json", "sub", NULL};

static void path_of(const char *name, char *out, size_t size)
{
  snprintf(out, size, "%s/%s", directory, name);
}

static void teardown(void)
{
  char path[512];
  for (size_t i = 0; names[i] != NULL; i++) {
    path_of(names[i], path, sizeof path);
    remove(path);
  }
  rmdir(directory);
}

static void write_file(const char *name, const char *text)
{
  char path[512];
  path_of(name, path, sizeof path);
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
}

/* Resolves a request that extends the names, `%` standing for the directory, with more fields behind. */
static int resolve(const char *extends, const char *more, struct styro_effective *out)
{
  char text[2000];
  snprintf(text, sizeof text, "{\"version\": 1, \"extends\": %s%s%s}", extends, more[0] == '\0' ? "" : ", ", more);
  styro_request *request = NULL;
  int code = styro_request_from_json(NULL, text, strlen(text), &request, &err);
  ck_assert_msg(code == 0, "%s: %s", text, err.message);
  ck_assert_int_eq(styro_request_set_variable(request, "DIR", directory, &err), 0);
  code = styro_request_effective(request, out, &err);
  styro_request_free(request);
  return code;
}

static struct styro_effective resolved(const char *extends, const char *more)
{
  struct styro_effective e = {0};
  int code = resolve(extends, more, &e);
  ck_assert_msg(code == 0, "%s", err.message);
  return e;
}

static void expect_env(const struct styro_effective *e, const char *name, const char *value)
{
  for (size_t i = 0; i < e->fields.env.n; i++) {
    if (strcmp(e->fields.env.keys[i], name) == 0) {
      ck_assert_str_eq(e->fields.env.values[i], value);
      return;
    }
  }
  ck_abort_msg("no %s", name);
}

/* With the variables that some of them want. */
static int check_preset(const char *text)
{
  styro_request *request = NULL;
  int code = styro_request_from_json(NULL, text, strlen(text), &request, &err);
  code = code ? code : styro_request_set_variable(request, "CWD", "/srv/tree", &err);
  code = code ? code : styro_request_set_variable(request, "WAYLAND_DISPLAY", "/run/user/1000/wayland-0", &err);
  code = code ? code : styro_request_validate(request, &err);
  styro_request_free(request);
  return code;
}

START_TEST(every_preset_is_a_valid_request)
{
  for (const struct styro_preset *preset = styro_presets; preset->name != NULL; preset++) {
    ck_assert_msg(check_preset(preset->text) == 0, "%s: %s", preset->name, err.message);
    ck_assert_ptr_eq(styro_preset_text(preset->name), preset->text);
  }
  ck_assert_ptr_null(styro_preset_text("nothing"));
  ck_assert_str_eq(styro_preset_nearest("pyhton"), "python");
  ck_assert_str_eq(styro_preset_nearest("agnet"), "agent");
  ck_assert_ptr_null(styro_preset_nearest("zzz"));
}
END_TEST

START_TEST(presets_give_what_they_say)
{
  struct styro_effective e = resolved("[\"python\", \"build\"]", "");
  expect_env(&e, "PYTHONDONTWRITEBYTECODE", "1");
  expect_env(&e, "TZ", "UTC");
  ck_assert_str_eq(e.fields.hostname, "build");
  ck_assert(styro_effective_is_set(&e, "/namespaces/uts/hostname"));
  styro_effective_free(&e);
}
END_TEST

START_TEST(own_values_win_and_maps_merge)
{
  struct styro_effective e =
      resolved("\"build\"", "\"env\": {\"TZ\": \"EST\", \"X\": \"1\"}, \"namespaces\": {\"uts\": "
                            "{\"hostname\": \"mine\"}}");
  expect_env(&e, "TZ", "EST");
  expect_env(&e, "LC_ALL", "C.UTF-8");
  expect_env(&e, "X", "1");
  ck_assert_str_eq(e.fields.hostname, "mine");
  styro_effective_free(&e);
}
END_TEST

START_TEST(what_is_meant_as_a_whole_is_replaced_as_one)
{
  write_file("a.json",
             "{\"version\": 1, \"root\": {\"directory\": \"/srv\", \"writable\": false}, \"rlimits\": {\"nofile\": "
             "{\"soft\": 5, \"hard\": 9}}, \"security\": {\"capabilities\": [\"chown\"]}, \"timeout\": {\"wall\": "
             "9, \"grace\": 1}, \"namespaces\": {\"uts\": {\"hostname\": \"x\"}}}");
  struct styro_effective e = resolved(
      "\"${DIR}/a.json\"", "\"root\": \"empty\", \"rlimits\": {\"nofile\": 3}, \"security\": {\"capabilities\": "
                           "\"none\"}, \"timeout\": 5, \"namespaces\": {\"uts\": \"host\"}");
  ck_assert_int_eq(e.fields.root_kind, STYRO_ROOT_EMPTY);
  ck_assert_ptr_null(e.fields.root_directory);
  ck_assert_uint_eq(e.fields.rlimits[7].hard, 3);
  ck_assert_uint_eq(e.fields.cap_bounding, 0);
  ck_assert(e.fields.capabilities_named);
  ck_assert_ptr_null(e.fields.hostname);
  ck_assert(e.fields.timeout_wall == 5000000000 && e.fields.timeout_grace == 1000000000);
  styro_effective_free(&e);
}
END_TEST

START_TEST(files_are_nested_and_lists_replace)
{
  char sub[512];
  path_of("sub", sub, sizeof sub);
  ck_assert_int_eq(mkdir(sub, 0700), 0);
  write_file("sub/d.json", "{\"version\": 1, \"command\": [\"d\"], \"env\": {\"D\": \"d\", \"X\": \"d\"}, \"paths\": "
                           "{\"/p\": \"ro\", \"/q\": {\"from\": \"${DIR}\"}}}");
  write_file("a.json",
             "{\"version\": 1, \"extends\": \"sub/d.json\", \"env\": {\"X\": \"a\"}, \"paths\": {\"/p/\": \"rw\"}}");
  write_file("b.json", "{\"version\": 1, \"extends\": [\"./a.json\", \"python\"], \"inherit_env\": [\"B\"]}");
  struct styro_effective e = resolved("\"${DIR}/b.json\"", "\"inherit_env\": [\"OWN\"], \"paths\": {\"/r\": \"deny\"}");
  ck_assert_str_eq(e.fields.command.items[0], "d");
  expect_env(&e, "D", "d");
  expect_env(&e, "X", "a");
  expect_env(&e, "PYTHONUNBUFFERED", "1");
  ck_assert_uint_eq(e.fields.inherit_env.n, 1);
  ck_assert_str_eq(e.fields.inherit_env.items[0], "OWN");
  ck_assert_uint_eq(e.fields.rules_n, 3);
  ck_assert_str_eq(e.fields.rules[0].path, "/p");
  ck_assert_int_eq(e.fields.rules[0].access, STYRO_ACCESS_RW);
  ck_assert_str_eq(e.fields.rules[1].from, directory);
  styro_effective_free(&e);
}
END_TEST

static void expect_failure(const char *extends, int code, const char *field, const char *object, const char *message)
{
  struct styro_effective e;
  err = (styro_error)ERROR_READY;
  int got = resolve(extends, "", &e);
  ck_assert_msg(got == code, "%s: %d, %s", extends, got, err.message);
  ck_assert_str_eq(err.field, field);
  ck_assert_msg(strstr(err.message, message) != NULL, "%s", err.message);
  ck_assert_msg(strstr(err.object, object) != NULL, "%s", err.object);
}

START_TEST(circles_are_named)
{
  write_file("a.json", "{\"version\": 1, \"extends\": \"./b.json\"}");
  write_file("b.json", "{\"version\": 1, \"extends\": \"${DIR}/a.json\"}");
  expect_failure("\"${DIR}/a.json\"", STYRO_EREQUEST, "/extends", "a.json", "extends itself");
  write_file("c.json", "{\"version\": 1, \"extends\": \"${DIR}/./c.json\"}");
  expect_failure("\"${DIR}/c.json\"", STYRO_EREQUEST, "/extends", "c.json", "extends itself");
}
END_TEST

START_TEST(nesting_has_a_limit)
{
  char text[400];
  for (int i = 0; i < 9; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%d.json", i);
    snprintf(text, sizeof text, "{\"version\": 1, \"extends\": \"n%d.json\"}", i + 1);
    write_file(name, text);
  }
  write_file("n9.json", "{\"version\": 1}");
  expect_failure("\"${DIR}/n0.json\"", STYRO_EREQUEST, "/extends", "n8.json", "is the ninth");
  struct styro_effective e = resolved("\"${DIR}/n2.json\"", "");
  styro_effective_free(&e);
  for (int i = 0; i < 10; i++) {
    char path[512], name[32];
    snprintf(name, sizeof name, "n%d.json", i);
    path_of(name, path, sizeof path);
    unlink(path);
  }
}
END_TEST

START_TEST(wrong_files_are_named)
{
  char path[512];
  write_file("a.json", "{\"version\": 1, \"timeout\": {\"wal\": 5}}");
  expect_failure("\"${DIR}/a.json\"", STYRO_EREQUEST, "/timeout/wal", "a.json", "`wal` is not a field");
  write_file("a.json", "{\"version\": 1,");
  expect_failure("\"${DIR}/a.json\"", STYRO_EPARSE, "", "a.json", "not valid JSON at line 1");
  write_file("a.json", "{}");
  expect_failure("\"${DIR}/a.json\"", STYRO_EREQUEST, "/version", "a.json", "does not say its `version`");
  write_file("a.json", "");
  expect_failure("\"${DIR}/a.json\"", STYRO_EPARSE, "", "a.json", "not valid JSON");
  path_of("fifo.json", path, sizeof path);
  ck_assert_int_eq(mkfifo(path, 0600), 0);
  expect_failure("\"${DIR}/fifo.json\"", STYRO_EREQUEST, "/extends", "fifo.json", "not a regular file");
  expect_failure("\"${DIR}\"", STYRO_EREQUEST, "/extends", directory, "not a regular file");
  expect_failure("\"nothing.json\"", STYRO_EREQUEST, "/extends", "nothing.json", "could not be read");
  ck_assert_int_ne(err.sys_errno, 0);
}
END_TEST

START_TEST(a_file_that_is_too_long_is_refused)
{
  char path[512];
  path_of("a.json", path, sizeof path);
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  for (int i = 0; i < 900000; i++) {
    fputs("    \n", file);
  }
  fclose(file);
  expect_failure("\"${DIR}/a.json\"", STYRO_EPARSE, "", "a.json",
                 "the text is longer than the 4194304 bytes that a request may have");
}
END_TEST

START_TEST(two_keys_may_become_one_place)
{
  write_file("a.json", "{\"version\": 1, \"paths\": {\"${DIR}/x\": \"ro\", \"${DIR}//x\": \"rw\"}}");
  expect_failure("\"${DIR}/a.json\"", STYRO_EREQUEST, "/paths/${DIR}~1~1x", "", "the same place as another key");
  write_file("a.json", "{\"version\": 1, \"paths\": {\"${DIR}\": \"ro\"}}");
  char own[600];
  snprintf(own, sizeof own, "\"paths\": {\"%s\": \"rw\"}", directory);
  struct styro_effective e = resolved("\"${DIR}/a.json\"", own);
  ck_assert_uint_eq(e.fields.rules_n, 1);
  ck_assert_int_eq(e.fields.rules[0].access, STYRO_ACCESS_RW);
  styro_effective_free(&e);
}
END_TEST

START_TEST(a_variable_can_make_the_root_of_a_key)
{
  styro_request *request = NULL;
  ck_assert_int_eq(styro_request_new(NULL, &request, &err), 0);
  ck_assert_int_eq(styro_request_set_variable(request, "X", "/", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/paths", "${X}", "ro", &err), 0);
  ck_assert_int_eq(styro_request_validate(request, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "`${X}` is the root, and `paths` holds what stands below it");
  styro_request_free(request);
}
END_TEST

static int extend_files(const styro_allocator *alloc, styro_error *error)
{
  static const char text[] = "{\"version\": 1, \"extends\": [\"${DIR}/a.json\", \"build\"]}";
  styro_request *request = NULL;
  int code = styro_request_from_json(alloc, text, strlen(text), &request, error);
  code = code != 0 ? code : styro_request_set_variable(request, "DIR", directory, error);
  code = code != 0 ? code : styro_request_validate(request, error);
  styro_request_free(request);
  return code;
}

START_TEST(every_lack_of_memory_is_one)
{
  write_file("a.json", "{\"version\": 1, \"extends\": \"python\", \"paths\": {\"${DIR}\": {\"from\": \"${DIR}/x\"}}}");
  kit_fail_every_allocation(extend_files);
  kit_fail_every_malloc_of_jansson(extend_files);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("presets");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, every_preset_is_a_valid_request);
  tcase_add_test(cases, presets_give_what_they_say);
  tcase_add_test(cases, own_values_win_and_maps_merge);
  tcase_add_test(cases, what_is_meant_as_a_whole_is_replaced_as_one);
  tcase_add_test(cases, files_are_nested_and_lists_replace);
  tcase_add_test(cases, circles_are_named);
  tcase_add_test(cases, nesting_has_a_limit);
  tcase_add_test(cases, wrong_files_are_named);
  tcase_add_test(cases, a_file_that_is_too_long_is_refused);
  tcase_add_test(cases, two_keys_may_become_one_place);
  tcase_add_test(cases, a_variable_can_make_the_root_of_a_key);
  tcase_add_test(cases, every_lack_of_memory_is_one);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
