/*
 * styrolite.h - the only public header: start programs inside Linux sandboxes.
 *
 * A *request* says what may be touched and what to run; it compiles once to an immutable *plan*; a *runner* starts
 * plans through the shared helper executable; a *process* is one running sandbox and gives one typed *outcome*.
 *
 * Conventions, valid for every function unless its comment says otherwise:
 *  - Fallible calls return 0 (or a documented non-negative value) or a negative `enum styro_code`, and fill *err,
 *    which may be NULL. There is no global and no thread-local state.
 *  - Out-parameters are assigned last, and only on success. Strings and arrays that are passed in are copied.
 *  - `const char *` that come out belong to the handle that gave them: until its next call of that function or its free.
 *  - A handle's memory comes from the allocator it was made with. `_free(NULL)` does nothing.
 *  - Requests and processes belong to one thread at a time; plans and runners are immutable and shared by threads.
 *  - Structs start with `size`: set it to sizeof(struct). Sizes are bytes, durations nanoseconds, waits milliseconds.
 *  - The library never changes signal handlers, the signal mask (after return), cwd, umask, SIGCHLD, subreaper state,
 *    credentials or dumpability of the calling process, and never makes a copying fork of it, but in styro_probe().
 */
#ifndef STYROLITE_H
#define STYROLITE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STYRO_VERSION_MAJOR 0
#define STYRO_VERSION_MINOR 1
#define STYRO_VERSION_PATCH 0
#define STYRO_VERSION "0.1.0"

/* ---- allocation ------------------------------------------------------------------------------------------------ */

/*
 * One function for all three needs, the shape of lua_Alloc (Lua 5.4 manual, section 4.6): ptr NULL allocates,
 * new_size 0 frees and returns NULL, else the block is resized. old_size is what was asked for last (0 with ptr NULL).
 * It may fail by returning NULL when new_size > 0; the old block is then kept.
 */
typedef void *(*styro_alloc_fn)(void *ctx, void *ptr, size_t old_size, size_t new_size);

/* Copied into each handle; ctx must outlive all handles made with it. Called only on the thread that uses the handle. */
typedef struct styro_allocator {
  styro_alloc_fn fn;
  void *ctx;
} styro_allocator;

/* ---- errors ---------------------------------------------------------------------------------------------------- */

/* What kind of failure it was. Values are never renumbered. */
enum styro_code {
  STYRO_OK = 0,
  STYRO_ENOMEM = -1,       /* the handle's allocator, or a library below, had no memory */
  STYRO_EPARSE = -2,       /* text that is not JSON, or not what the field's grammar says */
  STYRO_EREQUEST = -3,     /* a request that contradicts itself or the field table; nothing was run */
  STYRO_EUNSUPPORTED = -4, /* known, but not by this version or this kernel */
  STYRO_EHELPER = -5,      /* the helper executable is missing, of another version, or not to be trusted */
  STYRO_ESPAWN = -6,       /* the kernel refused a descriptor, memory or the new process */
  STYRO_ESETUP = -7,       /* the sandbox could not be set up as asked; the payload never ran */
  STYRO_EEXEC = -8,        /* the sandbox stood, but the payload could not be executed */
  STYRO_EUSAGE = -9,       /* a call out of order, a NULL where none may be, a struct of unknown size */
  STYRO_EAGAIN = -10,      /* wait_ms went by; call again */
  STYRO_EIO = -11          /* a read, write or poll of the library's own failed */
};

/* Where it happened; styro_stage_name() gives the lower-case name that JSON carries. Values are never renumbered. */
enum styro_stage {
  STYRO_STAGE_NONE = 0,
  STYRO_STAGE_PARSE = 1,
  STYRO_STAGE_VALIDATE = 2,
  STYRO_STAGE_COMPILE = 3,
  STYRO_STAGE_HELPER = 4,
  STYRO_STAGE_SPAWN = 5,
  STYRO_STAGE_SOURCE = 6,
  STYRO_STAGE_IDS = 7,
  STYRO_STAGE_JOIN = 8,
  STYRO_STAGE_CGROUP = 9,
  STYRO_STAGE_NETWORK = 10,
  STYRO_STAGE_UTS = 11,
  STYRO_STAGE_ROOT = 12,
  STYRO_STAGE_MOUNT = 13,
  STYRO_STAGE_PATH = 14,
  STYRO_STAGE_DEVICE = 15,
  STYRO_STAGE_PROC = 16,
  STYRO_STAGE_PROCESS = 17,
  STYRO_STAGE_RLIMIT = 18,
  STYRO_STAGE_IDENTITY = 19,
  STYRO_STAGE_CAPABILITY = 20,
  STYRO_STAGE_LABEL = 21,
  STYRO_STAGE_LANDLOCK = 22,
  STYRO_STAGE_SECCOMP = 23,
  STYRO_STAGE_ACCESS = 24,
  STYRO_STAGE_COMMAND = 25,
  STYRO_STAGE_EXEC = 26,
  STYRO_STAGE_SUPERVISE = 27
};

/* Filled by every failing call; fixed size, needs no memory and no free. Empty strings mean "nothing to say". */
typedef struct styro_error {
  size_t size;       /* sizeof(styro_error), set by the caller */
  int code;          /* enum styro_code */
  int sys_errno;     /* errno(3) of the system call at fault, or 0 */
  int stage;         /* enum styro_stage */
  char field[128];   /* JSON pointer (RFC 6901) of the request's field, such as "/paths/~1out" */
  char object[256];  /* the path, name or number at fault */
  char message[512]; /* one sentence without a final full stop */
  char hint[512];    /* what to do about it */
} styro_error;

/* Lower-case name of a stage ("mount") or of a code ("request"); "unknown" for others. Static text. */
const char *styro_stage_name(int stage);
const char *styro_code_name(int code);

/* "0.1.0", of the library that is linked (STYRO_VERSION is that of the header). Static text. */
const char *styro_version(void);

/* ---- protections ----------------------------------------------------------------------------------------------- */

/* What a sandbox promises, as bits 1 << value of a uint64_t mask. Values are never renumbered. */
enum styro_protection {
  STYRO_PATH_VIEW = 0,
  STYRO_READ_ONLY_PATHS = 1,
  STYRO_DENIED_PATHS = 2,
  STYRO_MASKED_PATHS = 3,
  STYRO_PRIVATE_TMP = 4,
  STYRO_DEVICE_ALLOWLIST = 5,
  STYRO_PROCESS_VIEW = 6,
  STYRO_PROCESS_SIGNALS = 7,
  STYRO_IPC_ISOLATION = 8,
  STYRO_NETWORK_ISOLATION = 9,
  STYRO_ABSTRACT_SOCKETS = 10,
  STYRO_HOSTNAME = 11,
  STYRO_CGROUP_VIEW = 12,
  STYRO_TIME_OFFSETS = 13,
  STYRO_USER_IDS = 14,
  STYRO_SUPPLEMENTARY_GROUPS = 15,
  STYRO_CAPABILITIES = 16,
  STYRO_NO_NEW_PRIVS = 17,
  STYRO_SECCOMP = 18,
  STYRO_NESTED_USER_NAMESPACES = 19,
  STYRO_LANDLOCK_PATHS = 20,
  STYRO_LANDLOCK_NETWORK = 21,
  STYRO_LANDLOCK_SCOPES = 22,
  STYRO_SESSION_KEYRING = 23,
  STYRO_NEW_SESSION = 24,
  STYRO_CLOSED_FDS = 25,
  STYRO_HELPER_IMAGE = 26,
  STYRO_TREE_KILL = 27,
  STYRO_CALLER_DEATH = 28,
  STYRO_LIMIT_MEMORY = 29,
  STYRO_LIMIT_SWAP = 30,
  STYRO_LIMIT_PIDS = 31,
  STYRO_LIMIT_CPU = 32,
  STYRO_LIMIT_CPUSET = 33,
  STYRO_LIMIT_IO = 34,
  STYRO_RLIMITS = 35,
  STYRO_DISK_SIZE = 36,
  STYRO_OUTPUT_LIMIT = 37,
  STYRO_TIMEOUT_WALL = 38,
  STYRO_TIMEOUT_CPU = 39,
  STYRO_LSM_LABEL = 40,
  STYRO_PROTECTION_COUNT = 41
};

/* Lower-case name of a protection ("masked_paths"), NULL past the last. Static text. */
const char *styro_protection_name(int protection);

/* ---- request --------------------------------------------------------------------------------------------------- */

/* What may be touched and what to run: an opaque builder. docs/request.md lists every field. */
typedef struct styro_request styro_request;

/* An empty request (= the default sandbox). alloc NULL: malloc. */
int styro_request_new(const styro_allocator *alloc, styro_request **out, styro_error *err);

/*
 * Reads a whole request from JSON text of len bytes (at most 4 MiB, 16 levels deep). Exact: unknown and duplicate keys
 * are refused with their JSON pointer and the nearest known key. Files that `extends` names are not read before compile.
 */
int styro_request_from_json(const styro_allocator *alloc, const char *text, size_t len, styro_request **out,
                            styro_error *err);

/* Ends the handle. NULL is fine. */
void styro_request_free(styro_request *request);

/*
 * Sets the field at a JSON pointer ("/timeout", "/user/uid", "/paths/~1out") from text, in the grammar of the command's
 * --set: sizes "256M", durations "1.5s", booleans "true"/"false"; lists, maps and objects as JSON.
 */
int styro_request_set(styro_request *request, const char *pointer, const char *text, styro_error *err);

/* The same from an integer; for durations it counts nanoseconds, for sizes bytes. */
int styro_request_set_int(styro_request *request, const char *pointer, int64_t value, styro_error *err);

/* The same from one JSON value. */
int styro_request_set_json(styro_request *request, const char *pointer, const char *json, styro_error *err);

/*
 * Adds to a list (key NULL) or sets one entry of a map ("/env", "HOME", "/x"; "/paths", "/out", "rw"). The key is plain
 * text, not a JSON pointer segment.
 */
int styro_request_add(styro_request *request, const char *pointer, const char *key, const char *text, styro_error *err);

/*
 * Hands a descriptor to the field at the pointer ("/preserve_fds" adds one). The number is kept, the descriptor stays
 * the caller's and must be open at spawn.
 */
int styro_request_set_fd(styro_request *request, const char *pointer, int fd, styro_error *err);

/*
 * Gives the variable NAME of ${NAME} in path texts a value. Without one, or where it is not UTF-8, a use of ${NAME} is an
 * error at compile.
 */
int styro_request_set_variable(styro_request *request, const char *name, const char *value, styro_error *err);

/* The request as JSON: only what was set, in the table's order. *out belongs to the request. */
int styro_request_to_json(styro_request *request, const char **out, styro_error *err);

/*
 * The request's own text at a pointer after presets and defaults are applied ("/timeout/wall" → "5000000000").
 * *out belongs to the request, until the next call that gives a text of it; NULL when the field is not set and has no
 * default.
 */
int styro_request_get(styro_request *request, const char *pointer, const char **out, styro_error *err);

/* Checks the whole request, presets included, as compile does, and touches no host object. */
int styro_request_validate(const styro_request *request, styro_error *err);

/*
 * The JSON Schema (draft 2020-12) of a request, made from the same table that reads it. *out belongs to the request;
 * its values do not matter.
 */
int styro_request_schema(styro_request *request, const char **out, styro_error *err);

/* ---- plan ------------------------------------------------------------------------------------------------------ */

/* A compiled request: immutable, shared by threads and runs. */
typedef struct styro_plan styro_plan;

enum styro_format { STYRO_FORMAT_TEXT = 0, STYRO_FORMAT_JSON = 1 };

/*
 * Compiles the request as it stands; it may be changed or freed afterwards. A pure function of the request, its
 * variables, presets and preset files: no host state is read. Memory comes from the request's allocator.
 */
int styro_plan_compile(const styro_request *request, styro_plan **out, styro_error *err);

/*
 * Takes a plan from the bytes of styro_plan_bytes() of the same build (wire identity is compared, every offset checked).
 */
int styro_plan_from_bytes(const styro_allocator *alloc, const void *bytes, size_t len, styro_plan **out,
                          styro_error *err);

void styro_plan_free(styro_plan *plan);

/* The plan's block: flat, position-independent. *out and *len belong to the plan. */
int styro_plan_bytes(const styro_plan *plan, const void **out, size_t *len, styro_error *err);

/*
 * Every step in the order in which it runs, in plain words, with why it stands there. format: enum styro_format.
 * The text belongs to the caller: free it with styro_text_free() and the same allocator (NULL: malloc).
 */
int styro_plan_explain(const styro_plan *plan, int format, const styro_allocator *alloc, char **out, styro_error *err);

/* Frees a text that a function handed to the caller. NULL is fine. */
void styro_text_free(const styro_allocator *alloc, char *text);

/* ---- runner ---------------------------------------------------------------------------------------------------- */

/* Holds the checked helper executable and what the kernel can do. Shared by threads. */
typedef struct styro_runner styro_runner;

/*
 * Finds the helper: `helper` (a path) when not NULL, else $STYROLITE_HELPER (secure_getenv(3)), else beside this library,
 * else in libexec. File and directory must belong to root or the caller and be writable by nobody else. One that belongs
 * to the caller is copied into a sealed memfd. $STYRO_SPAWN (vfork or helper) forces a spawn mode; $STYRO_KERNEL (such as
 * 6.1) leaves features of newer kernels alone. A privileged program (secure_getenv(3)) takes none of them.
 */
int styro_runner_new(const styro_allocator *alloc, const char *helper, styro_runner **out, styro_error *err);

void styro_runner_free(styro_runner *runner);

/* Path of the helper in use; belongs to the runner. */
const char *styro_runner_helper(const styro_runner *runner);

/* ---- process --------------------------------------------------------------------------------------------------- */

/* One running sandbox. Freeing it kills the whole tree. */
typedef struct styro_process styro_process;

/* Where a standard stream of the payload comes from or goes to. */
enum styro_stream_kind {
  STYRO_STREAM_INHERIT = 0, /* the caller's own descriptor of that number; /dev/null where that is closed */
  STYRO_STREAM_NULL = 1,    /* /dev/null */
  STYRO_STREAM_FD = 2,      /* `fd`, which stays the caller's */
  STYRO_STREAM_PIPE = 3     /* stdin: fed with `data`; stdout, stderr: captured, within the output limit */
};

typedef struct styro_stream {
  int kind;         /* enum styro_stream_kind */
  int fd;           /* for STYRO_STREAM_FD */
  const void *data; /* stdin with STYRO_STREAM_PIPE: what to feed; copied unless `borrow` */
  size_t len;
  int borrow; /* 1: data stays valid until the process is freed, and is not copied */
} styro_stream;

/* What varies from run to run. All zero but size: the request's own command, the caller's stdio. */
typedef struct styro_run {
  size_t size;
  const char *const *argv; /* NULL-terminated; NULL: the request's command */
  const char *const *env;  /* NULL-terminated NAME=value additions, NULL: none */
  const char *cwd;         /* inside; NULL: the request's */
  styro_stream in;
  styro_stream out;
  styro_stream err;
  const int
      *preserve_fds; /* more descriptors for the payload, under their own numbers; needs preserve_fds "by_caller" */
  size_t preserve_fds_n;
  int64_t timeout;       /* wall nanoseconds, 0: the request's; the smaller of the two holds */
  uint64_t output_limit; /* bytes per captured stream, 0: the request's; the smaller of the two holds */
  const char *name;      /* shown in the outcome; at most 64 bytes; NULL: none */
} styro_run;

/* How it ended. Values are never renumbered. */
enum styro_reason {
  STYRO_EXITED = 0,
  STYRO_SIGNALED = 1,
  STYRO_TIMED_OUT = 2,
  STYRO_OOM_KILLED = 3,
  STYRO_OUTPUT_LIMITED = 4,
  STYRO_CANCELED = 5,
  STYRO_SETUP_FAILED = 6,
  STYRO_EXEC_FAILED = 7,
  STYRO_LOST = 8
};

/* Lower-case name of a reason ("exited"), "unknown" for others. Static text. */
const char *styro_reason_name(int reason);

/* What it used; -1 where it is not known. Times in nanoseconds, sizes in bytes. */
typedef struct styro_usage {
  size_t size;
  int64_t wall;
  int64_t user;
  int64_t system;
  int64_t max_rss;
  int64_t memory_peak;
  int64_t pids_peak;
  int64_t minor_faults;
  int64_t major_faults;
  int64_t switches_voluntary;
  int64_t switches_involuntary;
  int64_t read_bytes;
  int64_t write_bytes;
  int64_t setup_spawn;    /* from the call until the helper's first instruction */
  int64_t setup_helper;   /* reading and checking the plan, opening the sources */
  int64_t setup_tree;     /* namespaces' contents and the mount tree, until the old root is gone */
  int64_t setup_identity; /* ids, resets, capabilities, filter */
  int64_t setup_exec;     /* the payload's exec */
} styro_usage;

/* One captured stream. data holds `kept` bytes (head, then tail where both are kept) and belongs to the process. */
typedef struct styro_capture {
  int captured; /* 0: the stream was not captured, the rest is zero */
  int truncated;
  uint64_t bytes; /* what the payload wrote and was read */
  const char *data;
  size_t kept;
} styro_capture;

/* The whole answer. Pointers in it belong to the process. */
typedef struct styro_outcome {
  size_t size;
  int reason; /* enum styro_reason */
  int code;   /* exit code of the payload, -1 unless it exited */
  int signal; /* signal that ended the payload, 0 if none */
  int core_dumped;
  char detail[16];   /* "wall" or "cpu" (timed_out), "stdout" or "stderr" (output_limit), else "" */
  styro_error error; /* code STYRO_OK unless reason is setup_failed, exec_failed or lost */
  char message[512]; /* one plain sentence */
  char name[65];
  char isolation[16]; /* "container" or "process" */
  char spawn_mode[8]; /* "vfork" or "helper" */
  int init;           /* 1: an init supervised the payload */
  uint64_t enforced;  /* bits of enum styro_protection */
  uint64_t not_enforced;
  uint64_t approximated;
  styro_capture out;
  styro_capture err;
  styro_usage usage;
} styro_outcome;

/*
 * Starts a plan and returns as soon as the new process exists, not when the payload runs: a failed set-up is an outcome. Of a plan
 * with two levels of isolation a runner's first start tries first whether this host has the first one, with a sandbox of its own,
 * which takes as long as one does and at most five seconds.
 * run NULL: all defaults. Costs three descriptors, one more per captured or fed stream, and one with a timeout until init
 * says that the payload runs (without init: always). Memory comes from the runner's
 * allocator; the plan must outlive the process. Without any output limit 16 MiB of each captured stream are kept.
 * Errors: STYRO_ESPAWN (EMFILE names RLIMIT_NOFILE), STYRO_EREQUEST (what this run may not vary), STYRO_ENOMEM.
 */
int styro_runner_spawn(styro_runner *runner, const styro_plan *plan, const styro_run *run, styro_process **out,
                       styro_error *err);

/*
 * Waits until the payload was executed. 0: it runs (or ran); STYRO_ESETUP/STYRO_EEXEC: it never will; STYRO_EAGAIN:
 * wait_ms went by (-1: no limit).
 */
int styro_process_started(styro_process *process, int wait_ms, styro_error *err);

/* Moves what bytes and records there are, without blocking. 1: the outcome is complete; 0: not yet. */
int styro_process_step(styro_process *process, styro_error *err);

/*
 * Steps until the outcome is complete, at most wait_ms (-1: no limit; 0: one step), and fills *outcome, which may be
 * NULL. May be called again: the outcome stays the same. Failed set-up is an outcome, not an error of this call.
 */
int styro_process_wait(styro_process *process, int wait_ms, styro_outcome *outcome, styro_error *err);

/*
 * Waits for any of n processes (NULL entries are skipped). Returns the index of one whose outcome is complete, or
 * STYRO_EAGAIN after wait_ms.
 */
int styro_wait_any(styro_process *const *processes, size_t n, int wait_ms, styro_error *err);

/* One descriptor that polls readable whenever styro_process_step() has work; it belongs to the process. */
int styro_process_fd(const styro_process *process);

/*
 * pidfd and pid (in the caller's pid namespace) of the sandbox's first process; they belong to the process. To end a sandbox use
 * styro_process_kill(): at the level `process` who kills the first process by itself frees what the payload started.
 */
int styro_process_pidfd(const styro_process *process);
pid_t styro_process_pid(const styro_process *process);

/*
 * Sends a signal to the payload. By an init SIGINT goes to the payload's process group, as a terminal sends it.
 * SIGKILL kills the whole tree: by the pidfd, at the level `process` by a word to the supervisor; the outcome is then `canceled`. After the end it does nothing and returns 0.
 */
int styro_process_kill(styro_process *process, int sig, styro_error *err);

/* The outcome as JSON (docs/outcome.md), after styro_process_wait() gave it. *out belongs to the process. */
int styro_process_outcome_json(styro_process *process, const char **out, styro_error *err);

/* Kills the tree if it lives, reaps it, and frees everything. NULL is fine. */
void styro_process_free(styro_process *process);

/* ---- probe ------------------------------------------------------------------------------------------------------ */

/* What one check of this host found. Values are never renumbered. */
enum styro_verdict {
  STYRO_VERDICT_OK = 0,
  STYRO_VERDICT_LIMITED = 1, /* works in part, or another way: `means` says how */
  STYRO_VERDICT_MISSING = 2,
  STYRO_VERDICT_UNTESTED = 3 /* could not be tried, because what it builds on is missing */
};

/* Lower-case name of a verdict ("limited"), "unknown" for others. Static text. */
const char *styro_verdict_name(int verdict);

/* What this host can do for sandboxes: one check after the other; immutable. */
typedef struct styro_report styro_report;

/* Pointers in it belong to the report. */
typedef struct styro_check {
  size_t size;
  int verdict;        /* enum styro_verdict */
  int required;       /* 1: the default sandbox needs it on this host */
  int sys_errno;      /* errno(3) of the system call that was refused, or 0 */
  const char *name;   /* "user_namespace"; names are never changed or removed. docs/doctor.md lists them */
  const char *group;  /* "namespaces": checks of a group follow each other */
  const char *found;  /* what was seen, in one line */
  const char *means;  /* what that means for sandboxes; "" for STYRO_VERDICT_OK */
  const char *remedy; /* what mends it: shell commands, one a line, `#` begins a comment; "": nothing does */
} styro_check;

/*
 * Tries on this host what sandboxes are made of, as the caller: starts the default sandbox in both spawn modes, and makes
 * namespaces, mounts, maps and filters in child processes that end at once. Nothing of the caller or the host is changed
 * and nothing is left. `helper` as for styro_runner_new(). Takes some tens of milliseconds. What is missing on the host is
 * what the report says, not an error. The children are copying forks, the only ones that the library makes: what ends one
 * of them, as a filter of system calls may, then cannot touch the caller.
 */
int styro_probe(const styro_allocator *alloc, const char *helper, styro_report **out, styro_error *err);

void styro_report_free(styro_report *report);

/* 1: the default sandbox works here; 0: it does not. */
int styro_report_works(const styro_report *report);

/* How many checks there are, and each of them by its index; the first is the default sandbox as a whole. */
size_t styro_report_count(const styro_report *report);
int styro_report_check(const styro_report *report, size_t index, styro_check *out, styro_error *err);

/* All of it as JSON (docs/doctor.md). *out belongs to the report. */
int styro_report_json(styro_report *report, const char **out, styro_error *err);

#ifdef __cplusplus
}
#endif

#endif /* STYROLITE_H */
