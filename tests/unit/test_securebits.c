/*
 * Securebits: names and numbers as the kernel has them, what a request asks for and what it gets when it asks for nothing,
 * and the rules that keep what is asked for true after exec.
 */
#include <check.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "request_kit.h"
#include "securebits.h"

START_TEST(names_and_numbers)
{
  static const struct {
    const char *name;
    uint32_t bit;
  } rows[] = {{"noroot", SECBIT_NOROOT},
              {"noroot_locked", SECBIT_NOROOT_LOCKED},
              {"no_setuid_fixup", SECBIT_NO_SETUID_FIXUP},
              {"no_setuid_fixup_locked", SECBIT_NO_SETUID_FIXUP_LOCKED},
              {"keep_caps", SECBIT_KEEP_CAPS},
              {"keep_caps_locked", SECBIT_KEEP_CAPS_LOCKED},
              {"no_cap_ambient_raise", SECBIT_NO_CAP_AMBIENT_RAISE},
              {"no_cap_ambient_raise_locked", SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED}};
  for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ck_assert_uint_eq(styro_securebit(rows[i].name), rows[i].bit);
    ck_assert_str_eq(styro_securebit_name(i), rows[i].name);
  }
  ck_assert_ptr_null(styro_securebit_name(sizeof rows / sizeof rows[0]));
  ck_assert_uint_eq(styro_securebit(""), 0);
  ck_assert_uint_eq(styro_securebit("NOROOT"), 0);
}
END_TEST

/* What the table lets a request say is what the names here mean. */
START_TEST(the_words_of_the_field)
{
  const struct styro_field *field = styro_field_exact("/security/securebits");
  for (unsigned i = 0; field->words[i] || styro_securebit_name(i); i++) {
    ck_assert_str_eq(field->words[i], styro_securebit_name(i));
  }
}
END_TEST

static uint32_t wanted(const char *security)
{
  char text[512] = "{\"version\": 1, \"security\": ";
  styro_request *request = NULL;
  struct styro_effective effective;
  strcat(strcat(text, security), "}");
  ck_assert_int_eq(styro_request_from_json(NULL, text, strlen(text), &request, NULL), 0);
  ck_assert_int_eq(styro_request_effective(request, &effective, NULL), 0);
  uint32_t bits = styro_securebits_wanted(&effective);
  styro_effective_free(&effective);
  styro_request_free(request);
  return bits;
}

START_TEST(what_is_wanted)
{
  const uint32_t no_root = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
  ck_assert_uint_eq(wanted("{}"), 0);
  ck_assert_uint_eq(wanted("{\"capabilities\": \"none\"}"), wanted("{\"capabilities\": []}"));
  ck_assert_uint_eq(wanted("{\"capabilities\": [\"chown\"]}"), no_root);
  ck_assert_uint_eq(wanted("{\"capabilities\": [\"chown\"], \"securebits\": []}"), 0);
  ck_assert_uint_eq(wanted("{\"securebits\": [\"no_setuid_fixup\", \"noroot\"]}"),
                    SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT);
  ck_assert_uint_eq(wanted("{\"securebits\": [\"noroot\", \"noroot\"]}"), SECBIT_NOROOT);
}
END_TEST

#define ROOT "{\"version\": 1, \"user\": {\"uid\": 0}, \"security\": {\"no_new_privs\": false, "

static const struct {
  const char *text, *message; /* NULL: right */
} rules[] = {
    {"{\"version\": 1, \"security\": {\"securebits\": [\"keep_caps\"]}}", "`keep_caps` is taken back by execve(2)"},
    {"{\"version\": 1, \"security\": {\"securebits\": [\"keep_caps_locked\", \"no_cap_ambient_raise\"]}}", NULL},
    {"{\"version\": 1, \"security\": {\"securebits\": [\"no_root\"]}}", "`no_root` is not `noroot`"},
    {"{\"version\": 1, \"security\": {\"securebits\": \"noroot\"}}", "expected a list of texts"},
    {ROOT "\"securebits\": [], \"capabilities\": {\"bounding\": [\"chown\"]}}}", "uid 0 would get CAP_CHOWN"},
    {ROOT
     "\"securebits\": [\"no_setuid_fixup\"], \"capabilities\": {\"bounding\": [\"kill\"], \"inheritable\": [\"kill\"]}}}",
     "uid 0 would get CAP_KILL"},
    {ROOT "\"securebits\": [\"noroot\"], \"capabilities\": {\"bounding\": [\"chown\"]}}}", NULL},
    {ROOT "\"capabilities\": {\"bounding\": [\"chown\"]}}}", NULL},
    {ROOT "\"securebits\": [], \"capabilities\": [\"chown\"]}}", NULL},
    {ROOT "\"securebits\": []}}", NULL},
    {"{\"version\": 1, \"user\": {\"uid\": 0}, \"security\": {\"securebits\": [], \"capabilities\": {\"bounding\": [\"chown\"]}}}",
     NULL}, /* no_new_privs holds exec back to what the process had */
    {"{\"version\": 1, \"security\": {\"no_new_privs\": false, \"securebits\": [], \"capabilities\": {\"bounding\": [\"chown\"]}}}",
     NULL}, /* nobody but uid 0 gains by exec */
};

START_TEST(what_exec_would_undo_is_refused)
{
  styro_error err = ERROR_READY;
  int code = kit_check(rules[_i].text, &err);
  ck_assert_msg((code == 0) == !rules[_i].message, "%s: %s", rules[_i].text, err.message);
  if (rules[_i].message) {
    ck_assert_int_eq(code, STYRO_EREQUEST);
    ck_assert_msg(strstr(err.message, rules[_i].message) != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.field, "/security/securebits") == err.field, "%s", err.field);
    ck_assert_str_ne(err.hint, "");
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("securebits");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, names_and_numbers);
  tcase_add_test(cases, the_words_of_the_field);
  tcase_add_test(cases, what_is_wanted);
  tcase_add_loop_test(cases, what_exec_would_undo_is_refused, 0, (int)(sizeof rules / sizeof rules[0]));
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
