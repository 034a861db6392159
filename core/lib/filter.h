/* The check of seccomp programs that a caller brings. */
#ifndef STYRO_LIB_FILTER_H
#define STYRO_LIB_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "request.h"

/*
 * Checks a raw program as the kernel does (seccomp(2), bpf_check_classic): known instructions, jumps inside, loads inside
 * seccomp_data and aligned, every path ends in a return, 1 to 4096 instructions. *at is the instruction at fault.
 * Returns NULL when it is fine, else a sentence part such as "a jump beyond the end". Static text.
 */
const char *styro_filter_check(const struct styro_bpf *program, size_t n, size_t *at);

#endif
