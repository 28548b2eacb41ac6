#include "kernels/svd.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "kernels/cpu/openblas.h"
#include "kernels/svd_work.h"

/*
 * LAPACK counts by columns: our rows of W are its columns of W^T = V^T diag(s) U^T, so
 * its left factor is our `right` as it lies, and its right one our `left`.
 */
static bool by_lapack(struct svd_work *a)
{
	const struct openblas *blas;
	if (openblas_library(&blas) || !blas->dgesdd || a->m > INT_MAX || a->n > INT_MAX)
		return false;
	int m = (int)a->m, n = (int)a->n, k = (int)a->k, query = -1, info = 0, one;
	double size = 0;
	blas->dgesdd("S", &n, &m, a->w, &n, a->sigma, a->right, &n, a->left, &k, &size,
		     &query, &one, &info, 1);
	if (info || size > INT_MAX)
		return false;
	int count = (int)size;
	double *work = malloc(sizeof(*work) * (size_t)count);
	int *iwork = malloc(sizeof(*iwork) * 8 * (size_t)k);
	bool ok = work && iwork;
	if (ok)
		blas->dgesdd("S", &n, &m, a->w, &n, a->sigma, a->right, &n, a->left, &k,
			     work, &count, iwork, &info, 1);
	free(work);
	free(iwork);
	return ok && !info; /* > 0: it did not converge */
}

static bool load(double *to, const struct tensor *w)
{
	const size_t size = dtype_size(w->dtype);
	const char *from = w->data;
	double sum = 0;
	float x;
	for (int64_t i = 0; i < w->dim[0]; i++)
		for (int64_t j = 0; j < w->dim[1]; j++) {
			dtype_to_f32(w->dtype, from + (size_t)(i * w->ld + j) * size, &x,
				     1);
			sum += fabs(*to++ = (double)x);
		}
	return isfinite(sum);
}

static void store(struct tensor *to, const double *from)
{
	for (int64_t i = 0; i < to->dim[0]; i++)
		for (int64_t j = 0; j < to->dim[1]; j++)
			tensor_row(to, i)[j] = (float)*from++;
}

static enum err run(struct svd_work *a, const svd_way *ways, const struct tensor *w)
{
	for (; *ways; ways++) {
		if (!load(a->w, w))
			return err_set(ERR_FORMAT, "a matrix that holds NaN or infinity "
						   "has no singular values");
		if ((*ways)(a))
			return OK;
	}
	return err_set(ERR_UNSUPPORTED,
		       "the singular values of a %lld x %lld matrix do "
		       "not converge",
		       (long long)a->m, (long long)a->n);
}

static enum err decompose(const struct tensor *w, struct tensor *left, float *sigma,
			  struct tensor *right, const svd_way *ways)
{
	int64_t m = w->dim[0], n = w->dim[1], k = m < n ? m : n;
	assert(w->ndim == 2 && k > 0);
	assert(left->dim[0] == m && left->dim[1] == k);
	assert(right->dim[0] == k && right->dim[1] == n);
	size_t bytes = sizeof(double) * (size_t)(m * n + m * k + k * n + k);
	double *memory = malloc(bytes);
	if (!memory)
		return err_set(ERR_NOMEM,
			       "no memory for the decomposition of a matrix: "
			       "%zu MiB",
			       bytes >> 20);
	struct svd_work a = { .m = m, .n = n, .k = k, .w = memory };
	a.left = a.w + m * n;
	a.right = a.left + m * k;
	a.sigma = a.right + k * n;
	enum err e = run(&a, ways, w);
	if (!e) {
		store(left, a.left);
		store(right, a.right);
		for (int64_t i = 0; i < k; i++)
			sigma[i] = (float)a.sigma[i];
	}
	free(memory);
	return e;
}

enum err svd(const struct tensor *w, struct tensor *left, float *sigma,
	     struct tensor *right)
{
	return decompose(w, left, sigma, right,
			 (const svd_way[]){ by_lapack, svd_by_rotations, NULL });
}

enum err svd_jacobi(const struct tensor *w, struct tensor *left, float *sigma,
		    struct tensor *right)
{
	return decompose(w, left, sigma, right,
			 (const svd_way[]){ svd_by_rotations, NULL });
}
