/* core/lib/collection.c: lists, maps, path rules and numbers keep their order, own their texts, and survive a failure. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "collection.h"
#include "counting_alloc.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct counting_alloc state;
static styro_allocator alloc;
static struct styro_fields fields;

static void put(const char *path, int access, const char *from)
{
  struct styro_path_rule rule = {.access = access};
  ck_assert_int_eq(styro_text_replace(&alloc, &rule.path, path), 0);
  ck_assert_int_eq(styro_text_replace(&alloc, &rule.from, from), 0);
  ck_assert_int_eq(styro_rules_put(&alloc, &fields, &rule), 0);
}

/* Two of everything. */
static void setup(void)
{
  state = (struct counting_alloc){0};
  alloc = counting_allocator(&state);
  fields = (struct styro_fields){0};
  ck_assert_int_eq(styro_list_append(&alloc, &fields.extends, "first"), 0);
  ck_assert_int_eq(styro_list_append(&alloc, &fields.extends, "second"), 0);
  ck_assert_int_eq(styro_map_set(&alloc, &fields.env, "B", "1"), 0);
  ck_assert_int_eq(styro_map_set(&alloc, &fields.env, "A", "2"), 0);
  put("/r", STYRO_ACCESS_RO, "/host");
  put("/q", STYRO_ACCESS_RW, NULL);
  ck_assert_int_eq(styro_ints_append(&alloc, &fields.preserve_fds, &fields.preserve_fds_n, 7), 0);
  ck_assert_int_eq(styro_ints_append(&alloc, &fields.preserve_fds, &fields.preserve_fds_n, 5), 0);
  ck_assert_int_eq(styro_text_replace(&alloc, &fields.cwd, "/cwd"), 0);
}

static void free_all(void)
{
  styro_list_free(&alloc, &fields.extends);
  styro_list_free(&alloc, &fields.inherit_env);
  styro_map_free(&alloc, &fields.env);
  styro_map_free(&alloc, &fields.limits.cgroup);
  styro_rules_free(&alloc, &fields);
  styro_ints_free(&alloc, &fields.preserve_fds, &fields.preserve_fds_n);
  styro_strfree(&alloc, fields.cwd);
}

/* Whatever a test did: all memory is back, with the sizes that it went out with. */
static void teardown(void)
{
  free_all();
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_uint_eq(state.live_bytes, 0);
  ck_assert_int_eq(state.wrong, 0);
}

/* Everything that the fields hold, in order. */
static const char *shown(void)
{
  static char text[1000];
  size_t len = 0;
  for (size_t i = 0; i < fields.extends.n; i++) {
    len += (size_t)snprintf(text + len, sizeof text - len, "%s ", fields.extends.items[i]);
  }
  for (size_t i = 0; i < fields.env.n; i++) {
    len += (size_t)snprintf(text + len, sizeof text - len, "%s=%s ", fields.env.keys[i], fields.env.values[i]);
  }
  for (size_t i = 0; i < fields.rules_n; i++) {
    const struct styro_path_rule *rule = &fields.rules[i];
    len += (size_t)snprintf(text + len, sizeof text - len, "%s:%d<%s ", rule->path, rule->access,
                            rule->from == NULL ? "" : rule->from);
  }
  for (size_t i = 0; i < fields.preserve_fds_n; i++) {
    len += (size_t)snprintf(text + len, sizeof text - len, "%d ", fields.preserve_fds[i]);
  }
  snprintf(text + len, sizeof text - len, "%s", fields.cwd);
  return text;
}

#define START "first second B=1 A=2 /r:0</host /q:1< 7 5 /cwd"

START_TEST(everything_stands_in_the_order_in_which_it_came)
{
  ck_assert_str_eq(shown(), START);
}
END_TEST

START_TEST(texts_are_copied_in)
{
  char item[] = "item", key[] = "K", value[] = "value";
  ck_assert_int_eq(styro_list_append(&alloc, &fields.extends, item), 0);
  ck_assert_int_eq(styro_map_set(&alloc, &fields.env, key, value), 0);
  item[0] = key[0] = value[0] = '!';
  ck_assert_str_eq(fields.extends.items[2], "item");
  ck_assert_str_eq(fields.env.keys[2], "K");
  ck_assert_str_eq(fields.env.values[2], "value");
}
END_TEST

START_TEST(a_copied_list_replaces_what_was_there_and_is_its_own)
{
  struct styro_list other = {0};
  ck_assert_int_eq(styro_list_append(&alloc, &other, "old"), 0);
  ck_assert_int_eq(styro_list_copy(&alloc, &other, &fields.extends), 0);
  fields.extends.items[0][0] = '!';
  ck_assert_uint_eq(other.n, 2);
  ck_assert_str_eq(other.items[0], "first");
  ck_assert_str_eq(other.items[1], "second");
  const struct styro_list none = {0};
  ck_assert_int_eq(styro_list_copy(&alloc, &other, &none), 0);
  ck_assert_uint_eq(other.n, 0);
  ck_assert_ptr_null(other.items);
  styro_list_free(&alloc, &other);
}
END_TEST

START_TEST(a_key_that_is_set_again_keeps_its_place)
{
  ck_assert_int_eq(styro_map_set(&alloc, &fields.env, "B", "longer than it was"), 0);
  ck_assert_int_eq(styro_map_set(&alloc, &fields.env, "A", ""), 0);
  ck_assert_uint_eq(fields.env.n, 2);
  ck_assert_str_eq(fields.env.keys[0], "B");
  ck_assert_str_eq(fields.env.values[0], "longer than it was");
  ck_assert_str_eq(styro_map_find(&fields.env, "A"), "");
}
END_TEST

START_TEST(keys_are_found_as_a_whole_and_exactly)
{
  ck_assert_int_eq(styro_map_set(&alloc, &fields.env, "", "of the empty key"), 0);
  ck_assert_str_eq(styro_map_find(&fields.env, ""), "of the empty key");
  ck_assert_ptr_null(styro_map_find(&fields.env, "a"));
  ck_assert_ptr_null(styro_map_find(&fields.env, "AA"));
  const struct styro_map none = {0};
  ck_assert_ptr_null(styro_map_find(&none, "A"));
}
END_TEST

START_TEST(a_rule_is_taken_over_and_left_empty)
{
  const struct styro_path_rule empty = {0};
  struct styro_path_rule rule = {.access = STYRO_ACCESS_TMPFS, .size = 4096, .mode = 0700, .noexec = true};
  ck_assert_int_eq(styro_text_replace(&alloc, &rule.path, "/s"), 0);
  const char *path = rule.path;
  ck_assert_int_eq(styro_rules_put(&alloc, &fields, &rule), 0);
  ck_assert_mem_eq(&rule, &empty, sizeof rule);
  const struct styro_path_rule *kept = styro_rules_find(&fields, "/s");
  ck_assert_ptr_eq(kept, &fields.rules[2]);
  ck_assert_ptr_eq(kept->path, path);
  ck_assert(kept->size == 4096 && kept->mode == 0700 && kept->noexec);
}
END_TEST

START_TEST(a_rule_under_a_known_path_takes_its_place)
{
  put("/r", STYRO_ACCESS_DENY, NULL);
  ck_assert_str_eq(shown(), "first second B=1 A=2 /r:2< /q:1< 7 5 /cwd");
  ck_assert_ptr_eq(styro_rules_find(&fields, "/r"), &fields.rules[0]);
  ck_assert_ptr_eq(styro_rules_find(&fields, "/q"), &fields.rules[1]);
  ck_assert_ptr_null(styro_rules_find(&fields, "/r/"));
  ck_assert_ptr_null(styro_rules_find(&fields, "/"));
}
END_TEST

START_TEST(a_copied_rule_has_texts_of_its_own)
{
  struct styro_path_rule copy = {0}, bare = {0};
  fields.rules[0].mode = 0755;
  fields.rules[0].optional = true;
  ck_assert_int_eq(styro_rule_copy(&alloc, &copy, &fields.rules[0]), 0);
  ck_assert_int_eq(styro_rule_copy(&alloc, &bare, &fields.rules[1]), 0);
  fields.rules[0].path[1] = fields.rules[0].from[1] = '!';
  ck_assert_str_eq(copy.path, "/r");
  ck_assert_str_eq(copy.from, "/host");
  ck_assert(copy.mode == 0755 && copy.optional && copy.access == STYRO_ACCESS_RO);
  ck_assert_ptr_null(bare.from);
  styro_rule_free(&alloc, &copy);
  styro_rule_free(&alloc, &bare);
  ck_assert_ptr_null(copy.path);
  styro_rule_free(&alloc, &copy);
}
END_TEST

/* The value that a variable makes of a path is a part of the old one. */
START_TEST(a_text_may_be_replaced_by_a_part_of_itself)
{
  ck_assert_int_eq(styro_text_replace(&alloc, &fields.cwd, fields.cwd + 1), 0);
  ck_assert_str_eq(fields.cwd, "cwd");
  ck_assert_int_eq(styro_map_set(&alloc, &fields.env, "B", fields.env.values[0]), 0);
  ck_assert_str_eq(fields.env.values[0], "1");
  ck_assert_int_eq(styro_text_replace(&alloc, &fields.cwd, NULL), 0);
  ck_assert_ptr_null(fields.cwd);
  ck_assert_int_eq(styro_text_replace(&alloc, &fields.cwd, ""), 0);
  ck_assert_str_eq(fields.cwd, "");
}
END_TEST

START_TEST(freeing_twice_is_freeing_once)
{
  free_all();
  fields.cwd = NULL;
  ck_assert_uint_eq(fields.extends.n + fields.env.n + fields.rules_n + fields.preserve_fds_n, 0);
  ck_assert_ptr_null(fields.preserve_fds);
  ck_assert_ptr_null(fields.rules);
}
END_TEST

/* ---- growing ---- */

#define MANY 1000 /* between two powers of two: 11 growths, at 0, 1, 2, 4, ... 512 items */

static void append_many_items(void)
{
  for (int i = 0; i < MANY; i++) {
    ck_assert_int_eq(styro_list_append(&alloc, &fields.inherit_env, "item"), 0);
  }
}

static void copy_many_items(void)
{
  char item[] = "item", *items[MANY];
  for (size_t i = 0; i < MANY; i++) {
    items[i] = item;
  }
  const struct styro_list from = {.items = items, .n = MANY};
  ck_assert_int_eq(styro_list_copy(&alloc, &fields.inherit_env, &from), 0);
}

static void append_many_numbers(void)
{
  styro_ints_free(&alloc, &fields.preserve_fds, &fields.preserve_fds_n);
  for (int i = 0; i < MANY; i++) {
    ck_assert_int_eq(styro_ints_append(&alloc, &fields.preserve_fds, &fields.preserve_fds_n, i), 0);
  }
}

static void set_many_keys(void)
{
  char key[16];
  for (int i = 0; i < MANY; i++) {
    snprintf(key, sizeof key, "%d", i);
    ck_assert_int_eq(styro_map_set(&alloc, &fields.limits.cgroup, key, "value"), 0);
  }
}

static void put_many_rules(void)
{
  char path[16];
  styro_rules_free(&alloc, &fields);
  for (int i = 0; i < MANY; i++) {
    snprintf(path, sizeof path, "/%d", i);
    put(path, STYRO_ACCESS_RW, NULL);
  }
}

static const struct {
  void (*work)(void);
  size_t texts;  /* copied for each item */
  size_t arrays; /* that grow */
} growths[] = {
    {append_many_items, 1, 1}, {copy_many_items, 1, 1}, {append_many_numbers, 0, 1},
    {set_many_keys, 2, 2},     {put_many_rules, 1, 1},
};

/* Teardown sees that each block came back with its size. */
START_TEST(many_items_take_few_growths)
{
  state.fail_at = SIZE_MAX;
  growths[_i].work();
  ck_assert_uint_eq(state.calls, MANY * growths[_i].texts + 11 * growths[_i].arrays);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

/* At every length, also one that was reached by way of a growth. */
START_TEST(every_length_is_freed_as_it_was_taken)
{
  for (int length = 0; length < 20; length++) {
    struct styro_list list = {0};
    struct styro_map map = {0};
    size_t bytes = state.live_bytes;
    for (int i = 0; i < length; i++) {
      const char key[] = {(char)('a' + i), '\0'};
      ck_assert_int_eq(styro_list_append(&alloc, &list, key), 0);
      ck_assert_int_eq(styro_map_set(&alloc, &map, key, "value"), 0);
    }
    styro_list_free(&alloc, &list);
    styro_map_free(&alloc, &map);
    ck_assert_uint_eq(state.live_bytes, bytes);
    ck_assert_int_eq(state.wrong, 0);
  }
}
END_TEST

/* ---- memory ---- */

static int append_item(void)
{
  return styro_list_append(&alloc, &fields.extends, "third");
}

static int copy_list(void)
{
  struct styro_list from = {.items = (char *[]){"x", "y"}, .n = 2};
  return styro_list_copy(&alloc, &fields.extends, &from);
}

static int set_new_key(void)
{
  return styro_map_set(&alloc, &fields.env, "C", "3");
}

static int set_known_key(void)
{
  return styro_map_set(&alloc, &fields.env, "B", "3");
}

static int append_number(void)
{
  return styro_ints_append(&alloc, &fields.preserve_fds, &fields.preserve_fds_n, 9);
}

static int replace_text(void)
{
  return styro_text_replace(&alloc, &fields.cwd, "/elsewhere");
}

/* Putting takes over the copy, also where it fails. */
static int copy_and_put_rule(void)
{
  const struct styro_path_rule empty = {0};
  struct styro_path_rule rule = {0};
  const struct styro_path_rule from = {.path = "/new", .from = "/of", .access = STYRO_ACCESS_RW};
  int code = styro_rule_copy(&alloc, &rule, &from);
  code = code != 0 ? code : styro_rules_put(&alloc, &fields, &rule);
  ck_assert_mem_eq(&rule, &empty, sizeof rule);
  return code;
}

static const struct {
  int (*work)(void);
  const char *after;
} works[] = {
    {append_item, "first second third B=1 A=2 /r:0</host /q:1< 7 5 /cwd"},
    {copy_list, "x y B=1 A=2 /r:0</host /q:1< 7 5 /cwd"},
    {set_new_key, "first second B=1 A=2 C=3 /r:0</host /q:1< 7 5 /cwd"},
    {set_known_key, "first second B=3 A=2 /r:0</host /q:1< 7 5 /cwd"},
    {append_number, "first second B=1 A=2 /r:0</host /q:1< 7 5 9 /cwd"},
    {replace_text, "first second B=1 A=2 /r:0</host /q:1< 7 5 /elsewhere"},
    {copy_and_put_rule, "first second B=1 A=2 /r:0</host /q:1< /new:1</of 7 5 /cwd"},
};

START_TEST(a_failure_leaves_the_collection_as_it_was)
{
  size_t bytes = state.live_bytes, n = 0;
  int code = STYRO_ENOMEM;
  while (code != 0) {
    state.fail_at = ++n;
    state.calls = 0;
    code = works[_i].work();
    ck_assert(code == 0 || code == STYRO_ENOMEM);
    ck_assert_str_eq(shown(), code == 0 ? works[_i].after : START);
    ck_assert(code == 0 || state.live_bytes == bytes);
  }
  ck_assert_uint_gt(n, 1);
}
END_TEST

/* A map has four blocks more for a new key: each may be missing alone. */
static int fill_a_map(const styro_allocator *own, styro_error *err)
{
  struct styro_map map = {0};
  int code = styro_map_set(own, &map, "A", "1");
  code = code != 0 ? code : styro_map_set(own, &map, "B", "2");
  code = code != 0 ? code : styro_map_set(own, &map, "A", "3");
  styro_map_free(own, &map);
  return code == 0 ? 0 : styro_fail_memory(err, STYRO_STAGE_PARSE);
}

static int fill_lists(const styro_allocator *own, styro_error *err)
{
  struct styro_list list = {0}, copy = {0};
  int code = styro_list_append(own, &list, "a");
  code = code != 0 ? code : styro_list_append(own, &list, "b");
  code = code != 0 ? code : styro_list_copy(own, &copy, &list);
  styro_list_free(own, &list);
  styro_list_free(own, &copy);
  return code == 0 ? 0 : styro_fail_memory(err, STYRO_STAGE_PARSE);
}

static int fill_rules(const styro_allocator *own, styro_error *err)
{
  const struct styro_path_rule from = {.path = "/p", .from = "/f"};
  struct styro_path_rule rule = {0};
  struct styro_fields some = {0};
  int code = styro_rule_copy(own, &rule, &from);
  code = code != 0 ? code : styro_rules_put(own, &some, &rule);
  styro_rules_free(own, &some);
  return code == 0 ? 0 : styro_fail_memory(err, STYRO_STAGE_PARSE);
}

START_TEST(a_single_missing_block_is_noticed)
{
  kit_fail_every_allocation(fill_rules);
  kit_fail_every_allocation(fill_a_map);
  kit_fail_every_allocation(fill_lists);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("collection");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, everything_stands_in_the_order_in_which_it_came);
  tcase_add_test(cases, texts_are_copied_in);
  tcase_add_test(cases, a_copied_list_replaces_what_was_there_and_is_its_own);
  tcase_add_test(cases, a_key_that_is_set_again_keeps_its_place);
  tcase_add_test(cases, keys_are_found_as_a_whole_and_exactly);
  tcase_add_test(cases, a_rule_is_taken_over_and_left_empty);
  tcase_add_test(cases, a_rule_under_a_known_path_takes_its_place);
  tcase_add_test(cases, a_copied_rule_has_texts_of_its_own);
  tcase_add_test(cases, a_text_may_be_replaced_by_a_part_of_itself);
  tcase_add_test(cases, freeing_twice_is_freeing_once);
  tcase_add_loop_test(cases, many_items_take_few_growths, 0, (int)COUNT(growths));
  tcase_add_test(cases, every_length_is_freed_as_it_was_taken);
  tcase_add_loop_test(cases, a_failure_leaves_the_collection_as_it_was, 0, (int)COUNT(works));
  tcase_add_test(cases, a_single_missing_block_is_noticed);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
