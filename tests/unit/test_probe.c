/*
 * core/lib/probe*.c: the table, the notes, trials in child processes, what is read of the host, and lack of memory. What the
 * checks say of a host is the system tests' part (tests/system/test_doctor.py).
 *
 * build: -Wl,--wrap=styro_trial_run,--wrap=styro_runner_spawn
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulated.h"
#include "probe.h"
#include "request_kit.h"
#include "wire/sys.h"

void __wrap_styro_trial_run(styro_trial_fn *body, const void *argument, struct styro_trial *out);
void __real_styro_trial_run(styro_trial_fn *body, const void *argument, struct styro_trial *out);
int __wrap_styro_runner_spawn(styro_runner *runner, const styro_plan *plan, const styro_run *run, styro_process **out,
                              styro_error *err);
int __real_styro_runner_spawn(styro_runner *runner, const styro_plan *plan, const styro_run *run, styro_process **out,
                              styro_error *err);

static styro_error err;
static bool pretend;   /* no process is started, and every trial works */
static int spawn_code; /* of the pretended start */
static char path[64];

static void setup(void)
{
  err = (styro_error)ERROR_READY;
  pretend = false;
  snprintf(path, sizeof path, "/tmp/styro-probe-XXXXXX");
  int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  close(fd);
}

static void teardown(void)
{
  unlink(path);
}

void __wrap_styro_trial_run(styro_trial_fn *body, const void *argument, struct styro_trial *out)
{
  if (pretend) {
    *out = (struct styro_trial){.call = "none", .done = true, .value = 1};
  } else {
    __real_styro_trial_run(body, argument, out);
  }
}

int __wrap_styro_runner_spawn(styro_runner *runner, const styro_plan *plan, const styro_run *run, styro_process **out,
                              styro_error *why)
{
  if (pretend) {
    return styro_fail(why, spawn_code, STYRO_STAGE_SPAWN, 0, "pretended");
  }
  return __real_styro_runner_spawn(runner, plan, run, out, why);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static size_t place_of(const char *name)
{
  for (size_t i = 0; i < styro_checks_n; i++) {
    if (strcmp(styro_checks[i].name, name) == 0) {
      return i;
    }
  }
  ck_abort_msg("no check `%s`", name);
}

START_TEST(rows_are_whole_and_need_only_what_stands_above)
{
  ck_assert_str_eq(styro_checks[0].name, "default_sandbox");
  for (size_t i = 0; i < styro_checks_n; i++) {
    const struct styro_check_row *row = &styro_checks[i];
    ck_assert_uint_eq(place_of(row->name), i); /* no name twice */
    ck_assert(row->group && row->means && row->run);
    ck_assert_uint_le(strlen(row->name), 17); /* the column of the command */
    for (size_t n = 0; n < 2 && row->needs[n]; n++) {
      ck_assert_msg(place_of(row->needs[n]) < i, "%s needs %s", row->name, row->needs[n]);
    }
  }
}
END_TEST

START_TEST(groups_stand_together)
{
  for (size_t i = 1; i < styro_checks_n; i++) {
    for (size_t j = 0; j < i; j++) {
      bool same = strcmp(styro_checks[i].group, styro_checks[j].group) == 0;
      ck_assert(!same || strcmp(styro_checks[i - 1].group, styro_checks[i].group) == 0);
    }
  }
}
END_TEST

/* ---- notes ------------------------------------------------------------------------------------------------------- */

START_TEST(notes_are_added_cut_and_cleaned)
{
  struct styro_note note = {0};
  char much[2000];
  styro_note_found(&note, "a %d", 1);
  styro_note_found(&note, ", b\n\x1b");
  ck_assert_str_eq(note.found, "a 1, b??");
  styro_note_remedy(&note, "one");
  styro_note_remedy(&note, "two %s", "x");
  ck_assert_str_eq(note.remedy, "one\ntwo x");
  styro_note_means(&note, "first");
  styro_note_means(&note, "second");
  ck_assert_str_eq(note.means, "second");
  memset(much, 'm', sizeof much - 1);
  much[sizeof much - 1] = '\0';
  for (int i = 0; i < 3; i++) {
    styro_note_found(&note, "%s", much);
    styro_note_remedy(&note, "%s", much);
  }
  ck_assert_uint_eq(strlen(note.found), sizeof note.found - 1);
  ck_assert_uint_eq(strlen(note.remedy), sizeof note.remedy - 1);
}
END_TEST

START_TEST(a_trial_is_told_by_its_call)
{
  struct styro_probing probing = {.host = {.filtered = false}};
  struct styro_note note = {0};
  styro_note_trial(&note, &probing, &(struct styro_trial){.call = "fsopen", .error = EPERM, .done = true});
  ck_assert_str_eq(note.found, "fsopen: Operation not permitted");
  ck_assert(note.verdict == STYRO_VERDICT_MISSING && note.sys_errno == EPERM);
  probing.host.filtered = true;
  note = (struct styro_note){0};
  styro_note_trial(&note, &probing, &(struct styro_trial){.call = "clone3", .error = EPERM, .signal = SIGSYS});
  ck_assert_str_eq(note.found, "clone3: ended by SIGSYS; a filter of system calls stands around this process");
  ck_assert_int_eq(note.sys_errno, 0);
}
END_TEST

/* ---- trials ------------------------------------------------------------------------------------------------------ */

static void work(struct styro_trial *trial, const void *argument)
{
  trial->value = *(const int *)argument + 1;
  STYRO_TRY(trial, "getpid", sys_getpid());
}

static void be_refused(struct styro_trial *trial, const void *argument)
{
  (void)argument;
  if (STYRO_TRY(trial, "close", sys_close(-1))) {
    STYRO_TRY(trial, "never", 0);
  }
}

static void be_killed(struct styro_trial *trial, const void *argument)
{
  trial->call = "kill";
  sys_call(SYS_kill, sys_getpid(), *(const int *)argument, 0, 0, 0, 0);
}

START_TEST(a_trial_answers_from_its_own_process)
{
  struct styro_trial trial;
  int number = 41;
  styro_trial_run(work, &number, &trial);
  ck_assert(styro_trial_worked(&trial) && trial.value == 42 && number == 41);
  styro_trial_run(be_refused, NULL, &trial);
  ck_assert(!styro_trial_worked(&trial) && trial.done && trial.error == EBADF);
  ck_assert_str_eq(trial.call, "close");
  number = SIGKILL;
  styro_trial_run(be_killed, &number, &trial);
  ck_assert(!styro_trial_worked(&trial) && !trial.done && trial.signal == SIGKILL);
  ck_assert_str_eq(trial.call, "kill");
}
END_TEST

static void handler(int sig)
{
  (void)sig;
  write(STDERR_FILENO, "a handler ran\n", 14);
  abort();
}

/* The child has no signal unblocked, and sends none at its end. */
START_TEST(no_handler_of_the_caller_runs)
{
  struct styro_trial trial;
  int number = SIGUSR1;
  sigset_t before, after;
  signal(SIGUSR1, handler);
  signal(SIGCHLD, handler);
  memset(&before, 0, sizeof before);
  memset(&after, 0, sizeof after);
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  styro_trial_run(be_killed, &number, &trial);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  ck_assert(styro_trial_worked(&trial));
  ck_assert_int_eq(memcmp(&before, &after, sizeof before), 0);
}
END_TEST

START_TEST(sigchld_may_be_ignored)
{
  struct styro_trial trial;
  int number = SIGKILL;
  signal(SIGCHLD, SIG_IGN);
  styro_trial_run(be_killed, &number, &trial);
  ck_assert_int_eq(trial.signal, SIGKILL);
}
END_TEST

/* ---- the host ---------------------------------------------------------------------------------------------------- */

static void write_text(const char *text, size_t len)
{
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(text, 1, len, file), len);
  fclose(file);
}

START_TEST(numbers_of_files)
{
  static const struct {
    const char *text;
    int64_t number;
  } rows[] = {{"0\n", 0}, {"15000\n", 15000}, {"", -1}, {"x\n", -1}, {"5 6\n", -1}, {"7", 7}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    write_text(rows[i].text, strlen(rows[i].text));
    ck_assert_msg(styro_host_number(path) == rows[i].number, "`%s`", rows[i].text);
  }
  ck_assert_int_eq(styro_host_number("/nowhere/at/all"), -1);
}
END_TEST

START_TEST(lines_of_any_length)
{
  static char text[3 * STYRO_LINE];
  struct styro_lines lines;
  memset(text, 'x', sizeof text);
  memcpy(text, "first\n\n", 7);
  text[7 + STYRO_LINE] = '\n'; /* too long: what is left of it is no line that anybody knows */
  memcpy(text + 8 + STYRO_LINE, "last\nunended", 12);
  write_text(text, 20 + STYRO_LINE);
  styro_lines_open(&lines, path);
  ck_assert_str_eq(styro_lines_next(&lines), "first");
  ck_assert_str_eq(styro_lines_next(&lines), "");
  char *rest = styro_lines_next(&lines);
  ck_assert_uint_lt(strlen(rest), STYRO_LINE);
  ck_assert_str_eq(styro_lines_next(&lines), "last");
  ck_assert_ptr_null(styro_lines_next(&lines));
  ck_assert_ptr_null(styro_lines_next(&lines));
  styro_lines_open(&lines, "/nowhere/at/all");
  ck_assert_ptr_null(styro_lines_next(&lines));
}
END_TEST

/* ---- the report -------------------------------------------------------------------------------------------------- */

START_TEST(misuse_is_an_error)
{
  styro_report *report = NULL;
  styro_check check = {.size = sizeof check};
  const char *text = NULL;
  ck_assert_int_eq(styro_probe(NULL, NULL, NULL, &err), STYRO_EUSAGE);
  pretend = true;
  spawn_code = STYRO_ESPAWN;
  ck_assert_int_eq(styro_probe(NULL, NULL, &report, &err), 0);
  ck_assert_int_eq(styro_report_check(report, styro_report_count(report), &check, &err), STYRO_EUSAGE);
  check.size = 8;
  ck_assert_int_eq(styro_report_check(report, 0, &check, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_report_check(report, 0, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_report_check(NULL, 0, &check, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_report_json(report, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_report_json(NULL, &text, &err), STYRO_EUSAGE);
  ck_assert_uint_eq(styro_report_count(NULL), 0);
  ck_assert_int_eq(styro_report_works(NULL), 0);
  ck_assert_str_eq(styro_verdict_name(STYRO_VERDICT_UNTESTED), "untested");
  ck_assert_str_eq(styro_verdict_name(4), "unknown");
  styro_report_free(report);
  styro_report_free(NULL);
}
END_TEST

START_TEST(what_does_not_start_is_what_the_report_says)
{
  styro_report *report = NULL;
  styro_check check = {.size = sizeof check};
  pretend = true;
  spawn_code = STYRO_ESPAWN;
  ck_assert_int_eq(styro_probe(NULL, NULL, &report, &err), 0);
  ck_assert_int_eq(styro_report_works(report), 0);
  ck_assert_int_eq(styro_report_check(report, 0, &check, &err), 0);
  ck_assert(check.verdict == STYRO_VERDICT_MISSING && check.required);
  ck_assert_str_eq(check.found, "pretended");
  ck_assert_int_eq(styro_report_check(report, place_of("time_offsets"), &check, &err), 0);
  ck_assert_int_eq(check.verdict, STYRO_VERDICT_UNTESTED);
  ck_assert_str_eq(check.found, "not tried: it takes default_sandbox");
  styro_report_free(report);
}
END_TEST

static int probe_and_print(const styro_allocator *alloc, styro_error *error)
{
  styro_report *report = NULL;
  const char *text = NULL;
  int code = styro_probe(alloc, NULL, &report, error);
  code = code ? code : styro_report_json(report, &text, error);
  styro_report_free(report);
  return code;
}

START_TEST(every_lack_of_memory_is_one)
{
  pretend = true;
  spawn_code = STYRO_ESPAWN;
  kit_fail_every_allocation(probe_and_print);
  spawn_code = STYRO_ENOMEM; /* within the start of a sandbox */
  ck_assert_int_eq(probe_and_print(NULL, &err), STYRO_ENOMEM);
}
END_TEST

START_TEST(a_host_that_works)
{
  styro_report *report = NULL;
  if (emulated()) {
    printf("skipped: the probe of a whole host, which an emulator is not\n");
    return;
  }
  ck_assert_int_eq(styro_probe(NULL, NULL, &report, &err), 0);
  ck_assert_int_eq(styro_report_works(report), 1);
  styro_report_free(report);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("probe");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, rows_are_whole_and_need_only_what_stands_above);
  tcase_add_test(cases, groups_stand_together);
  tcase_add_test(cases, notes_are_added_cut_and_cleaned);
  tcase_add_test(cases, a_trial_is_told_by_its_call);
  if (translated()) {
    printf("skipped: three tests: qemu-user starts no process that ends without a signal\n");
  } else {
    tcase_add_test(cases, a_trial_answers_from_its_own_process);
    tcase_add_test(cases, no_handler_of_the_caller_runs);
    tcase_add_test(cases, sigchld_may_be_ignored);
  }
  tcase_add_test(cases, numbers_of_files);
  tcase_add_test(cases, lines_of_any_length);
  tcase_add_test(cases, misuse_is_an_error);
  tcase_add_test(cases, what_does_not_start_is_what_the_report_says);
  tcase_add_test(cases, every_lack_of_memory_is_one);
  tcase_add_test(cases, a_host_that_works);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
