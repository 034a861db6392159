/*
 * Reads the ELF note by which a helper executable names the wire format it was built with. A bounds-checked parser of
 * 64-bit little-endian ELF; knows nothing of what the numbers mean.
 */
#ifndef STYRO_LIB_ELF_NOTE_H
#define STYRO_LIB_ELF_NOTE_H

#include <stdint.h>

#include "../wire/plan.h"

/* The note's description: section .note.styrolite, name "Styrolite", type 1. */
struct styro_elf_note {
  uint8_t wire_id[WIRE_ID_SIZE];
  uint16_t plan_format;
  uint16_t run_format;
};

enum styro_elf_fault {
  STYRO_ELF_OK = 0,
  STYRO_ELF_IO,      /* reading failed: errno says why */
  STYRO_ELF_FOREIGN, /* no 64-bit little-endian ELF executable */
  STYRO_ELF_DAMAGED, /* an offset or size beyond the file */
  STYRO_ELF_NO_NOTE  /* sound, but nobody's helper */
};

/* Reads from an open file, with pread(2) alone. *out is set on STYRO_ELF_OK only. Returns an enum styro_elf_fault. */
int styro_elf_note_read(int fd, struct styro_elf_note *out);

/* A sentence part for a fault. Static text. */
const char *styro_elf_fault_text(int fault);

#endif
