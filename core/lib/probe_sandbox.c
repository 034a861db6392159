/* Checks that start a whole sandbox, as any caller would, and look at its outcome. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "runner.h"
#include "sandbox_trial.h"
#include "spawn_mode.h"

#define BY_THE_RULE (-1)
#define LIMIT_MS 30000

/* STYRO_ENOMEM is an error; all else that goes wrong is what was asked for. */
static int run_request(const struct styro_probing *probing, const char *json, int mode, struct styro_ran *ran,
                       styro_error *err)
{
  styro_error why = {.size = sizeof why};
  styro_runner *runner = NULL;
  memset(ran, 0, sizeof *ran);
  int code = styro_runner_new(&probing->alloc, probing->helper, &runner, &why);
  if (code == 0 && mode != BY_THE_RULE) {
    runner->forced_mode = mode;
  }
  code = code ? code : styro_sandbox_try(runner, json, LIMIT_MS, true, ran, &why);
  styro_runner_free(runner);
  if (code != 0) {
    ran->error = why;
    memcpy(ran->said, why.message, sizeof ran->said);
  }
  return code == STYRO_ENOMEM ? styro_fail_memory(err, STYRO_STAGE_NONE) : 0;
}

static void note_failure(const struct styro_ran *ran, struct styro_note *note)
{
  note->verdict = STYRO_VERDICT_MISSING;
  note->sys_errno = ran->error.sys_errno;
  styro_note_found(note, "%s", ran->said);
}

/* The failure's own hint, and commands where a filter is likely to be at fault. */
static void mend_start(const struct styro_probing *probing, const struct styro_ran *ran, struct styro_note *note)
{
  if (ran->error.hint[0]) {
    styro_note_remedy(note, "# %s", ran->error.hint);
  }
  bool refused = ran->error.sys_errno == EPERM || ran->error.sys_errno == ENOSYS;
  if (probing->host.filtered && (refused || ran->killed)) {
    styro_remedy_filter(note, &probing->host);
  }
}

int styro_check_default(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                        styro_error *err)
{
  struct styro_ran ran;
  (void)check;
  int code = run_request(probing, "{\"version\": 1}", BY_THE_RULE, &ran, err);
  if (ran.worked) {
    styro_note_found(note, "works, in the spawn mode %s", ran.spawn_mode);
  } else {
    note_failure(&ran, note);
    mend_start(probing, &ran, note);
  }
  return code;
}

int styro_check_mode(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                     styro_error *err)
{
  struct styro_ran ran;
  int code = run_request(probing, "{\"version\": 1}", (int)check->kind, &ran, err);
  bool other = styro_probing_note(probing, "default_sandbox")->verdict == STYRO_VERDICT_OK;
  if (ran.worked) {
    styro_note_found(note, "the default sandbox works in it");
    return code;
  }
  note_failure(&ran, note);
  if (other) {
    note->verdict = STYRO_VERDICT_LIMITED;
  } else {
    styro_note_means(note, "%s", ""); /* said above */
  }
  return code;
}

int styro_check_level(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                      styro_error *err)
{
  struct styro_ran ran;
  (void)check;
  int code = run_request(probing, "{\"version\": 1, \"isolation\": [\"process\"]}", BY_THE_RULE, &ran, err);
  if (ran.worked) {
    styro_note_found(note, "works");
  } else {
    note_failure(&ran, note);
    mend_start(probing, &ran, note);
  }
  return code;
}

int styro_check_clocks(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                       styro_error *err)
{
  struct styro_ran ran;
  (void)check;
  int code = run_request(probing, "{\"version\": 1, \"namespaces\": {\"time\": {\"boottime\": \"1h\"}}}", BY_THE_RULE,
                         &ran, err);
  if (!ran.worked) {
    note_failure(&ran, note);
    mend_start(probing, &ran, note);
    return code;
  }
  styro_note_found(note, "a sandbox had clocks of its own, in the spawn mode %s", ran.spawn_mode);
  return code;
}

/* ---- subordinate ids --------------------------------------------------------------------------------------------- */

#define FIRST_ID 100000u
#define IDS_N 65536u

/* Behind all ranges of both files, so that nobody else has it. */
static unsigned long free_range(void)
{
  static const char *const files[] = {"/etc/subuid", "/etc/subgid"};
  struct styro_lines lines;
  unsigned long next = FIRST_ID, range[2]; /* from where, how many */
  for (size_t i = 0; i < 2; i++) {
    styro_lines_open(&lines, files[i]);
    for (char *line; (line = styro_lines_next(&lines)) != NULL;) {
      const char *numbers = strchr(line, ':');
      if (numbers && styro_line_numbers(numbers, ':', range, 2) && range[0] + range[1] > next) {
        next = range[0] + range[1];
      }
    }
  }
  return next;
}

/* usermod(8) takes names only. */
static void mend_ranges(const struct styro_host *host, struct styro_note *note)
{
  unsigned long first = free_range(), last = first + IDS_N - 1;
  if (host->user[0]) {
    styro_note_remedy(note, "sudo usermod --add-subuids %lu-%lu --add-subgids %lu-%lu %s", first, last, first, last,
                      host->user);
  } else {
    styro_note_remedy(note, "echo %u:%lu:%u | sudo tee -a /etc/subuid /etc/subgid", (unsigned)host->uid, first, IDS_N);
  }
}

int styro_check_subordinate(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                            styro_error *err)
{
  struct styro_ran ran;
  const char *user = probing->host.user[0] ? probing->host.user : "this user";
  (void)check;
  int code = run_request(probing, "{\"version\": 1, \"user\": {\"uid_map\": \"subuid\", \"gid_map\": \"subuid\"}}",
                         BY_THE_RULE, &ran, err);
  if (ran.worked) {
    styro_note_found(note, "a sandbox had those of %s", user);
    return code;
  }
  note_failure(&ran, note);
  if (strstr(ran.said, "no subordinate ids")) {
    mend_ranges(&probing->host, note);
  } else {
    mend_start(probing, &ran, note);
  }
  return code;
}
