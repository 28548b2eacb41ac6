/*
 * The matrix W [m, n] that brings rows a_i [m] closest to rows b_i [n]:
 *
 *   sum_i |a_i W - b_i|^2 + lambda |W|^2  is least,  lambda = 1e-6 trace(A^T A) / m
 *
 * by the normal equations (A^T A + lambda I) W = A^T B in double, and Cholesky. The ridge
 * makes an answer of fewer rows than m, and is far below what F32 rows could tell. Rows
 * are added block by block, so that nothing grows with their number. Products by OpenBLAS
 * where it is (see cpu/openblas.h), else by plain loops, many times slower; one thread.
 */
#ifndef KERNELS_LEAST_SQUARES_H
#define KERNELS_LEAST_SQUARES_H

#include <stdbool.h>

#include "base/err.h"
#include "tensor/tensor.h"

#define LEAST_SQUARES_BLOCK 256 /* rows of a block */

struct least_squares {
	int64_t m, n;
	double *gram;  /* [m, m]: A^T A so far */
	double *right; /* [m, n]: A^T B so far */
	double *a, *b; /* rows that wait: [BLOCK, m], [BLOCK, n] */
	int64_t waiting;
	/* Set after init, or NULL. Asked row by row while it is solved: false ends that
	 * with ERR_CANCELLED. */
	bool (*still_wanted)(void *ctx);
	void *still_ctx;
};

/* m, n at least 1. ERR_NOMEM. */
enum err least_squares_init(struct least_squares *, int64_t m, int64_t n) MUST_CHECK;
void least_squares_release(struct least_squares *);

void least_squares_add(struct least_squares *, const float *a, const float *b);
/* Fills w, F32 [m, n], contiguous; 0 where all rows were 0, or there were none. Once.
 * ERR_FORMAT where a row held a NaN or an infinity, ERR_CANCELLED. */
enum err least_squares_solve(struct least_squares *, struct tensor *w) MUST_CHECK;

/* out [rows, n] = a [rows, m] W, in F32, all contiguous. */
void least_squares_map(const struct tensor *w, const float *a, float *out, int64_t rows);

#endif
