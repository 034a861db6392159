/* Supplementary groups as text: see groups.h for the form. */
#include "groups.h"

#include <stddef.h>
#include <string.h>

bool styro_groups_kept(const char *groups)
{
  return groups != NULL && strcmp(groups, "keep") == 0;
}

bool styro_groups_next(const char **at, uint32_t *id)
{
  const char *c = *at;
  uint32_t number = 0;
  for (; *c >= '0' && *c <= '9'; c++) {
    number = number * 10 + (uint32_t)(*c - '0');
  }
  if (c == *at || *c != '\n') {
    return false;
  }
  *at = c + 1;
  *id = number;
  return true;
}
