/* The controller's sliders: which there are, where they stand, how far a step goes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app_private.h"
#include "base/str.h"
#include "models/language.h"
#include "reduce/method.h"

#define CHOICES_MAX 16
#define SEQ_LEAST 64 /* tokens: the ends of the slider */
#define SEQ_MOST 65536

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

/* ---- what there is to choose from ---- */

struct choices {
	char text[128]; /* that the names are in */
	char *name[CHOICES_MAX];
	int n, now;
};

static void choices_of(const struct app *app, enum knob_id id, struct choices *c)
{
	char now[KNOB_TEXT_SIZE], *rest;
	*c = (struct choices){ .n = 0 };
	snprintf(c->text, sizeof(c->text), "%s", knob_table[id].choices);
	knobs_get(&app->knobs, id, now);
	for (char *name = strtok_r(c->text, "|", &rest); name && c->n < CHOICES_MAX;
	     name = strtok_r(NULL, "|", &rest)) {
		if (!strcmp(name, now))
			c->now = c->n;
		c->name[c->n++] = name;
	}
}

/* Choices do not go around. */
static bool choose(struct app *app, enum knob_id id, const struct choices *c, int at)
{
	at = at < 0 ? 0 : at >= c->n ? c->n - 1 : at;
	return c->n && app_knob_set(app, id, c->name[at]);
}

static bool step_choice(struct app *app, enum knob_id id, int steps)
{
	struct choices c;
	choices_of(app, id, &c);
	return choose(app, id, &c, c.now + steps);
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

/* ---- saliencies ---- */

static bool is_quantile(const struct app *app)
{
	return !strcmp(knob_text(&app->knobs, KNOB_THRESHOLD_SCALE), "quantile");
}

/* Widens [lo, hi] to what a run's threshold looked at. */
static void add_saliencies(const struct run *run, double *lo, double *hi)
{
	if (isnan(knob_num(&run->knobs, KNOB_THRESHOLD)))
		return;
	for (int i = 0; i < run->tokens.n_sites; i++) {
		const struct run_site *s = &run->tokens.sites[i];
		for (int k = 0; k < s->n_scores; k++) {
			double v = s->scores[k];
			*lo = isnan(*lo) || v < *lo ? v : *lo;
			*hi = isnan(*hi) || v > *hi ? v : *hi;
		}
	}
}

/* From the lowest saliency to the highest, of the latest run that has some; false: no run
 * has. */
static bool saliency_range(const struct app *app, double *lo, double *hi)
{
	const struct app_private *p = app->private;
	*lo = *hi = (double)NAN;
	if (app->result)
		add_saliencies(app->result, lo, hi);
	for (int i = 0; i < p->n_memory && isnan(*lo); i++) {
		const struct run *run =
			p->memory[(p->next_memory - 1 - i + MEMORY_RUNS) % MEMORY_RUNS];
		if (str_equal(run->model.name, app->model.name))
			add_saliencies(run, lo, hi);
	}
	return *lo < *hi;
}

void app_usual_thresholds(const struct app *app, struct str *out)
{
	double lo, hi;
	if (!is_quantile(app) && saliency_range(app, &lo, &hi)) {
		str_add(out, "threshold off");
		for (int i = 1; i <= 3; i++)
			str_addf(out, ",%.3g", lo + (hi - lo) * i / 4);
		return;
	}
	/* Where nobody knows how large saliencies are, their quantiles say the same. */
	if (!is_quantile(app))
		str_add(out, "threshold-scale quantile ");
	str_add(out, "threshold 0.25,0.5,0.75");
}

/* ---- where sliders end ---- */

/* What is allowed may be far beyond what a model can use. */
struct track {
	double lo, hi;
	bool factors; /* the same factor is the same way */
};

#define RANK_MOST 1024 /* of projections, where no run has shown any yet */

/* As many singular values as there are, of the latest run that has some. */
static double full_rank(const struct app *app)
{
	const struct app_private *p = app->private;
	int n = app->result ? app->result->low_rank.n_spectrum : 0;
	for (int i = 0; i < p->n_memory && n < 1; i++) {
		const struct run *run =
			p->memory[(p->next_memory - 1 - i + MEMORY_RUNS) % MEMORY_RUNS];
		if (str_equal(run->model.name, app->model.name))
			n = run->low_rank.n_spectrum;
	}
	return n > 1 ? n : RANK_MOST;
}

static struct track track_of(const struct app *app, enum knob_id id)
{
	struct track t = { knob_table[id].min, knob_table[id].max, false };
	switch (id) {
	case KNOB_MERGE_R: /* half of the units in one layer */
		t.hi = fmax(1, (double)(app->model.tokens / unit_of(app) / 2));
		break;
	case KNOB_RANK:
		t.hi = fmax(full_rank(app), knob_num(&app->knobs, id));
		break;
	case KNOB_DOWNSAMPLE:
		t.factors = true;
		break;
	case KNOB_SEQ:
		t = (struct track){ SEQ_LEAST, SEQ_MOST, true };
		break;
	case KNOB_THRESHOLD:
		if (is_quantile(app))
			t.hi = 1;
		else if (!saliency_range(app, &t.lo, &t.hi))
			t = (struct track){ 0, 100,
					    false }; /* norms of tokens are tens */
		break;
	default:
		break;
	}
	return t;
}

static double place_on(const struct track *t, double v)
{
	double at = t->factors ? log2(v / t->lo) / log2(t->hi / t->lo)
			       : (v - t->lo) / (t->hi - t->lo);
	return isnan(at) ? 0 : fmin(1, fmax(0, at));
}

static double value_at(const struct track *t, double at)
{
	return t->factors ? t->lo * exp2(at * log2(t->hi / t->lo))
			  : t->lo + at * (t->hi - t->lo);
}

/* ---- steps ---- */

static double threshold_step(const struct app *app)
{
	return is_quantile(app) ? 0.01 : knob_table[KNOB_THRESHOLD].step;
}

/* In multiples of the step; below what drops anything it is off. */
static bool set_threshold(struct app *app, double v)
{
	struct track t = track_of(app, KNOB_THRESHOLD);
	double step = threshold_step(app), least = floor(t.lo / step) * step;
	v = round(v / step) * step;
	if (v <= 0 || v < least - step / 2)
		return app_knob_set(app, KNOB_THRESHOLD, "off");
	return set_number(app, KNOB_THRESHOLD, is_quantile(app) ? fmin(v, 1) : v);
}

static bool step_threshold(struct app *app, int steps)
{
	double now = knob_num(&app->knobs, KNOB_THRESHOLD), step = threshold_step(app);
	if (isnan(now) && steps <= 0)
		return false;
	double first = floor(track_of(app, KNOB_THRESHOLD).lo / step) * step;
	if (isnan(now) || (steps > 0 && now < first))
		now = first; /* to the first that may drop something */
	return set_threshold(app, now + steps * step);
}

/* The length that runs where none is set is the model's own. */
static double present_length(const struct app *app)
{
	double now = knob_num(&app->knobs, KNOB_SEQ);
	const struct run *run = app_shown(app);
	if (isnan(now) && run)
		now = run->input.tokens;
	if (isnan(now))
		now = (double)app->model.tokens;
	return now >= 1 ? now : SEQ_LEAST;
}

/* To the next multiples of the step. */
static bool step_length(struct app *app, int steps)
{
	double step = knob_table[KNOB_SEQ].step, now = present_length(app) / step;
	now = steps > 0 ? floor(now + 1e-9) : ceil(now - 1e-9);
	return set_number(app, KNOB_SEQ, (now + steps) * step);
}

static bool step_number(struct app *app, enum knob_id id, int steps)
{
	const struct knob *t = &knob_table[id];
	double now = knob_num(&app->knobs, id);
	switch (id) {
	case KNOB_THRESHOLD:
		return step_threshold(app, steps);
	case KNOB_SEQ:
		return step_length(app, steps);
	case KNOB_DOWNSAMPLE:
		return set_number(app, id, exp2(round(log2(now)) + steps));
	default:
		return set_number(
			app, id, (isnan(now) ? t->min - t->step : now) + steps * t->step);
	}
}

bool app_knob_step(struct app *app, enum knob_id id, int steps)
{
	const struct knob *t = &knob_table[id];
	if (!app_has_knob(app, id))
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
	return step_number(app, id, steps);
}

/* keep: to the next multiple of ten per cent. */
static bool step_keep_large(struct app *app, int steps)
{
	double now = knob_num(&app->knobs, KNOB_KEEP) * 10;
	double to = steps > 0 ? floor(now + 1e-6) + steps : ceil(now - 1e-6) + steps;
	return set_number(app, KNOB_KEEP, to / 10);
}

bool app_knob_step_large(struct app *app, enum knob_id id, int steps)
{
	if (id != KNOB_KEEP && id != KNOB_SEQ && id != KNOB_DOWNSAMPLE &&
	    id != KNOB_THRESHOLD)
		return app_knob_step(app, id, 4 * steps);
	if (!app_has_knob(app, id))
		return false;
	switch (id) {
	case KNOB_KEEP:
		return step_keep_large(app, steps);
	case KNOB_SEQ: /* twice as long */
		return set_number(app, id, round(present_length(app) * exp2(steps)));
	case KNOB_DOWNSAMPLE:
		return step_number(app, id, 2 * steps);
	default:
		return step_number(app, id, (is_quantile(app) ? 5 : 4) * steps);
	}
}

/* ---- the mouse ---- */

bool app_knob_set_fraction(struct app *app, enum knob_id id, double at)
{
	const struct knob *t = &knob_table[id];
	if (!app_has_knob(app, id) || t->kind == KNOB_NAME)
		return false;
	at = fmin(1, fmax(0, at));
	if (t->kind == KNOB_CHOICE) {
		struct choices c;
		choices_of(app, id, &c);
		return choose(app, id, &c, (int)lround(at * (c.n - 1)));
	}
	if (id == KNOB_KEEP && app->model.tokens > 0) {
		int64_t n = app->model.tokens / unit_of(app);
		int64_t kept = (int64_t)llround(at * (double)n);
		return step_keep(app, kept - knob_kept(n, knob_num(&app->knobs, id)));
	}
	struct track track = track_of(app, id);
	double v = value_at(&track, at);
	if (id == KNOB_DOWNSAMPLE)
		v = exp2(round(log2(v)));
	if (id == KNOB_SEQ)
		v = round(v / t->step) * t->step;
	if (id == KNOB_THRESHOLD)
		return set_threshold(app, at > 0 ? v : 0);
	return set_number(app, id, t->kind == KNOB_INTEGER ? round(v) : v);
}

double app_knob_fraction(const struct app *app, enum knob_id id)
{
	struct track t = track_of(app, id);
	if (id == KNOB_KEEP)
		return knob_num(&app->knobs, id);
	if (knob_table[id].kind == KNOB_CHOICE) {
		struct choices c;
		choices_of(app, id, &c);
		return c.n > 1 ? (double)c.now / (c.n - 1) : 0;
	}
	return place_on(&t,
			id == KNOB_SEQ ? present_length(app) : knob_num(&app->knobs, id));
}

/* ---- which there are ---- */

/* What a model is tuned by comes first: a scan by its factor, an encoder of sequences by
 * its threshold, a tower by what it keeps. */
static const enum knob_id of_scans[] = { KNOB_DOWNSAMPLE, KNOB_MRSS, KNOB_SEQ, KNOB_RANK,
					 KNOB_KEEP };
static const enum knob_id of_sequences[] = { KNOB_THRESHOLD, KNOB_KEEP, KNOB_LAYOUT,
					     KNOB_RANK, KNOB_SEQ };
static const enum knob_id of_towers[] = { KNOB_KEEP, KNOB_THRESHOLD, KNOB_MERGE_R,
					  KNOB_DOWNSAMPLE, KNOB_RANK };
enum { SLIDERS = 5, LEAST = 3 };

static const enum knob_id *order_of(const struct app *app)
{
	uint64_t mask = app->has_model ? app->model.knob_mask : 0;
	if (mask & KNOB_BIT(KNOB_DOWNSAMPLE))
		return of_scans;
	return mask & KNOB_BIT(KNOB_SEQ) ? of_sequences : of_towers;
}

int app_sliders(const struct app *app, enum knob_id *ids, int max)
{
	const enum knob_id *order = order_of(app);
	int n = 0;
	for (int i = 0; i < SLIDERS && n < max; i++)
		if (app->has_model ? (app->model.knob_mask & KNOB_BIT(order[i])) != 0
				   : i < LEAST)
			ids[n++] = order[i];
	/* What the model lacks is worth a row only where there would be too few. */
	for (int i = 0; i < SLIDERS && n < LEAST && n < max; i++)
		if (app->has_model && !(app->model.knob_mask & KNOB_BIT(order[i])))
			ids[n++] = order[i];
	return n;
}

void app_choose_knob(struct app *app)
{
	enum knob_id first;
	if (app->private->chose_knob && !app_knob_why_not(app, app->knob))
		return;
	if (app_sliders(app, &first, 1))
		app->knob = first;
}
