/*
 * The payload: no C library, no loader. Writes CLOCK_MONOTONIC in nanoseconds (8 bytes) to its stdout with its first
 * instructions and ends; with an argument it then sleeps until it is killed, for the measurement of what stays.
 * build: -O2 -static -nostdlib -nostartfiles
 */
#include "wire/sys.h"

__attribute__((used, noreturn)) void stamp_main(const long *stack);

void stamp_main(const long *stack)
{
  int64_t now = sys_now();
  sys_write(1, &now, sizeof now);
  while (stack[0] > 1) {
    sys_call(SYS_ppoll, 0, 0, 0, 0, 0, 0);
  }
  sys_exit(0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall stamp_main\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl stamp_main\n");
#endif
