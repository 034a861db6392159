/* core/lib/schema.c and reference.c: both say what the table says. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "request_kit.h"
#include "schema.h"

static json_t *schema(void)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  styro_schema_write(&buffer);
  json_t *value = json_loads(buffer.data, JSON_REJECT_DUPLICATES, NULL);
  styro_buffer_free(&buffer);
  ck_assert_ptr_nonnull(value);
  return value;
}

/* The subschema that has properties: itself, or the object among its alternatives. */
static const json_t *object_of(const json_t *subschema)
{
  const json_t *alternatives = json_object_get(subschema, "anyOf");
  for (size_t i = 0; i < json_array_size(alternatives); i++) {
    const json_t *one = json_array_get(alternatives, i);
    if (json_object_get(one, "properties") != NULL) {
      return one;
    }
  }
  return subschema;
}

static const json_t *find(const json_t *root, const struct styro_field *field)
{
  if (field->pointer[0] == '\0') {
    return root;
  }
  const struct styro_field *parent = styro_field_parent(field);
  const json_t *outer = find(root, parent);
  if (parent->type == STYRO_TYPE_MOUNTS) {
    return json_object_get(outer, "items");
  }
  if (parent->type == STYRO_TYPE_RULES) {
    return json_object_get(outer, "additionalProperties");
  }
  return json_object_get(json_object_get(object_of(outer), "properties"), styro_field_key(field));
}

START_TEST(the_schema_has_every_field)
{
  json_t *root = schema();
  for (size_t i = 1; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    bool absent = field->type == STYRO_TYPE_LATER || (field->flags & STYRO_FIELD_HIDDEN) != 0;
    const json_t *found = find(root, field);
    ck_assert_msg((found == NULL) == absent, "%s", field->pointer);
  }
  json_decref(root);
}
END_TEST

START_TEST(the_schema_is_exact_about_keys)
{
  json_t *root = schema();
  ck_assert(json_is_false(json_object_get(root, "additionalProperties")));
  ck_assert_str_eq(json_string_value(json_array_get(json_object_get(root, "required"), 0)), "version");
  const json_t *uid = find(root, styro_field_exact("/user/uid"));
  ck_assert_int_eq(json_integer_value(json_object_get(uid, "maximum")), 4294967294);
  ck_assert_int_eq(json_integer_value(json_object_get(uid, "default")), 1000);
  const json_t *access = json_object_get(find(root, styro_field_exact("/paths/*/access")), "enum");
  ck_assert_uint_eq(json_array_size(access), 4);
  const json_t *writable = json_object_get(find(root, styro_field_exact("/root/writable")), "enum");
  ck_assert_uint_eq(json_array_size(writable), 3);
  ck_assert(json_is_false(json_array_get(writable, 0)) && json_is_true(json_array_get(writable, 1)));
  ck_assert_str_eq(json_string_value(json_array_get(writable, 2)), "discard");
  json_decref(root);
}
END_TEST

/* Every `$ref` leads to a definition. */
static void check_references(const json_t *root, const json_t *value)
{
  const char *key;
  json_t *item;
  json_object_foreach((json_t *)value, key, item)
  {
    if (strcmp(key, "$ref") == 0) {
      const char *name = json_string_value(item) + strlen("#/$defs/");
      ck_assert_msg(json_object_get(json_object_get(root, "$defs"), name) != NULL, "%s", name);
    }
    check_references(root, item);
  }
  for (size_t i = 0; i < json_array_size(value); i++) {
    check_references(root, json_array_get(value, i));
  }
}

START_TEST(every_reference_leads_somewhere)
{
  json_t *root = schema();
  check_references(root, root);
  json_decref(root);
}
END_TEST

START_TEST(the_handle_gives_the_same)
{
  styro_request *request = NULL;
  const char *text = NULL;
  ck_assert_int_eq(styro_request_new(NULL, &request, NULL), 0);
  ck_assert_int_eq(styro_request_schema(request, &text, NULL), 0);
  json_t *given = json_loads(text, 0, NULL);
  json_t *root = schema();
  ck_assert(json_equal(given, root));
  json_decref(given);
  json_decref(root);
  styro_request_free(request);
}
END_TEST

START_TEST(the_reference_names_every_field)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  styro_reference_write(&buffer);
  for (size_t i = 1; i < styro_field_count(); i++) {
    const struct styro_field *field = styro_field_at(i);
    char row[128];
    snprintf(row, sizeof row, "`%s`", field->pointer + 1);
    for (char *c = row; *c != '\0'; c++) {
      *c = *c == '/' ? '.' : *c;
    }
    ck_assert_msg(field->doc == NULL || strstr(buffer.data, row) != NULL, "%s", row);
  }
  ck_assert_ptr_null(strstr(buffer.data, "(null)"));
  styro_buffer_free(&buffer);
}
END_TEST

/* What is committed is what the table says, where the tests run in a checkout. */
START_TEST(the_committed_schema_is_current)
{
  json_t *committed = json_load_file("docs/request.schema.json", 0, NULL);
  if (committed != NULL) {
    json_t *root = schema();
    ck_assert_msg(json_equal(committed, root), "docs/request.schema.json is not current");
    json_decref(root);
    json_decref(committed);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("schema");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, the_schema_has_every_field);
  tcase_add_test(cases, the_schema_is_exact_about_keys);
  tcase_add_test(cases, every_reference_leads_somewhere);
  tcase_add_test(cases, the_handle_gives_the_same);
  tcase_add_test(cases, the_reference_names_every_field);
  tcase_add_test(cases, the_committed_schema_is_current);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
