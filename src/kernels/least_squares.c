#include "kernels/least_squares.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/openblas.h"

#define RIDGE 1e-6
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 }; /* of the C interface of BLAS */

enum err least_squares_init(struct least_squares *l, int64_t m, int64_t n)
{
	const int64_t rows = LEAST_SQUARES_BLOCK;
	*l = (struct least_squares){ .m = m, .n = n };
	assert(m > 0 && n > 0 && m < INT_MAX && n < INT_MAX);
	l->gram = calloc((size_t)(m * m), sizeof(double));
	l->right = calloc((size_t)(m * n), sizeof(double));
	l->a = malloc(sizeof(double) * (size_t)(rows * m));
	l->b = malloc(sizeof(double) * (size_t)(rows * n));
	if (l->gram && l->right && l->a && l->b)
		return OK;
	least_squares_release(l);
	return err_set(ERR_NOMEM, "no memory for a map from %lld to %lld columns",
		       (long long)m, (long long)n);
}

void least_squares_release(struct least_squares *l)
{
	free(l->gram);
	free(l->right);
	free(l->a);
	free(l->b);
	*l = (struct least_squares){ 0 };
}

/* c [m, n] += a^T b, a [rows, m], b [rows, n] */
static void add_product(double *c, const double *a, int64_t m, const double *b, int64_t n,
			int64_t rows)
{
	const struct openblas *blas;
	if (!openblas_library(&blas) && blas->dgemm) {
		blas->dgemm(ROW_MAJOR, TRANSPOSED, PLAIN, (int)m, (int)n, (int)rows, 1, a,
			    (int)m, b, (int)n, 1, c, (int)n);
		return;
	}
	for (int64_t i = 0; i < m; i++)
		for (int64_t r = 0; r < rows; r++) {
			double f = a[r * m + i];
			for (int64_t j = 0; j < n; j++)
				c[i * n + j] += f * b[r * n + j];
		}
}

static void take_block(struct least_squares *l)
{
	if (!l->waiting)
		return;
	add_product(l->gram, l->a, l->m, l->a, l->m, l->waiting);
	add_product(l->right, l->a, l->m, l->b, l->n, l->waiting);
	l->waiting = 0;
}

void least_squares_add(struct least_squares *l, const float *a, const float *b)
{
	for (int64_t i = 0; i < l->m; i++)
		l->a[l->waiting * l->m + i] = (double)a[i];
	for (int64_t i = 0; i < l->n; i++)
		l->b[l->waiting * l->n + i] = (double)b[i];
	if (++l->waiting == LEAST_SQUARES_BLOCK)
		take_block(l);
}

/* The lower factor in place: g = c c^T; false: g is not positive. */
static bool factor(double *g, int64_t m)
{
	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j <= i; j++) {
			const double *x = g + i * m, *y = g + j * m;
			double sum = x[j];
			for (int64_t k = 0; k < j; k++)
				sum -= x[k] * y[k];
			if (i == j && !(sum > 0))
				return false;
			g[i * m + j] = i == j ? sqrt(sum) : sum / y[j];
		}
	return true;
}

static void subtract(double *row, const double *other, double f, int64_t n)
{
	for (int64_t j = 0; j < n; j++)
		row[j] -= f * other[j];
}

static void divide(double *row, double by, int64_t n)
{
	for (int64_t j = 0; j < n; j++)
		row[j] /= by;
}

/* x [m, n] = (c c^T)^-1 x, in place */
static void substitute(const double *c, double *x, int64_t m, int64_t n)
{
	for (int64_t i = 0; i < m; i++) {
		for (int64_t k = 0; k < i; k++)
			subtract(x + i * n, x + k * n, c[i * m + k], n);
		divide(x + i * n, c[i * m + i], n);
	}
	for (int64_t i = m - 1; i >= 0; i--) {
		for (int64_t k = i + 1; k < m; k++)
			subtract(x + i * n, x + k * n, c[k * m + i], n);
		divide(x + i * n, c[i * m + i], n);
	}
}

static bool all_finite(const double *x, int64_t n)
{
	double sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += fabs(x[i]);
	return isfinite(sum);
}

enum err least_squares_solve(struct least_squares *l, struct tensor *w)
{
	double trace = 0;
	int64_t m = l->m, n = l->n;
	assert(w->ndim == 2 && w->dim[0] == m && w->dim[1] == n && w->ld == n);
	take_block(l);
	for (int64_t i = 0; i < m; i++)
		trace += l->gram[i * m + i];
	if (!all_finite(l->gram, m * m) || !all_finite(l->right, m * n))
		return err_set(ERR_FORMAT,
			       "rows that hold NaN or infinity cannot be mapped");
	memset(w->data, 0, (size_t)tensor_bytes(w));
	if (trace == 0)
		return OK;
	for (int64_t i = 0; i < m; i++)
		l->gram[i * m + i] += RIDGE * trace / (double)m;
	if (!factor(l->gram, m))
		return err_set(ERR_FORMAT,
			       "rows this far apart in size cannot be mapped");
	substitute(l->gram, l->right, m, n);
	for (int64_t i = 0; i < m * n; i++)
		tensor_f32(w)[i] = (float)l->right[i];
	return OK;
}

void least_squares_map(const struct tensor *w, const float *a, float *out, int64_t rows)
{
	const struct openblas *blas;
	int64_t m = w->dim[0], n = w->dim[1];
	if (!openblas_library(&blas)) {
		blas->sgemm(ROW_MAJOR, PLAIN, PLAIN, (int)rows, (int)n, (int)m, 1, a,
			    (int)m, w->data, (int)n, 0, out, (int)n);
		return;
	}
	memset(out, 0, sizeof(float) * (size_t)(rows * n));
	for (int64_t r = 0; r < rows; r++)
		for (int64_t i = 0; i < m; i++)
			for (int64_t j = 0; j < n; j++)
				out[r * n + j] += a[r * m + i] * tensor_row(w, i)[j];
}
