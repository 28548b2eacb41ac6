/*
 * Products whose rows overlap: windows of a sequence, each a row further than the one
 * before. Libraries refuse such a matrix, and a copy of all of it is as many times larger
 * than the sequence as a window is long; so a block of it at a time is copied, small
 * enough to stay in the cache, and multiplied by its columns of W.
 */
#include <assert.h>
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

#define BLOCK_ROWS 512
#define BLOCK_COLS 1024 /* 2 MiB: of several threads together */

struct block {
	const struct tensor *x;
	int64_t row, rows, col, cols;
	float *to; /* [rows, cols] */
};

static void copy_rows(void *ctx, int thread, int threads)
{
	const struct block *b = ctx;
	int64_t begin, end;
	pool_share(b->rows, 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++)
		memcpy(b->to + i * b->cols, tensor_row(b->x, b->row + i) + b->col,
		       sizeof(float) * (size_t)b->cols);
}

/* y's rows of the block (+)= the block times its columns of W. */
static void multiply_block(struct cpu *c, const struct tensor *y, const struct block *b,
			   const struct linear *l, struct epilogue e)
{
	struct linear part = { .weight = l->weight };
	part.weight.dim[1] = b->cols;
	part.weight.data =
		(char *)l->weight.data + (size_t)b->col * dtype_size(l->weight.dtype);
	if (!b->col)
		part.bias = l->bias;
	struct tensor to =
		tensor_of(DT_F32, tensor_row(y, b->row), DIMS(b->rows, tensor_cols(y)));
	to.ld = y->ld;
	cpu_linear(c, to, tensor_of(DT_F32, b->to, DIMS(b->rows, b->cols)), &part, e);
}

void cpu_linear_overlapping(struct cpu *c, struct tensor y, struct tensor x,
			    const struct linear *l, struct epilogue e, size_t used)
{
	int64_t rows = tensor_rows(&x), cols = tensor_cols(&x);
	struct block b = { .x = &x };
	assert(e.act == ACT_NONE && !e.multiply);
	cpu_reserve(c, used + sizeof(float) * BLOCK_ROWS * BLOCK_COLS);
	b.to = (float *)(void *)((char *)cpu_scratch(c, 0) + used);
	for (b.row = 0; b.row < rows; b.row += b.rows) {
		b.rows = least(rows - b.row, BLOCK_ROWS);
		for (b.col = 0; b.col < cols; b.col += b.cols) {
			b.cols = least(cols - b.col, BLOCK_COLS);
			struct epilogue now = e;
			now.accumulate = b.col || e.accumulate;
			cpu_run(c, b.rows * b.cols, copy_rows, &b);
			multiply_block(c, &y, &b, l, now);
		}
	}
}
