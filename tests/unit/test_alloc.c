/* core/lib/alloc.c: sizes that the allocator sees, the growing buffer, and what a failed one does. */
#include <check.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "alloc.h"
#include "counting_alloc.h"
#include "request_kit.h"

START_TEST(no_allocator_is_malloc)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  char *text = styro_strdup(&alloc, "sandbox");
  ck_assert_str_eq(text, "sandbox");
  styro_strfree(&alloc, text);
  ck_assert_ptr_null(styro_strdup(&alloc, NULL));
  styro_strfree(&alloc, NULL);
  styro_dealloc(&alloc, NULL, 12);
}
END_TEST

START_TEST(an_allocator_without_function_is_malloc)
{
  styro_allocator none = {.fn = NULL};
  styro_allocator alloc = styro_allocator_or_malloc(&none);
  ck_assert_ptr_nonnull(alloc.fn);
}
END_TEST

START_TEST(blocks_are_zeroed_and_go_back_with_their_size)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  char *block = styro_alloc(&alloc, 64);
  for (size_t i = 0; i < 64; i++) {
    ck_assert_int_eq(block[i], 0);
  }
  block = styro_realloc(&alloc, block, 64, 128);
  styro_dealloc(&alloc, block, 128);
  void *empty = styro_alloc_array(&alloc, 0, 8);
  ck_assert_ptr_nonnull(empty);
  styro_dealloc(&alloc, empty, 0);
  ck_assert_int_eq(state.wrong, 0);
  ck_assert_uint_eq(state.live_blocks, 0);
}
END_TEST

START_TEST(an_array_that_overflows_is_no_memory)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  ck_assert_ptr_null(styro_alloc_array(&alloc, SIZE_MAX / 2, 4));
}
END_TEST

START_TEST(strndup_takes_a_part)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  char *text = styro_strndup(&alloc, "sandbox", 4);
  ck_assert_str_eq(text, "sand");
  styro_strfree(&alloc, text);
  ck_assert_ptr_null(styro_strndup(&alloc, "x", SIZE_MAX));
}
END_TEST

START_TEST(a_buffer_grows_and_is_stolen_at_its_length)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &alloc);
  for (int i = 0; i < 500; i++) {
    styro_buffer_format(&buffer, "%d,", i);
  }
  styro_buffer_bytes(&buffer, "", 0);
  styro_buffer_text(&buffer, "end");
  char *text = styro_buffer_steal(&buffer);
  ck_assert_uint_eq(strlen(text) + 1, state.live_bytes);
  ck_assert_str_eq(text + strlen(text) - 7, "499,end");
  styro_strfree(&alloc, text);
  styro_buffer_free(&buffer);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

START_TEST(an_empty_buffer_gives_an_empty_text)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  char *text = styro_buffer_steal(&buffer);
  ck_assert_str_eq(text, "");
  styro_strfree(&buffer.alloc, text);
}
END_TEST

START_TEST(a_buffer_is_aligned_with_zeros)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  styro_buffer_text(&buffer, "abc");
  styro_buffer_align(&buffer, 64);
  ck_assert_uint_eq(buffer.len, 64);
  ck_assert_int_eq(buffer.data[3] | buffer.data[63], 0);
  styro_buffer_align(&buffer, 64);
  ck_assert_uint_eq(buffer.len, 64);
  styro_buffer_free(&buffer);
}
END_TEST

START_TEST(json_strings_are_escaped)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  static const char text[] = "a\"\\\n\r\t\x01\x7f\0\xc3\xa9";
  styro_buffer_json_string(&buffer, text, sizeof text - 1);
  ck_assert_str_eq(buffer.data, "\"a\\\"\\\\\\n\\r\\t\\u0001\\u007f\\u0000\xc3\xa9\"");
  styro_buffer_free(&buffer);
}
END_TEST

/* What comes from the host or was cut may be anything; what is written is JSON. */
START_TEST(json_strings_hold_whole_characters_only)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  static const char text[] = "\xff\xe2\x82\"\xf0\x9f\x98\x80\xed\xa0\x80\xc3\xa9";
  styro_buffer_json_string(&buffer, text, sizeof text - 2);
  ck_assert_str_eq(buffer.data, "\"???\\\"\xf0\x9f\x98\x80????\"");
  styro_buffer_free(&buffer);
}
END_TEST

START_TEST(a_failed_buffer_stays_failed_and_empty)
{
  struct counting_alloc state = {.fail_at = 2};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &alloc);
  styro_buffer_text(&buffer, "short");
  char large[400] = {0};
  styro_buffer_bytes(&buffer, large, sizeof large);
  ck_assert_int_eq(buffer.failed, 1);
  ck_assert_uint_eq(buffer.len, 0);
  ck_assert_uint_eq(state.live_blocks, 0);
  styro_buffer_text(&buffer, "more");
  styro_buffer_format(&buffer, "%d", 1);
  styro_buffer_align(&buffer, 8);
  ck_assert_uint_eq(buffer.len, 0);
  ck_assert_ptr_null(styro_buffer_steal(&buffer));
  styro_buffer_free(&buffer);
}
END_TEST

START_TEST(a_length_that_overflows_fails_the_buffer)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  styro_buffer_bytes(&buffer, "x", SIZE_MAX);
  ck_assert_int_eq(buffer.failed, 1);
  styro_buffer_free(&buffer);
}
END_TEST

/* printf(3) refuses what is no character: the buffer fails, rather than holding half of what was meant. */
START_TEST(a_text_that_cannot_be_printed_fails_the_buffer)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &alloc);
  styro_buffer_text(&buffer, "before");
  styro_buffer_format(&buffer, "after %lc", (wint_t)0x7fffffff);
  ck_assert_int_eq(buffer.failed, 1);
  ck_assert_uint_eq(buffer.len, 0);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_ptr_null(styro_buffer_steal(&buffer));
}
END_TEST

static int grow_and_steal(const styro_allocator *alloc, styro_error *err)
{
  styro_allocator own = styro_allocator_or_malloc(alloc);
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, &own);
  for (int i = 0; i < 100; i++) {
    styro_buffer_format(&buffer, "%d", i);
  }
  char *text = styro_buffer_steal(&buffer);
  int failed = text == NULL;
  styro_strfree(&own, text);
  styro_buffer_free(&buffer);
  if (failed) {
    err->code = STYRO_ENOMEM;
  }
  return failed ? STYRO_ENOMEM : 0;
}

START_TEST(every_failure_leaves_nothing)
{
  kit_fail_every_allocation(grow_and_steal);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("alloc");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, no_allocator_is_malloc);
  tcase_add_test(cases, an_allocator_without_function_is_malloc);
  tcase_add_test(cases, blocks_are_zeroed_and_go_back_with_their_size);
  tcase_add_test(cases, an_array_that_overflows_is_no_memory);
  tcase_add_test(cases, strndup_takes_a_part);
  tcase_add_test(cases, a_buffer_grows_and_is_stolen_at_its_length);
  tcase_add_test(cases, an_empty_buffer_gives_an_empty_text);
  tcase_add_test(cases, a_buffer_is_aligned_with_zeros);
  tcase_add_test(cases, json_strings_are_escaped);
  tcase_add_test(cases, json_strings_hold_whole_characters_only);
  tcase_add_test(cases, a_failed_buffer_stays_failed_and_empty);
  tcase_add_test(cases, a_length_that_overflows_fails_the_buffer);
  tcase_add_test(cases, a_text_that_cannot_be_printed_fails_the_buffer);
  tcase_add_test(cases, every_failure_leaves_nothing);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
