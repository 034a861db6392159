/* core/lib/error.c and names.c: what a filled error holds, how texts are cut and cleaned, names of numbers. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <wchar.h>

#include "error.h"
#include "request_kit.h"

START_TEST(a_failure_fills_code_stage_errno_and_message)
{
  styro_error err = ERROR_READY;
  int code = styro_fail(&err, STYRO_ESETUP, STYRO_STAGE_MOUNT, ENOENT, "bind `%s`", "/x");
  ck_assert_int_eq(code, STYRO_ESETUP);
  ck_assert_int_eq(err.code, STYRO_ESETUP);
  ck_assert_int_eq(err.stage, STYRO_STAGE_MOUNT);
  ck_assert_int_eq(err.sys_errno, ENOENT);
  ck_assert_str_eq(err.message, "bind `/x`");
}
END_TEST

START_TEST(a_new_failure_forgets_the_details_of_the_last)
{
  styro_error err = ERROR_READY;
  styro_fail(&err, STYRO_EREQUEST, STYRO_STAGE_VALIDATE, 0, "first");
  styro_error_field(&err, "/%s", "a");
  styro_error_object(&err, "o%d", 1);
  styro_error_hint(&err, "h");
  ck_assert_str_eq(err.field, "/a");
  ck_assert_str_eq(err.object, "o1");
  ck_assert_str_eq(err.hint, "h");
  styro_fail(&err, STYRO_EIO, STYRO_STAGE_NONE, 0, "second");
  ck_assert_int_eq(err.field[0] | err.object[0] | err.hint[0], 0);
}
END_TEST

START_TEST(no_error_struct_is_fine)
{
  ck_assert_int_eq(styro_fail(NULL, STYRO_EIO, 0, 0, "x"), STYRO_EIO);
  ck_assert_int_eq(styro_fail_memory(NULL, 0), STYRO_ENOMEM);
  styro_error_field(NULL, "x");
  styro_error_object(NULL, "x");
  styro_error_hint(NULL, "x");
}
END_TEST

START_TEST(a_struct_of_another_size_is_left_alone)
{
  styro_error err = {.size = sizeof err - 8, .code = 77};
  ck_assert_int_eq(styro_fail(&err, STYRO_EIO, 0, 0, "x"), STYRO_EIO);
  styro_error_field(&err, "x");
  ck_assert_int_eq(err.code, 77);
  ck_assert_int_eq(err.field[0], 0);
}
END_TEST

START_TEST(running_out_of_memory_needs_none)
{
  styro_error err = ERROR_READY;
  ck_assert_int_eq(styro_fail_memory(&err, STYRO_STAGE_SPAWN), STYRO_ENOMEM);
  ck_assert_str_eq(err.message, "out of memory");
  ck_assert_int_eq(err.stage, STYRO_STAGE_SPAWN);
  ck_assert_uint_eq(err.size, sizeof err);
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
  styro_error err = ERROR_READY;
  char text[600];
  memset(text, 'a', sizeof text);
  text[126] = '\xc3'; /* the cut falls between these two bytes */
  text[127] = '\xa9';
  text[599] = '\0';
  styro_error_field(&err, "%s", text);
  ck_assert_uint_eq(strlen(err.field), 126);
  memcpy(text + 125, "\xc3\xa9", 2); /* this one has room */
  styro_error_field(&err, "%s", text);
  ck_assert_uint_eq(strlen(err.field), 127);
}
END_TEST

/* A precision such as that of `%.200s` counts bytes and knows no characters. */
START_TEST(no_text_holds_a_broken_character)
{
  styro_error err = ERROR_READY;
  styro_fail(&err, STYRO_EREQUEST, 0, 0, "`%.2s` %s", "a\xc3\xa9", "\xe2\x82\xac");
  styro_error_object(&err, "%s", "/\xff/\xc3\xa9");
  ck_assert_str_eq(err.message, "`a?` \xe2\x82\xac");
  ck_assert_str_eq(err.object, "/?/\xc3\xa9");
}
END_TEST

START_TEST(a_character_of_many_bytes_is_cut_whole)
{
  styro_error err = ERROR_READY;
  char text[600];
  for (int bytes = 1; bytes < 4; bytes++) { /* so many of its four fit */
    memset(text, 'a', sizeof text);
    memcpy(text + 127 - bytes, "\xf0\x9f\x98\x80", 4);
    text[599] = '\0';
    styro_error_field(&err, "%s", text);
    ck_assert_uint_eq(strlen(err.field), 127 - (size_t)bytes);
    ck_assert_uint_eq(strspn(err.field, "a"), 127 - (size_t)bytes);
  }
}
END_TEST

START_TEST(a_text_that_cannot_be_printed_is_empty)
{
  static const wchar_t lone[] = {0xdc80, 0}; /* no character in any locale */
  styro_error err = ERROR_READY;
  ck_assert_int_eq(styro_fail(&err, STYRO_EIO, STYRO_STAGE_SPAWN, 0, "begins %ls", lone), STYRO_EIO);
  ck_assert_str_eq(err.message, "");
  ck_assert_int_eq(err.code, STYRO_EIO);
}
END_TEST

START_TEST(control_bytes_do_not_reach_a_terminal)
{
  styro_error err = ERROR_READY;
  styro_fail(&err, STYRO_EREQUEST, 0, 0, "`%s`", "\x1b]0;owned\x07\n\x7f");
  ck_assert_str_eq(err.message, "`?]0;owned???`");
}
END_TEST

START_TEST(every_stage_code_and_reason_has_a_name)
{
  for (int stage = 0; stage <= STYRO_STAGE_SUPERVISE; stage++) {
    ck_assert_str_ne(styro_stage_name(stage), "unknown");
  }
  for (int code = 0; code >= STYRO_EIO; code--) {
    ck_assert_str_ne(styro_code_name(code), "unknown");
  }
  for (int reason = 0; reason <= STYRO_LOST; reason++) {
    ck_assert_str_ne(styro_reason_name(reason), "unknown");
  }
  for (int protection = 0; protection < STYRO_PROTECTION_COUNT; protection++) {
    ck_assert_ptr_nonnull(styro_protection_name(protection));
  }
}
END_TEST

START_TEST(names_are_those_of_the_contract)
{
  ck_assert_str_eq(styro_stage_name(STYRO_STAGE_MOUNT), "mount");
  ck_assert_str_eq(styro_stage_name(STYRO_STAGE_SUPERVISE), "supervise");
  ck_assert_str_eq(styro_code_name(STYRO_EREQUEST), "request");
  ck_assert_str_eq(styro_code_name(STYRO_EIO), "io");
  ck_assert_str_eq(styro_reason_name(STYRO_OUTPUT_LIMITED), "output_limit");
  ck_assert_str_eq(styro_reason_name(STYRO_LOST), "lost");
  ck_assert_str_eq(styro_protection_name(STYRO_MASKED_PATHS), "masked_paths");
  ck_assert_str_eq(styro_protection_name(STYRO_LIMIT_MEMORY), "limit_memory");
  ck_assert_str_eq(styro_protection_name(STYRO_LSM_LABEL), "lsm_label");
  ck_assert_str_eq(styro_errno_name(ENOENT), "ENOENT");
  ck_assert_str_eq(styro_errno_name(EOVERFLOW), "EOVERFLOW");
  ck_assert_str_eq(styro_signal_name(SIGKILL), "SIGKILL");
  ck_assert_str_eq(styro_signal_name(SIGSYS), "SIGSYS");
  ck_assert_str_eq(styro_version(), STYRO_VERSION);
}
END_TEST

START_TEST(what_has_no_name_says_so)
{
  ck_assert_str_eq(styro_stage_name(-1), "unknown");
  ck_assert_str_eq(styro_stage_name(28), "unknown");
  ck_assert_str_eq(styro_code_name(1), "unknown");
  ck_assert_str_eq(styro_code_name(-12), "unknown");
  ck_assert_str_eq(styro_reason_name(9), "unknown");
  ck_assert_ptr_null(styro_protection_name(STYRO_PROTECTION_COUNT));
  ck_assert_ptr_null(styro_protection_name(-1));
  ck_assert_str_eq(styro_errno_name(0), "E?");
  ck_assert_str_eq(styro_errno_name(99999), "E?");
  ck_assert_ptr_null(styro_signal_name(0));
  ck_assert_ptr_null(styro_signal_name(64));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("error");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, a_failure_fills_code_stage_errno_and_message);
  tcase_add_test(cases, a_new_failure_forgets_the_details_of_the_last);
  tcase_add_test(cases, no_error_struct_is_fine);
  tcase_add_test(cases, a_struct_of_another_size_is_left_alone);
  tcase_add_test(cases, running_out_of_memory_needs_none);
  tcase_add_test(cases, long_texts_are_cut_between_characters);
  tcase_add_test(cases, a_character_of_many_bytes_is_cut_whole);
  tcase_add_test(cases, a_text_that_cannot_be_printed_is_empty);
  tcase_add_test(cases, no_text_holds_a_broken_character);
  tcase_add_test(cases, control_bytes_do_not_reach_a_terminal);
  tcase_add_test(cases, every_stage_code_and_reason_has_a_name);
  tcase_add_test(cases, names_are_those_of_the_contract);
  tcase_add_test(cases, what_has_no_name_says_so);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
