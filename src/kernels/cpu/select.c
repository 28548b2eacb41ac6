/*
 * The K highest scores of a row, without sorting: their smallest key is found digit by
 * digit (a radix select, four counts of 256), then one walk in ascending order takes what
 * is above it and, of its equals, the first ones that still fit. O(N), no memory, and the
 * tie rule is the walk itself.
 */
#include <assert.h>
#include <string.h>

#include "kernels/cpu/cpu.h"

/* An unsigned number that orders as the score does: -0 is 0, NaN is below everything. */
static uint32_t key_of(float score)
{
	uint32_t bits;
	memcpy(&bits, &score, sizeof(bits));
	if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
		return 0;
	if (bits == 0x80000000u)
		bits = 0;
	return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* The key of the `rank`-th highest (1: the highest) and how many of the rank share it. */
static uint32_t key_at(const float *score, int64_t n, int64_t rank, int64_t *equals)
{
	uint32_t key = 0, known = 0; /* digits found so far, and their mask */
	for (int shift = 24; shift >= 0; shift -= 8) {
		int64_t count[256] = { 0 };
		for (int64_t i = 0; i < n; i++) {
			uint32_t k = key_of(score[i]);
			count[k >> shift & 0xFF] += (k & known) == key;
		}
		uint32_t digit = 255;
		for (; count[digit] < rank; digit--)
			rank -= count[digit];
		key |= digit << shift;
		known |= 0xFFu << shift;
	}
	*equals = rank;
	return key;
}

static void select_row(int32_t *kept, const float *score, int64_t n, int64_t count)
{
	int64_t equals;
	uint32_t last = key_at(score, n, count, &equals);
	for (int64_t i = 0; i < n; i++) {
		uint32_t key = key_of(score[i]);
		if (key > last || (key == last && equals-- > 0))
			*kept++ = (int32_t)i;
	}
}

struct selection {
	struct tensor kept, score;
};

static void run_select(void *ctx, int thread, int threads)
{
	const struct selection *s = ctx;
	int64_t begin, end, count = s->kept.dim[1];
	pool_share(s->score.dim[0], 1, thread, threads, &begin, &end);
	for (int64_t b = begin; b < end; b++)
		select_row((int32_t *)s->kept.data + b * count, tensor_row(&s->score, b),
			   s->score.dim[1], count);
}

void cpu_select(void *self, struct tensor kept, struct tensor score)
{
	assert(kept.dim[1] <= score.dim[1]);
	struct selection s = { .kept = kept, .score = score };
	if (kept.dim[1] > 0)
		cpu_run(self, 8 * tensor_count(&score), run_select, &s);
}
