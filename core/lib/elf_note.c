/*
 * Reads the ELF note by which a helper executable names the wire format it was built with. A bounds-checked parser of
 * 64-bit little-endian ELF; knows nothing of what the numbers mean.
 */
#include "elf_note.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define NOTE_NAME "Styrolite" /* with its NUL: 10 bytes, padded to 12 */
#define NOTE_TYPE 1u
#define NOTE_DESC_SIZE (WIRE_ID_SIZE + 4u)
#define PHDR_MAX 64u      /* program headers looked at; a static executable has about ten */
#define SEGMENT_MAX 4096u /* bytes of one note segment looked at */

/* Exactly size bytes from `at`; a short file is damage. */
static int read_at(int fd, uint64_t at, void *to, size_t size)
{
  if (at > INT64_MAX - size) {
    return STYRO_ELF_DAMAGED;
  }
  for (size_t done = 0; done < size;) {
    ssize_t n = pread(fd, (char *)to + done, size - done, (off_t)(at + done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return STYRO_ELF_IO;
    }
    if (n == 0) {
      return STYRO_ELF_DAMAGED;
    }
    done += (size_t)n;
  }
  return STYRO_ELF_OK;
}

static size_t round_up(size_t value, size_t to)
{
  return (value + to - 1) / to * to;
}

static uint16_t u16_at(const uint8_t *bytes)
{
  return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static int take_note(const Elf64_Nhdr *head, const uint8_t *name, const uint8_t *desc, struct styro_elf_note *out)
{
  if (head->n_type != NOTE_TYPE || head->n_namesz != sizeof NOTE_NAME || head->n_descsz < NOTE_DESC_SIZE ||
      memcmp(name, NOTE_NAME, sizeof NOTE_NAME) != 0) {
    return STYRO_ELF_NO_NOTE;
  }
  memcpy(out->wire_id, desc, WIRE_ID_SIZE);
  out->plan_format = u16_at(desc + WIRE_ID_SIZE);
  out->run_format = u16_at(desc + WIRE_ID_SIZE + 2);
  return STYRO_ELF_OK;
}

/* Walks the notes of one segment: header, name, description, both padded to the segment's alignment. */
static int search_segment(const uint8_t *bytes, size_t len, size_t align, struct styro_elf_note *out)
{
  size_t at = 0;
  while (len - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr head;
    memcpy(&head, bytes + at, sizeof head);
    at += sizeof head;
    if (head.n_namesz > len || head.n_descsz > len) {
      return STYRO_ELF_DAMAGED;
    }
    size_t name_size = round_up(head.n_namesz, align);
    if (name_size > len - at || head.n_descsz > len - at - name_size) {
      return STYRO_ELF_DAMAGED;
    }
    if (take_note(&head, bytes + at, bytes + at + name_size, out) == STYRO_ELF_OK) {
      return STYRO_ELF_OK;
    }
    size_t step = name_size + round_up(head.n_descsz, align);
    at = step > len - at ? len : at + step;
  }
  return STYRO_ELF_NO_NOTE;
}

static int read_segment(int fd, const Elf64_Phdr *segment, struct styro_elf_note *out)
{
  uint8_t bytes[SEGMENT_MAX];
  size_t len = segment->p_filesz < sizeof bytes ? (size_t)segment->p_filesz : sizeof bytes;
  int fault = read_at(fd, segment->p_offset, bytes, len);
  if (fault != STYRO_ELF_OK) {
    return fault;
  }
  return search_segment(bytes, len, segment->p_align == 8 ? 8 : 4, out);
}

static int check_header(const Elf64_Ehdr *head)
{
  if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_ident[EI_CLASS] != ELFCLASS64 ||
      head->e_ident[EI_DATA] != ELFDATA2LSB || (head->e_type != ET_EXEC && head->e_type != ET_DYN)) {
    return STYRO_ELF_FOREIGN;
  }
  if (head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phoff > INT64_MAX / 2) {
    return STYRO_ELF_DAMAGED;
  }
  return STYRO_ELF_OK;
}

int styro_elf_note_read(int fd, struct styro_elf_note *out)
{
  Elf64_Ehdr head;
  int fault = read_at(fd, 0, &head, sizeof head);
  if (fault == STYRO_ELF_DAMAGED) {
    return STYRO_ELF_FOREIGN; /* shorter than any ELF header */
  }
  if (fault != STYRO_ELF_OK || (fault = check_header(&head)) != STYRO_ELF_OK) {
    return fault;
  }
  struct styro_elf_note found;
  for (unsigned i = 0; i < head.e_phnum && i < PHDR_MAX; i++) {
    Elf64_Phdr segment;
    fault = read_at(fd, head.e_phoff + i * sizeof segment, &segment, sizeof segment);
    if (fault != STYRO_ELF_OK) {
      return fault;
    }
    fault = segment.p_type == PT_NOTE ? read_segment(fd, &segment, &found) : STYRO_ELF_NO_NOTE;
    if (fault == STYRO_ELF_OK) {
      *out = found;
    }
    if (fault != STYRO_ELF_NO_NOTE) {
      return fault;
    }
  }
  return STYRO_ELF_NO_NOTE;
}

const char *styro_elf_fault_text(int fault)
{
  static const char *const texts[] = {
      [STYRO_ELF_OK] = "is sound",
      [STYRO_ELF_IO] = "could not be read",
      [STYRO_ELF_FOREIGN] = "is not a 64-bit little-endian ELF executable",
      [STYRO_ELF_DAMAGED] = "is damaged: an ELF offset lies beyond its end",
      [STYRO_ELF_NO_NOTE] = "is an executable, but not a styrolite-helper: it has no note .note.styrolite",
  };
  return texts[fault];
}
