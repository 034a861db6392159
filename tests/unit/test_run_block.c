/*
 * What one run may vary, and the block that comes of it: merging, refusals, layout, and memory that runs out at every
 * n.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "hand_plan.h"
#include "lib/capture.h"
#include "lib/fd.h"
#include "lib/run_block.h"

static struct hand_plan hand;
static styro_error err;

static void setup(void)
{
  hand_plan_init(&hand);
  err = (styro_error){.size = sizeof err};
}

static styro_run fresh(void)
{
  return (styro_run){.size = sizeof(styro_run)};
}

static struct styro_order merged(const styro_run *run)
{
  struct styro_order order;
  int rc = styro_order_merge(&hand.plan, run, &order, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  return order;
}

static void refused(const styro_run *run, int code, const char *field, const char *words)
{
  struct styro_order order;
  err = (styro_error){.size = sizeof err};
  ck_assert_int_eq(styro_order_merge(&hand.plan, run, &order, &err), code);
  ck_assert_int_eq(err.code, code);
  ck_assert_str_eq(err.field, field);
  ck_assert_msg(strstr(err.message, words), "`%s` does not say `%s`", err.message, words);
}

static struct styro_run_block built(const styro_run *run)
{
  static struct styro_order order; /* the block borrows nothing from it, but keep it simple to debug */
  struct styro_run_block block;
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  order = merged(run);
  int rc = styro_run_block_build(&alloc, &order, &block, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  ck_assert_int_eq(wire_run_check(block.run, block.len), 0);
  return block;
}

static const char *word_text(const struct wire_run *run, uint32_t at, uint32_t i)
{
  const uint64_t *words = (const void *)((const char *)run + at);
  return words[i] ? (const char *)run + words[i] : NULL;
}

/* ---- merging ----------------------------------------------------------------------------------------------------- */

START_TEST(defaults_come_from_the_plan)
{
  struct styro_order order = merged(NULL);
  ck_assert(order.init);
  ck_assert(order.default_cwd);
  ck_assert_int_eq(order.timeout, 0);
  ck_assert_uint_eq(order.output_limit, STYRO_CAPTURE_DEFAULT);
  ck_assert(!order.output_kill);
  hand_flags(&hand, 0);
  hand_run(&hand)->head.flags = 0;
  hand_run(&hand)->output_kill = 1;
  hand_run(&hand)->output_keep = WIRE_KEEP_TAIL;
  order = merged(NULL);
  ck_assert(!order.init);
  ck_assert(!order.default_cwd);
  ck_assert(order.output_kill);
  ck_assert_int_eq(order.output_keep, WIRE_KEEP_TAIL);
}
END_TEST

START_TEST(the_smaller_limit_holds)
{
  styro_run run = fresh();
  run.out.kind = run.err.kind = STYRO_STREAM_PIPE;
  run.timeout = 500;
  run.output_limit = 100;
  ck_assert_int_eq(merged(&run).timeout, 500);
  hand_run(&hand)->timeout = 400;
  hand_run(&hand)->output_limit = 60;
  ck_assert_int_eq(merged(&run).timeout, 400);
  ck_assert_uint_eq(merged(&run).output_limit, 60);
  hand_run(&hand)->timeout = 600;
  hand_run(&hand)->output_limit = 600;
  ck_assert_int_eq(merged(&run).timeout, 500);
  ck_assert_uint_eq(merged(&run).output_limit, 100);
  ck_assert_int_eq(merged(NULL).timeout, 600);
}
END_TEST

START_TEST(a_fixed_plan_varies_streams_and_name_only)
{
  const char *const texts[] = {"A=b", NULL};
  const int fds[] = {7};
  styro_run run = fresh();
  hand_flags(&hand, WIRE_PLAN_FIXED | WIRE_PLAN_PRESERVE_ANY);
  run.name = "job";
  run.out.kind = STYRO_STREAM_NULL;
  merged(&run);
  run.argv = texts;
  refused(&run, STYRO_EREQUEST, "/command", "fixed");
  run = fresh();
  run.env = texts;
  refused(&run, STYRO_EREQUEST, "/env", "fixed");
  run = fresh();
  run.cwd = "/";
  refused(&run, STYRO_EREQUEST, "/cwd", "fixed");
  run = fresh();
  run.preserve_fds = fds;
  run.preserve_fds_n = 1;
  refused(&run, STYRO_EREQUEST, "/preserve_fds", "fixed");
  run = fresh();
  run.timeout = 1;
  refused(&run, STYRO_EREQUEST, "/timeout", "fixed");
  run = fresh();
  run.output_limit = 1;
  refused(&run, STYRO_EREQUEST, "/output/limit", "fixed");
}
END_TEST

START_TEST(wrong_texts_are_refused)
{
  styro_run run = fresh();
  run.size = 8;
  refused(&run, STYRO_EUSAGE, "", "size");
  run = fresh();
  run.argv = (const char *const[]){NULL};
  refused(&run, STYRO_EREQUEST, "/command", "empty");
  run.argv = (const char *const[]){"", NULL};
  refused(&run, STYRO_EREQUEST, "/command", "empty");
  run = fresh();
  run.env = (const char *const[]){"GOOD=1", "BAD", NULL};
  refused(&run, STYRO_EREQUEST, "/env", "entry 1");
  ck_assert_str_eq(err.object, "BAD");
  run.env = (const char *const[]){"=x", NULL};
  refused(&run, STYRO_EREQUEST, "/env", "entry 0");
  run = fresh();
  run.cwd = "here";
  refused(&run, STYRO_EREQUEST, "/cwd", "absolute");
  run = fresh();
  run.timeout = -1;
  refused(&run, STYRO_EREQUEST, "/timeout", "negative");
  hand_run(&hand)->argv = 0;
  refused(NULL, STYRO_EREQUEST, "/command", "nothing to run");
}
END_TEST

START_TEST(names_are_short_and_printable)
{
  char name[66];
  styro_run run = fresh();
  memset(name, 'n', sizeof name);
  name[65] = 0;
  run.name = name;
  refused(&run, STYRO_EREQUEST, "", "65 bytes");
  name[64] = 0;
  merged(&run);
  run.name = "";
  refused(&run, STYRO_EREQUEST, "", "0 bytes");
  run.name = "a\nb";
  refused(&run, STYRO_EREQUEST, "", "byte 1");
}
END_TEST

START_TEST(streams_are_checked)
{
  styro_run run = fresh();
  run.in.kind = 9;
  refused(&run, STYRO_EUSAGE, "", "stdin");
  run = fresh();
  run.err.kind = STYRO_STREAM_FD;
  run.err.fd = 999;
  refused(&run, STYRO_EREQUEST, "", "stderr, is not open");
  run = fresh();
  run.in.kind = STYRO_STREAM_PIPE;
  run.in.len = 3;
  refused(&run, STYRO_EUSAGE, "", "NULL");
}
END_TEST

START_TEST(a_limit_on_what_is_not_captured_is_refused)
{
  styro_run run = fresh();
  run.output_limit = 5;
  run.out.kind = STYRO_STREAM_PIPE;
  refused(&run, STYRO_EREQUEST, "/output", "stderr is not captured");
  run.err.kind = STYRO_STREAM_NULL;
  merged(&run);
  hand_run(&hand)->output_asked = 1;
  refused(NULL, STYRO_EREQUEST, "/output", "stdout is not captured");
}
END_TEST

START_TEST(preserved_descriptors_are_open_and_allowed)
{
  int open_fd = dup(2);
  int fds[] = {open_fd, 900};
  styro_run run = fresh();
  run.preserve_fds = fds;
  run.preserve_fds_n = 1;
  refused(&run, STYRO_EREQUEST, "/preserve_fds", "does not allow");
  hand_flags(&hand, WIRE_PLAN_INIT | WIRE_PLAN_PRESERVE_ANY);
  struct styro_order order = merged(&run);
  ck_assert_uint_eq(styro_order_preserved(&order), 1);
  run.preserve_fds_n = 2;
  refused(&run, STYRO_EREQUEST, "/preserve_fds", "900");
  fds[1] = 1;
  refused(&run, STYRO_EREQUEST, "/preserve_fds", "standard stream");
  fds[1] = -4;
  refused(&run, STYRO_EREQUEST, "/preserve_fds", "-4");
  run.preserve_fds = NULL;
  refused(&run, STYRO_EUSAGE, "", "NULL");
  hand_run(&hand)->preserve_fds = hand_plan_list(&hand, (const char *const[]){"901", NULL});
  refused(NULL, STYRO_EREQUEST, "/preserve_fds", "901");
  close(open_fd);
}
END_TEST

START_TEST(a_plan_without_a_directory_starts_at_the_root)
{
  hand_run(&hand)->cwd = 0;
  struct styro_run_block block = built(NULL);
  ck_assert_str_eq((const char *)block.run + block.run->cwd_off, "/");
  styro_run_block_free(&block);
}
END_TEST

/* ---- block ------------------------------------------------------------------------------------------------------- */

START_TEST(block_of_the_plans_own_run)
{
  struct styro_run_block block = built(NULL);
  const struct wire_run *run = block.run;
  ck_assert_uint_eq(run->argc, 1);
  ck_assert_str_eq(word_text(run, run->argv_off, 0), "/bin/true");
  ck_assert_ptr_null(word_text(run, run->argv_off, 1));
  ck_assert_uint_eq(run->envc, 1);
  ck_assert_str_eq(word_text(run, run->env_off, 0), "A=1");
  ck_assert_str_eq((const char *)run + run->cwd_off, "/home/sandbox");
  ck_assert_uint_eq(run->fds_n, 0);
  ck_assert_int_gt(run->spawned, 0);
  styro_run_block_free(&block);
}
END_TEST

START_TEST(environment_later_wins)
{
  styro_run run = fresh();
  hand_run(&hand)->env = hand_plan_list(&hand, (const char *const[]){"A=plan", "B=plan", "C=plan", "AA=plan", NULL});
  hand_run(&hand)->inherit_env = hand_plan_list(&hand, (const char *const[]){"B", "C", "NOT_THERE", "D", NULL});
  setenv("B", "inherited", 1);
  setenv("C", "inherited", 1);
  setenv("D", "inherited=with equals", 1);
  unsetenv("NOT_THERE");
  run.env = (const char *const[]){"C=run", "E=", "E=twice", NULL};
  struct styro_run_block block = built(&run);
  const char *const expected[] = {"A=plan", "B=inherited", "C=run", "AA=plan", "D=inherited=with equals", "E=twice"};
  ck_assert_uint_eq(block.run->envc, 6);
  for (uint32_t i = 0; i < 6; i++) {
    ck_assert_str_eq(word_text(block.run, block.run->env_off, i), expected[i]);
  }
  styro_run_block_free(&block);
}
END_TEST

START_TEST(descriptors_are_numbered_once)
{
  int a = dup(2);
  int b = dup(2);
  int fds[] = {b, a, b};
  char text[16];
  styro_run run = fresh();
  snprintf(text, sizeof text, "%d", a);
  hand_flags(&hand, WIRE_PLAN_INIT | WIRE_PLAN_PRESERVE_ANY);
  hand_run(&hand)->preserve_fds = hand_plan_list(&hand, (const char *const[]){text, NULL});
  run.preserve_fds = fds;
  run.preserve_fds_n = 3;
  struct styro_run_block block = built(&run);
  const struct wire_fd_entry *entries = (const void *)((const char *)block.run + block.run->fds_off);
  ck_assert_uint_eq(block.run->fds_n, 2);
  ck_assert_int_eq(entries[0].target, a);
  ck_assert_int_eq(entries[1].target, b);
  ck_assert_int_eq(entries[1].at, WIRE_FD_FIRST_FREE + 1);
  ck_assert_uint_eq(block.extra_n, 2);
  ck_assert_int_eq(block.extra[1], b);
  styro_run_block_free(&block);
  close(a);
  close(b);
}
END_TEST

START_TEST(big_runs_fit_and_too_big_ones_are_refused)
{
  enum { N = 1000 };
  static const char *argv[N + 1];
  static char long_text[1 << 17];
  styro_run run = fresh();
  memset(long_text, 'x', sizeof long_text - 1);
  for (int i = 0; i < N; i++) {
    argv[i] = long_text + sizeof long_text - 200;
  }
  run.argv = argv;
  struct styro_run_block block = built(&run);
  ck_assert_uint_eq(block.run->argc, N);
  styro_run_block_free(&block);
  for (int i = 0; i < N; i++) {
    argv[i] = long_text;
  }
  struct styro_order order = merged(&run);
  styro_allocator alloc = styro_allocator_or_malloc(NULL);
  ck_assert_int_eq(styro_run_block_build(&alloc, &order, &block, &err), STYRO_EREQUEST);
  ck_assert(strstr(err.message, "at most") != NULL);
}
END_TEST

START_TEST(the_memfd_holds_the_block)
{
  struct styro_run_block block = built(NULL);
  int fd = styro_fd_memfd("run", 0, "a block", &err);
  ck_assert_int_ge(fd, 3);
  ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(styro_run_block_write(&block, fd, &err), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), (off_t)block.len);
  }
  void *map = mmap(NULL, block.len, PROT_READ, MAP_SHARED, fd, 0);
  ck_assert_mem_eq(map, block.run, block.len);
  ck_assert_int_eq(styro_run_block_write(&block, -1, &err), STYRO_ESPAWN);
  close(fd);
  styro_run_block_free(&block);
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  int fd = dup(2);
  styro_run run = fresh();
  hand_flags(&hand, WIRE_PLAN_INIT | WIRE_PLAN_PRESERVE_ANY);
  run.preserve_fds = &fd;
  run.preserve_fds_n = 1;
  struct styro_order order = merged(&run);
  int rc = STYRO_ENOMEM;
  for (size_t n = 1; rc == STYRO_ENOMEM && n < 50; n++) {
    struct styro_run_block block;
    state.fail_at = n;
    state.calls = 0;
    rc = styro_run_block_build(&alloc, &order, &block, &err);
    if (rc == 0) {
      ck_assert_uint_gt(n, 3);
      styro_run_block_free(&block);
    }
    ck_assert_uint_eq(state.live_blocks, 0);
  }
  ck_assert_int_eq(rc, 0);
  ck_assert_int_eq(state.wrong, 0);
  close(fd);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("run_block");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, NULL);
  tcase_add_test(cases, defaults_come_from_the_plan);
  tcase_add_test(cases, the_smaller_limit_holds);
  tcase_add_test(cases, a_fixed_plan_varies_streams_and_name_only);
  tcase_add_test(cases, wrong_texts_are_refused);
  tcase_add_test(cases, names_are_short_and_printable);
  tcase_add_test(cases, streams_are_checked);
  tcase_add_test(cases, a_limit_on_what_is_not_captured_is_refused);
  tcase_add_test(cases, preserved_descriptors_are_open_and_allowed);
  tcase_add_test(cases, a_plan_without_a_directory_starts_at_the_root);
  tcase_add_test(cases, block_of_the_plans_own_run);
  tcase_add_test(cases, environment_later_wins);
  tcase_add_test(cases, descriptors_are_numbered_once);
  tcase_add_test(cases, big_runs_fit_and_too_big_ones_are_refused);
  tcase_add_test(cases, the_memfd_holds_the_block);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
