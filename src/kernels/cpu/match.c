/*
 * Bipartite matching: the metric of every token, then for each token of A the best in B
 * (one tile of A's rows against all of B is a unit of work; the scores stay in the
 * cache), then, by item, which r of A are merged.
 */
#include <math.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/order.h"
#include "kernels/cpu/tiles.h"

struct matching {
	struct cpu *cpu;
	struct tensor k;
	int32_t *into;
	float *work;
	int heads;
	bool cls;
	int64_t r, width, tokens;
	int64_t even, odd; /* rows of A and of B */
	int64_t tiles;     /* of A, per item */
};

/* What an item has of `work`. */
struct item {
	float *a, *b;     /* metrics: [even, width], [odd, width] */
	float *best;      /* [even], of A's rows */
	int32_t *partner; /* [even], row of B */
};

static struct item item_of(const struct matching *m, int64_t b)
{
	float *at = m->work + b * m->tokens * (m->width + 2);
	return (struct item){
		.a = at,
		.b = at + m->even * m->width,
		.best = at + m->tokens * m->width,
		.partner = (int32_t *)(at + m->tokens * (m->width + 1)),
	};
}

static void run_metrics(void *ctx, int thread, int threads)
{
	const struct matching *m = ctx;
	const struct vec *vec = m->cpu->vec;
	int64_t begin, end;
	pool_share(tensor_rows(&m->k), 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++) {
		struct item item = item_of(m, i / m->tokens);
		int64_t t = i % m->tokens;
		float *to = (t % 2 ? item.b : item.a) + t / 2 * m->width;
		vec->mean(to, tensor_row(&m->k, i), m->heads, m->width);
		vec->divide(to, to, vec->norm(to, m->width), m->width);
	}
}

/* One thread's scratch, in floats. */
struct room {
	float *panels; /* of B: [ceil(odd / panel)][width][panel] */
	float *left, *scores;
};

static int64_t panels_size(const struct matching *m)
{
	int64_t panel = m->cpu->vec->panel;
	return ceil_div(m->odd, panel) * panel * m->width;
}

static struct room room_of(const struct matching *m, int thread)
{
	struct room room = { .panels = cpu_scratch(m->cpu, thread) };
	room.left = room.panels + panels_size(m);
	room.scores = room.left + tiles_size(m->cpu->vec, m->width);
	return room;
}

static size_t room_bytes(const struct matching *m)
{
	return sizeof(float) *
	       (size_t)(panels_size(m) + tiles_size(m->cpu->vec, m->width) +
			tiles_size(m->cpu->vec, m->odd));
}

static void pack_partners(const struct matching *m, const struct item *item,
			  float *panels)
{
	const struct vec *vec = m->cpu->vec;
	for (int64_t j = 0; j < m->odd; j += vec->panel)
		vec->pack(panels + j * m->width, item->b + j * m->width, m->width,
			  least(m->odd - j, vec->panel), m->width);
}

/* The best of a row of scores, which lies in blocks. */
static void find_best(const struct matching *m, const struct item *item, int64_t row,
		      const float *scores)
{
	const struct vec *vec = m->cpu->vec;
	float top = -INFINITY;
	int64_t partner = 0;
	for (int64_t j = 0; j < m->odd; j += TILE_K) {
		int64_t at = vec->highest(scores + j / TILE_K * vec->rows * TILE_LDA,
					  least(m->odd - j, TILE_K), &top);
		partner = at < 0 ? partner : j + at;
	}
	item->best[row] = m->cls && row == 0 ? NAN : top; /* NaN is merged last */
	item->partner[row] = (int32_t)partner;
}

static void run_partners(void *ctx, int thread, int threads)
{
	const struct matching *m = ctx;
	const struct vec *vec = m->cpu->vec;
	struct room room = room_of(m, thread);
	int64_t begin, end, packed = -1;
	pool_share(m->k.dim[0] * m->tiles, 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++) {
		int64_t b = i / m->tiles, tile = i % m->tiles;
		int64_t first = m->even * tile / m->tiles;
		int rows = (int)(m->even * (tile + 1) / m->tiles - first);
		struct item item = item_of(m, b);
		if (b != packed)
			pack_partners(m, &item, room.panels);
		packed = b;
		tiles_copy(vec, room.left, item.a + first * m->width, m->width, rows,
			   m->width);
		tiles_products(vec, rows, m->width, room.left, room.panels, m->odd,
			       room.scores);
		for (int r = 0; r < rows; r++)
			find_best(m, &item, first + r, room.scores + r * TILE_LDA);
	}
}

static void place_item(const struct matching *m, int64_t b)
{
	const struct item item = item_of(m, b);
	int32_t *into = m->into + b * m->tokens;
	int32_t at = (int32_t)(b * (m->tokens - m->r));
	int32_t of_b = at + (int32_t)(m->even - m->r); /* where B begins */
	uint32_t last = UINT32_MAX;
	int64_t equals = 0;
	if (m->r > 0)
		last = order_at(item.best, m->even, m->r, &equals);
	for (int64_t i = 0; i < m->even; i++) {
		uint32_t key = order_key(item.best[i]);
		bool merged = key > last || (key == last && equals-- > 0);
		into[2 * i] = merged ? of_b + item.partner[i] : at++;
	}
	for (int64_t j = 0; j < m->odd; j++)
		into[2 * j + 1] = of_b + (int32_t)j;
}

static void run_places(void *ctx, int thread, int threads)
{
	const struct matching *m = ctx;
	int64_t begin, end;
	pool_share(m->k.dim[0], 1, thread, threads, &begin, &end);
	for (int64_t b = begin; b < end; b++)
		place_item(m, b);
}

void cpu_match(void *self, struct tensor into, struct tensor k, int heads, int64_t r,
	       bool cls, struct tensor work)
{
	struct cpu *c = self;
	struct matching m = {
		.cpu = c,
		.k = k,
		.into = into.data,
		.work = work.data,
		.heads = heads,
		.cls = cls,
		.r = r,
		.width = k.dim[2] / heads,
		.tokens = k.dim[1],
		.even = (k.dim[1] + 1) / 2,
		.odd = k.dim[1] / 2,
	};
	m.tiles = ceil_div(m.even, c->vec->rows);
	cpu_reserve(c, room_bytes(&m));
	cpu_run(c, tensor_count(&k), run_metrics, &m);
	cpu_run(c, k.dim[0] * m.even * m.odd * m.width / 8, run_partners, &m);
	cpu_run(c, 8 * tensor_rows(&k), run_places, &m);
}
