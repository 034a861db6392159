/* What `explain` says about a filter: which profile, how the request changes it, and what a refused call is answered. */
#ifndef STYRO_LIB_FILTER_WORDS_H
#define STYRO_LIB_FILTER_WORDS_H

#include "request.h"

/* Writes the words for people; a long list of calls is cut, with how many there are more. */
void styro_filter_words(const struct styro_fields *fields, char *out, size_t size);

#endif
