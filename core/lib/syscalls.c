/* Names of system calls. A library that is older than the kernel does not know all of them. */
#include "syscalls.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "i386_calls.h"
#include "nearest.h"

/* Newer than libseccomp 2.5.4; the same number on every architecture since Linux 5.1. */
static const struct {
  const char *name;
  int number;
} newer[] = {
    {"set_mempolicy_home_node", 450},
    {"cachestat", 451},
    {"fchmodat2", 452},
    {"map_shadow_stack", 453},
    {"futex_wake", 454},
    {"futex_wait", 455},
    {"futex_requeue", 456},
    {"statmount", 457},
    {"listmount", 458},
    {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},
    {"mseal", 462},
    {"setxattrat", 463},
    {"getxattrat", 464},
    {"listxattrat", 465},
    {"removexattrat", 466},
    {"open_tree_attr", 467},
    {"file_getattr", 468},
    {"file_setattr", 469},
    {"listns", 470},
};
/* Of x86_64 only, from 335 on, and unknown to that libseccomp. */
static const char *const x86_only[] = {"uretprobe", "uprobe"};

#define NEWER_N (sizeof newer / sizeof newer[0])
#define X86_ONLY_N (sizeof x86_only / sizeof x86_only[0])
#define X86_ONLY_FIRST 335
#define NUMBERS_MAX 500 /* beyond it libseccomp knows none */

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

static uint32_t scmp_arch(uint32_t arch)
{
  return arch == AUDIT_ARCH_X86_64 ? SCMP_ARCH_X86_64 : arch == AUDIT_ARCH_I386 ? SCMP_ARCH_X86 : SCMP_ARCH_AARCH64;
}

int styro_syscall_number(const char *name, uint32_t arch)
{
  for (size_t i = 0; i < NEWER_N; i++) {
    if (strcmp(newer[i].name, name) == 0) {
      return newer[i].number;
    }
  }
  for (size_t i = 0; i < X86_ONLY_N; i++) {
    if (strcmp(x86_only[i], name) == 0) {
      return arch == AUDIT_ARCH_X86_64 ? X86_ONLY_FIRST + (int)i : STYRO_NO_SUCH_CALL;
    }
  }
  const struct styro_i386_call *carried = arch == AUDIT_ARCH_I386 ? styro_i386_call(name) : NULL;
  if (carried != NULL) { /* for which libseccomp has numbers of its own making */
    return carried->number < 0 ? STYRO_NO_SUCH_CALL : carried->number;
  }
  int number = seccomp_syscall_resolve_name_arch(scmp_arch(arch), name);
  if (number == __NR_SCMP_ERROR) {
    return STYRO_UNKNOWN_CALL;
  }
  return number < 0 ? STYRO_NO_SUCH_CALL : number;
}

int styro_syscall_native(const char *name)
{
  return styro_syscall_number(name, NATIVE);
}

/* Each name of libseccomp's is its caller's to free, so the best one is kept here. */
bool styro_syscall_nearest(const char *name, char *out, size_t size)
{
  struct styro_nearest nearest = {.word = name};
  char *kept = NULL;
  for (size_t i = 0; i < NEWER_N; i++) {
    styro_nearest_offer(&nearest, newer[i].name);
  }
  for (int number = 0; number < NUMBERS_MAX; number++) {
    char *one = seccomp_syscall_resolve_num_arch(scmp_arch(NATIVE), number);
    if (one != NULL) {
      styro_nearest_offer(&nearest, one);
    }
    if (one != NULL && nearest.best == one) {
      free(kept);
      kept = one;
    } else {
      free(one);
    }
  }
  if (nearest.best != NULL) {
    snprintf(out, size, "%s", nearest.best);
  }
  free(kept);
  return nearest.best != NULL;
}
