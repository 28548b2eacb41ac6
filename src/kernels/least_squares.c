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

static enum err check_wanted(const struct least_squares *l)
{
	bool wanted = !l->still_wanted || l->still_wanted(l->still_ctx);
	return wanted ? OK : err_set(ERR_CANCELLED, "cancelled");
}

/* In several sums, which do not wait for each other. */
static double dot(const double *x, const double *y, int64_t n)
{
	enum { SUMS = 16 };
	double part[SUMS] = { 0 }, sum = 0;
	int64_t k = 0;
	for (; k + SUMS <= n; k += SUMS)
		for (int i = 0; i < SUMS; i++)
			part[i] += x[k + i] * y[k + i];
	for (; k < n; k++)
		sum += x[k] * y[k];
	for (int i = 0; i < SUMS; i++)
		sum += part[i];
	return sum;
}

/* The lower factor of the gram matrix in place: g = c c^T. ERR_FORMAT: g is not positive.
 */
static enum err factor(struct least_squares *l)
{
	enum err e = OK;
	for (int64_t i = 0; !e && i < l->m; i++) {
		double *x = l->gram + i * l->m;
		e = check_wanted(l);
		for (int64_t j = 0; !e && j < i; j++) {
			const double *y = l->gram + j * l->m;
			x[j] = (x[j] - dot(x, y, j)) / y[j];
		}
		double left = x[i] - dot(x, x, i);
		if (!e && !(left > 0))
			e = err_set(ERR_FORMAT,
				    "rows this far apart in size cannot be mapped");
		if (!e)
			x[i] = sqrt(left);
	}
	return e;
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

/* The right side [m, n] = (c c^T)^-1 of it, in place. */
static enum err substitute(struct least_squares *l)
{
	const double *c = l->gram;
	double *x = l->right;
	int64_t m = l->m, n = l->n;
	enum err e = OK;
	for (int64_t i = 0; !e && i < m; i++) {
		e = check_wanted(l);
		for (int64_t k = 0; k < i; k++)
			subtract(x + i * n, x + k * n, c[i * m + k], n);
		divide(x + i * n, c[i * m + i], n);
	}
	for (int64_t i = m - 1; !e && i >= 0; i--) {
		e = check_wanted(l);
		for (int64_t k = i + 1; k < m; k++)
			subtract(x + i * n, x + k * n, c[k * m + i], n);
		divide(x + i * n, c[i * m + i], n);
	}
	return e;
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
	enum err e = factor(l);
	if (!e)
		e = substitute(l);
	for (int64_t i = 0; !e && i < m * n; i++)
		tensor_f32(w)[i] = (float)l->right[i];
	return e;
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
