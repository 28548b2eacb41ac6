/*
 * Merged tokens: each row of the output is the mean of those that go into it, weighted by
 * how many tokens they stand for. The map is turned round first into a list for each row
 * of the output, in ascending order; then rows are independent.
 */
#include "kernels/cpu/cpu.h"

struct merging {
	const struct vec *vec;
	struct tensor y, y_size, x;
	const float *size;     /* NULL: all ones */
	int32_t *first, *next; /* row of x or -1: [rows of y], [rows of x] */
};

static void list_rows(struct merging *a, const int32_t *into)
{
	int64_t rows = tensor_rows(&a->x);
	for (int64_t o = 0; o < tensor_rows(&a->y); o++)
		a->first[o] = -1;
	for (int64_t i = rows - 1; i >= 0; i--) {
		a->next[i] = a->first[into[i]];
		a->first[into[i]] = (int32_t)i;
	}
}

static double size_of(const struct merging *a, int32_t row)
{
	return a->size ? (double)a->size[row] : 1;
}

static void merge_row(const struct merging *a, int64_t o)
{
	int64_t cols = tensor_cols(&a->x);
	float *to = tensor_row(&a->y, o);
	double weight = 0;
	for (int32_t i = a->first[o]; i >= 0; i = a->next[i])
		weight += size_of(a, i);
	tensor_f32(&a->y_size)[o] = (float)weight;
	for (int32_t i = a->first[o]; i >= 0; i = a->next[i]) {
		float share = (float)(size_of(a, i) / weight);
		if (i == a->first[o])
			a->vec->scale(to, tensor_row(&a->x, i), share, cols);
		else
			a->vec->add_scaled(to, tensor_row(&a->x, i), share, cols);
	}
}

static void run_merges(void *ctx, int thread, int threads)
{
	const struct merging *a = ctx;
	int64_t begin, end;
	pool_share(tensor_rows(&a->y), 1, thread, threads, &begin, &end);
	for (int64_t o = begin; o < end; o++)
		merge_row(a, o);
}

void cpu_merge(void *self, struct tensor y, struct tensor y_size, struct tensor x,
	       struct tensor size, struct tensor into)
{
	struct cpu *c = self;
	struct merging a = {
		.vec = c->vec,
		.y = y,
		.y_size = y_size,
		.x = x,
		.size = size.ndim ? tensor_f32(&size) : NULL,
	};
	cpu_reserve(c, sizeof(int32_t) * (size_t)(tensor_rows(&x) + tensor_rows(&y)));
	a.next = cpu_scratch(c, 0);
	a.first = a.next + tensor_rows(&x);
	list_rows(&a, into.data);
	cpu_run(c, tensor_count(&x), run_merges, &a);
}
