#include "profiler/saliency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "reduce/method.h"

static bool by_threshold(const struct knobs *k)
{
	const struct method *m = method_by_name(knob_text(k, KNOB_METHOD));
	return m && (m->knobs & KNOB_BIT(KNOB_THRESHOLD)) &&
	       !isnan(knob_num(k, KNOB_THRESHOLD));
}

void saliencies_release(struct saliencies *s)
{
	free(s->scores);
	*s = (struct saliencies){ 0 };
}

/* ---- learning ---- */

static void learn_item(struct saliencies *s, const struct trace *t, int site, int64_t b)
{
	struct trace_story story;
	float *scores = s->scores + (site * s->items + b) * s->tokens;
	for (int64_t i = 0; i < s->tokens; i++)
		scores[i] = NAN;
	trace_tell(t, site, b, &story);
	for (int64_t i = 0; story.scores && i < story.n_alive; i++)
		if (story.alive[i] >= 0 && story.alive[i] < s->tokens)
			scores[story.alive[i]] = story.scores[i];
	trace_story_release(&story);
}

void saliencies_learn(struct saliencies *s, const struct setting *of)
{
	const struct trace *t = &of->out.trace;
	if (!by_threshold(&of->knobs) || !t->n)
		return;
	saliencies_release(s);
	s->items = t->items;
	s->tokens = t->patches;
	s->n = t->n;
	s->scores = mem_alloc(sizeof(float) * (size_t)(t->n * t->items * t->patches) + 1);
	for (int i = 0; i < t->n; i++) {
		const struct selection *sel = &t->sites[i].sel;
		s->added[i] = sel->front + sel->back;
		for (int64_t b = 0; b < t->items; b++)
			learn_item(s, t, i, b);
	}
}

bool saliencies_probe(const struct model *m, const struct knobs *k, struct knobs *probe)
{
	if (!(m->family->knobs & KNOB_BIT(KNOB_THRESHOLD)) || by_threshold(k))
		return false;
	*probe = knobs_base(k);
	return !knobs_set(probe, KNOB_DTYPE, knob_text(k, KNOB_DTYPE)) &&
	       !knobs_set(probe, KNOB_THRESHOLD, "0") &&
	       !knobs_set(probe, KNOB_METHOD, "threshold") &&
	       !model_check_knobs(m, probe);
}

/* ---- applying a threshold ---- */

/* What a threshold leaves of an item, site by site. */
struct filter {
	const float *scores; /* of the item at the site */
	int64_t n;
	double threshold;
};

static int best_of(const struct filter *f, const bool *left)
{
	int best = -1;
	for (int i = 0; i < f->n; i++)
		if (left[i] && !isnan(f->scores[i]) &&
		    (best < 0 || f->scores[i] > f->scores[best]))
			best = i;
	return best;
}

/* Takes from `left` what does not pass; returns the share that does of those that are
 * known: one at least. */
static double pass_site(const struct filter *f, bool *left)
{
	int64_t in = 0, out = 0;
	int best = best_of(f, left);
	for (int i = 0; i < f->n; i++) {
		if (!left[i] || isnan(f->scores[i]))
			continue;
		in++;
		left[i] = (double)f->scores[i] > f->threshold;
		out += left[i];
	}
	if (best >= 0 && !out) {
		left[best] = true;
		out = 1;
	}
	return in ? (double)out / (double)in : 1;
}

static int64_t count_known(const float *scores, int64_t n)
{
	int64_t known = 0;
	for (int64_t i = 0; i < n; i++)
		known += !isnan(scores[i]);
	return known;
}

/* Rows of all items: of the padded layout as many of each as the longest has. */
static double rows_of(const double *count, int64_t items, double added, bool padded)
{
	double sum = 0, most = 0;
	for (int64_t b = 0; b < items; b++) {
		sum += count[b] + added;
		most = fmax(most, count[b] + added);
	}
	return padded ? most * (double)items : sum;
}

static void apply(const struct saliencies *s, double threshold, bool padded,
		  struct shares *shares)
{
	bool *left = mem_alloc((size_t)(s->items * s->tokens) + 1);
	double *count = mem_alloc(sizeof(*count) * (size_t)(s->items + 1));
	memset(left, true, (size_t)(s->items * s->tokens));
	for (int64_t b = 0; b < s->items; b++)
		count[b] = (double)count_known(s->scores + b * s->tokens, s->tokens);
	shares->n = s->n;
	for (int i = 0; i < s->n; i++) {
		double added = (double)s->added[i];
		double before = rows_of(count, s->items, added, padded);
		for (int64_t b = 0; b < s->items; b++) {
			const struct filter f = { s->scores +
							  (i * s->items + b) * s->tokens,
						  s->tokens, threshold };
			count[b] =
				fmax(1, count[b] * pass_site(&f, left + b * s->tokens));
		}
		shares->of[i] = rows_of(count, s->items, added, padded) / before;
	}
	free(left);
	free(count);
}

/* A quantile leaves the same share whatever the scores are. */
static void apply_quantile(double quantile, struct shares *shares)
{
	shares->n = TRACE_MAX_SITES;
	for (int i = 0; i < shares->n; i++)
		shares->of[i] = 1 - quantile;
}

bool saliencies_shares(const struct saliencies *s, const struct knobs *k,
		       struct shares *shares)
{
	double threshold = knob_num(k, KNOB_THRESHOLD);
	if (!by_threshold(k))
		return false;
	if (!strcmp(knob_text(k, KNOB_THRESHOLD_SCALE), "quantile"))
		apply_quantile(threshold, shares);
	else if (s->n)
		apply(s, threshold, !strcmp(knob_text(k, KNOB_LAYOUT), "padded"), shares);
	else
		return false;
	return true;
}
