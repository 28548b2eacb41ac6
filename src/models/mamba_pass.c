/* Mamba's pass: pieces of a sequence through all layers, and one token after the other.
 */
#include "models/mamba.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/mamba_memory.h"

/* ---- what is carried ---- */

/* What one decoding keeps; both branches, since nobody knows yet which will run. */
struct mamba_decoding {
	struct decoding base;
	struct mamba_memory *memory; /* [layers] */
	int64_t layers;
	struct mrss mrss; /* of the pass that began it, as the table of embeddings */
	struct tensor table;
	int32_t factor;
};

static void decoding_release(struct decoding *base)
{
	struct mamba_decoding *d = (struct mamba_decoding *)base;
	for (int64_t i = 0; i < d->layers; i++)
		mamba_memory_release(&d->memory[i]);
	free(d->memory);
	free(d);
}

enum err mamba_decode_begin(const struct model *m, const struct input *in, int64_t more,
			    struct decoding **out)
{
	const struct mamba *x = mamba_of(m);
	enum err e = OK;
	(void)more; /* a state does not grow */
	*out = NULL;
	if (in->ids.dim[0] != 1)
		return err_set(ERR_USAGE, "a sequence goes on alone: --batch 1");
	struct mamba_decoding *d = mem_alloc(sizeof(*d));
	d->base.free = decoding_release;
	d->layers = x->layers;
	d->memory = mem_alloc(sizeof(*d->memory) * (size_t)x->layers);
	for (int64_t i = 0; !e && i < x->layers; i++)
		e = mamba_memory_of_steps(&d->memory[i], &x->s);
	if (e)
		decoding_release(&d->base);
	else
		*out = &d->base;
	return e;
}

/* ---- the pass ---- */

/* What goes through the chunks of a pass. */
struct mamba_pass {
	struct pass *p;
	const struct model *m;
	const struct mamba *x;
	struct tensor table;         /* of embeddings */
	struct tensor ids;           /* [B, T] */
	int64_t items, length, each; /* B, T, tokens of a chunk */
	struct mamba_scans scans;
	struct tensor gates;         /* [L, E], or ndim 0 */
	struct mamba_memory *memory; /* [L] */
	struct tensor rows;          /* [B, T or 1, D] that the head will see */
};

/* x [B, t, D] of tokens first ... first + t */
static struct tensor embed(const struct mamba_pass *mp, int64_t first, int64_t t)
{
	struct pass *p = mp->p;
	struct tensor ids = mp->ids;
	span_open(p, "embeddings", -1);
	if (t < mp->length) {
		ids = pass_tensor(p, DT_I32, DIMS(mp->items, t));
		for (int64_t b = 0; !p->err && ids.data && b < mp->items; b++)
			memcpy((int32_t *)ids.data + b * t,
			       (const int32_t *)mp->ids.data + b * mp->length + first,
			       sizeof(int32_t) * (size_t)t);
	}
	struct tensor x = op_lookup(p, "lookup", mp->table, ids, (struct tensor){ 0 });
	span_close(p);
	return x;
}

static struct tensor gate_of(const struct mamba_pass *mp, int layer)
{
	if (!mp->gates.ndim)
		return mp->gates;
	return tensor_of(DT_F32, mp->gates.data ? tensor_row(&mp->gates, layer) : NULL,
			 DIMS(mp->x->s.inner));
}

static void tell(const struct mamba_pass *mp, int layer, const struct tensor *x)
{
	const struct witness *w = mp->p->witness;
	const struct mamba_memory *memory = &mp->memory[layer];
	bool low =
		mp->scans.mrss.mode == MRSS_LOW || mp->scans.mrss.mode == MRSS_ADAPTIVE;
	if (!w || mp->p->err || mp->p->backend->dry)
		return;
	if (w->hidden)
		w->hidden(w->ctx, layer, mp->scans.first, x);
	if (w->state)
		w->state(w->ctx, layer, mp->scans.first + x->dim[1],
			 low ? &memory->low.state : &memory->high.state);
}

static void through_layers(struct mamba_pass *mp, struct tensor x)
{
	struct pass *p = mp->p;
	for (int i = 0; i < mp->x->layers; i++) {
		const struct mamba_layer *l = &mp->x->layer[i];
		size_t mark = pass_mark(p);
		mp->scans.gate = gate_of(mp, i);
		span_open(p, "layers", i);
		struct tensor h = op_rmsnorm(p, "norm", x, &l->norm);
		mamba_mixer_forward(p, &l->mixer, x, h, &mp->scans, &mp->memory[i]);
		span_close(p);
		pass_release(p, mark);
		tell(mp, i, &x);
	}
}

/* Those rows of a chunk that the head will see. */
static void keep(const struct mamba_pass *mp, const struct tensor *x)
{
	int64_t t = x->dim[1], n = mp->rows.dim[1], d = mp->x->s.width;
	bool all = n == mp->length;
	if (mp->p->err || !mp->rows.data || !x->data)
		return;
	for (int64_t b = 0; b < mp->items; b++) {
		int64_t from = b * t + (all ? 0 : t - 1);
		int64_t to = b * n + (all ? mp->scans.first : 0);
		memcpy(tensor_row(&mp->rows, to), tensor_row(x, from),
		       sizeof(float) * (size_t)((all ? t : 1) * d));
	}
}

/* The rows of the last layer, [B, T or 1, D]. */
static struct tensor through_chunks(struct mamba_pass *mp, bool all)
{
	struct pass *p = mp->p;
	if (mp->length <= mp->each && all) {
		struct tensor x = embed(mp, 0, mp->length);
		through_layers(mp, x);
		return x;
	}
	mp->rows = pass_tensor(p, DT_F32,
			       DIMS(mp->items, all ? mp->length : 1, mp->x->s.width));
	for (int64_t first = 0; first < mp->length; first += mp->each) {
		int64_t left = mp->length - first, t = left < mp->each ? left : mp->each;
		size_t mark = pass_mark(p);
		mp->scans.first = first;
		struct tensor x = embed(mp, first, t);
		through_layers(mp, x);
		keep(mp, &x);
		pass_release(p, mark);
	}
	return mp->rows;
}

static struct tensor head(struct pass *p, const struct mamba *x, struct tensor rows)
{
	span_open(p, "head", -1);
	rows = op_rmsnorm(p, "norm_f", rows, &x->norm);
	struct tensor logits = op_linear(p, "logits", rows, &x->head, ACT_NONE);
	span_close(p);
	return logits;
}

/* ---- how the scans run ---- */

/* Each item's factor, from how its embeddings vary: I32 [B]. */
static struct tensor choose_factors(const struct mamba_pass *mp)
{
	struct pass *p = mp->p;
	int64_t width = mp->x->s.width;
	struct tensor factors = pass_tensor(p, DT_I32, DIMS(mp->items));
	struct tensor sums =
		pass_tensor(p, DT_F32, DIMS(mp->items, VARIATION_SUMS + width));
	if (!p->err && sums.data)
		memset(sums.data, 0, (size_t)tensor_bytes(&sums));
	span_open(p, "variation", -1);
	for (int64_t first = 0; first < mp->length; first += mp->each) {
		int64_t left = mp->length - first, t = left < mp->each ? left : mp->each;
		size_t mark = pass_mark(p);
		op_variation(p, "sums", sums, embed(mp, first, t));
		pass_release(p, mark);
	}
	span_close(p);
	for (int64_t b = 0; !p->err && sums.data && b < mp->items; b++)
		((int32_t *)factors.data)[b] = mrss_choose(
			tensor_row(&sums, b), mp->length, width, mp->scans.mrss.factor);
	return factors;
}

static struct tensor same_factors(struct pass *p, int64_t items, int factor)
{
	struct tensor factors = pass_tensor(p, DT_I32, DIMS(items));
	for (int64_t b = 0; !p->err && factors.data && b < items; b++)
		((int32_t *)factors.data)[b] = factor;
	return factors;
}

/* Of all layers [L, E], and their mean. */
static struct tensor draw_gates(struct pass *p, const struct mamba *x, uint64_t seed,
				double *mean)
{
	struct tensor g = pass_tensor(p, DT_F32, DIMS(x->layers, x->s.inner));
	double sum = 0;
	for (int i = 0; !p->err && g.data && i < x->layers; i++)
		sum += mrss_gates(seed, i, x->s.inner, tensor_row(&g, i));
	*mean = g.data ? sum / (double)tensor_count(&g) : (double)NAN;
	return g;
}

static void begin_scans(struct mamba_pass *mp, struct outputs *out)
{
	const struct mrss *mrss = &mp->scans.mrss;
	out->gate_mean = (double)NAN;
	out->factors = (struct tensor){ 0 };
	if (mrss->mode == MRSS_OFF)
		return;
	if (mrss->mode == MRSS_BOTH)
		mp->gates = draw_gates(mp->p, mp->x, mrss->seed, &out->gate_mean);
	out->factors = mrss->mode == MRSS_ADAPTIVE
			       ? choose_factors(mp)
			       : same_factors(mp->p, mp->items, mrss->factor);
	if (mrss->mode == MRSS_ADAPTIVE && !mp->p->err)
		mp->scans.factors = out->factors.data;
}

/* In the arena, or what decoding will go on from; all of it zero. */
static struct mamba_memory *begin_memory(struct mamba_pass *mp, struct decoding *state)
{
	const struct mamba *x = mp->x;
	struct mamba_memory *memory =
		state ? ((struct mamba_decoding *)state)->memory
		      : mem_alloc(sizeof(*memory) * (size_t)x->layers);
	for (int64_t i = 0; i < x->layers; i++) {
		if (!state)
			memory[i] = mamba_memory_of_pass(mp->p, &x->s, mp->items,
							 mp->scans.mrss.mode);
		if (!mp->p->err)
			mamba_memory_forget(&memory[i]);
	}
	return memory;
}

static void end_memory(struct mamba_pass *mp, struct decoding *state)
{
	struct mamba_decoding *d = (struct mamba_decoding *)state;
	const struct mrss *mrss = &mp->scans.mrss;
	if (!state) {
		free(mp->memory);
		return;
	}
	d->mrss = *mrss;
	d->table = mp->table;
	d->factor = mp->scans.factors ? mp->scans.factors[0] : mrss->factor;
	d->base.length = mp->length;
	d->base.bytes =
		(double)d->layers * mamba_memory_bytes(&mp->memory[0], mrss->mode);
}

/* Shorter pieces where somebody wants to see the states more often. */
static int64_t chunk_of(const struct pass *p, const struct model *m)
{
	int64_t every = p->witness ? p->witness->every : 0;
	every = (every + MRSS_MOST - 1) / MRSS_MOST * MRSS_MOST;
	return every > 0 && every < m->chunk ? every : m->chunk;
}

void mamba_forward(struct pass *p, const struct model *m, const struct input *in,
		   const struct knobs *k, struct outputs *out)
{
	struct mamba_pass mp = {
		.p = p,
		.m = m,
		.x = mamba_of(m),
		.ids = in->ids,
		.items = in->ids.dim[0],
		.length = in->ids.dim[1],
		.each = chunk_of(p, m),
		.scans = { .mrss = mrss_of(k) },
	};
	mp.table =
		embedding_swaps_table(&mp.x->swaps, p, k, mp.x->embed, &out->embeddings);
	bool all = logits_of_all(mp.items, mp.length, mp.x->vocab);
	out->tokens = mp.length;
	begin_scans(&mp, out);
	mp.memory = begin_memory(&mp, in->state);
	struct tensor rows = through_chunks(&mp, all);
	out->token_logits = head(p, mp.x, rows);
	end_memory(&mp, in->state);
}

void mamba_decode(struct pass *p, const struct model *m, struct decoding *base,
		  int32_t token, struct outputs *out)
{
	struct mamba_decoding *d = (struct mamba_decoding *)base;
	struct mamba_pass mp = {
		.p = p,
		.m = m,
		.x = mamba_of(m),
		.items = 1,
		.length = 1,
		.scans = { .mrss = d->mrss, .first = base->length },
		.memory = d->memory,
		.table = d->table,
	};
	mp.ids = pass_tensor(p, DT_I32, DIMS(1, 1));
	if (!p->err && mp.ids.data)
		*(int32_t *)mp.ids.data = token;
	if (d->mrss.mode == MRSS_ADAPTIVE)
		mp.scans.factors = &d->factor;
	if (d->mrss.mode == MRSS_BOTH)
		mp.gates = draw_gates(p, mp.x, d->mrss.seed, &out->gate_mean);
	struct tensor x = embed(&mp, 0, 1);
	through_layers(&mp, x);
	out->token_logits = head(p, mp.x, x);
	base->length += !p->err && !p->backend->dry;
}
