/* What is wrong with a text, as a sentence part that follows it ("`a b` has a space in it"). Knows no request. */
#ifndef STYRO_LIB_COMPLAINTS_H
#define STYRO_LIB_COMPLAINTS_H

/* Each returns NULL when nothing is wrong. Static text. */
const char *styro_complaint_env_name(const char *text);
const char *styro_complaint_hostname(const char *text);
const char *styro_complaint_cpuset(const char *text);
const char *styro_complaint_cgroup_key(const char *text);
const char *styro_complaint_label(const char *text); /* of a security module */

#define STYRO_PATH_MAX 4096 /* with the NUL, as PATH_MAX of limits.h */

/*
 * Writes the absolute path without `//`, `/./` and trailing slash to out (STYRO_PATH_MAX bytes). A `..` is not resolved
 * but refused: what stands before it may be a symbolic link. Returns a complaint, or NULL.
 */
const char *styro_path_normalise(const char *text, char *out);

#endif
