#include "kernels/cpu/tiles.h"

int64_t tiles_size(const struct vec *vec, int64_t columns)
{
	return ceil_div(columns, TILE_K) * vec->rows * TILE_LDA;
}

void tiles_copy(const struct vec *vec, float *blocks, const float *a, int64_t lda,
		int rows, int64_t k)
{
	for (int64_t i = 0; i < k; i += TILE_K)
		for (int r = 0; r < rows; r++)
			vec->copy(blocks + (i / TILE_K * vec->rows + r) * TILE_LDA,
				  a + r * lda + i, least(k - i, TILE_K));
}

void tiles_multiply(const struct vec *vec, int rows, int64_t k, const float *left,
		    const float *panel, float *c, int64_t ldc)
{
	for (int64_t i = 0; i < k; i += TILE_K)
		vec->tile(rows, least(k - i, TILE_K),
			  left + i / TILE_K * vec->rows * TILE_LDA,
			  panel + i * vec->panel, c, ldc, i > 0);
}

void tiles_products(const struct vec *vec, int rows, int64_t k, const float *left,
		    const float *panels, int64_t n, float *blocks)
{
	for (int64_t j = 0; j < n; j += vec->panel)
		tiles_multiply(vec, rows, k, left, panels + j * k,
			       blocks + j / TILE_K * vec->rows * TILE_LDA + j % TILE_K,
			       TILE_LDA);
}
