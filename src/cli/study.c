/* sparsetop study: published experiments, repeated by one command. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/grid.h"
#include "cli/print.h"
#include "cli/runner.h"
#include "cli/study_print.h"
#include "models/model.h"
#include "models/preset.h"
#include "profiler/study.h"

#define GROUPS                                                                           \
	(OPTIONS_MODEL | OPTIONS_MEASURE | OPTIONS_STORE | OPTIONS_SESSION |             \
	 OPTIONS_WORKER | OPTIONS_JSON | OPTIONS_STUDY)

/* ---- list ---- */

/* Rows that this version can run; the message is the first reason why not. */
static int runnable(const struct study *s, char *why, size_t size)
{
	int n = 0;
	why[0] = 0;
	for (int i = 0; i < s->n_rows; i++) {
		const char *name = s->rows[i].model ? s->rows[i].model : s->model;
		struct knobs k = s->rows[i].knobs;
		struct model *m;
		preset_workload(name, s->rows[i].text, s->rows[i].given, &k);
		enum err e = model_open(name, 0, &m);
		if (!e)
			e = model_check_knobs(m, &k);
		model_free(m);
		if (!e)
			n++;
		else if (!why[0])
			snprintf(why, size, "%s", err_message());
	}
	return n;
}

static enum err list_one(const struct study *s, bool json, struct grid *g)
{
	char why[512];
	int n = runnable(s, why, sizeof(why));
	if (!json) {
		grid_add(g, "%s", s->name);
		grid_add(g, "%d", s->n_rows);
		grid_add(g, n == s->n_rows ? "all" : "%d", n);
		grid_add(g, "%s%s%s", s->title, why[0] ? "; " : "", why);
		return OK;
	}
	json_t *o = json_object();
	json_put_str(o, "name", s->name);
	json_put_str(o, "title", s->title);
	json_put_num(o, "rows", s->n_rows);
	json_put_num(o, "runnable", n);
	json_put_str(o, "why_not", why[0] ? why : NULL);
	return print_json(o);
}

static enum err list(const struct options *o)
{
	struct grid g;
	enum err e = OK;
	grid_init(&g, 4);
	grid_left(&g, 0);
	grid_left(&g, 3);
	grid_add(&g, "study");
	grid_add(&g, "rows");
	grid_add(&g, "runnable");
	grid_add(&g, "%s", "");
	for (int i = 0; !e && study_texts[i]; i++) {
		struct study s;
		e = study_builtin(study_texts[i]->name, &s);
		if (e)
			break;
		e = list_one(&s, o->json, &g);
		study_release(&s);
	}
	if (!e && !o->json)
		grid_print(&g, 1, NULL, INT32_MAX);
	grid_release(&g);
	return e;
}

/* ---- run ---- */

static enum err read_study(const struct options *o, const char *name, struct study *s)
{
	char shown[80];
	if (!o->file)
		return study_builtin(name, s);
	enum err e = study_read(o->file, s);
	if (e || !name || !strcmp(name, s->name))
		return e;
	str_escaped(shown, sizeof(shown), name, strlen(name));
	e = err_set(ERR_USAGE, "--file: the study in it is %s, not %s", s->name, shown);
	study_release(s);
	return e;
}

/* The command line may change the workload and the engine of every row. */
static enum err check_changes(const struct options *o)
{
	for (int i = 0; i < KNOB_COUNT; i++)
		if ((o->given & KNOB_BIT(i)) && knob_table[i].group == KNOB_TECHNIQUE)
			return err_set(ERR_USAGE,
				       "--%s: the rows of a study say which techniques "
				       "are on; sparsetop sweep takes any",
				       knob_table[i].option);
	return OK;
}

/* What the command line puts in instead of a text holds for every row, too. */
static bool brings_input(const struct input_source *in)
{
	return in->text || in->tokens || in->dataset;
}

static struct cell cell_of(const struct options *o, const struct study *s, int i)
{
	const struct study_row *row = &s->rows[i];
	struct cell cell = { .knobs = row->knobs, .label = row->label };
	cell.model = row->model ? row->model : o->model ? o->model : s->model;
	cell.text = brings_input(&o->input) ? NULL : row->text;
	for (int k = 0; k < KNOB_COUNT; k++)
		if (o->given & KNOB_BIT(k))
			cell.knobs.v[k] = o->knobs.v[k];
	preset_workload(cell.model, cell.text || input_source_has_length(&o->input),
			row->given | o->given, &cell.knobs);
	return cell;
}

static enum err on_row(void *ctx, const struct cell *cell)
{
	const struct study_result *r = ctx;
	return study_print_row_json(r, (int)(cell - r->runner->cells));
}

/* What follows the rows, of those that there are; what went wrong before stays the error.
 */
static enum err print(const struct options *o, const struct study_result *r, enum err e)
{
	char message[1024];
	snprintf(message, sizeof(message), "%s", err_message());
	if (!(r->runner->measured + r->runner->stored + r->runner->failed))
		return e;
	enum err shown = OK;
	if (o->json)
		shown = study_print_lines_json(r);
	else
		study_print(r);
	return e ? err_set(e, "%s", message) : shown;
}

static enum err run_study(const struct options *o, const struct study *s)
{
	size_t n = (size_t)s->n_rows;
	enum err e = check_changes(o);
	if (e)
		return e;
	struct cell *cells = mem_alloc(n * sizeof(*cells));
	int *order = mem_alloc(n * sizeof(*order)), *against = mem_alloc(n * sizeof(int));
	for (int i = 0; i < s->n_rows; i++) {
		cells[i] = cell_of(o, s, i);
		against[i] = s->rows[i].against;
	}
	plan_order_of(against, s->n_rows, order);
	struct runner r = { .o = o,
			    .session = o->session ? o->session : s->name,
			    .budget_s = s->budget_s,
			    .cells = cells,
			    .n = s->n_rows,
			    .order = order };
	struct study_result result = { s, &r };
	r.ctx = &result;
	r.on_cell = o->json ? on_row : NULL;
	e = runner_run(&r);
	e = print(o, &result, e);
	runner_release(&r);
	free(cells);
	free(order);
	free(against);
	return e;
}

static enum err run_named(const struct options *o, const char *name)
{
	struct study s;
	if (!name && !o->file)
		return err_set(ERR_USAGE, "study: want list, or the NAME of a study");
	enum err e = read_study(o, name, &s);
	if (e)
		return e;
	e = run_study(o, &s);
	study_release(&s);
	return e;
}

static void print_help(void)
{
	printf("usage: sparsetop study list [--json]\n"
	       "       sparsetop study NAME [-m MODEL] [-i IMAGE...] [--json]\n"
	       "       sparsetop study --file FILE\n\n"
	       "Repeats a published experiment and prints what was published beside what "
	       "is measured\n"
	       "here. The runs are stored in a session named after the study: what it "
	       "holds is not\n"
	       "measured again, another --session begins afresh. Of the knobs, those of "
	       "the workload\n"
	       "and the engine may be given; they hold for every row.\n\n");
	options_print_help(GROUPS);
}

/* The name may stand before the options, where -i cannot swallow it, or after them. */
static enum err study_command(int argc, char **argv)
{
	struct options o;
	const char *name = NULL;
	if (argc > 1 && argv[1][0] != '-') {
		name = argv[1];
		argv[1] = argv[0]; /* messages name the command */
		argc--;
		argv++;
	}
	enum err e = options_parse(&o, GROUPS, argc, argv);
	if (e)
		return e;
	char shown[80];
	const char *extra = o.n_rest > !name ? o.rest[!name] : NULL;
	if (!name && o.n_rest)
		name = o.rest[0];
	if (o.help)
		print_help();
	else if (extra)
		e = err_set(ERR_USAGE, "study: %s is one word too many",
			    str_escaped(shown, sizeof(shown), extra, strlen(extra)));
	else if (name && !o.file && !strcmp(name, "list"))
		e = list(&o);
	else
		e = run_named(&o, name);
	options_release(&o);
	return e;
}

const struct command_line study_command_line = {
	.name = "study",
	.synopsis = "study list | study NAME [--file F] [--json]",
	.help = "repeat a published experiment",
	.run = study_command,
};
