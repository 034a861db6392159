/*
 * A kernel that lacks system calls or answers them so, or a container's filter that refuses them: `without ERRNO CALL[,CALL...]
 * COMMAND...` runs the command under a seccomp filter that answers so, or with SIGSYS in the errno's place ends who calls, and
 * lets all else through.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire/sys.h"

#define SIZE 256 /* instructions: five for a call */

#define ANY 0 /* whatever its arguments are */

static const struct call {
  const char *name;
  long number;
  unsigned command; /* its second argument, or ANY */
} calls[] = {
    {"capset", SYS_capset, ANY},
    {"clone", SYS_clone, ANY},
    {"clone3", SYS_NR_clone3, ANY},
    {"close_range", SYS_NR_close_range, ANY},
    {"execveat", SYS_execveat, ANY},
    {"faccessat2", SYS_NR_faccessat2, ANY},
    {"fsconfig", SYS_NR_fsconfig, ANY},
    {"fsconfig_create", SYS_NR_fsconfig, WIRE_FSCONFIG_CMD_CREATE},
    {"fsmount", SYS_NR_fsmount, ANY},
    {"fsopen", SYS_NR_fsopen, ANY},
    {"keyctl", SYS_keyctl, ANY},
    {"landlock_add_rule", SYS_NR_landlock_add_rule, ANY},
    {"landlock_create_ruleset", SYS_NR_landlock_create_ruleset, ANY},
    {"landlock_restrict_self", SYS_NR_landlock_restrict_self, ANY},
    {"memfd_create", SYS_memfd_create, ANY},
    {"mount", SYS_mount, ANY},
    {"mount_setattr", SYS_NR_mount_setattr, ANY},
    {"move_mount", SYS_NR_move_mount, ANY},
    {"open_tree", SYS_NR_open_tree, ANY},
    {"openat2", SYS_NR_openat2, ANY},
    {"pidfd_open", SYS_pidfd_open, ANY},
    {"pidfd_send_signal", SYS_pidfd_send_signal, ANY},
    {"pivot_root", SYS_pivot_root, ANY},
    {"seccomp", SYS_seccomp, ANY},
    {"setns", SYS_setns, ANY},
    {"sethostname", SYS_sethostname, ANY},
    {"unshare", SYS_unshare, ANY},
    /* by which the library tells a kernel whose release is an old text from one that is old */
    {"quotactl_fd", 443, ANY},
    {"process_mrelease", 448, ANY},
    {"cachestat", 451, ANY},
    {"open_tree_attr", 467, ANY},
};

static const struct call *call_of(const char *name)
{
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (strcmp(calls[i].name, name) == 0) {
      return &calls[i];
    }
  }
  fprintf(stderr, "without: `%s` is not in the table\n", name);
  exit(EXIT_FAILURE);
}

/* What the filter returns. */
static unsigned answer_of(const char *name)
{
  static const struct {
    const char *name;
    unsigned number;
  } errors[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM},   {"EBUSY", EBUSY},          {"ESTALE", ESTALE},
                {"E2BIG", E2BIG},   {"ENOMEM", ENOMEM}, {"EOPNOTSUPP", EOPNOTSUPP}};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    if (strcmp(errors[i].name, name) == 0) {
      return SECCOMP_RET_ERRNO | errors[i].number;
    }
  }
  if (strcmp(name, "SIGSYS") == 0) {
    return SECCOMP_RET_KILL_PROCESS;
  }
  fprintf(stderr, "without: `%s` is not in the table\n", name);
  exit(EXIT_FAILURE);
}

#define LOAD(member) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member)))
#define SKIP_UNLESS(value, n) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, n))
#define ANSWER(value) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value))

/* Begins and ends with the number loaded. */
static unsigned short add_call(struct sock_filter *out, const struct call *call, unsigned answer)
{
  unsigned short len = 0;
  out[len++] = SKIP_UNLESS(call->number, call->command == ANY ? 1 : 4);
  if (call->command != ANY) {
    out[len++] = LOAD(args[1]);
    out[len++] = SKIP_UNLESS(call->command, 1);
  }
  out[len++] = ANSWER(answer);
  if (call->command != ANY) {
    out[len++] = LOAD(nr);
  }
  return len;
}

static unsigned short write_filter(struct sock_filter *out, char *names, unsigned answer)
{
  unsigned short len = 0;
  out[len++] = LOAD(nr);
  for (char *name = strtok(names, ","); name && len < SIZE - 6; name = strtok(NULL, ",")) {
    len = (unsigned short)(len + add_call(out + len, call_of(name), answer));
  }
  out[len++] = ANSWER(SECCOMP_RET_ALLOW);
  return len;
}

int main(int argc, char **argv)
{
  struct sock_filter filter[SIZE];
  if (argc < 4) {
    fprintf(stderr, "usage: without ERRNO CALL[,CALL...] COMMAND...\n");
    return EXIT_FAILURE;
  }
  struct sock_fprog program = {write_filter(filter, argv[2], answer_of(argv[1])), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    perror("without: seccomp");
    return EXIT_FAILURE;
  }
  execvp(argv[3], argv + 3);
  perror(argv[3]);
  return EXIT_FAILURE;
}
