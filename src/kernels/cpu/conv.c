/* Causal convolutions of every channel by itself. */
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

/*
 * Up to so many taps read a row of x once anyway, and it is left where it lies; with more
 * a tile is lifted first, since rows a power of two apart share a set of the cache. Tiles
 * of few taps are small, so that the activation finds them in the cache.
 */
#define CONV_FEW 8
#define TILE_FEW 32
#define TILE_MANY 128
#define TILES_PER_THREAD 4 /* fewer: threads share the channels instead of the tiles */

struct causal {
	struct cpu *cpu;
	struct tensor y, x, past;
	const struct conv *conv;
	enum act act;
	int64_t k, tile, tiles; /* taps; outputs of a tile; tiles of an item */
	bool by_tiles;
};

/* One thread's channels, with room for what it works on. */
struct strip {
	int64_t begin, end;
	float *weights; /* [blocks][k + 1][lanes], the last row is the bias */
	float *rows;    /* [tile + k - 1][lanes] */
};

static const struct vec_sequence *vec_of(const struct causal *c)
{
	return c->cpu->vec->sequence;
}

static void lift_weights(const struct causal *c, const struct strip *s)
{
	int64_t lanes = vec_of(c)->lanes;
	for (int64_t d = s->begin; d < s->end; d += lanes) {
		float *to = s->weights + (d - s->begin) * (c->k + 1);
		int64_t count = least(s->end - d, lanes);
		vec_of(c)->to_lanes(to, tensor_row(&c->conv->weight, d),
				    c->conv->weight.ld, count, c->k, 1);
		to += c->k * lanes;
		memset(to, 0, sizeof(float) * (size_t)lanes);
		if (c->conv->bias.ndim)
			memcpy(to, tensor_f32(&c->conv->bias) + d,
			       sizeof(float) * (size_t)count);
	}
}

/* Rows [t - (k - 1), t + steps) of item b, of the past or zero before its first. */
static void lift_rows(const struct causal *c, float *to, int64_t b, int64_t t,
		      int64_t steps, int64_t d, int64_t count)
{
	int64_t lanes = vec_of(c)->lanes, before = c->k - 1;
	int64_t early = t < before ? before - t : 0; /* rows that the item has not */
	if (early && c->past.ndim)
		vec_of(c)->lift(to, tensor_row(&c->past, b * before + before - early) + d,
				c->past.ld, count, early);
	else
		memset(to, 0, sizeof(float) * (size_t)(early * lanes));
	vec_of(c)->lift(to + early * lanes,
			tensor_row(&c->x, b * c->x.dim[1] + t - before + early) + d,
			c->x.ld, count, steps + before - early);
}

static void run_block(const struct causal *c, const struct strip *s, int64_t b, int64_t t,
		      int64_t steps, int64_t d)
{
	int64_t lanes = vec_of(c)->lanes, count = least(s->end - d, lanes);
	int64_t row = b * c->x.dim[1] + t, ldx = lanes;
	const float *w = s->weights + (d - s->begin) * (c->k + 1), *x = s->rows;
	if (c->k <= CONV_FEW && t >= c->k - 1 && count == lanes) {
		x = tensor_row(&c->x, row - (c->k - 1)) + d;
		ldx = c->x.ld;
	} else {
		lift_rows(c, s->rows, b, t, steps, d, count);
	}
	vec_of(c)->conv(tensor_row(&c->y, row) + d, c->y.ld, x, ldx, w, w + c->k * lanes,
			c->k, steps, count);
}

static void run_tile(const struct causal *c, const struct strip *s, int64_t unit)
{
	int64_t b = unit / c->tiles, t = unit % c->tiles * c->tile;
	int64_t steps = least(c->x.dim[1] - t, c->tile);
	for (int64_t d = s->begin; d < s->end; d += vec_of(c)->lanes)
		run_block(c, s, b, t, steps, d);
	if (c->act != ACT_NONE)
		c->cpu->vec->finish(tensor_row(&c->y, b * c->x.dim[1] + t) + s->begin,
				    c->y.ld, steps, s->end - s->begin, NULL, c->act);
}

static int64_t rows_size(const struct causal *c)
{
	return (least(c->tile, c->x.dim[1]) + c->k - 1) * vec_of(c)->lanes;
}

static void run_conv(void *ctx, int thread, int threads)
{
	const struct causal *c = ctx;
	float *scratch = cpu_scratch(c->cpu, thread);
	struct strip s = { .end = c->x.dim[2],
			   .rows = scratch,
			   .weights = scratch + rows_size(c) };
	int64_t first = 0, last = c->x.dim[0] * c->tiles;
	if (c->by_tiles)
		pool_share(last, 1, thread, threads, &first, &last);
	else
		pool_share(s.end, vec_of(c)->lanes, thread, threads, &s.begin, &s.end);
	if (first < last && s.begin < s.end)
		lift_weights(c, &s);
	for (int64_t i = first; i < last && s.begin < s.end; i++)
		run_tile(c, &s, i);
}

/* The last rows of past and x together become the past. */
static void keep_past(const struct causal *c)
{
	int64_t n = c->past.ndim ? c->past.dim[1] : 0, length = c->x.dim[1];
	int64_t kept = n > length ? n - length : 0;
	size_t row = sizeof(float) * (size_t)tensor_cols(&c->x);
	for (int64_t b = 0; b < c->x.dim[0]; b++) {
		for (int64_t i = 0; i < kept; i++)
			memcpy(tensor_row(&c->past, b * n + i),
			       tensor_row(&c->past, b * n + i + length), row);
		for (int64_t i = kept; i < n; i++)
			memcpy(tensor_row(&c->past, b * n + i),
			       tensor_row(&c->x, (b + 1) * length - n + i), row);
	}
}

void cpu_conv1d(void *self, struct tensor y, struct tensor x, const struct conv *conv,
		enum act act, struct tensor past)
{
	struct causal c = { .cpu = self,
			    .y = y,
			    .x = x,
			    .past = past,
			    .conv = conv,
			    .act = act,
			    .k = conv->weight.dim[1] };
	int64_t lanes = vec_of(&c)->lanes;
	c.tile = c.k <= CONV_FEW ? TILE_FEW : TILE_MANY;
	c.tiles = ceil_div(x.dim[1], c.tile);
	c.by_tiles = x.dim[0] * c.tiles >= TILES_PER_THREAD * c.cpu->threads;
	int64_t weights = ceil_div(x.dim[2], lanes) * lanes * (c.k + 1);
	cpu_reserve(c.cpu, sizeof(float) * (size_t)(weights + rows_size(&c)));
	cpu_run(c.cpu, tensor_count(&x) * (1 + c.k / 16), run_conv, &c);
	keep_past(&c);
}
