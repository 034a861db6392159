/*
 * The probe and its report: runs the table of checks from top to bottom and keeps what each noted. What a check does is its
 * own file's business; what it costs or changes is bounded there.
 */
#include "probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "encoding.h"

struct styro_report {
  styro_allocator alloc;
  struct styro_note *notes; /* styro_checks_n of them */
  char release[72];
  char *json;
};

/* ---- notes ------------------------------------------------------------------------------------------------------- */

/* Appends; what quotes a path may hold anything, so it is cleaned of what would steer a terminal. */
static void append(char *out, size_t size, const char *format, va_list list) __attribute__((format(printf, 3, 0)));

static void append(char *out, size_t size, const char *format, va_list list)
{
  size_t len = strlen(out);
  vsnprintf(out + len, size - len, format, list);
  styro_line_clean(out + len);
}

void styro_note_found(struct styro_note *note, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  append(note->found, sizeof note->found, format, list);
  va_end(list);
}

void styro_note_means(struct styro_note *note, const char *format, ...)
{
  va_list list;
  note->means[0] = '\0';
  va_start(list, format);
  append(note->means, sizeof note->means, format, list);
  va_end(list);
}

void styro_note_remedy(struct styro_note *note, const char *format, ...)
{
  va_list list;
  size_t len = strlen(note->remedy);
  if (len > 0 && len + 1 < sizeof note->remedy) {
    note->remedy[len] = '\n';
    note->remedy[++len] = '\0';
  }
  va_start(list, format);
  append(note->remedy, sizeof note->remedy, format, list);
  va_end(list);
}

void styro_note_trial(struct styro_note *note, const struct styro_probing *probing, const struct styro_trial *trial)
{
  note->verdict = STYRO_VERDICT_MISSING;
  note->sys_errno = trial->signal ? 0 : trial->error;
  const char *name = trial->signal ? styro_signal_name(trial->signal) : NULL;
  if (trial->signal) {
    styro_note_found(note, "%s: ended by %s", trial->call, name ? name : "a signal");
  } else {
    styro_note_found(note, "%s: %s", trial->call, strerrordesc_np(trial->error));
  }
  if (probing->host.filtered) {
    styro_note_found(note, "; a filter of system calls stands around this process");
  }
}

/* ---- the checks -------------------------------------------------------------------------------------------------- */

static size_t index_of(const char *name)
{
  size_t i = 0;
  while (i < styro_checks_n && strcmp(styro_checks[i].name, name) != 0) {
    i++;
  }
  return i;
}

const struct styro_note *styro_probing_note(const struct styro_probing *probing, const char *name)
{
  return &probing->notes[index_of(name)];
}

static bool is_lacking(const struct styro_note *note)
{
  return note->verdict == STYRO_VERDICT_MISSING || note->verdict == STYRO_VERDICT_UNTESTED;
}

/* What the row builds on and this host has not; NULL: all is there. */
static const char *find_lack(const struct styro_probing *probing, const struct styro_check_row *check)
{
  for (size_t i = 0; i < sizeof check->needs / sizeof check->needs[0] && check->needs[i] != NULL; i++) {
    if (is_lacking(styro_probing_note(probing, check->needs[i]))) {
      return check->needs[i];
    }
  }
  return NULL;
}

/* What the default sandbox needs cannot be missing where that works: it has another way then. */
static void weigh(const struct styro_probing *probing, size_t i)
{
  struct styro_note *note = &probing->notes[i];
  bool works = i > 0 && !is_lacking(&probing->notes[0]);
  if (works && note->required && note->verdict == STYRO_VERDICT_MISSING) {
    note->verdict = STYRO_VERDICT_LIMITED;
    styro_note_means(note,
                     "sandboxes get it through the helper, which this host lets do more than the calling program");
  }
  if (note->verdict == STYRO_VERDICT_OK) {
    note->means[0] = note->remedy[0] = '\0';
  }
}

static int check_all(struct styro_probing *probing, styro_error *err)
{
  int code = 0;
  for (size_t i = 0; code == 0 && i < styro_checks_n; i++) {
    const struct styro_check_row *check = &styro_checks[i];
    struct styro_note *note = &probing->notes[i];
    const char *lack = find_lack(probing, check);
    note->required = check->required;
    styro_note_means(note, "%s", check->means);
    if (lack != NULL) {
      note->verdict = STYRO_VERDICT_UNTESTED;
      styro_note_found(note, "not tried: it takes %s", lack);
    } else {
      code = check->run(probing, check, note, err);
    }
    weigh(probing, i);
  }
  return code;
}

int styro_probe(const styro_allocator *alloc, const char *helper, styro_report **out, styro_error *err)
{
  struct styro_probing probing = {.alloc = styro_allocator_or_malloc(alloc), .helper = helper};
  if (!out) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "the place for the report is NULL");
  }
  styro_report *report = styro_alloc(&probing.alloc, sizeof *report);
  struct styro_note *notes = styro_alloc_array(&probing.alloc, styro_checks_n, sizeof *notes);
  int code = STYRO_ENOMEM;
  if (report && notes) {
    *report = (styro_report){.alloc = probing.alloc};
    report->notes = probing.notes = notes;
    styro_host_look(&probing.host, helper);
    memcpy(report->release, probing.host.release, sizeof report->release);
    code = check_all(&probing, err);
    styro_host_end(&probing.host);
  } else {
    styro_fail_memory(err, STYRO_STAGE_NONE);
  }
  if (code != 0) {
    styro_dealloc(&probing.alloc, notes, styro_checks_n * sizeof *notes);
    styro_dealloc(&probing.alloc, report, sizeof *report);
    return code;
  }
  *out = report;
  return 0;
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

void styro_report_free(styro_report *report)
{
  if (report != NULL) {
    styro_allocator alloc = report->alloc;
    styro_strfree(&alloc, report->json);
    styro_dealloc(&alloc, report->notes, styro_checks_n * sizeof *report->notes);
    styro_dealloc(&alloc, report, sizeof *report);
  }
}

int styro_report_works(const styro_report *report)
{
  return report != NULL && !is_lacking(&report->notes[0]);
}

size_t styro_report_count(const styro_report *report)
{
  return report != NULL ? styro_checks_n : 0;
}

int styro_report_check(const styro_report *report, size_t index, styro_check *out, styro_error *err)
{
  if (report == NULL || index >= styro_checks_n) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "there is no check %zu", index);
  }
  if (out == NULL || out->size < sizeof *out) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "the `size` of the check is not that of styro_check");
  }
  const struct styro_note *note = &report->notes[index];
  *out = (styro_check){.size = out->size,
                       .verdict = note->verdict,
                       .required = note->required,
                       .sys_errno = note->sys_errno,
                       .name = styro_checks[index].name,
                       .group = styro_checks[index].group,
                       .found = note->found,
                       .means = note->means,
                       .remedy = note->remedy};
  return 0;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void put_text(struct styro_buffer *buffer, const char *key, const char *text)
{
  styro_buffer_format(buffer, ", \"%s\": ", key);
  styro_buffer_json_string(buffer, text, strlen(text));
}

/* A list of its lines. */
static void put_lines(struct styro_buffer *buffer, const char *key, const char *text)
{
  const char *comma = "";
  styro_buffer_format(buffer, ", \"%s\": [", key);
  while (*text != '\0') {
    size_t len = strcspn(text, "\n");
    styro_buffer_text(buffer, comma);
    styro_buffer_json_string(buffer, text, len);
    text += len + (text[len] == '\n');
    comma = ", ";
  }
  styro_buffer_text(buffer, "]");
}

static void put_check(struct styro_buffer *buffer, const struct styro_check_row *check, const struct styro_note *note)
{
  styro_buffer_format(buffer, "{\"name\": \"%s\"", check->name);
  put_text(buffer, "group", check->group);
  put_text(buffer, "verdict", styro_verdict_name(note->verdict));
  styro_buffer_format(buffer, ", \"required\": %s", note->required ? "true" : "false");
  if (note->sys_errno) {
    put_text(buffer, "errno", styro_errno_name(note->sys_errno));
  } else {
    styro_buffer_text(buffer, ", \"errno\": null");
  }
  put_text(buffer, "found", note->found);
  put_text(buffer, "means", note->means);
  put_lines(buffer, "remedy", note->remedy);
  styro_buffer_text(buffer, "}");
}

int styro_report_json(styro_report *report, const char **out, styro_error *err)
{
  struct styro_buffer buffer;
  if (report == NULL || out == NULL) {
    return styro_fail(err, STYRO_EUSAGE, STYRO_STAGE_NONE, 0, "the report, or the place for its text, is NULL");
  }
  if (report->json == NULL) {
    styro_buffer_init(&buffer, &report->alloc);
    styro_buffer_format(&buffer, "{\"version\": 1, \"works\": %s", styro_report_works(report) ? "true" : "false");
    put_text(&buffer, "library", styro_version());
    put_text(&buffer, "kernel", report->release);
    styro_buffer_text(&buffer, ", \"checks\": [");
    for (size_t i = 0; i < styro_checks_n; i++) {
      styro_buffer_text(&buffer, i > 0 ? ", " : "");
      put_check(&buffer, &styro_checks[i], &report->notes[i]);
    }
    styro_buffer_text(&buffer, "]}");
    report->json = styro_buffer_steal(&buffer);
    styro_buffer_free(&buffer);
  }
  if (report->json == NULL) {
    return styro_fail_memory(err, STYRO_STAGE_NONE);
  }
  *out = report->json;
  return 0;
}
