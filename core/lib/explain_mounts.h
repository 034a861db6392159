/* What steps that an ordered list of mounts has say about themselves, and the words that other mounts share with them. */
#ifndef STYRO_LIB_EXPLAIN_MOUNTS_H
#define STYRO_LIB_EXPLAIN_MOUNTS_H

#include "plan.h"

/* FS, SYMLINK, REMOUNT, OVERLAY and PROC; "" where there is nothing to say. */
void styro_mount_details(const styro_plan *plan, const struct wire_step *step, char *out, size_t size);

/* explain.c: one text (by a format with one %s), and the flags in words, after what stands there; the new length, also where
 * the text was cut. */
size_t styro_details_text(char *out, size_t size, size_t len, const char *format, const char *text);
size_t styro_details_flags(char *out, size_t size, size_t len, uint64_t set);

#endif
