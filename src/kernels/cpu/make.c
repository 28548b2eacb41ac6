/* Tokens made of several: one row for each item. With few items the columns are shared
 * out too; a column is always summed in the order of the rows. */
#include <string.h>

#include "kernels/cpu/cpu.h"

struct making {
	struct cpu *cpu;
	struct tensor y, x;
	const struct selection *s;
	enum made made;
	const float *score;
	int64_t slices; /* of the columns of an item */
};

struct slice {
	int64_t first, width; /* columns */
};

/* Sums the rows [begin, end) of x that are not among the m ascending rows that stay;
 * returns how many. */
static int64_t sum_dropped(const struct making *a, float *to, struct slice c,
			   int64_t begin, int64_t end, const int32_t *stays, int64_t m)
{
	int64_t count = 0, k = 0;
	for (int64_t i = begin; i < end; i++) {
		if (a->made != MADE_MEAN_ALL) {
			while (k < m && stays[k] < i)
				k++;
			if (k < m && stays[k] == i)
				continue;
		}
		float by = a->made == MADE_SUM_DROPPED ? a->score[i] : 1;
		a->cpu->vec->add_scaled(to, tensor_row(&a->x, i) + c.first, by, c.width);
		count++;
	}
	return count;
}

static void make_slice(const struct making *a, int64_t b, struct slice c)
{
	const struct selection *s = a->s;
	const int32_t *rows = s->rows.data;
	int64_t in, n, out, m;
	segments_rows(&s->in, tensor_rows(&a->x) / s->items, b, &in, &n);
	segments_rows(&s->out, tensor_rows(&a->y) / s->items, b, &out, &m);
	if (!m || rows[out + m - 1] != ROW_MADE)
		return;
	float *to = tensor_row(&a->y, out + m - 1) + c.first;
	memset(to, 0, sizeof(float) * (size_t)c.width);
	int64_t end = in + n - segments_back(&s->in, s->back, b);
	int64_t count = sum_dropped(a, to, c, in + s->front, end, rows + out, m);
	if (a->made != MADE_SUM_DROPPED)
		a->cpu->vec->divide(to, to, (double)count, c.width);
}

static void run_slices(void *ctx, int thread, int threads)
{
	const struct making *a = ctx;
	int64_t begin, end;
	pool_share(a->s->items * a->slices, 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++) {
		struct slice c;
		pool_share(tensor_cols(&a->x), 16, (int)(i % a->slices), (int)a->slices,
			   &c.first, &c.width);
		c.width -= c.first;
		make_slice(a, i / a->slices, c);
	}
}

void cpu_make(void *self, struct tensor y, struct tensor x, const struct selection *s,
	      enum made made, struct tensor score)
{
	struct cpu *c = self;
	struct making a = {
		.cpu = c,
		.y = y,
		.x = x,
		.s = s,
		.made = made,
		.score = score.data,
		.slices = s->items < c->threads ? c->threads : 1,
	};
	cpu_run(c, tensor_count(&x), run_slices, &a);
}
