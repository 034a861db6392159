/* core/lib/fields.c: the table is sound, and everything in it is found. */
#include <check.h>
#include <string.h>

#include "fields.h"
#include "layer.h"
#include "request_kit.h"
#include "type_words.h"

static const struct styro_field *get(const char *pointer)
{
  const struct styro_field *field = styro_field_exact(pointer);
  ck_assert_msg(field != NULL, "%s", pointer);
  return field;
}

START_TEST(every_row_is_sound)
{
  for (size_t i = 0; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    bool rule = strncmp(field->pointer, "/paths/", 7) == 0;
    size_t end = rule ? sizeof(struct styro_path_rule) : sizeof(struct styro_fields);
    bool stored = field->type != STYRO_TYPE_OBJECT && field->type != STYRO_TYPE_LATER;
    ck_assert_msg(field->offset + field->size <= end, "%s", field->pointer);
    ck_assert_msg(!stored || field->size > 0, "%s", field->pointer);
    ck_assert_msg(field->type != STYRO_TYPE_ENUM || field->words != NULL, "%s", field->pointer);
    ck_assert_msg(field->min <= field->max, "%s", field->pointer);
    ck_assert_msg(field->shorthand == NULL || field->type == STYRO_TYPE_OBJECT, "%s", field->pointer);
    ck_assert_msg(field->type < STYRO_TYPE_COUNT && styro_type_noun(field->type) != NULL, "%s", field->pointer);
    ck_assert_msg(i == 0 || styro_field_parent(field) != NULL, "%s", field->pointer);
    ck_assert_msg(styro_field_exact(field->pointer) == field, "%s stands there twice", field->pointer);
  }
}
END_TEST

/* 0: struct styro_fields; else an entry's own. */
static int struct_of(const struct styro_field *field)
{
  return !styro_field_in_entry(field) ? 0 : strncmp(field->pointer, "/paths/", 7) == 0 ? 1 : 2;
}

START_TEST(no_two_rows_share_a_place)
{
  for (size_t i = 0; i < styro_field_count(); i++) {
    for (size_t j = 0; j < i; j++) {
      const struct styro_field *a = styro_field_at(i), *b = styro_field_at(j);
      bool kept = a->size > 0 && b->size > 0 && a->type != STYRO_TYPE_OBJECT && b->type != STYRO_TYPE_OBJECT;
      bool comparable = struct_of(a) == struct_of(b);
      bool overlap = a->offset < b->offset + b->size && b->offset < a->offset + a->size;
      ck_assert_msg(!(kept && comparable && overlap), "%s and %s", a->pointer, b->pointer);
    }
  }
}
END_TEST

START_TEST(ids_and_pointers)
{
  ck_assert_uint_eq(styro_field_id("/no/such"), 0);
  ck_assert_str_eq(styro_field_pointer(0), "");
  ck_assert_str_eq(styro_field_pointer(999999), "");
  for (uint32_t id = 1; id < styro_field_count(); id++) {
    ck_assert_uint_eq(styro_field_id(styro_field_pointer(id)), id);
    ck_assert_uint_eq(styro_field_id(styro_field_pointer(id | 7u << STYRO_FIELD_ITEM_SHIFT)), id);
  }
  ck_assert_uint_ne(styro_field_id("/user/uid"), 0);
  ck_assert_uint_ne(styro_field_id("/paths"), 0);
}
END_TEST

START_TEST(children_and_shorthands)
{
  const struct styro_field *timeout = get("/timeout");
  ck_assert_str_eq(styro_field_key(styro_field_child(timeout, NULL)), "wall");
  ck_assert_ptr_eq(styro_field_shorthand(timeout), get("/timeout/wall"));
  ck_assert_ptr_eq(styro_field_named(timeout, "grace"), get("/timeout/grace"));
  ck_assert_ptr_null(styro_field_named(timeout, "nothing"));
  ck_assert_ptr_null(styro_field_named(get("/root"), "kind"));
  ck_assert_ptr_eq(styro_field_shorthand(get("/root")), get("/root/kind"));
  ck_assert(styro_field_every_child(get("/rlimits/nofile")));
  ck_assert_ptr_null(styro_field_shorthand(get("/rlimits/nofile")));
  ck_assert_ptr_null(styro_field_shorthand(get("/user")));
  ck_assert_ptr_eq(styro_field_parent(get("/timeout/wall")), timeout);
  ck_assert_ptr_null(styro_field_parent(styro_field_at(0)));
  ck_assert_ptr_eq(styro_field_child(styro_field_at(0), NULL), get("/version"));
}
END_TEST

START_TEST(all_sixteen_rlimits)
{
  const struct styro_field *row = NULL;
  int n = 0;
  while ((row = styro_field_child(get("/rlimits"), row)) != NULL) {
    n++;
    ck_assert_ptr_nonnull(styro_field_named(row, "soft"));
    ck_assert_ptr_nonnull(styro_field_named(row, "hard"));
  }
  ck_assert_int_eq(n, STYRO_RLIMIT_COUNT);
}
END_TEST

START_TEST(a_layer_knows_what_was_given)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_layer layer;
  ck_assert_int_eq(styro_layer_init(&layer, &alloc), 0);
  ck_assert(!styro_layer_has(&layer, get("/timeout")));
  styro_layer_mark(&layer, get("/timeout/wall"));
  ck_assert(styro_layer_has(&layer, get("/timeout")));
  ck_assert(!styro_layer_has(&layer, get("/timeout/grace")));
  styro_layer_clear(&layer, get("/timeout"));
  ck_assert(!styro_layer_has(&layer, get("/timeout")));
  styro_layer_free(&layer);
  styro_layer_free(&layer);
}
END_TEST

START_TEST(a_hidden_field_excludes_its_siblings)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_layer layer;
  ck_assert_int_eq(styro_layer_init(&layer, &alloc), 0);
  styro_layer_mark(&layer, get("/root/directory"));
  styro_layer_mark(&layer, get("/root/writable"));
  styro_layer_mark(&layer, get("/root/kind"));
  ck_assert(!styro_layer_has(&layer, get("/root/directory")));
  ck_assert(!styro_layer_has(&layer, get("/root/writable")));
  styro_layer_mark(&layer, get("/root/directory"));
  ck_assert(!styro_layer_has(&layer, get("/root/kind")));
  styro_layer_free(&layer);
}
END_TEST

START_TEST(words_and_bounds_for_people)
{
  char text[100];
  styro_words_print(get("/paths/*/access"), text, sizeof text);
  ck_assert_str_eq(text, "`ro`, `rw`, `deny` or `tmpfs`");
  styro_words_print(get("/security/seccomp/profile"), text, sizeof text);
  ck_assert_str_eq(text, "`default`, `strict`, `build` or `none`"); /* the last one cannot be written */
  styro_words_print(get("/paths/*/access"), text, 10);
  ck_assert_uint_lt(strlen(text), 10);
  ck_assert_str_eq(styro_bound_print(STYRO_TYPE_SIZE, 4096, text), "4K");
  ck_assert_str_eq(styro_bound_print(STYRO_TYPE_DURATION, 3600000000000, text), "1h");
  ck_assert_str_eq(styro_bound_print(STYRO_TYPE_CORES, 1000, text), "0.001");
  ck_assert_str_eq(styro_bound_print(STYRO_TYPE_MODE, 0777, text), "0777");
  ck_assert_str_eq(styro_bound_print(STYRO_TYPE_INT, -20, text), "-20");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("fields");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, every_row_is_sound);
  tcase_add_test(cases, no_two_rows_share_a_place);
  tcase_add_test(cases, ids_and_pointers);
  tcase_add_test(cases, children_and_shorthands);
  tcase_add_test(cases, all_sixteen_rlimits);
  tcase_add_test(cases, a_layer_knows_what_was_given);
  tcase_add_test(cases, a_hidden_field_excludes_its_siblings);
  tcase_add_test(cases, words_and_bounds_for_people);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
