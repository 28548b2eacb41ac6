/*
 * Filters over every channel, as products of the tiles of a matrix product: with the rows
 * of x in reverse order, the sums of an output at t are those of the filters (rows of the
 * left matrix) times the run of rows that begins at t.
 */
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

#define TAPS_TILE 64 /* outputs for which the rows before them are reversed once */

struct filters {
	struct cpu *cpu;
	struct tensor y, x, taps;
	int64_t tiles, panels; /* of an item; of its channels */
	int64_t group;         /* filters at a time */
};

static int64_t least_rows(const struct filters *f)
{
	return least(TAPS_TILE + f->taps.dim[1] - 1, f->x.dim[1]);
}

/* The filters in groups, each as tiles.h has it, `stride` floats apart. */
static int64_t copy_filters(const struct filters *f, float *blocks)
{
	const struct vec *vec = f->cpu->vec;
	int64_t r = f->taps.dim[0], stride = tiles_size(vec, f->taps.dim[1]);
	for (int64_t i = 0; i < r; i += f->group)
		tiles_copy(vec, blocks + i / f->group * stride, tensor_row(&f->taps, i),
			   f->taps.ld, (int)least(r - i, f->group), f->taps.dim[1]);
	return stride;
}

/* Rows (last, last - 1 ...) of x of columns [d, d + count) as a panel. */
static void reverse(const struct filters *f, float *panel, int64_t last, int64_t rows,
		    int64_t d, int64_t count)
{
	int64_t width = f->cpu->vec->panel;
	if (count < width)
		memset(panel, 0, sizeof(float) * (size_t)(rows * width));
	for (int64_t i = 0; i < rows; i++)
		f->cpu->vec->copy(panel + i * width, tensor_row(&f->x, last - i) + d,
				  count);
}

/* One output of a group of filters, of the columns of a panel. */
static void multiply(const struct filters *f, float *y, const float *blocks, int filters,
		     const float *panel, int64_t k, int64_t count)
{
	const struct vec *vec = f->cpu->vec;
	float part[TILE_MAX_ROWS * TILE_MAX_PANEL];
	int64_t width = f->x.dim[2];
	if (count == vec->panel) {
		tiles_multiply(vec, filters, k, blocks, panel, y, width);
		return;
	}
	tiles_multiply(vec, filters, k, blocks, panel, part, vec->panel);
	for (int i = 0; i < filters; i++)
		vec->copy(y + i * width, part + i * vec->panel, count);
}

/* A tile of outputs of one panel. */
static void run_tile(const struct filters *f, const float *blocks, int64_t stride,
		     float *panel, int64_t unit)
{
	int64_t b = unit / f->panels / f->tiles, first = unit / f->panels % f->tiles;
	int64_t width = f->cpu->vec->panel, d = unit % f->panels * width;
	int64_t count = least(f->x.dim[2] - d, width), length = f->x.dim[1];
	int64_t begin = first * TAPS_TILE, end = least(begin + TAPS_TILE, length);
	int64_t taps = f->taps.dim[1], rows = least(end, end - begin + taps - 1);
	reverse(f, panel, b * length + end - 1, rows, d, count);
	for (int64_t i = 0; i < f->taps.dim[0]; i += f->group)
		for (int64_t t = begin; t < end; t++)
			multiply(f,
				 tensor_row(&f->y, b * length + t) + i * f->x.dim[2] + d,
				 blocks + i / f->group * stride,
				 (int)least(f->taps.dim[0] - i, f->group),
				 panel + (end - 1 - t) * width, least(t + 1, taps),
				 count);
}

static void run_taps(void *ctx, int thread, int threads)
{
	const struct filters *f = ctx;
	float *panel = cpu_scratch(f->cpu, thread);
	float *blocks = panel + least_rows(f) * f->cpu->vec->panel;
	int64_t begin, end;
	pool_share(f->x.dim[0] * f->tiles * f->panels, 1, thread, threads, &begin, &end);
	int64_t stride = begin < end ? copy_filters(f, blocks) : 0;
	for (int64_t unit = begin; unit < end; unit++)
		run_tile(f, blocks, stride, panel, unit);
}

void cpu_taps(void *self, struct tensor y, struct tensor x, struct tensor taps)
{
	struct filters f = { .cpu = self, .y = y, .x = x, .taps = taps };
	const struct vec *vec = f.cpu->vec;
	int64_t groups = ceil_div(taps.dim[0], vec->rows);
	f.tiles = ceil_div(x.dim[1], TAPS_TILE);
	f.panels = ceil_div(x.dim[2], vec->panel);
	f.group = ceil_div(taps.dim[0], groups);
	cpu_reserve(f.cpu,
		    sizeof(float) * (size_t)(groups * tiles_size(vec, taps.dim[1]) +
					     least_rows(&f) * vec->panel));
	cpu_run(f.cpu, tensor_count(&y) * (1 + taps.dim[1] / 16), run_taps, &f);
}
