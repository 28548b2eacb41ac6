/* A file that is about to be replaced by an output. */
#ifndef BASE_OVERWRITE_H
#define BASE_OVERWRITE_H

#include "base/err.h"

/*
 * ERR_USAGE where `path` is a database, which no output may replace: a slip of the hand
 * must not cost the stored sessions. Other files may be replaced; a missing one is OK.
 */
enum err overwrite_check(const char *path) MUST_CHECK;

#endif
