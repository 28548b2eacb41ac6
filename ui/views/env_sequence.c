/* How well a text is expected and how it goes on; scans, factors, embeddings. */
#include <math.h>
#include <string.h>

#include "ui/format.h"
#include "ui/views/env.h"

static void add_likelihood(struct lines *l, const struct run *run)
{
	const struct run_likelihood *k = &run->likelihood;
	const struct run_fidelity *f = &run->fidelity;
	char a[24], percent[16];
	if (isnan(k->loss) && isnan(f->kl))
		return;
	lines_heading(l, run->model.random_weights ? "The text, expected (random weights)"
						   : "The text, expected");
	if (!isnan(k->loss))
		lines_add(l, STYLE_NORMAL, "loss",
			  "%.4f nats a token   perplexity %.4g   over %s tokens", k->loss,
			  k->perplexity, format_tokens(k->tokens, a, sizeof(a)));
	if (!isnan(k->base_loss))
		lines_add(l, STYLE_NORMAL, "base",
			  "%.4f nats a token   perplexity %.4g   %+.4f", k->base_loss,
			  k->base_perplexity, k->loss - k->base_loss);
	if (!isnan(f->kl))
		lines_add(l, STYLE_NORMAL, "against it",
			  "KL %.4g nats   same next token %s %%", f->kl,
			  format_percent(f->top1_agree, percent, sizeof(percent)));
}

static void add_generated(struct lines *l, const struct run *run)
{
	const struct run_generated *g = &run->generated;
	char ms[16], bytes[24];
	struct str written = STR_INIT;
	if (!view_generated(run, &written) || !isnan(run->visual.tokens)) {
		str_release(&written);
		return;
	}
	lines_heading(l, "Decoding");
	lines_add(l, STYLE_NORMAL, "steps", "%d after %.0f tokens   %s ms each", g->n_ids,
		  g->prompt_tokens, format_ms(g->ns_per_token, ms, sizeof(ms)));
	if (!isnan(g->state_bytes))
		lines_add(l, STYLE_NORMAL, "kept", "%s that each step reads",
			  format_bytes(g->state_bytes, bytes, sizeof(bytes)));
	lines_add(l, STYLE_NORMAL, "it wrote", "%s", str_get(&written));
	str_release(&written);
}

static void add_scan(struct lines *l, const struct run *run)
{
	const struct run_mrss *m = &run->mrss;
	const struct run_ssm *s = &run->ssm;
	char bytes[24];
	if (isnan(m->work_ratio) && isnan(s->state_bytes))
		return;
	lines_heading(l, "Scan");
	if (!isnan(s->state_bytes))
		lines_add(l, STYLE_NORMAL, "state", "%s an item, over all layers",
			  format_bytes(s->state_bytes, bytes, sizeof(bytes)));
	if (!isnan(m->work_ratio))
		lines_add(l, STYLE_NORMAL, "work", "%.4gx the FLOPs of the baseline",
			  m->work_ratio);
	if (!isnan(m->gate_mean))
		lines_add(l, STYLE_NORMAL, "gate", "%.4f of the coarse branch, untrained",
			  m->gate_mean);
	if (m->n_factors)
		lines_spark(l, "factors", m->factors, m->n_factors);
	if (s->n_state_error)
		lines_spark(l, "state error", s->state_error, s->n_state_error);
}

/* The least rank whose truncation errs by at most `error` of the norm. */
static int rank_for(const struct run_low_rank *r, double error)
{
	double all = 0, tail = 0;
	int rank = r->n_spectrum;
	for (int i = 0; i < r->n_spectrum; i++)
		all += r->spectrum[i] * r->spectrum[i];
	while (rank > 1) {
		tail += r->spectrum[rank - 1] * r->spectrum[rank - 1];
		if (tail > error * error * all)
			break;
		rank--;
	}
	return rank;
}

#define DECADES 6 /* below the largest value that the spectrum shows */

static void add_spectrum(struct lines *l, const struct run_low_rank *r)
{
	double *shown = mem_alloc(sizeof(*shown) * (size_t)r->n_spectrum);
	for (int i = 0; i < r->n_spectrum; i++)
		shown[i] = fmax(0, DECADES + log10(r->spectrum[i] / r->spectrum[0]));
	lines_spark(l, "log spectrum", shown, r->n_spectrum);
	free(shown);
	lines_add(l, STYLE_NORMAL, "error at rank",
		  "10 %% at %d   1 %% at %d   .1 %% at %d", rank_for(r, 0.1),
		  rank_for(r, 0.01), rank_for(r, 0.001));
}

static void add_low_rank(struct lines *l, const struct run *run)
{
	const struct run_low_rank *r = &run->low_rank;
	char a[24], b[24], error[16];
	if (!(r->matrices > 0) && !r->n_spectrum)
		return;
	lines_heading(l, "Low rank");
	if (r->matrices > 0)
		lines_add(l, STYLE_NORMAL, "factors",
			  "of %.0f matri%s: %s values for %s   error %s %%", r->matrices,
			  r->matrices > 1 ? "ces" : "x",
			  format_count(r->stored, a, sizeof(a)),
			  format_count(r->full, b, sizeof(b)),
			  format_percent(r->rel_error, error, sizeof(error)));
	if (r->n_spectrum) {
		lines_add(l, STYLE_NORMAL, "singular", "%d values, %.4g to %.4g",
			  r->n_spectrum, r->spectrum[0], r->spectrum[r->n_spectrum - 1]);
		add_spectrum(l, r);
	}
}

static void add_embeddings(struct lines *l, const struct run *run)
{
	const struct run_embeddings *e = &run->embeddings;
	char name[140], percent[16], error[16];
	if (!e->source)
		return;
	lines_heading(l, "Embeddings of another checkpoint");
	lines_add(l, STYLE_NORMAL, "from", "%s",
		  format_name(e->source, name, sizeof(name)));
	lines_add(l, STYLE_NORMAL, "coverage", "%.0f of %.0f rows, %s %%", e->shared,
		  e->rows, format_percent(e->coverage, percent, sizeof(percent)));
	if (!isnan(e->rel_error))
		lines_add(l, STYLE_NORMAL, "map",
			  "between widths: error %s %% on the shared rows",
			  format_percent(e->rel_error, error, sizeof(error)));
}

void env_add_sequence(struct lines *l, const struct run *run)
{
	add_likelihood(l, run);
	add_generated(l, run);
	add_scan(l, run);
	add_low_rank(l, run);
	add_embeddings(l, run);
}
