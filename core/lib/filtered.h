/* What the filter of a request holds and does not. */
#ifndef STYRO_LIB_FILTERED_H
#define STYRO_LIB_FILTERED_H

#include "request.h"

/* Is anything refused at all? */
bool styro_seccomp_holds(const struct styro_fields *fields);
/* Is it a profile that refuses all that it was made to refuse, mounts and namespaces for one? */
bool styro_seccomp_is_whole(const struct styro_fields *fields);
/* Are nested user namespaces refused, whatever the limit of the one around them is? */
bool styro_seccomp_refuses_nested(const struct styro_fields *fields);
/* Does a profile, as changed, let a process be opened by another: traced, its memory read, its descriptors taken? */
bool styro_seccomp_opens_processes(const struct styro_fields *fields);
/* May a payload that has these capabilities, in any of its sets, make calls that a profile as it is refuses? */
bool styro_seccomp_lets(const struct styro_fields *fields, int capability);
/*
 * Do Landlock's path rules take nothing from the payload that the request leaves it? With them no mount can be changed,
 * whoever asks, and no message queue of a shared IPC namespace be opened.
 */
bool styro_landlock_paths_fit(const struct styro_fields *fields);

#endif
