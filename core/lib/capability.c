/*
 * Capability names and numbers, through libcap. Knows no sets of a request. libcap's buffers live inside one call only.
 */
#include "capability.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

/* "13". libcap would read it too, but also asks the running kernel for its highest capability. */
static int number_from_digits(const char *text)
{
  int number = 0;
  for (const char *c = text; *c != '\0'; c++) {
    if (*c < '0' || *c > '9' || number > CAP_LAST_CAP) {
      return -1;
    }
    number = number * 10 + (*c - '0');
  }
  return number <= CAP_LAST_CAP ? number : -1;
}

/* cap_from_name(3) stops reading at what it takes for a separator. */
static int is_one_word(const char *name)
{
  return name[0] != '\0' &&
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == strlen(name);
}

int styro_capability_number(const char *name)
{
  if (name == NULL || !is_one_word(name)) {
    return -1;
  }
  if (name[0] >= '0' && name[0] <= '9') {
    return number_from_digits(name);
  }
  char full[64];
  const char *prefix = strncasecmp(name, "cap_", 4) == 0 ? "" : "cap_";
  int len = snprintf(full, sizeof full, "%s%s", prefix, name);
  cap_value_t value;
  if (len < 0 || (size_t)len >= sizeof full || cap_from_name(full, &value) != 0) {
    return -1;
  }
  return value >= 0 && value <= CAP_LAST_CAP ? value : -1;
}

/* capabilities(7) writes them in capitals, libcap in small letters. Not toupper(3): that asks the locale. */
static char upper(char c)
{
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

const char *styro_capability_name(int number, char *out, unsigned long out_size)
{
  char *name = number >= 0 && number <= CAP_LAST_CAP ? cap_to_name(number) : NULL;
  if (name == NULL || strlen(name) >= out_size) {
    snprintf(out, out_size, "%d", number);
  } else {
    snprintf(out, out_size, "%s", name);
    for (char *c = out; *c != '\0'; c++) {
      *c = upper(*c);
    }
  }
  cap_free(name);
  return out;
}
