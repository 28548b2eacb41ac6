/* What exporters share: whether the stream took it all. Internal to this room. */
#ifndef SESSIONS_EXPORT_STREAM_H
#define SESSIONS_EXPORT_STREAM_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* Flushes; ERR_FULL or ERR_IO when anything written so far was refused. */
static inline enum err export_finish(FILE *f)
{
	errno = 0;
	if (!fflush(f) && !ferror(f))
		return OK;
	int why = errno;
	return err_set(why == ENOSPC || why == EDQUOT || why == EFBIG ? ERR_FULL : ERR_IO,
		       "the export was not written: %s",
		       why ? strerror(why) : "write error");
}

#endif
