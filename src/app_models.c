/* The controller and the models there are: listing them, opening another. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_private.h"
#include "base/str.h"
#include "models/catalog.h"

void app_name_model(struct app *app, const char *name)
{
	struct app_private *p = app->private;
	char *copy = str_dup(name);
	free(p->model_name);
	app->opt.model = p->model_name = copy;
}

bool app_back_to_good_model(struct app *app)
{
	struct app_private *p = app->private;
	if (!p->good_model || !strcmp(p->good_model, app->opt.model))
		return false;
	app_forget_workloads(app);
	struct knobs start = app_start_knobs(app->opt.model, &app->input);
	app_name_model(app, p->good_model);
	app_change_workload(app, &start);
	return true;
}

bool app_open_model(struct app *app, const char *name)
{
	char shown[160];
	bool same = !strcmp(app->opt.model, name);
	if (same && app->phase != APP_BROKEN) {
		app_say(app, APP_INFO, "%s is open",
			str_escaped(shown, sizeof(shown), name, strlen(name)));
		return false;
	}
	app->message[0] = 0; /* what was said of one model is not about the next one */
	app_sweep_leave(app);
	if (app->opened) /* the present ones are the new model's */
		app->knobs = app->private->present;
	app_drop_opened(app);
	struct knobs start = app_start_knobs(app->opt.model, &app->input);
	app_name_model(app, name);
	app_change_workload(app, &start);
	app_replace_model(app, name);
	return true;
}

void app_replace_model(struct app *app, const char *name)
{
	struct app_private *p = app->private;
	if (app->opened)
		app->knobs = p->present;
	app_drop_opened(app);
	app_forget_job(app);
	app_drop_results(app);
	app_name_model(app, name);
	app_load(app);
}

/* ---- the list ---- */

static struct app_model_row *add_row(struct app_private *p, const char *name,
				     const char *kind)
{
	p->models = mem_grow(p->models, (size_t)p->n_models + 1, sizeof(*p->models));
	struct app_model_row *row = &p->models[p->n_models++];
	*row = (struct app_model_row){ .params = (double)NAN, .bytes = (double)NAN };
	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->kind, sizeof(row->kind), "%s", kind);
	return row;
}

static void list_entry(void *ctx, const struct catalog_entry *entry)
{
	const struct app *app = ctx;
	/* The cache of this machine is not that of a worker somewhere else. */
	if (entry->folder && app->opt.worker)
		return;
	struct app_model_row *row = add_row(app->private, entry->name, entry->kind);
	snprintf(row->help, sizeof(row->help), "%s",
		 entry->help ? entry->help : entry->folder);
}

int app_open_model_row(const struct app *app)
{
	const struct app_private *p = app->private;
	for (int i = 0; app->has_model && i < p->n_models; i++)
		if (!strcmp(p->models[i].name, app->model.name))
			return i;
	return -1;
}

/* What the worker told of the open model. */
static void fill_open(struct app_model_row *row, const struct app_model *m)
{
	row->looked = true;
	memcpy(row->family, m->family, sizeof(row->family));
	memcpy(row->format, m->format, sizeof(row->format));
	row->params = m->params;
	row->bytes = m->bytes;
	row->random_weights = m->random_weights;
	row->knob_mask = m->knob_mask;
}

static void list_again(struct app *app)
{
	struct app_private *p = app->private;
	p->n_models = 0;
	catalog_each(list_entry, app);
	if (app->has_model) {
		int open = app_open_model_row(app);
		fill_open(open >= 0 ? &p->models[open]
				    : add_row(p, app->model.name, "open"),
			  &app->model);
	}
}

int app_list_models(struct app *app, bool again, const struct app_model_row **rows)
{
	struct app_private *p = app->private;
	if (again || !p->n_models)
		list_again(app);
	*rows = p->models;
	return p->n_models;
}

void app_look_at_model(struct app *app, int at)
{
	struct app_private *p = app->private;
	struct catalog_facts f;
	struct app_model_row *row = &p->models[at];
	if (row->looked)
		return;
	row->looked = true;
	if (catalog_look(row->name, &f)) {
		snprintf(row->problem, sizeof(row->problem), "%s", err_message());
		return;
	}
	memcpy(row->family, f.family, sizeof(row->family));
	memcpy(row->format, f.format, sizeof(row->format));
	row->params = f.params;
	row->bytes = f.bytes;
	row->random_weights = f.random_weights;
	row->knob_mask = f.knobs;
}
