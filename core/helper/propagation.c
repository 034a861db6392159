/*
 * How mounts below a mount spread (mount_namespaces(7)), as mountinfo says it: whoever asks that one follows another which is
 * not shared gets a private one, and no error. Owns the reading of mountinfo; what was asked for is its caller's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "../wire/maps.h"
#include "helper.h"

#define FIRST_OPTIONAL 6 /* of a line's words, proc_pid_mountinfo(5): optional ones follow, up to a "-" */
#define WORD_SIZE 24

struct lines {
  int fd;
  long at, n; /* n < 0: a failed read */
  char data[4096];
};

static int next_char(struct lines *in)
{
  if (in->at >= in->n) {
    in->at = 0;
    in->n = sys_read(in->fd, in->data, sizeof in->data);
  }
  return in->n > 0 ? (unsigned char)in->data[in->at++] : 0;
}

/* What ended it, 0 at the end of the file; of a long word only its beginning. No word has a space or newline in it. */
static int next_word(struct lines *in, char word[WORD_SIZE])
{
  unsigned len = 0;
  int c = next_char(in);
  for (; c && c != ' ' && c != '\n'; c = next_char(in)) {
    if (len < WORD_SIZE - 1) {
      word[len++] = (char)c;
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

/* One line; 1 when it is this mount's, whose kinds are then in *kinds. *end is what ended it. */
static int read_line(struct lines *in, const char *id, int *end, uint64_t *kinds)
{
  char word[WORD_SIZE];
  bool is_ours = false;
  bool optional = true;
  *kinds = 0;
  *end = ' ';
  for (unsigned field = 0; *end == ' '; field++) {
    *end = next_word(in, word);
    is_ours = field == 0 ? strcmp(word, id) == 0 : is_ours;
    optional = optional && (field < FIRST_OPTIONAL || strcmp(word, "-") != 0);
    *kinds |= optional && field >= FIRST_OPTIONAL ? kind_of(word) : 0;
  }
  return is_ours;
}

static int read_kinds(struct helper *h, int mount, uint64_t *kinds)
{
  char id[WORD_SIZE];
  struct lines in = {.fd = sys_openat(h->list->self, "mountinfo", O_RDONLY | O_CLOEXEC, 0)};
  if (in.fd < 0) {
    return in.fd;
  }
  wire_decimal(id, sys_mount_id(mount));
  int end = '\n';
  int found = 0;
  while (!found && end) {
    found = read_line(&in, id, &end, kinds);
  }
  sys_close(in.fd);
  return found ? 0 : in.n < 0 ? (int)in.n : -ENOENT;
}

int propagation_prepare(struct helper *h)
{
  if (h->list->self >= 0) {
    return 0;
  }
  h->what = WIRE_WHAT_SOURCE;
  h->component = "/proc/self";
  h->list->self = helper_proc(h, "self", O_PATH | O_DIRECTORY);
  if (h->list->self < 0) {
    return h->list->self;
  }
  h->component = NULL;
  return 0;
}

/* A shared mount may follow another as well: all else is one kind alone, and a private one is of none. */
int propagation_holds(struct helper *h, int mount, uint64_t wanted)
{
  uint64_t kinds;
  h->what = WIRE_WHAT_READ_BACK;
  int result = read_kinds(h, mount, &kinds);
  if (result < 0) {
    return result;
  }
  if (wanted == WIRE_MS_SLAVE && kinds == 0) {
    h->what = WIRE_WHAT_NOT_SHARED;
    return -EINVAL;
  }
  kinds &= wanted == WIRE_MS_SHARED ? ~WIRE_MS_SLAVE : ~0ull;
  return kinds == (wanted == WIRE_MS_PRIVATE ? 0 : wanted) ? 0 : -EPERM;
}
