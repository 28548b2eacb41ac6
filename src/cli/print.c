#include "cli/print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err print_json(json_t *o)
{
	char *line = json_line(o);
	errno = 0;
	bool failed = printf("%s\n", line) < 0 || fflush(stdout);
	int why = errno;
	free(line);
	json_decref(o);
	if (!failed)
		return OK;
	return err_set(why == ENOSPC ? ERR_FULL : ERR_IO, "stdout: %s",
		       why ? strerror(why) : "cannot be written");
}
