/*
 * Small products from vec->tile: rows of the left matrix are copied into blocks of TILE_K
 * columns, each [vec->rows][TILE_LDA], and so are results that are multiplied on.
 */
#ifndef KERNELS_CPU_TILES_H
#define KERNELS_CPU_TILES_H

#include "kernels/cpu/vec.h"

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Floats of such blocks for a tile of so many columns. */
int64_t tiles_size(const struct vec *, int64_t columns);

/* `rows` rows of k columns, lda apart, into blocks. */
void tiles_copy(const struct vec *, float *blocks, const float *a, int64_t lda, int rows,
		int64_t k);

/* c [rows, panel] = rows of `left` (blocks) times a panel of k rows. */
void tiles_multiply(const struct vec *, int rows, int64_t k, const float *left,
		    const float *panel, float *c, int64_t ldc);

/* blocks [rows, n] = rows of `left` (blocks) times n columns, in panels of k rows. */
void tiles_products(const struct vec *, int rows, int64_t k, const float *left,
		    const float *panels, int64_t n, float *blocks);

#endif
