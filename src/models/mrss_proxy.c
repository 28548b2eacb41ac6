/*
 * The proxy that multi-resolution scanning was published with: a causal convolution of
 * every channel by k = 63 stands for a scan. x, y [B, T, D].
 *
 *   branch(x) = relu(W conv(x))                  no biases; each branch has its own
 *   off       y = high(x)                        the baseline
 *   low       y = up(low(x[::r]))                up: every row r times
 *   both      y = g up(low(x[::r])) + (1 - g) high(x),  g = sigmoid(W_g x + b_g)
 *   adaptive  low, with an r of each sequence's own (models/mrss.h)
 *
 * Where r does not divide T the last block is shorter: its first row stands for what
 * there is.
 *
 * A sequence goes through in pieces, with the rows that a convolution looks back at
 * carried along: what a piece computes stays in the cache until it is used up, and
 * nothing but the output grows with T.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernels/op_sequence.h"
#include "models/model.h"
#include "models/mrss.h"
#include "models/projection.h"

#define PIECE 512 /* rows; a multiple of MRSS_MOST */
#define DEFAULT_TOKENS 512

struct branch {
	struct conv conv;
	struct linear mix;
};

struct mrss_proxy {
	int64_t width, kernel;
	struct branch high, low;
	struct linear gate;
};

static const struct mrss_proxy *proxy_of(const struct model *m) { return m->state; }

/* ---- configuration and weights ---- */

static enum err proxy_configure(struct model *m, const struct hfconfig *config)
{
	struct mrss_proxy *x = mem_alloc(sizeof(*x));
	m->state = x;
	m->tokens = DEFAULT_TOKENS;
	x->width = hfconfig_int(config, "hidden_size", 512, 1, 65536);
	x->kernel = hfconfig_int(config, "conv_kernel", 63, 1, 4096);
	return hfconfig_error(config);
}

static struct branch bind_branch(const struct mrss_proxy *x, struct tensors *t,
				 const char *conv, const char *mix)
{
	struct branch b = { 0 };
	struct tensor w = tensors_get(t, conv, DIMS(x->width, 1, x->kernel));
	b.conv.weight = tensor_of(DT_F32, w.data, DIMS(x->width, x->kernel));
	b.mix = linear_bind(t, mix, x->width, x->width, false);
	return b;
}

static void proxy_bind(struct model *m)
{
	struct mrss_proxy *x = m->state;
	x->high = bind_branch(x, m->tensors, "high.conv.weight", "high.mix");
	x->low = bind_branch(x, m->tensors, "low.conv.weight", "low.mix");
	x->gate = linear_bind(m->tensors, "gate", x->width, x->width, true);
}

static enum err proxy_each_linear(struct model *m, const struct knobs *k,
				  enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct mrss_proxy *x = m->state;
	enum mrss_mode mode = k ? mrss_of(k).mode : MRSS_BOTH;
	bool high = mode == MRSS_OFF || mode == MRSS_BOTH, low = mode != MRSS_OFF;
	enum err e = high ? fn(ctx, &x->high.mix) : OK;
	if (!e && low)
		e = fn(ctx, &x->low.mix);
	return e || mode != MRSS_BOTH ? e : fn(ctx, &x->gate);
}

static void proxy_release(struct model *m)
{
	free(m->state);
	m->state = NULL;
}

/* ---- knobs and input ---- */

static enum err proxy_check(const struct model *m, const struct knobs *k)
{
	(void)m;
	return mrss_check(k);
}

static enum err proxy_shape(const struct model *m, const struct input_facts *facts,
			    const struct knobs *k, struct input *out)
{
	(void)facts; /* batch and seq have been settled by them */
	double seq = knob_num(k, KNOB_SEQ);
	int64_t items = (int64_t)knob_num(k, KNOB_BATCH);
	int64_t length = isnan(seq) ? DEFAULT_TOKENS : (int64_t)seq;
	*out = (struct input){
		.items = items,
		.sequence =
			tensor_of(DT_F32, NULL, DIMS(items, length, proxy_of(m)->width)),
	};
	return OK;
}

/* ---- the pass ---- */

/* What a sequence goes through with. */
struct proxy_pass {
	struct pass *p;
	const struct mrss_proxy *x;
	struct mrss mrss;
	struct tensor past_high, past_low; /* [1, k - 1, D]; of branches that run */
};

/* Rows first ... first + n of an item, as [1, n, D]. */
static struct tensor piece_of(const struct tensor *t, int64_t item, int64_t first,
			      int64_t n)
{
	struct tensor piece = *t;
	piece.dim[0] = 1;
	piece.dim[1] = n;
	if (t->data)
		piece.data = tensor_row(t, item * t->dim[1] + first);
	return piece;
}

static void run_high(const struct proxy_pass *pp, struct tensor y, struct tensor x)
{
	const struct branch *b = &pp->x->high;
	struct tensor h =
		op_conv1d(pp->p, "high.conv", x, &b->conv, ACT_NONE, pp->past_high);
	op_linear_to(pp->p, "high.mix", y, h, &b->mix, ACT_RELU);
}

/* [1, ceil(n / r), D] */
static struct tensor run_low(const struct proxy_pass *pp, struct tensor x, int r)
{
	const struct branch *b = &pp->x->low;
	struct tensor h = x;
	/* An adaptive pass takes the same steps whatever its factors are. */
	if (r > 1 || pp->mrss.mode == MRSS_ADAPTIVE)
		h = op_downsample(pp->p, "low.downsample", x, r);
	h = op_conv1d(pp->p, "low.conv", h, &b->conv, ACT_NONE, pp->past_low);
	return op_linear(pp->p, "low.mix", h, &b->mix, ACT_RELU);
}

static void run_piece(const struct proxy_pass *pp, struct tensor y, struct tensor x,
		      int r)
{
	struct pass *p = pp->p;
	size_t mark = pass_mark(p);
	if (pp->mrss.mode == MRSS_OFF || pp->mrss.mode == MRSS_BOTH)
		run_high(pp, y, x);
	if (pp->mrss.mode != MRSS_OFF) {
		struct tensor low = run_low(pp, x, r);
		if (pp->mrss.mode == MRSS_BOTH)
			op_blend(p, "blend", y, low,
				 op_linear(p, "gate", x, &pp->x->gate, ACT_SIGMOID), r);
		else
			op_upsample_to(p, "upsample", y, low, r);
	}
	pass_release(p, mark);
}

static struct tensor make_past(const struct proxy_pass *pp, bool runs)
{
	if (!runs || pp->x->kernel == 1)
		return (struct tensor){ 0 };
	return pass_tensor(pp->p, DT_F32, DIMS(1, pp->x->kernel - 1, pp->x->width));
}

static void clear(const struct tensor *t)
{
	if (t->ndim && t->data)
		memset(t->data, 0, (size_t)tensor_bytes(t));
}

/* The r of an item: of a dry pass, which sees no values, the largest. */
static int factor_of(const struct proxy_pass *pp, const struct tensor *x, int64_t item,
		     struct tensor sums)
{
	struct pass *p = pp->p;
	int64_t length = x->dim[1];
	if (pp->mrss.mode != MRSS_ADAPTIVE)
		return pp->mrss.factor;
	if (!p->err)
		clear(&sums);
	op_variation(p, "variation", sums, piece_of(x, item, 0, length));
	return sums.data && !p->err ? mrss_choose(tensor_row(&sums, 0), length,
						  pp->x->width, pp->mrss.factor)
				    : pp->mrss.factor;
}

/* What a dry pass counts is of the largest r; room there has to be for any. */
static void reserve(const struct proxy_pass *pp, int64_t length)
{
	struct pass *p = pp->p;
	size_t mark = pass_mark(p);
	int64_t rows = length < PIECE ? length : PIECE;
	for (int i = 0; i < 3; i++) /* downsample, conv, mix */
		pass_tensor(p, DT_F32, DIMS(1, rows, pp->x->width));
	pass_release(p, mark);
}

static void run_item(const struct proxy_pass *pp, const struct tensor *y,
		     const struct tensor *x, int64_t item, int r)
{
	int64_t length = x->dim[1];
	if (!pp->p->err) {
		clear(&pp->past_high);
		clear(&pp->past_low);
	}
	for (int64_t first = 0; first < length; first += PIECE) {
		int64_t left = length - first, n = left < PIECE ? left : PIECE;
		run_piece(pp, piece_of(y, item, first, n), piece_of(x, item, first, n),
			  r);
	}
}

static void proxy_forward(struct pass *p, const struct model *m, const struct input *in,
			  const struct knobs *k, struct outputs *out)
{
	const struct mrss_proxy *x = proxy_of(m);
	const struct tensor *from = &in->sequence;
	struct proxy_pass pp = { .p = p, .x = x, .mrss = mrss_of(k) };
	enum mrss_mode mode = pp.mrss.mode;
	p->items = in->items;
	out->tokens = from->dim[1];
	out->sequence = pass_tensor(p, DT_F32, from->ndim, from->dim);
	out->gate_mean = (double)NAN; /* gates are of every token, and not kept */
	out->factors = (struct tensor){ 0 };
	if (mode != MRSS_OFF)
		out->factors = pass_tensor(p, DT_I32, DIMS(in->items));
	pp.past_high = make_past(&pp, mode == MRSS_OFF || mode == MRSS_BOTH);
	pp.past_low = make_past(&pp, mode != MRSS_OFF);
	struct tensor sums = { 0 };
	if (mode == MRSS_ADAPTIVE) {
		sums = pass_tensor(p, DT_F32, DIMS(1, VARIATION_SUMS + x->width));
		reserve(&pp, from->dim[1]);
	}
	for (int64_t b = 0; b < in->items; b++) {
		int r = factor_of(&pp, from, b, sums);
		if (out->factors.data && !p->err)
			((int32_t *)out->factors.data)[b] = r;
		run_item(&pp, &out->sequence, from, b, r);
	}
}

static const char *proxy_why_not(enum knob_id id)
{
	if (knob_takes_tokens(id))
		return "it keeps every token, and runs at a coarser resolution instead";
	switch (id) {
	case KNOB_FUSED_QKV:
		return "it has no attention";
	case KNOB_IMAGE_SIZE:
		return "its input is a sequence";
	default:
		return NULL;
	}
}

static const char *const proxy_types[] = { "mrss_proxy", NULL };

const struct family mrss_proxy_family = {
	.name = "mrss_proxy",
	.model_types = proxy_types,
	.takes = INPUT_SEQUENCE,
	.knobs = FAMILY_KNOBS | MRSS_KNOBS | KNOB_BIT(KNOB_SEQ),
	.why_not = proxy_why_not,
	.configure = proxy_configure,
	.bind = proxy_bind,
	.each_linear = proxy_each_linear,
	.release = proxy_release,
	.check = proxy_check,
	.shape = proxy_shape,
	.forward = proxy_forward,
};
