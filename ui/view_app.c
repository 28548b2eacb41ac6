/* What several views read from the app in the same way. */
#include "ui/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN_MAX 400 /* bytes of a line that a model wrote */

const struct run *view_base(const struct app *app)
{
	const struct run *run = app_shown(app), *base = app->base;
	if (!run || !base || run->state == RUN_ESTIMATE)
		return run ? base : NULL;
	return base != run && base->id != run->id ? base : NULL;
}

double view_tokens(const struct app *app, double patches)
{
	int unit = app->model.patches_per_token;
	return unit > 1 ? patches / unit : patches;
}

static double began(const struct run *run)
{
	return run && run->state == RUN_DONE ? run->started_ns : -1;
}

bool view_measured_read(struct view_measured *m, struct app *app)
{
	double result_ns = began(app->result), base_ns = began(app->base);
	if (m->read && m->revision == app->revision && m->cells == app->sweep.done &&
	    m->result_ns == result_ns && m->base_ns == base_ns &&
	    !strcmp(m->model, app->model.name))
		return false;
	free(m->list);
	m->list = app_measured(app, &m->n);
	m->read = true;
	m->revision = app->revision;
	m->cells = app->sweep.done;
	m->result_ns = result_ns;
	m->base_ns = base_ns;
	snprintf(m->model, sizeof(m->model), "%s", app->model.name);
	return true;
}

void view_measured_release(struct view_measured *m)
{
	free(m->list);
	*m = (struct view_measured){ .n = 0 };
}

/* Line ends of a model are no line ends here. */
static void add_text(struct str *s, const char *text)
{
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "\n\t");
		str_add_escaped(s, at, n, WRITTEN_MAX);
		str_add(s, at[n] ? " " : "");
		at += n + (at[n] != 0);
	}
}

bool view_generated(const struct run *run, struct str *out)
{
	const struct run_generated *g = &run->generated;
	bool reads = g->text && *g->text;
	if (g->n_ids < 1 && !reads)
		return false;
	str_add(out, reads ? "" : "ids");
	if (reads)
		add_text(out, g->text);
	for (int i = 0; !reads && i < g->n_ids; i++)
		str_addf(out, " %.0f", g->ids[i]);
	str_add(out, run->model.random_weights ? " (random)" : "");
	return true;
}
