/*
 * Attacks on what the payload's process may do (S12 to S17): capabilities, ids, the filter, nested user namespaces, and every
 * call that the default profile knows and refuses. gain=: a directory with copies of this program, `suid` that is set-user-id
 * root and `fcap` that has capabilities on its file; private=: a file of root with mode 0600.
 * build: -static -no-pie
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>

#include "attack.h"

#define LAST_CAPABILITY 63
#define X32 0x40000000
#define SESSION_KEYRING (-3)
#define SEEN 77 /* how a copy of this program says that it has gained something */

/* ---- S12, S13, S14 ------------------------------------------------------------------------------------------------- */

static bool any_capability(void)
{
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  memset(sets, 0, sizeof sets);
  syscall(SYS_capget, &head, sets);
  return sets[0].effective || sets[0].permitted || sets[0].inheritable || sets[1].effective || sets[1].permitted ||
         sets[1].inheritable;
}

static int have_capability(const void *about)
{
  (void)about;
  return held_unless(any_capability());
}

static int have_bounding(const void *about)
{
  bool any = false;
  (void)about;
  for (unsigned long one = 0; one <= LAST_CAPABILITY; one++) {
    any = any || prctl(PR_CAPBSET_READ, one, 0, 0, 0) == 1;
  }
  return held_unless(any);
}

static int have_ambient(const void *about)
{
  bool any = false;
  (void)about;
  for (unsigned long one = 0; one <= LAST_CAPABILITY; one++) {
    any = any || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, one, 0, 0) == 1;
  }
  return held_unless(any);
}

static int raise_capability(const void *about)
{
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  memset(sets, 0, sizeof sets);
  sets[0].permitted = sets[0].effective = *(const unsigned *)about;
  return came_to(syscall(SYS_capset, &head, sets));
}

static int raise_ambient(const void *about)
{
  (void)about;
  return came_to(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
}

static int have_securebits(const void *about)
{
  (void)about;
  return held_unless(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != 0);
}

static int set_securebits(const void *about)
{
  (void)about;
  return came_to(
      prctl(PR_SET_SECUREBITS, (unsigned long)prctl(PR_GET_SECUREBITS) | SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0));
}

static int have_groups(const void *about)
{
  (void)about;
  return held_unless(getgroups(0, NULL) > 0);
}

static int may_gain(const void *about)
{
  (void)about;
  return held_unless(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static int take_back_promise(const void *about)
{
  (void)about;
  return came_to(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

/* A program that gains by being executed ends with SEEN. */
static int gain_by_exec(const void *about)
{
  int status = 0;
  char program[256], user[16];
  snprintf(program, sizeof program, "%s/%s", given("gain"), (const char *)about);
  snprintf(user, sizeof user, "%u", geteuid());
  pid_t pid = fork();
  if (pid == 0) {
    execl(program, program, "gained?", user, (char *)NULL);
    _exit(errno);
  }
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == SEEN ? THROUGH
         : WIFEXITED(status) && WEXITSTATUS(status)       ? WEXITSTATUS(status)
                                                          : HELD;
}

static int become_user(const void *about)
{
  uid_t id = *(const uid_t *)about;
  return came_to(setresuid(id, id, id));
}

static int become_group(const void *about)
{
  gid_t id = *(const gid_t *)about;
  return came_to(setresgid(id, id, id));
}

static int set_groups(const void *about)
{
  (void)about;
  return came_to(setgroups(0, NULL));
}

static int open_path(const void *about)
{
  return came_to(open(about, O_WRONLY));
}

static int read_private(const void *about)
{
  (void)about;
  return came_to(open(given("private"), O_RDONLY));
}

/* ---- S15: the filter ----------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static long i386_call(long number)
{
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory", "r8", "r9", "r10", "r11");
  return result;
}
#else
static long i386_call(long number)
{
  (void)number;
  return -ENOSYS;
}
#endif

/* `about` is getpid's number there. */
static int call_as_i386(const void *about)
{
  int result = (int)i386_call(*(const long *)about);
  return result < 0 ? -result : THROUGH;
}

static int call_as_x32(const void *about)
{
  return came_to(syscall(*(const long *)about | X32));
}

static int have_no_filter(const void *about)
{
  (void)about;
  return held_unless(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_DISABLED);
}

static int switch_filter_off(const void *about)
{
  (void)about;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_DISABLED, 0, 0, 0) == 0 ? THROUGH : have_no_filter(NULL);
}

static int get_session_keyring(const void *about)
{
  (void)about;
  return came_to(syscall(SYS_keyctl, 0, SESSION_KEYRING, 0));
}

/* A filter on top that lets everything through, or asks a listener: what is stricter still answers. */
static int load_on_top(const void *about)
{
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, *(const unsigned *)about);
  struct sock_fprog program = {1, &allow};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return errno;
  }
  return get_session_keyring(NULL);
}

/* ---- S16: namespaces ----------------------------------------------------------------------------------------------- */

static int unshare_it(const void *about)
{
  return came_to(unshare(*(const int *)about));
}

static int clone_it(const void *about)
{
  long pid = syscall(SYS_clone, *(const unsigned long *)about | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    _exit(0);
  }
  return came_to(pid);
}

static int clone3_it(const void *about)
{
  struct clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = *(const unsigned long *)about;
  args.exit_signal = SIGCHLD;
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) {
    _exit(0);
  }
  return came_to(pid);
}

static int enter_namespace(const void *about)
{
  int fd = open(about, O_RDONLY);
  return fd < 0 ? errno : came_to(setns(fd, 0));
}

static int limit_of_namespaces(const void *about)
{
  int number = 0;
  FILE *file = fopen(about, "r");
  return file && fscanf(file, "%d", &number) == 1 ? held_unless(number > 0) : errno;
}

/* ---- S17: refused calls -------------------------------------------------------------------------------------------- */

struct call {
  long number;
  long arguments[6];
};

static int call(const void *about)
{
  const struct call *one = about;
  const long *a = one->arguments;
  return came_to(syscall(one->number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* A terminal of the payload's own: on the kernel's own discipline, which every terminal has. */
static int set_line_discipline(const void *about)
{
  int discipline = N_TTY;
  int fd = open(about, O_RDWR | O_NOCTTY);
  return fd < 0 ? errno : came_to(ioctl(fd, TIOCSETD, &discipline));
}

/* Arguments that do nothing, or with which the kernel does nothing. */
#define CALL(name, ...)                       \
  {                                           \
    "call-" #name, call, &(const struct call) \
    {                                         \
      SYS_##name,                             \
      {                                       \
        __VA_ARGS__                           \
      }                                       \
    }                                         \
  }
#define NUMBERED(name, number, ...)           \
  {                                           \
    "call-" #name, call, &(const struct call) \
    {                                         \
      number,                                 \
      {                                       \
        __VA_ARGS__                           \
      }                                       \
    }                                         \
  }
#define TEXT(text) ((long)(text))

#if defined(__x86_64__)
#define GETPID_I386 20
#define OF_THE_MACHINE                                                                                                 \
  CALL(modify_ldt, 0, 0, 0), CALL(iopl, 0), CALL(ioperm, 0, 1, 0), CALL(uselib, 0), CALL(ustat, 0, 0), CALL(sysfs, 3), \
      CALL(create_module, 0, 0), CALL(_sysctl, 0), CALL(afs_syscall, 0), CALL(get_kernel_syms, 0), CALL(getpmsg, 0),   \
      CALL(putpmsg, 0), CALL(query_module, 0), CALL(security, 0), CALL(tuxcall, 0), CALL(vserver, 0),
#else
#define GETPID_I386 0
#define OF_THE_MACHINE
#endif

#define UNSIGNED(value) (&(const unsigned){value})
#define ID(value) (&(const uid_t){value})
#define LONG(value) (&(const long){value})

static const struct attack attacks[] = {
    {"capability", have_capability, NULL},
    {"bounding", have_bounding, NULL},
    {"ambient", have_ambient, NULL},
    {"raise-capability", raise_capability, UNSIGNED(1u << CAP_CHOWN)},
    {"raise-ambient", raise_ambient, NULL},
    {"securebits", have_securebits, NULL},
    {"set-securebits", set_securebits, NULL},
    {"groups", have_groups, NULL},
    {"no-new-privs", may_gain, NULL},
    {"take-back-no-new-privs", take_back_promise, NULL},
    {"set-user-id", gain_by_exec, "suid"},
    {"file-capabilities", gain_by_exec, "fcap"},
    {"setuid-root", become_user, ID(0)},
    {"setuid-unmapped", become_user, ID(4321)},
    {"setgid-root", become_group, ID(0)},
    {"setgid-unmapped", become_group, ID(4321)},
    {"setgroups", set_groups, NULL},
    {"write-uid-map", open_path, "/proc/1/uid_map"},
    {"private-file", read_private, NULL},
    {"i386", call_as_i386, LONG(GETPID_I386)},
    {"x32", call_as_x32, LONG(SYS_getppid)},
    {"no-filter", have_no_filter, NULL},
    {"filter-off", switch_filter_off, NULL},
    {"filter-that-allows", load_on_top, UNSIGNED(SECCOMP_RET_ALLOW)},
    {"filter-that-logs", load_on_top, UNSIGNED(SECCOMP_RET_LOG)},
    {"unshare-user", unshare_it, UNSIGNED(CLONE_NEWUSER)},
    {"unshare-user-and-mount", unshare_it, UNSIGNED(CLONE_NEWUSER | CLONE_NEWNS)},
    {"clone-user", clone_it, LONG(CLONE_NEWUSER)},
    {"clone-user-by-upper-bits", clone_it, LONG(0x7f00000000 | CLONE_NEWUSER)},
    {"clone3-user", clone3_it, LONG(CLONE_NEWUSER)},
    {"limit-of-user-namespaces", limit_of_namespaces, "/proc/sys/user/max_user_namespaces"},
    {"enter-user", enter_namespace, "/proc/1/ns/user"},
    {"unshare-mount", unshare_it, UNSIGNED(CLONE_NEWNS)},
    {"unshare-network", unshare_it, UNSIGNED(CLONE_NEWNET)},
    {"unshare-uts", unshare_it, UNSIGNED(CLONE_NEWUTS)},
    {"line-discipline", set_line_discipline, "/dev/ptmx"},
    CALL(acct, -1),
    CALL(add_key, TEXT("user"), TEXT("attack"), TEXT("x"), 1, SESSION_KEYRING),
    CALL(bpf, -1, 0, 0),
    CALL(chroot, 0),
    CALL(clock_settime, -1, 0),
    CALL(delete_module, 0, 0),
    CALL(fanotify_init, -1, 0),
    CALL(finit_module, -1, 0, 0),
    CALL(fsconfig, -1, 0, 0, 0, 0),
    CALL(fsmount, -1, 0, 0),
    CALL(fsopen, 0, 0),
    CALL(fspick, -1, 0, 0),
    CALL(get_mempolicy, 0, 0, 0, 0, 0),
    CALL(init_module, 0, 0, 0),
    CALL(io_uring_enter, -1, 0, 0, 0, 0, 0),
    CALL(io_uring_register, -1, -1, 0, 0),
    CALL(io_uring_setup, 1, 0),
    CALL(kcmp, 1, 1, 0, 0, 0),
    CALL(kexec_load, 0, 0, 0, 0),
    CALL(keyctl, 0, SESSION_KEYRING, 0),
    CALL(lookup_dcookie, 0, 0, 0),
    CALL(mbind, 0, 0, 0, 0, 0, 0),
    CALL(migrate_pages, 0, 0, 0, 0),
    CALL(mount, 0, 0, 0, 0, 0),
    CALL(mount_setattr, -1, 0, 0, 0, 0),
    CALL(move_mount, -1, 0, -1, 0, 0),
    CALL(move_pages, 0, 0, 0, 0, 0, 0),
    CALL(name_to_handle_at, -1, 0, 0, 0, 0),
    CALL(open_by_handle_at, -1, 0, 0),
    CALL(open_tree, -1, 0, 0),
    CALL(perf_event_open, 0, 0, -1, -1, 0),
    CALL(pidfd_getfd, -1, 0, 0),
    CALL(pivot_root, 0, 0),
    CALL(process_madvise, -1, 0, 0, 0, 0),
    CALL(process_vm_readv, 0, 0, 0, 0, 0, 0),
    CALL(process_vm_writev, 0, 0, 0, 0, 0, 0),
    CALL(ptrace, 0, 0, 0, 0),
    CALL(quotactl, -1, 0, 0, 0),
    NUMBERED(quotactl_fd, 443, -1, 0, 0, 0),
    CALL(reboot, 0, 0, 0, 0),
    CALL(request_key, TEXT("user"), TEXT("attack"), 0, 0),
    CALL(set_mempolicy, 0, 0, 0),
    NUMBERED(set_mempolicy_home_node, 450, 0, 0, 0, 0),
    CALL(setdomainname, 0, -1),
    CALL(sethostname, 0, -1),
    CALL(setns, -1, 0),
    CALL(settimeofday, -1, -1),
    CALL(swapoff, 0),
    CALL(swapon, 0, 0),
    CALL(syslog, 10, 0, 0),
    CALL(umount2, 0, 0),
    CALL(unshare, 0),
    CALL(userfaultfd, 1),
    CALL(vhangup, 0),
    NUMBERED(statmount, 457, 0, 0, 0, 0),
    NUMBERED(listmount, 458, 0, 0, 0, 0),
    NUMBERED(lsm_get_self_attr, 459, 0, 0, 0, 0),
    NUMBERED(lsm_set_self_attr, 460, 0, 0, 0, 0),
    NUMBERED(lsm_list_modules, 461, 0, 0, 0),
    NUMBERED(open_tree_attr, 467, -1, 0, 0, 0, 0),
    CALL(kexec_file_load, -1, -1, 0, 0, 0),
    CALL(nfsservctl, 0, 0, 0),
    OF_THE_MACHINE};

int main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "gained?") == 0) {
    return any_capability() || geteuid() != (uid_t)atoi(argv[2]) ? SEEN : EXIT_SUCCESS;
  }
  return TRY_ALL(attacks, argv);
}
