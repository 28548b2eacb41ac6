#include "kernels/op_sequence.h"

#include <assert.h>

#include "kernels/op_span.h"

struct tensor op_conv1d(struct pass *p, const char *name, struct tensor x,
			const struct conv *conv, enum act act, struct tensor past)
{
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, x.dim);
	if (!op_begin(p, name))
		return y;
	int64_t k = conv->weight.dim[1];
	assert(tensor_cols(&x) == conv->weight.dim[0] &&
	       (!past.ndim || past.dim[1] == k - 1));
	p->backend->conv1d(p->self, y, x, conv, act, past);
	double elements = (double)tensor_count(&x), mac = elements * (double)k;
	double bias = conv->bias.ndim ? bytes_of(&conv->bias) : 0;
	op_end(p, &(struct op_count){
			  .kind = "conv1d",
			  .flops = 2 * mac + elements * ((conv->bias.ndim ? 1 : 0) +
							 (act == ACT_NONE ? 0 : 5)),
			  .flops_fvcore = mac,
			  .flops_torch = 2 * mac,
			  .bytes_read = bytes_of(&x) + bytes_of(&conv->weight) + bias,
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &y),
		  });
	return y;
}

struct tensor op_scan(struct pass *p, const char *name, struct tensor x,
		      struct tensor delta, struct tensor b, struct tensor c,
		      const struct ssm *ssm, float step, struct tensor state)
{
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, x.dim);
	size_t mark = pass_mark(p);
	int64_t d = tensor_cols(&x), n = ssm->a.dim[1];
	bool fresh = !state.ndim;
	if (fresh)
		state = pass_tensor(p, DT_F32, DIMS(x.dim[0], d, n));
	if (op_begin(p, name)) {
		assert(x.ndim == 3 && tensor_cols(&delta) == d && tensor_cols(&b) == n &&
		       tensor_cols(&c) == n);
		p->backend->scan(p->self, y, x, delta, b, c, ssm, step, state, fresh);
		op_end(p, &(struct op_count){
				  .kind = "scan",
				  .flops = 9 * (double)tensor_count(&x) * (double)n,
				  .bytes_read = bytes_of(&x) + bytes_of(&delta) +
						bytes_of(&b) + bytes_of(&c) +
						bytes_of(&ssm->a) + bytes_of(&ssm->skip) +
						(fresh ? 0 : bytes_of(&state)),
				  .bytes_written =
					  bytes_of(&y) + (fresh ? 0 : bytes_of(&state)),
				  .tokens_in = tokens_of(p, &x),
				  .tokens_out = tokens_of(p, &y),
			  });
	}
	pass_release(p, mark);
	return y;
}

void op_gate(struct pass *p, const char *name, struct tensor y, struct tensor z)
{
	if (!op_begin(p, name))
		return;
	assert(tensor_cols(&y) == tensor_cols(&z) && tensor_rows(&y) == tensor_rows(&z));
	p->backend->gate(p->self, y, z);
	op_end(p, &(struct op_count){
			  .kind = "gate",
			  .flops = 6 * (double)tensor_count(&y),
			  .bytes_read = bytes_of(&y) + bytes_of(&z),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &y),
			  .tokens_out = tokens_of(p, &y),
		  });
}

static void resampled(struct pass *p, const char *kind, const struct tensor *x,
		      const struct tensor *y)
{
	const struct tensor *less = tensor_rows(x) < tensor_rows(y) ? x : y;
	op_end(p, &(struct op_count){
			  .kind = kind,
			  .bytes_read = bytes_of(less),
			  .bytes_written = bytes_of(y),
			  .tokens_in = tokens_of(p, x),
			  .tokens_out = tokens_of(p, y),
		  });
}

struct tensor op_downsample(struct pass *p, const char *name, struct tensor x, int r)
{
	struct tensor y = pass_tensor(
		p, DT_F32, DIMS(x.dim[0], coarse_length(x.dim[1], r), x.dim[2]));
	if (!op_begin(p, name))
		return y;
	p->backend->downsample(p->self, y, x, r);
	resampled(p, "downsample", &x, &y);
	return y;
}

struct tensor op_copy(struct pass *p, const char *name, struct tensor x)
{
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, x.dim);
	if (!op_begin(p, name))
		return y;
	p->backend->downsample(p->self, y, x, 1); /* every row */
	resampled(p, "copy", &x, &y);
	return y;
}

struct tensor op_upsample(struct pass *p, const char *name, struct tensor x, int r,
			  int64_t length)
{
	struct tensor y = pass_tensor(p, DT_F32, DIMS(x.dim[0], length, x.dim[2]));
	op_upsample_to(p, name, y, x, r);
	return y;
}

void op_upsample_to(struct pass *p, const char *name, struct tensor y, struct tensor x,
		    int r)
{
	if (!op_begin(p, name))
		return;
	assert(x.dim[1] == coarse_length(y.dim[1], r));
	p->backend->upsample(p->self, y, x, r);
	resampled(p, "upsample", &x, &y);
}

void op_variation(struct pass *p, const char *name, struct tensor sums, struct tensor x)
{
	if (!op_begin(p, name))
		return;
	assert(tensor_cols(&sums) == VARIATION_SUMS + tensor_cols(&x));
	p->backend->variation(p->self, sums, x);
	op_end(p, &(struct op_count){
			  .kind = "variation",
			  .flops = (double)tensor_count(&x) * 3 * (VARIATION_FACTORS + 1),
			  .bytes_read = bytes_of(&x) + bytes_of(&sums),
			  .bytes_written = bytes_of(&sums),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &x),
		  });
}

void op_blend(struct pass *p, const char *name, struct tensor y, struct tensor low,
	      struct tensor g, int r)
{
	if (!op_begin(p, name))
		return;
	assert(low.dim[1] == coarse_length(y.dim[1], r) &&
	       tensor_cols(&g) == tensor_cols(&y));
	p->backend->blend(p->self, y, low, g, r);
	if (p->witness && p->witness->gate && g.data)
		p->witness->gate(p->witness->ctx, &g);
	op_end(p, &(struct op_count){
			  .kind = "blend",
			  .flops = 3 * (double)tensor_count(&y),
			  .bytes_read = bytes_of(&y) + bytes_of(&low) + bytes_of(&g),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &y),
			  .tokens_out = tokens_of(p, &y),
		  });
}

struct tensor op_mean_rows(struct pass *p, const char *name, struct tensor x,
			   int64_t items, const struct segments *rows)
{
	struct tensor y = pass_tensor(p, DT_F32, DIMS(items, tensor_cols(&x)));
	if (!op_begin(p, name))
		return y;
	p->backend->mean_rows(p->self, y, x, rows);
	op_end(p, &(struct op_count){
			  .kind = "mean",
			  .flops = (double)tensor_count(&x),
			  .bytes_read = bytes_of(&x),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = 1,
		  });
	return y;
}

struct tensor op_taps(struct pass *p, const char *name, struct tensor x,
		      struct tensor taps)
{
	int64_t filters = taps.dim[0];
	struct tensor y =
		pass_tensor(p, DT_F32, DIMS(x.dim[0], x.dim[1], filters * x.dim[2]));
	if (!op_begin(p, name))
		return y;
	p->backend->taps(p->self, y, x, taps);
	double mac = (double)tensor_count(&y) * (double)taps.dim[1];
	op_end(p, &(struct op_count){
			  .kind = "conv1d",
			  .flops = 2 * mac,
			  .flops_fvcore = mac,
			  .flops_torch = 2 * mac,
			  .bytes_read = bytes_of(&x) + bytes_of(&taps),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &y),
		  });
	return y;
}

/* The windows of item b of x, `length` of them, as rows that overlap. */
static struct tensor windows_of(const struct tensor *x, int64_t b, int64_t length,
				int64_t columns)
{
	float *first = x->data ? tensor_row(x, b * x->dim[1]) : NULL;
	struct tensor t = tensor_of(DT_F32, first, DIMS(length, columns));
	t.ld = x->ld;
	return t;
}

static struct tensor item_of(const struct tensor *y, int64_t b)
{
	float *first = y->data ? tensor_row(y, b * y->dim[1]) : NULL;
	return tensor_of(DT_F32, first, DIMS(y->dim[1], y->dim[2]));
}

struct tensor op_windows(struct pass *p, const char *name, struct tensor x,
			 const struct linear *l)
{
	int64_t out = l->weight.dim[0], columns = l->weight.dim[1];
	int64_t items = x.dim[0], length = x.dim[1] - columns / x.dim[2] + 1;
	struct tensor y = pass_tensor(p, DT_F32, DIMS(items, length, out));
	if (!op_begin(p, name))
		return y;
	assert(x.ndim == 3 && length > 0 && columns % x.dim[2] == 0);
	const struct epilogue e = { .round = product_type(p, l) };
	for (int64_t b = 0; b < items; b++)
		p->backend->linear(p->self, item_of(&y, b),
				   windows_of(&x, b, length, columns), l, e);
	double mac = (double)tensor_count(&y) * (double)columns;
	double bias = l->bias.ndim ? (double)tensor_count(&y) : 0;
	op_end(p, &(struct op_count){
			  .kind = "conv1d",
			  .engine = p->backend->engine(p->self, length, l, e.round),
			  .flops = 2 * mac + bias,
			  .flops_fvcore = mac,
			  .flops_torch = 2 * mac,
			  .bytes_read = bytes_of(&x) + bytes_of(&l->weight) +
					(l->bias.ndim ? bytes_of(&l->bias) : 0),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = length,
			  .tokens_out = length,
			  .m = items * length,
			  .n = out,
			  .k = columns,
		  });
	return y;
}
