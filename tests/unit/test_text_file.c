/* Files that a request names: whole, up to a limit and one byte, and nothing that could hang who reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "test_program.h"
#include "text_file.h"

static char directory[] = "/tmp/styro-text-file-XXXXXX";
static char path[sizeof directory + 8];

static void setup(void)
{
  ck_assert_ptr_nonnull(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/file", directory);
}

static void teardown(void)
{
  unlink(path);
  rmdir(directory);
  memset(strrchr(directory, '-') + 1, 'X', 6);
}

static void write_file(size_t n)
{
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  for (size_t i = 0; i < n; i++) {
    fputc('a' + (int)(i % 26), file);
  }
  ck_assert_int_eq(fclose(file), 0);
}

static int read_up_to(size_t most, size_t *len)
{
  const styro_allocator alloc = styro_allocator_or_malloc(NULL);
  struct styro_buffer text;
  styro_buffer_init(&text, &alloc);
  int result = styro_text_file_read(path, most, &text);
  *len = text.len;
  styro_buffer_free(&text);
  return result;
}

START_TEST(whole_or_one_byte_more_than_the_limit)
{
  static const struct {
    size_t size, most, len;
  } cases[] = {{0, 10, 0}, {9, 10, 9}, {10, 10, 10}, {11, 10, 11}, {30000, 20000, 20001}, {30000, 40000, 30000}};
  for (size_t i = 0; i < TESTS_N(cases); i++) {
    size_t len;
    write_file(cases[i].size);
    ck_assert_int_eq(read_up_to(cases[i].most, &len), 0);
    ck_assert_uint_eq(len, cases[i].len);
  }
}
END_TEST

START_TEST(what_is_no_regular_file)
{
  size_t len;
  ck_assert_int_eq(read_up_to(10, &len), ENOENT);
  ck_assert_int_eq(mkfifo(path, 0600), 0);
  ck_assert_int_eq(read_up_to(10, &len), STYRO_EREQUEST);
  unlink(path);
  ck_assert_int_eq(symlink("/dev/zero", path), 0);
  ck_assert_int_eq(read_up_to(10, &len), STYRO_EREQUEST);
  unlink(path);
  ck_assert_int_eq(symlink("/tmp", path), 0);
  ck_assert_int_eq(read_up_to(10, &len), STYRO_EREQUEST);
  ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(memory_may_run_out)
{
  struct counting_alloc state = {.fail_at = 1};
  styro_allocator alloc = counting_allocator(&state);
  struct styro_buffer text;
  write_file(100);
  styro_buffer_init(&text, &alloc);
  ck_assert_int_eq(styro_text_file_read(path, 200, &text), STYRO_ENOMEM);
  styro_buffer_free(&text);
  ck_assert_uint_eq(state.live_blocks, 0);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "text_file", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {whole_or_one_byte_more_than_the_limit, what_is_no_regular_file, memory_may_run_out};
  return test_program_run(&program, tests, TESTS_N(tests));
}
