#include "cli/study_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/grid.h"
#include "cli/print.h"

#define WIDTH 100 /* of the table before it is broken up */

static double published(const struct study_result *r, int row, enum figure_id id)
{
	return r->study->rows[row].published[id];
}

/* The run of a row, or NULL: it failed or was not reached. */
static const struct run *run_of(const struct study_result *r, int row)
{
	const struct run *run = r->runner->cells[row].run;
	return run && run->state == RUN_DONE ? run : NULL;
}

static double measured(const struct study_result *r, int row, enum figure_id id)
{
	const struct run *run = run_of(r, row);
	return run ? figure_of(run, id) : (double)NAN;
}

typedef double (*figure_fn)(const struct study_result *, int, enum figure_id);

/* To the row it is against, of the same source: NaN where one of both is not known. */
static double ratio(figure_fn of, const struct study_result *r, int row,
		    enum figure_id id)
{
	double own = of(r, row, id), first = of(r, r->study->rows[row].against, id);
	return figure_table[id].has_ratio && first > 0 ? own / first : (double)NAN;
}

/* ---- JSON ---- */

static json_t *figures_json(figure_fn of, const struct study_result *r, int row,
			    bool ratios)
{
	json_t *o = json_object();
	for (int i = 0; i < r->study->n_columns; i++) {
		enum figure_id id = r->study->columns[i];
		if (ratios && figure_table[id].has_ratio)
			json_put_num(o, figure_table[id].name, ratio(of, r, row, id));
		else if (!ratios)
			json_put_num(o, figure_table[id].name, of(r, row, id));
	}
	return o;
}

/* Those that apply to the model; all, where it is not known. */
static json_t *knobs_json(const struct cell *cell)
{
	char name[KNOB_TEXT_SIZE], text[KNOB_TEXT_SIZE];
	const struct knobs *k = &cell->knobs;
	uint64_t mask = cell->run ? cell->run->knob_mask : 0;
	json_t *o = json_object();
	for (int i = 0; i < KNOB_COUNT; i++) {
		enum knob_id id = (enum knob_id)i;
		bool number = !isnan(k->v[i].num) && !k->v[i].text[0];
		if (mask && !(mask & KNOB_BIT(i)))
			continue;
		knob_json_name(id, name);
		if (number)
			json_put_num(o, name, k->v[i].num);
		else
			json_put_str(o, name, knobs_get(k, id, text));
	}
	return o;
}

enum err study_print_row_json(const struct study_result *r, int row)
{
	const struct study_row *def = &r->study->rows[row];
	const struct cell *cell = &r->runner->cells[row];
	json_t *o = json_object();
	json_put_str(o, "study", r->study->name);
	json_put_num(o, "row", row + 1);
	json_put_str(o, "label", def->label);
	json_put_str(o, "model", cell->model);
	json_put(o, "knobs", knobs_json(cell));
	json_put_num(o, "against", def->against + 1);
	json_put(o, "published", figures_json(published, r, row, false));
	json_put(o, "measured", figures_json(measured, r, row, false));
	json_put(o, "ratio_published", figures_json(published, r, row, true));
	json_put(o, "ratio_measured", figures_json(measured, r, row, true));
	json_put_str(o, "note", def->note);
	json_put_str(o, "run", cell->run && run_of(r, row) ? cell->run->uid : NULL);
	json_put_str(o, "session", cell->run ? cell->run->session : NULL);
	json_put(o, "stored", json_boolean(cell->state == CELL_STORED));
	json_put(o, "random_weights",
		 json_boolean(cell->run && cell->run->model.random_weights));
	json_put_str(o, "cpu", cell->run ? cell->run->env.cpu : NULL);
	json_put_num(o, "threads", cell->run ? cell->run->env.threads : (double)NAN);
	json_put_str(o, "error", cell->run ? cell->run->error : NULL);
	return print_json(o);
}

/* ---- slopes ---- */

typedef enum err (*slope_fn)(const struct study *, const struct study_slope *,
			     const char *group, double value, int points);

/* All groups of one slope. */
static enum err each_group(const struct study *s, const struct study_slope *slope,
			   const struct run *const *runs, slope_fn fn)
{
	enum err e = OK;
	bool more = true;
	for (int turn = 0; !e && more; turn++) {
		struct str group = STR_INIT;
		double value;
		int points;
		more = study_fit(s, slope, runs, turn, &group, &value, &points);
		if (more)
			e = fn(s, slope, str_get(&group), value, points);
		str_release(&group);
	}
	return e;
}

static const struct run **all_runs(const struct study_result *r)
{
	int n = r->study->n_rows;
	const struct run **runs = mem_alloc(sizeof(*runs) * (size_t)(n + 1));
	for (int i = 0; i < n; i++)
		runs[i] = run_of(r, i);
	return runs;
}

static enum err each_slope(const struct study_result *r, slope_fn fn)
{
	enum err e = OK;
	const struct study *s = r->study;
	const struct run **runs = all_runs(r);
	for (int i = 0; !e && i < s->n_slopes; i++)
		e = each_group(s, &s->slopes[i], runs, fn);
	free(runs);
	return e;
}

static enum err slope_json(const struct study *s, const struct study_slope *slope,
			   const char *group, double value, int points)
{
	json_t *o = json_object(), *of = json_object();
	json_put_str(o, "study", s->name);
	json_put_str(of, "x", figure_table[slope->x].name);
	json_put_str(of, "y", figure_table[slope->y].name);
	json_put_str(of, "group", group);
	json_put_num(of, "value", value);
	json_put_num(of, "points", points);
	json_put(o, "slope", of);
	return print_json(o);
}

static enum err slope_text(const struct study *s, const struct study_slope *slope,
			   const char *group, double value, int points)
{
	char text[32] = "--";
	(void)s;
	if (!isnan(value))
		snprintf(text, sizeof(text), "%.2f", value);
	printf("slope      %s over %s, log-log%s%s: %s (%d rows)\n",
	       figure_table[slope->y].label, figure_table[slope->x].label,
	       *group ? ", " : "", group, text, points);
	return OK;
}

/* ---- crossings ---- */

typedef enum err (*crossing_fn)(const struct study *, const struct study_crossing *,
				const struct study_meeting *);

static enum err each_crossing(const struct study_result *r, crossing_fn fn)
{
	enum err e = OK;
	const struct study *s = r->study;
	const struct run **runs = all_runs(r);
	struct study_meeting m;
	for (int i = 0; i < s->n_crossings; i++)
		for (int turn = 0; !e && study_meet(s, &s->crossings[i], runs, turn, &m);
		     turn++)
			e = fn(s, &s->crossings[i], &m);
	free(runs);
	return e;
}

static enum err crossing_json(const struct study *s, const struct study_crossing *c,
			      const struct study_meeting *m)
{
	json_t *o = json_object(), *of = json_object();
	json_put_str(o, "study", s->name);
	json_put_str(of, "x", figure_table[c->x].name);
	json_put_str(of, "y", figure_table[c->y].name);
	json_put_str(of, "a", c->of[0].name);
	json_put_str(of, "b", c->of[1].name);
	json_put_num(of, "at", m->at);
	json_put_num(of, "after", m->after);
	json_put_num(of, "before", m->before);
	json_put_num(of, "from", m->from);
	json_put_num(of, "to", m->to);
	json_put_str(of, "lower", m->lower < 0 ? NULL : c->of[m->lower].name);
	json_put_num(of, "points", m->points);
	json_put(o, "crossing", of);
	return print_json(o);
}

static enum err crossing_text(const struct study *s, const struct study_crossing *c,
			      const struct study_meeting *m)
{
	struct str text = STR_INIT;
	(void)s;
	study_meeting_text(c, m, &text);
	printf("crossing   %s over %s: %s\n", figure_table[c->y].label,
	       figure_table[c->x].label, str_get(&text));
	str_release(&text);
	return OK;
}

enum err study_print_lines_json(const struct study_result *r)
{
	enum err e = each_slope(r, slope_json);
	return e ? e : each_crossing(r, crossing_json);
}

/* ---- the table ---- */

static bool is_published(const struct study *s, enum figure_id id)
{
	for (int i = 0; i < s->n_rows; i++)
		if (!isnan(s->rows[i].published[id]))
			return true;
	return false;
}

/* Columns of one figure: what was published and what was measured, and their ratios. */
static int width_of(const struct study *s, enum figure_id id)
{
	return (is_published(s, id) ? 2 : 1) * (figure_table[id].has_ratio ? 2 : 1);
}

static void add_headers(struct grid *g, const struct study_result *r)
{
	const struct study *s = r->study;
	bool random = runner_is_random(r->runner);
	grid_add(g, "%s", "");
	for (int i = 0; i < s->n_columns; i++) {
		int n = width_of(s, s->columns[i]);
		grid_add(g, "%s", figure_table[s->columns[i]].label);
		while (--n)
			grid_add(g, "%s", "");
	}
	grid_add(g, "row");
	for (int i = 0; i < s->n_columns; i++) {
		enum figure_id id = s->columns[i];
		if (is_published(s, id))
			grid_add(g, "published");
		if (is_published(s, id) && figure_table[id].has_ratio)
			grid_add(g, "ratio");
		grid_add(g, random && figure_is_fidelity(id) ? "(random)" : "here");
		if (figure_table[id].has_ratio)
			grid_add(g, "ratio");
	}
}

static void add_figure(struct grid *g, figure_fn of, const struct study_result *r,
		       int row, enum figure_id id)
{
	char text[32];
	double by = ratio(of, r, row, id);
	grid_add(g, "%s", figure_text(id, of(r, row, id), text, sizeof(text)));
	if (!figure_table[id].has_ratio)
		return;
	if (isnan(by))
		grid_add(g, "--");
	else
		grid_add(g, "%.2f", by);
}

static void add_row(struct grid *g, const struct study_result *r, int row)
{
	const struct study *s = r->study;
	grid_add(g, "%s", s->rows[row].label);
	for (int i = 0; i < s->n_columns; i++) {
		enum figure_id id = s->columns[i];
		if (is_published(s, id))
			add_figure(g, published, r, row, id);
		add_figure(g, measured, r, row, id);
	}
}

static void print_table(const struct study_result *r)
{
	const struct study *s = r->study;
	struct grid g;
	bool *breaks = mem_alloc(sizeof(*breaks) * (1 + 4 * FIGURE_COUNT));
	int n_cols = 1;
	for (int i = 0; i < s->n_columns; i++) {
		breaks[n_cols] = true;
		n_cols += width_of(s, s->columns[i]);
	}
	grid_init(&g, n_cols);
	grid_left(&g, 0);
	add_headers(&g, r);
	for (int i = 0; i < s->n_rows; i++)
		add_row(&g, r, i);
	grid_print(&g, 1, breaks, WIDTH);
	grid_release(&g);
	free(breaks);
}

/* ---- around it ---- */

/* A line of its kind, broken at blanks. */
static void print_text(const char *kind, const char *text)
{
	const int room = WIDTH - 11;
	printf("%-10s ", kind);
	while (strlen(text) > (size_t)room) {
		int n = room;
		while (n > 0 && text[n] != ' ')
			n--;
		if (!n)
			break;
		printf("%.*s\n%-10s ", n, text, "");
		text += n + 1;
	}
	printf("%s\n", text);
}

/* The models of all rows, each once; whether one is not what the study has there. */
static bool add_models(const struct study_result *r, struct str *names)
{
	const struct study *s = r->study;
	const struct cell *cells = r->runner->cells;
	char shown[512];
	bool other = false;
	for (int i = 0; i < s->n_rows; i++) {
		const char *name = cells[i].model, *own = s->rows[i].model;
		int j = 0;
		while (j < i && strcmp(cells[j].model, name))
			j++;
		if (j == i)
			str_addf(names, "%s%s", i ? ", " : "",
				 str_escaped(shown, sizeof(shown), name, strlen(name)));
		other = other || strcmp(name, own ? own : s->model);
	}
	return other;
}

static void print_workload(const struct study_result *r)
{
	const struct study *s = r->study;
	const struct cell *first = &r->runner->cells[0];
	struct str now = STR_INIT, models = STR_INIT;
	uint64_t mask = 0;
	for (int i = 0; i < KNOB_COUNT; i++)
		if (!knobs_equal(&s->rows[0].knobs, &first->knobs, KNOB_BIT(i)))
			mask |= KNOB_BIT(i);
	knobs_canonical(&first->knobs, mask, &now);
	bool other = add_models(r, &models);
	printf("model      %s%s%s%s\n", str_get(&models),
	       now.len ? ", changed for every row: " : "", str_get(&now),
	       other ? " (not the published one)" : "");
	str_release(&now);
	str_release(&models);
}

static void print_notes(const struct study_result *r)
{
	bool one_base = true;
	for (int i = 0; i < r->study->n_rows; i++) {
		const struct study_row *row = &r->study->rows[i];
		const struct cell *cell = &r->runner->cells[i];
		one_base = one_base && row->against == 0;
		if (row->note)
			printf("note       %s: %s\n", row->label, row->note);
		if (cell->state == CELL_FAILED)
			printf("failed     %s: %s\n", row->label, cell->run->error);
		if (cell->state == CELL_WAITING)
			printf("missing    %s: not measured\n", row->label);
	}
	printf("ratio      to %s%s\n",
	       one_base ? "row " : "the base of each row's workload",
	       one_base ? r->study->rows[0].label : "");
}

void study_print(const struct study_result *r)
{
	const struct study *s = r->study;
	print_text(s->name, s->title);
	if (s->source)
		print_text("source", s->source);
	if (s->hardware)
		print_text("published", s->hardware);
	print_workload(r);
	printf("\n");
	print_table(r);
	printf("\n");
	print_notes(r);
	if (each_slope(r, slope_text) || each_crossing(r, crossing_text))
		return; /* it cannot fail */
	for (int i = 0; i < s->n_claims; i++)
		print_text("claim", s->claims[i]);
	runner_print_end(r->runner);
}
