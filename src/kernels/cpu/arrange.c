/* Which rows belong together, and in which order they lie. Some thousand ids at most: no
 * thread is worth waking for them. */
#include <string.h>

#include "kernels/cpu/cpu.h"

void cpu_runs(void *self, struct tensor start, struct tensor length, struct tensor ids,
	      int unit)
{
	(void)self;
	const int32_t *id = ids.data;
	int32_t *from = start.data, *count = length.data, at = 0;
	int32_t n = (int32_t)tensor_count(&ids);
	for (int64_t g = 0; g < tensor_count(&start); g++) {
		int32_t begin = at;
		while (at < n && id[at] == g)
			at++;
		from[g] = begin * unit;
		count[g] = (at - begin) * unit;
	}
}

/* A key and its row; as numbers without sign they order as the keys do. */
static uint64_t pair_of(int32_t key, int64_t row)
{
	return (uint64_t)((uint32_t)key ^ 0x80000000u) << 32 | (uint64_t)row;
}

/* `to` = `from` by the digit at `shift`, rising, otherwise in the order they were. */
static void sort_digit(uint64_t *to, const uint64_t *from, int64_t n, int shift)
{
	int64_t place[256] = { 0 }, at = 0;
	for (int64_t i = 0; i < n; i++)
		place[from[i] >> shift & 0xFF]++;
	for (int digit = 0; digit < 256; digit++) {
		int64_t count = place[digit];
		place[digit] = at;
		at += count;
	}
	for (int64_t i = 0; i < n; i++)
		to[place[from[i] >> shift & 0xFF]++] = from[i];
}

void cpu_order(void *self, struct tensor rows, struct tensor keys)
{
	struct cpu *c = self;
	int64_t n = tensor_count(&keys);
	cpu_reserve(c, 2 * sizeof(uint64_t) * (size_t)n);
	uint64_t *pairs = cpu_scratch(c, 0), *spare = pairs + n;
	for (int64_t i = 0; i < n; i++)
		pairs[i] = pair_of(((const int32_t *)keys.data)[i], i);
	for (int shift = 32; shift < 64; shift += 16) {
		sort_digit(spare, pairs, n, shift);
		sort_digit(pairs, spare, n, shift + 8);
	}
	for (int64_t i = 0; i < n; i++)
		((int32_t *)rows.data)[i] = (int32_t)(uint32_t)pairs[i];
}
