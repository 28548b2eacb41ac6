/* A name out of a file, as messages show it. */
#ifndef TENSOR_SHOWN_H
#define TENSOR_SHOWN_H

#include <string.h>

#include "base/str.h"

#define SHOWN 160

/* Escaped, and cut where it is long; returns buf. */
static inline const char *shown(const char *name, char buf[SHOWN])
{
	return str_escaped(buf, SHOWN, name, strlen(name));
}

#endif
