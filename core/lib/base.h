/* The system base: the read-only part of the host that root "system" shows, and what every sandbox finds in /dev and /proc. */
#ifndef STYRO_LIB_BASE_H
#define STYRO_LIB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum styro_base_when { STYRO_BASE_ALWAYS, STYRO_BASE_WITH_NETWORK };

struct styro_base_entry {
  const char *path; /* the same on the host and inside */
  uint16_t step;    /* WIRE_STEP_LINK or WIRE_STEP_BIND */
  uint16_t when;    /* enum styro_base_when */
  const char *why;
};

extern const struct styro_base_entry styro_base[];
extern const size_t styro_base_n;

/* What is hidden or read-only in a proc or sys; paths that the kernel does not have are skipped. */
struct styro_proc_entry {
  const char *path; /* below the mount's place */
  bool read_only;   /* else masked */
};

extern const struct styro_proc_entry styro_proc_entries[];
extern const size_t styro_proc_entries_n;
extern const struct styro_proc_entry styro_sys_entries[];
extern const size_t styro_sys_entries_n;

#define STYRO_HOME "/home/sandbox"
#define STYRO_USER_NAME "sandbox"
#define STYRO_NOBODY 65534 /* who a root caller's payload is on the host, unless the request says otherwise */
#define STYRO_TMP_SIZE (256ull << 20)
#define STYRO_HOME_SIZE (64ull << 20)
#define STYRO_SHM_SIZE (64ull << 20)
#define STYRO_PATH "/usr/local/bin:/usr/bin:/bin"
#define STYRO_LANG "C.UTF-8"
#define STYRO_HOSTNAME_DEFAULT "sandbox"
#define STYRO_DOMAINNAME_DEFAULT "(none)" /* the kernel's own */

#endif
