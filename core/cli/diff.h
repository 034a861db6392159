/* Two texts of steps compared: which of them only one has. Knows how explain writes a step, and nothing of what it means. */
#ifndef STYRO_CLI_DIFF_H
#define STYRO_CLI_DIFF_H

#include "report.h"

/*
 * Prints the steps that differ, in order, those of `from` with "-" and those of `to` with "+" before them; numbers and
 * reasons do not count. Returns how many were printed, or -1.
 */
int diff_steps(const char *from, const char *to, struct failure *failure);

#endif
