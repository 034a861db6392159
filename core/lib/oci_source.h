/* Where a request has its container runtime's seccomp profile: written out in it, or in a file. Built once, for whoever asks. */
#ifndef STYRO_LIB_OCI_SOURCE_H
#define STYRO_LIB_OCI_SOURCE_H

#include "oci_profile.h"
#include "request.h"

/* Is the field's text the path of a file, and not the profile itself? */
bool styro_oci_is_path(const char *text);

/*
 * Fills effective->oci where the request has such a profile. Returns 0 or a negative code with the error filled: in the request
 * the field is the pointer into the profile, for a file the message has it.
 */
int styro_oci_load(struct styro_effective *effective, styro_error *err);
void styro_oci_unload(struct styro_effective *effective);

#endif
