/* The controller and what goes into the model: other pictures, the worst of many, and
 * what knobs it brings. */
#include <stdlib.h>
#include <string.h>

#include "app_private.h"
#include "base/str.h"
#include "models/preset.h"

static void forget(struct run **run)
{
	run_free(*run);
	*run = NULL;
}

void app_drop_results(struct app *app)
{
	forget(&app->estimate);
	forget(&app->result);
	forget(&app->base);
	app_forget_workloads(app);
	if (app->private->described) /* until it is loaded, no stored run is of it */
		app->private->described->input.sha256 = NULL;
}

/* ---- knobs that model and input bring ---- */

struct knobs app_start_knobs(const char *model, const struct input_source *in)
{
	struct knobs k;
	knobs_init(&k);
	preset_workload(model, input_source_has_length(in), 0, &k);
	return k;
}

/* Those of `mask` that are as `from` has them become as `to` has them. */
static void replace_knobs(struct knobs *k, uint64_t mask, const struct knobs *from,
			  const struct knobs *to)
{
	for (int i = 0; i < KNOB_COUNT; i++)
		if ((mask & KNOB_BIT(i)) && knobs_equal(k, from, KNOB_BIT(i)))
			k->v[i] = to->v[i];
}

/* Wherever the user can get back to. */
static void replace_everywhere(struct app *app, uint64_t mask, const struct knobs *from,
			       const struct knobs *to)
{
	struct app_private *p = app->private;
	replace_knobs(app->opened ? &p->present : &app->knobs, mask, from, to);
	for (int u = 0; u < p->n_undo; u++)
		replace_knobs(&p->undo[u], mask, from, to);
}

void app_change_workload(struct app *app, const struct knobs *start)
{
	struct app_private *p = app->private;
	const struct knobs to = app_start_knobs(app->opt.model, &app->input);
	replace_everywhere(app, p->derived.mask, &p->derived.found, &p->derived.asked);
	replace_everywhere(app, ~UINT64_C(0), start, &to);
	p->derived.mask = 0;
}

void app_adopt_workload(struct app *app)
{
	struct app_private *p = app->private;
	const struct knobs asked = p->job_knobs, *found = &p->described->knobs;
	for (int i = 0; i < 2; i++) {
		enum knob_id id = i ? KNOB_SEQ : KNOB_BATCH;
		if (!(p->described->knob_mask & KNOB_BIT(id)) ||
		    knobs_equal(&asked, found, KNOB_BIT(id)))
			continue;
		replace_everywhere(app, KNOB_BIT(id), &asked, found);
		p->job_knobs.v[id] = found->v[id];
		p->derived.mask |= KNOB_BIT(id);
		p->derived.asked.v[id] = asked.v[id];
		p->derived.found.v[id] = found->v[id];
	}
}

static void replace(struct input_source *s, const struct input_source *by)
{
	struct input_source copy = input_source_copy(by);
	input_source_release(s);
	*s = copy;
}

static bool set_input(struct app *app, const struct input_source *in)
{
	struct app_private *p = app->private;
	if (input_source_equal(&app->input, in) && app->phase != APP_BROKEN)
		return false;
	if (input_source_check(in)) {
		app_say(app, APP_ERROR, "%s", err_message());
		return false;
	}
	if (app->opened)
		app->knobs = p->present;
	app_drop_opened(app);
	app_sweep_stop(app);
	app_forget_job(app);
	app_drop_results(app);
	struct knobs start = app_start_knobs(app->opt.model, &app->input);
	replace(&app->input, in);
	app_change_workload(app, &start);
	app_load(app);
	return true;
}

void app_good_input(struct app *app)
{
	struct app_private *p = app->private;
	replace(&p->good_input, &app->input);
	p->has_good_input = true;
}

static void leave_one_picture(struct app *app)
{
	input_source_release(&app->private->all_input);
	app->one_picture = false;
}

bool app_back_to_good_input(struct app *app)
{
	struct app_private *p = app->private;
	if (!p->has_good_input || input_source_equal(&p->good_input, &app->input))
		return false;
	app_forget_workloads(app);
	struct knobs start = app_start_knobs(app->opt.model, &app->input);
	replace(&app->input, &p->good_input);
	app_change_workload(app, &start);
	leave_one_picture(app);
	return true;
}

bool app_set_input(struct app *app, const struct input_source *in)
{
	bool changed = set_input(app, in);
	if (changed)
		leave_one_picture(app);
	return changed;
}

/* The same input with this picture alone. */
static struct input_source only(const struct input_source *all, const struct run *run)
{
	struct input_source in = input_source_copy(all);
	for (int i = 0; i < in.n_images; i++)
		free(in.images[i]);
	in.n_images = 0;
	free(in.dataset);
	in.dataset = NULL;
	in.limit = 0;
	if (str_equal(run->input.kind, "dataset"))
		in.dataset = str_dup(run->fidelity.worst);
	else
		input_source_add_image(&in, run->fidelity.worst);
	return in;
}

bool app_open_worst(struct app *app)
{
	struct app_private *p = app->private;
	const struct run *run = app_shown(app);
	if (!run || !run->fidelity.worst || !(run->fidelity.images > 1)) {
		app_say(app, APP_WARNING,
			"no picture is known to be the worst: that takes a measurement "
			"of several pictures with a technique on");
		return false;
	}
	struct input_source all = input_source_copy(&app->input);
	struct input_source in = only(&all, run);
	double cosine = run->fidelity.cosine_min;
	if (app->opened) { /* its knobs are what the picture is the worst of */
		struct knobs k = app->opened->knobs;
		app_set_knobs(app, &k);
	}
	bool changed = set_input(app, &in);
	if (changed) {
		input_source_release(&p->all_input);
		p->all_input = all;
		app->one_picture = true;
		app_say(app, APP_INFO, "the worst picture alone: cosine %.4f", cosine);
	} else {
		input_source_release(&all);
	}
	input_source_release(&in);
	return changed;
}

bool app_close_worst(struct app *app)
{
	if (!app->one_picture)
		return false;
	struct input_source all = input_source_copy(&app->private->all_input);
	bool changed = app_set_input(app, &all);
	input_source_release(&all);
	return changed;
}
