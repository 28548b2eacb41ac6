/* The result objects, one a line, as `run --json` prints them. */
#include "sessions/exporter.h"

#include <stdlib.h>

#include "sessions/export_stream.h"

static enum err write_json(const struct run_set *set, FILE *f)
{
	for (int i = 0; i < set->n && !ferror(f); i++) {
		json_t *o = run_to_json(set->runs[i]);
		char *line = json_line(o);
		fputs(line, f);
		putc('\n', f);
		free(line);
		json_decref(o);
	}
	return export_finish(f);
}

const struct exporter json_exporter = {
	.name = "json",
	.suffix = ".json",
	.help = "one result object per line, complete",
	.write = write_json,
};
