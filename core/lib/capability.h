/* Capability names and numbers, through libcap. Knows no sets of a request. */
#ifndef STYRO_LIB_CAPABILITY_H
#define STYRO_LIB_CAPABILITY_H

#include <linux/capability.h>
#include <stdint.h>

/* Every one that this library knows: the word `ALL`. */
#define STYRO_CAPS_ALL ((UINT64_C(1) << (CAP_LAST_CAP + 1)) - 1)

/* Number of "CAP_NET_RAW", "net_raw" or "13"; -1 for what libcap does not know. */
int styro_capability_number(const char *name);
/* "CAP_NET_RAW" for 13, written to out (at least 32 bytes); the number itself where it has no name. */
const char *styro_capability_name(int number, char *out, unsigned long out_size);

#endif
