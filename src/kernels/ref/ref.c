/*
 * The reference backend: the shortest correct loops, in double where sums are long. It is
 * the oracle of the other backends and is never fast.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"
#include "kernels/backend.h"

static enum err ref_open(const struct backend_opts *opts, void **self)
{
	(void)opts;
	*self = NULL;
	return OK;
}

static void ref_close(void *self) { (void)self; }

static const char *ref_engine(void *self, int64_t rows)
{
	(void)self, (void)rows;
	return "ref";
}

static double activate(enum act act, double u)
{
	switch (act) {
	case ACT_QUICK_GELU:
		return u / (1 + exp(-1.702 * u));
	case ACT_GELU:
		return 0.5 * u * (1 + erf(u * 0.70710678118654752440));
	case ACT_NONE:
		break;
	}
	return u;
}

static void ref_linear(void *self, struct tensor y, struct tensor x,
		       const struct linear *l, struct epilogue e)
{
	(void)self;
	int64_t rows = tensor_rows(&x), in = tensor_cols(&x), out = tensor_cols(&y);
	for (int64_t i = 0; i < rows; i++) {
		const float *xi = tensor_row(&x, i);
		for (int64_t j = 0; j < out; j++) {
			const float *w = tensor_row(&l->weight, j);
			double sum = l->bias.ndim ? (double)tensor_f32(&l->bias)[j] : 0;
			for (int64_t k = 0; k < in; k++)
				sum += (double)xi[k] * (double)w[k];
			float *to = tensor_row(&y, i) + j;
			double old = e.accumulate ? (double)*to : 0;
			*to = (float)(old + activate(e.act, sum));
		}
	}
}

static void ref_layernorm(void *self, struct tensor y, struct tensor x,
			  const struct norm *n)
{
	(void)self;
	int64_t rows = tensor_rows(&x), d = tensor_cols(&x);
	for (int64_t i = 0; i < rows; i++) {
		const float *from = tensor_row(&x, i);
		float *to = tensor_row(&y, i);
		double mean = 0, var = 0;
		for (int64_t j = 0; j < d; j++)
			mean += (double)from[j];
		mean /= (double)d;
		for (int64_t j = 0; j < d; j++)
			var += ((double)from[j] - mean) * ((double)from[j] - mean);
		double scale = 1 / sqrt(var / (double)d + (double)n->eps);
		for (int64_t j = 0; j < d; j++)
			to[j] = (float)(((double)from[j] - mean) * scale *
						(double)tensor_f32(&n->weight)[j] +
					(double)tensor_f32(&n->bias)[j]);
	}
}

/* One query of one head: softmax(q k^T scale) v into y[width]; `p` has room for n scores.
 */
static void attend(float *y, const float *q, struct tensor k, struct tensor v,
		   int64_t row0, int64_t col, int64_t n, int64_t width, double scale,
		   double *p)
{
	double top = -HUGE_VAL, sum = 0;
	for (int64_t j = 0; j < n; j++) {
		const float *kj = tensor_row(&k, row0 + j) + col;
		p[j] = 0;
		for (int64_t c = 0; c < width; c++)
			p[j] += (double)q[c] * (double)kj[c];
		p[j] *= scale;
		top = p[j] > top ? p[j] : top;
	}
	for (int64_t j = 0; j < n; j++)
		sum += p[j] = exp(p[j] - top);
	for (int64_t c = 0; c < width; c++) {
		double out = 0;
		for (int64_t j = 0; j < n; j++)
			out += p[j] * (double)(tensor_row(&v, row0 + j) + col)[c];
		y[c] = (float)(out / sum);
	}
}

static void ref_attention(void *self, struct tensor y, struct tensor q, struct tensor k,
			  struct tensor v, const struct attn_opts *opts)
{
	(void)self;
	int64_t tq = q.dim[1], tk = k.dim[1], width = q.dim[2] / opts->heads;
	double *p = mem_alloc(sizeof(double) * (size_t)tk);
	for (int64_t b = 0; b < q.dim[0]; b++)
		for (int64_t h = 0; h < opts->heads; h++)
			for (int64_t i = 0; i < tq; i++)
				attend(tensor_row(&y, b * tq + i) + h * width,
				       tensor_row(&q, b * tq + i) + h * width, k, v,
				       b * tk, h * width, tk, width, (double)opts->scale,
				       p);
	free(p);
}

static void ref_patches(void *self, struct tensor y, struct tensor image, int patch)
{
	(void)self;
	int64_t rows = image.dim[2], cols = image.dim[3], across = cols / patch;
	float *to = tensor_f32(&y);
	for (int64_t b = 0; b < image.dim[0]; b++)
		for (int64_t n = 0; n < y.dim[1]; n++)
			for (int64_t c = 0; c < 3; c++)
				for (int64_t r = 0; r < patch; r++) {
					int64_t row = n / across * patch + r;
					const float *from =
						tensor_f32(&image) +
						((b * 3 + c) * rows + row) * cols +
						n % across * patch;
					memcpy(to, from, sizeof(float) * (size_t)patch);
					to += patch;
				}
}

static void ref_embed(void *self, struct tensor y, struct tensor x, struct tensor kept,
		      struct tensor cls, struct tensor pos)
{
	(void)self;
	int64_t count = y.dim[1] - 1, d = y.dim[2];
	const int32_t *index = kept.data;
	for (int64_t b = 0; b < y.dim[0]; b++)
		for (int64_t i = -1; i < count; i++) {
			int64_t n = i < 0 || !index ? i : index[b * count + i];
			const float *from = n < 0 ? tensor_f32(&cls)
						  : tensor_row(&x, b * x.dim[1] + n);
			const float *p = tensor_row(&pos, n + 1);
			float *to = tensor_row(&y, b * (count + 1) + i + 1);
			for (int64_t j = 0; j < d; j++)
				to[j] = from[j] + p[j];
		}
}

static void ref_row_norms(void *self, struct tensor score, struct tensor x)
{
	(void)self;
	for (int64_t i = 0; i < tensor_rows(&x); i++) {
		double sum = 0;
		for (int64_t j = 0; j < tensor_cols(&x); j++)
			sum += (double)tensor_row(&x, i)[j] *
			       (double)tensor_row(&x, i)[j];
		tensor_f32(&score)[i] = (float)sqrt(sum);
	}
}

static void ref_random_scores(void *self, struct tensor score, uint64_t key)
{
	(void)self;
	for (int64_t i = 0; i < tensor_count(&score); i++)
		tensor_f32(&score)[i] = rng_uniform(key, (uint32_t)i);
}

/* Whether token a goes before token b: higher score, then lower index; NaN last. */
static bool ahead(const float *s, int64_t a, int64_t b)
{
	if (isnan(s[a]) || isnan(s[b]))
		return isnan(s[a]) && isnan(s[b]) ? a < b : !isnan(s[a]);
	return s[a] > s[b] || (!(s[a] < s[b]) && a < b);
}

static void ref_select(void *self, struct tensor kept, struct tensor score)
{
	(void)self;
	int64_t n = score.dim[1], count = kept.dim[1];
	int32_t *out = kept.data;
	for (int64_t b = 0; b < score.dim[0]; b++) {
		const float *s = tensor_row(&score, b);
		for (int64_t i = 0; i < n; i++) {
			int64_t rank = 0; /* how many tokens go before i */
			for (int64_t j = 0; j < n; j++)
				rank += j != i && ahead(s, j, i);
			if (rank < count)
				*out++ = (int32_t)i;
		}
	}
}

const struct backend ref_backend = {
	.name = "ref",
	.open = ref_open,
	.close = ref_close,
	.engine = ref_engine,
	.linear = ref_linear,
	.layernorm = ref_layernorm,
	.attention = ref_attention,
	.patches = ref_patches,
	.embed = ref_embed,
	.row_norms = ref_row_norms,
	.random_scores = ref_random_scores,
	.select = ref_select,
};
