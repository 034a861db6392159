/* Names of system calls, by libseccomp and a table of those that it may be too old for. */
#ifndef STYRO_LIB_SYSCALLS_H
#define STYRO_LIB_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STYRO_NO_SUCH_CALL (-1) /* not on this architecture */
#define STYRO_UNKNOWN_CALL (-2)

/* The number on an architecture (AUDIT_ARCH_*), or one of the above. Allocates nothing. */
int styro_syscall_number(const char *name, uint32_t arch);
/* The number on the architecture that this library was built for. */
int styro_syscall_native(const char *name);

/* Writes the known name that is nearest to a mistyped one; false: none is. */
bool styro_syscall_nearest(const char *name, char *out, size_t size);

#endif
