#include "kernels/ref/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* The row of item b that is `back` rows before row t: of x, of the past, or NULL. */
static const float *row_before(const struct tensor *x, const struct tensor *past,
			       int64_t b, int64_t t, int64_t back)
{
	int64_t at = t - back;
	if (at >= 0)
		return tensor_row(x, b * x->dim[1] + at);
	if (!past->ndim)
		return NULL;
	return tensor_row(past, b * past->dim[1] + past->dim[1] + at);
}

/* The last rows of past and x together. */
static void keep_past(const struct tensor *past, const struct tensor *x)
{
	int64_t n = past->ndim ? past->dim[1] : 0, d = tensor_cols(x);
	size_t row = sizeof(float) * (size_t)d;
	for (int64_t b = 0; n && b < x->dim[0]; b++)
		for (int64_t i = 0; i < n;
		     i++) /* ascending: a row is read before it goes */
			memmove(tensor_row(past, b * n + i),
				row_before(x, past, b, x->dim[1] - n + i, 0), row);
}

void ref_conv1d(void *self, struct tensor y, struct tensor x, const struct conv *conv,
		enum act act, struct tensor past)
{
	(void)self;
	int64_t k = conv->weight.dim[1], length = x.dim[1];
	for (int64_t r = 0; r < tensor_rows(&y); r++) {
		for (int64_t d = 0; d < tensor_cols(&x); d++) {
			double sum =
				conv->bias.ndim ? (double)tensor_f32(&conv->bias)[d] : 0;
			for (int64_t j = 0; j < k; j++) {
				const float *row = row_before(&x, &past, r / length,
							      r % length, k - 1 - j);
				if (row)
					sum += (double)tensor_row(&conv->weight, d)[j] *
					       (double)row[d];
			}
			tensor_row(&y, r)[d] = (float)ref_activate(act, sum);
		}
	}
	keep_past(&past, &x);
}

/* One channel of one item. */
static void scan_channel(const struct tensor *y, const struct tensor *x,
			 const struct tensor *delta, const struct tensor *b,
			 const struct tensor *c, const struct ssm *ssm, double step,
			 double *s, int64_t first, int64_t d)
{
	const float *a = tensor_row(&ssm->a, d);
	int64_t n = ssm->a.dim[1];
	for (int64_t r = first; r < first + x->dim[1]; r++) {
		double dt = step * (double)tensor_row(delta, r)[d];
		double u = (double)tensor_row(x, r)[d];
		double sum = (double)tensor_f32(&ssm->skip)[d] * u;
		for (int64_t i = 0; i < n; i++) {
			s[i] = exp(dt * (double)a[i]) * s[i] +
			       dt * u * (double)tensor_row(b, r)[i];
			sum += s[i] * (double)tensor_row(c, r)[i];
		}
		tensor_row(y, r)[d] = (float)sum;
	}
}

void ref_scan(void *self, struct tensor y, struct tensor x, struct tensor delta,
	      struct tensor b, struct tensor c, const struct ssm *ssm, float step,
	      struct tensor state, bool fresh)
{
	(void)self;
	int64_t channels = tensor_cols(&x), n = ssm->a.dim[1];
	double *s = mem_alloc(sizeof(*s) * (size_t)n);
	for (int64_t row = 0; row < tensor_rows(&state); row++) {
		float *held = tensor_row(&state, row);
		for (int64_t i = 0; i < n; i++)
			s[i] = fresh ? 0 : (double)held[i];
		scan_channel(&y, &x, &delta, &b, &c, ssm, (double)step, s,
			     row / channels * x.dim[1], row % channels);
		for (int64_t i = 0; i < n; i++)
			held[i] = (float)s[i];
	}
	free(s);
}

void ref_gate(void *self, struct tensor y, struct tensor z)
{
	(void)self;
	for (int64_t r = 0; r < tensor_rows(&y); r++)
		for (int64_t d = 0; d < tensor_cols(&y); d++)
			tensor_row(&y, r)[d] =
				(float)((double)tensor_row(&y, r)[d] *
					ref_activate(ACT_SILU,
						     (double)tensor_row(&z, r)[d]));
}

/* y's row t of each item is x's row t * times / over. */
static void resample(const struct tensor *y, const struct tensor *x, int times, int over)
{
	for (int64_t b = 0; b < y->dim[0]; b++)
		for (int64_t t = 0; t < y->dim[1]; t++)
			memcpy(tensor_row(y, b * y->dim[1] + t),
			       tensor_row(x, b * x->dim[1] + t * times / over),
			       sizeof(float) * (size_t)tensor_cols(x));
}

void ref_downsample(void *self, struct tensor y, struct tensor x, int r)
{
	(void)self;
	resample(&y, &x, r, 1);
}

void ref_upsample(void *self, struct tensor y, struct tensor x, int r)
{
	(void)self;
	resample(&y, &x, 1, r);
}

void ref_blend(void *self, struct tensor y, struct tensor low, struct tensor g, int r)
{
	(void)self;
	for (int64_t i = 0; i < tensor_rows(&y); i++) {
		int64_t b = i / y.dim[1], t = i % y.dim[1];
		const float *l = tensor_row(&low, b * low.dim[1] + t / r);
		const float *open = g.ndim == 1 ? tensor_f32(&g) : tensor_row(&g, i);
		float *to = tensor_row(&y, i);
		for (int64_t d = 0; d < tensor_cols(&y); d++)
			to[d] = (float)((double)open[d] * (double)l[d] +
					(1 - (double)open[d]) * (double)to[d]);
	}
}

void ref_mean_rows(void *self, struct tensor y, struct tensor x,
		   const struct segments *rows)
{
	(void)self;
	for (int64_t b = 0; b < y.dim[0]; b++) {
		int64_t begin, n;
		segments_rows(rows, x.dim[1], b, &begin, &n);
		for (int64_t d = 0; d < tensor_cols(&x); d++) {
			double sum = 0;
			for (int64_t i = begin; i < begin + n; i++)
				sum += (double)tensor_row(&x, i)[d];
			tensor_row(&y, b)[d] = (float)(sum / (double)n);
		}
	}
}

void ref_taps(void *self, struct tensor y, struct tensor x, struct tensor taps)
{
	(void)self;
	int64_t width = tensor_cols(&x), length = x.dim[1];
	for (int64_t r = 0; r < tensor_rows(&y); r++)
		for (int64_t j = 0; j < tensor_cols(&y); j++) {
			const float *tap = tensor_row(&taps, j / width);
			double sum = 0;
			for (int64_t l = 0; l < taps.dim[1] && l <= r % length; l++)
				sum += (double)tap[l] *
				       (double)tensor_row(&x, r - l)[j % width];
			tensor_row(&y, r)[j] = (float)sum;
		}
}

/* sum |a - b|^2 */
static double distance(const float *a, const float *b, int64_t n)
{
	double sum = 0;
	for (int64_t d = 0; d < n; d++) {
		double off = (double)a[d] - (b ? (double)b[d] : 0);
		sum += off * off;
	}
	return sum;
}

void ref_variation(void *self, struct tensor sums, struct tensor x)
{
	(void)self;
	int64_t width = tensor_cols(&x), length = x.dim[1];
	for (int64_t b = 0; b < x.dim[0]; b++) {
		float *to = tensor_row(&sums, b);
		double sum[VARIATION_SUMS] = { 0 };
		for (int64_t t = 0; t < length; t++) {
			const float *row = tensor_row(&x, b * length + t);
			for (int i = 0; i < VARIATION_FACTORS; i++)
				sum[i] += distance(row, row - t % (2 << i) * x.ld, width);
			sum[VARIATION_ENERGY] += distance(row, NULL, width);
		}
		for (int i = 0; i < VARIATION_SUMS; i++)
			to[i] += (float)sum[i];
		for (int64_t d = 0; d < width; d++) {
			double all = 0;
			for (int64_t t = 0; t < length; t++)
				all += (double)tensor_row(&x, b * length + t)[d];
			to[VARIATION_SUMS + d] += (float)all;
		}
	}
}
