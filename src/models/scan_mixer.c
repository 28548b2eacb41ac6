/*
 * One mixer of Mamba, alone (models/mamba_mixer.h): y = mixer(h), [B, T, D] both, with
 * neither norm nor residual connection; the counterpart of attention_mixer.c.
 *
 * Item after item goes through in pieces, the state carried: activations do not grow with
 * the length, and stay in the cache.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/mamba_memory.h"
#include "models/mixer.h"

#define CHUNK 512 /* rows of a piece: a multiple of MRSS_MOST */

struct scan_mixer {
	struct mamba_sizes s;
	struct mamba_mixer mixer;
};

static const struct scan_mixer *mixer_of(const struct model *m) { return m->state; }

static enum err scan_configure(struct model *m, const struct hfconfig *c)
{
	struct scan_mixer *x = mem_alloc(sizeof(*x));
	struct mamba_sizes *s = &x->s;
	m->state = x;
	s->width = hfconfig_int(c, "hidden_size", 768, 1, 65536);
	s->states = hfconfig_int(c, "state_size", 16, 1, 4096);
	s->kernel = hfconfig_int(c, "conv_kernel", 4, 1, 256);
	s->inner = s->width * hfconfig_int(c, "expand", 2, 1, 64);
	s->rank = hfconfig_int(c, "time_step_rank", (s->width + 15) / 16, 1, 65536);
	s->bias = hfconfig_bool(c, "use_bias", false);
	s->conv_bias = hfconfig_bool(c, "use_conv_bias", true);
	m->tokens = hfconfig_int(c, "seq_length", 2048, 1, 1 << 20);
	m->chunk = CHUNK;
	return hfconfig_error(c);
}

static void scan_bind(struct model *m)
{
	struct scan_mixer *x = m->state;
	mamba_mixer_bind(&x->mixer, m->tensors, "mixer", &x->s);
}

static enum err scan_each_linear(struct model *m, const struct knobs *k,
				 enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct scan_mixer *x = m->state;
	(void)k;
	return mamba_mixer_each_linear(&x->mixer, fn, ctx);
}

static enum err scan_adapt(struct model *m, const struct knobs *k)
{
	struct scan_mixer *x = m->state;
	(void)k;
	return mamba_mixer_adapt(&x->mixer);
}

static void scan_release(struct model *m)
{
	struct scan_mixer *x = m->state;
	if (x)
		mamba_mixer_release(&x->mixer);
	free(x);
	m->state = NULL;
}

static enum err scan_check(const struct model *m, const struct knobs *k)
{
	(void)m;
	return mrss_check(k);
}

static enum err scan_shape(const struct model *m, const struct input_facts *facts,
			   const struct knobs *k, struct input *out)
{
	(void)facts;
	*out = mixer_shape(m, k, mixer_of(m)->s.width);
	return OK;
}

/* ---- what steps go on from ---- */

struct scan_decoding {
	struct decoding base;
	struct mamba_memory memory;
	struct mrss mrss; /* of the pass that began it */
	int32_t factor;   /* of adaptive */
};

static void decoding_release(struct decoding *base)
{
	struct scan_decoding *d = (struct scan_decoding *)base;
	mamba_memory_release(&d->memory);
	free(d);
}

static enum err scan_decode_begin(const struct model *m, const struct input *in,
				  int64_t more, struct decoding **out)
{
	(void)more; /* a state does not grow */
	*out = NULL;
	if (in->items != 1)
		return err_set(ERR_USAGE, "a sequence goes on alone: --batch 1");
	struct scan_decoding *d = mem_alloc(sizeof(*d));
	d->base.free = decoding_release;
	enum err e = mamba_memory_of_steps(&d->memory, &mixer_of(m)->s);
	if (e)
		decoding_release(&d->base);
	else
		*out = &d->base;
	return e;
}

/* ---- the pass ---- */

struct scan_pass {
	struct pass *p;
	const struct scan_mixer *x;
	struct tensor h, y;   /* [B, T, D] */
	int64_t length, each; /* T, rows of a piece */
	struct mamba_scans scans;
	const struct mamba_memory *memory; /* of one item at a time */
};

static void clear(const struct pass *p, const struct tensor *t)
{
	if (!p->err && t->data)
		memset(t->data, 0, (size_t)tensor_bytes(t));
}

/* Calls fn for the rows of item b, piece by piece. */
static void each_piece(struct scan_pass *sp, int64_t b,
		       void (*fn)(struct scan_pass *, int64_t b, int64_t first,
				  int64_t rows, void *ctx),
		       void *ctx)
{
	for (int64_t first = 0; first < sp->length; first += sp->each) {
		int64_t left = sp->length - first;
		size_t mark = pass_mark(sp->p);
		fn(sp, b, first, left < sp->each ? left : sp->each, ctx);
		pass_release(sp->p, mark);
	}
}

static void vary(struct scan_pass *sp, int64_t b, int64_t first, int64_t rows, void *sums)
{
	op_variation(sp->p, "variation", *(struct tensor *)sums,
		     mixer_rows(sp->h, b, first, rows));
}

/* The factor of item b, from how its rows vary. */
static void choose_factor(struct scan_pass *sp, int64_t b, struct tensor *factors)
{
	struct pass *p = sp->p;
	int64_t width = sp->x->s.width;
	size_t mark = pass_mark(p);
	struct tensor sums = pass_tensor(p, DT_F32, DIMS(1, VARIATION_SUMS + width));
	clear(p, &sums);
	each_piece(sp, b, vary, &sums);
	if (!p->err && factors->data)
		((int32_t *)factors->data)[b] = mrss_choose(tensor_f32(&sums), sp->length,
							    width, sp->scans.mrss.factor);
	pass_release(p, mark);
}

static void mix(struct scan_pass *sp, int64_t b, int64_t first, int64_t rows, void *ctx)
{
	(void)ctx;
	sp->scans.first = first;
	mamba_mixer_forward(sp->p, &sp->x->mixer, mixer_rows(sp->y, b, first, rows),
			    mixer_rows(sp->h, b, first, rows), &sp->scans, sp->memory);
}

static struct tensor draw_gate(struct pass *p, const struct scan_mixer *x, uint64_t seed,
			       double *mean)
{
	struct tensor g = pass_tensor(p, DT_F32, DIMS(x->s.inner));
	*mean = (double)NAN;
	if (!p->err && g.data)
		*mean = mrss_gates(seed, 0, x->s.inner, tensor_f32(&g)) /
			(double)x->s.inner;
	return g;
}

/* The factor of every item, of what they all have until one is chosen. */
static struct tensor all_factors(struct pass *p, int64_t items, int factor)
{
	struct tensor t = pass_tensor(p, DT_I32, DIMS(items));
	for (int64_t b = 0; !p->err && t.data && b < items; b++)
		((int32_t *)t.data)[b] = factor;
	return t;
}

static void mix_item(struct scan_pass *sp, int64_t b, struct tensor *factors)
{
	bool known = !sp->p->err && factors->data;
	if (sp->scans.mrss.mode == MRSS_ADAPTIVE) {
		choose_factor(sp, b, factors);
		sp->scans.factors = known ? (int32_t *)factors->data + b : NULL;
	}
	if (!sp->p->err)
		mamba_memory_forget(sp->memory);
	each_piece(sp, b, mix, NULL);
}

static void hand_on(const struct scan_pass *sp, struct decoding *state)
{
	struct scan_decoding *d = (struct scan_decoding *)state;
	const struct mrss *mrss = &sp->scans.mrss;
	d->mrss = *mrss;
	d->factor = sp->scans.factors ? sp->scans.factors[0] : mrss->factor;
	d->base.length = sp->length;
	d->base.bytes = mamba_memory_bytes(&d->memory, mrss->mode);
}

static void scan_forward(struct pass *p, const struct model *m, const struct input *in,
			 const struct knobs *k, struct outputs *out)
{
	struct scan_pass sp = {
		.p = p,
		.x = mixer_of(m),
		.h = in->sequence,
		.length = in->sequence.dim[1],
		.each = m->chunk,
		.scans = { .mrss = mrss_of(k) },
	};
	const struct mrss *mrss = &sp.scans.mrss;
	int64_t items = in->sequence.dim[0];
	p->items = items; /* which go through alone: tokens are those of the mean one */
	out->tokens = sp.length;
	out->gate_mean = (double)NAN;
	out->sequence = sp.y = pass_tensor(p, DT_F32, 3, in->sequence.dim);
	clear(p, &sp.y);
	struct tensor factors = all_factors(p, items, mrss->factor);
	out->factors = mrss->mode == MRSS_OFF ? (struct tensor){ 0 } : factors;
	if (mrss->mode == MRSS_BOTH)
		sp.scans.gate = draw_gate(p, sp.x, mrss->seed, &out->gate_mean);
	const struct mamba_memory own =
		in->state ? ((struct scan_decoding *)in->state)->memory
			  : mamba_memory_of_pass(p, &sp.x->s, 1, mrss->mode);
	sp.memory = &own;
	for (int64_t b = 0; b < items; b++)
		mix_item(&sp, b, &factors);
	if (in->state)
		hand_on(&sp, in->state);
}

static void scan_decode_row(struct pass *p, const struct model *m, struct decoding *state,
			    struct tensor row, struct outputs *out)
{
	struct scan_decoding *d = (struct scan_decoding *)state;
	struct mamba_scans scans = { .mrss = d->mrss, .first = state->length };
	if (d->mrss.mode == MRSS_ADAPTIVE)
		scans.factors = &d->factor;
	if (d->mrss.mode == MRSS_BOTH)
		scans.gate = draw_gate(p, mixer_of(m), d->mrss.seed, &out->gate_mean);
	out->sequence = pass_tensor(p, DT_F32, row.ndim, row.dim);
	clear(p, &out->sequence);
	mamba_mixer_forward(p, &mixer_of(m)->mixer, out->sequence, row, &scans,
			    &d->memory);
	state->length += !p->err && !p->backend->dry;
}

static const char *scan_why_not(enum knob_id id)
{
	return id == KNOB_FUSED_QKV ? "there is no attention" : mixer_why_not(id);
}

static const char *const scan_types[] = { "scan_mixer", NULL };

const struct family scan_mixer_family = {
	.name = "scan_mixer",
	.model_types = scan_types,
	.takes = INPUT_SEQUENCE,
	.knobs = MRSS_KNOBS | KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEQ) |
		 KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_THREADS) | KNOB_BIT(KNOB_GEMM) |
		 KNOB_BIT(KNOB_DEVICE),
	.why_not = scan_why_not,
	.configure = scan_configure,
	.bind = scan_bind,
	.each_linear = scan_each_linear,
	.adapt = scan_adapt,
	.release = scan_release,
	.check = scan_check,
	.shape = scan_shape,
	.forward = scan_forward,
	.decode_begin = scan_decode_begin,
	.decode_row = scan_decode_row,
};
