/* Ops on sequences that move or combine rows; sums over rows are cut by columns. */
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

#define MEAN_GRAIN 64 /* columns */

struct sequence {
	const struct vec_sequence *vec;
	void (*of_row)(const struct sequence *, int64_t row);
	struct tensor y, x, g;
	const struct segments *segments;
	int64_t times, over; /* row t of y goes with row t * times / over of x */
};

static void run_rows(void *ctx, int thread, int threads)
{
	const struct sequence *s = ctx;
	int64_t begin, end;
	pool_share(tensor_rows(&s->y), 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++)
		s->of_row(s, i);
}

static void all_rows(struct cpu *c, struct sequence s)
{
	s.vec = c->vec->sequence;
	cpu_run(c, tensor_count(&s.y), run_rows, &s);
}

static void gate_row(const struct sequence *s, int64_t i)
{
	s->vec->gate_silu(tensor_row(&s->y, i), tensor_row(&s->x, i), tensor_cols(&s->y));
}

void cpu_gate(void *self, struct tensor y, struct tensor z)
{
	all_rows(self, (struct sequence){ .of_row = gate_row, .y = y, .x = z });
}

/* The row of x that goes with row i of y. */
static const float *coarse_row(const struct sequence *s, int64_t i)
{
	int64_t b = i / s->y.dim[1], t = i % s->y.dim[1];
	return tensor_row(&s->x, b * s->x.dim[1] + t * s->times / s->over);
}

static void resample_row(const struct sequence *s, int64_t i)
{
	memcpy(tensor_row(&s->y, i), coarse_row(s, i),
	       sizeof(float) * (size_t)tensor_cols(&s->y));
}

void cpu_downsample(void *self, struct tensor y, struct tensor x, int r)
{
	all_rows(self,
		 (struct sequence){
			 .of_row = resample_row, .y = y, .x = x, .times = r, .over = 1 });
}

void cpu_upsample(void *self, struct tensor y, struct tensor x, int r)
{
	all_rows(self,
		 (struct sequence){
			 .of_row = resample_row, .y = y, .x = x, .times = 1, .over = r });
}

static void blend_row(const struct sequence *s, int64_t i)
{
	s->vec->blend(tensor_row(&s->y, i), coarse_row(s, i),
		      tensor_row(&s->g, s->g.ndim == 1 ? 0 : i), tensor_cols(&s->y));
}

void cpu_blend(void *self, struct tensor y, struct tensor low, struct tensor g, int r)
{
	all_rows(self, (struct sequence){ .of_row = blend_row,
					  .y = y,
					  .x = low,
					  .g = g,
					  .times = 1,
					  .over = r });
}

static void run_means(void *ctx, int thread, int threads)
{
	const struct sequence *s = ctx;
	int64_t strips = ceil_div(s->y.dim[1], MEAN_GRAIN), begin, end;
	pool_share(s->y.dim[0] * strips, 1, thread, threads, &begin, &end);
	for (int64_t unit = begin; unit < end; unit++) {
		int64_t b = unit / strips, d = unit % strips * MEAN_GRAIN, first, rows;
		segments_rows(s->segments, s->x.dim[1], b, &first, &rows);
		s->vec->mean_rows(tensor_row(&s->y, b) + d, tensor_row(&s->x, first) + d,
				  s->x.ld, rows, least(s->y.dim[1] - d, MEAN_GRAIN));
	}
}

void cpu_mean_rows(void *self, struct tensor y, struct tensor x,
		   const struct segments *rows)
{
	struct cpu *c = self;
	struct sequence s = { .vec = c->vec->sequence, .y = y, .x = x, .segments = rows };
	cpu_run(c, tensor_count(&x), run_means, &s);
}

/* ---- how much a sequence varies ---- */

struct variation {
	struct tensor sums, x;
	double *part; /* [B, strips, VARIATION_SUMS]: added in this order by one thread */
};

static int64_t strips_of(const struct tensor *x)
{
	return ceil_div(tensor_cols(x), MEAN_GRAIN);
}

/* n columns of a row: their squared distance from the first of the blocks of r. */
static double distance(const float *row, const float *first, int64_t n)
{
	float sum = 0;
	for (int64_t d = 0; d < n; d++)
		sum += (row[d] - first[d]) * (row[d] - first[d]);
	return (double)sum;
}

static void add_row(const struct variation *v, int64_t t, const float *row, int64_t n,
		    double *part, float *total)
{
	float energy = 0;
	for (int i = 0; i < VARIATION_FACTORS; i++)
		part[i] += distance(row, row - t % (2 << i) * v->x.ld, n);
	for (int64_t d = 0; d < n; d++) {
		energy += row[d] * row[d];
		total[d] += row[d];
	}
	part[VARIATION_ENERGY] += (double)energy;
}

static void run_variation(void *ctx, int thread, int threads)
{
	const struct variation *v = ctx;
	int64_t strips = strips_of(&v->x), begin, end;
	pool_share(v->x.dim[0] * strips, 1, thread, threads, &begin, &end);
	for (int64_t unit = begin; unit < end; unit++) {
		int64_t b = unit / strips, d = unit % strips * MEAN_GRAIN;
		int64_t n = least(tensor_cols(&v->x) - d, MEAN_GRAIN);
		double *part = v->part + unit * VARIATION_SUMS;
		memset(part, 0, sizeof(*part) * VARIATION_SUMS);
		for (int64_t t = 0; t < v->x.dim[1]; t++)
			add_row(v, t, tensor_row(&v->x, b * v->x.dim[1] + t) + d, n, part,
				tensor_row(&v->sums, b) + VARIATION_SUMS + d);
	}
}

void cpu_variation(void *self, struct tensor sums, struct tensor x)
{
	struct cpu *c = self;
	int64_t strips = strips_of(&x);
	cpu_reserve(c, sizeof(double) * (size_t)(x.dim[0] * strips * VARIATION_SUMS));
	struct variation v = { sums, x, cpu_scratch(c, 0) };
	cpu_run(c, tensor_count(&x), run_variation, &v);
	for (int64_t unit = 0; unit < x.dim[0] * strips; unit++)
		for (int i = 0; i < VARIATION_SUMS; i++)
			tensor_row(&sums, unit / strips)[i] +=
				(float)v.part[unit * VARIATION_SUMS + i];
}
