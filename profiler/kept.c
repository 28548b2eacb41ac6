#include "profiler/kept.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "reduce/method.h"

int64_t *kept_counts(const struct trace *t, int64_t layers)
{
	int64_t *counts = mem_alloc(sizeof(*counts) * (size_t)(layers * t->items + 1));
	for (int64_t l = 0; l < layers; l++)
		for (int64_t b = 0; b < t->items; b++)
			counts[l * t->items + b] = trace_count_behind(t, (int)l, b);
	return counts;
}

static bool depends_on_values(const struct trace *t)
{
	for (int i = 0; i < t->n; i++)
		if (t->sites[i].sel.by_value)
			return true;
	return false;
}

static void report_counts(const struct trace *t, struct run *run)
{
	int64_t layers = run->tokens.n_layers, n = layers * t->items;
	if (!n || n > RUN_MAX_VALUES)
		return;
	int64_t *counts = kept_counts(t, layers);
	run->tokens.counts = run_doubles(run, NULL, (int)n);
	run->tokens.n_counts = (int)n;
	for (int64_t i = 0; i < n; i++)
		run->tokens.counts[i] = (double)counts[i];
	free(counts);
}

/* ---- where a threshold kept nothing ---- */

/* Whether no candidate of the item exceeds it. */
static bool is_starved(const struct trace_site *site, int64_t b, double threshold)
{
	const struct selection *sel = &site->sel;
	const float *score = tensor_f32(&site->score);
	int64_t begin, n;
	segments_rows(&sel->in, site->score.dim[0] / sel->items, b, &begin, &n);
	int64_t end = begin + n - segments_back(&sel->in, sel->back, b);
	for (int64_t i = begin + sel->front; i < end; i++)
		if ((double)score[i] > threshold)
			return false;
	return true;
}

static void warn_starved(const struct setting *s, struct run *run)
{
	const struct trace *t = &s->out.trace;
	const struct method *m = method_by_name(knob_text(&s->knobs, KNOB_METHOD));
	double threshold = knob_num(&s->knobs, KNOB_THRESHOLD);
	bool quantile = !strcmp(knob_text(&s->knobs, KNOB_THRESHOLD_SCALE), "quantile");
	if (!m || !(m->knobs & KNOB_BIT(KNOB_THRESHOLD)))
		return;
	for (int i = 0; i < t->n; i++) {
		int starved = 0;
		for (int64_t b = 0; b < t->items; b++)
			starved += quantile ? threshold >= 1
					    : is_starved(&t->sites[i], b, threshold);
		if (starved)
			run_warn(run,
				 "the threshold keeps nothing in %d of %d sequences at "
				 "layer %d: the best token stays",
				 starved, (int)t->items, t->sites[i].layer);
	}
}

/* ---- the other layout ---- */

/* Rows behind each site over rows before it, packed or padded to the longest; `made` of
 * every item are made anew at every site, and no share of what came in. */
static void shares_of(const struct trace *t, bool padded, int made, struct shares *shares)
{
	double before = (double)(t->items * t->patches);
	shares->n = t->n;
	for (int i = 0; i < t->n; i++) {
		double sum = 0, most = 0;
		for (int64_t b = 0; b < t->items; b++) {
			double n = (double)trace_count_behind(t, t->sites[i].layer, b);
			sum += n;
			most = fmax(most, n);
		}
		double rows = padded ? most * (double)t->items : sum;
		shares->of[i] = (rows - (double)(made * t->items)) / before;
		before = rows;
	}
}

static void last_counts(const struct trace *t, struct run_layouts *l)
{
	double sum = 0;
	l->longest = 0;
	for (int64_t b = 0; b < t->items; b++) {
		double n = (double)trace_count_behind(t, t->sites[t->n - 1].layer, b);
		sum += n;
		l->longest = fmax(l->longest, n);
	}
	l->mean = sum / (double)t->items;
}

/* What the same survivors would cost in the layout that was not chosen, by a dry pass. */
static void report_layouts(const struct setting *s, struct run *run)
{
	const struct trace *t = &s->out.trace;
	bool padded = !strcmp(knob_text(&s->knobs, KNOB_LAYOUT), "padded");
	bool made = strcmp(knob_text(&s->knobs, KNOB_SUMMARY), "off") != 0;
	struct shares shares;
	struct knobs other = s->knobs;
	struct run *dry;
	if (!s->out.kept_layers ||
	    knobs_set(&other, KNOB_LAYOUT, padded ? "packed" : "padded"))
		return;
	shares_of(t, !padded, made, &shares);
	dry = run_create();
	if (!setting_predict(s->model, NULL, &other, NULL, &shares, dry, NULL)) {
		const struct run *packed = padded ? dry : run, *wide = padded ? run : dry;
		last_counts(t, &run->layouts);
		run->layouts.packed = packed->flops.ours;
		run->layouts.packed_fvcore = packed->flops.fvcore;
		run->layouts.padded = wide->flops.ours;
		run->layouts.padded_fvcore = wide->flops.fvcore;
	}
	run_free(dry);
}

void kept_report(const struct setting *s, struct run *run)
{
	const struct trace *t = &s->out.trace;
	if (!depends_on_values(t))
		return;
	report_counts(t, run);
	report_layouts(s, run);
	warn_starved(s, run);
}
