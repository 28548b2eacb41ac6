/* What the ways of svd.h share: the matrix and its factors in double. */
#ifndef KERNELS_SVD_WORK_H
#define KERNELS_SVD_WORK_H

#include <stdbool.h>
#include <stdint.h>

struct svd_work {
	int64_t m, n, k;
	double *w;     /* [m, n], overwritten */
	double *left;  /* [m, k] */
	double *sigma; /* [k] */
	double *right; /* [k, n] */
};

/* Fills the factors; false: it could not. */
typedef bool (*svd_way)(struct svd_work *);

bool svd_by_rotations(struct svd_work *);

#endif
