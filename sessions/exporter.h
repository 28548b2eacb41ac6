/* An exporter writes runs in one format: one file, one word in meson.build. */
#ifndef SESSIONS_EXPORTER_H
#define SESSIONS_EXPORTER_H

#include <stdio.h>

#include "profiler/run.h"

struct run_set {
	struct run *const *runs;
	int n;
};

struct exporter {
	const char *name, *suffix, *help;
	/* Writes all of it; ERR_IO or ERR_FULL when the stream refuses. */
	enum err (*write)(const struct run_set *, FILE *);
};

extern const struct exporter *const exporters[];           /* NULL-terminated */
const struct exporter *exporter_by_name(const char *name); /* NULL: none */

#endif
