/*
 * One run, decided: every refusal with its whole text, what each kind of stream may be, and that a refused run leaves the
 * order alone. The block that an order becomes is test_run_block.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hand_plan.h"
#include "lib/order.h"
#include "test_program.h"

#define CLOSED_FD 1000000 /* above every limit of descriptors */

static struct hand_plan hand;
static styro_error err;
static styro_run run;

static void setup(void)
{
  hand_plan_init(&hand);
  err = (styro_error){.size = sizeof err};
  run = (styro_run){.size = sizeof run};
}

struct words {
  int code;
  const char *field;
  const char *object;
  const char *message;
  const char *hint;
};

/* The run is refused with exactly these words, and the place for the order is not touched. */
static void refused(const styro_run *given, const struct words *words)
{
  struct styro_order order;
  struct styro_order before;
  memset(&order, 0x5a, sizeof order);
  memcpy(&before, &order, sizeof order);
  err = (styro_error){.size = sizeof err};
  ck_assert_int_eq(styro_order_merge(&hand.plan, given, &order, &err), words->code);
  ck_assert_str_eq(err.message, words->message);
  ck_assert_str_eq(err.field, words->field);
  ck_assert_str_eq(err.object, words->object);
  ck_assert_str_eq(err.hint, words->hint);
  ck_assert_int_eq(err.code, words->code);
  ck_assert_int_eq(err.stage, STYRO_STAGE_VALIDATE);
  ck_assert_mem_eq(&order, &before, sizeof order);
}

static struct styro_order merged(const styro_run *given)
{
  struct styro_order order;
  int rc = styro_order_merge(&hand.plan, given, &order, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
  return order;
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

START_TEST(a_fixed_plan_names_what_was_varied)
{
  static const char hint[] = "write it into the request, or leave `fixed` out";
  const char *const texts[] = {"A=b", NULL};
  const struct {
    styro_run run;
    const char *field;
  } rows[] = {
      {{.argv = texts}, "/command"}, {{.env = texts}, "/env"},
      {{.cwd = "/"}, "/cwd"},        {{.preserve_fds = (const int[]){3}, .preserve_fds_n = 1}, "/preserve_fds"},
      {{.timeout = 1}, "/timeout"},  {{.output_limit = 1}, "/output/limit"},
  };
  hand_flags(&hand, WIRE_PLAN_FIXED | WIRE_PLAN_PRESERVE_ANY);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char message[160];
    run = rows[i].run;
    run.size = sizeof run;
    snprintf(message, sizeof message,
             "the request is `fixed`: a run may vary its standard streams and its name, but not `%s`",
             rows[i].field + 1);
    refused(&run, &(struct words){STYRO_EREQUEST, rows[i].field, "", message, hint});
  }
}
END_TEST

START_TEST(a_command_has_a_program)
{
  run.argv = (const char *const[]){NULL};
  refused(&run, &(struct words){STYRO_EREQUEST, "/command", "", "the run's argv is empty",
                                "its first entry is the program; leave argv NULL for the request's own command"});
  run.argv = (const char *const[]){"", "x", NULL};
  const struct words nameless = {STYRO_EREQUEST, "/command", "", "the program's name is empty",
                                 "name a program, or a path inside the sandbox"};
  refused(&run, &nameless);
  hand_run(&hand)->argv = hand_plan_list(&hand, (const char *const[]){"", NULL});
  refused(NULL, &nameless);
  const struct words nothing = {STYRO_EREQUEST, "/command", "",
                                "there is nothing to run: neither the request nor this run names a command",
                                "write `command` into the request, or give the run an argv"};
  hand_run(&hand)->argv = hand_plan_list(&hand, (const char *const[]){NULL});
  refused(NULL, &nothing);
  hand_run(&hand)->argv = 0;
  refused(NULL, &nothing);
  run.argv = (const char *const[]){"own", NULL}; /* the run's own command needs none of the request */
  ck_assert_str_eq(merged(&run).run.argv[0], "own");
}
END_TEST

START_TEST(texts_of_the_run)
{
  const char *const no_name[] = {"A=", "B==", "=C", NULL};
  const char *const no_value[] = {"NAME", NULL};
  run.env = no_name;
  refused(&run, &(struct words){STYRO_EREQUEST, "/env", "=C", "entry 2 of the run's env is not NAME=value",
                                "entries are NAME=value"});
  run.env = no_value;
  refused(&run, &(struct words){STYRO_EREQUEST, "/env", "NAME", "entry 0 of the run's env is not NAME=value",
                                "entries are NAME=value"});
  run.env = NULL;
  const struct words relative = {STYRO_EREQUEST, "/cwd", "a/b", "the run's working directory is not an absolute path",
                                 "it is a path inside the sandbox, which begins with `/`"};
  run.cwd = "a/b";
  refused(&run, &relative);
  run.cwd = "";
  struct words empty = relative;
  empty.object = "";
  refused(&run, &empty);
  run.cwd = "/";
  ck_assert(!merged(&run).default_cwd);
}
END_TEST

START_TEST(an_object_is_cut_not_overrun)
{
  char text[600];
  const char *const env[] = {text, NULL};
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  run.env = env;
  ck_assert_int_eq(styro_order_merge(&hand.plan, &run, &(struct styro_order){.plan = NULL}, &err), STYRO_EREQUEST);
  ck_assert_uint_eq(strlen(err.object), 200);
}
END_TEST

START_TEST(names_of_runs)
{
  const struct {
    const char *name;
    const char *message;
  } rows[] = {
      {"\x7f", "the run's name holds a control character at byte 0"},
      {"ab\x1f", "the run's name holds a control character at byte 2"},
      {"tab\t", "the run's name holds a control character at byte 3"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    run.name = rows[i].name;
    refused(&run, &(struct words){STYRO_EREQUEST, "", "", rows[i].message, "use printable text"});
  }
  run.name = "";
  refused(&run, &(struct words){STYRO_EREQUEST, "", "", "the run's name has 0 bytes; 1 to 64 are allowed",
                                "shorten it, or give none"});
  run.name = " caf\xc3\xa9 ~"; /* bytes above ASCII are no control characters */
  ck_assert_ptr_eq(merged(&run).run.name, run.name);
}
END_TEST

START_TEST(misuse_of_the_struct)
{
  run.size = sizeof run - 8;
  refused(&run, &(struct words){STYRO_EUSAGE, "", "",
                                "styro_run is of an unknown size: set its size to sizeof(styro_run)", ""});
  run = (styro_run){.size = sizeof run, .preserve_fds_n = 2};
  refused(&run, &(struct words){STYRO_EUSAGE, "", "", "preserve_fds is NULL, but preserve_fds_n is not 0", ""});
  run = (styro_run){.size = sizeof run, .timeout = INT64_MIN};
  refused(&run, &(struct words){STYRO_EREQUEST, "/timeout", "", "the run's timeout is negative",
                                "it counts nanoseconds; 0 leaves the request's"});
  ck_assert_int_eq(styro_order_merge(&hand.plan, &run, NULL, NULL), STYRO_EREQUEST); /* no error, no words */
}
END_TEST

/* ---- streams ----------------------------------------------------------------------------------------------------- */

START_TEST(streams_of_unknown_kinds)
{
  const struct {
    styro_run run;
    const char *message;
  } rows[] = {
      {{.in.kind = -1}, "stdin is of the unknown kind -1"},
      {{.in.kind = STYRO_STREAM_PIPE + 1}, "stdin is of the unknown kind 4"},
      {{.out.kind = 77}, "stdout is of the unknown kind 77"},
      {{.err.kind = 9}, "stderr is of the unknown kind 9"},
      {{.in = {.kind = STYRO_STREAM_PIPE, .len = 1}}, "stdin is to be fed from NULL"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    run = rows[i].run;
    run.size = sizeof run;
    refused(&run, &(struct words){STYRO_EUSAGE, "", "", rows[i].message, ""});
  }
}
END_TEST

START_TEST(streams_by_descriptor_are_open)
{
  styro_stream *const streams[] = {&run.in, &run.out, &run.err};
  const char *const names[] = {"stdin", "stdout", "stderr"};
  const int fds[] = {CLOSED_FD, -1};
  for (int i = 0; i < 6; i++) {
    char message[80];
    char object[16];
    *streams[i / 2] = (styro_stream){.kind = STYRO_STREAM_FD, .fd = fds[i % 2]};
    snprintf(object, sizeof object, "%d", fds[i % 2]);
    snprintf(message, sizeof message, "descriptor %s, named for %s, is not open", object, names[i / 2]);
    refused(&run, &(struct words){STYRO_EREQUEST, "", object, message, ""});
    ck_assert_int_eq(err.sys_errno, EBADF);
    *streams[i / 2] = (styro_stream){.kind = STYRO_STREAM_FD, .fd = 2};
    merged(&run);
  }
}
END_TEST

START_TEST(only_captured_streams_have_a_limit)
{
  static const char hint[] = "capture stdout and stderr, send what is not wanted to /dev/null, or leave `output` out";
  const int free_kinds[] = {STYRO_STREAM_INHERIT, STYRO_STREAM_FD};
  run.output_limit = 10;
  for (int i = 0; i < 2; i++) {
    run.out = (styro_stream){.kind = free_kinds[i], .fd = 2};
    run.err = (styro_stream){.kind = STYRO_STREAM_NULL};
    refused(&run, &(struct words){STYRO_EREQUEST, "/output", "",
                                  "an output limit was asked for, but stdout is not captured by the library", hint});
    run.err = run.out;
    run.out = (styro_stream){.kind = STYRO_STREAM_PIPE};
    refused(&run, &(struct words){STYRO_EREQUEST, "/output", "",
                                  "an output limit was asked for, but stderr is not captured by the library", hint});
  }
  run.err = (styro_stream){.kind = STYRO_STREAM_PIPE};
  ck_assert_uint_eq(merged(&run).output_limit, 10);
  run.out = run.err = (styro_stream){.kind = STYRO_STREAM_NULL};
  run.output_limit = 0;
  hand_run(&hand)->output_asked = 1;
  hand_run(&hand)->output_limit = 20;
  ck_assert_uint_eq(merged(&run).output_limit, 20);
}
END_TEST

/* ---- preserved descriptors --------------------------------------------------------------------------------------- */

static void preserves(const char *message, const char *object, const char *hint)
{
  refused(&run, &(struct words){STYRO_EREQUEST, "/preserve_fds", object, message, hint});
}

START_TEST(preserved_descriptors_are_checked_one_by_one)
{
  int fds[] = {2, CLOSED_FD};
  run.preserve_fds = &fds[1];
  run.preserve_fds_n = 1;
  preserves("this run adds descriptors, which the request does not allow", "",
            "write `\"preserve_fds\": \"by_caller\"` into the request");
  hand_flags(&hand, WIRE_PLAN_PRESERVE_ANY);
  preserves("descriptor 1000000 is to be preserved, but it is not open", "1000000",
            "it must be open in the calling process when the run is spawned");
  fds[1] = -1;
  preserves("descriptor -1 is to be preserved, but it is not open", "-1",
            "it must be open in the calling process when the run is spawned");
  run.preserve_fds = fds;
  preserves("descriptor 2 is a standard stream and cannot be preserved under that number", "2",
            "the standard streams have fields of their own");
  hand_run(&hand)->preserve_fds = hand_plan_list(&hand, (const char *const[]){"0", NULL});
  run.preserve_fds_n = 0; /* the request's own are checked like the run's */
  preserves("descriptor 0 is a standard stream and cannot be preserved under that number", "0",
            "the standard streams have fields of their own");
}
END_TEST

START_TEST(too_many_preserved)
{
  int high = dup(2);
  int fds[513];
  for (int i = 0; i < 513; i++) {
    fds[i] = high;
  }
  hand_flags(&hand, WIRE_PLAN_PRESERVE_ANY);
  run.preserve_fds = fds;
  run.preserve_fds_n = 513;
  preserves("513 descriptors are to be preserved, 512 is the most", "",
            "hand over a socket that passes them on, or a directory that holds them");
  run.preserve_fds_n = 512;
  struct styro_order order = merged(&run);
  ck_assert_uint_eq(styro_order_preserved(&order), 512);
  ck_assert_int_eq(styro_order_preserved_at(&order, 511), high);
  close(high);
}
END_TEST

START_TEST(the_plans_come_before_the_runs)
{
  int first = dup(2);
  int second = dup(2);
  char text[16];
  const int fds[] = {second, first};
  snprintf(text, sizeof text, "%d", first);
  hand_flags(&hand, WIRE_PLAN_PRESERVE_ANY);
  hand_run(&hand)->preserve_fds = hand_plan_list(&hand, (const char *const[]){text, NULL});
  run.preserve_fds = fds;
  run.preserve_fds_n = 2;
  struct styro_order order = merged(&run);
  ck_assert_uint_eq(styro_order_preserved(&order), 3);
  ck_assert_int_eq(styro_order_preserved_at(&order, 0), first);
  ck_assert_int_eq(styro_order_preserved_at(&order, 1), second);
  ck_assert_int_eq(styro_order_preserved_at(&order, 2), first);
  order = merged(NULL);
  ck_assert_uint_eq(styro_order_preserved(&order), 1);
  close(first);
  close(second);
}
END_TEST

/* ---- merging ----------------------------------------------------------------------------------------------------- */

START_TEST(an_order_borrows_from_its_run)
{
  const char *const argv[] = {"prog", NULL};
  const char *const env[] = {"A=b", NULL};
  run.argv = argv;
  run.env = env;
  run.cwd = "/work";
  run.name = "job";
  struct styro_order order = merged(&run);
  ck_assert_ptr_eq(order.plan, &hand.plan);
  ck_assert_ptr_eq(order.run.argv, argv);
  ck_assert_ptr_eq(order.run.env, env);
  ck_assert_ptr_eq(order.run.cwd, run.cwd);
  ck_assert_ptr_eq(order.run.name, run.name);
  order = merged(NULL);
  ck_assert_uint_eq(order.run.size, sizeof order.run);
  ck_assert_ptr_null(order.run.argv);
  ck_assert_ptr_null(order.run.cwd);
  ck_assert_int_eq(order.run.in.kind, STYRO_STREAM_INHERIT);
}
END_TEST

/* The working directory was asked for when the run or the request names one, even the default by name. */
START_TEST(who_asked_for_the_working_directory)
{
  hand_run(&hand)->cwd = 0;
  hand_run(&hand)->head.flags = 0;
  ck_assert(merged(&run).default_cwd);
  hand_run(&hand)->cwd = hand_plan_text(&hand, "/home/sandbox");
  ck_assert(!merged(&run).default_cwd);
  hand_run(&hand)->head.flags = WIRE_DEFAULTED;
  ck_assert(merged(&run).default_cwd);
  run.cwd = "/home/sandbox";
  ck_assert(!merged(&run).default_cwd);
}
END_TEST

START_TEST(grace_and_policy_are_the_plans_alone)
{
  hand_run(&hand)->grace = 7;
  hand_run(&hand)->timeout = 100;
  hand_run(&hand)->output_keep = WIRE_KEEP_BOTH;
  run.timeout = INT64_MAX;
  struct styro_order order = merged(&run);
  ck_assert_int_eq(order.grace, 7);
  ck_assert_int_eq(order.timeout, 100);
  ck_assert_int_eq(order.output_keep, WIRE_KEEP_BOTH);
  hand_run(&hand)->timeout = 0;
  ck_assert_int_eq(merged(&run).timeout, INT64_MAX);
  ck_assert_uint_eq(merged(NULL).output_limit, UINT64_C(16) << 20);
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "order", .setup = setup};
  const TTest *const tests[] = {
      a_fixed_plan_names_what_was_varied,
      a_command_has_a_program,
      texts_of_the_run,
      an_object_is_cut_not_overrun,
      names_of_runs,
      misuse_of_the_struct,
      streams_of_unknown_kinds,
      streams_by_descriptor_are_open,
      only_captured_streams_have_a_limit,
      preserved_descriptors_are_checked_one_by_one,
      too_many_preserved,
      the_plans_come_before_the_runs,
      an_order_borrows_from_its_run,
      who_asked_for_the_working_directory,
      grace_and_policy_are_the_plans_alone,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
