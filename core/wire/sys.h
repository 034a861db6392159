/*
 * The thin system call layer: every call answers its result or -errno, touches no errno and no TLS, and may therefore run
 * between clone and exec in memory that is shared with the caller. One place, so that a test can make any call fail.
 */
#ifndef STYRO_WIRE_SYS_H
#define STYRO_WIRE_SYS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "uapi.h"

/* Numbers that a C library's headers may lack; the same on every architecture since Linux 5.1. */
enum sys_number {
  SYS_NR_open_tree = 428,
  SYS_NR_move_mount = 429,
  SYS_NR_fsopen = 430,
  SYS_NR_fsconfig = 431,
  SYS_NR_fsmount = 432,
  SYS_NR_clone3 = 435,
  SYS_NR_close_range = 436,
  SYS_NR_openat2 = 437,
  SYS_NR_faccessat2 = 439,
  SYS_NR_mount_setattr = 442,
  SYS_NR_landlock_create_ruleset = 444,
  SYS_NR_landlock_add_rule = 445,
  SYS_NR_landlock_restrict_self = 446
};

#if defined(__x86_64__)
static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "styrolite is written for x86_64 and aarch64"
#endif

static inline long sys_arg(const void *pointer)
{
  return (long)(uintptr_t)pointer;
}

static inline int sys_close(int fd)
{
  return (int)sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline int sys_openat(int dir, const char *path, int flags, unsigned mode)
{
  return (int)sys_call(SYS_openat, dir, sys_arg(path), flags, (long)mode, 0, 0);
}

/*
 * openat2(2) with how.resolve; flags should hold O_CLOEXEC. With RESOLVE_IN_ROOT a ".." answers EAGAIN when anything on the
 * machine was renamed or mounted meanwhile, related or not: asked again, so that a busy neighbour fails no start.
 */
static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
  struct wire_open_how how = {flags, 0, resolve};
  int fd = -11;
  for (int tries = 0; fd == -11 /* EAGAIN */ && tries < 256; tries++) {
    fd = (int)sys_call(SYS_NR_openat2, dir, sys_arg(path), sys_arg(&how), sizeof how, 0, 0);
  }
  return fd;
}

static inline long sys_read(int fd, void *data, unsigned long len)
{
  return sys_call(SYS_read, fd, sys_arg(data), (long)len, 0, 0, 0);
}

static inline long sys_write(int fd, const void *data, unsigned long len)
{
  return sys_call(SYS_write, fd, sys_arg(data), (long)len, 0, 0, 0);
}

static inline int sys_dup3(int from, int to, int flags)
{
  return (int)sys_call(SYS_dup3, from, to, flags, 0, 0, 0);
}

static inline int sys_fcntl(int fd, int command, long argument)
{
  return (int)sys_call(SYS_fcntl, fd, command, argument, 0, 0, 0);
}

static inline int sys_close_range(unsigned first, unsigned last)
{
  return (int)sys_call(SYS_NR_close_range, first, last, 0, 0, 0, 0);
}

static inline int sys_mkdirat(int dir, const char *path, unsigned mode)
{
  return (int)sys_call(SYS_mkdirat, dir, sys_arg(path), (long)mode, 0, 0, 0);
}

static inline int sys_symlinkat(const char *text, int dir, const char *path)
{
  return (int)sys_call(SYS_symlinkat, sys_arg(text), dir, sys_arg(path), 0, 0, 0);
}

static inline long sys_readlinkat(int dir, const char *path, char *out, unsigned long size)
{
  return sys_call(SYS_readlinkat, dir, sys_arg(path), sys_arg(out), (long)size, 0, 0);
}

/* fstatat(2); the kernel's struct stat is the C library's on 64-bit machines. */
struct stat;
static inline int sys_fstatat(int dir, const char *path, struct stat *out, int flags)
{
  return (int)sys_call(SYS_newfstatat, dir, sys_arg(path), sys_arg(out), flags, 0, 0);
}

static inline int sys_fstat(int fd, struct stat *out)
{
  return (int)sys_call(SYS_fstat, fd, sys_arg(out), 0, 0, 0, 0);
}

struct statfs;
static inline int sys_fstatfs(int fd, struct statfs *out)
{
  return (int)sys_call(SYS_fstatfs, fd, sys_arg(out), 0, 0, 0, 0);
}

/* Which mount a descriptor lies on (statx(2), STATX_MNT_ID, Linux 5.8); 0: not known. */
static inline uint64_t sys_mount_id(int fd)
{
  uint64_t statx[32] = {0}; /* the kernel's 256 bytes; stx_mnt_id is at 0x90 */
  long result = sys_call(SYS_statx, fd, sys_arg(""), WIRE_AT_EMPTY_PATH, WIRE_STATX_MNT_ID, sys_arg(statx), 0);
  return result < 0 ? 0 : statx[0x90 / sizeof statx[0]];
}

/* -4095 to -1: a negative errno. */
static inline long sys_mmap(unsigned long len, int protection, int flags, int fd)
{
  return sys_call(SYS_mmap, 0, (long)len, protection, flags, fd, 0);
}

static inline int sys_munmap(const void *at, unsigned long len)
{
  return (int)sys_call(SYS_munmap, sys_arg(at), (long)len, 0, 0, 0, 0);
}

static inline int sys_madvise(const void *at, unsigned long len, int advice)
{
  return (int)sys_call(SYS_madvise, sys_arg(at), (long)len, advice, 0, 0, 0);
}

/* prlimit(2) of the calling process: soft and hard limit; either pointer may be NULL. */
static inline int sys_rlimit(int resource, const uint64_t new_limit[2], uint64_t old_limit[2])
{
  return (int)sys_call(SYS_prlimit64, 0, resource, sys_arg(new_limit), sys_arg(old_limit), 0, 0);
}

static inline int sys_open_tree(int dir, const char *path, unsigned flags)
{
  return (int)sys_call(SYS_NR_open_tree, dir, sys_arg(path), (long)flags, 0, 0, 0);
}

static inline int sys_move_mount(int mount, int dir, const char *path, unsigned flags)
{
  return (int)sys_call(SYS_NR_move_mount, mount, sys_arg(""), dir, sys_arg(path), (long)flags, 0);
}

static inline int sys_fsopen(const char *type)
{
  return (int)sys_call(SYS_NR_fsopen, sys_arg(type), WIRE_FSOPEN_CLOEXEC, 0, 0, 0, 0);
}

static inline int sys_fsconfig(int fd, unsigned command, const char *key, const char *value)
{
  return (int)sys_call(SYS_NR_fsconfig, fd, (long)command, sys_arg(key), sys_arg(value), 0, 0);
}

static inline int sys_fsconfig_fd(int fd, const char *key, int value)
{
  return (int)sys_call(SYS_NR_fsconfig, fd, WIRE_FSCONFIG_SET_FD, sys_arg(key), 0, value, 0);
}

static inline int sys_fsmount(int fd, uint64_t attributes)
{
  return (int)sys_call(SYS_NR_fsmount, fd, WIRE_FSMOUNT_CLOEXEC, (long)attributes, 0, 0, 0);
}

static inline int sys_mount_setattr(int dir, const char *path, unsigned flags, const struct wire_mount_attr *attr)
{
  return (int)sys_call(SYS_NR_mount_setattr, dir, sys_arg(path), (long)flags, sys_arg(attr), sizeof *attr, 0);
}

static inline int sys_prctl(int option, unsigned long a, unsigned long b)
{
  return (int)sys_call(SYS_prctl, option, (long)a, (long)b, 0, 0, 0);
}

static inline long sys_getpid(void)
{
  return sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* A filter may refuse even this: then by a fault, which ends the first process of a namespace as well. */
static inline _Noreturn void sys_exit(int code)
{
  sys_call(SYS_exit_group, code, 0, 0, 0, 0, 0);
  sys_call(SYS_exit, code, 0, 0, 0, 0, 0);
  __builtin_trap();
}

/* Nanoseconds; clocks as in clock_gettime(2). */
static inline int64_t sys_clock(int clock)
{
  struct {
    int64_t seconds;
    int64_t nanoseconds;
  } now = {0, 0};
  sys_call(SYS_clock_gettime, clock, sys_arg(&now), 0, 0, 0, 0);
  return now.seconds * 1000000000 + now.nanoseconds;
}

/* CLOCK_MONOTONIC */
static inline int64_t sys_now(void)
{
  return sys_clock(1);
}

/*
 * clone(2) or clone3(2) with a stack of the child's own: the child runs entry(argument) and exits with what that returns. The
 * frame pointer is cleared so that a backtrace ends there.
 */
#if defined(__x86_64__)
static inline long sys_clone_at(long number, long a, long b, long c, long d, long e, int (*entry)(void *),
                                void *argument)
{
  register int (*r12)(void *) __asm__("r12") = entry;
  register void *r13 __asm__("r13") = argument;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %%r13, %%rdi\n\t"
                   "call *%%r12\n\t"
                   "mov %%eax, %%edi\n\t"
                   "mov %[exit], %%eax\n\t"
                   "syscall\n\t"
                   "hlt\n"
                   "1:"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r12),
                     "r"(r13), [exit] "i"(SYS_exit_group)
                   : "rcx", "r11", "memory", "r9");
  return result;
}
#else
static inline long sys_clone_at(long number, long a, long b, long c, long d, long e, int (*entry)(void *),
                                void *argument)
{
  register int (*x19)(void *) __asm__("x19") = entry;
  register void *x20 __asm__("x20") = argument;
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "mov x0, x20\n\t"
                   "blr x19\n\t"
                   "mov x8, %[exit]\n\t"
                   "svc 0\n\t"
                   "brk 1\n"
                   "1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19), "r"(x20), [exit] "i"(SYS_exit_group)
                   : "memory", "x5", "x6", "x7", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18",
                     "x30", "cc");
  return x0;
}
#endif

/* What clone(2) takes in the low byte of its flags is the signal at the child's end; the rest it knows as well. */
static inline bool sys_clone_knows(const struct wire_clone_args *args)
{
  return !(args->flags & 0xff) && args->cgroup == 0;
}

/*
 * Where a filter answers ENOSYS for clone3(2), whose arguments it cannot read, the older call is meant to be used; EPERM as well
 * where no namespace is asked for, which the kernel never refuses so.
 */
static inline bool sys_clone_hidden(long result, const struct wire_clone_args *args)
{
  return (result == -ENOSYS || (result == -EPERM && !(args->flags & WIRE_CLONE_SPACES))) && sys_clone_knows(args);
}

/* The words of a call, as both take them: clone(2) has the last two in another order on each architecture. */
struct sys_clone_words {
  long number, a, b, c, d, e;
};

static inline struct sys_clone_words sys_clone_words(const struct wire_clone_args *args, bool older)
{
  long child = (long)args->child_tid;
#if defined(__x86_64__)
  const long fourth = child, fifth = 0;
#else
  const long fourth = 0, fifth = child;
#endif
  if (!older) {
    return (struct sys_clone_words){SYS_NR_clone3, sys_arg(args), sizeof *args, 0, 0, 0};
  }
  return (struct sys_clone_words){SYS_clone,
                                  (long)(args->flags | args->exit_signal),
                                  args->stack ? (long)(args->stack + args->stack_size) : 0,
                                  (long)args->pidfd,
                                  fourth,
                                  fifth};
}

static inline long sys_clone3_call(struct wire_clone_args *args, int (*entry)(void *), void *argument)
{
  for (bool older = false;; older = true) {
    struct sys_clone_words w = sys_clone_words(args, older);
    long pid = sys_clone_at(w.number, w.a, w.b, w.c, w.d, w.e, entry, argument);
    if (older || !sys_clone_hidden(pid, args)) {
      return pid;
    }
  }
}

/* The same on a copy of this stack, as fork(2): 0 in the child. */
static inline long sys_clone3(struct wire_clone_args *args)
{
  for (bool older = false;; older = true) {
    struct sys_clone_words w = sys_clone_words(args, older);
    long pid = sys_call(w.number, w.a, w.b, w.c, w.d, w.e, 0);
    if (older || !sys_clone_hidden(pid, args)) {
      return pid;
    }
  }
}

#endif
