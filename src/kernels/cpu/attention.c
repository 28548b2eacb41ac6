/*
 * softmax(q k^T scale) v, one tile of queries of one head at a time: all their scores, an
 * exact softmax, then the weighted sum of v. Scores of a tile never leave the L1 or L2
 * cache and no score is written to memory. The keys of a head are packed into panels as
 * columns, the values as rows; a thread packs a head once for all tiles of it that fall
 * to it. Items may be of different lengths: what is shared out among the threads is
 * tiles, each counted as long as its item has keys.
 *
 * An item of one query (a step of decoding) is a walk over its keys and values as they
 * lie, which are read once for all heads that share them.
 */
#include <math.h>
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

#define WALK_KEYS 64 /* rows of v that stay in the L1 cache while heads take turns */

struct attention {
	struct cpu *cpu;
	struct tensor y, q, k, v;
	const struct attn_opts *opts;
	int64_t items, heads, width;
	int64_t group;         /* heads that share keys and values */
	int64_t longest;       /* keys of an item */
	int64_t work;          /* keys of all tiles of all items, one head */
	const float *log_size; /* of every key, in the scratch of thread 0, or NULL */
};

/* What belongs to one item: rows of q and y, rows of k and v. */
struct item {
	int64_t query, queries, key, keys;
	int64_t tiles; /* of queries, per head */
};

/* One thread's scratch. Rows of q and of scores are in blocks as in tiles.h. */
struct room {
	float *keys;   /* [key panels][width][panel] */
	float *values; /* [value panels][keys][panel] */
	float *query, *scores;
	float *out; /* [rows][panel] */
};

struct layout {
	int64_t values, query, scores, out, end; /* floats from the beginning */
};

static struct layout layout_of(const struct attention *a)
{
	const struct vec *vec = a->cpu->vec;
	const int64_t panel = vec->panel;
	struct layout l;
	l.values = ceil_div(a->longest, panel) * panel * a->width;
	l.query = l.values + ceil_div(a->width, panel) * panel * a->longest;
	l.scores = l.query + tiles_size(vec, a->width);
	l.out = l.scores + tiles_size(vec, a->longest);
	l.end = l.out + vec->rows * panel;
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

static struct item item_of(const struct attention *a, int64_t b)
{
	struct item item;
	segments_rows(&a->opts->query_rows, a->q.dim[1], b, &item.query, &item.queries);
	segments_rows(&a->opts->key_rows, a->k.dim[1], b, &item.key, &item.keys);
	item.tiles = ceil_div(item.queries, a->cpu->vec->rows);
	return item;
}

/* The first column of a head's keys and values. */
static int64_t shared_column(const struct attention *a, int64_t head)
{
	return head / a->group * a->width;
}

static void pack_head(const struct attention *a, const struct room *room,
		      const struct item *item, int64_t column)
{
	const struct vec *vec = a->cpu->vec;
	int64_t panel = vec->panel;
	for (int64_t j = 0; j < item->keys; j += panel)
		vec->pack(room->keys + j * a->width,
			  tensor_row(&a->k, item->key + j) + column, a->k.ld,
			  least(item->keys - j, panel), a->width);
	for (int64_t first = 0; first < a->width; first += panel) {
		int64_t cols = least(a->width - first, panel);
		float *to = room->values + first * item->keys;
		const float *from = tensor_row(&a->v, item->key) + column + first;
		if (cols < panel)
			memset(to, 0, sizeof(float) * (size_t)(item->keys * panel));
		for (int64_t j = 0; j < item->keys; j++, to += panel, from += a->v.ld)
			vec->copy(to, from, cols);
	}
}

/* exp(score - highest) of the first n scores of a row, in place; returns 1 / their sum.
 */
static float soften(const struct vec *vec, float *row, int64_t n, float scale,
		    const float *log_size)
{
	int64_t block = (int64_t)vec->rows * TILE_LDA;
	float top = -INFINITY, sum = 0;
	for (int64_t i = 0; i < n; i += TILE_K) {
		float *scores = row + i / TILE_K * block;
		int64_t count = least(n - i, TILE_K);
		top = log_size ? vec->scale_add_max(scores, log_size + i, count, scale,
						    top)
			       : vec->scale_max(scores, count, scale, top);
	}
	for (int64_t i = 0; i < n; i += TILE_K)
		sum += vec->exp_sum(row + i / TILE_K * block, least(n - i, TILE_K), top);
	return 1 / sum;
}

/* Scores [begin, end) of a row: keys that it does not see. */
static void hide(const struct vec *vec, float *row, int64_t begin, int64_t end)
{
	for (int64_t i = begin; i < end; i++)
		row[i / TILE_K * vec->rows * TILE_LDA + i % TILE_K] = 0;
}

/* Queries [first, first + rows) of an item's head whose keys and values are packed. Of a
 * causal one the keys that its last query sees, and no others, are multiplied. */
static void attend(const struct attention *a, const struct room *room,
		   const struct item *item, int64_t first, int rows, int64_t column)
{
	const struct vec *vec = a->cpu->vec;
	bool causal = a->opts->causal;
	int64_t before = item->keys - item->queries; /* keys that every query sees */
	int64_t keys = causal ? before + first + rows : item->keys;
	const float *log_size = a->log_size ? a->log_size + item->key : NULL;
	float inverse[TILE_MAX_ROWS];
	tiles_copy(vec, room->query, tensor_row(&a->q, item->query + first) + column,
		   a->q.ld, rows, a->width);
	tiles_products(vec, rows, a->width, room->query, room->keys, keys, room->scores);
	for (int r = 0; r < rows; r++) {
		float *row = room->scores + r * TILE_LDA;
		int64_t seen = causal ? before + first + r + 1 : keys;
		inverse[r] = soften(vec, row, seen, a->opts->scale, log_size);
		if (causal)
			hide(vec, row, seen, keys);
	}
	for (int64_t c = 0; c < a->width; c += vec->panel) {
		tiles_multiply(vec, rows, keys, room->scores,
			       room->values + c * item->keys, room->out, vec->panel);
		for (int r = 0; r < rows; r++)
			vec->scale(tensor_row(&a->y, item->query + first + r) + column +
					   c,
				   room->out + r * vec->panel, inverse[r],
				   least(a->width - c, vec->panel));
	}
}

/* The one query of an item for a few heads that share keys and values. */
static void walk_keys(const struct attention *a, const struct room *room,
		      const struct item *item, int64_t head, int heads)
{
	const struct vec *vec = a->cpu->vec;
	int64_t n = item->keys, width = a->width, shared = shared_column(a, head);
	const float *log_size = a->log_size ? a->log_size + item->key : NULL;
	float *y = tensor_row(&a->y, item->query) + head * width;
	float inverse[TILE_MAX_ROWS];
	vec->gemv(room->scores, n, tensor_row(&a->q, item->query) + head * width, width,
		  heads, tensor_row(&a->k, item->key) + shared, DT_F32, a->k.ld, n, width,
		  false);
	for (int h = 0; h < heads; h++) {
		float *row = room->scores + h * n, top = -INFINITY;
		top = log_size ? vec->scale_add_max(row, log_size, n, a->opts->scale, top)
			       : vec->scale_max(row, n, a->opts->scale, top);
		inverse[h] = 1 / vec->exp_sum(row, n, top);
	}
	for (int64_t j = 0; j < n; j += WALK_KEYS)
		for (int h = 0; h < heads; h++)
			vec->weigh(y + h * width,
				   tensor_row(&a->v, item->key + j) + shared, a->v.ld,
				   room->scores + h * n + j, least(n - j, WALK_KEYS),
				   width, j > 0);
	for (int h = 0; h < heads; h++)
		vec->scale(y + h * width, y + h * width, inverse[h], width);
}

/* Heads [begin, end) of an item of one query. */
static void walk_heads(const struct attention *a, const struct room *room,
		       const struct item *item, int64_t begin, int64_t end)
{
	while (begin < end) {
		int64_t sharing = (begin / a->group + 1) * a->group;
		int64_t most = begin + a->cpu->vec->rows;
		int64_t last = least(least(sharing, most), end);
		walk_keys(a, room, item, begin, (int)(last - begin));
		begin = last;
	}
}

/* Those of an item's tiles, the heads one after the other, whose place in the work of all
 * (`before` this item) lies in [begin, end). */
static void run_item(const struct attention *a, const struct room *room,
		     const struct item *item, int64_t before, int64_t begin, int64_t end)
{
	int64_t from = begin > before ? ceil_div(begin - before, item->keys) : 0;
	int64_t to = least(ceil_div(end - before, item->keys), item->tiles * a->heads);
	int64_t packed = -1;
	if (item->queries == 1) {
		walk_heads(a, room, item, from, to);
		return;
	}
	for (int64_t i = from; i < to; i++) {
		int64_t head = i / item->tiles, tile = i % item->tiles;
		if (shared_column(a, head) != packed)
			pack_head(a, room, item, shared_column(a, head));
		packed = shared_column(a, head);
		int64_t first = item->queries * tile / item->tiles;
		int64_t last = item->queries * (tile + 1) / item->tiles;
		attend(a, room, item, first, (int)(last - first), head * a->width);
	}
}

static void run_tiles(void *ctx, int thread, int threads)
{
	const struct attention *a = ctx;
	struct room room = room_in(a, cpu_scratch(a->cpu, thread));
	int64_t begin, end, before = 0;
	pool_share(a->work * a->heads, 1, thread, threads, &begin, &end);
	for (int64_t b = 0; b < a->items && before < end; b++) {
		struct item item = item_of(a, b);
		int64_t work = item.tiles * item.keys * a->heads;
		if (work && before + work > begin)
			run_item(a, &room, &item, before, begin, end);
		before += work;
	}
}

/* The longest item and the work of all. Queries without any key get zeros. */
static void measure(struct attention *a)
{
	a->longest = a->work = 0;
	for (int64_t b = 0; b < a->items; b++) {
		struct item item = item_of(a, b);
		a->longest = item.keys > a->longest ? item.keys : a->longest;
		a->work += item.tiles * item.keys;
		for (int64_t i = 0; i < item.queries && !item.keys; i++)
			memset(tensor_row(&a->y, item.query + i), 0,
			       sizeof(float) * (size_t)tensor_cols(&a->y));
	}
}

static void take_logs(struct attention *a, float *to)
{
	const float *size = tensor_f32(&a->opts->key_size);
	for (int64_t i = 0; i < tensor_rows(&a->k); i++)
		to[i] = logf(size[i]);
	a->log_size = to;
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
		.opts = opts,
		.items = segments_ragged(&opts->key_rows) ? opts->key_rows.length.dim[0]
							  : q.dim[0],
		.heads = opts->heads,
		.width = q.dim[2] / opts->heads,
		.group = opts->kv_heads ? opts->heads / opts->kv_heads : 1,
	};
	measure(&a);
	int64_t room = layout_of(&a).end,
		logs = opts->key_size.ndim ? tensor_rows(&k) : 0;
	cpu_reserve(c, sizeof(float) * (size_t)(room + logs));
	if (logs)
		take_logs(&a, (float *)cpu_scratch(c, 0) + room);
	cpu_run(c, a.work * c->vec->rows * q.dim[2] / 8, run_tiles, &a);
}
