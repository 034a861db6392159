/*
 * Numbers to names: stages, codes, protections, reasons, errno values, signals, and the library's version. Static text
 * only. Knows nothing but the public header's numbers and the system's.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "error.h"
#include "styrolite.h"

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))
#define NAME(constant) [constant] = #constant

/* clang-format off */
/* Indexed by the number; a name for an alias of another number (EWOULDBLOCK, SIGPOLL) has no row of its own. */
static const char *const errno_names[] = {
    NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(ENXIO), NAME(E2BIG), NAME(ENOEXEC),
    NAME(EBADF), NAME(ECHILD), NAME(EAGAIN), NAME(ENOMEM), NAME(EACCES), NAME(EFAULT), NAME(ENOTBLK), NAME(EBUSY),
    NAME(EEXIST), NAME(EXDEV), NAME(ENODEV), NAME(ENOTDIR), NAME(EISDIR), NAME(EINVAL), NAME(ENFILE), NAME(EMFILE),
    NAME(ENOTTY), NAME(ETXTBSY), NAME(EFBIG), NAME(ENOSPC), NAME(ESPIPE), NAME(EROFS), NAME(EMLINK), NAME(EPIPE),
    NAME(EDOM), NAME(ERANGE), NAME(EDEADLK), NAME(ENAMETOOLONG), NAME(ENOLCK), NAME(ENOSYS), NAME(ENOTEMPTY),
    NAME(ELOOP), NAME(ENOMSG), NAME(EIDRM), NAME(ECHRNG), NAME(EL2NSYNC), NAME(EL3HLT), NAME(EL3RST), NAME(ELNRNG),
    NAME(EUNATCH), NAME(ENOCSI), NAME(EL2HLT), NAME(EBADE), NAME(EBADR), NAME(EXFULL), NAME(ENOANO), NAME(EBADRQC),
    NAME(EBADSLT), NAME(EBFONT), NAME(ENOSTR), NAME(ENODATA), NAME(ETIME), NAME(ENOSR), NAME(ENONET), NAME(ENOPKG),
    NAME(EREMOTE), NAME(ENOLINK), NAME(EADV), NAME(ESRMNT), NAME(ECOMM), NAME(EPROTO), NAME(EMULTIHOP), NAME(EDOTDOT),
    NAME(EBADMSG), NAME(EOVERFLOW), NAME(ENOTUNIQ), NAME(EBADFD), NAME(EREMCHG), NAME(ELIBACC), NAME(ELIBBAD),
    NAME(ELIBSCN), NAME(ELIBMAX), NAME(ELIBEXEC), NAME(EILSEQ), NAME(ERESTART), NAME(ESTRPIPE), NAME(EUSERS),
    NAME(ENOTSOCK), NAME(EDESTADDRREQ), NAME(EMSGSIZE), NAME(EPROTOTYPE), NAME(ENOPROTOOPT), NAME(EPROTONOSUPPORT),
    NAME(ESOCKTNOSUPPORT), NAME(EOPNOTSUPP), NAME(EPFNOSUPPORT), NAME(EAFNOSUPPORT), NAME(EADDRINUSE),
    NAME(EADDRNOTAVAIL), NAME(ENETDOWN), NAME(ENETUNREACH), NAME(ENETRESET), NAME(ECONNABORTED), NAME(ECONNRESET),
    NAME(ENOBUFS), NAME(EISCONN), NAME(ENOTCONN), NAME(ESHUTDOWN), NAME(ETOOMANYREFS), NAME(ETIMEDOUT),
    NAME(ECONNREFUSED), NAME(EHOSTDOWN), NAME(EHOSTUNREACH), NAME(EALREADY), NAME(EINPROGRESS), NAME(ESTALE),
    NAME(EUCLEAN), NAME(ENOTNAM), NAME(ENAVAIL), NAME(EISNAM), NAME(EREMOTEIO), NAME(EDQUOT), NAME(ENOMEDIUM),
    NAME(EMEDIUMTYPE), NAME(ECANCELED), NAME(ENOKEY), NAME(EKEYEXPIRED), NAME(EKEYREVOKED), NAME(EKEYREJECTED),
    NAME(EOWNERDEAD), NAME(ENOTRECOVERABLE), NAME(ERFKILL), NAME(EHWPOISON),
};

static const char *const signal_names[] = {
    NAME(SIGHUP), NAME(SIGINT), NAME(SIGQUIT), NAME(SIGILL), NAME(SIGTRAP), NAME(SIGABRT), NAME(SIGBUS), NAME(SIGFPE),
    NAME(SIGKILL), NAME(SIGUSR1), NAME(SIGSEGV), NAME(SIGUSR2), NAME(SIGPIPE), NAME(SIGALRM), NAME(SIGTERM),
    NAME(SIGSTKFLT), NAME(SIGCHLD), NAME(SIGCONT), NAME(SIGSTOP), NAME(SIGTSTP), NAME(SIGTTIN), NAME(SIGTTOU),
    NAME(SIGURG), NAME(SIGXCPU), NAME(SIGXFSZ), NAME(SIGVTALRM), NAME(SIGPROF), NAME(SIGWINCH), NAME(SIGIO),
    NAME(SIGPWR), NAME(SIGSYS),
};

static const char *const stage_names[] = {
    "none", "parse", "validate", "compile", "helper", "spawn", "source", "ids", "join", "cgroup", "network", "uts",
    "root", "mount", "path", "device", "proc", "process", "rlimit", "identity", "capability", "label", "landlock",
    "seccomp", "access", "command", "exec", "supervise",
};

/* Indexed by the negated code. */
static const char *const code_names[] = {
    "ok", "nomem", "parse", "request", "unsupported", "helper", "spawn", "setup", "exec", "usage", "again", "io",
};

static const char *const reason_names[] = {
    "exited", "signaled", "timed_out", "oom_killed", "output_limit", "canceled", "setup_failed", "exec_failed",
    "lost",
};

static const char *const verdict_names[] = {"ok", "limited", "missing", "untested"};

static const char *const protection_names[] = {
    "path_view", "read_only_paths", "denied_paths", "masked_paths", "private_tmp", "device_allowlist", "process_view",
    "process_signals", "ipc_isolation", "network_isolation", "abstract_sockets", "hostname", "cgroup_view",
    "time_offsets", "user_ids", "supplementary_groups", "capabilities", "no_new_privs", "seccomp",
    "nested_user_namespaces", "landlock_paths", "landlock_network", "landlock_scopes", "session_keyring",
    "new_session", "closed_fds", "helper_image", "tree_kill", "caller_death", "limit_memory", "limit_swap",
    "limit_pids", "limit_cpu", "limit_cpuset", "limit_io", "rlimits", "disk_size", "output_limit", "timeout_wall",
    "timeout_cpu", "lsm_label",
};
/* clang-format on */

_Static_assert(COUNT(protection_names) == STYRO_PROTECTION_COUNT, "a protection without a name");
_Static_assert(COUNT(stage_names) == STYRO_STAGE_SUPERVISE + 1, "a stage without a name");
_Static_assert(COUNT(code_names) == -STYRO_EIO + 1, "a code without a name");
_Static_assert(COUNT(verdict_names) == STYRO_VERDICT_UNTESTED + 1, "a verdict without a name");
_Static_assert(COUNT(reason_names) == STYRO_LOST + 1, "a reason without a name");

/* A table may have holes (41 and 58 are no errno): they read as unknown, too. */
static const char *name_at(const char *const *names, size_t n, int number, const char *otherwise)
{
  if (number < 0 || (size_t)number >= n || names[number] == NULL) {
    return otherwise;
  }
  return names[number];
}

const char *styro_errno_name(int number)
{
  return name_at(errno_names, COUNT(errno_names), number, "E?");
}

const char *styro_signal_name(int number)
{
  return name_at(signal_names, COUNT(signal_names), number, NULL);
}

const char *styro_stage_name(int stage)
{
  return name_at(stage_names, COUNT(stage_names), stage, "unknown");
}

const char *styro_code_name(int code)
{
  return code > 0 || code < STYRO_EIO ? "unknown" : code_names[-code];
}

const char *styro_reason_name(int reason)
{
  return name_at(reason_names, COUNT(reason_names), reason, "unknown");
}

const char *styro_verdict_name(int verdict)
{
  return name_at(verdict_names, COUNT(verdict_names), verdict, "unknown");
}

const char *styro_protection_name(int protection)
{
  return name_at(protection_names, COUNT(protection_names), protection, NULL);
}

const char *styro_version(void)
{
  return STYRO_VERSION;
}
