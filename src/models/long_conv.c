/*
 * One long convolution over all channels:
 *
 *   y[t] = sum over l < L of K[l] x[t - l]             [B, T, D]; zeros before the start
 *
 * as it is, one product of the windows of x with all of K, or distilled to a few filters
 * (reduce/distill.h). The kernel `kernel` [L, D, D] is all there is in a checkpoint.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernels/op_sequence.h"
#include "models/model.h"
#include "models/s4d_source.h"
#include "reduce/distill.h"
#include "tensor/random_source.h"

#define LONGEST (1 << 20)
#define WIDEST 16384

/* The mix of a rank, as the backend has it. */
struct ranked {
	int64_t rank;
	struct linear mix;
};

struct long_conv {
	int64_t length, width; /* L, D */
	struct tensor kernel;  /* [L, D, D] */
	struct tensor before;  /* [1, L - 1, D] of zeros; owned */
	struct linear full; /* [D, L D], the oldest tap first; owned, made when needed */
	struct distilled factors;
	struct ranked *ranked; /* [n_ranked]: those that somebody ran */
	int n_ranked;
};

static const struct long_conv *conv_of(const struct model *m) { return m->state; }

/* ---- what it is made of ---- */

static struct tensors *conv_generate(const struct hfconfig *config, uint64_t seed,
				     const char *label)
{
	const struct s4d s = {
		.width = hfconfig_int(config, "width", 64, 1, WIDEST),
		.states = hfconfig_int(config, "state_size", 64, 1, 65536),
		.step = hfconfig_num(config, "step", 0.02, 0, 1),
	};
	bool s4d = !strcmp(hfconfig_str(config, "kernel", ""), "s4d");
	return s4d ? tensors_create_s4d(seed, label, &s)
		   : tensors_create_random(seed, label);
}

/* The kernel's own shape says how long and wide it is. */
static enum err look(const struct model *m, struct long_conv *c)
{
	char shape[96];
	struct tensor stored;
	const char *label = tensors_label(m->tensors);
	if (!tensors_find(m->tensors, "kernel", &stored)) {
		enum err e = tensors_error(m->tensors);
		return e ? e
			 : err_set(ERR_FORMAT, "%s: there is no tensor kernel [L, D, D]",
				   label);
	}
	shape_text(stored.ndim, stored.dim, shape, sizeof(shape));
	if (stored.ndim != 3 || stored.dim[1] != stored.dim[2])
		return err_set(ERR_FORMAT,
			       "%s: tensor kernel is %s: want [L, D, D], a square "
			       "matrix for each of L taps",
			       label, shape);
	if (stored.dim[0] < 1 || stored.dim[1] < 1)
		return err_set(ERR_FORMAT, "%s: tensor kernel is %s: it is empty", label,
			       shape);
	if (stored.dim[0] > LONGEST || stored.dim[1] > WIDEST)
		return err_set(ERR_FORMAT,
			       "%s: tensor kernel is %s: at most [%d, %d, %d]", label,
			       shape, LONGEST, WIDEST, WIDEST);
	c->length = stored.dim[0];
	c->width = stored.dim[1];
	return OK;
}

static enum err conv_configure(struct model *m, const struct hfconfig *config)
{
	struct long_conv *c = mem_alloc(sizeof(*c));
	m->state = c;
	c->length = hfconfig_int(config, "kernel_size", 256, 1, LONGEST);
	c->width = hfconfig_int(config, "width", 64, 1, WIDEST);
	m->tokens = hfconfig_int(config, "seq_length", 1024, 1, 1 << 20);
	enum err e = tensors_is_generated(m->tensors) ? OK : look(m, c);
	if (e)
		return e;
	c->before = tensor_of(DT_F32, NULL, DIMS(1, c->length - 1, c->width));
	c->full.weight = tensor_of(DT_F32, NULL, DIMS(c->width, c->length * c->width));
	distill_init(&c->factors, c->length, c->width);
	return hfconfig_error(config);
}

static void conv_bind(struct model *m)
{
	struct long_conv *c = m->state;
	c->kernel =
		tensors_get(m->tensors, "kernel", DIMS(c->length, c->width, c->width));
}

static enum err conv_each_linear(struct model *m, const struct knobs *k,
				 enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct long_conv *c = m->state;
	int64_t rank = k ? low_rank_wanted(k) : 0;
	enum err e = OK;
	if (!rank && c->full.weight.data)
		e = fn(ctx, &c->full);
	for (int i = 0; !e && i < c->n_ranked; i++)
		if (!k || c->ranked[i].rank == rank)
			e = fn(ctx, &c->ranked[i].mix);
	return e;
}

static void conv_release(struct model *m)
{
	struct long_conv *c = m->state;
	if (c) {
		free(c->before.data);
		free(c->full.weight.data);
		free(c->ranked);
		distill_release(&c->factors);
	}
	free(c);
	m->state = NULL;
}

/* ---- what knobs need ---- */

static enum err check_finite(const struct model *m, const struct tensor *kernel)
{
	const float *v = kernel->data;
	int64_t n = tensor_count(kernel), square = kernel->dim[1] * kernel->dim[2];
	for (int64_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return err_set(ERR_FORMAT,
				       "%s: tensor kernel at [%lld, %lld, %lld] is no "
				       "finite number",
				       tensors_label(m->tensors), (long long)(i / square),
				       (long long)(i % square / kernel->dim[2]),
				       (long long)(i % kernel->dim[2]));
	return OK;
}

static enum err check_memory(const struct model *m, const char *what, double bytes)
{
	return m->check_memory ? m->check_memory(what, bytes) : OK;
}

/* Row o: row o of every K[l], the oldest first, as a window of x has its rows. */
static enum err make_full(const struct model *m, struct long_conv *c)
{
	int64_t d = c->width;
	enum err e = check_memory(m, "a kernel arranged for products",
				  (double)tensor_bytes(&c->full.weight));
	if (e)
		return e;
	float *w = malloc((size_t)tensor_bytes(&c->full.weight));
	if (!w)
		return err_set(ERR_NOMEM, "no memory to arrange a kernel of %lld MiB",
			       (long long)(tensor_bytes(&c->kernel) >> 20));
	for (int64_t o = 0; o < d; o++)
		for (int64_t l = 0; l < c->length; l++)
			memcpy(w + (o * c->length + l) * d,
			       tensor_row(&c->kernel, (c->length - 1 - l) * d + o),
			       sizeof(float) * (size_t)d);
	c->full.weight.data = w;
	return OK;
}

static enum err make_before(struct long_conv *c)
{
	c->before.data = calloc((size_t)tensor_count(&c->before) + 1, sizeof(float));
	return c->before.data
		       ? OK
		       : err_set(ERR_NOMEM, "no memory for what comes before a sequence");
}

static struct ranked *find_ranked(const struct long_conv *c, int64_t rank)
{
	for (int i = 0; i < c->n_ranked; i++)
		if (c->ranked[i].rank == rank)
			return &c->ranked[i];
	return NULL;
}

static enum err make_factors(const struct model *m, struct long_conv *c, int64_t rank)
{
	enum err e = OK;
	if (!c->factors.sigma)
		e = check_memory(m, "the factors of a kernel",
				 distill_bytes(&c->factors));
	if (!e)
		e = distill(&c->factors, &c->kernel);
	if (e || find_ranked(c, rank))
		return e;
	c->ranked = mem_grow(c->ranked, (size_t)c->n_ranked + 1, sizeof(*c->ranked));
	c->ranked[c->n_ranked++] =
		(struct ranked){ rank, distill_mix(&c->factors, rank, false) };
	return OK;
}

static enum err conv_adapt(struct model *m, const struct knobs *k)
{
	struct long_conv *c = m->state;
	int64_t rank = low_rank_wanted(k);
	enum err e = c->before.data ? OK : check_finite(m, &c->kernel);
	if (!e && !c->before.data)
		e = make_before(c);
	if (!e && rank)
		return make_factors(m, c, rank);
	return e || c->full.weight.data ? e : make_full(m, c);
}

static enum err conv_check(const struct model *m, const struct knobs *k)
{
	return distill_check(&conv_of(m)->factors, low_rank_wanted(k), m->name);
}

static enum err conv_shape(const struct model *m, const struct input_facts *facts,
			   const struct knobs *k, struct input *out)
{
	(void)facts;
	double seq = knob_num(k, KNOB_SEQ);
	int64_t items = (int64_t)knob_num(k, KNOB_BATCH);
	int64_t length = isnan(seq) ? m->tokens : (int64_t)seq;
	*out = (struct input){
		.items = items,
		.sequence =
			tensor_of(DT_F32, NULL, DIMS(items, length, conv_of(m)->width)),
	};
	return OK;
}

/* ---- the pass ---- */

/* A dry pass may run while adapt is at work: it looks at shapes alone. */
static struct tensor shown(const struct tensor *t, bool dry)
{
	return tensor_of(DT_F32, dry ? NULL : t->data, t->ndim, t->dim);
}

static void forward_full(struct pass *p, const struct long_conv *c, struct tensor x,
			 struct outputs *out)
{
	bool dry = p->backend->dry;
	struct linear full = { .weight = shown(&c->full.weight, dry) };
	if (!dry)
		full.prepared = c->full.prepared;
	x = op_splice(p, "pad", shown(&c->before, dry), x, c->length - 1);
	out->sequence = op_windows(p, "conv", x, &full);
}

static void conv_forward(struct pass *p, const struct model *m, const struct input *in,
			 const struct knobs *k, struct outputs *out)
{
	const struct long_conv *c = conv_of(m);
	int64_t rank = low_rank_wanted(k);
	out->tokens = in->sequence.dim[1];
	out->low_rank = (struct low_rank_facts){ 0 };
	if (!rank) {
		forward_full(p, c, in->sequence, out);
		return;
	}
	const struct ranked *ready = p->backend->dry ? NULL : find_ranked(c, rank);
	const struct linear mix =
		ready ? ready->mix : distill_mix(&c->factors, rank, true);
	out->sequence = op_distilled(p, "conv", in->sequence, &c->factors, rank, &mix,
				     &out->low_rank);
}

static const char *conv_why_not(enum knob_id id)
{
	if (knob_takes_tokens(id))
		return "a convolution reads every token";
	switch (id) {
	case KNOB_DOWNSAMPLE:
	case KNOB_MRSS:
		return "a convolution has no scan to run at a coarser resolution";
	case KNOB_IMAGE_SIZE:
		return "its input is a sequence";
	default:
		return NULL;
	}
}

static const char *const conv_types[] = { "long_conv", NULL };

const struct family long_conv_family = {
	.name = "long_conv",
	.model_types = conv_types,
	.takes = INPUT_SEQUENCE,
	.knobs = KNOB_BIT(KNOB_RANK) | KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEQ) |
		 KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_THREADS) | KNOB_BIT(KNOB_GEMM) |
		 KNOB_BIT(KNOB_DEVICE),
	.why_not = conv_why_not,
	.generate = conv_generate,
	.configure = conv_configure,
	.bind = conv_bind,
	.each_linear = conv_each_linear,
	.adapt = conv_adapt,
	.release = conv_release,
	.check = conv_check,
	.shape = conv_shape,
	.forward = conv_forward,
};
