/*
 * The note reader against sound, foreign, damaged and hostile files, and files that come in pieces.
 *
 * build: -Wl,--wrap=pread
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/elf_note.h"

/* ---- pread(2) ---- */

ssize_t __real_pread(int fd, void *to, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at);

/* Every other call is interrupted, and every second of the others gives one byte only. */
static unsigned hampered, calls;

ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at)
{
  if (hampered && calls++ % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  return __real_pread(fd, to, hampered && size > 1 && calls % 4 == 0 ? 1 : size, at);
}

/* An ELF file with one program header and one note, to be bent by each test. */
struct image {
  Elf64_Ehdr head;
  Elf64_Phdr segments[2];
  Elf64_Nhdr other;
  char other_name[4];
  char other_desc[8];
  Elf64_Nhdr note;
  char name[12];
  uint8_t id[WIRE_ID_SIZE];
  uint8_t plan_format[2];
  uint8_t run_format[2];
};

static struct image sound(void)
{
  struct image image;
  memset(&image, 0, sizeof image);
  memcpy(image.head.e_ident, ELFMAG, SELFMAG);
  image.head.e_ident[EI_CLASS] = ELFCLASS64;
  image.head.e_ident[EI_DATA] = ELFDATA2LSB;
  image.head.e_type = ET_EXEC;
  image.head.e_phentsize = sizeof(Elf64_Phdr);
  image.head.e_phoff = offsetof(struct image, segments);
  image.head.e_phnum = 2;
  image.segments[0].p_type = PT_LOAD;
  image.segments[1].p_type = PT_NOTE;
  image.segments[1].p_align = 4;
  image.segments[1].p_offset = offsetof(struct image, other);
  image.segments[1].p_filesz = sizeof image - offsetof(struct image, other);
  image.other = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 5, .n_type = 3};
  memcpy(image.other_name, "GNU", 4);
  image.note = (Elf64_Nhdr){.n_namesz = 10, .n_descsz = WIRE_ID_SIZE + 4, .n_type = 1};
  memcpy(image.name, "Styrolite", 10);
  for (int i = 0; i < WIRE_ID_SIZE; i++) {
    image.id[i] = (uint8_t)(i * 3);
  }
  image.plan_format[0] = 1;
  image.run_format[0] = 2;
  image.run_format[1] = 1;
  return image;
}

static int read_bytes(const void *bytes, size_t len, struct styro_elf_note *out)
{
  int fd = memfd_create("elf", MFD_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
  int fault = styro_elf_note_read(fd, out);
  close(fd);
  return fault;
}

START_TEST(note_is_found_after_others)
{
  struct image image = sound();
  struct styro_elf_note note;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_OK);
  ck_assert_mem_eq(note.wire_id, image.id, WIRE_ID_SIZE);
  ck_assert_uint_eq(note.plan_format, 1);
  ck_assert_uint_eq(note.run_format, 0x102);
}
END_TEST

START_TEST(interruptions_and_pieces_change_nothing)
{
  struct image image = sound();
  struct styro_elf_note note;
  hampered = 1;
  calls = 0;
  int fault = read_bytes(&image, sizeof image, &note);
  hampered = 0;
  ck_assert_int_eq(fault, STYRO_ELF_OK);
  ck_assert_mem_eq(note.wire_id, image.id, WIRE_ID_SIZE);
  ck_assert_uint_eq(note.run_format, 0x102);
  ck_assert_uint_gt(calls, 8);
}
END_TEST

START_TEST(every_cut_is_an_error)
{
  struct image image = sound();
  for (size_t len = 0; len < sizeof image; len++) {
    struct styro_elf_note note;
    memset(&note, 0x5a, sizeof note);
    int fault = read_bytes(&image, len, &note);
    ck_assert_msg(fault == STYRO_ELF_DAMAGED || fault == STYRO_ELF_FOREIGN, "length %zu: fault %d", len, fault);
    ck_assert_uint_eq(note.plan_format, 0x5a5a);
  }
}
END_TEST

START_TEST(foreign_files_are_named_so)
{
  struct styro_elf_note note;
  struct image image = sound();
  ck_assert_int_eq(read_bytes("#!/bin/sh\n", 10, &note), STYRO_ELF_FOREIGN);
  image.head.e_ident[EI_CLASS] = ELFCLASS32;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_FOREIGN);
  image = sound();
  image.head.e_ident[EI_DATA] = ELFDATA2MSB;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_FOREIGN);
  image = sound();
  image.head.e_type = ET_CORE;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_FOREIGN);
}
END_TEST

START_TEST(hostile_offsets_are_damage)
{
  struct styro_elf_note note;
  struct image image = sound();
  image.head.e_phoff = UINT64_MAX - 8;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
  image = sound();
  image.head.e_phentsize = 8;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
  image = sound();
  image.segments[1].p_offset = UINT64_MAX;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
  image = sound();
  image.segments[1].p_filesz = UINT64_MAX;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
  image = sound();
  image.other.n_namesz = UINT32_MAX;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
  image = sound();
  image.other.n_descsz = UINT32_MAX - 2;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
  /* each fits into the segment, and not into what is left of it */
  image = sound();
  image.other.n_namesz = (Elf64_Word)image.segments[1].p_filesz;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
  image = sound();
  image.note.n_descsz =
      (Elf64_Word)(image.segments[1].p_filesz - offsetof(struct image, id) + offsetof(struct image, other) + 1);
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_DAMAGED);
}
END_TEST

START_TEST(other_notes_are_not_ours)
{
  struct styro_elf_note note;
  struct image image = sound();
  image.note.n_type = 2;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_NO_NOTE);
  image = sound();
  image.name[0] = 's';
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_NO_NOTE);
  image = sound();
  image.note.n_descsz = WIRE_ID_SIZE;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_NO_NOTE);
  image = sound();
  image.head.e_phnum = 0;
  ck_assert_int_eq(read_bytes(&image, sizeof image, &note), STYRO_ELF_NO_NOTE);
}
END_TEST

/* Every byte of the file bent in turn: whatever comes out, nothing is read past the end (run with sanitizers). */
START_TEST(bent_bytes_never_crash)
{
  const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  for (size_t at = 0; at < sizeof(struct image); at++) {
    for (size_t v = 0; v < sizeof values; v++) {
      struct image image = sound();
      struct styro_elf_note note;
      ((unsigned char *)&image)[at] = values[v];
      ck_assert_int_le(read_bytes(&image, sizeof image, &note), STYRO_ELF_NO_NOTE);
    }
  }
}
END_TEST

START_TEST(read_errors_and_texts)
{
  struct styro_elf_note note;
  ck_assert_int_eq(styro_elf_note_read(-1, &note), STYRO_ELF_IO);
  for (int fault = STYRO_ELF_OK; fault <= STYRO_ELF_NO_NOTE; fault++) {
    ck_assert_str_ne(styro_elf_fault_text(fault), "");
  }
}
END_TEST

START_TEST(the_helper_has_one)
{
  const char *path = getenv("STYROLITE_HELPER");
  FILE *file = path ? fopen(path, "re") : NULL;
  if (!file) {
    printf("skipped: no helper at STYROLITE_HELPER\n");
    return;
  }
  struct styro_elf_note note;
  ck_assert_int_eq(styro_elf_note_read(fileno(file), &note), STYRO_ELF_OK);
  ck_assert_uint_eq(note.plan_format, WIRE_PLAN_FORMAT);
  fclose(file);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("elf_note");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, note_is_found_after_others);
  tcase_add_test(cases, interruptions_and_pieces_change_nothing);
  tcase_add_test(cases, every_cut_is_an_error);
  tcase_add_test(cases, foreign_files_are_named_so);
  tcase_add_test(cases, hostile_offsets_are_damage);
  tcase_add_test(cases, other_notes_are_not_ours);
  tcase_add_test(cases, bent_bytes_never_crash);
  tcase_add_test(cases, read_errors_and_texts);
  tcase_add_test(cases, the_helper_has_one);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
