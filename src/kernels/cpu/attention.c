/*
 * softmax(q k^T scale) v, one tile of queries of one head at a time: all their scores, an
 * exact softmax, then the weighted sum of v. Scores of a tile never leave the L1 or L2
 * cache and no score is written to memory. The keys of a head are packed into panels as
 * columns, the values as rows; a thread packs a head once for all tiles of it that fall
 * to it.
 */
#include <string.h>

#include "kernels/cpu/cpu.h"

struct attention {
	struct cpu *cpu;
	struct tensor y, q, k, v;
	float scale;
	int64_t heads, width, queries, keys;
	int64_t tiles; /* of queries, per head */
	int64_t key_panels, value_panels;
	int64_t key_blocks, width_blocks; /* of TILE_K */
};

/* One thread's scratch. Rows of q and of scores are as `tile` wants them: blocks of
 * TILE_K columns, each [rows][TILE_LDA]. */
struct room {
	float *keys;   /* [key_panels][width][panel] */
	float *values; /* [value_panels][keys][panel] */
	float *query;  /* [width_blocks][rows][TILE_LDA] */
	float *scores; /* [key_blocks][rows][TILE_LDA] */
	float *out;    /* [rows][panel] */
};

struct layout {
	int64_t values, query, scores, out, end; /* floats from the beginning */
};

static struct layout layout_of(const struct attention *a)
{
	const int64_t panel = a->cpu->vec->panel, rows = a->cpu->vec->rows;
	struct layout l;
	l.values = a->key_panels * panel * a->width;
	l.query = l.values + a->value_panels * panel * a->keys;
	l.scores = l.query + a->width_blocks * rows * TILE_LDA;
	l.out = l.scores + a->key_blocks * rows * TILE_LDA;
	l.end = l.out + rows * panel;
	return l;
}

static struct room room_in(const struct attention *a, float *scratch)
{
	const struct layout l = layout_of(a);
	return (struct room){
		.keys = scratch,
		.values = scratch + l.values,
		.query = scratch + l.query,
		.scores = scratch + l.scores,
		.out = scratch + l.out,
	};
}

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void pack_head(const struct attention *a, const struct room *room, int64_t b,
		      int64_t column)
{
	const struct vec *vec = a->cpu->vec;
	int64_t panel = vec->panel;
	for (int64_t p = 0; p < a->key_panels; p++)
		vec->pack(room->keys + p * panel * a->width,
			  tensor_row(&a->k, b * a->keys + p * panel) + column, a->k.ld,
			  least(a->keys - p * panel, panel), a->width);
	for (int64_t p = 0; p < a->value_panels; p++) {
		size_t cols = (size_t)least(a->width - p * panel, panel);
		float *to = room->values + p * panel * a->keys;
		for (int64_t j = 0; j < a->keys; j++, to += panel) {
			memcpy(to,
			       tensor_row(&a->v, b * a->keys + j) + column + p * panel,
			       sizeof(float) * cols);
			memset(to + cols, 0, sizeof(float) * ((size_t)panel - cols));
		}
	}
}

/* c [rows, panel] = rows of `left` (blocks of TILE_K columns) times a panel of k rows. */
static void multiply(const struct vec *vec, int rows, int64_t k, const float *left,
		     const float *panel, float *c, int64_t ldc)
{
	for (int64_t i = 0; i < k; i += TILE_K)
		vec->tile(rows, least(k - i, TILE_K),
			  left + i / TILE_K * vec->rows * TILE_LDA,
			  panel + i * vec->panel, c, ldc, i > 0);
}

/* exp(score - highest) of a row, in place; returns 1 / their sum. */
static float soften(const struct attention *a, float *row)
{
	const struct vec *vec = a->cpu->vec;
	int64_t block = (int64_t)vec->rows * TILE_LDA;
	float top = -__builtin_inff(), sum = 0;
	for (int64_t i = 0; i < a->key_blocks; i++)
		top = vec->scale_max(row + i * block, least(a->keys - i * TILE_K, TILE_K),
				     a->scale, top);
	for (int64_t i = 0; i < a->key_blocks; i++)
		sum += vec->exp_sum(row + i * block, least(a->keys - i * TILE_K, TILE_K),
				    top);
	return 1 / sum;
}

static void copy_queries(const struct attention *a, const struct room *room, int64_t row,
			 int rows, int64_t column)
{
	for (int64_t i = 0; i < a->width; i += TILE_K)
		for (int r = 0; r < rows; r++)
			memcpy(room->query +
				       (i / TILE_K * a->cpu->vec->rows + r) * TILE_LDA,
			       tensor_row(&a->q, row + r) + column + i,
			       sizeof(float) * (size_t)least(a->width - i, TILE_K));
}

/* Queries [row, row + rows) of the head at `column`, whose keys and values are packed. */
static void attend(const struct attention *a, const struct room *room, int64_t row,
		   int rows, int64_t column)
{
	const struct vec *vec = a->cpu->vec;
	float inverse[TILE_MAX_ROWS];
	copy_queries(a, room, row, rows, column);
	for (int64_t p = 0; p < a->key_panels; p++) {
		int64_t key = p * vec->panel, block = key / TILE_K;
		float *to = room->scores + block * vec->rows * TILE_LDA + key % TILE_K;
		multiply(vec, rows, a->width, room->query, room->keys + key * a->width,
			 to, TILE_LDA);
	}
	for (int r = 0; r < rows; r++)
		inverse[r] = soften(a, room->scores + r * TILE_LDA);
	for (int64_t p = 0; p < a->value_panels; p++) {
		int64_t first = p * vec->panel;
		multiply(vec, rows, a->keys, room->scores, room->values + first * a->keys,
			 room->out, vec->panel);
		for (int r = 0; r < rows; r++)
			vec->scale(tensor_row(&a->y, row + r) + column + first,
				   room->out + r * vec->panel, inverse[r],
				   least(a->width - first, vec->panel));
	}
}

static void run_tiles(void *ctx, int thread, int threads)
{
	const struct attention *a = ctx;
	struct room room = room_in(a, cpu_scratch(a->cpu, thread));
	int64_t begin, end, packed = -1;
	pool_share(a->q.dim[0] * a->heads * a->tiles, 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++) {
		int64_t head = i / a->tiles, tile = i % a->tiles;
		int64_t b = head / a->heads, column = head % a->heads * a->width;
		if (head != packed)
			pack_head(a, &room, b, column);
		packed = head;
		int64_t first = a->queries * tile / a->tiles;
		int64_t last = a->queries * (tile + 1) / a->tiles;
		attend(a, &room, b * a->queries + first, (int)(last - first), column);
	}
}

void cpu_attention(void *self, struct tensor y, struct tensor q, struct tensor k,
		   struct tensor v, const struct attn_opts *opts)
{
	struct cpu *c = self;
	struct attention a = {
		.cpu = c,
		.y = y,
		.q = q,
		.k = k,
		.v = v,
		.scale = opts->scale,
		.heads = opts->heads,
		.width = q.dim[2] / opts->heads,
		.queries = q.dim[1],
		.keys = k.dim[1],
	};
	a.tiles = ceil_div(a.queries, c->vec->rows);
	a.key_panels = ceil_div(a.keys, c->vec->panel);
	a.value_panels = ceil_div(a.width, c->vec->panel);
	a.key_blocks = ceil_div(a.keys, TILE_K);
	a.width_blocks = ceil_div(a.width, TILE_K);
	cpu_reserve(c, sizeof(float) * (size_t)layout_of(&a).end);
	cpu_run(c, q.dim[0] * a.queries * a.keys * q.dim[2] / 8, run_tiles, &a);
}
