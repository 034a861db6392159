/* Runs a seccomp program on one call's data. */
#ifndef TESTS_BPF_INTERPRETER_H
#define TESTS_BPF_INTERPRETER_H

#include <linux/seccomp.h>
#include <stddef.h>

#include "request.h"

/* The program's return value (SECCOMP_RET_*). The program must have passed styro_filter_check(). */
uint32_t bpf_run(const struct styro_bpf *program, size_t n, const struct seccomp_data *data);

#endif
