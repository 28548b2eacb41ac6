/* What this session has measured: out of memory, out of the studies, out of the store. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_private.h"
#include "app_study.h"
#include "base/str.h"

#define STORED 256 /* runs of the session that are looked at */
#define MOST 512   /* settings */

struct found {
	struct app_setting *list;
	int n;
};

static bool same_setting(const struct app_setting *a, const struct app_setting *b)
{
	struct knobs x = a->knobs, y = b->knobs;
	knobs_resolve_method(&x);
	knobs_resolve_method(&y);
	return !strcmp(a->model, b->model) && knobs_equal(&x, &y, a->knob_mask);
}

/* One of each setting: the latest, and of one run what says most of it. */
static void offer(struct found *f, const struct app_setting *s)
{
	if (isnan(s->p50_ns))
		return;
	for (int i = 0; i < f->n; i++) {
		struct app_setting *old = &f->list[i];
		if (!same_setting(old, s))
			continue;
		if (s->started_ns > old->started_ns)
			*old = *s;
		return;
	}
	if (f->n == MOST)
		return;
	f->list = mem_grow(f->list, (size_t)f->n + 1, sizeof(*f->list));
	f->list[f->n++] = *s;
}

static void offer_run(struct found *f, const struct run *r)
{
	struct app_setting s = { .knobs = r->knobs,
				 .knob_mask = r->knob_mask,
				 .run_id = r->id,
				 .tokens = r->input.tokens,
				 .p50_ns = r->wall.p50_ns,
				 .lo_ns = r->wall.ci95_lo_ns,
				 .hi_ns = r->wall.ci95_hi_ns,
				 .flops = r->flops.ours,
				 .started_ns = r->started_ns };
	if (r->state != RUN_DONE || !r->model.name)
		return;
	snprintf(s.model, sizeof(s.model), "%s", r->model.name);
	offer(f, &s);
}

/* Rows say less than runs: how long a sequence is only where that was asked for. */
static void offer_row(struct found *f, const struct run_row *row)
{
	const double none = (double)NAN;
	struct app_setting s = { .run_id = row->id,
				 .p50_ns = row->p50_ns,
				 .lo_ns = none,
				 .hi_ns = none,
				 .flops = none,
				 .started_ns = (double)row->started_ns };
	if (strcmp(row->state, "done") != 0 ||
	    knobs_parse_canonical(row->knobs, &s.knobs, &s.knob_mask) != OK)
		return;
	s.tokens = knob_num(&s.knobs, KNOB_SEQ);
	snprintf(s.model, sizeof(s.model), "%s", row->model);
	offer(f, &s);
}

static void offer_stored(struct found *f, struct app *app)
{
	struct run_row *rows = mem_alloc(sizeof(*rows) * STORED);
	int n = 0;
	if (session_run_page(app->store, app->session_id, true, 0, 0, STORED, rows, &n))
		n = 0; /* busy: what is in memory is what there is */
	for (int i = 0; i < n; i++)
		offer_row(f, &rows[i]);
	free(rows);
}

struct app_setting *app_measured(struct app *app, int *n)
{
	const struct app_private *p = app->private;
	const struct app_studies *studies = app->studies;
	struct found f = { NULL, 0 };
	for (int i = 0; i < p->n_memory; i++)
		offer_run(&f, p->memory[i]);
	for (int i = 0; studies && i < studies->n; i++)
		for (int r = 0; r < studies->state[i].def.n_rows; r++)
			if (studies->state[i].runs[r])
				offer_run(&f, studies->state[i].runs[r]);
	if (app->result)
		offer_run(&f, app->result);
	if (app->base)
		offer_run(&f, app->base);
	if (app->store && app->session_id)
		offer_stored(&f, app);
	*n = f.n;
	return f.list;
}
