/*
 * Our own product: W packed once into panels that stream, A copied in blocks that stay in
 * the L2 cache, tiles that stay in registers (vec.h). Where a library spends its time on
 * packing both operands at every call, small M gains most. Costs a second copy of the
 * weights.
 *
 *   for each block of rows of A, for each TILE_K of k:  copy the block
 *     for each panel of W (TILE_K x panel, from memory once per block of rows)
 *       for each tile of rows: c (+)= a b, and after the last k: bias, activation
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/gemm.h"

#define BLOCK_TILES 16 /* tiles of rows in a block */

struct block {
	int64_t row, rows, tiles; /* rows spread evenly over the tiles */
	int64_t k, k_count;
};

static enum err native_open(const struct vec *vec, int threads, void **self)
{
	(void)threads;
	*self = (void *)(uintptr_t)vec;
	return OK;
}

static void native_close(void *self) { (void)self; }

/* Panel p of W: rows in half precision by way of a few columns that are widened. */
static void pack_panel(const struct vec *vec, float *packed, const struct tensor *w,
		       int64_t p)
{
	int64_t n = w->dim[0], k = w->dim[1], first = p * vec->panel;
	int64_t count = n - first < vec->panel ? n - first : vec->panel;
	const struct gemm g = { .w = w->data, .w_type = w->dtype, .ldw = w->ld };
	float wide[TILE_MAX_PANEL * TILE_K];
	if (w->dtype == DT_F32) {
		vec->pack(packed, tensor_row(w, first), w->ld, count, k);
		return;
	}
	for (int64_t i = 0; i < k; i += TILE_K) {
		int64_t columns = k - i < TILE_K ? k - i : TILE_K;
		for (int64_t j = 0; j < count; j++)
			vec->widen(wide + j * TILE_K, gemm_weights(&g, first + j, i),
				   w->dtype, columns);
		vec->pack(packed + i * vec->panel, wide, TILE_K, count, columns);
	}
}

/* Panel p of the packed W begins at p * panel * k. */
static enum err native_prepare(void *self, const struct tensor *w, void **prepared)
{
	const struct vec *vec = self;
	int64_t n = w->dim[0], k = w->dim[1], panel = vec->panel;
	int64_t panels = (n + panel - 1) / panel;
	size_t bytes = (size_t)(panels * panel * k) * sizeof(float);
	float *packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!packed)
		return err_set(ERR_NOMEM, "no memory for %zu MiB of packed weights",
			       bytes >> 20);
	for (int64_t p = 0; p < panels; p++)
		pack_panel(vec, packed + p * panel * k, w, p);
	*prepared = packed;
	return OK;
}

static void native_unprepare(void *self, void *prepared)
{
	(void)self;
	free(prepared);
}

static int64_t tile_begin(const struct block *b, int64_t tile)
{
	return b->rows * tile / b->tiles;
}

static void copy_block(const struct gemm *g, const struct block *b, float *to)
{
	for (int64_t t = 0; t < b->tiles; t++)
		for (int64_t r = tile_begin(b, t); r < tile_begin(b, t + 1); r++)
			memcpy(to + (t * g->vec->rows + r - tile_begin(b, t)) * TILE_LDA,
			       g->a + (b->row + r) * g->lda + b->k,
			       sizeof(float) * (size_t)b->k_count);
}

/* The last panel may be narrower than a tile writes: through a buffer. */
static void narrow_tile(const struct vec *vec, int rows, int64_t k, const float *a,
			const float *w, float *c, int64_t ldc, int64_t cols, bool add)
{
	float whole[TILE_MAX_ROWS * TILE_MAX_PANEL];
	vec->tile(rows, k, a, w, whole, vec->panel, false);
	for (int64_t r = 0; r < rows; r++)
		for (int64_t j = 0; j < cols; j++)
			c[r * ldc + j] =
				whole[r * vec->panel + j] + (add ? c[r * ldc + j] : 0);
}

/* The panel of W that begins at column n of the result. */
static void multiply_panel(const struct gemm *g, const struct gemm_part *part,
			   const struct block *b, const float *a, int64_t n)
{
	const struct vec *vec = g->vec;
	int64_t left = part->n_end - n, cols = left < vec->panel ? left : vec->panel;
	const float *w = (const float *)g->prepared + n * g->k + b->k * vec->panel;
	bool add = b->k > 0 || g->epilogue.accumulate;
	for (int64_t t = 0; t < b->tiles; t++) {
		int rows = (int)(tile_begin(b, t + 1) - tile_begin(b, t));
		float *c = part->c +
			   (b->row + tile_begin(b, t) - part->m_begin) * part->ldc + n -
			   part->n_begin;
		const float *rows_of_a = a + t * vec->rows * TILE_LDA;
		if (cols == vec->panel)
			vec->tile(rows, b->k_count, rows_of_a, w, c, part->ldc, add);
		else
			narrow_tile(vec, rows, b->k_count, rows_of_a, w, c, part->ldc,
				    cols, add);
		if (b->k + b->k_count == g->k)
			vec->finish(c, part->ldc, rows, cols,
				    g->bias ? g->bias + n : NULL, g->epilogue.act);
	}
}

static void native_run(void *self, const struct gemm *g, struct gemm_part part,
		       void *scratch)
{
	(void)self;
	int64_t most = BLOCK_TILES * g->vec->rows;
	int64_t m = part.m_end - part.m_begin, blocks = (m + most - 1) / most;
	for (int64_t i = 0; i < blocks; i++) {
		struct block b = { .row = part.m_begin + m * i / blocks };
		b.rows = part.m_begin + m * (i + 1) / blocks - b.row;
		b.tiles = (b.rows + g->vec->rows - 1) / g->vec->rows;
		for (; b.k < g->k; b.k += TILE_K) {
			b.k_count = g->k - b.k < TILE_K ? g->k - b.k : TILE_K;
			copy_block(g, &b, scratch);
			for (int64_t n = part.n_begin; n < part.n_end; n += g->vec->panel)
				multiply_panel(g, &part, &b, scratch, n);
		}
	}
}

const struct gemm_engine native_engine = {
	.name = "native",
	.open = native_open,
	.close = native_close,
	.prepare = native_prepare,
	.unprepare = native_unprepare,
	.scratch = sizeof(float) * BLOCK_TILES * TILE_MAX_ROWS * TILE_LDA,
	.m_grain = TILE_MAX_ROWS,
	.n_grain = TILE_MAX_PANEL,
	.run = native_run,
};
