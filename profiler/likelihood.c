#include "profiler/likelihood.h"

#include <math.h>
#include <stdlib.h>

/* ---- one row ---- */

/* log p(i) = x[i] - most - log_sum. Kept apart, since next to a large `most` the rest
 * would be lost. */
struct row {
	const float *x; /* [V] */
	int64_t best;   /* the first of the largest */
	double most,
		log_sum; /* log_sum: of exponentials less `most`; NaN: a value is none */
};

static int64_t highest(const float *x, int64_t n)
{
	int64_t best = 0;
	for (int64_t i = 1; i < n; i++)
		if (x[i] > x[best])
			best = i;
	return best;
}

static struct row row_of(const float *x, int64_t n)
{
	struct row r = { .x = x, .best = highest(x, n) };
	double sum = 0;
	r.most = (double)x[r.best];
	for (int64_t i = 0; i < n; i++)
		sum += exp((double)x[i] - r.most);
	r.log_sum = log(sum);
	return r;
}

/* KL(base || technique) = E_base[log p_base - log p]. What cannot come adds nothing,
 * whatever the technique says of it. */
static double divergence(const struct row *base, const struct row *r, int64_t n)
{
	double mean = 0;
	for (int64_t i = 0; i < n; i++) {
		double their = (double)base->x[i] - base->most;
		double p = exp(their - base->log_sum);
		if (p > 0)
			mean += p * (their - ((double)r->x[i] - r->most));
	}
	double kl = mean - base->log_sum + r->log_sum;
	return kl < 0 ? 0 : kl; /* of rounding: it cannot be; a NaN stays */
}

/* ---- positions ---- */

struct job {
	const struct tensor *logits, *base; /* base NULL: none */
	const struct likelihood_text *text;
	int64_t items, slots; /* of an item: its tokens, and the end of the picture */
	struct found {
		double kl, loss, base_loss; /* NaN where there is none */
		bool position, predicts, agree;
	} * found; /* [items * slots] */
};

static int64_t tokens_of(const struct job *j) { return j->text->ids.dim[1]; }

static bool has_picture(const struct job *j) { return j->slots > tokens_of(j); }

/* The row of a slot among those of an item: the last slot is the picture's last row. */
static int64_t row_in(const struct job *j, const struct tensor *logits, int64_t slot)
{
	int64_t n = tokens_of(j), more = logits->dim[1] - n, before = j->text->before;
	if (slot == n)
		return before + more - 1;
	return slot < before ? slot : slot + more;
}

/* The token that comes after a slot; -1: it does not count. */
static int64_t next_of(const struct job *j, int64_t slot)
{
	int64_t n = tokens_of(j), before = j->text->before;
	int64_t next = slot == n ? before : slot + 1;
	int64_t count = j->text->once ? j->text->once : n;
	if (next >= n || next >= count)
		return -1;
	return has_picture(j) && slot != n && next == before ? -1 : next;
}

static struct row row_at(const struct job *j, const struct tensor *logits, int64_t item,
			 int64_t slot)
{
	int64_t row = item * logits->dim[1] + row_in(j, logits, slot);
	return row_of(tensor_row(logits, row), logits->dim[2]);
}

static double loss_of(const struct row *r, int64_t id, int64_t vocab)
{
	return id >= 0 && id < vocab ? r->most - (double)r->x[id] + r->log_sum
				     : (double)NAN;
}

static void look_at(const struct job *j, int64_t item, int64_t slot, struct found *f)
{
	int64_t vocab = j->logits->dim[2], next = next_of(j, slot);
	*f = (struct found){ .position = slot < tokens_of(j), .predicts = next >= 0 };
	if (!f->predicts && (!f->position || !j->base))
		return;
	struct row r = row_at(j, j->logits, item, slot), base = { 0 };
	if (j->base)
		base = row_at(j, j->base, item, slot);
	if (f->predicts) {
		const int32_t *ids = j->text->ids.data;
		int64_t id = ids[item * tokens_of(j) + next];
		f->loss = loss_of(&r, id, vocab);
		f->base_loss = j->base ? loss_of(&base, id, vocab) : (double)NAN;
	}
	if (f->position && j->base) {
		f->kl = divergence(&base, &r, vocab);
		f->agree =
			r.best == base.best && !isnan(r.log_sum) && !isnan(base.log_sum);
	}
}

static void look(void *ctx, int thread, int threads)
{
	const struct job *j = ctx;
	int64_t begin, end;
	pool_share(j->items * j->slots, 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++)
		look_at(j, i / j->slots, i % j->slots, &j->found[i]);
}

/* In order, so that the sums do not depend on the number of threads. */
static void sum_up(struct likelihood *l, const struct job *j)
{
	for (int64_t i = 0; i < j->items * j->slots; i++) {
		const struct found *f = &j->found[i];
		if (f->predicts) {
			l->predicted++;
			l->loss += f->loss;
			l->base_loss += f->base_loss;
		}
		if (f->position && j->base) {
			l->positions++;
			l->agree += f->agree;
			l->kl += f->kl;
		}
	}
	l->counted = true;
	l->has_base = l->has_base || j->base;
}

static bool fits(const struct tensor *logits, const struct likelihood_text *t,
		 int64_t items)
{
	return logits->ndim == 3 && logits->dim[0] >= items && t->ids.dim[0] >= items &&
	       logits->dim[1] >= t->ids.dim[1] && logits->dim[2] > 0;
}

enum err likelihood_add(struct likelihood *l, const struct tensor *logits,
			const struct tensor *base, const struct likelihood_text *t,
			int64_t items, struct pool *pool)
{
	struct job j = { .logits = logits, .base = base->ndim ? base : NULL, .text = t };
	if (t->ids.ndim != 2 || !fits(logits, t, items) ||
	    (j.base && (!fits(base, t, items) || base->dim[2] != logits->dim[2])))
		return err_set(ERR_FORMAT, "logits of base and technique are of "
					   "different texts or vocabularies");
	int64_t n = t->ids.dim[1];
	bool picture = logits->dim[1] > n && (!j.base || base->dim[1] > n);
	j.items = items;
	j.slots = n + (picture ? 1 : 0);
	j.found = calloc((size_t)(j.items * j.slots + 1), sizeof(*j.found));
	if (!j.found)
		return err_set(ERR_NOMEM, "no memory to compare %lld positions",
			       (long long)(j.items * j.slots));
	pool_run(pool, look, &j);
	sum_up(l, &j);
	free(j.found);
	return OK;
}

/* ---- the result ---- */

static double known(double v, const char *what, struct run *run)
{
	if (isinf(v))
		run_warn(run, "%s is infinite: a probability is 0", what);
	return isinf(v) ? (double)NAN : v;
}

void likelihood_report(const struct likelihood *l, struct run *run)
{
	struct run_likelihood *to = &run->likelihood;
	double n = (double)l->predicted;
	if (!l->counted)
		return;
	if (l->positions) {
		double m = (double)l->positions;
		run->fidelity.kl = known(l->kl / m, "the divergence from the base", run);
		run->fidelity.top1_agree = (double)l->agree / m;
	}
	to->tokens = n;
	if (!l->predicted)
		return;
	to->loss = known(l->loss / n, "the loss", run);
	to->perplexity = known(exp(to->loss), "the perplexity", run);
	if (!l->has_base)
		return;
	to->base_loss = known(l->base_loss / n, "the loss of the base", run);
	to->base_perplexity =
		known(exp(to->base_loss), "the perplexity of the base", run);
}
