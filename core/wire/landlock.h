/*
 * Landlock as library and helper both see it (landlock(7)): rights, what each version of its interface brought, and what
 * the steps of a plan are made of. Values are the kernel's; a unit test compares them with the system's headers.
 */
#ifndef STYRO_WIRE_LANDLOCK_H
#define STYRO_WIRE_LANDLOCK_H

#include <stdint.h>

/* LANDLOCK_ACCESS_FS_* */
#define WIRE_LL_EXECUTE (1ull << 0)
#define WIRE_LL_WRITE_FILE (1ull << 1)
#define WIRE_LL_READ_FILE (1ull << 2)
#define WIRE_LL_READ_DIR (1ull << 3)
#define WIRE_LL_MAKE_SYM (1ull << 12) /* those between make and remove names */
#define WIRE_LL_REFER (1ull << 13)
#define WIRE_LL_TRUNCATE (1ull << 14)
#define WIRE_LL_IOCTL_DEV (1ull << 15)

/* All that can be asked of a file that is no directory. */
#define WIRE_LL_OF_FILES \
  (WIRE_LL_EXECUTE | WIRE_LL_WRITE_FILE | WIRE_LL_READ_FILE | WIRE_LL_TRUNCATE | WIRE_LL_IOCTL_DEV)

/* What a place is for: to look at, to use what is there, to do anything. */
#define WIRE_LL_READ (WIRE_LL_READ_FILE | WIRE_LL_READ_DIR | WIRE_LL_EXECUTE)
#define WIRE_LL_USE (WIRE_LL_READ | WIRE_LL_WRITE_FILE | WIRE_LL_TRUNCATE | WIRE_LL_IOCTL_DEV)
#define WIRE_LL_ALL ((WIRE_LL_IOCTL_DEV << 1) - 1)

/* LANDLOCK_ACCESS_NET_* */
#define WIRE_LL_BIND_TCP (1ull << 0)
#define WIRE_LL_CONNECT_TCP (1ull << 1)

/* LANDLOCK_SCOPE_* */
#define WIRE_LL_ABSTRACT_UNIX (1ull << 0)
#define WIRE_LL_SIGNALS (1ull << 1)

#define WIRE_LL_LOG_SAME_EXEC_OFF (1u << 0)
/* LANDLOCK_RESTRICT_SELF_*: what the payload's own domains refuse is nothing for the host's audit log. */
#define WIRE_LL_LOG_SUBDOMAINS_OFF (1u << 2)

#define WIRE_LL_CREATE_VERSION 1u
#define WIRE_LL_RULE_PATH 1
#define WIRE_LL_RULE_PORT 2

/* struct landlock_ruleset_attr; a kernel that knows less takes it where the rest is 0 */
struct wire_landlock_ruleset {
  uint64_t fs;
  uint64_t network;
  uint64_t scoped;
};

/* struct landlock_path_beneath_attr */
struct wire_landlock_path {
  uint64_t access;
  int32_t parent;
} __attribute__((packed));

/* struct landlock_net_port_attr */
struct wire_landlock_port {
  uint64_t access;
  uint64_t port;
};

/* What a ruleset speaks about; what is named here and allowed by no rule is refused. */
enum wire_landlock_part {
  WIRE_LANDLOCK_PATHS = 0,
  WIRE_LANDLOCK_PORTS = 1,
  WIRE_LANDLOCK_SCOPES = 2,
  WIRE_LANDLOCK_PART_COUNT
};

/* One version of the interface with all that it knows, and the kernel that first had it. */
struct wire_landlock_abi {
  struct wire_landlock_known {
    uint32_t fs;
    uint16_t network;
    uint16_t scoped;
  } knows;
  uint16_t restrict_flags; /* that we set */
  char kernel[6];
};

/* The row of a version: 1 is the first; later than the last are the last; 0 and below are none (NULL). */
const struct wire_landlock_abi *wire_landlock_abi(int version);

/*
 * From which version on a part serves us. Paths from 2: the first refuses every rename and link from one directory to
 * another, which programs need.
 */
int wire_landlock_needs(enum wire_landlock_part part);

#endif
