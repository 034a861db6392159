/*
 * The plan as a handle: taken from bytes and given back, its sealed memfd, its steps by number, memory that runs out.
 * build: -Wl,--wrap=memfd_create,--wrap=write,--wrap=fcntl
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "counting_alloc.h"
#include "failing_calls.h"
#include "lib/builder.h"
#include "sample_plan.h"

static char *bytes;
static size_t len;
static styro_plan *plan;
static styro_error err;

static void setup(void)
{
  bytes = sample_block(&len);
  plan = sample_plan();
  err = (styro_error){.size = sizeof err};
}

static void teardown(void)
{
  styro_plan_free(plan);
  free(bytes);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

START_TEST(bytes_go_round)
{
  const void *out = NULL;
  size_t out_len = 0;
  styro_plan *copy = NULL;
  ck_assert_int_eq(styro_plan_bytes(plan, &out, &out_len, &err), 0);
  ck_assert_uint_eq(out_len, len);
  ck_assert_mem_eq(out, bytes, len);
  ck_assert_int_eq(styro_plan_from_bytes(NULL, out, out_len, &copy, &err), 0);
  const void *again = NULL;
  ck_assert_int_eq(styro_plan_bytes(copy, &again, &out_len, NULL), 0);
  ck_assert_ptr_ne(again, out);
  ck_assert_mem_eq(again, bytes, len);
  styro_plan_free(copy);
}
END_TEST

START_TEST(the_librarys_own_steps_are_found)
{
  ck_assert_uint_eq(plan->run->head.code, WIRE_STEP_RUN);
  ck_assert_uint_eq(plan->promises->head.code, WIRE_STEP_PROMISES);
  ck_assert_uint_eq(plan->namespaces->head.code, WIRE_STEP_NAMESPACES);
  ck_assert_uint_eq(plan->map_ids->head.code, WIRE_STEP_MAP_IDS);
  ck_assert_int_eq(plan->run->timeout, 5000000000);
}
END_TEST

static void refused(const void *from, size_t size, int code, const char *message)
{
  styro_plan *out = plan;
  err = (styro_error){.size = sizeof err};
  ck_assert_int_eq(styro_plan_from_bytes(NULL, from, size, &out, &err), code);
  ck_assert_ptr_eq(out, plan);
  ck_assert_int_eq(err.code, code);
  ck_assert_int_eq(err.stage, STYRO_STAGE_COMPILE);
  ck_assert_str_eq(err.message, message);
}

START_TEST(wrong_bytes_are_refused)
{
  struct wire_plan *head = (void *)bytes;
  refused(bytes, 10, STYRO_EPARSE, "the plan holds a length that does not fit (10 bytes)");
  refused(bytes, 0, STYRO_EPARSE, "the plan holds a length that does not fit (0 bytes)");
  refused(bytes, 2 * (size_t)WIRE_PLAN_MAX + 1, STYRO_EPARSE,
          "the plan holds a length that does not fit (8388609 bytes)");
  char text[80];
  snprintf(text, sizeof text, "the plan holds a length that does not fit (%zu bytes)", len + 10);
  refused(bytes, len + 10, STYRO_EPARSE, text); /* a second plan behind it would be longer */
  refused(bytes, len - 1, STYRO_EPARSE, "the plan's checksum does not fit its bytes");
  bytes[len - 1] ^= 1;
  refused(bytes, len, STYRO_EPARSE, "the plan's checksum does not fit its bytes");
  bytes[len - 1] ^= 1;
  head->crc32c ^= 1;
  refused(bytes, len, STYRO_EPARSE, "the plan's checksum does not fit its bytes");
  head->wire_id[3] ^= 1;
  head->crc32c = styro_plan_crc32c(bytes, len);
  refused(bytes, len, STYRO_EPARSE, "the plan holds another wire identity (step 0)");
  head->wire_id[3] ^= 1;
  ((struct wire_step_map_ids *)sample_step(bytes, WIRE_STEP_MAP_IDS))->uid_map = 9;
  head->crc32c = styro_plan_crc32c(bytes, len);
  refused(bytes, len, STYRO_EPARSE, "the plan holds a number out of its range (step 5)");
}
END_TEST

START_TEST(misuse_is_named)
{
  const void *out = NULL;
  size_t size = 0;
  styro_plan *made = NULL;
  ck_assert_int_eq(styro_plan_from_bytes(NULL, NULL, 5, &made, &err), STYRO_EUSAGE);
  ck_assert_str_eq(err.message, "styro_plan_from_bytes needs bytes and a place");
  ck_assert_int_eq(styro_plan_from_bytes(NULL, bytes, len, NULL, NULL), STYRO_EUSAGE);
  ck_assert_int_eq(styro_plan_bytes(NULL, &out, &size, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_plan_bytes(plan, NULL, &size, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_plan_bytes(plan, &out, NULL, &err), STYRO_EUSAGE);
  ck_assert_str_eq(err.message, "styro_plan_bytes needs a plan and two places");
  styro_plan_free(NULL);
}
END_TEST

START_TEST(steps_by_number)
{
  for (uint32_t i = 0; i < sample_codes_n; i++) {
    ck_assert_uint_eq(styro_plan_step(plan, i)->code, sample_codes[i]);
  }
  ck_assert_ptr_null(styro_plan_step(plan, (uint32_t)sample_codes_n));
  ck_assert_ptr_null(styro_plan_step(plan, UINT32_MAX));
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  int rc = STYRO_ENOMEM;
  for (size_t n = 1; rc != 0 && n < 20; n++) {
    styro_plan *made = NULL;
    state.fail_at = n;
    state.calls = 0;
    rc = styro_plan_from_bytes(&alloc, bytes, len, &made, &err);
    if (rc != 0) {
      ck_assert_int_eq(rc, STYRO_ENOMEM);
      ck_assert_int_eq(err.code, STYRO_ENOMEM);
      ck_assert_ptr_null(made);
    }
    styro_plan_free(made);
    ck_assert_uint_eq(state.live_blocks, 0);
  }
  ck_assert_int_eq(rc, 0);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

/* A block that adopt refuses is freed by it as well. */
START_TEST(a_refused_block_does_not_stay)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  styro_plan *made = NULL;
  void *block = styro_alloc(&alloc, len);
  memcpy(block, bytes, len);
  ((struct wire_plan *)block)->magic = 0;
  ck_assert_int_eq(styro_plan_adopt(&alloc, block, len, &made, &err), STYRO_EPARSE);
  ck_assert_str_eq(err.message, "the plan holds a wrong magic number (step 0)");
  ck_assert_uint_eq(state.live_blocks, 0);
}
END_TEST

/* ---- memfd ------------------------------------------------------------------------------------------------------- */

START_TEST(the_memfd_holds_the_plan)
{
  struct stat status;
  int fd = styro_plan_memfd(plan, &err);
  ck_assert_int_ge(fd, 3);
  ck_assert_int_eq(fstat(fd, &status), 0);
  ck_assert_uint_eq((size_t)status.st_size, len);
  ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
  ck_assert_ptr_ne(map, MAP_FAILED);
  ck_assert_mem_eq(map, bytes, len);
  munmap(map, len);
}
END_TEST

START_TEST(nobody_can_change_it)
{
  const int wanted = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  int fd = styro_plan_memfd(plan, &err);
  ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & wanted, wanted);
  ck_assert_int_lt(pwrite(fd, "x", 1, 0), 0);
  ck_assert_int_eq(errno, EPERM);
  ck_assert_int_lt(ftruncate(fd, 0), 0);
  ck_assert_int_eq(errno, EPERM);
  ck_assert_int_lt(ftruncate(fd, (off_t)len + 1), 0);
  ck_assert_ptr_eq(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}
END_TEST

START_TEST(it_is_made_once_and_closed_with_the_plan)
{
  int fd = styro_plan_memfd(plan, &err);
  ck_assert_int_eq(styro_plan_memfd(plan, &err), fd);
  styro_plan_free(plan);
  plan = NULL;
  ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
}
END_TEST

static pthread_barrier_t barrier;

static void *ask(void *fd)
{
  pthread_barrier_wait(&barrier);
  *(int *)fd = styro_plan_memfd(plan, NULL);
  return NULL;
}

static int open_descriptors(void)
{
  int n = 0;
  for (int fd = 0; fd < 1024; fd++) {
    n += fcntl(fd, F_GETFD) >= 0;
  }
  return n;
}

START_TEST(eight_threads_get_the_same)
{
  enum { N = 8 };
  pthread_t threads[N];
  int fds[N];
  for (int round = 0; round < 20; round++) {
    int before = open_descriptors();
    pthread_barrier_init(&barrier, NULL, N);
    for (int i = 0; i < N; i++) {
      ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &fds[i]), 0);
    }
    for (int i = 0; i < N; i++) {
      pthread_join(threads[i], NULL);
      ck_assert_int_ge(fds[i], 3);
      ck_assert_int_eq(fds[i], fds[0]);
    }
    pthread_barrier_destroy(&barrier);
    ck_assert_int_eq(open_descriptors(), before + 1);
    styro_plan_free(plan);
    plan = sample_plan();
  }
}
END_TEST

static int of_another;

static void another_is_first(void)
{
  of_another = styro_plan_memfd(plan, &err);
}

/* However the threads above fall: between the making of a file and its taking somebody else had one taken. */
START_TEST(who_comes_second_takes_the_firsts)
{
  int before = open_descriptors();
  fail_before("fcntl", 1, another_is_first);
  int fd = styro_plan_memfd(plan, &err);
  ck_assert(fail_none());
  ck_assert_int_ge(fd, 3);
  ck_assert_int_eq(fd, of_another);
  ck_assert_int_eq(open_descriptors(), before + 1);
}
END_TEST

START_TEST(no_descriptor_left)
{
  struct rlimit old, low;
  int next = dup(0);
  close(next);
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
  low = old;
  low.rlim_cur = (rlim_t)next;
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
  int rc = styro_plan_memfd(plan, &err);
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
  ck_assert_int_eq(rc, STYRO_ESPAWN);
  ck_assert_int_eq(err.sys_errno, EMFILE);
  ck_assert_str_eq(err.object, "RLIMIT_NOFILE");
  ck_assert_ptr_nonnull(strstr(err.message, "no descriptor is left for the plan's memory file"));
  ck_assert_int_ge(styro_plan_memfd(plan, &err), 3);
}
END_TEST

START_TEST(a_kernel_before_noexec_memory_files)
{
  fail_call("memfd_create", 1, EINVAL);
  int fd = styro_plan_memfd(plan, &err);
  ck_assert(fail_none());
  ck_assert_int_ge(fd, 3);
  ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE, F_SEAL_WRITE);
}
END_TEST

START_TEST(an_interrupted_write_goes_on)
{
  struct stat status;
  fail_call("write", 1, EINTR);
  int fd = styro_plan_memfd(plan, &err);
  ck_assert(fail_none());
  ck_assert_int_eq(fstat(fd, &status), 0);
  ck_assert_uint_eq((size_t)status.st_size, len);
}
END_TEST

/* Nothing half-written is ever shared: the file goes, and the next spawn makes another. */
START_TEST(a_memfd_that_cannot_be_written_or_sealed)
{
  const struct {
    const char *call;
    int number;
  } rows[] = {{"write", ENOSPC}, {"fcntl", EPERM}};
  for (size_t i = 0; i < 2; i++) {
    int before = open_descriptors();
    fail_call(rows[i].call, 1, rows[i].number);
    ck_assert_int_eq(styro_plan_memfd(plan, &err), STYRO_ESPAWN);
    ck_assert(fail_none());
    ck_assert_str_eq(err.message, "the plan's memory file cannot be written");
    ck_assert_int_eq(err.sys_errno, rows[i].number);
    ck_assert_int_eq(err.stage, STYRO_STAGE_SPAWN);
    ck_assert_int_eq(open_descriptors(), before);
  }
  ck_assert_int_ge(styro_plan_memfd(plan, &err), 3);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("plan");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, bytes_go_round);
  tcase_add_test(cases, the_librarys_own_steps_are_found);
  tcase_add_test(cases, wrong_bytes_are_refused);
  tcase_add_test(cases, misuse_is_named);
  tcase_add_test(cases, steps_by_number);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  tcase_add_test(cases, a_refused_block_does_not_stay);
  tcase_add_test(cases, the_memfd_holds_the_plan);
  tcase_add_test(cases, nobody_can_change_it);
  tcase_add_test(cases, it_is_made_once_and_closed_with_the_plan);
  tcase_add_test(cases, eight_threads_get_the_same);
  tcase_add_test(cases, who_comes_second_takes_the_firsts);
  tcase_add_test(cases, no_descriptor_left);
  tcase_add_test(cases, a_kernel_before_noexec_memory_files);
  tcase_add_test(cases, an_interrupted_write_goes_on);
  tcase_add_test(cases, a_memfd_that_cannot_be_written_or_sealed);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
