/*
 * What mountinfo says of mounts that calls say nothing about: how those below one spread (mount_namespaces(7)), where the
 * kernel makes a private one, and gives no error, of whoever is to follow nothing; and what is mounted inside a directory.
 * Owns the reading of mountinfo; what was asked for is its callers'.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "../wire/maps.h"
#include "helper.h"

/* Of a line's words (proc_pid_mountinfo(5)); optional ones follow the others, up to a "-". */
enum word { WORD_ID = 0, WORD_PARENT = 1, WORD_POINT = 4, WORD_OPTIONAL = 6 };

#define WORD_SIZE 24

struct lines {
  int fd;
  long at, n; /* n < 0: a failed read */
  char data[4096];
};

struct line {
  char id[WORD_SIZE];
  char parent[WORD_SIZE];
  char point[HELPER_PATH_SIZE];
  uint64_t kinds; /* MS_SHARED, MS_SLAVE, MS_UNBINDABLE */
};

static int next_char(struct lines *in)
{
  if (in->at >= in->n) {
    in->at = 0;
    in->n = sys_read(in->fd, in->data, sizeof in->data);
  }
  return in->n > 0 ? (unsigned char)in->data[in->at++] : 0;
}

/* A space, tab, newline or backslash of a path is a backslash and three octal digits. */
static int next_octal(struct lines *in)
{
  int value = 0;
  for (int i = 0; i < 3; i++) {
    value = value * 8 + (next_char(in) - '0');
  }
  return value & 0xff;
}

/* What ended it, 0 at the end of the file; of a word that is too long only its beginning. Paths alone are escaped for sure. */
static int next_word(struct lines *in, bool escaped, char *word, size_t size)
{
  size_t len = 0;
  int c = next_char(in);
  for (; c && c != ' ' && c != '\n'; c = next_char(in)) {
    int byte = escaped && c == '\\' ? next_octal(in) : c;
    if (len < size - 1) {
      word[len++] = (char)byte;
    }
  }
  word[len] = 0;
  return c;
}

static uint64_t kind_of(const char *word)
{
  if (strncmp(word, "shared:", 7) == 0) {
    return WIRE_MS_SHARED;
  }
  if (strncmp(word, "master:", 7) == 0) {
    return WIRE_MS_SLAVE;
  }
  return strcmp(word, "unbindable") == 0 ? WIRE_MS_UNBINDABLE : 0;
}

/* The next line; false at the end of the file. */
static bool next_line(struct lines *in, struct line *line)
{
  char other[WORD_SIZE];
  bool optional = true;
  int end = ' ';
  line->kinds = 0;
  for (unsigned word = 0; end == ' '; word++) {
    switch (word) {
    case WORD_ID: end = next_word(in, false, line->id, sizeof line->id); break;
    case WORD_PARENT: end = next_word(in, false, line->parent, sizeof line->parent); break;
    case WORD_POINT: end = next_word(in, true, line->point, sizeof line->point); break;
    default:
      end = next_word(in, false, other, sizeof other);
      optional = optional && (word < WORD_OPTIONAL || strcmp(other, "-") != 0);
      line->kinds |= optional && word >= WORD_OPTIONAL ? kind_of(other) : 0;
    }
  }
  return end != 0;
}

/* The line of this mount. */
static bool is_mount(const struct line *line, const char *id, const char *path)
{
  (void)path;
  return strcmp(line->id, id) == 0;
}

/* The line of one that stands on this mount, at the path or below it. */
static bool is_inside(const struct line *line, const char *id, const char *path)
{
  size_t len = path[1] ? strlen(path) : 0;
  return strcmp(line->parent, id) == 0 && strncmp(line->point, path, len) == 0 &&
         (line->point[len] == '/' || line->point[len] == 0);
}

typedef bool line_test(const struct line *line, const char *id, const char *path);

/* The first line that fits: 1, 0 when none does, or a negative errno. A mount without a number is never found. */
static int find_line(int proc_self, line_test *fits, uint64_t mount_id, const char *path, struct line *line)
{
  char id[WORD_SIZE];
  struct lines in = {.fd = sys_openat(proc_self, "mountinfo", O_RDONLY | O_CLOEXEC, 0)};
  if (in.fd < 0) {
    return in.fd;
  }
  wire_decimal(id, mount_id);
  bool found = false;
  while (!found && next_line(&in, line)) {
    found = fits(line, id, path);
  }
  sys_close(in.fd);
  return in.n < 0 ? (int)in.n : found;
}

static int open_self(struct helper *h)
{
  h->what = WIRE_WHAT_SOURCE;
  h->component = "/proc/self";
  int self = helper_proc(h, "self", O_PATH | O_DIRECTORY);
  h->component = self < 0 ? h->component : NULL;
  return self;
}

/* ---- how mounts spread ------------------------------------------------------------------------------------------- */

int propagation_prepare(struct helper *h)
{
  if (h->list->self < 0) {
    h->list->self = open_self(h);
  }
  return h->list->self < 0 ? h->list->self : 0;
}

/* A shared mount may follow another as well: all else is one kind alone, and a private one is of none. */
int propagation_holds(struct helper *h, int mount, uint64_t wanted)
{
  struct line line;
  h->what = WIRE_WHAT_READ_BACK;
  int found = find_line(h->list->self, is_mount, sys_mount_id(mount), NULL, &line);
  if (found <= 0) {
    return found < 0 ? found : -ENOENT;
  }
  if (wanted == WIRE_MS_SLAVE && line.kinds == 0) {
    h->what = WIRE_WHAT_NOT_SHARED;
    return -EINVAL;
  }
  uint64_t kinds = wanted == WIRE_MS_SHARED ? line.kinds & ~WIRE_MS_SLAVE : line.kinds;
  return kinds == (wanted == WIRE_MS_PRIVATE ? 0 : wanted) ? 0 : -EPERM;
}

/* ---- what is mounted inside -------------------------------------------------------------------------------------- */

int mounts_inside(struct helper *h, int directory)
{
  static struct line line; /* the mount that was found is named by who called */
  char path[HELPER_PATH_SIZE];
  uint64_t id = sys_mount_id(directory);
  int result = source_path(directory, path);
  if (result < 0 || !id) {
    h->what = WIRE_WHAT_SOURCE;
    return result < 0 ? result : -ENOENT;
  }
  int self = open_self(h);
  if (self < 0) {
    return self;
  }
  result = find_line(self, is_inside, id, path, &line);
  sys_close(self);
  if (result > 0) {
    h->what = WIRE_WHAT_MOUNT_INSIDE;
    h->component = line.point;
    return -EBUSY;
  }
  return result;
}
