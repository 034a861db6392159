/*
 * A kernel that lacks system calls, or a container's filter that refuses them: `without ERRNO CALL[,CALL...] COMMAND...` runs the
 * command under a seccomp filter that answers so and lets all else through.
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

#define MOST 64

static const struct {
  const char *name;
  long number;
} calls[] = {
    {"capset", SYS_capset},
    {"clone3", SYS_NR_clone3},
    {"close_range", SYS_NR_close_range},
    {"execveat", SYS_execveat},
    {"faccessat2", SYS_NR_faccessat2},
    {"fsconfig", SYS_NR_fsconfig},
    {"fsmount", SYS_NR_fsmount},
    {"fsopen", SYS_NR_fsopen},
    {"keyctl", SYS_keyctl},
    {"memfd_create", SYS_memfd_create},
    {"mount", SYS_mount},
    {"mount_setattr", SYS_NR_mount_setattr},
    {"move_mount", SYS_NR_move_mount},
    {"open_tree", SYS_NR_open_tree},
    {"openat2", SYS_NR_openat2},
    {"pidfd_open", SYS_pidfd_open},
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"pivot_root", SYS_pivot_root},
    {"seccomp", SYS_seccomp},
    {"setns", SYS_setns},
    {"sethostname", SYS_sethostname},
    {"unshare", SYS_unshare},
    /* by which the library tells a kernel whose release is an old text from one that is old */
    {"quotactl_fd", 443},
    {"process_mrelease", 448},
    {"cachestat", 451},
    {"open_tree_attr", 467},
};

static long number_of(const char *name)
{
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (strcmp(calls[i].name, name) == 0) {
      return calls[i].number;
    }
  }
  fprintf(stderr, "without: `%s` is not in the table\n", name);
  exit(EXIT_FAILURE);
}

static unsigned errno_of(const char *name)
{
  return strcmp(name, "ENOSYS") == 0 ? ENOSYS : EPERM;
}

/* The number, a comparison for each call, and the two answers. */
static unsigned short write_filter(struct sock_filter *out, char *names, unsigned error)
{
  unsigned char n = 0;
  long numbers[MOST];
  for (char *name = strtok(names, ","); name && n < MOST; name = strtok(NULL, ",")) {
    numbers[n++] = number_of(name);
  }
  unsigned short len = 0;
  out[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned char i = 0; i < n; i++) {
    out[len++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i], (unsigned char)(n - i), 0);
  }
  out[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  out[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  return len;
}

int main(int argc, char **argv)
{
  struct sock_filter filter[MOST + 3];
  if (argc < 4) {
    fprintf(stderr, "usage: without ERRNO CALL[,CALL...] COMMAND...\n");
    return EXIT_FAILURE;
  }
  struct sock_fprog program = {write_filter(filter, argv[2], errno_of(argv[1])), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    perror("without: seccomp");
    return EXIT_FAILURE;
  }
  execvp(argv[3], argv + 3);
  perror(argv[3]);
  return EXIT_FAILURE;
}
