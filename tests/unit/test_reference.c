/* core/lib/reference.c: the rows that people read, word by word where their form differs, and what is not yet there. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "layer_kit.h"
#include "schema.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct styro_buffer buffer;

static void setup(void)
{
  styro_buffer_init(&buffer, NULL);
  styro_reference_write(&buffer);
  ck_assert_int_eq(buffer.failed, 0);
}

static void teardown(void)
{
  styro_buffer_free(&buffer);
}

/* One of each form: bounds on both sides, on one, on none; words; objects with a scalar and without; variables. */
static const char *const rows[] = {
    "| `version` | a whole number, 1 | - | version of the request's language; required in JSON |",
    "| `isolation` | a list of `container` or `process` | `container` | levels of isolation, in order of preference: `container` (namespaces, a filter, Landlock), `process` (a filter and Landlock alone, for hosts that refuse namespaces; docs/process-level.md has what it cannot hide). The second is taken where the host refuses the first, and the outcome says which it was |",
    "| `root` | `system` or `empty`; or an object | `system` | what `/` is: the host's system base read-only, nothing, or a "
    "directory's tree |",
    "| `root.directory` | an absolute path | - | host directory that becomes `/`; `${NAME}` is resolved |",
    "| `paths` | an object of paths | - | path inside to access or object; the longest prefix wins, order does not matter |",
    "| `paths.*` | `ro`, `rw`, `deny` or `tmpfs`; or an object | `ro` | one path inside, absolute; `${NAME}` is resolved |",
    "| `paths.*.mode` | permission bits, 0001 to 1777 | - | for `tmpfs`: permission bits; 0755 when not given |",
    "| `user` | an object | - | who the payload is |",
    "| `user.uid` | a whole number, 0 to 4294967294 | `1000` | user id inside |",
    "| `user.gid_map` | `self`, `subuid` or a list of ranges | - | the same for the group id: `subuid` stands for the lines "
    "of /etc/subgid, and newgidmap |",
    "| `namespaces.pid` | `new` or `host`; or an object | `new` | processes |",
    "| `limits.memory` | a size, at least 64K | - | memory |",
    "| `limits.swap` | a size, at least 0 | - | swap |",
    "| `limits.cpu` | a number of cores, 0.001 to 8192 | - | cores, such as 1.5 |",
    "| `rlimits.core` | a limit; or an object | - | size of a core dump, bytes |",
    "| `timeout` | a duration, 1ms to 8760h; or an object | - | when the whole sandbox is ended; a duration alone is `wall` |",
    "| `timeout.grace` | a duration, 0 to 1h | `0` | time between SIGTERM and SIGKILL; 0 is SIGKILL at once |",
    "| `security.capabilities.drop` | `none`, `ALL` or a list of capabilities | - | what is taken out of `keep`; or `ALL`, which says "
    "that nothing is kept |",
    "| `nice` | a whole number, -20 to 19 | `0` | nice value |",
};

/* `-` above stands for an empty cell. */
START_TEST(rows_say_what_the_table_says)
{
  char row[1000];
  const char *dash = strstr(rows[_i], " | - | ");
  snprintf(row, sizeof row, "\n%.*s%s\n", dash == NULL ? (int)strlen(rows[_i]) : (int)(dash - rows[_i]), rows[_i],
           dash == NULL ? "" : " |  | ");
  if (dash != NULL) {
    size_t len = strlen(row) - 1;
    snprintf(row + len, sizeof row - len, "%s\n", dash + strlen(" | - | "));
  }
  ck_assert_msg(strstr(buffer.data, row) != NULL, "%s", row);
}
END_TEST

START_TEST(it_begins_with_what_holds_for_all)
{
  static const char begin[] = "# The request, version 1\n\nA request is one JSON object with `\"version\": 1`.";
  ck_assert_int_eq(strncmp(buffer.data, begin, sizeof begin - 1), 0);
  ck_assert_ptr_nonnull(
      strstr(buffer.data, "\n\n| field | takes | default | meaning |\n|---|---|---|---|\n| `version` |"));
}
END_TEST

/* Hidden rows and those that their parent describes have no line of their own. */
START_TEST(rows_without_a_line_of_their_own)
{
  static const char *const absent[] = {"`root.kind`", "`namespaces.pid.mode`", "`rlimits.core.soft`",
                                       "`security.capabilities.ambient`", "`network.mode`"};
  for (size_t i = 0; i < COUNT(absent); i++) {
    ck_assert_msg(strstr(buffer.data, absent[i]) == NULL, "%s", absent[i]);
  }
}
END_TEST

static const char *const later[] = {
    "- `isolation`: `zone`",
    "- `timeout.cpu`: processor time of the whole sandbox",
    "- `trace`: a report of what was denied",
};

START_TEST(what_is_not_supported_yet_is_named)
{
  const char *part = strstr(buffer.data, "\n## Known, and not supported yet\n\nRefused by name, never ignored.\n\n- `");
  ck_assert_ptr_nonnull(part);
  for (size_t i = 0; i < COUNT(later); i++) {
    char line[200];
    snprintf(line, sizeof line, "\n%s\n", later[i]);
    ck_assert_msg(strstr(part, line) != NULL, "%s", line);
  }
  ck_assert_ptr_null(strstr(part, "`user.groups`"));
  ck_assert_ptr_null(strstr(part, "["));
}
END_TEST

/* Four cells a row: a `|` in a documentation line would tear the table. */
START_TEST(every_row_has_four_cells)
{
  size_t n = 0;
  for (const char *line = buffer.data; line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    size_t len = strcspn(line, "\n"), bars = 0;
    for (size_t i = 0; i < len; i++) {
      bars += line[i] == '|';
    }
    ck_assert_msg(bars == 0 || bars == 5, "%.*s", (int)len, line);
    n += bars == 5;
  }
  ck_assert_uint_gt(n, 60);
}
END_TEST

/* What is committed is what the table says, where the tests run in a checkout. */
START_TEST(the_committed_page_is_current)
{
  FILE *file = fopen("docs/request.md", "re");
  if (file != NULL) {
    char *text = calloc(1, buffer.len + 2);
    ck_assert(text != NULL);
    size_t n = fread(text, 1, buffer.len + 1, file);
    fclose(file);
    ck_assert_msg(n == buffer.len && memcmp(text, buffer.data, n) == 0, "docs/request.md is not current");
    free(text);
  }
}
END_TEST

START_TEST(without_memory_there_is_no_half_a_page)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  size_t n = 0;
  bool failed = true;
  while (failed) {
    struct styro_buffer own;
    state.fail_at = ++n;
    state.calls = 0;
    styro_buffer_init(&own, &alloc);
    styro_reference_write(&own);
    failed = own.failed;
    ck_assert_uint_eq(own.len, failed ? 0 : buffer.len);
    styro_buffer_free(&own);
    ck_assert_uint_eq(state.live_blocks, 0);
  }
  ck_assert_uint_gt(n, 3);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("reference");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_loop_test(cases, rows_say_what_the_table_says, 0, (int)COUNT(rows));
  tcase_add_test(cases, it_begins_with_what_holds_for_all);
  tcase_add_test(cases, rows_without_a_line_of_their_own);
  tcase_add_test(cases, what_is_not_supported_yet_is_named);
  tcase_add_test(cases, every_row_has_four_cells);
  tcase_add_test(cases, the_committed_page_is_current);
  tcase_add_test(cases, without_memory_there_is_no_half_a_page);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
