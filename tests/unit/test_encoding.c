/* core/lib/encoding.c: every character that there is and every way to miss one; base64 of every length and byte. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "encoding.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* By the bit pattern alone, as RFC 3629 section 3 has it; also what is not allowed. Returns the length. */
static size_t encode(uint32_t point, size_t len, char *out)
{
  static const uint8_t marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
  for (size_t i = len - 1; i > 0; i--) {
    out[i] = (char)(0x80 | (point & 0x3f));
    point >>= 6;
  }
  out[0] = (char)(marks[len] | point);
  return len;
}

static size_t shortest(uint32_t point)
{
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/* On a block of exactly its size, so that a sanitizer sees a look beyond it. */
static size_t length_of(const char *bytes, size_t len)
{
  char *block = malloc(len);
  ck_assert(block != NULL);
  memcpy(block, bytes, len);
  size_t found = styro_utf8_length(block, len);
  free(block);
  return found;
}

START_TEST(every_character_has_its_length)
{
  char bytes[8] = "";
  for (uint32_t point = 0; point <= 0x10ffff; point++) {
    size_t len = encode(point, shortest(point), bytes);
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    size_t found = styro_utf8_length(bytes, len);
    if (found != (surrogate ? 0 : len)) {
      ck_abort_msg("U+%04X is %zu bytes long", point, found);
    }
  }
  encode(0x110000, 4, bytes);
  ck_assert_uint_eq(styro_utf8_length(bytes, 4), 0);
  encode(0x1fffff, 4, bytes);
  ck_assert_uint_eq(styro_utf8_length(bytes, 4), 0);
}
END_TEST

/* An overlong form would let a `/` pass that nobody sees. */
START_TEST(no_character_has_a_longer_form)
{
  char bytes[8];
  for (uint32_t point = 0; point < 0x10000; point++) {
    for (size_t len = shortest(point) + 1; len <= 4; len++) {
      encode(point, len, bytes);
      if (styro_utf8_length(bytes, len) != 0) {
        ck_abort_msg("U+%04X in %zu bytes passed", point, len);
      }
    }
  }
}
END_TEST

START_TEST(a_cut_or_bent_character_is_none)
{
  static const uint32_t points[] = {0xe9, 0x20ac, 0xffff, 0x1f600};
  for (size_t i = 0; i < COUNT(points); i++) {
    char bytes[8], bent[8];
    size_t len = encode(points[i], shortest(points[i]), bytes);
    ck_assert_uint_eq(length_of(bytes, len), len);
    for (size_t at = 1; at < len; at++) {
      ck_assert_uint_eq(length_of(bytes, at), 0);
      ck_assert_uint_eq(length_of(bytes + at, len - at), 0);
      memcpy(bent, bytes, len);
      bent[at] = 'a';
      ck_assert_uint_eq(length_of(bent, len), 0);
      bent[at] = '\xc0';
      ck_assert_uint_eq(length_of(bent, len), 0);
    }
  }
  ck_assert_uint_eq(styro_utf8_length("", 0), 0);
}
END_TEST

START_TEST(only_the_first_character_counts)
{
  ck_assert_uint_eq(styro_utf8_length("a\xff", 2), 1);
  ck_assert_uint_eq(styro_utf8_length("\xc3\xa9\xff", 3), 2);
  ck_assert_uint_eq(styro_utf8_length("\0x", 2), 1);
}
END_TEST

START_TEST(a_text_is_valid_up_to_its_length)
{
  ck_assert(styro_utf8_valid("a\xc3\xa9\xff", 3));
  ck_assert(!styro_utf8_valid("a\xc3\xa9\xff", 4));
  ck_assert(!styro_utf8_valid("a\xc3\xa9", 2));
  ck_assert(!styro_utf8_valid("\xff"
                              "a",
                              2));
}
END_TEST

START_TEST(every_stray_byte_becomes_a_question_mark)
{
  static const char *const rows[][2] = {
      {"", ""},
      {"plain", "plain"},
      {"\xc3\xa9", "\xc3\xa9"},
      {"a\xc3", "a?"},
      {"\xc3"
       "a",
       "?a"},
      {"\xe2\x82", "??"},
      {"\xe2\x82"
       "a\xe2\x82\xac",
       "??a\xe2\x82\xac"},
      {"\xf0\x9f\x98", "???"},
      {"\xed\xa0\x80", "???"},
      {"\xc0\xaf", "??"},
      {"\xff\xc3\xa9\x80", "?\xc3\xa9?"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[32];
    strcpy(text, rows[i][0]);
    styro_utf8_clean(text);
    ck_assert_str_eq(text, rows[i][1]);
    ck_assert(styro_utf8_valid(text, strlen(text)));
  }
}
END_TEST

START_TEST(a_clean_line_steers_no_terminal)
{
  static const char *const rows[][2] = {
      {"", ""},
      {"plain ~ \xc3\xa9", "plain ~ \xc3\xa9"},
      {"\x1b[31m\n\t\x01\x1f\x7f", "?[31m?????"},
      {"\xff\n\xc3", "???"},
      {"a\xc2\x9b"
       "31m\xc2\x80",
       "a??31m??"},
      {"\xc2\xa0\xc3\x9b", "\xc2\xa0\xc3\x9b"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[32];
    strcpy(text, rows[i][0]);
    styro_line_clean(text);
    ck_assert_str_eq(text, rows[i][1]);
  }
}
END_TEST

/* ---- base64 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bits at a time, the slow way. Returns how many bytes came out. */
static size_t decode(const char *text, uint8_t *out)
{
  size_t bits = 0;
  memset(out, 0, 400);
  for (; *text != '\0' && *text != '='; text++) {
    const char *digit = strchr(digits, *text);
    ck_assert_msg(digit != NULL, "`%c` is no digit", *text);
    for (int bit = 5; bit >= 0; bit--, bits++) {
      out[bits / 8] |= (uint8_t)(((digit - digits) >> bit & 1) << (7 - bits % 8));
    }
  }
  ck_assert_uint_eq(out[bits / 8], 0); /* what is left over is no data */
  return bits / 8;
}

START_TEST(base64_reads_back_at_every_length)
{
  uint8_t bytes[256], back[400];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (uint8_t)(255 - i);
  }
  for (size_t len = 1; len <= sizeof bytes; len++) {
    struct styro_buffer buffer;
    styro_buffer_init(&buffer, NULL);
    styro_base64(&buffer, bytes, len);
    ck_assert_uint_eq(buffer.len, (len + 2) / 3 * 4);
    ck_assert_uint_eq(strcspn(buffer.data, "="), buffer.len - (3 - len % 3) % 3);
    ck_assert_uint_eq(decode(buffer.data, back), len);
    ck_assert_mem_eq(back, bytes, len);
    styro_buffer_free(&buffer);
  }
}
END_TEST

START_TEST(base64_is_appended)
{
  struct styro_buffer buffer;
  styro_buffer_init(&buffer, NULL);
  styro_buffer_text(&buffer, "before ");
  styro_base64(&buffer, "\0\0", 2);
  styro_base64(&buffer, NULL, 0);
  styro_buffer_text(&buffer, " after");
  ck_assert_str_eq(buffer.data, "before AAA= after");
  styro_buffer_free(&buffer);
}
END_TEST

START_TEST(base64_without_memory_is_a_failed_buffer)
{
  struct counting_alloc state = {.fail_at = 2};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_buffer buffer;
  char bytes[300] = "";
  styro_buffer_init(&buffer, &alloc);
  styro_base64(&buffer, bytes, sizeof bytes);
  ck_assert_int_eq(buffer.failed, 1);
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_ptr_null(styro_buffer_steal(&buffer));
}
END_TEST

START_TEST(base64_is_read_at_every_length)
{
  uint8_t bytes[256];
  size_t at = 0;
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (uint8_t)(i * 7 + 3);
  }
  for (size_t len = 0; len <= sizeof bytes; len++) {
    struct styro_buffer text, back;
    styro_buffer_init(&text, NULL);
    styro_buffer_init(&back, NULL);
    styro_base64(&text, bytes, len);
    const char *written = len ? text.data : "";
    ck_assert_int_eq(styro_base64_check(written, &at), STYRO_BASE64_OK);
    ck_assert_uint_eq(styro_base64_size(written), len);
    styro_base64_decode(&back, written);
    ck_assert_uint_eq(back.len, len);
    ck_assert(len == 0 || memcmp(back.data, bytes, len) == 0);
    styro_buffer_free(&text);
    styro_buffer_free(&back);
  }
}
END_TEST

static const struct {
  const char *text;
  int fault;
  size_t at;
} bent[] = {
    {"A", STYRO_BASE64_LENGTH, 1},       {"AA", STYRO_BASE64_LENGTH, 2},     {"AAA", STYRO_BASE64_LENGTH, 3},
    {"AA=", STYRO_BASE64_LENGTH, 3},     {"AAAAA", STYRO_BASE64_LENGTH, 5},  {"=", STYRO_BASE64_LENGTH, 1},
    {"==", STYRO_BASE64_LENGTH, 2},      {"AAA==", STYRO_BASE64_LENGTH, 5},  {"AAAA==", STYRO_BASE64_LENGTH, 6},
    {"A===", STYRO_BASE64_DIGIT, 2},     {"====", STYRO_BASE64_DIGIT, 1},    {"AA=A", STYRO_BASE64_DIGIT, 3},
    {"AA==AAAA", STYRO_BASE64_DIGIT, 3}, {"AAAA\n", STYRO_BASE64_DIGIT, 5},  {"AA A", STYRO_BASE64_DIGIT, 3},
    {" AAA", STYRO_BASE64_DIGIT, 1},     {"AA-_", STYRO_BASE64_DIGIT, 3},    {"AAA\xc3", STYRO_BASE64_DIGIT, 4},
    {"AAA\x80", STYRO_BASE64_DIGIT, 4},  {"AB==", STYRO_BASE64_BITS, 2},     {"AAB=", STYRO_BASE64_BITS, 3},
    {"AAAAAP==", STYRO_BASE64_BITS, 6},  {"AAAAAAD=", STYRO_BASE64_BITS, 7}, {"AQ==", STYRO_BASE64_OK, 2},
    {"AAE=", STYRO_BASE64_OK, 3},        {"////", STYRO_BASE64_OK, 4},       {"", STYRO_BASE64_OK, 0},
};

START_TEST(base64_of_any_other_form_is_none)
{
  size_t at = 99;
  ck_assert_int_eq(styro_base64_check(bent[_i].text, &at), bent[_i].fault);
  ck_assert_uint_eq(at, bent[_i].at);
}
END_TEST

/* Each byte value in each of the four places. */
START_TEST(every_byte_is_a_digit_or_none)
{
  for (int byte = 1; byte < 256; byte++) {
    for (size_t place = 0; place < 4; place++) {
      char text[] = "AAAA";
      size_t at = 0;
      text[place] = (char)byte;
      bool padding = byte == '=' && place == 3;
      bool digit = strchr(digits, byte) != NULL || padding;
      ck_assert_int_eq(styro_base64_check(text, &at), digit ? STYRO_BASE64_OK : STYRO_BASE64_DIGIT);
      ck_assert_uint_eq(at, !digit ? place + 1 : padding ? 3u : 4u);
    }
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("encoding");
  TCase *cases = tcase_create("all");
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, every_character_has_its_length);
  tcase_add_test(cases, no_character_has_a_longer_form);
  tcase_add_test(cases, a_cut_or_bent_character_is_none);
  tcase_add_test(cases, only_the_first_character_counts);
  tcase_add_test(cases, a_text_is_valid_up_to_its_length);
  tcase_add_test(cases, every_stray_byte_becomes_a_question_mark);
  tcase_add_test(cases, a_clean_line_steers_no_terminal);
  tcase_add_test(cases, base64_reads_back_at_every_length);
  tcase_add_test(cases, base64_is_appended);
  tcase_add_test(cases, base64_is_read_at_every_length);
  tcase_add_loop_test(cases, base64_of_any_other_form_is_none, 0, (int)COUNT(bent));
  tcase_add_test(cases, every_byte_is_a_digit_or_none);
  tcase_add_test(cases, base64_without_memory_is_a_failed_buffer);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
