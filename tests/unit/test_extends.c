/*
 * core/lib/extends.c: in which order presets and files are laid on each other, where relative names lead, and what is
 * said of a file that cannot be taken. read(2) is the test's own where it must fail.
 *
 * build: -Wl,--wrap=read
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collection.h"
#include "complaints.h"
#include "extends.h"
#include "layer_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- read(2) ---- */

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

static struct {
  int calls;
  int interrupt_at, fail_at; /* the number of the call; 0: none */
  size_t most;               /* bytes that one call gives; 0: all */
  size_t bytes;              /* given by all calls */
} reads;

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
  reads.calls++;
  if (reads.calls == reads.interrupt_at || reads.calls == reads.fail_at) {
    errno = reads.calls == reads.fail_at ? EIO : EINTR;
    return -1;
  }
  ssize_t n = __real_read(fd, buffer, reads.most != 0 && reads.most < size ? reads.most : size);
  reads.bytes += n > 0 ? (size_t)n : 0;
  return n;
}

/* ---- files ---- */

static char directory[200];
static struct styro_map variables;
static struct styro_layer layer, out;
static styro_error err;

static const char *path_of(const char *name)
{
  static char path[400];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static void write_file(const char *name, const char *members)
{
  FILE *file = fopen(path_of(name), "we");
  ck_assert(file != NULL);
  fprintf(file, "{\"version\": 1%s%s}", members[0] == '\0' ? "" : ", ", members);
  ck_assert_int_eq(fclose(file), 0);
}

static void setup(void)
{
  const char *base = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/styro-extends-XXXXXX", base == NULL ? "/tmp" : base);
  ck_assert_ptr_nonnull(mkdtemp(directory));
  ck_assert_int_eq(mkdir(path_of("sub"), 0700), 0);
  json_object_seed(1); /* else jansson reads /dev/urandom at its first object, which a static program would count */
  memset(&reads, 0, sizeof reads);
  err = (styro_error)ERROR_READY;
  layer = kit_layer(NULL);
  out = kit_layer(NULL);
  variables = (struct styro_map){0};
  ck_assert_int_eq(styro_map_set(&layer.alloc, &variables, "D", directory), 0);
}

static const char *const names[] = {"a.json",     "b.json",     "c.json",    "python", "fifo.json",
                                    "sub/a.json", "sub/b.json", "loop.json", "sub",    ""};

static void teardown(void)
{
  styro_map_free(&layer.alloc, &variables);
  styro_layer_free(&layer);
  styro_layer_free(&out);
  for (size_t i = 0; i < COUNT(names); i++) {
    remove(path_of(names[i]));
  }
}

/* Merges a layer that extends the names (a JSON list) and has the members; the code. */
static int merge(const char *extends, const char *members)
{
  char text[1000];
  snprintf(text, sizeof text, "\"extends\": %s%s%s", extends, members[0] == '\0' ? "" : ", ", members);
  kit_given(&layer, text);
  return styro_extends_merge(&layer, &variables, &out, &err);
}

static void merged(const char *extends, const char *members)
{
  int code = merge(extends, members);
  ck_assert_msg(code == 0, "%s (%s)", err.message, err.object);
}

static void env_is(const char *name, const char *value)
{
  ck_assert_pstr_eq(styro_map_find(&out.fields.env, name), value);
}

/* ---- what is laid on what ---- */

START_TEST(later_names_lie_on_earlier_ones_and_the_own_values_on_top)
{
  write_file("a.json", "\"env\": {\"X\": \"a\", \"A\": \"a\"}, \"command\": [\"a\"]");
  write_file("b.json", "\"env\": {\"X\": \"b\", \"B\": \"b\"}, \"command\": [\"b\"], \"nice\": 1");
  merged("[\"${D}/a.json\", \"${D}/b.json\"]", "\"env\": {\"OWN\": \"o\"}, \"nice\": 2");
  env_is("X", "b");
  env_is("A", "a");
  env_is("B", "b");
  env_is("OWN", "o");
  ck_assert_str_eq(out.fields.command.items[0], "b");
  ck_assert_int_eq(out.fields.nice, 2);
}
END_TEST

START_TEST(what_a_file_extends_lies_below_it)
{
  write_file("a.json", "\"env\": {\"X\": \"a\"}, \"nice\": 3");
  write_file("b.json", "\"extends\": \"./a.json\", \"env\": {\"X\": \"b\"}");
  merged("\"${D}/b.json\"", "");
  env_is("X", "b");
  ck_assert_int_eq(out.fields.nice, 3);
}
END_TEST

START_TEST(all_of_it_lies_on_what_was_there)
{
  kit_given(&out, "\"env\": {\"X\": \"before\", \"Y\": \"before\"}, \"umask\": \"077\"");
  merged("[]", "\"env\": {\"X\": \"own\"}");
  env_is("X", "own");
  env_is("Y", "before");
  ck_assert_int_eq(out.fields.umask, 077);
}
END_TEST

/* Nested ones are meant from the file's own directory, presets by name alone, absolute ones as they are. */
START_TEST(where_names_lead)
{
  char members[600];
  write_file("a.json", "\"env\": {\"WHERE\": \"above\"}");
  write_file("python", "\"env\": {\"WHERE\": \"a file called python\"}");
  write_file("sub/a.json", "\"env\": {\"WHERE\": \"sub\"}");
  write_file("sub/b.json", "\"extends\": [\"python\", \"a.json\"]");
  merged("\"${D}/sub/b.json\"", "");
  env_is("WHERE", "sub");
  env_is("PYTHONUNBUFFERED", "1");
  write_file("sub/b.json", "\"extends\": \"../a.json\"");
  merged("\"${D}/sub/b.json\"", "");
  env_is("WHERE", "above");
  snprintf(members, sizeof members, "\"extends\": \"%s/./python\"", directory);
  write_file("sub/b.json", members);
  merged("\"${D}/sub/b.json\"", "");
  env_is("WHERE", "a file called python");
}
END_TEST

/* Two files may extend the same one: that is a diamond and no circle. */
START_TEST(one_file_may_be_extended_twice)
{
  write_file("a.json", "\"env\": {\"X\": \"a\"}");
  write_file("b.json", "\"extends\": \"./a.json\", \"env\": {\"X\": \"b\"}");
  write_file("c.json", "\"extends\": \"./a.json\"");
  merged("[\"${D}/b.json\", \"${D}/c.json\", \"${D}/c.json\"]", "");
  env_is("X", "a");
}
END_TEST

/* One layer's variables are resolved before the next is laid on it, and its layer stays as it was written. */
START_TEST(variables_are_resolved_in_each_layer)
{
  write_file("a.json", "\"paths\": {\"${D}\": \"ro\"}");
  merged("\"${D}/a.json\"", "\"paths\": {\"${D}/\": {\"access\": \"rw\", \"from\": \"${D}\"}}");
  ck_assert_uint_eq(out.fields.rules_n, 1);
  ck_assert_str_eq(out.fields.rules[0].path, directory);
  ck_assert_int_eq(out.fields.rules[0].access, STYRO_ACCESS_RW);
  ck_assert_str_eq(layer.fields.rules[0].path, "${D}/");
}
END_TEST

/* ---- reading ---- */

START_TEST(a_file_comes_in_pieces_and_past_interruptions)
{
  char members[30000] = "\"env\": {\"LONG\": \"";
  memset(members + strlen(members), 'x', 20000);
  strcat(members, "\"}");
  write_file("a.json", members);
  reads.most = 1000;
  reads.interrupt_at = 5;
  merged("\"${D}/a.json\"", "");
  ck_assert_uint_eq(strlen(styro_map_find(&out.fields.env, "LONG")), 20000);
  ck_assert_int_gt(reads.calls, 20);
}
END_TEST

/* A request has at most 4 MiB, which is a whole number of pieces: one byte more must be seen, too. */
START_TEST(a_file_is_as_long_as_a_request_may_be)
{
  static char members[(4 << 20) + 1];
  const size_t others = strlen("{\"version\": 1, }");
  strcpy(members, "\"nice\": 5");
  memset(members + strlen(members), ' ', sizeof members - 1 - strlen(members));
  members[(4 << 20) - others] = '\0';
  write_file("a.json", members);
  merged("\"${D}/a.json\"", "");
  ck_assert_int_eq(out.fields.nice, 5);
  strcat(members, " ");
  write_file("a.json", members);
  ck_assert_int_eq(merge("\"${D}/a.json\"", ""), STYRO_EPARSE);
  ck_assert_str_eq(err.message, "the text is longer than the 4194304 bytes that a request may have");
  ck_assert_str_eq(err.object, path_of("a.json"));
  ck_assert_str_eq(err.hint, "hand large data over in a file that `paths` shows");
}
END_TEST

/* One byte too many is enough to know, however many there are. */
START_TEST(of_a_longer_file_no_more_is_read_than_needed)
{
  static char members[5000000];
  memset(members, ' ', sizeof members - 1);
  write_file("a.json", members);
  reads.most = 1000;
  ck_assert_int_eq(merge("\"${D}/a.json\"", ""), STYRO_EPARSE);
  ck_assert_str_eq(err.message, "the text is longer than the 4194304 bytes that a request may have");
  ck_assert_uint_eq(reads.bytes, (4 << 20) + 1);
}
END_TEST

/* The file is then descriptor 0, which is one like any other. */
START_TEST(a_caller_without_stdin_can_extend_files)
{
  write_file("a.json", "\"nice\": 5");
  int saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
  close(0);
  int code = merge("\"${D}/a.json\"", "");
  int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ck_assert_int_eq(next, 0); /* it was closed again */
  close(next);
  if (saved >= 0) {
    dup2(saved, 0);
    close(saved);
  }
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(out.fields.nice, 5);
}
END_TEST

#define WRONG(said) STYRO_EREQUEST, STYRO_STAGE_COMPILE, said
#define FILES "a name without `/` and `.json` is a preset, all others are files"

/* `@` stands for the directory. */
static const char *at(const char *text)
{
  static char copies[4][1000];
  static int next;
  char *copy = copies[next++ % 4];
  size_t len = 0;
  for (; *text != '\0'; text++) {
    len += (size_t)snprintf(copy + len, sizeof *copies - len, *text == '@' ? "%s" : "%.1s",
                            *text == '@' ? directory : text);
  }
  copy[len] = '\0';
  return copy;
}

static void refused(const char *extends, int sys_errno, struct kit_said said)
{
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  said.message = at(said.message);
  said.object = at(said.object);
  ck_assert_int_eq(merge(extends, ""), said.code);
  kit_says(extends, &err, &said);
  ck_assert_int_eq(err.sys_errno, sys_errno);
  int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ck_assert_int_eq(after, fd + 1); /* no descriptor was left open */
  close(after);
  close(fd);
}

START_TEST(a_file_that_cannot_be_read_is_named_with_its_errno)
{
  write_file("a.json", "");
  refused("\"${D}/b.json\"", ENOENT,
          (struct kit_said){WRONG("`@/b.json` could not be read: No such file or directory"), "/extends", "@/b.json",
                            FILES});
  reads.fail_at = 1;
  refused("\"${D}/a.json\"", EIO,
          (struct kit_said){WRONG("`@/a.json` could not be read: Input/output error"), "/extends", "@/a.json", FILES});
  ck_assert_int_eq(symlink("loop.json", path_of("loop.json")), 0);
  refused("\"${D}/loop.json\"", ELOOP,
          (struct kit_said){WRONG("`@/loop.json` could not be read: Too many levels of symbolic links"), "/extends",
                            "@/loop.json", FILES});
}
END_TEST

/* A FIFO with no writer would hang whoever opens it. */
START_TEST(what_is_no_file_is_not_read)
{
  ck_assert_int_eq(mkfifo(path_of("fifo.json"), 0600), 0);
  refused("\"${D}/fifo.json\"", 0,
          (struct kit_said){WRONG("`@/fifo.json` is not a regular file"), "/extends", "@/fifo.json",
                            "name a file with a request in it"});
  refused("\"${D}/sub\"", 0,
          (struct kit_said){WRONG("`@/sub` is not a regular file"), "/extends", "@/sub",
                            "name a file with a request in it"});
  refused("\"/dev/zero\"", 0,
          (struct kit_said){WRONG("`/dev/zero` is not a regular file"), "/extends", "/dev/zero",
                            "name a file with a request in it"});
  ck_assert_int_eq(reads.calls, 0);
}
END_TEST

/* The field is one of that file, the object the file itself; innermost where files are nested. */
START_TEST(what_is_wrong_in_a_file_is_said_of_that_file)
{
  write_file("a.json", "\"nice\": 20");
  write_file("b.json", "\"extends\": \"a.json\"");
  refused("\"${D}/b.json\"", 0,
          (struct kit_said){STYRO_EREQUEST, STYRO_STAGE_VALIDATE, "20 is out of range: -20 to 19", "/nice", "@/a.json",
                            ""});
  write_file("a.json", "\"cwd\": \"${NONE}\"");
  refused("\"${D}/b.json\"", 0,
          (struct kit_said){STYRO_EREQUEST, STYRO_STAGE_VALIDATE, "the variable `NONE` has no value", "/cwd", "NONE",
                            "give it one with the request, or write `$${` for the characters themselves"});
}
END_TEST

START_TEST(names_that_are_none)
{
  refused(
      "\"pyhton\"", 0,
      (struct kit_said){WRONG("`pyhton` is not the name of a preset"), "/extends", "pyhton", "did you mean `python`?"});
  refused("\"json\"", 0,
          (struct kit_said){WRONG("`json` is not the name of a preset"), "/extends", "json",
                            "a file is named with a `/` in it, or with `.json` at its end"});
  refused("\".json\"", 0,
          (struct kit_said){WRONG("`.json` is not the name of a preset"), "/extends", ".json",
                            "a file is named with a `/` in it, or with `.json` at its end"});
  refused("\"\"", 0,
          (struct kit_said){WRONG("`` is not the name of a preset"), "/extends", "",
                            "a file is named with a `/` in it, or with `.json` at its end"});
  refused("\"${NONE}.json\"", 0,
          (struct kit_said){STYRO_EREQUEST, STYRO_STAGE_VALIDATE, "the variable `NONE` has no value", "/extends",
                            "NONE", "give it one with the request, or write `$${` for the characters themselves"});
}
END_TEST

START_TEST(circles_and_depth)
{
  write_file("a.json", "\"extends\": [\"python\", \"sub/../a.json\"]");
  write_file("b.json", "\"extends\": \"b.json\"");
  refused("\"${D}/b.json\"", 0,
          (struct kit_said){WRONG("`@/b.json` extends itself, by way of what it extends"), "/extends", "@/b.json",
                            "remove one link of the circle"});
  ck_assert_int_eq(merge("\"${D}/a.json\"", ""), STYRO_EREQUEST); /* each time by another name, up to the depth */
  ck_assert_ptr_nonnull(strstr(err.message, "` is the ninth file or preset that extends another"));
  ck_assert_str_eq(err.hint, "at most eight may be nested");
}
END_TEST

/* PATH_MAX counts its NUL: 4095 bytes go to open(2), which finds the component too long; one more is refused before. */
START_TEST(a_name_that_is_too_long_is_no_path)
{
  static char name[STYRO_PATH_MAX + 1];
  for (size_t len = STYRO_PATH_MAX - 1; len <= STYRO_PATH_MAX; len++) {
    memset(name, 'x', len - 5);
    memcpy(name + len - 5, ".json", 6);
    styro_list_free(&layer.alloc, &layer.fields.extends);
    ck_assert_int_eq(styro_list_append(&layer.alloc, &layer.fields.extends, name), 0);
    styro_layer_mark(&layer, kit_row("/extends"));
    ck_assert_int_eq(styro_extends_merge(&layer, &variables, &out, &err), STYRO_EREQUEST);
    ck_assert_int_eq(err.sys_errno, len < STYRO_PATH_MAX ? ENAMETOOLONG : 0);
    ck_assert_int_eq(strncmp(err.object, name, 200), 0);
  }
  ck_assert_ptr_nonnull(strstr(err.message, "x` is longer than the 4095 bytes of a path"));
  ck_assert_str_eq(err.field, "/extends");
  ck_assert_str_eq(err.hint, "use a shorter path");
}
END_TEST

/* ---- memory ---- */

static int merge_all(const styro_allocator *alloc, styro_error *error)
{
  styro_allocator own = styro_allocator_or_malloc(alloc);
  struct styro_layer to;
  if (styro_layer_init(&to, &own) != 0) {
    return styro_fail_memory(error, STYRO_STAGE_COMPILE);
  }
  int code = styro_extends_merge(&layer, &variables, &to, error);
  styro_layer_free(&to);
  return code;
}

START_TEST(files_for_which_there_is_no_memory)
{
  write_file("a.json", "\"env\": {\"X\": \"${D}\"}, \"rlimits\": {\"core\": 1}");
  write_file("b.json", "\"extends\": [\"a.json\", \"build\"], \"paths\": {\"${D}\": {\"from\": \"/f\"}}");
  kit_given(&layer, "\"extends\": [\"${D}/b.json\"], \"paths\": {\"/own\": \"ro\"}");
  kit_fail_every_allocation(merge_all);
  kit_fail_every_malloc_of_jansson(merge_all);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("extends");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, later_names_lie_on_earlier_ones_and_the_own_values_on_top);
  tcase_add_test(cases, what_a_file_extends_lies_below_it);
  tcase_add_test(cases, all_of_it_lies_on_what_was_there);
  tcase_add_test(cases, where_names_lead);
  tcase_add_test(cases, one_file_may_be_extended_twice);
  tcase_add_test(cases, variables_are_resolved_in_each_layer);
  tcase_add_test(cases, a_file_comes_in_pieces_and_past_interruptions);
  tcase_add_test(cases, a_file_is_as_long_as_a_request_may_be);
  tcase_add_test(cases, of_a_longer_file_no_more_is_read_than_needed);
  tcase_add_test(cases, a_caller_without_stdin_can_extend_files);
  tcase_add_test(cases, a_file_that_cannot_be_read_is_named_with_its_errno);
  tcase_add_test(cases, what_is_no_file_is_not_read);
  tcase_add_test(cases, what_is_wrong_in_a_file_is_said_of_that_file);
  tcase_add_test(cases, names_that_are_none);
  tcase_add_test(cases, circles_and_depth);
  tcase_add_test(cases, a_name_that_is_too_long_is_no_path);
  tcase_add_test(cases, files_for_which_there_is_no_memory);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
