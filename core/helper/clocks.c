/*
 * The clocks of a time namespace, time_namespaces(7): it is made for whoever comes next, its offsets are written while it is
 * empty, and the payload enters it: by its fork before Linux 6.2, by its exec since. Init stays outside, so that its
 * deadline counts by the caller's clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "../wire/maps.h"
#include "helper.h"

#define SECOND 1000000000
#define LINE 64

/* Below 0 the seconds are rounded down, because the kernel takes no negative nanoseconds. */
static char *add_line(char *out, const char *clock, int64_t offset)
{
  int64_t seconds = offset / SECOND;
  int64_t rest = offset % SECOND;
  if (rest < 0) {
    seconds--;
    rest += SECOND;
  }
  out = wire_append(out, clock);
  out = wire_append(out, seconds < 0 ? " -" : " ");
  out += wire_decimal(out, (uint64_t)(seconds < 0 ? -seconds : seconds));
  out = wire_append(out, " ");
  out += wire_decimal(out, (uint64_t)rest);
  return wire_append(out, "\n");
}

static const char *skip_blanks(const char *text)
{
  while (*text == ' ') {
    text++;
  }
  return text;
}

/* Do two texts hold the same words? The kernel pads its columns with blanks. */
static bool same_words(const char *a, const char *b)
{
  while (*a && *b) {
    const char *word_a = skip_blanks(a), *word_b = skip_blanks(b);
    if (*word_a != *word_b || (word_a == a) != (word_b == b)) {
      return false;
    }
    a = word_a + (*word_a != 0);
    b = word_b + (*word_b != 0);
  }
  return !*a && !*b;
}

static int read_back(struct helper *h, const char *wanted)
{
  char found[4 * LINE];
  int fd = helper_proc(h, "self/timens_offsets", O_RDONLY);
  long n = fd < 0 ? fd : sys_read(fd, found, sizeof found - 1);
  if (fd >= 0) {
    sys_close(fd);
  }
  if (n < 0) {
    return (int)n;
  }
  found[n] = 0;
  h->what = WIRE_WHAT_READ_BACK;
  return same_words(found, wanted) ? 0 : -EPERM;
}

int step_clocks(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_clocks *body = (const void *)step;
  char text[2 * LINE];
  h->what = WIRE_WHAT_UNSHARE;
  int result = (int)sys_call(SYS_unshare, (long)WIRE_CLONE_NEWTIME, 0, 0, 0, 0, 0);
  if (result < 0) {
    return result;
  }
  h->what = WIRE_WHAT_STEP;
  add_line(add_line(text, "monotonic", body->monotonic), "boottime", body->boottime);
  int fd = helper_proc(h, "self/timens_offsets", O_WRONLY);
  long n = fd < 0 ? fd : sys_write(fd, text, strlen(text));
  if (fd >= 0) {
    sys_close(fd);
  }
  h->clocks = true;
  h->clock_offset = body->monotonic;
  return n < 0 ? (int)n : read_back(h, text);
}

int64_t clocks_now(const struct helper *h)
{
  return sys_now() - h->clock_shift;
}
