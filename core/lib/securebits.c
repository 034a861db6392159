/* Names and bits of securebits, capabilities(7). Knows no system call and no rule. */
#include "securebits.h"

#include <linux/securebits.h>
#include <string.h>

/* By number of the bit. Newer kernels have more, about executing scripts: those are no privilege of root's. */
static const char *const names[] = {
    "noroot",    "noroot_locked",    "no_setuid_fixup",      "no_setuid_fixup_locked",
    "keep_caps", "keep_caps_locked", "no_cap_ambient_raise", "no_cap_ambient_raise_locked"};
#define NAMES_N (sizeof names / sizeof names[0])

const char *styro_securebit_name(unsigned n)
{
  return n < NAMES_N ? names[n] : NULL;
}

uint32_t styro_securebit(const char *name)
{
  for (unsigned i = 0; i < NAMES_N; i++) {
    if (strcmp(names[i], name) == 0) {
      return 1u << i;
    }
  }
  return 0;
}

uint32_t styro_securebits_of(const struct styro_list *list)
{
  uint32_t bits = 0;
  for (size_t i = 0; i < list->n; i++) {
    bits |= styro_securebit(list->items[i]);
  }
  return bits;
}

/*
 * Where the caller named sets, uid 0 inside gets no capabilities by being root: the sets that were named are then what
 * exec leaves. With no sets named everything is empty, and so is what root could gain.
 */
uint32_t styro_securebits_wanted(const struct styro_effective *e)
{
  if (styro_effective_is_set(e, "/security/securebits")) {
    return styro_securebits_of(&e->fields.securebits);
  }
  return e->fields.capabilities_named ? SECBIT_NOROOT | SECBIT_NOROOT_LOCKED : 0;
}
