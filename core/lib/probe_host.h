/* Facts of this host and of the calling process that several checks look at. Reads only. */
#ifndef STYRO_LIB_PROBE_HOST_H
#define STYRO_LIB_PROBE_HOST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "helper_file.h"

enum styro_family { STYRO_FAMILY_OTHER, STYRO_FAMILY_DEBIAN, STYRO_FAMILY_FEDORA };
enum styro_container {
  STYRO_CONTAINER_NONE,
  STYRO_CONTAINER_DOCKER,
  STYRO_CONTAINER_PODMAN,
  STYRO_CONTAINER_KUBERNETES
};

struct styro_host {
  uid_t uid; /* effective */
  gid_t gid;
  char user[64];    /* its name; "": /etc/passwd has none */
  int version;      /* as STYRO_KERNEL_FLOOR; -1: not known */
  char release[72]; /* as uname(2) has it */
  bool filtered;    /* a filter of system calls stands around this process */
  bool no_new_privs;
  bool dumpable;
  enum styro_family family;
  enum styro_container container;
  struct styro_helper_file helper; /* fd -1: not found, and helper_error says why */
  styro_error helper_error;
};

/* helper: as for styro_runner_new(). End it with styro_host_end(). */
void styro_host_look(struct styro_host *host, const char *helper);
void styro_host_end(struct styro_host *host);

/* The number in a file such as those below /proc/sys; -1: there is none. */
int64_t styro_host_number(const char *path);

/* The first line of a file, without its end; false: cannot be read. Binary bytes end it. */
bool styro_host_line(const char *path, char *out, size_t size);

/* Lines of a file, one by one, of at most STYRO_LINE - 1 bytes; what is longer is passed over. */
#define STYRO_LINE 4096
struct styro_lines {
  int fd;
  size_t start, end;
  char bytes[STYRO_LINE];
};
/* A file that cannot be opened has no lines. */
void styro_lines_open(struct styro_lines *lines, const char *path);
/* The next line, NUL-terminated, until the next call; NULL at the end, which closes the file. */
char *styro_lines_next(struct styro_lines *lines);
/* The first n decimal numbers of a line, each with `before` in front of it where it has one. */
bool styro_line_numbers(const char *line, char before, unsigned long *out, size_t n);

#endif
