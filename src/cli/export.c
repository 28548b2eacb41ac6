/* sparsetop export: stored runs in other programs' formats. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/overwrite.h"
#include "base/str.h"
#include "cli/options.h"
#include "sessions/exporter.h"
#include "sessions/store.h"

#define GROUPS (OPTIONS_STORE | OPTIONS_EXPORT)
#define PAGE 64

struct runs {
	struct run **all;
	int n;
};

static enum err add_run(struct store *store, int64_t id, struct runs *runs)
{
	struct run *run;
	enum err e = store_get(store, id, &run);
	if (e)
		return e;
	runs->all = mem_grow(runs->all, (size_t)runs->n + 1, sizeof(*runs->all));
	runs->all[runs->n++] = run;
	return OK;
}

/* All runs of a session, in order of start. */
static enum err add_session(struct store *store, int64_t session, struct runs *runs)
{
	struct run_row rows[PAGE];
	int64_t at_ns = 0, at_id = 0;
	int n, first = runs->n;
	enum err e = OK;
	do {
		e = session_run_page(store, session, true, at_ns, at_id, PAGE, rows, &n);
		for (int i = 0; !e && i < n; i++)
			e = add_run(store, rows[i].id, runs);
		if (!e && n) {
			at_ns = rows[n - 1].started_ns;
			at_id = rows[n - 1].id;
		}
	} while (!e && n == PAGE);
	for (int a = first, b = runs->n - 1; a < b;
	     a++, b--) { /* pages are newest first */
		struct run *swap = runs->all[a];
		runs->all[a] = runs->all[b];
		runs->all[b] = swap;
	}
	return e;
}

static enum err add(struct store *store, const char *what, struct runs *runs)
{
	int64_t run, session;
	enum err e = store_find(store, what, &run, &session);
	if (e)
		return e;
	return run ? add_run(store, run, runs) : add_session(store, session, runs);
}

static enum err find_exporter(const char *name, const struct exporter **out)
{
	struct str known = STR_INIT;
	char shown[64];
	for (int i = 0; exporters[i]; i++)
		str_addf(&known, "%s%s", i ? ", " : "", exporters[i]->name);
	*out = name ? exporter_by_name(name) : NULL;
	enum err e = OK;
	if (!name)
		e = err_set(ERR_USAGE, "export: --format is missing: %s",
			    str_get(&known));
	else if (!*out)
		e = err_set(ERR_USAGE, "--format %s: this version has %s",
			    str_escaped(shown, sizeof(shown), name, strlen(name)),
			    str_get(&known));
	str_release(&known);
	return e;
}

static enum err write_out(const struct exporter *x, const struct runs *runs,
			  const char *path)
{
	const struct run_set set = { runs->all, runs->n };
	enum err refused = path ? overwrite_check(path) : OK;
	if (refused)
		return refused;
	FILE *f = path ? fopen(path, "we") : stdout;
	if (!f)
		return err_set(ERR_IO, "%s: %s", path, strerror(errno));
	enum err e = x->write(&set, f);
	bool failed = path ? fclose(f) != 0 : fflush(f) != 0;
	if (!e && failed)
		e = err_set(errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: %s",
			    path ? path : "stdout", strerror(errno));
	return e;
}

static enum err export_runs(const struct options *o)
{
	struct store *store = NULL;
	struct runs runs = { 0 };
	const struct exporter *x;
	enum err e = find_exporter(o->format, &x);
	if (!e && !o->n_rest)
		e = err_set(ERR_USAGE,
			    "export: which run? A number, a uid, last, or SESSION");
	if (!e)
		e = store_open(&(struct store_options){ .path = o->db,
							.must_exist = true,
							.busy_ms = 10000 },
			       &store);
	for (int i = 0; !e && i < o->n_rest; i++)
		e = add(store, o->rest[i], &runs);
	if (!e)
		e = write_out(x, &runs, o->output);
	for (int i = 0; i < runs.n; i++)
		run_free(runs.all[i]);
	free(runs.all);
	store_close(store);
	return e;
}

static enum err export_command(int argc, char **argv)
{
	struct options o;
	enum err e = options_parse(&o, GROUPS, argc, argv);
	if (e)
		return e;
	if (o.help) {
		printf("usage: sparsetop export RUN...|SESSION --format FORMAT [-o "
		       "FILE]\n\n");
		for (int i = 0; exporters[i]; i++)
			printf("  %-8s %s\n", exporters[i]->name, exporters[i]->help);
		printf("\n");
		options_print_help(GROUPS);
	} else {
		e = export_runs(&o);
	}
	options_release(&o);
	return e;
}

const struct command_line export_command_line = {
	.name = "export",
	.synopsis = "export RUN...|SESSION --format csv|json [-o FILE]",
	.help = "stored runs for other programs",
	.run = export_command,
};
