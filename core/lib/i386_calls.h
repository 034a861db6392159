/*
 * The calls that i386 had behind one number before it gave them their own (linux/net.h, linux/ipc.h): a filter has to look at
 * both ways. Knows no profile.
 */
#ifndef STYRO_LIB_I386_CALLS_H
#define STYRO_LIB_I386_CALLS_H

#include <stdint.h>

struct styro_i386_call {
  const char *name;
  int number;        /* its own, -1: none */
  uint16_t function; /* of the carrier's first argument, the lower 16 bits */
  uint16_t carrier;  /* socketcall(2) or ipc(2) */
};

/* Both of them. */
extern const uint32_t styro_i386_carriers[2];

/* NULL: it is carried by none. */
const struct styro_i386_call *styro_i386_call(const char *name);

#endif
