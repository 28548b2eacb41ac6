#include "models/mamba_mixer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/projection.h"

/* ---- weights ---- */

static struct tensor get(struct tensors *t, const char *prefix, const char *suffix,
			 int ndim, const int64_t *dim)
{
	char name[160];
	snprintf(name, sizeof(name), "%s.%s", prefix, suffix);
	return tensors_get(t, name, ndim, dim);
}

static struct linear get_linear(struct tensors *t, const char *prefix, const char *suffix,
				int64_t in, int64_t out, bool bias)
{
	char name[128];
	snprintf(name, sizeof(name), "%s.%s", prefix, suffix);
	return linear_bind(t, name, in, out, bias);
}

/* [E, 1, k] in the file */
static struct conv get_conv(struct tensors *t, const char *prefix,
			    const struct mamba_sizes *s)
{
	struct conv conv = { .weight = get(t, prefix, "conv1d.weight",
					   DIMS(s->inner, 1, s->kernel)) };
	conv.weight = tensor_of(DT_F32, conv.weight.data, DIMS(s->inner, s->kernel));
	if (s->conv_bias)
		conv.bias = get(t, prefix, "conv1d.bias", DIMS(s->inner));
	return conv;
}

static void get_decay(struct mamba_mixer *m, struct tensors *t, const char *prefix,
		      const struct mamba_sizes *s)
{
	char name[160];
	struct tensor stored;
	snprintf(name, sizeof(name), "%s.A", prefix);
	m->ssm.a = tensor_of(DT_F32, NULL, DIMS(s->inner, s->states));
	if (!tensors_is_generated(t) && tensors_find(t, name, &stored))
		m->ssm.a = tensors_get(t, name, DIMS(s->inner, s->states));
	else
		m->a_log = get(t, prefix, "A_log", DIMS(s->inner, s->states));
}

void mamba_mixer_bind(struct mamba_mixer *m, struct tensors *t, const char *prefix,
		      const struct mamba_sizes *s)
{
	m->in = get_linear(t, prefix, "in_proj", s->width, 2 * s->inner, s->bias);
	m->conv = get_conv(t, prefix, s);
	m->x = get_linear(t, prefix, "x_proj", s->inner, s->rank + 2 * s->states, false);
	m->dt = get_linear(t, prefix, "dt_proj", s->rank, s->inner, true);
	get_decay(m, t, prefix, s);
	m->ssm.skip = get(t, prefix, "D", DIMS(s->inner));
	m->out = get_linear(t, prefix, "out_proj", s->inner, s->width, s->bias);
}

enum err mamba_mixer_each_linear(struct mamba_mixer *m,
				 enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct linear *const all[] = { &m->in, &m->x, &m->dt, &m->out };
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof(all) / sizeof(all[0]); i++)
		e = fn(ctx, all[i]);
	return e;
}

enum err mamba_mixer_adapt(struct mamba_mixer *m)
{
	const float *log = m->a_log.data;
	int64_t n = tensor_count(&m->ssm.a);
	if (!m->a_log.ndim || m->ssm.a.data)
		return OK;
	float *a = malloc(sizeof(*a) * (size_t)n);
	if (!a)
		return err_set(ERR_NOMEM, "no memory for the decay of a layer");
	for (int64_t i = 0; i < n; i++)
		a[i] = -expf(log[i]);
	m->ssm.a.data = a;
	return OK;
}

void mamba_mixer_release(struct mamba_mixer *m)
{
	if (m->a_log.ndim)
		free(m->ssm.a.data);
	m->ssm.a.data = NULL;
}

/* ---- the pass ---- */

static struct tensor item_of(struct tensor t, int64_t item)
{
	int64_t rows = tensor_rows(&t) / t.dim[0];
	if (t.data)
		t.data = tensor_row(&t, item * rows);
	t.dim[0] = 1;
	return t;
}

/* u [B, T, E] -> y [B, T, E]; `step` rows of the sequence are one of u's. */
static struct tensor scan(struct pass *p, const struct mamba_mixer *m, struct tensor u,
			  float step, const struct mamba_branch *at)
{
	int64_t rank = m->dt.weight.dim[1], states = m->ssm.a.dim[1];
	u = op_conv1d(p, "conv1d", u, &m->conv, ACT_SILU, at->past);
	struct tensor all = op_linear(p, "x_proj", u, &m->x, ACT_NONE); /* [dt, b, c] */
	struct tensor dt = tensor_columns(all, 0, rank);
	struct tensor b = tensor_columns(all, rank, states);
	struct tensor c = tensor_columns(all, rank + states, states);
	struct tensor delta = op_linear(p, "dt_proj", dt, &m->dt, ACT_SOFTPLUS);
	return op_scan(p, "scan", u, delta, b, c, &m->ssm, step, at->state);
}

/* The last row of each item of y [B, T, E], for the steps that follow. */
static void hold(const struct pass *p, const struct tensor *held, const struct tensor *y)
{
	size_t row = sizeof(float) * (size_t)tensor_cols(y);
	if (p->err || p->backend->dry || !held->ndim)
		return;
	for (int64_t b = 0; b < y->dim[0]; b++)
		memcpy(tensor_row(held, b), tensor_row(y, (b + 1) * y->dim[1] - 1), row);
}

/* [B, ceil(T / r), E], a row for each block of r that begins in u [B, T, E]; inside of a
 * block what was held. */
static struct tensor coarse(struct pass *p, const struct mamba_mixer *m, struct tensor u,
			    int r, int64_t first, const struct mamba_memory *memory)
{
	if (first % r && !p->backend->dry)
		return tensor_of(DT_F32, memory->held.data, DIMS(u.dim[0], 1, u.dim[2]));
	struct tensor low = op_downsample(p, "downsample", u, r);
	low = scan(p, m, low, (float)r, &memory->low);
	hold(p, &memory->held, &low);
	return low;
}

/* Which r an item will have is not known in a dry pass: room for the finest. */
static void reserve(struct pass *p, const struct mamba_mixer *m, int64_t rows)
{
	size_t mark = pass_mark(p);
	int64_t e = m->conv.weight.dim[0];
	for (int i = 0; i < 4; i++) /* u, conv1d, delta, y */
		pass_tensor(p, DT_F32, DIMS(1, rows, e));
	pass_tensor(p, DT_F32, DIMS(1, rows, m->x.weight.dim[0]));
	pass_release(p, mark);
}

/* Each item by itself, with its own r: up(low) [B, T, E] */
static struct tensor scan_items(struct pass *p, const struct mamba_mixer *m,
				struct tensor u, const struct mamba_scans *how,
				const struct mamba_memory *memory)
{
	struct tensor y = pass_tensor(p, DT_F32, u.ndim, u.dim);
	reserve(p, m, u.dim[1]);
	for (int64_t i = 0; i < u.dim[0]; i++) {
		size_t mark = pass_mark(p);
		int r = how->factors ? how->factors[i] : how->mrss.factor;
		const struct mamba_memory of_item = {
			.low = { item_of(memory->low.past, i),
				 item_of(memory->low.state, i) },
			.held = memory->held.ndim ? item_of(memory->held, i)
						  : memory->held,
		};
		struct tensor low = coarse(p, m, item_of(u, i), r, how->first, &of_item);
		op_upsample_to(p, "upsample", item_of(y, i), low, r);
		pass_release(p, mark);
	}
	return y;
}

/* y = g up(low) + (1 - g) high */
static struct tensor scan_both(struct pass *p, const struct mamba_mixer *m,
			       struct tensor u, const struct mamba_scans *how,
			       const struct mamba_memory *memory)
{
	int r = how->mrss.factor;
	span_open(p, "high", -1);
	struct tensor y = scan(p, m, u, 1, &memory->high);
	span_close(p);
	span_open(p, "low", -1);
	struct tensor low = coarse(p, m, u, r, how->first, memory);
	span_close(p);
	op_blend(p, "blend", y, low, how->gate, r);
	return y;
}

static struct tensor scan_low(struct pass *p, const struct mamba_mixer *m,
			      struct tensor u, const struct mamba_scans *how,
			      const struct mamba_memory *memory)
{
	struct tensor low = coarse(p, m, u, how->mrss.factor, how->first, memory);
	return op_upsample(p, "upsample", low, how->mrss.factor, u.dim[1]);
}

void mamba_mixer_forward(struct pass *p, const struct mamba_mixer *m, struct tensor x,
			 struct tensor h, const struct mamba_scans *how,
			 const struct mamba_memory *memory)
{
	int64_t inner = m->conv.weight.dim[0];
	struct tensor uz = op_linear(p, "in_proj", h, &m->in, ACT_NONE);
	struct tensor u = tensor_columns(uz, 0, inner), y;
	if (how->mrss.mode == MRSS_BOTH)
		y = scan_both(p, m, u, how, memory);
	else if (how->mrss.mode == MRSS_LOW)
		y = scan_low(p, m, u, how, memory);
	else if (how->mrss.mode == MRSS_ADAPTIVE)
		y = scan_items(p, m, u, how, memory);
	else
		y = scan(p, m, u, 1, &memory->high);
	op_gate(p, "gate", y, tensor_columns(uz, inner, inner));
	op_linear_add(p, "out_proj", x, y, &m->out);
}
