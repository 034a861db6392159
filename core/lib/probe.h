/*
 * The probe: checks of this host as rows of one table (probe_table.c), and what each of them notes. A check looks or tries;
 * what it tries is done by a child process (probe_trial.h) or by a whole sandbox (probe_sandbox.c).
 */
#ifndef STYRO_LIB_PROBE_H
#define STYRO_LIB_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "alloc.h"
#include "error.h"
#include "probe_host.h"
#include "probe_trial.h"
#include "styrolite.h"

/* What a check found; texts that do not fit are cut. */
struct styro_note {
  int verdict;   /* enum styro_verdict */
  bool required; /* the row's word, unless the check knows better */
  int sys_errno;
  char found[512];
  char means[384]; /* the row's word, unless the check knows better */
  char remedy[1024];
};

struct styro_check_row;

struct styro_probing {
  styro_allocator alloc;
  const char *helper; /* as the caller named it, or NULL */
  struct styro_host host;
  struct styro_note *notes; /* of the checks so far, in the table's order */
};

/* 0, or STYRO_ENOMEM: all else is what the note says. The note says OK and holds no text but the row's. */
typedef int styro_check_fn(struct styro_probing *probing, const struct styro_check_row *check, struct styro_note *note,
                           styro_error *err);

struct styro_check_row {
  const char *name;
  const char *group;
  bool required;
  const char *needs[2]; /* rows further up without which nothing can be tried here */
  const char *means;    /* what it means for sandboxes that this is missing */
  styro_check_fn *run;
  unsigned kind; /* the check's own */
};

extern const struct styro_check_row styro_checks[];
extern const size_t styro_checks_n;

/* The note of a row further up. */
const struct styro_note *styro_probing_note(const struct styro_probing *probing, const char *name);

/* ---- notes ---- */

void styro_note_found(struct styro_note *note, const char *format, ...) __attribute__((format(printf, 2, 3)));
void styro_note_means(struct styro_note *note, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One more line; comments begin with `# `. */
void styro_note_remedy(struct styro_note *note, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The verdict `missing` with what a trial came to: the call, its errno or the signal that ended it. */
void styro_note_trial(struct styro_note *note, const struct styro_probing *probing, const struct styro_trial *trial);

/* ---- remedies that several checks have (probe_remedy.c) ---- */

/* For a call that was answered with EPERM, ENOSYS or a signal: who may stand around this process. */
void styro_remedy_filter(struct styro_note *note, const struct styro_host *host);
/* For a namespace that was refused with this errno. `limit` is its sysctl below /proc/sys/user. */
void styro_remedy_namespace(struct styro_note *note, const struct styro_host *host, int number, const char *limit);
/* For options of the kernel's command line. */
void styro_remedy_boot(struct styro_note *note, const struct styro_host *host, const char *option);
/* For a package by its names on Debian and on Fedora and their kin. */
void styro_remedy_package(struct styro_note *note, const struct styro_host *host, const char *debian,
                          const char *fedora);

/*
 * Whether the calls that starting a sandbox makes in the calling process itself can be made there: a filter may answer one
 * with a signal, and *trial then says which. (probe_kernel.c)
 */
bool styro_calls_are_safe(struct styro_trial *trial);

/* ---- the checks, by file ---- */

styro_check_fn styro_check_default, styro_check_mode, styro_check_clocks, styro_check_subordinate,
    styro_check_level;                                                                          /* probe_sandbox.c */
styro_check_fn styro_check_helper, styro_check_memory_exec;                                     /* probe_helper.c */
styro_check_fn styro_check_kernel, styro_check_clone3, styro_check_calls;                       /* probe_kernel.c */
styro_check_fn styro_check_seccomp, styro_check_landlock;                                       /* probe_filters.c */
styro_check_fn styro_check_apparmor, styro_check_selinux;                                       /* probe_label.c */
styro_check_fn styro_check_space, styro_check_maps;                                             /* probe_spaces.c */
styro_check_fn styro_check_mounts, styro_check_detached, styro_check_proc, styro_check_overlay; /* probe_mounts.c */
styro_check_fn styro_check_cgroup, styro_check_delegation;                                      /* probe_cgroup.c */
styro_check_fn styro_check_id_tools, styro_check_pasta;                                         /* probe_tools.c */

#endif
