/* Bounded capture against a plain model of it, growth of memory, and feeding without SIGPIPE. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "lib/capture.h"
#include "lib/encoding.h"
#include "lib/fd.h"

static int ends[2];

static void setup(void)
{
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  ck_assert_int_eq(styro_fd_nonblock(ends[0]), 0);
  ck_assert_int_eq(styro_fd_nonblock(ends[1]), 0);
}

static void teardown(void)
{
  styro_fd_close(&ends[0]);
  styro_fd_close(&ends[1]);
}

static unsigned char byte_at(size_t i)
{
  return (unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

/* What the capture of `total` bytes must hold. */
static size_t model(size_t total, size_t limit, int keep, unsigned char *out)
{
  size_t head = keep == WIRE_KEEP_TAIL ? 0 : keep == WIRE_KEEP_BOTH ? limit - limit / 2 : limit;
  size_t kept = total < limit ? total : limit;
  for (size_t i = 0; i < kept; i++) {
    out[i] = byte_at(i < head || total <= limit ? i : total - kept + i);
  }
  return kept;
}

/* Sends `total` bytes through the pipe in pieces and reads them with budgets of another size. */
static void pump(struct styro_sink *sink, size_t total, size_t piece, size_t budget)
{
  unsigned char bytes[8192];
  for (size_t sent = 0; sent < total;) {
    size_t n = piece < total - sent ? piece : total - sent;
    for (size_t i = 0; i < n; i++) {
      bytes[i] = byte_at(sent + i);
    }
    ck_assert_int_eq(write(ends[1], bytes, n), (ssize_t)n);
    sent += n;
    int flow;
    while ((flow = styro_sink_read(sink, budget)) == STYRO_FLOW_MORE) {
    }
    ck_assert_int_eq(flow, STYRO_FLOW_WAIT);
  }
}

START_TEST(every_policy_equals_the_model)
{
  const size_t limits[] = {1, 2, 3, 100, 8192, 8193, 20000, 70000};
  const size_t totals[] = {0, 1, 2, 3, 4, 99, 100, 101, 5000, 8192, 20001, 66000, 140001};
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  static unsigned char expected[80000];
  for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
    for (size_t t = 0; t < sizeof totals / sizeof *totals; t++) {
      for (int keep = WIRE_KEEP_HEAD; keep <= WIRE_KEEP_BOTH; keep++) {
        struct styro_sink sink;
        styro_capture result;
        styro_sink_init(&sink, &alloc, ends[0], limits[l], keep);
        pump(&sink, totals[t], 1 + (l * 977 + t * 131) % 8000, 1 + (t * 1009) % 9000);
        styro_sink_result(&sink, &result);
        size_t kept = model(totals[t], limits[l], keep, expected);
        ck_assert_uint_eq(result.bytes, totals[t]);
        ck_assert_uint_eq(result.kept, kept);
        ck_assert_int_eq(result.truncated, totals[t] > limits[l]);
        ck_assert_msg(kept == 0 || memcmp(result.data, expected, kept) == 0, "limit %zu total %zu keep %d", limits[l],
                      totals[t], keep);
        ck_assert_uint_le(sink.capacity, limits[l]);
        styro_sink_free(&sink);
      }
    }
  }
  ck_assert_uint_eq(state.live_blocks, 0);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

START_TEST(a_flood_holds_no_more_than_the_limit)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_sink sink;
  styro_sink_init(&sink, &alloc, ends[0], 1 << 20, WIRE_KEEP_BOTH);
  pump(&sink, 20 << 20, 8192, 1 << 20);
  ck_assert(styro_sink_overflowed(&sink));
  ck_assert_uint_eq(sink.bytes, 20 << 20);
  ck_assert_uint_le(state.live_bytes, (1 << 20) + 65536);
  styro_sink_free(&sink);
}
END_TEST

START_TEST(the_end_and_what_is_left)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_sink sink;
  styro_sink_init(&sink, &alloc, ends[0], 100, WIRE_KEEP_HEAD);
  ck_assert_int_eq(styro_sink_read(&sink, 10), STYRO_FLOW_WAIT);
  ck_assert_int_eq(write(ends[1], "abc", 3), 3);
  ck_assert_int_eq(styro_sink_finish(&sink), STYRO_FLOW_END); /* the writer still holds the pipe */
  ck_assert_uint_eq(sink.bytes, 3);
  styro_fd_close(&ends[1]);
  ck_assert_int_eq(styro_sink_read(&sink, 10), STYRO_FLOW_END);
  styro_sink_free(&sink);
}
END_TEST

START_TEST(nothing_is_lost_when_memory_runs_out)
{
  struct counting_alloc state = {.fail_at = 1};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_sink sink;
  styro_capture result;
  styro_sink_init(&sink, &alloc, ends[0], 100, WIRE_KEEP_HEAD);
  ck_assert_int_eq(write(ends[1], "abc", 3), 3);
  ck_assert_int_eq(styro_sink_read(&sink, 10), STYRO_FLOW_ENOMEM);
  ck_assert_int_eq(styro_sink_finish(&sink), STYRO_FLOW_ENOMEM);
  state.fail_at = 0;
  ck_assert_int_eq(styro_sink_read(&sink, 10), STYRO_FLOW_WAIT);
  styro_sink_result(&sink, &result);
  ck_assert_mem_eq(result.data, "abc", 3);
  styro_sink_free(&sink);
}
END_TEST

START_TEST(what_is_not_captured_says_so)
{
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_sink sink;
  styro_capture result;
  styro_sink_init(&sink, &alloc, -1, 100, WIRE_KEEP_HEAD);
  styro_sink_result(&sink, &result);
  ck_assert_int_eq(result.captured, 0);
  ck_assert_ptr_null(result.data);
  styro_sink_free(&sink);
}
END_TEST

/* ---- feeding ----------------------------------------------------------------------------------------------------- */

static struct styro_feed feeding(const styro_allocator *alloc, const void *data, size_t len, int borrow)
{
  const styro_stream stream = {.kind = STYRO_STREAM_PIPE, .data = data, .len = len, .borrow = borrow};
  struct styro_feed feed;
  ck_assert_int_eq(styro_feed_init(&feed, alloc, ends[1], &stream), 0);
  return feed;
}

START_TEST(all_bytes_are_fed)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  enum { N = 300000 };
  static unsigned char data[N];
  unsigned char got[4096];
  for (int borrow = 0; borrow < 2; borrow++) {
    size_t seen = 0;
    for (size_t i = 0; i < N; i++) {
      data[i] = byte_at(i);
    }
    struct styro_feed feed = feeding(&alloc, data, N, borrow);
    ck_assert_uint_eq(state.live_bytes, borrow ? 0 : N);
    if (!borrow) {
      memset(data, 0, sizeof data);
    }
    int flow = STYRO_FLOW_MORE;
    while (seen < N) {
      flow = flow == STYRO_FLOW_END ? flow : styro_feed_write(&feed, 100000);
      ssize_t n = read(ends[0], got, sizeof got);
      ck_assert_int_gt(n, 0);
      for (ssize_t i = 0; i < n; i++, seen++) {
        ck_assert_uint_eq(got[i], byte_at(seen));
      }
    }
    ck_assert_int_eq(styro_feed_write(&feed, 1), STYRO_FLOW_END);
    styro_feed_free(&feed);
  }
  ck_assert_uint_eq(state.live_blocks, 0);
}
END_TEST

START_TEST(a_closed_reader_raises_no_signal)
{
  sigset_t mask;
  sigset_t pending;
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_feed feed = feeding(&alloc, "abc", 3, 1);
  signal(SIGPIPE, SIG_DFL); /* would end this process */
  styro_fd_close(&ends[0]);
  ck_assert_int_eq(styro_feed_write(&feed, 10), STYRO_FLOW_END);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  ck_assert_int_eq(sigismember(&mask, SIGPIPE), 0);
  sigpending(&pending);
  ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
  styro_feed_free(&feed);
}
END_TEST

START_TEST(a_signal_of_the_callers_own_stays_pending)
{
  sigset_t set;
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_feed feed = feeding(&alloc, "abc", 3, 1);
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  raise(SIGPIPE);
  styro_fd_close(&ends[0]);
  ck_assert_int_eq(styro_feed_write(&feed, 10), STYRO_FLOW_END);
  sigpending(&set);
  ck_assert_int_eq(sigismember(&set, SIGPIPE), 1);
  styro_feed_free(&feed);
}
END_TEST

START_TEST(a_copy_needs_memory)
{
  struct counting_alloc state = {.fail_at = 1};
  styro_allocator alloc = counting_allocator(&state);
  const styro_stream stream = {.kind = STYRO_STREAM_PIPE, .data = "abc", .len = 3};
  struct styro_feed feed;
  ck_assert_int_eq(styro_feed_init(&feed, &alloc, ends[1], &stream), STYRO_ENOMEM);
}
END_TEST

/* ---- bytes as text ----------------------------------------------------------------------------------------------- */

START_TEST(utf8_is_checked)
{
  ck_assert(styro_utf8_valid("", 0));
  ck_assert(styro_utf8_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10));
  const char *const wrong[] = {"\x80", "\xc0\xaf", "\xc3",         "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                               "\xf5", "\xe2\x82", "\xf0\x9f\x98", "\xff"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    ck_assert_msg(!styro_utf8_valid(wrong[i], strlen(wrong[i])), "sequence %zu", i);
  }
  ck_assert(styro_utf8_valid("a\0b", 3));
}
END_TEST

START_TEST(base64_is_padded)
{
  const char *const pairs[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                  {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    struct styro_buffer buffer;
    styro_buffer_init(&buffer, NULL);
    styro_base64(&buffer, pairs[i][0], strlen(pairs[i][0]));
    ck_assert_str_eq(buffer.data ? buffer.data : "", pairs[i][1]);
    styro_buffer_free(&buffer);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("capture");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, every_policy_equals_the_model);
  tcase_add_test(cases, a_flood_holds_no_more_than_the_limit);
  tcase_add_test(cases, the_end_and_what_is_left);
  tcase_add_test(cases, nothing_is_lost_when_memory_runs_out);
  tcase_add_test(cases, what_is_not_captured_says_so);
  tcase_add_test(cases, all_bytes_are_fed);
  tcase_add_test(cases, a_closed_reader_raises_no_signal);
  tcase_add_test(cases, a_signal_of_the_callers_own_stays_pending);
  tcase_add_test(cases, a_copy_needs_memory);
  tcase_add_test(cases, utf8_is_checked);
  tcase_add_test(cases, base64_is_padded);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
