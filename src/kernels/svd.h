/*
 * The singular value decomposition of a matrix, W = U diag(s) V: for low rank. Done in
 * double and rounded once. On the calling thread; by LAPACK where OpenBLAS is (which is
 * opened if nobody did: see cpu/openblas.h for what that needs), else by the rotations of
 * svd_jacobi.
 */
#ifndef KERNELS_SVD_H
#define KERNELS_SVD_H

#include "base/err.h"
#include "tensor/tensor.h"

/*
 * w [m, n] F32, F16 or BF16 with rows of any ld; k = min(m, n), at least 1. Fills left
 * [m, k] (U, orthonormal columns), sigma [k], falling, and right [k, n] (V, orthonormal
 * rows); all the caller's, F32, rows of any ld. Which of a pair of vectors carries the
 * sign is open. ERR_NOMEM; ERR_FORMAT where w holds a NaN or an infinity.
 */
enum err svd(const struct tensor *w, struct tensor *left, float *sigma,
	     struct tensor *right) MUST_CHECK;

/* The same without a library: many times slower (one-sided Jacobi). */
enum err svd_jacobi(const struct tensor *w, struct tensor *left, float *sigma,
		    struct tensor *right) MUST_CHECK;

#endif
