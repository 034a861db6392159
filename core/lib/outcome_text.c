/* The outcome as one plain sentence, and the numbers in it as people say them. */
#include <stdio.h>
#include <string.h>

#include "encoding.h"
#include "outcome.h"

#define US INT64_C(1000)
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)

/* One decimal below ten, none where it would be a zero: "1.5 s", "2 s", "12 ms". */
static void scaled(int64_t value, int64_t unit, const char *name, char *buffer, size_t size)
{
  int64_t tenths = value / (unit / 10);
  if (value < 10 * unit && tenths % 10 != 0) {
    snprintf(buffer, size, "%lld.%lld %s", (long long)(tenths / 10), (long long)(tenths % 10), name);
  } else {
    snprintf(buffer, size, "%lld %s", (long long)(value / unit), name);
  }
}

const char *styro_duration_text(int64_t nanoseconds, char *buffer, size_t size)
{
  if (nanoseconds < 0) {
    snprintf(buffer, size, "an unknown time");
  } else if (nanoseconds < MS) {
    snprintf(buffer, size, "%lld us", (long long)(nanoseconds / US));
  } else if (nanoseconds < SECOND) {
    scaled(nanoseconds, MS, "ms", buffer, size);
  } else if (nanoseconds < 2 * MINUTE) {
    scaled(nanoseconds, SECOND, "s", buffer, size);
  } else {
    snprintf(buffer, size, "%lld min %lld s", (long long)(nanoseconds / MINUTE),
             (long long)(nanoseconds % MINUTE / SECOND));
  }
  return buffer;
}

static void size_text(uint64_t bytes, char *buffer, size_t size)
{
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
  size_t unit = 0;
  while (unit < 3 && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    unit++;
  }
  snprintf(buffer, size, "%llu %s", (unsigned long long)bytes, units[unit]);
}

const char *styro_signal_text(int number, char *buffer, size_t size)
{
  const char *name = styro_signal_name(number);
  if (name) {
    snprintf(buffer, size, "%s", name);
  } else {
    snprintf(buffer, size, "SIG%d", number);
  }
  return buffer;
}

/* %.440s: message has 512 bytes, and the words before it have to fit as well. */
static void failure_sentence(styro_outcome *out)
{
  static const char *const starts[] = {
      [STYRO_SETUP_FAILED] = "could not be set up",
      [STYRO_EXEC_FAILED] = "could not be executed",
      [STYRO_LOST] = "lost",
  };
  snprintf(out->message, sizeof out->message, "%s: %.440s", starts[out->reason], out->error.message);
  styro_utf8_clean(out->message); /* it may have been cut within a character */
}

static void end_sentence(styro_outcome *out, const char *after, int64_t timeout, uint64_t output_limit)
{
  char text[64];
  size_t size = sizeof out->message;
  switch (out->reason) {
  case STYRO_EXITED: snprintf(out->message, size, "exited with code %d after %s", out->code, after); break;
  case STYRO_SIGNALED:
    snprintf(out->message, size, "killed by %s%s after %s", styro_signal_text(out->signal, text, sizeof text),
             out->core_dumped ? " (core dumped)" : "", after);
    break;
  case STYRO_TIMED_OUT:
    snprintf(out->message, size, "stopped after %s: the %s deadline of %s passed", after, out->detail,
             styro_duration_text(timeout, text, sizeof text));
    break;
  case STYRO_OOM_KILLED: snprintf(out->message, size, "killed after %s: the memory limit was reached", after); break;
  case STYRO_OUTPUT_LIMITED:
    size_text(output_limit, text, sizeof text);
    snprintf(out->message, size, "stopped after %s: %s went over its limit of %s", after, out->detail, text);
    break;
  default: snprintf(out->message, size, "canceled after %s", after); break;
  }
}

void styro_outcome_sentence(styro_outcome *out, int64_t timeout, uint64_t output_limit)
{
  char after[64];
  if (out->reason == STYRO_SETUP_FAILED || out->reason == STYRO_EXEC_FAILED || out->reason == STYRO_LOST) {
    failure_sentence(out);
  } else {
    end_sentence(out, styro_duration_text(out->usage.wall, after, sizeof after), timeout, output_limit);
  }
}
