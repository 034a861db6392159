/*
 * Makes the n-th call of a C library function fail, as counting_alloc does for memory. It sees what the program was linked
 * to wrap: a line ` * build: -Wl,--wrap=openat,--wrap=fcntl` in the opening comment of the test. Without it nothing fails.
 */
#ifndef TEST_FAILING_CALLS_H
#define TEST_FAILING_CALLS_H

#include <stdbool.h>

/*
 * From now on the nth call of the function (1: the next one) answers -1 with this errno, and only that one. name NULL: of
 * all wrapped functions together. What goes through syscall(2) has the name of the system call ("pidfd_open").
 */
void fail_call(const char *name, int nth, int number);

/* The same for the nth call and all after it. */
void fail_calls_from(const char *name, int nth, int number);

/* Before the nth call of the function somebody else acts; the call itself goes on. For races. */
void fail_before(const char *name, int nth, void (*act)(void));

/* Fails no more; true when something failed since fail_call(). */
bool fail_none(void);

/* Calls between these two are not counted: for what stands in for the world around the library. */
void fail_pause(bool pause);

#endif
