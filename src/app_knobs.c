/* The controller's knobs: what goes with what, undo. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app_private.h"
#include "base/str.h"
#include "reduce/method.h"

/* What was said of a setting that failed is not about the next one. */
static void leave_refused(struct app *app)
{
	if (app_is_refused(app, &app->knobs))
		app->message[0] = 0;
}

void app_set_knobs(struct app *app, const struct knobs *k)
{
	struct app_private *p = app->private;
	leave_refused(app);
	app_drop_opened(app);
	app->knobs = *k;
	if (p->at_undo + 1 == UNDO_DEPTH) {
		memmove(p->undo, p->undo + 1, sizeof(p->undo[0]) * (UNDO_DEPTH - 1));
		p->at_undo--;
	}
	p->undo[++p->at_undo] = *k;
	p->n_undo = p->at_undo + 1;
	app_show_setting(app);
}

const char *app_knob_why_not(const struct app *app, enum knob_id id)
{
	if (!app->has_model)
		return "no model is loaded yet";
	if (app->model.knob_mask & KNOB_BIT(id))
		return NULL;
	return app->model.why_not[id] ? app->model.why_not[id]
				      : "this model does not have it";
}

bool app_has_knob(struct app *app, enum knob_id id)
{
	const char *why = app_knob_why_not(app, id);
	if (why)
		app_say(app, APP_WARNING, "%s: %s", knob_table[id].option, why);
	return !why;
}

#define AMOUNTS (KNOB_BIT(KNOB_KEEP) | KNOB_BIT(KNOB_MERGE_R) | KNOB_BIT(KNOB_THRESHOLD))

/*
 * No method uses two amounts, so a slider that moves takes over: the other amounts go
 * back to their defaults, and a method that does not use it to auto. A method that is
 * chosen keeps what it uses.
 */
static void settle_amounts(struct knobs *k, enum knob_id moved)
{
	struct knobs defaults;
	const struct method *m = method_by_name(knob_text(k, KNOB_METHOD));
	uint64_t used = AMOUNTS;
	knobs_init(&defaults);
	if (moved == KNOB_METHOD && m)
		used = m->knobs;
	else if ((AMOUNTS & KNOB_BIT(moved)) && !knobs_is_default(k, moved))
		used = KNOB_BIT(moved);
	for (int i = 0; i < KNOB_COUNT; i++)
		if ((AMOUNTS & KNOB_BIT(i)) && !(used & KNOB_BIT(i)))
			k->v[i] = defaults.v[i];
	if (used == KNOB_BIT(moved) && m && !(m->knobs & used))
		k->v[KNOB_METHOD] = defaults.v[KNOB_METHOD];
}

/*
 * A coarse scan needs a branch that runs it: moving the factor above 1 starts one where
 * none runs, and moving it back to 1 ends what it has started. A branch that was chosen
 * stays; without one no factor means anything.
 */
static void settle_scan(struct app *app, struct knobs *k, enum knob_id moved)
{
	struct app_private *p = app->private;
	bool off = knobs_is_default(k, KNOB_MRSS),
	     coarse = knob_num(k, KNOB_DOWNSAMPLE) > 1;
	if (!(app->model.knob_mask & KNOB_BIT(KNOB_MRSS)))
		return;
	if (moved == KNOB_MRSS) {
		p->branch_by_factor = false;
		if (off && coarse)
			k->v[KNOB_DOWNSAMPLE].num = 1;
	} else if (moved == KNOB_DOWNSAMPLE && coarse && off) {
		p->branch_by_factor = true;
		snprintf(k->v[KNOB_MRSS].text, KNOB_TEXT_SIZE, "low");
	} else if (moved == KNOB_DOWNSAMPLE && !coarse && p->branch_by_factor) {
		p->branch_by_factor = false;
		snprintf(k->v[KNOB_MRSS].text, KNOB_TEXT_SIZE, "off");
	}
}

/* A value of tens is no quantile. */
static void settle_scale(struct knobs *k, enum knob_id moved)
{
	if (moved == KNOB_THRESHOLD_SCALE && !knobs_is_default(k, moved) &&
	    knob_num(k, KNOB_THRESHOLD) > 1)
		k->v[KNOB_THRESHOLD].num = (double)NAN;
}

/* What else changed than was asked for. */
static void say_settled(struct app *app, const struct knobs *asked,
			const struct knobs *now)
{
	struct str s = STR_INIT;
	char text[KNOB_TEXT_SIZE];
	for (int i = 0; i < KNOB_COUNT; i++)
		if (!knobs_equal(asked, now, KNOB_BIT(i)))
			str_addf(&s, "%s%s is %s%s", s.len ? ", " : "",
				 knob_table[i].option,
				 knobs_get(now, (enum knob_id)i, text),
				 knobs_is_default(now, (enum knob_id)i) ? " again" : "");
	if (s.len)
		app_say(app, APP_INFO, "%s", str_get(&s));
	str_release(&s);
}

/* A model that could not be loaded may have failed over a knob, such as its picture size:
 * another value is worth another try. */
static bool is_stuck(const struct app *app)
{
	return !app->has_model && app->phase == APP_BROKEN;
}

bool app_knob_set(struct app *app, enum knob_id id, const char *text)
{
	struct knobs k = app->knobs;
	if (!is_stuck(app) && !app_has_knob(app, id))
		return false;
	if (knobs_set(&k, id, text)) {
		app_say(app, APP_WARNING, "%s", err_message());
		return false;
	}
	if (knobs_equal(&k, &app->knobs, KNOB_BIT(id)))
		return false;
	struct knobs asked = k;
	settle_amounts(&k, id);
	settle_scan(app, &k, id);
	settle_scale(&k, id);
	app_set_knobs(app, &k);
	say_settled(app, &asked, &k);
	if (is_stuck(app))
		app_load(app);
	return true;
}

static int place_of(const enum knob_id *ids, int n, enum knob_id id)
{
	for (int i = 0; i < n; i++)
		if (ids[i] == id)
			return i;
	return -1;
}

/* The sliders as they stand on the screen, then the others; without those that the model
 * lacks. Returns how many. */
static int knobs_in_order(const struct app *app, enum knob_id ids[KNOB_COUNT])
{
	enum knob_id sliders[KNOB_COUNT];
	int n = 0, n_sliders = app_sliders(app, sliders, KNOB_COUNT);
	for (int i = 0; i < n_sliders; i++)
		if (!app_knob_why_not(app, sliders[i]))
			ids[n++] = sliders[i];
	n_sliders = n;
	for (int id = 0; id < KNOB_COUNT; id++) {
		bool lacks = app->has_model && !(app->model.knob_mask & KNOB_BIT(id));
		if (!lacks && place_of(ids, n_sliders, (enum knob_id)id) < 0)
			ids[n++] = (enum knob_id)id;
	}
	return n;
}

bool app_knob_select(struct app *app, int direction)
{
	enum knob_id ids[KNOB_COUNT];
	int n = knobs_in_order(app, ids), at = place_of(ids, n, app->knob);
	enum knob_id was = app->knob;
	if (!n)
		return false;
	app->knob = ids[at < 0 ? 0 : (at + direction + n) % n];
	app->private->chose_knob = true;
	return app->knob != was;
}

static bool travel(struct app *app, int direction)
{
	struct app_private *p = app->private;
	int to = p->at_undo + direction;
	if (app->opened) { /* the last thing done was to open it */
		app_close_run(app);
		return true;
	}
	if (to < 0 || to >= p->n_undo)
		return false;
	leave_refused(app);
	p->at_undo = to;
	app->knobs = p->undo[to];
	app_show_setting(app);
	return true;
}

bool app_undo(struct app *app) { return travel(app, -1); }

bool app_redo(struct app *app) { return travel(app, +1); }
