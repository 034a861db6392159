/* What the tests of the request half share. */
#include "request_kit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Fails one single allocation, so that what follows a failure is run through as well; checks sizes that come back. */
struct once {
  size_t calls, fail_at;
  long live;
};

static void *once_fn(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
  struct once *once = ctx;
  size_t *head = ptr == NULL ? NULL : (size_t *)ptr - 2;
  ck_assert_uint_eq(head == NULL ? 0 : *head, old_size);
  if (new_size > 0 && ++once->calls == once->fail_at) {
    return NULL;
  }
  size_t *fresh = new_size == 0 ? NULL : malloc(2 * sizeof *fresh + new_size);
  if (fresh != NULL) {
    *fresh = new_size;
    memset(fresh + 2, 0xa5, new_size);
    memcpy(fresh + 2, ptr == NULL ? (void *)"" : ptr, old_size < new_size ? old_size : new_size);
  }
  once->live += (fresh != NULL) - (head != NULL);
  free(head);
  return fresh == NULL ? NULL : fresh + 2;
}

void kit_fail_every_allocation(kit_work *work)
{
  for (size_t n = 1;; n++) {
    struct once once = {.fail_at = n};
    styro_allocator alloc = {.fn = once_fn, .ctx = &once};
    styro_error err = ERROR_READY;
    int code = work(&alloc, &err);
    ck_assert_int_eq(once.live, 0);
    if (once.calls < n) {
      ck_assert_msg(code == 0, "without a failure: %s", err.message);
      ck_assert_uint_gt(n, 1);
      return;
    }
    ck_assert_msg(code == STYRO_ENOMEM, "allocation %zu: code %d, %s", n, code, err.message);
    ck_assert_int_eq(err.code, STYRO_ENOMEM);
  }
}

static struct once jansson_once;

static void *jansson_malloc_once(size_t size)
{
  if (++jansson_once.calls == jansson_once.fail_at) {
    return NULL;
  }
  void *block = malloc(size);
  jansson_once.live += block != NULL;
  return block;
}

static void jansson_free_once(void *block)
{
  jansson_once.live -= block != NULL;
  free(block);
}

void kit_fail_every_malloc_of_jansson(kit_work *work)
{
  json_set_alloc_funcs(jansson_malloc_once, jansson_free_once);
  for (size_t n = 1;; n++) {
    jansson_once = (struct once){.fail_at = n};
    styro_error err = ERROR_READY;
    int code = work(NULL, &err);
    ck_assert_int_eq(jansson_once.live, 0);
    if (jansson_once.calls < n) {
      ck_assert_msg(code == 0, "without a failure: %s", err.message);
      ck_assert_uint_gt(n, 1);
      break;
    }
    ck_assert_msg(code == STYRO_ENOMEM, "malloc %zu: code %d, %s", n, code, err.message);
  }
  json_set_alloc_funcs(malloc, free);
}

int kit_check(const char *json, styro_error *err)
{
  styro_request *request = NULL;
  int code = styro_request_from_json(NULL, json, strlen(json), &request, err);
  if (code == 0) {
    code = styro_request_validate(request, err);
  }
  styro_request_free(request);
  return code;
}

int kit_run(Suite *suite)
{
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
