/*
 * Seccomp programs: the emitter that turns decisions about syscall numbers into classic BPF, and the built-in default
 * program (generated, committed). Knows no names: libseccomp is the generator's business.
 */
#ifndef STYRO_LIB_FILTER_H
#define STYRO_LIB_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "request.h"

/* The default profile's program for the architecture that this library was built for. Static memory. */
const struct styro_bpf *styro_filter_default(size_t *n);

/*
 * Checks a raw program as the kernel does (seccomp(2), bpf_check_classic): known instructions, jumps inside, loads inside
 * seccomp_data and aligned, every path ends in a return, 1 to 4096 instructions. *at is the instruction at fault.
 * Returns NULL when it is fine, else a sentence part such as "a jump beyond the end". Static text.
 */
const char *styro_filter_check(const struct styro_bpf *program, size_t n, size_t *at);

#endif
