#include "app_study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "profiler/figure.h"

/* ---- having them ---- */

static void load(struct app *app)
{
	struct app_studies *all = app->studies = mem_alloc(sizeof(*all));
	int n = 0;
	while (study_texts[n])
		n++;
	all->state = mem_alloc(sizeof(*all->state) * (size_t)(n + 1));
	all->shown = mem_alloc(sizeof(*all->shown) * (size_t)(n + 1));
	for (int i = 0; i < n; i++) {
		struct study_state *s = &all->state[all->n];
		if (study_builtin(study_texts[i]->name, &s->def)) {
			app_say(app, APP_ERROR, "%s", err_message());
			continue;
		}
		size_t rows = (size_t)s->def.n_rows;
		s->runs = mem_alloc(sizeof(*s->runs) * rows);
		s->why = mem_alloc(sizeof(*s->why) * rows);
		all->n++;
	}
}

void app_studies_release(struct app *app)
{
	struct app_studies *all = app->studies;
	for (int i = 0; all && i < all->n; i++) {
		struct study_state *s = &all->state[i];
		for (int row = 0; row < s->def.n_rows; row++) {
			run_free(s->runs[row]);
			free(s->why[row]);
		}
		free(s->runs);
		free(s->why);
		study_release(&s->def);
	}
	if (all) {
		free(all->state);
		free(all->shown);
	}
	free(all);
	app->studies = NULL;
}

int app_study_find(struct app *app, const char *name)
{
	if (!app->studies)
		load(app);
	for (int i = 0; i < app->studies->n; i++)
		if (!strcmp(app->studies->state[i].def.name, name))
			return i;
	return -1;
}

void app_study_reset(struct app *app, int study)
{
	struct study_state *s = &app->studies->state[study];
	for (int i = 0; i < s->def.n_rows; i++) {
		free(s->why[i]);
		s->why[i] = NULL;
	}
}

void app_study_put(struct app *app, int study, int row, struct run *run, const char *why)
{
	struct study_state *s = &app->studies->state[study];
	run_free(s->runs[row]);
	free(s->why[row]);
	s->runs[row] = run;
	s->why[row] = str_dup(why);
}

/* ---- showing them ---- */

static bool is_running(const struct app *app, const char *name)
{
	const char *title = app->sweep.title;
	return app->sweep.running && !strncmp(title, "study ", 6) &&
	       !strcmp(title + 6, name);
}

int app_studies(struct app *app, const struct app_study **list)
{
	if (!app->studies)
		load(app);
	for (int i = 0; i < app->studies->n; i++) {
		const struct study_state *s = &app->studies->state[i];
		struct app_study *out = &app->studies->shown[i];
		*out = (struct app_study){ .name = s->def.name,
					   .title = s->def.title,
					   .model = s->def.model,
					   .n_rows = s->def.n_rows,
					   .n_columns = s->def.n_columns,
					   .running = is_running(app, s->def.name) };
		for (int row = 0; row < s->def.n_rows; row++) {
			out->n_done += s->runs[row] != NULL;
			out->n_failed += s->why[row] != NULL;
		}
	}
	*list = app->studies->shown;
	return app->studies->n;
}

struct app_study_row app_study_row(const struct app *app, int study, int row)
{
	const struct study_state *s = &app->studies->state[study];
	const struct study_row *def = &s->def.rows[row];
	return (struct app_study_row){ .label = def->label,
				       .note = def->note,
				       .why = s->why[row],
				       .run = s->runs[row],
				       .now = is_running(app, s->def.name) &&
					      app->sweep.row == row,
				       .against = def->against };
}

struct app_study_column app_study_column(const struct app *app, int study, int column)
{
	const struct study *def = &app->studies->state[study].def;
	enum figure_id id = def->columns[column];
	struct app_study_column c = { .label = figure_table[id].label,
				      .help = figure_table[id].help,
				      .has_ratio = figure_table[id].has_ratio };
	for (int i = 0; i < def->n_rows; i++)
		c.is_published |= !isnan(def->rows[i].published[id]);
	return c;
}

static double measured(const struct study_state *s, int row, enum figure_id id)
{
	return s->runs[row] ? figure_of(s->runs[row], id) : (double)NAN;
}

static double ratio(double own, double other)
{
	return other > 0 ? own / other : (double)NAN;
}

struct app_study_figure app_study_figure(const struct app *app, int study, int row,
					 int column)
{
	const struct study_state *s = &app->studies->state[study];
	const struct study_row *def = &s->def.rows[row];
	enum figure_id id = s->def.columns[column];
	const double *other = s->def.rows[def->against].published;
	struct app_study_figure f = { .published = def->published[id],
				      .measured = measured(s, row, id),
				      .published_ratio = (double)NAN,
				      .measured_ratio = (double)NAN };
	if (figure_table[id].has_ratio && def->against != row) {
		f.published_ratio = ratio(f.published, other[id]);
		f.measured_ratio = ratio(f.measured, measured(s, def->against, id));
	}
	return f;
}

const char *app_study_text(const struct app *app, int study, int column, double value,
			   char *buf, size_t size)
{
	const struct study *def = &app->studies->state[study].def;
	return figure_text(def->columns[column], value, buf, size);
}

/* ---- notes ---- */

static void add_slope(const struct study_state *s, const struct study_slope *slope,
		      struct str *out)
{
	bool more = true;
	for (int turn = 0; more; turn++) {
		struct str group = STR_INIT;
		double value;
		int points;
		more = study_fit(&s->def, slope, (const struct run *const *)s->runs, turn,
				 &group, &value, &points);
		if (more && !isnan(value))
			str_addf(out,
				 "slope of %s over %s, log-log%s%s: %.2f (%d rows)\n",
				 figure_table[slope->y].label,
				 figure_table[slope->x].label, group.len ? ", " : "",
				 str_get(&group), value, points);
		str_release(&group);
	}
}

static void add_crossing(const struct study_state *s, const struct study_crossing *c,
			 struct str *out)
{
	struct study_meeting m;
	for (int turn = 0;
	     study_meet(&s->def, c, (const struct run *const *)s->runs, turn, &m) &&
	     m.points > 1;
	     turn++) {
		str_addf(out, "%s over %s: ", figure_table[c->y].label,
			 figure_table[c->x].label);
		study_meeting_text(c, &m, out);
		str_add(out, "\n");
	}
}

void app_study_notes(const struct app *app, int study, struct str *out)
{
	const struct study_state *s = &app->studies->state[study];
	for (int i = 0; i < s->def.n_slopes; i++)
		add_slope(s, &s->def.slopes[i], out);
	for (int i = 0; i < s->def.n_crossings; i++)
		add_crossing(s, &s->def.crossings[i], out);
	if (s->def.hardware)
		str_addf(out, "published on: %s\n", s->def.hardware);
	if (s->def.source)
		str_addf(out, "source: %s\n", s->def.source);
	for (int i = 0; i < s->def.n_claims; i++)
		str_addf(out, "claim: %s\n", s->def.claims[i]);
}
