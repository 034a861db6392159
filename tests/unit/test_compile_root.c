/* What a root of overlaid directories compiles to: its layers in order, and what rules about it become. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/request.h"
#include "outline.h"

#define LOWERS "\"lower\": [\"/srv/top/\", \"/srv//base\"]"
#define UPPER LOWERS ", \"upper\": \"/srv/up\", \"work\": \"/srv/work\""
#define OVERLAY(layers) "\"root\": {\"overlay\": {" layers "}}"

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

static void holds(const char *path, const char *steps)
{
  ck_assert_str_eq(outline_of(plan, path), steps);
}

static const struct wire_step_layer *layer(uint32_t number)
{
  const struct wire_step *step = wire_step_first(plan->block);
  while (step->code != WIRE_STEP_LAYER || number-- > 0) {
    step = wire_step_next(step);
  }
  return (const void *)step;
}

static void layer_is(uint32_t number, uint32_t kind, const char *path, const char *field)
{
  const struct wire_step_layer *found = layer(number);
  ck_assert_uint_eq(found->kind, kind);
  ck_assert_str_eq(wire_str(plan->block, found->source.path), path);
  ck_assert_str_eq(styro_field_pointer(found->head.field_id), field);
}

static const struct wire_step_root *root(void)
{
  const struct wire_step_root *found = outline_step(plan, WIRE_STEP_ROOT);
  ck_assert_uint_eq(found->kind, WIRE_ROOT_OVERLAY);
  ck_assert_uint_eq(found->head.flags, 0);
  ck_assert_str_eq(styro_field_pointer(found->head.field_id), "/root/overlay");
  return found;
}

START_TEST(layers_come_before_the_root_in_their_order)
{
  make(OVERLAY(UPPER));
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LAYER), 4);
  layer_is(0, WIRE_LAYER_LOWER, "/srv/top", "/root/overlay/lower");
  layer_is(1, WIRE_LAYER_LOWER, "/srv/base", "/root/overlay/lower");
  layer_is(2, WIRE_LAYER_UPPER, "/srv/up", "/root/overlay/upper");
  layer_is(3, WIRE_LAYER_WORK, "/srv/work", "/root/overlay/work");
  ck_assert((const char *)layer(3) < (const char *)root());
  ck_assert_uint_eq(root()->size, 0);
  ck_assert_uint_eq(root()->attr_set, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV);
  const struct wire_step *access = outline_step(plan, WIRE_STEP_ACCESS);
  ck_assert_str_eq(styro_field_pointer(access->field_id), "/root/overlay/upper");
}
END_TEST

START_TEST(without_upper_it_is_read_only)
{
  make(OVERLAY(LOWERS));
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LAYER), 2);
  ck_assert_uint_eq(root()->attr_set, WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_ACCESS), 0);
  holds("/dev", "dev /dev\n");
  holds("/tmp", "tmpfs /tmp [defaulted] 268435456 1777 nosuid nodev\n");
}
END_TEST

START_TEST(discarded_changes_take_places)
{
  make("\"root\": {\"overlay\": {" LOWERS "}, \"writable\": \"discard\"}, \"paths\": {\"/new\": \"deny\"}");
  ck_assert_uint_eq(root()->size, STYRO_TMP_SIZE);
  ck_assert_uint_eq(root()->attr_set, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV);
  holds("/new", "mask /new [create]\n");
  holds("/dev", "dev /dev [create]\n");
}
END_TEST

/* When the overlay stands, no path of the host is opened any more: what it has is bound onto itself. */
START_TEST(rules_without_from_are_about_the_overlay)
{
  make(OVERLAY(UPPER) ", \"paths\": {\"/etc\": \"ro\", \"/data\": {\"access\": \"rw\", \"noexec\": true}, \"/o\": "
                      "{\"optional\": true}, \"/h\": {\"from\": \"/src\"}, \"/h/in\": \"rw\", \"/a/b/c\": \"deny\"}");
  holds("/etc", "self bind /etc ro nosuid nodev\n");
  holds("/data", "self bind /data nosuid nodev noexec\naccess /data\n");
  holds("/o", "self bind /o [optional] ro nosuid nodev\n");
  holds("/h", "bind /h < /src ro nosuid nodev\n");
  holds("/h/in", "bind /h/in < 5:in nosuid nodev\naccess /h/in\n");
  holds("/a", "self bind /a [optional defaulted] nosuid nodev\n");
  holds("/a/b", "self bind /a/b [optional defaulted] nosuid nodev\n");
}
END_TEST

/* Also below a writable part of it, and beneath a tmpfs that stands in a source. */
START_TEST(rules_inside_rules)
{
  make(OVERLAY(
      UPPER) ", \"paths\": {\"/a\": \"rw\", \"/a/b/c\": \"ro\", \"/d\": {\"access\": \"rw\", \"from\": \"/src\"}, "
             "\"/d/hidden\": \"deny\", \"/d/hidden/shown\": \"ro\"}");
  holds("/a/b", "self bind /a/b [optional defaulted] nosuid nodev\n");
  holds("/a/b/c", "self bind /a/b/c ro nosuid nodev\n");
  holds("/d/hidden/shown", "bind /d/hidden/shown < 5:hidden/shown [create] ro nosuid nodev\n");
}
END_TEST

static void hidden(const char *paths, const char *field, const char *by)
{
  char members[512];
  snprintf(members, sizeof members, "%s, \"paths\": {%s}", OVERLAY(UPPER), paths);
  styro_error err = refused_by_compile(members);
  ck_assert_str_eq(err.field, field);
  ck_assert_ptr_nonnull(strstr(err.message, by));
  ck_assert_ptr_nonnull(strstr(err.hint, "`from`"));
}

START_TEST(what_is_hidden_cannot_be_shown_again)
{
  hidden("\"/a\": \"deny\", \"/a/b\": \"ro\"", "/paths/~1a~1b", "hidden by `/a`");
  hidden("\"/a\": \"tmpfs\", \"/a/b\": \"rw\"", "/paths/~1a~1b", "hidden by `/a`");
  hidden("\"/s\": {\"from\": \"/src\"}, \"/s/t\": \"tmpfs\", \"/s/t/x\": \"ro\"", "/paths/~1s~1t~1x",
         "hidden by `/s/t`");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("compile_root");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, NULL, teardown);
  tcase_add_test(cases, layers_come_before_the_root_in_their_order);
  tcase_add_test(cases, without_upper_it_is_read_only);
  tcase_add_test(cases, discarded_changes_take_places);
  tcase_add_test(cases, rules_without_from_are_about_the_overlay);
  tcase_add_test(cases, rules_inside_rules);
  tcase_add_test(cases, what_is_hidden_cannot_be_shown_again);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
