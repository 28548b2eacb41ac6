/*
 * Which tokens of each item stay. Three steps: what the items keep (each item alone: a
 * threshold and how many of its equals), where their rows begin (one after the other),
 * and writing them (each alone again). A threshold is enough for a selection in ascending
 * order, and the tie rule is the walk itself; only a share of the sum needs the scores
 * sorted.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/order.h"

/* What stays of one item: scores above `key` and the first `equals` of those at it. */
struct cut {
	uint32_t key;
	bool made;
	int64_t equals, kept;
	int64_t at, rows; /* in the output */
};

struct selecting {
	struct cpu *cpu;
	struct selection *s;
	const struct select_opts *opts;
	const float *score;
	int64_t tokens;  /* of an item, where it is not ragged */
	int64_t room;    /* rows an item gets at least, else padding; 0: its own */
	struct cut *cut; /* [items], in the scratch of thread 0 */
};

static int64_t back_of(const struct selecting *a, int64_t b)
{
	return segments_back(&a->s->in, a->opts->back, b);
}

/* The candidates of item b: n scores from `begin` on. */
static const float *candidates(const struct selecting *a, int64_t b, int64_t *begin,
			       int64_t *n)
{
	segments_rows(&a->s->in, a->tokens, b, begin, n);
	*begin += a->opts->front;
	*n -= a->opts->front + back_of(a, b);
	assert(*n >= 0);
	return a->score + *begin;
}

/* How many are above the limit, but at least the best. */
static int64_t count_above(const float *s, int64_t n, double limit)
{
	int64_t count = 0;
	for (int64_t i = 0; i < n; i++)
		count += (double)s[i] > limit;
	return count || !n ? count : 1;
}

static int64_t count_quantile(const float *s, int64_t n, double share)
{
	if (share <= 0 || !n)
		return n;
	double at = share * (double)(n - 1);
	int64_t low = (int64_t)at, equals; /* from the lowest */
	double a = (double)order_score(order_at(s, n, n - low, &equals)), b = a;
	if (low + 1 < n)
		b = (double)order_score(order_at(s, n, n - low - 1, &equals));
	return count_above(s, n, a + (b - a) * (at - (double)low));
}

static int64_t count_share(const float *s, int64_t n, double share, uint32_t *keys)
{
	double total = 0, sum = 0;
	int64_t count = 0;
	order_sort(s, n, keys, keys + n);
	for (int64_t i = 0; i < n; i++)
		total += isnan(s[i]) ? 0 : (double)s[i];
	while (count < n && (count == 0 || sum < share * total)) {
		uint32_t key = keys[count++];
		sum += key ? (double)order_score(key) : 0;
	}
	return count;
}

static int64_t count_kept(const struct select_opts *o, const float *s, int64_t n,
			  uint32_t *spare)
{
	switch (o->by) {
	case SELECT_ABOVE:
		return count_above(s, n, o->value);
	case SELECT_QUANTILE:
		return count_quantile(s, n, o->value);
	case SELECT_SHARE:
		return count_share(s, n, o->value, spare);
	case SELECT_PART:
		return select_part(o, n);
	case SELECT_COUNT:
		break;
	}
	assert(o->count <= n);
	return o->count;
}

static void cut_item(const struct selecting *a, int64_t b, uint32_t *spare)
{
	const struct select_opts *o = a->opts;
	struct cut *cut = &a->cut[b];
	int64_t begin, n;
	const float *s = candidates(a, b, &begin, &n);
	cut->kept = count_kept(o, s, n, spare);
	if (cut->kept > 0 && cut->kept < n)
		cut->key = order_at(s, n, cut->kept, &cut->equals);
	cut->made = o->made && cut->kept < n;
	cut->rows = o->cls + o->front + cut->kept + back_of(a, b) + cut->made;
}

static size_t cuts_bytes(const struct selecting *a)
{
	return sizeof(struct cut) * (size_t)a->s->items;
}

static void run_cuts(void *ctx, int thread, int threads)
{
	const struct selecting *a = ctx;
	char *scratch = cpu_scratch(a->cpu, thread);
	int64_t begin, end;
	pool_share(a->s->items, 1, thread, threads, &begin, &end);
	for (int64_t b = begin; b < end; b++)
		cut_item(a, b, (uint32_t *)(void *)(scratch + cuts_bytes(a)));
}

/* The rows of all items together. */
static int64_t place_items(struct selecting *a)
{
	struct selection *s = a->s;
	int64_t total = 0, longest = 0;
	for (int64_t b = 0; b < s->items; b++)
		if (a->cut[b].rows > longest)
			longest = a->cut[b].rows;
	if (a->opts->padded && segments_ragged(&s->out))
		a->room = longest;
	for (int64_t b = 0; b < s->items; b++) {
		a->cut[b].at = total;
		total += a->room ? a->room : a->cut[b].rows;
		if (!segments_ragged(&s->out))
			continue;
		((int32_t *)s->out.start.data)[b] = (int32_t)a->cut[b].at;
		((int32_t *)s->out.length.data)[b] = (int32_t)a->cut[b].rows;
		if (s->out.back.ndim)
			((int32_t *)s->out.back.data)[b] =
				(int32_t)back_of(a, b) + a->cut[b].made;
	}
	return total;
}

static int32_t *fill_run(int32_t *to, int64_t begin, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		*to++ = (int32_t)(begin + i);
	return to;
}

static int32_t *fill_kept(int32_t *to, const struct cut *cut, const float *score,
			  int64_t begin, int64_t n)
{
	int64_t equals = cut->equals;
	if (cut->kept == n)
		return fill_run(to, begin, n);
	for (int64_t i = 0; i < n && cut->kept > 0; i++) {
		uint32_t key = order_key(score[i]);
		if (key > cut->key || (key == cut->key && equals-- > 0))
			*to++ = (int32_t)(begin + i);
	}
	return to;
}

static void fill_item(const struct selecting *a, int64_t b)
{
	const struct select_opts *o = a->opts;
	const struct cut *cut = &a->cut[b];
	int64_t begin, n;
	const float *s = candidates(a, b, &begin, &n);
	int32_t *first = (int32_t *)a->s->rows.data + cut->at, *to = first;
	if (o->cls)
		*to++ = ROW_CLS;
	to = fill_run(to, begin - o->front, o->front);
	to = fill_kept(to, cut, s, begin, n);
	to = fill_run(to, begin + n, back_of(a, b));
	if (cut->made)
		*to++ = ROW_MADE;
	assert(to - first == cut->rows);
	while (to - first < a->room)
		*to++ = ROW_PAD;
}

static void run_fills(void *ctx, int thread, int threads)
{
	const struct selecting *a = ctx;
	int64_t begin, end;
	pool_share(a->s->items, 1, thread, threads, &begin, &end);
	for (int64_t b = begin; b < end; b++)
		fill_item(a, b);
}

int64_t cpu_select(void *self, struct selection *s, struct tensor score,
		   const struct select_opts *o)
{
	struct cpu *c = self;
	int64_t scores = tensor_count(&score);
	struct selecting a = {
		.cpu = c,
		.s = s,
		.opts = o,
		.score = score.data,
		.tokens = scores / s->items,
	};
	/* The longest item is not longer than all; only sorting needs it, twice. */
	int64_t spare = o->by == SELECT_SHARE ? 2 * scores : 0;
	cpu_reserve(c, cuts_bytes(&a) + sizeof(uint32_t) * (size_t)spare);
	a.cut = cpu_scratch(c, 0);
	cpu_run(c, 8 * scores, run_cuts, &a);
	int64_t rows = place_items(&a);
	cpu_run(c, scores, run_fills, &a);
	return rows;
}
