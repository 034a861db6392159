/*
 * What is wrong with a text: names of variables, host names, sets of processors, paths. Purely lexical: no file
 * is looked at and no request known.
 */
#include "complaints.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* environ(7) allows any byte but `=` and NUL in a name; what a shell would take is not our business. */
const char *styro_complaint_env_name(const char *text)
{
  if (text[0] == '\0') {
    return "is empty, and a variable needs a name";
  }
  return strchr(text, '=') == NULL ? NULL : "has a `=` in it, which ends the name of a variable";
}

/* RFC 1123, section 2.1, and `_`, which sethostname(2) takes and people use. */
static const char *label_complaint(const char *label, size_t len)
{
  if (len == 0 || label[0] == '-' || label[len - 1] == '-') {
    return "is not a host name: its parts neither start nor end with `-`, and are not empty";
  }
  for (size_t i = 0; i < len; i++) {
    if (!is_letter(label[i]) && !is_digit(label[i]) && label[i] != '-' && label[i] != '_') {
      return "is not a host name: only letters, digits, `-`, `_` and `.` stand in one";
    }
  }
  return NULL;
}

const char *styro_complaint_hostname(const char *text)
{
  for (;;) {
    size_t len = strcspn(text, ".");
    const char *complaint = label_complaint(text, len);
    if (complaint != NULL || text[len] == '\0') {
      return complaint;
    }
    text += len + 1;
  }
}

/* Reads a number of at most five digits; NULL when there is none. */
static const char *after_number(const char *text, unsigned *out)
{
  const char *c = text;
  unsigned number = 0;
  while (is_digit(*c) && c - text < 5) {
    number = number * 10 + (unsigned)(*c++ - '0');
  }
  *out = number;
  return c == text || is_digit(*c) ? NULL : c;
}

/* The list format of cpuset(7), without its stride. */
const char *styro_complaint_cpuset(const char *text)
{
  static const char complaint[] = "is not a set of processors such as `0-3,8`";
  const char *c = text;
  for (;;) {
    unsigned first, last;
    if ((c = after_number(c, &first)) == NULL) {
      return complaint;
    }
    if (*c == '-' && ((c = after_number(c + 1, &last)) == NULL || last < first)) {
      return complaint;
    }
    if (*c == '\0') {
      return NULL;
    }
    if (*c++ != ',') {
      return complaint;
    }
  }
}

/* A key is a file name in the control group's directory: nothing that could leave it may pass. */
const char *styro_complaint_cgroup_key(const char *text)
{
  const char *dot = strchr(text, '.');
  if (dot == NULL || dot == text || dot[1] == '\0') {
    return "is not a key of control groups such as `memory.high`";
  }
  for (const char *c = text; *c != '\0'; c++) {
    if (!is_letter(*c) && !is_digit(*c) && *c != '.' && *c != '_') {
      return "is not a key of control groups: only letters, digits, `_` and `.` stand in one";
    }
  }
  return NULL;
}

/* NAME_MAX of limits.h; a longer one could never be opened. */
static const char *component_complaint(const char *component, size_t len)
{
  if (len > 255) {
    return "has a component of more than 255 bytes";
  }
  if (len == 2 && memcmp(component, "..", 2) == 0) {
    return "has a `..` in it, and what that means depends on symbolic links";
  }
  return NULL;
}

const char *styro_path_normalise(const char *text, char *out)
{
  if (text[0] != '/') {
    return "is not an absolute path";
  }
  if (strlen(text) >= STYRO_PATH_MAX) {
    return "is longer than the 4095 bytes of a path";
  }
  size_t used = 0;
  for (const char *c = text; *c != '\0';) {
    c += strspn(c, "/");
    size_t len = strcspn(c, "/");
    const char *complaint = component_complaint(c, len);
    if (complaint != NULL) {
      return complaint;
    }
    if (len > 0 && !(len == 1 && c[0] == '.')) {
      out[used++] = '/';
      memcpy(out + used, c, len);
      used += len;
    }
    c += len;
  }
  if (used == 0) {
    out[used++] = '/';
  }
  out[used] = '\0';
  return NULL;
}

/* The kernel ends one at a line's end, and AppArmor starts a mode after a space. */
const char *styro_complaint_label(const char *text)
{
  for (const char *c = text; *c != '\0'; c++) {
    if ((unsigned char)*c < ' ' || *c == 0x7f) {
      return "has a control character in it";
    }
  }
  return text[0] == '\0' ? "is empty" : NULL;
}
