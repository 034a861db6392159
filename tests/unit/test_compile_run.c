/*
 * What a run starts from, and the promises, as compile_run.c alone appends them: which field each step stands for, in which
 * order lists come, and memory that runs out. What whole requests promise is test_compile.c's.
 */
#include <stdio.h>
#include <string.h>

#include "compile_part.h"
#include "counting_alloc.h"
#include "test_program.h"

#define BIT(protection) (1ull << (protection))

static const struct wire_step_run *run_of(const char *members)
{
  part_begin(members);
  ck_assert_int_eq(styro_compile_run(&part), 0);
  ck_assert_str_eq(part_outline(), "run /command\n");
  return part_step(0, WIRE_STEP_RUN);
}

static void promises_of(const char *members)
{
  part_begin(members);
  styro_compile_promises(&part);
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

START_TEST(an_empty_request)
{
  const struct wire_step_run *run = run_of("");
  ck_assert_uint_eq(run->head.size, sizeof *run);
  ck_assert_uint_eq(run->head.best_effort, 0);
  ck_assert_str_eq(part_list(run->argv), "none");
  ck_assert_str_eq(part_list(run->env), "PATH=/usr/local/bin:/usr/bin:/bin|HOME=/home/sandbox|LANG=C.UTF-8");
  ck_assert_str_eq(part_list(run->inherit_env), "none");
  ck_assert_str_eq(part_list(run->preserve_fds), "none");
  ck_assert_str_eq(part_text(run->cwd), "/home/sandbox");
}
END_TEST

START_TEST(lists_keep_their_order)
{
  const struct wire_step_run *run = run_of("\"command\": [\"b\", \"a\", \"b\"], \"inherit_env\": [\"Z\", \"A\"], "
                                           "\"preserve_fds\": [100, 7, 3]");
  ck_assert_str_eq(part_list(run->argv), "b|a|b");
  ck_assert_str_eq(part_list(run->inherit_env), "Z|A");
  ck_assert_str_eq(part_list(run->preserve_fds), "100|7|3");
}
END_TEST

START_TEST(own_values_take_the_place_of_the_constant_ones)
{
  const struct wire_step_run *run = run_of("\"env\": {\"PATH\": \"\", \"PAT\": \"1\", \"path\": \"2\"}");
  ck_assert_str_eq(part_list(run->env), "HOME=/home/sandbox|LANG=C.UTF-8|PATH=|PAT=1|path=2");
  run = run_of("\"env\": {\"X\": \"a=b=c\"}");
  ck_assert_ptr_nonnull(strstr(part_list(run->env), "|X=a=b=c"));
}
END_TEST

/* A preset or the request that says the default by name means it: then it must be there. */
START_TEST(a_directory_that_was_asked_for)
{
  ck_assert_uint_eq(run_of("")->head.flags, WIRE_DEFAULTED);
  ck_assert_uint_eq(run_of("\"cwd\": \"/home/sandbox\"")->head.flags, 0);
  const struct wire_step_run *run = run_of("\"cwd\": \"/w\"");
  ck_assert_str_eq(part_text(run->cwd), "/w");
}
END_TEST

START_TEST(output_and_timeout)
{
  const struct wire_step_run *run = run_of("\"timeout\": {\"wall\": 2, \"grace\": \"3ms\"}, \"output\": {\"limit\": "
                                           "9, \"keep\": \"both\", \"on_limit\": \"kill\"}");
  ck_assert_int_eq(run->timeout, 2000000000);
  ck_assert_int_eq(run->grace, 3000000);
  ck_assert_uint_eq(run->output_limit, 9);
  ck_assert_uint_eq(run->output_keep, WIRE_KEEP_BOTH);
  ck_assert_uint_eq(run->output_kill, 1);
  ck_assert_uint_eq(run->output_asked, 1);
  run = run_of("\"output\": 5");
  ck_assert_uint_eq(run->output_kill, 0);
  ck_assert_uint_eq(run->output_asked, 1);
}
END_TEST

/* ---- promises ---------------------------------------------------------------------------------------------------- */

START_TEST(promises_and_nothing_else)
{
  promises_of("");
  ck_assert_str_eq(part_outline(), "promises /best_effort\n");
  const struct wire_step_promises *step = part_step(0, WIRE_STEP_PROMISES);
  ck_assert_uint_eq(step->enforced, part.enforced);
  ck_assert_uint_ne(step->enforced, 0);
  ck_assert_uint_eq(step->not_enforced | step->approximated | part.not_enforced, 0);
}
END_TEST

static void note_is(uint32_t nth, int protection, const char *field, const char *why)
{
  const struct wire_step_note *note = part_step(nth, WIRE_STEP_NOTE);
  ck_assert_uint_eq(note->protection, (uint32_t)protection);
  ck_assert_uint_eq(note->approximated, 0);
  ck_assert_str_eq(part_text(note->field), field);
  ck_assert_str_eq(part_text(note->why), why);
  ck_assert_str_eq(styro_field_pointer(note->head.field_id), field);
}

/* Before the promises, so that these are complete; by number, whatever the order in the request. */
START_TEST(a_note_for_every_limit)
{
  static const char why[] = "cgroup limits are not supported yet";
  promises_of("\"limits\": {\"io_weight\": 5, \"cpuset\": \"0\", \"cpu\": 1, \"pids\": 9, \"swap\": 0, \"memory\": "
              "\"1G\"}, \"best_effort\": [\"limits\"]");
  ck_assert_str_eq(part_outline(),
                   "note /limits\nnote /limits\nnote /limits\nnote /limits\nnote /limits\nnote /limits\n"
                   "promises /best_effort\n");
  const int order[] = {STYRO_LIMIT_MEMORY, STYRO_LIMIT_SWAP,   STYRO_LIMIT_PIDS,
                       STYRO_LIMIT_CPU,    STYRO_LIMIT_CPUSET, STYRO_LIMIT_IO};
  uint64_t all = 0;
  for (uint32_t i = 0; i < 6; i++) {
    note_is(i, order[i], "/limits", why);
    all |= BIT(order[i]);
  }
  const struct wire_step_promises *step = part_step(6, WIRE_STEP_PROMISES);
  ck_assert_uint_eq(step->not_enforced, all);
  ck_assert_uint_eq(step->enforced & all, 0);
}
END_TEST

START_TEST(what_no_init_and_no_pid_namespace_weaken)
{
  promises_of("\"init\": false, \"namespaces\": {\"pid\": \"host\"}, \"best_effort\": [\"tree_kill\"]");
  ck_assert_str_eq(part_outline(), "note /init\nnote /namespaces/pid\npromises /best_effort\n");
  note_is(0, STYRO_CALLER_DEATH, "/init", "without an init nobody watches the caller");
  note_is(1, STYRO_TREE_KILL, "/namespaces/pid", "processes of the host's pid namespace do not end with the payload");
  ck_assert_uint_eq(part.not_enforced, BIT(STYRO_CALLER_DEATH) | BIT(STYRO_TREE_KILL));
  ck_assert_uint_eq(part.enforced & (part.not_enforced | BIT(STYRO_PROCESS_VIEW) | BIT(STYRO_PROCESS_SIGNALS)), 0);
}
END_TEST

/* No mask speaks of a bit twice, whatever was asked for. */
START_TEST(masks_are_disjoint)
{
  static const char *const requests[] = {
      "", "\"init\": false", "\"network\": \"host\", \"timeout\": 1, \"output\": 1",
      "\"limits\": {\"pids\": 1}, \"best_effort\": [\"limits\"], \"die_with_parent\": false"};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    promises_of(requests[i]);
    ck_assert_uint_eq(part.enforced & part.not_enforced, 0);
    ck_assert_uint_lt(part.enforced | part.not_enforced, BIT(STYRO_PROTECTION_COUNT));
  }
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int append_promises(struct styro_compile *c)
{
  styro_compile_promises(c);
  return 0;
}

START_TEST(what_env_sets_is_not_inherited)
{
  const struct wire_step_run *run =
      run_of("\"inherit_env\": [\"A\", \"PATH\", \"AB\", \"B\"], \"env\": {\"B\": \"1\", \"A\": \"2\"}");
  ck_assert_str_eq(part_list(run->inherit_env), "PATH|AB");
  run = run_of("\"env\": {\"A\": \"\"}, \"inherit_env\": [\"A\", \"A\"]");
  ck_assert_str_eq(part_list(run->inherit_env), "none");
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  part_begin("\"command\": [\"a\", \"b\"], \"env\": {\"A\": \"1\", \"HOME\": \"/\"}, \"inherit_env\": [\"TERM\"], "
             "\"preserve_fds\": [7, 8], \"init\": false, \"limits\": {\"pids\": 1}, \"best_effort\": [\"limits\"]");
  part_memory(styro_compile_run);
  part_memory(append_promises);
}
END_TEST

START_TEST(a_run_that_found_no_memory_says_so_and_is_no_step)
{
  struct counting_alloc state = {.fail_at = 1};
  part_begin("\"env\": {\"A\": \"1\"}");
  styro_builder_free(&part.builder);
  styro_allocator alloc = counting_allocator(&state);
  styro_builder_init(&part.builder, &alloc);
  ck_assert_int_eq(styro_compile_run(&part), STYRO_ENOMEM);
  ck_assert_str_eq(part.err->message, "out of memory");
  ck_assert_int_eq(part.err->stage, STYRO_STAGE_COMPILE);
  ck_assert_uint_eq(part.builder.steps_n, 0);
  ck_assert_uint_eq(state.live_blocks, 0);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "compile_run", .teardown = part_end};
  const TTest *const tests[] = {
      an_empty_request,
      lists_keep_their_order,
      own_values_take_the_place_of_the_constant_ones,
      a_directory_that_was_asked_for,
      output_and_timeout,
      promises_and_nothing_else,
      a_note_for_every_limit,
      what_no_init_and_no_pid_namespace_weaken,
      masks_are_disjoint,
      what_env_sets_is_not_inherited,
      memory_may_run_out_anywhere,
      a_run_that_found_no_memory_says_so_and_is_no_step,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
