/* The controller's knobs: steps, choices, undo. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app_private.h"
#include "base/str.h"
#include "models/language.h"
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

/* Says why and returns false where the model lacks the knob. */
static bool has_knob(struct app *app, enum knob_id id)
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

/* What else changed than was asked for. */
static void say_settled(struct app *app, const struct knobs *asked,
			const struct knobs *now)
{
	struct str s = STR_INIT;
	char text[KNOB_TEXT_SIZE];
	for (int i = 0; i < KNOB_COUNT; i++)
		if (!knobs_equal(asked, now, KNOB_BIT(i)))
			str_addf(&s, "%s%s is %s again", s.len ? ", " : "",
				 knob_table[i].option,
				 knobs_get(now, (enum knob_id)i, text));
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
	if (!is_stuck(app) && !has_knob(app, id))
		return false;
	if (knobs_set(&k, id, text)) {
		app_say(app, APP_WARNING, "%s", err_message());
		return false;
	}
	if (knobs_equal(&k, &app->knobs, KNOB_BIT(id)))
		return false;
	struct knobs asked = k;
	settle_amounts(&k, id);
	app_set_knobs(app, &k);
	say_settled(app, &asked, &k);
	if (is_stuck(app))
		app_load(app);
	return true;
}

static bool set_number(struct app *app, enum knob_id id, double v)
{
	char text[32];
	const struct knob *t = &knob_table[id];
	v = fmin(t->max, fmax(t->min, v));
	snprintf(text, sizeof(text), "%.10g", v);
	return app_knob_set(app, id, text);
}

/* What goes or stays as one. */
static int64_t unit_of(const struct app *app)
{
	return app->model.patches_per_token > 1 ? app->model.patches_per_token : 1;
}

int64_t app_kept(const struct app *app, double keep)
{
	int64_t unit = unit_of(app);
	return unit * knob_kept(app->model.tokens / unit, keep);
}

/* keep moves by whole units, the only steps that change anything. */
static bool step_keep(struct app *app, int64_t units)
{
	int64_t n = app->model.tokens / unit_of(app);
	int64_t kept = knob_kept(n, knob_num(&app->knobs, KNOB_KEEP)) + units;
	int64_t least = knob_kept(n, knob_table[KNOB_KEEP].min);
	kept = kept < least ? least : kept > n ? n : kept;
	return set_number(app, KNOB_KEEP, knob_keep_for(n, kept));
}

/* The choice `steps` further on; choices do not go around. */
static bool step_choice(struct app *app, enum knob_id id, int steps)
{
	char all[128], now[KNOB_TEXT_SIZE], *names[16], *rest;
	int n = 0, at = 0;
	snprintf(all, sizeof(all), "%s", knob_table[id].choices);
	knobs_get(&app->knobs, id, now);
	for (char *c = strtok_r(all, "|", &rest); c && n < 16;
	     c = strtok_r(NULL, "|", &rest)) {
		if (!strcmp(c, now))
			at = n;
		names[n++] = c;
	}
	at += steps;
	at = at < 0 ? 0 : at >= n ? n - 1 : at;
	return n && app_knob_set(app, id, names[at]);
}

/* A quantile moves by twentieths. */
static double step_of(const struct app *app, enum knob_id id)
{
	bool quantile = id == KNOB_THRESHOLD &&
			!strcmp(knob_text(&app->knobs, KNOB_THRESHOLD_SCALE), "quantile");
	return quantile ? 0.05 : knob_table[id].step;
}

static bool has_amount(const struct knobs *k)
{
	return !knobs_is_default(k, KNOB_KEEP) || !knobs_is_default(k, KNOB_MERGE_R) ||
	       !knobs_is_default(k, KNOB_THRESHOLD);
}

/* The method `steps` further on; before the first of them is auto. */
static bool step_method(struct app *app, int steps)
{
	char now[KNOB_TEXT_SIZE];
	int at = -1, n = 0;
	knobs_get(&app->knobs, KNOB_METHOD, now);
	for (; methods[n]; n++)
		if (!strcmp(methods[n]->name, now))
			at = n;
	at += steps;
	/* `none` would put the amount back: it is passed over while there is one. */
	if (at >= 0 && at < n && !methods[at]->knobs && has_amount(&app->knobs))
		at += steps > 0 ? 1 : -1;
	at = at < -1 ? -1 : at >= n ? n - 1 : at;
	return app_knob_set(app, KNOB_METHOD, at < 0 ? "auto" : methods[at]->name);
}

/* The language model `steps` further on; before the first of them is the model's own. */
static bool step_language(struct app *app, int steps)
{
	const char *now = knob_text(&app->knobs, KNOB_LANGUAGE_MODEL);
	int at = -1, n = 0;
	for (; language_models[n].name; n++)
		if (!strcmp(language_models[n].name, now))
			at = n;
	at += steps;
	at = at < -1 ? -1 : at >= n ? n - 1 : at;
	return app_knob_set(app, KNOB_LANGUAGE_MODEL,
			    at < 0 ? knob_table[KNOB_LANGUAGE_MODEL].initial
				   : language_models[at].name);
}

bool app_knob_step(struct app *app, enum knob_id id, int steps)
{
	const struct knob *t = &knob_table[id];
	if (!has_knob(app, id))
		return false;
	if (id == KNOB_KEEP && app->model.tokens > 0)
		return step_keep(app, steps);
	if (t->kind == KNOB_CHOICE)
		return step_choice(app, id, steps);
	if (id == KNOB_METHOD)
		return step_method(app, steps);
	if (id == KNOB_LANGUAGE_MODEL)
		return step_language(app, steps);
	if (t->kind == KNOB_NAME) {
		app_say(app, APP_INFO, "%s is set by name, such as :set %s %s", t->option,
			t->option, t->initial);
		return false;
	}
	double now = knob_num(&app->knobs, id), step = step_of(app, id);
	return set_number(app, id, (isnan(now) ? t->min - step : now) + steps * step);
}

bool app_knob_step_large(struct app *app, enum knob_id id, int steps)
{
	if (id != KNOB_KEEP)
		return app_knob_step(app, id, 4 * steps);
	if (!has_knob(app, id))
		return false;
	/* To the next multiple of ten per cent. */
	double now = knob_num(&app->knobs, id) * 10;
	double to = steps > 0 ? floor(now + 1e-6) + steps : ceil(now - 1e-6) + steps;
	return set_number(app, id, to / 10);
}

/* Where a slider ends: what is allowed may be far beyond what a model can use. */
static double slider_end(const struct app *app, enum knob_id id)
{
	switch (id) {
	case KNOB_MERGE_R: /* half of the units in one layer */
		return fmax(1, (double)(app->model.tokens / unit_of(app) / 2));
	case KNOB_RANK:
		return 1024;
	case KNOB_THRESHOLD: /* norms of tokens are tens */
		return !strcmp(knob_text(&app->knobs, KNOB_THRESHOLD_SCALE), "quantile")
			       ? 1
			       : 100;
	default:
		return knob_table[id].max;
	}
}

bool app_knob_set_fraction(struct app *app, enum knob_id id, double at)
{
	const struct knob *t = &knob_table[id];
	if (!has_knob(app, id) || (t->kind != KNOB_NUMBER && t->kind != KNOB_INTEGER))
		return false;
	at = fmin(1, fmax(0, at));
	if (id == KNOB_KEEP && app->model.tokens > 0) {
		int64_t n = app->model.tokens / unit_of(app);
		int64_t kept = (int64_t)llround(at * (double)n);
		return step_keep(app, kept - knob_kept(n, knob_num(&app->knobs, id)));
	}
	double v = t->min + at * (slider_end(app, id) - t->min);
	return set_number(app, id, t->kind == KNOB_INTEGER ? round(v) : v);
}

double app_knob_fraction(const struct app *app, enum knob_id id)
{
	const struct knob *t = &knob_table[id];
	double v = knob_num(&app->knobs, id);
	if (id == KNOB_KEEP)
		return v;
	return isnan(v) ? 0 : fmin(1, (v - t->min) / (slider_end(app, id) - t->min));
}

int app_sliders(const struct app *app, enum knob_id *ids, int max)
{
	static const enum knob_id sliders[] = { KNOB_KEEP, KNOB_THRESHOLD, KNOB_MERGE_R,
						KNOB_DOWNSAMPLE, KNOB_RANK };
	enum { LEAST = 3, ALL = sizeof(sliders) / sizeof(sliders[0]) };
	int n = 0;
	for (int i = 0; i < ALL && n < max; i++)
		if (app->has_model ? (app->model.knob_mask & KNOB_BIT(sliders[i])) != 0
				   : i < LEAST)
			ids[n++] = sliders[i];
	/* What the model lacks is worth a row only where there would be too few. */
	for (int i = 0; i < ALL && n < LEAST && n < max; i++)
		if (app->has_model && !(app->model.knob_mask & KNOB_BIT(sliders[i])))
			ids[n++] = sliders[i];
	return n;
}

bool app_knob_select(struct app *app, int direction)
{
	int id = (int)app->knob;
	do
		id = (id + direction + KNOB_COUNT) % KNOB_COUNT;
	while (id != (int)app->knob && app->has_model &&
	       !(app->model.knob_mask & KNOB_BIT(id)));
	bool moved = id != (int)app->knob;
	app->knob = (enum knob_id)id;
	return moved;
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
