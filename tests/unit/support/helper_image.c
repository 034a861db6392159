/* A helper for tests of how helpers are found: the smallest ELF file that bears the note, and nothing that could run. */
#include "helper_image.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/id.h"
#include "wire/run.h"

struct helper_image helper_image_sound(void)
{
  struct helper_image image = {.id = WIRE_ID_BYTES, .plan_format = WIRE_PLAN_FORMAT, .run_format = WIRE_RUN_FORMAT};
  memcpy(image.head.e_ident, ELFMAG, SELFMAG);
  image.head.e_ident[EI_CLASS] = ELFCLASS64;
  image.head.e_ident[EI_DATA] = ELFDATA2LSB;
  image.head.e_type = ET_EXEC;
  image.head.e_phentsize = sizeof image.segment;
  image.head.e_phoff = offsetof(struct helper_image, segment);
  image.head.e_phnum = 1;
  image.segment = (Elf64_Phdr){.p_type = PT_NOTE, .p_align = 4, .p_offset = offsetof(struct helper_image, note)};
  image.segment.p_filesz = sizeof image - offsetof(struct helper_image, note);
  image.note = (Elf64_Nhdr){.n_namesz = 10, .n_descsz = WIRE_ID_SIZE + 4, .n_type = 1};
  memcpy(image.name, "Styrolite", 10);
  return image;
}

void helper_file_write(const char *to, const void *bytes, size_t len)
{
  unlink(to);
  int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
  fchmod(fd, 0755);
  close(fd);
}
