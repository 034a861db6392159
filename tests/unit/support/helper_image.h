/* A helper for tests of how helpers are found: the smallest ELF file that bears the note, and nothing that could run. */
#ifndef TEST_HELPER_IMAGE_H
#define TEST_HELPER_IMAGE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/plan.h"

struct helper_image {
  Elf64_Ehdr head;
  Elf64_Phdr segment;
  Elf64_Nhdr note;
  char name[12];
  uint8_t id[WIRE_ID_SIZE];
  uint16_t plan_format;
  uint16_t run_format;
};

/* One that this library accepts. */
struct helper_image helper_image_sound(void);

/* Writes a file anew, with mode 0755 whatever the umask. */
void helper_file_write(const char *to, const void *bytes, size_t len);

#endif
