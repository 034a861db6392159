/*
 * Kernel interface newer than the headers that people build with (Debian 12 has those of 6.1, musl none). Values are the
 * kernel's; a unit test compares them with the system's headers where those have them. Owns no code.
 */
#ifndef STYRO_WIRE_UAPI_H
#define STYRO_WIRE_UAPI_H

#include <stdint.h>

/* clone3(2) */
#define WIRE_CLONE_VM 0x00000100ull
#define WIRE_CLONE_PIDFD 0x00001000ull
#define WIRE_CLONE_VFORK 0x00004000ull
#define WIRE_CLONE_PARENT 0x00008000ull
#define WIRE_CLONE_NEWTIME 0x00000080ull
#define WIRE_CLONE_NEWNS 0x00020000ull
#define WIRE_CLONE_NEWCGROUP 0x02000000ull
#define WIRE_CLONE_NEWUTS 0x04000000ull
#define WIRE_CLONE_NEWIPC 0x08000000ull
#define WIRE_CLONE_NEWUSER 0x10000000ull
#define WIRE_CLONE_NEWPID 0x20000000ull
#define WIRE_CLONE_NEWNET 0x40000000ull

#define WIRE_CLONE_SPACES                                                                                 \
  (WIRE_CLONE_NEWTIME | WIRE_CLONE_NEWNS | WIRE_CLONE_NEWCGROUP | WIRE_CLONE_NEWUTS | WIRE_CLONE_NEWIPC | \
   WIRE_CLONE_NEWUSER | WIRE_CLONE_NEWPID | WIRE_CLONE_NEWNET)

struct wire_clone_args { /* CLONE_ARGS_SIZE_VER2 */
  uint64_t flags;
  uint64_t pidfd;
  uint64_t child_tid;
  uint64_t parent_tid;
  uint64_t exit_signal;
  uint64_t stack;
  uint64_t stack_size;
  uint64_t tls;
  uint64_t set_tid;
  uint64_t set_tid_size;
  uint64_t cgroup;
};

/* openat2(2) */
#define WIRE_RESOLVE_NO_MAGICLINKS 0x02ull
#define WIRE_RESOLVE_NO_SYMLINKS 0x04ull
#define WIRE_RESOLVE_IN_ROOT 0x10ull
struct wire_open_how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

/* open_tree(2), move_mount(2), mount_setattr(2), fsopen(2) */
#define WIRE_OPEN_TREE_CLONE 1u
#define WIRE_AT_RECURSIVE 0x8000u
#define WIRE_AT_EMPTY_PATH 0x1000u
#define WIRE_MOVE_MOUNT_F_EMPTY_PATH 0x00000004u
#define WIRE_MOVE_MOUNT_T_EMPTY_PATH 0x00000040u
#define WIRE_FSOPEN_CLOEXEC 1u
#define WIRE_FSMOUNT_CLOEXEC 1u
#define WIRE_FSCONFIG_SET_FLAG 0u
#define WIRE_FSCONFIG_SET_STRING 1u
#define WIRE_FSCONFIG_SET_FD 5u
#define WIRE_FSCONFIG_CMD_CREATE 6u
#define WIRE_MOUNT_ATTR_RDONLY 0x1ull
#define WIRE_MOUNT_ATTR_NOSUID 0x2ull
#define WIRE_MOUNT_ATTR_NODEV 0x4ull
#define WIRE_MOUNT_ATTR_NOEXEC 0x8ull
#define WIRE_MOUNT_ATTR_NOATIME 0x10ull
#define WIRE_MOUNT_ATTR_ATIME 0x70ull /* MOUNT_ATTR__ATIME: what is cleared before another kind is set */
#define WIRE_MS_UNBINDABLE (1ull << 17)
#define WIRE_MOUNT_ATTR_IDMAP 0x00100000ull
#define WIRE_MS_PRIVATE (1ull << 18)
#define WIRE_MS_SLAVE (1ull << 19)
#define WIRE_MS_SHARED (1ull << 20)
#define WIRE_MNT_DETACH 2
struct wire_mount_attr {
  uint64_t attr_set;
  uint64_t attr_clr;
  uint64_t propagation;
  uint64_t userns_fd;
};

/* ioctl_pidfd(2), Linux 6.13; exit information from 6.15 on */
#define WIRE_PIDFD_INFO_EXIT (1ull << 3)
struct wire_pidfd_info {
  uint64_t mask;
  uint64_t cgroupid;
  uint32_t pid;
  uint32_t tgid;
  uint32_t ppid;
  uint32_t ruid;
  uint32_t rgid;
  uint32_t euid;
  uint32_t egid;
  uint32_t suid;
  uint32_t sgid;
  uint32_t fsuid;
  uint32_t fsgid;
  int32_t exit_code;
};
/* _IOWR(0xFF, 11, struct wire_pidfd_info) */
#define WIRE_PIDFD_GET_INFO (0xC0000000u | ((uint32_t)sizeof(struct wire_pidfd_info) << 16) | 0xFF0Bu)

/* memfd_create(2) */
#define WIRE_MFD_NOEXEC_SEAL 0x0008u
#define WIRE_MFD_EXEC 0x0010u

/* statx(2) */
#define WIRE_STATX_MNT_ID 0x1000u

/* statfs(2), f_flags */
#define WIRE_ST_RDONLY 0x0001
#define WIRE_ST_NOSUID 0x0002
#define WIRE_ST_NODEV 0x0004
#define WIRE_ST_NOEXEC 0x0008
#define WIRE_ST_NOATIME 0x0400

#endif
