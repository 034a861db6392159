/* Facts of this host and of the calling process: see probe_host.h. */
#include "probe_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fd.h"
#include "kernel.h"

/* ---- small files ------------------------------------------------------------------------------------------------- */

bool styro_host_line(const char *path, char *out, size_t size)
{
  STYRO_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
  if (n < 0) {
    return false;
  }
  out[n] = '\0';
  out[strcspn(out, "\n")] = '\0';
  return true;
}

int64_t styro_host_number(const char *path)
{
  char text[32];
  char *end = text;
  if (!styro_host_line(path, text, sizeof text)) {
    return -1;
  }
  long long value = strtoll(text, &end, 10);
  return end == text || *end != '\0' ? -1 : value;
}

void styro_lines_open(struct styro_lines *lines, const char *path)
{
  lines->fd = styro_fd_lift(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  lines->start = lines->end = 0;
}

/* Makes room and reads on; false at the end. A line that fills everything is dropped. */
static bool read_more(struct styro_lines *lines)
{
  if (lines->start == 0 && lines->end == sizeof lines->bytes - 1) {
    lines->end = 0;
  }
  memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
  lines->end -= lines->start;
  lines->start = 0;
  ssize_t n = read(lines->fd, lines->bytes + lines->end, sizeof lines->bytes - 1 - lines->end);
  lines->end += n > 0 ? (size_t)n : 0;
  return n > 0;
}

char *styro_lines_next(struct styro_lines *lines)
{
  while (lines->fd >= 0) {
    char *line = lines->bytes + lines->start;
    char *end = memchr(line, '\n', lines->end - lines->start);
    if (end != NULL) {
      *end = '\0';
      lines->start = (size_t)(end - lines->bytes) + 1;
      return line;
    }
    if (!read_more(lines)) {
      styro_fd_close(&lines->fd);
    }
  }
  return NULL;
}

bool styro_line_numbers(const char *line, char before, unsigned long *out, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    char *end;
    line += *line == before;
    out[i] = strtoul(line, &end, 10);
    if (end == line) {
      return false;
    }
    line = end;
  }
  return true;
}

/* ---- facts ------------------------------------------------------------------------------------------------------- */

/* "alice:x:1500:..." */
static void find_user(struct styro_host *host)
{
  struct styro_lines lines;
  styro_lines_open(&lines, "/etc/passwd");
  for (char *line; (line = styro_lines_next(&lines)) != NULL;) {
    char *rest = line;
    char *name = strsep(&rest, ":");
    strsep(&rest, ":");
    char *uid = strsep(&rest, ":");
    if (uid != NULL && *uid != '\0' && strtoul(uid, NULL, 10) == host->uid && strlen(name) < sizeof host->user) {
      snprintf(host->user, sizeof host->user, "%s", name);
      styro_fd_close(&lines.fd);
    }
  }
}

static const struct {
  const char *word;
  enum styro_family family;
} families[] = {
    {"debian", STYRO_FAMILY_DEBIAN}, {"ubuntu", STYRO_FAMILY_DEBIAN}, {"fedora", STYRO_FAMILY_FEDORA},
    {"rhel", STYRO_FAMILY_FEDORA},   {"centos", STYRO_FAMILY_FEDORA},
};

static enum styro_family family_of(const char *words)
{
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    if (strstr(words, families[i].word) != NULL) {
      return families[i].family;
    }
  }
  return STYRO_FAMILY_OTHER;
}

/* os-release(5): ID and ID_LIKE. */
static void find_family(struct styro_host *host)
{
  struct styro_lines lines;
  styro_lines_open(&lines, "/etc/os-release");
  for (char *line; (line = styro_lines_next(&lines)) != NULL;) {
    if (host->family == STYRO_FAMILY_OTHER && (strncmp(line, "ID=", 3) == 0 || strncmp(line, "ID_LIKE=", 8) == 0)) {
      host->family = family_of(line);
    }
  }
}

static enum styro_container find_container(void)
{
  if (getenv("KUBERNETES_SERVICE_HOST") != NULL) {
    return STYRO_CONTAINER_KUBERNETES;
  }
  if (access("/run/.containerenv", F_OK) == 0) {
    return STYRO_CONTAINER_PODMAN;
  }
  return access("/.dockerenv", F_OK) == 0 ? STYRO_CONTAINER_DOCKER : STYRO_CONTAINER_NONE;
}

void styro_host_look(struct styro_host *host, const char *helper)
{
  struct utsname names;
  memset(host, 0, sizeof *host);
  host->uid = geteuid();
  host->gid = getegid();
  host->version = -1;
  if (uname(&names) == 0) {
    snprintf(host->release, sizeof host->release, "%s", names.release);
    host->version = styro_kernel_release(names.release);
  }
  host->filtered = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0;
  host->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  host->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
  host->container = find_container();
  find_user(host);
  find_family(host);
  host->helper_error.size = sizeof host->helper_error;
  if (styro_helper_file_find(helper, &host->helper, &host->helper_error) != 0) {
    host->helper.fd = -1;
  }
}

void styro_host_end(struct styro_host *host)
{
  styro_fd_close(&host->helper.fd);
}
