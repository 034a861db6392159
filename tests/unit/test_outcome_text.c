/*
 * An outcome as one plain sentence, for every reason and every size of number in it. What is judged to be the reason is
 * test_outcome.c's.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/outcome.h"
#include "test_program.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

static styro_outcome out;

static void setup(void)
{
  memset(&out, 0, sizeof out);
  out.size = sizeof out;
  out.usage.wall = 1500 * MS;
}

static void says(const char *sentence, int64_t timeout, uint64_t output_limit)
{
  styro_outcome_sentence(&out, timeout, output_limit);
  ck_assert_str_eq(out.message, sentence);
}

START_TEST(a_sentence_for_every_end)
{
  out.reason = STYRO_EXITED;
  out.code = 255;
  says("exited with code 255 after 1.5 s", 0, 0);
  out.reason = STYRO_SIGNALED;
  out.signal = SIGTERM;
  says("killed by SIGTERM after 1.5 s", 0, 0);
  out.core_dumped = 1;
  out.signal = SIGQUIT;
  says("killed by SIGQUIT (core dumped) after 1.5 s", 0, 0);
  out.reason = STYRO_TIMED_OUT;
  strcpy(out.detail, "wall");
  says("stopped after 1.5 s: the wall deadline of 1.2 s passed", 1200 * MS, 0);
  strcpy(out.detail, "cpu");
  says("stopped after 1.5 s: the cpu deadline of 2 min 0 s passed", 120 * SECOND, 0);
  out.reason = STYRO_OOM_KILLED;
  says("killed after 1.5 s: the memory limit was reached", 0, 0);
  out.reason = STYRO_OUTPUT_LIMITED;
  strcpy(out.detail, "stderr");
  says("stopped after 1.5 s: stderr went over its limit of 64 KiB", 0, 65536);
  out.reason = STYRO_CANCELED;
  says("canceled after 1.5 s", 0, 0);
  out.usage.wall = -1;
  says("canceled after an unknown time", 0, 0);
}
END_TEST

START_TEST(a_sentence_for_every_failure)
{
  strcpy(out.error.message, "cannot enter the working directory `/x`: No such file or directory");
  out.reason = STYRO_SETUP_FAILED;
  says("could not be set up: cannot enter the working directory `/x`: No such file or directory", 0, 0);
  out.reason = STYRO_EXEC_FAILED;
  says("could not be executed: cannot enter the working directory `/x`: No such file or directory", 0, 0);
  out.reason = STYRO_LOST;
  says("lost: cannot enter the working directory `/x`: No such file or directory", 0, 0);
}
END_TEST

START_TEST(a_long_failure_fits_with_its_beginning)
{
  memset(out.error.message, 'm', sizeof out.error.message - 1);
  out.reason = STYRO_EXEC_FAILED;
  styro_outcome_sentence(&out, 0, 0);
  ck_assert_int_eq(strncmp(out.message, "could not be executed: mmm", 26), 0);
  ck_assert_uint_eq(strspn(out.message + 23, "m"), strlen(out.message) - 23);
  ck_assert_uint_ge(strlen(out.message), 400);
}
END_TEST

START_TEST(sizes_as_people_say_them)
{
  const struct {
    uint64_t bytes;
    const char *text;
  } rows[] = {
      {1, "1 bytes"},
      {1023, "1023 bytes"},
      {1024, "1 KiB"},
      {1025, "1025 bytes"},
      {1536, "1536 bytes"},
      {2048, "2 KiB"},
      {1u << 20, "1 MiB"},
      {(1u << 20) + 1024, "1025 KiB"},
      {3u << 30, "3 GiB"},
      {UINT64_C(1) << 40, "1024 GiB"},
      {UINT64_MAX, "18446744073709551615 bytes"},
  };
  out.reason = STYRO_OUTPUT_LIMITED;
  strcpy(out.detail, "stdout");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char sentence[128];
    snprintf(sentence, sizeof sentence, "stopped after 1.5 s: stdout went over its limit of %s", rows[i].text);
    says(sentence, 0, rows[i].bytes);
  }
}
END_TEST

START_TEST(durations_at_their_borders)
{
  const struct {
    int64_t value;
    const char *text;
  } rows[] = {
      {INT64_MIN, "an unknown time"},
      {999, "0 us"},
      {1000, "1 us"},
      {MS - 1, "999 us"},
      {1099999, "1 ms"},
      {1100000, "1.1 ms"},
      {10 * MS, "10 ms"},
      {10 * MS + 900000, "10 ms"},
      {SECOND + 99 * MS, "1 s"},
      {9900 * MS, "9.9 s"},
      {10500 * MS, "10 s"},
      {120 * SECOND - 1, "119 s"},
      {120 * SECOND, "2 min 0 s"},
      {3 * 3600 * SECOND + 61 * SECOND, "181 min 1 s"},
      {INT64_MAX, "153722867 min 16 s"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[64];
    ck_assert_ptr_eq(styro_duration_text(rows[i].value, text, sizeof text), text);
    ck_assert_str_eq(text, rows[i].text);
  }
}
END_TEST

START_TEST(signals_with_and_without_a_name)
{
  const struct {
    int number;
    const char *text;
  } rows[] = {{SIGHUP, "SIGHUP"}, {SIGKILL, "SIGKILL"}, {SIGSYS, "SIGSYS"}, {32, "SIG32"}, {64, "SIG64"}, {0, "SIG0"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[16];
    ck_assert_ptr_eq(styro_signal_text(rows[i].number, text, sizeof text), text);
    ck_assert_str_eq(text, rows[i].text);
  }
}
END_TEST

START_TEST(small_buffers_cut_and_are_ended)
{
  char text[4] = "zzz";
  ck_assert_str_eq(styro_signal_text(SIGKILL, text, sizeof text), "SIG");
  ck_assert_str_eq(styro_duration_text(-1, text, sizeof text), "an ");
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "outcome_text", .setup = setup};
  const TTest *const tests[] = {
      a_sentence_for_every_end,        a_sentence_for_every_failure, a_long_failure_fits_with_its_beginning,
      sizes_as_people_say_them,        durations_at_their_borders,   signals_with_and_without_a_name,
      small_buffers_cut_and_are_ended,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
