/*
 * Writing the id maps of a process (user_namespaces(7)), for the library's side of the clone and for the helper. Raw calls
 * only: half of its users run in memory that two processes share.
 */
#ifndef STYRO_WIRE_MAPS_H
#define STYRO_WIRE_MAPS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "sys.h"

#define WIRE_MAP_TEXT 40 /* "4294967295 4294967295 1" and room */

/* Decimal, NUL-terminated; out holds 21 bytes. Returns the length. */
static inline unsigned wire_decimal(char *out, uint64_t value)
{
  char digits[20];
  unsigned n = 0;
  do {
    digits[n++] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  for (unsigned i = 0; i < n; i++) {
    out[i] = digits[n - 1 - i];
  }
  out[n] = 0;
  return n;
}

static inline char *wire_append(char *out, const char *text)
{
  while ((*out = *text)) {
    out++;
    text++;
  }
  return out;
}

/* "INSIDE OUTSIDE 1" */
static inline void wire_map_text(char out[WIRE_MAP_TEXT], uint32_t inside, uint32_t outside)
{
  out += wire_decimal(out, inside);
  *out++ = ' ';
  out += wire_decimal(out, outside);
  wire_append(out, " 1");
}

/* 0 or -errno. proc: a descriptor of /proc, or -1; pid 0: the calling process itself. */
static inline int wire_write_proc(int proc, int pid, const char *file, const char *text)
{
  char path[48];
  char *end = wire_append(path, proc < 0 ? "/proc/" : "");
  end = pid ? end + wire_decimal(end, (uint64_t)pid) : wire_append(end, "self");
  wire_append(end, file);
  int fd = sys_openat(proc, path, O_WRONLY | O_CLOEXEC, 0); /* an absolute path needs no descriptor */
  if (fd < 0) {
    return fd;
  }
  unsigned long n = 0;
  while (text[n]) {
    n++;
  }
  long result = sys_write(fd, text, n);
  sys_close(fd);
  return result < 0 ? (int)result : 0;
}

/*
 * Who writes a map of its own id without CAP_SETGID has to deny setgroups(2) first. 0 or -errno, and what failed in *what
 * (enum wire_what).
 */
static inline int wire_write_maps(int proc, int pid, const char *uid_map, const char *gid_map, bool deny_setgroups,
                                  uint32_t *what)
{
  *what = WIRE_WHAT_MAP_SETGROUPS;
  int result = deny_setgroups ? wire_write_proc(proc, pid, "/setgroups", "deny") : 0;
  if (result >= 0) {
    *what = WIRE_WHAT_MAP_GID;
    result = wire_write_proc(proc, pid, "/gid_map", gid_map);
  }
  if (result >= 0) {
    *what = WIRE_WHAT_MAP_UID;
    result = wire_write_proc(proc, pid, "/uid_map", uid_map);
  }
  return result;
}

#endif
