/* The controller's curves: points out of this session's memory and out of the store. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_points.h"
#include "app_private.h"
#include "base/str.h"

#define LATEST 4096 /* runs of the store that are looked at */
#define MOST 1024   /* of these, of this model */

/* What a run must share with the present to be on its curve. */
struct wanted {
	struct app *app;
	struct app_curve *curve;
	const struct run *described;
	const char *host; /* NULL: not known yet */
	struct knobs base, present;
	bool moves_input, moves_model; /* the knob is part of what is hashed */
};

static struct app_point no_point(void)
{
	const double nan = (double)NAN;
	return (struct app_point){ .x = nan,
				   .p50_ns = nan,
				   .lo_ns = nan,
				   .hi_ns = nan,
				   .cosine = nan,
				   .top1 = nan,
				   .flops = nan,
				   .kept = nan,
				   .started_ns = nan };
}

/* One more point, if it is of this curve; and the base. */
static void offer(struct wanted *w, const struct knobs *knobs, struct app_point *p)
{
	uint64_t mask = w->app->model.knob_mask;
	enum knob_id knob = w->curve->knob;
	struct app_point *base = &w->curve->base;
	bool is_base = app_is_base(w->app, knobs) && knobs_equal(knobs, &w->base, mask);
	p->base = is_base;
	p->x = knob_num(knobs, knob);
	bool better = isnan(base->p50_ns) || p->here > base->here ||
		      (p->here == base->here && p->started_ns > base->started_ns);
	if (is_base && better)
		*base = *p;
	if (is_base || app_point_fits(knobs, &w->present, mask, knob))
		app_curve_add(w->curve, p);
}

static bool same_hash(const char *a, const char *b)
{
	return a && b && *a && *b && !strcmp(a, b);
}

/* ---- memory ---- */

static bool is_of_present(const struct wanted *w, const struct run *r)
{
	const struct run *d = w->described;
	if (!str_equal(r->model.name, d->model.name) || !str_equal(r->device, d->device))
		return false;
	if (!w->moves_model && r->model.sha256 && d->model.sha256 &&
	    strcmp(r->model.sha256, d->model.sha256) != 0)
		return false;
	return w->moves_input ? str_equal(r->input.source, d->input.source)
			      : same_hash(r->input.sha256, d->input.sha256);
}

static void offer_run(struct wanted *w, const struct run *r)
{
	struct app_point p = no_point();
	if (r->state != RUN_DONE || !is_of_present(w, r))
		return;
	p.run_id = r->id;
	p.here = true;
	p.p50_ns = r->wall.p50_ns;
	p.lo_ns = r->wall.ci95_lo_ns;
	p.hi_ns = r->wall.ci95_hi_ns;
	p.cosine = r->fidelity.cosine;
	p.top1 = r->accuracy.top1;
	p.flops = r->flops.ours;
	p.kept = run_kept(r);
	p.started_ns = r->started_ns;
	w->host = r->env.host ? r->env.host : w->host;
	offer(w, &r->knobs, &p);
}

/* ---- the store ---- */

static void offer_row(struct wanted *w, const struct point_row *row)
{
	const struct run *d = w->described;
	const char *source = d->input.source ? d->input.source : "";
	struct app_point p = no_point();
	if (!w->moves_model && d->model.sha256 &&
	    !same_hash(row->model_sha256, d->model.sha256))
		return;
	if (w->moves_input ? strcmp(row->input_source, source) != 0
			   : !same_hash(row->input_sha256, d->input.sha256))
		return;
	if (w->host && row->host[0] && strcmp(row->host, w->host) != 0)
		return; /* another machine: no curve goes through both */
	p.run_id = row->id;
	p.here = row->session_id == w->app->session_id;
	p.p50_ns = row->p50_ns;
	p.lo_ns = row->lo_ns;
	p.hi_ns = row->hi_ns;
	p.cosine = row->cosine;
	p.top1 = row->top1;
	p.flops = row->flops;
	p.kept = row->kept;
	p.started_ns = (double)row->started_ns;
	offer(w, &row->knobs, &p);
}

static void offer_stored(struct wanted *w)
{
	struct app_curve *c = w->curve;
	const struct run *d = w->described;
	struct point_row *rows = mem_alloc(sizeof(*rows) * MOST);
	int n = 0;
	enum err e = session_points(w->app->store, d->model.name, d->model.sha256, LATEST,
				    MOST, rows, &n);
	c->busy = e == ERR_BUSY;
	if (e && !c->busy)
		snprintf(c->problem, sizeof(c->problem), "%s", err_message());
	for (int i = 0; !e && i < n; i++)
		offer_row(w, &rows[i]);
	free(rows);
}

/* The latest run of a threshold of this model; NULL: there is none. */
static const struct run *latest_threshold(const struct app *app)
{
	const struct app_private *p = app->private;
	for (int i = 0; i < p->n_memory; i++) {
		const struct run *r =
			p->memory[(p->next_memory - 1 - i + MEMORY_RUNS) % MEMORY_RUNS];
		if (str_equal(r->model.name, app->model.name) &&
		    !isnan(knob_num(&r->knobs, KNOB_THRESHOLD)))
			return r;
	}
	return NULL;
}

/* The knobs that points share. A factor belongs to the branches that it selects: of a
 * model whose scan is whole the curve is that of the coarse branch alone. A threshold
 * that is off has the scale of the last one. */
static struct knobs present_knobs(const struct app *app, enum knob_id knob)
{
	struct knobs k = app->knobs;
	if (knob == KNOB_DOWNSAMPLE && knobs_is_default(&k, KNOB_MRSS))
		snprintf(k.v[KNOB_MRSS].text, KNOB_TEXT_SIZE, "low");
	const struct run *latest = latest_threshold(app);
	if (knob == KNOB_THRESHOLD && isnan(knob_num(&k, knob)) && latest)
		k.v[KNOB_THRESHOLD_SCALE] = latest->knobs.v[KNOB_THRESHOLD_SCALE];
	return k;
}

void app_curve_read(struct app *app, enum knob_id knob, struct app_curve *out)
{
	const struct app_private *p = app->private;
	struct wanted w = { .app = app,
			    .curve = out,
			    .described = p->described,
			    .base = knobs_base(&app->knobs),
			    .present = present_knobs(app, knob),
			    .moves_model = knob == KNOB_SEED,
			    .moves_input = knob == KNOB_IMAGE_SIZE || knob == KNOB_SEQ ||
					   knob == KNOB_BATCH };
	*out = (struct app_curve){ .knob = knob, .base = no_point() };
	out->breaks.x = (double)NAN;
	if (!p->described)
		return;
	for (int i = 0; i < p->n_memory; i++)
		offer_run(&w, p->memory[i]);
	if (app->store)
		offer_stored(&w);
	app_curve_finish(out);
}
