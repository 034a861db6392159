/* `mounts` as a list of objects: read, written back alike, set by index, replaced as a whole; and any allocation may fail. */
#include <check.h>
#include <string.h>

#include "request_kit.h"

#define LIST                                                                                                     \
  "[{\"type\":\"bind\",\"at\":\"/a\",\"from\":\"/b\",\"recursive\":false},{\"type\":\"devpts\",\"at\":\"/p\","   \
  "\"mode\":\"0600\",\"gid\":0},{\"type\":\"overlay\",\"at\":\"/o\",\"lower\":[\"/l\",\"/m\"],\"upper\":\"/u\"," \
  "\"work\":\"/w\"},{\"type\":\"file\",\"at\":\"/f\",\"data\":\"text\"},{\"type\":\"file\",\"at\":\"/g\",\"data_base64\":\"AA==\"}]"

/* Written back, and what comes out read again: the same text. */
static int round_trip(const styro_allocator *alloc, styro_error *err)
{
  static const char text[] = "{\"version\":1,\"mounts\":" LIST "}";
  styro_request *request = NULL;
  const char *json = NULL;
  int code = styro_request_from_json(alloc, text, strlen(text), &request, err);
  code = code ? code : styro_request_set(request, "/mounts/0/from", "/c", err);
  code = code ? code : styro_request_set(request, "/mounts/0/from", "/b", err);
  code = code ? code : styro_request_add(request, "/mounts", NULL, "{\"type\":\"tmpfs\",\"at\":\"/t\"}", err);
  code = code ? code : styro_request_set_json(request, "/mounts", LIST, err);
  code = code ? code : styro_request_to_json(request, &json, err);
  if (code == 0) {
    ck_assert_str_eq(json, text);
  }
  styro_request_free(request);
  return code;
}

START_TEST(what_is_read_is_written)
{
  styro_error err = ERROR_READY;
  ck_assert_int_eq(round_trip(NULL, &err), 0);
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  kit_fail_every_allocation(round_trip);
}
END_TEST

START_TEST(entries_by_their_index)
{
  styro_error err = ERROR_READY;
  styro_request *request = NULL;
  const char *text = NULL;
  ck_assert_int_eq(styro_request_new(NULL, &request, NULL), 0);
  ck_assert_int_eq(styro_request_set(request, "/mounts/-", "{\"type\": \"tmpfs\", \"at\": \"/t\"}", &err), 0);
  ck_assert_int_eq(styro_request_set(request, "/mounts/0/size", "1M", &err), 0);
  ck_assert_int_eq(styro_request_get(request, "/mounts/0/size", &text, &err), 0);
  ck_assert_str_eq(text, "1048576");
  ck_assert_int_eq(styro_request_get(request, "/mounts/0/recursive", &text, &err), 0);
  ck_assert_str_eq(text, "true");
  ck_assert_int_eq(styro_request_get(request, "/mounts/1/at", &text, &err), 0);
  ck_assert_ptr_null(text);
  ck_assert_int_eq(styro_request_set_json(request, "/mounts/0", "{\"type\":\"dir\",\"at\":\"/d\"}", &err), 0);
  ck_assert_int_eq(styro_request_get(request, "/mounts/0", &text, &err), 0);
  ck_assert_str_eq(text, "{\"type\":\"dir\",\"at\":\"/d\"}");
  static const char *const wrong[] = {"/mounts/1/at", "/mounts/-/at", "/mounts/x", "/mounts/01", "/mounts/"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    ck_assert_msg(styro_request_set(request, wrong[i], "/x", &err) == STYRO_EREQUEST, "%s", wrong[i]);
  }
  styro_request_free(request);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("mount_list");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, what_is_read_is_written);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  tcase_add_test(cases, entries_by_their_index);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
