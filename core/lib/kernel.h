/* What the running kernel can do, asked once per runner, and what a refusal of it means. */
#ifndef STYRO_LIB_KERNEL_H
#define STYRO_LIB_KERNEL_H

#include <stdint.h>

#include "styrolite.h"

/*
 * Sets *bits (enum wire_kernel). `wanted` is a version that lowers what is used, or NULL. STYRO_EUNSUPPORTED, with a hint,
 * below the floor of the container level.
 */
int styro_kernel_find(const char *wanted, uint32_t *bits, styro_error *err);

/*
 * Where errno is ENOSYS or EPERM, says in the error whether the kernel or a filter around this process may be at fault.
 * `calls` are the system calls that can have answered so, in words. Does nothing where it knows nothing.
 */
void styro_kernel_explain(int sys_errno, const char *calls, styro_error *err);

#define STYRO_KERNEL_FLOOR 514

/* "6.1.0-40-amd64" as 601; -1 when it does not begin with two numbers. */
int styro_kernel_release(const char *text);

#endif
